"""Days, parts of the day, days with a time, and repetition: what is said, and its form in CONTRACT.md."""

from .clock import clock
from .engine import Marks, exact
from .numbers import ORDINALS, ordinal, say, words
from .spoken import corrected, text

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
SHORT_DAYS = {"monday": "mon", "tuesday": "tues", "wednesday": "wed", "thursday": "thurs", "friday": "fri",
              "saturday": "sat", "sunday": "sun"}  # fmt: skip
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december"]  # fmt: skip
MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def titled(line, word):
    """Weekdays and months as people write them."""
    return word.capitalize() if line.chance(0.6) else word


def date_form(line, adverb, periods=False):
    """(words, form, part of the day that the words mean). `adverb`: with its preposition, to stand by itself."""
    kind = line.weighted([
        (11, "today"), (24, "tomorrow"), (25, "weekday"), (8, "next"), (10, "period"), (6, "day"), (11, "month"),
        (2, "year"), (3, "holiday"), (14 if periods else 0, "span"),
    ])  # fmt: skip
    if kind == "today":
        if adverb and line.chance(0.12):
            return "later today", "today"
        return "today", "today"
    if kind == "tomorrow":
        return line.weighted([(88, "tomorrow"), (3, "tmrw"), (2, "tmr"), (3, "tomorow"), (3, "tommorow"),
            (2, "tommorrow"), (1, "2morrow")]), "tomorrow"
    if kind == "weekday":
        day = line.pick(WEEKDAYS)
        name = SHORT_DAYS[day] if line.chance(0.06) else day
        lead = line.weighted([(52, "on "), (24, ""), (10, "this "), (3, "on this "), (4, "this coming "),
            (5, "the coming "), (2, "coming ")]) if adverb else line.weighted([(78, ""), (12, "this "),
            (4, "the coming "), (4, "this coming ")])
        return lead + titled(line, name), day
    if kind == "next":
        day = line.pick(WEEKDAYS)
        name = titled(line, day)
        said = line.weighted([(64, f"next {name}"), (8, f"on next {name}" if adverb else f"next {name}"),
            (14, f"{name} next week"),
                              (6, f"on {name} next week" if adverb else f"{name} next week"), (4, f"next week {name}"),
                              (4, f"next week on {name}" if adverb else f"{name} of next week")])  # fmt: skip
        return said, f"next-{day}"
    if kind == "period":
        return days_ahead(line, adverb)
    if kind == "holiday":
        said, form = line.pick([
            ("christmas", "12-25"), ("christmas day", "12-25"), ("christmas eve", "12-24"), ("new year's eve", "12-31"),
            ("new year's day", "01-01"), ("valentine's day", "02-14"), ("halloween", "10-31"),
            ("the fourth of july", "07-04"),
            ("valentines day", "02-14"), ("new years eve", "12-31"), ("xmas", "12-25"), ("new years day", "01-01"),
            ("Christmas Eve", "12-24"), ("Halloween", "10-31"), ("Valentine's Day", "02-14"),
            ("the 4th of july", "07-04"),
        ])  # fmt: skip
        return ("on " if adverb and line.chance(0.9) else "") + said, form
    if kind == "span":
        said, form = line.pick([
            ("this week", "this-week"), ("this week", "this-week"), ("the rest of the week", "this-week"),
            ("next week", "next-week"),
            ("next week", "next-week"), ("this weekend", "this-weekend"), ("this weekend", "this-weekend"),
            ("the weekend", "this-weekend"),
            ("next weekend", "next-weekend"), ("the weekend", "this-weekend"), ("the coming weekend", "this-weekend"),
        ])  # fmt: skip
        if adverb and said.startswith("the "):
            lead = "for " if "weekend" not in said else "on " if line.chance(0.6) else "over "
            said = lead + said
        return said, form
    month = line.between(1, 12)
    day = line.between(1, MONTH_DAYS[month - 1])
    if kind == "day":
        lead = "on the " if adverb else "the "
        weekday = titled(line, line.pick(WEEKDAYS))
        number = ordinal(day) if not line.chance(line.spell * 0.6) else ORDINALS[day]
        if line.chance(0.18):
            return (line.pick(["on ", ""]) if adverb else "") + f"{weekday} the {number}", f"{day:02}"
        return lead + number, f"{day:02}"
    name = titled(line, MONTHS[month - 1])
    if line.chance(0.1) and len(name) > 4:
        name = name[:3] + (line.pick(["", "."]))
    number = ordinal(day) if not line.chance(line.spell * 0.6) else ORDINALS[day]
    form = f"{month:02}-{day:02}"
    spoken = line.weighted([(34, f"{name} {number}"), (22, f"{name} {day}"), (14, f"the {number} of {name}"),
        (10, f"{number} of {name}"),
                            (10, f"{day} {name}"), (6, f"{name} the {number}")])  # fmt: skip
    year = ""
    if kind == "year":
        number = line.between(2025, 2032)
        year = str(number)
        form = f"{year}-{form}"
        spoken += line.pick([f" {year}", f", {year}", f" {year}",
            f" {words(20)} {words(number % 100, line.pick([' ', '-']))}" if line.chance(line.spell) else f" {year}"])
    roll = line.random()
    if roll < 0.16:
        two = line.chance(0.5)
        written = [f"{month}/{day}", f"{month:02}/{day:02}"][two]
        if day > 12 and line.chance(0.25):
            written = [f"{day}/{month}", f"{day:02}/{month:02}"][two]
        spoken = written + (f"/{year}" if year else "")
    elif roll < 0.22:
        spoken = f"{day}.{month}." + year if line.chance(0.5) else f"{day:02}.{month:02}." + year
    elif roll < 0.30 and year:
        spoken = form
    elif roll < 0.36:
        spoken = f"{titled(line, line.pick(WEEKDAYS))}{line.pick([' ', ', '])}{spoken}"
    lead = ""
    if adverb:
        lead = line.weighted([(75, "on "), (25, "")])
    return lead + spoken, form


def days_ahead(line, adverb):
    roll = line.random()
    if roll < 0.32:
        return line.weighted([(8, "the day after tomorrow"), (2, "day after tomorrow"), (1, "overmorrow"),
            (1, "the day after tmrw")]), "P2D"
    letter, name, count = line.weighted([
        (45, ("D", "day", line.between(2, 10) if line.chance(0.8) else line.between(2, 60))),
        (35, ("W", "week", line.pick([1, 1, 1, 2, 2, 3, 4, 5, 6, 8]))),
        (16, ("M", "month", line.pick([1, 1, 2, 3, 4, 6, 9]))),
    ])  # fmt: skip
    if not adverb:
        head = line.pick(["a ", "one "]) + name if count == 1 else f"{say(line, count)} {name}s"
        return head + line.pick([" from now", " from today", " from now"]), f"P{count}{letter}"
    if line.chance(0.1):
        return line.pick([("in a fortnight", "P2W"), ("in a couple of days", "P2D"), ("in a few days", "P3D"),
            ("in a couple of weeks", "P2W"),
                          ("in a few weeks", "P3W"), ("a fortnight from now", "P2W"), ("in a couple days", "P2D"),
                          ("in a few months", "P3M"),
                          ("in a fortnight's time", "P2W"), ("in a week's time", "P1W")])  # fmt: skip
    head = line.pick(["a ", "one "]) + name if count == 1 else f"{say(line, count)} {name}s"
    said = line.weighted([(75, f"in {head}"), (14, f"{head} from now"), (8, f"{head} from today"),
        (3, f"in {head} from now" if line.chance(0.2) else f"in {head}")])
    return said, f"P{count}{letter}"


@text
def on(line):
    """A day as an adverb: tomorrow, on friday, in three days."""
    said, form = date_form(line, True)
    line.arguments["date"] = form
    return exact(corrected_day(line, said))


def corrected_day(line, said):
    if not line.chance(0.02):
        return said
    if said.startswith("on "):
        return corrected(line, "on " + titled(line, line.pick(WEEKDAYS)), said if line.chance(0.5) else said[3:], 1)
    return corrected(line, line.pick(["tomorrow", "today", titled(line, line.pick(WEEKDAYS))]), said, 1)


@text
def day(line):
    """A day as a noun: tomorrow, the 24th, friday."""
    said, form = date_form(line, False)
    line.arguments["date"] = form
    return exact(corrected_day(line, said))


@text
def on_period(line):
    said, form = date_form(line, True, periods=True)
    line.arguments["date"] = form
    return exact(said)


@text
def day_period(line):
    said, form = date_form(line, False, periods=True)
    line.arguments["date"] = form
    return exact(said)


@text
def days_possessive(line):
    """tomorrow's, friday's, today's."""
    kind = line.random()
    if kind < 0.4:
        said, form = line.pick([("tomorrow", "tomorrow"), ("today", "today")])
    elif kind < 0.8:
        form = line.pick(WEEKDAYS)
        said = titled(line, form)
    else:
        form = line.pick(WEEKDAYS)
        said, form = "next " + titled(line, form), "next-" + form
    line.arguments["date"] = form
    return exact(said + line.pick(["'s", "'s", "'s", "s"]))


PART_NAMES = ["morning", "afternoon", "evening", "night"]


def part_words(line, clock_follows):
    """(words, date or None, part): a part of the day, with its day or without."""
    roll = line.random()
    part = line.weighted([(40, "morning"), (26, "afternoon"), (30, "evening"), (14, "night")])
    if roll < 0.24:
        part = "tonight"
        return line.weighted([(90, "tonight"), (3, "tonite"), (3, "2nite"), (2, "later tonight")]), "today", part
    if roll < 0.40:
        if part == "night":
            part = "evening"
        return ("later this " if line.chance(0.06) else "this ") + part, "today", part
    if roll < 0.66:
        return f"{line.weighted([(93, 'tomorrow'), (3, 'tmrw'), (4, 'tomorow')])} {part}", "tomorrow", part
    if roll < 0.84:
        name = line.pick(WEEKDAYS)
        lead = line.weighted([(5, "on "), (4, ""), (1, "this ")])
        return lead + titled(line, name) + " " + part, name, part
    if roll < 0.92:
        name = line.pick(WEEKDAYS)
        return f"next {titled(line, name)} {part}", f"next-{name}", part
    if roll < 0.95:
        said, form = line.pick([("the day after tomorrow", "P2D"), ("in two days", "P2D"), ("christmas", "12-25"),
            ("on the 5th", "05"), ("on the 24th", "24"), ("on march 3rd", "03-03")])
        return f"{said} in the {part if part != 'night' else 'evening'}", form, part if part != "night" else "evening"
    return ("at night" if part == "night" else f"in the {part}"), None, part


def set_part(line, said, date, part):
    if date:
        line.arguments["date"] = date
    line.arguments["time"] = "night" if part == "tonight" else part
    return exact(said)


@text
def part(line):
    """A part of the day instead of a clock time: tomorrow morning, tonight, in the evening."""
    return set_part(line, *part_words(line, False))


@text
def dated_part(line):
    """The same, never without its day."""
    while True:
        said, date, name = part_words(line, False)
        if date:
            return set_part(line, said, date, name)


def day_and_time(line, key="time"):
    """A day with a clock time, in any order."""
    roll = line.random()
    if roll < 0.36:
        while True:
            said, date, part = part_words(line, True)
            if date:
                break
        line.arguments["date"] = date
        moment = clock(line, key, part)
        if part == "tonight":
            line.tonight = True
        return line.weighted([(5, f"{exact(said)} at {moment}"), (5, f"at {moment} {exact(said)}"),
            (1, f"{exact(said)} {moment}")])
    if roll < 0.40:
        line.arguments["date"] = "tomorrow" if line.chance(0.7) else "today"
        line.arguments[key] = "00:00"
        if line.arguments["date"] == "today":
            line.arguments["date"] = "tomorrow"
            return exact(line.pick(["at midnight tonight", "tonight at midnight", "midnight tonight"]))
        return exact(line.pick(["tomorrow at midnight", "at midnight tomorrow"]))
    said, form = date_form(line, True)
    moment = clock(line, key)
    line.arguments["date"] = form
    said = exact(corrected_day(line, said))
    plain_said = Marks.ANY.sub("", said)
    if plain_said[-1].isdigit() or plain_said[-1] == ".":  # march 3 at 5, never march 3 5
        return line.weighted([(6, f"{said} at {moment}"), (4, f"at {moment} {said}")])
    return line.weighted([(48, f"{said} at {moment}"), (36, f"at {moment} {said}"), (8, f"{said} {moment}"),
        (5, f"{said}, {moment}"), (2, f"{said}, at {moment}")])


@text
def datetime(line):
    """An adverb: tomorrow at 9, at 8 tonight, friday 5pm."""
    return day_and_time(line)


@text
def dt(line):
    """The same after "for": 7 tomorrow, tomorrow at 7."""
    said = day_and_time(line)
    for lead in ("at ", "on "):
        bare = said.lstrip(Marks.EXACT)
        if bare.startswith(lead):
            said = said[: len(said) - len(bare)] + bare[len(lead) :]
    return said


# Repetition


@text
def every(line):
    """every day, on weekdays, every friday: sets repeat."""
    said, form = repetition(line)
    line.arguments["repeat"] = form
    return exact(said)


def repetition(line):
    roll = line.random()
    if roll < 0.36:
        return line.weighted([(10, "every day"), (5, "daily"), (4, "each day"), (2, "every single day"),
            (2, "everyday"), (1, "seven days a week"),
            (1, "day after day" if line.chance(0.1) else "every day")]), "daily"
    if roll < 0.56:
        return line.weighted([(8, "every weekday"), (6, "on weekdays"), (4, "weekdays"), (3, "monday to friday"),
            (2, "monday through friday"), (2, "each weekday"),
            (2, "every workday" if line.chance(0.2) else "every weekday"), (1, "mon-fri")]), "weekdays"
    if roll < 0.68:
        return line.weighted([(6, "every weekend"), (5, "on weekends"), (4, "weekends"),
            (2, "saturdays and sundays" if line.chance(0.2) else "on weekends"), (2, "each weekend")]), "weekends"
    day = line.pick(WEEKDAYS)
    name = titled(line, day)
    return line.weighted([(10, f"every {name}"), (4, f"on {name}s"), (3, f"each {name}"), (2, f"{name}s"),
        (2, f"every week on {name}"), (2, f"weekly on {name}"), (1, f"{name} every week")]), day


@text
def every_at(line):
    """With a clock time: every day at 8, at 7 on weekdays, every morning at 6:30."""
    roll = line.random()
    if roll < 0.34:
        part = line.weighted([(6, "morning"), (2, "afternoon"), (4, "evening"), (4, "night")])
        if roll < 0.24:
            said, form = line.pick(["every ", "every ", "each "]) + part, "daily"
        elif roll < 0.28:
            said, form = f"every weekday {part}", "weekdays"
        else:
            form = line.pick(WEEKDAYS)
            said = f"every {titled(line, form)} {part}"
        moment = clock(line, "time", part)
    else:
        said, form = repetition(line)
        moment = clock(line)
    line.arguments["repeat"] = form
    said = exact(said)
    return line.weighted([(55, f"{said} at {moment}"), (38, f"at {moment} {said}"), (4, f"{said} {moment}")])


@text
def every_dt(line):
    """The same after "for": 7 every morning, every weekday at 6:30."""
    said = every_at(line)
    return said[3:] if said.startswith("at ") else said


@text
def every_part(line):
    """With a part of the day: every morning, every monday evening."""
    part = line.weighted([(6, "morning"), (2, "afternoon"), (5, "evening"), (4, "night")])
    roll = line.random()
    if roll < 0.6:
        said, form = line.pick(["every ", "every ", "each "]) + part, "daily"
    elif roll < 0.7:
        said, form = f"every weekday {part}", "weekdays"
    elif roll < 0.74:
        said, form = f"every weekend in the {part if part != 'night' else 'evening'}", "weekends"
        part = part if part != "night" else "evening"
    else:
        form = line.pick(WEEKDAYS)
        said = f"every {titled(line, form)} {part}"
    line.arguments["repeat"] = form
    line.arguments["time"] = part
    return exact(said)
