//! What a load was answered with, in figures.

use std::time::Duration;

use serde::Serialize;

use crate::{Answer, Cost, Measured};

/// Percentiles, in seconds; zeros of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// All.
    pub max: f64,
}

impl Percentiles {
    fn of(durations: impl Iterator<Item = Duration>) -> Percentiles {
        let mut seconds: Vec<f64> = durations.map(|duration| duration.as_secs_f64()).collect();
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|q| percentile(&mut seconds, q));
        Percentiles { p50, p90, p99, max }
    }
}

/// The value below which the share `q` of `values` lies, between its neighbours by straight line; 0 of nothing.
pub fn percentile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = q * values.len().saturating_sub(1) as f64;
    let below = values.get(at as usize).copied().unwrap_or(0.0);
    let above = values.get(at.ceil() as usize).copied().unwrap_or(below);
    below + (above - below) * at.fract()
}

/// Requests that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// How; see [`crate::RequestError::kind`].
    pub kind: String,
    /// How many.
    pub count: usize,
    /// What the first of them was told.
    pub message: String,
}

/// What a load was answered with. Tokens and times are those of the requests that were answered; the keys are promised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Requests sent.
    pub requests: usize,
    /// Of these, those that were not answered.
    pub failed: usize,
    /// The same, by kind.
    pub errors: Vec<Failures>,
    /// From the first question to the end of the last answer.
    pub seconds: f64,
    /// Most requests that were under way at a time.
    pub most_in_flight: usize,
    /// Tokens of all prompts: as the server counts, or those that were wanted.
    pub prompt_tokens: usize,
    /// Of these, those that the server had in a cache, as far as it says.
    pub cached_prompt_tokens: usize,
    /// Tokens of all answers.
    pub output_tokens: usize,
    /// [`Report::prompt_tokens`] over [`Report::seconds`].
    pub prompt_tokens_per_second: f64,
    /// [`Report::output_tokens`] over [`Report::seconds`].
    pub output_tokens_per_second: f64,
    /// Energy over [`Report::output_tokens`], that of the prompts included; if the server says it of every answer.
    pub joules_per_output_token: Option<Cost>,
    /// From a question to the first piece of its answer (TTFT).
    pub time_to_first_token_seconds: Percentiles,
    /// From the first to the last piece, over the tokens that came after the first; one value an answer (TPOT).
    pub time_per_output_token_seconds: Percentiles,
    /// Between two pieces, all answers together: the waits that a reader sees.
    pub inter_token_latency_seconds: Percentiles,
    /// From a question to the end of its answer.
    pub end_to_end_seconds: Percentiles,
    /// How much later than at their times requests were sent.
    pub lag_seconds: Percentiles,
    /// Prompts that the server counts otherwise than was wanted.
    pub prompts_of_other_length: usize,
    /// Answers that are not as long as was wanted.
    pub answers_of_other_length: usize,
}

impl Report {
    /// Of what was measured.
    pub fn of(measured: &Measured) -> Report {
        let exchanges = &measured.exchanges;
        let answered: Vec<_> =
            exchanges.iter().filter_map(|exchange| Some((exchange.arrival, exchange.result.as_ref().ok()?))).collect();
        let answers = || answered.iter().map(|(_, answer)| *answer);
        let seconds = measured.time.as_secs_f64();
        let prompts = answered.iter().map(|(arrival, answer)| answer.prompt_tokens.unwrap_or(arrival.prompt_tokens));
        let prompt_tokens: usize = prompts.sum();
        let output_tokens: usize = answers().map(|answer| answer.output_tokens).sum();
        Report {
            requests: exchanges.len(),
            failed: exchanges.len() - answered.len(),
            errors: failures(measured),
            seconds,
            most_in_flight: measured.most_in_flight,
            prompt_tokens,
            cached_prompt_tokens: answers().filter_map(|answer| answer.cached_tokens).sum(),
            output_tokens,
            prompt_tokens_per_second: prompt_tokens as f64 / seconds,
            output_tokens_per_second: output_tokens as f64 / seconds,
            joules_per_output_token: joules_per_token(answers(), output_tokens),
            time_to_first_token_seconds: Percentiles::of(answers().map(|answer| answer.first_token)),
            time_per_output_token_seconds: Percentiles::of(answers().filter_map(time_per_output_token)),
            inter_token_latency_seconds: Percentiles::of(answers().flat_map(|answer| answer.gaps.iter().copied())),
            end_to_end_seconds: Percentiles::of(answers().map(|answer| answer.whole)),
            lag_seconds: Percentiles::of(exchanges.iter().map(|exchange| exchange.lag)),
            prompts_of_other_length: answered
                .iter()
                .filter(|(arrival, answer)| answer.prompt_tokens.is_some_and(|tokens| tokens != arrival.prompt_tokens))
                .count(),
            answers_of_other_length: answered
                .iter()
                .filter(|(arrival, answer)| answer.output_tokens != arrival.output_tokens)
                .count(),
        }
    }
}

/// Of the worst tier of all.
fn joules_per_token<'a>(mut answers: impl Iterator<Item = &'a Answer>, tokens: usize) -> Option<Cost> {
    let none = Cost { joules: 0.0, joules_low: 0.0, joules_high: 0.0, tier: String::new() };
    let all = answers.try_fold(none, |sum, answer| {
        let cost = answer.cost.as_ref()?;
        let rank = |tier: &str| ["wall", "counter", "modelled"].iter().position(|known| *known == tier);
        Some(Cost {
            joules: sum.joules + cost.joules,
            joules_low: sum.joules_low + cost.joules_low,
            joules_high: sum.joules_high + cost.joules_high,
            tier: if rank(&cost.tier) > rank(&sum.tier) { cost.tier.clone() } else { sum.tier },
        })
    })?;
    let per_token = |joules: f64| joules / tokens as f64;
    (tokens > 0).then(|| Cost {
        joules: per_token(all.joules),
        joules_low: per_token(all.joules_low),
        joules_high: per_token(all.joules_high),
        tier: all.tier,
    })
}

/// Nothing for an answer that came in one piece.
fn time_per_output_token(answer: &Answer) -> Option<Duration> {
    let later = u32::try_from(answer.output_tokens.checked_sub(1)?).ok().filter(|&later| later > 0)?;
    (!answer.gaps.is_empty()).then(|| answer.gaps.iter().sum::<Duration>() / later)
}

/// The most frequent kind first.
fn failures(measured: &Measured) -> Vec<Failures> {
    let mut all: Vec<Failures> = vec![];
    for error in measured.exchanges.iter().filter_map(|exchange| exchange.result.as_ref().err()) {
        let kind = error.kind();
        match all.iter_mut().find(|failures| failures.kind == kind) {
            Some(failures) => failures.count += 1,
            None => all.push(Failures { kind, count: 1, message: error.to_string() }),
        }
    }
    all.sort_by_key(|failures| std::cmp::Reverse(failures.count));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, Exchange, RequestError};

    #[test]
    fn percentiles_lie_between_their_neighbours() {
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(percentile(&mut [1.0, 2.0], 0.5), 1.5);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn figures_are_those_of_what_was_answered() {
        let ms = Duration::from_millis;
        let arrival = Arrival { at: Duration::ZERO, prompt_tokens: 10, output_tokens: 4 };
        let answer = Answer {
            text: "abcd".to_owned(),
            prompt_tokens: Some(10),
            cached_tokens: Some(3),
            output_tokens: 4,
            cost: Some(Cost { joules: 2.0, joules_low: 1.0, joules_high: 4.0, tier: "counter".to_owned() }),
            first_token: ms(100),
            gaps: vec![ms(10), ms(20), ms(60)],
            whole: ms(200),
        };
        let costs = |answers: &[Answer]| joules_per_token(answers.iter(), 4);
        let modelled = Cost { tier: "modelled".to_owned(), ..answer.cost.clone().expect("known") };
        let modelled = Answer { cost: Some(modelled), ..answer.clone() };
        let per_token = Cost { joules: 1.0, joules_low: 0.5, joules_high: 2.0, tier: "modelled".to_owned() };
        assert_eq!(costs(&[answer.clone(), modelled.clone()]), Some(per_token));
        assert_eq!(costs(&[modelled, Answer { cost: None, ..answer.clone() }]), None);
        let uncounted =
            Answer { prompt_tokens: None, cached_tokens: None, output_tokens: 1, gaps: vec![], ..answer.clone() };
        let busy = RequestError::Status { status: 429, message: "busy".to_owned() };
        let results =
            [Ok(answer), Err(RequestError::Connection("gone".to_owned())), Ok(uncounted), Err(busy.clone()), Err(busy)];
        let exchanges = results.map(|result| Exchange { arrival, lag: ms(0), result }).to_vec();
        let report = Report::of(&Measured { exchanges, time: ms(500), most_in_flight: 2 });
        assert_eq!((report.requests, report.failed, report.prompt_tokens, report.output_tokens), (5, 3, 20, 5));
        assert_eq!((report.prompt_tokens_per_second, report.output_tokens_per_second), (40.0, 10.0));
        assert_eq!((report.prompts_of_other_length, report.answers_of_other_length), (0, 1));
        assert_eq!((report.cached_prompt_tokens, report.inter_token_latency_seconds.max), (3, 0.06));
        assert_eq!(report.time_per_output_token_seconds.p50, 0.03, "of the one that came in pieces");
        let kinds: Vec<_> = report.errors.iter().map(|error| (&*error.kind, error.count, &*error.message)).collect();
        assert_eq!(kinds, [("status 429", 2, "status 429: busy"), ("connection", 1, "gone")]);
    }
}
