"""convert_units and convert_currency: units and currencies with their names, and the ways to ask."""

from ..engine import exact
from ..numbers import amount, plain, say, say_decimal, shortest
from ..spoken import corrected
from . import group, nulls

# unit: (one of them, several, short forms, kind)
UNITS = {
    "mm": (["millimeter", "millimetre"], ["millimeters", "millimetres"], ["mm"], "length"),
    "cm": (["centimeter", "centimetre"], ["centimeters", "centimetres"], ["cm", "cms"], "length"),
    "m": (["meter", "metre"], ["meters", "metres"], ["m"], "length"),
    "km": (["kilometer", "kilometre"], ["kilometers", "kilometres"], ["km", "kms", "k's", "klicks"], "length"),
    "in": (["inch"], ["inches"], ["in", "\""], "length"),
    "ft": (["foot"], ["feet"], ["ft", "foot"], "length"),
    "yd": (["yard"], ["yards"], ["yd", "yds"], "length"),
    "mi": (["mile"], ["miles"], ["mi", "mile"], "length"),
    "mg": (["milligram"], ["milligrams"], ["mg"], "mass"),
    "g": (["gram"], ["grams", "grammes"], ["g", "gr"], "mass"),
    "kg": (["kilogram", "kilo"], ["kilograms", "kilos"], ["kg", "kgs"], "mass"),
    "t": (["ton", "tonne", "metric ton"], ["tons", "tonnes", "metric tons"], ["t"], "mass"),
    "oz": (["ounce"], ["ounces"], ["oz"], "mass"),
    "lb": (["pound"], ["pounds"], ["lb", "lbs"], "mass"),
    "st": (["stone"], ["stone", "stones"], ["st"], "mass"),
    "ml": (["milliliter", "millilitre"], ["milliliters", "millilitres"], ["ml", "mls"], "volume"),
    "cl": (["centiliter", "centilitre"], ["centiliters", "centilitres"], ["cl"], "volume"),
    "dl": (["deciliter", "decilitre"], ["deciliters", "decilitres"], ["dl"], "volume"),
    "l": (["liter", "litre"], ["liters", "litres"], ["l", "L"], "volume"),
    "tsp": (["teaspoon"], ["teaspoons"], ["tsp", "tsps"], "volume"),
    "tbsp": (["tablespoon"], ["tablespoons"], ["tbsp", "tbsps"], "volume"),
    "floz": (["fluid ounce"], ["fluid ounces"], ["fl oz", "fl. oz", "floz"], "volume"),
    "cup": (["cup"], ["cups"], ["cup"], "volume"),
    "pt": (["pint"], ["pints"], ["pt"], "volume"),
    "qt": (["quart"], ["quarts"], ["qt", "qts"], "volume"),
    "gal": (["gallon"], ["gallons"], ["gal"], "volume"),
    "celsius": (["degree celsius"], ["degrees celsius", "celsius", "degrees centigrade", "centigrade", "degrees c"],
    ["C", "°C", "c"], "heat"),
    "fahrenheit": (["degree fahrenheit"], ["degrees fahrenheit", "fahrenheit", "degrees f"], ["F", "°F", "f"], "heat"),
    "kelvin": (["kelvin"], ["kelvin", "kelvins"], ["K"], "heat"),
    "m2": (["square meter", "square metre"], ["square meters", "square metres"], ["sqm", "m2", "sq m", "m²"], "area"),
    "km2": (["square kilometer", "square kilometre"], ["square kilometers", "square kilometres"],
    ["km2", "sq km", "km²"], "area"),
    "ha": (["hectare"], ["hectares"], ["ha"], "area"),
    "ft2": (["square foot"], ["square feet"], ["sq ft", "sqft", "ft2", "square ft"], "area"),
    "acre": (["acre"], ["acres"], ["acre"], "area"),
    "km/h": (["kilometer per hour"], ["kilometers per hour", "kilometres per hour", "kilometers an hour"],
    ["km/h", "kmh", "kph", "kmph"], "speed"),
    "m/s": (["meter per second"], ["meters per second", "metres per second", "meters a second"], ["m/s", "mps"],
    "speed"),
    "mph": (["mile per hour"], ["miles per hour", "miles an hour"], ["mph", "mi/h"], "speed"),
    "kn": (["knot"], ["knots"], ["kn", "kts"], "speed"),
    "s": (["second"], ["seconds"], ["s", "sec", "secs"], "time"),
    "min": (["minute"], ["minutes"], ["min", "mins"], "time"),
    "h": (["hour"], ["hours"], ["h", "hrs", "hr"], "time"),
    "day": (["day"], ["days"], ["days"], "time"),
    "week": (["week"], ["weeks"], ["weeks"], "time"),
    "year": (["year"], ["years"], ["yrs", "years"], "time"),
    "kB": (["kilobyte"], ["kilobytes"], ["kb", "kB", "KB"], "data"),
    "MB": (["megabyte", "meg"], ["megabytes", "megs"], ["mb", "MB"], "data"),
    "GB": (["gigabyte", "gig"], ["gigabytes", "gigs"], ["gb", "GB"], "data"),
    "TB": (["terabyte"], ["terabytes"], ["tb", "TB"], "data"),
    "kJ": (["kilojoule"], ["kilojoules"], ["kj", "kJ"], "energy"),
    "kcal": (["calorie", "kilocalorie"], ["calories", "kilocalories"], ["kcal", "cal", "cals"], "energy"),
    "kW": (["kilowatt"], ["kilowatts"], ["kw", "kW"], "power"),
    "hp": (["horsepower"], ["horsepower"], ["hp"], "power"),
    "kPa": (["kilopascal"], ["kilopascals"], ["kpa", "kPa"], "pressure"),
    "bar": (["bar"], ["bar", "bars"], ["bar"], "pressure"),
    "psi": (["psi"], ["psi"], ["psi", "PSI"], "pressure"),
}  # fmt: skip
KINDS = {}
for unit, (_, _, _, kind) in UNITS.items():
    KINDS.setdefault(kind, []).append(unit)
COMMON = [("km", "mi"), ("mi", "km"), ("kg", "lb"), ("lb", "kg"), ("cm", "in"), ("in", "cm"), ("ft", "m"), ("m", "ft"),
    ("l", "gal"), ("gal", "l"),
          ("cup", "ml"), ("ml", "cup"), ("oz", "g"), ("g", "oz"), ("celsius", "fahrenheit"), ("fahrenheit", "celsius"),
          ("tbsp", "tsp"), ("cup", "tbsp"),
          ("km/h", "mph"), ("mph", "km/h"), ("min", "h"), ("h", "min"), ("day", "h"), ("GB", "MB"), ("acre", "ft2"),
          ("ha", "acre"), ("m2", "ft2"), ("ft2", "m2"),
          ("st", "kg"), ("lb", "oz"), ("ft", "in"), ("yd", "ft"), ("kcal", "kJ"), ("hp", "kW"), ("bar", "psi"),
          ("pt", "l"), ("qt", "l"), ("floz", "ml"), ("week", "day"), ("TB", "GB")]  # fmt: skip
VOLUMES = set(KINDS["volume"])


def unit_name(line, unit, many, other):
    """The name of a unit; beside a volume ounces are fluid ounces."""
    one, several, short, kind = UNITS[unit]
    if unit == "floz" and other in VOLUMES and line.chance(0.45):
        return "ounces" if many else "ounce"
    if line.chance(0.3):
        return line.pick(short)
    return line.pick(several if many or kind == "heat" else one)


def quantity(line, unit, other):
    """A value with its unit, and the value."""
    _, several, short, kind = UNITS[unit]
    if kind == "heat":
        value = line.between(-30, 110) if line.chance(0.6) else line.pick([0, 20, 25, 32, 37, 98.6, 100, 180, 200, 212,
            350, 375, 400, 450, 36.6, 38.5, -40])
        said = plain(value) if value < 0 or not line.chance(line.spell) else say_decimal(line, value)
        if value < 0 and line.chance(0.6):
            said = line.pick(["minus ", "minus ", "negative "]) + plain(-value)
        if unit != "kelvin" and other in ("celsius", "fahrenheit") and line.chance(0.15):
            return said + line.pick([" degrees", "°", " degrees"]), value
        name = unit_name(line, unit, True, other)
        tight = name in ("C", "°C", "F", "°F", "K", "c", "f") and said[-1].isdigit() and line.chance(0.6)
        return said + ("" if tight else " ") + name, value
    roll = line.random()
    if roll < 0.10:
        name, value = line.pick([("half {a} ", 0.5), ("half {a} ", 0.5), ("a quarter of {a} ", 0.25),
            ("a third of {a} ", 0.3333), ("three quarters of {a} ", 0.75),
                                 ("two thirds of {a} ", 0.6667), ("a quarter ", 0.25), ("1/2 ", 0.5), ("1/4 ", 0.25),
                                 ("3/4 ", 0.75), ("1/3 ", 0.3333), ("2/3 ", 0.6667),
                                 ("an eighth of {a} ", 0.125)])  # fmt: skip
        one = line.pick(UNITS[unit][0])
        return name.replace("{a}", "an" if one[0] in "aeiou" or one == "hour" else "a") + one, value
    if roll < 0.16:
        one = line.pick(UNITS[unit][0])
        return line.pick(["one ", "a ", "a ", "1 "]).replace("a ",
            "an " if one[0] in "aeiou" or one == "hour" else "a ") + one, 1
    if roll < 0.21:
        count = line.between(1, 9)
        one, name = line.pick(UNITS[unit][0]), line.pick(several)
        return line.pick([(f"{say(line, count)} and a half {name}", count + 0.5), (f"{count} 1/2 {name}", count + 0.5),
            (f"{'an' if one[0] in 'aeiou' or one == 'hour' else 'a'} {one} and a half", 1.5),
                          (f"{say(line, count)} and a quarter {name}", count + 0.25)])  # fmt: skip
    said, value = amount(line)
    name = unit_name(line, unit, value != 1, other)
    if said.split()[-1] in ("of", "few", "couple", "dozen") and name in short:
        name = line.pick(several)
    tight = said[-1].isdigit() and name in short and line.chance(0.4)
    if name == "\"":
        return (said + name if said[-1].isdigit() else said + " inches"), value
    return said + ("" if tight else " ") + name, value


def units(line):
    """Two units of one kind, and a value of the first."""
    if line.chance(0.45):
        first, second = line.pick(COMMON)
    else:
        kind = line.weighted([(24, "length"), (18, "mass"), (24, "volume"), (14, "heat"), (8, "area"), (8, "speed"),
            (9, "time"), (6, "data"), (4, "energy"), (3, "power"), (4, "pressure")])
        first, second = line.pick(KINDS[kind]), line.pick(KINDS[kind])
        while first == second:
            second = line.pick(KINDS[kind])
    line.arguments["from"], line.arguments["to"] = first, second
    said, value = quantity(line, first, second)
    if line.chance(0.02):
        wrong, _ = quantity(line, first, second)
        said = corrected(line, wrong, said, 1)
    elif line.chance(0.02):
        said = line.pick(["about ", "around ", "exactly ", "roughly "]) + said
    line.arguments["value"] = shortest(value)
    return said, first, second


def target(line, second, first, form="in"):
    name = unit_name(line, second, True, first)
    return "inches" if name == "\"" else name


def unit_setup(line):
    said, first, second = units(line)
    line.words = {"cq": exact(said), "cu": exact(target(line, second, first))}


def one_setup(line):
    """how many ounces in a pound: one of the second unit."""
    first, second = line.pick(COMMON)
    line.arguments.update({"value": 1, "from": second, "to": first})
    big = line.pick(UNITS[second][0])
    small = target(line, first, second) if not line.chance(0.6) else line.pick(UNITS[first][1])
    if first == "floz" and line.chance(0.5):
        small = "ounces"
    lead = line.pick(["an " if big[0] in "aeiou" or big == "hour" else "a "] * 3 + ["one ", "1 "])
    line.words = {"csmall": exact(small), "cbig": exact(lead + big)}


CURRENCIES = {
    "USD": ["dollars", "dollars", "dollars", "us dollars", "american dollars", "usd", "USD", "bucks", "US dollars",
    "u.s. dollars"],
    "EUR": ["euros", "euros", "euros", "euro", "eur", "EUR"],
    "GBP": ["pounds", "pounds", "british pounds", "pounds sterling", "quid", "gbp", "GBP", "sterling", "uk pounds"],
    "JPY": ["yen", "yen", "japanese yen", "jpy", "JPY"],
    "CNY": ["yuan", "yuan", "chinese yuan", "cny", "renminbi", "rmb", "CNY"],
    "INR": ["rupees", "indian rupees", "inr", "INR"],
    "CHF": ["francs", "swiss francs", "chf", "CHF"],
    "CAD": ["canadian dollars", "canadian dollars", "cad", "CAD", "canadian bucks"],
    "AUD": ["australian dollars", "aussie dollars", "aud", "AUD"],
    "NZD": ["new zealand dollars", "nz dollars", "kiwi dollars", "nzd", "NZD"],
    "SEK": ["kronor", "swedish kronor", "swedish krona", "sek", "SEK", "krona"],
    "NOK": ["kroner", "norwegian kroner", "norwegian krone", "nok", "NOK"],
    "DKK": ["danish kroner", "danish krone", "dkk", "DKK"],
    "ISK": ["icelandic krona", "icelandic kronur", "isk", "ISK"],
    "PLN": ["zloty", "polish zloty", "zlotys", "zlotych", "pln", "PLN"],
    "CZK": ["czech koruna", "czech crowns", "koruna", "czk", "CZK"],
    "HUF": ["forints", "forint", "hungarian forint", "huf", "HUF"],
    "RON": ["romanian lei", "romanian leu", "lei", "ron", "RON"],
    "BGN": ["bulgarian lev", "leva", "bulgarian leva", "bgn", "BGN"],
    "TRY": ["lira", "turkish lira", "liras", "try", "TRY"],
    "RUB": ["rubles", "russian rubles", "roubles", "rub", "RUB"],
    "UAH": ["hryvnia", "ukrainian hryvnia", "uah", "UAH"],
    "ILS": ["shekels", "israeli shekels", "new shekels", "ils", "ILS"],
    "AED": ["dirhams", "uae dirhams", "emirati dirhams", "aed", "AED"],
    "SAR": ["saudi riyals", "saudi riyal", "sar", "SAR"],
    "EGP": ["egyptian pounds", "egp", "EGP"],
    "MAD": ["moroccan dirhams", "moroccan dirham", "mad", "MAD"],
    "ZAR": ["rand", "south african rand", "rands", "zar", "ZAR"],
    "NGN": ["naira", "nigerian naira", "ngn", "NGN"],
    "KES": ["shillings", "kenyan shillings", "kes", "KES"],
    "BRL": ["reais", "brazilian reais", "brazilian real", "brl", "BRL"],
    "MXN": ["pesos", "mexican pesos", "mxn", "MXN"],
    "ARS": ["argentine pesos", "argentinian pesos", "ars", "ARS"],
    "CLP": ["chilean pesos", "clp", "CLP"],
    "COP": ["colombian pesos", "cop", "COP"],
    "PEN": ["soles", "peruvian soles", "peruvian sol", "pen", "PEN"],
    "KRW": ["won", "korean won", "south korean won", "krw", "KRW"],
    "TWD": ["taiwan dollars", "new taiwan dollars", "taiwanese dollars", "twd", "TWD"],
    "HKD": ["hong kong dollars", "hkd", "HKD", "hk dollars"],
    "SGD": ["singapore dollars", "sgd", "SGD", "singaporean dollars"],
    "THB": ["baht", "thai baht", "thb", "THB"],
    "VND": ["dong", "vietnamese dong", "vnd", "VND"],
    "IDR": ["rupiah", "indonesian rupiah", "idr", "IDR"],
    "MYR": ["ringgit", "malaysian ringgit", "myr", "MYR"],
    "PHP": ["philippine pesos", "filipino pesos", "php", "PHP"],
    "PKR": ["pakistani rupees", "pkr", "PKR"],
    "BDT": ["taka", "bangladeshi taka", "bdt", "BDT"],
    "LKR": ["sri lankan rupees", "lkr", "LKR"],
}  # fmt: skip
ONE_OF = {"dollars": "dollar", "euros": "euro", "pounds": "pound", "francs": "franc", "rupees": "rupee",
    "pesos": "peso", "shekels": "shekel",
          "dirhams": "dirham", "kroner": "krone", "kronor": "krona", "shillings": "shilling", "rubles": "ruble",
          "forints": "forint", "bucks": "buck",
          "reais": "real", "soles": "sol", "zlotys": "zloty"}  # fmt: skip
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "US$": "USD", "C$": "CAD", "A$": "AUD",
    "₩": "KRW", "₪": "ILS", "₺": "TRY"}
OFTEN = ["USD", "EUR", "GBP", "JPY", "CAD", "AUD", "INR", "CHF", "CNY", "MXN", "SEK"]


def money(line, currency):
    """An amount of a currency: its words, and the amount."""
    names = CURRENCIES[currency]
    roll = line.random()
    if roll < 0.06 and currency in ("USD", "EUR", "GBP"):
        count = line.between(1, 99)
        cents = {"USD": ["cents", "us cents", "american cents"], "EUR": ["euro cents", "euro cents"],
            "GBP": ["pence", "pence"]}[currency]
        return f"{say(line, count)} {line.pick(cents)}", shortest(count / 100)
    said, value = amount(line, large=True)
    if said.split()[-1] in ("few", "couple", "of"):
        said, value = "a hundred", 100
    signs = [sign for sign, code in SIGNS.items() if code == currency]
    if signs and said[0].isdigit() and said[-1].isdigit() and "/" not in said and line.chance(0.35):
        return (line.pick(signs[:1] * 4 + signs) + said) if line.chance(0.85) else said + signs[0], value
    if value == 1 and line.chance(0.8):
        name = line.pick([name for name in names if not name.isupper()][:4])
        words = name.split()
        words[-1] = ONE_OF.get(words[-1], words[-1])
        lead = line.pick(["a ", "one ", "1 ", "a "]) if name != "euros" else line.pick(["a ", "one ", "1 "])
        name = " ".join(words)
        return ("an " if lead == "a " and name[0] in "aio" else lead) + name, 1
    if currency in ("USD", "EUR", "GBP") and line.chance(0.05):
        whole, small = line.between(1, 90), line.between(1, 19) * 5
        cents = "pence" if currency == "GBP" else "cents"
        name = {"USD": "dollars", "EUR": "euros", "GBP": "pounds"}[currency]
        if whole > 1:
            joint = line.pick(["and ", ""])
            return f"{say(line, whole)} {name} {joint}{say(line, small)} {cents}", shortest(whole + small / 100)
    name = line.pick(names)
    if name.isupper() and line.chance(0.2) and said[0].isdigit():
        return f"{name} {said}", value
    return said + (" " if not (said[-1].isdigit() and name.isupper() and line.chance(0.3)) else "") + name, value


def currencies(line):
    codes = list(CURRENCIES)
    first = line.pick(OFTEN) if line.chance(0.6) else line.pick(codes)
    second = line.pick(OFTEN) if line.chance(0.55) else line.pick(codes)
    while first == second:
        second = line.pick(codes)
    line.arguments["from"], line.arguments["to"] = first, second
    return first, second


def money_setup(line):
    first, second = currencies(line)
    said, value = money(line, first)
    if line.chance(0.02):
        wrong, _ = money(line, first)
        said = corrected(line, wrong, said, 1)
    elif line.chance(0.02):
        said = line.pick(["about ", "around ", "exactly ", "roughly "]) + said
    line.arguments["amount"] = shortest(value)
    line.words = {"cm": exact(said), "cc": exact(line.pick(CURRENCIES[second]))}


def rate_setup(line):
    """The exchange rate is of the amount 1."""
    first, second = currencies(line)
    line.arguments["amount"] = 1
    one, other = line.pick(CURRENCIES[first]), line.pick(CURRENCIES[second])
    if line.chance(0.5):
        one, other = singular(one), singular(other)
    line.words = {"cf": exact(one), "cc": exact(other)}


def singular(name):
    words = name.split()
    words[-1] = ONE_OF.get(words[-1], words[-1])
    return " ".join(words)


UNIT_ASKS = """
!convert {cq} to {cu}
!convert {cq} into {cu}
!convert {cq} to {cu}
!convert {cq} in {cu}
!change {cq} to {cu}
!change {cq} into {cu}
!turn {cq} into {cu}
!express {cq} in {cu}
!give me {cq} in {cu}
!tell me what {cq} is in {cu}
!tell me how many {cu} {cq} is
!tell me how much {cq} is in {cu}
!show {cq} in {cu}
!work out {cq} in {cu}
!calculate {cq} in {cu}
!do {cq} to {cu}
!translate {cq} to {cu}
what's {cq} in {cu}
what is {cq} in {cu}
what's {cq} in {cu}
what are {cq} in {cu}
what is {cq} converted to {cu}
what's {cq} to {cu}
what does {cq} come to in {cu}
what would {cq} be in {cu}
what's the equivalent of {cq} in {cu}
how much is {cq} in {cu}
how much is {cq} in {cu}
how much are {cq} in {cu}
how much would {cq} be in {cu}
how many {cu} is {cq}
how many {cu} are {cq}
how many {cu} is {cq}
how many {cu} are in {cq}
how many {cu} are there in {cq}
how many {cu} in {cq}
how many {cu} does {cq} make
how many {cu} makes {cq}
how many {cu} to {cq}
how many {cu} is that, {cq}
how many {cu} equal {cq}
how [long|heavy|big|hot|fast|far|much] is {cq} in {cu}
{cq} in {cu}
{cq} to {cu}
{cq} into {cu}
{cq} in {cu}
{cq} as {cu}
{cq} = ? {cu}
{cq} is how many {cu}
{cq} equals how many {cu}
{cq} makes how many {cu}
{cq} converted to {cu}
{cq}, in {cu}
in {cu}, how much is {cq}
in {cu} what is {cq}
conversion of {cq} to {cu}
I need {cq} in {cu}
I want {cq} in {cu}
I need to know [what|how much] {cq} is in {cu}
I'd like to convert {cq} to {cu}
I need to convert {cq} to {cu}
I want to convert {cq} into {cu}
can I get {cq} in {cu}
let's convert {cq} to {cu}
the recipe says {cq}, what's that in {cu}
the sign says {cq}, how many {cu} is that
it says {cq}, convert that to {cu}
do you know what {cq} is in {cu}
do you know how many {cu} {cq} is
any idea how many {cu} are in {cq}
"""
ONE_ASKS = """
how many {csmall} in {cbig}
how many {csmall} are in {cbig}
how many {csmall} are there in {cbig}
how many {csmall} to {cbig}
how many {csmall} make {cbig}
how many {csmall} make up {cbig}
how many {csmall} does {cbig} have
how many {csmall} is {cbig}
how many {csmall} go into {cbig}
{csmall} in {cbig}
!tell me how many {csmall} are in {cbig}
do you know how many {csmall} are in {cbig}
{cbig} is how many {csmall}
number of {csmall} in {cbig}
{cbig} has how many {csmall}
"""
MONEY_ASKS = """
!convert {cm} to {cc}
!convert {cm} into {cc}
!convert {cm} to {cc}
!change {cm} to {cc}
!change {cm} into {cc}
!exchange {cm} to {cc}
!exchange {cm} for {cc}
!turn {cm} into {cc}
!give me {cm} in {cc}
!tell me what {cm} is in {cc}
!tell me how much {cm} is in {cc}
!tell me how many {cc} {cm} is
!work out {cm} in {cc}
!calculate {cm} in {cc}
!show {cm} in {cc}
what's {cm} in {cc}
what is {cm} in {cc}
what's {cm} in {cc}
what are {cm} in {cc}
what is {cm} worth in {cc}
what's {cm} worth in {cc}
what's {cm} to {cc}
what's the value of {cm} in {cc}
what does {cm} come to in {cc}
what would {cm} be in {cc}
how much is {cm} in {cc}
how much is {cm} in {cc}
how much are {cm} in {cc}
how much is {cm} worth in {cc}
how much are {cm} worth in {cc}
how much would {cm} be in {cc}
how much do I get for {cm} in {cc}
how much {cc} is {cm}
how much {cc} do I get for {cm}
how much is {cm} if I change it to {cc}
how many {cc} is {cm}
how many {cc} are {cm}
how many {cc} do I get for {cm}
how many {cc} can I get for {cm}
how many {cc} for {cm}
how many {cc} would {cm} be
how many {cc} are in {cm}
how many {cc} will {cm} buy me
{cm} in {cc}
{cm} to {cc}
{cm} into {cc}
{cm} in {cc}
{cm} is how many {cc}
{cm} = ? {cc}
{cm} converted to {cc}
{cm}, in {cc}
in {cc}, how much is {cm}
in {cc} what is {cm}
currency conversion {cm} to {cc}
currency: {cm} to {cc}
I need {cm} in {cc}
I want {cm} in {cc}
I have {cm}, how much is that in {cc}
I have {cm}, how many {cc} is that
I've got {cm}, what's that in {cc}
it costs {cm}, how much is that in {cc}
the hotel costs {cm}, what is that in {cc}
I want to change {cm} to {cc}
I'd like to convert {cm} into {cc}
I need to convert {cm} to {cc}
can I get {cm} in {cc}
let's convert {cm} to {cc}
do you know how much {cm} is in {cc}
do you know what {cm} is in {cc}
"""
RATE_ASKS = """
what's the exchange rate from {cf} to {cc}
what's the exchange rate between {cf} and {cc}
what is the {cf} to {cc} exchange rate
what's the {cf} to {cc} rate
what's the {cf} {cc} exchange rate
what's the rate of {cf} to {cc}
what's the current rate from {cf} to {cc}
what's the conversion rate from {cf} to {cc}
what's the going rate for {cf} to {cc}
how's the {cf} to {cc} exchange rate
!show me the exchange rate of {cf} to {cc}
!tell me the exchange rate from {cf} to {cc}
!give me the {cf} to {cc} rate
!check the exchange rate from {cf} to {cc}
exchange rate {cf} to {cc}
exchange rate from {cf} to {cc}
exchange rate {cf} {cc}
{cf} to {cc} rate
{cf} to {cc} exchange rate
rate {cf} to {cc}
~the exchange rate from {cf} to {cc}
"""


TEXTS = {name: lambda line, name=name: line.words[name] for name in ("cq", "cu", "cm", "cc", "cf", "csmall", "cbig")}
MACROS = {}
PATTERNS = [
    group("convert_units", "value", 10, UNIT_ASKS, setup=unit_setup),
    group("convert_units", "one", 1.6, ONE_ASKS, setup=one_setup),
    group("convert_currency", "amount", 10, MONEY_ASKS, setup=money_setup),
    group("convert_currency", "rate", 1.8, RATE_ASKS, setup=rate_setup),
    nulls("convert: not its job", """
        !convert {some_number} [miles|pounds|cups|feet|euros|dollars|kilos|liters]
        !convert to [kilometers|celsius|euros|grams]
        !convert [miles|feet|dollars|pounds] to [kilometers|meters|euros|kilograms]
        convert units
        convert currency
        unit converter
        currency converter
        what is {some_number} [miles|pounds|feet|dollars|euros|degrees]
        how much is {some_number} [dollars|euros|pounds|pesos]
        {some_number} [miles|dollars|feet|cups|kilos|euros]
        how many [kilometers|grams|euros|cups]
        [how many|how much] [dollars|euros|cups] [do I have|should I bring|do I need for {city}]
        !convert {small_number} feet {small_number} (inches )to [cm|meters|centimeters]
        what is {small_number} foot {small_number} in [centimeters|cm|meters]
        how tall is {small_number} feet {small_number} inches in [cm|centimeters|meters]
        {small_number} pounds {small_number} ounces in [grams|kilos|kg]
        {small_number} hours {small_number} minutes in [seconds|minutes]
        !convert {some_number} [light years|furlongs|fathoms|leagues|angstroms|nautical miles|parsecs
        + |microns] to [kilometers|meters|miles]
        how many [meters|miles] (are )in a [light year|furlong|nautical mile|league|fathom]
        !convert {some_number} [newtons|ohms|amps|volts|hertz|lumens|decibels|joules|watts|carats|bushels
        + |pascals] to [pounds|watts|kilowatts|grams|bar]
        {some_number} [joules|watts|volts|newtons|carats|bits|decades|centuries|fortnights] in [calories|kilowatts
        + |grams|bytes|years|days]
        !convert {some_number} [bitcoin|ethereum|dogecoin|btc|eth|litecoin|solana] to [dollars|euros|pounds|usd]
        how much is [a bitcoin|one bitcoin|one ethereum|{some_number} bitcoin|a litecoin] in [dollars|euros|usd]
        {some_number} [dollars|euros] in [bitcoin|ethereum|btc]
        what's the price of bitcoin
        !convert {some_number} [dinars|crowns] to [euros|dollars|pounds]
        {some_number} [dinars|crowns] in [dollars|euros|yen]
        {some_number} [dollars|euros] in [dinars|crowns|kuwaiti dinars|serbian dinars|afghanis|lari|tenge|bolivars
        + |cfa francs|kwacha|manats]
        !convert {some_number} [tenge|lari|kwacha|afghani|bolivars|birr|cedis|manat|gourdes|quetzals] to [euros|dollars]
        {some_number} [miles|kilos] in [kilograms and pounds|meters and feet]
        !convert {some_number} [kilometers|meters|feet] to [miles and feet|yards and inches|feet and inches]
        !convert {some_number} [dollars|euros] to [euros and pounds|yen and yuan]
        !convert {some_number} and {some_number} miles to kilometers
        !convert {some_number} dollars to euros and {some_number} pounds to dollars
        !convert {some_number} dollars to euros [at last week's rate|with fees|as of {month}|minus the bank fee
        + |at the airport rate|every day]
        what was the exchange rate [last year|yesterday|in 2010] [for euros to dollars|between dollars and yen]
        is the [dollar|euro|pound] [stronger|weaker] than the [euro|pound|yen]
        will the [dollar|euro|pound] [rise|fall|go up] [this year|next week|]
        should I [buy|exchange|sell] [dollars|euros|yen] [now|today|]
        where can I exchange [dollars|euros|money] [in {city}|]
        which currency [do they use|is used] in {country}
        what currency does {country} [use|have]
        what's the currency of {country}
        how much [money|cash] should I take to {country}
        how many [grams|calories|carbs] are in [an egg|a banana|{food}|a pizza|a slice of bread]
        how many calories [are in|does] {food} [have|]
        how much does [a cup of flour|a liter of milk|an elephant|a_ {animal}|gold] weigh [in {word}|]
        how heavy is a_ {animal}
        how long is a [mile|marathon|football field|light year]
        how long is a marathon
        how far is a marathon
        how tall is [mount everest|the eiffel tower|{fullname}|a_ giraffe]
        how big is [a hectare|an acre|{country}|the {noun}]
        how fast is a_ {animal}
        how hot is [the sun|lava|boiling water]
        how hot should [tea|coffee|the oven|a bath] be
        at what temperature does [water|iron|milk|gold] [boil|melt|freeze]
        what's the difference between [a mile and a kilometer|a ton and a tonne|a pint and a cup
        + |celsius and fahrenheit|euros and dollars]
        what is [a furlong|a hectare|an acre|a pint|the metric system|a dollar worth|inflation|a joule]
        which is longer, [a mile or a kilometer|a yard or a meter]
        is a [mile|yard|liter|pound] [longer|bigger|heavier|more] than a [kilometer|meter|quart|kilo]
        how do I convert [miles to kilometers|celsius to fahrenheit|pounds to kilos|cups to grams]
        what's the formula for [celsius to fahrenheit|converting miles to kilometers]
        can you convert [units|currencies|money|measurements]
        do you know the metric system
        I [converted|changed|exchanged] {some_number} [dollars|euros|pounds] [yesterday|last week|]
        I [ran|walked|drove|cycled|swam] {some_number} [miles|kilometers|meters] [yesterday|today|]
        I weigh {some_number} [pounds|kilos]
        I'm {small_number} feet tall
        I have {some_number} [dollars|euros|pounds]
        I lost {some_number} pounds
        [don't|please don't] convert [it|that|anything]
        !convert [it|that|this] to [celsius|euros|miles|dollars]
        what's that in [euros|dollars|kilometers|celsius]
        and in [pounds|euros|miles|grams]
        how much is that in [dollars|euros]
        !convert this [pdf|file|image|video|word document] [to {word}|]
        !convert {title} to mp3
        !convert my {object} to {word}
        !send {first} {some_number} [dollars|euros|bucks]
        !transfer {some_number} [dollars|euros|pounds] to {first}
        how much money do I have
        how much did I spend [last month|this week|]
        how much does [a {object}|the {object}|{food}|a ticket to {city}] cost
        how many [days|weeks|months] until [christmas|my birthday|summer|the weekend]
        how many days are (there )in [february|{month}|this month]
        what size is a [42|38|{small_number}] in [us|uk|european] [shoes|sizes|]
        what's 3pm in {city}
        what time is {some_time} {city} time in {city}
        convert {some_time} [est|pst|gmt|cet] to [est|pst|gmt|cet]
        {some_time} [est|pst|gmt|cet] in [tokyo|london|my time]
        !convert {digits} to [binary|hex|roman numerals|octal]
        what is {digits} in [binary|hexadecimal|roman numerals]
    """, 2.8),
]
EXTRAS = {
    "convert_units": (
        "[and in {word}|for {small_number} people|with {small_number} decimals|and [save|send] it to {first}"
        "|and explain how|rounded up|step by step]"
    ),
    "convert_currency": (
        "[at last week's rate|with the bank fees|and transfer it to {first}|as of last year"
        "|minus {small_number} percent fee|at the airport rate|and tell {first}|every day]"
    ),
}
