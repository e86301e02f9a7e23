"""Durations: what is said, and the ISO 8601 form of CONTRACT.md that it stands for."""

from .engine import exact
from .numbers import say
from .spoken import corrected, text, value


def iso(hours=0, minutes=0, seconds=0):
    parts = [f"{count}{letter}" for count, letter in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count]
    return "PT" + "".join(parts)


def unit_word(line, kind, count):
    many = count != 1
    if kind == "M":
        short = line.weighted([(58, "minute"), (14, "min"), (18, "mins" if many else "min"), (3, "m"),
            (1, "minuts" if many else "minute")])
    elif kind == "H":
        short = line.weighted([(80, "hour"), (6, "hr"), (8, "hrs" if many else "hr"), (3, "h")])
    else:
        short = line.weighted([(75, "second"), (12, "sec"), (8, "secs" if many else "sec"), (2, "s")])
    return short + ("s" if many and short in ("minute", "hour", "second") else "")


def counted(line, count, kind, spell=True):
    """A count with its unit: 20 minutes, twenty mins, 20m, an hour."""
    if count == 1 and line.chance(0.5):
        return {"M": "a minute", "H": "an hour", "S": "a second"}[kind]
    number = say(line, count) if spell else str(count)
    unit = unit_word(line, kind, count)
    if unit in ("m", "h", "s") and not number.isdigit():
        unit = {"m": "minutes", "h": "hours", "s": "seconds"}[unit]
        if count == 1:
            unit = unit[:-1]
    tight = number.isdigit() and (unit in ("m", "h", "s") or len(unit) <= 4 and line.chance(0.2))
    return number + ("" if tight else " ") + unit


def minute_count(line):
    if line.chance(0.62):
        return line.pick([2, 3, 4, 5, 5, 6, 7, 8, 10, 10, 10, 12, 15, 15, 18, 20, 20, 20, 25, 25, 30, 30, 35, 40, 45,
            45, 50, 55, 60, 75, 90, 90])
    return line.between(1, 120)


def simple_duration(line, event=False):
    """(words, form) of a duration without hedges and corrections."""
    roll = line.random()
    if event and roll < 0.5:
        roll += 0.35  # hours and halves rather than minutes
    if roll < 0.50:
        count = minute_count(line) if not event else line.pick([15, 20, 30, 30, 40, 45, 45, 50, 60, 75, 90, 90, 120])
        return counted(line, count, "M"), iso(minutes=count)
    if roll < 0.61:
        count = line.pick([1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12]) if line.chance(0.85) else line.between(1, 72)
        return counted(line, count, "H"), iso(count)
    if roll < 0.69 and not event:
        count = line.pick([5, 10, 15, 20, 30, 30, 40, 45, 60, 75, 90, 90, 100,
            120]) if line.chance(0.7) else line.between(2, 200)
        return counted(line, count, "S"), iso(seconds=count)
    if roll < 0.79:
        hours, minutes = line.between(1, 4) if line.chance(0.9) else line.between(1,
            12), line.pick([5, 10, 15, 15, 20, 25, 30, 30, 40, 45, 45, 50, line.between(1, 59)])
        head, tail = counted(line, hours, "H"), counted(line, minutes, "M")
        roll = line.random()
        if roll < 0.55:
            said = head + line.pick([" and ", " ", " ", " and ", ", "]) + tail
        elif roll < 0.70:
            said = f"{hours}h{line.pick(['', ' '])}{minutes}{line.pick(['m', 'min', 'm'])}"
        elif roll < 0.80:
            said = f"{hours}h{minutes:02}" if minutes >= 10 else f"{hours}h {minutes}m"
        else:
            said = f"{head if not head[-2].isdigit() else f'{hours} hour'} {say(line, minutes)}"
            if said.split()[-1].isdigit() != said.split()[0].isdigit() and not said.startswith("an"):
                said = f"{hours} hour{'s' * (hours > 1)} {minutes}"
        return said, iso(hours, minutes)
    if roll < 0.84 and not event:
        minutes, seconds = line.between(1, 15), line.pick([5, 10, 15, 20, 30, 30, 40, 45, line.between(2, 59)])
        head, tail = counted(line, minutes, "M"), counted(line, seconds, "S")
        if line.chance(0.85):
            return head + line.pick([" and ", " ", " and "]) + tail, iso(0, minutes, seconds)
        return f"{minutes} minute{'s' * (minutes > 1)} {seconds}", iso(0, minutes, seconds)
    return line.weighted(HALVES_EVENT if event else HALVES)(line)


def half_of(unit, form):
    def make(line):
        count = line.between(1, 8) if line.chance(0.8) else line.between(1, 24)
        units = unit if unit != "minute" or line.chance(0.8) else "min"
        roll = line.random()
        if roll < 0.30:
            said = f"{count}.5 {units}s"
        elif roll < 0.36 and count == 1:
            said = f"{line.pick(['1', 'one'])} {units} and a half"
        elif roll < 0.75:
            head = say(line, count)
            said = f"{head} and a half {units}s"
        elif roll < 0.85:
            said = f"{count} 1/2 {units}s"
        else:
            count = 1
            said = f"{'an' if unit == 'hour' else 'a'} {unit} and a half"
        return said, form(count)

    return make


def fixed(*pairs):
    return lambda line: line.pick(pairs)


HALVES = [
    (24, half_of("hour", lambda count: iso(count, 30))),
    (12, half_of("minute", lambda count: iso(0, count, 30))),
    (26, fixed(("half an hour", "PT30M"), ("half an hour", "PT30M"), ("a half hour", "PT30M"), ("half hour", "PT30M"),
               ("a half an hour", "PT30M"), ("half a hour", "PT30M"), ("one half hour", "PT30M"))),
    (10, fixed(("a quarter of an hour", "PT15M"), ("quarter of an hour", "PT15M"), ("a quarter hour", "PT15M"),
               ("one quarter of an hour", "PT15M"))),
    (8, fixed(("three quarters of an hour", "PT45M"), ("three quarter of an hour", "PT45M"),
    ("3/4 of an hour", "PT45M"),
              ("three-quarters of an hour", "PT45M"))),
    (4, fixed(("an hour and a quarter", "PT1H15M"), ("one and a quarter hours", "PT1H15M"), ("1.25 hours", "PT1H15M"),
              ("two and a quarter hours", "PT2H15M"), ("an hour and three quarters", "PT1H45M"), ("0.5 hours", "PT30M"),
              ("1.75 hours", "PT1H45M"), ("2.25 hours", "PT2H15M"), ("0.25 hours", "PT15M"))),
    (5, fixed(("half a minute", "PT30S"), ("a half minute", "PT30S"), ("0.5 minutes", "PT30S"),
    ("half minute", "PT30S"))),
    (9, fixed(("a couple of minutes", "PT2M"), ("a couple minutes", "PT2M"), ("a couple of hours", "PT2H"),
              ("a couple hours", "PT2H"), ("couple of minutes", "PT2M"), ("a couple of seconds", "PT2S"),
              ("a couple mins", "PT2M"))),
    (9, fixed(("a few minutes", "PT3M"), ("a few hours", "PT3H"), ("a few mins", "PT3M"), ("few minutes", "PT3M"))),
    (3, fixed(("a dozen minutes", "PT12M"), ("one minute", "PT1M"), ("one hour", "PT1H"), ("an hour", "PT1H"),
    ("a minute", "PT1M"))),
]  # fmt: skip
HALVES_EVENT = [HALVES[0], HALVES[2], HALVES[2], HALVES[3], HALVES[4], HALVES[5],
    (9, fixed(("a couple of hours", "PT2H"), ("a couple hours", "PT2H"), ("a few hours", "PT3H")))]  # fmt: skip


def any_duration(line, event=False):
    said, form = simple_duration(line, event)
    if line.chance(0.025):
        wrong, _ = simple_duration(line, event)
        head = wrong.split()[0]
        if head.isdigit() and line.chance(0.4):
            wrong = head  # for five, no, ten minutes
        said = corrected(line, wrong, said, 1)
    elif line.chance(0.05):
        said = line.weighted([(4, "about "), (3, "around "), (2, "roughly "), (1, "approximately "), (2, "maybe "),
            (2, "exactly "),
                              (1, "like "), (1, "approx "), (1, "something like "),
                              (1, "more or less ")]) + said  # fmt: skip
    elif line.chance(0.015) and said[-1] == "s":
        said += line.pick([" or so", " or so", " or thereabouts", " give or take"])
    return said, form


@value
def duration(line):
    return any_duration(line)


@value
def event_duration(line):
    return any_duration(line, event=True)


@value
def bare_duration(line):
    """A number without its unit: minutes."""
    count = minute_count(line)
    return corrected(line, say(line, minute_count(line)), say(line, count), 0.03), iso(minutes=count)


@value
def adj_duration(line):
    """A duration as it stands before a noun: 20 minute, 20-minute, half hour."""
    roll = line.random()
    joint = line.pick([" ", " ", " ", "-"])
    if roll < 0.60:
        count = minute_count(line)
        number = say(line, count)
        unit = line.weighted([(60, "minute"), (25, "min"), (4, "mins"), (2, "minutes")])
        tight = number.isdigit() and line.chance(0.08)
        return number + ("" if tight else joint) + (unit if not tight else line.pick(["min", "m"])), iso(minutes=count)
    if roll < 0.74:
        count = line.pick([1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12])
        return say(line, count) + joint + line.weighted([(9, "hour"), (2, "hr"),
            (1, "hours" if count > 1 else "hour")]), iso(count)
    if roll < 0.85:
        count = line.pick([5, 10, 15, 20, 30, 40, 45, 60, 90, 90, 120, line.between(2, 100)])
        return say(line, count) + joint + line.weighted([(8, "second"), (3, "sec")]), iso(seconds=count)
    if roll < 0.93:
        return line.pick([("half hour", "PT30M"), ("half-hour", "PT30M"), ("half an hour", "PT30M"),
            ("quarter hour", "PT15M"),
                          ("hour and a half", "PT1H30M"), ("one and a half hour", "PT1H30M"),
                          ("two and a half minute", "PT2M30S"),
                          ("minute and a half", "PT1M30S"), ("1.5 hour", "PT1H30M"), ("quarter of an hour", "PT15M"),
                          ("three and a half minute", "PT3M30S"), ("two and a half hour", "PT2H30M"),
                          ("hour long", "PT1H")])  # fmt: skip
    hours, minutes = line.between(1, 3), line.pick([10, 15, 20, 30, 40, 45])
    return f"{say(line, hours)} hour {line.pick(['', 'and '])}{say(line, minutes)} minute", iso(hours, minutes)


@text
def delay(line):
    """in 20 minutes, two hours from now: sets delay."""
    said, form = any_duration(line)
    line.arguments["delay"] = form
    if line.chance(0.04) and "," not in said:
        count = minute_count(line)
        line.arguments["delay"] = iso(minutes=count)
        return exact(f"in {say(line, count)}")
    return exact(line.weighted([(88, f"in {said}"), (9, f"{said} from now"), (3, f"in {said} from now")]))
