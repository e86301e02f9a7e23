//! Tool calls in the syntax a model was trained on. One small file per syntax says how its calls look; reading them
//! out of an answer ([`Parser`]), writing them ([`Syntax::render`]) and constraining an answer to them
//! ([`Syntax::grammar`]) follow from that for all of them.

mod generic;
mod grammar;
mod granite;
mod hermes;
mod json;
mod json_calls;
mod llama3;
mod mistral;
mod named_calls;
mod parser;
mod phi4_mini;
mod python_calls;
mod python_grammar;
mod pythonic;
mod render;
#[cfg(test)]
mod testing;

pub use grammar::{GrammarError, Thinking};
pub use parser::{Event, Parser};
use serde_json::Value;

/// A function that a model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// What it is called by.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON Schema of its arguments, an object; `null` where it takes none.
    pub parameters: Value,
    /// Whether arguments must fit `parameters` even when the model is free not to call at all.
    pub strict: bool,
}

/// Whether a model must call, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// At least one call.
    Required,
    /// One call of the function of this name.
    Named(String),
}

/// A call in an answer, or in the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// What its result will refer to ([`Syntax::call_id`]).
    pub id: String,
    /// The function's name.
    pub name: String,
    /// JSON text of an object.
    pub arguments: String,
}

/// How a family of models writes tool calls.
#[derive(Debug)]
pub struct Syntax {
    name: &'static str,
    /// Whether a chat template has its model write this.
    written_by: fn(&str) -> bool,
    /// What begins a block of calls.
    opens: &'static [&'static str],
    /// What ends one. A block may lack it: an answer often ends there.
    closes: &'static [&'static str],
    /// The character with which calls may begin a line without any marker.
    bare: Option<char>,
    /// Whether a call of a function that is not offered is text. It is where nothing but the name tells a call from
    /// text.
    offered_only: bool,
    reading: Reading,
    layout: Layout,
    ids: Ids,
    /// Told to the model where its template does not speak of tools.
    instructions: Option<fn(&[Tool]) -> String>,
}

/// What stands in a block of calls.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// A JSON object per call, or a list of them.
    Json,
    /// `name[ARGS]{"a": 1}`.
    Named,
    /// `[f(a=1), g()]`.
    Python,
}

/// Exactly how calls are written, as the templates do.
#[derive(Clone, Copy, Debug)]
struct Layout {
    open: Option<Marker>,
    /// Between the opening marker and the first call of a block.
    head: &'static str,
    call: CallLayout,
    several: Several,
    /// Between the last call of a block and its closing marker.
    tail: &'static str,
    close: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Marker {
    /// Always there.
    Needed(&'static str),
    /// A token that some of the models write and others do not.
    Allowed(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum CallLayout {
    /// `{"name": "f", "arguments": {"a": 1}}`, with this key for the arguments.
    Json { arguments: &'static str },
    /// `f[ARGS]{"a": 1}`, or `f[CALL_ID]000000000[ARGS]{"a": 1}`.
    Named { call_id: bool },
    /// `f(a=1)`.
    Python,
}

/// How more than one call is written.
#[derive(Clone, Copy, Debug)]
enum Several {
    /// Not at all: the template refuses to.
    Never,
    /// In a block each, with this between them.
    Blocks(&'static str),
    /// In one block, with this between them.
    List(&'static str),
}

/// What the identifiers of calls look like.
#[derive(Clone, Copy, Debug)]
enum Ids {
    /// `call_` and letters and digits.
    Long,
    /// Nine letters and digits: the templates refuse anything else.
    Nine,
}

/// Every syntax, in the order in which a template is asked for them: the more telling marks first.
static SYNTAXES: [Syntax; 11] = [
    mistral::MISTRAL_CALL_ID,
    mistral::MISTRAL_ARGS,
    mistral::MISTRAL,
    pythonic::LFM2,
    granite::GRANITE,
    phi4_mini::PHI4_MINI,
    phi4_mini::FUNCTOOLS,
    hermes::HERMES,
    llama3::LLAMA3,
    pythonic::PYTHONIC,
    generic::GENERIC,
];

impl Syntax {
    /// The syntax that a model's chat template writes, or tells the model to write. Where a template takes tools but
    /// shows no call, the `architecture` (GGUF's `general.architecture`, or the configuration's `model_type`) may
    /// still tell; else it is the generic one, for which [`instructions`](Syntax::instructions) must be given to the
    /// model.
    pub fn of(template: &str, architecture: &str) -> &'static Syntax {
        let told = SYNTAXES.iter().find(|syntax| (syntax.written_by)(template));
        told.unwrap_or_else(|| match architecture {
            _ if !template.contains("tools") => &generic::GENERIC,
            _ if architecture.starts_with("granite") => &granite::GRANITE,
            _ if architecture.starts_with("lfm2") => &pythonic::LFM2,
            _ => &generic::GENERIC,
        })
    }

    /// Every syntax.
    pub fn all() -> &'static [Syntax] {
        &SYNTAXES
    }

    /// A short name, for logs.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The pieces of text that frame calls. Where the vocabulary has one as a special token, the text that is given to
    /// the [`Parser`] must show it.
    pub fn markers(&self) -> impl Iterator<Item = &'static str> {
        let inner: &[&str] = match self.reading {
            Reading::Named => &named_calls::MARKERS,
            Reading::Json | Reading::Python => &[],
        };
        self.opens.iter().chain(self.closes).chain(inner).copied()
    }

    /// A parser for one answer of a model that was offered `tools`.
    pub fn parser(&'static self, tools: &[Tool]) -> Parser {
        Parser::new(self, tools)
    }

    /// What must be told to the model in a system text, because its template does not speak of tools: then the
    /// template is given no tools, calls of the conversation so far are given as text ([`render`](Syntax::render)),
    /// and results as a user's text. `None` where the template does all that.
    pub fn instructions(&self, tools: &[Tool]) -> Option<String> {
        self.instructions.map(|instructions| instructions(tools))
    }

    /// Whether the model's template speaks of tools itself; if not, there are [`instructions`](Syntax::instructions).
    pub fn is_in_template(&self) -> bool {
        self.instructions.is_none()
    }

    /// Whether the model's template takes this identifier of a call.
    pub fn takes_id(&self, id: &str) -> bool {
        match self.ids {
            Ids::Long => true,
            Ids::Nine => id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }

    /// An identifier for a call, out of random bits of the caller's, that the model's template accepts.
    pub fn call_id(&self, mut random: u128) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let (mut id, digits) = match self.ids {
            Ids::Long => (String::from("call_"), 21),
            Ids::Nine => (String::new(), 9),
        };
        for _ in 0..digits {
            id.push(DIGITS[(random % 62) as usize] as char);
            random /= 62;
        }
        id
    }
}
