//! The temperature at which what a brick states of its answers comes true.

use serde_json::Value;
use whit_engine::Engine;
use whit_engine::brick::{Job, same};
use whit_model::brick::Confidence;

use crate::TuneError;
use crate::check::{Example, answers_at, calibration_error};

/// The lowest temperature, how much higher each is than the last, and how many there are: up to 64.
const LOWEST: f32 = 0.25;
const HIGHER: f32 = 1.08;
const TEMPERATURES: i32 = 73;
/// No answer is surer than this, nor less sure than its rest: one that is wrong would cost without bound.
const SUREST: f64 = 1.0 - 1e-9;

/// Finds the temperature of a brick's confidence on `examples` that its model was not trained on, and that `prompts` ask for: the one with the
/// least loss (of logarithms) for whether answers are right, from 0.25 to 64. `done` hears how many are answered. The error is that of the
/// same examples.
///
/// `None` if no answer has a confidence: any text will do for the contract, or no answer came to its end.
///
/// # Errors
/// As [`crate::answer_all`].
pub fn calibrate(
    engine: &mut Engine,
    job: &Job,
    prompts: &[Vec<u32>],
    examples: &[Example],
    done: &mut dyn FnMut(usize),
) -> Result<Option<Confidence>, TuneError> {
    if job.contract().grammar().is_none() {
        return Ok(None);
    }
    let temperatures: Vec<f32> = (0..TEMPERATURES).map(|at| LOWEST * HIGHER.powi(at)).collect();
    let answers = answers_at(engine, job, prompts, &temperatures, done)?;
    let is_right =
        |output: &Option<Value>, example: &Example| output.as_ref().is_some_and(|output| same(output, &example.output));
    let judged = answers.iter().zip(examples).filter(|((_, confidence), _)| !confidence.is_empty());
    let judged: Vec<(&[f64], bool)> =
        judged.map(|((output, confidence), example)| (&confidence[..], is_right(output, example))).collect();
    let stated =
        |at: usize| -> Vec<(f64, bool)> { judged.iter().map(|(all, is_right)| (all[at], *is_right)).collect() };
    let losses: Vec<f64> = (0..temperatures.len()).map(|at| loss(&stated(at))).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap_or(0);
    Ok(calibration_error(stated(best)).map(|expected_calibration_error| Confidence {
        temperature: temperatures[best],
        expected_calibration_error,
        examples: judged.len() as u64,
    }))
}

/// The mean loss of logarithms; 0 of nothing. Where all examples are right (or wrong) the best temperature would be none, so
/// what is aimed at is not quite 1 and 0 (Platt, Probabilistic outputs for support vector machines, 1999).
fn loss(stated: &[(f64, bool)]) -> f64 {
    let right = stated.iter().filter(|(_, is_right)| *is_right).count() as f64;
    let wrong = stated.len() as f64 - right;
    let (for_right, for_wrong) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
    let one = |&(confidence, is_right): &(f64, bool)| {
        let aim = if is_right { for_right } else { for_wrong };
        let p = confidence.clamp(1.0 - SUREST, SUREST);
        -(aim * p.ln() + (1.0 - aim) * (1.0 - p).ln())
    };
    stated.iter().map(one).sum::<f64>() / stated.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_least_where_what_is_stated_comes_true() {
        let at = |p: f64| loss(&(0..1000).map(|i| (p, i < 900)).collect::<Vec<_>>());
        assert!(at(0.9) < at(0.88) && at(0.9) < at(0.92), "{} {} {}", at(0.88), at(0.9), at(0.92));
        let all_right = |p: f64| loss(&[(p, true); 100]);
        assert!(all_right(0.99) < all_right(0.9) && all_right(0.99) < all_right(0.9999), "never certain");
        assert!(loss(&[(1.0, false), (0.0, true)]).is_finite());
    }
}
