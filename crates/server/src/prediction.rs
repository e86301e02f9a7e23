//! What it will take to read a prompt, by what that took of late.

use std::time::{Duration, Instant};

use crate::metering::Amount;

/// A call that has read fewer tokens says nothing: it has paid for a whole pass over the weights, and longer prompts share one.
const LEAST_TOKENS: usize = 32;

/// What is left of what is known with each call that adds to it.
const KEPT: f64 = 0.875;

/// After so long without such a call nothing is known any more. Whom a wrong prediction keeps out adds none that would mend it.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What reading the prompts of one model took.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    taken: Amount,
    tokens: f64,
    last: Instant,
}

impl Reading {
    /// Nothing is known at `at`.
    pub fn new(at: Instant) -> Reading {
        Reading { taken: Amount::default(), tokens: 0.0, last: at }
    }

    /// A call has read so many tokens, which took so much.
    pub fn learn(&mut self, taken: Amount, tokens: usize, at: Instant) {
        if tokens < LEAST_TOKENS {
            return;
        }
        let kept = if self.is_known(at) { KEPT } else { 0.0 };
        self.taken = Amount {
            joules: self.taken.joules * kept + taken.joules,
            seconds: self.taken.seconds * kept + taken.seconds,
        };
        self.tokens = self.tokens * kept + tokens as f64;
        self.last = at;
    }

    /// What it will take to read so many; `None` if that is not known.
    pub fn predict(&self, tokens: usize, at: Instant) -> Option<Amount> {
        self.is_known(at).then(|| self.taken.times(tokens as f64 / self.tokens))
    }

    fn is_known(&self, at: Instant) -> bool {
        self.tokens > 0.0 && at.saturating_duration_since(self.last) <= FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joules(joules: f64) -> Amount {
        Amount { joules, seconds: joules / 100.0 }
    }

    #[test]
    fn repeats_and_short_calls_say_nothing_of_long_prompts() {
        let at = Instant::now();
        let mut reading = Reading::new(at);
        assert_eq!(reading.predict(290, at), None);
        reading.learn(joules(0.058), 290, at);
        for _ in 0..30 {
            // All but one token was in the cache.
            reading.learn(joules(0.031), 1, at);
        }
        let predicted = reading.predict(290, at).expect("known");
        assert!((predicted.joules - 0.058).abs() < 1e-9 && (predicted.seconds - 0.00058).abs() < 1e-9);
        // Of a long prompt and a short one the long one has more to say: sums are divided, not means averaged.
        reading.learn(joules(0.032), 32, at);
        let predicted = reading.predict(1000, at).expect("known").joules;
        let expected = 1000.0 * (0.058 * KEPT + 0.032) / (290.0 * KEPT + 32.0);
        assert!((predicted - expected).abs() < 1e-9, "{predicted} {expected}");
    }

    #[test]
    fn what_is_predicted_wrong_is_forgotten() {
        let start = Instant::now();
        let mut reading = Reading::new(start);
        reading.learn(joules(500.0), 100, start);
        assert!(reading.predict(100, start + Duration::from_secs(60)).is_some());
        let later = start + Duration::from_secs(61);
        assert_eq!(reading.predict(100, later), None);
        reading.learn(joules(1.0), 100, later);
        assert_eq!(reading.predict(100, later), Some(joules(1.0)));
    }
}
