"""The table, from the turns that were kept."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from measure import DEEP, EIGHT, LLAMA, ONE, START, STEP, WHIT, Run

MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One line of the issue's table."""

    label: str
    run: Run
    measure: str
    unit: str
    target: float | None  # of whit / llama.cpp: at least this, or at most where `less` is better
    target_q4_0: float | None = None
    less: bool = False
    limit: str | None = None
    limit_target: float | None = None
    limit_shape: str | None = None  # the target is for this shape alone
    whit_measure: str | None = None  # where it is not called `measure`

    def of_whit(self) -> str:
        return self.whit_measure or self.measure

    def target_of(self, format: str) -> float | None:
        return self.target_q4_0 if self.target_q4_0 and format == "Q4_0" else self.target

    def limit_target_of(self, shape: str) -> float | None:
        return self.limit_target if self.limit_shape in (None, shape) else None


ROWS = [
    Row("decode, one sequence", ONE, "decode", "tokens/s", 1.5, 1.35, False, "bandwidth", 0.85, "llama3.2-1b"),
    Row("decode, 8 sequences", EIGHT, "decode", "tokens/s", 4, None, False, "step", 1.25, "llama3.2-1b"),
    Row("prefill of 512", ONE, "prefill", "tokens/s", 2, 1.7, False, "int8 peak", 0.55),
    Row("decode at depth 4096", DEEP, "decode", "tokens/s", 2.5, None, False, "bandwidth", 0.70),
    Row("prefill of 512 at depth 4096", DEEP, "prefill", "tokens/s", 1.5),
    Row("start to first token", START, "first_token", "s", None, less=True),
    Row("the same, packed copy present", START, "first_token", "s", 0.5, less=True, whit_measure="first_token_packed"),
    Row("resident memory", ONE, "resident", "MiB", 1.03, less=True, limit="memory", limit_target=64 * MIB),
    Row("the same at depth 4096", DEEP, "resident", "MiB", 1.03, less=True, limit="memory", limit_target=64 * MIB),
    Row("most memory while starting", START, "peak_resident", "MiB", None, less=True),
]


def figures(value: float) -> str:
    """Three figures that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def quantity(values: list[float], unit: str) -> str:
    """The median."""
    return f"{figures(median(values) / (MIB if unit == 'MiB' else 1))} {unit}" if values else "-"


def spread(values: list[float], digits: str = ".2f", suffix: str = "x") -> str:
    low, high = min(values), max(values)
    return f"{median(values):{digits}}{suffix} ({low:{digits}} to {high:{digits}})"


def met(holds: bool) -> str:
    return "met" if holds else "**missed**"


def prefill_weights(info: dict, prompt: int) -> float:
    """Weights that each of `prompt` prefilled tokens is multiplied by: those of all matrices, but the embedding is
    looked up and not multiplied, and the head is needed for the last token alone. What lies in F32 are vectors (norms).
    """
    decoder = info["decoder"]
    table = decoder["vocabulary_size"] * decoder["hidden_size"]
    tables = table if decoder["tied_embedding"] else 2 * table
    vectors = info["bytes_by_format"].get("F32", 0) // 4
    return info["parameters"] - vectors - tables + table / prompt


class Report:
    """What was kept, asked by model, run, program and measure."""

    def __init__(self, raw: dict):
        self.raw = raw
        self.peers = raw["programs"][2:]

    def all_of(self, shape: str, format: str, run: Run) -> list[dict]:
        here = (shape, format, run.name)
        return [turn for turn in self.raw["turns"] if (turn["shape"], turn["format"], turn["run"]) == here]

    def of(self, shape: str, format: str, run: Run) -> list[dict]:
        return [turn for turn in self.all_of(shape, format, run) if turn["dropped"] is None]

    def values(self, turns: list[dict], program: str, measure: str) -> list[float]:
        found = [turn["values"].get(program, {}).get(measure) for turn in turns]
        return [value for value in found if value is not None]

    def per_turn(self, turns: list[dict], what: Callable[[dict, dict], float]) -> list[float]:
        """`what(whit's values, the machine around them)` of every turn."""
        results = []
        for turn in turns:
            whit = turn["values"][WHIT]
            around = whit["probes"]
            results.append(what(whit, {key: sum(probe[key] for probe in around) / 2 for key in ("bandwidth", "peak")}))
        return results

    def limit(self, row: Row, shape: str, format: str) -> tuple[str, float | None]:
        """How near whit comes to what the machine allows: in words, and as the number that has a target."""
        turns = self.of(shape, format, STEP if row.limit == "step" else row.run)
        info = self.raw["models"][f"{shape} {format}"]
        if row.limit is None or not turns:
            return "", None
        if row.limit == "step":
            ratios = self.values(turns, WHIT, "step_ratio")
            return f"a step of 4 costs {spread(ratios)} one of 1", median(ratios)
        if row.limit == "memory":
            positions = row.run.positions * info["memory"]["kv_bytes_per_token"]
            above = median(self.per_turn(turns, lambda whit, _: whit["resident"] - whit["weights_bytes"] - positions))
            return f"weights + KV + {above / MIB:.0f} MiB", above
        if row.limit == "bandwidth":
            shares = self.per_turn(turns, lambda whit, at: whit["bytes_per_token"] * whit["decode"] / at["bandwidth"])
        else:
            operations = 2 * prefill_weights(info, row.run.prompt)
            shares = self.per_turn(turns, lambda whit, at: operations * whit["prefill"] / at["peak"])
        return f"{spread([100 * share for share in shares], '.0f', ' %')} of {row.limit}", median(shares)

    def line(self, row: Row, shape: str, format: str) -> list[str]:
        """The cells of one line."""
        turns = self.of(shape, format, row.run)
        whit, llama = self.values(turns, WHIT, row.of_whit()), self.values(turns, LLAMA, row.measure)
        limit, share = self.limit(row, shape, format)
        limit_target, target = row.limit_target_of(shape), row.target_of(format)
        limit_met = None if share is None or limit_target is None else within(share, limit_target, row.limit)
        ratio, ratio_cell = ratios(turns, row, LLAMA)
        cells = [row.label, format]
        cells += ["none made" if turns and row.whit_measure and not whit else quantity(whit, row.unit)]
        cells += [quantity(llama, row.unit), ratio_cell, target_cell(row, target, ratio, share, limit_met)]
        cells += [limit or "-", limit_cell(row, limit_target, limit_met)]
        for peer in self.peers:
            cells += [quantity(self.values(turns, peer, row.measure), row.unit), ratios(turns, row, peer)[1]]
        return [*cells, f"{len(turns)} of {len(self.all_of(shape, format, row.run))}"]

    def table(self, shape: str, formats: list[str]) -> str:
        head = ["measure", "format", "whit", "llama.cpp", "whit / llama.cpp", "target", "and the limit", "target"]
        for peer in self.peers:
            head += [peer, f"whit / {peer}"]
        head += ["rounds kept"]
        measured = {turn["run"] for turn in self.raw["turns"]}
        lines = [self.line(row, shape, format) for row in ROWS if row.run.name in measured for format in formats]
        return markdown([head, ["---"] * len(head), *lines])

    def header(self) -> list[str]:
        """What was measured, where, and how."""
        machine, versions, turns = (self.raw[key] for key in ("machine", "versions", "turns"))
        probes = [probe for turn in turns for value in turn["values"].values() for probe in value["probes"]]
        bandwidth, peak = ([probe[key] / 1e9 for probe in probes] for key in ("bandwidth", "peak"))
        dropped = Counter(turn["dropped"] for turn in turns)
        kept = dropped.pop(None, 0)
        why = ", ".join(f"{count} dropped ({reason})" for reason, count in dropped.items()) or "none dropped"
        return [
            f"* machine: {machine['cpu']}, {machine['cores']} cores, {machine['cpus']} CPUs, "
            f"{figures(machine['memory_bytes'] / 2**30)} GiB of memory; {machine['threads']} threads for every program",
            f"* read bandwidth while this ran: {spread(bandwidth, '.1f', ' GB/s')}; "
            f"int8 peak: {spread(peak, ',.0f', ' GOP/s')}",
            f"* whit {versions['whit']}; llama.cpp of llama-cpp-python {versions['llama-cpp-python']}",
            f"* rounds of a measure: {kept} kept, {why}; in them, programs measured again because the machine had changed: "
            f"{sum(turn['again'] for turn in turns)} times",
            f"* flash attention of llama.cpp, as was better for it: {self.flash()}",
            f"* made on {self.raw['date']} by `{self.raw['command']}`",
            *(f"* left out of {peer}: {why}" for peer, left in self.raw["left_out"].items() for why in left.values()),
        ]

    def flash(self) -> str:
        off = [
            f"{key} {measure}"
            for key, found in self.raw["flash"].items()
            for measure, setting in found.items()
            if setting == "off"
        ]
        return f"on, but off in {', '.join(off)}" if off else "on"

    def text(self) -> str:
        parts = [*self.header(), ""]
        for shape in dict.fromkeys(name.split()[0] for name in self.raw["models"]):
            formats = [name.split()[1] for name in self.raw["models"] if name.startswith(shape + " ")]
            parts += [f"### {shape}", "", self.table(shape, formats)]
        return "\n".join(parts)


def ratios(turns: list[dict], row: Row, program: str) -> tuple[float | None, str]:
    """whit over the program: the ratio of their medians, and in words with the least and most of a round."""
    both = [(turn["values"].get(WHIT, {}), turn["values"].get(program, {})) for turn in turns]
    both = [(whit.get(row.of_whit()), other.get(row.measure)) for whit, other in both]
    pairs = [(whit, other) for whit, other in both if whit and other]
    if not pairs:
        return None, "-"
    each = [whit / other for whit, other in pairs]
    of_medians = median(whit for whit, _ in pairs) / median(other for _, other in pairs)
    return of_medians, f"{of_medians:.2f}x ({min(each):.2f} to {max(each):.2f})"


def target_cell(
    row: Row, target: float | None, ratio: float | None, share: float | None, limit_met: bool | None
) -> str:
    """Whether the ratio reaches its target; where that would take more than all the bandwidth, its share rules."""
    if target is None:
        return "-"
    words = f"{'<=' if row.less else '>='} {target:g}x"
    if ratio is None:
        return words
    holds = ratio <= target if row.less else ratio >= target
    if not holds and row.limit == "bandwidth" and limit_met is not None and share * target / ratio > 1:
        return f"{words}: needs {100 * share * target / ratio:.0f} % of bandwidth, so its share rules"
    return f"{words}: {met(holds)}"


def within(value: float, target: float, limit: str) -> bool:
    return value <= target if limit in ("memory", "step") else value >= target


def limit_cell(row: Row, target: float | None, holds: bool | None) -> str:
    if target is None:
        return "-"
    words = {"memory": f"<= {target / MIB:.0f} MiB", "step": f"<= {target}x"}.get(row.limit, f">= {100 * target:.0f} %")
    return words if holds is None else f"{words}: {met(holds)}"


def markdown(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
