//! Phi-3, 3.5 and 4, and Phi-4-mini: Llama with Q, K, V in one matrix, gate and up in another, and LongRoPE.

use super::blocks::INTERMEDIATE;
use super::decoder::{DEFAULTS, Defaults, Sizes};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::{Bias, Name, layer_module};
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, FeedForward, GatedFeedForward, Pairing, Rows};

const PHI3: Defaults = Defaults { epsilon: (DEFAULTS.epsilon.0, 1e-5), context: 4096, ..DEFAULTS };
const ROTARY: RotaryDefaults = RotaryDefaults {
    partial: Some((Key("partial_rotary_factor", ""), 1.0)),
    original_context: Some(4096),
    ..RotaryDefaults::new(10_000.0, Pairing::Half)
};

/// `Phi3ForCausalLM`, and GGUF's `phi3`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&PHI3)?;
    let rotary = source.rotary(&ROTARY, sizes.head_dim, sizes.context)?;
    // llama.cpp reads a GGUF's window and does not apply it; Hugging Face applies the one it was made from.
    let window = source.window(None)?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let attention = Attention { window, ..attention(source, layer, &sizes)? };
        source.pre_norm_layer(layer, &sizes, attention, feed_forward(source, layer, &sizes, activation)?)
    });
    let layers = layers.collect::<Result<_, _>>()?;
    source.decoder(&sizes, vec![rotary], layers, source.final_rms_norm(&sizes)?)
}

fn attention(source: &Source<'_>, layer: usize, sizes: &Sizes) -> Result<Attention, ModelError> {
    let fused = Name("self_attn.qkv_proj", "attn_qkv");
    let out = sizes.qkv_sizes();
    if source.is_gguf() && source.has_in_layer(layer, Name("", "attn_q")) {
        let mut attention = source.attention(layer, sizes, Some(0))?;
        // Apart in this file, one module for adapters.
        let mut start = 0;
        for (part, size) in [&mut attention.q, &mut attention.k, &mut attention.v].into_iter().zip(out) {
            part.module = Some(layer_module(layer, fused, Rows::Range(start..start + size)));
            start += size;
        }
        return Ok(attention);
    }
    let qkv = source.layer_fused(layer, fused, out, sizes.hidden, Bias::IfPresent)?;
    let (o, width) = (Name("self_attn.o_proj", "attn_output"), sizes.heads * sizes.head_dim);
    let o = source.layer_linear(layer, o, sizes.hidden, width, Bias::IfPresent)?;
    Ok(sizes.attention(qkv, o, Some(0)))
}

fn feed_forward(
    source: &Source<'_>,
    layer: usize,
    sizes: &Sizes,
    activation: Activation,
) -> Result<FeedForward, ModelError> {
    let intermediate = source.count(INTERMEDIATE)?;
    let gate_up = Name("mlp.gate_up_proj", "ffn_up");
    let [gate, up] = source.layer_fused(layer, gate_up, [intermediate; 2], sizes.hidden, Bias::IfPresent)?;
    let down = Name("mlp.down_proj", "ffn_down");
    let down = source.layer_linear(layer, down, sizes.hidden, intermediate, Bias::IfPresent)?;
    Ok(FeedForward::Gated(GatedFeedForward { gate, up, down, activation }))
}
