"""set_alarm and cancel_alarm."""

from . import group, nulls

MACROS = {
    "aset": "[set|set|set|set|create|make|put on|set up|add|schedule|program|turn on|activate|put]",
    "wake": "[wake me|wake me|wake me up|wake me up|get me up|wake us|wake us up|rouse me]",
    "al": "[the |the |my |that |this |the damn |the stupid |that annoying |this bloody |||]alarm",
    "forwhat": "for (the |my |our |a_ ){label=awhat}",
    "awhat": (
        "[work|school|{hobby} practice|{hobby}|{event}|{event}|flight|train|{timerthing}|{noun}"
        "|{first}'s {event}|{word}|church|{adj} {noun}|{coined}|gym|{hobby} class|kids|medication|prayer"
        "|sunrise hike|{city} trip|{label}]"
    ),
    "acalled": "[called|named|labeled|labelled|titled|with the label|with the name]",
    "anameit": "[call it|name it|label it]",
    "acancel": (
        "[cancel|cancel|cancel|delete|delete|remove|turn off|turn off|stop|disable|clear|kill|get rid of"
        "|shut off|deactivate|switch off|drop|unset|scrap]"
    ),
    "allal": "[all|all|every|all of] [alarms|my alarms|the alarms|of my alarms|of the alarms|alarms I have]",
}

PATTERNS = [
    group("set_alarm", "time", 8, """
        !{aset} an alarm {at}
        !{aset} an alarm for {time}
        !{aset} an alarm for {time}
        !{aset} an alarm for {time}
        !{aset} alarm for {time}
        !{aset} alarm {time}
        !{aset} the alarm [to|for|at] {time}
        !{aset} my alarm [to|for|at] {time}
        !{aset} an alarm to [go off|ring|wake me up|sound|buzz] {after_at}
        !{aset} an alarm that [goes off|rings] {after_at}
        !{aset} a_ {time} alarm
        !{aset} a_ wake up alarm [for|at] {time}
        !{aset} a_ wake-up call for {time}
        !{aset} an alarm [until|to] {time}
        !{wake} {after_at}
        !{wake} {after_at}
        !{wake} {after_at}
        !{wake} by {time}
        !{wake} when it's {time}
        !have me up [by|at] {time}
        !alert me {after_at}
        !ping me {after_at}
        !remind me {after_at}
        !buzz me {after_at}
        !ring {after_at}
        !ring [an alarm|a bell] {after_at}
        !sound [an|the] alarm {after_at}
        !give me a wake up call {after_at}
        !let me know when it's {time}
        !tell me when it's {time}
        !tell me when it is {time}
        !{aset} a timer for {sure_time}
        !{aset} a timer [to go off|that ends|that rings] at {sure_time}
        !{aset} a timer until {sure_time}
        ~an alarm for {time}
        ~an alarm for {time}
        ~an alarm {after_at}
        ~a_ {time} alarm
        ~a wake up call {after_at}
        ~a wake-up call for {time}
        ~an alarm set for {time}
        ~a timer for {sure_time}
        ~another alarm {after_at}
        alarm {time}
        alarm {time}
        alarm for {time}
        alarm for {time}
        alarm {after_at}
        alarm: {time}
        alarm, {time}
        alarm set for {time}
        alarm on for {time}
        {time} alarm
        {time} wake up call
        new alarm {time}
        new alarm for {time}
        wake up {after_at}
        wake up call {time}
        {after_at} wake me (up)
        {after_at}, wake me up
        {after_at} [set|ring|sound] an alarm
        I [need|want|have|would like] to [get up|be up|wake up|be awake] {after_at}, set an alarm
        I [need|want|have] to [get up|wake up] {after_at}, [wake me|set the alarm]
        [I need|I want|I'd like|I have] to [get up|be up|wake up|be woken up|be woken|be awake] {after_at}
        [I need|I want|I'd like] you to have me up by {time}
        make sure I'm [up|awake|out of bed] [by|at] {time}
        don't let me sleep past {time}
        don't let me [sleep in|sleep|stay in bed] (later )past {time}
        let's [set|make it|do] an alarm for {time}
        let's get up {after_at}, set an alarm
        can I [get|have] a wake up call {after_at}
        can I set an alarm for {time}
        [I want to|I need to|I'd like to] set an alarm [for|at] {time}
        how about an alarm {after_at}
        set an alarm, {time}
        I'd like my alarm {after_at}
        I want the alarm to [ring|go off] {after_at}
        have [the|my|an] alarm [go off|ring] {after_at}
    """),
    group("set_alarm", "date and time", 8, """
        !{aset} an alarm {datetime}
        !{aset} an alarm {datetime}
        !{aset} an alarm for {dt}
        !{aset} an alarm for {dt}
        !{aset} an alarm for {dt}
        !{aset} an alarm for {time} {on}
        !{aset} an alarm for {day} at {time}
        !{aset} an alarm for {day} {after_at}
        !{aset} an alarm {on} for {time}
        !{aset} alarm {datetime}
        !{aset} alarm for {dt}
        !{aset} the alarm for {dt}
        !{aset} my alarm [to|for] {dt}
        !{aset} my alarm {on} to {time}
        !{aset} a_ {time} alarm for {day}
        !{aset} an alarm to [go off|wake me up|ring] {datetime}
        !{wake} {datetime}
        !{wake} {datetime}
        !{wake} {datetime}
        !{wake} {on} {after_at}
        !{wake} {after_at} {on}
        !{aset} a timer for {sure_time} {on}
        !have me up {datetime}
        !alert me {datetime}
        !remind me {datetime}
        !ring {datetime}
        ~an alarm for {dt}
        ~an alarm {datetime}
        ~an alarm {after_at} {on}
        ~a_ {time} alarm {on}
        ~a wake up call {datetime}
        ~a wake up call for {dt}
        alarm {datetime}
        alarm for {dt}
        alarm {on} {time}
        alarm {time} {on}
        alarm {on}, {time}
        {on} alarm {after_at}
        {on} {after_at} alarm
        {on} wake me (up) {after_at}
        {on}, [set|make] an alarm for {time}
        {on} I [need|have|want] to [get up|be up] {after_at}, wake me
        {on} [get|wake] me up {after_at}
        I [need|have|want] to [get up|be up|wake up] {datetime}
        I [need|have] to [get up|be up] {datetime}, set an alarm
        I need to be awake {after_at} {on}
        make sure I'm [up|awake] {datetime}
        make sure I [get|wake] up {datetime}
        don't let me sleep past {time} {on}
        let's set an alarm for {dt}
        new alarm {datetime}
        new alarm for {dt}
        wake up call {datetime}
        wake up {datetime}
        {days_possessive} alarm should be {after_at}
        {days_possessive} alarm: {time}
        set {days_possessive} alarm for {time}
        !set {days_possessive} alarm to {time}
    """),
    group("set_alarm", "repeat", 4.5, """
        !{aset} an alarm {every_at}
        !{aset} an alarm {every_at}
        !{aset} an alarm for {every_dt}
        !{aset} an alarm for {every_dt}
        !{aset} an alarm for {time} {every}
        !{aset} an alarm {after_at} {every}
        !{aset} an alarm {every} [for|at] {time}
        !{aset} a [daily|recurring daily|repeating daily] alarm [for|at] {time}<repeat=daily>
        !{aset} a weekday alarm [for|at] {time}<repeat=weekdays>
        !{aset} a weekend alarm [for|at] {time}<repeat=weekends>
        !{aset} an everyday alarm [for|at] {time}<repeat=daily>
        !{aset} my alarm for {every_dt}
        !{aset} a_ {time} alarm for {every}
        !{aset} an alarm for {time} that repeats {every}
        !{aset} an alarm for {time} and repeat it {every}
        !{aset} a [recurring|repeating|regular] alarm {every_at}
        !{aset} a [recurring|repeating] alarm for {every_dt}
        !{wake} {every_at}
        !{wake} {every_at}
        !{wake} {every} {after_at}
        !{wake} {after_at} {every}
        !alert me {every_at}
        !remind me {every_at}
        ~an alarm {every_at}
        ~an alarm for {every_dt}
        ~a daily alarm [for|at] {time}<repeat=daily>
        ~a weekday alarm at {time}<repeat=weekdays>
        ~a_ {time} alarm {every}
        ~a wake up call {every_at}
        alarm {every_at}
        alarm for {every_dt}
        alarm {every} {time}
        alarm {time} {every}
        {every} alarm {time}
        daily alarm {time}<repeat=daily>
        daily alarm (for|at) {time}<repeat=daily>
        weekday alarm {time}<repeat=weekdays>
        {time} alarm {every}
        {every} wake me (up) {after_at}
        {every} at {time} wake me up
        {every} I [need|have|want] to [get up|be up] {after_at}
        I [need|have|want] to [get up|wake up] {every_at}
        I [need|have] to be up {every_at}, set an alarm
        I want [my|an|the] alarm to [ring|go off] {every_at}
        make sure I'm up {every_at}
        new alarm for {every_dt}
        let's set an alarm for {every_dt}
        wake up call {every_at}
    """),
    group("set_alarm", "label", 8, """
        !{aset} an alarm for {time} {forwhat}
        !{aset} an alarm {after_at} {forwhat}
        !{aset} an alarm {forwhat} {after_at}
        !{aset} an alarm {forwhat} {datetime}
        !{aset} an alarm {datetime} {forwhat}
        !{aset} an alarm for {dt} {forwhat}
        !{aset} an alarm for {dt} {acalled} {label=awhat}
        !{aset} an alarm for {time} {acalled} {label=awhat}
        !{aset} an alarm for {time}, {acalled} {label=awhat}
        !{aset} an alarm {acalled} {label=awhat} for {time}
        !{aset} an alarm {acalled} {label=awhat} for {dt}
        !{aset} an alarm {acalled} {label=awhat} {every_at}
        !{aset} an alarm for {time} and {anameit} {label=awhat}
        !{aset} an alarm for {dt} and {anameit} {label=awhat}
        !{aset} an alarm for {time}, {anameit} {label=awhat}
        !{aset} an alarm for {time} to {label=task}
        !{aset} an alarm for {dt} to {label=task}
        !{aset} an alarm {after_at} to {label=task}
        !{aset} an alarm {every_at} to {label=task}
        !{aset} an alarm to {label=task} {after_at}
        !{aset} a_ {label=awhat} alarm for {time}
        !{aset} a_ {label=awhat} alarm {datetime}
        !{aset} a_ {label=awhat} alarm {every_at}
        !{aset} my {label=awhat} alarm for {time}
        !{aset} the {label=awhat} alarm [to|for] {time}
        !{aset} a daily {label=awhat} alarm [for|at] {time}<repeat=daily>
        !{wake} {after_at} {forwhat}
        !{wake} {after_at} {forwhat}
        !{wake} {datetime} {forwhat}
        !{wake} {every_at} {forwhat}
        !{wake} {after_at} to {label=task}
        !{wake} {datetime} to {label=task}
        !{wake} {forwhat} {after_at}
        !{wake} {forwhat} {datetime}
        ~an alarm for {time} {forwhat}
        ~an alarm {forwhat} {datetime}
        ~an alarm {datetime} {forwhat}
        ~a_ {label=awhat} alarm for {time}
        ~a_ {label=awhat} alarm {datetime}
        ~an alarm for {time} {acalled} {label=awhat}
        ~an alarm for {time} to {label=task}
        ~a wake up call {after_at} {forwhat}
        alarm {time} {label=awhat}
        alarm {time} {forwhat}
        alarm {time} for {label=awhat}
        alarm {datetime} {forwhat}
        alarm {forwhat} {after_at}
        alarm for {time}, {acalled} {label=awhat}
        alarm for {time} to {label=task}
        {label=awhat} alarm {time}
        {label=awhat} alarm {time}
        {label=awhat} alarm {datetime}
        {label=awhat} alarm for {dt}
        {label=awhat} alarm {every_at}
        {label=awhat} alarm, {time}
        {label=awhat} alarm: {time}
        new {label=awhat} alarm for {time}
        I [need|have|want] to [get up|be up|wake up] {after_at} {forwhat}
        I [need|have] to be up {datetime} {forwhat}
        make sure I'm up {after_at} {forwhat}
        let's set a_ {label=awhat} alarm for {time}
        for {label=awhat} wake me (up) {after_at}
    """),
    group("cancel_alarm", "the alarm", 4, """
        !{acancel} {al}
        !{acancel} {al}
        !{acancel} {al}
        !{acancel} the next alarm
        !turn {al} off
        !turn {al} off
        !switch {al} off
        !shut {al} off
        !shut {al} up
        !silence {al}
        !dismiss {al}
        !end {al}
        !quiet {al}
        !make {al} stop
        !make {al} shut up
        !make {al} go away
        alarm off
        alarm stop
        cancel alarm
        stop alarm
        stop (the )ringing
        turn off alarm
        delete alarm
        the alarm is ringing, [stop|turn off|silence] it
        the alarm [is going off|won't stop], [stop it|turn it off|make it stop]
        I'm [up|awake], [stop|turn off|kill] {al}
        ok ok I'm [up|awake], [stop|turn off] {al}
        I don't need {al} [anymore|any more], [cancel|delete] it
        I don't need {al} any longer, turn it off
        I want {al} [off|gone|cancelled]
        I want to {acancel} {al}
        I need to {acancel} {al}
        I'd like to {acancel} {al}
        let's {acancel} {al}
        can I {acancel} {al}
        could you make {al} stop
        enough, {acancel} {al}
    """),
    group("cancel_alarm", "time", 5, """
        !{acancel} {the_my} {time} alarm
        !{acancel} {the_my} {time} alarm
        !{acancel} {the_my} alarm (set |I set |I have |that's set )[for|at] {time}
        !{acancel} {the_my} alarm for {time}
        !{acancel} {the_my} alarm {after_at}
        !{acancel} {the_my} {time} alarm {on}
        !{acancel} {the_my} alarm for {dt}
        !{acancel} {the_my} alarm {datetime}
        !{acancel} {the_my} alarm [set for|for] {time} {on}
        !{acancel} {the_my} {time} wake up call
        !{acancel} {the_my} wake up call for {time}
        !{acancel} {days_possessive} {time} alarm
        !turn off alarm {time}
        !turn {the_my} {time} alarm off
        !turn off {the_my} {time} alarm for {day}
        {time} alarm off
        alarm {time} off
        cancel alarm {time}
        cancel alarm for {time}
        cancel {time} alarm
        delete alarm {after_at}
        delete {time} alarm
        remove alarm for {dt}
        I don't need {the_my} {time} alarm [anymore|any more], [cancel|delete|turn off] it
        I want {the_my} {time} alarm [off|gone|deleted]
        I [want|need|'d like] to {acancel} {the_my} {time} alarm
        I'd like to {acancel} {the_my} alarm for {dt}
        can I {acancel} {the_my} {time} alarm
        let's {acancel} {the_my} {time} alarm
    """),
    group("cancel_alarm", "date", 3, """
        !{acancel} {days_possessive} alarm
        !{acancel} {days_possessive} alarm
        !{acancel} {the_my} alarm for {day}
        !{acancel} {the_my} alarm for {day}
        !{acancel} {the_my} alarm {on}
        !{acancel} {the_my} alarm I (have |)set for {day}
        !turn off {the_my} alarm for {day}
        !turn {days_possessive} alarm off
        !turn off {days_possessive} alarm
        cancel alarm for {day}
        cancel {days_possessive} alarm
        alarm off for {day}
        alarm {on} off
        {on} no alarm, cancel it
        I [want|need|'d like] to {acancel} {days_possessive} alarm
        I don't need {days_possessive} alarm, [cancel|delete] it
        I don't need {the_my} alarm for {day} [anymore|any more], [cancel|delete] it
        let's {acancel} {days_possessive} alarm
        can I {acancel} {the_my} alarm for {day}
    """),
    group("cancel_alarm", "label", 3, """
        !{acancel} {the_my} {label=awhat} alarm
        !{acancel} {the_my} {label=awhat} alarm
        !{acancel} {the_my} {label=awhat} alarm
        !{acancel} {the_my} alarm {forwhat}
        !{acancel} {the_my} alarm {forwhat}
        !{acancel} {the_my} alarm {acalled} {label=awhat}
        !{acancel} {days_possessive} {label=awhat} alarm
        !{acancel} {the_my} {label=awhat} alarm for {day}
        !{acancel} {the_my} {label=awhat} alarm {after_at}
        !turn {the_my} {label=awhat} alarm off
        !turn off {the_my} alarm for {label=awhat}
        !silence {the_my} {label=awhat} alarm
        !dismiss {the_my} {label=awhat} alarm
        {label=awhat} alarm off
        cancel {label=awhat} alarm
        delete {label=awhat} alarm
        stop {label=awhat} alarm
        I don't need {the_my} {label=awhat} alarm [anymore|any more], [cancel|delete|turn off] it
        I [want|need|'d like] to {acancel} {the_my} {label=awhat} alarm
        I want {the_my} {label=awhat} alarm [off|gone|deleted]
        can I {acancel} {the_my} {label=awhat} alarm
        let's {acancel} {the_my} {label=awhat} alarm
    """),
    group("cancel_alarm", "all", 3, """
        !{acancel} {allal}
        !{acancel} {allal}
        !{acancel} {allal}
        !{acancel} every alarm
        !{acancel} every single alarm
        !{acancel} both alarms
        !{acancel} both (of )my alarms
        !{acancel} each of my alarms
        !{acancel} {allal} for {day}
        !{acancel} {allal} {on}
        !{acancel} all of {days_possessive} alarms
        !{acancel} all {days_possessive} alarms
        !turn all (of )(the |my )alarms off
        !turn {allal} off
        !silence {allal}
        all alarms off
        alarms off, all of them
        cancel all alarms
        delete all alarms
        no alarms at all, cancel all of them
        I [want|need|'d like] to {acancel} {allal}
        I want {allal} [off|gone|deleted]
        I don't need any alarms, {acancel} {allal}
        can I {acancel} {allal}
        let's {acancel} {allal}
    """, all=True),
    nulls("alarm: no time", """
        !{aset} an alarm
        !{aset} an alarm
        !{aset} the alarm
        !{aset} my alarm
        ~an alarm
        alarm
        alarm please
        set alarm
        !{aset} an alarm for {day}
        !{aset} an alarm for {day}
        !{aset} an alarm {on}
        !{aset} an alarm for the [morning|evening|afternoon]
        !{aset} an alarm for [tomorrow|{weekday}] [morning|afternoon|evening|night]
        !{aset} an alarm for [this evening|tonight|this afternoon|later]
        !{wake} (up )[tomorrow|tomorrow morning|in the morning|{some_on}|later|early|early tomorrow|on time
        + |at a good time|soon]
        !{aset} an alarm [every day|every morning|on weekdays|for weekdays|every {weekday}]
        !{wake} every [day|morning|{weekday}]
        !{aset} an alarm for [{awhat}|{the} {awhat}]
        !{aset} a_ {awhat} alarm
        !{wake} for {awhat}
        !{wake} to {task}
        !{aset} an alarm called {awhat}
        !{wake} [at sunrise|at dawn|when the sun comes up|at lunchtime|at bedtime|first thing in the morning
        + |first thing|before work|after work|at the usual time|at the end of the day|before sunrise|at sunset]
        !{aset} an alarm for [sunrise|dawn|bedtime|lunchtime|first thing tomorrow|after work|the usual time|sunset
        + |dusk|prayer time|high tide]
        !{aset} an early alarm
        ~an early alarm (for tomorrow)
        {awhat} alarm
        alarm for {the} {awhat}
        alarm {on}
        alarm tomorrow morning
        early alarm
        [I need|I have] to [get up|wake up|be up] (early )[tomorrow|{some_on}|in the morning]
        don't let me [oversleep|sleep in|sleep too long]
        make sure I [wake up|get up|don't oversleep] (tomorrow)
    """, 1.6),
    nulls("alarm: no form for it", """
        !{aset} [alarms|two alarms] for {some_time} and {some_time}
        !{aset} [alarms|three alarms] for {some_time}, {some_time} and {some_time}
        !{aset} an alarm for {some_time} and [another one|one] [for|at] {some_time}
        !{wake} at {some_time} and (again )at {some_time}
        !{aset} an alarm [between|sometime between] {some_time} and {some_time}
        !{aset} an alarm for {some_time} or {some_time}
        !{aset} an alarm every [hour|two hours|{some_duration}|30 minutes|other day|other week|month|second tuesday
        + |year]
        !{aset} a [monthly|yearly|hourly|weekly|biweekly] alarm for {some_time}
        !{aset} an alarm for {some_time} on [mondays and fridays|tuesdays and thursdays
        + |monday, wednesday and friday|monday and tuesday|saturday and monday]
        !{wake} at {some_time} every other day
        !{wake} at {some_time} on [tuesdays and thursdays|mondays, wednesdays and fridays]
        !{wake} at {some_time} with [{genre}|{title} by {performer}|{title}|the radio|birdsong|the lights on
        + |{station}|a loud sound|{app}]
        !{aset} an alarm for {some_time} with [{genre}|a_ {word} tone|snooze|vibration|{title}|my {adj} playlist
        + |no snooze]
        !{aset} a [loud|quiet|gentle|silent|vibrating|soft] alarm for {some_time}
        !{aset} an alarm on my [watch|phone|tablet|other phone|old phone] for {some_time}
        !{aset} an alarm for {some_time} in the [{rooms}]
        !{aset} an alarm for {some_time} [next week|next month|all week|all summer|until {weekday}
        + |for the next three days|this weekend|for the rest of the week|on the weekend]
        !{aset} an alarm for {some_time} {some_on} except {weekday}
        !{aset} an alarm on easter at {some_time}
        !{aset} an alarm on [thanksgiving|easter|mother's day|labor day] for {some_time}
        !wake {someone} (up) at {some_time}
        !{aset} an alarm for {first} at {some_time} on {pronoun} phone
        !{aset} an alarm {some_duration} before [{the} {event}|sunrise|my first meeting]
        !{wake} {some_duration} before [my {event}|sunrise|{first}]
        !{wake} (up) when [{first} gets home|it stops raining|the sun rises|we get to {city}|dinner is ready]
        !{wake} at {some_time} unless it's raining
        !{wake} at {some_time} in {city} time
        !{aset} an alarm for {some_time} {city} time
        !{aset} an alarm for {some_time} and [turn on the lights|start the coffee|play {genre}|text {first}
        + |open the blinds]
        !{aset} the same alarm as [yesterday|last week|{weekday}]
        !{aset} another one for {some_time}
    """, 1.6),
    nulls("alarm: other control", """
        !snooze
        snooze
        !snooze {al}
        !snooze {al} for {some_duration}
        !snooze for {some_duration}
        !snooze the {some_time} alarm
        {some_duration} more
        just {small_number} more minutes
        let me sleep {small_number} more minutes
        !change {al} to {some_time}
        !change {the_my} {some_time} alarm to {some_time}
        !move {al} to {some_time}
        !move {the_my} alarm (from {some_time} )to {some_time}
        !push {al} back (by )[an hour|{some_duration}]
        !postpone {al} [by {some_duration}|to {some_time}]
        !delay {the_my} alarm by {some_duration}
        !make {al} [louder|quieter|softer|later|earlier|an hour later|repeat]
        !edit {the_my} {some_time} alarm
        !rename {the_my} {some_time} alarm (to {awhat})
        !pause {al} [until {weekday}|for a week|during my vacation]
        !skip {days_possessive_null} alarm
        !turn {al} back on
        !enable {the_my} {some_time} alarm
        !reactivate {the_my} {awhat} alarm
        [what|which] alarms [do I have|are set|have I set|are on|do I have set] [for {some_day}|]
        what time is my alarm [set for|set|tomorrow]
        when is my (next )alarm
        when's my (next )alarm
        when does my alarm go off
        is [my alarm|an alarm|the alarm|an alarm] [set|on] [for {some_day}|for {some_time}|]
        do I have an alarm (set )[for {some_day}|for {some_time}|tomorrow]
        do I have any alarms [set|on|tomorrow]
        are there any alarms [set|on|tomorrow]
        !show (me )(all )my alarms
        !list (all )my alarms
        !read my alarms
        !check my alarms
        my alarms
        how many alarms do I have
        !change the alarm [sound|tone|volume|ringtone] (to {word})
        !set the alarm [volume|sound|tone] to {word}
        !{acancel} {allal} except (the )one at {some_time}
        !{acancel} {the_my} {some_time} and {some_time} alarms
        !{acancel} {the_my} alarm in {some_duration}
        !{acancel} the [first|second|last|earliest] alarm
        !{acancel} {first}'s alarm on {pronoun} phone
        !{acancel} {the_my} alarm on my [watch|phone|tablet]
        !{acancel} {allal} [this week|next week|this weekend|for the next two weeks|until {month}]
    """, 1.6),
    nulls("alarm: no order", """
        can you set alarms
        can you set [more than one alarm|several alarms|recurring alarms|alarms with music]
        do you (know how to )set alarms
        do you do alarms
        are you able to set alarms
        how do I [set|turn off|snooze|change|stop] [an|my|the] alarm [on my [phone|watch|clock]|]
        how does [snooze|an alarm clock|the alarm] work
        how does a [smoke|burglar|car|fire] alarm work
        I [set|had|already set|forgot to set|slept through|missed|heard|turned off|ignored] [my|an
        + |the] alarm [yesterday|this morning|last night|again|for {some_time}|]
        my alarm [didn't go off|never rang|went off|woke the whole house|is too loud|is broken
        + |scares me] [this morning|yesterday|again]
        did I (already )[set|turn off|cancel] [an|the|my] alarm [for {some_day}|for {some_time}|]
        did my alarm [go off|ring] [this morning|today]
        did you (already )[set|cancel] [my|the|an] alarm
        [don't|do not|please don't|never] [set|turn on] [an|the|my|any] alarm(s) [for {some_day}|tomorrow|]
        don't [wake me up|wake me] [tomorrow|at {some_time}|before {some_time}|on {weekday}]
        don't [cancel|turn off|touch|delete] [my|the] alarm
        do not turn off my {some_time} alarm
        you don't need to set an alarm
        never mind the alarm
        forget about the alarm
        if I set an alarm for {some_time}, how long [will I sleep|can I sleep]
        if my alarm goes off at {some_time}, will I (still )make it
        should I set an alarm [for {some_time}|]
        what would happen if I [turned off|missed] the alarm
        why did(n't) my alarm [go off|ring|stop]
        why is the alarm so loud
        what's the best [alarm clock|alarm app|alarm sound] [for heavy sleepers|]
        who invented the alarm clock
        !turn on the [house|burglar|security|home|car] alarm
        !arm the [alarm|security system|house alarm]
        !disarm the [alarm|alarm system|house]
        is the [house|burglar|car|security] alarm [armed|on|off]
        alarm system status
        !test the [smoke|fire|security] alarm
        the [smoke|fire|car] alarm is [beeping|going off|broken]
        !turn off the [smoke|burglar|car|fire] alarm
        that's alarming
        {first} [set|turned off] [an|the] alarm
        tell {first} to set an alarm for {some_time}
        what time should I [wake up|get up|set my alarm] [to sleep {small_number} hours|]
        what time did I wake up [today|yesterday]
        at what time does {first} get up
        I [get|wake|woke] up at {some_time} [every day|today|]
        I'm [awake|up|so tired|still in bed]
        {some_time} {some_on}
        not at {some_time}
        I wish I had set an alarm
        buy a new alarm clock
    """, 1.8),
]
MACROS |= {
    "the_my": "[the|my|my|the|that|]",
    "days_possessive_null": "[tomorrow's|today's|monday's|friday's|sunday's]",
}
EXTRAS = {
    "set_alarm": (
        "[on my [watch|phone|tablet|old phone]|with [{genre}|a_ {word} tone|vibration|the {adj} sound|{title}]"
        "|and snooze twice|only if I'm home|in {city} time|and let {first} know|unless it's a holiday"
        "|and make it loud|at full volume|with a snooze of {small_number} minutes"
        "|for the next {small_number} days]"
    ),
    "cancel_alarm": (
        "[on my [watch|phone|tablet]|when {first} gets home|in {some_duration}|if I'm awake"
        "|except the {word} one|but keep the timer|for the next {small_number} weeks]"
    ),
}
