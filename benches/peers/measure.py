"""Turns: the programs run one after the other, with a probe of the machine before, between and after."""

import json
import os
import resource
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prepare import ROOT, Failure, Model, call, own_folder, say, warm

WHIT, LLAMA = "whit", "llama.cpp"
TEXT = "Once upon a time"
CONTEXT = 512
DEPTH = 4096
# Probes of one turn may differ by this factor; otherwise it was not the programs that made the difference.
STEADY = 1.10
# What others may take of the machine's processor time while a program is measured.
OTHERS = 0.05
# How often a program is measured again in a turn, because the machine was another one than at its beginning.
REPEATS = 4
# How many probes wait, one every other second, for the machine to be what it was at its best, or at the turn's beginning.
WAITING_PROBES = 30


@dataclass(frozen=True)
class Run:
    """What every program does in a turn: each of `batch` sequences reads `prompt` tokens and writes `generate`."""

    name: str
    prompt: int = 0
    generate: int = 0
    batch: int = 1
    depth: int = 0
    repetitions: int = 3

    @property
    def positions(self) -> int:
        """Of the KV cache, over all sequences."""
        return self.batch * (self.depth + max(self.prompt, self.generate))


ONE = Run("one", prompt=512, generate=64)
STEP = Run("step", prompt=8, generate=32, batch=4)  # whit alone
EIGHT = Run("eight", prompt=8, generate=32, batch=8)
DEEP = Run("deep", prompt=512, generate=32, depth=DEPTH, repetitions=1)
START = Run("start")
RUNS = [ONE, STEP, EIGHT, DEEP, START]


def json_of(text: str, what: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure(f"{what} does not print JSON: {error}") from error


class Whit:
    """whit, through its command line."""

    name = WHIT

    def __init__(self, program: Path, threads: int | None):
        self.program, self.kept = program, own_folder() / "cache"
        self.threads = threads or self.probe()["threads"]

    def probe(self) -> dict:
        """Read bandwidth and int8 peak of the machine, now."""
        threads = ["-t", str(self.threads)] if hasattr(self, "threads") else []
        return json_of(call([self.program, "bench", "machine", "--json", *threads], "whit cannot probe"), "whit")

    def inspect(self, model: Model) -> dict:
        return json_of(call([self.program, "inspect", model.path, "--json"], "whit cannot inspect"), "whit")

    def measure(self, model: Model, run: Run) -> dict[str, float]:
        if run is START:
            return self.start(model)
        if run is STEP:
            seconds = {n: n / self.bench(model, run, n)["decode_tokens_per_second"]["median"] for n in (1, run.batch)}
            return {"step_ratio": seconds[run.batch] / seconds[1]}
        report = self.bench(model, run, run.batch)
        return {
            "prefill": report["prefill_tokens_per_second"]["median"],
            "decode": report["decode_tokens_per_second"]["median"],
            "resident": report["resident_bytes"],
            "bytes_per_token": report["bytes_per_token"],
            "weights_bytes": report["weights_bytes"],
        }

    def bench(self, model: Model, run: Run, batch: int) -> dict:
        command = [self.program, "bench", "model", model.path, "--json", "-t", self.threads]
        command += ["-p", run.prompt, "-n", run.generate, "--batch", batch, "--depth", run.depth, "-r", run.repetitions]
        command += ["--steps", 0]  # no more than those of the repetitions
        return json_of(call([*map(str, command)], "whit fails", {"XDG_CACHE_HOME": str(self.kept)}), "whit")

    def start(self, model: Model) -> dict[str, float]:
        """Without a packed copy, then with one, if whit made one."""
        fresh = own_folder() / "cache-fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        first, peak = self.first_token(model, fresh)
        values = {"first_token": first, "peak_resident": peak}
        if any(path.is_file() for path in fresh.rglob("*")):
            os.sync()  # What it wrote shall not be written while the next is measured.
            values["first_token_packed"], values["peak_resident_packed"] = self.first_token(model, fresh)
        shutil.rmtree(fresh, ignore_errors=True)
        return values

    def first_token(self, model: Model, cache: Path) -> tuple[float, float]:
        """Seconds from the start of the process to its first token, and the most memory it had."""
        command = [self.program, "run", model.path, "--raw", "--temperature", "0", "-n", "1", "-c", str(CONTEXT)]
        command += ["-t", str(self.threads), TEXT]
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "XDG_CACHE_HOME": str(cache)}
        )
        process.stdout.read(1)
        seconds = time.perf_counter() - begin
        said = process.stderr.read().decode(errors="replace").strip()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Failure(f"whit run {model.path} exits with {process.returncode}: {said}")
        return seconds, usage.ru_maxrss * 1024


class LlamaCpp:
    """llama.cpp, each measure with flash attention or without, whichever is better for it."""

    name = LLAMA

    def __init__(self, python: Path, threads: int):
        self.python, self.threads = python, threads
        self.caches = own_folder() / f"llama-caches-{self.version()}"  # of sequences at depth
        self.flash: dict[str, dict[str, str]] = {}  # by model and run, then by measure
        self.found: tuple[str, dict[str, str]] = ("", {})

    def version(self) -> str:
        code = "import llama_cpp; print(llama_cpp.__version__)"
        return call([self.python, "-c", code], "llama-cpp-python does not say its version").strip()

    def measure(self, model: Model, run: Run) -> dict[str, float] | None:
        if run is STEP:
            return None
        key = f"{model} {run.name}"
        better = self.flash.get(key)
        settings = sorted(set(better.values())) if better else ["off", "on"]
        found = {flash: self.bench(model, run, flash) for flash in settings}
        better = better or better_settings(found)
        self.found = (key, better)
        return {measure: found[flash][measure] for measure, flash in better.items()}

    def turn_kept(self) -> None:
        """The settings that were better in this turn are used from now on."""
        key, better = self.found
        self.flash[key] = better

    def bench(self, model: Model, run: Run, flash: str) -> dict[str, float]:
        command = [self.python, ROOT / "benches" / "peers" / "llama_cpp_bench.py"]
        if run is START:
            command += ["start", model.path, "--text", TEXT, "--context", CONTEXT]
        else:
            command += ["speed", model.path, "--prompt", run.prompt, "--generate", run.generate, "--batch", run.batch]
            command += ["--depth", run.depth, "--repetitions", run.repetitions]
            if run.depth:
                self.caches.mkdir(parents=True, exist_ok=True)
                command += ["--kept", self.caches / f"{model.path.stem}-{run.depth}-flash-{flash}"]
        command += ["--threads", self.threads, "--flash", flash]
        lines = call([*map(str, command)], "llama.cpp fails").splitlines()
        return {line["measure"]: line["value"] for line in (json_of(line, "llama.cpp") for line in lines)}


def better_settings(found: dict[str, dict[str, float]]) -> dict[str, str]:
    """For each measure the setting that is better for it: the most tokens per second, the least time and memory."""
    better = {}
    for measure in next(iter(found.values())):
        best = max if measure in ("prefill", "decode") else min
        better[measure] = best(found, key=lambda flash: found[flash][measure])
    return better


class LlamaBench:
    """Any program that takes the arguments of llama.cpp's llama-bench: `[NAME=]PATH [ARGUMENTS]`."""

    def __init__(self, given: str, threads: int):
        name, equals, command = given.partition("=")
        if not equals or "/" in name or " " in name:
            name, command = "", given
        self.command, self.threads = shlex.split(command), threads
        if not self.command:
            raise Failure("--peer takes the path of a program like llama-bench")
        self.name = name or Path(self.command[0]).name
        self.left_out: dict[str, str] = {}  # runs that it cannot do, and why

    def measure(self, model: Model, run: Run) -> dict[str, float] | None:
        if run not in (ONE, DEEP) or run.name in self.left_out:
            return None
        command = [*self.command, "-m", model.path, "-p", run.prompt, "-n", run.generate, "-t", self.threads]
        command += ["-r", run.repetitions, "-o", "json", *(["-d", run.depth] if run.depth else [])]
        try:
            tests = json_of(call([*map(str, command)], f"{self.name} fails"), self.name)
            return self.rates(tests, run)
        except Failure as failure:
            if not run.depth:
                raise
            say(f"depth {run.depth} is left out for {self.name}: {failure}")
            self.left_out[run.name] = str(failure)
            return None

    def rates(self, tests: list[dict], run: Run) -> dict[str, float]:
        """Tokens per second of the test that only reads and of the one that only writes."""
        try:
            tests = [test for test in tests if test.get("n_depth", 0) == run.depth]
            prefill = next(test["avg_ts"] for test in tests if test["n_prompt"] and not test["n_gen"])
            decode = next(test["avg_ts"] for test in tests if test["n_gen"] and not test["n_prompt"])
        except (StopIteration, KeyError, TypeError, AttributeError) as error:
            raise Failure(f"{self.name} reports no test of {run.prompt} tokens or none of {run.generate}") from error
        return {"prefill": float(prefill), "decode": float(decode)}


class Others:
    """How much processor time others take: programs that are not started here, and other tenants of the machine."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now() -> tuple[float, float]:
        """Seconds of all processors, and of them those that others had."""
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
        tick = os.sysconf("SC_CLK_TCK")
        busy = user + nice + system + irq + softirq + steal
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (busy + idle + iowait) / tick, busy / tick - sum(usage.ru_utime + usage.ru_stime for usage in own)

    def share(self) -> float:
        """Of the machine's processor time since this was made."""
        (all_then, others_then), (all_now, others_now) = self.start, self.now()
        return max(0.0, others_now - others_then) / max(all_now - all_then, 1e-9)


def disturbance(before: dict, after: dict, others: float) -> str | None:
    """Why what was measured between two probes says nothing of the program, if so."""
    for key, words in (("bandwidth", "bandwidth changed"), ("peak", "int8 peak changed")):
        if max(before[key], after[key]) > STEADY * min(before[key], after[key]):
            return words
    return "others used the processors" if others > OTHERS else None


class Turns:
    """Takes turns, and keeps what was measured in them."""

    def __init__(self, whit: Whit, llama: LlamaCpp, peers: list[LlamaBench]):
        self.whit, self.llama, self.programs = whit, llama, [whit, llama, *peers]
        self.taken: list[dict] = []
        self.best = 0.0

    def probe(self) -> dict:
        report = self.whit.probe()
        return {
            "bandwidth": report["read_bandwidth_gb_per_second"] * 1e9,
            "peak": report["int8_peak_gop_per_second"] * 1e9,
        }

    def take(self, model: Model, run: Run, number: int) -> str | None:
        """One turn of every program, the order reversed every other time; why it is dropped, if so."""
        warm(model)
        turn = {"shape": model.shape, "format": model.format, "run": run.name, "round": number, "dropped": None}
        turn |= {"again": 0, "values": {}}
        self.taken.append(turn)
        # Where bandwidth comes and goes, programs are compared while there is all of it.
        before = self.wait(lambda probe: STEADY * probe["bandwidth"] >= self.best)
        first = None
        for program in self.programs if number % 2 else self.programs[::-1]:
            for _ in range(1 + REPEATS):
                if first and disturbance(first, before, 0.0):
                    before = self.wait(lambda probe: not disturbance(first, probe, 0.0))
                others = Others()
                found = program.measure(model, run)
                if found is None:
                    break
                others, after = others.share(), self.probe()
                turn["dropped"] = disturbance(before, after, others) or disturbance(first or before, after, 0.0)
                around = [before, after]
                before = after
                if turn["dropped"] is None:
                    first = first or around[0]
                    turn["values"][program.name] = {**found, "probes": around, "others": others}
                    break
                turn["again"] += 1
            if turn["dropped"] is not None:
                return turn["dropped"]
        if self.llama.name in turn["values"]:
            self.llama.turn_kept()
        return None

    def wait(self, for_what: Callable[[dict], bool]) -> dict:
        """The first probe of a machine as wanted, or the last of many."""
        for _ in range(WAITING_PROBES):
            probe = self.probe()
            self.best = max(self.best, probe["bandwidth"])
            if for_what(probe):
                break
            time.sleep(2)
        return probe

    def kept(self, model: Model, run: Run) -> int:
        here = (model.shape, model.format, run.name)
        return sum(turn["dropped"] is None for turn in self.taken if (turn["shape"], turn["format"], turn["run"]) == here)
