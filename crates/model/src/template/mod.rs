//! Chat templates: the Jinja text that turns messages into the prompt a model was trained on.
//!
//! A template comes with the model, so it is as trustworthy as a file from the network: what it may cost is bounded
//! (`budget`), and it sees nothing but the conversation and the time.

mod budget;
mod environment;
mod lists;
mod literals;
mod methods;
mod operators;
mod program;
mod source;
mod text;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::machinery;
use minijinja::{AutoEscape, Environment, ErrorKind};
use serde_json::{Map, Value};

use self::environment::{Clock, Raised};
pub use self::literals::Literals;
use self::program::Program;
use crate::{Checkpoint, ModelError};

/// A compiled chat template.
pub struct ChatTemplate {
    /// Where it came from, for messages.
    path: PathBuf,
    default: Compiled,
    tool_use: Option<Compiled>,
    /// `bos_token`, `eos_token`, ...
    tokens: Map<String, Value>,
    environment: Environment<'static>,
    literals: Literals,
    clock: Clock,
}

self_cell::self_cell!(
    /// A template's source, and its instructions, which borrow from it.
    struct Compiled {
        owner: String,
        #[covariant]
        dependent: Program,
    }
);

/// What a template is rendered with.
#[derive(Clone, Debug, Default)]
pub struct ChatInput {
    /// OpenAI-style message objects: `role`, `content`, `tool_calls`, ...
    pub messages: Vec<Value>,
    /// OpenAI-style tool definitions; without any, templates see `none`, as transformers has it.
    pub tools: Option<Vec<Value>>,
    /// End with the opening of the assistant's turn. If not, templates see no such variable.
    pub add_generation_prompt: bool,
    /// Further variables (`enable_thinking`, `documents`, `date_string`, ...), which go before all others.
    pub extra: Map<String, Value>,
}

impl ChatTemplate {
    /// Compiles `source`. `bos_token` and `eos_token` are what the template's variables of those names hold.
    ///
    /// # Errors
    /// If the source is not a template; with the line and what was expected.
    pub fn new(source: &str, bos_token: Option<&str>, eos_token: Option<&str>) -> Result<ChatTemplate, ModelError> {
        let tokens = [("bos_token", bos_token), ("eos_token", eos_token)];
        let tokens = tokens.into_iter().filter_map(|(name, token)| Some((name.to_owned(), token?.into()))).collect();
        ChatTemplate::compile(source::Sources {
            path: PathBuf::from("chat template"),
            default: source.to_owned(),
            tool_use: None,
            tokens,
        })
    }

    /// The template that comes with a checkpoint: `chat_template.jinja`, `tokenizer_config.json` or `tokenizer.chat_template`; `None` if it has none.
    ///
    /// # Errors
    /// If there is one and it does not compile.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Option<ChatTemplate>, ModelError> {
        source::find(checkpoint)?.map(ChatTemplate::compile).transpose()
    }

    fn compile(sources: source::Sources) -> Result<ChatTemplate, ModelError> {
        let plain = |source: &str| {
            let plain = program::plain_source(source).into_owned();
            let compile = || Compiled::try_new(plain, |source| program::compile(source));
            on_large_stack(compile).map_err(|problem| ModelError::malformed(&sources.path, "template", problem))
        };
        let clock: Clock = Arc::new(jiff::Zoned::now);
        Ok(ChatTemplate {
            default: plain(&sources.default)?,
            tool_use: sources.tool_use.as_deref().map(plain).transpose()?,
            tokens: sources.tokens,
            environment: environment::new(Literals::default(), clock.clone()),
            literals: Literals::default(),
            clock,
            path: sources.path,
        })
    }

    /// Whether `text` stands in the template: a control word that its model was trained with.
    pub fn mentions(&self, text: &str) -> bool {
        [Some(&self.default), self.tool_use.as_ref()].into_iter().flatten().any(|it| it.borrow_owner().contains(text))
    }

    /// The text of the template that writes conversations with tools.
    pub fn tool_source(&self) -> &str {
        self.tool_use.as_ref().unwrap_or(&self.default).borrow_owner()
    }

    /// Prints values that are not strings as `literals` has it, instead of as Python does.
    #[must_use]
    pub fn with_literals(self, literals: Literals) -> ChatTemplate {
        ChatTemplate { environment: environment::new(literals, self.clock.clone()), literals, ..self }
    }

    /// Lets `strftime_now` always tell this time, in UTC, so that the same conversation gives the same prompt.
    #[must_use]
    pub fn at(self, time: std::time::SystemTime) -> ChatTemplate {
        let time = jiff::Timestamp::try_from(time).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        let clock: Clock = Arc::new(move || time.clone());
        ChatTemplate { environment: environment::new(self.literals, clock.clone()), clock, ..self }
    }

    /// The prompt for `input`.
    ///
    /// # Errors
    /// What the template raised (`raise_exception`) or stumbled over, with its line; or that it takes more time or memory than
    /// a chat template may.
    pub fn render(&self, input: &ChatInput) -> Result<String, ModelError> {
        let compiled = match (&input.tools, &self.tool_use) {
            (Some(_), Some(tool_use)) => tool_use,
            _ => &self.default,
        };
        let rendered = on_large_stack(|| self.run(compiled.borrow_dependent(), input));
        rendered.map_err(|problem| ModelError::malformed(&self.path, "template", problem))
    }

    fn run(&self, program: &Program<'_>, input: &ChatInput) -> Result<String, minijinja::Error> {
        let (context, bytes) = self.context(input);
        budget::with_budget(bytes, || {
            let mut text = String::new();
            let environment: &Environment<'_> = &self.environment;
            let mut output = machinery::make_string_output(&mut text);
            machinery::eval(environment, &program.main, context, &program.blocks, &mut output, AutoEscape::None)?;
            drop(output);
            Ok(text)
        })
    }

    /// The variables of a rendering, and about how many bytes they are.
    fn context(&self, input: &ChatInput) -> (minijinja::Value, usize) {
        let mut bytes = 0;
        let mut variables: Vec<(String, minijinja::Value)> = Vec::new();
        let list = |values: &[Value], bytes: &mut usize| values.iter().map(|value| convert(value, bytes)).collect();
        let messages: Vec<minijinja::Value> = list(&input.messages, &mut bytes);
        variables.push(("messages".into(), messages.into()));
        let tools: Option<Vec<minijinja::Value>> = input.tools.as_ref().map(|tools| list(tools, &mut bytes));
        variables.push(("tools".into(), tools.into()));
        variables.push(("documents".into(), ().into()));
        if input.add_generation_prompt {
            variables.push(("add_generation_prompt".into(), true.into()));
        }
        for (name, value) in self.tokens.iter().chain(&input.extra) {
            variables.push((name.clone(), convert(value, &mut bytes)));
        }
        (minijinja::Value::from_pairs(variables), bytes)
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("path", &self.path)
            .field("source", self.default.borrow_owner())
            .finish_non_exhaustive()
    }
}

/// JSON as the engine's values; objects keep their order. `bytes` grows by about the memory they take.
fn convert(value: &Value, bytes: &mut usize) -> minijinja::Value {
    *bytes += 32;
    match value {
        Value::Null => ().into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => {
            *bytes += text.len();
            text.as_str().into()
        }
        Value::Array(items) => items.iter().map(|item| convert(item, bytes)).collect::<Vec<_>>().into(),
        Value::Object(entries) => minijinja::Value::from_pairs(entries.iter().map(|(key, value)| {
            *bytes += key.len();
            (key.as_str(), convert(value, bytes))
        })),
    }
}

/// Runs `work` where there is room for the deepest tree that [`program`] lets through. What goes wrong is a sentence.
///
/// Not on a thread: that takes longer than most conversations do.
fn on_large_stack<R>(work: impl FnOnce() -> Result<R, minijinja::Error>) -> Result<R, String> {
    const STACK_BYTES: usize = 32 << 20;
    // Unwind safe: of what `work` may leave half done, only the budget outlives it, and each rendering begins a new one.
    match std::panic::catch_unwind(AssertUnwindSafe(|| stacker::grow(STACK_BYTES, work))) {
        Ok(done) => done.map_err(|error| describe(&error)),
        Err(_) => Err("the template engine failed; please report this template".into()),
    }
}

/// What went wrong, in a sentence with the line.
fn describe(error: &minijinja::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut innermost = error;
    while let Some(current) = cause {
        if let Some(raised) = current.downcast_ref::<Raised>() {
            return format!("it does not take this conversation: {raised}");
        }
        if let Some(inner) = current.downcast_ref::<minijinja::Error>() {
            innermost = inner;
        }
        cause = current.source();
    }
    let line = innermost.line().or(error.line()).map_or_else(String::new, |line| format!("line {line}: "));
    let what = match (innermost.kind(), innermost.detail()) {
        (ErrorKind::OutOfFuel, None) => "takes more time than a chat template may".to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    format!("{line}{what}")
}
