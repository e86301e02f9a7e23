//! `whit perplexity`: how well a model foresees a text.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::failure::bad_input;
use crate::model_source::{LoadArgs, MODEL_HELP, Model};
use crate::progress::Progress;
use crate::{prompt, say};

#[derive(Args, Debug)]
#[command(after_help = "\
Method, the same as llama.cpp's: the text's tokens are cut into windows of --context tokens that do not \
overlap; a last, shorter piece is left out. If the model wants a BOS token, it takes the place of each \
window's first token. The tokens of each window's second half are scored, so that each has at least half a \
window before it. Perplexity is exp(mean negative log-likelihood); its standard error comes from the spread \
of the single tokens. A text shorter than one window is one window of its own.

Figures compare only between runs with the same text, --context and tokenizer.

Examples:
  whit perplexity model.gguf --file wiki.test.raw
  whit perplexity model.gguf --file wiki.test.raw --context 2048 --chunks 20 --json")]
pub struct PerplexityArgs {
    #[arg(value_name = "MODEL", help = MODEL_HELP)]
    model: String,
    /// The text, UTF-8
    #[arg(short, long, value_name = "TEXT")]
    file: PathBuf,
    /// Tokens per window; at most what the model was trained for
    #[arg(short, long, value_name = "N", default_value_t = 512)]
    context: usize,
    /// Stop after this many windows [default: all]
    #[arg(long, value_name = "N")]
    chunks: Option<usize>,
    /// Print one JSON object instead of a sentence
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report {
    perplexity: f64,
    standard_error: f64,
    mean_negative_log_likelihood: f64,
    tokens_scored: u64,
    chunks: usize,
    context: usize,
}

/// `whit perplexity`.
pub fn run(args: &PerplexityArgs) -> anyhow::Result<()> {
    let bytes = std::fs::read(&args.file).map_err(|error| bad_input(format!("{}: {error}", args.file.display())))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        bad_input(format!(
            "{}: not UTF-8 text (byte {}); convert it, for example with iconv",
            args.file.display(),
            error.utf8_error().valid_up_to()
        ))
    })?;
    let model = Model::open(&args.model)?;
    if args.context < 4 || args.chunks == Some(0) {
        return Err(bad_input("nothing would be scored: --context must be at least 4 and --chunks at least 1"));
    }
    let mut tokens = model.tokenizer.encode(&text, false, false)?;
    let bos = prompt::wanted_bos(&model.tokenizer)?;
    tokens.splice(0..0, bos);
    if tokens.len() < 4 {
        return Err(bad_input(format!(
            "{}: only {} tokens; that is too short a text to score",
            args.file.display(),
            tokens.len()
        )));
    }
    let window = args.context.min(tokens.len());
    let windows = (tokens.len() / window).min(args.chunks.unwrap_or(usize::MAX));
    let mut engine = model.load(&args.load.options(Some(window)))?;
    if engine.memory_plan().context < window {
        return Err(bad_input(format!(
            "windows of {window} tokens do not fit the memory; use --context {}",
            engine.memory_plan().context
        )));
    }

    let mut scores = Scores::default();
    let mut bar = Progress::steps("Perplexity");
    for (done, chunk) in tokens.chunks_exact_mut(window).take(windows).enumerate() {
        if let (Some(bos), Some(first)) = (bos, chunk.first_mut()) {
            *first = bos;
        }
        let likelihoods = engine.log_likelihoods(chunk).context("scoring a window")?;
        // likelihoods[i] is that of token i + 1; the first scored token is the one after the first half.
        likelihoods.iter().skip(window / 2).for_each(|&value| scores.add(-f64::from(value)));
        bar.say(format!("Perplexity {:.4}", scores.perplexity()));
        bar.set(done as u64 + 1, windows as u64);
    }
    drop(bar);
    let report = Report {
        perplexity: scores.perplexity(),
        standard_error: scores.standard_error(),
        mean_negative_log_likelihood: scores.mean(),
        tokens_scored: scores.count,
        chunks: windows,
        context: window,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "perplexity {:.4} +/- {:.4}", report.perplexity, report.standard_error)?;
        say(&format!("{} tokens scored in {} windows of {}", report.tokens_scored, report.chunks, report.context));
    }
    Ok(())
}

/// Sums over the negative log-likelihoods of single tokens.
#[derive(Default)]
struct Scores {
    count: u64,
    sum: f64,
    sum_of_squares: f64,
}

impl Scores {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    fn perplexity(&self) -> f64 {
        self.mean().exp()
    }

    /// Of the perplexity: that of the mean, times the slope of the exponential there.
    fn standard_error(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let variance = (self.sum_of_squares / self.count as f64 - self.mean().powi(2)).max(0.0);
        self.perplexity() * (variance / (self.count - 1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_and_its_error_are_those_of_the_formula() {
        let mut scores = Scores::default();
        [1.0, 2.0, 3.0].into_iter().for_each(|value| scores.add(value));
        assert!((scores.perplexity() - 2f64.exp()).abs() < 1e-12);
        // Variance 2/3, over count - 1 = 2.
        assert!((scores.standard_error() - 2f64.exp() * (1f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
