//! The figures of `--stats`.

use std::time::Duration;

use serde::Serialize;

use whit_meter::Receipt;

use crate::answer::Answer;
use crate::format::{range, significant};
use crate::{format, process};

/// What an answer took, for machines; the keys are promised.
#[derive(Debug, Serialize)]
pub struct Timings {
    time_to_first_token_seconds: f64,
    prefill_tokens_per_second: Option<f64>,
    decode_seconds: f64,
    decode_tokens_per_second: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

impl Timings {
    /// Those of `answer`.
    pub fn of(answer: &Answer) -> Timings {
        let usage = &answer.usage;
        let (prefilled, decoded) = counted(answer);
        Timings {
            time_to_first_token_seconds: usage.time_to_first_token.as_secs_f64(),
            prefill_tokens_per_second: format::per_second(prefilled, usage.time_to_first_token),
            decode_seconds: usage.decode_time.as_secs_f64(),
            decode_tokens_per_second: format::per_second(decoded, usage.decode_time),
            peak_memory_bytes: process::peak_resident_bytes(),
        }
    }
}

/// Tokens computed before the first one came, and steps after it.
fn counted(answer: &Answer) -> (usize, usize) {
    let usage = &answer.usage;
    (usage.prompt_tokens.saturating_sub(usage.cached_tokens), usage.generated_tokens.saturating_sub(1))
}

/// The table of `--stats`.
pub fn table(answer: &Answer, threads: usize, seed: u64) -> String {
    let usage = &answer.usage;
    let (prefilled, decoded) = counted(answer);
    let time =
        |duration: Duration, tokens| format!("{} in {}", format::rate(tokens, duration), format::duration(duration));
    let mut lines = vec![
        format!("prompt       {} tokens, {} of them cached", usage.prompt_tokens, usage.cached_tokens),
        format!("generated    {} tokens", usage.generated_tokens),
        format!("first token  after {}", format::duration(usage.time_to_first_token)),
        format!("prefill      {}", time(usage.time_to_first_token, prefilled)),
        format!("decode       {}", time(usage.decode_time, decoded)),
    ];
    if usage.guessed_tokens > 0 {
        let (right, guessed) = (usage.guessed_right, usage.guessed_tokens);
        lines.insert(2, format!("guessed      {guessed} tokens ahead, {right} of them right"));
    }
    if let Some(peak) = process::peak_resident_bytes() {
        lines.push(format!("peak memory  {}", format::bytes(peak)));
    }
    if let Some(receipt) = &answer.receipt {
        let Receipt { joules, joules_low, joules_high, tier, prefill, decode, .. } = receipt;
        let sure = format!("{}, {}", range(*joules_low, *joules_high), tier.name());
        let parts = [prefill.joules, decode.joules].map(significant);
        let [prefill, decode] = parts;
        lines.push(format!(
            "energy       {} J   ({sure}): prefill {prefill} J, decode {decode} J",
            significant(*joules)
        ));
        lines.extend(receipt.dollars.map(|dollars| format!("price        {} $", significant(dollars))));
        lines.extend(receipt.grams_co2e.map(|grams| format!("emissions    {} g CO2e", significant(grams))));
        lines.push(format!("KV cache     {} at most", format::bytes(receipt.bytes_peak)));
    }
    lines.push(format!("threads      {threads}"));
    lines.push(format!("seed         {seed}"));
    lines.join("\n")
}
