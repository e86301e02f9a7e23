//! How much of the prompts is read in a step beside running answers, so that these never wait long for their next token.

use std::time::Duration;

/// Rows of prompts in a step at least, whatever they take: less would cost an answer as much and bring a prompt nowhere.
const FEWEST: usize = 16;
/// Rows while nothing was measured yet.
const FIRST: usize = 64;

/// What steps take, lately, in seconds; 0 while there was none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// A step of answers alone.
    answers: f32,
    /// For each row of prompts in a step without answers, and in one with them. All that such a step takes counts, reading the weights
    /// too: so few rows seem dear, more of them are tried, and never by far too many.
    alone: f32,
    beside: f32,
}

impl Pace {
    /// A step with `prompt` rows of prompts, and with answers or without, took `seconds`.
    pub fn note(&mut self, answers: bool, prompt: usize, seconds: f32) {
        let (mean, value) = match (answers, prompt) {
            (_, 0) => (&mut self.answers, seconds),
            (false, rows) => (&mut self.alone, seconds / rows as f32),
            (true, rows) => (&mut self.beside, seconds / rows as f32),
        };
        // Whatever else the machine did in this step counts as one slow step.
        *mean = if *mean == 0.0 { value } else { (*mean + value.min(4.0 * *mean)) / 2.0 };
    }

    /// Rows of prompts that a step may have beside answers to take no longer than `longest`.
    pub fn rows(&self, longest: Duration) -> usize {
        let longest = longest.as_secs_f32();
        let rows = if self.beside > 0.0 {
            longest / self.beside
        } else if self.alone > 0.0 {
            (longest - self.answers) / self.alone
        } else {
            FIRST as f32
        };
        // A float beyond the integers becomes the largest of them.
        (rows as usize).max(FEWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of a step: reading the weights, or computing, whichever is longer.
    fn step(rows: usize) -> f32 {
        0.030 + (rows as f32 * 0.001 - 0.010).max(0.0)
    }

    #[test]
    fn steps_with_prompts_come_to_take_as_long_as_they_may() {
        let mut pace = Pace::default();
        pace.note(false, 512, step(512));
        pace.note(true, 0, step(4));
        for (longest, want) in [(100, 80), (50, 30), (200, 180)] {
            let longest = Duration::from_millis(longest);
            let mut rows = 0;
            for _ in 0..40 {
                rows = pace.rows(longest);
                assert!(step(rows) < 1.3 * longest.as_secs_f32(), "{rows} rows");
                pace.note(true, rows, step(rows));
            }
            assert!(rows.abs_diff(want) <= 2, "{rows} rows in {longest:?}");
        }
    }

    #[test]
    fn a_prompt_gets_on_even_where_no_step_is_short_enough() {
        let mut pace = Pace::default();
        assert_eq!(pace.rows(Duration::from_millis(1)), FIRST);
        for _ in 0..20 {
            pace.note(true, pace.rows(Duration::from_millis(1)), step(FEWEST));
        }
        assert_eq!([pace.rows(Duration::from_millis(1)), pace.rows(Duration::ZERO)], [FEWEST; 2]);
        assert!(pace.rows(Duration::MAX) > 1 << 40, "and nothing limits it where nothing should");
    }

    #[test]
    fn one_slow_step_is_soon_forgotten() {
        let mut pace = Pace::default();
        pace.note(true, 80, step(80));
        pace.note(true, 80, 60.0);
        for _ in 0..8 {
            let rows = pace.rows(Duration::from_millis(100));
            pace.note(true, rows, step(rows));
        }
        assert!(pace.rows(Duration::from_millis(100)) > 70, "{pace:?}");
    }
}
