#!/usr/bin/env python3
"""Makes training data for the brick `assistant`: requests with their calls, a line of JSON each.

    python3 bricks/assistant/generate.py --split train --count 300000 --seed 1 --out train.jsonl

The same seed gives the same bytes, whatever the number of processes. README.md says what is where.
"""

import argparse
import collections
import json
import multiprocessing
import os
import sys

from contract import HERE, line_errors, load_tools
from generator.pipeline import SPLITS, Generator, all_groups, key_of, make_chunk, pattern_split

CHUNK = 2000  # lines of a task of a process
REPEATS = 3  # how often a text may stand in one file: people do say "pause" again and again
SHOWN = 20  # errors that are shown

generator = None  # one per process


def start(split):
    global generator
    generator = Generator(split)


def chunk(task):
    seed, split, number = task
    return make_chunk(generator, seed, split, number, CHUNK)


def keys_in(path):
    with open(path, encoding="utf-8") as rows:
        return {key_of(json.loads(row)["text"]) for row in rows}


def lines(split, seed, count, jobs, without=()):
    """`count` lines (text, call, id) of a split. None has a request of the honest test or of the files `without`."""
    never = keys_in(HERE / "handwritten.jsonl").union(*map(keys_in, without))
    seen, made = collections.Counter(), 0
    tasks = ((seed, split, number) for number in range(10 * count // CHUNK + 10))
    if jobs == 1:
        start(split)
        chunks, pool = map(chunk, tasks), None
    else:
        pool = multiprocessing.Pool(jobs, start, (split,))
        chunks = pool.imap(chunk, limited(tasks, count))
    try:
        for part in chunks:
            for text, call, name in part:
                if seen[text] >= REPEATS or key_of(text) in never:
                    continue
                seen[text] += 1
                yield text, call, name
                made += 1
                if made == count:
                    return
    finally:
        if pool:
            pool.terminate()
    raise SystemExit(f"{split}: only {made} lines of {count}: too many are alike")


def limited(tasks, count):
    """Tasks for a fifth more lines than are wanted, then the rest: a pool would make all of them ahead."""
    first = 6 * count // (5 * CHUNK) + 2
    for number, task in enumerate(tasks):
        if number >= 2 * first:
            return
        yield task


def statistics(found, split):
    """What is printed with --stats."""
    tools, patterns, texts, keys = collections.Counter(), {}, collections.Counter(), collections.Counter()
    combinations, lengths = {}, collections.Counter()
    for text, call, name in found:
        tool = call["name"] if call else "null"
        tools[tool] += 1
        patterns.setdefault(tool, set()).add(name)
        texts[text] += 1
        keys[key_of(text)] += 1
        lengths[min(len(text.split()) // 4 * 4, 32)] += 1
        if call:
            combinations.setdefault(tool, collections.Counter())[" ".join(call["arguments"]) or "-"] += 1
    own = "heldout" if split == "heldout" else "train"
    there = collections.Counter(group.tool or "null" for group in all_groups() for row in set(group.templates)
                                if pattern_split(group.tool, row) == own)  # fmt: skip
    total = sum(tools.values())
    print(f"{total} lines, {len(texts)} distinct ({100 * (1 - len(texts) / total):.1f} % repeated), "
          f"{100 * (1 - len(keys) / total):.1f} % the same but for case and punctuation")  # fmt: skip
    print("words: " + ", ".join(f"{low}-{low + 3}: {100 * lengths[low] / total:.0f} %" for low in sorted(lengths)))
    for tool, count in tools.most_common():
        print(f"{count:8} {100 * count / total:5.1f} %  {tool}: {there[tool]} patterns")
        for names, share in (combinations.get(tool) or collections.Counter()).most_common():
            print(f"{100 * share / count:24.1f} %  {names}")


def check(found):
    """Errors of the lines against tools.json and the contract's mechanical rules."""
    tools = load_tools()
    for text, call, name in found:
        row = json.dumps({"text": text, "call": call}, ensure_ascii=False)
        for error in line_errors(row, tools, "")[1]:
            yield f"{name}: {error}: {row}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--count", type=int, default=300_000, help="lines (300000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", help="the file; without it, standard output")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (all cores)")
    parser.add_argument("--without", action="append", default=[], metavar="FILE",
        help="lines whose requests to leave out")
    parser.add_argument("--tags", action="store_true", help="tool and pattern with each line; always for heldout")
    parser.add_argument("--stats", action="store_true",
        help="print what is in the lines, on standard output; needs --out")
    parser.add_argument("--check", action="store_true", help="hold each line to tools.json and CONTRACT.md")
    options = parser.parse_args()
    if options.stats and not options.out:
        parser.error("--stats prints on standard output: it needs --out")
    if options.count < 1 or options.jobs < 1:
        parser.error("--count and --jobs are at least 1")
    tagged = options.tags or options.split == "heldout"
    found = []
    sink = open(options.out, "w", encoding="utf-8", newline="\n") if options.out else sys.stdout
    for text, call, name in lines(options.split, options.seed, options.count, options.jobs, options.without):
        row = {"text": text, "call": call}
        if tagged:
            row |= {"tool": call["name"] if call else None, "pattern": name}
        sink.write(json.dumps(row, ensure_ascii=False) + "\n")
        if options.stats or options.check:
            found.append((text, call, name))
    if options.out:
        sink.close()
    if options.stats:
        statistics(found, options.split)
    if options.check:
        errors = list(check(found))
        if errors:
            sys.exit("\n".join([*errors[:SHOWN], f"{len(errors)} errors in {len(found)} lines"]))


if __name__ == "__main__":
    main()
