"""What happens to a line after its grammar: how people wrap, misspell, shorten and punctuate a request.

Everything here is done to marked text (see `engine.Marks`), so that what is copied changes with the text.
"""

import re

from .clock import rule_hour
from .engine import Marks, tidy


class Unclear(Exception):
    """The words leave open what a time means; the line is made anew."""


# Times without am or pm

PART_WORD = re.compile(r"\b(morning|breakfast|afternoon|evening|dinner|supper|night|tonight|tonite|2nite)\b",
    re.IGNORECASE)


def part_hour(word, hour):
    """24-hour reading of an hour on the dial (0 to 11) beside a part of the day."""
    if word in ("morning", "breakfast"):
        return hour
    if word in ("afternoon", "evening", "dinner", "supper"):
        return hour + 12
    return hour if hour < 5 else hour + 12  # night: am from 12 to 4


def resolve_times(line, text):
    """Gives the arguments `time` and `end` where they were said without am or pm. Contract: Times."""
    for key in ("time", "end"):
        if key not in line.bare:
            continue
        hour, minute = line.bare[key]
        start = line.arguments.get("time")
        if key == "end" and start:
            first = int(start[:2]) * 60 + int(start[3:])
            readings = sorted((half * 60 + minute - first) % 1440 or 1440 for half in (hour, hour + 12))
            total = (first + readings[0]) % 1440
            line.arguments["end"] = f"{total // 60:02}:{total % 60:02}"
            continue
        at = text.index(Marks.BARE[key])
        until = text.index(Marks.BARE_END, at)
        near = []
        for match in PART_WORD.finditer(text):
            word = match.group().lower().replace("tonite", "tonight").replace("2nite", "tonight")
            distance = at - match.end() if match.end() <= at else match.start() - until
            near.append((max(distance, 1), part_hour(word, hour), word))
        near.sort(key=lambda found: found[0])
        if near:
            others = [found for found in near if found[1] != near[0][1]]
            if others and others[0][0] < 2 * near[0][0] + 8:
                raise Unclear(text)
            read, word = near[0][1], near[0][2]
            if word == "tonight" and read < 5:
                if line.arguments.get("date") != "today":
                    raise Unclear(text)
                line.arguments["date"] = "tomorrow"
        else:
            read = rule_hour(hour, line.alarm)
        line.arguments[key] = f"{read:02}:{minute:02}"


# Wrapping

GERUNDS = {
    "set": "setting", "start": "starting", "put": "putting", "turn": "turning", "switch": "switching",
    "remind": "reminding",
    "play": "playing", "call": "calling", "text": "texting", "tell": "telling", "add": "adding", "stop": "stopping",
    "cancel": "cancelling", "send": "sending", "wake": "waking", "show": "showing", "read": "reading",
    "write": "writing",
    "make": "making", "give": "giving", "schedule": "scheduling", "book": "booking", "convert": "converting",
    "take": "taking",
    "pause": "pausing", "skip": "skipping", "dim": "dimming", "translate": "translating", "search": "searching",
    "google": "googling", "look": "looking", "navigate": "navigating", "delete": "deleting", "remove": "removing",
    "raise": "raising", "lower": "lowering", "message": "messaging", "phone": "phoning", "ring": "ringing",
    "find": "finding",
    "let": "letting", "ask": "asking", "email": "emailing", "create": "creating", "check": "checking",
    "calculate": "calculating",
    "note": "noting", "jot": "jotting", "mute": "muting", "increase": "increasing", "block": "blocking",
    "open": "opening",
}  # fmt: skip
ASKING = [
    (26, "can you"), (14, "could you"), (6, "will you"), (4, "would you"), (6, "can you please"),
    (7, "could you please"),
    (2, "can u"), (2, "would you please"), (2, "could u"), (1, "can ya"), (1, "could you maybe"),
    (1, "could you quickly"),
    (1, "is it possible for you to"), (1, "would you be able to"), (1, "would you be so kind as to"),
    (1, "can you just"),
    (1, "are you able to"), (1, "think you could"), (1, "any chance you could"), (1, "can you go ahead and"),
    (1, "do you think you could"), (1, "would you kindly"), (1, "could you possibly"), (1, "mind if I ask you to"),
]  # fmt: skip
TELLING = [
    (10, "I need you to"), (8, "I want you to"), (6, "I'd like you to"), (4, "please"), (3, "go ahead and"),
    (2, "I would like you to"),
    (2, "just"), (1, "I'd love for you to"), (1, "you need to"), (1, "kindly"), (1, "now"), (2, "quickly"),
    (1, "it would be great if you could"), (1, "I'd appreciate it if you could"), (1, "I was wondering if you could"),
    (1, "I was hoping you could"), (1, "you should"), (1, "do me a favor and"), (1, "be a dear and"),
    (1, "make yourself useful and"),
    (1, "if you could"), (1, "you can"), (1, "gonna need you to"), (1, "pls"), (1, "plz"),
]  # fmt: skip
WISHING = [
    (10, "I need"), (8, "I want"), (8, "I'd like"), (6, "can I get"), (6, "can I have"), (5, "could I have"),
    (4, "could I get"), (5, "give me"),
    (2, "get me"), (2, "gimme"), (2, "let me have"), (2, "I would like"), (1, "may I have"), (1, "how about"),
    (1, "let's have"),
    (1, "I wanna have"), (1, "please give me"), (1, "can you give me"), (1, "could you give me"), (1, "can we have"),
    (1, "we need"),
    (1, "I could use"), (1, "I'm gonna need"), (1, "I'm going to need"), (1, "I'll need"), (1, "I'll have"),
    (1, "let me get"),
]  # fmt: skip
BEFORE = [
    (12, "hey"), (5, "hi"), (4, "ok"), (4, "okay"), (3, "hello"), (3, "ok google"), (3, "hey google"), (4, "alexa"),
    (3, "hey siri"),
    (2, "siri"), (2, "computer"), (2, "yo"), (1, "omg"), (1, "anyway"), (1, "uhh"), (1, "brr"), (1, "wow"), (2, "um"),
    (2, "uh"), (3, "so"), (2, "alright"), (1, "hey there"), (2, "assistant"), (1, "right"),
    (1, "well"), (1, "oh"), (1, "oh and"), (1, "hmm"), (1, "hi there"), (1, "hey buddy"), (1, "excuse me"),
    (1, "listen"), (1, "dude"),
    (1, "hey assistant"), (1, "quick"), (1, "ah"), (1, "sorry"), (1, "cortana"), (1, "hey whit"), (1, "whit"),
    (1, "ugh"), (1, "lol"), (1, "damn it"),
    (1, "you there?"), (1, "good day"), (1, "howdy"), (1, "hey man"), (1, "my friend"), (1, "thanks"), (1, "great"),
    (1, "cool"), (1, "yeah"), (1, "actually"), (1, "oi"), (1, "ffs"), (1, "jesus"), (1, "bloody hell"), (1, "ok so"),
    (1, "umm"), (1, "er"), (1, "listen up"), (1, "you know what"), (1, "pretty please"), (1, "bro"), (1, "robot"),
    (1, "hey you"), (1, "quickly"), (1, "come on"),
]  # fmt: skip
AFTER = [
    (30, "please"), (8, "thanks"), (5, "thank you"), (5, "for me"), (3, "now"), (3, "right now"), (2, "asap"),
    (2, "quickly"),
    (1, "if you can"), (1, "if you don't mind"), (1, "would you"), (1, "will you"), (1, "ok"), (2, "pls"), (1, "plz"),
    (1, "thx"),
    (1, "for me please"), (1, "real quick"), (1, "thanks a lot"), (1, "immediately"), (1, "if possible"),
    (1, "if you could"), (1, "buddy"), (1, "lol"),
    (1, "right away"), (1, "cheers"), (1, "thank you very much"), (1, "would ya"), (1, "man"), (1, "already"),
    (1, "dear"), (1, "when you get a second"), (1, "you idiot"), (1, "dammit"), (1, "ffs"), (1, "you dummy"),
    (1, "stat"), (1, "before I forget"), (1, "will ya"), (1, "haha"), (1, "ty"), (1, "if that's ok"),
    (1, "would be great"), (1, "this instant"),
]  # fmt: skip
AFTER_COPY = [(30, "please"), (8, "thanks"), (6, "thank you")]  # what the contract takes off the end of copied text
EMOJI = ["🙏", "😊", "😂", "👍", "🙂", "❤️", "😅", "🥱", "😴", "🎉", "🤔", "😩"]


def ends_in_copy(text, keys=None):
    """Whether the line ends in a copied argument (one of `keys`)."""
    tail = text.rstrip(" .\"'")
    for mark in reversed(tail):
        if not "\ue000" <= mark <= "\ue0ff":
            return False
        key = Marks.KEY_OF.get(mark)
        if key and mark == Marks.CLOSE[key]:
            return keys is None or key in keys
    return False


def wrap(line, kind, text):
    """The text of a pattern of a kind as it may be asked: `!` an order, `~` a thing that is wanted, or nothing."""
    roll = line.random()
    if kind == "!":
        if roll < 0.66:
            pass
        elif roll < 0.82:
            text = f"{line.weighted(ASKING)} {text}"
        elif roll < 0.87:
            text = f"{line.weighted(TELLING)} {text}"
        elif roll < 0.94:
            text = f"please {text}"
        elif roll < 0.97:
            first, _, rest = text.partition(" ")
            if first in GERUNDS:
                text = f"{line.pick(['would you mind', 'do you mind', 'mind'])} {GERUNDS[first]} {rest}"
        else:
            text = f"{line.weighted(BEFORE)}{line.pick([' ', ', '])}{line.weighted(ASKING)} {text}"
    elif kind == "~":
        if text.startswith("to "):
            wish = line.pick(["I want", "I need", "I would like", "we want", "I want"])
            text = f"{wish} {text}" if roll < 0.7 else f"I'd like {text}"
        elif text.startswith("it "):
            wishes = ["I want", "I need", "I would like", "can we have", "can I have", "can I get", "let us have"]
            text = f"{line.pick(wishes)} {text}"
        elif roll >= 0.35:
            text = f"{line.weighted(WISHING)} {text}"
        elif text.startswith(("a ", "a\ue085 ", "the ", "some ")) and roll < 0.28:
            text = text.split(" ", 1)[1]
    if line.chance(0.07):
        text = f"{line.weighted(BEFORE)}{line.pick([' ', ', ', ' '])}{text}"
    if line.chance(0.085):
        line.stop = True
        tail = line.weighted(AFTER_COPY if ends_in_copy(text) else AFTER)
        text = f"{text}{line.pick([' ', ' ', ', '])}{tail}"
    return text


REASON = [
    "because I'm {state}", "since I'm {state}", "cause I'm {state}", "so I don't forget", "because I always forget",
    "as I have to leave soon",
    "since I have an early start", "because my hands are full", "so that I'm not late", "because it's late",
    "since nobody else will",
    "because I have guests coming over", "so I can focus", "since the kids are asleep", "because I can't reach it",
    "as my hands are wet",
    "because I forgot yesterday", "since we're leaving soon", "so I can relax", "as I'm in a hurry",
    "because my phone is charging",
    "bc I'm {state}", "cuz I'm {state}", "since it's almost time", "because I promised", "so I know",
    "because I'm about to leave", "as I'm driving",
]  # fmt: skip
STATE = ["tired", "busy", "in a hurry", "running late", "driving", "cooking", "about to leave", "in the shower",
    "on my way out", "lazy",
         "sleepy", "working", "studying", "exhausted", "bored", "stressed", "in bed", "at my desk", "expecting guests",
         "going out"]  # fmt: skip
STATEMENT = [
    "I'm {state}", "I am {state}", "I'm {state} and my hands are full", "my hands are dirty", "we have guests",
    "the kids are finally asleep",
    "I'm about to leave", "I just got home", "it's been a long day", "I'm in the car", "I have a big day ahead",
    "I keep forgetting things",
    "I'm back", "what a day", "I overslept again", "my head is spinning", "the baby is asleep",
    "I can't reach my phone",
    "I'm working from home", "big day ahead", "I had a terrible day", "we're having friends over",
    "I don't want to get up", "the weather is awful today",
    "I'm not feeling well", "good to see you", "I love this song", "this is great", "nice to meet you",
    "I've got my hands full", 
    "my boss is coming", "long day", "I'm starving", "almost done here", "ok so here's the thing", "I'm at the office",
    "we're about to eat", "guests are coming",
    "I know it's late but", "I hate to ask but", "ugh I hate mondays", "god I'm tired", "I'm so sad today",
    "I'm in love", "I hate mornings but", "I keep losing track of time", "it's raining again", "we ran late",
    "I'm not in the mood", "this might sound weird but", "I almost forgot", "before I forget", "one more thing",
    "quick favor", "I can't find my glasses",
]  # fmt: skip


def add_context(line, text):
    """A statement beside the request, or a reason: neither is part of the call."""
    roll = line.random()
    if roll < 0.025:
        said = line.pick(STATEMENT).replace("{state}", line.pick(STATE))
        text = said + (" " if said.endswith("but") else line.pick([", ", ", ", ". ", ", so ", " so ", " - ", "! ",
            " "])) + text
    elif roll < 0.042 and not line.stop and not ends_in_copy(text):
        text = text + line.pick([" ", " ", ", "]) + line.pick(REASON).replace("{state}", line.pick(STATE))
        line.stop = True
    elif roll < 0.052 and not line.stop and not ends_in_copy(text):
        said = line.pick(STATEMENT[:-7]).replace("{state}", line.pick(STATE))
        if not said.endswith("but"):
            text = text + line.pick([". ", ", ", "! ", " - ", ". ", " "]) + said
            line.stop = True
    elif roll < 0.056:
        reason = line.pick(REASON).replace("{state}", line.pick(STATE))
        if reason.startswith(("because", "since", "as", "cause", "bc", "cuz")):
            text = reason + line.pick([", ", ", ", " "]) + text
    return text


# Misspelling

MISSPELT = {
    "minutes": ["minuets", "minuts", "mintues", "miniutes", "minute"], "minute": ["minuet", "minut", "mintue"],
    "remind": ["remnid", "remid", "rmind", "reminde"], "reminder": ["remider", "reminer", "remindr"],
    "tomorrow": ["tommorow", "tomorow", "tomorrw", "tommorrow"],
    "calendar": ["calender", "calandar", "calander"], "alarm": ["alram", "alarn", "alrm", "allarm"],
    "schedule": ["shedule", "schedual", "schdule", "scedule"],
    "volume": ["volumn", "volum", "vollume"], "temperature": ["temprature", "tempature", "temperture"],
    "weather": ["wether", "wheather", "weathr", "waether"],
    "wednesday": ["wensday", "wednsday", "wendesday"], "thursday": ["thrusday", "thursdy", "thurday"],
    "saturday": ["saterday", "satruday"],
    "tuesday": ["teusday", "tuesdy"], "february": ["febuary", "feburary"],
    "thermostat": ["thermostate", "termostat", "themostat"],
    "timer": ["tiimer", "timmer", "tmer", "tiemr"], "message": ["mesage", "messege", "massage"],
    "please": ["pls", "plz", "pleas", "plese"], "because": ["becuase", "becaus", "bc"],
    "kitchen": ["kichen", "kitchn", "kithcen"], "bedroom": ["bedrom", "bedroon"], "bathroom": ["bathrom", "batroom"],
    "translate": ["translat", "tranlate", "transalte"],
    "directions": ["direcions", "directons", "diretions"], "navigate": ["navagate", "navigat"],
    "appointment": ["apointment", "appointmnt", "appoitment"],
    "meeting": ["meting", "meetting"], "convert": ["covert", "convrt", "conver"],
    "fahrenheit": ["farenheit", "fahrenhiet", "farenhite"], "celsius": ["celcius", "celsuis"],
    "kilometers": ["kilometres", "kilometrs", "kilomters"], "dollars": ["dollers", "dolars"],
    "calculate": ["calulate", "caculate"],
    "groceries": ["grocerys", "grocieries"], "grocery": ["grocry", "grocey"],
    "shopping": ["shoping", "shopin", "shoppin"], "received": ["recieved"],
    "definitely": ["definately"], "restaurant": ["restaraunt", "resturant"],
    "birthday": ["bday", "birthdy", "brithday"], "doctor": ["docter"],
    "dentist": ["dentis", "dentsit"], "tonight": ["tonite", "tonigt"], "morning": ["mornin", "morining"],
    "evening": ["evning", "evenning"],
    "playlist": ["playist", "play list"], "podcast": ["podcats", "pod cast"], "lights": ["ligths", "lihgts", "lites"],
    "light": ["ligth", "lite"],
    "brightness": ["brightnes", "brigthness"], "cancel": ["cancle", "cansel", "canel"], "you": ["u"], "are": ["r"],
    "your": ["ur"], "the": ["teh", "th"], "and": ["adn", "nd"],
    "what": ["waht", "wat"], "with": ["wiht"], "about": ["abuot", "abt"], "that": ["taht"], "for": ["fro"],
    "to": ["too"], "tell": ["tel"],
    "could": ["cud", "coud"], "should": ["shoud"], "would": ["woud"], "friend": ["freind"], "forty": ["fourty"],
    "ninety": ["ninty"], "twelve": ["twelv"], "eight": ["eigth"],
    "half": ["hlaf"], "hour": ["huor"], "hours": ["huors"], "fifteen": ["fiveteen", "fifteeen"],
    "percent": ["pecent", "precent", "per cent"], "degrees": ["degress", "degres"],
    "euros": ["euro"], "pounds": ["pound"], "spanish": ["spansih"], "french": ["frensh"], "german": ["germen"],
    "japanese": ["japanes"], "italian": ["itallian"], "search": ["serach", "seach"],
    "google": ["gogle", "googel"], "reservation": ["resevation"], "yesterday": ["yesturday"],
    "music": ["musci", "musik"], "song": ["sogn"], "louder": ["lowder"], "quieter": ["quiter"], "them": ["em", "'em"],
}  # fmt: skip
NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "adw", "d": "sfe",
    "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli", "l": "kop", "z": "xa", "x": "zcs", "c": "xvd",
    "v": "cbf", "b": "vng", "n": "bmh", "m": "nj",
}  # fmt: skip
KEPT = {  # a slip here can make another word that would change the call
    "unmute", "unpause", "mute", "minus", "plus", "times", "next", "last", "up", "down", "both", "heat", "cool",
    "warm", "louder", "softer", "every", "into",
    "brighten", "darker", "warmer", "cooler", "colder", "hotter", "quieter", "dimmer", "lower", "raise", "never",
    "don't", "dont", "before", "after", "until",
    "squared", "cubed", "double", "twice", "half", "third", "quarter", "quarters", "over", "from", "hundred", "root",
    "cups", "cup", "cents", "week", "weekend",
    "walk", "walking", "bike", "drive", "driving", "train", "trains", "tram", "foot", "transit", "remove", "signal",
    "slack", "email", "this", "that", "bright", "dark",
}  # fmt: skip
HARD = re.compile("(\ue080[^\ue081]*\ue081)")  # numbers and times keep their marks
GAP = re.compile(r"(?<=[a-z]{2}) (?=[a-z]{2})")  # between two words that may be run together
WORD = re.compile(r"[A-Za-z']+")


def slip(line, word):
    """A word with one slip of the finger; its first letter stays."""
    at = line.between(1, len(word) - 1)
    roll = line.random()
    if roll < 0.27 and at + 1 < len(word) and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if roll < 0.55:
        return word[:at] + word[at + 1 :]
    if roll < 0.75:
        return word[:at] + word[at] + word[at:]
    near = NEIGHBOURS.get(word[at].lower())
    return word[:at] + (line.pick(near) if near else word[at]) + word[at + 1 :]


def misspell(line, text, count):
    """Up to `count` words with a common misspelling, or with a slip."""
    exact = [(match.start(), match.end()) for match in HARD.finditer(text)]
    for _ in range(count):
        if line.chance(0.06):
            gaps = [match.start() for match in GAP.finditer(text)]
            gaps = [at for at in gaps if not any(start <= at < end for start, end in exact)]
            if gaps:
                at = line.pick(gaps)
                text = text[:at] + text[at + 1 :]
                exact = [(match.start(), match.end()) for match in HARD.finditer(text)]
            continue
        spots = [match for match in WORD.finditer(text) if len(match.group()) > 1]
        if not spots:
            return text
        match = line.pick(spots)
        word = match.group()
        within = any(start <= match.start() < end for start, end in exact)
        known = MISSPELT.get(word.lower())
        if known and line.chance(0.5):
            new = line.pick(known)
            if within and new in ("minute", "euro", "pound", "too", "fro"):
                continue
            if new in ("too", "massage") and not line.chance(0.2):
                continue
        elif within or len(word) < 4 or word.lower() in KEPT or "'" in word:
            continue
        else:
            new = slip(line, word)
        text = text[: match.start()] + new + text[match.end() :]
        exact = [(match.start(), match.end()) for match in HARD.finditer(text)]
    return text


# Fillers

FILLERS = ["um", "uh", "like", "you know", "er", "uhm", "hmm", "erm", "uh", "um", "ah", "idk", "maybe", "well", "so",
    "let's say", "I guess", "kinda", "sort of", "what's it called", "please"]


def add_filler(line, text):
    """A filler between two words, set off by commas or not. Never within a number or a time."""
    spaces, within, copying = [], False, 0
    for at, char in enumerate(text):
        if char == Marks.EXACT:
            within = True
        elif char == Marks.EXACT_END:
            within = False
        elif char in Marks.KEY_OF:
            copying += 1 if char == Marks.OPEN[Marks.KEY_OF[char]] else -1
        elif char == " " and not within:
            spaces.append((at, copying > 0))
    if not spaces:
        return text
    at, copying = line.pick(spaces)
    filler = line.pick(FILLERS[:8] if copying or line.chance(0.8) else FILLERS[:-1])
    commas = line.chance(0.4)
    if text[at - 1] in ",.:;?!-" or copying and line.chance(0.7):
        commas = False
    return text[:at] + (f", {filler}, " if commas else f" {filler} ") + text[at + 1 :]


# Writing

APOSTROPHE = re.compile(r"(?<=[a-z])'(?=(s|t|m|d|ll|re|ve)\b)")
LAST_MARKS = re.compile("([\ue000-\ue0ff]*)$")
SOFT = re.compile("[,;](?=[ \ue000-\ue0ff]|$)|[.?!](?=[\ue000-\ue0ff]*$)|:(?= )")
COMMA = re.compile(",(?=[ \ue000-\ue0ff])")
START = re.compile("^([\ue000-\ue0ff\"' ]*)([a-zà-ÿ])")
AFTER_STOP = re.compile("([a-z0-9']{3}[\ue000-\ue0ff]*[.?!] [\ue000-\ue0ff]*)([a-z])")
ASKS = re.compile(
    r"^[\ue000-\ue0ff]*((hey|ok|hi|so|um|uh|okay|and|alexa|siri|computer|hello)[, ]+)*"
    r"(what|how|when|where|who|why|is|are|am|do|does|did|will|would|can|could|should|may|which|whose|any|what's|whats|"
    r"how's|when's|where's|who's|mind|won't|isn't|aren't)\b"
)


def write(line, text, tool):
    """Capitals and punctuation, in one of the ways people type."""
    style = line.weighted([(50, "small"), (18, "proper"), (22, "loose"), (8, "speech"), (1.6, "capitals"),
        (0.6, "titled")])
    if style == "speech":
        if text.count(Marks.OPEN["items"]) < 3:  # without commas three things would be one
            text = "".join(part if part[:1] == Marks.EXACT else SOFT.sub("", part) for part in HARD.split(text))
        text = text.lower()
    elif style == "small":
        text = text.lower()
        if line.chance(0.25):
            text = APOSTROPHE.sub("", text)
        if line.chance(0.12):
            text = ended(line, text, tool)
        elif line.chance(0.25) and text.count(Marks.OPEN["items"]) < 2:
            text = "".join(part if part[:1] == Marks.EXACT else COMMA.sub("", part) for part in HARD.split(text))
    elif style in ("proper", "loose"):
        if style == "proper" or line.chance(0.1):
            text = START.sub(lambda match: match.group(1) + match.group(2).upper(), text)
            text = AFTER_STOP.sub(lambda match: match.group(1) + match.group(2).upper(), text)
        if line.chance(0.8 if style == "proper" else 0.12):
            text = ended(line, text, tool)
        if line.chance(0.05):
            text = text.replace("'", "’")
    elif style == "capitals":
        text = text.upper()
        if line.chance(0.3):
            text = ended(line, text, tool)
    else:
        text = re.sub(r"(?<![\w'])[a-z]", lambda match: match.group().upper(), text)
    if line.chance(0.008) and text[-1:] not in ".?!":
        text += " " + line.pick(EMOJI)
    return text


def ended(line, text, tool):
    """With a full stop, a question mark or an exclamation mark at its end."""
    plain = Marks.ANY.sub("", text)
    if plain[-1:] in ".?!":
        return text
    within_message = tool in ("send_message", "take_note") and ends_in_copy(text, {"text"})
    if within_message:  # there a ? or ! would be part of the text
        return text + "."
    if ASKS.match(text.lower()):
        return text + line.weighted([(88, "?"), (8, "."), (1, "!"), (2, "??"), (1, " ?")])
    return text + line.weighted([(84, "."), (12, "!"), (2, "!!"), (2, "...")])


def roughen(line, text, tool):
    """All noise on a wrapped line."""
    roll = line.random()
    if roll < 0.12:
        text = misspell(line, text, 1)
    elif roll < 0.15:
        text = misspell(line, text, line.between(2, 3))
    if line.chance(0.035):
        text = add_filler(line, text)
    return write(line, tidy(text), tool)


__all__ = ["Unclear", "add_context", "ends_in_copy", "resolve_times", "roughen", "wrap"]
