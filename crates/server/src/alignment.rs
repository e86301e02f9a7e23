//! Which tokens a text is made of: log-probabilities come token by token, text when it is certain, and a stop text takes back
//! what its tokens said.

use std::collections::VecDeque;

use whit_engine::TokenLogprob;
use whit_model::Tokenizer;

/// Holds tokens back until some of their text has been shown.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    pending: VecDeque<Token>,
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
            let bytes = tokenizer.token_bytes(id);
            self.pending.push_back(Token { id, logprob, offset: self.characters, start: self.bytes });
            self.bytes += bytes.len();
            self.characters += bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        }
        self.shown += text.len();
        let shown = self.pending.iter().take_while(|token| is_cut || token.start < self.shown).count();
        self.pending.drain(..shown)
    }
}
