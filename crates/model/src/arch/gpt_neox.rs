//! GPT-NeoX, Pythia: LayerNorm, each head's Q, K and V together in one matrix, a quarter of each head rotated, attention
//! and feed-forward side by side.

use super::blocks::INPUT_NORM;
use super::decoder::{DEFAULTS, Defaults};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::{Bias, Name};
use crate::ModelError;
use crate::spec::{Activation, DecoderSpec, Layer, Mixer, Pairing};

const GPT_NEOX: Defaults = Defaults {
    // Stray keys of these names mean nothing to this architecture.
    kv_heads: (Key("", "attention.head_count_kv"), None),
    head_dim: (Key("", ""), None),
    epsilon: (Key("layer_norm_eps", "attention.layer_norm_epsilon"), 1e-5),
    embedding: Name("embed_in", "token_embd"),
    head: (&["embed_out", "lm_head"], "output"),
    prefixes: &["gpt_neox.", ""],
    ..DEFAULTS
};
const ROTARY: RotaryDefaults = RotaryDefaults {
    theta: (Key("rotary_emb_base", "rope.freq_base"), 10_000.0),
    partial: Some((Key("rotary_pct", ""), 0.25)),
    original_context: None,
    gguf_pairing: Pairing::Half,
};

/// `GPTNeoXForCausalLM`, and GGUF's `gptneox`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&GPT_NEOX)?;
    let rotary = source.rotary(&ROTARY, sizes.head_dim, sizes.context)?;
    // A GGUF mostly does not say. Pythia's is the exact function; llama.cpp computes the approximation.
    let activation = source.activation("hidden_act", Activation::Gelu)?;
    let parallel = source.flag(Key("use_parallel_residual", "use_parallel_residual"))?.unwrap_or(true);
    let bias = Bias::from_flag(Some(source.flag(Key("attention_bias", ""))?.unwrap_or(true)));
    let layers = (0..sizes.layers).map(|layer| {
        let fused = Name("attention.query_key_value", "attn_qkv");
        let qkv = source.interleaved_qkv(layer, fused, [sizes.heads, sizes.head_dim, sizes.hidden], bias)?;
        let width = sizes.heads * sizes.head_dim;
        let o = source.layer_linear(layer, Name("attention.dense", "attn_output"), sizes.hidden, width, bias)?;
        let norm = |name| source.layer_norm(layer, name, sizes.layer_norm(), sizes.hidden);
        let feed_forward = [Name("mlp.dense_h_to_4h", "ffn_up"), Name("mlp.dense_4h_to_h", "ffn_down")];
        Ok(Layer {
            pre_mixer_norm: Some(norm(INPUT_NORM)?),
            mixer: Mixer::Attention(Box::new(sizes.attention(qkv, o, Some(0)))),
            post_mixer_norm: None,
            pre_feed_forward_norm: Some(norm(Name("post_attention_layernorm", "ffn_norm"))?),
            feed_forward: source.plain(layer, &sizes, feed_forward, activation)?,
            post_feed_forward_norm: None,
            residual_scale: 1.0,
            parallel,
        })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    let final_norm =
        source.norm(&source.stem(Name("final_layer_norm", "output_norm")), sizes.layer_norm(), sizes.hidden)?;
    source.decoder(&sizes, vec![rotary], layers, final_norm)
}
