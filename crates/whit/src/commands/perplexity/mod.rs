//! `whit perplexity`: how well a model foresees a text.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use whit_engine::{Engine, Options, WeightFormat};

use crate::failure::bad_input;
use crate::model_source::{LoadArgs, MODEL_HELP, Model};
use crate::progress::Progress;
use crate::say;

mod scores;
use scores::{Cost, Pairs, Scores};

#[derive(Args, Debug)]
#[command(after_help = "\
Method, the same as llama.cpp's: the text's tokens are cut into windows of --context tokens that do not \
overlap; a last, shorter piece is left out. If the model wants a BOS token, it takes the place of each \
window's first token. The tokens of each window's second half are scored, so that each has at least half a \
window before it. Perplexity is exp(mean negative log-likelihood); its standard error comes from the spread \
of the single tokens. A text shorter than one window is one window of its own.

Figures compare only between runs with the same text, --context and tokenizer.

With --compare, the tokens are scored by both models. Where both cut the text into the same tokens, the \
cost is given as difference and ratio of the perplexities, and the distributions over each next token are \
compared: their Kullback-Leibler divergence from the other model's, in nats, and how often both hold the \
same token for the likeliest. --weights is for MODEL; the other one is run as it is.

Examples:
  whit perplexity model.gguf --file wiki.test.raw
  whit perplexity model.gguf --file wiki.test.raw --context 2048 --chunks 20 --json
  whit perplexity model-f16.gguf --weights q4 --compare --file wiki.test.raw
  whit perplexity model-q4.gguf --compare model-f16.gguf --file wiki.test.raw")]
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
    /// Say beside it how well another model does, or MODEL itself without --weights
    #[arg(long, value_name = "OTHER", num_args = 0..=1)]
    compare: Option<Option<String>>,
    /// Print one JSON object instead of sentences
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
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<Comparison>,
}

/// The other model's figures, and what sets the two apart.
#[derive(Serialize)]
struct Comparison {
    model: String,
    perplexity: f64,
    standard_error: f64,
    mean_negative_log_likelihood: f64,
    tokens_scored: u64,
    /// `None` if the two cut the text into different tokens.
    cost: Option<Cost>,
}

/// `whit perplexity`.
pub fn run(args: &PerplexityArgs) -> anyhow::Result<()> {
    let text = read_text(args)?;
    if args.context < 4 || args.chunks == Some(0) {
        return Err(bad_input("nothing would be scored: --context must be at least 4 and --chunks at least 1"));
    }
    let model = Model::open(&args.model)?;
    let windows = Windows::cut(args, &model, &text)?;
    let mut engine = load(&model, &windows, &args.load.options(Some(windows.len)))?;
    let report = match &args.compare {
        None => windows.report(&score(&mut engine, &windows)?, None),
        Some(other) => {
            let mut options = Options { weights: WeightFormat::AsIs, ..args.load.options(None) };
            options.memory = options.memory.map(|memory| memory.saturating_sub(engine.memory_plan().total()));
            compare(args, other.as_deref(), &model, (engine, windows), &text, options)?
        }
    };
    print(args, &report)
}

fn read_text(args: &PerplexityArgs) -> anyhow::Result<String> {
    let bytes = std::fs::read(&args.file).map_err(|error| bad_input(format!("{}: {error}", args.file.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        bad_input(format!(
            "{}: not UTF-8 text (byte {}); convert it, for example with iconv",
            args.file.display(),
            error.utf8_error().valid_up_to()
        ))
    })
}

/// The text as one model reads it.
struct Windows {
    /// Whole windows, BOS in its places.
    tokens: Vec<u32>,
    /// Tokens of each.
    len: usize,
}

impl Windows {
    fn cut(args: &PerplexityArgs, model: &Model, text: &str) -> anyhow::Result<Windows> {
        let mut tokens = model.tokenizer.encode(text, false, false)?;
        let bos = model.tokenizer.wanted_bos();
        tokens.splice(0..0, bos);
        if tokens.len() < 4 {
            return Err(bad_input(format!(
                "{}: only {} tokens; that is too short a text to score",
                args.file.display(),
                tokens.len()
            )));
        }
        let len = args.context.min(tokens.len());
        tokens.truncate((tokens.len() / len).min(args.chunks.unwrap_or(usize::MAX)) * len);
        if let Some(bos) = bos {
            tokens.iter_mut().step_by(len).for_each(|first| *first = bos);
        }
        Ok(Windows { tokens, len })
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.tokens.chunks_exact(self.len)
    }

    fn count(&self) -> usize {
        self.tokens.len() / self.len
    }

    fn report(&self, scores: &Scores, compare: Option<Comparison>) -> Report {
        Report {
            perplexity: scores.perplexity(),
            standard_error: scores.standard_error(),
            mean_negative_log_likelihood: scores.mean(),
            tokens_scored: scores.count(),
            chunks: self.count(),
            context: self.len,
            compare,
        }
    }
}

fn load(model: &Model, windows: &Windows, options: &Options) -> anyhow::Result<Engine> {
    let engine = model.load(options)?;
    match engine.memory_plan().context {
        context if context < windows.len => {
            Err(bad_input(format!("windows of {} tokens do not fit the memory; use --context {context}", windows.len)))
        }
        _ => Ok(engine),
    }
}

/// The negative log-likelihoods of each window's second half.
fn score(engine: &mut Engine, windows: &Windows) -> anyhow::Result<Scores> {
    let mut scores = Scores::default();
    let mut bar = Progress::steps("Perplexity");
    for (done, window) in windows.iter().enumerate() {
        let likelihoods = engine.log_likelihoods(window).context("scoring a window")?;
        // likelihoods[i] is that of token i + 1; the first scored token is the one after the first half.
        likelihoods.iter().skip(windows.len / 2).for_each(|&value| scores.add(-f64::from(value)));
        bar.say(format!("Perplexity {:.4}", scores.perplexity()));
        bar.set(done as u64 + 1, windows.count() as u64);
    }
    Ok(scores)
}

/// Scores the text with the loaded model and with `other` (or the same model), loaded with `options`.
fn compare(
    args: &PerplexityArgs,
    other: Option<&str>,
    model: &Model,
    (mut engine, windows): (Engine, Windows),
    text: &str,
    options: Options,
) -> anyhow::Result<Report> {
    let opened;
    let other_model = match other {
        Some(name) => {
            opened = Model::open(name)?;
            &opened
        }
        None if args.load.options(None).weights == WeightFormat::AsIs => {
            return Err(bad_input("nothing to compare: name another model after --compare, or say --weights"));
        }
        None => model,
    };
    let other_windows = Windows::cut(args, other_model, text)?;
    let options = Options { context: Some(other_windows.len), ..options };
    let mut other_engine = load(other_model, &other_windows, &options)?;
    let vocabulary = |model: &Model| model.spec.head.linear.out_features;
    let (scores, other_scores, cost) =
        if windows.tokens == other_windows.tokens && vocabulary(model) == vocabulary(other_model) {
            let mut pairs = Pairs::default();
            let mut bar = Progress::steps("Comparing");
            for (done, window) in windows.iter().enumerate() {
                let each = &mut |compared| pairs.add(compared);
                engine.compare(&mut other_engine, window, windows.len / 2, each).context("scoring a window")?;
                bar.say(format!("Perplexity {:.4}, {:.4}", pairs.model.perplexity(), pairs.reference.perplexity()));
                bar.set(done as u64 + 1, windows.count() as u64);
            }
            let cost = pairs.cost();
            (pairs.model, pairs.reference, Some(cost))
        } else {
            (score(&mut engine, &windows)?, score(&mut other_engine, &other_windows)?, None)
        };
    let comparison = Comparison {
        model: other.unwrap_or(&args.model).to_owned(),
        perplexity: other_scores.perplexity(),
        standard_error: other_scores.standard_error(),
        mean_negative_log_likelihood: other_scores.mean(),
        tokens_scored: other_scores.count(),
        cost,
    };
    Ok(windows.report(&scores, Some(comparison)))
}

fn print(args: &PerplexityArgs, report: &Report) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    match &report.compare {
        None => writeln!(out, "perplexity {:.4} +/- {:.4}", report.perplexity, report.standard_error)?,
        Some(other) => {
            writeln!(out, "perplexity     {:.4} +/- {:.4}", report.perplexity, report.standard_error)?;
            writeln!(out, "compared with  {:.4} +/- {:.4}   {}", other.perplexity, other.standard_error, other.model)?;
            match &other.cost {
                Some(cost) => write!(out, "{cost}")?,
                None => say("the models cut the text into different tokens, so the perplexities do not compare"),
            }
        }
    }
    say(&format!("{} tokens scored in {} windows of {}", report.tokens_scored, report.chunks, report.context));
    Ok(())
}
