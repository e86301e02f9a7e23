//! Text to ids and back: against recorded ids of real vocabularies (`data`, which needs files that are not in the repository),
//! and on small vocabularies made here.

mod data;
mod folders;
mod hostile;
mod sentencepiece;

use std::collections::BTreeMap;
use std::path::Path;

use whit_model::ModelError;
use whit_model::gguf::{Array, Metadata, Value};
use whit_model::tokenizer::Tokenizer;

/// A GGUF header's vocabulary.
#[derive(Clone, Default)]
struct Vocabulary {
    keys: Metadata,
    tokens: Vec<String>,
    scores: Vec<f32>,
    types: Vec<i32>,
}

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

impl Vocabulary {
    fn new(model: &str) -> Vocabulary {
        Vocabulary::default().key("tokenizer.ggml.model", Value::String(model.into()))
    }

    fn key(mut self, key: &str, value: Value) -> Vocabulary {
        self.keys.insert(key.into(), value);
        self
    }

    fn token(mut self, token: &str, score: f32, kind: i32) -> Vocabulary {
        self.tokens.push(token.into());
        self.scores.push(score);
        self.types.push(kind);
        self
    }

    fn metadata(&self) -> Metadata {
        let mut keys: BTreeMap<_, _> = self.keys.clone();
        let arrays = [
            ("tokenizer.ggml.tokens", Array::String(self.tokens.clone())),
            ("tokenizer.ggml.scores", Array::F32(self.scores.clone())),
            ("tokenizer.ggml.token_type", Array::I32(self.types.clone())),
        ];
        for (key, array) in arrays {
            keys.entry(key.into()).or_insert(Value::Array(array));
        }
        keys
    }

    fn read(&self) -> Result<Tokenizer, ModelError> {
        Tokenizer::from_metadata(Path::new("small.gguf"), &self.metadata())
    }

    fn load(&self) -> Tokenizer {
        self.read().unwrap_or_else(|e| panic!("{e}"))
    }
}

/// Every byte's token, `<unk>`, `<s>`, `</s>`, and words with scores.
fn with_bytes(words: &[(&str, f32)]) -> Vocabulary {
    let mut vocabulary =
        Vocabulary::new("llama").token("<unk>", 0.0, UNKNOWN).token("<s>", 0.0, CONTROL).token("</s>", 0.0, CONTROL);
    for byte in 0..=255u8 {
        vocabulary = vocabulary.token(&format!("<0x{byte:02X}>"), 0.0, BYTE);
    }
    for &(word, score) in words {
        vocabulary = vocabulary.token(word, score, NORMAL);
    }
    vocabulary
}

/// The written forms of a text's ids.
fn written(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.token(id).unwrap_or_else(|| panic!("no token {id}"))).collect()
}
