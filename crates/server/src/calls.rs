//! What an answer says and what it calls, in OpenAI's words.

use crate::ids;
use crate::openai::chat::{ChatAnswer, ChatDelta};
use crate::openai::{CallDelta, FunctionDelta};
use crate::tools::{Event, Parser, Syntax, Tool};

/// Tells calls from text in one answer, and names them.
#[derive(Clone)]
pub struct Calls {
    syntax: &'static Syntax,
    /// Gone when the answer is over.
    parser: Option<Parser>,
    have_ended: bool,
}

/// A piece of an answer.
#[derive(Debug)]
pub enum Said {
    /// Text.
    Text(String),
    /// What is new of a call.
    Call([CallDelta; 1]),
    /// The last call is none after all; this is its text.
    NoCall(String),
}

impl Calls {
    /// For an answer of a model that writes calls in `syntax` and was offered `tools`.
    pub fn new(syntax: &'static Syntax, tools: &[Tool]) -> Calls {
        Calls { syntax, parser: Some(syntax.parser(tools)), have_ended: false }
    }

    /// Whether any call is complete.
    pub fn have_ended(&self) -> bool {
        self.have_ended
    }

    /// Takes the next piece of text.
    pub fn push(&mut self, text: &str) -> Vec<Said> {
        let events = self.parser.as_mut().map_or(vec![], |parser| parser.push(text));
        self.tell(events)
    }

    /// What is left when no more text comes.
    pub fn finish(&mut self) -> Vec<Said> {
        let events = self.parser.take().map_or(vec![], Parser::finish);
        self.tell(events)
    }

    fn tell(&mut self, events: Vec<Event>) -> Vec<Said> {
        let mut said = Vec::with_capacity(events.len());
        for event in events {
            said.push(match event {
                Event::Text(text) => Said::Text(text),
                Event::CallStart { index, name } => Said::Call([CallDelta {
                    index: Some(index),
                    id: Some(self.syntax.call_id(ids::number())),
                    kind: Some("function"),
                    function: FunctionDelta { name: Some(name), arguments: String::new() },
                }]),
                Event::Arguments { index, piece } => Said::Call([CallDelta {
                    index: Some(index),
                    id: None,
                    kind: None,
                    function: FunctionDelta { name: None, arguments: piece },
                }]),
                Event::CallEnd { .. } => {
                    self.have_ended = true;
                    continue;
                }
                Event::CallBroken { source, .. } => Said::NoCall(source),
            });
        }
        said
    }
}

impl Said {
    /// In a stream. What has been told of a call stays told, also if it breaks: its arguments are then no JSON.
    pub fn delta(&self) -> Option<ChatDelta<'_>> {
        match self {
            Said::Text(text) => Some(ChatDelta { content: Some(text), ..ChatDelta::default() }),
            Said::Call(call) => Some(ChatDelta { tool_calls: call, ..ChatDelta::default() }),
            Said::NoCall(_) => None,
        }
    }

    /// Adds it to an answer that is told whole.
    pub fn join(self, answer: &mut ChatAnswer) {
        let calls = &mut answer.tool_calls;
        match self {
            Said::Text(text) => answer.content.get_or_insert_default().push_str(&text),
            Said::Call([call]) if call.id.is_some() => calls.push(CallDelta { index: None, ..call }),
            Said::Call([call]) => {
                calls.iter_mut().last().into_iter().for_each(|last| last.function.arguments += &call.function.arguments)
            }
            Said::NoCall(text) => {
                calls.pop();
                answer.content.get_or_insert_default().push_str(&text);
            }
        }
    }
}
