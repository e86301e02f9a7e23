"""get_weather."""

from . import group, nulls

MACROS = {
    "inw": (
        "[in {place=weather_place}|in {place=weather_place}|in {place=weather_place}|at the {place=spot}"
        "|in the {place=spot}]"
    ),
    "ww": "[{on_period}|{on_period}|{on_period}|{part}|{part}|{datetime}|{after_at}]",
    "wfor": "[{day_period}|{day_period}|{dated_part}|{dt}]",
    "wet": (
        "[rain|rain|rain|snow|be raining|be snowing|storm|hail|drizzle|pour|be sunny|be cold|be hot|be warm"
        "|be windy|be cloudy|be foggy|freeze|be nice|be dry|be wet|be humid|be icy|clear up|thunder|be chilly"
        "|be clear|be stormy|sleet]"
    ),
    "weting": (
        "[raining|raining|snowing|sunny|cold|hot|windy|warm|freezing|cloudy|foggy|humid|nice|hailing|pouring"
        "|storming|icy|chilly|wet|dry|muggy|clear|drizzling|overcast|stormy|breezy]"
    ),
    "stuffw": (
        "[rain|rain|snow|wind|sun|sunshine|a storm|storms|thunder|thunderstorms|fog|frost|hail|showers|clouds"
        "|ice|lightning|sleet|drizzle|a thunderstorm|strong winds]"
    ),
    "chance": "[rain|rain|snow|thunderstorms|showers|storms|hail|frost|precipitation|fog|sun]",
    "gear": (
        "[an umbrella|an umbrella|a jacket|a coat|sunscreen|a raincoat|a sweater|gloves|boots|a scarf|sunglasses"
        "|a hat|rain boots|a warm coat|my umbrella|my raincoat|wellies|a hoodie|shorts|snow boots]"
    ),
    "noun_w": (
        "[weather|weather|weather|weather|weather forecast|forecast|forecast|temperature|temp|humidity"
        "|wind speed|wind|uv index|chance of rain|high|weather report|outlook|uv level|dew point|wind chill"
        "|rain probability|conditions]"
    ),
    "nowhere_": "[ here| outside| near me| around here| out there| out|||||||]",
}

PATTERNS = [
    group("get_weather", "nothing named", 2.5, """
        what's the {noun_w}(( like)){nowhere_}
        what's the weather{nowhere_}
        what's the weather like{nowhere_}
        what is the {noun_w}{nowhere_}
        what is the weather like{nowhere_}
        how's the weather{nowhere_}
        how is the weather{nowhere_}
        how [hot|cold|warm|windy|humid|chilly] is it [outside|out|out there|right now]
        how's it (looking )outside
        is it {weting}( outside| out| right now)
        is it {weting} outside
        is it going to {wet}{nowhere_}
        is it gonna {wet}
        will it {wet}( soon)
        will it {wet}{nowhere_}
        do I need {gear}
        should I [take|bring|wear] {gear}
        what's it like (outside|out|out there)
        what's the temperature [outside|out|right now|out there]
        what temperature is it [outside|out]
        what's the [high|low|forecast]
        what does the forecast say
        what's the uv index
        any {stuffw} [coming|expected|in the forecast]
        is there (any |)[rain|snow|a storm|wind] (coming|expected|in the forecast)
        is there a [storm|thunderstorm|frost] coming
        chance of {chance}
        what's the chance of {chance}
        what are the chances of {chance}
        !check the [weather|forecast]
        !check if it's {weting} (outside)
        !show (me )the [weather|forecast|weather forecast]
        !tell me the [weather|forecast|temperature]
        !give me [the|a] [weather|forecast|weather report|weather forecast|weather update]
        !get (me )the [weather|forecast]
        !tell me how the weather is
        !tell me if it's going to {wet}
        ~the [weather|forecast|weather report]
        weather
        weather now
        weather report
        weather forecast
        forecast
        weather please
        temperature outside
        current weather
        current conditions
        local weather
        weather here
        weather outside
        rain?
        I want to know the weather
        I need to know if it's {weting} outside
        let's see the [weather|forecast]
    """),
    group("get_weather", "when", 7, """
        what's the {noun_w} {ww}
        what's the weather {ww}
        what's the weather {ww}
        what's the weather like {ww}
        what's the weather going to be (like) {ww}
        what's the {noun_w} (like )for {wfor}
        what is the {noun_w} {ww}
        what is the {noun_w} for {wfor}
        what will the [weather|temperature] be (like) {ww}
        what will it be like (outside) {ww}
        what's it (going to be )like (outside) {ww}
        what's {days_possessive} [weather|forecast|weather like|temperature]
        what are the chances of {chance} {ww}
        what's the chance of {chance} {ww}
        what temperature will it be {ww}
        how's the weather {ww}
        how's the weather looking {ww}
        how's the weather [for|looking for] {wfor}
        how will the weather be {ww}
        how is the weather going to be {ww}
        how [hot|cold|warm|windy|humid|chilly|wet] [will it be|is it going to be|will it get|does it get] {ww}
        is it going to {wet} {ww}
        is it going to {wet} {ww}
        is it gonna {wet} {ww}
        is it supposed to {wet} {ww}
        is it {weting} {ww}
        is [rain|snow|a storm] expected {ww}
        is there (going to be )(any ){stuffw} {ww}
        will it {wet} {ww}
        will it {wet} {ww}
        will there be (any ){stuffw} {ww}
        will we [have|get] (any ){stuffw} {ww}
        will the weather be [nice|good|bad|okay|better] {ww}
        are we [getting|expecting|going to get] (any ){stuffw} {ww}
        do I need {gear} {ww}
        do I need {gear} {ww}
        do we need {gear} {ww}
        should I [take|bring|wear|pack] {gear} {ww}
        should I [take|bring|wear] {gear} {ww}
        will I need {gear} {ww}
        any [rain|snow|storms|wind] {ww}
        any chance of {chance} {ww}
        does it look like rain {ww}
        !check the [weather|forecast] for {wfor}
        !check the weather {ww}
        !check if it's going to {wet} {ww}
        !check whether it will {wet} {ww}
        !show (me )the [weather|forecast|weather forecast] for {wfor}
        !show (me )the weather {ww}
        !show me {days_possessive} [weather|forecast]
        !tell me the [weather|forecast|temperature] for {wfor}
        !tell me the [weather|forecast] {ww}
        !tell me what the weather will be like {ww}
        !tell me if it will {wet} {ww}
        !tell me if I need {gear} {ww}
        !give me [the|a] [weather|forecast|weather report|weather forecast] for {wfor}
        !give me {days_possessive} [forecast|weather]
        !get (me )the [weather|forecast] for {wfor}
        ~the [weather|forecast|weather forecast] for {wfor}
        ~{days_possessive} forecast
        [weather|forecast|weather forecast|temperature] {ww}
        [weather|forecast|weather forecast] for {wfor}
        weather {ww}
        {days_possessive} [weather|forecast]
        {on_period} weather
        rain {ww}
        umbrella {ww}
        {ww} will it {wet}
        {ww}, is it going to {wet}
        I [want|need|'d like] to know [the weather|if it will {wet}|how cold it gets] {ww}
        let's see the weather for {wfor}
    """),
    group("get_weather", "where", 6, """
        what's the {noun_w} {inw}
        what's the weather {inw}
        what's the weather {inw}
        what's the weather like {inw}
        what's the {noun_w} like {inw}
        what is the {noun_w} {inw}
        what is the weather (like) {inw}
        what's it like {inw}
        what's the temperature {inw}
        what's the current [weather|temperature] {inw}
        what's the chance of {chance} {inw}
        what temperature is it {inw}
        what's the [weather|forecast] for {place=weather_place}
        how's the weather {inw}
        how is the weather {inw}
        how's the weather over in {place=weather_place}
        how's {place=weather_place} (looking )weather wise
        how [hot|cold|warm|windy|humid|chilly] is it {inw}
        how [hot|cold|warm|windy|humid] is {place=weather_place} (right now)
        how many degrees is it {inw}
        is it {weting} {inw}
        is it {weting} {inw}
        is it {weting} {inw} (right now)
        is it going to {wet} {inw}
        is there [a storm|snow|any rain|fog|much wind] {inw}
        will it {wet} {inw}
        do they have [rain|snow|sun|storms] {inw}
        do I need {gear} {inw}
        should I [take|bring|pack] {gear} [to|for|in] {place=weather_place}
        any [rain|snow|storms] {inw}
        !check the [weather|forecast|temperature] {inw}
        !check the [weather|forecast] for {place=weather_place}
        !check if it's {weting} {inw}
        !show (me )the [weather|forecast|weather forecast] {inw}
        !show (me )the [weather|forecast] for {place=weather_place}
        !tell me the [weather|temperature|forecast] {inw}
        !tell me the [weather|forecast] for {place=weather_place}
        !tell me how the weather is {inw}
        !tell me if it's {weting} {inw}
        !give me the [weather|forecast|weather report|temperature] {inw}
        !give me the [weather|forecast|weather report] for {place=weather_place}
        !get (me )the [weather|forecast] for {place=weather_place}
        ~the [weather|forecast|temperature] {inw}
        ~the [weather|forecast] for {place=weather_place}
        [weather|forecast|temperature|weather report] {inw}
        [weather|forecast|weather forecast] for {place=weather_place}
        weather {place=weather_place}
        weather {place=weather_place}
        {place=weather_place} weather
        {place=weather_place} weather
        {place=weather_place} [forecast|temperature|weather forecast]
        temperature {place=weather_place}
        forecast {place=weather_place}
        rain {inw}
        in {place=weather_place}, what's the weather like
        weather: {place=weather_place}
        I [want|need|'d like] to know the weather {inw}
    """),
    group("get_weather", "where and when", 6, """
        what's the {noun_w} {inw} {ww}
        what's the weather {inw} {ww}
        what's the weather {ww} {inw}
        what's the weather like {inw} {ww}
        what's the weather like {ww} {inw}
        what's the weather (going to be )like {inw} {ww}
        what's the [weather|forecast] for {place=weather_place} {ww}
        what is the {noun_w} {inw} {ww}
        what will the weather be (like) {inw} {ww}
        what will the weather be (like) {ww} {inw}
        what's the {noun_w} {inw} for {wfor}
        what's {days_possessive} [weather|forecast] {inw}
        what's {days_possessive} [weather|forecast] for {place=weather_place}
        what are the chances of {chance} {inw} {ww}
        how's the weather {inw} {ww}
        how's the weather {ww} {inw}
        how will the weather be {inw} {ww}
        how [hot|cold|warm|windy|humid] [will it be|is it going to be|will it get] {inw} {ww}
        how [hot|cold|warm|windy] [will it be|is it going to be] {ww} {inw}
        is it going to {wet} {inw} {ww}
        is it going to {wet} {ww} {inw}
        is it gonna {wet} {inw} {ww}
        is it {weting} {inw} {ww}
        will it {wet} {inw} {ww}
        will it {wet} {ww} {inw}
        will there be (any ){stuffw} {inw} {ww}
        are they expecting {stuffw} {inw} {ww}
        do I need {gear} {inw} {ww}
        should I [take|bring|pack] {gear} for {place=weather_place} {ww}
        any [rain|snow|storms] {inw} {ww}
        !check the [weather|forecast] {inw} for {wfor}
        !check the [weather|forecast] for {place=weather_place} {ww}
        !show (me )the [weather|forecast] for {place=weather_place} {ww}
        !show (me )the [weather|forecast] {inw} for {wfor}
        !show me {days_possessive} weather {inw}
        !tell me the [weather|forecast] {inw} {ww}
        !tell me if it will {wet} {inw} {ww}
        !tell me if it's going to {wet} {ww} {inw}
        !give me the [weather|forecast] for {place=weather_place} {ww}
        !give me the forecast for {wfor} {inw}
        !get the forecast for {place=weather_place} {ww}
        ~the [weather|forecast] {inw} {ww}
        ~the [weather|forecast] for {place=weather_place} {ww}
        [weather|forecast] {inw} {ww}
        [weather|forecast] {ww} {inw}
        weather {place=weather_place} {on_period}
        weather {place=weather_place} {part}
        {place=weather_place} weather {ww}
        {place=weather_place} {on_period} weather
        {place=weather_place} forecast {on_period}
        forecast for {place=weather_place} {ww}
        {days_possessive} weather {inw}
        {ww} in {place=weather_place}, will it {wet}
        {ww}, what's the weather (like )in {place=weather_place}
        in {place=weather_place} {ww}, will it {wet}
        in {place=weather_place}, will it {wet} {ww}
        I [want|need|'d like] to know the weather {inw} {ww}
        I'll be in {place=weather_place} {on_period}, will it {wet}
        I'm going to {place=weather_place} {on_period}, what's the weather (like)
        I'm flying to {place=weather_place} {on_period}, do I need {gear}
    """),
    nulls("weather: not its job", """
        what's the air quality [like |][in {city}|today|outside|here|]
        how's the air quality in {city}
        what's the pollen count [today|in {city}|tomorrow|]
        is the pollen [count |]high [today|tomorrow|]
        when is high tide [today|at the beach|tomorrow|]
        what are the tides [today|in {city}|]
        when does the sun [rise|set] [today|tomorrow|in {city}|]
        what time is [sunrise|sunset] [today|tomorrow|in {city}|]
        when is [sunset|sunrise] [today|tomorrow|in {city}|]
        sunset time
        what phase is the moon in [tonight|]
        is it a full moon [tonight|tomorrow|]
        when is the next full moon
        how was the weather (in {city} )[yesterday|last week|last night|last {weekday}|on {weekday} last week]
        did it [rain|snow|freeze|hail] [yesterday|last night|last week|in {city} yesterday|this morning]
        how much did it rain [yesterday|last week|last month]
        what was the [temperature|weather] (in {city} )[yesterday|last night|in 2010|last year|last summer
        + |on christmas 1990]
        how cold did it get last night
        what's the weather in {city} and (in ){city}
        compare the weather in {city} and {city}
        is it warmer in {city} or (in ){city}
        which is [warmer|colder|rainier], {city} or {city}
        will it rain in {city} and {city} {some_on}
        what's the weather (going to be like )[next month|this month|in {month}|next year|this summer|next summer
        + |for the next five days|for the next ten days|over the next few days|in the coming weeks|this winter
        + |all month]
        10 day forecast
        what's the weather [on|for] [easter|thanksgiving|labor day|mother's day|good friday]
        will it rain on [easter|thanksgiving|my birthday|our wedding day|mother's day]
        ten day forecast for {city}
        weather for the next [5|five|7|ten|three] days (in {city})
        monthly forecast
        what's the weather usually like in {city} (in {month})
        what's the climate in {country}
        what's the average temperature in {city} in {month}
        when is the best time to visit {city}
        when will it [stop raining|start snowing|clear up|get warmer]
        when is it going to [rain|snow]
        how long will it rain
        what's the weather like in celsius
        weather in {city} in fahrenheit
        what's the weather on [mars|jupiter|the moon|venus]
        what's the water temperature [in {city}|at the beach|of the lake]
        how high are the waves [in {city}|]
        what's the snow depth in {city}
        are the roads icy
        is the ski resort open
        what should I wear [today|tomorrow|]
        what should I do if it rains
        is it safe to [drive|swim|fly] [today|in this weather]
        !show me the [radar|weather radar|weather map|satellite image]
        weather radar
        !alert me if it rains
        !tell me when it starts raining
        !let me know if it's going to snow
        !remind me if it rains
        !send {first} the weather
        !text {first} the forecast
        what's the weather and what's on my calendar
        !change the weather app to celsius
        what is [hail|a tornado|the jet stream|a cold front|el nino|humidity|the dew point|a hurricane|fog|frostbite]
        how do [hurricanes|clouds|rainbows|tornadoes] form
        why is it [so cold|so hot|raining so much|always windy] in {city}
        why does it [rain|snow|hail|thunder]
        what causes [rain|thunder|fog|wind|snow|hail]
        I [hate|love] [the rain|snow|this weather|the heat|winter]
        it's [raining|snowing|sunny|windy|cold outside|hot outside|a beautiful day|foggy out]
        it [rained|snowed] all day [yesterday|]
        it's going to rain [tomorrow|]
        {first} said it will rain
        what a [beautiful|lovely|terrible] day
        nice weather [today|]
        can you [predict|change|control] the weather
        do you know the weather
        can you control the weather
        do you like [rain|snow|summer]
        how accurate are weather forecasts
        how do weather forecasts work
        if it rains [tomorrow|], should we cancel
        if it rains tomorrow, will the game be cancelled
        I wonder if it will ever stop raining
        don't tell me the weather
        who is the weatherman on channel {small_number}
        how far is {city}
        is {city} nice
        tell me about {city}
        what time is it in {city}
        what's the time in {city}
        {city}
        what about {city}
        and in {city}
        how about tomorrow
        has it stopped raining
        make it stop raining
        did the storm damage anything
    """, 2.5),
]
EXTRAS = {
    "get_weather": (
        "[in celsius|in fahrenheit|and in {city}|compared to yesterday|and text it to {first}|hour by hour"
        "|and the tides|and the air quality|on a map|and what should I wear|and read it twice]"
    ),
}
