//! `/v1/chat/completions`: what may be asked, and the answer whole or in chunks.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use whit_engine::Grammar;

use super::brick::BrickNote;
use super::logprobs::ChatLogprobs;
use super::tools;
use super::{
    ApiError, CallDelta, CutBy, Fields, Finish, Offer, ResponseFormat, SamplingFields, StreamOptions, Usage, format,
    messages, read_stream,
};

/// A conversation to continue.
#[derive(Debug, ToSchema)]
pub struct ChatRequest {
    /// Which model answers.
    pub model: String,
    /// The conversation so far.
    #[schema(value_type = Vec<messages::Message>, min_items = 1, max_items = 4096)]
    pub messages: Vec<Value>,
    /// Whether to send the answer as it is made, as server-sent events.
    #[schema(value_type = Option<bool>, required = false)]
    pub stream: bool,
    /// What comes with a stream.
    #[schema(value_type = Option<StreamOptions>, required = false)]
    pub stream_options: StreamOptions,
    /// Most tokens to generate, thinking included.
    #[schema(minimum = 1)]
    pub max_completion_tokens: Option<usize>,
    /// Its older name.
    #[schema(minimum = 1)]
    pub max_tokens: Option<usize>,
    /// Whether to tell the log-probability of each token.
    #[schema(value_type = Option<bool>, required = false)]
    pub logprobs: bool,
    /// And how many of the most likely tokens in its place.
    #[schema(minimum = 0, maximum = 20)]
    pub top_logprobs: Option<usize>,
    /// Variables for the model's chat template, such as `enable_thinking`.
    #[schema(value_type = Option<Object>, required = false)]
    pub chat_template_kwargs: Map<String, Value>,
    /// The shape the answer must have.
    #[schema(value_type = Option<ResponseFormat>)]
    pub response_format: Option<Grammar>,
    /// What the model may call, if anything.
    #[schema(ignore)]
    pub offer: Option<Offer>,
    /// How tokens are chosen.
    #[schema(ignore)]
    pub sampling: SamplingFields,
}

impl ChatRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn read(mut all: Fields) -> Result<ChatRequest, ApiError> {
        let fields = &mut all;
        let (stream, stream_options) = read_stream(fields)?;
        let logprobs = fields.boolean("logprobs")?.unwrap_or(false);
        let top_logprobs = fields.count("top_logprobs", 0..=20)?;
        if top_logprobs.is_some_and(|most| most > 0) && !logprobs {
            return Err(ApiError::invalid("top_logprobs goes with \"logprobs\": true").param("top_logprobs"));
        }
        let max_tokens = fields.count("max_tokens", 1..=usize::MAX)?;
        let max_completion_tokens = fields.count("max_completion_tokens", 1..=usize::MAX)?;
        if max_tokens.is_some() && max_completion_tokens.is_some() && max_tokens != max_completion_tokens {
            let message = "max_tokens and max_completion_tokens differ: give only the second";
            return Err(ApiError::invalid(message).param("max_tokens"));
        }
        let request = ChatRequest {
            model: read_model(fields)?,
            messages: messages::read(fields)?,
            stream,
            stream_options,
            max_completion_tokens,
            max_tokens,
            logprobs,
            top_logprobs,
            chat_template_kwargs: match fields.value("chat_template_kwargs") {
                None => Map::new(),
                Some(Value::Object(variables)) => variables,
                Some(other) => return Err(fields.wrong("chat_template_kwargs", &other, "an object")),
            },
            response_format: format::read(fields)?,
            offer: tools::read(fields)?,
            sampling: SamplingFields::read(fields)?,
        };
        if request.offer.is_some() && matches!(request.response_format, Some(Grammar::Lark(_))) {
            let why = "a grammar in Lark does not go with tools; leave out one of the two";
            return Err(ApiError::unsupported("response_format", why));
        }
        accept_what_asks_nothing(fields)?;
        fields.accept_only("modalities", |value| value == &json!(["text"]), "whit answers in text")?;
        all.finish()?;
        Ok(request)
    }
}

/// Takes fields whose usual values ask for nothing that whit would have to do.
pub(super) fn accept_what_asks_nothing(fields: &mut Fields) -> Result<(), ApiError> {
    fields.accept_only("store", |value| value == &json!(false), "whit keeps no answers")?;
    fields.accept_only("service_tier", |value| value == "auto" || value == "default", "there is one tier; use auto")
}

/// Takes `model`.
pub(super) fn read_model(fields: &mut Fields) -> Result<String, ApiError> {
    fields.string("model")?.ok_or_else(|| fields.missing("model", "name one of those that /v1/models lists"))
}

/// An answer, whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatResponse {
    /// Names the answer.
    pub id: String,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Who answered.
    pub model: String,
    /// As many as were asked for.
    pub choices: Vec<ChatChoice>,
    /// What it took.
    pub usage: Usage,
}

/// One of the answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatChoice {
    /// Which.
    pub index: usize,
    /// What was said.
    pub message: ChatAnswer,
    /// If asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// Why it ended.
    pub finish_reason: Finish,
    /// What cut it short, if it is not its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<CutBy>,
    /// What a brick says of it. An extension of OpenAI's completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whit: Option<BrickNote>,
}

/// The assistant's message.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatAnswer {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text; null where there are only calls.
    pub content: Option<String>,
    /// What came before it between `<think>` and `</think>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Calls of tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub tool_calls: Vec<CallDelta>,
    /// Always null.
    #[schema(value_type = Option<String>)]
    pub refusal: (),
}

/// A piece of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatChunk<'a> {
    /// Names the answer.
    pub id: &'a str,
    /// Always `chat.completion.chunk`.
    pub object: &'static str,
    /// When the answer was begun, in seconds since 1970.
    pub created: u64,
    /// Who answers.
    pub model: &'a str,
    /// One, or none in the chunk that brings the usage.
    pub choices: &'a [ChatChunkChoice<'a>],
    /// If asked for: null, and in the last chunk what it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    pub usage: Option<Option<Usage>>,
}

/// What is new in one of the answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatChunkChoice<'a> {
    /// Which.
    pub index: usize,
    /// What is new.
    pub delta: ChatDelta<'a>,
    /// If asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// Why it ended, in its last chunk.
    pub finish_reason: Option<Finish>,
    /// What cut it short, if it is not its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<CutBy>,
    /// What a brick says of it, in its last chunk. An extension of OpenAI's completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whit: Option<BrickNote>,
}

/// New text.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ChatDelta<'a> {
    /// In the first chunk: `assistant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Text of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// Text of the thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
    /// Calls of tools.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    pub tool_calls: &'a [CallDelta],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<ChatRequest, ApiError> {
        let body = format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": "x"}}]{fields}}}"#);
        ChatRequest::read(Fields::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (fields, param) in [
            (r#", "mirostat": 2"#, "mirostat"),
            (r#", "response_format": {"type": "xml"}"#, "response_format.type"),
            (r#", "tools": [{"type": "function"}]"#, "tools[0].function"),
            (r#", "tool_choice": "auto""#, "tool_choice"),
            (r#", "store": true"#, "store"),
            (r#", "stream_options": {"include_usage": true}"#, "stream_options"),
            (r#", "top_logprobs": 2"#, "top_logprobs"),
            (r#", "max_tokens": 0"#, "max_tokens"),
        ] {
            let error = read(fields).unwrap_err();
            assert_eq!(error.status(), 400);
            assert_eq!(error.into_body().error.param.as_deref(), Some(param), "{fields}");
        }
    }

    #[test]
    fn what_asks_for_nothing_is_taken() {
        let body = r#", "store": false, "tools": [], "n": null, "response_format": {"type": "text"}, "audio": null"#;
        assert_eq!(read(body).unwrap().sampling.choices(), 1);
        assert_eq!(read(r#", "max_tokens": 5, "max_completion_tokens": 5"#).unwrap().max_tokens, Some(5));
    }
}
