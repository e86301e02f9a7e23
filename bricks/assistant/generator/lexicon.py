"""The lists of words, and which of them belong to which split.

A value belongs to the split that the hash of its small letters says, in whatever list it stands: what is held out is
held out everywhere. Lists whose name ends in `!` are closed (rooms with every house, kinds of music): all splits have
them whole, because they are not what a model must learn to copy, but what it must know.
"""

import pathlib

from .engine import bucket

FOLDER = pathlib.Path(__file__).parent / "lexicon"
HELD_OUT, VALIDATION = 100, 150  # of 1000: below the first held out, from there to below the second validation


def split_of_value(value):
    at = bucket("value:" + value)
    return "heldout" if at < HELD_OUT else "validation" if at < VALIDATION else "train"


def read():
    """All lists as they are written: {name: (values, whether it is closed)}. A file has [name] lines, and values
    between commas or line ends."""
    lists = {}
    for path in sorted(FOLDER.glob("*.txt")):
        values = None
        for row in path.read_text("utf-8").splitlines():
            row = row.strip()
            if row.startswith("[") and row.endswith("]"):
                name = row[1:-1]
                if name.rstrip("!") in lists:
                    raise ValueError(f"{path.name}: the list {name} is there already")
                values = []
                lists[name.rstrip("!")] = (values, name.endswith("!"))
            elif row and not row.startswith("#"):
                values.extend(value.strip() for value in row.split(",") if value.strip())
    return {name: (list(dict.fromkeys(values)), closed) for name, (values, closed) in lists.items()}


def load(split):
    """The lists of one split: {name: values}."""
    lists = {}
    for name, (values, closed) in read().items():
        own = values if closed else [value for value in values if split_of_value(value) == split]
        if split == "validation" and len(own) < 3:  # a short list has next to nothing of its own: training's then
            own = own + [value for value in values if split_of_value(value) == "train"]
        if not own:
            raise ValueError(f"the list {name} has nothing for {split}: it wants more values")
        lists[name] = own
    return lists
