//! Guesses at what comes next, taken from what was said before: a step checks them all for little more than the price of one.
//!
//! The last few tokens are looked up in the prompt and the answer so far; what followed them there is the guess (prompt lookup decoding,
//! Saxena, 2023). Answers that quote, repeat or edit their prompt are foreseen often, others hardly ever: so a request that guessed badly
//! stops guessing for a while.

/// Most tokens guessed at a time: with the token before them, a tile of the kernels' that still streams at full speed.
pub(crate) const MOST: usize = 3;

/// Tokens that must have stood before, for what followed them to be a guess.
const MATCH: usize = 3;
/// How far back is looked: reading so many tokens takes microseconds.
const WINDOW: usize = 8192;
/// Guesses after which it is decided whether to go on.
const TRIAL: u32 = 24;
/// Tokens without guessing after a bad trial.
const REST: u32 = 96;

/// What a request guesses, and how well it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drafts {
    tokens: [u32; MOST],
    len: usize,
    /// Of the trial under way.
    guessed: u32,
    right: u32,
    /// Tokens until the next trial.
    rest: u32,
    /// In all.
    pub total_guessed: usize,
    pub total_right: usize,
}

impl Drafts {
    /// The guess under way.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens[..self.len]
    }

    /// Guesses at most `most` tokens after `so_far`.
    pub fn guess(&mut self, so_far: &[u32], most: usize) {
        self.len = 0;
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let most = most.min(MOST);
        let Some((end, last)) = so_far.len().checked_sub(MATCH).map(|at| so_far.split_at(at)) else { return };
        let end = &end[end.len().saturating_sub(WINDOW)..];
        // The latest place is the likeliest; it may overlap the end itself, so that a repeated token foresees itself.
        let whole = &so_far[so_far.len() - MATCH - end.len()..];
        let found = (0..end.len()).rev().find(|&at| whole[at..at + MATCH] == *last);
        if let Some(at) = found {
            let follows = &whole[at + MATCH..];
            self.len = follows.len().min(most);
            self.tokens[..self.len].copy_from_slice(&follows[..self.len]);
        }
    }

    /// Notes how many of the guessed tokens came true.
    pub fn judge(&mut self, right: usize) {
        self.total_guessed += self.len;
        self.total_right += right;
        self.guessed += self.len as u32;
        self.right += right as u32;
        self.len = 0;
        if self.guessed >= TRIAL {
            // Three guesses make a step a fifth dearer: a tenth of them must come true, and a margin.
            if self.right * 6 < self.guessed {
                self.rest = REST;
            }
            (self.guessed, self.right) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_the_last_tokens_before_is_guessed() {
        let mut drafts = Drafts::default();
        drafts.guess(&[1, 2, 3, 4, 5, 6, 1, 2, 3], 3);
        assert_eq!(drafts.tokens(), [4, 5, 6]);
        drafts.guess(&[1, 2, 3, 4, 5, 6, 1, 2, 3], 2);
        assert_eq!(drafts.tokens(), [4, 5]);
        drafts.guess(&[1, 2, 3, 9, 1, 2, 3, 8, 7, 1, 2, 3], 3);
        assert_eq!(drafts.tokens(), [8, 7, 1], "the latest place");
        drafts.guess(&[7, 7, 7, 7], 3);
        assert_eq!(drafts.tokens(), [7], "as far as is known");
        for nothing in [&[][..], &[1], &[1, 2, 3], &[1, 2, 3, 4, 5, 6]] {
            drafts.guess(nothing, 3);
            assert!(drafts.tokens().is_empty());
        }
    }

    #[test]
    fn who_guesses_badly_rests() {
        let so_far = [1, 2, 3, 4, 5, 6, 1, 2, 3];
        let mut drafts = Drafts::default();
        for _ in 0..TRIAL / 3 {
            drafts.guess(&so_far, 3);
            assert_eq!(drafts.tokens().len(), 3);
            drafts.judge(0);
        }
        for _ in 0..REST {
            drafts.guess(&so_far, 3);
            assert!(drafts.tokens().is_empty());
        }
        for _ in 0..TRIAL {
            drafts.guess(&so_far, 3);
            assert_eq!(drafts.tokens().len(), 3);
            drafts.judge(1);
        }
        assert_eq!((drafts.total_guessed, drafts.total_right), (24 + 72, 24));
    }
}
