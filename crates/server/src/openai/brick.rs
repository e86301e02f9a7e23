//! What may be asked of a brick, in a chat or in completions, and what it says of its answers.
//!
//! A brick has its own prompt, contract and greedy choice of tokens. What a request says of these is refused by name, unless it
//! asks for nothing that would be another.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::chat::{accept_what_asks_nothing, read_model};
use super::completions::{MOST_PROMPTS, Prompt, read_prompts};
use super::{ApiError, Fields, SamplingFields, StreamOptions, messages, read_stream};

/// Inputs for a brick.
#[derive(Debug)]
pub struct BrickRequest {
    /// Which brick answers.
    pub model: String,
    /// At least one; each has an answer of its own.
    pub inputs: Vec<String>,
    /// What the request calls them.
    pub param: &'static str,
    /// Whether to send each answer as it is there, as server-sent events.
    pub stream: bool,
    /// What comes with a stream.
    pub stream_options: StreamOptions,
    /// Most tokens of an answer, if that is fewer than the brick's own.
    pub max_tokens: Option<usize>,
    /// Who asks, how long they wait and what it may cost; nothing of how tokens are chosen.
    pub sampling: SamplingFields,
}

impl BrickRequest {
    /// Reads a chat: its last message is the input.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn of_chat(mut all: Fields) -> Result<BrickRequest, ApiError> {
        let fields = &mut all;
        let input = last_said(messages::read(fields)?)?;
        let mut request = BrickRequest::read(fields, vec![input], "messages")?;
        let longest = fields.count("max_completion_tokens", 1..=usize::MAX)?;
        if longest.is_some() && request.max_tokens.is_some() && longest != request.max_tokens {
            let message = "max_tokens and max_completion_tokens differ: give only the second";
            return Err(ApiError::invalid(message).param("max_tokens"));
        }
        request.max_tokens = request.max_tokens.or(longest);
        fields.accept_only("logprobs", |value| *value == false, "a brick states its confidence in choices[].whit")?;
        fields.accept_only("top_logprobs", |value| *value == 0, "a brick states its confidence in choices[].whit")?;
        fields.accept_only("tools", |value| *value == json!([]), "a brick's contract has all that it may call")?;
        fields.accept_only("tool_choice", |_| false, "a brick's contract says what it may call")?;
        fields.accept_only("parallel_tool_calls", Value::is_boolean, "use false: a brick makes one call at most")?;
        fields.accept_only("chat_template_kwargs", |value| *value == json!({}), "a brick has a prompt of its own")?;
        fields.accept_only("modalities", |value| *value == json!(["text"]), "whit answers in text")?;
        all.finish()?;
        Ok(request)
    }

    /// Reads completions: each text is an input.
    ///
    /// # Errors
    /// The first field that is wrong, missing or not supported.
    pub fn of_completion(mut all: Fields) -> Result<BrickRequest, ApiError> {
        let fields = &mut all;
        let texts = read_prompts(fields, "prompt", MOST_PROMPTS)?.into_iter().map(|prompt| match prompt {
            Prompt::Text(text) => Ok(text),
            Prompt::Tokens(_) => Err(ApiError::unsupported("prompt", "a brick answers texts, not tokens")),
        });
        let request = BrickRequest::read(fields, texts.collect::<Result<_, _>>()?, "prompt")?;
        fields.accept_only("logprobs", |_| false, "a brick states its confidence in choices[].whit")?;
        fields.accept_only("echo", |value| *value == false, "the answer holds only what is new")?;
        fields.accept_only("suffix", |value| value == "", "a brick fills no gaps")?;
        fields.accept_only("best_of", |value| *value == 1, "a brick has one answer")?;
        all.finish()?;
        Ok(request)
    }

    /// What both have.
    fn read(fields: &mut Fields, inputs: Vec<String>, param: &'static str) -> Result<BrickRequest, ApiError> {
        let (stream, stream_options) = read_stream(fields)?;
        let request = BrickRequest {
            model: read_model(fields)?,
            inputs,
            param,
            stream,
            stream_options,
            max_tokens: fields.count("max_tokens", 1..=usize::MAX)?,
            sampling: SamplingFields::read_terms(fields)?,
        };
        const GREEDY: &str = "a brick always takes the most likely token that its contract allows; leave it out";
        let is = |value: &Value, number: f64| value.as_f64() == Some(number);
        for (name, usual) in [
            ("temperature", 0.0),
            ("top_p", 1.0),
            ("min_p", 0.0),
            ("presence_penalty", 0.0),
            ("frequency_penalty", 0.0),
            ("repetition_penalty", 1.0),
        ] {
            fields.accept_only(name, |value| is(value, usual), GREEDY)?;
        }
        fields.accept_only("top_k", |value| is(value, 0.0) || is(value, -1.0), GREEDY)?;
        fields.accept_only("logit_bias", |value| *value == json!({}), GREEDY)?;
        // Without chance in the choice, every seed gives the same.
        fields.integer("seed", i64::MIN..=i64::MAX)?;
        fields.accept_only("n", |value| is(value, 1.0), "a brick has one answer")?;
        const CONTRACT: &str = "a brick's contract says what its answers are and where they end; leave it out";
        fields.accept_only("response_format", |value| *value == json!({"type": "text"}), CONTRACT)?;
        fields.accept_only("stop", |value| *value == json!([]), CONTRACT)?;
        fields.accept_only("ignore_eos", |value| *value == false, CONTRACT)?;
        accept_what_asks_nothing(fields)?;
        Ok(request)
    }
}

/// What the user says last. What was said before it is history, which a brick does not look at; but a text that tells the model
/// what to be is refused, for it would be lost.
fn last_said(messages: Vec<Value>) -> Result<String, ApiError> {
    let role = |message: &Value| message["role"].as_str().unwrap_or_default().to_owned();
    let refused = |at: usize, why: &str| Err(ApiError::unsupported(&format!("messages[{at}].role"), why));
    let of_system = messages.iter().position(|message| ["system", "developer"].contains(&&*role(message)));
    if let Some(at) = of_system {
        return refused(at, "a brick has one job and is told no other; leave this message out");
    }
    match messages.last() {
        Some(last) if role(last) == "user" => Ok(last["content"].as_str().unwrap_or_default().to_owned()),
        _ => refused(messages.len().saturating_sub(1), "a brick answers what the user says last"),
    }
}

/// What a brick says of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BrickNote {
    /// Its name, by its card.
    pub brick: String,
    /// Its version.
    pub version: String,
    /// The probability of the whole answer under the contract; null if any text will do for it, or the answer was cut.
    #[schema(required = true)]
    pub confidence: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(messages: &str, fields: &str) -> Result<BrickRequest, ApiError> {
        let body = format!(r#"{{"model": "m", "messages": {messages}{fields}}}"#);
        BrickRequest::of_chat(Fields::parse(body.as_bytes()).unwrap())
    }

    const ONE: &str = r#"[{"role": "user", "content": "x"}]"#;

    #[test]
    fn what_a_brick_does_not_do_is_refused_by_name() {
        for (fields, param) in [
            (r#""tools": [{"type": "function", "function": {"name": "f"}}]"#, "tools"),
            (r#""tool_choice": "none""#, "tool_choice"),
            (r#""response_format": {"type": "json_object"}"#, "response_format"),
            (r#""temperature": 0.5"#, "temperature"),
            (r#""top_p": 0.9"#, "top_p"),
            (r#""top_k": 40"#, "top_k"),
            (r#""frequency_penalty": 1"#, "frequency_penalty"),
            (r#""logit_bias": {"1": 1}"#, "logit_bias"),
            (r#""n": 2"#, "n"),
            (r#""stop": "x""#, "stop"),
            (r#""ignore_eos": true"#, "ignore_eos"),
            (r#""logprobs": true"#, "logprobs"),
            (r#""chat_template_kwargs": {"a": 1}"#, "chat_template_kwargs"),
            (r#""store": true"#, "store"),
            (r#""mirostat": 2"#, "mirostat"),
        ] {
            let error = chat(ONE, &format!(", {fields}")).unwrap_err();
            assert_eq!(error.status(), 400);
            assert_eq!(error.into_body().error.param.as_deref(), Some(param), "{fields}");
        }
        let completion = |body: &str| BrickRequest::of_completion(Fields::parse(body.as_bytes()).unwrap());
        for (fields, param) in [(r#""prompt": [1]"#, "prompt"), (r#""prompt": "a", "logprobs": 0"#, "logprobs")] {
            let error = completion(&format!(r#"{{"model": "m", {fields}}}"#)).unwrap_err();
            assert_eq!(error.into_body().error.param.as_deref(), Some(param), "{fields}");
        }
        assert_eq!(completion(r#"{"model": "m", "prompt": ["a", "b"]}"#).unwrap().inputs, ["a", "b"]);
    }

    #[test]
    fn what_asks_for_nothing_is_taken() {
        let fields = r#", "temperature": 0, "top_p": 1.0, "n": 1, "seed": 7, "stop": null, "tools": [], "max_tokens": 9, "user": "u""#;
        let request = chat(ONE, fields).unwrap();
        assert_eq!((request.inputs, request.max_tokens), (vec!["x".to_owned()], Some(9)));
        assert_eq!(request.sampling.user.as_deref(), Some("u"));
    }

    #[test]
    fn the_input_is_what_the_user_says_last() {
        let said = |role: &str| format!(r#"{{"role": "{role}", "content": "{role}"}}"#);
        let [user, assistant, system] = ["user", "assistant", "system"].map(said);
        assert_eq!(chat(&format!("[{user}, {assistant}, {user}]"), "").unwrap().inputs, ["user"]);
        for (messages, param) in [
            (format!("[{system}, {user}]"), "messages[0].role"),
            (format!("[{user}, {assistant}]"), "messages[1].role"),
        ] {
            assert_eq!(chat(&messages, "").unwrap_err().into_body().error.param.as_deref(), Some(param), "{messages}");
        }
    }
}
