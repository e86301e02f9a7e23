//! Granite 3: Llama with four multipliers: of the embedding, the scores, the residual branches and the logits.

use super::decoder::DEFAULTS;
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, Layer, Pairing};

/// `GraniteForCausalLM`, and GGUF's `granite`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&DEFAULTS)?;
    let rotary = source.rotary(&RotaryDefaults::new(10_000.0, Pairing::Adjacent), sizes.head_dim, sizes.context)?;
    // llama.cpp's Granite takes this key, of all, for whether positions are rotated.
    let rotates = source.flag(Key("", "rope.scaling.finetuned"))?.unwrap_or(true);
    let usual = if source.is_gguf() { (sizes.head_dim as f64).sqrt().recip() } else { 1.0 };
    let scale = multiplier(source, Key("attention_multiplier", "attention.scale"), usual)?;
    let residual_scale = multiplier(source, Key("residual_multiplier", "residual_scale"), 1.0)?;
    let embedding_scale = multiplier(source, Key("embedding_multiplier", "embedding_scale"), 1.0)?;
    let logits = Key("logits_scaling", "logit_scale");
    let logits_scaling = source.positive(logits, (!source.is_gguf()).then_some(1.0))?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let attention = Attention { scale, ..source.attention(layer, &sizes, rotates.then_some(0))? };
        let feed_forward = source.gated(layer, &sizes, activation)?;
        Ok(Layer { residual_scale, ..source.pre_norm_layer(layer, &sizes, attention, feed_forward)? })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    let mut decoder = source.decoder(&sizes, vec![rotary], layers, source.final_rms_norm(&sizes)?)?;
    decoder.embedding.scale = embedding_scale;
    decoder.head.scale = 1.0 / logits_scaling;
    Ok(decoder)
}

/// A multiplier; zero is llama.cpp's way to write that there is none.
fn multiplier(source: &Source<'_>, key: Key, default: f64) -> Result<f32, ModelError> {
    let number = source.optional_number(key)?.filter(|&number| number != 0.0 || !source.is_gguf());
    Ok(number.unwrap_or(default) as f32)
}
