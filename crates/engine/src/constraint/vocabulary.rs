//! A tokenizer's vocabulary, as llguidance sees it: the bytes of every token in a trie.

use std::sync::Arc;

use llguidance::toktrie::{INVALID_TOKEN, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use whit_model::Tokenizer;

use super::ConstraintError;

/// Begins the name of a control token. No text has this byte, so no text can spell one.
const CONTROL: u8 = TokTrie::SPECIAL_TOKEN_MARKER;
/// Longest token, and bytes of all of them, that the trie can hold; longer tokens are never allowed.
const LONGEST_TOKEN: usize = 1000;
const MOST_BYTES: usize = 4_000_000;
/// Put before a fragment to encode it as if it stood within a text. Texts do not have it.
const BEFORE: &str = "\u{2}";

pub(super) struct Vocabulary {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
}

impl Vocabulary {
    pub fn new(tokenizer: Arc<Tokenizer>, stop_tokens: &[u32]) -> Result<Vocabulary, ConstraintError> {
        let words: Vec<Vec<u8>> = (0..tokenizer.vocab_size() as u32).map(|id| word(&tokenizer, id)).collect();
        let bytes: usize = words.iter().map(Vec::len).sum();
        if bytes == 0 || bytes > MOST_BYTES {
            return Err(ConstraintError::Vocabulary(format!(
                "answers cannot be constrained: the vocabulary has {bytes} bytes, and whit can do 1 to {MOST_BYTES}"
            )));
        }
        if let Some(id) = stop_tokens.iter().find(|&&id| id as usize >= words.len()) {
            return Err(ConstraintError::Vocabulary(format!(
                "stop token {id} is outside the vocabulary of {}",
                words.len()
            )));
        }
        let mut trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, INVALID_TOKEN), &words);
        if !stop_tokens.is_empty() {
            trie = trie.with_eos_tokens(stop_tokens);
        }
        Ok(Vocabulary { trie, tokenizer })
    }

    /// As the tokenizer cuts `text` where other text stands before it.
    fn encode(&self, text: &str) -> Vec<TokenId> {
        let whole = self.tokenizer.encode(text, false, false).unwrap_or_default();
        if self.spells(&whole, text.as_bytes()) {
            return whole;
        }
        // SentencePiece puts a space before the first word of a text: take another first word.
        let after = self.tokenizer.encode(&format!("{BEFORE}{text}"), false, false).unwrap_or_default();
        let mut first = Vec::new();
        for (at, &id) in after.iter().enumerate() {
            first.extend_from_slice(self.trie.token(id));
            if first.trim_ascii_start() == BEFORE.as_bytes() && self.spells(&after[at + 1..], text.as_bytes()) {
                return after[at + 1..].to_vec();
            }
        }
        self.trie.greedy_tokenize(text.as_bytes())
    }

    fn spells(&self, ids: &[TokenId], bytes: &[u8]) -> bool {
        let mut rest = bytes;
        for &id in ids {
            // A token that is never allowed has no bytes here.
            let word = Some(self.trie.token(id)).filter(|word| !word.is_empty());
            match word.and_then(|word| rest.strip_prefix(word)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.encode(text))
    }
}

/// What the trie has for a token; nothing for one that is never allowed.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    let word = match tokenizer.is_special(id) {
        true => match tokenizer.token(id) {
            Some(name) if !name.is_empty() => [&[CONTROL], name.as_bytes()].concat(),
            _ => vec![],
        },
        false => {
            let bytes = tokenizer.token_bytes(id);
            if bytes.contains(&CONTROL) { vec![] } else { bytes }
        }
    };
    if word.len() > LONGEST_TOKEN { vec![] } else { word }
}
