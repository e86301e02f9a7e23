//! Gemma 2: Gemma with norms after each half too, a window in every second layer, and caps on scores and logits.

use super::decoder::{Defaults, KV_HEADS};
use super::gemma;
use super::source::{Key, Source};
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec};

const GEMMA2: Defaults = Defaults { heads: Some(8), kv_heads: (KV_HEADS, Some(4)), ..gemma::GEMMA };
/// Layers of the 27B model.
const LARGEST: usize = 46;

/// `Gemma2ForCausalLM`, and GGUF's `gemma2`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&GEMMA2)?;
    let rotary = source.rotary(&gemma::ROTARY, sizes.head_dim, sizes.context)?;
    let activation = source.activation("hidden_activation", Activation::GeluTanh)?;
    let scale = gemma::attention_scale(source, &sizes, LARGEST)?;
    let softcap = gemma::softcap(source, Key("attn_logit_softcapping", "attn_logit_softcapping"), Some(50.0))?;
    let final_softcap = gemma::softcap(source, Key("final_logit_softcapping", "final_logit_softcapping"), Some(30.0))?;
    // The first GGUFs lack the key.
    let window = source.window(Some(4096))?.or(source.is_gguf().then_some(4096));
    let slides = match source.layer_types(sizes.layers, "sliding_attention", "full_attention")? {
        Some(slides) => slides,
        None => source.gguf_window_pattern(sizes.layers, 2)?,
    };
    let layers = (0..sizes.layers).map(|layer| {
        let norms = gemma::norms(source, layer, &sizes)?;
        let attention = Attention {
            scale,
            softcap,
            window: window.filter(|_| slides[layer]),
            ..source.attention(layer, &sizes, Some(0))?
        };
        Ok(norms.layer(attention, source.gated(layer, &sizes, activation)?))
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    let mut decoder = gemma::decoder(source, &sizes, vec![rotary], layers)?;
    decoder.head.softcap = final_softcap;
    Ok(decoder)
}
