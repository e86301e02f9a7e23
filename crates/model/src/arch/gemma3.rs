//! Gemma 3 (text): Gemma 2 with norms of query and key in place of the cap on scores, a window in five of six layers, and
//! another rotary base for those.

use super::decoder::{Defaults, KV_HEADS};
use super::gemma;
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::Name;
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, Pairing, Rotary, RotaryScaling};

const GEMMA3: Defaults = Defaults { heads: Some(8), kv_heads: (KV_HEADS, Some(4)), context: 131_072, ..gemma::GEMMA };
/// Layers of the 27B model.
const LARGEST: usize = 62;
const FULL_THETA: (Key, f64) = (Key("rope_theta", "rope.freq_base"), 1e6);
const SLIDING_THETA: (Key, f64) = (Key("rope_local_base_freq", "rope.freq_base_swa"), 10_000.0);

/// `Gemma3ForCausalLM`, the text part of `Gemma3ForConditionalGeneration`, and GGUF's `gemma3`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&GEMMA3)?;
    let rotaries = rotaries(source, sizes.head_dim, sizes.context)?;
    let activation = source.activation("hidden_activation", Activation::GeluTanh)?;
    let scale = gemma::attention_scale(source, &sizes, LARGEST)?;
    let final_softcap = gemma::softcap(source, Key("final_logit_softcapping", "final_logit_softcapping"), None)?;
    let window = source.window(Some(4096))?;
    let slides = slides(source, sizes.layers, window)?;
    let layers = (0..sizes.layers).map(|layer| {
        let norm = |name| source.layer_norm(layer, name, gemma::norm_style(source, &sizes), sizes.head_dim);
        let attention = Attention {
            scale,
            window: window.filter(|_| slides[layer]),
            q_norm: Some(norm(Name("self_attn.q_norm", "attn_q_norm"))?),
            k_norm: Some(norm(Name("self_attn.k_norm", "attn_k_norm"))?),
            ..source.attention(layer, &sizes, Some(usize::from(slides[layer])))?
        };
        let norms = gemma::norms(source, layer, &sizes)?;
        Ok(norms.layer(attention, source.gated(layer, &sizes, activation)?))
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    let mut decoder = gemma::decoder(source, &sizes, rotaries, layers)?;
    decoder.head.softcap = final_softcap;
    Ok(decoder)
}

/// For each layer whether its window slides. To llama.cpp a model without a window has no such layers at all.
fn slides(source: &Source<'_>, layers: usize, window: Option<usize>) -> Result<Vec<bool>, ModelError> {
    if source.is_gguf() {
        return if window.is_some() { source.gguf_window_pattern(layers, 6) } else { Ok(vec![false; layers]) };
    }
    if let Some(slides) = source.layer_types(layers, "sliding_attention", "full_attention")? {
        return Ok(slides);
    }
    let every = source.count_or(Key("sliding_window_pattern", ""), Some(6))?;
    Ok((1..=layers).map(|layer| layer % every != 0).collect())
}

/// Of the layers that see everything, and of those with a window, which are never scaled in a GGUF.
fn rotaries(source: &Source<'_>, head_dim: usize, context: usize) -> Result<Vec<Rotary>, ModelError> {
    if !source.is_gguf() {
        return Ok(source.rotary_by_layer_type(head_dim, context, FULL_THETA, SLIDING_THETA)?.into());
    }
    let full = source.rotary(&RotaryDefaults::new(FULL_THETA.1, Pairing::Half), head_dim, context)?;
    let theta = source.optional_number(SLIDING_THETA.0)?.unwrap_or(SLIDING_THETA.1);
    source.check_theta(SLIDING_THETA.0, theta)?;
    let sliding = Rotary { theta: theta as f32, scaling: RotaryScaling::None, ..full.clone() };
    Ok(vec![full, sliding])
}
