//! What a training takes: bytes, and with them the tokens of a step; seconds.

use crate::TuneError;
use crate::training::batches::Sequences;
use crate::training::decoder::{Decoder, shares};
use crate::training::options::Options;

/// What the program itself, its threads and the library take, about.
const AROUND: u64 = 96 << 20;

/// What a training will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Numbers that are trained.
    pub trained: usize,
    /// Examples to learn from.
    pub examples: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Passes over them.
    pub epochs: u64,
    /// Steps, if it does not end early.
    pub steps: u64,
    /// Tokens of a step.
    pub batch: usize,
    /// Tokens that went through in a second, as a few steps were timed.
    pub tokens_per_second: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Bytes.
    pub memory: u64,
}

/// Passes over so many tokens if nobody says how many: about 40 million tokens in all.
pub fn usual_epochs(tokens: usize) -> u64 {
    (40_000_000 / tokens.max(1) as u64).clamp(3, 40)
}

/// Bytes that a training takes at its height.
pub fn memory(decoder: &Decoder, batch: usize, sequences: &[&Sequences]) -> u64 {
    let trained = decoder.trained() as u64;
    // Values, two means, the best values, and a checkpoint's copies of them; gradients for each share of a step.
    let state = trained * 4 * (9 + shares(batch) as u64);
    let (mut kept, mut widest) = (0, 0);
    for (mixer, feed_forward) in &decoder.layers {
        let (qkv, down) = (&mixer.half.qkv, &feed_forward.half.down);
        // What a layer keeps of a token for its way back, and what the widest way back works with.
        kept += 2 * qkv.cols + qkv.rows + mixer.half.o.cols + mixer.half.heads.heads + 2 * down.cols + 2;
        widest = widest.max(6 * down.cols + 6 * qkv.cols);
    }
    let activations = (batch * (kept + widest) * 4) as u64;
    let logits = 2 * (4 << 21) as u64;
    let data: usize = sequences.iter().map(|sequences| sequences.tokens() + 17 * sequences.len()).sum();
    4 * decoder.frozen() as u64 + state + activations + logits + 8 * data as u64 + AROUND
}

/// The tokens of a step: as asked for, but no more than fit the memory.
pub fn fitting_batch(
    options: &Options,
    decoder: &Decoder,
    train: &Sequences,
    validation: &Sequences,
    longest: usize,
) -> Result<usize, TuneError> {
    let needs = |batch: usize| memory(decoder, batch, &[train, validation]);
    let usual = if decoder.frozen() == 0 { 4096 } else { 1024 };
    let mut batch = options.batch.unwrap_or(usual).max(longest);
    let Some(limit) = options.memory else { return Ok(batch) };
    while needs(batch) > limit && batch > longest {
        batch = (batch / 2).max(longest);
    }
    if needs(batch) > limit {
        return Err(TuneError::Option(format!(
            "the training takes {} MiB at least and --memory allows {}: raise it, or make the model smaller",
            needs(batch) >> 20,
            limit >> 20
        )));
    }
    Ok(batch)
}
