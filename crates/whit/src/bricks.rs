//! From the word `BRICK` on the command line to a brick, and to its model.

use std::path::Path;
use std::sync::Arc;

use whit_engine::Options;
use whit_engine::brick::Job;
use whit_model::brick::Weights;
use whit_model::{Brick, DecoderSpec, Tokenizer};

use crate::failure::bad_input;
use crate::model_source::{LoadArgs, Model};

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

/// A brick's model, opened, and what it is to do.
pub fn prepare(brick: &Brick) -> anyhow::Result<(Model, Job)> {
    if let Weights::Adapter { base, .. } = &brick.card().model {
        return Err(bad_input(format!(
            "{}: is an adapter on {base}, and this whit runs bricks with weights of their own only",
            brick.path().display()
        )));
    }
    let checkpoint = brick.checkpoint()?;
    let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
    let job = Job::new(brick, &checkpoint, &tokenizer)?;
    Ok((Model { checkpoint, spec, tokenizer }, job))
}

/// How a brick is loaded, for one sequence of `context` positions. Nothing is kept packed: it is small, and soon packed again.
pub fn options(load: &LoadArgs, context: usize) -> Options {
    Options { packed_copies: None, ..load.options(Some(context)) }
}

/// Positions that a prompt of so many tokens takes with its answer, as far as the model has them.
pub fn context(brick: &Brick, model: &Model, prompt: usize) -> usize {
    prompt.saturating_add(brick.card().prompt.max_tokens).min(model.spec.context_length)
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
