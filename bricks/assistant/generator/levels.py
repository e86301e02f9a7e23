"""Values for the tools of a house and for arithmetic: percents, degrees, levels of volume."""

from .numbers import plain, say, say_decimal, shortest
from .spoken import corrected, value


def percent_words(line, number):
    said = say(line, number)
    if said.isdigit() and line.chance(0.55):
        return said + line.pick(["%", "%", " %"])
    return said + line.weighted([(12, " percent"), (1, " per cent"), (1, " pct")])


def round_percent(line):
    return line.pick([5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 75, 80, 90,
        100]) if line.chance(0.8) else line.between(1, 100)


@value
def percent(line):
    number = round_percent(line)
    return corrected(line, say(line, round_percent(line)), percent_words(line, number), 0.02), number


@value
def bare_percent(line):
    number = round_percent(line)
    return corrected(line, say(line, round_percent(line)), say(line, number), 0.02), number


def change_percent(line):
    return line.pick([5, 10, 10, 15, 20, 20, 25, 30, 40, 50]) if line.chance(0.85) else line.between(1, 99)


@value
def plus_percent(line):
    number = change_percent(line)
    return percent_words(line, number), f"+{number}"


@value
def minus_percent(line):
    number = change_percent(line)
    return percent_words(line, number), f"-{number}"


def degrees(line):
    if line.chance(0.6):
        return line.between(15, 28) if line.chance(0.9) else line.between(16, 26) + 0.5
    return line.between(58, 82)


@value
def temperature(line):
    number = degrees(line)
    said = say_decimal(line, number)
    if line.chance(0.03):
        said = corrected(line, say(line, int(degrees(line))), said, 1)
    elif line.chance(0.03):
        said = line.pick(["about ", "around ", "exactly ", "roughly "]) + said
    return said, shortest(number)


@value
def temperature_digits(line):
    number = degrees(line)
    return plain(number), shortest(number)


def degree_change(line):
    """(words, the number as in +2)."""
    roll = line.random()
    if roll < 0.12:
        return line.pick([("a degree", "1"), ("one degree", "1"), ("1 degree", "1"), ("half a degree", "0.5"),
            ("0.5 degrees", "0.5"), ("a degree", "1")])
    if roll < 0.24:
        return line.pick([("a couple of degrees", "2"), ("a couple degrees", "2"), ("a few degrees", "3"),
            ("a degree and a half", "1.5"), ("1.5 degrees", "1.5"),
                          ("two and a half degrees", "2.5"), ("one and a half degrees", "1.5"), ("2.5 degrees", "2.5"),
                          ("a few degrees", "3")])  # fmt: skip
    number = line.between(2, 6) if line.chance(0.85) else line.between(2, 15)
    return f"{say(line, number)} degrees", str(number)


@value
def plus_degrees(line):
    said, number = degree_change(line)
    return said, "+" + number


@value
def minus_degrees(line):
    said, number = degree_change(line)
    return said, "-" + number


@value
def volume_number(line):
    number = line.between(1, 20) if line.chance(0.5) else round_percent(line)
    return corrected(line, say(line, line.between(1, 60)), say(line, number), 0.02), number


@value
def volume_percent(line):
    number = round_percent(line)
    return percent_words(line, number), number


@value
def plus_volume(line):
    number = change_percent(line)
    return percent_words(line, number), f"+{number}"


@value
def minus_volume(line):
    number = change_percent(line)
    return percent_words(line, number), f"-{number}"


@value
def plus_bare(line):
    number = change_percent(line) if line.chance(0.5) else line.between(1, 12)
    return say(line, number), f"+{number}"


@value
def minus_bare(line):
    number = change_percent(line) if line.chance(0.5) else line.between(1, 12)
    return say(line, number), f"-{number}"
