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
    /// Whether a text begins and ends as the model's texts do; goes with `prompt`.
    #[schema(value_type = Option<bool>, required = false)]
    pub add_special_tokens: bool,
    /// Whether a conversation ends with the opening of the assistant's turn; goes with `messages`.
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
        let special = fields.boolean("add_special_tokens")?;
        let opening = fields.boolean("add_generation_prompt")?;
        let messages = match prompt {
            None if special.is_some() => {
                return Err(ApiError::unsupported(
                    "add_special_tokens",
                    "a chat template says itself what begins a text",
                ));
            }
            None => Some(messages::read(fields)?),
            Some(_) if opening.is_some() => {
                return Err(ApiError::unsupported(
                    "add_generation_prompt",
                    "a text has no turns; it goes with messages",
                ));
            }
            Some(_) => None,
        };
        let request = TokenizeRequest {
            model,
            prompt,
            messages,
            add_special_tokens: special.unwrap_or(true),
            add_generation_prompt: opening.unwrap_or(true),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_texts_does_not_go_with_conversations_nor_the_other_way_round() {
        let (text, messages) = (r#""prompt": "x""#, r#""messages": [{"role": "user", "content": "x"}]"#);
        let read = |fields: &str| {
            let request = format!(r#"{{"model": "m", {fields}}}"#);
            TokenizeRequest::read(Fields::parse(request.as_bytes()).unwrap())
        };
        for (fields, param) in [
            (format!(r#"{text}, "add_generation_prompt": true"#), "add_generation_prompt"),
            (format!(r#"{messages}, "add_special_tokens": false"#), "add_special_tokens"),
            (format!("{text}, {messages}"), "messages"),
        ] {
            assert_eq!(read(&fields).unwrap_err().into_body().error.param.as_deref(), Some(param), "{fields}");
        }
        assert!(!read(&format!(r#"{text}, "add_special_tokens": false"#)).unwrap().add_special_tokens);
        assert!(!read(&format!(r#"{messages}, "add_generation_prompt": false"#)).unwrap().add_generation_prompt);
    }
}
