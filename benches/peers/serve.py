#!/usr/bin/env python3
"""Measures whit's server and llama.cpp's under the same loads, in turns, and prints a table; README.md says more."""

import argparse
import contextlib
import datetime
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import LLAMA, WHIT, LlamaCpp, Run, Turns, Whit, json_of
from prepare import FORMATS, ROOT, SHAPES, Failure, Model, build_whit, call, find_models, find_python, own_folder, say
from record import describe_machine, read, save, versions
from table import Report, Row, markdown, met, quantity, ratios

USERS = Run("users", prompt=128, generate=64, batch=8)
TRACE = Run("trace")
RUNS = [USERS, TRACE]
REQUESTS = 64
# Tokens of the longest conversation; every server has room for as many of them as there are users. No prompt of the
# trace with its answer is as long when scaled by 1/8.
CONTEXT = 1024
TIMEOUT = 3600
START_TIMEOUT = 120

SPEEDS = [
    ("output_tokens_per_second", "output", "tokens/s"),
    ("prompt_tokens_per_second", "prompts", "tokens/s"),
]
TIMES = [
    ("time_to_first_token_seconds", "first token (TTFT)"),
    ("time_per_output_token_seconds", "per token (TPOT)"),
    ("inter_token_latency_seconds", "between tokens"),
    ("end_to_end_seconds", "whole answer"),
]


@dataclass(frozen=True)
class Trace:
    """Arrivals of a real service."""

    file: Path
    arrivals: int
    lengths: str
    time: str

    def arguments(self) -> list:
        scales = ["--scale-lengths", self.lengths, "--scale-time", self.time]
        return ["--trace", self.file, "--arrivals", self.arrivals, *scales]


class Client:
    """`whit bench serve`, with which every server is asked."""

    def __init__(self, program: Path, trace: Trace):
        self.program, self.trace = program, trace

    def measure(self, url: str, run: Run, *more: str) -> dict:
        users = ["--concurrency", run.batch, "--requests", REQUESTS, "-p", run.prompt, "-n", run.generate]
        load = users if run is not TRACE else self.trace.arguments()
        command = [self.program, "bench", "serve", url, "--json", "--timeout", TIMEOUT, *load, *more]
        return json_of(call([*map(str, command)], f"{url} fails under the load '{run.name}'"), "whit bench serve")


def values(report: dict) -> dict[str, float]:
    """The measures of the table, by their names there."""
    found = {key: report[key] for key, _, _ in SPEEDS}
    for key, _ in TIMES:
        found |= {f"{key} {q}": report[key][q] * 1e3 for q in ("p50", "p99")}
    others = ("seconds", "most_in_flight", "answers_of_other_length", "prompts_of_other_length", "output_tokens")
    return found | {key: report[key] for key in others}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def serving(name: str, command: list, port: int) -> Iterator[str]:
    """Starts a server, and ends it; its address, once it answers."""
    url = f"http://127.0.0.1:{port}"
    log = own_folder() / f"{name.replace('/', '-')}.log"
    with open(log, "wb") as file:
        try:
            # Not in the repository's root: some servers leave files where they are started.
            whole = [str(ROOT / part if isinstance(part, Path) else part) for part in command]
            server = subprocess.Popen(whole, cwd=log.parent, stdout=file, stderr=subprocess.STDOUT)
        except OSError as error:
            raise Failure(f"{name}: cannot run {command[0]}: {error.strerror}") from error
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
                raise Failure(f"{name} does not serve: {shlex.join(map(str, command))}: {said[-1]}")
            time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def answers(url: str) -> bool:
    """Whether a server has loaded its model."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/v1/models", timeout=5) as listed:
            model = json.load(listed)["data"][0]["id"]
        asked = json.dumps({"model": model, "prompt": "Once", "max_tokens": 1}).encode()
        request = urllib.request.Request(f"{url}/v1/completions", asked, {"Content-Type": "application/json"})
        with direct.open(request, timeout=START_TIMEOUT) as answer:
            return bool(json.load(answer)["choices"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return False


class WhitServer:
    """`whit serve`."""

    name = WHIT

    def __init__(self, whit: Whit, client: Client):
        self.whit, self.client = whit, client

    def probe(self) -> dict:
        return self.whit.probe()

    def serving(self, model: Model) -> contextlib.AbstractContextManager[str]:
        port = free_port()
        command = [self.whit.program, "serve", model.path, "--port", port, "--log", "off", "-t", self.whit.threads]
        command += ["--sequences", USERS.batch, "--context", CONTEXT, "--cache-size", "none"]
        return serving(self.name, command, port)

    def measure(self, model: Model, run: Run) -> dict:
        with self.serving(model) as url:
            return values(self.client.measure(url, run))

    def differences(self, model: Model) -> dict:
        """How many answers of the trace are others than those of a fresh server that is asked one thing at a time."""
        with self.serving(model) as url, self.serving(model) as other:
            return self.client.measure(url, TRACE, f"--compare-alone={other}")["alone"]


class LlamaServer:
    """llama.cpp's server in Python, with flash attention or without, whichever makes it faster. It answers one request
    after the other."""

    name = LLAMA

    def __init__(self, python: Path, threads: int, client: Client):
        self.python, self.threads, self.client = python, threads, client
        self.flash: dict[str, dict[str, str]] = {}

    def measure(self, model: Model, run: Run) -> dict:
        if str(model) not in self.flash:
            found = {flash: self.ask(model, USERS, flash) for flash in ("off", "on")}
            speed = "output_tokens_per_second"
            self.flash[str(model)] = {speed: max(found, key=lambda flash: found[flash][speed])}
            if run is USERS:
                return found[self.flash[str(model)][speed]]
        return self.ask(model, run, self.flash[str(model)]["output_tokens_per_second"])

    def turn_kept(self) -> None:
        pass

    def ask(self, model: Model, run: Run, flash: str) -> dict:
        port = free_port()
        command = [self.python, "-m", "llama_cpp.server", "--model", model.path, "--host", "127.0.0.1", "--port", port]
        command += ["--n_threads", self.threads, "--n_threads_batch", self.threads, "--n_ctx", CONTEXT]
        command += ["--flash_attn", flash, "--verbose", "off"]
        # What it does unless told otherwise: the logits of all tokens of a prompt, and answers that end when others ask.
        command += ["--logits_all", "off", "--interrupt_requests", "off"]
        with serving(self.name, command, port) as url:
            return values(self.client.measure(url, run))


class Peer:
    """A program with the arguments of llama.cpp's llama-server, or a server that runs: `[NAME=]PATH [ARGUMENTS]` or
    `[NAME=]URL`."""

    def __init__(self, given: str, threads: int, client: Client):
        name, equals, command = given.partition("=")
        if not equals or "/" in name or " " in name:
            name, command = "", given
        self.command, self.threads, self.client = shlex.split(command), threads, client
        if not self.command:
            raise Failure("--peer takes the path of a program like llama-server, or a server's address")
        self.url = self.command[0] if "://" in self.command[0] else None
        self.name = name or self.url or Path(self.command[0]).name
        self.left_out: dict[str, str] = {}

    def measure(self, model: Model, run: Run) -> dict:
        if self.url:
            return values(self.client.measure(self.url, run))
        port = free_port()
        program = Path(self.command[0]) if "/" in self.command[0] else self.command[0]
        command = [program, *self.command[1:], "-m", model.path, "--host", "127.0.0.1", "--port", port, "-t", self.threads]
        command += ["-np", USERS.batch, "-c", USERS.batch * CONTEXT]
        with serving(self.name, command, port) as url:
            return values(self.client.measure(url, run))


class ServeReport(Report):
    """The table, from the turns that were kept."""

    def rows(self) -> list[Row]:
        loads = {
            USERS: f"{USERS.batch} users",
            TRACE: f"trace of {self.raw['trace']['arrivals']}",
        }
        rows = []
        for run, label in loads.items():
            target = 3 if run is USERS else None
            rows += [Row(f"{label}: {words}", run, key, unit, target if key == SPEEDS[0][0] else None)
                     for key, words, unit in SPEEDS]  # fmt: skip
            rows += [Row(f"{label}: {words} {q}", run, f"{key} {q}", "ms", None, less=True)
                     for key, words in TIMES for q in ("p50", "p99")]  # fmt: skip
        return rows

    def table(self, shape: str, formats: list[str]) -> str:
        head = ["load: measure", "format", WHIT, LLAMA, f"{WHIT} / {LLAMA}", "target"]
        for peer in self.peers:
            head += [peer, f"{WHIT} / {peer}"]
        head += ["rounds kept"]
        lines = [self.line(row, shape, format) for row in self.rows() for format in formats]
        return markdown([head, ["---"] * len(head), *(line for line in lines if line)])

    def line(self, row: Row, shape: str, format: str) -> list[str]:
        turns, all_turns = self.of(shape, format, row.run), self.all_of(shape, format, row.run)
        if not all_turns:
            return []
        cells = [row.label, format]
        cells += [quantity(self.values(turns, program, row.measure), row.unit) for program in (WHIT, LLAMA)]
        ratio, words = ratios(turns, row, LLAMA)
        target = "-" if row.target is None or ratio is None else f">= {row.target:g}x: {met(ratio >= row.target)}"
        cells += [words, target]
        for peer in self.peers:
            cells += [quantity(self.values(turns, peer, row.measure), row.unit), ratios(turns, row, peer)[1]]
        return [*cells, f"{len(turns)} of {len(all_turns)}"]

    def header(self) -> list[str]:
        trace, lines = self.raw["trace"], super().header()
        lines.append(f"* {USERS.batch} users: {REQUESTS} requests with prompts of {USERS.prompt} tokens and answers of "
                     f"{USERS.generate}, {USERS.batch} under way at any time")  # fmt: skip
        lines.append(f"* trace: the first {trace['arrivals']} arrivals of {trace['file']}, lengths times "
                     f"{trace['lengths']}, times times {trace['time']}")  # fmt: skip
        lines += [f"* answers of {model} that are others when asked alone, of a server just started: "
                  f"{alone['different']} of {alone['compared']}"
                  for model, alone in self.raw["alone"].items()]  # fmt: skip
        for program, run, count in self.other_lengths():
            lines.append(f"* {program} gave up to {count} answers of another length than asked for ({run})")
        return lines

    def other_lengths(self) -> list[tuple[str, str, int]]:
        most: dict[tuple[str, str], int] = {}
        for turn in self.raw["turns"]:
            for program, found in turn["values"].items():
                key = (program, turn["run"])
                most[key] = max(most.get(key, 0), found["answers_of_other_length"])
        return [(*key, count) for key, count in most.items() if count]


def parse_arguments() -> argparse.Namespace:
    shared = os.environ.get("WHIT_SHARED", "../shared")
    usual = (ROOT / shared / "data" / "traces" / "AzureLLMInferenceTrace_conv.csv").resolve()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds to keep of every load [default: 3]")
    parser.add_argument("--only", choices=SHAPES, default="135m", help="the model's shape [default: 135m]")
    parser.add_argument("--format", choices=FORMATS, default="Q4_0", help="the model's weights [default: Q4_0]")
    parser.add_argument("--run", choices=[run.name for run in RUNS], action="append",
                        help="one of the loads; may be repeated [default: both]")  # fmt: skip
    parser.add_argument("--trace", type=Path, default=usual, metavar="FILE", help=f"[default: {usual}]")
    parser.add_argument("--arrivals", type=int, default=500, help="of the trace [default: 500]")
    parser.add_argument("--scale-lengths", default="1/8", help="[default: 1/8]")
    parser.add_argument("--scale-time", default="1/4", help="[default: 1/4, four times as many a second]")
    parser.add_argument("--peer", action="append", default=[], metavar="[NAME=]PATH [ARGS] | [NAME=]URL",
                        help="another server: a program that takes llama-server's arguments, or one that runs; "
                        "may be repeated")  # fmt: skip
    parser.add_argument("--threads", type=int, help="[default: as many as whit takes]")
    parser.add_argument("--no-comparison", action="store_true", help="do not ask whit everything again alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured there, after every turn")
    parser.add_argument("--table", type=Path, metavar="FILE", help="measure nothing: print the table of such a file")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.arrivals < 1 or (arguments.threads or 1) < 1:
        parser.error("--rounds, --arrivals and --threads take 1 or more")
    return arguments


def measure(arguments: argparse.Namespace) -> dict:
    if not arguments.trace.exists():
        raise Failure(f"there is no {arguments.trace}: name a trace with --trace, or set WHIT_SHARED")
    python = find_python(with_server=True)
    [model] = find_models(python, [SHAPES[arguments.only]], [arguments.format])
    program = build_whit()
    whit = Whit(program, arguments.threads)
    trace = Trace(arguments.trace, arguments.arrivals, arguments.scale_lengths, arguments.scale_time)
    client = Client(program, trace)
    server = WhitServer(whit, client)
    llama = LlamaServer(python, whit.threads, client)
    peers = [Peer(peer, whit.threads, client) for peer in arguments.peer]
    turns = Turns(server, llama, peers)
    raw = {
        "machine": describe_machine(whit.threads),
        "versions": versions(whit, LlamaCpp(python, whit.threads)),
        "command": shlex.join(["benches/peers/serve.py", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "programs": [program.name for program in turns.programs],
        "models": {str(model): whit.inspect(model)},
        "trace": {"file": trace.file.name, "arrivals": trace.arrivals, "lengths": trace.lengths, "time": trace.time},
        "flash": llama.flash,
        "left_out": {},
        "alone": {},
        "turns": turns.taken,
    }
    runs = [run for run in RUNS if not arguments.run or run.name in arguments.run]
    # A load whose turns were dropped gets others, as often again.
    for number in range(1, 2 * arguments.rounds + 1):
        for run in runs:
            if turns.kept(model, run) >= arguments.rounds:
                continue
            dropped = turns.take(model, run, number)
            say(f"round {number}: {model}, {run.name}" + (f": dropped, {dropped}" if dropped else ""))
            if arguments.json:
                save(raw, arguments.json)
    if TRACE in runs and not arguments.no_comparison:
        say("asking whit everything again, alone")
        raw["alone"][str(model)] = server.differences(model)
        if arguments.json:
            save(raw, arguments.json)
    return raw


def main() -> None:
    arguments = parse_arguments()
    try:
        raw = read(arguments.table) if arguments.table else measure(arguments)
        try:
            print(ServeReport(raw).text())
        except (KeyError, TypeError) as error:
            raise Failure(f"this is not what --json keeps: {error!r}") from error
    except Failure as failure:
        sys.exit(f"error: {failure}")


if __name__ == "__main__":
    main()
