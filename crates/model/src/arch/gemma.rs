//! Gemma 1: Llama with a scaled embedding, norms that add one to their weight, GELU, and a tied head. And what all Gemmas
//! share.

use super::blocks::INPUT_NORM;
use super::decoder::{DEFAULTS, Defaults, HEAD_DIM, KV_HEADS, Sizes};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::{Name, NormStyle};
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, FeedForward, Layer, Mixer, Norm, Pairing, Rotary};

/// Gemma 2 and 3 leave the heads' sizes to their class's defaults in multimodal configurations.
pub(super) const GEMMA: Defaults =
    Defaults { head_dim: (HEAD_DIM, Some(256)), context: 8192, tied: true, kv_heads: (KV_HEADS, Some(16)), ..DEFAULTS };
pub(super) const ROTARY: RotaryDefaults = RotaryDefaults::new(10_000.0, Pairing::Half);

/// `GemmaForCausalLM`, and GGUF's `gemma`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&GEMMA)?;
    let rotary = source.rotary(&ROTARY, sizes.head_dim, sizes.context)?;
    // The first configurations say "gelu" and mean its approximation; transformers reads it so.
    let activation = match source.activation("hidden_act", Activation::GeluTanh)? {
        Activation::Gelu => Activation::GeluTanh,
        activation => activation,
    };
    let style = norm_style(source, &sizes);
    let layers = (0..sizes.layers).map(|layer| {
        let norm = |name| source.layer_norm(layer, name, style, sizes.hidden);
        Ok(Layer {
            pre_mixer_norm: Some(norm(INPUT_NORM)?),
            mixer: Mixer::Attention(Box::new(source.attention(layer, &sizes, Some(0))?)),
            post_mixer_norm: None,
            pre_feed_forward_norm: Some(norm(Name("post_attention_layernorm", "ffn_norm"))?),
            feed_forward: source.gated(layer, &sizes, activation)?,
            post_feed_forward_norm: None,
            residual_scale: 1.0,
            parallel: false,
        })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    decoder(source, &sizes, vec![rotary], layers)
}

/// Hugging Face's weights lack the one that is added; llama.cpp's converter has added it.
pub(super) fn norm_style(source: &Source<'_>, sizes: &Sizes) -> NormStyle {
    NormStyle { weight_offset: if source.is_gguf() { 0.0 } else { 1.0 }, ..sizes.rms() }
}

/// The four norms around the halves of a layer of Gemma 2 and 3.
pub(super) struct Norms {
    pub before_attention: Norm,
    pub after_attention: Norm,
    pub before_feed_forward: Norm,
    pub after_feed_forward: Norm,
}

impl Norms {
    /// The layer of these norms and these halves.
    pub(super) fn layer(self, attention: Attention, feed_forward: FeedForward) -> Layer {
        Layer {
            pre_mixer_norm: Some(self.before_attention),
            mixer: Mixer::Attention(Box::new(attention)),
            post_mixer_norm: Some(self.after_attention),
            pre_feed_forward_norm: Some(self.before_feed_forward),
            feed_forward,
            post_feed_forward_norm: Some(self.after_feed_forward),
            residual_scale: 1.0,
            parallel: false,
        }
    }
}

/// Reads them.
pub(super) fn norms(source: &Source<'_>, layer: usize, sizes: &Sizes) -> Result<Norms, ModelError> {
    let norm = |name| source.layer_norm(layer, name, norm_style(source, sizes), sizes.hidden);
    Ok(Norms {
        before_attention: norm(INPUT_NORM)?,
        after_attention: norm(Name("post_attention_layernorm", "post_attention_norm"))?,
        before_feed_forward: norm(Name("pre_feedforward_layernorm", "ffn_norm"))?,
        after_feed_forward: norm(Name("post_feedforward_layernorm", "post_ffw_norm"))?,
    })
}

/// Scores' scale, from `query_pre_attn_scalar`. A GGUF does not keep it (though a key for it exists), and llama.cpp goes by
/// the number of layers: the largest model, of `largest`, divides its width by its heads, the others take a head's width.
pub(super) fn attention_scale(source: &Source<'_>, sizes: &Sizes, largest: usize) -> Result<f32, ModelError> {
    if let Some(scale) = source.optional_number(Key("", "attention.scale"))? {
        return Ok(scale as f32);
    }
    let scalar = if source.is_gguf() {
        if sizes.layers == largest { (sizes.hidden / sizes.heads) as f64 } else { sizes.head_dim as f64 }
    } else {
        source.positive(Key("query_pre_attn_scalar", ""), Some(256.0))?.into()
    };
    Ok((1.0 / scalar.sqrt()) as f32)
}

/// A cap on logits: `None` if it is null or zero, `default` if the source is silent.
pub(super) fn softcap(source: &Source<'_>, key: Key, default: Option<f64>) -> Result<Option<f32>, ModelError> {
    let cap = source.optional_number(key)?.or(default.filter(|_| !source.is_null(key)));
    match cap {
        Some(cap) if cap < 0.0 => Err(source.malformed(key, format!("it is {cap}, and a number above 0 is expected"))),
        cap => Ok(cap.map(|cap| cap as f32).filter(|&cap| cap > 0.0)),
    }
}

/// The embedding is multiplied by the square root of the width.
pub(super) fn decoder(
    source: &Source<'_>,
    sizes: &Sizes,
    rotaries: Vec<Rotary>,
    layers: Vec<Layer>,
) -> Result<DecoderSpec, ModelError> {
    let final_norm = source.norm(&source.stem(Name("norm", "output_norm")), norm_style(source, sizes), sizes.hidden)?;
    let mut decoder = source.decoder(sizes, rotaries, layers, final_norm)?;
    decoder.embedding.scale = (sizes.hidden as f64).sqrt() as f32;
    Ok(decoder)
}
