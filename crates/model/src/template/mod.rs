//! Chat templates: the Jinja text that turns messages into the prompt a model was trained on.

use serde_json::{Map, Value};

use crate::{Checkpoint, ModelError};

/// A compiled chat template.
pub struct ChatTemplate {}

/// What a template is rendered with.
#[derive(Clone, Debug, Default)]
pub struct ChatInput {
    /// OpenAI-style message objects: `role`, `content`, `tool_calls`, ...
    pub messages: Vec<Value>,
    /// OpenAI-style tool definitions; `None` leaves `tools` undefined.
    pub tools: Option<Vec<Value>>,
    /// End with the opening of the assistant's turn.
    pub add_generation_prompt: bool,
    /// Further variables (`enable_thinking`, `documents`, `date_string`, ...).
    pub extra: Map<String, Value>,
}

impl ChatTemplate {
    /// Compiles `source`. `bos_token` and `eos_token` are what the template's variables of those names hold.
    ///
    /// # Errors
    /// If the source is not a template; with the line and what was expected.
    pub fn new(source: &str, bos_token: Option<&str>, eos_token: Option<&str>) -> Result<ChatTemplate, ModelError> {
        todo!("{source} {bos_token:?} {eos_token:?}")
    }

    /// The template that comes with a checkpoint: `chat_template.jinja`, `tokenizer_config.json` or `tokenizer.chat_template`; `None` if it has none.
    ///
    /// # Errors
    /// If there is one and it does not compile.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Option<ChatTemplate>, ModelError> {
        todo!("{:?}", checkpoint.path)
    }

    /// The prompt for `input`.
    ///
    /// # Errors
    /// What the template raised (`raise_exception`) or stumbled over, with its line.
    pub fn render(&self, input: &ChatInput) -> Result<String, ModelError> {
        todo!("{input:?}")
    }
}
