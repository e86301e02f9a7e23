//! Log-probabilities as chat and as completions tell them.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use whit_engine::TokenLogprob;
use whit_model::Tokenizer;

/// Chat's log-probabilities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct ChatLogprobs {
    /// One for each token of the text.
    pub content: Vec<ChatLogprob>,
    /// Always null: whit's models do not refuse in a channel of its own.
    #[schema(value_type = Option<String>)]
    pub refusal: (),
}

/// A token, its log-probability, and those of the most likely tokens in its place.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChatLogprob {
    /// Its text; bytes that are no whole characters are U+FFFD.
    pub token: String,
    /// Natural logarithm.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Best first.
    pub top_logprobs: Vec<TopLogprob>,
}

/// One of the most likely tokens.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TopLogprob {
    /// Its text.
    pub token: String,
    /// Natural logarithm.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ChatLogprob {
    /// That of token `id`.
    pub fn new(tokenizer: &Tokenizer, id: u32, logprob: &TokenLogprob) -> ChatLogprob {
        let top = logprob.top.iter().map(|&(id, logprob)| {
            let (token, bytes) = written(tokenizer, id);
            TopLogprob { token, logprob: finite(logprob), bytes }
        });
        let (token, bytes) = written(tokenizer, id);
        ChatLogprob { token, logprob: finite(logprob.logprob), bytes, top_logprobs: top.collect() }
    }
}

/// The log-probabilities of completions: four lists of the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct CompletionLogprobs {
    /// The tokens' texts.
    pub tokens: Vec<String>,
    /// Natural logarithms.
    pub token_logprobs: Vec<f32>,
    /// For each token, the most likely ones in its place.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, f32>>)]
    pub top_logprobs: Vec<Map<String, Value>>,
    /// Where each token begins in the text of this choice, in characters.
    pub text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    /// Adds token `id`, which begins at character `offset`.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32, logprob: &TokenLogprob, offset: usize) {
        self.tokens.push(written(tokenizer, id).0);
        self.token_logprobs.push(finite(logprob.logprob));
        let top = logprob.top.iter().map(|&(id, logprob)| (written(tokenizer, id).0, finite(logprob).into()));
        self.top_logprobs.push(top.collect());
        self.text_offset.push(offset);
    }
}

/// A token's text and bytes; a control token's are its written form.
fn written(tokenizer: &Tokenizer, id: u32) -> (String, Vec<u8>) {
    let bytes = match tokenizer.is_special(id) {
        true => tokenizer.token(id).unwrap_or_default().into_bytes(),
        false => tokenizer.token_bytes(id),
    };
    (String::from_utf8_lossy(&bytes).into_owned(), bytes)
}

/// JSON has no infinity; OpenAI says -9999 for what is all but impossible.
fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}
