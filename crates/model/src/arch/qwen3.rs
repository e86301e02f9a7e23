//! Qwen3 and Qwen3-MoE: Qwen2 without biases, with norms of each head's query and key; and a mixture of experts.

use super::blocks::INTERMEDIATE;
use super::decoder::{DEFAULTS, Defaults, HEAD_DIM, KV_HEADS, Sizes};
use super::experts::ExpertsPlan;
use super::qwen2;
use super::source::{Key, Source};
use super::tensors::Name;
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, FeedForward};

const QWEN3: Defaults =
    Defaults { kv_heads: (KV_HEADS, Some(32)), head_dim: (HEAD_DIM, Some(128)), context: 32_768, ..DEFAULTS };
/// `Qwen3MoeConfig` has no default for `head_dim`, and its own for the key heads.
const QWEN3_MOE: Defaults = Defaults { kv_heads: (KV_HEADS, Some(4)), head_dim: (HEAD_DIM, None), ..QWEN3 };

/// `Qwen3ForCausalLM`, and GGUF's `qwen3`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&QWEN3)?;
    let windows = qwen2::windows(source, &sizes)?;
    assemble(source, &sizes, &windows, |layer, activation| source.gated(layer, &sizes, activation))
}

/// `Qwen3MoeForCausalLM`, and GGUF's `qwen3moe`.
pub(super) fn build_moe(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&QWEN3_MOE)?;
    let slides = source.flag(Key("use_sliding_window", ""))? == Some(true);
    let windows = match source.listed_windows(sizes.layers)? {
        Some(windows) => windows,
        None if slides => vec![source.window(Some(4096))?; sizes.layers],
        None => vec![None; sizes.layers],
    };
    let top_k = Key("num_experts_per_tok", "expert_used_count");
    // llama.cpp always divides by the sum, as every Qwen3-MoE published does; the class's default is not to.
    let normalize = source.flag(Key("norm_topk_prob", "expert_weights_norm"))?.unwrap_or(source.is_gguf());
    let experts_key = Key("num_experts", "expert_count");
    let newer_key = Key("num_local_experts", "expert_count");
    let experts = if source.optional_count(newer_key)?.is_some() { newer_key } else { experts_key };
    let intermediate = Key("moe_intermediate_size", "expert_feed_forward_length");
    let intermediate = match source.optional_count(intermediate)? {
        Some(intermediate) => intermediate,
        None if source.is_gguf() => source.count(INTERMEDIATE)? / source.count(top_k)?,
        None => 768,
    };
    let sparse = sparse_layers(source, sizes.layers)?;
    assemble(source, &sizes, &windows, |layer, activation| {
        let plan = ExpertsPlan {
            experts: (experts, Some(128)),
            top_k: (top_k, Some(8)),
            router: Name("mlp.gate", "ffn_gate_inp"),
            stem: "mlp.experts",
            parts: ["gate_proj", "up_proj", "down_proj"],
            intermediate,
            normalize,
            activation,
        };
        match source.expert_counts(&sizes, &plan)? {
            Some(counts) if sparse[layer] => source.experts(layer, &sizes, &plan, counts),
            _ => source.gated(layer, &sizes, activation),
        }
    })
}

/// For each layer whether it has experts.
fn sparse_layers(source: &Source<'_>, layers: usize) -> Result<Vec<bool>, ModelError> {
    if source.is_gguf() {
        let dense = Name("", "ffn_gate");
        return Ok((0..layers).map(|layer| !source.has_in_layer(layer, dense)).collect());
    }
    let every = source.count_or(Key("decoder_sparse_step", ""), Some(1))?;
    let dense = Key("mlp_only_layers", "");
    let dense = source.numbers(dense)?.unwrap_or_default();
    Ok((0..layers).map(|layer| (layer + 1) % every == 0 && !dense.contains(&layer)).collect())
}

fn assemble(
    source: &Source<'_>,
    sizes: &Sizes,
    windows: &[Option<usize>],
    feed_forward: impl Fn(usize, Activation) -> Result<FeedForward, ModelError>,
) -> Result<DecoderSpec, ModelError> {
    let rotary = source.rotary(&qwen2::ROTARY, sizes.head_dim, sizes.context)?;
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = windows.iter().enumerate().map(|(layer, &window)| {
        let attention = Attention { window, ..with_head_norms(source, layer, sizes)? };
        source.pre_norm_layer(layer, sizes, attention, feed_forward(layer, activation)?)
    });
    let layers = layers.collect::<Result<_, _>>()?;
    source.decoder(sizes, vec![rotary], layers, source.final_rms_norm(sizes)?)
}

fn with_head_norms(source: &Source<'_>, layer: usize, sizes: &Sizes) -> Result<Attention, ModelError> {
    let norm = |name| source.layer_norm(layer, name, sizes.rms(), sizes.head_dim);
    Ok(Attention {
        q_norm: Some(norm(Name("self_attn.q_norm", "attn_q_norm"))?),
        k_norm: Some(norm(Name("self_attn.k_norm", "attn_k_norm"))?),
        ..source.attention(layer, sizes, Some(0))?
    })
}
