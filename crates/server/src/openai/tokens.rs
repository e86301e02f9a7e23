//! `/tokenize` and `/detokenize`, as vLLM has them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::chat::read_model;
use super::sampling::token_ids;
use super::{ApiError, Fields, messages};

/// A text or a conversation to cut into tokens.
#[derive(Debug, ToSchema)]
pub struct TokenizeRequest {
    /// Whose tokens.
    pub model: String,
    /// The text; either this or `messages`.
    pub prompt: Option<String>,
    /// The conversation; either this or `prompt`.
    #[schema(value_type = Option<Vec<messages::Message>>, min_items = 1, max_items = 4096)]
    pub messages: Option<Vec<Value>>,
    /// Whether a text begins and ends as the model's texts do.
    #[schema(value_type = Option<bool>, required = false)]
    pub add_special_tokens: bool,
    /// Whether a conversation ends with the opening of the assistant's turn.
    #[schema(value_type = Option<bool>, required = false)]
    pub add_generation_prompt: bool,
    /// Whether to spell out the tokens.
    #[schema(value_type = Option<bool>, required = false)]
    pub return_token_strs: bool,
}

impl TokenizeRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn read(mut all: Fields) -> Result<TokenizeRequest, ApiError> {
        let fields = &mut all;
        let model = read_model(fields)?;
        let prompt = fields.string("prompt")?;
        let messages = match prompt {
            None => Some(messages::read(fields)?),
            Some(_) => None,
        };
        let request = TokenizeRequest {
            model,
            prompt,
            messages,
            add_special_tokens: fields.boolean("add_special_tokens")?.unwrap_or(true),
            add_generation_prompt: fields.boolean("add_generation_prompt")?.unwrap_or(true),
            return_token_strs: fields.boolean("return_token_strs")?.unwrap_or(false),
        };
        all.finish()?;
        Ok(request)
    }
}

/// The tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenizeResponse {
    /// How many.
    pub count: usize,
    /// Positions a prompt and its answer may have together.
    pub max_model_len: usize,
    /// Their ids.
    pub tokens: Vec<u32>,
    /// Their own written forms, if asked for.
    pub token_strs: Option<Vec<String>>,
}

/// Tokens to put together again.
#[derive(Debug, ToSchema)]
pub struct DetokenizeRequest {
    /// Whose tokens.
    pub model: String,
    /// Their ids.
    pub tokens: Vec<u32>,
}

impl DetokenizeRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn read(mut fields: Fields) -> Result<DetokenizeRequest, ApiError> {
        let model = read_model(&mut fields)?;
        let ids = fields.list("tokens")?.ok_or_else(|| fields.missing("tokens", "give a list of token ids"))?;
        let tokens = token_ids(&ids, "tokens")?;
        fields.finish()?;
        Ok(DetokenizeRequest { model, tokens })
    }
}

/// The text.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetokenizeResponse {
    /// Control tokens are written out.
    pub prompt: String,
}
