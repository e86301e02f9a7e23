//! A model that exists, with low-rank adapters to be trained (Hu et al., 2021): Llama's family, Qwen2 and Qwen3, and
//! what is built like them.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use whit_model::spec::{self, Activation, FeedForward, GatedFeedForward, Mixer, NormKind, Pairing, Rows, TensorRef};
use whit_model::{Checkpoint, DecoderSpec};

use super::attention::AttentionHalf;
use super::feed_forward::FeedForwardHalf;
use super::head::Head;
use super::linear::{Adapter, Linear, Matrix};
use super::{Decoder, Part, Placed, Vector, Vocabulary};
use crate::TuneError;
use crate::training::ops::attention::Heads;
use crate::training::ops::rotary::{HeadNorms, Table};
use crate::training::ops::simd::LANES;
use crate::training::random;
use crate::training::tensor::tensor;

/// The projections that can have an adapter, as Hugging Face names them, with the module they are in.
pub const TARGETS: [(&str, &str); 7] = [
    ("q_proj", "self_attn"),
    ("k_proj", "self_attn"),
    ("v_proj", "self_attn"),
    ("o_proj", "self_attn"),
    ("gate_proj", "mlp"),
    ("up_proj", "mlp"),
    ("down_proj", "mlp"),
];

/// What is added to a base.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Width of an adapter's middle.
    pub rank: usize,
    /// What an adapter gives is multiplied by `alpha / rank`.
    pub alpha: f32,
    /// Of [`TARGETS`].
    pub targets: Vec<&'static str>,
}

/// The decoder of `checkpoint` with adapters that change nothing yet; `seed` decides their first values.
///
/// # Errors
/// [`TuneError::Option`] if the model is of a kind that is not trained; others if it is damaged.
pub fn decoder(
    checkpoint: &Checkpoint,
    spec: &DecoderSpec,
    lora: &Lora,
    context: usize,
    seed: u64,
) -> Result<Decoder, TuneError> {
    let rotary = check(spec, context)?;
    let source = Source { checkpoint };
    let mut parts = Vec::new();
    let mut layers = Vec::with_capacity(spec.layers.len());
    for (number, layer) in spec.layers.iter().enumerate() {
        let (Mixer::Attention(attention), FeedForward::Gated(gated)) = (&layer.mixer, &layer.feed_forward) else {
            return Err(unsupported(spec, "has layers of another kind"));
        };
        let is_last = number + 1 == spec.layers.len();
        let mut adapters = Adapters { lora, seed, number, values: Vec::new() };
        let half = attention_half(&source, layer, attention, rotary.pairing, &mut adapters, number, is_last)?;
        let mixer = adapters.placed(half, &mut parts)?;
        let mut adapters = Adapters { lora, seed, number, values: Vec::new() };
        let half = feed_forward_half(&source, layer, gated, &mut adapters, number)?;
        let feed_forward = adapters.placed(half, &mut parts)?;
        layers.push((mixer, feed_forward));
    }
    let mut embedding = source.matrix(&spec.embedding.weight, spec.vocab_size, spec.hidden_size)?;
    let tied = spec.head.linear.weight == spec.embedding.weight;
    let head_matrix = match tied {
        true => None,
        false => Some(tensor(
            source.matrix(&spec.head.linear.weight, spec.vocab_size, spec.hidden_size)?,
            (spec.vocab_size, spec.hidden_size),
        )?),
    };
    if spec.embedding.scale != 1.0 {
        if tied {
            return Err(unsupported(spec, "scales its embedding"));
        }
        embedding.iter_mut().for_each(|value| *value *= spec.embedding.scale);
    }
    let embedding = tensor(embedding, (spec.vocab_size, spec.hidden_size))?;
    let frequencies = rotary.frequencies(context);
    let table = Table::new(&frequencies.inv_freq, frequencies.attention_factor, context);
    let (norm, epsilon) = source.norm(&spec.final_norm)?;
    Ok(Decoder {
        parts,
        head_matrix: Vocabulary::Frozen(head_matrix.unwrap_or_else(|| embedding.clone())),
        embedding: Vocabulary::Frozen(embedding),
        layers,
        head: Placed { half: Head { norm: Vector::Frozen(norm), epsilon }, part: None },
        rotary: Arc::new(table),
        nothing: Tensor::zeros(1, DType::F32, &Device::Cpu)?,
    })
}

fn unsupported(spec: &DecoderSpec, problem: &str) -> TuneError {
    TuneError::Option(format!(
        "a base of architecture {} cannot be adapted ({problem}): use one of Llama's family, Qwen2 or Qwen3",
        spec.architecture
    ))
}

/// Refuses what this decoder does not compute; gives back the one rotary embedding there is.
fn check(spec: &DecoderSpec, context: usize) -> Result<&spec::Rotary, TuneError> {
    let refuse = |problem: &str| Err(unsupported(spec, problem));
    let [rotary] = spec.rotaries.as_slice() else { return refuse("not all layers have the same positions") };
    if spec.head.softcap.is_some() || spec.head.scale != 1.0 || spec.head.linear.bias.is_some() {
        return refuse("its logits are scaled, capped or have a bias");
    }
    for (number, layer) in spec.layers.iter().enumerate() {
        let Mixer::Attention(attention) = &layer.mixer else { return refuse("has layers without attention") };
        let FeedForward::Gated(gated) = &layer.feed_forward else { return refuse("its feed-forward is not gated") };
        let norms = [&layer.post_mixer_norm, &layer.post_feed_forward_norm];
        let is_plain = layer.pre_mixer_norm.is_some()
            && layer.pre_feed_forward_norm.is_some()
            && norms.iter().all(|norm| norm.is_none())
            && layer.residual_scale == 1.0
            && !layer.parallel;
        if !is_plain {
            return refuse("its layers are put together otherwise");
        }
        let projections = [&attention.q, &attention.k, &attention.v, &attention.o, &gated.gate, &gated.up, &gated.down];
        let is_one = |(linear, (name, part)): (&spec::Linear, &(&str, &str))| {
            linear.module.as_ref().is_some_and(|module| module.name == format!("layers.{number}.{part}.{name}"))
        };
        if !projections.into_iter().zip(&TARGETS).all(is_one) {
            return refuse("adapters know its projections by other names");
        }
        if gated.activation != Activation::Silu {
            return refuse("its feed-forward has another activation");
        }
        if attention.softcap.is_some() || attention.window.is_some_and(|window| window < context) {
            return refuse("its attention is capped, or sees a window only");
        }
        let dim = attention.head_dim;
        if attention.rotary != Some(0) || rotary.dim != dim || !dim.is_multiple_of(LANES) {
            return refuse("its heads are rotated in part, or their width is no multiple of 16");
        }
        let head_norms = [&attention.q_norm, &attention.k_norm];
        if head_norms.iter().any(|norm| norm.as_ref().is_some_and(|norm| norm.size != dim))
            || attention.q_norm.is_some() != attention.k_norm.is_some()
        {
            return refuse("it norms all heads together");
        }
    }
    Ok(rotary)
}

fn attention_half(
    source: &Source<'_>,
    layer: &spec::Layer,
    attention: &spec::Attention,
    pairing: Pairing,
    adapters: &mut Adapters<'_>,
    number: usize,
    is_last: bool,
) -> Result<AttentionHalf, TuneError> {
    let dim = attention.head_dim;
    // Halves of a head are rotated together here; a file whose neighbours are has its rows put in order first.
    let turn = |values: Vec<f32>, width: usize| match pairing {
        Pairing::Half => values,
        Pairing::Adjacent => halves(&values, width, dim),
    };
    let cols = attention.q.in_features;
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for (at, linear) in [&attention.q, &attention.k, &attention.v].into_iter().enumerate() {
        let turned = |values: Vec<f32>, width: usize| if at < 2 { turn(values, width) } else { values };
        weight.extend(turned(source.matrix(&linear.weight, linear.out_features, cols)?, cols));
        bias.extend(match &linear.bias {
            Some(bias) => turned(source.vector(bias, linear.out_features)?, 1),
            None => vec![0.0; linear.out_features],
        });
    }
    let rows = bias.len();
    let mut qkv = frozen(weight, rows, cols, bias)?;
    let mut start = 0;
    for (linear, name) in [&attention.q, &attention.k, &attention.v].into_iter().zip(["q_proj", "k_proj", "v_proj"]) {
        adapters.add(&mut qkv, name, start..start + linear.out_features);
        start += linear.out_features;
    }
    let mut o = source.linear(&attention.o)?;
    let all = 0..o.rows;
    adapters.add(&mut o, "o_proj", all);
    let head_norms = match (&attention.q_norm, &attention.k_norm) {
        (Some(q), Some(k)) => {
            let ((q, epsilon), (k, _)) = (source.norm(q)?, source.norm(k)?);
            Some(HeadNorms { weights: [q, k], epsilon })
        }
        _ => None,
    };
    let (norm, epsilon) = source.some_norm(layer.pre_mixer_norm.as_ref())?;
    Ok(AttentionHalf {
        norm: Vector::Frozen(norm),
        epsilon,
        qkv,
        heads: Heads { heads: attention.heads, kv_heads: attention.kv_heads, head_dim: dim, scale: attention.scale },
        head_norms,
        o,
        number: 2 * number as u64,
        is_last,
    })
}

fn feed_forward_half(
    source: &Source<'_>,
    layer: &spec::Layer,
    gated: &GatedFeedForward,
    adapters: &mut Adapters<'_>,
    number: usize,
) -> Result<FeedForwardHalf, TuneError> {
    let (gate, up) = (&gated.gate, &gated.up);
    let (cols, inner) = (gate.in_features, gate.out_features);
    let mut weight = source.matrix(&gate.weight, inner, cols)?;
    weight.extend(source.matrix(&up.weight, inner, cols)?);
    let mut bias = Vec::new();
    if gate.bias.is_some() || up.bias.is_some() {
        for linear in [gate, up] {
            bias.extend(match &linear.bias {
                Some(bias) => source.vector(bias, inner)?,
                None => vec![0.0; inner],
            });
        }
    }
    let mut gate_up = frozen(weight, 2 * inner, cols, bias)?;
    adapters.add(&mut gate_up, "gate_proj", 0..inner);
    adapters.add(&mut gate_up, "up_proj", inner..2 * inner);
    let mut down = source.linear(&gated.down)?;
    let all = 0..down.rows;
    adapters.add(&mut down, "down_proj", all);
    let (norm, epsilon) = source.some_norm(layer.pre_feed_forward_norm.as_ref())?;
    Ok(FeedForwardHalf { norm: Vector::Frozen(norm), epsilon, gate_up, down, number: 2 * number as u64 + 1 })
}

fn frozen(weight: Vec<f32>, rows: usize, cols: usize, bias: Vec<f32>) -> Result<Linear, TuneError> {
    let bias = Some(bias).filter(|bias| bias.iter().any(|&value| value != 0.0));
    Ok(Linear { rows, cols, weight: Matrix::Frozen(tensor(weight, (rows, cols))?), bias, adapters: Vec::new() })
}

/// Rows whose neighbours rotate together, in the order in which the halves of a head do.
fn halves(rows: &[f32], cols: usize, head_dim: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(head_dim * cols) {
        for first in 0..2 {
            for pair in 0..head_dim / 2 {
                let row = 2 * pair + first;
                turned.extend_from_slice(&head[row * cols..(row + 1) * cols]);
            }
        }
    }
    turned
}

/// Collects the adapters of one half of a layer.
struct Adapters<'l> {
    lora: &'l Lora,
    seed: u64,
    number: usize,
    values: Vec<f32>,
}

impl Adapters<'_> {
    fn add(&mut self, linear: &mut Linear, name: &'static str, rows: std::ops::Range<usize>) {
        if !self.lora.targets.contains(&name) {
            return;
        }
        let rank = self.lora.rank;
        let key = random::mix(random::key(self.seed, name), self.number as u64);
        let bound = (linear.cols as f64).powf(-0.5);
        let start = self.values.len();
        // As PEFT begins: A is uniform, B zero.
        let a = (0..rank * linear.cols).map(|at| (bound * (2.0 * random::uniform(key, at as u64) - 1.0)) as f32);
        self.values.extend(a);
        let middle = self.values.len();
        self.values.resize(middle + rows.len() * rank, 0.0);
        let scale = self.lora.alpha / rank as f32;
        linear.adapters.push(Adapter { name, rows, a: start..middle, b: middle..self.values.len(), rank, scale });
    }

    fn placed<T>(self, half: T, parts: &mut Vec<Part>) -> Result<Placed<T>, TuneError> {
        if self.values.is_empty() {
            return Ok(Placed { half, part: None });
        }
        let count = self.values.len();
        parts.push(Part { theta: tensor(self.values, count)?, decayed: Vec::new() });
        Ok(Placed { half, part: Some(parts.len() - 1) })
    }
}

/// A checkpoint's tensors, in single precision.
struct Source<'c> {
    checkpoint: &'c Checkpoint,
}

impl Source<'_> {
    /// The rows of `of`, each of `cols` values.
    fn matrix(&self, of: &TensorRef, rows: usize, cols: usize) -> Result<Vec<f32>, TuneError> {
        let found = self.checkpoint.tensor(&of.name)?;
        let Some(row_bytes) = found.format.row_bytes(cols) else {
            return Err(TuneError::Option(format!("tensor {} has rows that are no whole blocks", of.name)));
        };
        let mut values = vec![0.0; rows * cols];
        let mut put = |to: usize, from: usize, count: usize| -> Result<(), TuneError> {
            let bytes = found.bytes.get(from * row_bytes..(from + count) * row_bytes);
            let bytes = bytes.ok_or_else(|| TuneError::Option(format!("tensor {} is too small", of.name)))?;
            found.format.decode(bytes, &mut values[to * cols..(to + count) * cols]);
            Ok(())
        };
        match &of.rows {
            Rows::All => put(0, 0, rows)?,
            Rows::Range(range) => put(0, range.start, rows)?,
            Rows::Strided { stride, start, len, groups } => {
                for group in 0..*groups {
                    put(group * len, group * stride + start, *len)?;
                }
            }
        }
        self.checkpoint.release(&of.name);
        Ok(values)
    }

    fn vector(&self, of: &TensorRef, size: usize) -> Result<Vec<f32>, TuneError> {
        self.matrix(of, size, 1)
    }

    fn linear(&self, linear: &spec::Linear) -> Result<Linear, TuneError> {
        let (rows, cols) = (linear.out_features, linear.in_features);
        let bias = match &linear.bias {
            Some(bias) => self.vector(bias, rows)?,
            None => Vec::new(),
        };
        frozen(self.matrix(&linear.weight, rows, cols)?, rows, cols, bias)
    }

    /// Weights and epsilon.
    fn norm(&self, norm: &spec::Norm) -> Result<(Vec<f32>, f32), TuneError> {
        if norm.kind != NormKind::Rms {
            return Err(TuneError::Option("the base's norms are not RMSNorm: use one of Llama's family".into()));
        }
        let mut weights = self.vector(&norm.weight, norm.size)?;
        weights.iter_mut().for_each(|weight| *weight += norm.weight_offset);
        Ok((weights, norm.epsilon))
    }

    fn some_norm(&self, norm: Option<&spec::Norm>) -> Result<(Vec<f32>, f32), TuneError> {
        match norm {
            Some(norm) => self.norm(norm),
            None => Err(TuneError::Option("the base has layers without a norm: use one of Llama's family".into())),
        }
    }
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;
