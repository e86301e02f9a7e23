"""What is kept of a measurement beside the figures, and where."""

import json
import os
import subprocess
from pathlib import Path

from measure import LlamaCpp, Whit
from prepare import ROOT, Failure, call


def describe_machine(threads: int) -> dict:
    cpus = [dict(line.split(":", 1) for line in cpu.splitlines() if ":" in line) for cpu in
            Path("/proc/cpuinfo").read_text().replace("\t", "").strip().split("\n\n")]  # fmt: skip
    cores = {(cpu.get("physical id", "0"), cpu.get("core id", cpu.get("processor"))) for cpu in cpus}
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    # An ARM processor has no name there.
    name = cpus[0].get("model name", os.uname().machine).strip()
    family = " ".join(f"{key} {cpus[0][key].strip()}" for key in ("cpu family", "model") if key in cpus[0])
    return {
        "cpu": f"{name} ({family})" if family else name,
        "cores": len(cores),
        "cpus": len(cpus),
        "threads": threads,
        "memory_bytes": int(memory.split()[1]) * 1024,
    }


def versions(whit: Whit, llama: LlamaCpp) -> dict:
    whit_version = call([whit.program, "--version"], "whit does not say its version").split()[-1]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return {"whit": f"{whit_version} ({commit.stdout.strip() or 'no commit'})", "llama-cpp-python": llama.version()}


def read(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{path} is not what --json keeps: {error}") from error


def save(raw: dict, path: Path) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(raw, indent=1))
    unfinished.replace(path)
