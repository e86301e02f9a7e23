//! Log-probabilities as chat and as completions tell them.

use serde::{Serialize, Serializer};
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
    pub top_logprobs: Vec<ByText>,
    /// Where each token begins in the text of this choice, in characters.
    pub text_offset: Vec<usize>,
}

/// Log-probabilities by their tokens' texts, best first; of tokens with the same text, that of the best.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByText(Vec<(String, f32)>);

impl ByText {
    fn add(&mut self, text: String, logprob: f32) {
        if self.0.iter().all(|(other, _)| *other != text) {
            self.0.push((text, logprob));
        }
    }
}

impl Serialize for ByText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(text, logprob)| (text, logprob)))
    }
}

impl CompletionLogprobs {
    /// Adds token `id`, which begins at character `offset`.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32, logprob: &TokenLogprob, offset: usize) {
        self.tokens.push(written(tokenizer, id).0);
        self.token_logprobs.push(finite(logprob.logprob));
        let mut top = ByText(Vec::with_capacity(logprob.top.len()));
        for &(id, logprob) in &logprob.top {
            top.add(written(tokenizer, id).0, finite(logprob));
        }
        self.top_logprobs.push(top);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_alike_wherever_it_stands() {
        let mut top = ByText::default();
        top.add("a".into(), -0.1);
        top.add("b".into(), -2.0);
        top.add("a".into(), -3.0);
        let all = CompletionLogprobs {
            tokens: vec!["a".into()],
            token_logprobs: vec![-0.1],
            top_logprobs: vec![top],
            text_offset: vec![0],
        };
        let written =
            r#"{"tokens":["a"],"token_logprobs":[-0.1],"top_logprobs":[{"a":-0.1,"b":-2.0}],"text_offset":[0]}"#;
        assert_eq!(serde_json::to_string(&all).unwrap(), written);
    }
}
