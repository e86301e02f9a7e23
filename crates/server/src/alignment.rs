//! Which tokens a text is made of: log-probabilities come token by token, text when it is certain, and a stop text takes back
//! what its tokens said.

use std::collections::VecDeque;

use whit_engine::TokenLogprob;
use whit_model::Tokenizer;

/// Holds tokens back until some of their text has been shown.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    pending: VecDeque<Token>,
    /// Control tokens that the text shows.
    shown_tokens: Vec<u32>,
    /// Bytes of all tokens so far, and of the text shown.
    bytes: usize,
    shown: usize,
    characters: usize,
}

/// A token of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Its log-probability.
    pub logprob: TokenLogprob,
    /// The character of the text it begins with.
    pub offset: usize,
    /// The byte.
    start: usize,
}

impl Alignment {
    /// For a text that shows these control tokens.
    pub fn showing(shown_tokens: &[u32]) -> Alignment {
        Alignment { shown_tokens: shown_tokens.to_vec(), ..Alignment::default() }
    }

    /// Takes what a step brought; the tokens whose text has begun to show. With `is_cut`, no more text will come although the model
    /// was not done: then all of them.
    pub fn push(
        &mut self,
        tokenizer: &Tokenizer,
        tokens: Vec<(u32, TokenLogprob)>,
        text: &str,
        is_cut: bool,
    ) -> impl Iterator<Item = Token> {
        for (id, logprob) in tokens {
            let bytes = match self.shown_tokens.contains(&id) {
                true => tokenizer.token(id).unwrap_or_default().into_bytes(),
                false => tokenizer.token_bytes(id),
            };
            self.pending.push_back(Token { id, logprob, offset: self.characters, start: self.bytes });
            self.bytes += bytes.len();
            self.characters += bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        }
        self.shown += text.len();
        let shown = self.pending.iter().take_while(|token| is_cut || token.start < self.shown).count();
        self.pending.drain(..shown)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use whit_model::Checkpoint;

    use super::*;

    #[test]
    fn a_token_is_held_back_with_its_text_also_behind_a_marker_that_is_shown() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-vocab.gguf");
        let tokenizer = Tokenizer::from_checkpoint(&Checkpoint::open(&path).unwrap()).unwrap();
        let marker = (0..tokenizer.vocab_size() as u32).find(|&id| tokenizer.is_special(id)).unwrap();
        let name = tokenizer.token(marker).unwrap();
        let word = tokenizer.encode("Hello", false, false).unwrap()[0];
        let text = String::from_utf8(tokenizer.token_bytes(word)).unwrap();
        let mut alignment = Alignment::showing(&[marker]);
        let mut push = |ids: &[u32], text: &str| {
            let tokens = ids.iter().map(|&id| (id, TokenLogprob::default())).collect();
            let shown = alignment.push(&tokenizer, tokens, text, false);
            shown.map(|token| (token.id, token.offset)).collect::<Vec<_>>()
        };
        assert_eq!(push(&[marker], &name), [(marker, 0)]);
        assert_eq!(push(&[word], ""), [], "its text may still be taken back");
        assert_eq!(push(&[], &text), [(word, name.chars().count())]);
    }
}
