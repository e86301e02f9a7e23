#!/usr/bin/env python3
"""Holds handwritten.jsonl to tools.json, and to what of CONTRACT.md a program can check.

Prints the requests per tool.
"""

import collections
import sys

from contract import HERE, line_errors, load_contract, load_tools, schema_errors

FEWEST_LINES, FEWEST_OF_A_TOOL = 340, 10
NOT_ITS_JOB = range(20, 31)  # percent


def main():
    tools, contract = load_tools(), load_contract()
    found = [f"tools.json: {error}" for name, schema in tools.items() for error in schema_errors(schema, name)]

    counts, seen = collections.Counter(), {}
    lines = (HERE / "handwritten.jsonl").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        name, wrong = line_errors(line, tools, contract)
        counts[name] += 1
        found += [f"line {number}: {error}" for error in wrong]
        first = seen.setdefault(line.split('"call"')[0].casefold(), number)
        if first != number:
            found.append(f"line {number}: the same request as in line {first}")

    share = 100 * counts[None] / max(len(lines), 1)
    found += [f"{name}: {counts[name]} requests, fewer than {FEWEST_OF_A_TOOL}" for name in tools
              if counts[name] < FEWEST_OF_A_TOOL]  # fmt: skip
    if len(lines) < FEWEST_LINES:
        found.append(f"{len(lines)} requests, fewer than {FEWEST_LINES}")
    if round(share) not in NOT_ITS_JOB:
        found.append(f"{share:.0f} % are not its job: about a quarter should be")

    for name in tools:
        print(f"{counts[name]:5} {name}")
    print(f"{counts[None]:5} null ({share:.0f} %)")
    print(f"{len(lines):5} in all")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
