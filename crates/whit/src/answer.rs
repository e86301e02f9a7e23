//! One answer of the engine: streamed, stoppable, counted.

use std::time::Instant;

use serde::Serialize;
use whit_engine::{Engine, EngineError, Event, FinishReason, Request, TokenLogprob, Usage};
use whit_meter::Receipt;

use crate::interrupt;
use crate::till::Till;

/// What a request brought.
#[derive(Debug)]
pub struct Answer {
    /// The token ids generated.
    pub ids: Vec<u32>,
    /// Their text.
    pub text: String,
    /// One per id, if asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Why it ended.
    pub finish: Finish,
    /// How probable it was under its constraint, if asked for; `None` if it was cut.
    pub confidence: Option<f64>,
    /// What it took.
    pub usage: Usage,
    /// What it cost, if somebody counts.
    pub receipt: Option<Receipt>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model was done, or a stop text came.
    Stop,
    /// As long as it was allowed to be.
    Length,
    /// Ctrl-C.
    Interrupted,
}

/// Runs `request` to its end or to Ctrl-C. `on_text` gets each piece of text as it becomes certain.
///
/// # Errors
/// The engine's, and those of `on_text`, which end the answer.
pub fn answer(
    engine: &mut Engine,
    request: Request,
    mut till: Option<&mut Till>,
    on_text: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Answer> {
    let ctrl_c = interrupt::Answer::begin();
    let begun = Instant::now();
    let id = engine.submit(request)?;
    let mut answer = Answer {
        ids: vec![],
        text: String::new(),
        logprobs: vec![],
        finish: Finish::Interrupted,
        confidence: None,
        usage: Usage::default(),
        receipt: None,
    };
    loop {
        if ctrl_c.stopped() {
            answer.usage = engine.cancel(id).unwrap_or_default();
            answer.receipt = till.map(|till| till.receipt(&answer.usage, begun.elapsed()));
            return Ok(answer);
        }
        let (mut delivered, mut overflowed) = (Ok(()), false);
        if let Some(till) = &mut till {
            till.begin();
        }
        engine.step(|event| {
            let text = match event {
                Event::Token { id, text, logprobs, .. } => {
                    answer.ids.push(id);
                    answer.logprobs.extend(logprobs.cloned());
                    text
                }
                Event::Finished { text, reason, usage, confidence, .. } => {
                    answer.confidence = confidence.first().copied();
                    overflowed = reason == FinishReason::NotFinite;
                    answer.finish = match reason {
                        FinishReason::Stop => Finish::Stop,
                        // Nobody asks for a deadline or a budget here.
                        FinishReason::Length
                        | FinishReason::Deadline
                        | FinishReason::Budget
                        | FinishReason::Constraint
                        | FinishReason::NotFinite => Finish::Length,
                    };
                    answer.usage = usage;
                    text
                }
                Event::Embedding { .. } => "",
            };
            if delivered.is_ok() {
                delivered = deliver(&mut answer.text, text, on_text);
            }
        })?;
        if let Some(till) = &mut till {
            till.did(engine.work());
        }
        delivered?;
        if overflowed {
            return Err(EngineError::NotFinite.into());
        }
        if engine.is_idle() {
            answer.receipt = till.map(|till| till.receipt(&answer.usage, begun.elapsed()));
            return Ok(answer);
        }
    }
}

fn deliver(all: &mut String, piece: &str, on_text: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    all.push_str(piece);
    on_text(piece)
}
