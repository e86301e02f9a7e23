//! How a model's makers want it sampled: `generation_config.json`, or a GGUF's `general.sampling.*` keys.

use crate::{Checkpoint, Config, ModelError};

/// The makers' settings; `None` where they say nothing. Meanings as in Hugging Face's `GenerationConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct GenerationDefaults {
    pub temperature: Option<f32>,
    pub top_k: Option<usize>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
    pub repetition_penalty: Option<f32>,
}

impl GenerationDefaults {
    /// Reads them. A folder without `generation_config.json` says nothing; `do_sample: false` means temperature 0.
    ///
    /// # Errors
    /// [`ModelError`] if `generation_config.json` is there but cannot be read.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<GenerationDefaults, ModelError> {
        match &checkpoint.config {
            Config::Gguf(metadata) => {
                let number = |key: &str| metadata.get(&format!("general.sampling.{key}"))?.as_f64();
                Ok(GenerationDefaults::from_numbers(["temp", "top_k", "top_p", "min_p", "penalty_repeat"].map(number)))
            }
            Config::HuggingFace(_) => {
                const FILE: &str = "generation_config.json";
                if !checkpoint.folder.has(FILE) {
                    return Ok(GenerationDefaults::default());
                }
                let bytes = checkpoint.folder.open(FILE)?;
                let value: serde_json::Value =
                    serde_json::from_slice(bytes.as_ref()).map_err(|error| ModelError::Malformed {
                        path: checkpoint.folder.file(FILE),
                        item: FILE.into(),
                        problem: format!(
                            "{error}; fetch the file again, or delete it: it only holds sampling defaults"
                        ),
                    })?;
                let number = |key: &str| value.get(key)?.as_f64();
                let mut found = GenerationDefaults::from_numbers(
                    ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"].map(number),
                );
                if value.get("do_sample").and_then(|v| v.as_bool()) == Some(false) {
                    found.temperature = Some(0.0);
                }
                Ok(found)
            }
        }
    }

    fn from_numbers([temperature, top_k, top_p, min_p, repetition_penalty]: [Option<f64>; 5]) -> GenerationDefaults {
        GenerationDefaults {
            temperature: temperature.map(|v| v as f32),
            // Some configurations switch it off with a negative number; `as` takes those to 0, which is off.
            top_k: top_k.map(|v| v as usize),
            top_p: top_p.map(|v| v as f32),
            min_p: min_p.map(|v| v as f32),
            repetition_penalty: repetition_penalty.map(|v| v as f32),
        }
    }
}
