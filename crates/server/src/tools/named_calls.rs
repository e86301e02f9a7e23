//! Calls as a name and the JSON object of its arguments: `name[ARGS]{"a": 1}`, with `[CALL_ID]000000000` between in
//! some releases, and without `[ARGS]` in others.

use std::sync::Arc;

use super::{
    json::{JsonValue, Step},
    json_calls::JsonCalls,
    parser::{Offer, Signals},
};

const ARGS: &str = "[ARGS]";
const CALL_ID: &str = "[CALL_ID]";
pub(super) const MARKERS: [&str; 2] = [ARGS, CALL_ID];

/// Reads one call from its name on; or a list of JSON objects, should one stand there.
#[derive(Clone, Debug)]
pub(super) struct NamedCall {
    offer: Arc<Offer>,
    state: State,
    name: String,
    marker: String,
    value: JsonValue,
}

#[derive(Clone, Debug)]
enum State {
    Begin,
    Name,
    Marker,
    CallId,
    Open,
    Arguments,
    Json(Box<JsonCalls>),
}

impl NamedCall {
    pub(super) fn new(offer: Arc<Offer>) -> NamedCall {
        let (name, marker) = (String::new(), String::new());
        NamedCall { offer, state: State::Begin, name, marker, value: JsonValue::new() }
    }

    pub(super) fn feed(&mut self, c: char, signals: &mut Signals) -> Step {
        match &mut self.state {
            State::Json(calls) => return calls.feed(c, signals),
            State::Begin if c == '[' || c == '{' => {
                let mut calls = Box::new(JsonCalls::new(self.offer.clone()));
                let step = calls.feed(c, signals);
                self.state = State::Json(calls);
                return step;
            }
            State::Begin | State::Open if c.is_whitespace() => {}
            State::Begin | State::Name if is_of_name(c) => {
                self.name.push(c);
                self.state = State::Name;
            }
            State::Name | State::CallId if c == '[' => {
                self.marker = String::from(c);
                self.state = State::Marker;
            }
            State::CallId if c.is_ascii_alphanumeric() => {}
            State::Marker => {
                self.marker.push(c);
                match self.marker.as_str() {
                    ARGS => self.state = State::Open,
                    CALL_ID => self.state = State::CallId,
                    begun if MARKERS.iter().any(|marker| marker.starts_with(begun)) => {}
                    _ => return Step::Malformed,
                }
            }
            State::Name | State::Open if c == '{' => {
                if !self.offer.takes(&self.name) {
                    return Step::Malformed;
                }
                signals.start(&self.name);
                self.state = State::Arguments;
                return self.argument(c, signals);
            }
            State::Arguments => return self.argument(c, signals),
            _ => return Step::Malformed,
        }
        Step::More
    }

    fn argument(&mut self, c: char, signals: &mut Signals) -> Step {
        let mut piece = String::new();
        let step = self.value.feed(c, &mut piece);
        if step != Step::Malformed {
            signals.arguments(&piece);
        }
        if step == Step::Done {
            signals.end();
        }
        step
    }
}

/// Whether a character may stand in a function's name where nothing quotes it.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}
