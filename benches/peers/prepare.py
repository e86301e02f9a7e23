"""What must be there before anything is measured: whit, llama.cpp, models."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {"135m": "smollm2-135m", "1b": "llama3.2-1b"}
FORMATS = ["Q4_0", "Q4_K_M", "Q8_0"]
PACKAGES = ["numpy", "gguf", "llama-cpp-python"]
# What llama.cpp's server in Python is made of.
SERVER_PACKAGES = ["llama-cpp-python[server]"]


class Failure(Exception):
    """A sentence for the person who ran the command."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def target_folder() -> Path:
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def own_folder() -> Path:
    folder = target_folder() / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def call(command: list, what: str, env: dict | None = None) -> str:
    """Runs a command from the repository's root; what it prints. Failure says what it was for and what it said last."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise Failure(f"{what}: cannot run {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise Failure(f"{what}: {' '.join(map(str, command))} exits with {done.returncode}: {said}")
    return done.stdout


def build_whit() -> Path:
    say("building whit")
    call(["cargo", "build", "--release", "--package", "whit"], "whit cannot be built")
    return target_folder() / "release" / "whit"


def find_python(with_server: bool = False) -> Path:
    """The Python that has llama.cpp, and its server if wanted: WHIT_PEERS_PYTHON, or that of a virtual environment,
    made where it is missing."""
    packages = [*PACKAGES, *(SERVER_PACKAGES if with_server else [])]
    if given := os.environ.get("WHIT_PEERS_PYTHON"):
        if not has_packages(Path(given), with_server):
            raise Failure(f"WHIT_PEERS_PYTHON={given} lacks one of {', '.join(packages)}: install it or unset this")
        return Path(given)
    python = own_folder() / "venv" / "bin" / "python"
    if not has_packages(python, with_server):
        say("installing llama.cpp (built for this machine, some minutes)")
        call([sys.executable, "-m", "venv", python.parent.parent], "the virtual environment cannot be made")
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check"]
        # A wheel from elsewhere, or one that pip kept, may be built for another machine.
        pip += ["--no-cache-dir", "--no-binary", "llama-cpp-python"]
        call([*pip, *packages], "llama.cpp cannot be installed", {"CMAKE_ARGS": "-DGGML_NATIVE=ON"})
    return python


def has_packages(python: Path, with_server: bool) -> bool:
    imports = [python, "-c", "import numpy, gguf, llama_cpp" + (", llama_cpp.server.app" if with_server else "")]
    return python.exists() and subprocess.run(imports, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Model:
    shape: str
    format: str
    path: Path

    def __str__(self) -> str:
        return f"{self.shape} {self.format}"


def find_models(python: Path, shapes: list[str], formats: list[str]) -> list[Model]:
    """The models, from WHIT_PEERS_MODELS or the target folder, made where they are missing."""
    folder = Path(os.environ.get("WHIT_PEERS_MODELS", own_folder() / "models")).absolute()
    models = [Model(shape, kind, folder / f"{shape}-{kind}.gguf") for shape in shapes for kind in formats]
    for model in models:
        if not model.path.exists():
            make_model(python, model)
    return models


def make_model(python: Path, model: Model) -> None:
    shared = (ROOT / os.environ.get("WHIT_SHARED", "../shared")).resolve()
    generator = shared / "tools" / "synth_gguf.py"
    if not generator.exists():
        raise Failure(
            f"{model.path} is missing, and so is {generator} that makes it: set WHIT_SHARED to the folder that holds"
            " tools/synth_gguf.py, or WHIT_PEERS_MODELS to one that holds the models"
        )
    say(f"making {model.path.name}")
    model.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = model.path.with_suffix(".unfinished")
    call([python, generator, model.shape, unfinished, model.format], f"{model.path.name} cannot be made")
    unfinished.rename(model.path)


def warm(model: Model) -> None:
    """Brings the file into the page cache."""
    with open(model.path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 22)
        while file.readinto(buffer):
            pass
