"""update_list, show_list and take_note."""

from . import group, nulls

MACROS = {
    "it1": (
        "[{food}|{food}|{food}|{food}|{goods}|{goods}|{goods}|{small_number} {food}|{small_number} {goods}"
        "|{measure} of {food}|{measure} of {food}|{adj} {food}|{both_dish}|{object}|{word}|{coined}"
        "|{food} for {first}|{some_number} {goods}|{animal} food|{city} {food}|{brandish}|{food} bread|{noun}]"
    ),
    "brandish": (
        "[{coined} {food}|{coined} {goods}|{last}'s {food}|gluten free {food}|organic {food}|frozen {food}"
        "|low fat {food}|{coined}]"
    ),
    "both_dish": (
        "[mac and cheese|salt and vinegar chips|fish and chips|peanut butter and jelly|macaroni and cheese"
        "|sweet and sour sauce|half and half|rice and beans|cookies and cream ice cream|salt and pepper"
        "|black and white cookies|pork and beans|surf and turf|bangers and mash|chips and dip]"
    ),
    "measure": (
        "[bag|bottle|{small_number} bottles|{small_number} bags|can|{small_number} cans|box|{small_number} boxes"
        "|dozen|jar|pack|{small_number} packs|pound|{small_number} pounds|loaf|bunch|carton"
        "|{small_number} cartons|half a pound|two kilos|500 grams|tub|tin|six pack|slice|head|clove|stick|bucket"
        "|{small_number} liters|gallon|crate|roll|tube]"
    ),
    "am": "[some |a_ |the |||||||]",
    "item": "{am}{items=it1}",
    "its": (
        "[{item}|{item}|{item}|{item}|{item} and {item}|{item} and {item}|{item}, {item} and {item}"
        "|{item}, {item}, and {item}|{item}, {item}, {item} and {item}|{item}, {item}|{item}, {item}, {item}]"
    ),
    "jobs": (
        "[{items=task}|{items=task}|{items=task_people}|{items=task_work}|{items=task} and {items=task}"
        "|{items=title}|{items=title}|{items=first}|{items=fullname}|{items=city}|{items=goods}|{items=salad}"
        "|{items=media_title}]"
    ),
    "media_title": "[{adj} {noun}|{noun} of {noun}|{noun} and {noun}|{first} and the {noun}s]",
    "lname2": (
        "[{listname}|{listname}|{listname}|{listname}|{oddlist}|{oddlist}|{first}'s {listname}|{event}|{noun}"
        "|{first}'s|{hobby}|{coined}|{city} trip]"
    ),
    "mylist": "[my |my |the |the |our |][{list=lname2} list|{list=lname2} list|{list=lname2} list|{list=lname2} list]",
    "listof": "[my |the |our |]list [of|for] [{the_a}{list=lfor}|{the_a}{list=lfor}]",
    "lfor": (
        "[things to {task_short}|things to do|{goods}|{event}|{noun}s|places to visit|books to read"
        "|movies to watch|people to call|{food} recipes|{first}'s {event}|{city}|{hobby} gear|{hobby}|party"
        "|{adj} {noun}s|{venue}|{listname} shopping|weekend errands|gifts for {first}|songs]"
    ),
    "task_short": "[buy|fix|pack|clean|learn|read|bring|ask|try|sell|return|discuss with {first}]",
    "the_a": "[the |my |our ||||]",
    "nolist": "[the list|my list|the list|our list|my list|this list]",
    "anylist": "[{mylist}|{mylist}|{mylist}|{mylist}|{nolist}|{listof}|[my |the |]{list=todos}]",
    "todos": "[to-dos|todos|groceries|errands|to dos]",
    "n": "{text=note}",
}

PATTERNS = [
    group("update_list", "add", 9, """
        !add {its} to {anylist}
        !add {its} to {anylist}
        !add {its} to {anylist}
        !add {its} to {anylist}
        !add {its} to {mylist}
        !add {its}
        !add {its}
        !add {its}
        !add {its} for me
        !add {its} to {nolist}
        !add {its} to {nolist}
        !put {its} on {nolist}
        !put {its} on {nolist}
        put down {its} on {nolist}
        add {its} please
        !add {its} on {mylist}
        !add {its} to {listof}
        !put {its} on {anylist}
        !put {its} on {anylist}
        !put {its} on {mylist}
        !put {its} onto {mylist}
        !put {its} in {mylist}
        !put {its} down on {mylist}
        !throw {its} on {mylist}
        !stick {its} on {anylist}
        !include {its} [in|on] {mylist}
        !write {its} on {mylist}
        !write {its} down on {mylist}
        !note {its} on {mylist}
        !append {its} to {mylist}
        !get {its} on {mylist}
        !add to {mylist}: {its}
        !add to {mylist} {its}
        !add to {nolist}: {its}
        !put on {mylist} {its}
        !put on {mylist}: {its}
        on {mylist}, [put|add] {its}
        on {mylist} put {its}
        to {mylist} add {its}
        to {nolist} add {its}
        for {mylist}: add {its}
        ~{its} on {mylist}
        ~{its} on {anylist}
        ~{its} added to {mylist}
        add {its} {mylist}
        {its} on {mylist} please
        {its} to {mylist}
        add {its} too
        also add {its} to {mylist}
        also add {its}
        and add {its} to {mylist}
        we need {its} on {mylist}
        we're out of {items=food}, add [it|some] to {mylist}
        we're out of {items=food}, put it on {mylist}
        I'm out of {items=goods}, add it to {mylist}
        we ran out of {items=food}, add [it|some] to {nolist}
        I need {items=goods}, put it on {mylist}
        I [want|need|'d like] to add {its} to {mylist}
        I [want|need|'d like] to put {its} on {mylist}
        let's add {its} to {mylist}
        let's put {its} on {mylist}
        can we add {its} to {mylist}
        can I add {its} to {mylist}
        make sure {its} [is|are] on {mylist}
        {mylist}: add {its}
        {mylist}, add {its}
        list: add {its}
    """, action="add"),
    group("update_list", "add a job", 3, """
        !add {jobs} to {anylist}
        !add {jobs} to {mylist}
        !add {jobs} to {mylist}
        !put {jobs} on {anylist}
        !put {jobs} on {mylist}
        !add to {mylist}: {jobs}
        !add to {mylist} {jobs}
        !put on {mylist} {jobs}
        !write {jobs} on {mylist}
        !include {jobs} on {mylist}
        !add "{jobs}" to {mylist}
        !put "{jobs}" on {mylist}
        ~{jobs} on {mylist}
        {mylist}: add {jobs}
        on {mylist} put {jobs}
        I [want|need|'d like] to add {jobs} to {mylist}
        I [want|need|'d like] to put {jobs} on {mylist}
        let's add {jobs} to {mylist}
        can you add {jobs} to {mylist}
        also add {jobs} to {mylist}
    """, action="add"),
    group("update_list", "remove", 7, """
        !remove {its} from {anylist}
        !remove {its} from {anylist}
        !remove {its} from {mylist}
        !remove {jobs} from {mylist}
        !delete {its} from {anylist}
        !delete {its} from {mylist}
        !delete {jobs} from {mylist}
        !take {its} off {anylist}
        !take {its} off (of ){mylist}
        !take {its} from {mylist}
        !take {jobs} off {mylist}
        !cross {its} off {anylist}
        !cross off {its} from {mylist}
        !cross {its} off
        !cross {its} off {nolist}
        !take {its} off {nolist}
        !take {its} off {nolist}
        !remove {its} from {nolist}
        !delete {its} from {nolist}
        !cross {jobs} off {mylist}
        !cross out {its} on {mylist}
        !scratch {its} [off|from] {mylist}
        !scratch {its} off
        !strike {its} [off|from] {mylist}
        !tick {its} off {mylist}
        !tick off {its}
        !tick off {its} on {mylist}
        !check {its} off {mylist}
        !check off {its} on {mylist}
        !check off {its}
        !drop {its} from {mylist}
        !erase {its} from {mylist}
        !get rid of {its} on {mylist}
        !get {its} off {mylist}
        !clear {its} from {mylist}
        !pull {its} off {mylist}
        !remove from {mylist}: {its}
        !remove from {mylist} {its}
        from {mylist} remove {its}
        from {mylist}, take off {its}
        on {mylist}, cross off {its}
        ~{its} off {mylist}
        {its} off {mylist}
        remove {its} from {mylist} please
        {mylist}: remove {its}
        we don't need {items=food} anymore, [take it off|remove it from] {mylist}
        I (already )[bought|got] (the ){items=food}, [take it off|cross it off|remove it from] {mylist}
        we (already )have {items=food}, [take it off|remove it from] {mylist}
        I [want|need|'d like] to remove {its} from {mylist}
        I [want|need|'d like] {its} off {mylist}
        I don't want {items=food} on {mylist} (anymore), remove it
        let's take {its} off {mylist}
        let's remove {its} from {mylist}
        can we take {its} off {mylist}
        can I remove {its} from {mylist}
    """, action="remove"),
    group("show_list", "named", 7, """
        !show (me ){mylist}
        !show (me ){mylist}
        !show (me ){anylist}
        !show (me )what's on {anylist}
        !show (me )what is on {mylist}
        !show us {mylist}
        !read (me ){mylist}
        !read {mylist} (to me)
        !read (me )(out ){mylist}
        !read out {mylist}
        !read back {mylist}
        !read {anylist} (out )(loud)
        !read me what's on {mylist}
        !open {mylist}
        !open {anylist}
        !open up {mylist}
        !display {mylist}
        !pull up {mylist}
        !bring up {mylist}
        !get (me ){mylist}
        !give me {mylist}
        !tell me what's on {anylist}
        !tell me what's on {mylist}
        !tell me what I have on {mylist}
        !list what's on {mylist}
        !list everything on {mylist}
        !let me see {mylist}
        !let me hear {mylist}
        !check {mylist}
        !check what's on {mylist}
        !look at {mylist}
        !go through {mylist} (with me)
        !view {mylist}
        what's on {anylist}
        what's on {mylist}
        what is on {mylist}
        whats on {mylist}
        what's in {mylist}
        what do I have on {anylist}
        what do we have on {mylist}
        what have I got on {mylist}
        what's left on {mylist}
        what's still on {mylist}
        what items are on {mylist}
        what things are on {mylist}
        what does {mylist} say
        what's {mylist} look like
        which items are on {mylist}
        what else is on {mylist}
        what's on {listof}
        !show (me ){listof}
        !read (me ){listof}
        !open {listof}
        {list=lname2} list
        {list=lname2} list
        {list=lname2} list please
        my {list=lname2} list
        the {list=lname2} list
        ~to see {mylist}
        ~{mylist}
        I [want|need|'d like] to see {mylist}
        I [want|need|'d like] to hear {mylist}
        let's see {mylist}
        let's see what's on {mylist}
        let's look at {mylist}
        let's go over {mylist}
        can I see {mylist}
        can I hear {mylist}
        can we see {mylist}
        I'm at the store, show me {mylist}
        I'm at the {venue}, what's on {mylist}
        remind me what's on {mylist}
    """),
    group("show_list", "the list", 1.6, """
        !show (me )[the|my|our] list
        !show me what's on [the|my] list
        !read (me )(out )[the|my|our] list
        !read [the|my] list (to me)
        !open [the|my|our] list
        !open my list
        !display [the|my] list
        !pull up [the|my] list
        !give me [the|my] list
        !tell me what's on [the|my] list
        !let me see [the|my] list
        !check [the|my] list
        what's on [the|my|our] list
        what is on [the|my] list
        what do I have on [the|my] list
        what's left on [the|my] list
        what's in [the|my] list
        what have we got on the list
        I [want|need] to see [the|my] list
        let's see [the|my] list
        let's hear [the|my] list
        can I see [the|my] list
        my list
        the list please
        my list please
        show list
        read list
    """),
    group("take_note", "note", 10, """
        !take a note: {n}
        !take a note: {n}
        !take a note, {n}
        !take a note {n}
        !take a note that {text=note_that}
        !take [a|this] note: {n}
        !make a note: {n}
        !make a note, {n}
        !make a note that {text=note_that}
        !make a note that {text=note_that}
        !make a note of this: {n}
        !make a note to self: {n}
        !make a quick note: {n}
        !make a note {n}
        !note that {text=note_that}
        !note that {text=note_that}
        !note: {n}
        !note {n}
        !note this: {n}
        !note this down: {n}
        !note down {n}
        !note down that {text=note_that}
        !note down: {n}
        !note to self: {n}
        !note to self, {n}
        !note to self {n}
        !write down {n}
        !write down {n}
        !write down that {text=note_that}
        !write down: {n}
        !write this down: {n}
        !write this down, {n}
        !write a note: {n}
        !write a note that {text=note_that}
        !write a note, {n}
        !write {n} down
        !jot down {n}
        !jot down {n}
        !jot down that {text=note_that}
        !jot down: {n}
        !jot this down: {n}
        !jot {n} down
        !jot a note: {n}
        !create a note: {n}
        !create a note {n}
        !create a note that {text=note_that}
        !create a new note: {n}
        !add a note: {n}
        !add a note that {text=note_that}
        !add a note {n}
        !save a note: {n}
        !save a note that {text=note_that}
        !start a note: {n}
        !new note: {n}
        !put down a note: {n}
        !put this in my notes: {n}
        !put in my notes that {text=note_that}
        !add to my notes: {n}
        !add to my notes that {text=note_that}
        !record a note: {n}
        !leave a note: {n}
        !remember that {text=note_that}
        !remember that {text=note_that}
        !remember that {text=note_that}
        !remember this: {n}
        !remember: {n}
        ~a note that {text=note_that}
        ~a note: {n}
        ~to note down {n}
        ~to note that {text=note_that}
        ~to write down {n}
        note {n}
        note, {n}
        note: {n}
        new note: {n}
        new note, {n}
        new note {n}
        quick note: {n}
        quick note, {n}
        notes: {n}
        I [want|need|'d like] to note (down )that {text=note_that}
        I [want|need|'d like] to make a note: {n}
        I [want|need|'d like] to take a note: {n}
        I need a note that {text=note_that}
        let's note that {text=note_that}
        let's write down {n}
        let's make a note: {n}
        let me jot down {n}
        let me write down {n}
        let me take a note: {n}
        for the record, note that {text=note_that}
    """),
    nulls("list: nothing to add", """
        !add something to {mylist0}
        !add to {mylist0}
        !add (something) to my list
        !put something on {mylist0}
        !add [it|that|this|them] to {mylist0}
        !put that on {mylist0}
        !remove something from {mylist0}
        !take [it|that|them] off {mylist0}
        !remove from {mylist0}
        !cross it off
        !update {mylist0}
        !edit {mylist0}
        !change {mylist0}
        add
        remove
        !add one more
        !add another
        list
    """, 0.8),
    nulls("list: not its job", """
        !create a (new )list
        !make a (new )list
        !make a (new )[{oddlist}|{listname}] list
        !create a (new )list called {oddlist}
        !create a [{listname}|{oddlist}] list
        !start a (new )[{oddlist}|{listname}] list
        !make a list of {topic}
        !make me a list of [{adj} {noun}s|good books|{city} restaurants|baby names|things to do in {city}]
        !make a list of (the )things [I need|we need] for the {event}
        !create a [{listname}|{oddlist}] list with {food}, {food} and {food}
        !start a new list with {food} and {goods}
        !empty {mylist0}
        !clear {mylist0}
        !clear my list
        !delete {mylist0}
        !delete the (whole )list
        !erase {mylist0}
        !remove everything from {mylist0}
        !remove all (the )items from {mylist0}
        !delete all my lists
        !share {mylist0} with {someone}
        !send {mylist0} to {someone}
        !email (me )[{mylist0}|the list]
        !text {mylist0} to {someone}
        !print {mylist0}
        !rename {mylist0} (to {oddlist})
        !sort {mylist0} [alphabetically|by aisle|]
        !move {food} from {mylist0} to {mylist0}
        !move {food} to the top of {mylist0}
        !change {food} to {food} on {mylist0}
        !replace {food} with {food} on {mylist0}
        !swap {food} for {food} on {mylist0}
        !mark {food} as [done|bought|urgent] on {mylist0}
        !copy {mylist0}
        !merge {mylist0} and {mylist0}
        !add {food} to {mylist0} and {food} to {mylist0}
        !add {food} and remove {food} [from {mylist0}|]
        !add {food} to {mylist0} and read it [to me|back|]
        !add {food} to {mylist0} and remind me to buy it
        !add {food} to {first}'s list and mine
        !show me {mylist0} and {mylist0}
        is {food} on {mylist0}
        is there (any ){food} on {mylist0}
        are {goods} on {mylist0} [already|]
        do I have {food} on {mylist0}
        did I (already )add {food} [to {mylist0}|]
        did I put {food} on {mylist0}
        have I added {food} [to {mylist0}|]
        how many [things|items] are on {mylist0}
        how long is {mylist0}
        how much will {mylist0} cost
        what lists do I have
        !show (me )(all )my lists
        what are my lists
        who added {food} to {mylist0}
        when did I add {food} to {mylist0}
        what's the first thing on {mylist0}
        what's the last item on {mylist0}
        !order {food}
        !order {food} and {food} [from {venue_name}|online|]
        !order everything on {mylist0}
        !buy {food}
        !buy {food} and {goods}
        !get me {food}
        !buy me a_ {object}
        where can I buy {goods}
        how much [is|does] {food} [cost|]
        we're out of {food}
        we're out of {food} and {food}
        we need {food}
        we need more {goods}
        there's no {food} left
        we ran out of {goods}
        I'm out of {goods}
        the {food} is gone
        I bought {food} (and {food} )[yesterday|today|already|]
        I forgot to buy {food}
        I added {food} to {mylist0} [yesterday|already|]
        {food}
        {food} and {food}
        {food}, {food} and {food}
        {first} is on the guest list
        [don't|do not|please don't] [add|put] {food} [to|on] {mylist0}
        don't remove {food} [from {mylist0}|]
        never mind the list
        can you [make lists|add things to my list|manage my shopping list|keep lists]
        how do I [make a list|share a list|write a shopping list]
        if I add {food} to {mylist0}, will {first} see it
        should I buy {food}
        what should I [buy|cook|pack] [for {event}|]
        what do I need for {cooking}
        what ingredients do I need for {cooking}
        what's in {cooking}
        what can I make with {food} and {food}
    """, 2.2),
    nulls("note: not its job", """
        !take a note
        !make a note
        !write a note
        !write it down
        !write that down
        !note that
        !note it down
        !make a note of it
        !make a note of that
        !add a note
        !new note
        new note
        note
        ~a note
        !write something down
        !jot [it|that|something] down
        !remember [that|this|it]
        !read my notes
        !read (me )my (last )note
        !show (me )my notes
        !show me (all )the notes about {thing}
        !open my notes
        !find my note about (the ){thing}
        !search my notes for {thing}
        !delete [my|the] (last )note
        !delete the note about {thing}
        !edit my note about {thing}
        !add {noun} to my note about {thing}
        !share my note with {first}
        !send my notes to {first}
        what are my notes
        what did I note (down )[about {thing}|yesterday|]
        what did I write down [about {thing}|]
        what was my note about {thing}
        do I have (any )notes [about {thing}|]
        where did I park
        where did I put [my|the] {object}
        what's the wifi password
        what is my locker code
        do you remember where I parked
        do you remember what I told you
        !write a note and email it to {first}
        !write an essay about {topic}
        !write a story about [a {animal}|{first}|{topic}]
        !write a poem about {noun}
        !write some code
        !write {small_number} sentences about {topic}
        !record a voice memo
        !start recording
        !record this [meeting|lecture|]
        !start dictation
        !dictate
        !take a picture
        !take a photo [of {thing}|]
        !take a screenshot
        !take a selfie
        !take my temperature
        can you take notes
        do you take notes
        how do I take (good )notes
        how do you [write|take] a note
        I [took|made|wrote] [a|some] note(s) [yesterday|about {thing}|]
        I made a note [of it|]
        I noted that
        did you [note|write] that [down|]
        did I make a note about {thing}
        [don't|please don't] [write that down|note that|make a note]
        don't remember that
        forget [that|what I said|it]
        never mind the note
        {first} left a note
        I noticed that {clause_fact}
        remember me
        what's a [footnote|sticky note|musical note]
        which notes are in a c major chord
    """, 1.8),
]
MACROS |= {
    "mylist0": (
        "[my {listname} list|the {listname} list|the {oddlist} list|my {oddlist} list|the list|my list"
        "|my to-do list|our shopping list]"
    ),
    "clause_fact": "[{first} is {adj}|the {noun} is {adj}|it's {adj}]",
}
EXTRAS = {
    "show_list": (
        "[and send it to {first}|and email it to me|sorted by aisle|and delete it|in alphabetical order"
        "|on the printer|and add {food}|with prices|every morning|at {some_time}]"
    ),
}
