//! What the tests of the syntaxes share.

use serde_json::{Value, json};

use super::{Event, Syntax, Tool, ToolCall};

#[path = "../../tests/grammars/answer.rs"]
mod answer;
use answer::Answer;

/// The syntax of this name.
pub(super) fn syntax(name: &str) -> &'static Syntax {
    Syntax::all().iter().find(|syntax| syntax.name() == name).expect("a syntax")
}

pub(super) fn tool(name: &str, parameters: Value) -> Tool {
    Tool { name: name.into(), description: None, parameters, strict: true }
}

/// The tools that the tests' models are offered.
pub(super) fn weather_tools() -> Vec<Tool> {
    let weather = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer"},
        },
        "required": ["city"],
    });
    let note = json!({"type": "object", "properties": {"text": {"type": "string"}, "tags": {"type": "array"}}});
    vec![tool("get_weather", weather), tool("note", note), tool("now", Value::Null)]
}

/// What is read of an answer that comes in these pieces; pieces of the same text or arguments are put together.
pub(super) fn events(syntax: &'static Syntax, pieces: &[&str]) -> Vec<Event> {
    let mut parser = syntax.parser(&weather_tools());
    let mut events: Vec<Event> = pieces.iter().flat_map(|piece| parser.push(piece)).collect();
    events.extend(parser.finish());
    events.dedup_by(|next, event| match (event, next) {
        (Event::Text(text), Event::Text(more)) => {
            text.push_str(more);
            true
        }
        (Event::Arguments { index, piece }, Event::Arguments { index: of, piece: more }) if index == of => {
            piece.push_str(more);
            true
        }
        _ => false,
    });
    events
}

/// The same, put together.
pub(super) fn read(syntax: &'static Syntax, pieces: &[&str]) -> Answer {
    let mut answer = Answer::default();
    answer.extend(events(syntax, pieces));
    answer
}

/// What is read of an answer by characters.
pub(super) fn events_by_characters(syntax: &'static Syntax, source: &str) -> Vec<Event> {
    let characters: Vec<String> = source.chars().map(String::from).collect();
    events(syntax, &characters.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Reads an answer as a whole, in two pieces wherever it can be cut, and by characters: always the same.
#[track_caller]
pub(super) fn reads(name: &str, source: &str, text: &str, calls: &[(&str, &str)]) {
    let syntax = syntax(name);
    let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect();
    let expected = Answer { text: text.to_owned(), calls };
    assert_eq!(read(syntax, &[source]), expected, "{source}");
    let whole = events(syntax, &[source]);
    for (at, _) in source.char_indices() {
        let (first, second) = source.split_at(at);
        assert_eq!(events(syntax, &[first, second]), whole, "{first} | {second}");
    }
    assert_eq!(events_by_characters(syntax, source), whole, "{source} by characters");
    for (_, arguments) in &expected.calls {
        let value: Value = serde_json::from_str(arguments).expect("JSON");
        assert!(value.is_object(), "{arguments}");
    }
}

/// No calls: the answer is the text that it is.
#[track_caller]
pub(super) fn is_text(name: &str, source: &str) {
    reads(name, source, source, &[]);
}

/// These calls are written as `source`, which reads back to the same.
#[track_caller]
pub(super) fn renders(name: &str, calls: &[(&str, &str)], source: &str) {
    let with_id = |(name, arguments): &(&str, &str)| ToolCall {
        id: "a1B2c3D4e".into(),
        name: (*name).into(),
        arguments: (*arguments).into(),
    };
    let rendered: Vec<ToolCall> = calls.iter().map(with_id).collect();
    assert_eq!(syntax(name).render(&rendered), source);
    reads(name, source, "", calls);
}

/// Pieces of all syntaxes, for answers that are garbage.
pub(super) const SOUP: [&str; 48] = [
    "<tool_call>",
    "</tool_call>",
    "<|tool_call|>",
    "<|/tool_call|>",
    "<|python_tag|>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[CALL_ID]",
    "<|tool_call_start|>",
    "<|tool_call_end|>",
    "functools",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "\\",
    ",",
    ":",
    ";",
    "=",
    "\n",
    " ",
    "a",
    "é",
    "😀",
    "-1.5",
    "0",
    "name",
    "\"name\": ",
    "\"arguments\": ",
    "get_weather",
    "\"get_weather\"",
    "{\"name\": \"get_weather\", ",
    "\"arguments\": {\"city\": \"Oslo\"}}",
    "city=",
    "True",
    "null",
    "{\"city\": \"Rome\"}",
    "get_weather(city='Rome')",
    "\\ud83d",
    "\\u00e9",
    "<",
    "\"function\": ",
    "\u{1}",
];

/// A small generator (xorshift64), the same on every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
