"""calculate: expressions, as they are said and as the contract writes them."""

from ..engine import exact
from ..numbers import plain, say, say_decimal, words
from ..spoken import corrected
from . import group, nulls


def number(line, low=1, high=None):
    """(words, digits) of a number in an expression."""
    roll = line.random()
    if roll < 0.72 or high:
        value = line.between(low, high or line.pick([12, 20, 50, 99, 100, 250, 999]))
        return say(line, value, a=value >= 100), str(value)
    if roll < 0.82:
        value = line.between(1, 99) + line.between(1, 9) / 10
        return say_decimal(line, value), plain(value)
    if roll < 0.87:
        value = line.between(0, 60) + line.pick([25, 75, 35, 95, 99, 45, 15]) / 100
        return say_decimal(line, value), plain(value)
    if roll < 0.93:
        value = line.between(10, 99) * line.pick([10, 100, 50])
        return say(line, value), str(value)
    if roll < 0.96:
        value = line.between(1000, 99999)
        return (f"{value:,}" if line.chance(0.6) else str(value)), str(value)
    if roll < 0.975:
        return line.pick([("a hundred", "100"), ("a thousand", "1000"), ("a dozen", "12"), ("one thousand", "1000"),
            ("two dozen", "24"), ("twelve hundred", "1200"), ("2k", "2000"), ("a million", "1000000"),
            ("10k", "10000"), ("1.5 million", "1500000")])  # fmt: skip
    value = line.between(1, 60)
    return line.pick(["minus ", "negative ", "minus "]) + say(line, value), f"-{value}"


def money_number(line):
    """A number that may carry a sign of money, which is left out."""
    said, digits = number(line, 5)
    if digits.startswith("-"):
        said, digits = "80", "80"
    if said[0].isdigit() and "k" not in said and line.chance(0.35):
        said = line.pick(["$", "$", "€", "£"]) + said
    elif line.chance(0.15):
        said += line.pick([" dollars", " bucks", " euros", " pounds"])
    return said, digits


def percent_number(line):
    value = line.pick([5, 10, 12, 15, 18, 20, 20, 25, 30, 40, 50, 60, 75, 8, 7,
        3]) if line.chance(0.8) else line.between(1, 99)
    if line.chance(0.08):
        value += 0.5
    said = say_decimal(line, value)
    tail = line.pick(["%", "%", " percent", " %", " per cent"]) if said[-1].isdigit() else " percent"
    return said + tail, plain(value) + "%"


PLUS, MINUS, TIMES, OVER = "+", "-", "*", "/"
WORDS_OF = {
    PLUS: ["plus", "plus", "plus", "+", "+", "and", "added to"],
    MINUS: ["minus", "minus", "minus", "-", "-", "take away", "less"],
    TIMES: ["times", "times", "times", "x", "x", "*", "*", "multiplied by", "×"],
    OVER: ["divided by", "divided by", "/", "/", "over", "÷", "by"],
}


def link(line, operator):
    """An operation between two numbers, as words or as a sign with spaces or without."""
    word = line.pick(WORDS_OF[operator])
    if word in ("and", "by", "added to"):
        word = WORDS_OF[operator][0]
    if word in "+*/x×÷-" and line.chance(0.4) and word != "-":
        return word
    return f" {word} "


def chain(line):
    """Two to four numbers with operations between them, in the order that they are said."""
    count = line.weighted([(70, 2), (24, 3), (6, 4)])
    said, form = number(line)
    if form.startswith("-") and count > 2:
        said, form = number(line, 1, 50)
    for _ in range(count - 1):
        operator = line.pick([PLUS, PLUS, MINUS, TIMES, TIMES, OVER])
        more, digits = number(line)
        if digits.startswith("-"):
            more, digits = number(line, 2, 40)
        between = link(line, operator)
        if len(between) == 1 and not (said[-1].isdigit() and more[0].isdigit()):
            between = f" {between} "
        said += between + more
        form += operator + digits
    return said, form


def ordinal_power(line):
    base, power = line.between(2, 20), line.between(2, 10)
    names = {4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth", 10: "tenth", 3: "third",
        2: "second"}
    head = say(line, base)
    tail = line.pick([
        f" to the power of {say(line, power)}", f" to the power {say(line, power)}",
        f" raised to the power of {say(line, power)}",
        f"^{power}" if head.isdigit() else f" to the power of {say(line, power)}",
        f" to the {names[power]}", f" to the {names[power]} power", f" raised to the {names[power]}",
        f" raised to {say(line, power)}", f" ^ {power}" if head.isdigit() else f" to the {names[power]}",
    ])  # fmt: skip
    return head + tail, f"{base}^{power}"


FRACTIONS = [
    (("half of", "one half of", "half", "a half of"), "{}/2"), (("a third of", "one third of", "1/3 of"), "{}/3"),
    (("a quarter of", "one quarter of", "a fourth of", "one fourth of"), "{}/4"),
    (("a fifth of", "one fifth of"), "{}/5"), (("a tenth of", "one tenth of"), "{}/10"),
    (("an eighth of", "one eighth of"), "{}/8"), (("a sixth of", "one sixth of"), "{}/6"),
    (("three quarters of", "3/4 of", "three fourths of"), "3/4*{}"), (("two thirds of", "2/3 of"), "2/3*{}"),
    (("two fifths of", "2/5 of"), "2/5*{}"), (("three fifths of",), "3/5*{}"),
    (("double", "twice", "double", "twice", "two times"), "2*{}"), (("triple", "three times"), "3*{}"),
    (("five eighths of", "5/8 of"), "5/8*{}"),
]  # fmt: skip


def fraction(line):
    heads, form = line.pick(FRACTIONS)
    said, digits = number(line)
    while digits.startswith("-"):
        said, digits = number(line)
    return f"{line.pick(heads)} {said}", form.replace("{}", digits)


def listing(line, values):
    """3, 4 and 8."""
    said = [text for text, _ in values]
    if len(said) == 2 or line.chance(0.15):
        return " and ".join(said)
    return ", ".join(said[:-1]) + line.pick([" and ", ", and ", " and "]) + said[-1]


def small(line):
    return number(line, 1, line.pick([10, 30, 100, 500]))


def phrase(line):
    """(words, form) of what is asked after what's: a noun phrase or an expression."""
    roll = line.random()
    if roll < 0.40:
        return chain(line)
    if roll < 0.46:
        said, digits = number(line, 1, line.pick([20, 99, 30]))
        return line.pick([(f"{said} squared", f"{digits}^2"), (f"{said} cubed", f"{digits}^3"),
            (f"{said} squared", f"{digits}^2"), (f"the square of {said}", f"{digits}^2"),
            (f"the cube of {said}", f"{digits}^3")])
    if roll < 0.51:
        return ordinal_power(line)
    if roll < 0.58:
        value = line.between(1, 30) ** 2 if line.chance(0.7) else line.between(2, 5000)
        said = say(line, value)
        form = f"sqrt({value})"
        return line.pick([f"the square root of {said}", f"the square root of {said}", f"square root of {said}",
            f"the root of {said}", f"root {said}", f"sqrt {said}", f"sqrt({value})", f"the sqrt of {said}",
            f"√{value}", f"square root {said}"]), form
    if roll < 0.68:
        return fraction(line)
    if roll < 0.80:
        share, rate = percent_number(line)
        said, digits = money_number(line)
        kind = line.random()
        if kind < 0.45:
            return f"{share} of {said}", f"{rate}*{digits}"
        if kind < 0.58:
            return line.pick([f"a {share} tip on {said}", f"a {share} tip on {said}", f"{share} tip on {said}",
                f"a {share} tip for {said}", f"{share} tip on a {said} bill", f"the tip on {said} at {share}",
                f"{share} tax on {said}", f"{share} interest on {said}"]), f"{rate}*{digits}"
        if kind < 0.70:
            return line.pick([f"{said} plus {share}", f"{said} with a {share} tip", f"{said} plus a {share} tip",
                f"{said} and {share} on top", f"{said} with {share} tip", f"{said} + {share}",
                f"{said} with {share} tax", f"{said} plus {share} tax",
                f"{said} increased by {share}"]), f"{digits}*(1+{rate})"
        if kind < 0.86:
            return line.pick([f"{share} off {said}", f"{share} off of {said}", f"{said} minus {share}",
                f"{said} with {share} off", f"{said} less {share}", f"{said} with a {share} discount",
                f"{said} - {share}", f"{said} at {share} off", f"{said} reduced by {share}",
                f"{said} minus a {share} discount"]), f"{digits}*(1-{rate})"
        other, whole = money_number(line)
        return line.pick([f"{said} as a percentage of {other}", f"{said} out of {other} in percent",
            f"{said} out of {other} as a percentage", f"{said} of {other} in percent",
            f"{said} as a percent of {other}"]), f"{digits}/{whole}*100"
    if roll < 0.86:
        values = [small(line) for _ in range(line.between(2, 4))]
        digits = [digits for _, digits in values]
        kind = line.random()
        if kind < 0.5:
            head = line.pick(["the average of", "the average of", "the mean of", "average of", "the average between"])
            return f"{head} {listing(line, values)}", f"({'+'.join(digits)})/{len(digits)}"
        if kind < 0.8:
            head = line.pick(["the sum of", "the sum of", "the total of", "sum of"])
            return f"{head} {listing(line, values)}", "+".join(digits)
        (one, first), (two, second) = values[:2]
        return line.pick([(f"the product of {one} and {two}", f"{first}*{second}"),
            (f"the difference between {one} and {two}", f"{first}-{second}"),
            (f"the difference of {one} and {two}", f"{first}-{second}"),
            (f"the quotient of {one} and {two}", f"{first}/{second}")])
    if roll < 0.93:
        (one, first), (two, second), (three, third) = small(line), small(line), small(line)
        operator, later = line.pick([PLUS, MINUS]), line.pick([TIMES, TIMES, OVER])
        named = "the sum" if operator == PLUS else "the difference"
        inner = f"{one} {WORDS_OF[operator][0]} {two}"
        then = {TIMES: "times", OVER: "divided by"}[later]
        verb = {TIMES: "multiply by", OVER: "divide by"}[later]
        form = f"({first}{operator}{second}){later}{third}"
        return line.pick([
            f"{inner}, then {then} {three}", f"{inner} then {then} {three}", f"{inner}, all that {then} {three}",
            f"{inner}, all of that {then} {three}", f"{inner} and then {then} {three}",
            f"{inner}, then {verb} {three}", f"{inner}, then {verb} that by {three}".replace("multiply by that by",
            "multiply that by").replace("divide by that by", "divide that by"),
            f"{named} of {one} and {two}, {then} {three}",
            f"the sum of {one} and {two} {then} {three}" if operator == PLUS else f"{inner}, then {then} {three}",
            f"({one} {operator} {two}) {later} {three}", f"({one}{operator}{two}){later}{three}",
        ]), form  # fmt: skip
    (one, first), (two, second) = small(line), small(line)
    return line.pick([(f"{two} from {one}", f"{first}-{second}"), (f"{two} into {one}", f"{first}/{second}"),
        (f"{two} subtracted from {one}", f"{first}-{second}"), (f"{two} taken from {one}", f"{first}-{second}"),
        (f"{two} taken away from {one}", f"{first}-{second}")])


def order(line):
    """(words, form) of what is to be done: add 5 and 3."""
    (one, first), (two, second) = number(line), number(line)
    if first.startswith("-") or second.startswith("-"):
        (one, first), (two, second) = small(line), small(line)
    three, third = small(line)
    share, rate = percent_number(line)
    cost, digits = money_number(line)
    ways = line.between(2, 12)
    return line.pick([
        (f"add {one} and {two}", f"{first}+{second}"), (f"add {one} to {two}", f"{first}+{second}"),
        (f"add up {one} and {two}", f"{first}+{second}"), (f"add {one}, {two} and {three}",
        f"{first}+{second}+{third}"),
        (f"add up {one}, {two} and {three}", f"{first}+{second}+{third}"),
        (f"sum {one} and {two}", f"{first}+{second}"), (f"add {one} and {two} together", f"{first}+{second}"),
        (f"subtract {one} from {two}", f"{second}-{first}"), (f"subtract {one} from {two}", f"{second}-{first}"),
        (f"take {one} from {two}", f"{second}-{first}"), (f"take {one} away from {two}", f"{second}-{first}"),
        (f"deduct {one} from {two}", f"{second}-{first}"),
        (f"multiply {one} by {two}", f"{first}*{second}"), (f"multiply {one} by {two}", f"{first}*{second}"),
        (f"multiply {one} and {two}", f"{first}*{second}"), (f"multiply {one} with {two}", f"{first}*{second}"),
        (f"times {one} by {two}", f"{first}*{second}"),
        (f"divide {one} by {two}", f"{first}/{second}"), (f"divide {one} by {two}", f"{first}/{second}"),
        (f"divide {one} into {ways} parts", f"{first}/{ways}"),
        (f"split {cost} {words(ways)} ways", f"{digits}/{ways}"), (f"split {cost} {ways} ways", f"{digits}/{ways}"),
        (f"split {cost} between {words(ways)} people", f"{digits}/{ways}"),
        (f"split {cost} by {ways}", f"{digits}/{ways}"), (f"split {cost} among {ways} people", f"{digits}/{ways}"),
        (f"divide {cost} between {ways} people", f"{digits}/{ways}"),
        (f"square {one}", f"{first}^2"), (f"cube {one}", f"{first}^3"), (f"double {one}", f"2*{first}"),
        (f"triple {one}", f"3*{first}"), (f"halve {one}", f"{first}/2"),
        (f"add {share} to {cost}", f"{digits}*(1+{rate})"), (f"add a {share} tip to {cost}", f"{digits}*(1+{rate})"),
        (f"take {share} off {cost}", f"{digits}*(1-{rate})"), (f"subtract {share} from {cost}",
        f"{digits}*(1-{rate})"), (f"increase {cost} by {share}", f"{digits}*(1+{rate})"),
        (f"reduce {cost} by {share}", f"{digits}*(1-{rate})"),
    ])  # fmt: skip


def phrase_setup(line):
    said, form = phrase(line)
    line.arguments["expression"] = form
    if line.chance(0.015) and not any(char in said for char in "(,"):
        said = corrected(line, chain(line)[0], said, 1)
    line.words = {"xp": exact(said)}


def order_setup(line):
    said, form = order(line)
    line.arguments["expression"] = form
    line.words = {"xo": exact(said)}


def of_setup(line):
    """what percent of 80 is 20."""
    (part, one), (whole, all_) = money_number(line), money_number(line)
    line.arguments["expression"] = f"{one}/{all_}*100"
    line.words = {"xpart": exact(part), "xwhole": exact(whole)}


def tip_setup(line):
    share, rate = percent_number(line)
    cost, digits = money_number(line)
    line.arguments["expression"] = f"{rate}*{digits}"
    line.words = {"xshare": exact(share), "xcost": exact(cost)}


TEXTS = {name: lambda line, name=name: line.words[name] for name in ("xp", "xo", "xpart", "xwhole", "xshare", "xcost")}
MACROS = {"pc": "[percent|percent|percentage|%|per cent]"}
PATTERNS = [
    group("calculate", "phrase", 12, """
        what's {xp}
        what's {xp}
        what is {xp}
        what is {xp}
        whats {xp}
        what does {xp} [make|equal|come to|give|add up to]
        what do I get for {xp}
        what do you get [from|for] {xp}
        what would {xp} be
        what's the [answer|result] [to|of] {xp}
        what's the result of {xp}
        how much is {xp}
        how much is {xp}
        how much does {xp} [make|come to]
        how much would {xp} be
        how many is {xp}
        {xp}
        {xp}
        {xp}
        {xp} =
        {xp} = ?
        {xp} equals
        {xp} equals what
        {xp} is what
        {xp} is how much
        {xp} makes what
        {xp} please
        !calculate {xp}
        !calculate {xp}
        !compute {xp}
        !work out {xp}
        !work {xp} out
        !figure out {xp}
        !solve {xp}
        !evaluate {xp}
        !find {xp}
        !do {xp}
        !tell me {xp}
        !tell me what {xp} is
        !tell me how much {xp} is
        !give me {xp}
        !do the math: {xp}
        !do the math on {xp}
        !do the sum {xp}
        !get me {xp}
        !crunch {xp}
        !run the numbers: {xp}
        ~{xp}
        ~the [result|answer] of {xp}
        math: {xp}
        quick math, {xp}
        quick maths: {xp}
        calc {xp}
        calculate: {xp}
        calculator: {xp}
        the result of {xp}
        do you know what {xp} is
        do you know {xp}
        any idea what {xp} is
        I need to know {xp}
        I need to know what {xp} is
        I want to know what {xp} is
        I'd like to know how much {xp} is
        I forgot, what's {xp}
        help me with {xp}
        can you do {xp}
        can you tell me {xp}
        let's calculate {xp}
        let's see, what's {xp}
        okay what's {xp}
        so what is {xp}
    """, setup=phrase_setup),
    group("calculate", "order", 5, """
        !{xo}
        !{xo}
        !{xo}
        {xo}
        {xo}
        what do I get if I {xo}
        what do you get if you {xo}
        what do you get when you {xo}
        what happens if I {xo}
        what's the result if I {xo}
        what if I {xo}
        how much is it if I {xo}
        how much is it if we {xo}
        if I {xo} what do I get
        if you {xo}, what do you get
        I need to {xo}
        I want to {xo}
        I'd like to {xo}
        I need you to {xo}
        let's {xo}
        help me {xo}
        now {xo}
        calculate: {xo}
        tell me what you get if you {xo}
    """, setup=order_setup),
    group("calculate", "share", 1.6, """
        what {pc} of {xwhole} is {xpart}
        what {pc} of {xwhole} is {xpart}
        what {pc} is {xpart} of {xwhole}
        what {pc} of {xwhole} does {xpart} make
        {xpart} is what {pc} of {xwhole}
        {xpart} is what percent of {xwhole}
        {xpart} out of {xwhole} in percent
        {xpart} out of {xwhole} as a percentage
        how many percent of {xwhole} is {xpart}
        how many percent is {xpart} of {xwhole}
        {xpart} of {xwhole} in percent
        !tell me what {pc} of {xwhole} is {xpart}
        !work out {xpart} as a percentage of {xwhole}
        !express {xpart} out of {xwhole} as a {pc}
        !calculate what {pc} {xpart} is of {xwhole}
        I got {xpart} out of {xwhole}, what is that in percent
    """, setup=of_setup),
    group("calculate", "tip", 1.2, """
        what's {xshare} of {xcost}
        how much is a_ {xshare} tip on {xcost}
        how much is a_ {xshare} tip on a_ {xcost} bill
        how much should I tip on {xcost} at {xshare}
        how much do I tip on {xcost} at {xshare}
        how much tip is {xshare} on {xcost}
        !calculate a_ {xshare} tip on {xcost}
        !calculate the tip on {xcost} at {xshare}
        !work out a_ {xshare} tip on {xcost}
        !figure out a_ {xshare} tip on a bill of {xcost}
        tip {xshare} on {xcost}
        {xshare} tip on {xcost}
        ~a_ {xshare} tip on {xcost}
        the bill is {xcost}, what's a_ {xshare} tip
        the bill is {xcost}, how much is {xshare}
        I want to tip {xshare} on {xcost}
    """, setup=tip_setup),
    nulls("calculate: not its job", """
        !calculate
        !do some math
        do the math
        calculator
        math
        open the calculator
        add {some_number}
        !multiply it by {small_number}
        !divide that by {small_number}
        times {small_number}
        and divided by {small_number}
        plus {some_number}
        !add {some_number} to that
        what's half of that
        what's {some_number} percent
        what's the square root
        I had {some_number} {food} and (I )ate {small_number}
        I had {some_number} {food} and gave {first} {small_number}, how many are left
        if I have {some_number} {food} and eat {small_number}, how many do I have (left)
        if {first} has {small_number} {object}s and loses {small_number}, how many are left
        {first} has {some_number} {animal}s and {first} has {small_number}, how many are there
        {first} is {some_number} years old and {first} is {small_number} years older, how old is {first}
        a train leaves {city} at {some_time} going {some_number} miles per hour, when does it arrive
        if a_ {object} costs {price} and I buy {small_number}, how much [do I pay|is it]
        how much do {small_number} {object}s cost at {price} each
        if I earn {price} an hour, how much is that a year
        if I save {price} a month, how long until I have {price}
        how long does it take to drive {some_number} miles at {some_number} mph
        how many {food} can I buy for {price}
        solve x squared plus {small_number} x equals {some_number}
        solve {small_number}x + {small_number} = {some_number}
        solve for x
        what is x if {small_number}x = {some_number}
        find x
        what's the derivative of [x squared|sin x|x cubed|e to the x]
        what is the integral of [x|x squared|cos x]
        integrate [x squared|sin x|1 over x]
        what's the [sine|cosine|tangent] of {some_number} (degrees)
        sin {some_number}
        cos of {some_number} degrees
        what's the (natural )log of {some_number}
        log {some_number}
        what's {small_number} factorial
        {small_number} factorial
        what is {some_number} mod {small_number}
        {some_number} modulo {small_number}
        what's the remainder of {some_number} divided by {small_number}
        what's the cube root of {some_number}
        what's the fourth root of {some_number}
        what's the greatest common divisor of {some_number} and {some_number}
        what's the least common multiple of {small_number} and {small_number}
        is {some_number} a prime (number)
        is {some_number} divisible by {small_number}
        is {some_number} [bigger|larger|more] than {some_number}
        what are the prime factors of {some_number}
        what are the factors of {some_number}
        how many [zeros|digits] (are )in (a )[million|billion|trillion|googol]
        what's the [value of pi|10th digit of pi|golden ratio|value of e]
        what is pi
        what's infinity [plus one|minus one]
        round {some_number} to the nearest [ten|hundred]
        what's the median of {small_number}, {small_number} and {small_number}
        what's the standard deviation of {small_number}, {small_number} and {small_number}
        what's the [area|circumference|volume] of a [circle|sphere|square|cube] with (a )radius {small_number}
        what's the area of a room that is {small_number} by {small_number} (meters)
        what's the hypotenuse of a triangle with sides {small_number} and {small_number}
        what's {some_number} days from [today|now]
        what's {small_number} weeks from {weekday}
        how many days [are there |]between {some_day} and {some_day}
        how old am I if I was born in {year}
        how old is someone born in {year}
        what year was {some_number} years ago
        what's {some_time} plus {some_duration}
        what time is it in {some_duration}
        {some_duration} plus {some_duration}
        what's {small_number} feet plus {small_number} inches
        what's {small_number} kilos plus {small_number} pounds
        what's {some_number} plus {some_number} and {some_number} times {some_number}
        what's {some_number} plus {some_number} and what's {some_number} minus {small_number}
        pick a (random )number (between {small_number} and {some_number})
        give me a random number
        roll [a|two] dice
        roll a d20
        flip a coin
        count to {some_number}
        count from {small_number} to {some_number}
        count backwards from {some_number}
        what comes after {some_number}
        what's the next number in {small_number}, {small_number}, {some_number}
        how do you spell {some_number}
        how do I [divide fractions|calculate percentages|find the area of a circle|do long division
        + |multiply fractions|calculate a tip]
        how do you calculate [a tip|compound interest|the area of a triangle|an average]
        what's the formula for [the area of a circle|compound interest|speed|the volume of a sphere]
        what is [algebra|calculus|a prime number|pi|a fraction|long division|a square root|statistics
        + |the pythagorean theorem]
        who invented [algebra|zero|calculus|the calculator]
        can you [do math|calculate|multiply|do my homework|count|do long division]
        are you good at math
        explain [fractions|long division|percentages|calculus|algebra] [to me|]
        help me with my math homework
        help me with my homework
        I [added|multiplied|counted] {some_number} and {some_number} (and got {some_number})
        I'm [bad|good] at math
        math is [hard|fun|boring]
        {some_number}
        {some_number} {food}
        minus
        how much is [too much|enough|it|a lot|this|that]
        how much should I tip [in {country}|]
        how much is a tip usually
        should I tip in {country}
        how much interest will I pay on a {price} loan
        what's my monthly payment on a {price} mortgage
        what's my bmi
        how many calories did I burn
        don't calculate [it|that|anything]
        if {some_number} plus {some_number} is {some_number}, what's the moon made of
    """, 2.6),
]
EXTRAS = {
    "calculate": (
        "[and explain it|step by step|and text it to {first}|with {small_number} decimals|in hexadecimal"
        "|and write it down|rounded to the nearest ten|in roman numerals|in binary|and double check it"
        "|to {small_number} decimal places]"
    ),
}
