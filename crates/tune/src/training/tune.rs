//! From the options to the brick's folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use whit_engine::brick::{Form, Job};
use whit_model::brick::{PromptForm, Weights as Placed};
use whit_model::{ChatTemplate, Checkpoint, DecoderSpec, Tokenizer};

use crate::training::batches::Sequences;
use crate::training::checkpoint::write_whole;
use crate::training::contract::Promise;
use crate::training::data::{DataSet, Input, Source, Split};
use crate::training::decoder::Decoder;
use crate::training::decoder::base::{self, Lora, TARGETS};
use crate::training::decoder::scratch::{self, Sizes};
use crate::training::encoded::Encoded;
use crate::training::export::{self, Weights};
use crate::training::folder::{self, Folder, Measured};
use crate::training::memory::{Estimate, fitting_batch, memory, usual_epochs};
use crate::training::options::{ADAPTER, Base, CARD, FRAME, MODEL, Making, Options, Scratch, check_sizes};
use crate::training::train::{Checkpoints, Progress, Schedule, Trained, Trainer};
use crate::training::vocabulary::Vocabulary;
use crate::training::{gguf, peft};
use crate::{TuneError, base_hash, hex};

/// Where unfinished work lies in the brick's folder; what begins with a point is no part of a brick.
const WORK: &str = ".tune";
/// Looks at the validation loss in a training.
const LOOKS: u64 = 40;
/// Steps whose time says how long all will take.
const TIMED: u64 = 5;

/// What there is to tell while it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something about the data or the options.
    Remark(String),
    /// A step is done.
    Step(Progress),
    /// So many of so many questions are answered.
    Measuring {
        /// The set.
        on: String,
        /// Answered.
        done: u64,
        /// In all.
        of: u64,
    },
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The training.
    pub trained: Trained,
    /// Each set it was measured on.
    pub measured: Vec<Measured>,
    /// How its confidence is calibrated; `None` if its contract has none.
    pub confidence: Option<whit_model::brick::Confidence>,
    /// The folder's bytes.
    pub bytes: u64,
}

/// A training that is ready to begin.
pub struct Tune {
    options: Options,
    data: DataSet,
    promise: Promise,
    model: Model,
    train: Sequences,
    validation: Sequences,
    schedule: Schedule,
    epochs: u64,
    max_tokens: usize,
    fingerprint: String,
}

/// What is trained, and how it is asked.
struct Model {
    decoder: Decoder,
    made: Made,
    context: usize,
    form: PromptForm,
    job: Job,
    /// What distinguishes it from others.
    identity: String,
}

/// What is made, and what writing it takes.
enum Made {
    Scratch { sizes: Sizes, vocabulary: Vocabulary, weights: Weights },
    Adapter { lora: Lora, name: String, hash: String },
}

impl Tune {
    /// Reads the examples and the contract, and makes what is to be trained.
    ///
    /// # Errors
    /// What is wrong with the data, the contract, the base or an option, in a sentence.
    pub fn prepare(options: Options, tell: &mut dyn FnMut(Event)) -> Result<Tune, TuneError> {
        options.check()?;
        let mut sources = vec![Source { path: &options.data, split: None }];
        for (path, split) in [(&options.validation, Split::Validation), (&options.held_out, Split::HeldOut)] {
            sources.extend(path.as_deref().map(|path| Source { path, split: Some(split) }));
        }
        let mut data = DataSet::read(&sources)?;
        let promise = Promise::find(options.contract.as_deref(), &data)?;
        promise.apply(&mut data)?;
        let (model, encoded) = match &options.making {
            Making::Scratch(scratch) => from_scratch(&options, *scratch, &mut data, &promise)?,
            Making::Adapter(base) => on_base(&options, base, &mut data, &promise)?,
        };
        for remark in data.remarks.drain(..).chain(encoded.remarks) {
            tell(Event::Remark(remark));
        }
        let (train, validation) = (encoded.train, encoded.validation);
        let batch = fitting_batch(&options, &model.decoder, &train, &validation, encoded.longest)?;
        if options.batch.is_some_and(|asked| asked > batch) {
            tell(Event::Remark(format!("a step has {batch} tokens, so that all fits the memory")));
        }
        let is_scratch = matches!(model.made, Made::Scratch { .. });
        let epochs = options.epochs.unwrap_or_else(|| if is_scratch { usual_epochs(train.tokens()) } else { 3 });
        let steps: u64 = (0..epochs).map(|epoch| train.batches(&train.order(options.seed, epoch), batch)).sum();
        let steps = options.max_steps.map_or(steps, |most| most.min(steps)).max(1);
        let schedule = Schedule {
            batch,
            steps,
            rate: options.rate.unwrap_or(if is_scratch { 2e-3 } else { 5e-4 }),
            warm_up: (steps / 20).clamp(1, 500),
            decay: 0.1,
            clip: 1.0,
            dropout: options.dropout,
            seed: options.seed,
            // A look is a forward pass, a third of a step's work: no more than a tenth of the time is for looks.
            look_every: (steps / LOOKS).clamp(10, 500).max((validation.tokens() / batch) as u64 * 10 / 3).min(steps),
            patience: options.patience,
        };
        let fingerprint = fingerprint(&[
            &data.hash,
            &model.identity,
            &format!("{schedule:?} {} {:?}", model.context, options.frame),
            &promise.text,
        ]);
        let max_tokens = encoded.longest_answer + encoded.longest_answer / 4 + 4;
        Ok(Tune { options, data, promise, model, train, validation, schedule, epochs, max_tokens, fingerprint })
    }

    /// What the training will take, after timing a few steps. The decoder is of no use afterwards.
    ///
    /// # Errors
    /// The training library's.
    pub fn estimate(self) -> Result<Estimate, TuneError> {
        let decoder = &self.model.decoder;
        let memory = memory(decoder, self.schedule.batch, &[&self.train, &self.validation]);
        let trainer = Trainer::new(decoder, self.schedule.clone(), &self.train, &self.validation, None);
        let (seconds, tokens) = trainer.time(TIMED)?;
        Ok(Estimate {
            trained: decoder.trained(),
            examples: self.train.len(),
            tokens: self.train.tokens(),
            epochs: self.epochs,
            steps: self.schedule.steps,
            batch: self.schedule.batch,
            tokens_per_second: tokens / seconds,
            seconds: self.seconds(seconds),
            memory,
        })
    }

    /// Seconds of all steps and looks, if a step takes `seconds`.
    fn seconds(&self, seconds: f64) -> f64 {
        let looks = 1 + self.schedule.steps.div_ceil(self.schedule.look_every);
        // A look is a forward pass, a third of a step's work.
        let look = self.validation.tokens() as f64 / self.schedule.batch as f64 * seconds / 3.0;
        self.schedule.steps as f64 * seconds + looks as f64 * look
    }

    /// Trains, writes the model, measures it through the engine, and writes the card. `tell` says whether to stop.
    ///
    /// # Errors
    /// [`TuneError::Stopped`] if `tell` said so; else what went wrong.
    pub fn run(self, tell: &mut dyn FnMut(Event) -> bool) -> Result<Outcome, TuneError> {
        let out = self.options.out.clone();
        let work = out.join(WORK);
        let trained = self.train(&work, tell)?;
        self.model.write(&self.options)?;
        let training = self.record(&trained);
        let Tune { options, data, promise, model, max_tokens, .. } = self;
        let Model { made, context, form, job, .. } = model;
        let model = match made {
            Made::Scratch { .. } => Placed::Own { weights: MODEL.into() },
            Made::Adapter { name, hash, .. } => {
                Placed::Adapter { base: name, base_hash: Some(hash), adapter: ADAPTER.into() }
            }
        };
        let job = job.with_max_tokens(max_tokens);
        let folder = Folder { options: &options, data, promise, form, max_tokens, job, model, context, training };
        let (measured, card) = folder.finish(tell)?;
        fs::remove_dir_all(&work).map_err(|error| TuneError::write(&work, error))?;
        Ok(Outcome { trained, measured, confidence: card.confidence, bytes: folder::bytes(&out) })
    }

    fn train(&self, work: &Path, tell: &mut dyn FnMut(Event) -> bool) -> Result<Trained, TuneError> {
        let path = work.join("checkpoint");
        self.check_folder(&path)?;
        fs::create_dir_all(work).map_err(|error| TuneError::write(work, error))?;
        let checkpoints = Checkpoints {
            path: path.clone(),
            every: self.options.checkpoint_every,
            fingerprint: self.fingerprint.clone(),
        };
        let (decoder, schedule) = (&self.model.decoder, self.schedule.clone());
        let mut trainer = Trainer::new(decoder, schedule, &self.train, &self.validation, Some(checkpoints));
        if self.options.resume {
            trainer.resume(&path)?;
        }
        trainer.run(&mut |progress| tell(Event::Step(*progress)))
    }

    fn check_folder(&self, checkpoint: &Path) -> Result<(), TuneError> {
        let out = &self.options.out;
        let refuse = |problem: &str| Err(TuneError::file(out, problem));
        if out.join(CARD).exists() {
            return refuse("is a brick already: choose another folder, or remove it");
        }
        match (self.options.resume, checkpoint.exists()) {
            (false, true) => refuse("has an unfinished training: go on with --resume, or remove the folder"),
            (true, false) => refuse("has no checkpoint to go on from: leave --resume out"),
            _ => Ok(()),
        }
    }

    /// How it was made, for the card.
    fn record(&self, trained: &Trained) -> Map<String, Value> {
        let round = |value: f64| Value::from((value * 1e4).round() / 1e4);
        let curve = trained.curve.iter().map(|&(step, loss, validation)| json!([step, round(loss), round(validation)]));
        let shape = match &self.model.made {
            Made::Scratch { sizes, .. } => format!(
                "width {}, {} layers, {} heads, {} key heads, feed-forward {}, {} tokens",
                sizes.width, sizes.layers, sizes.heads, sizes.kv_heads, sizes.inner, sizes.vocabulary
            ),
            Made::Adapter { lora, .. } => {
                format!("LoRA of rank {}, alpha {}, on {}", lora.rank, lora.alpha, lora.targets.join(", "))
            }
        };
        let record = [
            ("command", json!(self.options.command)),
            ("seed", json!(self.options.seed)),
            ("data_sha256", json!(self.data.hash)),
            ("examples", json!(self.train.len())),
            ("tokens", json!(self.train.tokens())),
            ("parameters", json!(self.model.decoder.trained())),
            ("shape", json!(shape)),
            ("epochs", json!(self.epochs)),
            ("steps", json!(trained.steps)),
            ("tokens_of_a_step", json!(self.schedule.batch)),
            ("learning_rate", json!((f64::from(self.schedule.rate) * 1e9).round() / 1e9)),
            ("best_step", json!(trained.best.1)),
            ("validation_loss_before", round(trained.before)),
            ("validation_loss", round(trained.best.0)),
            ("seconds", json!(trained.seconds as u64)),
            ("tokens_per_second", json!(trained.tokens_per_second as u64)),
            ("curve_of_step_loss_validation", curve.collect()),
        ];
        record.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Model {
    /// Writes the weights.
    fn write(&self, options: &Options) -> Result<(), TuneError> {
        let out = &options.out;
        match &self.made {
            Made::Scratch { sizes, vocabulary, weights } => {
                let metadata = export::metadata(&options.name(), sizes, vocabulary);
                let (tensors, contents) = export::tensors(&self.decoder, sizes, *weights)?;
                write_whole(&out.join(MODEL), |to| {
                    gguf::write(to, &metadata, &tensors, &mut |at| Ok(contents[at].clone()))
                })
            }
            Made::Adapter { lora, name, .. } => peft::write(&self.decoder, lora, name, &out.join(ADAPTER)),
        }
    }
}

/// A decoder with random values and a vocabulary of its own.
fn from_scratch(
    options: &Options,
    scratch: Scratch,
    data: &mut DataSet,
    promise: &Promise,
) -> Result<(Model, Encoded), TuneError> {
    data.make_texts();
    let learned: Vec<_> = data.of(Split::Train).collect();
    let vocabulary = Vocabulary::learn(&learned, &promise.contract, scratch.vocabulary)?;
    let tokenizer = Tokenizer::from_metadata(&options.out.join(MODEL), &export::tokenizer_metadata(&vocabulary))?;
    let tokenizer = Arc::new(tokenizer);
    let (form, job) = framed(options, promise, &tokenizer)?;
    let encoded = Encoded::of(data, &job, &tokenizer, scratch.context)?;
    let heads = scratch.heads.unwrap_or(scratch.width / 32);
    let sizes = Sizes {
        vocabulary: vocabulary.tokens.len(),
        width: scratch.width,
        layers: scratch.layers,
        heads,
        kv_heads: scratch.kv_heads.unwrap_or(heads),
        inner: (scratch.width * 8 / 3).next_multiple_of(64),
        context: scratch.context.unwrap_or_else(|| (2 * encoded.longest).next_power_of_two().max(128)),
    };
    check_sizes(&sizes)?;
    let model = Model {
        decoder: scratch::decoder(&sizes, options.seed)?,
        context: sizes.context,
        form,
        job,
        identity: format!("{sizes:?} {}", vocabulary.tokens.join("\n")),
        made: Made::Scratch { sizes, vocabulary, weights: scratch.weights },
    };
    Ok((model, encoded))
}

/// A base with adapters that change nothing yet.
fn on_base(
    options: &Options,
    base: &Base,
    data: &mut DataSet,
    promise: &Promise,
) -> Result<(Model, Encoded), TuneError> {
    let lora = lora(base)?;
    let checkpoint = Checkpoint::open(&base.path)?;
    let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
    let (form, job) = match (&options.frame, ChatTemplate::from_checkpoint(&checkpoint)?) {
        (None, Some(template)) => {
            let system = data.with_one_system();
            if data.examples.iter().any(|example| matches!(example.input, Input::Messages(_))) {
                data.remarks.push(
                    "conversations are learned as they are; in use, the brick is given one message and no system's"
                        .into(),
                );
            }
            let job = Job::of(
                promise.contract.clone(),
                promise.contract.constraint(&tokenizer)?,
                Form::Chat(Box::new(template), system.clone()),
                &tokenizer,
            );
            (PromptForm::Chat { chat: true, system }, job)
        }
        _ => {
            data.make_texts();
            framed(options, promise, &tokenizer)?
        }
    };
    let most = base.context.unwrap_or(spec.context_length).min(spec.context_length);
    let encoded = Encoded::of(data, &job, &tokenizer, Some(most))?;
    let context = base.context.unwrap_or(encoded.longest).min(spec.context_length);
    let hash = base_hash(&checkpoint)?;
    let model = Model {
        decoder: base::decoder(&checkpoint, &spec, &lora, context, options.seed)?,
        context,
        form,
        job,
        identity: format!("{lora:?} {hash}"),
        made: Made::Adapter { lora, name: base.name.clone(), hash },
    };
    Ok((model, encoded))
}

/// The job of a model that is asked in a frame. A contract that cannot be enforced is better known before hours of training.
fn framed(options: &Options, promise: &Promise, tokenizer: &Arc<Tokenizer>) -> Result<(PromptForm, Job), TuneError> {
    let frame = options.frame.clone().unwrap_or_else(|| FRAME.to_owned());
    let constraint = promise.contract.constraint(tokenizer)?;
    let job = Job::of(promise.contract.clone(), constraint, Form::frame(&frame, tokenizer)?, tokenizer);
    Ok((PromptForm::Frame { frame }, job))
}

fn lora(base: &Base) -> Result<Lora, TuneError> {
    let known = || TARGETS.iter().map(|(name, _)| *name);
    let targets: Vec<&'static str> = match base.targets.is_empty() {
        true => known().collect(),
        false => known().filter(|name| base.targets.iter().any(|target| target == name)).collect(),
    };
    if let Some(unknown) = base.targets.iter().find(|target| !known().any(|name| name == target.as_str())) {
        let known: Vec<&str> = known().collect();
        return Err(TuneError::Option(format!("--targets has {unknown}: use some of {}", known.join(", "))));
    }
    if base.rank == 0 || base.rank > 1024 || !(base.alpha > 0.0 && base.alpha.is_finite()) {
        return Err(TuneError::Option("--rank is from 1 to 1024, and --alpha is above 0".into()));
    }
    Ok(Lora { rank: base.rank, alpha: base.alpha, targets })
}

fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
