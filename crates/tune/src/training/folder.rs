//! The brick's folder: its model, its contract, sets of examples, and the card with what the engine found it to get right.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use whit_engine::brick::Job;
use whit_engine::{AdapterId, Engine, Options as EngineOptions, adapter_bytes};
use whit_model::brick::{Brick, Card, Prompt, PromptForm, Quality, Weights};
use whit_model::{Adapter, Checkpoint, DecoderSpec, Tokenizer};

use crate::training::checkpoint::write_whole;
use crate::training::contract::Promise;
use crate::training::data::{DataSet, Example, Input, Split, said};
use crate::training::encoded::{LOOKED_AT, prompt};
use crate::training::options::{CARD, EXAMPLES, HELD_OUT, MODEL, Making, Options, set_name};
use crate::training::tune::Event;
use crate::{Answered, Measure, Share, TuneError, answer_all, calibrate, calibration_error, claim, hex, shares};

/// Held-out examples that a brick comes with, to say what belongs to it.
const SHOWN_EXAMPLES: usize = 200;
/// Sequences of full length that the engine has room for.
const SEQUENCES: usize = 16;
/// Failures that are kept to be shown.
const SHOWN_FAILURES: usize = 20;

/// What was found on one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The set.
    pub on: String,
    /// What is right, in each measure.
    pub shares: Vec<(Measure, Share)>,
    /// Of the stated confidence; `None` if the contract has none.
    pub calibration_error: Option<f64>,
    /// Some of what went wrong.
    pub failures: Vec<Failure>,
}

impl Measured {
    /// Whole answers.
    pub fn exact(&self) -> Share {
        let exact = self.shares.iter().find(|(measure, _)| *measure == Measure::ExactMatch);
        exact.map(|(_, share)| *share).unwrap_or_default()
    }
}

/// An answer that was not right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was asked.
    pub input: String,
    /// What would have been right.
    pub expected: String,
    /// What came; nothing if it did not come to its end.
    pub answer: String,
}

/// A brick whose model is trained.
pub struct Folder<'o> {
    /// Where, and what its card is to say.
    pub options: &'o Options,
    /// The examples; none of those to learn from is looked at.
    pub data: DataSet,
    /// What answers must be.
    pub promise: Promise,
    /// As the card has it.
    pub form: PromptForm,
    /// Longest answer.
    pub max_tokens: usize,
    /// Makes prompts and requests.
    pub job: Job,
    /// Where its weights are.
    pub model: Weights,
    /// Positions that a prompt may take.
    pub context: usize,
    /// How it was made.
    pub training: Map<String, Value>,
}

/// A file of the brick, with the first examples of a set, or all of them.
struct SetFile {
    name: String,
    sha256: String,
    examples: usize,
}

impl SetFile {
    fn named(&self) -> (&str, &str) {
        (&self.name, &self.sha256)
    }
}

/// What is measured on.
struct Source {
    on: String,
    examples: Vec<Example>,
    /// None if they are conversations.
    file: Option<SetFile>,
}

/// A set with its prompts.
struct Set {
    examples: Vec<crate::Example>,
    prompts: Vec<Vec<u32>>,
}

impl Folder<'_> {
    /// Measures the model that is there, and writes the rest of the folder. Gives back what was found.
    ///
    /// # Errors
    /// The engine's, and those of files.
    pub fn finish(mut self, tell: &mut dyn FnMut(Event) -> bool) -> Result<(Vec<Measured>, Card), TuneError> {
        let mut tell = |on: &str, done: usize, of: usize| {
            tell(Event::Measuring { on: on.to_owned(), done: done as u64, of: of as u64 });
        };
        let (mut engine, adapter) = self.engine()?;
        if let Some(adapter) = adapter {
            self.job.adapt(adapter);
        }
        let set = self.set(self.data.of(Split::Validation).take(LOOKED_AT))?;
        let of = set.prompts.len();
        let mut hear = |done| tell("validation", done, of);
        let confidence = calibrate(&mut engine, &self.job, &set.prompts, &set.examples, &mut hear)?;
        if let Some(confidence) = confidence {
            self.job = self.job.at_temperature(confidence.temperature);
        }
        let (mut found, mut quality) = (Vec::new(), Vec::new());
        for Source { on, examples, file } in self.sets()? {
            let set = self.set(examples.iter())?;
            let of = set.prompts.len();
            let answers = answer_all(&mut engine, &self.job, &set.prompts, &mut |done| tell(&on, done, of))?;
            let measured = self.measured(&on, &set, &answers);
            match &file {
                // Only some of it is in the brick: what these come to is a claim of its own.
                Some(file) if file.examples < examples.len() => {
                    quality.extend(measured.shares.iter().map(|(measure, share)| claim(&on, None, measure, *share)));
                    let share =
                        Share::of(&Measure::ExactMatch, &answers[..file.examples], &set.examples[..file.examples]);
                    quality.push(claim(EXAMPLES, Some(file.named()), &Measure::ExactMatch, share));
                }
                file => {
                    let file = file.as_ref().map(SetFile::named);
                    quality.extend(measured.shares.iter().map(|(measure, share)| claim(&on, file, measure, *share)));
                }
            }
            found.push(measured);
        }
        let card = self.write_card(confidence, quality)?;
        Ok((found, card))
    }

    fn engine(&self) -> Result<(Engine, Option<AdapterId>), TuneError> {
        let (path, adapter) = match (&self.model, &self.options.making) {
            (Weights::Adapter { adapter, .. }, Making::Adapter(base)) => {
                (base.path.clone(), Some(Adapter::open(&self.options.out.join(adapter))?))
            }
            _ => (self.options.out.join(MODEL), None),
        };
        let checkpoint = Checkpoint::open(&path)?;
        let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
        let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
        let options = EngineOptions {
            context: Some((self.context + self.max_tokens).min(spec.context_length)),
            sequences: SEQUENCES,
            memory: self.options.memory,
            adapters: adapter.as_ref().map_or(0, |adapter| adapter_bytes(adapter, None)),
            ..EngineOptions::default()
        };
        let mut engine = Engine::load(&checkpoint, &spec, Some(tokenizer), &options, &mut |_, _| {})?;
        let adapter = adapter.map(|adapter| engine.add_adapter("brick", &adapter)).transpose()?;
        Ok((engine, adapter))
    }

    /// The held-out examples, and each further set. What a brick can have of them is written.
    fn sets(&self) -> Result<Vec<Source>, TuneError> {
        let held_out: Vec<Example> = self.data.of(Split::HeldOut).cloned().collect();
        let shown = held_out.len().min(SHOWN_EXAMPLES);
        let file = self.write_set(EXAMPLES, &held_out[..shown])?;
        let mut all = vec![Source { on: HELD_OUT.to_owned(), examples: held_out, file }];
        for path in &self.options.measure {
            let mut set = DataSet::read_whole(path)?;
            if matches!(self.form, PromptForm::Frame { .. }) {
                set.make_texts();
            }
            self.promise.apply(&mut set)?;
            let on = set_name(path);
            let file = self.write_set(&on, &set.examples)?;
            all.push(Source { on, examples: set.examples, file });
        }
        Ok(all)
    }

    fn set<'e>(&self, examples: impl Iterator<Item = &'e Example>) -> Result<Set, TuneError> {
        let mut set = Set { examples: Vec::new(), prompts: Vec::new() };
        for example in examples {
            set.prompts.push(prompt(&self.job, &example.input)?);
            set.examples.push(crate::Example { input: example.input.text(), output: example.output.clone() });
        }
        Ok(set)
    }

    fn measured(&self, on: &str, set: &Set, answers: &[Answered]) -> Measured {
        let judged = || {
            let both = answers.iter().zip(&set.examples);
            both.map(|(answer, example)| (answer, example, Measure::ExactMatch.judge(answer, example) == Some(true)))
        };
        let failures = judged().filter(|(_, _, is_right)| !is_right).take(SHOWN_FAILURES);
        let failures = failures.map(|(answer, example, _)| Failure {
            input: example.input.clone(),
            expected: said(&example.output),
            answer: answer.output.as_ref().map(said).unwrap_or_default(),
        });
        Measured {
            on: on.to_owned(),
            shares: shares(self.job.contract(), &set.examples, answers),
            calibration_error: calibration_error(
                judged().filter_map(|(answer, _, is_right)| Some((answer.confidence?, is_right))),
            ),
            failures: failures.collect(),
        }
    }

    /// Writes examples as a set of the brick, if all of them are texts; a set has no conversations.
    fn write_set(&self, name: &str, examples: &[Example]) -> Result<Option<SetFile>, TuneError> {
        let mut lines = String::new();
        for example in examples {
            let Input::Text(input) = &example.input else { return Ok(None) };
            lines.push_str(&json!({ "input": input, "output": example.output }).to_string());
            lines.push('\n');
        }
        let name = format!("{name}.jsonl");
        write_whole(&self.options.out.join(&name), |to| to.write_all(lines.as_bytes()))?;
        Ok(Some(SetFile { name, sha256: hex(&Sha256::digest(&lines)), examples: examples.len() }))
    }

    /// The card is written last: a folder with one is whole.
    fn write_card(
        self,
        confidence: Option<whit_model::brick::Confidence>,
        quality: Vec<Quality>,
    ) -> Result<Card, TuneError> {
        let out = &self.options.out;
        let contract = self.promise.declared;
        if let Some(file) = contract.file() {
            write_whole(&out.join(file), |to| to.write_all(self.promise.text.as_bytes()))?;
        }
        let prompt = Prompt { form: self.form, max_tokens: self.max_tokens };
        let card = self.options.card(self.model, contract, prompt);
        let card = Card { confidence, quality, training: self.training, ..card };
        let text = self.options.text_of(&card)?;
        write_whole(&out.join(CARD), |to| to.write_all(text.as_bytes()))?;
        // It is read as whoever gets it will read it.
        Brick::open(out)?;
        Ok(card)
    }
}

/// Bytes of a folder's files.
pub fn bytes(folder: &Path) -> u64 {
    let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
    let (mut open, mut sum) = (vec![folder.to_owned()], 0);
    while let Some(folder) = open.pop() {
        for entry in entries(folder) {
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(entry.path()),
                Ok(about) => sum += about.len(),
                Err(_) => {}
            }
        }
    }
    sum
}
