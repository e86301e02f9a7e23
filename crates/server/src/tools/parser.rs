//! Finds the calls in an answer while it is written: text goes on at once, but for what may still be the beginning of
//! a call. What looked like a call and is none goes on as the text that it is.

use std::{mem, sync::Arc};

use super::{
    Reading, Syntax, Tool, json::Step, json_calls::JsonCalls, named_calls::NamedCall, python_calls::PythonCalls,
};

/// A part of an answer. Calls are numbered from 0 on as they begin, and do not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Text to show.
    Text(String),
    /// A call begins.
    CallStart {
        /// Its number.
        index: usize,
        /// The function's name.
        name: String,
    },
    /// The next piece of the JSON text of a call's arguments.
    Arguments {
        /// The call's number.
        index: usize,
        /// To be appended to the pieces before.
        piece: String,
    },
    /// A call is complete: its pieces are a valid JSON object.
    CallEnd {
        /// Its number.
        index: usize,
    },
    /// A call that began turned out to be none, or the answer ended within it. What follows comes as usual.
    CallBroken {
        /// Its number.
        index: usize,
        /// All its text up to here, for who has not told anyone of the call yet.
        source: String,
    },
}

/// Reads one answer, cut into pieces anywhere.
#[derive(Clone, Debug)]
pub struct Parser {
    syntax: &'static Syntax,
    offer: Arc<Offer>,
    state: State,
    /// Text that may still belong to a call: white space, then the beginning of a marker.
    held: String,
    /// How much of `held` is in front of the marker, in bytes.
    lead: usize,
    /// Whether the line shows nothing so far.
    blank_line: bool,
    /// Whether nothing came since a call but what separates calls.
    behind_call: bool,
    /// Whether a block of calls was begun by a marker and not ended by one.
    in_block: bool,
    /// How many calls have begun.
    calls: usize,
    events: Vec<Event>,
}

#[derive(Clone, Debug)]
enum State {
    Text,
    Block(Box<Block>),
}

/// What may be calls, from a marker on.
#[derive(Clone, Debug)]
struct Block {
    calls: Calls,
    /// Its text, from the last call's end on.
    source: String,
    marked: bool,
    /// Whether a call of it has begun and not ended.
    open: bool,
    /// Whether a call of it has ended.
    ended: bool,
}

#[derive(Clone, Debug)]
enum Calls {
    Json(JsonCalls),
    Named(NamedCall),
    Python(PythonCalls),
}

/// The tools that a model was offered, as far as reading its calls asks.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// Every tool's name, and the names of its parameters in order.
    tools: Vec<(String, Vec<String>)>,
    /// Whether only these can be called.
    pub(super) offered_only: bool,
}

impl Offer {
    /// Whether a call of this name is one.
    pub(super) fn takes(&self, name: &str) -> bool {
        !self.offered_only || self.tools.iter().any(|(tool, _)| tool == name)
    }

    /// The name of a tool's parameter at a position.
    pub(super) fn parameter(&self, tool: &str, position: usize) -> Option<&str> {
        let (_, parameters) = self.tools.iter().find(|(name, _)| name == tool)?;
        parameters.get(position).map(String::as_str)
    }
}

/// What the readers of calls tell.
#[derive(Debug, Default)]
pub(super) struct Signals(Vec<Signal>);

#[derive(Clone, Debug)]
enum Signal {
    Start(String),
    Arguments(String),
    End,
}

impl Signals {
    pub(super) fn start(&mut self, name: &str) {
        self.0.push(Signal::Start(name.to_owned()));
    }

    pub(super) fn arguments(&mut self, piece: &str) {
        self.0.push(Signal::Arguments(piece.to_owned()));
    }

    pub(super) fn end(&mut self) {
        self.0.push(Signal::End);
    }
}

impl Parser {
    pub(super) fn new(syntax: &'static Syntax, tools: &[Tool]) -> Parser {
        let parameters = |tool: &Tool| match tool.parameters["properties"].as_object() {
            Some(properties) => properties.keys().cloned().collect(),
            None => Vec::new(),
        };
        let tools = tools.iter().map(|tool| (tool.name.clone(), parameters(tool))).collect();
        Parser {
            syntax,
            offer: Arc::new(Offer { tools, offered_only: syntax.offered_only }),
            state: State::Text,
            held: String::new(),
            lead: 0,
            blank_line: true,
            behind_call: false,
            in_block: false,
            calls: 0,
            events: Vec::new(),
        }
    }

    /// Reads the next piece of the answer. Returns what is certain by now.
    pub fn push(&mut self, piece: &str) -> Vec<Event> {
        self.read(piece);
        mem::take(&mut self.events)
    }

    /// Ends the answer. Returns what was held back.
    pub fn finish(mut self) -> Vec<Event> {
        while let State::Block(block) = mem::replace(&mut self.state, State::Text) {
            let again = self.give_up(*block);
            self.read(&again);
        }
        let marker = &self.held[self.lead..];
        let ends_block = self.in_block && self.syntax.closes.iter().any(|close| close.starts_with(marker));
        if !(self.behind_call && (ends_block || self.held.trim().is_empty())) {
            let held = mem::take(&mut self.held);
            self.show(&held);
        }
        self.events
    }

    fn read(&mut self, piece: &str) {
        // What turns out not to be a call is read again, as text: always at least a character less of it.
        let mut rest: Vec<char> = piece.chars().rev().collect();
        while let Some(c) = rest.pop() {
            let again = match mem::replace(&mut self.state, State::Text) {
                State::Text => self.read_text(c),
                State::Block(block) => self.read_block(block, c),
            };
            if let Some(again) = again {
                rest.extend(again.chars().rev());
            }
        }
    }

    /// Reads a character outside of calls. Returns what is to be read again.
    fn read_text(&mut self, c: char) -> Option<String> {
        self.held.push(c);
        loop {
            while let Some(c) = self.held[self.lead..].chars().next()
                && (c.is_whitespace() || self.behind_call && matches!(c, ',' | ';'))
            {
                self.lead += c.len_utf8();
            }
            let (lead, marker) = self.held.split_at(self.lead);
            let first = marker.chars().next()?;
            let is = |whole: &&str| *whole == marker;
            let begins = |whole: &&str| whole.starts_with(marker);

            if self.syntax.opens.iter().any(is) {
                self.begin_block(true);
                return None;
            }
            if self.in_block && self.syntax.closes.iter().any(is) {
                self.in_block = false;
                if !self.behind_call {
                    let lead = lead.to_owned();
                    self.show(&lead);
                }
                self.held.clear();
                self.lead = 0;
                return None;
            }
            let bare = self.syntax.bare == Some(first) && (self.blank_line || self.behind_call || lead.contains('\n'));
            // A block may hold several objects.
            let next =
                self.in_block && self.behind_call && first == '{' && matches!(self.syntax.reading, Reading::Json);
            if marker.len() == first.len_utf8() && (bare || next) {
                let marker = marker.to_owned();
                self.held.truncate(self.lead);
                self.begin_block(next);
                return Some(marker);
            }
            if self.syntax.opens.iter().any(begins) || self.in_block && self.syntax.closes.iter().any(begins) {
                return None;
            }
            let shown: String = self.held.drain(..self.lead + first.len_utf8()).collect();
            self.lead = 0;
            self.show(&shown);
        }
    }

    fn begin_block(&mut self, marked: bool) {
        let offer = self.offer.clone();
        let calls = match self.syntax.reading {
            Reading::Json => Calls::Json(JsonCalls::new(offer)),
            Reading::Named => Calls::Named(NamedCall::new(offer)),
            Reading::Python => Calls::Python(PythonCalls::new(offer)),
        };
        let source = mem::take(&mut self.held);
        self.lead = 0;
        self.state = State::Block(Box::new(Block { calls, source, marked, open: false, ended: false }));
    }

    /// Reads a character of what may be calls. Returns what is to be read again, as text.
    fn read_block(&mut self, mut block: Box<Block>, c: char) -> Option<String> {
        let mut signals = Signals::default();
        let step = match &mut block.calls {
            Calls::Json(calls) => calls.feed(c, &mut signals),
            Calls::Named(calls) => calls.feed(c, &mut signals),
            Calls::Python(calls) => calls.feed(c, &mut signals),
        };
        if step == Step::Malformed {
            let mut again = self.give_up(*block);
            again.push(c);
            return Some(again);
        }
        block.source.push(c);
        let index = self.calls;
        for signal in signals.0 {
            match signal {
                Signal::Start(name) => {
                    block.open = true;
                    self.events.push(Event::CallStart { index, name });
                }
                Signal::Arguments(more) => match self.events.last_mut() {
                    Some(Event::Arguments { piece, .. }) => piece.push_str(&more),
                    _ => self.events.push(Event::Arguments { index, piece: more }),
                },
                Signal::End => {
                    self.events.push(Event::CallEnd { index });
                    self.calls += 1;
                    block.open = false;
                    block.ended = true;
                    block.source.clear();
                }
            }
        }
        if step == Step::Done {
            self.end_block(&block);
        } else {
            self.state = State::Block(block);
        }
        None
    }

    fn end_block(&mut self, block: &Block) {
        self.behind_call = true;
        self.in_block |= block.marked && !self.syntax.closes.is_empty();
    }

    /// Leaves a block that is not what it looked like. Returns what is to be read as text.
    fn give_up(&mut self, mut block: Block) -> String {
        let source = mem::take(&mut block.source);
        if block.open {
            self.events.push(Event::CallBroken { index: self.calls, source });
            self.calls += 1;
            self.behind_call = false;
            self.blank_line = false;
            self.in_block |= block.marked && block.ended;
            return String::new();
        }
        if block.ended {
            self.end_block(&block);
            return source;
        }
        let lead =
            source.len() - source.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).len();
        let first = source[lead..].chars().next().map_or(0, char::len_utf8);
        let (shown, again) = source.split_at(lead + first);
        self.show(shown);
        again.to_owned()
    }

    fn show(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.behind_call = false;
        for c in text.chars() {
            self.blank_line = c == '\n' || self.blank_line && c.is_whitespace();
        }
        match self.events.last_mut() {
            Some(Event::Text(shown)) => shown.push_str(text),
            _ => self.events.push(Event::Text(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Syntax,
        testing::{Random, SOUP, events, events_by_characters, read, syntax, weather_tools},
    };

    #[test]
    fn garbage_is_never_lost_and_never_a_panic() {
        let mut random = Random(1);
        for round in 0..20_000 {
            let syntax = &Syntax::all()[round % Syntax::all().len()];
            let text: String = (0..random.below(24)).map(|_| SOUP[random.below(SOUP.len())]).collect();
            assert_eq!(
                events_by_characters(syntax, &text),
                events(syntax, &[&text]),
                "{}: {text:?} cut",
                syntax.name()
            );
            let whole = read(syntax, &[&text]);
            if whole.calls.is_empty() {
                assert_eq!(whole.text, text, "{}: {text:?} lost", syntax.name());
            }
            for (_, arguments) in &whole.calls {
                let value: serde_json::Value = serde_json::from_str(arguments).expect("valid JSON");
                assert!(value.is_object(), "{}: {text:?} has {arguments}", syntax.name());
            }
        }
    }

    #[test]
    fn text_goes_on_at_once() {
        for syntax in Syntax::all() {
            let mut parser = syntax.parser(&weather_tools());
            for piece in ["Hello", " there: ", "\"{a} [b]\"", " <b>é</b>"] {
                let events = parser.push(piece);
                let shown = match &events[..] {
                    [super::Event::Text(text)] => text.trim(),
                    _ => panic!("{}: {events:?}", syntax.name()),
                };
                assert_eq!(shown, piece.trim(), "{}", syntax.name());
            }
        }
    }

    #[test]
    fn arguments_go_on_before_the_call_is_complete() {
        let cases = [
            ("hermes", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par"),
            ("llama3", "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Par"),
            ("mistral", "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par"),
            ("mistral-args", "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Par"),
            ("lfm2", "<|tool_call_start|>[get_weather(city='Par"),
        ];
        for (name, begun) in cases {
            let mut parser = syntax(name).parser(&weather_tools());
            let events = parser.push(begun);
            let piece = String::from("{\"city\": \"Par");
            let start = super::Event::CallStart { index: 0, name: "get_weather".into() };
            assert_eq!(events, [start, super::Event::Arguments { index: 0, piece }], "{name}");
            // The answer ends here: all of it is text to who has not told of the call.
            let broken = super::Event::CallBroken { index: 0, source: begun.into() };
            assert_eq!(parser.finish(), [broken], "{name}");
        }
    }

    #[test]
    fn long_text_takes_time_in_proportion() {
        let hostile = [
            " ".repeat(200_000),
            "<tool_call>".repeat(20_000),
            "<tool_call> ".repeat(20_000),
            "{\n".repeat(50_000),
            "[\n".repeat(50_000),
            "[get_weather(".repeat(20_000),
            "[TOOL_CALLS]a".repeat(20_000),
            format!("<tool_call>{}", "[".repeat(200_000)),
            format!("<tool_call>{{\"name\": \"f\", \"arguments\": {}", "{\"a\":".repeat(50_000)),
        ];
        for syntax in Syntax::all() {
            for text in &hostile {
                let answer = read(syntax, &[text]);
                assert!(answer.calls.is_empty() && answer.text == **text, "{}", syntax.name());
            }
        }
    }
}
