"""send_message and make_call."""

from . import group, nulls

MACROS = {
    "to": "{to=someone}",
    "mto": (
        "[{to=someone}|{to=someone}|{to=someone}|{my_}{to=person}|{my_}{to=kin}|{to=fullname}|{to=phone}"
        "|{to=pair}|the {to=person}|{to=pair_of}|{to=oneself}|the {to=person}|{to=someones}|{to=someone_from}]"
    ),
    "my_": "[my |my |my |our |]",
    "oneself": "[myself|{first}|{fullname}]",
    "pair_of": (
        "[{first}, {first} and {first}|{first} and my {kin}|{first} and {first}|the whole {person} and {first}"
        "|{first} & {first}]"
    ),
    "someones": (
        "[{kin}'s work phone|{first}'s {kin}|{first}'s work number|{first}'s mobile|{person}'s office"
        "|{first}'s mom|{kin}'s cell|{first}'s landline|{first}'s {person}]"
    ),
    "someone_from": (
        "[{first} from [work|{city}|accounting|the gym|school|{hobby}|upstairs|{company}]|{first} the {person}"
        "|{first} at work|{first} {last} from {company}|{first} my {kin}]"
    ),
    "via_on": "[on|via|over|through|using|by|with] {appname}",
    "appname": (
        "[whatsapp<via=whatsapp>|whatsapp<via=whatsapp>|WhatsApp<via=whatsapp>|signal<via=signal>"
        "|Signal<via=signal>|telegram<via=telegram>|Telegram<via=telegram>|slack<via=slack>|Slack<via=slack>"
        "|messenger<via=messenger>|facebook messenger<via=messenger>|fb messenger<via=messenger>"
        "|email<via=email>|whats app<via=whatsapp>]"
    ),
    "appchat": (
        "[whatsapp<via=whatsapp>|WhatsApp<via=whatsapp>|signal<via=signal>|telegram<via=telegram>"
        "|slack<via=slack>|messenger<via=messenger>|email<via=email>|facebook messenger<via=messenger>]"
    ),
    "saying": (
        "[saying|saying|saying|that says|which says|to say|and say|with the words|with the text|that reads"
        "|reading|telling {him}|with the message]"
    ),
    "stmt": "[{clause}|{clause}|{clause}|{clause}|{clause}|{clause} and {clause}|{clause}, {clause}|{fact_}]",
    "fact_": (
        "[the {noun} is {adj}|{topic} is {adj}|my {noun} {verb}s|{first} [likes|hates|misses|wants] {food}"
        "|{salad}]"
    ),
    "any": (
        "[{clause}|{clause}|{clause}|{exclaim}|{exclaim}|{exclaim}|{ask_text}|{ask_text}|{clause}, {ask_text}"
        "|{exclaim}, {clause}|{clause}. {ask_text}|{exclaim}!|{ask_text}?|{ask_text}?|{clause}!|{request}"
        "|{clause} :D]"
    ),
    "plainany": "[{clause}|{clause}|{exclaim}|{exclaim}|{ask_text}|{request}]",
    "askwhat": "[{if_text}|{if_text}|{if_text}|{wh_text}|{wh_text}]",
    "reply_to": "[reply to|answer|respond to|write back to]",
    "callee": (
        "[{to=someone}|{to=someone}|{to=someone}|{to=someone}|{my_}{to=person}|{my_}{to=person}|{my_}{to=kin}"
        "|{my_}{to=kin}|the {to=callplace}|the {to=callplace}|the {to=person}|{to=fullname}|{to=phone}"
        "|{to=phone}|{to=someones}|{to=someone_from}|{to=support}|the {to=nearest}|{to=venue_name}|{to=pair}"
        "|{to=coined}|{to=nearest}|{my_}{to=someones}|the {to=company} office]"
    ),
    "support": "[{company} customer service|{company} support|{company} hotline]",
    "vcallee": (
        "[{to=someone}|{to=someone}|{to=someone}|{my_}{to=person}|{my_}{to=kin}|{to=fullname}|{to=pair}"
        "|{to=coined}|{to=someone_from}|the {to=person}]"
    ),
}

PATTERNS = [
    group("send_message", "bare", 6, """
        !text {mto} {text=any}
        !text {mto} {text=any}
        !text {mto} {text=any}
        !text {mto}, {text=any}
        !text {mto}: {text=any}
        !message {mto} {text=any}
        !message {mto}: {text=any}
        !msg {mto} {text=any}
        !write {mto}: {text=any}
        !write to {mto}: {text=any}
        !tell {mto} {text=stmt}
        !tell {mto} {text=stmt}
        !tell {mto} {text=stmt}
        !tell {mto}: {text=any}
        !tell {mto} {text=thanks_hi}
        !send {mto} "{text=plainany}"
        !send {mto} {text=thanks_hi}
        !send {mto} a [text|message]: {text=any}
        !send {mto} a [text|message], {text=any}
        !send a [text|message|msg] to {mto}: {text=any}
        !send a [text|message] to {mto}, {text=any}
        !send [a text|a message|this|this message] to {mto}: {text=any}
        !send the following to {mto}: {text=any}
        !let {mto} know {text=stmt}
        !let {mto} know: {text=stmt}
        !give {mto} a message: {text=any}
        !shoot {mto} a (quick )text: {text=any}
        !drop {mto} a message: {text=any}
        ~a [text|message] to {mto}: {text=any}
        [text|message] to {mto}: {text=any}
        [text|message] to {mto}, {text=any}
        message for {mto}: {text=any}
        new message to {mto}: {text=any}
        sms {mto} {text=any}
        sms to {mto}: {text=any}
        I want to text {mto} {text=plainany}
        I need to tell {mto} {text=stmt}
        I want to tell {mto} {text=stmt}
        let's text {mto} {text=plainany}
    """),
    group("send_message", "that", 6, """
        !text {mto} that {text=stmt}
        !text {mto} that {text=stmt}
        !tell {mto} that {text=stmt}
        !tell {mto} that {text=stmt}
        !tell {mto} that {text=stmt}
        !message {mto} that {text=stmt}
        !write {mto} that {text=stmt}
        !write to {mto} that {text=stmt}
        !let {mto} know that {text=stmt}
        !let {mto} know that {text=stmt}
        !let {mto} know {text=stmt}
        !inform {mto} that {text=stmt}
        !send {mto} a [message|text|note] that {text=stmt}
        !send a [message|text] to {mto} that {text=stmt}
        !send word to {mto} that {text=stmt}
        !text {mto} and [say|tell {him}|let {him} know] that {text=stmt}
        !text {mto} to [say|let {him} know|tell {him}] that {text=stmt}
        I [want|need|would like|'d like] to [tell|text|message] {mto} that {text=stmt}
        I want {mto} to know that {text=stmt}
        I'd like {mto} to know {text=stmt}
        I need {mto} to know that {text=stmt}
        ~a [text|message] to {mto} that {text=stmt}
        message to {mto} that {text=stmt}
        make sure {mto} knows that {text=stmt}
        make sure {mto} knows {text=stmt}
    """),
    group("send_message", "saying", 6, """
        !text {mto} {saying} {text=any}
        !text {mto} saying {text=any}
        !text {mto} and say {text=any}
        !text {mto} to say {text=any}
        !text {mto} and tell {him} {text=stmt}
        !text {mto} and ask {text=askwhat}
        !text {mto} and ask {him} {text=askwhat}
        !text {mto} asking {text=askwhat}
        !text {mto} to ask {text=askwhat}
        !message {mto} saying {text=any}
        !message {mto} {saying} {text=any}
        !message {mto} and ask {him} {text=askwhat}
        !send {mto} a [text|message|text message|quick message] {saying} {text=any}
        !send {mto} a [text|message|text message|quick text] saying {text=any}
        !send a [text|message|text message] to {mto} {saying} {text=any}
        !send a [text|message|text message] to {mto} saying {text=any}
        !send a [text|message] saying {text=plainany} to {to}
        !send the message "{text=plainany}" to {to}
        !send "{text=plainany}" to {to}
        !send {text=thanks_hi} to {to}
        !text "{text=plainany}" to {to}
        !write {mto} (a message )saying {text=any}
        !write a [message|text] to {mto} saying {text=any}
        !shoot {mto} a (quick )[text|message] saying {text=any}
        !shoot a [text|message] to {mto} saying {text=any}
        !drop {mto} a [message|line|text] saying {text=any}
        !fire off a text to {mto} saying {text=any}
        ~a [text|message] to {mto} saying {text=any}
        ~a message sent to {mto} saying {text=any}
        message to {mto} saying {text=any}
        text to {mto} saying {text=any}
        text message to {mto} saying {text=any}
        I [want|need|would like|'d like] to text {mto} saying {text=any}
        I [want|need|'d like] to send {mto} a [message|text] saying {text=any}
        I [want|need|'d like] to send a [message|text] to {mto} saying {text=any}
        let's send {mto} a message saying {text=any}
    """),
    group("send_message", "to do", 4, """
        !tell {mto} to {text=request}
        !tell {mto} to {text=request}
        !tell {mto} to {text=request}
        !tell {mto} {text=not_request}
        !tell {mto} {text=not_request}
        !ask {mto} to {text=request}
        !ask {mto} to {text=request}
        !ask {mto} {text=not_request}
        !text {mto} to {text=request}
        !text {mto} {text=not_request}
        !message {mto} to {text=request}
        !let {mto} know to {text=request}
        !text {mto} and tell {him} to {text=request}
        !text {mto} and ask {him} to {text=request}
        !send {mto} a [text|message] to {text=request}
        !send {mto} a [text|message] telling {him} to {text=request}
        !send a message to {mto} asking {him} to {text=request}
        !message {mto} and ask {him} to {text=request}
        !write {mto} to {text=request}
        I [want|need|'d like] to ask {mto} to {text=request}
    """),
    group("send_message", "ask", 4, """
        !ask {mto} {text=askwhat}
        !ask {mto} {text=askwhat}
        !ask {mto} {text=askwhat}
        !ask {mto} {text=askwhat}
        !ask {mto}: {text=ask_text}
        !ask {mto}, {text=ask_text}
        !ask {mto} {text=ask_text}
        !text {mto} {text=ask_text}
        !text {mto} asking {text=askwhat}
        !text {mto} and ask {text=askwhat}
        !send {mto} a [text|message] asking {text=askwhat}
        !send a [text|message] to {mto} asking {text=askwhat}
        !message {mto} asking {text=askwhat}
        !message {mto} to ask {text=askwhat}
        !write {mto} and ask {text=askwhat}
        I [want|need|'d like] to ask {mto} {text=askwhat}
        let's ask {mto} {text=askwhat}
    """),
    group("send_message", "via", 7, """
        !text {mto} {via_on} that {text=stmt}
        !text {mto} {via_on} {text=any}
        !text {mto} {via_on}: {text=any}
        !text {mto} {via_on} saying {text=any}
        !message {mto} {via_on} {text=any}
        !message {mto} {via_on}: {text=any}
        !message {mto} {via_on} that {text=stmt}
        !message {mto} {via_on} saying {text=any}
        !message {mto} {via_on} and [say|tell {him}] {text=stmt}
        !message {mto} {via_on} and ask {text=askwhat}
        !tell {mto} {via_on} that {text=stmt}
        !tell {mto} {via_on} {text=stmt}
        !tell {mto} {via_on} to {text=request}
        !ask {mto} {via_on} {text=askwhat}
        !ask {mto} {via_on} to {text=request}
        !let {mto} know {via_on} that {text=stmt}
        !let {mto} know {via_on} {text=stmt}
        !write {mto} {via_on}: {text=any}
        !write to {mto} {via_on} that {text=stmt}
        !send {mto} a [message|text] {via_on} saying {text=any}
        !send {mto} a [message|text] {via_on}: {text=any}
        !send {mto} a [message|text] {via_on} that {text=stmt}
        !send {mto} a_ {appchat} (message )saying {text=any}
        !send {mto} a_ {appchat} (message )that {text=stmt}
        !send {mto} a_ {appchat}: {text=any}
        !send a_ {appchat} (message )to {mto} saying {text=any}
        !send a_ {appchat} (message )to {mto}: {text=any}
        !send a_ {appchat} (message )to {mto} that {text=stmt}
        !send a message to {mto} {via_on} saying {text=any}
        !send a message {via_on} to {mto} saying {text=any}
        !send a message {via_on} to {mto}: {text=any}
        !send {mto} "{text=plainany}" {via_on}
        !send "{text=plainany}" to {to} {via_on}
        !{appverb} {mto} {text=any}
        !{appverb} {mto} {text=any}
        !{appverb} {mto} that {text=stmt}
        !{appverb} {mto} that {text=stmt}
        !{appverb} {mto}: {text=any}
        !{appverb} {mto} saying {text=any}
        !{appverb} {mto} and [say|tell {him}] {text=stmt}
        !{appverb} {mto} and ask {him} {text=askwhat}
        !{appverb} {mto} to [say|let {him} know] {text=stmt}
        !email<via=email> {emailto} that {text=stmt}
        !email<via=email> {emailto} that {text=stmt}
        !email<via=email> {emailto} saying {text=any}
        !email<via=email> {emailto}: {text=any}
        !email<via=email> {emailto} and [ask {him} {text=askwhat}|say {text=stmt}|tell {him} {text=stmt}]
        !email<via=email> {emailto} to say {text=stmt}
        !email<via=email> {emailto} asking {text=askwhat}
        !send {emailto} an email<via=email> saying {text=any}
        !send {emailto} an email<via=email> that {text=stmt}
        !send an email<via=email> to {emailto} saying {text=any}
        !send an email<via=email> to {emailto} that {text=stmt}
        !send an email<via=email> to {emailto}: {text=any}
        !write an email<via=email> to {emailto} saying {text=any}
        !shoot {emailto} an email<via=email> saying {text=any}
        !drop {emailto} an email<via=email> saying {text=any}
        ~an email<via=email> to {emailto} saying {text=any}
        ~a_ {appchat} to {mto} saying {text=any}
        {appname} {mto}: {text=any}
        {appname} to {mto}: {text=any}
        {appchat} message to {mto}: {text=any}
        {appchat} message for {mto}, {text=any}
        email<via=email> to {emailto}: {text=any}
        on {appname} tell {mto} {text=stmt}
        on {appname}, tell {mto} that {text=stmt}
        on {appname} ask {mto} {text=askwhat}
        {via_on} tell {mto} {text=stmt}
        {via_on} send {mto} "{text=plainany}"
        I [want|need|'d like] to message {mto} {via_on} that {text=stmt}
        I [want|need|'d like] to email<via=email> {emailto} that {text=stmt}
        I [want|need|'d like] to {appverb} {mto} that {text=stmt}
        use {appname} to tell {mto} {text=stmt}
        use {appname} to [message|text] {mto} that {text=stmt}
        use {appname} to ask {mto} {text=askwhat}
    """),
    group("make_call", "plain", 9, """
        !call {callee}
        !call {callee}
        !call {callee}
        !call {callee}
        !call up {callee}
        !call {to=someone} up
        !phone {callee}
        !phone {callee}
        !ring {callee}
        !ring {callee}
        !ring up {callee}
        !ring {to=someone} up
        !dial {callee}
        !dial {callee}
        !dial up {callee}
        !telephone {callee}
        !give {callee} a [call|call|ring|ring|phone call|buzz|bell|shout on the phone]
        !give {to=someone} a quick call
        !get {callee} on the [phone|line|telephone]
        !get me {callee} on the [phone|line]
        !get {to=someone} on the line
        !make a (phone )call to {callee}
        !make a (phone )call to {callee}
        !place a (phone )call to {callee}
        !place a call with {callee}
        !start a (phone |voice )call [with|to] {callee}
        !put a call through to {callee}
        !put me through to {callee}
        !connect me [to|with] {callee}
        !patch me through to {callee}
        !dial the number of {callee}
        !call the number {to=phone}
        !dial the number {to=phone}
        !dial {to=phone}
        !call {to=phone}
        !hit up {to=someone} on the phone
        !try calling {callee}
        !phone up {callee}
        ~a (phone )call [to|with] {callee}
        ~{callee} on the phone
        ~{to=someone} on the [phone|line]
        call to {callee}
        call {callee}
        call {callee} on the phone
        phone call to {callee}
        phone call with {callee}
        I [want to|need to|would like to|wanna|have to] call {callee}
        I [want|need|would like|'d like] to phone {callee}
        I [want|need|'d like|wish] to [make a call|place a call] to {callee}
        I [want|need|'d like] to [speak|talk] to {callee} on the phone
        I'd like to ring {callee}
        let's call {callee}
        let's ring {callee}
        let's give {to=someone} a call
        time to call {callee}
        can I call {callee}
        can we call {callee}
        could I call {callee}
        let me call {callee}
        let me talk to {callee} on the phone
        I'm hungry, call {callee}
        my car broke down, call {callee}
        the {object} is broken, call {callee}
        I'm running late, call {callee}
        I have a toothache, call {callee}
        call {callee}, it's urgent
    """),
    group("make_call", "video", 2.6, """
        !video call {vcallee}
        !video call {vcallee}
        !videocall {vcallee}
        !video chat with {vcallee}
        !facetime {vcallee}
        !facetime {vcallee}
        !FaceTime {vcallee}
        !facetime with {vcallee}
        !call {vcallee} with video
        !call {vcallee} on video
        !call {vcallee} on facetime
        !call {vcallee} via video
        !call {vcallee} by video
        !call {vcallee} over video
        !call {vcallee} with the camera on
        !start a video [call|chat] with {vcallee}
        !start a video call to {vcallee}
        !start a facetime (call )with {vcallee}
        !make a video call to {vcallee}
        !make a video call with {vcallee}
        !make a facetime call to {vcallee}
        !place a video call to {vcallee}
        !set up a video call with {vcallee} now
        !open a video call with {vcallee}
        !get {vcallee} on [video|facetime]
        !get {vcallee} on a video call
        !give {vcallee} a video call
        !give {vcallee} a facetime call
        !ring {vcallee} on [video|facetime]
        !phone {vcallee} with video
        !do a video call with {vcallee}
        ~a video call [with|to] {vcallee}
        ~a facetime (call )with {vcallee}
        video call {vcallee}
        video call to {vcallee}
        video call with {vcallee}
        facetime {vcallee}
        facetime call to {vcallee}
        I [want|need|would like|'d like] to video call {vcallee}
        I [want|need|'d like] to facetime {vcallee}
        I [want|need|'d like] to [have|start|make] a video call with {vcallee}
        let's video call {vcallee}
        let's facetime {vcallee}
        can I video call {vcallee}
        can we facetime {vcallee}
    """, video=True),
    nulls("message: nothing to send or nobody", """
        !text {someone}
        !text {someone}
        !message {someone}
        !send {someone} a [message|text|text message|note]
        !send a [message|text|text message|dm] to {someone}
        !send a [message|text]
        !send a message
        !{appnull} {someone}
        !send {someone} a_ {appnull} (message)
        !email {someone}
        !email my {person}
        !send an email
        !send an email to {someone}
        !write an email (to {someone})
        !write {someone} a [letter|message]
        !write a [message|text] (to {someone})
        !email {someone} about the {thing}
        !email {someone} about {topic}
        !email my {person} about the {event}
        !text {someone} about the {thing}
        !text {someone} about {some_day}
        !message {someone} about the {event}
        !message {someone} about {first}
        !send {someone} an email about the {thing}
        !send {someone} a message about the {event}
        !send a text to {someone} [regarding|about] the {thing}
        !tell {someone} about {the} {thing}
        !tell {someone} about {topic}
        !let {someone} know
        !let {someone} know about {the} {event}
        !text that {clause}
        !tell {him} that {clause}
        !tell {him} {clause}
        !text {him} {exclaim}
        !send it to {someone}
        !send that to {someone}
        !send this to {someone}
        !forward [it|that|this] to {someone}
        !message
        text message
        tell {someone}
        ask {someone}
        text {someone} something [nice|funny|sweet]
        !send a message saying {clause}
        !send an email saying {clause}
        message {someone}
        ~a message to {someone}
        text my {kin}
    """, 1.7),
    nulls("message: no form for it", """
        !send {someone} [a photo|a picture|my location|the {object}|a gif|a voice message|a link|a file|an emoji
        + |money|flowers|a contact|the photos|a screenshot|a video|{price}|the address of {venue_name}|a sticker|a meme]
        !send [my location|the photos from {city}|this picture|the {object}|a voice note|a video] to {someone}
        !send the {object} file to {someone}
        !share [my location|this song|my screen|the article|the {object}] with {someone}
        !{reply_to} {someone} [saying|that|and say|with] {clause}
        !{reply_to} [the last message|that message|{first}'s message|her text|the email]
        !reply {exclaim}
        !reply with {exclaim}
        !respond with {exclaim}
        !forward {first}'s [email|message] to {first}
        at {some_time} [text|tell|message] {someone} that {clause}
        {some_on} text {someone} {exclaim}
        tomorrow at {some_time} [text|email|message] {someone} that {clause}
        in {some_duration} [text|tell|message] {someone} {clause}
        when I [get home|leave|land] text {someone} that {clause}
        !schedule a [text|message|email] to {someone} [for {some_day}|]
        !message {someone} on [discord|instagram|snapchat|linkedin|teams|viber|wechat|skype|twitter|line|matrix|kik
        + |tinder|imessage|zoom|facebook] that {clause}
        !send {someone} a_ [discord|instagram|snapchat|linkedin|teams|viber|wechat|skype|twitter
        + |imessage] message saying {clause}
        !dm {someone} on [instagram|twitter|discord|tiktok|reddit] {exclaim}
        !text {someone} {clause} [on|via|over] [discord|instagram|teams|wechat|viber|snapchat]
        !post [on|to] [facebook|instagram|twitter|linkedin] that {clause}
        !tweet {clause}
        !tweet that {clause}
        !post {exclaim} [on twitter|on instagram|]
        !email {someone} with the subject {word} {word} [saying {clause}|]
        !email {someone} the {object} [as an attachment|]
        !email {someone} and cc {first} [saying {clause}|]
        !email {someone} and attach the {object}
        !text {someone} {exclaim} and {first} {exclaim}
        !text {someone} that {clause} and text {first} that {clause}
        !tell {first} {clause} and {first} {clause}
        !send a group [text|message] 
        !start a group chat with {first} and {first}
        !send a postcard to {someone}
        !write a letter to {someone}
        !leave {someone} a voicemail [saying {clause}|]
        !send a fax to {someone}
        !announce {exclaim} in the {rooms}
        !broadcast {exclaim}
    """, 1.8),
    nulls("message: other control", """
        !read my [new |last |unread ][messages|texts|emails]
        !read (me )(the )[last |latest ][message|text|email] from {someone}
        !read {first}'s [message|text|email]
        !check my [messages|email|emails|texts|inbox|voicemail|mail|whatsapp]
        !show (me )my [messages|texts|emails|inbox]
        !show me [messages|texts|emails] from {someone}
        !open [whatsapp|slack|telegram|signal|messenger|my email|gmail|outlook]
        do I have (any )[new |unread ][messages|emails|texts|mail]
        any new [messages|emails|texts]
        what did {someone} [say|write|text me|send me|want]
        did {someone} [reply|text|text me|write back|answer|email me|call|call me]
        has {someone} [replied|texted|called|answered|read my message]
        who [texted|messaged|emailed|wrote] me
        when did {someone} last text me
        !delete [the|my] (last )[message|text|email|conversation] [from|with|to] {first}
        !delete all my emails
        !mark all [messages|emails] as read
        !block {someone} [on whatsapp|]
        !block this number
        !mute the {word} group
        !add {first} to the group chat
        !add {first} to my contacts
        !search my emails for {thing}
        what's {someone}'s [number|phone number|email|address|email address]
        what is my [number|phone number|email address]
        !save {first}'s number
        !find {first}'s number in my contacts
        !show me the contact of {first}
        !unsubscribe me from [that|the {noun}] newsletter
        !translate my last message
    """, 1.5),
    nulls("message: no order", """
        can you [send|write|read] [texts|messages|emails]
        can you text people
        do you have [whatsapp|slack|telegram]
        how do I [send a message on {appnull}|write a good email|text from my laptop|make a group chat
        + |block someone|delete a message]
        how do I tell {someone} (that) {clause}
        how should I tell {someone} (that) {clause}
        what should I [text|write|say to|tell] {someone}
        should I text {someone}
        I [texted|told|messaged|emailed|called|wrote to] {someone} [yesterday|this morning|already|last night|]
        I [told|texted] {someone} (that) {clause}
        {first} [texted|told|called|messaged|emailed] me [yesterday|this morning|that {clause}|]
        {first} said (that) {clause}
        did I [text|tell|message|email|call] {someone} [that {clause}|]
        did you [send|text] [the message|{someone}|it]
        [don't|do not|please don't] [tell|text|message|email] {someone} [that {clause}|anything|yet|]
        don't tell {someone} {clause}
        don't let {someone} know
        never mind the message
        if I text {someone} now, will {pronoun} [answer|be mad|wake up]
        tell me [about {topic}|a story|something interesting|a joke|the truth|more|about yourself|what you think
        + |a fun fact]
        tell me about {first}
        ask me [anything|a question|a riddle|about {topic}|later]
        {null_clause}
        {null_clause}
        {null_exclaim}
        {first}, {null_clause}
        {null_ask}
        {him} again
        write a [poem|story|song|essay|haiku|limerick] about {noun}
        write a [cover letter|resignation letter|birthday speech|love letter|thank you note] [for {someone}|]
        draft an email to {someone} [about {the} {thing}|]
        help me write a message to {someone}
        help me reply to {someone}
        proofread this
        can {someone} hear me
        say {word}
        say hi
        say something [funny|nice|in {word}|]
        repeat after me, {clause}
        talk to me
        what's whatsapp
        is {appnull} [down|safe|free|encrypted]
    """, 2),
    nulls("call: not its job", """
        !call
        call someone
        !make a call
        !make a phone call
        ~a phone call
        !call {him}
        !call {him} back
        !call back
        !call them again
        !redial
        redial (the )last number
        !call the last number
        !call back the last caller
        !call {someone} back in {some_duration}
        !call {someone} at {some_time}
        !call {someone} {some_on}
        !call {someone} [tomorrow|tonight|later|in an hour|in {some_duration}|this evening|next week]
        !phone {someone} [tomorrow|in {some_duration}|at {some_time}|on {weekday}]
        !call {someone} every {weekday}
        !call {someone} when I [get home|leave work|wake up]
        !call {someone} on speaker
        !call {someone} on [speakerphone|whatsapp|skype|signal|telegram|zoom|teams|my other phone|bluetooth
        + |the {room} speaker|the home phone|discord|messenger|google meet|viber]
        !call {someone} [using|via|over|through] [whatsapp|skype|signal|zoom|teams|google meet|telegram]
        !whatsapp call {someone}
        !video call {someone} [on|via] [whatsapp|zoom|skype|teams|messenger|signal]
        !put {someone} on speaker
        !start a zoom meeting
        !start a conference call
        !call {someone} and {say} {clause}
        !call {someone} and [ask|tell] {him} {wh_text}
        !call {someone} and then {someone}
        !call {someone}, then call {someone}
        !call {someone} and order {cooking}
        !call {someone} if {pronoun} doesn't [answer|text back]
        !call me
        !call me {first}
        !call me at {some_time}
        call me [later|back|maybe|a cab|a taxi|an uber|an ambulance]
        !hang up
        hang up [the phone|the call|on {someone}|]
        end (the )call
        !answer [the phone|the call|it|]
        pick up [the phone|the call|]
        !decline [the call|]
        !reject the call
        !mute the call
        !mute my microphone
        !transfer the call to {first}
        !record this call
        !put the call on hold
        !check my voicemail
        !play my voicemails
        who [called|just called|called me|is calling|rang]
        did {someone} call [me|]
        did I miss [a|any] call(s)
        any missed calls
        missed calls
        !show (me )my [missed calls|call history|recent calls|contacts]
        how long was my call with {someone}
        can you make (phone )calls
        can you call people
        how do I [make a video call|call abroad|block a number|call {country}]
        I [called|phoned|rang] {someone} [yesterday|earlier|already|]
        I'll call {someone} [later|tomorrow|]
        I have to call {someone} [tomorrow|later|]
        {first} called [me|]
        did I call {someone}
        [don't|do not|please don't] [call|ring|phone] {someone}
        never call {someone} again
        should I call {someone}
        what if {someone} calls
        if {someone} calls, tell {him} {clause}
        what's the country code for {country}
        what's the phone number of {venue_name}
        what number is {phone}
        let's call it a day
        what do you call a_ {adj} {animal}
        what is a_ {animal} called
        {phone}
        {someone}
        my phone is [ringing|dead|broken]
        order a pizza
        order {cooking} from {venue_name}
    """, 2.2),
]
MACROS |= {
    "say": "[say|tell {him}]",
    "thanks_hi": (
        "[hi|hello|thanks|thank you|good night|happy birthday|congratulations|good luck|sorry|merry christmas"
        "|yes|no|goodbye|hey|I love {him}|I miss {him}|I'm thinking of {him}]"
    ),
    "null_clause": (
        "[I'm [running late|on my way|almost there|stuck in traffic|outside|home|busy|sick|sorry|hungry|bored"
        "|tired|lost|at the {venue}|{adj}|at work|not coming]|I'll be [late|there at {some_time}|home soon]"
        "|I [love you|miss you|lost my {object}|found the {object}|finished the {thing}|passed the {event}"
        "|fed the {animal}|bought {food}|saw {first} at the {venue}|hate {food}|forgot my {object}]"
        "|the {event} [is cancelled|was {adj}|is {some_on}]|my {object} broke down|{first} [says hi|is here"
        "|called|is {adj}|likes {food}|lives in {city}]|we're [late|home|out of {food}|lost|leaving]|we [landed"
        "|won|lost]|my flight is delayed|it's [okay|fine|{first}'s birthday|my turn|over]|there's no {food} left"
        "|everything is [fine|{adj}]|nobody is home|traffic is terrible|class is cancelled|they sold out]"
    ),
    "null_exclaim": (
        "[happy birthday|happy anniversary|merry christmas|good luck|congratulations|congrats|get well soon"
        "|good night|sweet dreams|thank you|thanks|thanks for the {thing}|sorry|see you soon|love you|miss you"
        "|yes|no|ok|okay|sounds good|no problem|maybe|of course|welcome home|hello|hi|hey|what's up|great job"
        "|well done|have fun|take care|got it|sure|fine|cool|nice|wow|lol|whatever|bye|goodbye|see you later"
        "|good morning|good evening|you're welcome|nope|yep|right|awesome|great]"
    ),
    "null_ask": (
        "[are you [home|awake|hungry|there|ok|coming]|do you [want {food}|like {food}|have the {object}|love me"
        "|sleep|eat]|where [are you|is the {object}|did you put the {object}]|what do you want for dinner"
        "|how was your day|why are you late|who is driving|have you [seen the {object}|eaten]"
        "|did you get the {object}|is {first} there|who are you|what are you doing|how are you]"
    ),
    "appverb": (
        "[whatsapp<via=whatsapp>|whatsapp<via=whatsapp>|slack<via=slack>|telegram<via=telegram>"
        "|WhatsApp<via=whatsapp>]"
    ),
    "appnull": "[whatsapp|slack|telegram|signal|messenger|email]",
    "emailto": (
        "[{to=someone}|{to=someone}|{my_}{to=person}|the {to=person}|{to=mail}|{to=fullname}|{to=someone_from}"
        "|{my_}{to=kin}|the {to=company} team]"
    ),
}
EXTRAS = {
    "make_call": (
        "[on speaker|on speakerphone|at {some_time}|{some_on}|in {some_duration}|on whatsapp|via skype"
        "|when I get home|every {weekday}|through the car|and record it|on zoom|later|tonight|on my other phone"
        "|from my work number]"
    ),
}
