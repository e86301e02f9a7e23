"""Free text: tasks, messages, notes, searches, titles, names and places, put together from the lexicon.

None of it is an argument by itself; patterns say what is copied. What stands here never begins with an article where
the contract drops it (names of things), and never ends in words that belong elsewhere.
"""

from .spoken import text

ONSETS = "b br c ch cl d dr f fl g gl gr h j k kl l m n p pr qu r s sh sk sl sn sp st t th tr v w y z".split()
VOWELS = "a e i o u a e i o ai ea ee oo ou ia".split()
CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "k", "nd", "rt", "ck", "x", "sh", "ng", "lm", "p"]


@text
def coined(line):
    """A word that nobody knows: names and brands are like that."""
    count = line.weighted([(2, 1), (6, 2), (4, 3)])
    word = ""
    for at in range(count):
        word += line.pick(ONSETS) + line.pick(VOWELS)
        if at == count - 1 or line.chance(0.3):
            word += line.pick(CODAS)
    return word.capitalize() if line.chance(0.4) else word


@text
def code(line):
    """A code, a number of a room, a password."""
    roll = line.random()
    if roll < 0.4:
        return str(line.between(10, 999999))
    if roll < 0.6:
        return f"{line.pick('ABCDEFGHJKLMNPRSTVWXYZ')}{line.between(1, 99)}"
    if roll < 0.8:
        return f"{line.between(1, 60)}{line.pick('abcdefABCDEF')}"
    letters = "".join(line.pick(group) for group in ("bcdfgmprst", "aeiou", "klmnrstz", "aeiou"))
    return letters + str(line.between(1, 9999))


@text
def phone(line):
    roll = line.random()
    last = "".join(str(line.below(10)) for _ in range(4))
    if roll < 0.4:
        return f"555-{last}"
    if roll < 0.6:
        return f"{line.between(201, 989)}-555-{last}"
    if roll < 0.7:
        return f"{line.between(201, 989)} 555 {last}"
    if roll < 0.8:
        return f"0{line.between(20, 79)} {line.between(1000, 9999)} {last}"
    if roll < 0.9:
        country = line.pick(["44", "1", "49", "33", "351", "91"])
        return f"+{country} {line.between(100, 999)} {line.between(100, 999)} {last}"
    return "".join(str(line.below(10)) for _ in range(line.between(3, 10)))


@text
def mail(line):
    name = coined(line).lower()
    return f"{name}@{coined(line).lower()}.{line.pick(['com', 'org', 'net', 'io', 'co.uk', 'de'])}"


@text
def house(line):
    return str(line.weighted([(6, line.between(1, 99)), (3, line.between(100, 999)), (1, line.between(1000, 9999))]))


@text
def price(line):
    return line.pick(["$", "$", "€", "£"]) + str(line.pick([5, 10, 12, 15, 20, 25, 40, 50, 75, 100, 120, 250,
        line.between(1, 2000)]))


WORDS = {
    # People
    "fullname": "{first} {last}",
    "someone": "[{first}|{first}|{first}|{first}|{fullname}|{kin}|{kin}|{honorific} {last}]",
    "pair": "[{first}|{kin}] and [{first}|{kin}]",
    "pronoun": "[he|she|they]",
    "him": "[him|her|them]",
    # Any words at all, so that copying learns to copy
    "word": "[{noun}|{noun}|{adj}|{verb}|{food}|{goods}|{object}|{animal}|{hobby}|{vocab}|{coined}]",
    "salad": "{word} {word}( {word}(( {word})))",
    # What to do
    "thing": "[{object}|{object}|{food}|{goods}|{noun}]",
    "things": "[{food}|{goods}|{food} and {food}|{goods} and {food}|{small_number} {goods}|some {food}]",
    "who": "[{first}|{first}|{kin}|{my} {kin}|the {person}|{my} {person}|{honorific} {last}|{fullname}]",
    "my": "[my|my|my|our]",
    "the": "[the|the|my|our]",
    "task": "[{task_home}|{task_home}|{task_buy}|{task_people}|{task_people}|{task_work}|{task_health}|{task_misc}]",
    "task_home": (
        "[water the [plants|{noun}|garden|lawn]|feed the {animal}(s)|walk the [dog|{animal}]|take out the [trash"
        "|garbage|recycling|bins]|do the [dishes|laundry|ironing|vacuuming]|clean the [{object}|{room}"
        "|{oddroom}]|empty the [dishwasher|bin|{object}]|fix the {object}|charge [my|the] {object}|mow the lawn"
        "|change the [sheets|filter|{object} filter|batteries|bulb in the {room}]|check the {object}"
        "|check on the {cooking}|turn off the [oven|stove|iron|sprinkler|tap]|lock the [door|gate|{object}]"
        "|defrost the [{cooking}|{food}|freezer]|take the {cooking} out of the [oven|freezer|fridge]"
        "|stir the {cooking}|flip the {cooking}|preheat the oven|make the bed|vacuum the {room}"
        "|paint the [{object}|{room}]|move the [car|{object}]|put the [{object}|{goods}] [away|in the car"
        "|in the {room}|back]|wash the [car|{object}|windows|{object}s]|sweep the [{room}|{oddroom}]"
        "|repot the [{noun}|plants]|hang up the [laundry|{object}]|bring in the [mail|{object}|laundry]"
        "|close the [windows|{object}|garage]|unplug the {object}|oil the {object}|replace the {object}"
        "|rotate the tires|clean out the [fridge|{room}|{object}]]"
    ),
    "task_buy": (
        "[buy {things}|get {things}|pick up {things}|order {things}|buy (more |some ){food}"
        "|grab {food} from the [store|market|shop]|return the {object}|buy a_ [gift|present|card] for {who}"
        "|order a_ new {object}|renew [my|the] [passport|license|library card|{hobby} membership|subscription]"
        "|cancel [my|the] [subscription|{hobby} membership|{app} trial|order]|get {goods} and {food}"
        "|stock up on {goods}|refill the [prescription|{goods}]|buy tickets for [the {event}|{city}]"
        "|pick up the [dry cleaning|{object}|package|cake|kids|{goods}]|return the {goods} to [{first}"
        "|the store]|pay [the|my] [rent|bill|electricity bill|water bill|phone bill|invoice|{person}"
        "|credit card]|pay for the {event}]"
    ),
    "task_people": (
        "[call {who}|call {who} back|call {who} about the {thing}|text {who}|email {who}"
        "|email {who} the {object}|ring {who}|write to {who}|thank {who} for the {thing}"
        "|wish {who} [a happy birthday|good luck|a merry christmas]|pick up {who} (from [the airport|school"
        "|{hobby} practice|the {venue}|work])|drop off {who} at [school|the {venue}|{hobby} practice]"
        "|meet {who} at the {venue}|ask {who} about the [{thing}|{event}]|ask {who} for the {object}"
        "|give {who} the {object}|tell {who} about the {event}|send {who} the [{object}|photos|slides|address"
        "|money]|invite {who} to the {event}|visit {who}|check in with {who}|book a_ [table|room"
        "|appointment] (with|for) {who}|reply to {who}|buy {who} [flowers|a present|{food}]"
        "|lend {who} the {object}|return {first}'s {object}|call the {callplace}"
        "|make an appointment with the {person}]"
    ),
    "task_work": (
        "[send the [report|slides|invoice|{noun} report|minutes|contract]|finish the [report|essay|homework"
        "|{noun} project|presentation|taxes]|submit the [form|application|timesheet|expense report|{object}]"
        "|prepare (for )the [{event}|slides|agenda]|study (for the )[{hobby}|math|history|chemistry|{topic}]"
        "|review the [{object}|code|contract|budget|pull request]|back up [my|the] [laptop|phone|photos"
        "|computer]|print the [{object}|tickets|labels]|sign the [{object}|contract|permission slip]"
        "|register for the [{event}|course|{hobby} class]|update [my|the] [resume|website|calendar|software"
        "|{object}]|join the [{event}|call|zoom]|leave for [work|the airport|the {venue}|{city}]"
        "|pack [for {city}|my bags|the {goods}|the {object}]|file the [taxes|{object}]|read [the {object}"
        "|chapter {small_number}|about {topic}]|do my [homework|taxes|{hobby} exercises]|practice [{hobby}"
        "|the {hobby}|my speech]|watch the [{event}|game|{noun} documentary]|check [my|the] [email|bank account"
        "|mail|oil|tires|{object}]]"
    ),
    "task_health": (
        "[take [my|the] [medicine|pills|vitamins|medication|antibiotics|{goods}]|drink (more |some )[water|tea"
        "|{food}]|stretch|go to [the gym|bed|sleep|{hobby} practice|the {person}|the {venue}]|take a break"
        "|take [{first}|the {animal}|the kids] to the [vet|{person}|{venue}|doctor]|do [{hobby}|yoga|push ups"
        "|my exercises]|eat (some )[{food}|breakfast|lunch|dinner|supper]|meditate|brush [my|the dog's] teeth"
        "|put on [sunscreen|lotion|the {object}]|floss|get a flu shot|schedule a_ [checkup|{event}]|stand up"
        "|rest|sit up straight|breathe|get some [sleep|fresh air|rest]|see the doctor|wash my hands|weigh myself]"
    ),
    "task_misc": (
        "[look for the {object}|find [my|the] {object}|write [a letter to {who}|in my journal|a poem"
        "|the {noun} chapter]|learn [{hobby}|about {topic}|{small_number} new words]|vote|donate [{goods}|blood"
        "|the {object}]|renew the {noun} permit|look into {topic}|plan the [trip|{event}|{noun} party]"
        "|record the [{event}|show|game]|bring [{food}|the {object}|a_ {object}|{goods}] (to [the {event}|work"
        "|{first}])|wear [a tie|the {adj} {object}|{goods}]|take [photos|a picture of the {noun}|the {object}"
        "|a_ {object}]|set up the {object}|try the {adj} {food}|make [{food}|{cooking}|the {cooking}|dinner"
        "|breakfast|lunch|coffee|a reservation at {venue_name}]|bake {cooking}|start the [{cooking}|{object}"
        "|laundry|{timerthing}]|stop by the {venue}|go [home|shopping|for a walk|{hobby}]|{verb} the {noun}"
        "|{verb} the {adj} {noun}|{verb} {coined}|be nice to {who}|practise {hobby}|not be late|hang the {noun}]"
    ),
    "deadline": (
        "[[by|by|before|until|after] [{weekday}|{some_time}|{weekday}|tomorrow|noon|the weekend"
        "|the end of the month|{month}|lunch|the {event}|next week|the {event}]|[before|after] [it rains|work"
        "|school|lunch|the {event}]]"
    ),
    # What to call a timer or an alarm
    "label": (
        "[{cooking}|{cooking}|{timerthing}|{timerthing}|{hobby}|{food}|{event}|{noun}|{first}|{adj} {noun}"
        "|{coined}|{food} {cooking}|{animal}|{goods}|{word}]"
    ),
    "errand": (
        "[{label}|{label}|{adj} {cooking}|{kin}|{person}|{event}|{hobby} practice|{hobby} class"
        "|{noun} and {noun}|{first}'s {event}|{word} {word}|{timerthing}]"
    ),
    # Events
    "with": (
        "with [{someone}|{someone}|{my} {person}|the {person}|{first} and {first}|{first} from [work|{city}"
        "|accounting|marketing|legal|hr]]"
    ),
    "topical": "[about|on] [the {noun}|the {adj} {noun}|{topic}|{first}'s {thing}|{coined}|the budget|the {event}]",
    "event_title": (
        "[{event}|{event}|{event} {with}|{event} {with}|{event} {with}|{first}'s {event}|{hobby} [practice|class"
        "|lesson|tournament|match]|{adj} {noun} {event}|{noun} {event}|{task}|{coined} {event}|{event} {topical}"
        "|{event} {with} {topical}|{kin}'s {event}|{company} {event}|{event} for {first}|{hobby} {with}|{salad}]"
    ),
    "company": "[{last}|{coined}|{noun}|{last} and {last}|{last} {noun}|{city}]",
    # Places
    "venue_name": (
        "[{first}'s {placekind}|{noun} {placekind}|{adj} {noun}|{coined}|{coined} {placekind}|{last}'s|{first}'s"
        "|{adj} {noun} {placekind}|{street} {placekind}|Cafe {coined}|Hotel {coined}|{city} {placekind}"
        "|{last} {placekind}]"
    ),
    "address": (
        "[{house} {street} {streetkind}|{house} {street} {streetkind}|{house} {last} {streetkind}"
        "|{house} {street} {streetkind}, {city}|{street} {streetkind}|corner of {street} and {street}"
        "|{house} {street} {streetkind} {city}|{house} {coined} {streetkind}|{house} {noun} {streetkind}]"
    ),
    "nearest": "[nearest|closest|nearest|closest] ({adj} ){nearkind}",
    "where_event": (
        "[{eventplace}|{eventplace}|{venue_name}|{venue_name}|{address}|{first}'s house|{first}'s place"
        "|{first}'s|{city}|room {code}|{venue}|{kin}'s house|{company} office|{city} office]"
    ),
    "weather_place": (
        "[{city}|{city}|{city}|{city}|{city}|{country}|{country}|{spot}|{city}, {country}|{city} {country}"
        "|{coined}|north {country}|southern {country}|{street}ville|{street} Valley|Lake {last}|Mount {last}"
        "|Port {last}|{last}town|{first}'s town|San {first}]"
    ),
    "destination": (
        "[{venue}|{venue}|{venue_name}|{venue_name}|{venue_name}|{address}|{address}|{address}|{nearest}"
        "|{nearest}|{city}|{city}|{city} [airport|train station|city center|bus station|zoo]|{first}'s house"
        "|{first}'s place|{kin}'s house|home|work|{spot}|{coined}|{street} [Park|Station|Mall|Hospital|School"
        "|Library|Stadium|station|park]|{last} [Hospital|Hall|Building|Stadium|Park|Airport]|{coined} {venue}"
        "|{person}'s office|school|hotel|office]"
    ),
    "rooms": "[{room}|{room}|{room}|{room}|{oddroom}|{oddroom}]",
    "tworooms": "{room} and {room}",
    # Media
    "title": (
        "[{adj} {noun}|the {adj} {noun}|the {noun}|{noun} of {noun}|{noun} of the {noun}|{noun} in the {noun}"
        "|{verb} the {noun}|{verb} me {adj}|{noun}|{first}|{noun} and {noun}|don't {verb}|{adj} {noun} {noun}"
        "|{verb} away|I {verb} you|{coined}|{coined} {noun}|let's {verb}|{small_number} {noun}s|{adj} and {adj}"
        "|when you {verb}|{noun} {verb}er|no more {noun}|{city}|{city} {noun}|my {adj} {noun}|all the {noun}s"
        "|where the {noun}s {verb}|never {verb} again|the last {noun}|{weekday} {noun}|{verb} {verb} {verb}"
        "|{month} {noun}|{first} and the {noun}s|{adj} in {city}|under the {noun}|{year}|a_ {adj} {noun}]"
    ),
    "performer": (
        "[{artist}|{artist}|{artist}|{fullname}|{first}|the {noun}s|the {adj} {noun}s|{coined}"
        "|{first} and the {noun}s|{adj} {noun}|{coined} {coined}]"
    ),
    "media": (
        "[{title} by {performer}|{title} by {performer}|{title}|{title}|{title}|{performer}|{performer}|{genre}"
        "|{genre}|{genre}|the song {title}|the album {title}|{performer}'s [latest|new|first"
        "|greatest hits] album|the new {performer} [album|song|single]|songs by {performer}|music by {performer}"
        "|something by {performer}|{performer} radio|the {adj} {noun} podcast|a_ podcast about {topic}"
        "|the latest episode of {title}|the soundtrack of {title}|the {genre} playlist|my {word} playlist"
        "|my {hobby} playlist|a_ {genre} playlist|{station}|{station}|{show}|{show}|something [relaxing|upbeat"
        "|calm|new|funny|to dance to|romantic|{adj}|sad|quiet]|music|music|{adj} music|{adj} {genre}"
        "|music for [{hobby}|studying|cooking|sleeping|{event}]|episode {small_number} of {title}"
        "|season {small_number} of {title}|{title} season {small_number}|the movie {title}|the audiobook {title}"
        "|the {title} audiobook|{genre} from the {decade}|a {decade} mix|{performer} live|{performer}'s {title}"
        "|{title} from {performer}|the live version of {title}|the podcast {title}|a bedtime story"
        "|{title} {performer}|chapter {small_number} of {title}|{hobby} highlights|{topic} documentaries"
        "|a_ documentary about {topic}|sounds of the {noun}|{coined} fm]"
    ),
    "decade": "[60s|70s|80s|90s|2000s|eighties|nineties|seventies|2010s]",
    # Searches
    "search": (
        "[how to [{task}|{verb} a_ {noun}|{verb} {noun}s|fix a_ {object}|cook {cooking}|make {cooking}"
        "|clean a_ {object}|get rid of {animal}s|learn {hobby}|remove {food} stains]|best {goods} [for {hobby}"
        "|under {price}|{year}|]|best {nearkind} in {city}|{cooking} recipe|{adj} {cooking} recipes"
        "|{food} and {food} recipes|cheap flights to {city}|hotels in {city}|{topic}|{topic} for beginners"
        "|history of {topic}|{company} stock price|{performer} tour dates|{performer} lyrics"
        "|who [won the {event}|invented the {noun}|is {fullname}|wrote {title}|sings {title}]|what [is {topic}"
        "|is a_ {noun} made of|causes {noun}s|does {coined} mean|time does the {venue} open]"
        "|when [is the next {noun} festival|did {fullname} die|does {coined} season start]"
        "|why [do {animal}s {verb}|is the {noun} {adj}|are {noun}s {adj}]|where [to buy {goods}|to find {noun}s"
        "|is {coined}]|{adj} {noun}s|{noun} {noun}|pictures of {animal}s|{adj} {animal} pictures|{goods} reviews"
        "|{coined} reviews|{coined} vs {coined}|{fullname}|the {adj} {noun}|the best {goods}"
        "|the nearest {nearkind}|{city} {nearkind} opening hours|{city} weather in {month}"
        "|things to do in {city}|{country} visa requirements|the population of {city}|the capital of {country}"
        "|{hobby} tips|{hobby} classes near me|{hobby} rules|{noun} symptoms|used {object}s for sale"
        "|{object} repair {city}|how many {animal}s are there|how old is {fullname}|how [tall|deep"
        "|old] is the {noun}|is {food} good for you|can {animal}s eat {food}|{animal} breeds"
        "|{year} {noun} results|{title}|{title} movie reviews|{performer} new album|jobs in {city}"
        "|{city} to {city} train times|{coined} {noun}|{salad}|{digits} {word}|{topic} in {country}"
        "|{hobby} {goods}|gift ideas for {who}|{event} ideas|{venue} near {city}|symptoms of {noun} {noun}"
        "|{adj} {hobby} exercises]"
    ),
    # Messages
    "clause": (
        "[I'm [running late|on my way|almost there|stuck in traffic|outside|home|at the {venue}|leaving now"
        "|in a meeting|busy|sick|sorry|bringing {food}|proud of {him}|not coming|going to be late"
        "|at {venue_name}|still at work|here|done with the {thing}|{adj}|in {city}|getting {food}"
        "|not feeling well|at the door]|I'll be [late|there in {some_duration}|there at {some_time}"
        "|{some_duration} late|home by {some_time}|in {city} {some_on}|a bit late|offline {some_on}"
        "|back {some_on}|right there|home soon|there {some_on}]|I [love you|miss you|can't make it"
        "|can't come {some_on}|lost my {object}|found the {object}|got the {object}|need the {object}"
        "|finished the {thing}|arrived|forgot the {object}|will call later|left the {object} in the {room}"
        "|sent the {object}|have to cancel|won't be there|passed the {event}|fed the {animal}|paid the {object}"
        "|agree|don't know|bought {food}|booked the {venue}|saw {first} at the {venue}|said {adj}"
        "|need help with the {object}]|the [{event} is {some_on}|{event} is cancelled|{event} is at {some_time}"
        "|{event} moved to {some_time}|{object} is broken|{object} is ready|{object} is in the {room}"
        "|{cooking} is ready|package arrived|{animal} [escaped|is fine|got out|needs food]|door is open"
        "|keys are under the mat|train is late|kids are [asleep|hungry|home|at {first}'s]|{event} was {adj}"
        "|{food} was {adj}|code is {code}|wifi password is {code}|{noun} is {adj}|rent is paid"
        "|{object} costs {price}]|dinner is [ready|at {some_time}|on the table]|lunch is on me"
        "|we're [out of {food}|leaving at {some_time}|at the {venue}|late|here|home|having {cooking}"
        "|going to {city} {some_on}|all set|meeting at {venue_name}]|we [need {food}|have to talk|landed"
        "|should meet {some_on}|made it|lost|won|are at {venue_name}]|my [flight is delayed|phone died"
        "|{object} broke down|train leaves at {some_time}|plane landed|number changed|address is {address}"
        "|{kin} is visiting]|{first} [says hi|is here|is coming too|will pick {him} up|called|can't come"
        "|has the {object}|needs a ride]|it's [okay|cold outside|fine|time to go|done|{first}'s birthday|raining"
        "|my turn|in the {room}|over]|there's [no {food} left|a {event} {some_on}|a package for {him}|traffic]"
        "|everything is [fine|ready|{adj}]|they [left|won|called|are late|sold out]"
        "|{pronoun} [can come {some_on}|should bring {food}|left the {object} here|owes me {price}"
        "|forgot the {object}]|nobody is home|traffic is terrible|class is cancelled|school is closed {some_on}"
        "|the answer is [yes|no|{code}]|I'd like to {task}|I want to {task}|I have to {task}|I already [cleaned"
        "|fixed|sold|moved|painted|checked|opened] the {thing}|I might be late|tomorrow works (for me)"
        "|{weekday} is fine|{some_time} works|{topic} is {adj}]"
    ),
    "exclaim": (
        "[happy birthday|happy anniversary|merry christmas|good luck|congratulations|congrats on the {event}"
        "|get well soon|good morning|good night|sweet dreams|thank you|thanks for the {thing}|thanks"
        "|thank you for {food}|sorry|sorry about {weekday}|sorry for the {noun}|see you {some_on}"
        "|see you at {some_time}|see you soon|love you|miss you|on my way|be there in {some_duration}"
        "|be there soon|running late|almost there|yes|no|ok|sounds good|no problem|maybe|of course|welcome home"
        "|hello|hi|hi from {city}|hey|what's up|great job|well done|have fun|have a safe flight|drive safely"
        "|take care|call me|call me later|call me back when you can|call me when you're home|wait for me"
        "|don't wait up|dinner at {some_time}|lunch {some_on}|running {some_duration} late|not today|just landed"
        "|got it|done|on the train|at the {venue}|leaving in {some_duration}|home by {some_time}|bring {food}"
        "|buy {food}|pick up {food} on the way|please {task}|don't forget {the} {object}|don't forget to {task}"
        "|let's meet at {venue_name}|let's meet at {some_time}|meet me at the {venue}|let's {verb} {some_on}"
        "|we need {food}|need {food}|come home|hurry up|{salad}|the {noun} is {adj}|{phrase}|my {noun} is {adj}"
        "|I'm at {venue_name}, where are you|ok, see you there|no, {weekday} is better"
        "|love the {noun}, thank you so much]"
    ),
    "ask_text": (
        "[are you [home|coming|there|awake|ok|free {some_on}|hungry|on your way|still at the {venue}"
        "|coming to the {event}|up for {hobby}]|can you [{task}|call me|pick me up|bring {food}|talk"
        "|pick up {food}|send me the {object}|help me with the {object}|come over {some_on}]|do you [want {food}"
        "|want to {task}|need {food}|need anything from the {venue}|have the {object}|have time {some_on}"
        "|like {food}|want to go to the {venue}]|did you [{task}|get the {object}|see the {object}|eat"
        "|feed the {animal}|lock the door|call {who}]|where [are you|is the {object}|did you put the {object}"
        "|should we meet|are the {goods}]|when [are you coming|is the {event}|does the {event} start"
        "|will you be home|can I pick up the {object}]|what [time is the {event}|do you want for dinner"
        "|should I bring|are you doing {some_on}|is the wifi password|size is the {object}]|how [are you"
        "|was the {event}|was your day|is the {noun}|much is the {object}|is {kin}]"
        "|who [is coming to the {event}|has the {object}|is driving]|why [are you late|is the {object} {adj}]"
        "|is [the {object} {adj}|it raining|dinner ready|{first} there|everything ok]"
        "|have you [seen the {object}|eaten|heard from {first}|done the {thing}]|is {weekday} ok]"
    ),
    "if_text": (
        "[if|if|if|whether] [{pronoun} [wants {food}|is coming {some_on}|is home|needs {food}|has the {object}"
        "|can {task}|can come {some_on}|is free {some_on}|got the {object}|wants to {task}|likes {food}"
        "|is still at the {venue}|can pick me up|will be at the {event}|has seen the {object}|is ok"
        "|fed the {animal}|is hungry]|the {event} is (still )[on|{some_on}|cancelled]|{weekday} works"
        "|I can borrow the {object}|I left the {object} there|dinner is ready|the {object} is [ready|done|fixed]"
        "|we can {task}|we're still on for {weekday}|there is any {food} left|{first} is there]"
    ),
    "wh_text": (
        "[what time [{pronoun}'s coming|the {event} starts|dinner is|to pick {him} up|the {venue} closes]"
        "|what [{pronoun} wants for dinner|to bring|the code is|{pronoun} thinks of the {object}]"
        "|when [{pronoun}'s coming home|the {event} is|the {event} starts|we're meeting|to {task}]"
        "|where [{pronoun} put the {object}|the {object} is|to park|the {event} is|{pronoun} is]"
        "|how [{pronoun}'s doing|the {event} went|much the {object} was|to {task}|{pronoun} liked the {food}]"
        "|why {pronoun} [left|didn't call|is late]|who [is coming|has the {object}|won]|for [the {object}"
        "|{first}'s number|the recipe|a ride|the address of {venue_name}|some {food}]|about the [{event}"
        "|{object}]]"
    ),
    "request": (
        "[{task}|{task}|call me|call me back|bring {food}|bring the {object}|pick me up (at {some_time})"
        "|come home|wait (for me)|meet me at [{venue_name}|the {venue}]|buy {things}|pick up {food}"
        "|be here at {some_time}|hurry up|wear a coat|send me the {object}|leave the {object} at the door"
        "|open the door|save me a seat|come over|lock the door|come {some_on}|be on time|pick up the kids"
        "|check the {object}|drive carefully|turn off the {object}|call {first}|let me know|get some rest"
        "|take the {animal} out|feed the {animal}|set the table|start dinner]"
    ),
    "not_request": (
        "not to [worry|wait|{task}|forget the {object}|be late|bring {food}|call me|wait up|touch the {object}"
        "|come {some_on}|buy {food}|tell {first}|park in front of the {object}]"
    ),
    # Notes
    "note_that": (
        "[{clause}|{clause}|{clause}|the wifi password is {code}|{first}'s birthday is {some_on}"
        "|{first} likes {food}|{first} is allergic to {food}|my locker code is {code}|I parked [in spot {code}"
        "|on level {small_number}|on {street} {streetkind}|by the {noun}]|the spare key is [under the {object}"
        "|with {first}|in the {room}]|{first} owes me {price}|I owe {first} {price}|the {object} costs {price}"
        "|the {event} is at {some_time} in {where_event}|{first}'s number is {phone}|the {noun} is {adj}"
        "|my passport expires {some_on}|we need {food}|the {object} is at {first}'s"
        "|{company} called about the {object}|I put the {object} in the {room}|the {adj} {noun} was {adj}"
        "|flight {code} leaves at {some_time}]"
    ),
    "note": (
        "[the wifi password is {code}|{first}'s [birthday is {some_on}|number is {phone}|address is {address}"
        "|size is {small_number}|favorite {noun} is {adj}|dog is called {coined}]|parking spot {code}"
        "|the car is (parked )[in spot {code}|on level {small_number}|on {street} {streetkind}]|gate code {code}"
        "|locker {code}|the combination is {code}|flight {code} leaves at {some_time}"
        "|the spare key is [under the {object}|with {first}|in the {room}]|license plate {code}"
        "|{first} owes me {price}|I owe {first} {price}|{first} likes {food}|{first} is allergic to {food}"
        "|idea for a {noun}: {adj} {noun}|[blog post|story|song|app|gift|business] idea {noun} {verb}s {noun}"
        "|the {object} [needs repair|costs {price}|is at {first}'s|model is {code}|makes a_ {adj} noise]|{task}"
        "|{task}|{clause}|{clause}|{title}|buy {things}|try the {food} at {venue_name}"
        "|the {adj} {noun} at {venue_name} was {adj}|read {title} by {performer}|watch {title}"
        "|meeting moved to {some_day}|the {event} is at {some_time} in {where_event}|order number {code}"
        "|{topic} lecture notes chapter {small_number}|{salad}|{salad}|{cooking} needs {some_duration}"
        "|{some_number} {food}|the plumber's name is {fullname}|{company} called about the {object}"
        "|I left the {object} at {venue_name}|we need {food}, {food} and {goods}|size {small_number} shoes"
        "|{fullname} {phone}|{phrase}|{adj} {noun}, {adj} {noun}|the {noun} is {adj} but the {noun} is {adj}"
        "|{first} said the {noun} was {adj}|my [weight|blood pressure|mileage|time|score] (today )is {digits}"
        "|I weigh {digits} pounds|ask {who} about {topic}|never {verb} the {noun}]"
    ),
}  # fmt: skip
