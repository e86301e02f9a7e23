//! SmolLM3: Llama, but some layers (every fourth) do not rotate.

use super::decoder::{DEFAULTS, Defaults, KV_HEADS};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use crate::ModelError;
use crate::spec::{Activation, DecoderSpec, Pairing};

const SMOLLM3: Defaults = Defaults { kv_heads: (KV_HEADS, Some(4)), context: 32_768, tied: true, ..DEFAULTS };

/// `SmolLM3ForCausalLM`, and GGUF's `smollm3`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&SMOLLM3)?;
    let rotary = source.rotary(&RotaryDefaults::new(2e6, Pairing::Adjacent), sizes.head_dim, sizes.context)?;
    let rotates = rotating_layers(source, sizes.layers)?;
    let windows = windows(source, &rotates)?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let mut attention = source.attention(layer, &sizes, rotates[layer].then_some(0))?;
        attention.window = windows[layer];
        source.pre_norm_layer(layer, &sizes, attention, source.gated(layer, &sizes, activation)?)
    });
    let layers = layers.collect::<Result<_, _>>()?;
    source.decoder(&sizes, vec![rotary], layers, source.final_rms_norm(&sizes)?)
}

/// For each layer whether it rotates. llama.cpp knows only every fourth without; its key for other architectures' patterns
/// is honoured here.
fn rotating_layers(source: &Source<'_>, layers: usize) -> Result<Vec<bool>, ModelError> {
    if let Some(rotates) = source.counts(Key("no_rope_layers", "attention.rope_pattern"), layers)? {
        return Ok(rotates.into_iter().map(|rotates| rotates != 0).collect());
    }
    let every = source.count_or(Key("no_rope_layer_interval", ""), Some(4))?;
    Ok((1..=layers).map(|layer| layer % every != 0).collect())
}

/// Each layer's window: of those that do not rotate, if there is one at all.
fn windows(source: &Source<'_>, rotates: &[bool]) -> Result<Vec<Option<usize>>, ModelError> {
    let layers = rotates.len();
    if let Some(windows) = source.listed_windows(layers)? {
        return Ok(windows);
    }
    if source.flag(Key("use_sliding_window", ""))? != Some(true) {
        return Ok(vec![None; layers]);
    }
    let window = source.window(None)?;
    let listed = source.layer_types(layers, "sliding_attention", "full_attention")?;
    let slides = listed.unwrap_or_else(|| rotates.iter().map(|rotates| !rotates).collect());
    Ok(slides.into_iter().map(|slides| window.filter(|_| slides)).collect())
}
