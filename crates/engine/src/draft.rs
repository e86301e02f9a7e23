//! Guesses at what comes next, taken from what was said before: a step checks them all for little more than the price of one.
//!
//! The last few tokens are looked up in the prompt and the answer so far; what followed them there is the guess (prompt lookup decoding,
//! Saxena, 2023). Answers that quote, repeat or edit their prompt are foreseen often, others hardly ever; and what a guess costs hangs on the
//! model and the machine. So steps are timed, and a request whose guesses cost more than they gain stops guessing for a while. That
//! changes when a token comes, never which.

/// Most tokens guessed at a time: with the token before them, a tile of the kernels' that still streams at full speed.
pub(crate) const MOST: usize = 3;

/// Tokens that must have stood before, for what followed them to be a guess.
const MATCH: usize = 3;
/// How far back is looked: reading so many tokens takes microseconds.
const WINDOW: usize = 8192;
/// Guesses after which it is decided whether to go on.
const TRIAL: u32 = 24;
/// Tokens whose time may be lost before it is decided sooner.
const STAKE: f32 = 1.0;
/// Tokens without guessing after a bad trial; twice as many after the next one in a row, and so on.
const REST: u32 = 96;
const LONGEST_REST: u32 = 16 * REST;

/// What a request guesses, and how well it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drafts {
    tokens: [u32; MOST],
    len: usize,
    /// Of the trial under way.
    guessed: u32,
    /// Tokens gained in it, less the tokens that could have been made in the time that guessing cost.
    gain: f32,
    /// Tokens until the next trial.
    rest: u32,
    /// The last rest, whole; 0 after a good trial.
    last_rest: u32,
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

    /// Notes how many of the guessed tokens came true. `price`: the tokens that could have been made in the time that the step took longer.
    pub fn judge(&mut self, right: usize, price: f32) {
        self.total_guessed += self.len;
        self.total_right += right;
        self.guessed += self.len as u32;
        self.gain += right as f32 - price;
        self.len = 0;
        if self.guessed >= TRIAL || self.gain < -STAKE {
            self.last_rest = if self.gain < 0.0 { (2 * self.last_rest).clamp(REST, LONGEST_REST) } else { 0 };
            self.rest = self.last_rest;
            (self.guessed, self.gain) = (0, 0.0);
        }
    }
}

/// What steps with guesses take, beside steps without.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Price {
    /// In these steps.
    sequences: usize,
    /// Seconds of a step, lately; 0 while there was none.
    plain: f32,
    guessing: f32,
}

impl Price {
    /// A step that gave a token to each of so many sequences, and guessed for some of them or for none, took `seconds`.
    pub fn note(&mut self, sequences: usize, guessed: bool, seconds: f32) {
        if self.sequences != sequences {
            *self = Price { sequences, ..Price::default() };
        }
        let mean = if guessed { &mut self.guessing } else { &mut self.plain };
        if *mean == 0.0 {
            *mean = seconds;
        }
        // Whatever else the machine did in this step: it counts as one slow step, not as a hundred.
        *mean += (seconds.min(2.0 * *mean) - *mean) / 8.0;
    }

    /// Tokens of a sequence that are lost by guessing for one step.
    pub fn tokens(&self) -> f32 {
        // Until it is known: what a step of four costs when reading the weights takes most of the time.
        if self.plain == 0.0 || self.guessing == 0.0 { 0.25 } else { (self.guessing / self.plain - 1.0).max(0.0) }
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
    fn who_guesses_badly_rests_longer_each_time() {
        let so_far = [1, 2, 3, 4, 5, 6, 1, 2, 3];
        let mut drafts = Drafts::default();
        // Steps that guess, each a fifth dearer and gaining `right`, until one does not.
        let trial = |drafts: &mut Drafts, right| {
            (0..50)
                .take_while(|_| {
                    drafts.guess(&so_far, 3);
                    let guessed = !drafts.tokens().is_empty();
                    if guessed {
                        drafts.judge(right, 0.2);
                    }
                    guessed
                })
                .count()
        };
        let rest = |drafts: &mut Drafts| {
            (0..)
                .take_while(|_| {
                    drafts.guess(&so_far, 3);
                    drafts.tokens().is_empty()
                })
                .count()
        };
        for tokens in [96, 192, 384, 768, 1536, 1536] {
            assert_eq!(trial(&mut drafts, 0), 6, "a stake is lost");
            assert_eq!(rest(&mut drafts) + 1, tokens);
        }
        assert_eq!(trial(&mut drafts, 1), 50, "what pays goes on");
        drafts.judge(0, 8.0);
        assert_eq!(rest(&mut drafts), 96);
        assert_eq!(drafts.total_right, 50);
    }

    #[test]
    fn the_price_is_what_steps_with_guesses_take_longer() {
        let mut price = Price::default();
        assert_eq!(price.tokens(), 0.25);
        for _ in 0..50 {
            price.note(1, false, 0.010);
            price.note(1, true, 0.015);
        }
        assert!((price.tokens() - 0.5).abs() < 1e-3, "{price:?}");
        price.note(1, false, 5.0);
        assert!(price.tokens() > 0.3, "one slow step is no rule: {price:?}");
        price.note(2, true, 0.02);
        assert_eq!(price.tokens(), 0.25, "two sequences, another price");
    }
}
