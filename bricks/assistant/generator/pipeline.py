"""Lines of training data: a pattern, what is put into it, what is put around it, and noise.

`Generator` makes the lines of one split. A pattern belongs to one split by the hash of its text, a value of the
lexicon by the hash of its own (`lexicon.py`).
"""

import hashlib
import importlib
import json
import pathlib
import random
import re

from . import dates, durations, levels, lexicon, loose, noise, spoken, words
from .engine import FREE_KEYS, Grammar, Line, Marks, bucket, finished, joined

assert dates and durations and levels and loose  # their functions register themselves with `spoken`
FAMILIES = ["timers", "alarms", "reminders", "events", "messages", "home", "media", "weather", "convert", "calculate",
    "lists",
            "language", "navigate", "other"]  # fmt: skip
SPLITS = ["train", "validation", "heldout"]
HELD_OUT_PATTERNS = 150  # of 1000
NOT_ITS_JOB = 0.26  # of the lines
# Not its job: patterns of its own, and requests of tools that something makes impossible.
NULL_KINDS = [(72, "pattern"), (9, "two jobs"), (11, "extra"), (3, "taken back"), (3, "negated"), (2, "cut")]
WEIGHTS = {
    "set_timer": 1.15, "control_timer": 0.9, "set_alarm": 1.2, "cancel_alarm": 0.75, "set_reminder": 1.7,
    "create_event": 1.6,
    "get_events": 1.3, "send_message": 1.6, "make_call": 0.85, "set_lights": 1.3, "set_thermostat": 1.15,
    "play_media": 1.2,
    "control_media": 0.95, "set_volume": 0.95, "get_weather": 1.15, "convert_units": 1.15, "convert_currency": 0.9,
    "calculate": 1.3, "update_list": 1.1, "show_list": 0.7, "take_note": 0.9, "translate": 1.1, "search_web": 0.85,
    "navigate": 1.0,
}  # fmt: skip
NAMES = {"label", "title", "to", "place", "app", "color", "items", "list", "destination", "origin"}
LEADING = re.compile(r"^(a|an|the|my|our|this|that|some) (?=\S)", re.IGNORECASE)
CUTTABLE = {"set_timer", "set_alarm", "set_reminder", "send_message", "make_call", "translate", "search_web",
    "navigate", "take_note"}
ASSISTANT = pathlib.Path(__file__).parent.parent


def pattern_split(tool, template):
    """Which split a pattern belongs to; training and validation share theirs."""
    return "heldout" if bucket(f"pattern:{tool}:{template}") < HELD_OUT_PATTERNS else "train"


def pattern_id(tool, name, template):
    return f"{tool or 'null'}/{name}/{hashlib.sha256(template.encode()).hexdigest()[:8]}"


def merged(kind, parts):
    """One dict of several; a name may stand in one of them only."""
    found = {}
    for part in parts:
        for name, entry in part.items():
            if name in found:
                raise ValueError(f"the {kind} {name} is there twice")
            found[name] = entry
    return found


def families():
    return [importlib.import_module(f"{__package__}.tools.{name}") for name in FAMILIES]


def all_groups():
    return [group for family in families() for group in family.PATTERNS]


def key_of(text):
    """A text without what people type differently: two requests with one key are the same."""
    return "".join(char for char in text.casefold() if char.isalnum())


class Pattern:
    __slots__ = ("id", "kind", "node", "group")

    def __init__(self, grammar, group, template):
        self.id = pattern_id(group.tool, group.name, template)
        self.kind = template[0] if template[0] in "!~" else ""
        self.group = group
        self.node = grammar.compile(template[len(self.kind) :])


class Generator:
    """Makes lines of one split."""

    def __init__(self, split):
        if split not in SPLITS:
            raise ValueError(f"no split is called {split}")
        modules = families()
        macros = merged("macro", [words.WORDS, *(module.MACROS for module in modules)])
        texts = merged("source", [spoken.TEXTS, *(getattr(module, "TEXTS", {}) for module in modules)])
        self.lexicon = lexicon.load(split)
        merged("name", [macros, texts, self.lexicon])
        self.grammar = Grammar(self.lexicon, macros, texts, spoken.VALUES)
        extras = merged("extra", [module.EXTRAS for module in modules])
        self.extras = {tool: self.grammar.compile(template) for tool, template in extras.items()}
        schemas = json.loads((ASSISTANT / "tools.json").read_text("utf-8"))
        self.schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in schemas}
        own = "heldout" if split == "heldout" else "train"
        self.groups = {}  # tool: [(weight, patterns)]
        for module in modules:
            for group in module.PATTERNS:
                templates = [row for row in group.templates if pattern_split(group.tool, row) == own]
                if templates:
                    # A null group counts by how much there is in it, a call's by what the requests of people are.
                    weight = group.weight if group.tool else group.weight * len(group.templates) ** 0.5
                    patterns = [Pattern(self.grammar, group, row) for row in templates]
                    self.groups.setdefault(group.tool, []).append((weight, patterns))
        self.tools = [(WEIGHTS[tool], tool) for tool in self.schemas]

        self.questions = [pattern for _,
            patterns in self.groups[None] for pattern in patterns if pattern.group.name == "knowledge"]

    def pick(self, line, tool):
        return line.pick(line.weighted(self.groups[tool]))

    def start(self, rng):
        """A new line with one person's way of writing numbers."""
        roll = rng()
        return Line(rng, 0.02 if roll < 0.45 else 0.4 if roll < 0.75 else 0.97)

    def filled(self, line, pattern):
        """The marked text of a pattern; the arguments are in the line."""
        line.arguments = dict(pattern.group.fixed)
        line.bare, line.out, line.tonight = {}, [], False
        line.alarm = pattern.group.tool in ("set_alarm", "cancel_alarm")
        if pattern.group.setup:
            pattern.group.setup(line)
        pattern.node(line)
        return joined(line)

    def line(self, rng):
        """One line: its text, its call or None, and the id of its pattern."""
        while True:
            try:
                if rng() < NOT_ITS_JOB:
                    return self.not_its_job(rng)
                return self.call(rng)
            except noise.Unclear:
                continue

    def call(self, rng):
        line = self.start(rng)
        tool = line.weighted(self.tools)
        pattern = self.pick(line, tool)
        text = self.filled(line, pattern)
        text = noise.add_context(line, noise.wrap(line, pattern.kind, text))
        if line.chance(0.008) and pattern.kind == "!":
            text = self.corrected(line, tool, text)
        noise.resolve_times(line, text)
        text = noise.roughen(line, text, tool)
        plain, copies = finished(text)
        return plain, {"name": tool, "arguments": self.arguments(line, tool, plain, copies)}, pattern.id

    def corrected(self, line, tool, text):
        """The request after another one that is taken back."""
        other = self.start(line.random)
        pattern = self.pick(other, tool if line.chance(0.5) else line.weighted(self.tools))
        if pattern.kind != "!" or "complaint" in pattern.group.flags:
            return text
        before = Marks.ANY.sub("", self.filled(other, pattern))
        return before + line.pick([", no wait, ", ", no, ", ", sorry, ", ", actually ", " no wait ", ", actually no, ",
            ", scratch that, ", ", never mind, "]) + text

    def arguments(self, line, tool, plain, copies):
        """All arguments in the order of tools.json."""
        found = dict(line.arguments)
        for key, pieces in copies.items():
            clean = []
            for piece in pieces:
                piece = piece.strip(" ,;:").rstrip(".")
                if plain.endswith(piece) and not (key == "text" and tool in ("send_message", "take_note")):
                    piece = piece.rstrip(" ?!.")
                if key in NAMES:
                    piece = LEADING.sub("", piece)
                if not any(char.isalnum() for char in piece):
                    raise noise.Unclear(plain)
                clean.append(piece)
            if key == "items":
                found[key] = clean
            elif len(clean) > 1:
                raise ValueError(f"{key} is there twice: {plain}")
            else:
                found[key] = clean[0]
        schema = self.schemas[tool]
        missing = [key for key in schema["required"] if key not in found]
        unknown = found.keys() - schema["properties"].keys()
        if missing or unknown:
            raise ValueError(f"{tool}: {missing} missing, {unknown} unknown: {plain}")
        return {key: found[key] for key in schema["properties"] if key in found}

    def not_its_job(self, rng):
        line = self.start(rng)
        kind = line.weighted(NULL_KINDS)
        if kind == "pattern":
            pattern = self.pick(line, None)
            text, shape, name = self.filled(line, pattern), pattern.kind, pattern.id
        else:
            text, name = getattr(self, kind.replace(" ", "_"))(line)
            shape = ""
        text = noise.wrap(line, shape, text) if kind != "cut" else text
        text = noise.add_context(line, text)
        text = noise.roughen(line, text, None)
        plain, _ = finished(text)
        return plain, None, name

    def usable(self, line, tools=None):
        """A filled pattern that a second thing may follow: (pattern, text)."""
        while True:
            tool = line.weighted(self.tools) if tools is None else line.pick(tools)
            pattern = self.pick(line, tool)
            if "complaint" in pattern.group.flags:
                continue
            text = self.filled(line, pattern)
            if not noise.ends_in_copy(text, FREE_KEYS | {"label"}):
                return pattern, text

    def two_jobs(self, line):
        first, one = self.usable(line)
        if first.kind == "!" and line.chance(0.3):
            one = f"{line.weighted(noise.ASKING)} {one}"
        if line.chance(0.15):  # a job and a question of another kind
            second = line.pick(self.questions)
            two = self.filled(line, second)
        else:
            second, two = self.usable(line)
            while second.kind == "~":
                second, two = self.usable(line)
        link = line.pick([" and ", " and ", " and ", " and then ", ", then ", " and also ", ", and ", " then ",
            ". also ", " plus ", ", also ", " and after that "])
        return one + link + two, f"null/two jobs/{first.id.split('/')[0]}+{second.id.split('/')[0]}"

    def extra(self, line):
        """A request with a wish that no argument can hold."""
        tool = line.pick(list(self.extras))
        pattern, text = self.usable(line, [tool])
        line.out = []
        self.extras[tool](line)
        wish = joined(line)
        return f"{text}{line.pick([' ', ' ', ' ', ', '])}{wish}", f"null/extra/{pattern.id}"

    def taken_back(self, line):
        pattern, text = self.usable(line)
        back = line.pick([
            ", never mind", ", no, forget it", " actually don't", ", no wait, never mind", " never mind",
            ", forget it", " no don't", ", actually no", ", oh never mind",
            ", on second thought don't", ", no leave it", ", wait, don't", ", cancel that", ", scratch that",
            " nevermind", ", ah forget it", ", no, I'll do it myself",
        ])  # fmt: skip
        return text + back, f"null/taken back/{pattern.id}"

    def negated(self, line):
        while True:
            pattern, text = self.usable(line)
            tool = pattern.group.tool
            if pattern.kind == "!" and not text.lower().startswith(("let there", "don't",
                "please")) and tool != "set_reminder":
                lead = line.weighted([(12, "don't "), (5, "do not "), (4, "please don't "), (2, "never "),
                    (2, "you don't have to "), (2, "no need to "),
                                      (1, "whatever you do, don't "), (1, "I don't want you to "),
                                      (1, "I didn't ask you to "), (1, "I told you not to ")])  # fmt: skip
                return lead + text, f"null/negated/{pattern.id}"

    def cut(self, line):
        """A request that breaks off before what it needs."""
        while True:
            tool = line.pick(sorted(CUTTABLE))
            pattern = self.pick(line, tool)
            text = self.filled(line, pattern)
            at = Marks.ANY.search(text)
            head = Marks.ANY.sub("", text[: at.start()]).strip(" ,:\"'“”") if at else ""
            if pattern.kind == "!" and len(head.split()) > 1:
                return head, f"null/cut/{pattern.id}"


def make_chunk(generator, seed, split, chunk, count):
    """`count` lines, which depend on nothing but the arguments: [(text, call, id)]."""
    rng = random.Random(f"{seed}/{split}/{chunk}").random
    return [generator.line(rng) for _ in range(count)]
