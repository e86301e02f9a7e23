//! `whit run --brick`: one answer of a brick.

use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use whit_meter::Receipt;
use whit_model::Brick;

use super::title;
use crate::answer::{Answer, Finish, answer};
use crate::bricks::{self, Ready};
use crate::failure::Interrupted;
use crate::model_source::LoadArgs;
use crate::till::{CostArgs, Till};
use crate::{format, process, say, stats};

/// What is asked of a brick, and how to tell the answer.
pub struct Question<'a> {
    pub brick: &'a str,
    pub input: &'a str,
    pub load: &'a LoadArgs,
    pub cost: &'a CostArgs,
    pub json: bool,
    pub stats: bool,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report<'a> {
    brick: &'a str,
    version: &'a str,
    output: Value,
    confidence: Option<f64>,
    seconds: f64,
    timings: stats::Timings,
    /// What it cost, unless nothing is metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

/// Asks it. `begun`: when the command did.
pub fn run(question: &Question, begun: Instant) -> anyhow::Result<()> {
    let brick = bricks::open(question.brick)?;
    let mut ready = bricks::prepare(&brick)?;
    let prompt = ready.job.prompt(question.input)?;
    // Before the model: a file of prices that is none need not wait for it.
    let mut till = if question.stats || question.json { Till::open(question.cost)? } else { None };
    let mut engine = ready.load(question.load, prompt.len(), 1)?;
    let Ready { job, .. } = ready;
    let request = job.request_at(prompt, vec![job.temperature()]);
    let answer = answer(&mut engine, request, till.as_mut(), &mut |_| Ok(()))?;
    let took = begun.elapsed();
    if answer.finish == Finish::Interrupted {
        return Err(Interrupted.into());
    }
    let whole = job
        .contract()
        .output_of(&answer.text)
        .filter(|_| answer.confidence.is_some() || job.contract().grammar().is_none());
    let Some(output) = whole else {
        anyhow::bail!(
            "{}: the answer did not come to its end within {} tokens (prompt.max_tokens of its card)",
            title(&brick),
            brick.card().prompt.max_tokens
        );
    };
    let mut out = std::io::stdout().lock();
    if question.json {
        let timings = stats::Timings::of(&answer);
        let (confidence, seconds) = (answer.confidence, took.as_secs_f64());
        let card = brick.card();
        let report = Report {
            brick: &card.name,
            version: &card.version,
            output,
            confidence,
            seconds,
            timings,
            receipt: answer.receipt,
        };
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", answer.text)?;
        say(&line(&brick, &answer, took));
    }
    if question.stats {
        say(&stats::table(&answer, engine.threads(), 0));
    }
    Ok(())
}

/// `assistant 0.1.0: confidence 0.993, 41.2 ms, 38.1 MiB at most`.
fn line(brick: &Brick, answer: &Answer, took: Duration) -> String {
    let confidence = match answer.confidence {
        None => "none stated".into(),
        // Three figures would round it to certainty.
        Some(confidence) if confidence < 1.0 && confidence > 0.9995 => "above 0.999".into(),
        Some(confidence) => format!("{confidence:.3}"),
    };
    let memory =
        process::peak_resident_bytes().map_or(String::new(), |bytes| format!(", {} at most", format::bytes(bytes)));
    format!("{}: confidence {confidence}, {:.1} ms{memory}", title(brick), 1e3 * took.as_secs_f64())
}
