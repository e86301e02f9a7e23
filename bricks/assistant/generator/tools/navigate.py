"""navigate."""

from . import group, nulls

MACROS = {
    "dest": "[the |my |a_ |our ||||||]{destination=destination}",
    "deststrict": "[the |my |||||]{destination=destination}",
    "ddest": "{destination=destination_named}",
    "destination_named": (
        "[{address}|{venue_name}|{city}|{first}'s house|{first}'s place|{kin}'s house|home|work|{street} [Park"
        "|Station|Hospital|School|Library|Stadium]|{coined}|{spot}|{nearest}|{venue}]"
    ),
    "orig": "from [the |my |||||]{origin=origin}",
    "origin": (
        "[home|work|{city}|{address}|{venue}|{first}'s house|{venue_name}|{kin}'s house|{spot}|{city} [airport"
        "|train station]|{street} Station|hotel|office|school|{street} {streetkind}|{coined}]"
    ),
    "home_word": "[home|home|home|downtown|back home]",
    "herefrom": "[from here|from my (current )location|from where I am|from here|from my position]",
    "mode": (
        "[by car<mode=drive>|by bike<mode=cycle>|by bicycle<mode=cycle>|on foot<mode=walk>|on foot<mode=walk>"
        "|by foot<mode=walk>|by bus<mode=transit>|by train<mode=transit>|by public transport<mode=transit>"
        "|by tram<mode=transit>|by public transit<mode=transit>|on my bike<mode=cycle>"
        "|using public transport<mode=transit>|with public transport<mode=transit>|by subway<mode=transit>"
        "|by metro<mode=transit>|via public transport<mode=transit>|on the bus<mode=transit>"
        "|with the train<mode=transit>|on a bike<mode=cycle>|in the car<mode=drive>|with the bus<mode=transit>]"
    ),
    "modeadj": (
        "[walking<mode=walk>|walking<mode=walk>|driving<mode=drive>|driving<mode=drive>|cycling<mode=cycle>"
        "|biking<mode=cycle>|bike<mode=cycle>|transit<mode=transit>|public transport<mode=transit>"
        "|bus<mode=transit>|bicycle<mode=cycle>|train<mode=transit>|pedestrian<mode=walk>]"
    ),
}

PATTERNS = [
    group("navigate", "to", 10, """
        !navigate to {dest}
        !navigate to {dest}
        !navigate me to {dest}
        !navigate {ddest}
        !take me to {dest}
        !take me to {dest}
        !take us to {dest}
        !take me {destination=home_word}
        !get me to {dest}
        !get me to {dest}
        !get us to {dest}
        !bring me to {dest}
        !guide me to {dest}
        !lead me to {dest}
        !lead the way to {dest}
        !direct me to {dest}
        !route me to {dest}
        !show me the way to {dest}
        !show me the way to {dest}
        !show (me )directions to {dest}
        !show (me )the route to {dest}
        !show me how to get to {dest}
        !tell me how to get to {dest}
        !tell me the way to {dest}
        !give me directions to {dest}
        !give me the directions to {dest}
        !give me the route to {dest}
        !get (me )directions to {dest}
        !get (me )the route to {dest}
        !get directions to {ddest}
        !find (me )the way to {dest}
        !find (me )a [way|route] to {dest}
        !find directions to {dest}
        !plan a route to {dest}
        !plot a [course|route] to {dest}
        !map (me )a route to {dest}
        !map the way to {dest}
        !start navigation to {dest}
        !start navigating to {dest}
        !start directions to {dest}
        !start the navigation to {dest}
        !begin navigation to {dest}
        !set (the )[navigation|gps|sat nav|destination] to {dest}
        !set a course for {dest}
        !set course for {dest}
        !set {dest} as [the|my] destination
        !open directions to {dest}
        !head to {dest}
        !help me [find the way|get] to {dest}
        !calculate a route to {dest}
        ~directions to {dest}
        ~directions to {dest}
        ~the way to {dest}
        ~the route to {dest}
        ~a route to {dest}
        directions to {dest}
        directions to {dest}
        directions {ddest}
        directions: {ddest}
        route to {dest}
        route to {dest}
        way to {dest}
        the way to {dest}
        navigation to {dest}
        navigation {ddest}
        navigate: {ddest}
        destination: {ddest}
        how do I get to {dest}
        how do I get to {dest}
        how do I get to {dest}
        how do we get to {dest}
        how can I get to {dest}
        how can we get to {dest}
        how would I get to {dest}
        how could I get to {dest}
        how do you get to {dest}
        how to get to {dest}
        how to get to {dest}
        how do I reach {dest}
        how do I go to {dest}
        how do I get back to {dest}
        how can I reach {dest}
        what's the way to {dest}
        what's the route to {dest}
        what's the best way to {dest}
        what's the best way to get to {dest}
        which way to {dest}
        I [want|need|have|would like|'d like] to get to {dest}
        I [want|need|have|'d like] to go to {dest}
        I'm lost, [take me to|how do I get to|navigate to] {dest}
        I'm hungry, [take me to|navigate to] the {destination=nearest}
        I'm running low on gas, take me to the {destination=nearest}
        I need directions to {dest}
        I need to find my way to {dest}
        let's go to {dest}
        let's go to {dest}
        let's head to {dest}
        let's get directions to {dest}
        let's navigate to {dest}
        can I get directions to {dest}
        can we get directions to {dest}
        could I get the route to {dest}
        take me to the {destination=nearest}
        navigate to the {destination=nearest}
        directions to the {destination=nearest}
        get me to the {destination=nearest}
        how do I get to the {destination=nearest}
    """),
    group("navigate", "mode", 7.5, """
        !navigate to {deststrict} {mode}
        !navigate to {deststrict} {mode}
        !navigate {mode} to {deststrict}
        !take me to {deststrict} {mode}
        !get me to {deststrict} {mode}
        !guide me to {deststrict} {mode}
        !show me the way to {deststrict} {mode}
        !show me how to get to {deststrict} {mode}
        !show (me )the route to {deststrict} {mode}
        !show (me )the {modeadj} route to {deststrict}
        !show (me )the {modeadj} directions to {deststrict}
        !give me directions to {deststrict} {mode}
        !give me {modeadj} directions to {deststrict}
        !give me the {modeadj} route to {deststrict}
        !get {modeadj} directions to {deststrict}
        !get (me )directions to {deststrict} {mode}
        !find a {modeadj} route to {deststrict}
        !find me a way to {deststrict} {mode}
        !plan a {modeadj} route to {deststrict}
        !plan a route to {deststrict} {mode}
        !drive me to {deststrict}<mode=drive>
        !drive me to {deststrict}<mode=drive>
        !drive us to {deststrict}<mode=drive>
        !drive to {deststrict}<mode=drive>
        !walk me to {deststrict}<mode=walk>
        !start {modeadj} navigation to {deststrict}
        !start {modeadj} directions to {deststrict}
        !route me to {deststrict} {mode}
        ~{modeadj} directions to {deststrict}
        ~directions to {deststrict} {mode}
        ~the {modeadj} route to {deststrict}
        directions to {deststrict} {mode}
        directions {mode} to {deststrict}
        {modeadj} directions to {deststrict}
        {modeadj} directions to {deststrict}
        {modeadj} route to {deststrict}
        route to {deststrict} {mode}
        way to {deststrict} {mode}
        how do I get to {deststrict} {mode}
        how do I get to {deststrict} {mode}
        how do I get {mode} to {deststrict}
        how do we get to {deststrict} {mode}
        how can I get to {deststrict} {mode}
        how to get to {deststrict} {mode}
        how do I walk to {deststrict}<mode=walk>
        how do I drive to {deststrict}<mode=drive>
        how do I bike to {deststrict}<mode=cycle>
        how do I cycle to {deststrict}<mode=cycle>
        what's the {modeadj} route to {deststrict}
        what's the way to {deststrict} {mode}
        which bus do I take to {deststrict}<mode=transit>
        what's the best way to {deststrict} {mode}
        {mode} to {deststrict}
        I [want|need|'d like] to [walk<mode=walk>|drive<mode=drive>|cycle<mode=cycle>|bike<mode=cycle>] to {deststrict}
        I [want|need|'d like] to go to {deststrict} {mode}
        I [want|need|'d like] to get to {deststrict} {mode}
        let's [walk<mode=walk>|drive<mode=drive>|cycle<mode=cycle>|bike<mode=cycle>] to {deststrict}
        let's go to {deststrict} {mode}
        can I get {modeadj} directions to {deststrict}
    """),
    group("navigate", "from", 3.8, """
        !navigate {orig} to {deststrict}
        !navigate to {deststrict} {orig}
        !navigate from {origin=origin} to {ddest}
        !take me {orig} to {deststrict}
        !get me {orig} to {deststrict}
        !guide me {orig} to {deststrict}
        !show me the way {orig} to {deststrict}
        !show (me )the route {orig} to {deststrict}
        !show me how to get {orig} to {deststrict}
        !show me how to get to {deststrict} {orig}
        !give me directions {orig} to {deststrict}
        !give me directions to {deststrict} {orig}
        !give me the route {orig} to {deststrict}
        !get (me )directions {orig} to {deststrict}
        !get directions to {deststrict} {orig}
        !find (me )a [way|route] {orig} to {deststrict}
        !find the way {orig} to {deststrict}
        !plan a route {orig} to {deststrict}
        !plan a route {orig} to {deststrict} {mode}
        !map a route {orig} to {deststrict}
        !tell me how to get {orig} to {deststrict}
        !give me {modeadj} directions {orig} to {deststrict}
        ~directions {orig} to {deststrict}
        ~the route {orig} to {deststrict}
        ~directions to {deststrict} {orig}
        directions {orig} to {deststrict}
        directions {orig} to {deststrict}
        directions to {deststrict} {orig}
        directions {orig} to {deststrict} {mode}
        {modeadj} directions {orig} to {deststrict}
        route {orig} to {deststrict}
        route {orig} to {deststrict} {mode}
        way {orig} to {deststrict}
        {orig} to {deststrict} {mode}
        how do I get {orig} to {deststrict}
        how do I get {orig} to {deststrict}
        how do I get to {deststrict} {orig}
        how do I get {orig} to {deststrict} {mode}
        how do I get to {deststrict} {orig} {mode}
        how do we get {orig} to {deststrict}
        how can I get {orig} to {deststrict}
        how to get {orig} to {deststrict}
        how to get to {deststrict} {orig}
        how do you get {orig} to {deststrict}
        what's the way {orig} to {deststrict}
        what's the route {orig} to {deststrict}
        what's the best way to get {orig} to {deststrict}
        what's the best route {orig} to {deststrict}
        I [want|need|'d like] to get {orig} to {deststrict}
        I [want|need|'d like] to go {orig} to {deststrict}
        let's plan a route {orig} to {deststrict}
        directions {herefrom} to {deststrict}
        directions to {deststrict} {herefrom}
        how do I get to {deststrict} {herefrom}
        how do I get {herefrom} to {deststrict}
        navigate {herefrom} to {deststrict}
        show me the way to {deststrict} {herefrom}
        route to {deststrict} {herefrom}
    """),
    nulls("navigate: not its job", """
        !navigate
        navigate
        directions
        directions please
        !give me directions
        !show me the way
        !start navigation
        !start the gps
        !take me [there|somewhere|away|anywhere|somewhere nice|for a ride]
        !navigate there
        !take me there
        how do I get there
        !get me there [by {some_time}|]
        !drive me there
        where to
        how far is (it to )[{destination}|{city}|the {venue}|{nearest_null}]
        how far is {city} from {city}
        how far away is the {venue}
        what's the distance [between|from] {city} [and|to] {city}
        how many [miles|kilometers] is it to {city}
        how long does it take to [get to|drive to|walk to|fly to|cycle to] [{city}|the {venue}|{venue_name}|work]
        how long is the [drive|flight|walk|trip|commute] to [{city}|the {venue}|work]
        how long will it take to get [home|to work|to the {venue}]
        how long until we [arrive|get there|are there]
        what's my eta
        what time will I [arrive|get home|be there]
        when will we get [there|home|to {city}]
        are we there yet
        where is (the )[{venue}|{venue_name}|{city}|nearest {nearkind}|{first}'s house]
        where's the [nearest|closest] {nearkind}
        where is {country}
        where am I
        what's my (current )location
        what street is this
        what's the address of {venue_name}
        what is the zip code of {city}
        which way is north
        is there a {nearkind} [nearby|near here|around|on the way]
        find a {nearkind} [near me|nearby|around here|close to the {venue}|]
        find me a good {nearkind}
        what's near [me|the {venue}]
        restaurants near me
        {nearkind} near me
        how's the traffic [to work|on the way home|in {city}|]
        what's the traffic like [today|on {street} {streetkind}|to {city}|]
        is there [much |any |a lot of ]traffic [on {street} {streetkind}|to {city}|]
        traffic report
        traffic
        are there any [accidents|roadworks|delays|detours] [on the way|near {city}|]
        !navigate to {destination} [avoiding|without] [tolls|highways|ferries|traffic|main roads|downtown]
        !take me to {destination} [avoiding|without] [tolls|highways|traffic|the {noun} bridge]
        !avoid [tolls|highways|ferries]
        directions to {destination} [avoiding tolls|without highways|with no ferries]
        !navigate to {destination} [via|through] [{city}|{street} {streetkind}|the {venue}]
        !navigate to {destination} with a stop at (the )[{venue}|{venue_name}|{nearkind}]
        !take me to {destination} [and then|then] to {destination}
        !take me to {destination} but stop at {venue_name} [first|on the way]
        !add a stop [at {venue_name}|at the {venue}|]
        !navigate to {destination} and {destination}
        !navigate to {destination} [arriving by|leaving at] {some_time}
        !take me to {destination} [at {some_time}|in {some_duration}|tomorrow|tomorrow morning|on {weekday}
        + |when traffic is light]
        directions to {destination} [for tomorrow|tomorrow morning|at {some_time}|on {weekday}]
        !get me to {destination} by {some_time}
        !navigate to {destination} [on the watch|with {app}|in google maps|using waze|in satellite view|on my phone]
        !navigate to {destination} and [play {genre}|text {first}|call {first}|tell {first} I'm coming]
        !drive me to {destination} [slowly|in under an hour]
        !stop navigation
        !cancel (the )[navigation|route|directions]
        !end navigation
        !reroute
        !recalculate [the route|]
        !find (me )an alternative route
        !zoom [in|out]
        !show me a map [of {city}|]
        !show me {city} on the map
        !open [google maps|the map|maps|waze]
        map of {city}
        !share my [location|eta|route] [with {first}|]
        !send my location to {first}
        !save this location
        !mark my parking spot
        where did I park [my car|]
        when is the next [bus|train|tram|flight|ferry] [to {city}|home|to the {venue}|]
        what time is the next [bus|train] [to {city}|]
        which bus [goes to|stops at] the {venue} 
        does the {small_number} bus stop at the {venue}
        is the [bus|train|flight] [late|on time|delayed]
        bus schedule
        train times to {city}
        how much is [a taxi|an uber|a ticket|the train] to [{city}|the {venue}]
        !call (me )[a taxi|an uber|a cab] [to {destination}|]
        !book (me )[a taxi|an uber|a cab|a train] [to [{city}|the {venue}]|]
        !order a taxi [to the {venue}|]
        !rent a car [in {city}|]
        !book a [flight|train|bus] [to {city}|]
        !find (me )[flights|trains|hotels] [to|in] {city}
        cheap flights to {city}
        !park the car
        where can I park [near the {venue}|in {city}|]
        is parking free [at|near] the {venue}
        is the {venue} open [now|today|on {weekday}|]
        what time does (the )[{venue}|{venue_name}] [open|close]
        what are the opening hours of {venue_name}
        is {venue_name} any good
        how many stars does {venue_name} have
        book a table at {venue_name}
        what's the speed limit [here|on {street} {streetkind}|]
        how fast am I going
        how much gas do I have left
        what's the best time to leave for [work|the {venue}|{city}]
        should I [drive|walk|take the bus|bike] [to work|today|]
        should I take the {street} {streetkind}
        can you [navigate|give directions|drive|read maps]
        do you know the way
        do you know where {city} is
        how do I read a map
        how does gps work
        who invented the [compass|gps|map]
        I [drove|walked|went|cycled|took the bus] to (the )[{venue}|{city}] [yesterday|today|last week|]
        I'm [driving|walking|going|on my way] to (the )[{venue}|{city}|work]
        I'm [at|near|in] (the )[{venue}|{city}]
        I'm lost
        I'm home
        I live in {city}
        I got lost [yesterday|in {city}|]
        {first} [drove|went|walked] to {city}
        {first} lives [in {city}|on {street} {streetkind}]
        did I miss my [exit|turn|stop]
        don't [go|drive|navigate] to (the )[{venue}|{city}]
        don't take me to {destination}
        never mind the directions
        if I drive to {city} now, when [do I arrive|will I be there]
        if I take the train to {city} do I need a ticket
        tell me about {city}
        what is there to see in {city}
        what's {city} famous for
        {address}
        the {venue}
        {nearest_null}
        home
        to the {venue}
        from {city}
        turn left
        turn right [here|]
    """, 3),
]
MACROS |= {"nearest_null": "the [nearest|closest] {nearkind}"}
EXTRAS = {
    "navigate": (
        "[avoiding tolls|avoiding highways|via {city}|arriving by {some_time}|leaving at {some_time}"
        "|with a stop for coffee|without tolls|and play {genre}|and text {first}|in satellite view"
        "|with google maps|tomorrow at {some_time}|in {some_duration}|without ferries"
        "|on the scenic route through {city}|then back home]"
    ),
}
