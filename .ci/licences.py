#!/usr/bin/env python3
"""Checks that every crate the program is built from may be used in it: each licence expression is satisfied by the list."""

import json
import re
import subprocess
import sys

ALLOWED = {
    "MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "ISC",
    "Zlib", "0BSD", "BSL-1.0", "CC0-1.0", "Unlicense", "Unicode-3.0", "Unicode-DFS-2016", "CDLA-Permissive-2.0",
}  # fmt: skip


def satisfied(expression):
    """Whether a licence expression (SPDX; `/` is an older `OR`) can be met from the list. AND binds closer than OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def any_of():
        result = all_of()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = all_of() or result
        return result

    def all_of():
        result = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = one() and result
        return result

    def one():
        token = tokens.pop(0)
        if token == "(":
            result = any_of()
            tokens.pop(0)
            return result
        if tokens and tokens[0] == "WITH":
            token = f"{token} {tokens.pop(0)} {tokens.pop(0)}"
        return token in ALLOWED

    return any_of()


command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
metadata = json.loads(subprocess.check_output(command))
refused = [
    f"{package['name']} {package['version']}: {package['license'] or 'no licence named'}"
    for package in metadata["packages"]
    if not package["license"] or not satisfied(package["license"])
]
print("\n".join(refused) or f"{len(metadata['packages'])} crates, all under licences of the list")
sys.exit(bool(refused))
