//! Tokens a second that training gets, for benchmarks: the trial of `docs/decisions/0013-training-library.md`.

use crate::TuneError;
use crate::training::batches::Sequences;
use crate::training::decoder::scratch::{Sizes, decoder};
use crate::training::random;
use crate::training::train::{Schedule, Trainer};

/// Trains a decoder of `width` and `layers`, with heads of 32 and 2048 tokens, on random tokens: `steps` of `sequences`
/// with `length` tokens, the last `asked` of which are its answer. Gives back tokens a second, forward, backward and
/// AdamW.
///
/// # Errors
/// The training library's.
pub fn throughput(
    [width, layers]: [usize; 2],
    [sequences, length, asked]: [usize; 3],
    steps: u64,
) -> Result<f64, TuneError> {
    let inner = (width * 8 / 3).next_multiple_of(32);
    let sizes = Sizes {
        vocabulary: 2048,
        width,
        layers,
        heads: width / 32,
        kv_heads: width / 32,
        inner,
        context: length.max(16),
    };
    let decoder = decoder(&sizes, 1)?;
    let mut data = Sequences::default();
    for at in 0..sequences as u64 {
        let ids: Vec<u32> = (0..=length as u64).map(|i| (random::mix(at, i) % 64) as u32).collect();
        let (prompt, answer) = ids.split_at(length + 1 - asked);
        data.push(prompt, answer);
    }
    let schedule = Schedule {
        batch: sequences * length,
        steps: 1_000_000,
        rate: 1e-3,
        warm_up: 1,
        decay: 0.1,
        clip: 1.0,
        dropout: 0.0,
        seed: 1,
        look_every: 1_000_000,
        patience: 1,
    };
    let trainer = Trainer::new(&decoder, schedule, &data, &data, None);
    let (seconds, tokens) = trainer.time(steps)?;
    Ok(tokens / seconds)
}
