"""set_reminder."""

from . import group, nulls

MACROS = {
    "rwhen": (
        "[{datetime}|{datetime}|{datetime}|{on}|{on}|{after_at}|{after_at}|{delay}|{delay}|{part}|{part}"
        "|{every_at}|{every}|{every_part}]"
    ),
    "rclock": "[{datetime}|{datetime}|{on}|{after_at}|{after_at}|{part}|{delay}]",
    "rfor": "[{dt}|{dt}|{day}|{time}|{every_dt}|{dated_part}]",
    "todo": "[{task}|{task}|{task}|{task}|{task}|{task} and {task}|{task_misc}|{verb} the {adj} {noun}|{task_people}]",
    "must": "I [have to|need to|should|must|promised to|wanted to] [{task}|{task}|{task} {some_on}|{task} {deadline}]",
    "safe_task": "[{task_home}|{task_buy}|{task_health}]",
    "notice": (
        "[the {event}|my {event}|{event}|the {object}|{first}'s {event}|{first}'s birthday"
        "|the {event} with {first}|{kin}'s birthday|{topic}|the {noun}|our {event}|the {adj} {noun}"
        "|{event} with {someone}|{food}|{the} {thing}|rent|trash day|my {noun}|{coined}|{salad}|the {word} thing]"
    ),
    "fact": (
        "[{clause}|the {event} is {some_on}|the {event} starts at {some_time}|rent is due {some_on}"
        "|{first}'s birthday is {some_on}|{first} is {adj}|the {object} is {adj}|{first} owes me {price}"
        "|the {venue} closes at {some_time}|I have a_ {event} {some_on}|I need {food}|we need {food}"
        "|I should {task}|I have to {task}|I promised {first} {food}|the {thing} is in the {room}"
        "|trash goes out {some_on}|my {object} expires {some_on}|it's {first}'s birthday]"
    ),
    "remset": "[set|set|create|make|add|set up|put in|schedule|give me|put|start]",
    "remind": "[remind me|remind me|remind me|remind me|remind me|remind us|send me a reminder|give me a reminder]",
    "ping": "[alert me|ping me|nudge me|notify me|poke me|prompt me|buzz me]",
    "dontforget": (
        "[don't forget|don't let me forget|don't let me forget|do not let me forget|dont let me forget"
        "|never let me forget|please don't let me forget|don't let us forget|make sure I don't forget"
        "|help me remember|help me not forget]"
    ),
}

PATTERNS = [
    group("set_reminder", "no time", 5, """
        !{remind} to {text=todo}
        !{remind} to {text=todo}
        !{remind} to {text=todo}
        !{remind} about {text=notice}
        !{remind} about {text=notice}
        !{remind} of {text=notice}
        !{remind} that {text=fact}
        !{remind} that {text=fact}
        !{remind} that {text=must}
        !{ping} to {text=todo}
        !{ping} about {text=notice}
        {dontforget} to {text=todo}
        {dontforget} to {text=todo}
        {dontforget} about {text=notice}
        {dontforget} {text=notice}
        {dontforget} that {text=fact}
        don't forget to {text=todo}
        don't forget {text=notice}
        don't forget that {text=fact}
        remember to {text=todo}
        remember to {text=todo}
        please remember to {text=todo}
        I [need to|have to|should|must] remember to {text=todo}
        make sure (that )I {text=todo}
        make sure (that )I {text=todo}
        make sure (that )I remember to {text=todo}
        make sure we {text=todo}
        !{remset} a reminder to {text=todo}
        !{remset} a reminder to {text=todo}
        !{remset} a reminder about {text=notice}
        !{remset} a reminder for {text=notice}
        !{remset} a reminder that {text=fact}
        !{remset} a reminder of {text=notice}
        !{remset} a reminder: {text=todo}
        !{remset} a_ {text=bare_notice} reminder
        ~a reminder to {text=todo}
        ~a reminder to {text=todo}
        ~a reminder about {text=notice}
        ~a reminder that {text=fact}
        ~a reminder for {text=notice}
        reminder: {text=todo}
        reminder to {text=todo}
        reminder, {text=todo}
        reminder {text=todo}
        reminder about {text=notice}
        reminder for {text=notice}
        reminder that {text=fact}
        new reminder: {text=todo}
        new reminder {text=todo}
        {text=bare_notice} reminder
        I [want|need|would like] to be reminded to {text=todo}
        I [want|need|would like] to be reminded of {text=notice}
        I'd like to be reminded about {text=notice}
        let's not forget to {text=todo}
        remind me {text=todo}
    """),
    group("set_reminder", "when first", 9, """
        !{remind} {rwhen} to {text=todo}
        !{remind} {rwhen} to {text=todo}
        !{remind} {rwhen} to {text=todo}
        !{remind} {rwhen} to {text=todo}
        !{remind} {delay} to {text=todo}
        !{remind} {datetime} to {text=todo}
        !{remind} {rwhen} about {text=notice}
        !{remind} {rwhen} about {text=notice}
        !{remind} {rwhen} of {text=notice}
        !{remind} {rwhen} that {text=fact}
        !{remind} {rwhen} that {text=fact}
        !{remind} {rwhen}, {text=todo}
        !{remind} {rwhen}: {text=todo}
        !{ping} {rwhen} to {text=todo}
        !{ping} {rwhen} about {text=notice}
        !{ping} {rwhen} that {text=fact}
        !{remset} a reminder {rwhen} to {text=todo}
        !{remset} a reminder {rwhen} to {text=todo}
        !{remset} a reminder for {rfor} to {text=todo}
        !{remset} a reminder for {rfor} to {text=todo}
        !{remset} a reminder for {rfor} about {text=notice}
        !{remset} a reminder for {rfor} that {text=fact}
        !{remset} a reminder {rwhen} about {text=notice}
        !{remset} a reminder for {rfor}: {text=todo}
        !{remset} a [daily|recurring daily] reminder to {text=todo}<repeat=daily>
        !{remset} a daily reminder at {time} to {text=todo}<repeat=daily>
        !{remset} a weekday reminder at {time} to {text=todo}<repeat=weekdays>
        ~a reminder {rwhen} to {text=todo}
        ~a reminder for {rfor} to {text=todo}
        ~a reminder {rwhen} about {text=notice}
        ~a daily reminder to {text=todo}<repeat=daily>
        {rwhen} remind me to {text=todo}
        {rwhen} remind me to {text=todo}
        {rwhen}, remind me to {text=todo}
        {rwhen} remind me about {text=notice}
        {rwhen} remind me that {text=fact}
        {rwhen} [can you|could you|please] remind me to {text=todo}
        {rwhen} [make sure I|don't let me forget to|I need a reminder to] {text=todo}
        {rwhen} {ping} to {text=todo}
        {rwhen} I [need|want] to be reminded to {text=todo}
        reminder {rwhen} to {text=todo}
        reminder {rwhen}: {text=todo}
        reminder for {rfor}: {text=todo}
        reminder for {rfor} to {text=todo}
        reminder {rwhen} {text=todo}
        daily reminder to {text=todo}<repeat=daily>
        daily reminder: {text=todo}<repeat=daily>
        new reminder {rwhen}: {text=todo}
        make sure {rwhen} (that )I {text=todo}
        remember {rwhen} to {text=todo}
        don't let me forget {rwhen} to {text=todo}
        don't forget {rwhen} to {text=todo}
        I [want|need|would like] to be reminded {rwhen} to {text=todo}
        remind me {rwhen} {text=todo}
    """),
    group("set_reminder", "when last", 10, """
        !{remind} to {text=todo} {rwhen}
        !{remind} to {text=todo} {rwhen}
        !{remind} to {text=todo} {rwhen}
        !{remind} to {text=todo} {rwhen}
        !{remind} to {text=todo} {rwhen}
        !{remind} to {text=todo} {delay}
        !{remind} to {text=todo} {datetime}
        !{remind} to {text=todo}, {rclock}
        !{remind} to {text=todo} for {rfor}
        !{remind} about {text=notice} {rwhen}
        !{remind} about {text=notice} {rwhen}
        !{remind} of {text=notice} {rwhen}
        !{ping} to {text=todo} {rwhen}
        !{ping} to {text=todo} {rwhen}
        !{ping} about {text=notice} {rwhen}
        !{remset} a reminder to {text=todo} {rwhen}
        !{remset} a reminder to {text=todo} {rwhen}
        !{remset} a reminder to {text=todo} for {rfor}
        !{remset} a reminder about {text=notice} {rwhen}
        !{remset} a reminder about {text=notice} for {rfor}
        !{remset} a reminder for {text=notice} {rwhen}
        !{remset} a reminder for {text=notice} {rwhen}
        !{remset} a_ {text=bare_notice} reminder for {rfor}
        !{remset} a_ {text=bare_notice} reminder {rwhen}
        ~a reminder to {text=todo} {rwhen}
        ~a reminder to {text=todo} {rwhen}
        ~a reminder about {text=notice} {rwhen}
        ~a reminder for {text=notice} {rwhen}
        ~a_ {text=bare_notice} reminder {rwhen}
        {dontforget} to {text=todo} {rwhen}
        {dontforget} to {text=todo} {rwhen}
        {dontforget} about {text=notice} {rwhen}
        {dontforget} {text=notice} {rclock}
        don't forget to {text=todo} {rwhen}
        remember to {text=todo} {rwhen}
        remember to {text=todo} {rwhen}
        make sure (that )I {text=todo} {rwhen}
        make sure (that )I {text=todo} {rwhen}
        make sure I remember to {text=todo} {rwhen}
        make sure we {text=todo} {rwhen}
        I [need to|have to|must] remember to {text=todo} {rwhen}
        reminder to {text=todo} {rwhen}
        reminder: {text=todo} {rwhen}
        reminder: {text=todo}, {rclock}
        reminder {text=todo} {rwhen}
        reminder about {text=notice} {rwhen}
        reminder for {text=notice} {rwhen}
        new reminder: {text=todo} {rwhen}
        new reminder {text=todo} {rclock}
        {text=bare_notice} reminder {rwhen}
        {text=bare_notice} reminder for {rfor}
        I [want|need|would like] to be reminded to {text=todo} {rwhen}
        I [want|need|would like] to be reminded about {text=notice} {rwhen}
        I need to {text=todo} {rwhen}, remind me
        I [have to|must|need to] {text=todo} {rwhen}, [don't let me forget|please remind me|remind me]
        remind me {text=todo} {rwhen}
        remind me {text=bare_notice} {rwhen}
        let's not forget to {text=todo} {rwhen}
    """),
    group("set_reminder", "when within", 1.6, """
        !{remind} to {text=mid_todo}
        !{remind} to {text=mid_todo}
        !{remset} a reminder to {text=mid_todo}
        don't let me forget to {text=mid_todo}
        don't forget to {text=mid_todo}
        make sure I {text=mid_todo}
        ~a reminder to {text=mid_todo}
    """),
    group("set_reminder", "deadline", 2, """
        !{remind} to {text=due}
        !{remind} to {text=due}
        !{remind} {rwhen} to {text=due}
        !{remset} a reminder to {text=due}
        !{ping} to {text=due}
        ~a reminder to {text=due}
        don't let me forget to {text=due}
        don't forget to {text=due}
        remember to {text=due}
        make sure I {text=due}
        {rclock} remind me to {text=due}
        {rclock}, remind me to {text=due}
        reminder: {text=due}
        I need to be reminded to {text=due}
    """),
    nulls("reminder: of nothing", """
        !{remset} a reminder
        ~a reminder
        !remind me
        remind me later
        reminder
        reminder please
        !remind me of something
        !{remset} a new reminder
        !remind me [tomorrow|on {weekday}|next week|this weekend|later today|in three days|in the morning|every day]
        !{remset} a reminder for [tomorrow|{weekday}|next week|the 5th]
        !remind me [about|of] [it|that|this|them] {some_on}
        !remind me about that
        !remind me again {some_on}
        !remind me to do it [at {some_time}|{some_on}]
        !remind me to do that [at {some_time}|{some_on}]
    """, 1.2),
    nulls("reminder: no form for it", """
        !remind me to {task} when [I get home|I get to work|I leave [work|the house]|{first} calls|{first} arrives
        + |I'm at the {venue}|it stops raining|I see {first}|the {cooking} is done|I wake up|I'm near the {venue}
        + |the sun sets|I'm done]
        when [I get home|I get to work|{first} arrives|I leave|it rains|I'm at the {venue}] remind me to {task}
        next time I'm [at the {venue}|in {city}|with {first}] remind me to {task}
        !remind me to {task} [if|unless] it [rains|snows|is sunny|gets cold] 
        !remind me to {task} as soon as [I get home|{first} is here|I'm back]
        !remind me to {task} [later|soon|sometime|at some point|one of these days|eventually|in a while|in a bit
        + |a bit later|sooner or later]
        !remind me [later|soon|sometime|in a while|in a bit] to {task}
        !remind me to {task} [next week|this week|next month|this weekend|next weekend|next year|this summer
        + |in the summer|over the weekend|sometime next week|during the week]
        !remind me [next week|next month|this weekend|next year] to {task}
        !remind me to {task} [first thing in the morning|first thing tomorrow|at lunchtime|at bedtime|at sunset
        + |after work|at the end of the day|during lunch|around dinner time|before bed|on my way home]
        !remind me [at lunchtime|at bedtime|after work|first thing tomorrow|at sunrise|before bed
        + |at the end of the day] to {task}
        !remind me every [two hours|hour|{some_duration}|30 minutes|other day|two weeks|month|year|few hours
        + |second friday] to {task}
        !remind me to {task} every [two hours|hour|30 minutes|other day|two weeks|month|year|three days|6 hours|quarter]
        !remind me [monthly|hourly|yearly|annually|once a month|twice a day|three times a day|once a year
        + |twice a week] to {task}
        !remind me to {task} [monthly|hourly|once a month|twice a day|three times a day|twice a week
        + |on mondays and thursdays|every monday and friday|every tuesday and thursday at {some_time}]
        !remind {first} to {task}
        !remind {kin} to {task} {some_on}
        !remind my {kin} about the {event}
        !remind {first} about the {event} [at {some_time}|{some_on}]
        !remind everyone [to {task}|about the {event}]
        !{remset} a reminder for {first} to {task}
        !remind me to {task} on [easter|thanksgiving|my birthday|{first}'s birthday|mother's day
        + |the first day of school|ramadan|our anniversary|labor day]
        !remind me {some_duration} before [my {event}|the {event}|the game|{first} arrives] [to {task}|]
        !remind me to {task} {some_duration} before the {event}
        !remind me to {task} on my [watch|phone|laptop]
        !remind me to {task} at {some_time} and at {some_time}
        !remind me [by|via] email to {task}
        !remind me to {task} at {some_time} in {city}
        !{remset} [two reminders|reminders] to {task} and to {task}
        !{remset} a [location|loud|silent|shared] reminder to {task}
    """, 2.2),
    nulls("reminder: other control", """
        what are my reminders
        what reminders do I have [today|tomorrow|for {some_day}|]
        do I have (any )reminders [today|tomorrow|for {some_day}|]
        !show (me )my reminders
        !list (all )my reminders
        !read my reminders
        my reminders
        !{acancel} {the_my} reminder
        !{acancel} {the_my} reminder [about|for|to] {the} {thing}
        !{acancel} {the_my} {event} reminder
        !{acancel} all (my )reminders
        !delete my reminder to {task}
        !mark {the_my} reminder (as )done
        !snooze {the_my} reminder [for {some_duration}|until tomorrow|]
        !change {the_my} reminder to {some_time}
        !move {the_my} {event} reminder to {some_day}
        !postpone {the_my} reminder [to {some_day}|by {some_duration}|]
        !edit {the_my} reminder
        !share {the_my} reminder with {first}
        did I set a reminder [for {event}|to {task}|]
        did you remind me to {task}
        what did I ask you to remind me [of|about]
        what was I supposed to {verb}
        what did I want to {verb}
        when is my next reminder
        is there a reminder (set )for {some_day}
        how many reminders do I have
    """, 1.3),
    nulls("reminder: no order", """
        can you set reminders
        can you remind me of things
        do you do reminders
        how do I set a reminder [on my phone|]
        how do reminders work
        how can I remember to {task}
        I [forgot|always forget|forget|never remember|often forget] to {task}
        I [have|ought] to {task}
        I have to {task} {some_on}
        I [should|must] {task} [at some point|soon|someday]
        I'm going to {task} {some_on}
        I (already )[set|made|have|had] a reminder [for that|to {task}|yesterday]
        you forgot to remind me [to {task}|]
        you reminded me [yesterday|too late|of {first}]
        that reminds me of [{first}|{city}|my {kin}|{title}]
        this reminds me of {title}
        {first} reminded me to {task}
        {first} wants me to {task}
        [don't|do not|please don't|stop] remind(ing) me to {task}
        don't remind me [of that|about the {event}|of {first}|]
        stop reminding me
        no need to remind me
        you don't have to remind me about the {event}
        should I {task}
        should I {task} {some_on}
        when should I {task}
        what if I forget to {task}
        do I need to {task}
        why do I always forget to {task}
        do you remember [{first}|my {kin}|what I said|me|the {event}|when we met|my name]
        I remember {title}
        I don't remember {the} {thing}
        I can't remember {the} {thing}
        remember when we went to {city}
        remember me
        I will {task} {some_on}
        {first} has to {task} {some_on}
        time to {safe_task}
        let's {safe_task}
        {safe_task}
    """, 1.8),
]
MACROS |= {
    "bare_notice": (
        "[{event}|{event}|{first}'s birthday|{object}|{hobby}|{food}|{noun}|{event} with {first}|{adj} {noun}"
        "|rent|trash|medication|{coined}|{bare_task}]"
    ),
    "bare_task": "[{task_people}|{task_health}|{task_buy}]",
    "mid_todo": (
        "[call {who} {on} about the {thing}|meet {who} {datetime} at the {venue}"
        "|send {who} the {object} {on} for the {event}|pick up {who} {datetime} from [school|the airport|work"
        "|the {venue}]|take {who} {on} to the {venue}|bring {food} {on} to the {event}"
        "|buy {food} {on} for the {event}|text {who} {part} about the {event}|pay {who} {on} for the {thing}"
        "|go {on} to the {venue} with {who}|be {after_at} at the {venue}"
        "|drop off the {object} {on} at {venue_name}|call {who} {after_at} about the {event}"
        "|book the {venue} {on} for {who}]"
    ),
    "due": "{task} {deadline}",
}
EXTRAS = {}
