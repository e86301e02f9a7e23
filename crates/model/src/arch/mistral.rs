//! Mistral and Mixtral from Hugging Face: Llama with a sliding window. Their GGUFs are `llama`.

use super::decoder::{DEFAULTS, Defaults, KV_HEADS};
use super::llama;
use super::rope::RotaryDefaults;
use super::source::Source;
use crate::ModelError;
use crate::spec::{DecoderSpec, Pairing};

const MISTRAL: Defaults = Defaults { kv_heads: (KV_HEADS, Some(8)), context: 131_072, ..DEFAULTS };

/// `MistralForCausalLM`
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&MISTRAL)?;
    let window = source.window(Some(4096))?;
    llama::assemble(source, &sizes, &llama::ROTARY, window)
}

/// `MixtralForCausalLM`
pub(super) fn build_mixtral(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&Defaults { epsilon: (DEFAULTS.epsilon.0, 1e-5), ..MISTRAL })?;
    let window = source.window(None)?;
    llama::assemble(source, &sizes, &RotaryDefaults::new(1e6, Pairing::Half), window)
}
