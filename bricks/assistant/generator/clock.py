"""Times of the clock and ranges of them: what is said, and what it means where that is clear by itself."""

from .engine import Marks, exact
from .numbers import say, words
from .spoken import corrected, text


def meridiem(line, pm):
    half = "pm" if pm else "am"
    return line.weighted([(12, half), (3, half.upper()), (3, f"{half[0]}.m."), (1, f"{half[0]}.m")])


def dial(line, hour, minute, to_form=True):
    """A time on the dial (hour 1 to 12): its words, and whether they can be read with am or pm after them."""
    spell = line.chance(line.spell)
    name = words(hour) if spell else str(hour)
    following = hour % 12 + 1
    next_name = words(following) if spell else str(following)
    if minute == 0:
        if spell:
            return name + (line.pick([" o'clock", " o'clock", " oclock"]) if line.chance(0.12) else "")
        return line.weighted([(70, name), (22, f"{hour}:00"), (6, f"{name} o'clock"), (1, f"{hour}.00")])
    if minute in (15, 30, 45) and line.chance(0.36):
        if minute == 15:
            return line.pick(["quarter past ", "a quarter past ", "quarter past ", "quarter after "]) + name
        if minute == 30:
            return line.pick(["half past ", "half past ", "half past ", "half "]) + name
        if to_form:
            return line.pick(["quarter to ", "a quarter to ", "quarter to ", "quarter till "]) + next_name
    if minute % 5 == 0 and minute not in (15, 30, 45) and line.chance(0.25):
        if minute < 30:
            count = say(line, minute)
            return count + line.pick([" past ", " past ", " after ", " minutes past "]) + name
        if to_form:
            return say(line, 60 - minute) + line.pick([" to ", " to ", " minutes to ", " til "]) + next_name
    if spell:
        if minute < 10:
            return f"{name} {line.pick(['oh', 'o'])} {words(minute)}"
        return f"{name} {words(minute, line.pick([' ', ' ', '-']))}"
    return f"{hour}{line.weighted([(20, ':'), (2, '.')])}{minute:02}"


def rule_hour(hour, alarm):
    """24-hour reading of an hour on the dial, by the rule for no am or pm and no part of the day."""
    hour %= 12
    if alarm:
        return hour if 4 <= hour <= 11 else hour + 12
    return hour if 7 <= hour <= 11 else hour + 12


PARTS = {"morning": (5, 11), "afternoon": (13, 17), "evening": (17, 22), "night": (20, 23), "tonight": (18, 23)}
MINUTES = [0] * 9 + [30] * 5 + [15, 45, 15, 45, 10, 20, 40, 50, 5, 25, 35, 55]


def clock_hour(line, part):
    if part in PARTS:
        low, high = PARTS[part]
        return line.between(low, high)
    if line.alarm:
        return line.weighted([(70, line.between(4, 9)), (14, line.between(0, 23)), (16, line.between(10, 18))])
    return line.weighted([(80, line.between(7, 21)), (10, line.between(0, 23)), (10, line.between(9, 18))])


def clock(line, key="time", part=None, hedge=True):
    """The words of a time. Sets the argument `key`, or `line.bare[key]` where the words around it decide."""
    line.arguments.pop(key, None)
    line.bare.pop(key, None)
    hour, minute = clock_hour(line, part), line.pick(MINUTES) if line.chance(0.85) else line.between(0, 59)
    kinds = [(40, "ampm"), (34, "bare"), (10, "colon"), (7, "inpart"), (4, "word"), (1.5, "military"), (1, "hundred")]
    if part:
        kinds = [(24, "ampm"), (70, "bare"), (6, "colon")]
    kind = line.weighted(kinds)
    if kind == "word":
        said, form = line.pick([("noon", "12:00"), ("noon", "12:00"), ("midday", "12:00"), ("12 noon", "12:00"),
            ("midnight", "00:00")])
        line.arguments[key] = form
        return exact(said)
    form = f"{hour:02}:{minute:02}"
    if kind == "colon":
        if hour == 0 or hour > 12:
            said = line.weighted([(8, f"{hour}:{minute:02}" if hour else f"00:{minute:02}"),
                (1, f"{hour:02}.{minute:02}")])
            if minute == 0 and hour > 12 and line.chance(0.15):
                said = f"{hour}"
            elif hour > 12 and line.chance(line.spell * 0.4):
                rest = f" oh {words(minute)}" if minute else " hundred"
                said = words(hour) + (f" {words(minute)}" if minute >= 10 else rest)
        elif hour < 10:
            said = f"{hour:02}:{minute:02}"
        else:
            kind = "ampm"
    if kind == "military":
        said = f"{hour:02}{minute:02}" + line.pick([" hours", "", " hours"])
        if not said.endswith("hours") and not (hour > 12 or hour < 10):
            said += " hours"
    if kind == "hundred":
        form = f"{hour:02}:00"
        low = line.pick(["oh ", "zero ", "o "])
        said = (words(hour) if hour > 9 else low + words(hour)) + " hundred" + line.pick(["", "", " hours"])
        if hour == 0 or 10 <= hour <= 12:
            kind = "ampm"
    if kind in ("colon", "military", "hundred"):
        line.arguments[key] = form
        return exact(said)
    shown = hour % 12 or 12
    if kind == "ampm":
        if shown == 12 and minute and hour == 0 and line.chance(0.7):
            minute = 0
        space = line.pick(["", " "])
        said = dial(line, shown, minute)
        if said.endswith("clock"):
            said = said.split()[0]
        said += (space if said[-1].isdigit() else " ") + meridiem(line, hour >= 12)
        line.arguments[key] = f"{hour:02}:{minute:02}"
        if line.chance(0.02):
            wrong, half = dial(line, line.between(1, 12), 0), "pm"
            if line.chance(0.5):
                half = ""
            elif said[-1] in "mM" and " " in said:
                half = said.split()[-1]
            said = corrected(line, f"{wrong} {half}".strip(), said, 1)
        elif hedge and line.chance(0.03):
            said = line.pick(["about ", "around ", "exactly ", "roughly "]) + said
        return exact(said)
    if kind == "inpart":
        if hour < 4:
            tail = " in the morning"
        elif hour < 12:
            tail = " in the morning"
        elif hour < 18:
            tail = " in the afternoon"
        else:
            tail = " in the evening" if hour < 21 or line.chance(0.4) else " at night"
        if shown == 12:
            shown = 11 if hour == 0 else 1
    else:
        tail = ""
    # Where the hour that is named and the hour that is meant fall on two sides of a boundary, only digits are clear.
    to_form = rule_hour(shown, line.alarm) // 12 == rule_hour(shown % 12 + 1, line.alarm) // 12
    said = dial(line, shown, minute, to_form and not part)
    if line.chance(0.02):
        said = corrected(line, dial(line, line.between(1, 12), 0), said, 1)
    elif hedge and line.chance(0.05):
        if said.isdigit() and line.chance(0.4):
            said += line.pick(["ish", "-ish", " ish", " sharp", " on the dot"])
        else:
            said = line.pick(["about ", "around ", "roughly ", "exactly ", "like "]) + said
    elif kind == "bare" and not line.alarm and said == str(shown) and line.chance(0.02):
        said += " sharp"
    line.bare[key] = (shown % 12, minute)
    if tail:
        return Marks.BARE[key] + exact(said + Marks.BARE_END) + exact(tail)
    return Marks.BARE[key] + exact(said) + Marks.BARE_END


@text
def time(line):
    return clock(line)


@text
def sure_time(line):
    """A time that nobody takes for a number of minutes."""
    while True:
        said = clock(line)
        if "time" not in line.bare:
            return said


@text
def at(line):
    lead = line.weighted([(88, "at "), (4, "for "), (3, "@ "), (5, "")]) if line.alarm else line.weighted([(94, "at "),
        (3, "@ "), (3, "")])
    return lead + clock(line)


@text
def after_at(line):
    """A time that always has its preposition."""
    return "at " + clock(line)


@text
def time_range(line):
    """from 2 to 4 pm, 14:00-15:30: sets time and end."""
    start = line.between(7, 20)
    minute = line.pick([0, 0, 0, 0, 30, 15, 45])
    length = line.pick([30, 45, 60, 60, 60, 90, 120, 120, 180, 240])
    total = start * 60 + minute + length
    end, end_minute = divmod(total, 60)
    if end > 23:
        start, minute, end, end_minute = 14, 0, 16, 0
    same_half = start // 12 == end // 12 and start % 12 and end % 12
    link = line.pick([" to ", " to ", " until ", " till ", " - "])
    lead = line.weighted([(8, "from "), (3, ""), (2, "between ")])
    if lead == "between ":
        link = " and "
    roll = line.random()
    if roll < 0.18:  # 24 hours
        first, last = f"{start:02}:{minute:02}", f"{end:02}:{end_minute:02}"
        line.arguments["time"], line.arguments["end"] = first, last
        if start > 12 and line.chance(0.3):
            first, last = first.lstrip("0"), last
        return exact(lead + first + (line.pick(["-", " - ", "-"]) if not lead else link) + last)
    first, last = dial(line, start % 12 or 12, minute, False), dial(line, end % 12 or 12, end_minute, False)
    if roll < 0.42 and same_half:  # 2 to 4 pm
        line.arguments["time"], line.arguments["end"] = f"{start:02}:{minute:02}", f"{end:02}:{end_minute:02}"
        if not lead and first[-1].isdigit() and last[0].isdigit() and line.chance(0.5):
            link = "-"
        return exact(lead + first + link + last + line.pick(["",
            " "] if last[-1].isdigit() else [" "]) + meridiem(line, end >= 12))
    if roll < 0.66:  # 11 am to 1 pm
        line.arguments["time"], line.arguments["end"] = f"{start:02}:{minute:02}", f"{end:02}:{end_minute:02}"
        joint = line.pick(["", " "])
        one, two = (part + (joint if part[-1].isdigit() else " ") for part in (first, last))
        return exact(lead + one + meridiem(line, start >= 12) + link + two + meridiem(line, end >= 12))
    if roll < 0.72:
        line.arguments["time"] = "12:00"
        end = line.between(1, 4)
        line.arguments["end"] = f"{12 + end}:00"
        return exact(f"{lead}{line.pick(['noon', 'noon', 'midday'])}{link}{end}{line.pick(['', '', ' pm', 'pm'])}")
    if roll < 0.76:
        start = line.between(7, 11)
        line.arguments["time"], line.arguments["end"] = f"{start:02}:00", "12:00"
        return exact(f"{lead}{start}{line.pick(['', ' am', 'am'])}{link}noon")
    line.bare["time"], line.bare["end"] = (start % 12, minute), (end % 12, end_minute)
    first, last = Marks.BARE["time"] + exact(first) + Marks.BARE_END, Marks.BARE["end"] + exact(last) + Marks.BARE_END
    return lead + first + link + last
