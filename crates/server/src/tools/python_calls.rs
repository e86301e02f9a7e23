//! Calls as Python has them: `[f(a=1, b="x"), g()]`. Arguments become JSON while they are read. Values are literals;
//! JSON's `true`, `false` and `null` are taken for Python's, since templates write nested values as JSON.

use std::{mem, sync::Arc};

use super::{
    json::{Step, push_escaped_control},
    json_calls::JsonCalls,
    named_calls::is_of_name,
    parser::{Offer, Signals},
};

/// How deep values may nest, as in JSON.
const MAX_DEPTH: usize = 127;

/// Reads a list of calls, or one call, from the first character on; or JSON, should it stand there.
#[derive(Clone, Debug)]
pub(super) struct PythonCalls {
    offer: Arc<Offer>,
    list: bool,
    state: State,
    /// The containers that are open, in a call.
    open: Vec<Container>,
    /// The name of the call's function.
    name: String,
    /// The word or number that is being read.
    word: String,
    /// How many arguments the call has so far.
    arguments: usize,
    /// JSON that is not told yet.
    out: String,
}

#[derive(Clone, Debug)]
struct Container {
    /// What ends it.
    close: char,
    empty: bool,
    /// Whether a dictionary's key is being read.
    key: bool,
}

#[derive(Clone, Debug)]
enum State {
    Begin,
    /// Behind the list's `[`.
    First,
    /// Behind a `,` of the list.
    Next,
    Name,
    Open,
    ArgumentOrClose,
    /// A word that is a parameter's name, or a value without one.
    Word,
    WordEnd,
    Value,
    /// In a list or tuple.
    ItemOrClose,
    /// In a dictionary.
    KeyOrClose,
    Key,
    /// A word or number that is a value or a key.
    Literal,
    /// Behind this many quotes that may begin a string.
    Quotes {
        quote: char,
        seen: u8,
    },
    Text(Text),
    /// Behind a value in a container.
    After,
    /// Behind a call of the list.
    AfterCall,
    Json(Box<JsonCalls>),
}

/// A place in a string.
#[derive(Clone, Copy, Debug)]
struct Text {
    quote: char,
    triple: bool,
    /// How many quotes were just seen that may end it, if it is triple-quoted.
    quotes: u8,
    escape: Escape,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Backslash,
    /// This many hexadecimal digits are missing.
    Hex {
        missing: u8,
        value: u32,
    },
}

impl PythonCalls {
    pub(super) fn new(offer: Arc<Offer>) -> PythonCalls {
        PythonCalls {
            offer,
            list: false,
            state: State::Begin,
            open: Vec::new(),
            name: String::new(),
            word: String::new(),
            arguments: 0,
            out: String::new(),
        }
    }

    pub(super) fn feed(&mut self, c: char, signals: &mut Signals) -> Step {
        let step = loop {
            // A name or number ends before the character that tells so, which is then read on its own.
            match self.read(c, signals) {
                Step::Before => continue,
                step => break step,
            }
        };
        if step != Step::Malformed {
            self.tell(signals);
        }
        step
    }

    fn tell(&mut self, signals: &mut Signals) {
        if !self.out.is_empty() {
            signals.arguments(&self.out);
            self.out.clear();
        }
    }

    /// Reads `c`; `Before` where it only ended what was before it, and is to be read again.
    fn read(&mut self, c: char, signals: &mut Signals) -> Step {
        match self.state {
            State::Json(ref mut calls) => return calls.feed(c, signals),
            State::Text(text) => return self.text(c, text),
            State::Name | State::Word if is_of_name(c) => {
                self.word.push(c);
                return Step::More;
            }
            State::Literal if is_of_literal(c, &self.word) => {
                self.word.push(c);
                return Step::More;
            }
            State::Literal => {
                let Some(json) = literal(&self.word) else { return Step::Malformed };
                match self.open.last() {
                    Some(container) if container.key => push_text(&json, &mut self.out),
                    _ => self.out.push_str(&json),
                }
                self.state = State::After;
                return Step::Before;
            }
            State::Quotes { quote, seen } => return self.quotes(c, quote, seen),
            _ => {}
        }
        if c.is_whitespace() {
            match self.state {
                State::Name => self.state = State::Open,
                State::Word => self.state = State::WordEnd,
                _ => {}
            }
            return Step::More;
        }
        match (&self.state, c) {
            (State::Begin, '[') => {
                self.list = true;
                self.state = State::First;
            }
            (State::Begin | State::First, '{') => {
                let mut calls = Box::new(JsonCalls::new(self.offer.clone()));
                if self.list {
                    calls.feed('[', signals);
                }
                let step = calls.feed(c, signals);
                self.state = State::Json(calls);
                return step;
            }
            (State::Begin | State::First | State::Next, c) if begins_name(c) => {
                self.word = String::from(c);
                self.state = State::Name;
            }
            (State::Next | State::AfterCall, ']') => return Step::Done,
            (State::AfterCall, ',') => self.state = State::Next,
            (State::Name | State::Open, '(') => {
                self.name = mem::take(&mut self.word);
                if !self.offer.takes(&self.name) {
                    return Step::Malformed;
                }
                signals.start(&self.name);
                self.out.push('{');
                self.arguments = 0;
                self.open.clear();
                self.state = State::ArgumentOrClose;
            }
            (State::ArgumentOrClose, ')') => return self.end_call(signals),
            (State::ArgumentOrClose, c) if begins_name(c) => {
                self.word = String::from(c);
                self.state = State::Word;
            }
            (State::ArgumentOrClose, _) => {
                if !self.positional() {
                    return Step::Malformed;
                }
                self.state = State::Value;
                return Step::Before;
            }
            (State::Word | State::WordEnd, '=') => {
                let parameter = mem::take(&mut self.word);
                self.argument(&parameter);
                self.state = State::Value;
            }
            (State::Word | State::WordEnd, _) => {
                if !self.positional() {
                    return Step::Malformed;
                }
                self.state = State::Literal;
                return Step::Before;
            }
            (State::Value | State::Key, '"' | '\'') => {
                self.out.push('"');
                self.state = State::Quotes { quote: c, seen: 1 };
            }
            (State::Value, '[' | '(' | '{') => {
                if self.open.len() == MAX_DEPTH {
                    return Step::Malformed;
                }
                let (close, state) = match c {
                    '[' => (']', State::ItemOrClose),
                    '(' => (')', State::ItemOrClose),
                    _ => ('}', State::KeyOrClose),
                };
                self.out.push(if c == '{' { '{' } else { '[' });
                self.open.push(Container { close, empty: true, key: false });
                self.state = state;
            }
            (State::Value | State::Key, c) if is_of_literal(c, "") => {
                self.word = String::from(c);
                self.state = State::Literal;
            }
            (State::ItemOrClose | State::KeyOrClose, _) => {
                let Some(container) = self.open.last_mut() else { return Step::Malformed };
                if c == container.close {
                    self.close();
                    return Step::More;
                }
                if !mem::replace(&mut container.empty, false) {
                    self.out.push_str(", ");
                }
                container.key = container.close == '}';
                self.state = if container.key { State::Key } else { State::Value };
                return Step::Before;
            }
            (State::After, _) => match self.open.last_mut() {
                Some(container) if container.key => {
                    if c != ':' {
                        return Step::Malformed;
                    }
                    container.key = false;
                    self.out.push_str(": ");
                    self.state = State::Value;
                }
                None if c == ')' => return self.end_call(signals),
                None if c == ',' => self.state = State::ArgumentOrClose,
                Some(container) if c == container.close => self.close(),
                Some(container) if c == ',' => {
                    self.state = if container.close == '}' { State::KeyOrClose } else { State::ItemOrClose };
                }
                _ => return Step::Malformed,
            },
            _ => return Step::Malformed,
        }
        Step::More
    }

    fn close(&mut self) {
        let container = self.open.pop();
        self.out.push(if container.is_some_and(|container| container.close == '}') { '}' } else { ']' });
        self.state = State::After;
    }

    fn end_call(&mut self, signals: &mut Signals) -> Step {
        self.out.push('}');
        self.tell(signals);
        signals.end();
        self.state = State::AfterCall;
        if self.list { Step::More } else { Step::Done }
    }

    /// Begins an argument.
    fn argument(&mut self, parameter: &str) {
        if self.arguments > 0 {
            self.out.push_str(", ");
        }
        self.arguments += 1;
        push_text(parameter, &mut self.out);
        self.out.push_str(": ");
    }

    /// Begins an argument that is told from the others by its position; false where the tool has none there.
    fn positional(&mut self) -> bool {
        let offer = self.offer.clone();
        let Some(parameter) = offer.parameter(&self.name, self.arguments) else { return false };
        self.argument(parameter);
        true
    }

    fn quotes(&mut self, c: char, quote: char, seen: u8) -> Step {
        let text = Text { quote, triple: seen == 2, quotes: 0, escape: Escape::None, high: None };
        match (c == quote, seen) {
            (true, 1) => self.state = State::Quotes { quote, seen: 2 },
            (true, _) => self.state = State::Text(text),
            (false, 1) => {
                self.state = State::Text(text);
                return Step::Before;
            }
            (false, _) => {
                self.end_text();
                return Step::Before;
            }
        }
        Step::More
    }

    fn end_text(&mut self) {
        self.out.push('"');
        self.state = State::After;
    }

    fn text(&mut self, c: char, mut text: Text) -> Step {
        match text.escape {
            Escape::None if c == '\\' => {
                self.pending_quotes(&mut text);
                text.escape = Escape::Backslash;
            }
            Escape::None if c == text.quote => {
                self.lone_surrogate(&mut text);
                text.quotes += 1;
                if !text.triple || text.quotes == 3 {
                    self.end_text();
                    return Step::More;
                }
            }
            Escape::None => {
                self.pending_quotes(&mut text);
                self.push(c, &mut text);
            }
            Escape::Backslash => {
                text.escape = Escape::None;
                match c {
                    '\n' => {}
                    '\\' | '\'' | '"' => self.push(c, &mut text),
                    'n' => self.push('\n', &mut text),
                    'r' => self.push('\r', &mut text),
                    't' => self.push('\t', &mut text),
                    'b' => self.push('\u{8}', &mut text),
                    'f' => self.push('\u{c}', &mut text),
                    'a' => self.push('\u{7}', &mut text),
                    'v' => self.push('\u{b}', &mut text),
                    'x' => text.escape = Escape::Hex { missing: 2, value: 0 },
                    'u' => text.escape = Escape::Hex { missing: 4, value: 0 },
                    'U' => text.escape = Escape::Hex { missing: 8, value: 0 },
                    // As Python does with what is no escape.
                    c => {
                        self.push('\\', &mut text);
                        self.push(c, &mut text);
                    }
                }
            }
            Escape::Hex { missing, value } => {
                let Some(digit) = c.to_digit(16) else { return Step::Malformed };
                let value = value << 4 | digit;
                if missing > 1 {
                    text.escape = Escape::Hex { missing: missing - 1, value };
                } else {
                    text.escape = Escape::None;
                    match (text.high.take(), value) {
                        (Some(high), 0xDC00..=0xDFFF) => {
                            let pair = 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00);
                            self.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER), &mut text);
                        }
                        (before, value) => {
                            text.high = before;
                            self.lone_surrogate(&mut text);
                            match value {
                                0xD800..=0xDBFF => text.high = Some(value),
                                _ => self.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), &mut text),
                            }
                        }
                    }
                }
            }
        }
        self.state = State::Text(text);
        Step::More
    }

    /// Takes the quotes of a triple-quoted string that did not end it for text.
    fn pending_quotes(&mut self, text: &mut Text) {
        for _ in 0..mem::take(&mut text.quotes) {
            self.push(text.quote, text);
        }
    }

    fn push(&mut self, c: char, text: &mut Text) {
        self.lone_surrogate(text);
        push_char(c, &mut self.out);
    }

    fn lone_surrogate(&mut self, text: &mut Text) {
        if text.high.take().is_some() {
            self.out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether a character continues a word or number.
fn is_of_literal(c: char, before: &str) -> bool {
    match c {
        '+' | '-' => {
            before.is_empty() || before.ends_with(['e', 'E']) && before.starts_with(|c: char| !c.is_alphabetic())
        }
        c => c.is_alphanumeric() || matches!(c, '_' | '.'),
    }
}

/// The JSON of a Python literal that is one word.
fn literal(word: &str) -> Option<String> {
    match word {
        "True" | "true" => Some("true".into()),
        "False" | "false" => Some("false".into()),
        "None" | "null" => Some("null".into()),
        _ => number(word),
    }
}

/// The JSON of a Python number, if it is one that JSON can say.
fn number(word: &str) -> Option<String> {
    let word = word.replace('_', "");
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", word.strip_prefix('+').unwrap_or(&word)),
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.to_ascii_lowercase().strip_prefix(prefix) {
            return u128::from_str_radix(digits, radix).ok().map(|value| format!("{sign}{value}"));
        }
    }
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if power.is_empty() || !all_digits(power) {
                return None;
            }
            (mantissa, format!("e{exponent}"))
        }
        None => (digits, String::new()),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !all_digits(whole) || !fraction.is_none_or(all_digits) || whole.len() + fraction.map_or(0, str::len) == 0 {
        return None;
    }
    // Python refuses whole numbers with leading zeros; some are telephone numbers or postcodes without quotes.
    if fraction.is_none() && exponent.is_empty() && whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(match fraction {
        Some("") => format!("{sign}{whole}.0{exponent}"),
        Some(fraction) => format!("{sign}{whole}.{fraction}{exponent}"),
        None => format!("{sign}{whole}{exponent}"),
    })
}

/// Adds a text as a JSON string, which is also a Python string.
pub(super) fn push_text(text: &str, out: &mut String) {
    out.push('"');
    text.chars().for_each(|c| push_char(c, out));
    out.push('"');
}

fn push_char(c: char, out: &mut String) {
    match c {
        '"' | '\\' => {
            out.push('\\');
            out.push(c);
        }
        c => push_escaped_control(c, out),
    }
}
