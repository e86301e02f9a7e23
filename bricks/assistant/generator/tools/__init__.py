"""The patterns of requests, a file per family of tools.

A file has PATTERNS, a list of groups made by `group`; MACROS, templates with a name; and EXTRAS, wishes that no
argument of a tool can hold: a request with one of them is not the brick's job.
"""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Group:
    tool: str | None  # None: not the brick's job
    name: str
    weight: float  # beside the other groups of the tool
    templates: tuple  # each begins with ! for an order, ~ for a thing that is wanted, or with neither
    fixed: dict
    flags: frozenset  # "complaint": not to be joined with a second request
    setup: typing.Callable | None  # prepares the words of a line before its template is filled in


def group(tool, name, weight, templates, flags=(), setup=None, **fixed):
    rows = []
    for row in map(str.strip, templates.strip().splitlines()):
        if row.startswith("+ "):  # goes on with the row before
            rows[-1] += row[2:]
        else:
            rows.append(row)
    return Group(tool, name, weight, tuple(row for row in rows if row), fixed, frozenset(flags), setup)


def nulls(name, templates, weight=1.0):
    return group(None, name, weight, templates)
