"""create_event and get_events."""

from . import group, nulls

MACROS = {
    "ewhen": "[{datetime}|{datetime}|{datetime}|{on}|{on}|{dated_part}]",
    "efor": "[{dt}|{dt}|{day}|{dated_part}]",
    "etitle": "{title=event_title}",
    "art": "[a_ |a_ |the |my |our |]",
    "esched": "[schedule|schedule|schedule|book|book|plan|set up|make|create|arrange|add|put in|organize|pencil in]",
    "cal": (
        "[my calendar|my calendar|my calendar|the calendar|my schedule|my agenda|the schedule|our calendar"
        "|calendar]"
    ),
    "ata": "[at|at|at|at the|in|in the]",
    "eplace": "{ata} {place=where_event}",
    "atplace": "[at|at the|in|in the] {where_event}",
    "ecalled": "[called|named|titled|with the title]",
}

PATTERNS = [
    group("create_event", "day", 9, """
        !{esched} {art}{etitle} {ewhen}
        !{esched} {art}{etitle} {ewhen}
        !{esched} {art}{etitle} {ewhen}
        !{esched} {art}{etitle} {ewhen}
        !{esched} {art}{etitle} for {efor}
        !{esched} {art}{etitle} for {efor}
        !{esched} {art}{etitle} for {efor}
        !{esched} {art}{etitle}, {ewhen}
        !{esched} {etitle} on {cal} {ewhen}
        !{esched} {etitle} in {cal} for {efor}
        !put {art}{etitle} [in|on|into] {cal} {ewhen}
        !put {art}{etitle} [in|on|into] {cal} for {efor}
        !put {art}{etitle} {ewhen} [in|on|into] {cal}
        !put {art}{etitle} for {efor} [in|on|into] {cal}
        !put {art}{etitle} down for {efor}
        !add {art}{etitle} to {cal} {ewhen}
        !add {art}{etitle} to {cal} for {efor}
        !add {art}{etitle} to {cal} for {efor}
        !add {art}{etitle} {ewhen} to {cal}
        !add {art}{etitle} for {efor} to {cal}
        !add {etitle} to {days_possessive} [calendar|schedule|agenda]
        !put {etitle} on {days_possessive} [calendar|schedule|agenda]
        !add to {cal}: {etitle} {ewhen}
        !add to {cal} {etitle} {ewhen}
        !create [an event|a calendar event|a calendar entry|an appointment|a new event|an entry] for {etitle} {ewhen}
        !create [an event|a calendar event|a calendar entry|a new event] {ecalled} {etitle} {ewhen}
        !create [an event|a calendar event|an entry] {ecalled} {etitle} for {efor}
        !create [an event|a calendar event|an entry|a new event] {ewhen} {ecalled} {etitle}
        !create [an event|a calendar event|an entry|a new event] for {efor} {ecalled} {etitle}
        !create [an event|a new event|a calendar entry] {ewhen}: {etitle}
        !make [an event|a calendar entry|an appointment|an entry] for {etitle} {ewhen}
        !make [an event|a calendar entry|an entry] {ecalled} {etitle} {ewhen}
        !add [an event|a new event|an appointment|an entry] {ecalled} {etitle} {ewhen}
        !add [an event|a calendar event] for {etitle} {ewhen}
        !add a calendar event, {etitle}, {ewhen}
        !set up {art}{etitle} {ewhen}
        !set up {art}{etitle} for {efor}
        !mark {etitle} (down )[in|on] {cal} [for {efor}|{ewhen}]
        !block (off |out ){ewhen} for {title=block_title}
        !block (off |out ){day} for {title=block_title}
        !block (off |out ){dated_part} for {title=block_title}
        !block (off |out )time for {title=block_title} {ewhen}
        !block (off |out )some time {ewhen} for {title=block_title}
        !block (off |out )time {ewhen} for {title=block_title}
        !reserve {ewhen} for {title=block_title} in {cal}
        !book time for {title=block_title} {ewhen}
        !book {ewhen} for {title=block_title}
        !find room in {cal} {on} at {time} for {title=block_title}
        {ewhen} [schedule|book|put in|add] {art}{etitle}
        {ewhen}, [schedule|book|add] {art}{etitle}
        {ewhen} put {etitle} [in|on] {cal}
        for {efor} schedule {art}{etitle}
        for {efor}, put {etitle} [in|on] {cal}
        new event {etitle} {ewhen}
        new event: {etitle} {ewhen}
        new event, {etitle}, {ewhen}
        new (calendar )entry: {etitle} {ewhen}
        new appointment: {etitle} {ewhen}
        event: {etitle}, {ewhen}
        event {ecalled} {etitle} {ewhen}
        calendar: {etitle} {ewhen}
        calendar {etitle} {ewhen}
        calendar event {ewhen}: {etitle}
        schedule {etitle} {ewhen}
        ~a calendar entry for {etitle} {ewhen}
        ~an event {ecalled} {etitle} {ewhen}
        ~{etitle} on {cal} {ewhen}
        ~{etitle} [in|on] {cal} for {efor}
        I [have|'ve got] {art}{etitle} {ewhen}, [put it in|add it to|put it on] {cal}
        I [have|'ve got] {art}{etitle} {ewhen}, can you [add it to|put it in] {cal}
        there's {art}{etitle} {ewhen}, [put it in|add it to] {cal}
        I [want|need|would like|'d like] to [schedule|book|set up|plan] {art}{etitle} {ewhen}
        I [want|need|would like|'d like] to [schedule|book|set up] {art}{etitle} for {efor}
        I [want|need|'d like] to [put|add] {etitle} [on|in|to] {cal} {ewhen}
        let's [schedule|book|set up|plan|put in] {art}{etitle} {ewhen}
        let's [schedule|book|plan] {art}{etitle} for {efor}
        let's put {etitle} on {cal} for {efor}
        can we schedule {art}{etitle} {ewhen}
        can we [set up|book] {art}{etitle} for {efor}
    """),
    group("create_event", "range", 4, """
        !{esched} {art}{etitle} {on} {time_range}
        !{esched} {art}{etitle} {on} {time_range}
        !{esched} {art}{etitle} {time_range} {on}
        !{esched} {art}{etitle} for {day} {time_range}
        !{esched} {art}{etitle} for {day}, {time_range}
        !put {art}{etitle} [in|on|into] {cal} {on} {time_range}
        !put {art}{etitle} [in|on|into] {cal} for {day} {time_range}
        !put {art}{etitle} {on} {time_range} [in|on|into] {cal}
        !add {art}{etitle} to {cal} {on} {time_range}
        !add {art}{etitle} to {cal} for {day}, {time_range}
        !add {art}{etitle} {on} {time_range} to {cal}
        !create [an event|a calendar event|an entry] {ecalled} {etitle} {on} {time_range}
        !create [an event|an entry] {on} {time_range} {ecalled} {etitle}
        !block (off |out ){time_range} {on} for {title=block_title}
        !block (off |out ){on} {time_range} for {title=block_title}
        !block (off |out )my [calendar|schedule] {on} {time_range} for {title=block_title}
        !book {art}{etitle} {time_range} {on}
        !set up {art}{etitle} {on} {time_range}
        {on} {time_range} schedule {art}{etitle}
        {on}, {time_range}, put {etitle} [in|on] {cal}
        new event {etitle} {on} {time_range}
        new event: {etitle}, {on} {time_range}
        event: {etitle}, {on}, {time_range}
        calendar: {etitle} {on} {time_range}
        I [have|'ve got] {art}{etitle} {on} {time_range}, [put it in|add it to] {cal}
        I [want|need|'d like] to schedule {art}{etitle} {on} {time_range}
        let's schedule {art}{etitle} {on} {time_range}
    """),
    group("create_event", "length", 4, """
        !{esched} {art}{etitle} {datetime} for {duration=event_duration}
        !{esched} {art}{etitle} for {duration=event_duration} {datetime}
        !{esched} {art}{etitle} {ewhen} for {duration=event_duration}
        !{esched} {art}{etitle} for {dt} for {duration=event_duration}
        !{esched} {art}{etitle} {datetime}, {duration=event_duration} (long)
        !{esched} {art}{etitle} {datetime} that [lasts|takes] {duration=event_duration}
        !{esched} {art}{etitle} {datetime} lasting {duration=event_duration}
        !{esched} [a_ {duration=adj_duration}|a_ {duration=adj_duration} long] {etitle} {ewhen}
        !{esched} a_ {duration=adj_duration} {etitle} {ewhen}
        !{esched} a_ {duration=adj_duration} {etitle} for {efor}
        !put a_ {duration=adj_duration} {etitle} [in|on] {cal} {ewhen}
        !put {art}{etitle} [in|on] {cal} {datetime} for {duration=event_duration}
        !add a_ {duration=adj_duration} {etitle} to {cal} {ewhen}
        !add {art}{etitle} to {cal} {datetime} for {duration=event_duration}
        !add {art}{etitle} to {cal} for {dt}, {duration=event_duration}
        !create a_ {duration=adj_duration} (calendar )event {ecalled} {etitle} {ewhen}
        !create an event {ecalled} {etitle} {datetime} for {duration=event_duration}
        !block (off |out ){duration=event_duration} for {title=block_title} {ewhen}
        !block (off |out ){duration=event_duration} {ewhen} for {title=block_title}
        !block (off |out ){duration=event_duration} for {title=block_title} {on}
        !book {duration=event_duration} for {title=block_title} {ewhen}
        !book {duration=event_duration} {ewhen} for {title=block_title}
        !reserve {duration=event_duration} for {title=block_title} in {cal} {ewhen}
        !set up a_ {duration=adj_duration} {etitle} {ewhen}
        ~a_ {duration=adj_duration} {etitle} on {cal} {ewhen}
        new event: {etitle}, {datetime}, {duration=event_duration}
        new event {etitle} {datetime} for {duration=event_duration}
        calendar: {duration=adj_duration} {etitle} {ewhen}
        I [want|need|'d like] to schedule a_ {duration=adj_duration} {etitle} {ewhen}
        I [want|need|'d like] to block {duration=event_duration} for {title=block_title} {ewhen}
        let's [schedule|book] a_ {duration=adj_duration} {etitle} {ewhen}
    """),
    group("create_event", "place", 4, """
        !{esched} {art}{etitle} {eplace} {ewhen}
        !{esched} {art}{etitle} {eplace} {ewhen}
        !{esched} {art}{etitle} {ewhen} {eplace}
        !{esched} {art}{etitle} {ewhen} {eplace}
        !{esched} {art}{etitle} {eplace} for {efor}
        !{esched} {art}{etitle} for {efor} {eplace}
        !{esched} {art}{title=inplace_title} {ewhen}
        !{esched} {art}{title=inplace_title} for {efor}
        !put {art}{etitle} {eplace} [in|on|into] {cal} {ewhen}
        !put {art}{etitle} {eplace} [in|on|into] {cal} for {efor}
        !put {art}{etitle} [in|on] {cal} {ewhen} {eplace}
        !add {art}{etitle} {eplace} to {cal} {ewhen}
        !add {art}{etitle} {eplace} to {cal} for {efor}
        !add {art}{etitle} {ewhen} {eplace} to {cal}
        !add {art}{etitle} to {cal} {ewhen} {eplace}
        !add {art}{etitle} to {cal} for {efor} {eplace}
        !create [an event|a calendar event|an entry] {ecalled} {etitle} {ewhen} {eplace}
        !create [an event|an entry] for {etitle} {eplace} {ewhen}
        !{esched} {art}{etitle} {on} {time_range} {eplace}
        !{esched} {art}{etitle} {datetime} for {duration=event_duration} {eplace}
        new event {etitle} {ewhen} {eplace}
        new event: {etitle}, {ewhen}, {eplace}
        event: {etitle} {eplace}, {ewhen}
        calendar: {etitle} {ewhen} {eplace}
        I [have|'ve got] {art}{etitle} {eplace} {ewhen}, [put it in|add it to] {cal}
        I [want|need|'d like] to schedule {art}{etitle} {eplace} {ewhen}
        let's [schedule|plan|book] {art}{etitle} {eplace} {ewhen}
        {ewhen} schedule {art}{etitle} {eplace}
    """),
    group("create_event", "day within the title", 2, """
        !{esched} {art}{title=mid_title}
        !{esched} {art}{title=mid_title}
        !{esched} {art}{title=mid_title}
        !add {art}{title=mid_title} to {cal}
        !put {art}{title=mid_title} [in|on] {cal}
        !set up {art}{title=mid_title}
        new event: {title=mid_title}
        I [want|need|'d like] to schedule {art}{title=mid_title}
        let's schedule {art}{title=mid_title}
    """),
    group("get_events", "a day", 8, """
        what's on {cal} {on_period}
        what's on {cal} {on_period}
        what's on {cal} for {day_period}
        what is on {cal} {on_period}
        what's on {on_period}
        what's on for {day_period}
        what's up {on_period} on {cal}
        what's [happening|going on|planned|scheduled|coming up] {on_period}
        what's [planned|scheduled] for {day_period}
        what's the plan for {day_period}
        what are my plans for {day_period}
        what are my [plans|appointments|events] {on_period}
        what do I have {on_period}
        what do I have {on_period}
        what do I have [going on|scheduled|planned|on|coming up] {on_period}
        what do I have on {cal} {on_period}
        what do we have [planned|going on|on] {on_period}
        what have I got (on|planned) {on_period}
        what [does my day look like|does my schedule look like|does my calendar look like
        + |does my agenda look like] {on_period}
        what does {day_period} look like
        what does my {day_word} look like
        what am I doing {on_period}
        what am I up to {on_period}
        what are we doing {on_period}
        what's my [schedule|agenda|day|calendar|program] (like|) {on_period}
        what's my [schedule|agenda|calendar] for {day_period}
        what's {days_possessive} [schedule|agenda|calendar|program|plan]
        how does {day_period} look
        how does my [day|schedule|calendar|afternoon] look {on_period}
        how busy am I {on_period}
        how's {day_period} looking
        how full is {cal} {on_period}
        am I [free|busy|available|booked|double booked] {on_period}
        am I [free|busy|available|booked] {on_period}
        am I doing anything {on_period}
        are we [free|busy|doing anything] {on_period}
        do I have [anything|any plans|plans|any events|something] {on_period}
        do I have [anything|any plans|any events|something] [scheduled|planned|on|going on|coming up] {on_period}
        do I have [anything|something] on {cal} {on_period}
        do I have any [plans|events] for {day_period}
        do I have time {on_period}
        do we have [anything|any plans|plans] {on_period}
        have I got [anything|something] (on|planned|scheduled) {on_period}
        is there anything [on {cal}|scheduled|planned|going on] {on_period}
        is there anything [on {cal}|scheduled|planned] for {day_period}
        is {cal} [free|clear|empty|full] {on_period}
        is {day_period} [free|clear|busy]
        is anything happening {on_period}
        anything [on {cal}|planned|scheduled|going on|on|happening] {on_period}
        anything {on_period}
        any plans [for {day_period}|{on_period}]
        any [events|appointments] {on_period}
        !show (me )[my calendar|my schedule|my agenda|my events|my plans] for {day_period}
        !show (me )[my calendar|my schedule|my events] {on_period}
        !show (me )what's [on|planned] {on_period}
        !show (me )what I have {on_period}
        !show (me ){days_possessive} [schedule|calendar|agenda|events]
        !tell me [what's on {cal}|what I have|what I'm doing|my schedule|my plans] {on_period}
        !tell me what I have [planned|scheduled|going on] {on_period}
        !tell me if I'm [free|busy] {on_period}
        !read (me )(out )my [calendar|schedule|agenda] for {day_period}
        !give me my [schedule|agenda] for {day_period}
        !list my [events|plans] for {day_period}
        !list {days_possessive} events
        !check my [calendar|schedule|agenda] for {day_period}
        !check if I'm [free|busy|available] {on_period}
        !check if I have [anything|plans] {on_period}
        !check what's on {cal} {on_period}
        !look at my calendar for {day_period}
        !open my calendar for {day_period}
        ~my [schedule|agenda|calendar] for {day_period}
        [calendar|schedule|agenda|events|plans] {on_period}
        [calendar|schedule|agenda|events|plans] for {day_period}
        my [calendar|schedule|agenda|plans] {on_period}
        my [day|schedule] for {day_period}
        {days_possessive} [schedule|agenda|calendar|events|plan|plans]
        free {on_period}
        {on_period} am I free
        {on_period}, what do I have
        I want to [see|know] [my calendar|my schedule|what I have|what's on] {on_period}
        I need to know if I'm free {on_period}
        I want to know what's on {cal} {on_period}
        let's see [my schedule|my calendar|what I have] for {day_period}
    """),
    group("get_events", "a time", 4, """
        what's on {cal} {gwhen}
        what's on {cal} for {gfor}
        what do I have {gwhen}
        what do I have [going on|scheduled|planned|on] {gwhen}
        what have I got (on|planned) {gwhen}
        what am I doing {gwhen}
        what are we doing {gwhen}
        what's [happening|planned|scheduled|going on] {gwhen}
        what's my [schedule|agenda] {gwhen}
        what's the plan {gwhen}
        what are my plans for {dated_part}
        am I [free|busy|available|booked] {gwhen}
        am I [free|busy|available|booked] {gwhen}
        am I doing anything {gwhen}
        are we [free|busy] {gwhen}
        do I have [anything|any plans|plans|something] {gwhen}
        do I have [anything|something] [scheduled|planned|on|going on|on {cal}] {gwhen}
        do I have time {gwhen}
        have I got [anything|something] (on|planned) {gwhen}
        is there [anything|something] [on {cal}|scheduled|planned] {gwhen}
        is {cal} [free|clear|open|empty] {gwhen}
        any plans {gwhen}
        any plans for {dated_part}
        anything [on|planned|scheduled|going on] {gwhen}
        anything on {cal} {gwhen}
        !show (me )[my calendar|my schedule|my plans] for {dated_part}
        !tell me [what's on|what I have|what I'm doing] {gwhen}
        !tell me if I'm [free|busy] {gwhen}
        !check if I'm [free|available|busy] {gwhen}
        !check my [calendar|schedule] for {gfor}
        !check whether I'm free {gwhen}
        [calendar|schedule|agenda|plans] {gwhen}
        [calendar|schedule|plans] for {dated_part}
        {gwhen} am I free
        free {gwhen}
        {dated_part} plans
    """),
    group("get_events", "nothing named", 2.5, """
        what's on {cal}
        what is on {cal}
        what's next
        what's next on {cal}
        what's coming up
        what's up next
        what's coming up on {cal}
        what do I have (coming up|next)
        what do I have next
        what have I got next
        what's my next [event|thing]
        what's the next [event|thing|item] on {cal}
        what am I doing next
        what's my schedule
        what is my [schedule|agenda]
        what's (next )on my [agenda|schedule]
        what are my plans
        what are my [upcoming|next] events
        what else is on {cal}
        do I have [anything|something] [coming up|next]
        do I have any plans
        do I have [any|upcoming] events
        am I [free|busy]
        is there anything on {cal}
        anything on {cal}
        anything coming up
        any [events|plans] coming up
        !show (me )my [calendar|schedule|agenda|events]
        !show (me )my upcoming events
        !show (me )the calendar
        !open my calendar
        !read (me )(out )my [calendar|schedule|agenda]
        !check my [calendar|schedule|agenda]
        !tell me what's [next|coming up|on {cal}]
        !pull up my calendar
        !list my (upcoming )events
        !go over my schedule
        calendar
        my calendar
        my schedule
        my agenda
        upcoming events
        next event
        next on my calendar
        when is my next [event|thing]
        when's my next event
        I want to see my [calendar|schedule]
        let me see my [calendar|schedule]
        let's look at my calendar
    """),
    group("get_events", "title", 5.5, """
        when is {mine}{title=etopic}
        when is {mine}{title=etopic}
        when's {mine}{title=etopic}
        when's {mine}{title=etopic}
        when is {mine}next {title=etopic}
        when's {mine}next {title=etopic}
        when do I have (my |){title=etopic}
        when do I have {title=etopic} {next_on}
        when does {mine}{title=etopic} (start|begin)
        when am I [having|doing] {title=etopic}
        what time is {mine}{title=etopic}
        what time is {mine}{title=etopic} {next_on}
        what time's {mine}{title=etopic}
        what time do I have {title=etopic}
        what time does {mine}{title=etopic} start
        what day is {mine}{title=etopic}
        what day is {mine}next {title=etopic}
        which day is {mine}{title=etopic}
        on what day is {mine}{title=etopic}
        what date is {mine}{title=etopic}
        at what time is {mine}{title=etopic} {next_on}
        what's my next {title=etopic}
        what is my next {title=etopic}
        do I have (a_ |any ){title=etopic} {on_period}
        do I have (a_ |any ){title=etopic} {on_period}
        do I have (a_ |any ){title=etopic} {gwhen}
        do I have (a_ |any ){title=etopic} (scheduled|planned|coming up|booked)
        do I have (a_ |any ){title=etopic} on {cal} {on_period}
        do we have (a_ |any ){title=etopic} {on_period}
        have I got (a_ |any ){title=etopic} {on_period}
        is there (a_ |any ){title=etopic} {on_period}
        is there (a_ |any ){title=etopic} on {cal} {on_period}
        is my {title=etopic} {on_period}
        am I having {title=etopic} {on_period}
        any {title=etopic} {on_period}
        what {title=etopics} do I have {on_period}
        what {title=etopics} do I have (coming up|scheduled|planned)
        which {title=etopics} do I have {on_period}
        what {title=etopics} are [on|planned|scheduled] {on_period}
        !show (me )(all )my {title=etopics} {on_period}
        !show (me )my {title=etopics} for {day_period}
        !show me {title=etopics} {on_period}
        !tell me when {mine}{title=etopic} is
        !tell me when my next {title=etopic} is
        !tell me what time {mine}{title=etopic} is
        !tell me if I have (a_ |any ){title=etopic} {on_period}
        !check when {mine}{title=etopic} is
        !check if I have (a_ |any ){title=etopic} {on_period}
        !check my calendar for {title=etopics} {on_period}
        !find {mine}{title=etopic} [in|on] {cal}
        !list my {title=etopics} {on_period}
        my next {title=etopic}
        next {title=etopic}
        {mine}{title=etopic}, when is it
        I need to know when {mine}{title=etopic} is
        I want to know [when|what time] {mine}{title=etopic} is
    """),
    nulls("event: no day or no title", """
        !{esched} {art}{event_title}
        !{esched} {art}{event_title}
        !{esched} {art}{event} {with}
        !put {art}{event_title} [in|on] {cal}
        !add {art}{event_title} to {cal}
        !add {art}{event} {with} to {cal}
        !create [an event|a calendar event|an appointment|a new event]
        !create an event {ecalled} {event_title}
        ~an event
        !add an event to {cal}
        !{esched} {art}{event_title} at {some_time}
        !{esched} {art}{event_title} from {some_time} to {some_time}
        !put {art}{event_title} [in|on] {cal} at {some_time}
        !add {art}{event_title} to {cal} at {some_time}
        !{esched} {art}{event_title} [sometime|soon|later|at some point|when I have time|whenever {first} is free
        + |in the evening|in the morning]
        !{esched} something {some_on}
        !create an event for {some_day}
        !{esched} an appointment
        !put something [in|on] {cal} for {some_day}
        !block [out|off] [some time|{some_duration}|an hour] for {block_title}
        !block {some_on} from {some_time} to {some_time}
        !block out time
        !{esched} {art}{event_title} {atplace}
        new event
        new event {event_title}
        new event: {event_title} at {some_time}
    """, 1.5),
    nulls("event: no form for it", """
        !{esched} {art}{event_title} [next week|next month|this weekend|next weekend|this week|in the summer
        + |next year|sometime next week|over the weekend|in march]
        !{esched} {art}{event_title} for [next week|next month|this weekend|the weekend|the summer|next year|november]
        !put {art}{event_title} [in|on] {cal} for [next week|next month|this weekend|next year|the weekend]
        !{esched} {art}{event_title} every [day|week|{weekday}|month|other {weekday}|weekday] (at {some_time})
        !{esched} a [weekly|monthly|daily|recurring|biweekly|yearly] {event} (with {someone} )({some_on})
        !add a_ recurring {event} to {cal} every {weekday} at {some_time}
        !{esched} {art}{event} {some_on} and invite {someone}
        !{esched} {art}{event} {some_on} at {some_time} and invite {first} and {first}
        !invite {someone} to {the} {event} [on {weekday}|{some_on}|]
        !send {someone} an invite for {the} {event} {some_on}
        !send a calendar invite to {first} for {some_day}
        !{esched} {art}{event} on [easter|thanksgiving|my birthday|labor day|mother's day|{first}'s birthday
        + |our anniversary] (at {some_time})
        !{esched} {art}{event} {some_on} [with a reminder {some_duration} before
        + |and remind me {some_duration} before|and mark it as private|and mark me as busy|and color it {word}
        + |in my work calendar|in the family calendar|with a zoom link|with an alert]
        !{esched} {art}{event} for {first} and me whenever we're both free
        !find a time for {art}{event} {with} {some_on}
        !find a free slot {some_on} for {event}
        !{esched} {art}{event} on {weekday} and {weekday}
        !{esched} {art}{event} {some_on} or {some_on}
        !{esched} {event} and {event} {some_on} at {some_time} and {some_time}
        !add {event} on {weekday} and {event} on {weekday} to {cal}
        !{esched} {art}{event} {some_on} [after lunch|after work|at lunchtime|first thing|at the end of the day
        + |before work|at sunset]
        !{esched} {art}{event} {some_duration} before {the} {event}
        !{esched} {art}{event} from {weekday} to {weekday}
        !block out [all of next week|the first week of {month}|the rest of the month|next week|this week]
        I'm on vacation from {some_day} to {some_day}, block my calendar
        !book a table (for {small_number} )(at {venue_name} )({some_on})
        !book a flight to {city} {some_on}
        !book a_ [room|hotel|hotel room|taxi|cab|seat|train to {city}|ticket to {city}|rental car] ({some_on})
        !make a reservation (at {venue_name} )(for {small_number} people )({some_on})
        !make a reservation for {small_number} at {venue_name}
        !reserve a_ [table|room|seat|spot] at {venue_name} {some_on}
        !order tickets for {the} {event} {some_on}
        !rsvp to {the} {event}
    """, 1.8),
    nulls("event: other control", """
        !{emove} {the} {event} to {some_day}
        !{emove} {the} {event} to {some_time}
        !{emove} {the} {event} from {some_day} to {some_day}
        !{emove} my {some_time} {event} to {some_time}
        !{emove} {the} {event} {with} to {some_day}
        !{emove} {the} {event} by [an hour|{some_duration}]
        !cancel {the} {event}
        !cancel {the} {event} {with}
        !cancel {the} {event} {some_on}
        !cancel my {some_time} [meeting|appointment]
        !cancel all my [meetings|appointments|plans] {some_on}
        !cancel everything {some_on}
        !delete {the} {event} from {cal}
        !delete {the} {event} {some_on}
        !remove {the} {event} from {cal}
        !clear {cal} for {some_day}
        !clear my [schedule|afternoon|day|calendar]
        !change the [time|place|title|location] of {the} {event} (to {some_time})
        !edit {the} {event}
        !rename {the} {event} to {event}
        !add {first} to {the} {event}
        !add a note to {the} {event}
        !accept {the} {event} invite
        !decline {the} {event} (invitation)
        !share my calendar with {first}
        !sync my calendar with [google|outlook|my phone]
        !print my calendar
        !email me my schedule
        how long is {the} {event}
        how long does {the} {event} last
        who is coming to {the} {event}
        who am I meeting {some_on}
        who's invited to {the} {event}
        who am I having {event} with
        where is {the} {event}
        is {first} free {some_on}
        what is {first} doing {some_on}
        when is {first} free
        when am I free
        what's on {cal} [next month|this month|in {month}|this year|in the next five days|in the next two weeks
        + |over the next few days|all summer]
        what do I have [next month|this month|in {month}|in the next three days|in the next few weeks]
        what's on {cal} (on |for )[easter|thanksgiving|labor day|mother's day|easter sunday|good friday]
        am I free [on easter|on thanksgiving|next month|in {month}|between {some_time} and {some_time}
        + |from {some_time} to {some_time} tomorrow|sometime next month|in the summer]
        when is [easter|thanksgiving|the next full moon|ramadan|the super bowl|mother's day]
        what day is [it|today|christmas|{month} {small_number}] [this year|]
        what's [today's date|the date|the date today]
        what week is it
        what holidays are there in {month}
        what did I do {some_past}
        what was on my calendar {some_past}
        what did I have {some_past}
        when was my last {event}
        when did I last see {first}
    """, 1.8),
    nulls("event: no order", """
        can you [schedule meetings|make events|manage my calendar|see my calendar|access my calendar|add events]
        do you have access to my calendar
        how do I [add an event|create a recurring event|share my calendar|schedule a meeting in outlook
        + |sync my calendar]
        how does [the calendar|scheduling|daylight saving time] work
        I [have|had] {art}{event} {some_past}
        I have {art}{event} {some_on}
        I (already )[scheduled|booked|put|added] {art}{event} {some_past}
        I [missed|forgot|was late for|cancelled|hate|enjoyed] {the} {event}
        did I (already )[schedule|book|add] {art}{event}
        did I miss {the} {event}
        did you add {the} {event} to {cal}
        [don't|do not|please don't] [schedule|book|plan] anything {some_on}
        don't put {event} on {cal}
        don't schedule {the} {event}
        never mind the {event}
        {first} [scheduled|moved|cancelled|invited me to] {art}{event} {some_on}
        {the} {event} [was|is] [cancelled|moved|boring|too long|fun|postponed|over|great]
        if I schedule {art}{event} {some_on}, [will it conflict|will {first} see it]
        if I'm free {some_on} I might go to {city}
        should I [go to|cancel|skip|schedule] {the} {event}
        what should I [wear to|bring to|say at] {the} {event}
        what happens [at|in] a_ {event}
        what's a good day for {art}{event}
        how do I prepare for {art}{event}
        how much does {art}{event} cost
        see you {some_on}
        I'm [busy|free|away|on vacation|not home] {some_on}
        I'll be in {city} {some_on}
        we should have {event} {some_on}
        {event} was [fun|boring|long|great]
        plan a trip to {city}
        plan my {event} for me
        help me plan {the} {event}
        {event} {with}
        move it to {some_day}
        what about {some_day}
        and {some_on}
        is it on {weekday}
    """, 1.8),
]
MACROS |= {
    "gwhen": "[{datetime}|{datetime}|{dated_part}|{dated_part}|{dated_part}|{after_at}|{on} {after_at}]",
    "gfor": "[{dated_part}|{dt}]",
    "day_word": "[day|{days_plain}]",
    "days_plain": "[schedule|calendar|afternoon schedule]",
    "next_on": "[{on}|{on}|on {cal}]",
    "mine": "[my |my |my |the |our |]",
    "etopic": (
        "[{event}|{event}|{event}|{event} {with}|{event} {with}|{first}'s {event}|{hobby} [practice|class"
        "|lesson]|{event} {topical}|{kin}'s {event}|{noun} {event}|{coined} {event}|{event} at {venue_name}]"
    ),
    "etopics": (
        "[meetings|appointments|classes|lessons|calls|meetings {with}|{hobby} lessons|{hobby} classes"
        "|calls {with}|interviews|birthdays|exams|flights|deadlines|reviews|{noun} meetings|workouts|shifts"
        "|{event} sessions]"
    ),
    "block_title": (
        "[{hobby}|{event}|{task}|{noun} {event}|{topic_plain}|taxes|deep work|writing|reading|{first}"
        "|{first}'s {event}|admin work|{coined}|lunch|emails|studying|{hobby} practice|cleaning|{word} work"
        "|homework|{salad}]"
    ),
    "topic_plain": "[research|planning|budgeting|paperwork|focus time|errands|packing|travel|code review|interviews]",
    "mid_title": (
        "[{event} {on} {with}|{event} {datetime} {with}|{event} {datetime} {with}|{event} {on} {after_at} {with}"
        "|{event} {on} {topical}|{event} {datetime} {topical}|{event} {dated_part} {with}"
        "|{event} {with} {datetime} {topical}|{event} {on} for {first}|{event} {datetime} for the {noun}]"
    ),
    "inplace_title": (
        "[{event} {eplace} with {first}|{event} {eplace} with {my} {person}|{event} {eplace} with {someone}"
        "|{event} {eplace} with {first} and {first}]"
    ),
    "emove": "[move|reschedule|push|shift|postpone|change|bring forward|delay|push back]",
    "some_past": (
        "[yesterday|last week|last {weekday}|last month|last night|two days ago|this morning|last year"
        "|earlier today|in {month}|the other day]"
    ),
}
EXTRAS = {
    "create_event": (
        "[and invite {first}|and invite {someone}|in my work calendar|and mark it as private|every week"
        "|and repeat it weekly|with a reminder {some_duration} before|and set me as busy|with a zoom link"
        "|with {adj} background|and color it {color}|and email everyone|in {first}'s calendar]"
    ),
    "get_events": (
        "[in {first}'s calendar|on my work calendar|and [read|email] them to {first}|and who is coming"
        "|that I can skip|sorted by length]"
    ),
}
