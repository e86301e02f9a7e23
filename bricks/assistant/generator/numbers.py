"""Numbers as people say and write them."""

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split() + ["twenty " + word for word in "first second third fourth fifth sixth seventh eighth ninth".split()]
ORDINALS += ["thirtieth", "thirty first"]


def words(number, joint=" ", and_="", a=False):
    """`number` in words; between tens and ones stands `joint`, after hundreds `and_`; `a` for "a hundred"."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens] + (joint + ONES[ones] if ones else "")
    for size, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= size:
            count, rest = divmod(number, size)
            head = "a" if a and count == 1 else words(count, joint, and_)
            link = " " + and_ if rest < 100 or size == 100 else " "
            return f"{head} {name}" + (link.rstrip() + " " + words(rest, joint, and_) if rest else "")
    raise ValueError(number)


def ordinal(day):
    """1st, 2nd, 3rd, 11th."""
    return f"{day}{'th' if day % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def shortest(value):
    """A JSON number for `value`: an int where it is whole."""
    value = round(value, 4)
    return int(value) if value == int(value) else value


def plain(value):
    """The digits of a number that is finite, without an exponent and without zeros at its end."""
    return str(shortest(value))


def say(line, number, a=False):
    """A whole number, in digits or words as the line has it."""
    if number <= 9999 and line.chance(line.spell):
        joint = "-" if line.chance(0.3) else " "
        return words(number, joint, "and " if line.chance(0.5) else "", a and line.chance(0.6))
    if number >= 1000 and line.chance(0.4):
        return f"{number:,}"
    return str(number)


def say_decimal(line, value):
    """A number that may have decimals."""
    if value == int(value):
        return say(line, int(value))
    text = plain(value)
    if line.chance(line.spell):
        whole, digits = text.split(".")
        if digits == "5" and line.chance(0.5):
            return f"{words(int(whole))} and a half" if int(whole) else "half"
        head = words(int(whole)) if int(whole) or line.chance(0.5) else ""
        return f"{head} point {' '.join(ONES[int(digit)] for digit in digits)}".strip()
    return text


def amount(line, large=False):
    """A quantity for conversions: its words, and its number. `large` for money."""
    roll = line.random()
    if roll < 0.50:
        value = line.weighted([(5, line.between(1, 20)), (5, line.between(10, 120)), (2, 5 * line.between(1, 60)),
                               (2, 50 * line.between(1, 40)), (1, line.between(100, 9999))])  # fmt: skip
        return say(line, value, a=True), value
    if roll < 0.64:
        value = shortest(line.between(1, 400) / 10 if line.chance(0.6) else line.between(1, 30000) / 100)
        return say_decimal(line, value), value
    if roll < 0.72 and large:
        return line.pick([("a hundred", 100), ("a thousand", 1000), ("one hundred", 100), ("a million", 1000000),
                          ("two thousand", 2000), ("ten thousand", 10000), ("a couple hundred", 200),
                          ("a few hundred", 300), ("half a million", 500000),
                          ("a hundred thousand", 100000)])  # fmt: skip
    if roll < 0.80 and large:
        value = line.pick([1, 1.5, 2, 2.5, 3, 5, 7, 7.5, 8, 10, 12, 15, 20, 25, 40, 50, 60, 75, 80, 100, 120, 250, 500])
        name, size = line.pick([("k", 1000), ("k", 1000), ("K", 1000), (" million", 1000000), (" thousand", 1000)])
        number = plain(value) if name in "kK" or line.chance(1 - line.spell) else say_decimal(line, value)
        return number + name, shortest(value * size)
    if roll < 0.78 or 0.80 <= roll < 0.82:
        count = line.between(11, 19) if line.chance(0.5) else line.between(21, 29)
        return f"{words(count)} hundred", count * 100
    if roll < 0.86:
        count = line.between(1, 12)
        head = say(line, count)
        if head.isdigit():
            return (f"{head} 1/2" if line.chance(0.5) else f"{head} and a half"), count + 0.5
        return f"{head} and a half", count + 0.5
    if roll < 0.90:
        return line.pick([("a dozen", 12), ("two dozen", 24), ("half a dozen", 6), ("a couple of", 2), ("a few", 3),
                          ("a couple", 2), ("a hundred", 100), ("a thousand", 1000)])  # fmt: skip
    if roll < 0.95:
        value = line.between(1, 99) * line.pick([1000, 100, 500])
        return (f"{value:,}" if line.chance(0.7) else str(value)), value
    value = line.between(1, 12)
    return say(line, value), value
