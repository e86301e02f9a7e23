//! What a person may choose about a training.

use std::path::{Path, PathBuf};
use std::time::Duration;

use whit_model::brick::{Card, Contract, FORMAT, Prompt, PromptForm, Weights as Placed};

use crate::training::decoder::scratch::Sizes;
use crate::training::export::Weights;
use crate::{Measure, Share, TuneError, claim};

/// Around an input, if nobody says otherwise.
pub(super) const FRAME: &str = "{input}\n";
/// The files of a brick.
pub(super) const CARD: &str = "brick.toml";
pub(super) const MODEL: &str = "model.gguf";
pub(super) const ADAPTER: &str = "adapter";
/// The split that is held out, as a card calls it; and some of its examples.
pub(super) const HELD_OUT: &str = "held-out";
pub(super) const EXAMPLES: &str = "examples";

/// A decoder that is trained from scratch.
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    /// Width of the residual stream.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads; `None`: of 32 values each.
    pub heads: Option<usize>,
    /// Key and value heads; `None`: as many.
    pub kv_heads: Option<usize>,
    /// Tokens it knows, about.
    pub vocabulary: usize,
    /// Positions; `None`: room for twice the longest example.
    pub context: Option<usize>,
    /// How its weights are written.
    pub weights: Weights,
}

/// A model that exists, and the adapter that is trained for it.
#[derive(Clone, Debug)]
pub struct Base {
    /// As `whit` takes a model.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Width of the adapters' middles.
    pub rank: usize,
    /// What an adapter gives is multiplied by `alpha / rank`.
    pub alpha: f32,
    /// Projections, as Hugging Face names them; all if empty.
    pub targets: Vec<String>,
    /// Positions; `None`: room for the longest example.
    pub context: Option<usize>,
}

/// What is made.
#[derive(Clone, Debug)]
pub enum Making {
    /// A model of the brick's own.
    Scratch(Scratch),
    /// An adapter.
    Adapter(Base),
}

/// What a person may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// The examples.
    pub data: PathBuf,
    /// Examples for validation, if `data` has none.
    pub validation: Option<PathBuf>,
    /// Examples to measure with, if `data` has none.
    pub held_out: Option<PathBuf>,
    /// Further sets to measure with; they become part of the brick.
    pub measure: Vec<PathBuf>,
    /// The brick's folder.
    pub out: PathBuf,
    /// Its name; `None`: the folder's.
    pub name: Option<String>,
    /// Its version.
    pub version: String,
    /// Its licence, as SPDX has it.
    pub licence: String,
    /// One sentence.
    pub description: String,
    /// What is made.
    pub making: Making,
    /// `labels`, `text`, or a file of tools, of labels or of a schema; `None`: what the data says.
    pub contract: Option<String>,
    /// Text around the input, `{input}` in it.
    pub frame: Option<String>,
    /// Passes over the examples.
    pub epochs: Option<u64>,
    /// Tokens of a step.
    pub batch: Option<usize>,
    /// Highest learning rate.
    pub rate: Option<f32>,
    /// What part of each branch's values is dropped.
    pub dropout: f32,
    /// Decides all that is random.
    pub seed: u64,
    /// Steps at most.
    pub max_steps: Option<u64>,
    /// Looks at the validation loss without a lower one, after which it ends.
    pub patience: u32,
    /// Bytes that all of it may take.
    pub memory: Option<u64>,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Go on from the checkpoint.
    pub resume: bool,
    /// For the record: the command as it was given.
    pub command: String,
}

impl Options {
    /// The brick's name.
    pub(super) fn name(&self) -> String {
        let folder = || self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.name.clone().unwrap_or_else(folder)
    }

    /// Refuses what no training can have; of what is for the card, before anything is trained for it.
    pub(super) fn check(&self) -> Result<(), TuneError> {
        let refuse = |problem: String| Err(TuneError::Option(problem));
        // More than these are a slip of the finger, and would take all the memory or all the time there is.
        let context = match &self.making {
            Making::Scratch(scratch) => scratch.context,
            Making::Adapter(base) => base.context,
        };
        let counts = [
            ("--epochs", self.epochs, 10_000),
            ("--max-steps", self.max_steps, u64::MAX),
            ("--batch", self.batch.map(|batch| batch as u64), 1 << 20),
            ("--context", context.map(|context| context as u64), 1 << 17),
            ("--patience", Some(u64::from(self.patience)), u64::MAX),
        ];
        for (name, count, most) in counts {
            match count {
                Some(0) => return refuse(format!("{name} is 0: use 1 or more")),
                Some(count) if count > most => return refuse(format!("{name} is {count}: use {most} at most")),
                _ => {}
            }
        }
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate <= 1.0)
        {
            return refuse(format!("--lr is {rate}: use a number above 0, such as 0.002"));
        }
        if !(0.0..0.9).contains(&self.dropout) {
            return refuse(format!("--dropout is {}: use a number from 0 to 0.9", self.dropout));
        }
        let mut names = vec![HELD_OUT.to_owned(), EXAMPLES.to_owned()];
        for path in &self.measure {
            let name = set_name(path);
            if names.contains(&name.to_lowercase()) {
                return refuse(format!(
                    "{}: a set of the brick is called {name} already: rename the file",
                    path.display()
                ));
            }
            names.push(name.to_lowercase());
        }
        let quality = self.measure.iter().map(|path| {
            let name = set_name(path);
            claim(
                &name,
                Some((&format!("{name}.jsonl"), &"0".repeat(64))),
                &Measure::ExactMatch,
                Share { right: 0, of: 1 },
            )
        });
        let frame = self.frame.clone().unwrap_or_else(|| FRAME.to_owned());
        let draft = Card {
            quality: quality.collect(),
            ..self.card(
                Placed::Own { weights: MODEL.into() },
                Contract::Text,
                Prompt { form: PromptForm::Frame { frame }, max_tokens: 1 },
            )
        };
        Card::parse(&self.out.join(CARD), self.text_of(&draft)?.as_bytes())?;
        Ok(())
    }

    /// The card, as far as it is known before a training.
    pub(super) fn card(&self, model: Placed, contract: Contract, prompt: Prompt) -> Card {
        Card {
            format: FORMAT,
            name: self.name(),
            version: self.version.clone(),
            licence: self.licence.clone(),
            description: self.description.clone(),
            model,
            contract,
            prompt,
            confidence: None,
            quality: Vec::new(),
            training: serde_json::Map::new(),
        }
    }

    /// The content of the card's file.
    pub(super) fn text_of(&self, card: &Card) -> Result<String, TuneError> {
        toml::to_string(card).map_err(|error| TuneError::file(&self.out.join(CARD), error))
    }
}

/// What a set of examples is called.
pub(super) fn set_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses sizes that no decoder here can have.
pub(super) fn check_sizes(sizes: &Sizes) -> Result<(), TuneError> {
    let refuse = |problem: String| Err(TuneError::Option(problem));
    let head_dim = sizes.width / sizes.heads.max(1);
    if sizes.width == 0 || !sizes.width.is_multiple_of(32) || sizes.width > 4096 {
        return refuse(format!("--width is {}: use a multiple of 32, up to 4096", sizes.width));
    }
    if sizes.heads == 0 || !sizes.width.is_multiple_of(sizes.heads) || !head_dim.is_multiple_of(16) {
        return refuse(format!(
            "--heads is {}: heads of a multiple of 16 values must make up the width of {}",
            sizes.heads, sizes.width
        ));
    }
    if sizes.kv_heads == 0 || !sizes.heads.is_multiple_of(sizes.kv_heads) {
        return refuse(format!("--kv-heads is {}: use a divisor of the {} heads", sizes.kv_heads, sizes.heads));
    }
    if sizes.layers == 0 || sizes.layers > 128 {
        return refuse(format!("--layers is {}: use 1 to 128", sizes.layers));
    }
    Ok(())
}
