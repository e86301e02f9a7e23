//! From the word `BRICK` on the command line to a brick, and to its model.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use whit_engine::brick::Job;
use whit_engine::{Engine, Options, adapter_bytes};
use whit_model::brick::Weights;
use whit_model::{Adapter, Brick, Checkpoint, DecoderSpec, Tokenizer};

use crate::failure::bad_input;
use crate::model_source::{LoadArgs, Model, locate};

/// What `BRICK` may be; every command's help repeats it.
pub const BRICK_HELP: &str = "A brick's folder, a .brick file, or the name of a brick that is in this program";

/// The brick that answers where no model is named.
pub const USUAL: &str = "assistant";

/// The bricks that are in the program, by their names: each is the content of its `.brick` file. `build.rs` found them.
static BUILT_IN: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/bricks.rs"));

/// The names of those that are in the program.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Opens the brick `name`: one in the program if there is one of that name, else one on disk.
pub fn open(name: &str) -> anyhow::Result<Brick> {
    if let Some((_, bytes)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(Brick::of_program(name, bytes)?);
    }
    let path = Path::new(name);
    if path.try_exists().unwrap_or(true) {
        return Ok(Brick::open(path)?);
    }
    let names: Vec<&str> = built_in().collect();
    let known = if names.is_empty() { "there are none".into() } else { format!("there are {}", names.join(", ")) };
    Err(bad_input(format!(
        "{name}: no brick of this name is in this program ({known}), and there is no such file; give a brick's folder or .brick file"
    )))
}

/// Whether its weights are those of a base that it adapts: they may be large, and packed copies of them worth their while. Weights
/// of its own are packed again in a moment.
pub fn has_base(brick: &Brick) -> bool {
    matches!(brick.card().model, Weights::Adapter { .. })
}

/// A brick's model, opened, and what it is to do.
pub struct Ready {
    pub model: Model,
    pub job: Job,
    /// If it is one.
    adapter: Option<Adapter>,
    has_base: bool,
    max_tokens: usize,
}

/// Opens a brick's model.
pub fn prepare(brick: &Brick) -> anyhow::Result<Ready> {
    let adapter = brick.adapter()?;
    let checkpoint = checkpoint(brick)?;
    let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
    let job = Job::new(brick, &checkpoint, &tokenizer)?;
    Ok(Ready {
        model: Model { checkpoint, spec, tokenizer },
        job,
        adapter,
        has_base: has_base(brick),
        max_tokens: brick.card().prompt.max_tokens,
    })
}

impl Ready {
    /// Loads it, with room for `sequences` prompts of so many tokens and their answers.
    pub fn load(&mut self, load: &LoadArgs, prompt: usize, sequences: usize) -> anyhow::Result<Engine> {
        let context = prompt.saturating_add(self.max_tokens).min(self.model.spec.context_length);
        let usual = load.options(Some(context));
        let adapter = self.adapter.as_ref();
        let mut engine = self.model.load(&Options {
            sequences,
            adapters: adapter.map_or(0, |adapter| adapter_bytes(adapter, load.threads)),
            packed_copies: usual.packed_copies.clone().filter(|_| self.has_base),
            ..usual
        })?;
        if let Some(adapter) = adapter {
            self.job.adapt(engine.add_adapter("adapter", adapter)?);
        }
        Ok(engine)
    }
}

/// The weights that a brick runs on: its own, or those that it adapts. If its card knows these by their hash, they are read
/// through.
pub fn checkpoint(brick: &Brick) -> anyhow::Result<Checkpoint> {
    let Weights::Adapter { base, base_hash, .. } = &brick.card().model else { return Ok(brick.checkpoint()?) };
    let of = || format!("{}: is an adapter on {base}", brick.path().display());
    let place = match base.starts_with("hf:") {
        true => base.clone(),
        // Beside the brick's own files, or beside its one file.
        false => {
            let folder = if brick.is_archive() { brick.path().parent() } else { Some(brick.path()) };
            folder.unwrap_or(Path::new("")).join(base).to_string_lossy().into_owned()
        }
    };
    let checkpoint = locate(&place).and_then(|path| Ok(Checkpoint::open(&path)?)).with_context(of)?;
    if let Some(wanted) = base_hash {
        let found = whit_tune::base_hash(&checkpoint)?;
        if found != *wanted {
            let problem = format!("but that is another one (its hash is {found}, of the right one {wanted})");
            return Err(bad_input(format!("{}, {problem}; get the base that it was made on", of())));
        }
    }
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bricks_in_the_program_are_what_they_are_called_and_are_small_together() {
        let mut bytes = 0;
        for (name, content) in BUILT_IN {
            assert_eq!(open(name).unwrap().card().name, *name);
            bytes += content.len();
        }
        assert!(bytes <= 12_000_000, "{bytes} bytes");
        assert!(cfg!(feature = "bricks") || BUILT_IN.is_empty());
    }
}
