//! From what a request says to the tokens of a prompt.

use serde_json::{Map, Value};
use whit_model::ModelError;
use whit_model::template::ChatInput;

use crate::config::Limits;
use crate::conversation;
use crate::ledger::BETWEEN_TEXTS;
use crate::limits::LARGE_BODY;
use crate::openai::completions::Prompt;
use crate::openai::{ApiError, Offer};
use crate::service::Service;
use crate::thinking::{self, Thinking};

/// Runs `work` here, or where it may take its time if it is about a body of many `bytes`: other requests' tokens need not wait for it.
pub async fn aside<R: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<R, ApiError> + Send + 'static,
) -> Result<R, ApiError> {
    if bytes < LARGE_BODY {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::internal("whit made a mistake with this prompt; please report it")))
}

/// A conversation as the model reads it.
pub struct Read {
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// How to tell thinking from saying in what comes after it.
    pub thinking: Thinking,
}

/// The prompt of a conversation. The model is told of the `tools`, if any.
///
/// # Errors
/// If the model has no chat template, or it refuses the conversation.
pub fn of_messages(
    service: &Service,
    mut messages: Vec<Value>,
    offer: Option<&Offer>,
    add_generation_prompt: bool,
    variables: Map<String, Value>,
) -> Result<Read, ApiError> {
    let Some(template) = &service.template else {
        let message = "this model has no chat template: give it a text to continue at /v1/completions";
        return Err(ApiError::invalid(message).param("messages"));
    };
    if !template.mentions("developer") {
        // What models without that role know it as.
        for message in messages.iter_mut().filter(|message| message["role"] == "developer") {
            message["role"] = "system".into();
        }
    }
    let messages = conversation::as_trained(service.syntax, messages);
    let input = ChatInput { messages, add_generation_prompt, extra: variables, ..ChatInput::default() };
    let instructions = offer.and_then(|offer| service.syntax.instructions(&offer.tools));
    let text = match (offer, instructions) {
        (None, _) => template.render(&input),
        (Some(offer), None) => template.render(&ChatInput { tools: Some(offer.definitions()), ..input }),
        (Some(_), Some(instructions)) => {
            let told = |tell: fn(&mut Vec<Value>, &str)| {
                let mut input = input.clone();
                tell(&mut input.messages, &instructions);
                template.render(&input)
            };
            // Some templates refuse system texts.
            told(conversation::tell_as_system).or_else(|_| told(conversation::tell_as_user))
        }
    };
    let text = text.map_err(|error| refused(&error, "messages"))?;
    let may_think = template.mentions(thinking::OPENS) || template.mentions(thinking::CLOSES);
    Ok(Read { tokens: of_text(service, &text, "messages")?, thinking: Thinking::after(&text, may_think), text })
}

/// Texts, or the tokens of some, for a model.
pub struct Prompts {
    /// Tokens of each.
    pub tokens: Vec<Vec<u32>>,
    /// What they say, if that is wanted: one after the other.
    pub text: Option<String>,
}

/// The tokens of `prompts`, checked, with texts read as `read` does it; and what they say, if `keeps_text`.
///
/// # Errors
/// Those of `read` and [`check`].
pub fn of_prompts(
    service: &Service,
    limits: &Limits,
    prompts: Vec<Prompt>,
    read: fn(&Service, &str, &str) -> Result<Vec<u32>, ApiError>,
    keeps_text: bool,
    param: &str,
) -> Result<Prompts, ApiError> {
    let mut all = Prompts { tokens: Vec::with_capacity(prompts.len()), text: keeps_text.then(String::new) };
    for prompt in prompts {
        let (tokens, text) = match prompt {
            Prompt::Text(text) => (read(service, &text, param)?, Some(text)),
            Prompt::Tokens(tokens) => (tokens, None),
        };
        check(service, limits, &tokens, param)?;
        // A token may stand for many bytes: no more is kept than a request of texts could have said.
        if let Some(all_text) = all.text.as_mut().filter(|text| text.len() <= limits.body_bytes) {
            if !all.tokens.is_empty() {
                all_text.push_str(BETWEEN_TEXTS);
            }
            all_text.push_str(&text.unwrap_or_else(|| service.tokenizer.decode(&tokens, false)));
        }
        all.tokens.push(tokens);
    }
    Ok(all)
}

/// The prompt of a text.
///
/// # Errors
/// If the tokenizer cannot write it.
pub fn of_text(service: &Service, text: &str, param: &str) -> Result<Vec<u32>, ApiError> {
    service.tokenizer.encode_prompt(text).map_err(|error| refused(&error, param))
}

/// The tokens of a text that stands for itself: with what the model's texts begin and end with. Control tokens are not read in it.
///
/// # Errors
/// If the tokenizer cannot write it.
pub fn of_whole_text(service: &Service, text: &str, param: &str) -> Result<Vec<u32>, ApiError> {
    service.tokenizer.encode(text, true, false).map_err(|error| refused(&error, param))
}

/// Checks that tokens are of the model's vocabulary.
///
/// # Errors
/// The first that is not.
pub fn check_tokens(service: &Service, tokens: &[u32], param: &str) -> Result<(), ApiError> {
    match tokens.iter().find(|&&id| id as usize >= service.vocab_size) {
        None => Ok(()),
        Some(id) => {
            let message = format!("there is no token {id}: the model has {}", service.vocab_size);
            Err(ApiError::invalid(message).param(param))
        }
    }
}

/// Checks a prompt against the context, the vocabulary and the server's own limit.
///
/// # Errors
/// The first that does not hold.
pub fn check(service: &Service, limits: &Limits, prompt: &[u32], param: &str) -> Result<(), ApiError> {
    if prompt.is_empty() {
        let message = "the prompt is empty, and this model does not begin a text by itself: give it some words";
        return Err(ApiError::invalid(message).param(param));
    }
    check_tokens(service, prompt, param)?;
    let longest = limits.prompt_tokens.unwrap_or(usize::MAX).min(service.context() - 1);
    if prompt.len() > longest {
        let message = format!(
            "the prompt has {} tokens and may have {longest}, in a context of {} with the answer: shorten it",
            prompt.len(),
            service.context()
        );
        return Err(ApiError::invalid(message).param(param).code("context_length_exceeded"));
    }
    Ok(())
}

/// What a model's files have to say against a text, without where they lie.
pub fn refused(error: &ModelError, param: &str) -> ApiError {
    let problem = match error {
        ModelError::Malformed { item, problem, .. } | ModelError::Unsupported { item, problem, .. } => {
            format!("the model's {item} refuses this: {problem}")
        }
        other => other.to_string(),
    };
    ApiError::invalid(problem).param(param)
}
