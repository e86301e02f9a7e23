#!/usr/bin/env python3
"""Makes the training data of the brick `intents` out of CLINC150: one JSON line a sentence, and the list of its labels.

    python3 bricks/intents/prepare.py --out FOLDER [--data data_oos_plus.json]

Writes FOLDER/intents.jsonl ({"input": .., "output": label, "split": train | validation | heldout}) and FOLDER/labels.txt.
The splits are CLINC150's own; what has none of its 150 intents is labelled `none`. Without --data the file is fetched from
where its authors keep it. CLINC150 is by Larson et al. (2019) under CC BY 3.0; it is not in this repository.
"""

import argparse
import hashlib
import json
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--data", type=Path, help="data_oos_plus.json, if it is there already")
    arguments = parser.parse_args()
    try:
        data = fetch(arguments.data)
    except (OSError, urllib.error.URLError) as error:
        sys.exit(f"error: {arguments.data or URL}: {error}")
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"error: {arguments.data or URL} is not the file of SHA-256 {SHA256}: the splits would be others")
    rows = lines(json.loads(data))
    labels = sorted({row["output"] for row in rows} - {NONE}) + [NONE]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with open(arguments.out / "intents.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (arguments.out / "labels.txt").write_text("".join(label + "\n" for label in labels), encoding="utf-8")
    counts = {split: sum(row["split"] == split for row in rows) for split in ("train", "validation", "heldout")}
    print(f"{arguments.out}: {len(labels)} labels, " + ", ".join(f"{count} {split}" for split, count in counts.items()))


main()
