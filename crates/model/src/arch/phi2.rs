//! Phi-1.5 and Phi-2: LayerNorm, a part of each head rotated, attention and feed-forward side by side after one norm.

use super::blocks::INPUT_NORM;
use super::decoder::{DEFAULTS, Defaults};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::{Bias, Name};
use crate::ModelError;
use crate::spec::{Activation, DecoderSpec, Layer, Mixer, Pairing};

const PHI2: Defaults = Defaults {
    epsilon: (Key("layer_norm_eps", "attention.layer_norm_epsilon"), 1e-5),
    head_bias: Bias::Required,
    ..DEFAULTS
};
const ROTARY: RotaryDefaults = RotaryDefaults {
    partial: Some((Key("partial_rotary_factor", ""), 0.5)),
    ..RotaryDefaults::new(10_000.0, Pairing::Half)
};

/// `PhiForCausalLM`, and GGUF's `phi2`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&PHI2)?;
    let rotary = source.rotary(&ROTARY, sizes.head_dim, sizes.context)?;
    let activation = source.activation("hidden_act", Activation::GeluTanh)?;
    let in_config = source.flag(Key("qk_layernorm", ""))? == Some(true);
    let layers = (0..sizes.layers).map(|layer| {
        let linear = |name, rows, cols| source.layer_linear(layer, name, rows, cols, Bias::Required);
        let qkv = [
            Name("self_attn.q_proj", "attn_q"),
            Name("self_attn.k_proj", "attn_k"),
            Name("self_attn.v_proj", "attn_v"),
        ];
        let qkv = source.separate_qkv(layer, &sizes, qkv, Bias::Required)?;
        let o = linear(Name("self_attn.dense", "attn_output"), sizes.hidden, sizes.heads * sizes.head_dim)?;
        let mut attention = sizes.attention(qkv, o, Some(0));
        let head_norms = [Name("self_attn.q_layernorm", "attn_q_norm"), Name("self_attn.k_layernorm", "attn_k_norm")];
        if in_config || source.is_gguf() && source.has_in_layer(layer, head_norms[0]) {
            let [q_norm, k_norm] =
                head_norms.map(|name| source.layer_norm(layer, name, sizes.layer_norm(), sizes.head_dim));
            (attention.q_norm, attention.k_norm) = (Some(q_norm?), Some(k_norm?));
        }
        let norm = source.layer_norm(layer, INPUT_NORM, sizes.layer_norm(), sizes.hidden)?;
        Ok(Layer {
            pre_mixer_norm: Some(norm.clone()),
            mixer: Mixer::Attention(Box::new(attention)),
            post_mixer_norm: None,
            pre_feed_forward_norm: Some(norm),
            feed_forward: source.plain(
                layer,
                &sizes,
                [Name("mlp.fc1", "ffn_up"), Name("mlp.fc2", "ffn_down")],
                activation,
            )?,
            post_feed_forward_norm: None,
            residual_scale: 1.0,
            parallel: true,
        })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    let final_norm =
        source.norm(&source.stem(Name("final_layernorm", "output_norm")), sizes.layer_norm(), sizes.hidden)?;
    source.decoder(&sizes, vec![rotary], layers, final_norm)
}
