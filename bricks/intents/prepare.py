#!/usr/bin/env python3
"""Makes the training data of the brick `intents` out of CLINC150: one JSON line a sentence, and the list of its labels.

    python3 bricks/intents/prepare.py --out FOLDER [--data data_oos_plus.json] [--variants 4] [--seed 1]

Writes FOLDER/intents.jsonl ({"input": .., "output": label, "split": train | validation | heldout}) and FOLDER/labels.txt.
The splits are CLINC150's own; what has none of its 150 intents is labelled `none`. There are a hundred sentences of an intent to
learn from, which a model that knows no English yet learns by heart; so each is there again with words left out, and here and there
two of them changed about: what is left still says what is meant. Validation and heldout are as they came. Without --data the file is fetched from
where its authors keep it. CLINC150 is by Larson et al. (2019) under CC BY 3.0; it is not in this repository.
"""

import argparse
import hashlib
import json
import random
import sys
import urllib.error
import urllib.request
from pathlib import Path

URL = "https://raw.githubusercontent.com/clinc/oos-eval/master/data/data_oos_plus.json"
SHA256 = "bfcca9ae515623541dc1983c94c4ed7cae9d26b42ae47d74b972e51bb6f7a21f"
NONE = "none"
# The parts of the file, and which split of ours each is. `plus` has 250 sentences without an intent to train on.
PARTS = {
    "train": "train",
    "oos_train": "train",
    "val": "validation",
    "oos_val": "validation",
    "test": "heldout",
    "oos_test": "heldout",
}
# Of a variant: how often a word is left out, and how often a word changes places with the next.
LEFT_OUT = 0.2
SWAPPED = 0.05


def fetch(data: Path | None) -> bytes:
    if data:
        return data.read_bytes()
    with urllib.request.urlopen(URL, timeout=60) as answer:
        return answer.read()


def lines(parts: dict[str, list[list[str]]]) -> list[dict[str, str]]:
    """Every sentence once: what is in a later split is taken out of the earlier ones."""
    splits: dict[str, dict[str, str]] = {"heldout": {}, "validation": {}, "train": {}}
    seen: set[str] = set()
    for split, found in splits.items():
        for part, into in PARTS.items():
            for text, label in parts[part] if into == split else []:
                normal = " ".join(text.lower().split())
                if normal not in seen:
                    found[text] = NONE if label == "oos" else label
        seen |= {" ".join(text.lower().split()) for text in found}
    order = ("train", "validation", "heldout")
    return [{"input": text, "output": label, "split": split} for split in order for text, label in splits[split].items()]


def variants(row: dict[str, str], count: int, draw: random.Random) -> list[dict[str, str]]:
    """Up to `count` of the sentence, all different from it and from each other."""
    found = {row["input"]: row}
    for _ in range(count):
        words = row["input"].split()
        words = [word for word in words if draw.random() >= LEFT_OUT] or [draw.choice(words)]
        for at in range(len(words) - 1):
            if draw.random() < SWAPPED:
                words[at], words[at + 1] = words[at + 1], words[at]
        found.setdefault(" ".join(words), row | {"input": " ".join(words)})
    return list(found.values())[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--data", type=Path, help="data_oos_plus.json, if it is there already")
    parser.add_argument("--variants", type=int, default=4, help="of each sentence to learn from [default: 4]")
    parser.add_argument("--seed", type=int, default=1, help="decides which [default: 1]")
    arguments = parser.parse_args()
    try:
        data = fetch(arguments.data)
    except (OSError, urllib.error.URLError) as error:
        sys.exit(f"error: {arguments.data or URL}: {error}")
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"error: {arguments.data or URL} is not the file of SHA-256 {SHA256}: the splits would be others")
    rows = lines(json.loads(data))
    draw = random.Random(arguments.seed)
    said = {row["input"] for row in rows}
    for row in [row for row in rows if row["split"] == "train"]:
        rows += (new for new in variants(row, arguments.variants, draw) if new["input"] not in said)
    labels = sorted({row["output"] for row in rows} - {NONE}) + [NONE]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with open(arguments.out / "intents.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (arguments.out / "labels.txt").write_text("".join(label + "\n" for label in labels), encoding="utf-8")
    counts = {split: sum(row["split"] == split for row in rows) for split in ("train", "validation", "heldout")}
    print(f"{arguments.out}: {len(labels)} labels, " + ", ".join(f"{count} {split}" for split, count in counts.items()))


main()
