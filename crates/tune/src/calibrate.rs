//! The temperature at which what a brick states of its answers comes true.

use whit_engine::Engine;
use whit_engine::brick::Job;
use whit_model::brick::Confidence;

use crate::check::{Example, Measure, answers_at, calibration_error};
use crate::{Answered, TuneError};

/// Temperatures looked at first, as powers of two.
const POWERS: std::ops::RangeInclusive<i32> = -2..=6;
/// Looks between the neighbours of the best of these; each leaves 0.618 of two octaves.
const LOOKS: usize = 6;
/// How often all examples are answered.
const ROUNDS: usize = 9 + LOOKS;
/// No answer is surer than this, nor less sure than its rest: one that is wrong would cost without bound.
const SUREST: f64 = 1.0 - 1e-9;

/// Finds the temperature of a brick's confidence on `examples` that its model was not trained on: the one with the least loss (of
/// logarithms) for whether answers are right, from 0.25 to 64. Answers are the same at every temperature, so all examples are answered
/// fifteen times; `done` hears how many of all these answers there are. The error is that of the same examples.
///
/// `None` if no answer has a confidence: any text will do for the contract, or no answer came to its end.
///
/// # Errors
/// As [`crate::answer_all`].
pub fn calibrate(
    engine: &mut Engine,
    job: &Job,
    examples: &[Example],
    done: &mut dyn FnMut(usize, usize),
) -> Result<Option<Confidence>, TuneError> {
    if job.contract().grammar().is_none() {
        return Ok(None);
    }
    let total = ROUNDS * examples.len();
    let mut before = 0;
    let mut best: Option<(f64, Confidence)> = None;
    least(|temperature| {
        let temperature = temperature as f32;
        let answers =
            answers_at(engine, job, examples, Some(temperature), &mut |answered| done(before + answered, total))?;
        before += examples.len();
        let stated = stated(&answers, examples);
        let loss = loss(&stated);
        let error = calibration_error(stated.iter().copied());
        if let Some(expected_calibration_error) = error.filter(|_| best.is_none_or(|(least, _)| loss < least)) {
            let examples = stated.len() as u64;
            best = Some((loss, Confidence { temperature, expected_calibration_error, examples }));
        }
        Ok::<f64, TuneError>(loss)
    })?;
    Ok(best.map(|(_, confidence)| confidence))
}

/// What was stated, and whether it came true.
fn stated(answers: &[Answered], examples: &[Example]) -> Vec<(f64, bool)> {
    let one = |(answer, example): (&Answered, &Example)| {
        Some((answer.confidence?, Measure::ExactMatch.judge(answer, example)?))
    };
    answers.iter().zip(examples).filter_map(one).collect()
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

/// Looks for the temperature with the least loss: at the powers of two, then by golden sections beside the best of them.
fn least<E>(mut loss: impl FnMut(f64) -> Result<f64, E>) -> Result<(), E> {
    let mut best = (f64::INFINITY, 0.0);
    for power in POWERS {
        let power = f64::from(power);
        let found = loss(power.exp2())?;
        if found < best.0 {
            best = (found, power);
        }
    }
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (best.1 - 1.0, best.1 + 1.0);
    let inner = |low: f64, high: f64| (high - golden * (high - low), low + golden * (high - low));
    let (mut left, mut right) = inner(low, high);
    let (mut of_left, mut of_right) = (loss(left.exp2())?, loss(right.exp2())?);
    for _ in 2..LOOKS {
        if of_left <= of_right {
            (high, right, of_right) = (right, left, of_left);
            left = inner(low, high).0;
            of_left = loss(left.exp2())?;
        } else {
            (low, left, of_left) = (left, right, of_right);
            right = inner(low, high).1;
            of_right = loss(right.exp2())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best temperature for this loss, and how often it was looked for.
    fn found(loss: impl Fn(f64) -> f64) -> (f64, usize) {
        let (mut best, mut looks) = ((f64::INFINITY, 0.0), 0);
        let looked: Result<(), ()> = least(|temperature| {
            looks += 1;
            let found = loss(temperature);
            if found < best.0 {
                best = (found, temperature);
            }
            Ok(found)
        });
        looked.unwrap();
        (best.1, looks)
    }

    #[test]
    fn the_best_temperature_is_found_to_a_tenth() {
        for temperature in [0.3, 0.9, 1.0, 1.3, 2.9, 7.7, 40.0f64] {
            let (found, looks) = found(|t| (t / temperature).ln().powi(2));
            assert!((found / temperature - 1.0).abs() < 0.1, "{found} for {temperature}");
            assert_eq!(looks, ROUNDS);
        }
    }

    #[test]
    fn the_loss_is_least_where_what_is_stated_comes_true() {
        let at = |p: f64| loss(&(0..1000).map(|i| (p, i < 900)).collect::<Vec<_>>());
        assert!(at(0.9) < at(0.88) && at(0.9) < at(0.92), "{} {} {}", at(0.88), at(0.9), at(0.92));
        let all_right = |p: f64| loss(&[(p, true); 100]);
        assert!(all_right(0.99) < all_right(0.9) && all_right(0.99) < all_right(0.9999), "never certain");
        assert!(loss(&[(1.0, false), (0.0, true)]).is_finite());
    }
}
