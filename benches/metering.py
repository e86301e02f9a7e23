#!/usr/bin/env python3
"""What metering takes: the same load on `whit serve --meter off` and `--meter auto`, in pairs, and both servers idle.

    cargo build --release && benches/metering.py MODEL [--pairs 10] [--whit target/release/whit] [--idle 60] [--ledger]

The two of a pair run one after the other on servers of their own, and which comes first alternates, so that a machine which slows
down or warms up does so for both. What is printed are the medians of tokens a second, the median of the pairs' ratios, and their mean
with the interval in which it lies with 95 % (Student's t): metering takes something only if that is below 1. Then both stand idle beside
each other, and their processor time is read from /proc/PID/stat, whose unit of 10 ms is 0.017 % of a processor over 60 s. With
`--ledger`, the one that meters keeps a ledger too. Nothing else should run on the machine. With the load as it is, a model of 135M
parameters takes some five minutes.
"""

import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

# Quantiles of Student's t for 0.975, by degrees of freedom.
T975 = {4: 2.776, 9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045}


class Server:
    """`whit serve`, until the end of a `with`."""

    def __init__(self, arguments: argparse.Namespace, source: str):
        self.folder = tempfile.TemporaryDirectory()
        command = [arguments.whit, "serve", arguments.model, "--port", "0", "--log", "off", "--cache-size", "none"]
        command += ["--meter", source]
        if arguments.ledger and source != "off":
            command += ["--ledger", Path(self.folder.name) / "ledger.db"]
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Server":
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.startswith("curl "):
                self.url = next(line for line in self.said if line.startswith("listening at ")).split()[2].rstrip(",")
                return self
        raise SystemExit("whit does not serve")

    def __exit__(self, *_) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.folder.cleanup()

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tokens_per_second(arguments: argparse.Namespace, source: str, seed: int) -> float:
    with Server(arguments, source) as server:
        load = ["--concurrency", arguments.users, "--requests", arguments.requests, "-p", 128, "-n", 64, "--seed", seed]
        command = [arguments.whit, "bench", "serve", server.url, "--json", *load]
        report = json.loads(subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE).stdout)
        return report["output_tokens_per_second"]


def idle_shares(arguments: argparse.Namespace) -> dict[str, float]:
    """Of one processor, by source; both servers beside each other."""
    with Server(arguments, "off") as off, Server(arguments, "auto") as auto:
        servers = {"off": off, "auto": auto}
        time.sleep(2)
        before = {source: server.processor_seconds() for source, server in servers.items()}
        time.sleep(arguments.idle)
        return {source: (servers[source].processor_seconds() - before[source]) / arguments.idle for source in servers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--whit", type=Path, default=Path("target/release/whit"))
    parser.add_argument("--pairs", type=int, choices=[degrees + 1 for degrees in T975], default=10)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--idle", type=float, default=60, help="seconds to watch the idle servers")
    parser.add_argument("--ledger", action="store_true", help="keep a ledger where it is metered")
    arguments = parser.parse_args()
    ratios, all_speeds = [], {"off": [], "auto": []}
    for pair in range(arguments.pairs):
        order = ["off", "auto"] if pair % 2 == 0 else ["auto", "off"]
        speeds = {source: tokens_per_second(arguments, source, pair) for source in order}
        ratios.append(speeds["auto"] / speeds["off"])
        for source, speed in speeds.items():
            all_speeds[source].append(speed)
        line = f"pair {pair + 1:2}  off {speeds['off']:8.1f}  auto {speeds['auto']:8.1f} tokens/s  ratio {ratios[-1]:.4f}"
        print(line, flush=True)
    off, auto = (statistics.median(all_speeds[source]) for source in ("off", "auto"))
    print(f"medians: off {off:.1f}, auto {auto:.1f} tokens/s; of the ratios {statistics.median(ratios):.4f}")
    mean = statistics.mean(ratios)
    half = T975[len(ratios) - 1] * statistics.stdev(ratios) / math.sqrt(len(ratios))
    print(f"tokens/s with metering over without: {mean:.4f} ({mean - half:.4f} to {mean + half:.4f}, {len(ratios)} pairs)")
    for source, share in idle_shares(arguments).items():
        print(f"idle, {source:4}: {100 * share:.3f} % of one processor in {arguments.idle:.0f} s")


if __name__ == "__main__":
    main()
