//! Llama 2 and 3, and what is built like them: SmolLM2, TinyLlama; in GGUF also Mistral and Mixtral, which llama.cpp calls
//! `llama`.

use super::blocks::INTERMEDIATE;
use super::decoder::{DEFAULTS, Sizes};
use super::experts::ExpertsPlan;
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::Name;
use crate::ModelError;
use crate::spec::{Activation, DecoderSpec, FeedForward, Pairing};

/// llama.cpp's converter permutes the rows of Q and K so that neighbours rotate together.
pub(super) const ROTARY: RotaryDefaults = RotaryDefaults::new(10_000.0, Pairing::Adjacent);

/// `LlamaForCausalLM`, and GGUF's `llama`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&DEFAULTS)?;
    // Llama has no window. A GGUF with the key was a Mistral; llama.cpp ignores it, and so answers differently beyond it.
    let window = if source.is_gguf() { source.window(None)? } else { None };
    assemble(source, &sizes, &ROTARY, window)
}

/// Layers as Llama's, all with the same `window`.
pub(super) fn assemble(
    source: &Source<'_>,
    sizes: &Sizes,
    rotary: &RotaryDefaults,
    window: Option<usize>,
) -> Result<DecoderSpec, ModelError> {
    let rotary = source.rotary(rotary, sizes.head_dim, sizes.context)?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let mut attention = source.attention(layer, sizes, Some(0))?;
        attention.window = window;
        source.pre_norm_layer(layer, sizes, attention, feed_forward(source, layer, sizes, activation)?)
    });
    let layers = layers.collect::<Result<_, _>>()?;
    source.decoder(sizes, vec![rotary], layers, source.final_rms_norm(sizes)?)
}

fn feed_forward(
    source: &Source<'_>,
    layer: usize,
    sizes: &Sizes,
    activation: Activation,
) -> Result<FeedForward, ModelError> {
    let plan = ExpertsPlan {
        experts: (Key("num_local_experts", "expert_count"), None),
        top_k: (Key("num_experts_per_tok", "expert_used_count"), Some(2)),
        router: Name("block_sparse_moe.gate", "ffn_gate_inp"),
        stem: "block_sparse_moe.experts",
        parts: ["w1", "w3", "w2"],
        intermediate: source.count(INTERMEDIATE)?,
        normalize: true,
        activation,
    };
    match source.expert_counts(sizes, &plan)? {
        Some(counts) => source.experts(layer, sizes, &plan, counts),
        None => source.gated(layer, sizes, activation),
    }
}
