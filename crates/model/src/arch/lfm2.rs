//! LFM2: most layers mix positions by a gated short convolution, the others by attention with norms of query and key.

use super::blocks::INTERMEDIATE;
use super::decoder::{DEFAULTS, Defaults, KV_HEADS, Sizes};
use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use super::tensors::{Bias, Name};
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, Layer, Mixer, Pairing, ShortConv, TensorRef};

const LFM2: Defaults = Defaults {
    kv_heads: (KV_HEADS, Some(8)),
    context: 128_000,
    epsilon: (Key("norm_eps", DEFAULTS.epsilon.0.1), 1e-5),
    tied: true,
    ..DEFAULTS
};
/// Gate, up and down.
const FEED_FORWARD: [Name; 3] =
    [Name("feed_forward.w1", "ffn_gate"), Name("feed_forward.w3", "ffn_up"), Name("feed_forward.w2", "ffn_down")];

/// `Lfm2ForCausalLM`, and GGUF's `lfm2`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let mut sizes = source.sizes(&LFM2)?;
    // An older name, which has priority.
    sizes.tied = source.flag(Key("tie_embedding", ""))?.unwrap_or(sizes.tied);
    let rotary = source.rotary(&RotaryDefaults::new(1e6, Pairing::Half), sizes.head_dim, sizes.context)?;
    let intermediate = intermediate_size(source)?;
    let kv_heads = layer_kv_heads(source, &sizes)?;
    let window = if source.is_gguf() { source.window(None)? } else { None };
    let layers = kv_heads.into_iter().enumerate().map(|(layer, kv_heads)| {
        let norm = |name| source.layer_norm(layer, name, sizes.rms(), sizes.hidden);
        let mixer = match kv_heads {
            0 => Mixer::ShortConv(Box::new(short_conv(source, layer, &sizes)?)),
            kv_heads => {
                let sizes = Sizes { kv_heads, ..sizes };
                Mixer::Attention(Box::new(Attention { window, ..attention(source, layer, &sizes)? }))
            }
        };
        Ok(Layer {
            pre_mixer_norm: Some(norm(Name("operator_norm", "attn_norm"))?),
            mixer,
            post_mixer_norm: None,
            pre_feed_forward_norm: Some(norm(Name("ffn_norm", "ffn_norm"))?),
            feed_forward: source.gated_as(layer, &sizes, intermediate, FEED_FORWARD, Activation::Silu)?,
            post_feed_forward_norm: None,
            residual_scale: 1.0,
            parallel: false,
        })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    // llama.cpp: "fix for wrong tensor name".
    let final_norm = source.norm(&source.stem(Name("embedding_norm", "token_embd_norm")), sizes.rms(), sizes.hidden)?;
    source.decoder(&sizes, vec![rotary], layers, final_norm)
}

/// Each layer's key heads; none marks a convolution, as in a GGUF's list.
fn layer_kv_heads(source: &Source<'_>, sizes: &Sizes) -> Result<Vec<usize>, ModelError> {
    let kv_heads = if source.is_gguf() {
        source.counts(KV_HEADS, sizes.layers)?.unwrap_or_else(|| vec![sizes.heads; sizes.layers])
    } else if let Some(attends) = source.layer_types(sizes.layers, "full_attention", "conv")? {
        attends.into_iter().map(|attends| if attends { sizes.kv_heads } else { 0 }).collect()
    } else {
        let attends = source.numbers(Key("full_attn_idxs", ""))?;
        let attends = |layer| attends.as_ref().is_none_or(|layers| layers.contains(&layer));
        (0..sizes.layers).map(|layer| if attends(layer) { sizes.kv_heads } else { 0 }).collect()
    };
    match kv_heads.iter().find(|&&kv_heads| kv_heads > 0 && !sizes.heads.is_multiple_of(kv_heads)) {
        None => Ok(kv_heads),
        Some(found) => {
            let problem = format!("{found} key heads cannot be shared evenly by {} query heads", sizes.heads);
            Err(source.malformed(KV_HEADS, problem))
        }
    }
}

/// `Lfm2MLP`: two thirds of the stated size, rounded up.
fn intermediate_size(source: &Source<'_>) -> Result<usize, ModelError> {
    let older = Key("block_ff_dim", "");
    let stated = match source.optional_count(older)? {
        Some(stated) => stated,
        None => source.count(INTERMEDIATE)?,
    };
    if source.is_gguf() || source.flag(Key("block_auto_adjust_ff_dim", ""))? == Some(false) {
        return Ok(stated);
    }
    let two_thirds = (2.0 * stated as f64 / 3.0) as usize;
    let multiplier = Key("block_ffn_dim_multiplier", "");
    if source.is_null(multiplier) {
        return Ok(two_thirds);
    }
    let scaled = (f64::from(source.positive(multiplier, Some(1.0))?) * two_thirds as f64) as usize;
    let multiple = source.count_or(Key("block_multiple_of", ""), Some(256))?;
    match scaled.div_ceil(multiple).checked_mul(multiple) {
        Some(size) if size <= i32::MAX as usize => Ok(size),
        _ => Err(source.malformed(multiplier, "the feed-forward becomes larger than any model's")),
    }
}

fn attention(source: &Source<'_>, layer: usize, sizes: &Sizes) -> Result<Attention, ModelError> {
    let qkv =
        [Name("self_attn.q_proj", "attn_q"), Name("self_attn.k_proj", "attn_k"), Name("self_attn.v_proj", "attn_v")];
    let qkv = source.separate_qkv(layer, sizes, qkv, Bias::IfPresent)?;
    let (o, width) = (Name("self_attn.out_proj", "attn_output"), sizes.heads * sizes.head_dim);
    let o = source.layer_linear(layer, o, sizes.hidden, width, Bias::IfPresent)?;
    let norm = |name| source.layer_norm(layer, name, sizes.rms(), sizes.head_dim);
    Ok(Attention {
        q_norm: Some(norm(Name("self_attn.q_layernorm", "attn_q_norm"))?),
        k_norm: Some(norm(Name("self_attn.k_layernorm", "attn_k_norm"))?),
        ..sizes.attention(qkv, o, Some(0))
    })
}

fn short_conv(source: &Source<'_>, layer: usize, sizes: &Sizes) -> Result<ShortConv, ModelError> {
    let hidden = sizes.hidden;
    let kernel = source.count_or(Key("conv_L_cache", "shortconv.l_cache"), (!source.is_gguf()).then_some(3))?;
    let bias = Bias::from_flag(source.flag(Key("conv_bias", ""))?);
    let linear = |name, rows| source.layer_linear(layer, name, rows, hidden, bias);
    let conv = source.layer_stem(layer, Name("conv.conv", "shortconv.conv"));
    let (weight, conv_bias) = (format!("{conv}.weight"), format!("{conv}.bias"));
    source.check_shape(&weight, &[hidden, kernel])?;
    let conv_bias = if bias == Bias::Required || source.checkpoint.has(&conv_bias) {
        source.check_shape(&conv_bias, &[hidden])?;
        Some(TensorRef::all(conv_bias))
    } else {
        None
    };
    Ok(ShortConv {
        in_proj: linear(Name("conv.in_proj", "shortconv.in_proj"), 3 * hidden)?,
        conv: TensorRef::all(weight),
        conv_bias,
        kernel,
        out_proj: linear(Name("conv.out_proj", "shortconv.out_proj"), hidden)?,
    })
}
