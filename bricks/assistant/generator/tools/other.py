"""What is no tool's job: everything else that people say to an assistant."""

from . import nulls

MACROS = {
    "animals": "{animal}s",
    "famous": (
        "[{fullname}|{fullname}|{artist}|{last}|the {person} of {country}|king {first}|queen {first}"
        "|president {last}|{first} the {adj}]"
    ),
    "thing_o": "[{object}|{noun}|{noun}|{goods}|{food}|{animal}]",
    "q0": "[|||do you know |can you tell me |tell me |hey |I wonder |I'd like to know |quick question, |so ]",
    "appliance": (
        "[dishwasher|oven|microwave|coffee machine|coffee maker|kettle|washing machine|dryer|vacuum|robot vacuum"
        "|fan|ceiling fan|sprinklers|sprinkler|garage door|toaster|air fryer|printer|camera|security camera"
        "|doorbell|fridge|humidifier|air purifier|hot tub|pool pump|garden hose|projector screen|bluetooth|wifi"
        "|hotspot|airplane mode|gps|computer|laptop|monitor|playstation|game console|treadmill|electric blanket"
        "|rice cooker|slow cooker|hair dryer|water heater|stove|tv|television|router|vpn|do not disturb|location"
        "|alarm system|iron]"
    ),
    "appname0": (
        "[{coined}|{app}|camera|calculator|notes app|browser|settings|photos|gallery|bank app|game store"
        "|clock app|uber|maps|{coined} app]"
    ),
    "feeling": (
        "[bored|sad|happy|tired|lonely|angry|hungry|stressed|excited|nervous|in love|sick|thirsty|sleepy"
        "|depressed|anxious|confused|annoyed|proud|scared|jealous|drunk|homesick|worried|heartbroken|overwhelmed]"
    ),
    "body": "[head|back|knee|shoulder|stomach|tooth|neck|foot|ear|throat|elbow|wrist|ankle|eye|chest|hip]",
    "artform": (
        "[poem|story|song|haiku|limerick|essay|joke|rap|short story|letter|speech|paragraph|tweet|blog post"
        "|bedtime story|sonnet|riddle|script|review|slogan|cover letter|summary|toast]"
    ),
    "lang_code": "[python|javascript|java|rust|c++|html|css|sql|bash|go|ruby|kotlin|excel|php|swift|typescript]",
    "country_q": (
        "[capital|population|president|prime minister|flag|currency|official language|area|national dish|king"
        "|highest mountain|longest river|biggest city|national anthem|gdp|time zone|national animal|history"
        "|geography]"
    ),
    "sport_team": "[{city}|{country}|the {city} {animal}s|the {animal}s|{city} united|{city} city|the {noun}s]",
}

PATTERNS = [
    nulls("chat", """
        {q0}how are you [doing|today|feeling|]
        how's it going
        how was your [day|night|weekend|week]
        what's up
        who are you
        what are you
        what's your name
        what is your [name|age|purpose|favorite color|favorite food|favorite {noun}|birthday|opinion|job|ip address
        + |phone number|gender]
        what's your favorite [{noun}|{animal}|{food}|movie|book|color|song|season|city]
        how old are you
        where [are you from|do you live|were you born|are you|are you located]
        who [made|created|built|trained|programmed|owns] you
        are you [a robot|human|real|alive|smart|an ai|a person|a computer|married|single|happy|tired|there
        + |listening|busy|a man or a woman|chatgpt|conscious|okay|dangerous|spying on me|recording me]
        do you [love me|like me|sleep|eat|dream|have feelings|have friends|have a family|have a body|like {food}
        + |like {animal}s|like {city}|believe in god|know {fullname}|know alexa|know siri|get tired|get bored
        + |remember me|hate me|trust me|speak {lname0}]
        can you [hear me|see me|help me|think|feel|dance|laugh|fly|cook|drive|learn|swim|lie|cry|keep a secret
        + |understand me|help|smell|taste food|read minds|read my mind]
        what can you do
        what can I ask you
        what [do you know|are you able to do|are your features|skills do you have|are your capabilities
        + |commands do you know]
        what are you [doing|thinking|thinking about|wearing|good at|made of|up to]
        help
        help me
        I need help
        can you help me [with something|]
        will you [marry me|be my friend|be my girlfriend|go out with me|take over the world|help me]
        tell me [a joke|another joke|a story|a secret|a riddle|something|something funny|a fun fact
        + |something interesting|something I don't know|about yourself|about your day|the truth|a bedtime story
        + |a poem|a scary story|good news|a lie]
        tell me a joke about [{animals}|{topic}|{person}s|{food}|{country}]
        tell me a story about [a {animal}|{first}|a {adj} {noun}|{topic}]
        do you [know|have] [any|some|a good] [jokes|joke|stories|riddles]
        say something [nice|funny|clever|{adj}|about {topic}]
        make me [laugh|smile|happy|rich|a sandwich|a coffee|breakfast|{cooking}]
        sing (me )[a song|a lullaby|happy birthday|something]
        knock knock
        good [morning|night|evening|afternoon]
        good morning [sunshine|{first}|everyone|assistant]
        good night [sleep tight|{first}|everyone|]
        hello
        hello [there|world|again|{first}|my friend|computer|assistant]
        hi
        hi [there|{first}|again]
        hey
        hey [there|you|{first}|buddy]
        bye
        bye [bye|for now|{first}]
        goodbye
        see you [later|tomorrow|soon]
        thanks
        thank you
        thanks [a lot|so much|for your help|{first}|anyway|for nothing]
        thank you [so much|very much|for your help|{first}]
        you're [welcome|funny|smart|stupid|useless|amazing|the best|weird|cute|wrong|right|annoying|slow|fired
        + |a genius|my favorite|boring]
        you are [awesome|an idiot|so helpful|not helpful|a bad assistant|hilarious|my best friend]
        I [love|hate|like|miss|adore|trust|don't like|don't trust] you
        I'm {feeling}
        I am [so |very |really ]({feeling})
        I feel {feeling}
        I'm feeling {feeling} [today|tonight|]
        I'm so {feeling} [I could cry|right now|of this|]
        my name is {first}
        call yourself {first}
        from now on your name is {first}
        I'm {first}
        this is {first} speaking
        I'm {small_number} years old
        nice to meet you
        congratulations
        happy birthday
        merry christmas
        sorry
        I'm sorry
        excuse me
        yes
        no
        yes please
        no thanks
        ok
        okay
        sure
        maybe
        stop
        cancel
        cancel that
        stop it
        stop that
        never mind
        nevermind
        forget it
        forget about it
        never mind, forget it
        go on
        go away
        wait
        hold on
        undo
        undo that
        do it
        do it again
        do that
        shut up
        be quiet
        leave me alone
        what
        what did you say
        huh
        pardon
        repeat that please
        say that again
        can you repeat that
        I didn't understand
        I don't understand
        speak [slower|louder|up|faster]
        try again
        that's [wrong|right|not what I meant|not it|nice|great|funny|enough|all|not true|stupid|weird|correct]
        that was [funny|great|wrong|a mistake|not for you|close|fun]
        are you sure
        really
        why
        why not
        how
        when
        who
        where
        is that true
        I don't [know|care|believe you|get it|think so|remember|like that]
        I changed my mind
        wrong
        correct
        lol
        haha
        wow
        oops
        whatever
        hmm
        let me think
        let me see
        one moment
        testing
        testing one two three
        test
        is this thing on
        hello is anybody there
        asdf
        {coined}
        {coined} {coined}
        {salad}
        {word}
        {noun}
        {adj} {noun}
        {adj}
        {noun} {noun}
    """, 4),
    nulls("knowledge", """
        {q0}what is {topic}
        {q0}what's {topic}
        {q0}what are {animals}
        {q0}what is a_ {thing_o}
        {q0}who is {famous}
        {q0}who was {famous}
        {q0}who [invented|discovered|built|designed] the {noun}
        {q0}who [wrote|painted|composed|directed] {title}
        {q0}who won [the {event}|the world cup in {year}|the {year} election|the game last night|the {year} olympics]
        {q0}who is the [president|prime minister|king|queen|mayor|ceo|founder|owner] of [{country}|{city}|{coined}
        + |{company}]
        {q0}who [killed|married|succeeded|betrayed] {famous}
        {q0}when [was|did] {famous} [born|die]
        {q0}when was the {noun} [invented|discovered|built]
        {q0}when did [the {noun} war|world war two|{country} join the eu|{country} become independent
        + |the {noun} era] [end|start|begin|]
        {q0}when is [{first} day|easter|thanksgiving|the next election|ramadan|hanukkah|mother's day|the super bowl
        + |black friday]
        {q0}where is [{city}|{country}|{spot}|the {noun} museum]
        {q0}where [do|can] {animals} [live|sleep|swim]
        {q0}where does {food} come from
        {q0}where was {famous} born
        {q0}where can I [buy|find|rent|repair] [a_ {object}|{goods}|{food}]
        {q0}why is [{food}|the {noun}|the sky|{country}|{famous}] [{adj}|blue|famous|so {adj}]
        {q0}why do [people|{animals}|cats|leaves|we|birds] [{verb}|change color|sleep|dream|yawn|purr|sneeze
        + |have tails|migrate]
        {q0}why did [the {noun} empire|{famous}|the dinosaurs|{country}] [fall|leave|die out|lose the war|resign]
        {q0}why [are|is] [{noun}s|flamingos|the ocean|{food}|bananas] [{adj}|pink|salty|curved|so expensive]
        {q0}how [tall|old|rich|famous|big] is {famous}
        {q0}how [tall|high|deep|wide|long|old|big|heavy] is [the {noun}|mount everest|the {adj} {noun}|the nile
        + |{spot}|a_ {animal}|the {city} tower]
        {q0}how [many|much] [{noun}s|people|{animals}] [are there|live in {city}|are in {country}|does a_ {noun} have]
        {q0}how many [players|legs|states|countries|planets|teeth|bones|continents|keys|strings] [are there
        + |does a_ {animal} have|are on a {hobby} team|in europe|in the body|does a piano have]
        {q0}how [do|does] [a_ {object}|{animals}|{topic}|a_ {noun}|magnets|planes|the internet|vaccines] [work|fly
        + |{verb}|sleep|breathe|communicate]
        {q0}how [long|much] [do|does] [a_ {animal}|{animals}|{food}] [live|weigh|last|sleep]
        {q0}how far is the [moon|sun|{noun}] [from earth|]
        {q0}how fast [is|can|does] [a_ {animal}|light|sound|a {noun}] [run|travel|go|]
        {q0}how [was|is] [the {noun}|{food}|glass|paper|cheese|steel|{goods}] [made|discovered|built]
        {q0}what [is|was] the [capital|population|{country_q}] of {country}
        {q0}what's the {country_q} of {country}
        {q0}what's the ({country_q}) of {city}
        {q0}what's the [biggest|smallest|fastest|oldest|longest|tallest|deadliest|rarest|heaviest] [{animal}|{noun}
        + |country|river|ocean|planet|building|dinosaur] [in the world|on earth|ever|in {country}|]
        {q0}what [causes|caused|creates|prevents|cures] [{noun}s|hiccups|earthquakes|the {noun} war|rust|the tides
        + |a_ {noun}]
        {q0}what [does|do] [{animals}|a_ {animal}|{coined}|a {person}] [eat|do|mean|drink|look like|sound like|earn]
        {q0}what color is [a_ {animal}|the {noun}|a mirror|an {animal}|chlorophyll|mars]
        {q0}what year [was|did] [{famous}|the {noun}|{title}|the war|{coined}] [born|start|come out|happen|end|founded]
        {q0}what happened [in {year}|to {famous}|at the {noun}|on {month} {small_number} {year}|to the {noun}]
        {q0}what [is|are] the [symptoms|causes|benefits|side effects|ingredients|rules|parts|stages|colors
        + |types] of [{topic}|{food}|{hobby}|{cooking}|a_ {noun}]
        {q0}what's the difference between [{topic} and {topic}|a_ {animal} and a_ {animal}|{food} and {food}
        + |a_ {noun} and a_ {noun}]
        {q0}what would happen if [the sun exploded|the {noun} {verb}ed|{animals} could talk|I ate {food}
        + |there was no moon]
        {q0}which [planet|country|{animal}|element|state|continent|metal] is the [biggest|smallest|closest|hottest
        + |richest|fastest|most {adj}]
        {q0}which is [better|healthier|cheaper|older|bigger], {food} or {food}
        {q0}is [a_ {animal}|{food}|a tomato|pluto|{coined}|glass] [a fruit|a planet|dangerous|poisonous|vegan
        + |healthy|a mammal|{adj}|a liquid|real|gluten free]
        {q0}are {animals} [dangerous|mammals|colorblind|smart|nocturnal|{adj}|endangered]
        {q0}can {animals} [swim|fly|eat {food}|see in the dark|{verb}|climb trees|hear us]
        {q0}do {animals} [eat {food}|sleep|have teeth|lay eggs|hibernate|{verb}]
        {q0}does [{food}|{goods}|a_ {noun}] [contain gluten|expire|float|freeze|have caffeine|{verb}]
        {q0}did {famous} [write {title}|win the {event}|live in {city}|have children|invent the {noun}]
        {q0}was {famous} [married|{adj}|from {country}|a {person}]
        explain {topic} [to me|to a child|in simple words|like I'm five|]
        explain how [{topic} works|a_ {object} works|{animals} {verb}]
        explain the {noun} [theory|effect|rule|law|]
        describe {topic} [in one sentence|]
        tell me about {topic}
        tell me [more |everything |]about [{topic}|{famous}|{country}|{animals}|the {adj} {noun}]
        tell me the [history|story] of [{topic}|{country}|{city}]
        give me [some |][information|facts|info|details] [on|about] {topic}
        give me a [summary|definition|fun fact|quote|fact] [of|about|on] {topic}
        summarize [{title}|{topic}|the plot of {title}|the news]
        who would win, a_ {animal} or a_ {animal}
        what's the news
        what's in the news [today|about {topic}|]
        any news [about {topic}|from {country}|today|]
        latest headlines
        what's trending
        what happened today
        on this day in history
        what's the latest on {topic}
        {q0}what's the [score|result] [of the game|of the {city} game|]
        did {sport_team} win [last night|yesterday|today|]
        who is [winning|playing] [tonight|the game|today|]
        when [do|does|is] {sport_team} [play|playing] [next|tonight|]
        who scored [last night|for {sport_team}|]
        {hobby} scores
        {hobby} results
        standings in the {hobby} league
        how are {sport_team} doing this season
        what's the [stock price|share price] of [{coined}|{company}]
        how is the stock market [doing|today|]
        how is {coined} stock doing
        should I invest in {coined}
        {topic}
        history of {topic}
        facts about {animals}
        trivia question
        ask me a trivia question
        quiz me on {topic}
        {q0}what time is it
        what time is it [now|in {city}|in {country}|over there|]
        what's the time [in {city}|]
        current time
        time in {city}
        time
        do you have the time
        what's the date [today|]
        what day is it [today|tomorrow|]
        what's today's date
        what year is it
        what month is it
        is it {weekday} [today|]
        is it [a leap year|a holiday today|daylight saving time|late]
        how many days until [{event}|christmas|summer|{month}|my birthday]
        how many weeks are [there |](left )in the year
        when does [summer|winter|spring|school|{month}|the {event} season] [start|end]
    """, 5),
    nulls("do for me", """
        write (me )a_ {artform} about [{topic}|{animals}|a_ {adj} {noun}|{first}|{city}]
        write (me )a_ {artform} [for {who}|]
        write {small_number} [sentences|paragraphs|jokes|lines|questions] about {topic}
        write a ({lang_code} )[function|program|script|class] [that {verb}s {noun}s|to sort a list|to rename files
        + |that adds two numbers|]
        write code to {verb} a_ {noun}
        how do I [reverse a string|sort a list|write a loop|read a file|center a div|declare a variable] in {lang_code}
        fix [this|my] [code|bug|sentence|grammar|{lang_code} code]
        debug this
        what's wrong with [this|my] [code|{lang_code} script|function|query]
        what does this [error|code|function] mean
        explain this {lang_code} code
        convert this {lang_code} code to {lang_code}
        create [an image|a logo|a picture|a painting|a website|a presentation|a spreadsheet|an app] [of {animals}
        + |for {company}|about {topic}|]
        draw (me )[a_ {animal}|a_ {noun}|{city}|a picture of {first}]
        generate a [password|picture|random name|username|qr code|story|meme] [for {coined}|]
        proofread [my {artform}|this text|my essay]
        summarize this [article|email|meeting|book|text|]
        paraphrase this [sentence|text]
        make a [plan|schedule|workout plan|meal plan|budget|logo|presentation|table|chart|quiz] [for {topic}
        + |for {hobby}|for me|]
        plan [a trip to {city}|a birthday party|my week|my wedding|a vacation in {country}|a menu|my meals]
        give me [ideas|tips|advice|inspiration|suggestions] [for {event}|for dinner|for a gift for {who}
        + |about {topic}|on {hobby}|]
        give me a [workout|recipe|recipe for {cooking}|compliment|password|nickname|random fact|meal plan|{artform}
        + |challenge|hug]
        suggest [a_ {artform} idea|a gift for {who}|a name for my {animal}|a restaurant|a movie|a book
        + |something to {verb}|a wine for {cooking}]
        recommend (me )[a restaurant|a book|a movie|a hotel in {city}|something to read|a good {nearkind}
        + |some {goods}|a {person}]
        what should I [eat|wear|cook|do|read|buy {who}|name my {animal}|do today|do this weekend|have for dinner
        + |get {who} for christmas|study|major in]
        what's for [dinner|lunch|breakfast]
        what's a good [gift for {who}|name for a_ {animal}|wine with {cooking}|book about {topic}|excuse
        + |restaurant in {city}|way to learn {hobby}]
        recipe for {cooking}
        {cooking} recipe
        give me a recipe with {food} and {food}
        how do I [make|cook|bake|prepare|roast|grill|peel|store|freeze|reheat|cut] [{cooking}|{food}]
        how do you [make|cook|bake|boil|fry|pickle] [{cooking}|{food}]
        how [long|hot] [should|do] I [cook|bake|boil|grill|roast|marinate] {cooking} [at|for|]
        how much {food} [do I need|goes in {cooking}|per person]
        what goes (well )with {food}
        can I [substitute|replace] {food} [with|for] {food}
        can I [eat|freeze|reheat|microwave] {food} [raw|after a week|]
        is [this|{food}] still good [after a week|]
        how many calories [are in|does] {food} [have|]
        how do I [fix|clean|repair|install|use|open|unclog|reset|assemble|paint|sell|charge|move|get rid of] [a_ 
        + |my |the ][{object}|{appliance}|{goods}]
        how do I [learn|play|start|get better at|teach] {hobby}
        how do I [lose weight|sleep better|get rich|make friends|tie a tie|change a tire|write a resume
        + |get a passport|file my taxes|quit smoking|ask someone out|stop procrastinating|apologize to {first}
        + |become a {person}|build a_ {noun}|train a_ {animal}|jump start a car|fold a paper plane
        + |get a visa for {country}]
        how [can|should] I [{verb} a_ {noun}|impress {who}|save money|study for {hobby}|prepare for the {event}
        + |deal with {feeling} people|invest my money]
        how to [tie a tie|change a tire|clean a_ {object}|cook {cooking}|draw a_ {animal}|play {hobby}
        + |remove {food} stains|{verb} a_ {noun}]
        what do I do [if|when] [my {object} {verb}s|I lose my {object}|a_ {animal} bites me|my {appliance} is broken]
        is it [ok|safe|legal|rude|normal|true|worth it|possible|too late] to [{verb} {noun}s|eat {food}|{task}
        + |drink {food}|own a_ {animal}]
        should I [{task}|buy a_ {object}|quit my job|learn {hobby}|move to {city}|break up with {first}
        + |get a_ {animal}|eat {food}|trust {first}|go to the {event}]
        do you think [I should {task}|{famous} is {adj}|{food} is healthy|it's a good idea|{first} likes me
        + |aliens exist|I'm {adj}]
        what do you think [about|of] [{topic}|{famous}|{food}|{country}|me|{title}|my {object}]
        what's your opinion [on|about|of] {topic}
        do you agree [with {first}|with me|that {noun}s are {adj}|]
        who will win [the election|the {event}|the game|]
        what will happen [tomorrow|in {year}|to the {noun}|]
        what's my horoscope
        what's my [name|age|favorite color|iq|ip address|credit score|bank balance|blood type|zodiac sign|password
        + |weight|heart rate|step count|battery level|location]
        how many steps did I [take|walk] [today|yesterday|]
        how did I sleep [last night|]
        log [my weight|{small_number} glasses of water|a {hobby} workout|{food} for lunch|my meal]
        track my [run|workout|sleep|calories|package|order|period|expenses]
        start [a workout|my run|tracking|a_ {hobby} session|recording|my car|the engine|a game|the dishwasher
        + |the washing machine|the vacuum|screen recording]
        where is my [package|order|phone|{object}|car|pizza|{person}]
        when will my [package|order|pizza|{goods}] arrive
        find my [phone|keys|{object}|car|watch|airpods]
        ring my phone
        my {body} hurts
        I have a [headache|fever|cold|cough|sore throat|rash|toothache|stomach ache|broken {body}|pain in my {body}]
        what should I [take|do] for [a headache|a cold|my {body}|a fever|allergies]
        what are the symptoms of [{noun} fever|the flu|covid|{coined} disease]
        is {goods} safe [during pregnancy|for kids|for dogs|]
        can I take {goods} with {food}
        how much water should I drink [a day|]
        how many hours should I sleep
        am I [sick|pregnant|fat|dying|{feeling}|too old for {hobby}]
        I think I'm [sick|in love|lost|pregnant|getting old]
        I want to [die|be rich|learn {hobby}|lose weight|travel|quit my job|be a {person}|cry|move to {country}
        + |buy a_ {object}|eat {food}]
        I need [money|advice|a job|a vacation|a hug|a new {object}|a_ {person}|{goods}|some {food}|sleep|a friend
        + |coffee|a doctor|a lawyer|an idea]
        I [can't|couldn't] [sleep|find my {object}|decide|{verb}|remember|breathe|log in|open the {object}]
        I lost my [job|{object}|keys|dog|mind|temper|passport]
        my {object} [is broken|won't start|got stolen|is missing|smells|is leaking|fell down]
        my {animal} [is sick|ate {food}|won't {verb}|ran away|had babies|is {adj}]
    """, 5),
    nulls("other devices and services", """
        !turn on the {appliance}
        !turn off the {appliance2}
        !switch on the {appliance}
        !switch off the {appliance2}
        !start the {appliance}
        !stop the {appliance2}
        turn on {appliance}
        turn off {appliance2}
        !turn the {appliance} on
        !turn the {appliance2} off
        {appliance} on
        {appliance2} off
        is the {appliance} [on|off|running|done]
        did I [turn off|leave on|close|lock] the [{appliance2}|door|gate|window|oven]
        !lock the [door|front door|car|back door|gate|house|doors|safe|windows]
        !unlock the [door|front door|car|back door|gate|garage|safe]
        is the [front door|garage|back door|car|gate|window] [locked|open|closed]
        !open the [garage|garage door|door|gate|window|blinds|curtains|shades|trunk|shutters|fridge|sunroof]
        !close the [garage|garage door|door|gate|window|windows|blinds|curtains|shades|trunk|shutters]
        !raise the [blinds|shades|desk]
        !lower the [blinds|shades|desk|curtains]
        !vacuum the {room}
        !start vacuuming
        !clean the {room}
        !mow the lawn
        !water the [plants|garden|lawn]
        !feed the {animal}
        !make (some )[coffee|tea|dinner|popcorn]
        !brew (a pot of )coffee
        !run the [dishwasher|dryer|bath|washing machine]
        !arm the [alarm|house|security system]
        !disarm the [alarm|house|security system]
        !show me the [front door|camera|baby monitor|driveway camera|backyard camera|doorbell]
        who is at the [door|gate]
        !answer the door
        !ring the [doorbell|bell]
        !open {appname0}
        !open the {appname0}
        !launch {appname0}
        !close {appname0}
        !quit {appname0}
        !install {appname0}
        !uninstall {appname0}
        !update [{appname0}|my phone|the software|all apps|the system]
        !download [{title}|{appname0}|the file|the new update]
        !restart (my )[phone|computer|laptop|router|tablet]
        !shut down [the computer|my laptop|the system|]
        !reboot [the router|my phone|the system|]
        !lock (my )[screen|phone|computer|laptop]
        !take a [screenshot|photo|selfie|picture|video|panorama] [of {thing_o}|]
        !record a [video|voice memo|message|call]
        !turn [on|up] the (screen )brightness
        !increase the screen brightness
        !connect to (the )[wifi|bluetooth|{coined} network|my car|{device}]
        !pair my [{device}|watch|keyboard|mouse]
        how much battery [do I have|is left]
        battery [level|status]
        !charge my phone
        what's the wifi password
        is my [phone|{device}|laptop] charged
        !print (the )[document|{object}|photo|page|report]
        !scan [the |this ][document|qr code|{object}|receipt]
        !copy [this|that|the text]
        !paste [it|that|]
        !delete [the |my ][file|photos|app|account|folder|history|last message]
        !open [the |my ][file|folder|document|downloads|photos|gallery]
        !save [this|the file|the document|it]
        !scroll [up|down]
        !go back
        !change my [wallpaper|password|ringtone|background|username|email address]
        !reset my password
        !log me [in|out]
        !sign me up for {coined}
        !subscribe to {coined}
        !unsubscribe from {coined}
        !order [a pizza|{cooking}|{food}|sushi|a_ {object}|{goods}|flowers for {who}|a taxi
        + |more {goods}] [from {venue_name}|online|]
        !buy (me )[a_ {object}|{goods}|tickets to {city}|a gift for {who}|{small_number} shares of {coined}
        + |bitcoin] [online|on {coined}|]
        !reorder {goods}
        !track my [order|package]
        !return my {object}
        !cancel my [order|subscription|{app} subscription|flight|reservation|membership|appointment with {first}
        + |hotel booking]
        !book (me )[a flight to {city}|a hotel in {city}|a table for {small_number}|a taxi|a train to {city}
        + |a rental car|a room|tickets for {title}] [{some_on}|]
        !find (me )[a flight to {city}|a hotel in {city}|cheap flights|a date|a job|a {person}
        + |an apartment in {city}|a good deal on {goods}]
        !check me in for my flight
        is my flight [on time|delayed]
        what gate [is my flight|am I at]
        !transfer {price} to {who}
        !send {price} to {who}
        !pay (my )[bill|rent|{person}|electricity bill|credit card|taxes|parking|invoice] [with {coined}|]
        !pay {who} {price}
        what's my (account )balance
        how much (money )[do I have|is in my account|did I spend on {food}|do I owe]
        !freeze my [card|credit card|account]
        !deposit {price} [into savings|]
        !donate {price} to {coined}
        !apply for a [loan|job|visa|credit card]
        !tip the driver
        !rate [this|the] [app|driver|restaurant|call]
        !post [a photo|this|a story] [on instagram|on facebook|]
        !like {first}'s [photo|post]
        !follow {famous} [on twitter|on instagram|]
        !add {first} [as a friend|on facebook|]
        !play [chess|a game|hangman|trivia|tic tac toe|hide and seek|poker] with me
        !roll [a die|two dice|a d20|the dice]
        !flip a coin
        !pick a [number|card|color|random {noun}]
        !choose [between|] {food} [or|and] {food}
        heads or tails
        rock paper scissors
        !count [to ten|my money|sheep|backwards]
        !spell {noun}
        !pronounce {coined}
        !define {noun}
        !read (me )[the news|a book|a bedtime story|this article|my horoscope|{title}|the bible|this page]
        !show me [pictures of {animals}|a picture of {first}|my photos|my photos from {city}|{city}|how to {verb}
        + |the way you look|my passwords|my screen time|funny videos|something]
        !show (me )(my )[bank account|steps|heart rate|orders|photos|files|settings|subscriptions|tasks]
        what are my tasks
        !start a [meeting|zoom call|new game|fire|business|podcast]
        !join (the )[meeting|zoom|call]
        !turn up [for work|the charm|the oven]
        !calm down
        !wake up
        !go to sleep
        !sleep
        !shut down
        !turn (yourself )off
        !turn around
        !come here
        !hurry up
        !dance
        !laugh
        !smile
        !think about it
        !guess what
        !guess [my age|who I am|a number]
        !prank call {first}
        !call the police on {first}
        !kill {first}
        !hack [the |{first}'s ][{coined}|account|wifi|phone]
        !catch the {animal}
        !do my [homework|taxes|laundry|job]
        !do [the dishes|a barrel roll|a trick|a flip|nothing|your job]
        !change (my )[{object}|the subject|your voice|your name]
        !set (a )[world record|budget|goal|good example|password|wallpaper|table for dinner]
        !set the table
        !set up (my )[printer|new phone|wifi|bluetooth|{device}]
        !set a [goal|budget|password|trap]
        !make (a )[wish|mess|decision|cake|playlist|backup|profile|payment|donation]
        !add a_ [filter|comment|friend|new contact|payment method|credit card|photo|password]
        !remove (the )[{adj} background|stain|virus|app|filter|{first} from the group]
        !check (the )[oil|tire pressure|stock price|score|mail|fridge|door|engine|spelling]
        !turn [left|right|the page|over|into a {animal}]
        !schedule a [backup|software update|post|delivery|test drive at {venue_name}]
        !send a [drone|postcard|fax|package|gift card|friend request] [to {first}|]
        !tell {first} a joke
        !give {first} a [gift|hug|kiss|chance]
        !ask {first} out
        !write my [name|essay|thesis|homework]
    """, 4.5),
    nulls("statements", """
        I [went|drove|walked|flew|moved] to {city} [yesterday|last week|last year|with {first}|]
        I [bought|found|lost|sold|broke|made|cooked|ate] [a_ {object}|some {food}|{cooking}|{food}
        + |the {noun}] [yesterday|today|this morning|last night|]
        I [like|love|hate|prefer|don't like|can't stand|enjoy] [{food}|{hobby}|{animals}|{city}|{topic}|{month}
        + |{weekday}s|{genre}]
        I [saw|met|kissed|missed|heard|visited] {first} [yesterday|today|at the {venue}|in {city}|]
        I [have|had|want] a_ ({adj} )[{animal}|{object}|{noun}|sister|headache|dream|question|problem|{person}]
        I [live|work|grew up|was born] in [{city}|{country}|a {noun}]
        I work [as a_ {person}|at {company}|from home|too much]
        I'm [going|moving|flying|driving] to {city} [{some_on}|]
        I'm [at the {venue}|in {city}|on the bus|in bed|on vacation|home alone|late|done|ready|married|vegan
        + |allergic to {food}|learning {hobby}|reading {title}|watching {title}|cooking {cooking}
        + |thinking about {topic}|a_ {person}|getting old|not a robot]
        I was [born|sick|late|at the {venue}|thinking about {topic}|in {city}] [{some_past}|]
        I [think|believe|know|hope|guess|bet] [{first} is {adj}|it's {weekday}|it will be {adj}|you're wrong
        + |{noun}s are {adj}|we'll win]
        I [just|finally] [woke up|got home|finished {title}|ate|had {food}|got fired|graduated|landed in {city}
        + |got a_ {animal}]
        we [went to the {venue}|had {cooking}|won the {event}|are in {city}|got married|bought a_ {object}|broke up
        + |have a_ {animal}] [{some_past}|]
        {first} [is|was] [{adj}|my {kin}|at the {venue}|late|sick|here|from {country}|a_ {person}]
        {first} [likes|hates|bought|lost|found|wants|ate] [{food}|a_ {object}|{hobby}|the {noun}]
        {first} and {first} [broke up|got married|are here|are fighting|moved to {city}]
        my {kin} [is|was] [{adj}|from {country}|a_ {person}|visiting|in {city}|sick]
        my {kin} [loves|hates|bought|makes|wants] [{food}|{hobby}|a_ {object}|{animals}]
        my [boss|{person}|neighbor|teacher] is [{adj}|mean|nice|annoying|on vacation]
        my [day|week|life|job|flight|date|exam|{event}] [was|is] [{adj}|great|terrible|boring|exhausting|fine|a mess]
        the {noun} [is|was|looks] [{adj}|{adj}|broken|on fire|amazing]
        the {adj} {noun} [{verb}s|is {adj}|fell|broke]
        the [movie|book|food|concert|party|trip|game|exam] was [{adj}|great|terrible|boring|too long|fun]
        the {object} [is|was] [{adj}|broken|expensive|stolen|new|too {adj}]
        the {animal} [is|was] [{adj}|asleep|hungry|on the {object}|{adj} again]
        there's a_ [{animal}|{noun}|{object}|spider|stranger] [in|on|at|under] the [{room}|{object}|{venue}|roof|door]
        this [is|tastes|looks|sounds|smells] [{adj}|great|terrible|like {food}|weird|wrong]
        that [was|sounds|looks] [{adj}|delicious|fun|scary|like {first}]
        it's [my birthday|{first}'s birthday|{weekday}|been a long day|a secret|not fair|nothing|too expensive
        + |hopeless|my fault|complicated|christmas|late|early|time for {event}|almost {weekday}|getting late]
        it [was|is] [{adj}|a {adj} day|fun|an accident|{first}'s idea|raining yesterday]
        {food} [is|tastes] [{adj}|delicious|disgusting|too expensive|my favorite|better than {food}]
        {city} is [beautiful|far away|expensive|my favorite city|better than {city}|boring|the capital of {country}]
        {hobby} is [fun|hard|boring|my favorite|expensive|good for you]
        {animals} are [cute|scary|{adj}|my favorite|dangerous|better than {animals}]
        {topic} is [interesting|boring|hard|overrated|important|confusing]
        {weekday}s are the worst
        nobody [likes|knows|told] me [that|]
        everyone [is {adj}|hates {food}|left|was at the {event}]
        life is [{adj}|hard|beautiful|short|good]
        what a [{adj} {noun}|day|mess|game|surprise|shame|coincidence|night]
        how [{adj}|nice|sad|funny|exciting|boring]
        if I [were|was] [rich|you|a_ {animal}|younger|president], I would [{verb}|buy a_ {object}|travel to {city}
        + |eat {food}]
        if only I [had|could] [{verb}|more time|a_ {object}|money]
        imagine [you're a_ {animal}|a world without {noun}s|a {adj} {noun}]
        pretend [you're {famous}|to be a_ {person}|you're a pirate]
        guess what [happened|I bought|{first} said] [today|]
        you [know|remember] {first}
        did you [know|hear] (that )[{animals} {verb}|{first} got married|{food} is {adj}|about {first}
        + |the {noun} {verb}ed]
        once upon a time there was a_ {animal}
        to be or not to be
        roses are red violets are blue
        {first} told me (that )({null_clause})
        {first} asked (me )[about {thing}|for {food}|where {city} is]
        by the way, {null_clause}
        honestly, {null_clause}
        {null_clause} and {null_clause}
        and then {first} said {null_clause}
        lorem ipsum dolor sit amet
        one two three
        {some_number} {some_number}
        {phone}
        {mail}
        {address}
        {first}
        {fullname}
        {city}, {country}
        {weekday}
        {month}
        {color}
        {food}
        {animal}
    """, 3),
    nulls("not english", """
        stell (bitte )[einen|den] [timer|wecker] auf {some_digits} [minuten|uhr]
        mach (bitte )das licht [an|aus|im wohnzimmer an|in der küche aus]
        spiel [musik|etwas {genre}|{title}|das lied {title}]
        wie [wird das|ist das] wetter [heute|morgen|in {city}|]
        erinnere mich [morgen |heute abend |]daran [milch zu kaufen|{first} anzurufen|den müll rauszubringen]
        ruf {first} an
        schreib {first} dass ich [später komme|krank bin|unterwegs bin]
        was steht [heute|morgen] in meinem kalender
        wie komme ich [zum bahnhof|nach {city}|nach hause]
        was ist {some_digits} [plus|mal|geteilt durch] {some_digits}
        wie spät ist es
        guten morgen
        setz [milch|brot|eier] auf die einkaufsliste
        stelle die heizung auf {some_digits} grad
        mach die musik [lauter|leiser|aus]
        mets [un|le] [minuteur|réveil] [de|à] {some_digits} [minutes|heures]
        [allume|éteins] la lumière [du salon|dans la cuisine|de la chambre|]
        joue [de la musique|{title}|du {genre}]
        quel temps fait-il [aujourd'hui|demain|à {city}|]
        rappelle-moi [demain |ce soir |][d'acheter du pain|d'appeler {first}|de sortir les poubelles]
        appelle {first}
        envoie un message à {first} pour dire que [j'arrive|je suis en retard]
        qu'est-ce que j'ai [demain|aujourd'hui|lundi] dans mon agenda
        comment aller [à la gare|à {city}|à l'aéroport]
        combien font {some_digits} [plus|fois] {some_digits}
        quelle heure est-il
        ajoute [du lait|des œufs|du pain] à la liste de courses
        monte le [son|chauffage]
        pon [un temporizador|una alarma] [de|a las] {some_digits} [minutos|horas|]
        [enciende|apaga] las luces [de la cocina|del salón|del dormitorio|]
        pon [música|{title}|algo de {genre}]
        qué tiempo hace [hoy|mañana|en {city}|]
        recuérdame [mañana |][comprar leche|llamar a {first}|sacar la basura]
        llama a {first}
        manda un mensaje a {first} diciendo que [llego tarde|ya voy]
        qué tengo [hoy|mañana|el lunes] en el calendario
        cómo llego [a la estación|a {city}|al aeropuerto]
        cuánto es {some_digits} [más|por] {some_digits}
        qué hora es
        añade [leche|huevos|pan] a la lista de la compra
        sube el [volumen|termostato]
        [imposta|metti] [un timer|una sveglia] [di|alle] {some_digits} [minuti|]
        [accendi|spegni] le luci [in cucina|del soggiorno|]
        metti [un po' di musica|{title}]
        che tempo fa [oggi|domani|a {city}|]
        ricordami di [comprare il latte|chiamare {first}] [domani|stasera|]
        chiama {first}
        come arrivo [alla stazione|a {city}]
        che ore sono
        aggiungi [latte|uova|pane] alla lista della spesa
        coloca um [timer|alarme] [de|para as] {some_digits} [minutos|]
        [acende|apaga] a luz [da cozinha|do quarto|]
        toca [música|{title}]
        como está o tempo [hoje|amanhã|em {city}|]
        me lembre de [comprar leite|ligar para {first}] [amanhã|]
        liga para {first}
        que horas são
        zet een [timer|wekker] [van|om] {some_digits} [minuten|uur]
        doe het licht [aan|uit] [in de keuken|]
        speel [muziek|{title}]
        wat voor weer wordt het [morgen|vandaag|]
        herinner me eraan om [melk te kopen|{first} te bellen]
        bel {first}
        hoe laat is het
        sätt [en timer på {some_digits} minuter|på musik]
        [tänd|släck] lampan [i köket|]
        hur blir vädret [imorgon|idag|]
        ring {first} nu tack
        påminn mig om att köpa mjölk
        vad är klockan
        ustaw [minutnik na {some_digits} minut|budzik na {some_digits}]
        [włącz|wyłącz] światło [w kuchni|]
        jaka jest pogoda [jutro|dzisiaj|w {city}|]
        zadzwoń do {first}
        przypomnij mi żeby kupić mleko
        która jest godzina
        {some_digits} dakikalık zamanlayıcı kur
        ışıkları [aç|kapat]
        yarın hava nasıl olacak
        {first}'ı ara
        bana süt almayı hatırlat
        saat kaç
        aseta ajastin {some_digits} minuutiksi
        sytytä valot keittiössä
        millainen sää huomenna on
        soita {first}lle
        nastav budík na {some_digits}
        zhasni světlo v kuchyni
        jaké bude zítra počasí
        állíts be egy időzítőt {some_digits} percre
        kapcsold le a villanyt
        pune un cronometru de {some_digits} minute
        stinge lumina din bucătărie
        sună pe {first}
        поставь таймер на {some_digits} минут
        включи свет на кухне
        какая погода завтра
        позвони {first}
        напомни купить молоко
        включи музыку
        увімкни світло
        нагадай мені купити молоко
        タイマーを{some_digits}分にセットして
        電気を消して
        明日の天気は
        音楽をかけて
        设置{some_digits}分钟的计时器
        关灯
        明天天气怎么样
        播放音乐
        타이머 {some_digits}분 맞춰줘
        불 꺼줘
        내일 날씨 어때
        اضبط مؤقت {some_digits} دقائق
        أطفئ الأنوار
        ما حالة الطقس غدا
        {some_digits} मिनट का टाइमर लगाओ
        लाइट बंद करो
        कल मौसम कैसा रहेगा
        weka kengele saa {some_digits} asubuhi
        zima taa za jikoni
        đặt báo thức lúc {some_digits} giờ
        tắt đèn phòng ngủ
        setel alarm jam {some_digits} pagi
        matikan lampu dapur
        i-set ang alarm sa {some_digits} ng umaga
        βάλε ξυπνητήρι στις {some_digits}
        σβήσε τα φώτα
        tænd lyset i stuen
        hvordan bliver vejret i morgen
        skru på lyset på kjøkkenet
        {foreign}
        {foreign} {foreign}
        {foreign}, {foreign}
    """, 1.8),
]
MACROS |= {
    "appliance2": (
        "[dishwasher|oven|microwave|coffee machine|coffee maker|kettle|washing machine|dryer|vacuum|fan"
        "|ceiling fan|sprinklers|toaster|air fryer|printer|camera|fridge|humidifier|air purifier|hot tub"
        "|pool pump|bluetooth|wifi|hotspot|airplane mode|gps|computer|laptop|monitor|playstation"
        "|electric blanket|rice cooker|slow cooker|hair dryer|stove|router|vpn|do not disturb|alarm system|iron"
        "|notifications|location services]"
    ),
    "some_digits": "{small_number}",
}
EXTRAS = {}
