"""translate and search_web."""

from ..engine import exact
from . import group, nulls

LANGUAGES = {
    "ar": ["arabic", "Arabic", "egyptian arabic"], "bg": ["bulgarian", "Bulgarian"],
    "bn": ["bengali", "Bengali", "bangla"], "ca": ["catalan", "Catalan"],
    "cs": ["czech", "Czech"], "cy": ["welsh", "Welsh"], "da": ["danish", "Danish"],
    "de": ["german", "German", "German", "austrian german", "swiss german"],
    "el": ["greek", "Greek"], "en": ["english", "English"], "es": ["spanish", "Spanish", "Spanish", "mexican spanish",
    "castilian spanish", "latin american spanish"], "et": ["estonian", "Estonian"],
    "fa": ["persian", "farsi", "Farsi", "Persian"], "fi": ["finnish", "Finnish"],
    "fr": ["french", "French", "French", "canadian french"], "ga": ["irish", "Irish", "irish gaelic"],
    "he": ["hebrew", "Hebrew"], "hi": ["hindi", "Hindi"], "hr": ["croatian", "Croatian"],
    "hu": ["hungarian", "Hungarian"], "id": ["indonesian", "Indonesian"],
    "is": ["icelandic", "Icelandic"], "it": ["italian", "Italian"], "ja": ["japanese", "Japanese"],
    "ko": ["korean", "Korean"], "la": ["latin", "Latin"],
    "lt": ["lithuanian", "Lithuanian"], "lv": ["latvian", "Latvian"], "ms": ["malay", "Malay"],
    "nl": ["dutch", "Dutch", "flemish"], "no": ["norwegian", "Norwegian"],
    "pl": ["polish", "Polish"], "pt": ["portuguese", "Portuguese", "brazilian portuguese", "Brazilian Portuguese",
    "european portuguese"], "ro": ["romanian", "Romanian"], "ru": ["russian", "Russian"],
    "sk": ["slovak", "Slovak"], "sl": ["slovenian", "Slovenian", "slovene"], "sr": ["serbian", "Serbian"],
    "sv": ["swedish", "Swedish"], "sw": ["swahili", "Swahili"],
    "ta": ["tamil", "Tamil"], "th": ["thai", "Thai"], "tl": ["tagalog", "Tagalog"], "tr": ["turkish", "Turkish"],
    "uk": ["ukrainian", "Ukrainian"],
    "ur": ["urdu", "Urdu"], "vi": ["vietnamese", "Vietnamese"], "zh": ["chinese", "Chinese", "mandarin", "Mandarin",
    "mandarin chinese", "simplified chinese"],
}  # fmt: skip
OFTEN = ["es", "es", "fr", "fr", "de", "it", "pt", "ja", "zh", "ru", "ko", "ar", "nl", "pl", "sv", "tr", "hi", "el"]


def code(line):
    return line.pick(OFTEN) if line.chance(0.5) else line.pick(list(LANGUAGES))


def two_setup(line):
    """A language to translate into, and another to translate from."""
    into = code(line)
    while into == "en" and line.chance(0.9):
        into = code(line)
    source = "en" if line.chance(0.45) and into != "en" else code(line)
    while source == into:
        source = code(line)
    line.arguments["to"] = into
    said = line.pick(LANGUAGES[into])
    if line.chance(0.02):
        wrong = line.pick(LANGUAGES[code(line)])
        if wrong.lower() != said.lower():
            said = wrong + line.pick([", no, ", ", sorry, ", ", no wait, ", ", I mean "]) + said
    line.words = {"lto": exact(said), "lfrom": exact(line.pick(LANGUAGES[source])), "lfromcode": source}


def both_setup(line):
    two_setup(line)
    line.arguments["from"] = line.words["lfromcode"]


def source_setup(line):
    """Only the language something is in: then it is to be English."""
    source = code(line)
    while source == "en":
        source = code(line)
    line.arguments["to"], line.arguments["from"] = "en", source
    line.words = {"lfrom": exact(line.pick(LANGUAGES[source])), "lto": exact("english")}


def english_setup(line):
    line.arguments["to"] = "en"
    line.words = {"lto": exact(line.pick(["english", "English"]))}


TEXTS = {name: lambda line, name=name: line.words[name] for name in ("lto", "lfrom")}
MACROS = {
    "say_": "{text=tphrase}",
    "tphrase": (
        "[{phrase}|{phrase}|{phrase}|{vocab}|{vocab}|{vocab}|{null_clause}|{exclaim_plain}|the {vocab}"
        "|the {noun} is {adj}|a_ {vocab}|{noun}|{task}|{clause}|{ask_text}|{salad}|I would like {food}"
        "|two {food} please sir|where can I find {goods}|how much is the {object}|I'm allergic to {food}"
        "|my {kin} is {adj}|I come from {city}|I work as a_ {person}|the {animal} eats the {food}"
        "|we need a_ {object}|one ticket to {city}|{first} is my {kin}|the {object} is in the {room}|{weekday}"
        "|{month}|{word}]"
    ),
    "exclaim_plain": (
        "[happy birthday|congratulations|good luck|get well soon|see you soon|have fun|drive safely|take care"
        "|welcome home|sweet dreams]"
    ),
    "fword": "{text=foreign}",
    "tw": "[the word |the phrase |the sentence |the words |the expression |||||||||]",
    "searchq": "{query=search}",
    "web": "[the web|the internet|the net|google|online|the web|the internet]",
}

PATTERNS = [
    group("translate", "into", 12, """
        !translate {tw}{say_} to {lto}
        !translate {tw}{say_} to {lto}
        !translate {tw}{say_} into {lto}
        !translate {tw}{say_} into {lto}
        !translate {tw}{say_} in {lto}
        !translate "{say_}" to {lto}
        !translate "{say_}" into {lto}
        !translate to {lto}: {say_}
        !translate into {lto}: {say_}
        !translate into {lto} {say_}
        !translate to {lto} "{say_}"
        !translate this to {lto}: {say_}
        !translate this into {lto}: {say_}
        !translate the following (in)to {lto}: {say_}
        !translate, to {lto}, {say_}
        !translate for me {say_} into {lto}
        !say {say_} in {lto}
        !say {say_} in {lto}
        !tell me how to say {say_} in {lto}
        !tell me how you say {say_} in {lto}
        !tell me what {say_} is in {lto}
        !tell me {tw}{say_} in {lto}
        !tell me the {lto} (word )for {say_}
        !give me {say_} in {lto}
        !give me the {lto} (word |translation )[for|of] {say_}
        !show me how to say {say_} in {lto}
        !teach me how to say {say_} in {lto}
        !put {say_} into {lto}
        !turn {say_} into {lto}
        how do you say {tw}{say_} in {lto}
        how do you say {say_} in {lto}
        how do you say {say_} in {lto}
        how do I say {say_} in {lto}
        how do I say {tw}{say_} in {lto}
        how does one say {say_} in {lto}
        how do they say {say_} in {lto}
        how would you say {say_} in {lto}
        how would I say {say_} in {lto}
        how can I say {say_} in {lto}
        how to say {say_} in {lto}
        how do you say in {lto} {say_}
        how do you say in {lto}: {say_}
        how is {say_} in {lto}
        how do {lto} speakers say {say_}
        how do you write {say_} in {lto}
        how's {say_} called in {lto}
        what's {say_} in {lto}
        what's {say_} in {lto}
        what is {say_} in {lto}
        what is {tw}{say_} in {lto}
        what's {tw}{say_} in {lto}
        what's the {lto} (word )for {say_}
        what's the {lto} (word )for {say_}
        what is the {lto} (word |translation )for {say_}
        what's the {lto} translation of {say_}
        what's the word for {say_} in {lto}
        what do you call {say_} in {lto}
        what's {say_} called in {lto}
        what would {say_} be in {lto}
        what does {say_} translate to in {lto}
        {say_} in {lto}
        {say_} in {lto}
        {say_} to {lto}
        {say_} into {lto}
        {lto} for {say_}
        {lto} for {say_}
        {lto} word for {say_}
        {lto} translation of {say_}
        {lto}: {say_}
        "{say_}" in {lto}
        in {lto}, {say_}
        in {lto} how do you say {say_}
        in {lto}, how do I say {say_}
        in {lto}, what's {say_}
        the {lto} for {say_}
        the {lto} word for {say_}
        the word for {say_} in {lto}
        translation of {say_} to {lto}
        translation into {lto}: {say_}
        translate {say_} {lto}
        ~the {lto} (word )for {say_}
        ~a translation of {say_} into {lto}
        ~{say_} in {lto}
        ~to know how to say {say_} in {lto}
        ~{say_} translated (in)to {lto}
        I [want|need|'d like] to say {say_} in {lto}
        I [want|need|'d like] to know how to say {say_} in {lto}
        I [want|need] to translate {say_} (in)to {lto}
        I need to ask {say_} in {lto}
        I'm in a {venue}, how do I say {say_} in {lto}
        do you know how to say {say_} in {lto}
        do you know the {lto} word for {say_}
        do you know what {say_} is in {lto}
        can you say {say_} in {lto}
        could you tell me how to say {say_} in {lto}
    """, setup=two_setup),
    group("translate", "from and into", 2.2, """
        !translate {tw}{say_} from {lfrom} to {lto}
        !translate {say_} from {lfrom} to {lto}
        !translate {say_} from {lfrom} into {lto}
        !translate from {lfrom} to {lto}: {say_}
        !translate from {lfrom} to {lto} {say_}
        !translate from {lfrom} into {lto}: {say_}
        !translate the {lfrom} (word |phrase |sentence ){say_} (in)to {lto}
        !translate the {lfrom} (word |phrase ){say_} to {lto}
        {lfrom} to {lto}: {say_}
        {lfrom} to {lto}, {say_}
        {lfrom} to {lto} {say_}
        from {lfrom} to {lto}: {say_}
        {say_} from {lfrom} to {lto}
        translate {lfrom} to {lto}: {say_}
        what's the {lfrom} word {say_} in {lto}
        what is {say_} from {lfrom} in {lto}
        how do you say the {lfrom} (word |phrase ){say_} in {lto}
        what does the {lfrom} (word |phrase ){say_} mean in {lto}
        ~{say_} translated from {lfrom} to {lto}
        I [want|need|'d like] to translate {say_} from {lfrom} to {lto}
        can you translate {say_} from {lfrom} into {lto}
    """, setup=both_setup),
    group("translate", "from only", 3, """
        !translate {fword} from {lfrom}
        !translate {tw}{fword} from {lfrom}
        !translate the {lfrom} (word |phrase |sentence ){fword}
        !translate the {lfrom} (word |phrase ){fword}
        !translate from {lfrom}: {fword}
        !translate from {lfrom} {fword}
        !translate this from {lfrom}: {fword}
        !tell me what {fword} means in {lfrom}
        !tell me what the {lfrom} (word |phrase ){fword} means
        what does {fword} mean in {lfrom}
        what does {fword} mean in {lfrom}
        what does {tw}{fword} mean in {lfrom}
        what does the {lfrom} (word |phrase |expression ){fword} mean
        what does the {lfrom} word {fword} mean
        what's {fword} mean in {lfrom}
        what's the meaning of {fword} in {lfrom}
        what's the meaning of the {lfrom} (word |phrase ){fword}
        {fword} from {lfrom}
        {fword} meaning in {lfrom}
        meaning of {fword} in {lfrom}
        in {lfrom}, what does {fword} mean
        in {lfrom} what does {fword} mean
        do you know what {fword} means in {lfrom}
        I [want|need] to know what {fword} means in {lfrom}
    """, setup=source_setup),
    group("translate", "to english", 2.5, """
        !translate {fword} to {lto}
        !translate {fword} into {lto}
        !translate {tw}{fword} (in)to {lto}
        !translate to {lto}: {fword}
        !translate this (in)to {lto}: {fword}
        !tell me what {fword} means in {lto}
        what does {fword} mean in {lto}
        what does {fword} mean in {lto}
        what does {tw}{fword} mean in {lto}
        what's {fword} in {lto}
        what is {fword} in {lto}
        what's the {lto} (word )for {fword}
        what would {fword} be in {lto}
        how do you say {fword} in {lto}
        how do I say {fword} in {lto}
        {fword} in {lto}
        {fword} to {lto}
        {lto} for {fword}
        the {lto} word for {fword}
        in {lto}, what does {fword} mean
        ~{fword} in {lto}
        I [want|need] to know what {fword} means in {lto}
        do you know what {fword} is in {lto}
    """, setup=english_setup),
    group("search_web", "search", 12, """
        !search for {searchq}
        !search for {searchq}
        !search for {searchq}
        !search {searchq}
        !search {searchq}
        !search (up )(online )for {searchq}
        !search {web} for {searchq}
        !search the web for {searchq}
        !search the internet for {searchq}
        !search google for {searchq}
        !search online for {searchq}
        !search on [the web|the internet|google] for {searchq}
        !search for {searchq} [online|on the web|on the internet|on google|in google]
        !search {searchq} [online|on the web|on the internet|on google]
        !search: {searchq}
        !search up {searchq}
        !do a [web|google|internet|quick|quick web] search [for|on] {searchq}
        !do a search for {searchq}
        !do an online search for {searchq}
        !run a [web |google |]search [for|on] {searchq}
        !make a web search for {searchq}
        !google {searchq}
        !google {searchq}
        !google {searchq}
        !google for {searchq}
        !google: {searchq}
        !look up {searchq}
        !look up {searchq}
        !look up {searchq}
        !look up {searchq} [online|on the web|on the internet|on google]
        !look {query=search_np} up
        !look {query=search_np} up [online|on the internet|on google]
        !look on [the internet|the web|google] for {searchq}
        !look on the internet for {searchq}
        !look online for {searchq}
        !look for {searchq} [online|on the web|on the internet|on google]
        !look for {searchq} on the internet
        !find {searchq} online
        !find {query=search_np} [online|on the web|on the internet|on google]
        !find me {query=search_np} [online|on the web|on the internet]
        !find out online {searchq}
        !find information [on|about] {query=search_np} [online|on the web]
        !browse the web for {searchq}
        !use google to look up {searchq}
        !go online and [look up|search for] {searchq}
        !go on [google|the internet] and [look up|search for] {searchq}
        !open google and search for {searchq}
        ~a [web|google|internet] search for {searchq}
        ~a web search on {searchq}
        ~to google {searchq}
        ~to search for {searchq}
        ~to look up {searchq}
        [web|google|internet] search: {searchq}
        web search {searchq}
        google search {searchq}
        web search for {searchq}
        search query: {searchq}
        search {searchq} please
        online search for {searchq}
        on [google|the web|the internet] search for {searchq}
        on the internet, look up {searchq}
        on google look up {searchq}
        I [want|need|'d like] to search for {searchq}
        I [want|need|'d like] to search the web for {searchq}
        I [want|need|'d like] to google {searchq}
        I [want|need|'d like] to look up {searchq}
        I [want|need] you to google {searchq}
        I need to find {searchq} online
        let's google {searchq}
        let's search for {searchq}
        let's look up {searchq}
        let's look up {searchq} online
        can we google {searchq}
        can I search for {searchq}
        go google {searchq}
        just google {searchq}
        try googling {searchq}
        see what google says about {query=search_np}
        see what the internet says about {query=search_np}
    """),
    nulls("translate: not its job", """
        !translate
        !translate [this|that|it]
        !translate [this|that|it] (in)to {lname0}
        !translate something (in)to {lname0}
        !translate to {lname0}
        !translate {phrase}
        !translate {foreign}
        !translate this [page|document|email|article|website|book|message] [to {lname0}|]
        !translate the last message
        !translate my {object} manual
        how do you say that in {lname0}
        how do you say it
        how do you say {phrase}
        how do you say {vocab}
        what is that in {lname0}
        what does {coined} mean
        what does {noun} mean
        what does {vocab} mean
        what does {foreign} mean
        what does that mean
        what's the meaning of {noun}
        what is the meaning of life
        define {noun}
        definition of {adj}
        what's the definition of {noun}
        what's another word for {adj}
        what's a synonym for {adj}
        synonyms of {adj}
        what's the opposite of {adj}
        antonym of {adj}
        what rhymes with {noun}
        how do you spell {noun}
        spell {noun}
        how do you pronounce {foreign}
        how do you pronounce {coined} [in {lname0}|]
        pronounce {noun}
        use {adj} in a sentence
        what's the plural of {animal}
        what's the past tense of {verb}
        conjugate {verb} in {lname0}
        is {noun} a noun or a verb
        what language is {foreign}
        what language [do they speak|is spoken] in {country}
        what language is this
        how many people speak {lname0}
        is {lname0} hard to learn
        how long does it take to learn {lname0}
        teach me {lname0}
        teach me some {lname0} words
        give me a {lname0} lesson
        I want to learn {lname0}
        I'm learning {lname0}
        I speak {lname0}
        do you speak {lname0}
        can you speak {lname0}
        can you translate [things|languages|documents|to {lname0}|]
        do you understand {lname0}
        which languages do you [speak|know|support]
        speak {lname0}
        talk to me in {lname0}
        switch to {lname0}
        change [the|your] language to {lname0}
        set the language to {lname0}
        answer in {lname0}
        tell me a joke in {lname0}
        tell me a story in {lname0}
        write a poem in {lname0}
        sing a song in {lname0}
        count to ten in {lname0}
        say something in {lname0}
        !translate {phrase} (in)to {badlang}
        how do you say {phrase} in {badlang}
        what's {vocab} in {badlang}
        {vocab} in {badlang}
        what does {coined} mean in {badlang}
        !translate {phrase} (in)to {lname0} and {lname0}
        how do you say {vocab} in {lname0} and {lname0}
        !translate {phrase} (in)to {lname0} and [read it aloud|send it to {first}|spell it|text it to {first}
        + |pronounce it]
        !translate {phrase} and {phrase} (in)to {lname0} and {lname0}
        what's {vocab} and {vocab} called
        I translated [it|the {object}] [yesterday|]
        who translated {title}
        the translation was wrong
        [don't|please don't] translate [it|that|anything]
        a good {lname0} dictionary
        what's the best app to learn {lname0}
        is there a word for {noun} in every language
        where does the word {noun} come from
        what's the origin of the word {noun}
        tell me about {lname0} grammar
        the {lname0} alphabet
        how many letters does the {lname0} alphabet have
        {phrase}
        {foreign}
    """, 2.2),
    nulls("search: not its job", """
        !search
        !search [the web|the internet|online|google|]
        !google [it|that|]
        !google something
        google
        !look it up
        !look that up
        !look up
        !look it up [online|on google]
        !search for [it|that|this]
        !search again
        !search for something [else|fun]
        !search youtube for {search}
        !search {search} on [youtube|amazon|ebay|reddit|spotify|netflix|instagram|tiktok|etsy|facebook|twitter
        + |pinterest]
        !search [amazon|ebay|reddit|spotify|netflix|wikipedia|etsy|twitter|linkedin|my email|my files|my photos
        + |my contacts|the app store|my phone] for {thing}
        !look for {goods} on [amazon|ebay|etsy|craigslist]
        !look up {title} on [netflix|imdb|youtube|spotify|goodreads]
        !look up {fullname} on [facebook|linkedin|instagram|twitter]
        !find {title} on [youtube|netflix|amazon|ebay]
        !find [my phone|my keys|my {object}|{first}'s number|a file|my photos from {city}|a restaurant|a {nearkind}
        + |{nearkind} near me|a parking spot|a good doctor|a flight to {city}|cheap tickets|the nearest {nearkind}]
        !find me a {nearkind}
        find a {nearkind} [nearby|near here|around here|]
        where is the [nearest|closest] {nearkind}
        is there a {nearkind} [nearby|around here|near me]
        !open [the browser|chrome|safari|google|a new tab|wikipedia|youtube|{coined}.com]
        !go to {coined}.com
        !visit {coined}.com
        !download {title}
        !install {coined}
        !bookmark this page
        !close all tabs
        !clear my search history
        !show my search history
        !turn on incognito mode
        !refresh the page
        !scroll down
        !click the first [result|link]
        !open the first result
        !read me the first result
        !google {search} and send it to {first}
        !search for {topic} and read it to me
        !google {topic} and {google_then}
        !look up {topic} and make a note
        {search_q}
        {search_q}
        {search_q}
        {search_q}
        tell me {search_q}
        do you know {search_q}
        I want to know {search_q}
        I wonder {search_q}
        can you [search the web|google things|look things up|browse the internet|use google]
        do you have internet access
        are you connected to the internet
        how do I [search for a file|use google|clear my cookies|search on a page]
        how does google (search )work
        who [founded|owns|invented] google
        I [googled|searched for|looked up] {topic} [yesterday|already|]
        did you [google|search|look up] {topic}
        [don't|do not|please don't] [google|search|look up] {topic}
        never mind the search
        should I google my symptoms
        if I google {topic}, what will I find
        {first} told me to google it
        the internet is [down|slow]
        is the internet down
        why is the internet so slow
        what's a search engine
        what is the best search engine
        search party
    """, 2),
]
MACROS |= {
    "lname0": (
        "[spanish|french|german|italian|japanese|chinese|russian|korean|arabic|portuguese|dutch|polish|turkish"
        "|hindi|greek|swedish|latin|english]"
    ),
    "badlang": (
        "[klingon|elvish|esperanto|basque|hawaiian|zulu|mongolian|maltese|yiddish|sanskrit|navajo|galician"
        "|albanian|afrikaans|xhosa|georgian|armenian|kazakh|nepali|lao|khmer|burmese|punjabi|gujarati|telugu"
        "|marathi|quechua|samoan|maori|luxembourgish|pig latin|morse code|sign language|dothraki|scottish gaelic"
        "|somali|amharic|hausa|yoruba|igbo|macedonian|bosnian|belarusian|cantonese slang|tibetan|dolphin|emoji]"
    ),
    "search_np": (
        "[{goods} reviews|{topic}|{topic} for beginners|{fullname}|{adj} {noun}s|{noun} {noun}|{cooking} recipes"
        "|the best {goods}|the {adj} {noun}|cheap flights to {city}|hotels in {city}|{performer} lyrics|{coined}"
        "|{coined} {noun}|{city} {nearkind} opening hours|the capital of {country}|pictures of {animal}s"
        "|the population of {city}|{company} stock price|{hobby} tips|{title}|{digits} {word}"
        "|a_ {cooking} recipe|the history of {topic}|{event} ideas|used {object}s|the meaning of {noun}|{salad}"
        "|a_ good {nearkind} in {city}]"
    ),
    "search_q": (
        "[how tall is {fullname}|what is {topic}|who invented the {noun}|who won the {event}"
        "|when did {fullname} die|why is the {noun} {adj}|why do {animal}s {verb}|what causes {noun}s"
        "|what's the capital of {country}|what's the population of {city}|how do I [clean a_ {object}"
        "|fix a_ {object}|remove {food} stains|get rid of {animal}s|learn {hobby}]|what's the best {goods}"
        "|what are the best {nearkind}s in {city}|how old is {fullname}|where is {city}"
        "|what time does the {venue} open|how deep is the {noun}|who is {fullname}|who wrote {title}"
        "|is {food} good for you|can {animal}s eat {food}|how much does a_ {object} cost"
        "|how many {animal}s are there|when is the next {noun} festival]"
    ),
    "google_then": "[play {genre}|set a timer for {some_duration}|text {first}|turn off the lights]",
}
EXTRAS = {
    "translate": (
        "[and say it aloud|and send it to {first}|and spell it|and pronounce it slowly|in a formal tone"
        "|with pronunciation|and in [french|german|japanese] too|and save it]"
    ),
}
