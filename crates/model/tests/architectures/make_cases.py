#!/usr/bin/env python3
"""Writes cases.jsonl: configurations and tensor lists of tiny checkpoints, each also as GGUF; no weights.

    pip install gguf numpy safetensors
    make_cases.py FOLDER...

A FOLDER holds checkpoints as ../../../engine/tests/convert_to_gguf.py reads them. Layers' names are folded to one with `*`.
"""

import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf

HERE = Path(__file__).parent
CONVERT = HERE / "../../../engine/tests/convert_to_gguf.py"
IGNORED = ("_dropout", "_pdrop", "transformers_version", "initializer_range", "use_cache", "dtype", "_token_id")


def fold(shapes, layers):
    """Names with `*` for a layer's number where all layers have the tensor in the same shape."""
    pattern = re.compile(r"^(.*(?:layers|blk)\.)(\d+)(\..*)$")
    folded, seen = {}, {}
    for name, shape in shapes.items():
        match = pattern.match(name)
        if match and "vision" not in name:
            seen.setdefault((match[1] + "*" + match[3], tuple(shape)), []).append(name)
        else:
            folded[name] = shape
    for (name, shape), names in seen.items():
        folded.update({name: list(shape)} if len(names) == layers else {one: list(shape) for one in names})
    return folded


def hugging_face(folder):
    with open(folder / "model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def as_gguf(folder):
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        subprocess.run([sys.executable, CONVERT, folder, file.name], check=True, stderr=subprocess.DEVNULL)
        reader = gguf.GGUFReader(file.name)
        keys = {}
        for key, field in reader.fields.items():
            if key.startswith(("GGUF.", "tokenizer.")):
                continue
            keys[key] = [[kind.name.lower() for kind in field.types], field.contents()]
        shapes = {tensor.name: [int(n) for n in reversed(tensor.shape)] for tensor in reader.tensors}
        factors = {t.name: [float(v) for v in t.data] for t in reader.tensors if t.name.startswith("rope_")}
    return {"keys": keys, "tensors": shapes, "factors": factors}


def case(folder):
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in config.items() if not key.endswith(IGNORED)}
    layers = config.get("text_config", config)["num_hidden_layers"]
    other = as_gguf(folder)
    other["tensors"] = fold(other["tensors"], layers)
    tensors = fold(hugging_face(folder), layers)
    return {"name": folder.name, "layers": layers, "config": config, "tensors": tensors, "gguf": other}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folders = [folder for root in sys.argv[1:] for folder in sorted(Path(root).iterdir()) if (folder / "config.json").exists()]
    with open(HERE / "cases.jsonl", "w") as file:
        for folder in folders:
            file.write(json.dumps(case(folder), separators=(",", ":")) + "\n")
