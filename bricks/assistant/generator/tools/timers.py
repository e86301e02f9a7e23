"""set_timer and control_timer."""

from . import group, nulls

MACROS = {
    "tset": (
        "[set|set|set|set|set|start|start|start|create|make|put on|set up|begin|run|get going|kick off|add|get"
        "|turn on|put]"
    ),
    "d": "{duration=duration}",
    "isup": (
        "[is up|are up|have passed|has passed|is over|are over|have gone by|is done|are done|has elapsed"
        "|have elapsed|passed]"
    ),
    "calledlabel": "[called|called|named|labeled|labelled|with the name|with the label|titled|by the name of]",
    "nameit": "[call it|name it|label it|title it|call the timer|name the timer]",
    "forlabel": "for (the |the |my |our |some |this |a_ ){label=errand}",
    "tm": "[the |the |my |my |that |this |the damn |the stupid |that annoying |||||]timer",
    "ltm": "[the|my|the|our|that|] {label=errand} timer",
    "dtm": "[the|my|that|] {duration=adj_duration} timer",
    "alltm": (
        "[all|all|every|both|all of|each of] [timers|the timers|my timers|of my timers|running timers"
        "|the running timers|our timers]"
    ),
}

PATTERNS = [
    group("set_timer", "plain", 10, """
        !{tset} a timer for {d}
        !{tset} a timer for {d}
        !{tset} a timer of {d}
        !{tset} a_ {duration=adj_duration} timer
        !{tset} a_ {duration=adj_duration} timer
        !{tset} a_ {duration=adj_duration} countdown
        !{tset} a timer that [lasts|runs for|goes off in|goes off after|rings in|rings after] {d}
        !{tset} timer {d}
        !{tset} timer for {d}
        !{tset} the timer [for|to|at|on] {d}
        !{tset} my timer [for|to] {d}
        !{tset} {d} timer
        !{tset} {duration=adj_duration} timer
        !set {d} on the [timer|clock|kitchen timer]
        !put {d} on the [timer|clock]
        !start [a countdown|counting down|the countdown|the clock] [for|from|of|at] {d}
        !count down ((from |for )){d}
        !count {d} (down )(for me)
        !do a countdown (of|from|for) {d}
        !time {d}(( for me))
        !time me for {d}
        ~a timer for {d}
        ~a timer for {d}
        ~a_ {duration=adj_duration} timer
        ~a_ {duration=adj_duration} timer
        ~a_ {duration=adj_duration} countdown
        ~a countdown [of|for|from] {d}
        ~a timer [set for|of|set to] {d}
        ~{d} on the [timer|clock]
        ~a_ quick {duration=adj_duration} timer
        ~a_ new timer for {d}
        ~another timer for {d}
        ~another {duration=adj_duration} timer
        timer {d}
        timer for {d}
        timer for {d}
        timer, {d}
        timer: {d}
        timer set for {d}
        timer on for {d}
        {d} timer
        {duration=adj_duration} timer
        {duration=adj_duration} countdown
        new timer {d}
        new {duration=adj_duration} timer
        countdown {d}
        {d} countdown
        {d}, timer
        {d} on the clock
        let's [set|start|do|have|make|put on] a_ {duration=adj_duration} timer
        let's [set|start|do|have] a timer for {d}
        let's do {d} on the timer
        [I want to|I need to|I'd like to|I wanna|I have to|we need to|I would like to] [set|start|run
        + |have] a timer for {d}
        [I want to|I need to|I'd like to|we should] [set|start] a_ {duration=adj_duration} timer
        can I [set|start] a timer for {d}
        [how about|what about|time for] a timer for {d}
        set a timer, {d}
        set a timer, make it {d}
        set a timer. {d}
        start a timer now for {d}
        set a new timer, {d}
        I need {d} on the [clock|timer]
        I need a timer to [run|go] for {d}
        [have|get] a timer [run|go|go off] [for|in] {d}
        [make|have] the timer [go off|ring|beep] [in|after] {d}
        I'm [cooking|making|boiling|baking|roasting] {cooking}, [set|start|can you set|put on] a timer for {d}
        I'm [cooking|making|boiling|baking] {cooking} so [set|start] a_ {duration=adj_duration} timer
        the {cooking} [is in the oven|is on the stove|goes in now|is almost ready], [set|start
        + |can you set] a timer for {d}
        going [into the shower|for a nap|to lie down|outside], [set|start|put on] a timer for {d}
    """),
    group("set_timer", "told after", 5, """
        !wake me (up) in {d}
        !wake me (up) in {d}
        !wake me (up) {d} from now
        !wake [us|me] after {d}
        !wake us (up) in {d}
        !get me up in {d}
        !remind me in {d}
        !remind me {d} from now
        !remind us in {d}
        !let me know [in|after] {d}
        !let me know when {d} {isup}
        !tell me when {d} {isup}
        !tell me when it's been {d}
        !let me know when it's been {d}
        !say when {d} {isup}
        !alert me [in|after] {d}
        !alert me when {d} {isup}
        !ping me in {d}
        !ping me when {d} {isup}
        !notify me [in|after] {d}
        !buzz (me )in {d}
        !beep (at me )in {d}
        !ring [in|after] {d}
        !nudge me in {d}
        !poke me in {d}
        !give me a [shout|heads up|ring|nudge|signal|buzz|sign] in {d}
        !sound [an alarm|a bell|the alarm|a buzzer] in {d}
        !go off in {d}
        !set an alarm [for|in] {d}
        !set an alarm [for {d} from now|to go off in {d}|that rings in {d}|for in {d}|{d} from now]
        !set a_ {duration=adj_duration} alarm
        ~an alarm in {d}
        ~a_ {duration=adj_duration} alarm
        ~an alarm [{d} from now|for {d} from now]
        ~a reminder in {d}
        alarm in {d}
        alarm {d} from now
        wake me (up) in {duration=bare_duration}
        wake me (up) in like {d}
        in {d} wake me (up)
        in {d}, wake me up
        in {d} [let me know|tell me|alert me|ring|beep|ping me|give me a shout]
        I want to [sleep|nap|rest|lie down] for {d}, wake me (up) [then|after that|when it's over]
        I'm [taking a nap|going to lie down|going to rest], wake me (up) in {d}
        I [want|need] to be woken (up) in {d}
        I [want|need] to [wake up|get up|be up] in {d}
        don't let me sleep [longer|more] than {d}
        make sure I'm up in {d}
        need to be up in {d}
    """),
    group("set_timer", "bare number", 1.4, """
        !{tset} a timer for {duration=bare_duration}
        !{tset} timer [for|to] {duration=bare_duration}
        !set the timer [to|for|at] {duration=bare_duration}
        timer {duration=bare_duration}
        timer for {duration=bare_duration}
        ~a timer for {duration=bare_duration}
        !remind me in {duration=bare_duration}
        !wake me in {duration=bare_duration}
        {label=cooking} timer {duration=bare_duration}
        {label=errand} timer for {duration=bare_duration}
        !{tset} a_ {label=errand} timer for {duration=bare_duration}
        !put {duration=bare_duration} on the timer
        !{tset} a timer for {duration=bare_duration} {calledlabel} {label=errand}
    """),
    group("set_timer", "label", 11, """
        !{tset} a timer for {d} {forlabel}
        !{tset} a timer for {d} {forlabel}
        !{tset} a timer {forlabel} for {d}
        !{tset} a timer {forlabel}[,|,| of|:] {d}
        !{tset} a_ {duration=adj_duration} timer {forlabel}
        !{tset} a_ {duration=adj_duration} timer {forlabel}
        !{tset} a_ {duration=adj_duration} {label=errand} timer
        !{tset} a_ {label=errand} timer for {d}
        !{tset} a_ {label=errand} timer for {d}
        !{tset} a_ {label=errand} timer [of|at|,|that lasts] {d}
        !{tset} the {label=errand} timer [for|to] {d}
        !{tset} my {label=errand} timer [for|to] {d}
        !{tset} {label=errand} timer for {d}
        !{tset} {label=errand} timer {d}
        !{tset} a timer for {d} {calledlabel} {label=errand}
        !{tset} a_ {duration=adj_duration} timer {calledlabel} {label=errand}
        !{tset} a_ {duration=adj_duration} timer, {calledlabel} {label=errand}
        !{tset} a timer for {d} and {nameit} {label=errand}
        !{tset} a timer for {d} and {nameit} {label=errand}
        !{tset} a_ {duration=adj_duration} timer and {nameit} {label=errand}
        !{tset} a timer for {d}, {nameit} {label=errand}
        !{tset} a timer {calledlabel} {label=errand} [for|of|at] {d}
        !{tset} a timer {calledlabel} {label=errand} [that lasts|that runs for|with] {d}
        !{tset} a timer for {d} to {label=task}
        !{tset} a timer for {d} so I can {task}
        !{tset} a_ {duration=adj_duration} timer to {label=task}
        !wake me (up) in {d} {forlabel}
        !wake me (up) in {d} to {label=task}
        !time (the |my |our |this |){label=cooking} for {d}
        !count down {d} {forlabel}
        !put {d} on the [clock|timer] {forlabel}
        ~a timer for {d} {forlabel}
        ~a_ {duration=adj_duration} timer {forlabel}
        ~a_ {duration=adj_duration} {label=errand} timer
        ~a_ {label=errand} timer for {d}
        ~a_ {label=errand} timer, {d}
        ~a timer for {d} {calledlabel} {label=errand}
        ~a timer {calledlabel} {label=errand} for {d}
        ~a_ {duration=adj_duration} timer to {label=task}
        ~a timer for {d} to {label=task}
        ~a timer {forlabel}, {d}
        {label=errand} timer {d}
        {label=errand} timer {d}
        {label=errand} timer for {d}
        {label=errand} timer, {d}
        {label=errand} timer: {d}
        {d} {label=errand} timer
        {duration=adj_duration} {label=errand} timer
        {duration=adj_duration} timer {forlabel}
        {duration=adj_duration} timer for {label=errand}
        timer {d} {label=errand}
        timer {d} {forlabel}
        timer for {d} {forlabel}
        timer {forlabel}, {d}
        timer {forlabel} {d}
        timer {calledlabel} {label=errand}, {d}
        timer {calledlabel} {label=errand} for {d}
        timer for {d}, {calledlabel} {label=errand}
        timer for {d} to {label=task}
        new {label=errand} timer, {d}
        let's [set|start|do] a_ {duration=adj_duration} timer {forlabel}
        let's [set|start|do] a_ {duration=adj_duration} {label=errand} timer
        [I want to|I need to|I'd like to] [set|start] a_ {label=errand} timer for {d}
        [I want to|I need to|I'd like to] [set|start] a timer for {d} {forlabel}
        I need a timer {forlabel}, {d} (please)
        I need to time (the |my ){label=cooking} for {d}
        in {d} wake me (up) {forlabel}
        for the {label=errand} [set|start] a timer for {d}
        for (my |the ){label=errand}, [set|start] a_ {duration=adj_duration} timer
    """),
    group("control_timer", "cancel", 5, """
        !{tcancel} {tm}
        !{tcancel} {tm}
        !{tcancel} {ltm}
        !{tcancel} {ltm}
        !{tcancel} {dtm}
        !{tcancel} the timer for {duration=duration}
        !{tcancel} the timer (that is |that's |I |)set [for|to] {duration=duration}
        !{tcancel} the timer {forlabel}
        !{tcancel} the timer {calledlabel} {label=errand}
        !{tcancel} {alltm}<all=true>
        !{tcancel} (the |my |our |the running )timers<all=true>
        !{tcancel} every timer<all=true>
        !{tcancel} every single timer<all=true>
        !turn {tm} off
        !turn the {label=errand} timer off
        !turn off {tm}
        !turn off {ltm}
        !turn all (the |my )timers off<all=true>
        !switch off {tm}
        !shut off {tm}
        !shut {tm} off
        !make {tm} stop
        timer off
        timers off<all=true>
        stop timer
        cancel timer
        end timer
        {label=errand} timer off
        {label=errand} timer, cancel
        cancel {label=errand} timer
        [I don't need|we don't need|I no longer need] {tm} [anymore|any more|any longer], cancel it
        [I don't need|I no longer need] {ltm} [anymore|any more], cancel it
        [the {x} is done|the {x} are ready|I'm done|we're done|I'm back|the food is ready], [cancel|stop|turn off] {tm}
        I want [{tm}|{ltm}] [cancelled|stopped|gone|off|deleted]
        I want to {tcancel} {tm}
        I'd like to {tcancel} {ltm}
        I need to {tcancel} {ltm}
        let's {tcancel} {tm}
        can I {tcancel} {tm}
        can I {tcancel} {ltm}
    """, action="cancel"),
    group("control_timer", "pause", 3, """
        !{tpause} {tm}
        !{tpause} {tm}
        !{tpause} {ltm}
        !{tpause} {dtm}
        !{tpause} the timer {forlabel}
        !{tpause} the timer {calledlabel} {label=errand}
        !{tpause} {alltm}<all=true>
        !{tpause} (the |my )timers<all=true>
        !{tpause} every timer<all=true>
        !{tpause} the timer for {duration=duration}
        !put {tm} on [hold|pause]
        !put {ltm} on [hold|pause]
        pause timer
        timer pause
        timer on hold
        {label=errand} timer pause
        hold the timer
        I need to {tpause} {tm}
        I want to {tpause} {ltm}
        I want {tm} paused
        someone's at the door, {tpause} {tm}
        let's {tpause} {tm}
        can I {tpause} {ltm}
        hang on, {tpause} {tm}
        wait, {tpause} {tm}
    """, action="pause"),
    group("control_timer", "resume", 3, """
        !{tresume} {tm}
        !{tresume} {tm}
        !{tresume} {ltm}
        !{tresume} {dtm}
        !{tresume} the timer {forlabel}
        !{tresume} the timer {calledlabel} {label=errand}
        !{tresume} {alltm}<all=true>
        !{tresume} (the |my )timers<all=true>
        !{tresume} the paused timer
        !{tresume} the timer for {duration=duration}
        !let {tm} [continue|go on|run again|keep going|run on]
        !let {ltm} [continue|go on|keep going]
        !get {tm} going again
        !carry on with {tm}
        !continue with {tm}
        !continue with {ltm}
        resume timer
        continue timer
        timer resume
        unpause timer
        {label=errand} timer continue
        I'm back, {tresume} {tm}
        ok {tresume} {tm}
        I want to {tresume} {tm}
        let's {tresume} {ltm}
        can I {tresume} {tm}
    """, action="resume"),
    group("control_timer", "check", 6, """
        how much time is left (on {tm})
        how much time is left on {tm}
        how much time is left on {ltm}
        how much time [is|do I have|do we have|does it say is] left on {ltm}
        how much time [do I have|do we have|have I got] left on {tm}
        how much time is left on {dtm}
        how much time is left [for|on] [the timer for|the timer called] {label=errand}
        how much is left on {tm}
        how much is left on {ltm}
        how much [longer|longer does {tm} have|longer on {tm}|longer for {tm}|longer until {tm} [goes off|rings
        + |is done]]
        how much longer [on|for|does it say on] {ltm}
        how much longer until {ltm} [goes off|rings|is done|ends]
        how many minutes [are left|do I have left|left|remain|are remaining] on {tm}
        how many minutes [are left|do I have left|remain] on {ltm}
        how many [minutes|seconds] [left|to go] on {tm}
        how long [is left|do I have|is there] on {tm}
        how long (is )left on {ltm}
        how long (is left )on {dtm}
        how long until {tm} [goes off|rings|ends|is done|runs out|is up]
        how long until {ltm} [goes off|rings|ends|is done|is up]
        how long [before|till|til] {tm} [goes off|ends|rings]
        how long does {tm} [have|still have|still need|still run]
        how long has {tm} got (left)
        how's {tm} doing
        how is {ltm} doing
        how far along is {tm}
        what's left on {tm}
        what's left on {ltm}
        what is [the time left|the remaining time|remaining] on {tm}
        what's the status of {tm}
        what's the status of {ltm}
        what does {tm} say
        where is {tm} at
        where are we on {ltm}
        when does {tm} [go off|end|ring|finish|run out]
        when does {ltm} [go off|end|ring|finish]
        when is {tm} [done|over|up|going off]
        when will {tm} [go off|be done|ring|end]
        when will {ltm} [go off|be done|end]
        is {tm} [done|still running|still going|over|finished|almost done|nearly done|nearly finished|up] (yet)
        is {ltm} [done|still running|still going|over|finished|almost done|nearly done|close to done] (yet)
        is there (any )time left on {tm}
        is there (any|much) time left on {ltm}
        !check {tm}
        !check {ltm}
        !check on {tm}
        !check {dtm}
        !check all (my |the )timers<all=true>
        !check my timers<all=true>
        !show (me )(the |my )timer
        !show (me )(all )(the |my )timers<all=true>
        !show (me )the {label=errand} timer
        !show (me )how much time is left on {tm}
        !tell me how [much time is|long is] left on {tm}
        !tell me how [much time is|long is] left on {ltm}
        !tell me how much longer {tm} has
        !tell me the time left on {tm}
        !tell me the remaining time
        !give me the [time left|remaining time] on {tm}
        !read (out )(my )timers<all=true>
        ~the (remaining )time left on {ltm}
        time left
        time left on {tm}
        time left on {ltm}
        time remaining (on {tm})
        timer status
        {label=errand} timer status
        remaining time (on {tm})
        what timers [are running|do I have|are on|do I have running|are active|are set]<all=true>
        which timers are [running|on|active|set]<all=true>
        do I have (any )timers (running|set|going)<all=true>
        are there any timers (running|on)<all=true>
        how much time is left on {alltm}<all=true>
        list (all )(my )timers<all=true>
        how much time left
        how much time (is )left on the timer
        how long left (on the timer)
    """, action="check"),
    nulls("timer: no duration", """
        !{tset} a timer
        !{tset} a timer
        !{tset} the timer
        !{tset} a_ {label=errand} timer
        !{tset} a new timer
        !{tset} timer
        ~a timer
        timer
        timer please
        ~a_ {errand} timer
        !{tset} a timer for {the} {cooking}
        !{tset} a timer for {the} {errand}
        !{tset} a timer called {errand}
        !{tset} a timer for [a while|a bit|some time|some minutes|several minutes|a moment|a long time
        + |a little while|not too long|however long it takes|later|a few|ages]
        ~a timer for [a while|a bit|some time|some minutes|several minutes]
        !{tset} a timer for [as long as {cooking} takes|how long {cooking} takes|{cooking} to be done
        + |the usual time|the same time as before|the right time for {cooking}]
        !{tset} a [short|long|quick|longer|shorter] timer
        !wake me (up) in [a while|a bit|some time|several minutes]
        !remind me [in a bit|in a while|later|soon|sometime]
        !let me know when [the {cooking} is done|the {cooking} are ready|it's time|it's done|the {timerthing} is over]
        !count down
        !start a countdown
        {cooking} timer
        {errand} timer
        timer for {cooking}
        timer for {the} {errand}
    """, 1.6),
    nulls("timer: no form for it", """
        !{tset} a timer for {small_number} to {small_number} minutes
        !{tset} a timer for [ten to fifteen|five to ten|20 to 30|2 to 3|one or two|3 or 4|10-15|5-10] [minutes|mins
        + |hours]
        ~a [10-15|20-25|5 to 10] minute timer
        !{tset} a timer for [2:30|1:45|3:15|0:45|10:00 minutes|1:30:00|12:30]
        timer [2:30|1:15|4:45]
        !{tset} a timer for [two days|3 days|a week|a day|2 weeks|a month|five days|a year]
        ~a_ [two|three|four] day timer
        !{tset} [timers for {small_number} and {small_number} minutes|two timers for {some_duration}
        + |a timer for {some_duration} and another for {some_duration}
        + |a timer for {some_duration} and one for {some_duration}
        + |three timers, {some_duration}, {some_duration} and {some_duration}]
        !{tset} [two|three|2|4] timers
        timers for {small_number} and {small_number} minutes
        !{tset} a timer for {some_duration} on my [watch|phone|oven|tablet|laptop|microwave|wrist]
        !{tset} a_ {small_number} minute timer on the [oven|microwave|watch|stove]
        !{tset} a timer for {some_duration} (that repeats )every [hour|day|morning|{some_duration}]
        !{tset} a timer for {some_duration} with [a_ {word} sound|{performer} as the sound|the {word} tone
        + |a loud beep|vibration only|no sound]
        !{tset} a silent timer for {some_duration}
        !{tset} a [repeating|recurring|vibrating|looping|hidden] timer for {some_duration}
        !{tset} a timer for {some_duration} (starting )[at {some_time}|when I get home|when the water boils
        + |after this song|in ten minutes|once {first} is here|as soon as the oven is hot|tomorrow]
        when the {cooking} is in the oven [set|start] a timer for {some_duration}
        !wake me (up) every {some_duration}
        !remind me every [hour|{some_duration}|two hours]
        !wake {first} (up) in {some_duration}
        !remind {first} in {some_duration}
        !alert {kin} in {some_duration}
        !{tset} a timer for {first} for {some_duration} on {pronoun} phone
        !wake me (up) in {some_duration} [with {genre}|with {title}|gently|with the lights|by turning on the lights
        + |and again in {some_duration}]
    """, 1.6),
    nulls("timer: other control", """
        !add {some_duration} to {tm}
        !add {some_duration} to the {errand} timer
        !add [another |one more ]{some_duration}
        !extend {tm} by {some_duration}
        !take {some_duration} off {tm}
        !give {tm} {small_number} more minutes
        {small_number} more minutes on the timer
        !put {small_number} more minutes on the timer
        !make {tm} [longer|shorter|louder|{some_duration} longer]
        !shorten {tm} by {some_duration}
        !restart {tm}
        !restart the {errand} timer
        !reset {tm}
        !start {tm} over
        !start {tm} again
        !run the same timer again
        !repeat {tm}
        !change {tm} to {some_duration}
        !change the {errand} timer to {some_duration}
        !rename {tm} to {errand}
        !{tcancel} the [first|second|last|third|other|next|shortest|longest|newest] [timer|one]
        !{tpause} the [first|second|last|other] timer
        how much time is left on the [first|second|last|other] [timer|one]
        !{tpause} {tm} for {some_duration}
        !{tcancel} {tm} in {some_duration}
        !{tcancel} {tm} when {first} comes home
        !{tcancel} all timers except (the ){errand} [timer|one]
        !{tcancel} the {errand} and {errand} timers except mine
        !snooze {tm}
        !mute the timer sound
        !set the timer [volume|sound] to {small_number}
        !share {tm} with {first}
        !start the stopwatch
        !start a stopwatch
        stopwatch
        stop the stopwatch
        how much time has passed since {some_time}
        how much time did I spend on {hobby}
        how long until {some_time}
        how long until [{event}|christmas|the weekend|my birthday|summer]
    """, 1.5),
    nulls("timer: no order", """
        can you set timers
        can you set more than one timer
        can you do timers
        do you [do|have|know how to set] timers
        how many timers can you [set|run|handle] (at once)
        how do I [set|use|start|pause|delete] a timer (on [my phone|the oven|my watch|this thing])
        how does [a timer|the kitchen timer|an egg timer|a countdown] work
        how long [do|should] I [boil|cook|bake|roast|steam|fry] {cooking} (for)
        how long does {cooking} [take|need|need to cook|take in the oven]
        I [set|started|had|already set|forgot to set|cancelled|used] a timer (for {some_duration}) [yesterday
        + |earlier|this morning|before|an hour ago|]
        my timer [went off|rang|didn't go off|never rang|is broken|was too short|woke the baby] [yesterday
        + |this morning|earlier]
        did I (already )[set|start|cancel] [a|the|my] timer
        did the timer [go off|ring]
        did you [set|start|stop] the timer
        [don't|do not|please don't|you don't have to|no need to] [set|start] a timer (for {some_duration})
        don't [stop|cancel|pause|touch] the timer
        don't wake me (up) in {some_duration}
        never mind the timer
        if I set a timer for {some_duration}, when [does it ring|will it go off|would it end]
        what if the timer [doesn't ring|rings while I sleep]
        what's the best [kitchen timer|timer app|egg timer|pomodoro timer]
        what is a [pomodoro|tabata|sand|egg] timer
        who invented the [timer|stopwatch|egg timer|clock]
        {first} set a timer (for {some_duration})
        the timer [on the oven|on my phone|in the kitchen] is [broken|too loud|annoying]
        why did(n't) the timer [go off|ring|stop]
        where is the kitchen timer
        I hate timers
        [make it|no make it|change it to|actually] {some_duration}
        and another (one )for {some_duration}
        the same (again)
        {some_duration}
        only {some_duration} left
        I have {some_duration} (left)
        it takes {some_duration}
        is {some_duration} enough for {cooking}
        [does|should] a timer [beep|tick]
        I should have set a timer
        tell {first} to set a timer for {some_duration}
        remember the timer we had
    """, 1.8),
]
MACROS |= {
    "tcancel": (
        "[cancel|cancel|stop|stop|delete|end|kill|remove|clear|dismiss|get rid of|turn off|abort|shut off"
        "|discard|scrap|drop|quit]"
    ),
    "tpause": "[pause|pause|pause|hold|freeze|halt|suspend]",
    "tresume": "[resume|resume|continue|unpause|carry on|proceed with|un-pause]",
    "x": "[{cooking}|{timerthing}|{food}]",
}
EXTRAS = {
    "set_timer": (
        "[on my [watch|phone|tablet|oven|microwave]|and let {first} know|with [a_ {word} sound|a gentle tone"
        "|vibration]|every [day|hour|morning]|and repeat it|starting [at {some_time}|when I say go"
        "|in {some_duration}]|only if {first} is home|and snooze it once|when I get home|with voice countdown"
        "|and flash the lights at the end]"
    ),
    "control_timer": (
        "[on my [watch|phone|oven]|in {some_duration}|at {some_time}|when {first} arrives|on {first}'s phone"
        "|but keep the alarm]"
    ),
}
