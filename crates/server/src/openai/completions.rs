//! `/v1/completions`: texts to continue as they are, without a chat template.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use whit_engine::Grammar;

use super::brick::BrickNote;
use super::chat::{accept_what_asks_nothing, read_model};
use super::logprobs::CompletionLogprobs;
use super::sampling::token_ids;
use super::{
    ApiError, CutBy, Fields, Finish, ResponseFormat, SamplingFields, StreamOptions, Usage, format, read_stream,
};

/// Most prompts of one request.
pub(super) const MOST_PROMPTS: usize = 256;

/// Texts to continue.
#[derive(Debug, ToSchema)]
pub struct CompletionRequest {
    /// Which model answers.
    pub model: String,
    /// The texts, or their token ids.
    #[schema(rename = "prompt", value_type = PromptSchema)]
    pub prompts: Vec<Prompt>,
    /// Whether to send the answer as it is made, as server-sent events.
    #[schema(value_type = Option<bool>, required = false)]
    pub stream: bool,
    /// What comes with a stream.
    #[schema(value_type = Option<StreamOptions>, required = false)]
    pub stream_options: StreamOptions,
    /// Most tokens to generate; 16 if not said.
    #[schema(minimum = 1)]
    pub max_tokens: Option<usize>,
    /// Tell the log-probability of each token and of this many most likely ones.
    #[schema(minimum = 0, maximum = 20)]
    pub logprobs: Option<usize>,
    /// The shape the answer must have: an extension of OpenAI's completions.
    #[schema(value_type = Option<ResponseFormat>)]
    pub response_format: Option<Grammar>,
    /// How tokens are chosen.
    #[schema(ignore)]
    pub sampling: SamplingFields,
}

/// What is to be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text.
    Text(String),
    /// The ids of one.
    Tokens(Vec<u32>),
}

/// A text, its ids, or a list of either.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum PromptSchema {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    ManyTokens(Vec<Vec<u32>>),
}

impl CompletionRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn read(mut all: Fields) -> Result<CompletionRequest, ApiError> {
        let fields = &mut all;
        let (stream, stream_options) = read_stream(fields)?;
        let request = CompletionRequest {
            model: read_model(fields)?,
            prompts: read_prompts(fields, "prompt", MOST_PROMPTS)?,
            stream,
            stream_options,
            max_tokens: fields.count("max_tokens", 1..=usize::MAX)?,
            logprobs: fields.count("logprobs", 0..=20)?,
            response_format: format::read(fields)?,
            sampling: SamplingFields::read(fields)?,
        };
        accept_what_asks_nothing(fields)?;
        fields.accept_only("echo", |value| value == &json!(false), "the answer holds only what is new")?;
        fields.accept_only("suffix", |value| value == "", "whit continues texts and fills no gaps")?;
        // Of the best of as many as are wanted, none is left out.
        let choices = json!(request.sampling.choices());
        fields.accept_only("best_of", |value| *value == choices, "use n")?;
        all.finish()?;
        Ok(request)
    }
}

/// Takes a text, the ids of one, or a list of at `most` so many of either.
pub(super) fn read_prompts(fields: &mut Fields, name: &str, most: usize) -> Result<Vec<Prompt>, ApiError> {
    let wanted = format!("a string, a list of token ids, or a list of up to {most} of either");
    let path = fields.path(name);
    let items = match fields.value(name) {
        None => return Err(fields.missing(name, "give a text")),
        Some(Value::String(text)) => return Ok(vec![Prompt::Text(text)]),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(other) => return Err(fields.wrong(name, &other, &wanted)),
    };
    if items.iter().all(Value::is_number) {
        return Ok(vec![Prompt::Tokens(token_ids(&items, &path)?)]);
    }
    if items.len() > most {
        return Err(fields.wrong(name, &Value::Array(items), &wanted));
    }
    let prompts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(Prompt::Text(text)),
        Value::Array(ids) => Ok(Prompt::Tokens(token_ids(&ids, &path)?)),
        other => Err(fields.wrong(name, &other, &wanted)),
    });
    prompts.collect()
}

/// An answer, whole, or a piece of one.
#[derive(Debug, Serialize, ToSchema)]
pub struct CompletionResponse<'a> {
    /// Names the answer.
    pub id: &'a str,
    /// Always `text_completion`.
    pub object: &'static str,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Who answered.
    pub model: &'a str,
    /// Those of the first prompt, then those of the second, and so on.
    pub choices: &'a [CompletionChoice<'a>],
    /// What it took; in a stream if asked for, null before the last chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    pub usage: Option<Option<Usage>>,
}

/// One of the answers, or what is new in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CompletionChoice<'a> {
    /// Which.
    pub index: usize,
    /// The text.
    pub text: std::borrow::Cow<'a, str>,
    /// If asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// Why it ended.
    pub finish_reason: Option<Finish>,
    /// What cut it short, if it is not its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<CutBy>,
    /// What a brick says of it; in a stream, in its last chunk. An extension of OpenAI's completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whit: Option<BrickNote>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<CompletionRequest, ApiError> {
        CompletionRequest::read(Fields::parse(format!("{{\"model\": \"m\", {fields}}}").as_bytes()).unwrap())
    }

    #[test]
    fn a_prompt_is_a_text_or_ids_or_several_of_them() {
        let text = |text: &str| Prompt::Text(text.to_owned());
        assert_eq!(read(r#""prompt": "a""#).unwrap().prompts, [text("a")]);
        assert_eq!(read(r#""prompt": ["a", "b"]"#).unwrap().prompts, [text("a"), text("b")]);
        assert_eq!(read(r#""prompt": [1, 2]"#).unwrap().prompts, [Prompt::Tokens(vec![1, 2])]);
        assert_eq!(read(r#""prompt": [[1], "a"]"#).unwrap().prompts, [Prompt::Tokens(vec![1]), text("a")]);
        for wrong in [r#""prompt": []"#, r#""prompt": [1, -2]"#, r#""prompt": {}"#, r#""prompt": [true]"#, r#""n": 1"#]
        {
            assert_eq!(read(wrong).unwrap_err().into_body().error.param.as_deref(), Some("prompt"), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (field, param) in
            [(r#""echo": true"#, "echo"), (r#""suffix": "x""#, "suffix"), (r#""best_of": 2"#, "best_of")]
        {
            let error = read(&format!("\"prompt\": \"a\", {field}")).unwrap_err();
            assert_eq!(error.into_body().error.param.as_deref(), Some(param));
        }
        assert!(read(r#""prompt": "a", "n": 2, "best_of": 2, "echo": false"#).is_ok());
    }
}
