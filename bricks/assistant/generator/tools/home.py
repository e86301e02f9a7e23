"""set_lights and set_thermostat."""

from . import group, nulls

MACROS = {
    # The words that stand for lights, with their place: light(s) is dropped, lamps keep their names.
    "lp": "[light|light|lights|lights|lights|lighting]",
    "rm": "[{room}|{room}|{room}|{oddroom}|{tworooms}|{room}]",
    "lname": "[{rooms}|{rooms}|{rooms}|{lightname}|{lightname}|{tworooms}|{rooms} {lightname}|{first}'s room|{coined}]",
    "lmp": (
        "[{lamp}|{lamp}|{rooms} {lamp}|{lamp} in the {rooms}|{lamp} by the {object}|{coined} lamp|{adj} lamp"
        "|{adj} {lamp}|lamp in the {rooms}|{object} lamp]"
    ),
    "placed": (
        "[{the3}{place=lname} {lp}|{the3}{place=lname} {lp}|{the3}{place=lname} {lp}"
        "|{the3}{lp} in {the4}{place=rm}|{the3}{lp} in {the4}{place=rm}|{the3}{lp} in {place=rooms_own}"
        "|{the5}{place=lmp}|{the5}{place=lmp}|all (of )(the |my ){place=lname} lights|all (of )(the "
        "|my )lights in {the4}{place=rm}|all (the )lights {place=floor}|{the3}lights {place=floor}"
        "|{the3}{place=floor} lights]"
    ),
    "lany": (
        "[the damn lights|the stupid light|these lights|that light|{the3}lights|{the3}lights|{the3}light|lights"
        "|{the3}lighting|{the3}lights in here|the light in here|{the3}lights in this room|the lights]"
    ),
    "l": "[{placed}|{placed}|{placed}|{lany}|{lany}|{lall}]",
    "lall": (
        "[all the lights<all=true>|all lights<all=true>|all of the lights<all=true>|every light<all=true>"
        "|all my lights<all=true>|all the lights in the house<all=true>|every single light<all=true>"
        "|the lights everywhere<all=true>|lights everywhere<all=true>|every light in the house<all=true>"
        "|all the lamps<all=true>|all the house lights<all=true>|the lights in the whole house<all=true>"
        "|the whole house lights<all=true>|each light<all=true>]"
    ),
    "the3": "[the |the |the |my |our |those |]",
    "the4": "[the |the |the |my |our |]",
    "the5": "[the |the |my |that |this ]",
    "floor": "[upstairs|downstairs|outside|upstairs|downstairs]",
    "rooms_own": "[{first}'s room|{first}'s {room}|{kin}'s room|{rooms}]",
    "swon": "[turn on|turn on|turn on|switch on|switch on|put on|flip on|flick on|power on|activate|light up|get]",
    "swoff": (
        "[turn off|turn off|turn off|switch off|switch off|put out|shut off|kill|flip off|cut|turn out|power off"
        "|shut|deactivate|flick off|douse]"
    ),
    "pct": "[{brightness=percent}|{brightness=percent}|{brightness=percent}|{brightness=bare_percent}]",
    "col": "{color=colors}",
    "colors": "[{color}|{color}|{color}|{oddcolor}|{oddcolor}]",
    "max": (
        "[full|maximum|max|full brightness|maximum brightness|full power|the maximum|the max|100 percent"
        "|one hundred percent|the highest setting|the brightest setting]<brightness=100>"
    ),
    "min": (
        "[minimum|the minimum|the lowest|the lowest setting|minimum brightness|the lowest brightness"
        "|the lowest level|1 percent]<brightness=1>"
    ),
    "hlf": "[half|half brightness|half power|50 percent|fifty percent]<brightness=50>",
    "bit": "[ a bit| a little| a little bit| a lot| some| slightly| a touch|||||]",
    "here": "[in here|in here|here|in this room]",
}

PATTERNS = [
    group("set_lights", "on", 5, """
        !{swon} {l}
        !{swon} {l}
        !{swon} {l}
        !turn {l} on
        !turn {l} on
        !switch {l} on
        !put {l} on
        !get {l} on
        !flip {l} on
        !make {l} come on
        !have {l} on
        ~{l} on
        ~{l} turned on
        {l} on
        {l} on
        lights on
        light on
        lights on in {the4}{place=rm}
        lights on in here
        light on in {the4}{place=rm}
        lights on {place=floor}
        lights in {the4}{place=rm} on
        {place=lname} lights on
        {place=rooms} light on
        {place=lmp} on
        I [want|need|would like|'d like] {l} on
        I [want|need|'d like] to {swon} {l}
        let's have {l} on
        let's turn {l} on
        let's {swon} {l}
        can we have {l} on
        can I have {l} on
        can we get {l} on
        I'm [home|back|awake|up], {swon} {l}
        it's getting late, {swon} {l}
        {l} should be on
    """, state="on"),
    group("set_lights", "off", 5, """
        !{swoff} {l}
        !{swoff} {l}
        !{swoff} {l}
        !turn {l} off
        !turn {l} off
        !switch {l} off
        !shut {l} off
        !kill {l}
        !flip {l} off
        !get {l} off
        !set {l} to [0 percent|0%|zero percent|zero|off]
        !dim {l} to [0 percent|0%|zero]
        !put out {l}
        ~{l} off
        ~{l} turned off
        {l} off
        {l} off
        {l} out
        lights off
        lights out
        light off
        lights off in {the4}{place=rm}
        lights out in {the4}{place=rm}
        lights off {place=floor}
        {place=lname} lights off
        {place=rooms} light off
        {place=lmp} off
        I [want|need|would like|'d like] {l} off
        I [want|need|'d like] to {swoff} {l}
        let's have {l} off
        let's turn {l} off
        can we have {l} off
        can we turn {l} off
        I'm going to [bed|sleep], {swoff} {l}
        time for bed, {swoff} {l}
        we're leaving, {swoff} {l}
        {l} should be off
    """, state="off"),
    group("set_lights", "level", 5, """
        !set {l} to {pct}
        !set {l} to {pct}
        !set {l} at {pct}
        !set the brightness of {l} to {pct}
        !set the brightness in {the4}{place=rm} to {pct}
        !set {the3}{place=rooms} brightness to {pct}
        !set the (light )brightness to {pct}
        !put {l} [at|on|to] {brightness=percent}
        !turn {l} to {brightness=percent}
        !turn {l} (up|down) to {brightness=percent}
        !turn on {l} at {brightness=percent}
        !turn {l} on at {brightness=percent}
        !turn {l} on to {brightness=percent}
        !dim {l} to {pct}
        !dim {l} to {pct}
        !dim {l} down to {pct}
        !brighten {l} to {pct}
        !lower {l} to {pct}
        !raise {l} to {pct}
        !bring {l} [up|down] to {pct}
        !change {l} to {brightness=percent}
        !change the brightness of {l} to {pct}
        !adjust {l} to {brightness=percent}
        !make {l} {brightness=percent} (bright)
        !set {l} to {max}
        !turn {l} (all the way )up to {max}
        !turn {l} all the way up<brightness=100>
        !turn {l} up all the way<brightness=100>
        !turn {l} up (fully|full|to full|completely)<brightness=100>
        !put {l} [on|at] {max}
        !make {l} as bright as possible<brightness=100>
        !set {l} to {min}
        !turn {l} down to {min}
        !turn {l} all the way down<brightness=1>
        !dim {l} to {min}
        !dim {l} all the way (down)<brightness=1>
        !put {l} on {min}
        !set {l} to {hlf}
        !dim {l} to {hlf}
        !turn {l} (down|up) to {hlf}
        !put {l} [at|on] {hlf}
        !set {l} to [a third<brightness=33>|a quarter<brightness=25>|one third<brightness=33>
        + |a quarter brightness<brightness=25>|a third of the brightness<brightness=33>]
        !dim {l} to [a third<brightness=33>|a quarter<brightness=25>|a third of the brightness<brightness=33>]
        ~{l} at {brightness=percent}
        ~{l} at [full brightness<brightness=100>|half brightness<brightness=50>]
        {l} {brightness=percent}
        {l} to {brightness=percent}
        {l} at {brightness=percent}
        {l} on {brightness=percent}
        {l} on full<brightness=100>
        {l} to [max<brightness=100>|half<brightness=50>|minimum<brightness=1>|full<brightness=100>]
        brightness {brightness=percent}
        brightness {brightness=percent} in {the4}{place=rm}
        {place=lname} lights {brightness=percent}
        {place=rooms} lights to {pct}
        lights to {brightness=percent}
        lights at {brightness=percent}
        dim to {brightness=percent}
        I [want|need|'d like] {l} at {brightness=percent}
        let's have {l} at {brightness=percent}
    """, state="on"),
    group("set_lights", "change", 6, """
        !dim {l}{bit}<brightness=down>
        !dim {l}{bit}<brightness=down>
        !dim {l}<brightness=down>
        !dim down {l}<brightness=down>
        !dim<brightness=down>
        !dim it (a bit|a little) {here}<brightness=down>
        !brighten {l}{bit}<brightness=up>
        !brighten {l}<brightness=up>
        !brighten up {l}<brightness=up>
        !brighten up {the4}{place=rm}<brightness=up>
        !brighten {the4}{place=rm}<brightness=up>
        !brighten it up {here}<brightness=up>
        !turn {l} down{bit}<brightness=down>
        !turn down {l}{bit}<brightness=down>
        !turn {l} up{bit}<brightness=up>
        !turn up {l}{bit}<brightness=up>
        !lower {l}{bit}<brightness=down>
        !bring {l} down{bit}<brightness=down>
        !bring {l} up{bit}<brightness=up>
        !bring down the brightness of {l}<brightness=down>
        !raise {l}{bit}<brightness=up>
        !make {l} [{bit1}brighter|more bright]<brightness=up>
        !make {l} [{bit1}dimmer|{bit1}darker|less bright|softer|less harsh]<brightness=down>
        !make it {bit1}brighter {here}<brightness=up>
        !make it {bit1}[darker|dimmer|less bright] {here}<brightness=down>
        !make it {bit1}[brighter<brightness=up>|darker<brightness=down>|dimmer<brightness=down>] in {the4}{place=rm}
        !make {the4}{place=rooms} {bit1}[brighter<brightness=up>|darker<brightness=down>|dimmer<brightness=down>]
        !increase the brightness (of {l})<brightness=up>
        !increase the brightness in {the4}{place=rm}<brightness=up>
        !decrease the brightness (of {l})<brightness=down>
        !reduce the brightness (of {l})<brightness=down>
        !lower the brightness (of {l})<brightness=down>
        !raise the brightness (of {l})<brightness=up>
        !turn [up<brightness=up>|down<brightness=down>] the brightness
        !give me {bit1}more light<brightness=up>
        !give me {bit1}more light in {the4}{place=rm}<brightness=up>
        ~{bit1}more light {here}<brightness=up>
        ~{l} {bit1}[brighter<brightness=up>|dimmer<brightness=down>|darker<brightness=down>]
        ~{bit1}less light {here}<brightness=down>
        {l} {bit1}[brighter<brightness=up>|dimmer<brightness=down>|darker<brightness=down>]
        {l} [up<brightness=up>|down<brightness=down>]
        brighter {l}<brightness=up>
        brighter lights<brightness=up>
        more light<brightness=up>
        more light in {the4}{place=rm}<brightness=up>
        less light<brightness=down>
        dimmer lights<brightness=down>
        dim {l}<brightness=down>
        dim {place=lname} lights<brightness=down>
        !dim {l} by {brightness=minus_percent}
        !dim {l} by {brightness=minus_percent}
        !turn {l} down by {brightness=minus_percent}
        !lower {l} by {brightness=minus_percent}
        !reduce the brightness (of {l} )by {brightness=minus_percent}
        !make {l} {brightness=minus_percent} [dimmer|darker]
        !brighten {l} by {brightness=plus_percent}
        !turn {l} up by {brightness=plus_percent}
        !turn {l} up {brightness=plus_percent}
        !raise {l} by {brightness=plus_percent}
        !increase the brightness (of {l} )by {brightness=plus_percent}
        !make {l} {brightness=plus_percent} brighter
        {l} {brightness=plus_percent} brighter
        {l} {brightness=minus_percent} [darker|dimmer]
        {l} up {brightness=plus_percent}
        {l} down {brightness=minus_percent}
        I [want|need|'d like] {bit1}more light {here}<brightness=up>
        I [want|need|'d like] {l} {bit1}[brighter<brightness=up>|dimmer<brightness=down>]
        let's dim {l}<brightness=down>
        can we dim {l}{bit}<brightness=down>
        can we have {bit1}[more<brightness=up>|less<brightness=down>] light {here}
    """, state="on"),
    group("set_lights", "complaint", 2.5, """
        it's {too}dark {here}<brightness=up>
        it's {too}dark {here}<brightness=up>
        it is {too}dark {here}<brightness=up>
        it's {too}[dim|gloomy] {here}<brightness=up>
        it's {too}bright {here}<brightness=down>
        it's {too}bright {here}<brightness=down>
        it is {too}bright {here}<brightness=down>
        it's {too}[dark<brightness=up>|bright<brightness=down>|dim<brightness=up>] in {the4}{place=rm}
        {the4}{place=rooms} is {too}[dark<brightness=up>|bright<brightness=down>|dim<brightness=up>]
        it's [pitch black|pitch dark] {here}<brightness=up>
        it's [pitch black|so dark] in {the4}{place=rm}<brightness=up>
        I can't see [a thing|anything|much|my hand|what I'm doing] {here}<brightness=up>
        I can't see [a thing|anything] in {the4}{place=rm}<brightness=up>
        I can barely see (anything )in {the4}{place=rm}<brightness=up>
        I can barely see anything {here}<brightness=up>
        we can't see [a thing|anything] {here}<brightness=up>
        {lany} [is|are] {too}bright<brightness=down>
        {lany} [is|are] too [dim|dark]<brightness=up>
        {placed} [is|are] too [bright<brightness=down>|dim<brightness=up>]
        {placed} [is|are] blinding (me)<brightness=down>
        this room is {too}[dark<brightness=up>|bright<brightness=down>]
        this room is {too}[dark<brightness=up>|bright<brightness=down>|gloomy<brightness=up>]
        why is it so [dark<brightness=up>|bright<brightness=down>] {here}
        why is it so [dark<brightness=up>|bright<brightness=down>] in {the4}{place=rm}
        there's not enough light {here}<brightness=up>
        there isn't enough light in {the4}{place=rm}<brightness=up>
        there's too much light {here}<brightness=down>
        so dark {here}<brightness=up>
        too bright {here}<brightness=down>
        too dark {here}<brightness=up>
        too dark in {the4}{place=rm}<brightness=up>
    """, flags=["complaint"], state="on"),
    group("set_lights", "colour", 5, """
        !turn {l} {col}
        !turn {l} {col}
        !turn {l} to {col}
        !set {l} to {col}
        !set {l} to {col}
        !set the color of {l} to {col}
        !change {l} to {col}
        !change the color of {l} to {col}
        !change the light color (in {the4}{place=rm} )to {col}
        !make {l} {col}
        !make {l} {col}
        !make {l} glow {col}
        !switch {l} to {col}
        !put {l} on {col}
        !give me {col} light in {the4}{place=rm}
        !color {l} {col}
        !light up {the4}{place=rm} in {col}
        !turn {l} {col} at {brightness=percent}
        !set {l} to {col} at {brightness=percent}
        !set {l} to {col} and {brightness=percent}
        !set {l} to {brightness=percent} {col}
        !set {l} to {brightness=percent} and {col}
        !make {l} {col} at {brightness=percent}
        !turn on {l} in {col}
        !turn {l} on in {col}
        !dim {l} to {brightness=percent} and make [it|them] {col}
        ~{l} [in|to be] {col}
        ~{col} light in {the4}{place=rm}
        ~{l} {col}
        {l} {col}
        {l} {col}
        {l} to {col}
        {l} in {col}
        {l} {col} {brightness=percent}
        {col} lights in {the4}{place=rm}
        {col} light in {the4}{place=rm}
        {place=lname} lights {col}
        {place=lmp} {col}
        lights to {col}
        lights {col}
        I [want|need|'d like] {l} [{col}|to be {col}|in {col}]
        let's make {l} {col}
        let's have {l} in {col}
        can we have {l} in {col}
    """, state="on"),
    group("set_thermostat", "degrees", 8, """
        !set {therm} to {goal}
        !set {therm} to {goal}
        !set {therm} to {goal}
        !set {therm} at {goal}
        !set {therm} (up|down) to {goal}
        !set {therm} {inrm} to {goal}
        !set {therm} to {goal} {inrm}
        !set {therm} to {goal} {inrm}
        !set {the4}{place=rm} to {deg_goal}
        !set {the4}{place=rm} {thermword} to {goal}
        !set {the4}{place=rm} (temperature )to {deg_goal}
        !set the temperature [of|for] {the4}{place=rm} to {goal}
        !set the [heating|heater|heat] to {goal}
        !set the [ac|a/c|air conditioning|air conditioner|aircon] to {goal}
        !set the [ac|air conditioning] [in|for] {the4}{place=rm} to {goal}
        !turn {therm} to {goal}
        !turn {therm} [up|down] to {goal}
        !turn {therm} [up|down] to {goal} {inrm}
        !turn [up|down] {therm} to {goal}
        !turn the [heating|heat|heater|temperature] [up|down] to {goal}
        !turn the [ac|air conditioning|aircon] [up|down] to {goal}
        !turn the [heating|heat|ac] on to {goal}
        !put {therm} [on|at|to] {goal}
        !put the [heating|heat|ac] [on|at|to] {goal}
        !change {therm} to {goal}
        !change the temperature (in {the4}{place=rm} )to {goal}
        !adjust {therm} to {goal}
        !adjust the temperature to {goal}
        !make it {deg_goal} {here}
        !make it {deg_goal} in {the4}{place=rm}
        !make {the4}{place=rooms} {deg_goal}
        !raise {therm} to {goal}
        !lower {therm} to {goal}
        !raise the temperature (in {the4}{place=rm} )to {goal}
        !lower the temperature (in {the4}{place=rm} )to {goal}
        !bring {therm} [up|down] to {goal}
        !bring the temperature [up|down] to {goal}
        !heat {the4}{place=rm} to {goal}
        !heat {the4}{place=rm} up to {goal}
        !cool {the4}{place=rm} (down )to {goal}
        !warm {the4}{place=rm} (up )to {goal}
        !keep it at {deg_goal} {here}
        !keep {the4}{place=rm} at {deg_goal}
        !keep the temperature at {goal}
        !get it to {deg_goal} {here}
        !get {the4}{place=rm} to {deg_goal}
        !crank {therm} up to {goal}
        !crank the [heat|ac] up to {goal}
        ~it {deg_goal} {here}
        ~it to be {deg_goal} in {the4}{place=rm}
        ~{the4}{place=rm} at {deg_goal}
        ~{therm} at {goal}
        {thermword} {goal}
        {thermword} {goal} {inrm}
        {thermword} to {goal}
        {thermword} at {goal}
        temperature {goal}
        temperature to {goal} {inrm}
        heating {goal}
        heating to {goal}
        heating to {goal} {inrm}
        heat to {goal}
        heat at {goal}
        ac to {goal}
        ac {goal}
        ac at {goal}
        AC to {goal} {inrm}
        {place=rooms} {thermword} {goal}
        {place=rooms} (temperature )to {deg_goal}
        {place=rooms} {sure_goal}
        {sure_goal} in {the4}{place=rm}
        {sure_goal} {here}
        I [want|need|would like|'d like] it (to be )(at )(around ){deg_goal} {here}
        I [want|need|would like|'d like] {the4}{place=rm} (to be )at {deg_goal}
        I [want|need|'d like] {therm} at {goal}
        I [want|need|'d like] to set {therm} to {goal}
        let's set {therm} to {goal}
        let's make it {deg_goal} {here}
        let's put the heating at {goal}
        can we set {therm} to {goal}
        can we have {deg_goal} {here}
        can we make it {deg_goal} {here}
        it's [cold|freezing|chilly] {here}, set {therm} to {goal}
        it's [hot|boiling|stuffy] {here}, set the ac to {goal}
        I'm [cold|freezing], set {therm} to {goal}
        I'm [hot|sweating|boiling], set {therm} to {goal}
        I'm cold, turn the heat up to {goal}
    """),
    group("set_thermostat", "by degrees", 4, """
        !turn {therm} up (by ){setting=plus_degrees}{unit}
        !turn {therm} up (by ){setting=plus_degrees}{unit} {inrm}
        !turn {therm} down (by ){setting=minus_degrees}{unit}
        !turn {therm} down (by ){setting=minus_degrees}{unit} {inrm}
        !turn up {therm} (by ){setting=plus_degrees}{unit}
        !turn down {therm} (by ){setting=minus_degrees}{unit}
        !turn the [heating|heat|temperature|heater] up (by ){setting=plus_degrees}{unit}
        !turn the [heating|heat|temperature|heater] down (by ){setting=minus_degrees}{unit}
        !raise the temperature (in {the4}{place=rm} )by {setting=plus_degrees}{unit}
        !raise {therm} (by ){setting=plus_degrees}{unit}
        !raise the temperature {setting=plus_degrees}{unit}
        !increase the temperature (in {the4}{place=rm} )by {setting=plus_degrees}{unit}
        !increase {therm} by {setting=plus_degrees}{unit}
        !bump {therm} up (by ){setting=plus_degrees}{unit}
        !bump up the [temperature|heat|heating] (by ){setting=plus_degrees}{unit}
        !lower the temperature (in {the4}{place=rm} )by {setting=minus_degrees}{unit}
        !lower {therm} (by ){setting=minus_degrees}{unit}
        !decrease the temperature (in {the4}{place=rm} )by {setting=minus_degrees}{unit}
        !reduce the [temperature|heating|heat] (in {the4}{place=rm} )by {setting=minus_degrees}{unit}
        !drop the temperature (by ){setting=minus_degrees}{unit}
        !bring the temperature down (by ){setting=minus_degrees}{unit}
        !bring the temperature up (by ){setting=plus_degrees}{unit}
        !make it {setting=plus_degrees}{unit} warmer {here}
        !make it {setting=plus_degrees}{unit} [warmer|hotter] in {the4}{place=rm}
        !make {the4}{place=rooms} {setting=plus_degrees}{unit} warmer
        !make it {setting=minus_degrees}{unit} [cooler|colder] {here}
        !make it {setting=minus_degrees}{unit} [cooler|colder] in {the4}{place=rm}
        !make {the4}{place=rooms} {setting=minus_degrees}{unit} [cooler|colder]
        !warm up {the4}{place=rm} by {setting=plus_degrees}{unit}
        !cool down {the4}{place=rm} by {setting=minus_degrees}{unit}
        ~it {setting=plus_degrees}{unit} warmer {here}
        ~it {setting=minus_degrees}{unit} [cooler|colder] {here}
        {setting=plus_degrees}{unit} warmer
        {setting=plus_degrees}{unit} warmer in {the4}{place=rm}
        {setting=plus_degrees}{unit} [warmer|hotter] {here}
        {setting=minus_degrees}{unit} [cooler|colder]
        {setting=minus_degrees}{unit} cooler in {the4}{place=rm}
        {setting=minus_degrees}{unit} [cooler|colder] {here}
        {thermword} up {setting=plus_degrees}{unit}
        {thermword} down {setting=minus_degrees}{unit}
        heating up {setting=plus_degrees}{unit}
        heating down (by ){setting=minus_degrees}{unit}
        I'd like it {setting=plus_degrees}{unit} warmer {here}
        I want it {setting=minus_degrees}{unit} [cooler|colder] in {the4}{place=rm}
        let's make it {setting=plus_degrees}{unit} warmer {here}
        can we go up {setting=plus_degrees}{unit}
        can we make it {setting=minus_degrees}{unit} cooler {here}
    """),
    group("set_thermostat", "up", 4, """
        !turn up the [heat|heating|temperature|thermostat|heater]{bit}
        !turn the [heat|heating|temperature|thermostat|heater] up{bit}
        !turn up the [heat|heating|temperature] {inrm}
        !turn the [heat|heating|temperature] up{bit} {inrm}
        !crank up the [heat|heating|thermostat]
        !crank the heat (up){bit}
        !raise the [temperature|thermostat]{bit}
        !raise the temperature {inrm}
        !increase the [temperature|heat|heating]{bit}
        !increase the temperature {inrm}
        !bump up the heat{bit}
        !make it {bit1}[warmer|hotter|less cold|toastier|cozier and warmer] {here}
        !make it {bit1}[warmer|hotter|less cold] in {the4}{place=rm}
        !make it {bit1}warmer
        !make {the4}{place=rooms} {bit1}[warmer|hotter]
        !warm up {the4}{place=rm}{bit}
        !warm {the4}{place=rm} up{bit}
        !warm it up{bit} {here}
        !warm this place up
        !heat up {the4}{place=rm}{bit}
        !heat {the4}{place=rm} up{bit}
        !heat it up{bit} {here}
        !heat up this room
        ~it {bit1}[warmer|hotter] {here}
        ~{the4}{place=rm} {bit1}warmer
        ~{bit1}more heat {inrm}
        ~{bit1}more heat
        {bit1}warmer
        {bit1}warmer {here}
        {bit1}warmer in {the4}{place=rm}
        {bit1}more heat
        more heat {inrm}
        heat up
        heating up{bit}
        thermostat up{bit}
        temperature up
        {place=rooms} warmer
        can we have it {bit1}warmer {here}
        can we get {bit1}more heat {here}
        let's warm up {the4}{place=rm}
        let's make it {bit1}warmer {here}
        I [want|need|'d like] it (to be ){bit1}warmer {here}
        I'm [cold|freezing|chilly|shivering], turn up the heat
        I'm [cold|freezing], make it warmer {here}
        it's [cold|freezing|chilly] {here}, turn [up the heat|the heat up|the heating up]
        it's [cold|freezing] in {the4}{place=rm}, turn up the heat
    """, setting="up"),
    group("set_thermostat", "down", 4, """
        !turn down the [heat|heating|temperature|thermostat|heater]{bit}
        !turn the [heat|heating|temperature|thermostat|heater] down{bit}
        !turn down the [heat|heating|temperature] {inrm}
        !turn the [heat|heating|temperature] down{bit} {inrm}
        !lower the [temperature|heat|heating|thermostat]{bit}
        !lower the temperature {inrm}
        !decrease the temperature{bit}
        !reduce the [temperature|heat|heating]{bit}
        !reduce the temperature {inrm}
        !drop the temperature{bit}
        !bring the temperature down{bit}
        !make it {bit1}[cooler|colder|less hot|less warm] {here}
        !make it {bit1}[cooler|colder|less hot] in {the4}{place=rm}
        !make it {bit1}[cooler|colder]
        !make {the4}{place=rooms} {bit1}[cooler|colder]
        !cool down {the4}{place=rm}{bit}
        !cool {the4}{place=rm} down{bit}
        !cool off {the4}{place=rm}
        !cool it down{bit} {here}
        !cool things down {here}
        !cool this place down
        !cool {the4}{place=rm}{bit}
        ~it {bit1}[cooler|colder] {here}
        ~{the4}{place=rm} {bit1}cooler
        ~{bit1}less heat {inrm}
        {bit1}[cooler|colder]
        {bit1}[cooler|colder] {here}
        {bit1}cooler in {the4}{place=rm}
        {bit1}less heat
        heating down{bit}
        heat down
        thermostat down{bit}
        temperature down
        {place=rooms} cooler
        can we have it {bit1}cooler {here}
        let's cool down {the4}{place=rm}
        let's make it {bit1}cooler {here}
        I [want|need|'d like] it (to be ){bit1}cooler {here}
        I'm [hot|boiling|sweating|melting], turn down the heat
        I'm [hot|boiling], make it cooler {here}
        it's [hot|boiling|stuffy|warm] {here}, turn [down the heat|the heat down|the heating down]
        it's [hot|boiling] in {the4}{place=rm}, turn the heating down
    """, setting="down"),
    group("set_thermostat", "complaint", 3, """
        it's {so}{coldword} {here}<setting=up>
        it's {so}{coldword} {here}<setting=up>
        it is {so}{coldword} {here}<setting=up>
        it's {so}{coldword} in {the4}{place=rm}<setting=up>
        it's {so}{coldword} in {the4}{place=rm}<setting=up>
        {the4}{place=rooms} is {so}{coldword}<setting=up>
        {the4}{place=rooms} is {so}{coldword}<setting=up>
        this room is {so}{coldword}<setting=up>
        it feels {so}{coldword} {here}<setting=up>
        it feels {so}{coldword} in {the4}{place=rm}<setting=up>
        why is it so {coldword} {here}<setting=up>
        why is {the4}{place=rooms} so {coldword}<setting=up>
        it's like [a fridge|a freezer|an icebox|the arctic] {here}<setting=up>
        I'm freezing {here}<setting=up>
        we're freezing {here}<setting=up>
        man it's {coldword} {here}<setting=up>
        so {coldword} {here}<setting=up>
        it's {so}{hotword} {here}<setting=down>
        it's {so}{hotword} {here}<setting=down>
        it is {so}{hotword} {here}<setting=down>
        it's {so}{hotword} in {the4}{place=rm}<setting=down>
        it's {so}{hotword} in {the4}{place=rm}<setting=down>
        {the4}{place=rooms} is {so}{hotword}<setting=down>
        {the4}{place=rooms} is {so}{hotword}<setting=down>
        this room is {so}{hotword}<setting=down>
        it feels {so}{hotword} {here}<setting=down>
        why is it so {hotword} {here}<setting=down>
        why is {the4}{place=rooms} so {hotword}<setting=down>
        it's like [an oven|a sauna|a furnace|an oven] {here}<setting=down>
        I'm [melting|boiling|roasting|sweating] {here}<setting=down>
        we're [melting|boiling|roasting] {here}<setting=down>
        man it's {hotword} {here}<setting=down>
        so {hotword} {here}<setting=down>
    """, flags=["complaint"]),
    group("set_thermostat", "mode", 4, """
        !turn on the {heatname}<setting=heat>
        !turn the {heatname} on<setting=heat>
        !turn on the {heatname} {inrm}<setting=heat>
        !turn the {heatname} on {inrm}<setting=heat>
        !turn the {place=rooms} {heatname} on<setting=heat>
        !switch on the {heatname}<setting=heat>
        !switch the {heatname} on {inrm}<setting=heat>
        !start the {heatname}<setting=heat>
        !start heating {the4}{place=rm}<setting=heat>
        !put the {heatname} on<setting=heat>
        !fire up the {heatname}<setting=heat>
        !get the {heatname} going<setting=heat>
        ~the {heatname} on<setting=heat>
        {heatname} on<setting=heat>
        {heatname} on {inrm}<setting=heat>
        let's turn the {heatname} on<setting=heat>
        it's [cold|freezing|chilly] {here}, [turn on the {heatname}|turn the {heatname} on]<setting=heat>
        I'm cold, [turn on|put on|switch on] the {heatname}<setting=heat>
        can we turn the {heatname} on<setting=heat>
        !turn on the {coolname}<setting=cool>
        !turn the {coolname} on<setting=cool>
        !turn on the {coolname} {inrm}<setting=cool>
        !turn the {coolname} on {inrm}<setting=cool>
        !turn the {place=rooms} {coolname} on<setting=cool>
        !switch on the {coolname}<setting=cool>
        !start the {coolname}<setting=cool>
        !put the {coolname} on<setting=cool>
        !get the {coolname} going<setting=cool>
        ~the {coolname} on<setting=cool>
        {coolname} on<setting=cool>
        {coolname} on {inrm}<setting=cool>
        let's turn the {coolname} on<setting=cool>
        it's [hot|boiling|stuffy] {here}, [turn on the {coolname}|turn the {coolname} on]<setting=cool>
        I'm hot, [turn on|put on] the {coolname}<setting=cool>
        can we turn the {coolname} on<setting=cool>
        !turn off the {climate}<setting=off>
        !turn the {climate} off<setting=off>
        !turn off the {climate} {inrm}<setting=off>
        !turn the {climate} off {inrm}<setting=off>
        !turn the {place=rooms} {climate} off<setting=off>
        !turn off the {place=rooms} {climate}<setting=off>
        !switch off the {climate}<setting=off>
        !switch the {climate} off {inrm}<setting=off>
        !shut off the {climate}<setting=off>
        !shut down the {climate}<setting=off>
        !kill the {climate}<setting=off>
        !stop the {climate}<setting=off>
        !stop [heating|cooling] {the4}{place=rm}<setting=off>
        ~the {climate} off<setting=off>
        {climate} off<setting=off>
        {climate} off {inrm}<setting=off>
        let's turn the {climate} off<setting=off>
        we don't need the {climate} anymore, turn it off<setting=off>
        we're leaving, turn off the {climate}<setting=off>
        can we turn the {climate} off<setting=off>
    """),
    nulls("lights: not its job", """
        !turn [on|off] {l0} [at {some_time}|in {some_duration}|for {some_duration}|when I get home|at sunset
        + |every {weekday}|when I leave|tonight at {some_time}|tomorrow morning|every evening|until {some_time}
        + |after {some_duration}|at dusk]
        !dim {l0} [at {some_time}|in {some_duration}|for {some_duration}|gradually over {some_duration}
        + |every evening|when the movie starts]
        at {some_time} turn [on|off] {l0}
        in {some_duration} turn [on|off] {l0}
        when [I get home|the movie starts|{first} arrives|it gets dark] turn on {l0}
        !make {l0} [blink|flash|flicker|pulse|dance|change colors|cycle through colors|twinkle|follow the music|strobe]
        !flash {l0} [twice|three times|red and blue|]
        !blink {l0}
        !set {l0} to [disco|party|movie|romantic|relax|reading|sleep|focus|night|rainbow|holiday|candle] mode
        !set the [mood|scene|ambience]
        [movie|party|dinner|reading|goodnight|relax|bedtime|romantic] [scene|mode|lighting scene]
        !activate the [movie|party|dinner|reading|goodnight|relax|christmas|romantic|morning] scene
        !start the [sunrise|aurora|fireplace|rainbow] effect
        !turn {l0} on and off
        !turn on {l0} and turn off {l0}
        !turn on {l0} and off {l0}
        !turn on {l0} but not {l0}
        !turn off all the lights except {l0}
        !turn off everything
        !turn everything [off|on]
        !set {l0} to red and {l0} to blue
        !set {l0} to {small_number} and {l0} to 50 percent
        is {l0} on
        are {l0} [on|off] 
        did I [leave|turn off] {l0}
        which lights are on
        what lights are on
        how many lights are on
        how bright is {l0}
        what color is {l0}
        what's the brightness of {l0}
        !rename {l0} to {lightname}
        !add a new light
        !pair the new bulb
        !change the bulb in the {room}
        how do I [change a light bulb|install a dimmer|connect my lights|set up smart lights|dim the lights]
        how does a [light bulb|dimmer|led|motion sensor] work
        how fast is light
        what is the speed of light
        who invented the [light bulb|lamp|led]
        can you control [my |the |]lights
        can you change light colors
        [don't|do not|please don't] [turn on|turn off|dim|touch] {l0}
        leave {l0} on
        leave the lights alone
        I [turned off|left on|forgot|dimmed] {l0} [yesterday|last night|already|]
        {l0} [is|are] [broken|flickering|out|already on|nice|off|on]
        the bulb in {l0} is dead
        if I turn off {l0}, [will the camera still work|how much do I save]
        should I [turn off|replace] {l0}
        why [is|are] {l0} [flickering|blinking|on|so expensive]
        {first} turned off {l0}
        never mind the lights
        I'm afraid of the dark
        I love {oddcolor}
        {oddcolor}
        [it's|it is] dark [outside|out there|in winter|early these days]
        the sun is too bright
        the screen is too bright
        !dim the screen
        !turn down the screen brightness
        !turn on the flashlight
        !turn off the flashlight
        turn on the torch
    """, 2),
    nulls("thermostat: not its job", """
        !set {therm0} to {some_number} degrees [at {some_time}|in {some_duration}|for {some_duration}
        + |when I get home|every morning|until {some_time}|tonight|tomorrow|on weekdays|at night|while I'm away]
        !turn [up|on|off|down] the [heating|heat|ac] [at {some_time}|in {some_duration}|for {some_duration}
        + |when I leave|every morning|tomorrow|until {some_time}|after {some_duration}]
        at {some_time} [turn on|turn off|turn up] the heating
        when I leave work turn on the heating
        !set {therm0} to [eco|away|vacation|holiday|auto|dry|sleep|energy saving|fan] mode
        !set {therm0} between {small_number} and 25 degrees
        !put {therm0} in [eco|away|auto|sleep] mode
        [eco|away|vacation] mode
        !turn on the [fan|ceiling fan|humidifier|dehumidifier|air purifier|fireplace|electric blanket|exhaust fan
        + |ventilator] [in the {room}|]
        !turn off the [fan|ceiling fan|humidifier|dehumidifier|air purifier|fireplace|electric blanket
        + |exhaust fan] [in the {room}|]
        !set the fan (speed )to [high|low|{small_number}|medium|auto]
        !set the humidity to {some_number} percent
        !set {therm0}
        !set the temperature
        !adjust {therm0}
        !change the temperature
        !change the temperature in {the4}{rooms}
        !schedule the [heating|ac|thermostat] for {some_day}
        !set a heating schedule
        !lock {therm0}
        !set the bedroom to {small_number} degrees and the office to 20
        !heat the {rooms} to 21 and the {rooms} to 19
        what's the temperature [in here|inside|in the {rooms}|indoors|in the house|in this room]
        what is the temperature [in here|inside|in the {rooms}]
        how [warm|cold|hot] is it [in here|inside|in the {rooms}|in the house]
        what is {therm0} set to
        what's {therm0} at
        is the [heating|heat|ac|air conditioning|heater|boiler] [on|off|running|working]
        how humid is it in the {rooms}
        how do I [program|reset|install|bleed|save on] [the thermostat|a radiator|heating|the ac]
        how does [a heat pump|central heating|a thermostat|air conditioning] work
        can you [control|change] the [thermostat|heating|temperature]
        what temperature should [a bedroom|a fridge|a baby's room|the house|chicken] be [at|]
        what's a good room temperature
        [don't|do not|please don't] [turn on|turn up|touch|turn off] the [heating|heat|ac|thermostat]
        I [turned up|turned on|forgot to turn off] the [heat|heating|ac] [yesterday|already|this morning|]
        the [heating|ac|boiler|radiator|heater|thermostat] is [broken|leaking|making noise|too expensive|loud]
        the [heating|ac] [stopped working|makes a noise|smells]
        I'm [cold|freezing|hot|boiling|sweating|shivering|chilly|too warm|warm]
        I am [cold|freezing|hot|so cold|too hot]
        I feel [cold|hot|warm|chilly]
        my [hands|feet|ears] are cold
        my [tea|coffee|soup|pizza|dinner] is [cold|too hot]
        the [soup|coffee|water|shower|bath|pool] is (too )[cold|hot]
        I have a cold
        the oven is too hot
        !preheat the oven to {some_number} degrees
        !set the oven to {some_number} degrees
        !set the fridge to {small_number} degrees
        !heat up my [dinner|soup|food|coffee]
        !warm up the [car|soup|milk]
        !warm up [my|the] car
        it's too cold to go outside
        {first} turned up the heat
        if I set the thermostat to 18, how much do I save
        should I turn on the heating
        why is my heating bill so high
        never mind the heating
        {some_number} degrees
        make it {some_number}
        open the window
        close the blinds
    """, 2),
]
MACROS |= {
    "bit1": "[a bit |a little |a little bit |a lot |much |slightly |even |||||||]",
    "too": "[too |too |so |way too |a bit too |really |a little |very |kind of |]",
    "so": "[so |too |really |way too |a bit |very |super |damn |pretty |quite ||||]",
    "coldword": "[cold|cold|freezing|chilly|freezing cold|icy|frosty|nippy]",
    "hotword": "[hot|hot|stuffy|boiling|warm|sweltering|roasting|boiling hot|stifling|baking]",
    "therm": "[the thermostat|the thermostat|the temperature|thermostat|the temp|my thermostat|the heating|the heat]",
    "thermword": "[thermostat|temperature|temp|heating|heat|thermostat]",
    "inrm": "in {the4}{place=rm}",
    "unit": "[||| celsius<unit=celsius>| fahrenheit<unit=fahrenheit>| C<unit=celsius>| F<unit=fahrenheit>]",
    "goal": (
        "[{setting=temperature}|{setting=temperature}|{setting=temperature} degrees"
        "|{setting=temperature} degrees|{setting=temperature} degrees|{setting=temperature} degrees {unitname}"
        "|{setting=temperature} {unitname}|{setting=temperature_digits}{unitletter}"
        "|{setting=temperature_digits}°|{setting=temperature_digits}°{unitletter}]"
    ),
    "deg_goal": (
        "[{setting=temperature} degrees|{setting=temperature} degrees|{setting=temperature} degrees"
        "|{setting=temperature} degrees {unitname}|{setting=temperature} {unitname}"
        "|{setting=temperature_digits}{unitletter}|{setting=temperature_digits}°|{setting=temperature}]"
    ),
    "sure_goal": (
        "[{setting=temperature} degrees|{setting=temperature} degrees|{setting=temperature} degrees {unitname}"
        "|{setting=temperature_digits}°]"
    ),
    "unitname": (
        "[celsius<unit=celsius>|celsius<unit=celsius>|fahrenheit<unit=fahrenheit>|fahrenheit<unit=fahrenheit>"
        "|Celsius<unit=celsius>|Fahrenheit<unit=fahrenheit>|centigrade<unit=celsius>]"
    ),
    "unitletter": (
        "[C<unit=celsius>|F<unit=fahrenheit>| C<unit=celsius>| F<unit=fahrenheit>|c<unit=celsius>"
        "|f<unit=fahrenheit>]"
    ),
    "heatname": "[heating|heating|heat|heater|central heating]",
    "coolname": "[ac|ac|AC|a/c|air conditioning|air conditioner|air con|aircon|cooling]",
    "climate": (
        "[heating|heating|heat|heater|ac|AC|air conditioning|air conditioner|aircon|thermostat|a/c"
        "|central heating]"
    ),
    "therm0": "[the thermostat|the temperature|the heating|the ac|the heat]",
    "l0": (
        "[the {room} lights|the lights|the {lightname} light|the lights in the {room}|the {room} light"
        "|all the lights|the {lamp}|the lights upstairs]"
    ),
}
EXTRAS = {
    "set_lights": (
        "[at {some_time}|in {some_duration}|for {some_duration}|when I get home|at sunset|every evening"
        "|until {some_time}|slowly over {some_duration}|if it's dark|and make them blink|and flash twice"
        "|in {some_duration} from now|on a schedule|for reading|for the party|for the guests|to read"
        "|for the movie|to cook|for the party tonight at {some_time}|when the alarm rings]"
    ),
    "set_thermostat": (
        "[at {some_time}|in {some_duration}|for {some_duration}|when I get home|every morning|until {some_time}"
        "|in eco mode|on weekdays|while I'm away|and the fan to high|at night"
        "|if it's below {small_number} degrees|tomorrow]"
    ),
}
