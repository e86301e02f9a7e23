//! Calls as JSON: an object each, alone or in a list. Beside `{"name": "f", "arguments": {"a": 1}}` it takes what
//! models make of the ways in which tools are described to them: `parameters` for `arguments`, the function inside of
//! `{"type": "function", "function": {...}}`, the name as `function`, arguments as a JSON text in a string.

use std::sync::Arc;

use serde_json::Value;

use super::{
    json::{JsonValue, Step},
    parser::{Offer, Signals},
};

/// Reads an object, or a list of them, from the first character on.
#[derive(Clone, Debug)]
pub(super) struct JsonCalls {
    call: JsonCall,
    state: State,
    list: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Begin,
    First,
    Next,
    Call,
    After,
}

impl JsonCalls {
    pub(super) fn new(offer: Arc<Offer>) -> JsonCalls {
        JsonCalls { call: JsonCall::new(offer), state: State::Begin, list: false }
    }

    pub(super) fn feed(&mut self, c: char, signals: &mut Signals) -> Step {
        self.state = match (self.state, c) {
            (State::Call, _) => match self.call.feed(c, signals) {
                Step::Done if self.list => State::After,
                step => return step,
            },
            (_, ' ' | '\t' | '\n' | '\r') => return Step::More,
            (State::Begin, '[') => {
                self.list = true;
                State::First
            }
            (State::Begin | State::First | State::Next, '{') => {
                self.call = JsonCall::new(self.call.offer.clone());
                State::Call
            }
            (State::After, ',') => State::Next,
            (State::After | State::Next, ']') => return Step::Done,
            _ => return Step::Malformed,
        };
        Step::More
    }
}

/// Reads the object of one call, behind its `{`.
#[derive(Clone, Debug)]
struct JsonCall {
    offer: Arc<Offer>,
    name: Option<String>,
    /// Arguments that came before the name.
    held: String,
    has_arguments: bool,
    started: bool,
    /// Whether it is inside of `"function": {...}`.
    nested: bool,
    state: Place,
    value: JsonValue,
    /// The text of `value` where it is not passed on.
    text: String,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    KeyOrClose,
    Key,
    InKey,
    Colon(Key),
    Value(Key),
    InName,
    InArguments,
    /// In a string that has them as JSON text, or in `null`.
    InOddArguments,
    InOther,
    After,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Name,
    Function,
    Arguments,
    Other,
}

impl JsonCall {
    fn new(offer: Arc<Offer>) -> JsonCall {
        JsonCall {
            offer,
            name: None,
            held: String::new(),
            has_arguments: false,
            started: false,
            nested: false,
            state: Place::KeyOrClose,
            value: JsonValue::new(),
            text: String::new(),
        }
    }

    fn feed(&mut self, c: char, signals: &mut Signals) -> Step {
        match self.state {
            Place::InKey | Place::InName | Place::InOddArguments | Place::InOther => self.inside(c, signals),
            Place::InArguments => {
                self.text.clear();
                let step = self.value.feed(c, &mut self.text);
                if step != Step::Malformed {
                    match self.name {
                        Some(_) => signals.arguments(&self.text),
                        None => self.held.push_str(&self.text),
                    }
                }
                self.after(step)
            }
            _ => self.between(c, signals),
        }
    }

    /// A character of a value that is read as a whole.
    fn inside(&mut self, c: char, signals: &mut Signals) -> Step {
        let step = self.value.feed(c, &mut self.text);
        if !matches!(step, Step::Done | Step::Before) {
            return step;
        }
        let text = || serde_json::from_str::<String>(&self.text).ok();
        match self.state {
            Place::InKey => {
                let key = match text().as_deref() {
                    Some("name") => Key::Name,
                    Some("function") => Key::Function,
                    Some("arguments" | "parameters") => Key::Arguments,
                    Some("type" | "id") => Key::Other,
                    Some(_) if !self.offer.offered_only => Key::Other,
                    _ => return Step::Malformed,
                };
                self.state = Place::Colon(key);
                return Step::More;
            }
            Place::InName => match text() {
                Some(name) if self.name.is_none() && self.offer.takes(&name) => {
                    self.name = Some(name);
                    if self.has_arguments {
                        let held = std::mem::take(&mut self.held);
                        self.start(signals);
                        signals.arguments(&held);
                    }
                }
                _ => return Step::Malformed,
            },
            Place::InOddArguments => {
                let arguments = match text() {
                    Some(arguments) if arguments.trim().is_empty() => String::from("{}"),
                    Some(arguments) => match serde_json::from_str::<Value>(&arguments) {
                        Ok(Value::Object(_)) => arguments.trim().to_owned(),
                        _ => return Step::Malformed,
                    },
                    None if self.text == "null" => String::from("{}"),
                    None => return Step::Malformed,
                };
                match self.name {
                    Some(_) => {
                        self.start(signals);
                        signals.arguments(&arguments);
                    }
                    None => self.held = arguments,
                }
            }
            _ => {}
        }
        match (self.after(Step::Done), step) {
            // A number ends before the character that tells so.
            (Step::More, Step::Before) => self.between(c, signals),
            (step, _) => step,
        }
    }

    /// A character around keys and values.
    fn between(&mut self, c: char, signals: &mut Signals) -> Step {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            return Step::More;
        }
        self.state = match (self.state, c) {
            (Place::KeyOrClose | Place::Key, '"') => self.begin(c, Place::InKey),
            (Place::Colon(key), ':') => Place::Value(key),
            (Place::Value(Key::Name | Key::Function), '"') => self.begin(c, Place::InName),
            (Place::Value(Key::Function), '{') if !self.nested => {
                self.nested = true;
                Place::KeyOrClose
            }
            (Place::Value(Key::Arguments), '{' | '"' | 'n') if !self.has_arguments => {
                self.has_arguments = true;
                if c != '{' {
                    self.begin(c, Place::InOddArguments)
                } else {
                    if self.name.is_some() {
                        self.start(signals);
                    }
                    self.state = self.begin(c, Place::InArguments);
                    match self.name {
                        Some(_) => signals.arguments("{"),
                        None => self.held.push('{'),
                    }
                    return Step::More;
                }
            }
            (Place::Value(Key::Other), c) => {
                self.text.clear();
                self.value = JsonValue::new();
                self.state = Place::InOther;
                return self.inside(c, signals);
            }
            (Place::After, ',') => Place::Key,
            (Place::KeyOrClose | Place::After, '}') if self.nested => {
                self.nested = false;
                Place::After
            }
            (Place::KeyOrClose | Place::After, '}') => return self.end(signals),
            _ => return Step::Malformed,
        };
        Step::More
    }

    /// Begins a value at `c`, which is a valid first character.
    fn begin(&mut self, c: char, place: Place) -> Place {
        self.text.clear();
        self.value = JsonValue::new();
        self.value.feed(c, &mut self.text);
        place
    }

    fn after(&mut self, step: Step) -> Step {
        if step != Step::Done {
            return step;
        }
        self.state = Place::After;
        Step::More
    }

    fn start(&mut self, signals: &mut Signals) {
        if let (Some(name), false) = (&self.name, self.started) {
            signals.start(name);
            self.started = true;
        }
    }

    fn end(&mut self, signals: &mut Signals) -> Step {
        if self.name.is_none() {
            return Step::Malformed;
        }
        self.start(signals);
        if !self.has_arguments {
            signals.arguments("{}");
        }
        signals.end();
        Step::Done
    }
}
