//! `whit tune`: makes a brick.

use std::io::{IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use whit_model::brick::Confidence;
use whit_tune::training::{
    Base, Estimate, Event, Making, Measured, Options, Outcome, Progress as Step, Scratch, Tune, Weights,
};
use whit_tune::{Measure, Share, TuneError};

use crate::failure::{Interrupted, bad_input};
use crate::model_source::locate;
use crate::progress::Progress;
use crate::{format, interrupt, say};

/// Failures that are shown; the JSON has more of them.
const SHOWN: usize = 5;
/// Labels that are shown, the worst ones.
const WORST: usize = 8;

/// The values of `--weights`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stored {
    Q8,
    F16,
    F32,
}

#[derive(Args, Debug)]
#[command(after_help = "\
DATA has a line of JSON for each example: {\"input\": .., \"output\": ..}, where the output is a call ({\"name\": .., \
\"arguments\": {..}}), null, other JSON, a label or a text, or OpenAI's fine-tuning layout ({\"messages\": [..]}, whose last \
message is the answer). A line may say \"split\": \"train\", \"validation\" or \"held-out\"; others are split by a hash of \
their words, so that near-duplicates stay together.

The brick is a folder: brick.toml, weights with their tokenizer, the contract, examples. It is measured on the held-out \
examples by the engine, with answers held to the contract. Ctrl-C leaves a checkpoint; so does a kill, as of the last one.

Examples:
  whit tune intents.jsonl -o intents --from-scratch --width 128 --layers 4
  whit tune calls.jsonl -o assistant --from-scratch --contract tools.json --measure handwritten.jsonl
  whit tune calls.jsonl -o assistant --from-scratch --contract tools.json --dry-run
  whit tune calls.jsonl -o assistant --from-scratch --contract tools.json --resume")]
pub struct TuneArgs {
    /// Examples, a line of JSON each
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// The brick's folder
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// Train a small decoder of its own, with its own tokenizer
    #[arg(long, required_unless_present = "base", conflicts_with = "base")]
    from_scratch: bool,
    /// Train an adapter for this model: a GGUF file, a Hugging Face folder, or hf:OWNER/NAME[@REVISION][:FILE]
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// What answers must be: a file of tools (a JSON list), of a JSON Schema or of labels (.txt, a line each), or
    /// `labels`, or `text` [default: what the examples say]
    #[arg(long, value_name = "FILE")]
    contract: Option<String>,
    /// Text around the input, which is {input} in it [default: {input} and a line's end]
    #[arg(long, value_name = "TEXT")]
    frame: Option<String>,
    /// Examples for validation, if DATA has none of its own
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Examples to measure with, if DATA has none of its own
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// Measure with these examples too, and put them into the brick; may be given several times
    #[arg(long, value_name = "FILE")]
    measure: Vec<PathBuf>,
    /// Memory that all of it may take, such as 2GiB: a step has fewer tokens to fit
    #[arg(long, value_name = "SIZE", value_parser = format::parse_size)]
    memory: Option<u64>,
    /// Go on from the checkpoint in FOLDER
    #[arg(long)]
    resume: bool,
    /// Time a few steps, and say what time and memory the training will take
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    card: CardArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapter: AdapterArgs,
    #[command(flatten)]
    training: TrainingArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "The card")]
struct CardArgs {
    /// The brick's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its version
    #[arg(long = "brick-version", value_name = "VERSION", default_value = "0.1.0")]
    version: String,
    /// Its licence, as SPDX has it
    #[arg(long, value_name = "SPDX", default_value = "MIT OR Apache-2.0")]
    licence: String,
    /// What it does, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "Made with whit tune.")]
    description: String,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "A model of its own")]
struct ModelArgs {
    /// Width of the residual stream
    #[arg(long, conflicts_with = "base", value_name = "N", default_value_t = 192)]
    width: usize,
    /// Layers
    #[arg(long, conflicts_with = "base", value_name = "N", default_value_t = 6)]
    layers: usize,
    /// Query heads [default: of 32 values each]
    #[arg(long, conflicts_with = "base", value_name = "N")]
    heads: Option<usize>,
    /// Key and value heads [default: as many]
    #[arg(long, conflicts_with = "base", value_name = "N")]
    kv_heads: Option<usize>,
    /// Tokens of its vocabulary, at most
    #[arg(long, conflicts_with = "base", value_name = "N", default_value_t = 2048)]
    vocab: usize,
    /// How its weights are written
    #[arg(long, conflicts_with = "base", value_name = "FORMAT", default_value = "q8")]
    weights: Stored,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "An adapter")]
struct AdapterArgs {
    /// Rank of the adapter's matrices
    #[arg(long, conflicts_with = "from_scratch", value_name = "N", default_value_t = 16)]
    rank: usize,
    /// What the adapter adds is multiplied by ALPHA / rank
    #[arg(long, conflicts_with = "from_scratch", value_name = "ALPHA", default_value_t = 32.0)]
    alpha: f32,
    /// Projections that are adapted, with commas between: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
    /// [default: all]
    #[arg(long, conflicts_with = "from_scratch", value_name = "NAMES", value_delimiter = ',')]
    targets: Vec<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "The training")]
struct TrainingArgs {
    /// Positions; longer examples are left out [default: room for the longest, or for twice that in a model of its own]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
    /// Passes over the examples [default: as many as make 40 million tokens, 3 to 40; 3 for an adapter]
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Tokens of a step [default: 4096; 1024 for an adapter]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Highest learning rate [default: 0.002; 0.0005 for an adapter]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,
    /// What part of the values of each layer's branches is dropped
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    dropout: f32,
    /// Decides everything random: the same seed on the same machine makes the same brick
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Steps, at most
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// End after so many looks at the validation loss without a lower one; a training has about 40 of them
    #[arg(long, value_name = "N", default_value_t = 10)]
    patience: u32,
    /// Minutes between two checkpoints
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0)]
    checkpoint: f64,
}

impl TuneArgs {
    fn options(&self) -> anyhow::Result<Options> {
        let every = Duration::try_from_secs_f64(self.training.checkpoint * 60.0)
            .map_err(|_| bad_input(format!("--checkpoint is {}: use a number of minutes", self.training.checkpoint)))?;
        let making = match &self.base {
            Some(base) => Making::Adapter(Base {
                name: base_from(&self.out, base)?,
                path: locate(base)?,
                rank: self.adapter.rank,
                alpha: self.adapter.alpha,
                targets: self.adapter.targets.clone(),
                context: self.training.context,
            }),
            None => Making::Scratch(Scratch {
                width: self.model.width,
                layers: self.model.layers,
                heads: self.model.heads,
                kv_heads: self.model.kv_heads,
                vocabulary: self.model.vocab,
                context: self.training.context,
                weights: match self.model.weights {
                    Stored::Q8 => Weights::Q8,
                    Stored::F16 => Weights::F16,
                    Stored::F32 => Weights::F32,
                },
            }),
        };
        Ok(Options {
            data: self.data.clone(),
            validation: self.validation.clone(),
            held_out: self.held_out.clone(),
            measure: self.measure.clone(),
            out: self.out.clone(),
            name: self.card.name.clone(),
            version: self.card.version.clone(),
            licence: self.card.licence.clone(),
            description: self.card.description.clone(),
            making,
            contract: self.contract.clone(),
            frame: self.frame.clone(),
            epochs: self.training.epochs,
            batch: self.training.batch,
            rate: self.training.lr,
            dropout: self.training.dropout,
            seed: self.training.seed,
            max_steps: self.training.max_steps,
            patience: self.training.patience,
            memory: self.memory,
            checkpoint_every: every,
            resume: self.resume,
            command: command(),
        })
    }
}

/// A base as a brick in the folder `out` names it: a path that begins nowhere in particular begins in that folder.
fn base_from(out: &Path, base: &str) -> anyhow::Result<String> {
    if base.starts_with("hf:") || Path::new(base).is_absolute() {
        return Ok(base.to_owned());
    }
    let (out, base) = (plain(&std::path::absolute(out)?), plain(&std::path::absolute(base)?));
    let shared = out.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let up = out.components().skip(shared).map(|_| Component::ParentDir);
    Ok(up.chain(base.components().skip(shared)).collect::<PathBuf>().to_string_lossy().into_owned())
}

/// An absolute path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// The command as a shell would take it again; without what is about this run only.
fn command() -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    let words = std::env::args().skip(1).filter(|word| word != "--resume" && word != "--json");
    let words = words.map(|word| match !word.is_empty() && word.chars().all(is_plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    ["whit".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// `whit tune`.
pub fn run(args: &TuneArgs) -> anyhow::Result<()> {
    let tune = Tune::prepare(args.options()?, &mut |event| {
        if let Event::Remark(remark) = event {
            say(&remark);
        }
    })?;
    if args.dry_run {
        return print_estimate(args, &tune.estimate()?);
    }
    // A training that is asked to stop writes a checkpoint; one that is measured has written its last.
    let mut ctrl_c = Some(interrupt::Answer::begin());
    let (mut training, mut measuring) = (Some(Progress::training()), None::<(String, Progress)>);
    let is_watched = std::io::stderr().is_terminal();
    let outcome = tune.run(&mut |event| {
        match event {
            Event::Step(step) => match &mut training {
                Some(bar) if is_watched => {
                    bar.say(told(&step));
                    bar.set(step.step, step.steps);
                }
                _ if step.looked => say(&format!("step {} of {}, {}", step.step, step.steps, told(&step))),
                _ => {}
            },
            Event::Measuring { on, done, of } => {
                (ctrl_c, training) = (None, None);
                if measuring.as_ref().is_none_or(|(known, _)| *known != on) {
                    measuring = Some((on.clone(), Progress::steps(&format!("Measuring {on}"))));
                }
                if let Some((_, bar)) = &mut measuring {
                    bar.set(done, of);
                }
            }
            Event::Remark(remark) => say(&remark),
        }
        ctrl_c.as_ref().is_some_and(interrupt::Answer::stopped)
    });
    drop((training, measuring));
    match outcome {
        Ok(outcome) => print_outcome(args, &outcome),
        Err(stopped @ TuneError::Stopped { .. }) => {
            say(&stopped.to_string());
            Err(Interrupted.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// How a training goes, in a line.
fn told(step: &Step) -> String {
    let left = format::duration(Duration::from_secs_f64(step.seconds_left));
    format!(
        "epoch {}, loss {:.4}{}, {:.0} tokens/s{}",
        step.epoch,
        step.loss,
        step.validation.map(|loss| format!(", validation loss {loss:.4}")).unwrap_or_default(),
        step.tokens_per_second,
        if step.step < step.steps { format!(", {left} left") } else { String::new() },
    )
}

/// What `whit tune --dry-run --json` prints; the keys are promised.
#[derive(Serialize)]
struct EstimateJson {
    parameters: usize,
    examples: usize,
    tokens: usize,
    epochs: u64,
    steps: u64,
    tokens_of_a_step: usize,
    tokens_per_second: f64,
    seconds: f64,
    memory_bytes: u64,
}

fn print_estimate(args: &TuneArgs, estimate: &Estimate) -> anyhow::Result<()> {
    let Estimate { trained, examples, tokens, epochs, steps, batch, tokens_per_second, seconds, memory } = *estimate;
    if args.json {
        return print_json(&EstimateJson {
            parameters: trained,
            examples,
            tokens,
            epochs,
            steps,
            tokens_of_a_step: batch,
            tokens_per_second,
            seconds,
            memory_bytes: memory,
        });
    }
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{} parameters, {} examples of {} tokens, {epochs} epochs, {steps} steps of about {batch} tokens",
        format::count(trained as u64),
        format::count(examples as u64),
        format::count(tokens as u64),
    )?;
    writeln!(
        out,
        "{} at {tokens_per_second:.0} tokens/s, and {} of memory",
        format::duration(Duration::from_secs_f64(seconds)),
        format::bytes(memory),
    )?;
    Ok(())
}

/// What `whit tune --json` prints; the keys are promised.
#[derive(Serialize)]
struct OutcomeJson {
    folder: String,
    bytes: u64,
    steps: u64,
    stopped_early: bool,
    seconds: f64,
    tokens_per_second: f64,
    validation_loss_before: f64,
    validation_loss: f64,
    best_step: u64,
    curve: Vec<CurveJson>,
    /// As in the card.
    confidence: Option<Confidence>,
    quality: Vec<MeasuredJson>,
}

#[derive(Serialize)]
struct CurveJson {
    step: u64,
    loss: f64,
    validation_loss: f64,
}

#[derive(Serialize)]
struct MeasuredJson {
    on: String,
    exact_match: ShareJson,
    by_field: Vec<NamedJson>,
    by_label: Vec<NamedJson>,
    expected_calibration_error: Option<f64>,
    failures: Vec<FailureJson>,
}

#[derive(Serialize)]
struct ShareJson {
    value: f64,
    low: f64,
    high: f64,
    right: u64,
    examples: u64,
}

#[derive(Serialize)]
struct NamedJson {
    name: String,
    #[serde(flatten)]
    share: ShareJson,
}

#[derive(Serialize)]
struct FailureJson {
    input: String,
    expected: String,
    answer: String,
}

impl From<Share> for ShareJson {
    fn from(share: Share) -> ShareJson {
        let (low, high) = share.interval();
        ShareJson { value: share.value(), low, high, right: share.right, examples: share.of }
    }
}

impl From<&Measured> for MeasuredJson {
    fn from(measured: &Measured) -> MeasuredJson {
        let named = |shares: Vec<(&str, Share)>| {
            shares.into_iter().map(|(name, share)| NamedJson { name: name.to_owned(), share: share.into() }).collect()
        };
        MeasuredJson {
            on: measured.on.clone(),
            exact_match: measured.exact().into(),
            by_field: named(by_field(measured)),
            by_label: named(by_label(measured)),
            expected_calibration_error: measured.calibration_error,
            failures: measured
                .failures
                .iter()
                .map(|failure| FailureJson {
                    input: failure.input.clone(),
                    expected: failure.expected.clone(),
                    answer: failure.answer.clone(),
                })
                .collect(),
        }
    }
}

fn by_field(measured: &Measured) -> Vec<(&str, Share)> {
    named(measured, |measure| if let Measure::Field(name) = measure { Some(name) } else { None })
}

fn by_label(measured: &Measured) -> Vec<(&str, Share)> {
    named(measured, |measure| if let Measure::Label(name) = measure { Some(name) } else { None })
}

fn named(measured: &Measured, name: impl Fn(&Measure) -> Option<&String>) -> Vec<(&str, Share)> {
    measured.shares.iter().filter_map(|(measure, share)| Some((name(measure)?.as_str(), *share))).collect()
}

fn print_outcome(args: &TuneArgs, outcome: &Outcome) -> anyhow::Result<()> {
    let trained = &outcome.trained;
    if args.json {
        return print_json(&OutcomeJson {
            folder: args.out.display().to_string(),
            bytes: outcome.bytes,
            steps: trained.steps,
            stopped_early: trained.stopped_early,
            seconds: trained.seconds,
            tokens_per_second: trained.tokens_per_second,
            validation_loss_before: trained.before,
            validation_loss: trained.best.0,
            best_step: trained.best.1,
            curve: trained
                .curve
                .iter()
                .map(|&(step, loss, validation_loss)| CurveJson { step, loss, validation_loss })
                .collect(),
            confidence: outcome.confidence,
            quality: outcome.measured.iter().map(MeasuredJson::from).collect(),
        });
    }
    let mut out = anstream::stdout().lock();
    let early = if trained.stopped_early { ", stopped early" } else { "" };
    writeln!(
        out,
        "{}: {}, {} steps in {} at {:.0} tokens/s{early}, validation loss {:.4} at step {}",
        args.out.display(),
        format::bytes(outcome.bytes),
        trained.steps,
        format::duration(Duration::from_secs_f64(trained.seconds)),
        trained.tokens_per_second,
        trained.best.0,
        trained.best.1,
    )?;
    for measured in &outcome.measured {
        let off = measured.calibration_error.map(|error| format!(", confidence off by {:.1} %", 100.0 * error));
        writeln!(out, "{}: exact match {}{}", measured.on, share(measured.exact()), off.unwrap_or_default())?;
        for (name, field) in by_field(measured) {
            writeln!(out, "  {name}: {}", share(field))?;
        }
        let mut worst = by_label(measured);
        worst.retain(|(_, share)| share.right < share.of);
        worst.sort_by(|a, b| a.1.value().total_cmp(&b.1.value()));
        for (label, right) in worst.into_iter().take(WORST) {
            writeln!(out, "  of {label}: {}", share(right))?;
        }
        for failure in measured.failures.iter().take(SHOWN) {
            let came = if failure.answer.is_empty() { "no end" } else { &failure.answer };
            writeln!(out, "  {}\n    right: {}\n    came:  {came}", failure.input, failure.expected)?;
        }
    }
    Ok(())
}

/// `95.3 % (94.8 to 95.7, 9530 of 10000)`.
fn share(share: Share) -> String {
    let (low, high) = share.interval();
    format!(
        "{:.1} % ({:.1} to {:.1}, {} of {})",
        100.0 * share.value(),
        100.0 * low,
        100.0 * high,
        share.right,
        share.of
    )
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    Ok(writeln!(out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_names_its_base_from_where_the_card_is() {
        for (out, base, expected) in [
            ("brick", "base.gguf", "../base.gguf"),
            ("made/brick", "models/base", "../../models/base"),
            ("made/brick", "./made/base", "../base"),
            ("../brick", "base", &format!("../{}/base", folder())),
            ("brick", "/models/base", "/models/base"),
            ("brick", "hf:owner/name", "hf:owner/name"),
        ] {
            assert_eq!(base_from(Path::new(out), base).unwrap(), expected);
        }
    }

    fn folder() -> String {
        std::env::current_dir().unwrap().file_name().unwrap().to_string_lossy().into_owned()
    }
}
