"""play_media, control_media and set_volume."""

from . import group, nulls

MACROS = {
    "mplay": "[play|play|play|play|play|put on|put on|stream|start playing|start]",
    "q": "{query=media}",
    "apps": "[{app}|{app}|{app}|{oddapp}|{coined}]",
    "onapp": "[on|on|from|with|using|via|through] {app=apps}",
    # Rooms and devices; speaker(s) is dropped as light(s) is
    "mspot": (
        "[in {the4}{place=mrooms}|in {the4}{place=mrooms}|in {the4}{place=mrooms}|on {the4}{place=mdevice}"
        "|on {the4}{place=mdevice}|on {the4}{place=rooms} [speaker|speakers]|in {place=rooms_own}"
        "|on my {place=mdevice}]"
    ),
    "mrooms": "[{room}|{room}|{oddroom}|{tworooms}]",
    "mdevice": (
        "[tv|radio|headphones|soundbar|stereo|laptop|phone|tablet|projector|earbuds|television|computer"
        "|record player|{room} tv|{room} stereo|{room} radio|{room} computer|{coined}|{first}'s [phone|laptop"
        "|tablet]|big tv|old radio|bluetooth headphones|{coined} soundbar|smart tv|car stereo]"
    ),
    "mdev": (
        "[tv|radio|headphones|soundbar|stereo|laptop|{room} tv|television|projector|record player|{room} stereo"
        "|{room} radio|computer|tablet|phone]"
    ),
    "musicword": (
        "[the music|the music|music|the song|this song|the track|it|the tune|playback|the playlist|the album"
        "|the podcast|the movie|the show|the video|the audiobook|the radio|the film|this|the audio"
        "|what's playing|this track|this movie|this podcast|this episode]"
    ),
    "stuff": (
        "[the music|the song|the podcast|the movie|the audiobook|the playlist|the show|the video|the film"
        "|the track|playback]"
    ),
}

PATTERNS = [
    group("play_media", "plain", 12, """
        !{mplay} {q}
        !{mplay} {q}
        !{mplay} {q}
        !{mplay} {q}
        !play me {q}
        !play us {q}
        !play {q}
        listen to {q}
        listen to {query=artist}
        !play some {query=genre_like}
        !play some {query=genre_like}
        !put some {query=genre_like} on
        !put on some {query=genre_like}
        !put {q} on
        listen to some {query=genre_like}
        !start {q}
        !turn on {query=turn_on}
        !turn on some {query=turn_on_some}
        !switch on {query=turn_on}
        !turn {query=turn_on} on
        !let me hear {q}
        !let me hear some {query=genre_like}
        !let me listen to {q}
        watch {query=watchable}
        !stream {query=watchable}
        !throw on (some ){query=genre_like}
        !stick on (some ){query=genre_like}
        !blast (some ){query=genre_like}
        !fire up {query=watchable}
        ~to [hear|listen to] {q}
        ~to [hear|listen to] some {query=genre_like}
        ~to watch {query=watchable}
        ~to play {q}
        ~some {query=genre_like}
        ~some {query=genre_like} playing
        I [want to|wanna|would like to|'d like to] [hear|listen to] {q}
        I [want to|wanna|would like to|'d like to] hear some {query=genre_like}
        I [want to|wanna|would like to|'d like to] watch {query=watchable}
        I wanna [hear|listen to|watch] {query=watchable}
        I feel like listening to (some ){query=genre_like}
        I need to hear {q}
        let's [hear|listen to|play] {q}
        let's [hear|listen to|play] some {query=genre_like}
        let's watch {query=watchable}
        let's put on {q}
        let's have some {query=genre_like}
        can we [hear|listen to|watch|play] {query=watchable}
        can we have some {query=genre_like}
        can I [hear|listen to] {q}
        can I get some {query=genre_like}
        could we listen to {q}
        could we watch {query=watchable}
        how about some {query=genre_like}
        some {query=genre_like} please
        {query=genre} please
        play {query=genre}
        play {query=show}
        play {query=station}
        play {query=song_like}
        play {query=artist}
        now play {q}
        I'm [cooking|working|studying|cleaning|relaxing], play some {query=genre_like}
        I'm [bored|sad|in a good mood|working out], play {q}
        it's [party time|friday night|been a long day], put on some {query=genre_like}
    """),
    group("play_media", "app", 4.5, """
        !{mplay} {q} {onapp}
        !{mplay} {q} {onapp}
        !{mplay} {q} {onapp}
        !{mplay} {q} on {app=apps}
        !play some {query=genre_like} {onapp}
        !put on some {query=genre_like} {onapp}
        !put {q} on [from|with|using|via] {app=apps}
        !play {onapp} {q}
        !play me {q} {onapp}
        !open {app=apps} and play {q}
        !use {app=apps} to play {q}
        !go to {app=apps} and play {q}
        !start {app=apps} and play {q}
        !start {q} {onapp}
        watch {query=watchable} {onapp}
        !stream {query=watchable} {onapp}
        !find {q} on {app=apps} and play it
        listen to {q} {onapp}
        ~to hear {q} {onapp}
        ~to watch {query=watchable} on {app=apps}
        on {app=apps} play {q}
        on {app=apps}, play {q}
        from {app=apps} play {q}
        using {app=apps}, play {q}
        {app=apps}: play {q}
        {app=apps}, play {q}
        play {q}, {app=apps}
        I [want|'d like] to [hear|listen to] {q} on {app=apps}
        I [want|'d like] to watch {query=watchable} on {app=apps}
        let's watch {query=watchable} on {app=apps}
        let's listen to {q} {onapp}
        can we watch {query=watchable} on {app=apps}
        can I hear {q} {onapp}
        some {query=genre_like} {onapp} please
    """),
    group("play_media", "place", 4.5, """
        !{mplay} {q} {mspot}
        !{mplay} {q} {mspot}
        !{mplay} {q} {mspot}
        !play some {query=genre_like} {mspot}
        !play some {query=genre_like} {mspot}
        !put on some {query=genre_like} {mspot}
        !put {q} on {mspot}
        !put some {query=genre_like} on {mspot}
        !play {mspot} {q}
        !play me {q} {mspot}
        !turn on {query=turn_on} {mspot}
        !turn on some {query=turn_on_some} {mspot}
        !start {q} {mspot}
        !stream {q} {mspot}
        watch {query=watchable} on {the4}{place=mdev}
        !put {query=watchable} on {the4}{place=mdev}
        !play {q} on the [speaker|speakers]
        !play {query=station} on the {place=radio_}
        ~to hear {q} {mspot}
        ~some {query=genre_like} {mspot}
        ~to watch {query=watchable} on {the4}{place=mdev}
        in {the4}{place=mrooms} play {q}
        in {the4}{place=mrooms}, play some {query=genre_like}
        on {the4}{place=mdevice} play {q}
        on {the4}{place=mdevice}, play {q}
        {query=genre} in {the4}{place=mrooms}
        {query=genre_like} {mspot} please
        I [want|'d like] to [hear|listen to] {q} {mspot}
        I [want|'d like] some {query=genre_like} {mspot}
        let's watch {query=watchable} on {the4}{place=mdev}
        let's have some {query=genre_like} {mspot}
        can we have some {query=genre_like} {mspot}
        can we listen to {q} {mspot}
    """),
    group("play_media", "app and place", 2, """
        !{mplay} {q} {onapp} {mspot}
        !{mplay} {q} {mspot} {onapp}
        !play some {query=genre_like} {onapp} {mspot}
        !play some {query=genre_like} {mspot} {onapp}
        !put on {q} {onapp} {mspot}
        !stream {query=watchable} {onapp} {mspot}
        watch {query=watchable} on {app=apps} on {the4}{place=mdev}
        !use {app=apps} to play {q} {mspot}
        !open {app=apps} {mspot} and play {q}
        on {app=apps} play {q} {mspot}
        {mspot} play {q} {onapp}
        I [want|'d like] to hear {q} {onapp} {mspot}
        let's watch {query=watchable} on {app=apps} on {the4}{place=mdev}
        can we have {query=genre} {onapp} {mspot}
    """),
    group("control_media", "pause", 4, """
        !pause
        !pause {musicword}
        !pause {musicword}
        !pause {stuff} {mspot}
        !pause {the4}{place=mdev}
        !pause the music in {the4}{place=mrooms}
        !pause in {the4}{place=mrooms}
        !pause that
        !hit pause
        !press pause
        !put {stuff} on pause
        !put {stuff} on hold
        !freeze the [movie|video|film]
        !hold the music
        pause
        pause it
        pause please
        pause music
        pause {place=mdev}
        music pause
        let's pause {stuff}
        I want to pause {stuff}
        I need to pause {musicword}
        can we pause {musicword}
        can I pause {stuff}
        someone's at the door, pause {stuff}
        phone's ringing, pause {stuff}
        hang on, pause {stuff}
        wait, pause it
        hold on, pause {musicword}
    """, action="pause"),
    group("control_media", "resume", 4, """
        !resume
        !resume {musicword}
        !resume {stuff}
        !resume {stuff} {mspot}
        !unpause
        !unpause {musicword}
        !unpause {stuff} {mspot}
        !continue
        !continue {stuff}
        !continue {stuff} {mspot}
        !continue playing
        !continue playing {stuff}
        !keep playing
        !carry on playing
        !carry on with {stuff}
        !resume playback
        !resume play
        !resume on {the4}{place=mdev}
        !resume in {the4}{place=mrooms}
        !press play
        !hit play
        !start {stuff} again where [we|I] left off
        !pick up where [we|I] left off
        !turn {stuff} back on
        !go on with {stuff}
        !un-pause {stuff}
        play
        play please
        resume
        continue
        unpause
        unpause please
        resume please
        continue please
        I'm back, [resume|unpause|continue] {stuff}
        ok, resume {stuff}
        ok I'm ready, unpause
        let's [resume|continue|unpause] {stuff}
        I want to continue {stuff}
        can we [continue|resume] {stuff}
        resume {place=mdev}
    """, action="resume"),
    group("control_media", "stop", 5, """
        !stop {musicword}
        !stop {musicword}
        !stop {stuff}
        !stop {stuff} {mspot}
        !stop {stuff} {mspot}
        !stop playing
        !stop playing {stuff}
        !stop playing music
        !stop playing (music )in {the4}{place=mrooms}
        !stop playing (music )on {the4}{place=mdev}
        !stop playback
        !turn off {stuff}
        !turn off the music
        !turn the music off
        !turn {stuff} off
        !turn off {stuff} {mspot}
        !turn the music off {mspot}
        !switch off the music
        !switch the music off {mspot}
        !shut off the music
        !shut the music off
        !kill the music
        !kill the music {mspot}
        !end {stuff}
        !end the music
        !cut the music
        !quit playing
        !make the music stop
        ~the music off
        ~the music to stop
        music off
        music off {mspot}
        music stop
        stop music
        stop the music
        stop playing
        no more music
        no more music please
        let's stop {stuff}
        let's turn off the music
        I want the music off
        I've had enough of [this music|the music], [stop it|turn it off]
        can we stop {stuff}
        can we turn off the music
        I'm on the phone, stop {stuff}
        I can't concentrate, turn off the music
        enough music
    """, action="stop"),
    group("control_media", "next", 5, """
        !next
        !next {track}
        !next {track} {mspot}
        !skip
        !skip this
        !skip it
        !skip this {track}
        !skip the {track}
        !skip that {track}
        !skip {track} {mspot}
        !skip to the next {track}
        !skip to the next one
        !skip ahead to the next {track}
        !skip forward to the next {track}
        !skip ahead
        !skip this one
        !skip one
        !go to the next {track}
        !go to the next one
        !move on to the next {track}
        !jump to the next {track}
        !play the next {track}
        !play the next one
        !play the next {track} {mspot}
        !play the following {track}
        !switch to the next {track}
        !give me the next {track}
        !put on the next {track}
        ~the next {track}
        next
        next one
        next {track}
        next please
        next {track} please
        next {track} on {the4}{place=mdev}
        skip
        skip please
        skip this
        skip song
        I don't like this {track}, skip it
        I don't like this {track}, next
        I hate this {track}, [skip|skip it|next]
        this {track} is [terrible|boring|awful|bad|annoying], [skip it|next|skip]
        not this one, skip it
        ugh not this song, skip
        let's skip this {track}
        let's hear the next {track}
        can we skip this {track}
        can we hear the next {track}
        can we go to the next {track}
        I want (to hear )the next {track}
        I want to skip this {track}
    """, action="next"),
    group("control_media", "previous", 4, """
        !previous
        !previous {track}
        !previous {track} {mspot}
        !go back
        !go back a {track}
        !go back one
        !go back one {track}
        !go back to the {prev} {track}
        !go back to the {prev} one
        !go back to the {track} before
        !go to the {prev} {track}
        !go to the previous one
        !play the {prev} {track}
        !play the {prev} {track}
        !play the {prev} {track} {mspot}
        !play the previous one
        !play the {prev} one again
        !play the {track} before [this|this one|that]
        !jump back to the {prev} {track}
        !jump back a {track}
        !back to the {prev} {track}
        !skip back
        !skip back to the {prev} {track}
        !skip back a {track}
        !skip backwards
        !return to the {prev} {track}
        !switch back to the {prev} {track}
        !put the {prev} {track} back on
        ~the {prev} {track}
        ~the {prev} {track} back
        previous
        previous {track}
        previous one
        previous {track} please
        back one {track}
        one {track} back
        track back
        {track} before
        wait I liked that {track}, go back
        let's go back a {track}
        let's go back to the {prev} {track}
        can we go back to the {prev} {track}
        I want (to hear )the {prev} {track}
        I missed that, go back to the previous {track}
    """, action="previous"),
    group("control_media", "restart", 4, """
        !restart
        !restart {musicword}
        !restart {stuff}
        !restart the {track}
        !restart this {track}
        !restart {stuff} {mspot}
        !start {stuff} over
        !start over
        !start the {track} over (again)
        !start this {track} over
        !start the {track} from the (very )beginning
        !start {stuff} from the beginning
        !start again from the beginning
        !start {stuff} again from the top
        !play it again
        !play that again
        !play this again
        !play the {track} again
        !play this {track} again
        !play that {track} again
        !play this {track} again {mspot}
        !play it (again )from the [start|beginning|top]
        !play the {track} from the [start|beginning|top]
        !play {stuff} from the [start|beginning]
        !play this {track} from the start
        !play that one again
        !play it one more time
        !play that {track} one more time
        !play it once more
        !go back to the [beginning|start] (of the {track})
        !go back to the beginning of {stuff}
        !take it from the top
        !rewind to the [beginning|start]
        ~to hear that (one )again
        ~to hear this {track} again
        again
        again please
        again from the start
        from the beginning
        from the [start|top] (please)
        once more
        once more from the beginning
        one more time
        let's hear that again
        let's start {stuff} over
        can we hear that again
        can I hear that {track} again
        I want to hear that again
        I want to hear this {track} again
        I love this {track}, play it again
        that was great, play it again
    """, action="restart"),
    group("control_media", "shuffle", 3.5, """
        !shuffle
        !shuffle {stuff}
        !shuffle {stuff} {mspot}
        !shuffle my music
        !shuffle this
        !shuffle this [playlist|album]
        !shuffle the [songs|tracks|playlist|queue|album]
        !shuffle everything
        !turn on shuffle
        !turn shuffle on
        !turn on shuffle {mspot}
        !turn on shuffle mode
        !switch on shuffle
        !switch to shuffle
        !enable shuffle
        !activate shuffle (mode)
        !put {stuff} on shuffle
        !put it on shuffle
        !put it on random
        !put {stuff} on random
        !set it to shuffle
        !set {stuff} to shuffle
        !play (the songs |it |them |the playlist )in random order
        !play on shuffle
        !mix up the [songs|playlist|order|tracks]
        !mix it up a bit
        !randomize the [playlist|songs|order|tracks]
        shuffle
        shuffle on
        shuffle please
        shuffle mode
        shuffle mode on
        shuffle music
        random order
        random order please
        let's shuffle {stuff}
        let's shuffle this playlist
        can we shuffle {stuff}
        can you put this on shuffle
        I want {stuff} on shuffle
        I want to shuffle {stuff}
    """, action="shuffle"),
    group("control_media", "repeat", 4, """
        !repeat
        !repeat this
        !repeat this {track}
        !repeat the {track}
        !repeat {stuff}
        !repeat {stuff} {mspot}
        !loop
        !loop this
        !loop it
        !loop this {track}
        !loop the {track}
        !loop {stuff}
        !loop {stuff} {mspot}
        !put this {track} on repeat
        !put the {track} on repeat
        !put this on repeat
        !put it on repeat
        !put {stuff} on [repeat|loop]
        !put {stuff} on repeat {mspot}
        !put this {track} on loop
        !play this {track} on repeat
        !play this on [repeat|loop]
        !play it on [repeat|loop]
        !play the {track} on a loop
        !play this {track} over and over
        !keep playing this {track} (over and over)
        !keep repeating this {track}
        !set it to repeat
        !set {stuff} to repeat
        !turn on repeat
        !turn repeat on
        !turn on repeat mode
        !switch on repeat
        !enable repeat
        repeat
        repeat on
        repeat please
        repeat mode
        repeat this song
        loop
        loop on
        loop it
        on repeat please
        let's loop this {track}
        let's put this on repeat
        can we put this {track} on repeat
        can we loop this
        I want this {track} on repeat
        I love this {track}, put it on repeat
        I love this {track}, loop it
    """, action="repeat"),
    group("set_volume", "number", 6, """
        !set the volume to {vol}
        !set the volume to {vol}
        !set the volume at {vol}
        !set volume to {vol}
        !set volume {vol}
        !set the volume of {the4}{place=mdev} to {vol}
        !set the volume to {vol} {mspot}
        !set the volume {mspot} to {vol}
        !set {the4}{place=vplace} volume to {vol}
        !set {the4}{place=mdev} to {level=volume_percent}
        !set the [sound|sound level|music] to {vol}
        !set the music volume to {vol}
        !put the volume [at|on|to] {vol}
        !put the volume {mspot} [at|on] {vol}
        !put {the4}{place=mdev} [at|on] {level=volume_percent}
        !turn the volume (up|down) to {vol}
        !turn the volume (up|down) to {vol} {mspot}
        !turn the music (up|down) to {vol}
        !turn it (up|down) to {vol}
        !turn {the4}{place=mdev} (up|down) to {vol}
        !turn (up|down) the volume to {vol}
        !raise the volume to {vol}
        !lower the volume to {vol}
        !bring the volume (up|down) to {vol}
        !increase the volume to {vol}
        !decrease the volume to {vol}
        !reduce the volume to {vol}
        !change the volume to {vol}
        !adjust the volume to {vol}
        !make the volume {vol}
        !make it volume {level=volume_number}
        !crank the volume (up )to {vol}
        !play [it|the music] at volume {level=volume_number}
        !play it at {level=volume_percent}
        !go to volume {level=volume_number}
        !turn the volume all the way up<level=100>
        !turn it all the way up<level=100>
        !turn it up all the way<level=100>
        !turn the volume up all the way {mspot}<level=100>
        !turn {the4}{place=mdev} all the way up<level=100>
        !turn it up to (the )[max|maximum|full blast]<level=100>
        !crank it (all the way )to the max<level=100>
        !set the volume to [max|maximum|full|the maximum|the highest]<level=100>
        !put it on full volume<level=100>
        !full volume<level=100>
        !max volume<level=100>
        !maximum volume {mspot}<level=100>
        !max out the volume<level=100>
        !make it as loud as [possible|it goes]<level=100>
        !turn the volume all the way down<level=0>
        !turn it all the way down<level=0>
        !turn it down all the way<level=0>
        !turn {the4}{place=mdev} all the way down<level=0>
        !set the volume to [minimum|the minimum|the lowest|zero]<level=0>
        !lowest volume<level=0>
        !minimum volume (please)<level=0>
        !set the volume to half<level=50>
        !half volume<level=50>
        !turn it (down|up) to half<level=50>
        !put the volume at half<level=50>
        !set {the4}{place=mdev} to half volume<level=50>
        ~the volume at {vol}
        ~volume {level=volume_number}
        ~half volume<level=50>
        volume {level=volume_number}
        volume {level=volume_number}
        volume {vol}
        volume to {vol}
        volume at {vol}
        volume {vol} {mspot}
        volume max<level=100>
        volume full<level=100>
        volume half<level=50>
        volume min<level=0>
        {place=vplace} volume {vol}
        {place=mdev} volume to {vol}
        {place=mdev} to {level=volume_percent}
        sound level {level=volume_number}
        I want the volume at {vol}
        I'd like the volume at {vol} {mspot}
        let's have the volume at {vol}
        let's set the volume to {vol}
        can we have the volume at {vol}
    """),
    group("set_volume", "up", 5, """
        !turn it up{bit}
        !turn it up{bit}
        !turn it up{bit} {mspot}
        !turn up the volume{bit}
        !turn the volume up{bit}
        !turn the volume up{bit} {mspot}
        !turn up the [music|sound|song|podcast|movie]{bit}
        !turn the [music|sound|song|podcast|movie] up{bit}
        !turn the music up{bit} {mspot}
        !turn {the4}{place=mdev} up{bit}
        !turn up {the4}{place=mdev}{bit}
        !turn this up{bit}
        !turn that up
        !volume up
        !raise the volume{bit}
        !raise the volume {mspot}
        !increase the volume{bit}
        !increase the volume {mspot}
        !increase the sound
        !pump up the volume
        !crank it up
        !crank up the [volume|music|sound]
        !boost the [volume|sound]
        !make it {bit1}louder
        !make it {bit1}louder {mspot}
        !make the music {bit1}louder
        !make {the4}{place=mdev} {bit1}louder
        !play it {bit1}louder
        !play the music {bit1}louder
        !give me {bit1}more volume
        ~it {bit1}louder
        ~the music {bit1}louder
        ~{bit1}more volume
        louder
        {bit1}louder
        {bit1}louder please
        {bit1}louder {mspot}
        {bit1}more volume
        volume up
        volume up{bit}
        volume up {mspot}
        {place=mdev} louder
        {place=mdev} up
        up the volume
        music louder
        let's turn it up
        can we turn it up{bit}
        can we make it {bit1}louder
        I love this song, turn it up
        I want it {bit1}louder
        I can't hear it, turn it up
    """, level="up"),
    group("set_volume", "down", 5, """
        !turn it down{bit}
        !turn it down{bit}
        !turn it down{bit} {mspot}
        !turn down the volume{bit}
        !turn the volume down{bit}
        !turn the volume down{bit} {mspot}
        !turn down the [music|sound|song|podcast|movie]{bit}
        !turn the [music|sound|song|podcast|movie] down{bit}
        !turn the music down{bit} {mspot}
        !turn {the4}{place=mdev} down{bit}
        !turn down {the4}{place=mdev}{bit}
        !turn this down{bit}
        !turn that down
        !lower the volume{bit}
        !lower the volume {mspot}
        !lower the [music|sound]{bit}
        !decrease the volume{bit}
        !decrease the volume {mspot}
        !reduce the volume{bit}
        !reduce the sound
        !bring the volume down{bit}
        !make it {bit1}[quieter|softer|less loud]
        !make it {bit1}[quieter|softer] {mspot}
        !make the music {bit1}[quieter|softer]
        !make {the4}{place=mdev} {bit1}quieter
        !play it {bit1}[quieter|softer]
        !keep it down{bit}
        !quiet it down
        !quiet the music (down)
        ~it {bit1}[quieter|softer]
        ~the music {bit1}[quieter|softer]
        ~{bit1}less volume
        quieter
        softer
        {bit1}quieter
        {bit1}softer
        {bit1}quieter please
        {bit1}quieter {mspot}
        {bit1}less volume
        not so loud
        not so loud please
        volume down
        volume down{bit}
        volume down {mspot}
        {place=mdev} quieter
        {place=mdev} down
        music quieter
        let's turn it down
        can we turn it down{bit}
        can we make it {bit1}quieter
        I'm on the phone, turn it down
        the baby is sleeping, turn it down
        I want it {bit1}quieter
        my head hurts, turn the music down
    """, level="down"),
    group("set_volume", "by", 4, """
        !turn it up (by ){level=plus_volume}
        !turn it down (by ){level=minus_volume}
        !turn the volume up (by ){level=plus_volume}
        !turn the volume down (by ){level=minus_volume}
        !turn the volume up by {level=plus_bare}
        !turn the volume down by {level=minus_bare}
        !turn it up by {level=plus_bare}
        !turn it down by {level=minus_bare}
        !turn up the volume by {level=plus_volume}
        !turn down the volume by {level=minus_volume}
        !turn up the volume {mspot} by {level=plus_volume}
        !turn down the volume {mspot} by {level=minus_volume}
        !turn {the4}{place=mdev} up by {level=plus_volume}
        !turn {the4}{place=mdev} down by {level=minus_volume}
        !turn the music up by {level=plus_volume}
        !turn the music down by {level=minus_volume}
        !raise the volume by {level=plus_volume}
        !raise the volume by {level=plus_bare}
        !raise the volume {level=plus_volume}
        !increase the volume by {level=plus_volume}
        !increase the volume by {level=plus_bare}
        !increase the volume by {level=plus_volume} {mspot}
        !boost the volume by {level=plus_volume}
        !lower the volume by {level=minus_volume}
        !lower the volume by {level=minus_bare}
        !lower the volume by {level=minus_volume} {mspot}
        !decrease the volume by {level=minus_volume}
        !decrease the volume by {level=minus_bare}
        !reduce the volume by {level=minus_volume}
        !bring the volume down by {level=minus_volume}
        !bring the volume up by {level=plus_volume}
        !make it {level=plus_volume} louder
        !make it {level=minus_volume} [quieter|softer]
        !make {the4}{place=mdev} {level=plus_volume} louder
        !make {the4}{place=mdev} {level=minus_volume} quieter
        ~it {level=plus_volume} louder
        {level=plus_volume} louder
        {level=minus_volume} quieter
        {level=minus_volume} quieter please
        volume up {level=plus_volume}
        volume up {level=plus_bare}
        volume up by {level=plus_bare}
        volume down {level=minus_volume}
        volume down {level=minus_bare}
        volume down by {level=minus_bare}
        volume plus {level=plus_bare}
        volume minus {level=minus_bare}
        can we go up {level=plus_volume} (on the volume)
        let's turn it down by {level=minus_volume}
    """),
    group("set_volume", "mute", 5, """
        !mute<level=mute>
        !mute it<level=mute>
        !mute the [volume|sound|music|audio|song|movie]<level=mute>
        !mute {the4}{place=mdev}<level=mute>
        !mute {the4}{place=mdev}<level=mute>
        !mute {the4}{place=mrooms} [speaker|speakers]<level=mute>
        !mute the [sound|music|audio] {mspot}<level=mute>
        !mute everything in {the4}{place=mrooms}<level=mute>
        !mute that<level=mute>
        !mute this<level=mute>
        !silence the [music|sound|audio]<level=mute>
        !silence {the4}{place=mdev}<level=mute>
        !silence it<level=mute>
        !silence<level=mute>
        !turn the sound off<level=mute>
        !turn off the sound<level=mute>
        !turn off the sound {mspot}<level=mute>
        !turn the sound off {mspot}<level=mute>
        !switch off the sound<level=mute>
        !cut the sound<level=mute>
        !put {the4}{place=mdev} on mute<level=mute>
        !put it on mute<level=mute>
        !kill the sound<level=mute>
        !make it silent<level=mute>
        ~the sound off<level=mute>
        mute<level=mute>
        mute please<level=mute>
        mute {place=mdev}<level=mute>
        {place=mdev} mute<level=mute>
        sound off<level=mute>
        no sound<level=mute>
        no sound please<level=mute>
        no sound {mspot}<level=mute>
        volume off<level=mute>
        volume mute<level=mute>
        I'm on a call, mute {the4}{place=mdev}<level=mute>
        someone's calling, mute it<level=mute>
        I want it muted<level=mute>
        let's mute it<level=mute>
        can we mute {the4}{place=mdev}<level=mute>
        !unmute<level=unmute>
        !unmute it<level=unmute>
        !unmute the [sound|music|audio|volume]<level=unmute>
        !unmute {the4}{place=mdev}<level=unmute>
        !unmute {the4}{place=mdev}<level=unmute>
        !unmute {the4}{place=mrooms} [speaker|speakers]<level=unmute>
        !unmute the [sound|audio] {mspot}<level=unmute>
        !turn the sound (back )on<level=unmute>
        !turn the sound back on<level=unmute>
        !turn the sound back on {mspot}<level=unmute>
        !turn on the sound<level=unmute>
        !turn the volume back on<level=unmute>
        !bring back the sound<level=unmute>
        !bring the sound back<level=unmute>
        !get the sound back<level=unmute>
        !put the sound back on<level=unmute>
        !switch the sound back on<level=unmute>
        !take {the4}{place=mdev} off mute<level=unmute>
        !take it off mute<level=unmute>
        !give me (the )sound back<level=unmute>
        ~the sound back<level=unmute>
        ~the sound back on<level=unmute>
        sound on<level=unmute>
        sound back on<level=unmute>
        sound on {mspot}<level=unmute>
        unmute<level=unmute>
        unmute please<level=unmute>
        unmute {place=mdev}<level=unmute>
        mute off<level=unmute>
        let's have the sound back<level=unmute>
        I'm off the phone, unmute {the4}{place=mdev}<level=unmute>
    """),
    group("set_volume", "complaint", 3, """
        {the4}{place=mdev} is {tooq}loud<level=down>
        {the4}{place=mdev} is {tooq}loud<level=down>
        the [music|sound|volume|song|podcast|movie|audio] is {tooq}loud<level=down>
        the [music|sound|volume|song|podcast|movie] is {tooq}loud<level=down>
        the music {mspot} is {tooq}loud<level=down>
        the music is {tooq}loud {mspot}<level=down>
        the volume is too high<level=down>
        the volume {mspot} is too high<level=down>
        it's {tooq}loud {here}<level=down>
        this [song|music|podcast|video] is {tooq}loud<level=down>
        why is [the music|the song|the movie] so loud<level=down>
        why is {the4}{place=mdev} so loud<level=down>
        the music is [blasting|hurting my ears|deafening]<level=down>
        music is too loud<level=down>
        {place=mdev} is {tooq}loud<level=down>
        {the4}{place=mdev} is {tooq}[quiet|low|soft]<level=up>
        {the4}{place=mdev} is {tooq}quiet<level=up>
        the [music|sound|volume|song|podcast|movie|audio] is {tooq}[quiet|low|soft]<level=up>
        the music {mspot} is {tooq}[quiet|low]<level=up>
        the volume is too low<level=up>
        the volume {mspot} is too low<level=up>
        this [song|music|podcast|video] is {tooq}quiet<level=up>
        why is [the music|the song|the movie] so quiet<level=up>
        why is {the4}{place=mdev} so quiet<level=up>
        I can't hear {the4}{place=mdev}<level=up>
        I can't hear {the4}{place=mdev}<level=up>
        I can't hear the [music|song|podcast|movie|news|show|sound]<level=up>
        I can't hear the [music|podcast|movie] {mspot}<level=up>
        I can barely hear {the4}{place=mdev}<level=up>
        I can barely hear the [music|song|podcast|movie]<level=up>
        I can hardly hear the [music|song|podcast|movie|show]<level=up>
        we can't hear {the4}{place=mdev}<level=up>
        we can't hear the [music|movie|song]<level=up>
        can't hear the [music|tv show|movie|podcast]<level=up>
        {place=mdev} is too quiet<level=up>
    """, flags=["complaint"]),
    nulls("media: not its job", """
        what song is this
        what's this song
        what is this song [called|]
        what's [playing|the name of this song|this track|on right now]
        who sings this [song|]
        who is singing
        which album is this from
        what's the name of [this artist|that song|the band]
        who is [the singer|playing|the drummer] of {performer}
        !fast forward (by )[30 seconds|{some_duration}|]
        !rewind (by )[30 seconds|{some_duration}|a bit|]
        !skip ahead {some_duration}
        !skip forward {some_duration}
        !go back {some_duration}
        !skip back 30 seconds
        !skip the intro
        !skip to [minute {small_number}|the chorus|the end|chapter {small_number}|{small_number} minutes|the good part]
        !skip {small_number} songs
        !go to minute {small_number}
        !like this song
        I like this song
        !thumbs up
        !dislike this [song|]
        !add this [song|] to my {word} playlist
        !add {title} to [my playlist|the queue|my library]
        !queue {title}
        !queue up {title} by {performer}
        !play {title} next
        !play {title} after this
        !save this [song|album|]
        !favorite this track
        !create a playlist [called {word}|with {genre}|]
        !make me a playlist [for {hobby}|]
        !delete my {word} playlist
        !move the music to the {room}
        !switch to my headphones
        !switch the output to the {device}
        !cast [this|it] to the {device}
        !connect to the {device}
        !connect my headphones
        !disconnect {device}
        !play {media} [at {some_time}|in {some_duration}|for {some_duration}|tomorrow morning|when I get home
        + |until I fall asleep|at volume {small_number}|at {small_number} percent|quietly|loudly|on shuffle|on repeat
        + |in the background|at double speed|with lyrics|with subtitles|every morning|twice]
        !play {media} and [turn off the lights|dim the lights|turn it up|set the volume to {small_number}]
        !play {title} and then {title}
        !stop the music [in {some_duration}|at {some_time}|after this song|when the song ends]
        !pause the music [in {some_duration}|at {some_time}|for {some_duration}]
        !set a sleep timer
        !set a sleep timer for {some_duration}
        !play something on the {device} for {first}
        !turn on [subtitles|closed captions|captions]
        !turn off [subtitles|captions]
        !change the [language|subtitles|channel|input|audio track|station]
        !switch to channel {small_number}
        !go to channel {small_number}
        !change the channel [to {small_number}|]
        !turn on the [tv|projector|xbox|soundbar|television]
        !record [the game|the show|{title}]
        !turn off shuffle
        !turn off repeat
        shuffle off
        repeat off
        !stop repeating
        !play faster
        !slow it down
        !play at half speed
        !turn up the bass
        !lower the treble
        !adjust the equalizer
        !set the ringtone volume to {small_number}
        !set the alarm volume to {small_number}
        !turn my phone on silent
        !put my phone on silent
        !mute notifications
        !mute my phone for {some_duration}
        !mute {first}
        !mute the conversation
        !mute [the group chat|this chat]
        what's the volume [at|]
        what is the volume [set to|]
        how loud is it
        !set the volume
        !change the volume
        !set the volume to {small_number} in {some_duration}
        !set the volume in the {room} to 20 and in the {room} to 40
        !turn it up after {some_time}
        !louder in the {room} and quieter in the {room}
        !turn it up and skip this song
    """, 2.2),
    nulls("media: no order", """
        can you play [games|chess|the guitar|the piano|poker]
        !play [chess|a game|hide and seek|poker|cards|tic tac toe|20 questions|trivia|a prank|dead
        + |rock paper scissors|the lottery|football|sudoku|hangman] with me
        !let's play [a game|chess|cards|trivia|20 questions|tic tac toe|hide and seek|truth or dare]
        can we play [a game|chess|20 questions]
        do you [have|support|use] {app}
        do you like [{genre}|music|{artist}|{title}]
        what's your favorite [song|movie|band|music|film|show]
        what kind of music do you like
        what do you think of {performer}
        who [wrote|sang|sings|directed|composed|produced|recorded|starred in] {title}
        who is {performer}
        when did {performer} [die|release {title}|break up|start]
        how old is {performer}
        how many albums did {performer} make
        how long is {title}
        when [was|did] {title} [released|come out]
        when is {performer} [on tour|coming to {city}|playing in {city}]
        is {title} [a good movie|worth watching|on {app}|any good|for kids]
        what is {title} about
        what are the lyrics [of|to] {title}
        recommend (me )[a|some] [movie|song|book|show|podcast|album|good music|films]
        can you recommend a [movie|song|book|podcast|show]
        what should I [watch|listen to|read|play] [tonight|next|]
        what's a good [movie|song|podcast|show] for [kids|a party|running|the car]
        what movies are [out|playing|in theaters|on tonight]
        what's on tv [tonight|]
        what time is the game on
        buy tickets for {performer}
        I [listened to|watched|played|heard|love|hate] {title} [yesterday|last night|]
        I played {hobby} [yesterday|]
        did you [play|stop|pause] the music
        did I [finish|watch|pause] {title}
        [don't|do not|please don't] [play|stop|pause|skip|mute|shuffle] [the music|this|it|that]
        don't turn it up
        don't touch the volume
        never play {performer} again
        I don't want to [hear|listen to] {performer}
        the music [stopped|is nice|was great|is playing|skipped|keeps cutting out]
        my headphones are [broken|missing|dead]
        the speaker is [broken|not working|disconnected]
        why did the music stop
        why is there no sound
        how do I [play|learn|hold] [a|the|] [guitar|piano|violin|drums|flute]
        how do I [make a playlist|download songs|cancel {app}|shuffle on {app}]
        how much is {app}
        how does {app} work
        cancel my {app} subscription
        install {app}
        open {app}
        close {app}
        sing (me )a song
        sing happy birthday
        sing something
        can you sing
        dance for me
        beatbox
        if I play {title}, will the neighbors complain
        I can't hear [you|well|anything|my friend]
        I'm bored
        it's [so |too |very ]quiet
        it's so [loud|noisy] outside
        the neighbors are too loud
        my {animal} is too loud
        {first} is too loud
        volume
        the volume
        sound
        never mind the music
        {first} plays the [guitar|piano|violin]
        what's the song from {title}
    """, 2),
]
MACROS |= {
    "radio_": "{room} radio",
    "track": "[song|song|song|track|track|one|episode|video|tune|movie|chapter|podcast|album]",
    "prev": "[previous|previous|last|prior]",
    "tooq": "[too |too |way too |so |a bit too |really |a little |very |far too ]",
    "vol": "[{level=volume_number}|{level=volume_number}|{level=volume_percent}|{level=volume_percent}]",
    "vplace": "[{room}|{room} tv|tv|{room}|stereo|{oddroom}|radio|soundbar|headphones|{coined}]",
    "genre_like": (
        "[{genre}|{genre}|{genre}|{artist}|{artist}|{performer}|music|music|{adj} music|{adj} {genre}"
        "|music by {performer}|music for {hobby}|songs by {performer}|relaxing music|background music|good music"
        "|upbeat songs|tunes|party music|classic {genre}|{decade} music|{genre} from the {decade}|{coined}"
        "|{month} {genre}]"
    ),
    "song_like": (
        "[{title} by {performer}|{title} by {performer}|{title}|the song {title}"
        "|the album {title} by {performer}|{performer}'s {title}|{title} from {performer}]"
    ),
    "watchable": (
        "[{title}|{title}|the movie {title}|the film {title}|the next episode of {title}"
        "|the latest episode of {title}|season {small_number} of {title}|episode {small_number} of {title}"
        "|the news|the game|cartoons|a_ {adj} movie|a comedy|a documentary about {topic}"
        "|the new {first} {last} movie|the {title} trailer|{hobby} highlights|a horror movie|something funny"
        "|a_ {noun} documentary|old westerns|a movie with {fullname}|the {city} game|the first season of {title}]"
    ),
    "turn_on": (
        "[the radio|the music|music|the radio|{station}|the news|{genre}|{artist}|my playlist|my {word} playlist"
        "|the {genre} station|my music]"
    ),
    "turn_on_some": "[music|{genre}|{genre}|{adj} music|background music|{decade} music|tunes]",
}
EXTRAS = {
    "play_media": (
        "[at {some_time}|in {some_duration}|for {some_duration}|on repeat|on shuffle|at volume {small_number}"
        "|at {small_number} percent volume|when I get home|every morning at {some_time}|until {some_time}"
        "|with subtitles|and turn it up|and dim the lights]"
    ),
    "control_media": (
        "[in {some_duration}|at {some_time}|for {some_duration}|when {first} calls|after this song"
        "|and turn off the lights|when I leave|at the end of the album|but only for {first}]"
    ),
    "set_volume": (
        "[in {some_duration}|at {some_time}|for {some_duration}|when {first} is asleep|after {some_time}"
        "|for the next song|only for notifications|and play {genre}|until {some_time}|every night]"
    ),
}
