//! Architectures: one file each, from a checkpoint's configuration to a [`DecoderSpec`].
//!
//! An architecture's file states hyper-parameters and tensors by two names side by side: Hugging Face's and llama.cpp's.
//! Semantics are those of transformers 5 for the former (defaults of the configuration class included) and of llama.cpp
//! for the latter. A new architecture is a file and a line of [`ARCHITECTURES`].

mod blocks;
mod decoder;
mod experts;
mod rope;
mod rope_gguf;
mod source;
mod tensors;

mod gemma;
mod gemma2;
mod gemma3;
mod gpt_neox;
mod granite;
mod lfm2;
mod llama;
mod mistral;
mod olmo2;
mod phi2;
mod phi3;
mod qwen2;
mod qwen3;
mod smollm3;

use source::Source;

use crate::error::shorten;
use crate::{Checkpoint, Config, DecoderSpec, ModelError};

/// A family of models that whit can run.
struct Architecture {
    /// Hugging Face's class (`architectures`) and `model_type` in `config.json`.
    hugging_face: &'static [&'static str],
    /// llama.cpp's `general.architecture`.
    gguf: &'static str,
    build: fn(&mut Source<'_>) -> Result<DecoderSpec, ModelError>,
}

const fn row(
    hugging_face: &'static [&'static str],
    gguf: &'static str,
    build: fn(&mut Source<'_>) -> Result<DecoderSpec, ModelError>,
) -> Architecture {
    Architecture { hugging_face, gguf, build }
}

static ARCHITECTURES: &[Architecture] = &[
    row(&["LlamaForCausalLM", "llama"], "llama", llama::build),
    row(&["MistralForCausalLM", "mistral"], "", mistral::build),
    row(&["MixtralForCausalLM", "mixtral"], "", mistral::build_mixtral),
    row(&["SmolLM3ForCausalLM", "smollm3"], "smollm3", smollm3::build),
    row(&["Qwen2ForCausalLM", "qwen2"], "qwen2", qwen2::build),
    row(&["Qwen3ForCausalLM", "qwen3"], "qwen3", qwen3::build),
    row(&["Qwen3MoeForCausalLM", "qwen3_moe"], "qwen3moe", qwen3::build_moe),
    row(&["PhiForCausalLM", "phi"], "phi2", phi2::build),
    row(&["Phi3ForCausalLM", "phi3"], "phi3", phi3::build),
    row(&["GemmaForCausalLM", "gemma"], "gemma", gemma::build),
    row(&["Gemma2ForCausalLM", "gemma2"], "gemma2", gemma2::build),
    row(&["Gemma3ForCausalLM", "gemma3_text", "Gemma3ForConditionalGeneration", "gemma3"], "gemma3", gemma3::build),
    row(&["Olmo2ForCausalLM", "olmo2"], "olmo2", olmo2::build),
    row(&["GraniteForCausalLM", "granite"], "granite", granite::build),
    row(&["GPTNeoXForCausalLM", "gpt_neox"], "gptneox", gpt_neox::build),
    row(&["Lfm2ForCausalLM", "lfm2"], "lfm2", lfm2::build),
];

impl DecoderSpec {
    /// Reads the configuration of `checkpoint` and names its tensors.
    ///
    /// # Errors
    /// [`ModelError`] if the architecture is unknown, a key is missing or out of range, or a tensor is missing or of another shape.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<DecoderSpec, ModelError> {
        let (architecture, name) = match &checkpoint.config {
            Config::Gguf(metadata) => of_gguf(checkpoint, metadata)?,
            Config::HuggingFace(config) => of_hugging_face(checkpoint, config)?,
        };
        (architecture.build)(&mut Source::new(checkpoint, name))
    }
}

fn of_gguf(
    checkpoint: &Checkpoint,
    metadata: &crate::gguf::Metadata,
) -> Result<(&'static Architecture, String), ModelError> {
    const KEY: &str = "key general.architecture";
    let Some(name) = metadata.get("general.architecture").and_then(|value| value.as_str()) else {
        return Err(ModelError::missing(
            &checkpoint.path,
            KEY,
            "the file does not say what model it is; download it again",
        ));
    };
    match ARCHITECTURES.iter().find(|architecture| architecture.gguf == name && !name.is_empty()) {
        Some(architecture) => Ok((architecture, name.to_owned())),
        None => {
            let known = ARCHITECTURES.iter().map(|architecture| architecture.gguf).filter(|name| !name.is_empty());
            Err(ModelError::unsupported(&checkpoint.path, KEY, unknown(name, known)))
        }
    }
}

/// By class name; else by `model_type`, of the whole or of its text part.
fn of_hugging_face(
    checkpoint: &Checkpoint,
    config: &serde_json::Map<String, serde_json::Value>,
) -> Result<(&'static Architecture, String), ModelError> {
    let classes = config.get("architectures").and_then(|value| value.as_array()).into_iter().flatten();
    let model_type = config.get("model_type");
    let text_type = config.get("text_config").and_then(|text| text.get("model_type"));
    let names = classes.chain(model_type).chain(text_type).filter_map(|value| value.as_str());
    let names: Vec<&str> = names.collect();
    let found = names
        .iter()
        .find_map(|name| ARCHITECTURES.iter().find(|architecture| architecture.hugging_face.contains(name)));
    let file = checkpoint.path.join("config.json");
    match (found, names.first()) {
        (Some(architecture), _) => {
            let name = text_type.or(model_type).and_then(|value| value.as_str());
            let name = name.or_else(|| architecture.hugging_face.get(1).copied()).unwrap_or_default();
            Ok((architecture, name.to_owned()))
        }
        (None, Some(name)) => {
            let known = ARCHITECTURES.iter().filter_map(|architecture| architecture.hugging_face.first().copied());
            Err(ModelError::unsupported(&file, "key architectures", unknown(name, known)))
        }
        (None, None) => {
            let mend = "neither it nor model_type says what model this is; download config.json again";
            Err(ModelError::missing(&file, "key architectures", mend))
        }
    }
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    let known = known.collect::<Vec<_>>().join(", ");
    format!("the architecture \"{}\" is not one whit runs: {known}", shorten(name))
}
