"""Days, times and numbers without a meaning for the call: within messages, notes, items and what is not its job."""

from .clock import MINUTES, dial, meridiem
from .dates import MONTHS, WEEKDAYS, date_form, titled
from .durations import simple_duration
from .numbers import say
from .spoken import text


@text
def some_day(line):
    return date_form(line, False, periods=True)[0]


@text
def some_on(line):
    return date_form(line, True, periods=True)[0]


@text
def some_time(line):
    hour = line.between(1, 12)
    said = dial(line, hour, line.pick(MINUTES))
    return said + (line.pick(["", " "] if said[-1].isdigit() else [" "]) + meridiem(line,
        line.chance(0.6)) if line.chance(0.5) else "")


@text
def some_duration(line):
    return simple_duration(line)[0]


@text
def some_number(line):
    return say(line, line.weighted([(6, line.between(1, 12)), (4, line.between(2, 100)), (1, line.between(100, 5000))]))


@text
def small_number(line):
    return say(line, line.between(2, 12))


@text
def digits(line):
    return str(line.between(10, 9999))


@text
def weekday(line):
    return titled(line, line.pick(WEEKDAYS))


@text
def month(line):
    return titled(line, line.pick(MONTHS))


@text
def year(line):
    return str(line.between(1800, 2035))
