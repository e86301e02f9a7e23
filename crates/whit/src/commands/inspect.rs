//! `whit inspect`: what a model is, without loading it.

use std::io::Write;

use clap::Args;
use whit_model::{Checkpoint, DecoderSpec};

use crate::inspect::{Facts, table};
use crate::model_source::{self, LoadArgs, MODEL_HELP};

#[derive(Args, Debug)]
#[command(after_help = "\
Nothing is loaded: only headers, configuration and tokenizer are read. A GGUF file that holds a vocabulary \
alone can be inspected too.

Examples:
  whit inspect model.gguf
  whit inspect hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF --context 32768
  whit inspect model.gguf --json | jq .memory.total_bytes")]
pub struct InspectArgs {
    #[arg(value_name = "MODEL", help = MODEL_HELP)]
    model: String,
    /// Work out the memory for this many tokens of context [default: what the model was trained for]
    #[arg(short, long, value_name = "N")]
    context: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

/// `whit inspect`.
pub fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let checkpoint = Checkpoint::open(&model_source::locate(&args.model)?)?;
    // A file without a single tensor is a vocabulary: there is no decoder to speak of. Anything else that is wrong is an error.
    let spec = match checkpoint.tensors().next() {
        Some(_) => Some(DecoderSpec::from_checkpoint(&checkpoint)?),
        None => None,
    };
    let facts = Facts::gather(&checkpoint, spec.as_ref(), &args.load.options(args.context))?;
    if args.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &facts)?;
        writeln!(out)?;
    } else {
        let mut out = anstream::stdout().lock();
        write!(out, "{}", table(&facts))?;
    }
    Ok(())
}
