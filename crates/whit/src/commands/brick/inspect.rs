//! `whit brick inspect`: what a brick is, without running it.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use whit_engine::brick::Contract;
use whit_model::brick::{Card, PromptForm, Quality, Weights};
use whit_model::{Brick, Checkpoint, DecoderSpec};

use super::{percent, percents, title};
use crate::bricks::{self, BRICK_HELP};
use crate::format::{bytes, count, grouped};
use crate::inspect::{labelled, shortened};

#[derive(Args, Debug)]
#[command(after_help = "\
Only the card, the contract and the headers of the weights are read. What is shown is what the card claims: whit brick check measures it \
again.

Examples:
  whit brick inspect assistant.brick
  whit brick inspect bricks/assistant --json | jq .card.quality")]
pub struct InspectArgs {
    #[arg(value_name = "BRICK", help = BRICK_HELP)]
    brick: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Facts<'a> {
    path: String,
    /// `archive` or `folder`.
    container: &'static str,
    card: &'a Card,
    /// Names of tools, or labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<&'a [String]>,
    /// Of the weights that are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelFacts>,
    bytes: u64,
    files: Vec<FileFacts<'a>>,
}

#[derive(Serialize)]
struct ModelFacts {
    layers: usize,
    hidden_size: usize,
    vocabulary_size: usize,
    context_length: usize,
    parameters: u64,
    tensor_bytes: u64,
    /// `Q8_0`, ...: the one that most of them are in first.
    formats: Vec<&'static str>,
}

#[derive(Serialize)]
struct FileFacts<'a> {
    name: &'a str,
    bytes: u64,
}

/// `whit brick inspect`.
pub fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let brick = bricks::open(&args.brick)?;
    let contract = Contract::read(&brick)?;
    let model = match &brick.card().model {
        Weights::Own { .. } => Some(ModelFacts::of(&brick.checkpoint()?)?),
        Weights::Adapter { .. } => None,
    };
    let facts = Facts::gather(&brick, &contract, model);
    if args.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &facts)?;
        return Ok(writeln!(out)?);
    }
    Ok(write!(anstream::stdout().lock(), "{}", table(&brick, &contract, &facts))?)
}

impl<'a> Facts<'a> {
    fn gather(brick: &'a Brick, contract: &'a Contract, model: Option<ModelFacts>) -> Facts<'a> {
        let files: Vec<FileFacts> =
            brick.files().map(|(name, content)| FileFacts { name, bytes: content.len() as u64 }).collect();
        Facts {
            path: brick.path().display().to_string(),
            container: if brick.is_archive() { "archive" } else { "folder" },
            card: brick.card(),
            answers: match contract {
                Contract::Tools { names, .. } => Some(names),
                Contract::Labels(labels) => Some(labels),
                Contract::Schema(_) | Contract::Text => None,
            },
            model,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files,
        }
    }
}

impl ModelFacts {
    fn of(checkpoint: &Checkpoint) -> anyhow::Result<ModelFacts> {
        let spec = DecoderSpec::from_checkpoint(checkpoint)?;
        let mut formats: Vec<(u64, &'static str)> =
            checkpoint.bytes_by_format().into_iter().map(|(format, size)| (size, format.name())).collect();
        formats.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ModelFacts {
            layers: spec.layers.len(),
            hidden_size: spec.hidden_size,
            vocabulary_size: spec.head.linear.out_features,
            context_length: spec.context_length,
            parameters: checkpoint.parameters(),
            tensor_bytes: checkpoint.tensor_bytes(),
            formats: formats.into_iter().map(|(_, name)| name).collect(),
        })
    }
}

fn table(brick: &Brick, contract: &Contract, facts: &Facts) -> String {
    let card = facts.card;
    let mut rows: Vec<(&str, String)> = vec![
        ("brick", format!("{} ({})", title(brick), card.licence)),
        ("", card.description.clone()),
        ("path", format!("{} ({}): {} files, {}", facts.path, facts.container, facts.files.len(), bytes(facts.bytes))),
    ];
    match (&card.model, &facts.model) {
        (Weights::Own { weights }, Some(model)) => rows.push((
            "model",
            format!(
                "{weights}: {} parameters in {} layers of width {}, vocabulary {}, {} {}",
                count(model.parameters),
                model.layers,
                model.hidden_size,
                grouped(model.vocabulary_size as u64),
                bytes(model.tensor_bytes),
                model.formats.join(", "),
            ),
        )),
        (Weights::Adapter { base, adapter, .. }, _) => rows.push(("model", format!("{adapter}, an adapter on {base}"))),
        (Weights::Own { weights }, None) => rows.push(("model", weights.clone())),
    }
    rows.push(("contract", answers(card, contract)));
    let form = match &card.prompt.form {
        PromptForm::Frame { frame } => format!("\"{}\"", shortened(&frame.escape_debug().to_string(), 100)),
        PromptForm::Chat { system: None, .. } => "the model's chat template".into(),
        PromptForm::Chat { system: Some(system), .. } => {
            format!("the model's chat template, after \"{}\"", shortened(&system.escape_debug().to_string(), 100))
        }
    };
    rows.push(("prompt", format!("{form}, answers of at most {} tokens", grouped(card.prompt.max_tokens as u64))));
    rows.push((
        "confidence",
        match &card.confidence {
            None => "not calibrated".into(),
            Some(confidence) => format!(
                "calibrated at temperature {}: {} off in the mean, on {} examples",
                confidence.temperature,
                percent(confidence.expected_calibration_error),
                grouped(confidence.examples)
            ),
        },
    ));
    if card.quality.is_empty() {
        rows.push(("quality", "nothing is claimed".into()));
    }
    for (index, quality) in card.quality.iter().enumerate() {
        rows.push((if index == 0 { "quality" } else { "" }, claim(quality)));
    }
    for (index, (key, value)) in card.training.iter().enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = format!("{key}: {}", shortened(&value.escape_debug().to_string(), 100));
        rows.push((if index == 0 { "training" } else { "" }, line));
    }
    labelled(&rows)
}

/// What answers are.
fn answers(card: &Card, contract: &Contract) -> String {
    let listed = |what: &str, names: &[String]| {
        let file = card.contract.file().unwrap_or_default();
        let names = shortened(&names.join(", "), 100);
        format!("{what} of {file}: {names}")
    };
    match contract {
        Contract::Tools { names, .. } => listed(&format!("null, or a call of one of {} tools", names.len()), names),
        Contract::Labels(labels) => listed(&format!("one of {} labels", labels.len()), labels),
        Contract::Schema(_) => format!("JSON that fits {}", card.contract.file().unwrap_or_default()),
        Contract::Text => "any text".into(),
    }
}

/// `held-out: exact match 95.3 % (94.8 to 95.7) of 10,000`.
fn claim(quality: &Quality) -> String {
    let Quality { on, measure, value, low, high, examples, file, .. } = quality;
    let file = if file.is_some() { ", which are in it" } else { "" };
    format!("{on}: {measure} {} ({}) of {}{file}", percent(*value), percents((*low, *high)), grouped(*examples))
}
