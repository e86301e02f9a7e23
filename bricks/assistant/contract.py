"""What of CONTRACT.md a program can check: whether a line of requests and calls keeps to it.

Knows as much of JSON Schema as tools.json uses, and refuses the rest: the brick's grammars are to stay that simple.
`check_handwritten.py` and `generate.py --check` both use it.
"""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
KEYWORDS = {
    "type", "description", "properties", "required", "additionalProperties", "items", "minItems", "enum", "pattern",
    "minLength", "minimum", "maximum", "anyOf",
}  # fmt: skip

# Arguments that never stand together: the first with any of the others.
APART = {
    "control_timer": [("all", "duration", "label")],
    "set_alarm": [("repeat", "date")],
    "cancel_alarm": [("all", "time", "label")],
    "set_reminder": [("repeat", "date", "delay"), ("delay", "date", "time")],
    "create_event": [("end", "duration")],
    "set_lights": [("all", "place")],
}


def schema_errors(schema, where):
    """What in a schema this program, or a simple grammar, does not know."""
    for keyword in sorted(schema.keys() - KEYWORDS):
        yield f"{where}: the keyword {keyword} is not known here"
    pattern = schema.get("pattern", "^$")
    if not (pattern.startswith("^") and pattern.endswith("$")) or "(?" in pattern:
        yield f"{where}: the pattern {pattern} must be anchored, without look-around and flags"
    if schema.get("type") == "object":
        names = schema["properties"].keys()
        if schema.get("additionalProperties") is not False or not names >= set(schema["required"]):
            yield f"{where}: an object must be closed, and what it requires must be among its properties"
    parts = list(schema.get("properties", {}).items()) + list(enumerate(schema.get("anyOf", [])))
    for name, part in parts + ([("items", schema["items"])] if "items" in schema else []):
        yield from schema_errors(part, f"{where}.{name}")


def errors(value, schema, where):
    """Where `value` breaks `schema`."""
    if "anyOf" in schema:
        if not any(not list(errors(value, part, where)) for part in schema["anyOf"]):
            yield f"{where}: {value!r} fits none of the alternatives"
        return
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not in the enum"
    if "pattern" in schema and not re.fullmatch(schema["pattern"][1:-1], value):
        yield f"{where}: {value!r} does not fit the pattern"
    if kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{where}: {value!r} is out of bounds"
    if kind == "string" and len(value) < schema.get("minLength", 0):
        yield f"{where}: empty"
    if kind == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{where}: empty"
        for at, item in enumerate(value):
            yield from errors(item, schema["items"], f"{where}[{at}]")
    if kind == "object":
        properties = schema["properties"]
        for name in schema["required"]:
            if name not in value:
                yield f"{where}: {name} is missing"
        for name, part in value.items():
            if name in properties:
                yield from errors(part, properties[name], f"{where}.{name}")
            else:
                yield f"{where}: {name} is not one of its properties"
        if list(value) != [name for name in properties if name in value]:
            yield f"{where}: the keys are not in the order of tools.json"


def copied(value, schema):
    """The strings of a call that are copied: those without enum and pattern."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from copied(part, schema["properties"].get(name, {}))
    elif isinstance(value, list):
        for item in value:
            yield from copied(item, schema["items"])
    elif schema.get("type") == "string" and "enum" not in schema and "pattern" not in schema:
        yield value


def is_piece(piece, text):
    """Whether `piece` stands in `text`, and neither begins nor ends within a word."""
    edges = (r"(?<!\w)" if piece[:1].isalnum() else "") + re.escape(piece) + (r"(?!\w)" if piece[-1:].isalnum() else "")
    return re.search(edges, text) is not None


def rule_errors(name, arguments):
    """Where a call breaks the contract's rules across arguments."""
    for first, *others in APART.get(name, []):
        for other in others:
            if first in arguments and other in arguments:
                yield f"{first} and {other} never stand together"
    if name == "set_lights" and arguments["state"] == "off" and arguments.keys() & {"brightness", "color"}:
        yield "brightness and color go with the state on"
    if "unit" in arguments and isinstance(arguments["setting"], str) and arguments["setting"][0] not in "+-":
        yield "a unit without degrees"


def line_errors(line, tools, contract):
    """What is wrong with one line. Returns the name of its tool (None for not its job) and the errors."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"no JSON: {error}"]
    if not isinstance(entry, dict) or list(entry) != ["text", "call"] or not isinstance(entry["text"], str):
        return None, ["must be {\"text\": a string, \"call\": ...}"]
    text, call = entry["text"], entry["call"]
    found = []
    if text != text.strip() or "  " in text or not text:
        found.append("white space at the ends, or twice in a row")
    if len(text.split()) > 3 and text.casefold() in contract:
        found.append("this request is an example in CONTRACT.md")
    if call is None:
        return None, found
    if not isinstance(call, dict) or list(call) != ["name", "arguments"] or call["name"] not in tools:
        return None, [*found, "the call must be null, or the name of a tool and its arguments"]
    name, arguments = call["name"], call["arguments"]
    wrong = list(errors(arguments, tools[name], name))
    found += wrong
    if not wrong:
        found += rule_errors(name, arguments)
        found += [f"{piece!r} is no piece of the request" for piece in copied(arguments, tools[name])
                  if not is_piece(piece, text)]  # fmt: skip
    return name, found


def load_tools():
    """The parameters of each tool, by its name, in the order of tools.json."""
    listed = json.loads((HERE / "tools.json").read_text("utf-8"))
    return {tool["function"]["name"]: tool["function"]["parameters"] for tool in listed}


def load_contract():
    """CONTRACT.md in small letters and with single spaces, to find requests that are its examples."""
    return " ".join((HERE / "CONTRACT.md").read_text("utf-8").casefold().split())
