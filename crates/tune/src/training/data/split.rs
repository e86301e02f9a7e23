//! What an example is for: learning, stopping in time, or measuring.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Example;

/// What an example is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// To learn from.
    Train,
    /// To see when to stop, and to calibrate.
    Validation,
    /// To measure the brick.
    HeldOut,
}

impl Split {
    /// By the names that are usual.
    pub fn parse(name: &str) -> Option<Split> {
        match name {
            "train" | "training" => Some(Split::Train),
            "validation" | "valid" | "val" | "dev" => Some(Split::Validation),
            "held-out" | "heldout" | "held_out" | "test" => Some(Split::HeldOut),
            _ => None,
        }
    }
}

/// Share of the examples that validation has, and that is held out: enough to measure with, and little of a small set.
const SHARE: f64 = 0.1;
/// No more examples than about so many.
const ENOUGH: f64 = 3000.0;

/// The text without what makes two near-duplicates differ: small letters, every number `0`, all else a space.
pub fn normalised(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if c.is_numeric() { '0' } else { c };
        let last = key.chars().next_back();
        match c {
            '0' if last == Some('0') => {}
            c if c.is_alphanumeric() => key.push(c),
            _ if last.is_none_or(|last| last == ' ') => {}
            _ => key.push(' '),
        }
    }
    key.truncate(key.trim_end().len());
    key
}

/// A number that is the same for near-duplicates.
fn place(text: &str) -> u64 {
    let hash = Sha256::digest(format!("split:{}", normalised(text)));
    hash.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// Gives each example its split: `own` where it is said, else by its hash. Those in `learned` are for learning.
pub(super) fn assign(examples: &mut [Example], own: &[Option<Split>], learned: &HashSet<usize>) {
    let has = |split| own.contains(&Some(split));
    let share = SHARE.min(ENOUGH / examples.len().max(1) as f64);
    let below = (share * u64::MAX as f64) as u64;
    // A split that the file or another file has is whole; of the others, each gets its share.
    let (held_out, validation) = (!has(Split::HeldOut), !has(Split::Validation));
    let places: Vec<u64> = examples.iter().map(|example| place(&example.input.text())).collect();
    for (at, example) in examples.iter_mut().enumerate() {
        example.split = match own[at] {
            Some(split) => split,
            None if learned.contains(&at) => Split::Train,
            None if held_out && places[at] < below => Split::HeldOut,
            None if validation && places[at] > u64::MAX - below => Split::Validation,
            None => Split::Train,
        };
    }
    // Of few examples a share may be none.
    for (split, wanted) in [(Split::HeldOut, held_out), (Split::Validation, validation)] {
        if wanted && !examples.iter().any(|example| example.split == split) {
            let free = |at: &usize| own[*at].is_none() && examples[*at].split == Split::Train && !learned.contains(at);
            let Some(next) = (0..examples.len()).filter(free).map(|at| places[at]).min() else { continue };
            for at in 0..examples.len() {
                if places[at] == next && own[at].is_none() {
                    examples[at].split = split;
                }
            }
        }
    }
}
