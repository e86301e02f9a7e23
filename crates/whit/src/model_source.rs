//! From the word `MODEL` on the command line to a loaded engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use whit_engine::{Engine, KvFormat, Options, WeightFormat, WeightsSource};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

use crate::failure::bad_input;
use crate::packed_cache::CacheArgs;
use crate::progress::Progress;
use crate::{format, hub, say};

/// What `MODEL` may be; every command's help repeats it.
pub const MODEL_HELP: &str = "A GGUF file, a Hugging Face folder, or hf:OWNER/NAME[@REVISION][:FILE]";

/// How a model is put into memory.
#[derive(Args, Debug)]
#[command(next_help_heading = "Memory and threads")]
pub struct LoadArgs {
    /// Threads to compute with [default: the physical cores this process may use]
    #[arg(short, long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for weights, KV cache, work space and adapters together, such as 2GiB; the context is shortened to fit [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = format::parse_size)]
    pub memory: Option<u64>,
    /// How keys and values are kept: 2, 2, 1 or 4 bytes each [default: f16]
    #[arg(long, value_name = "FORMAT")]
    pub kv: Option<Kv>,
    /// How the matrices of a checkpoint in floats are kept: rounded to about 4, 6 or 8 bits a weight, to bfloat16, or as they are
    /// [default: as-is]
    #[arg(long, value_name = "FORMAT")]
    pub weights: Option<Weights>,
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// The values of `--weights`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum Weights {
    Q4,
    Q6,
    Q8,
    Bf16,
    AsIs,
}

impl From<Weights> for WeightFormat {
    fn from(weights: Weights) -> WeightFormat {
        match weights {
            Weights::Q4 => WeightFormat::Q4,
            Weights::Q6 => WeightFormat::Q6,
            Weights::Q8 => WeightFormat::Q8,
            Weights::Bf16 => WeightFormat::Bf16,
            Weights::AsIs => WeightFormat::AsIs,
        }
    }
}

/// The values of `--kv`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum Kv {
    F16,
    Bf16,
    Q8,
    F32,
}

impl From<Kv> for KvFormat {
    fn from(kv: Kv) -> KvFormat {
        match kv {
            Kv::F16 => KvFormat::F16,
            Kv::Bf16 => KvFormat::BF16,
            Kv::Q8 => KvFormat::Q8,
            Kv::F32 => KvFormat::F32,
        }
    }
}

impl LoadArgs {
    /// The engine's options for one sequence of `context` positions.
    pub fn options(&self, context: Option<usize>) -> Options {
        let usual = Options::default();
        Options {
            threads: self.threads,
            context,
            memory: self.memory,
            kv_format: self.kv.map_or(usual.kv_format, Into::into),
            weights: self.weights.map_or(usual.weights, Into::into),
            packed_copies: self.cache.copies(),
            ..usual
        }
    }
}

/// A model on disk, opened.
pub struct Model {
    /// Tensors and configuration.
    pub checkpoint: Checkpoint,
    /// What they make up.
    pub spec: DecoderSpec,
    /// Its tokenizer.
    pub tokenizer: Arc<Tokenizer>,
}

impl Model {
    /// Finds (downloads, if need be) and opens `name`.
    pub fn open(name: &str) -> anyhow::Result<Model> {
        let checkpoint = Checkpoint::open(&locate(name)?)?;
        let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
        let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
        Ok(Model { checkpoint, spec, tokenizer })
    }

    /// Packs the weights (or finds them packed), with a progress bar, and says if the context had to be shortened.
    pub fn load(&self, options: &Options) -> anyhow::Result<Engine> {
        let mut bar = Progress::bytes("Loading");
        let engine =
            Engine::load(&self.checkpoint, &self.spec, Some(self.tokenizer.clone()), options, &mut |done, total| {
                bar.set(done, total);
            })?;
        drop(bar);
        if let WeightsSource::DamagedCopy { path, problem } = engine.weights_source() {
            say(&format!("the packed copy {} {problem}; the weights were packed again", path.display()));
        }
        let plan = engine.memory_plan();
        if let Some(wanted) = plan.context_wanted {
            let adapters = match plan.adapters {
                0 => String::new(),
                adapters => format!(", {} adapters", format::bytes(adapters)),
            };
            say(&format!(
                "context shortened from {wanted} to {} tokens to fit {} of memory ({} weights, {} KV cache, {} work space{adapters})",
                plan.context,
                options.memory.map_or("free".into(), format::bytes),
                format::bytes(plan.weights),
                format::bytes(plan.kv_cache),
                format::bytes(plan.workspace),
            ));
        }
        Ok(engine)
    }
}

/// Where `name` lies on this machine.
pub fn locate(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(model) = name.strip_prefix("hf:") {
        return Ok(hub::fetch(&model.parse()?, &mut |line| say(&line))?);
    }
    let path = Path::new(name);
    if path.try_exists().unwrap_or(true) {
        return Ok(path.to_owned());
    }
    let hint = match name.parse::<hub::HubModel>() {
        Ok(model) => format!("a model of the Hugging Face hub is written {model}"),
        Err(_) => "give the path of a GGUF file or of a Hugging Face folder, or hf:OWNER/NAME".into(),
    };
    Err(bad_input(format!("{name}: no such file or folder; {hint}")))
}
