"""Templates, and the lines that are made from them.

A template is text with

    [a|b]           one of them
    (a|b)  ((a))    one of them or nothing: half of the time; a quarter of the time
    {source}        the words of a source: a function, a macro (a template with a name) or a list of the lexicon
    {key=source}    the same, as the argument `key`: of a value function the value it gives, of words the words as they
                    stand in the finished line
    <key=value>     sets the argument `key` and says nothing

While a line is made, characters of a private-use area stand around what is copied (`Marks`), so that everything done
to the line later (capitals, typos, fillers) is done to text and argument alike: the argument is read off the finished
line. Other marks keep typos away from numbers and times, and keep the place of a time that was said without am or pm:
what it means depends on the words around it.
"""

import hashlib
import json
import re

COPIED_KEYS = ["label", "title", "to", "place", "app", "color", "items", "list", "destination", "origin", "text",
    "query"]
FREE_KEYS = {"text", "query", "title",
    "items"}  # long text: what follows at the end of the line would become part of it


QUOTED = {"label", "title", "list", "text", "query"}
QUOTES = ['""', '""', "''", "“”", '""']


class Marks:
    """The private-use characters."""

    OPEN = {key: chr(0xE000 + 2 * at) for at, key in enumerate(COPIED_KEYS)}
    CLOSE = {key: chr(0xE001 + 2 * at) for at, key in enumerate(COPIED_KEYS)}
    KEY_OF = {mark: key for key, mark in OPEN.items()} | {mark: key for key, mark in CLOSE.items()}
    EXACT, EXACT_END = "\ue080", "\ue081"  # no typos, no fillers within
    BARE = {"time": "\ue082", "end": "\ue083"}  # before a time without am or pm
    BARE_END = "\ue084"
    ARTICLE = "\ue085"  # after "a" that becomes "an" before a vowel
    ANY = re.compile("[\ue000-\ue0ff]")


def bucket(text):
    """The hash that decides over splits: 0 to 999, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.casefold().encode()).digest()[:8], "big") % 1000


class Line:
    """A line while it is made."""

    __slots__ = ("random", "arguments", "bare", "spell", "alarm", "tonight", "out", "words", "stop")

    def __init__(self, random, spell=0.35):
        self.random = random
        self.arguments = {}
        self.bare = {}  # key: (hour on the dial, minute) of a time without am or pm
        self.spell = spell  # the probability that a number is in words
        self.alarm = False  # alarms read bare hours by a rule of their own
        self.tonight = False
        self.words = {}  # what a group prepared for its templates
        self.stop = False  # nothing may follow: the line ends in words that would swallow it
        self.out = []

    def chance(self, probability):
        return self.random() < probability

    def pick(self, options):
        return options[int(self.random() * len(options))]

    def below(self, count):
        return int(self.random() * count)

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def weighted(self, pairs):
        """One of [(weight, option)]."""
        at = self.random() * sum(weight for weight, _ in pairs)
        for weight, option in pairs:
            at -= weight
            if at < 0:
                return option
        return pairs[-1][1]


def exact(text):
    return Marks.EXACT + text + Marks.EXACT_END


class Grammar:
    """Compiles templates over one split of the lexicon."""

    def __init__(self, lexicon, macros, texts, values):
        self.lexicon, self.macros, self.texts, self.values = lexicon, macros, texts, values
        self.compiled = {}

    def source(self, name):
        """What writes the words of a source that is no value: a function of a line."""
        if name in self.compiled:
            return self.compiled[name]
        if name in self.texts:
            function = self.texts[name]

            def run(line):
                text = function(line)
                if text:
                    line.out.append(text)

        elif name in self.macros:
            holder = []
            self.compiled[name] = lambda line: holder[0](line)  # macros may name one another
            run = self.compile(self.macros[name])
            holder.append(run)
        elif name in self.lexicon:
            words = self.lexicon[name]

            def run(line):
                line.out.append(words[int(line.random() * len(words))])

        else:
            raise KeyError(f"no source is called {name}")
        self.compiled[name] = run
        return run

    def slot(self, inner):
        key, _, name = inner.rpartition("=")
        if not key:
            if name in self.values:
                raise KeyError(f"the value {name} needs a key")
            return self.source(name)
        if name in self.values:
            function = self.values[name]

            def value(line):
                text, found = function(line)
                line.arguments[key] = found
                line.out.append(exact(text))

            return value
        source, opening, closing = self.source(name), Marks.OPEN[key], Marks.CLOSE[key]

        def copy(line):
            quote = QUOTES[int(line.random() * len(QUOTES))] if key in QUOTED and line.random() < 0.02 else None
            line.out.append(quote[0] + opening if quote else opening)
            source(line)
            line.out.append(closing + quote[1] if quote else closing)

        return copy

    def compile(self, template):
        node, at = self.alternatives(template, 0, "")
        if at != len(template):
            raise ValueError(f"a bracket closes at {at} that was not opened: {template}")
        return node

    def alternatives(self, text, at, closing):
        options, parts = [], []
        while at < len(text) and text[at] != closing:
            char = text[at]
            if char == "|" and closing:
                options.append(parts)
                parts, at = [], at + 1
            elif char in "[(":
                double = text.startswith("((", at)
                node, at = self.alternatives(text, at + 1 + double, "]" if char == "[" else ")")
                if at >= len(text):
                    raise ValueError(f"a bracket is not closed: {text}")
                if double and not text.startswith("))", at):
                    raise ValueError(f"(( is closed by )): {text}")
                at += 1 + double
                parts.append(node if char == "[" else maybe(node, 0.25 if double else 0.5))
            elif char == "{":
                end = text.index("}", at)
                parts.append(self.slot(text[at + 1 : end]))
                at = end + 1
            elif char == "<":
                end = text.index(">", at)
                key, _, value = text[at + 1 : end].partition("=")
                parts.append(setter(key, parsed(value)))
                at = end + 1
            elif char in ")]}" and char != closing:
                raise ValueError(f"{char} at {at} was not opened: {text}")
            else:
                end = at
                while end < len(text) and text[end] not in "[](){}<>|":
                    end += 1
                end = max(end, at + 1)
                parts.append(literal(text[at:end].replace("a_ ", "a" + Marks.ARTICLE + " ")))
                at = end
        options.append(parts)
        nodes = [sequence(parts) for parts in options]
        return (nodes[0] if len(nodes) == 1 else choice(nodes)), at


def parsed(value):
    """The value of <key=value>: JSON if it is a number or true, otherwise the words."""
    try:
        return value if value[:1] == "+" else json.loads(value) if value[:1] != "-" else value
    except json.JSONDecodeError:
        return value


def literal(text):
    return lambda line: line.out.append(text)


def setter(key, value):
    def run(line):
        line.arguments[key] = value

    return run


def maybe(node, probability):
    def run(line):
        if line.random() < probability:
            node(line)

    return run


def choice(nodes):
    count = len(nodes)
    return lambda line: nodes[int(line.random() * count)](line)


def sequence(parts):
    if len(parts) == 1:
        return parts[0]

    def run(line):
        for part in parts:
            part(line)

    return run


AN = re.compile("a\ue085([ \ue000-\ue0ff]+)(?=([\\w']*))")
SPACES = re.compile(" {2,}")
SPACE_BEFORE = re.compile(" +([\ue000-\ue0ff]*)([,.?!;:])(?= |$)")


def joined(line):
    """The marked text of a line so far, with a and an mended and spaces single."""
    text = "".join(line.out)
    if "\ue085" in text:
        text = AN.sub(article, text)
    return tidy(text.replace("I 'd ", "I'd ").replace("I 've ", "I've "))


def tidy(text):
    return SPACE_BEFORE.sub(r"\1\2", SPACES.sub(" ", text)).strip(" ,")


def article(match):
    word = match.group(2).lower()
    vowel = word[:1] in "aeiou" and not re.match("(one|uni|use|usu|eu|ura)", word)
    silent = re.match("(hour|honest|heir)", word) or word in ("8", "11", "18", "80")
    return ("an" if vowel or silent else "a") + match.group(1)


def finished(text):
    """The text without marks, and the copied arguments: {key: words, or a list of them}."""
    copies, opened, plain = {}, {}, []
    for char in text:
        if "\ue000" <= char <= "\ue0ff":
            key = Marks.KEY_OF.get(char)
            if key is None:
                continue
            if char == Marks.OPEN[key]:
                opened[key] = len(plain)
            else:
                copies.setdefault(key, []).append("".join(plain[opened.pop(key) :]))
        else:
            plain.append(char)
    if opened:
        raise ValueError(f"a copy is not closed: {text}")
    clean = {key: [" ".join(piece.split()) for piece in pieces] for key, pieces in copies.items()}
    return " ".join("".join(plain).split()), clean
