//! What a decoder is made of, as data: the one thing every architecture file produces and the engine compiles.
//!
//! Nothing here computes. A [`DecoderSpec`] names tensors of a [`Checkpoint`](crate::Checkpoint) and says how they are
//! put together; shapes follow the checkpoint's own convention, `[out_features, in_features]` for a matrix.

use std::ops::Range;

/// A decoder-only language model, from token ids to logits.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderSpec {
    /// The architecture as its source names it: `llama`, `qwen3`, `gemma2`, ...
    pub architecture: String,
    /// Rows of the token embedding and of the head.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Positions the model was trained for (after any rotary scaling the checkpoint declares).
    pub context_length: usize,
    /// The token embedding.
    pub embedding: Embedding,
    /// The distinct rotary embeddings; [`Attention::rotary`] points into this list.
    pub rotaries: Vec<Rotary>,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// The norm before the head.
    pub final_norm: Norm,
    /// From the residual stream to logits.
    pub head: Head,
}

/// Some rows of a tensor of the checkpoint, seen as a matrix `[rows, cols]`.
///
/// A three-dimensional tensor (stacked experts) is seen as `[d0 * d1, d2]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorRef {
    /// Name in the checkpoint.
    pub name: String,
    /// Which rows, in which order.
    pub rows: Rows,
}

/// A choice of rows of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// All of them.
    All,
    /// A contiguous range: one part of a fused matrix.
    Range(Range<usize>),
    /// Of every group of `stride` rows the `len` rows from `start`: GPT-NeoX keeps Q, K and V together head by head.
    Strided {
        /// Rows per group.
        stride: usize,
        /// First row taken of each group.
        start: usize,
        /// Rows taken of each group.
        len: usize,
        /// Number of groups.
        groups: usize,
    },
}

impl TensorRef {
    /// The whole tensor `name`.
    pub fn all(name: impl Into<String>) -> TensorRef {
        TensorRef { name: name.into(), rows: Rows::All }
    }
}

impl Rows {
    /// The row of the tensor that row `row` of the choice is.
    pub fn source_row(&self, row: usize) -> usize {
        match self {
            Rows::All => row,
            Rows::Range(range) => range.start + row,
            Rows::Strided { stride, start, len, .. } => row / len * stride + start + row % len,
        }
    }
}

/// The linear module of Hugging Face's model that a matrix is, or is a part of, whatever the checkpoint calls it: what adapters name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its path below the decoder: `layers.0.self_attn.q_proj`; the head's own: `lm_head`.
    pub name: String,
    /// Which of its rows the matrix has.
    pub rows: Rows,
    /// Within every so many rows, a head's, those of the first half and of the second take turns: llama.cpp's order of Q and K where
    /// neighbours rotate together.
    pub neighbours: Option<usize>,
}

impl Module {
    /// The whole module `name`.
    pub fn all(name: impl Into<String>) -> Module {
        Module { name: name.into(), rows: Rows::All, neighbours: None }
    }

    /// The row of the module that row `row` of the matrix is.
    pub fn source_row(&self, row: usize) -> usize {
        let row = match self.neighbours {
            None => row,
            Some(head) => row / head * head + row % head % 2 * (head / 2) + row % head / 2,
        };
        self.rows.source_row(row)
    }
}

/// `y = W x + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `[out_features, in_features]`.
    pub weight: TensorRef,
    /// `[out_features]`: the same choice of rows, of a one-dimensional tensor.
    pub bias: Option<TensorRef>,
    /// Rows chosen: `out_features`.
    pub out_features: usize,
    /// Columns: `in_features`.
    pub in_features: usize,
    /// What adapters call it; `None` for experts, which none here adapts.
    pub module: Option<Box<Module>>,
}

/// A normalisation over `size` consecutive values.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Which formula.
    pub kind: NormKind,
    /// `[size]`.
    pub weight: TensorRef,
    /// `[size]`, LayerNorm only.
    pub bias: Option<TensorRef>,
    /// Added to the weight before use: 1 for Gemma's Hugging Face checkpoints, 0 elsewhere.
    pub weight_offset: f32,
    /// Added to the variance (LayerNorm) or the mean square (RMSNorm).
    pub epsilon: f32,
    /// Values normalised together.
    pub size: usize,
}

/// The formula of a [`Norm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + eps) * w` (Zhang and Sennrich, 2019).
    Rms,
    /// `(x - mean(x)) / sqrt(var(x) + eps) * w + b` (Ba, Kiros and Hinton, 2016).
    Layer,
}

/// Token ids to the residual stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// `[vocab_size, hidden_size]`.
    pub weight: TensorRef,
    /// The embedding is multiplied by this (Gemma: the square root of the width; Granite: `embedding_multiplier`).
    pub scale: f32,
}

/// The residual stream to logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// `[vocab_size, hidden_size]`; the embedding's own tensor when the head is tied.
    pub linear: Linear,
    /// Logits are multiplied by this (Granite: `1 / logits_scaling`).
    pub scale: f32,
    /// `c * tanh(logit / c)` after scaling (Gemma 2).
    pub softcap: Option<f32>,
}

/// One layer: a mixer over positions, then a feed-forward over each position.
///
/// Sequential: `x += s * post_mixer(mixer(pre_mixer(x)))`, then `x += s * post_ff(ff(pre_ff(x)))`.
/// Parallel: both read the same `x`, and both results are added to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Norm before the mixer; `None` where the architecture only norms afterwards (OLMo 2).
    pub pre_mixer_norm: Option<Norm>,
    /// Attention or short convolution.
    pub mixer: Mixer,
    /// Norm of the mixer's result, before it is added (Gemma 2 and 3, OLMo 2).
    pub post_mixer_norm: Option<Norm>,
    /// Norm before the feed-forward.
    pub pre_feed_forward_norm: Option<Norm>,
    /// The feed-forward.
    pub feed_forward: FeedForward,
    /// Norm of the feed-forward's result, before it is added.
    pub post_feed_forward_norm: Option<Norm>,
    /// The residual branches are multiplied by this before they are added (Granite); 1 elsewhere.
    pub residual_scale: f32,
    /// Mixer and feed-forward both read the layer's input (GPT-NeoX, Phi-2).
    pub parallel: bool,
}

/// What mixes positions.
#[derive(Clone, Debug, PartialEq)]
pub enum Mixer {
    /// Softmax attention.
    Attention(Box<Attention>),
    /// LFM2's gated short convolution.
    ShortConv(Box<ShortConv>),
}

/// Grouped-query softmax attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// `[heads * head_dim, hidden_size]`.
    pub q: Linear,
    /// `[kv_heads * head_dim, hidden_size]`.
    pub k: Linear,
    /// `[kv_heads * head_dim, hidden_size]`.
    pub v: Linear,
    /// `[hidden_size, heads * head_dim]`.
    pub o: Linear,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Scores are `scale * q . k`; usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// `c * tanh(score / c)` before the mask (Gemma 2).
    pub softcap: Option<f32>,
    /// A query at position p sees keys in `(p - window, p]`; `None` sees all.
    pub window: Option<usize>,
    /// Norm of the query before rotation. `size == head_dim`: head by head; `size == heads * head_dim`: all together (OLMo 2).
    pub q_norm: Option<Norm>,
    /// Norm of the key before rotation; sizes as for the query.
    pub k_norm: Option<Norm>,
    /// Index into [`DecoderSpec::rotaries`]; `None` for a layer without positions (SmolLM3's every fourth).
    pub rotary: Option<usize>,
}

/// LFM2's mixer: `out_proj(c * conv(b * x))` with `b, c, x = in_proj(h)`, a causal depthwise convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortConv {
    /// `[3 * hidden_size, hidden_size]`, in the order b, c, x.
    pub in_proj: Linear,
    /// `[hidden_size, kernel]` (a middle dimension of 1 is dropped); the last column weighs the current position.
    pub conv: TensorRef,
    /// `[hidden_size]`.
    pub conv_bias: Option<TensorRef>,
    /// Positions the convolution sees, the current one included.
    pub kernel: usize,
    /// `[hidden_size, hidden_size]`.
    pub out_proj: Linear,
}

/// The feed-forward of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedForward {
    /// `down(act(gate x) * up x)`.
    Gated(GatedFeedForward),
    /// `down(act(up x))`.
    Plain {
        /// `[intermediate, hidden_size]`.
        up: Linear,
        /// `[hidden_size, intermediate]`.
        down: Linear,
        /// Between them.
        activation: Activation,
    },
    /// A router picks `top_k` of `experts` for each position.
    Experts {
        /// `[experts, hidden_size]`: softmax over its output gives the weights.
        router: Linear,
        /// The experts, all of the same shape.
        experts: Vec<GatedFeedForward>,
        /// How many are used per position.
        top_k: usize,
        /// The chosen weights are divided by their sum.
        normalize: bool,
    },
}

/// `down(act(gate x) * up x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct GatedFeedForward {
    /// `[intermediate, hidden_size]`.
    pub gate: Linear,
    /// `[intermediate, hidden_size]`.
    pub up: Linear,
    /// `[hidden_size, intermediate]`.
    pub down: Linear,
    /// Applied to the gate.
    pub activation: Activation,
}

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * Phi(x)` with the error function.
    Gelu,
    /// GELU's tanh approximation (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// A rotary position embedding (Su et al., 2021) over the first `dim` values of each head.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Values rotated; even, at most the width of a head. The rest pass through.
    pub dim: usize,
    /// The base of the frequencies: frequency `i` is `theta^(-2i / dim)`.
    pub theta: f32,
    /// Which values form a pair.
    pub pairing: Pairing,
    /// How positions beyond the original context are reached.
    pub scaling: RotaryScaling,
}

/// Which two values a rotation mixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// `i` with `i + dim / 2` (Hugging Face; "neox" in llama.cpp).
    Half,
    /// `2i` with `2i + 1` (llama.cpp's GGUF of the Llama family, whose Q and K rows are permuted to fit).
    Adjacent,
}

/// Changes to the rotary frequencies for long contexts. Formulas: Hugging Face transformers, `modeling_rope_utils.py`.
#[derive(Clone, Debug, PartialEq)]
pub enum RotaryScaling {
    /// None.
    None,
    /// Positions divided by `factor`.
    Linear {
        /// At least 1.
        factor: f32,
    },
    /// NTK-aware: the base grows once the context exceeds `original_context`.
    Dynamic {
        /// `rope_scaling.factor`.
        factor: f32,
        /// `max_position_embeddings` of the checkpoint.
        original_context: usize,
    },
    /// YaRN (Peng et al., 2023).
    Yarn {
        /// Context extension.
        factor: f32,
        /// Context before extension.
        original_context: usize,
        /// Rotations above which a frequency is left alone; 32 by default.
        beta_fast: f32,
        /// Rotations below which a frequency is fully interpolated; 1 by default.
        beta_slow: f32,
        /// Cosines and sines are multiplied by this (already worked out from `mscale` or `attention_factor`).
        attention_factor: f32,
        /// Round the correction range to whole dimensions (Hugging Face's `truncate`, true by default).
        truncate: bool,
    },
    /// Llama 3's piecewise interpolation.
    Llama3 {
        /// Context extension.
        factor: f32,
        /// `low_freq_factor`.
        low_freq_factor: f32,
        /// `high_freq_factor`.
        high_freq_factor: f32,
        /// Context before extension.
        original_context: usize,
    },
    /// LongRoPE (Ding et al., 2024): one divisor per frequency, chosen by whether the planned context exceeds the original.
    LongRope {
        /// `[dim / 2]`, used up to the original context.
        short_factors: Vec<f32>,
        /// `[dim / 2]`, used beyond it.
        long_factors: Vec<f32>,
        /// Context before extension.
        original_context: usize,
        /// Cosines and sines are multiplied by this.
        attention_factor: f32,
    },
    /// One divisor per frequency, as a GGUF's `rope_freqs.weight` gives them. `[dim / 2]`.
    Divisors(Vec<f32>),
}
