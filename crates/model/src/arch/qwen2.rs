//! Qwen2 and Qwen2.5: Llama with biases on Q, K and V, and for the largest a window in the later layers.

use super::decoder::{DEFAULTS, Defaults, KV_HEADS, Sizes};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use crate::ModelError;
use crate::spec::{Activation, DecoderSpec, Pairing};

const QWEN2: Defaults = Defaults { kv_heads: (KV_HEADS, Some(32)), context: 32_768, ..DEFAULTS };
/// Of all Qwen models.
pub(super) const ROTARY: RotaryDefaults = RotaryDefaults::new(10_000.0, Pairing::Half);

/// `Qwen2ForCausalLM`, and GGUF's `qwen2`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&QWEN2)?;
    let rotary = source.rotary(&ROTARY, sizes.head_dim, sizes.context)?;
    let windows = windows(source, &sizes)?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let mut attention = source.attention(layer, &sizes, Some(0))?;
        attention.window = windows[layer];
        source.pre_norm_layer(layer, &sizes, attention, source.gated(layer, &sizes, activation)?)
    });
    let layers = layers.collect::<Result<_, _>>()?;
    source.decoder(&sizes, vec![rotary], layers, source.final_rms_norm(&sizes)?)
}

/// Each layer's window.
pub(super) fn windows(source: &Source<'_>, sizes: &Sizes) -> Result<Vec<Option<usize>>, ModelError> {
    if let Some(windows) = source.listed_windows(sizes.layers)? {
        return Ok(windows);
    }
    if source.flag(Key("use_sliding_window", ""))? != Some(true) {
        return Ok(vec![None; sizes.layers]);
    }
    let window = source.window(Some(4096))?;
    let slides = match source.layer_types(sizes.layers, "sliding_attention", "full_attention")? {
        Some(slides) => slides,
        None => {
            let full = source.optional_count(Key("max_window_layers", ""))?.unwrap_or(28);
            (0..sizes.layers).map(|layer| layer >= full).collect()
        }
    };
    Ok(slides.into_iter().map(|slides| window.filter(|_| slides)).collect())
}
