//! A decoder with random values, to be trained as a whole: Llama's, with its head tied to its embedding.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::attention::AttentionHalf;
use super::feed_forward::FeedForwardHalf;
use super::head::Head;
use super::linear::{Linear, Matrix};
use super::{Decoder, Part, Placed, Vector, Vocabulary};
use crate::training::ops::attention::Heads;
use crate::training::ops::rotary::Table;
use crate::training::random;
use crate::training::tensor::tensor;

/// Base of the rotary frequencies.
pub const THETA: f32 = 10_000.0;
/// Added to mean squares by the norms.
pub const EPSILON: f32 = 1e-5;

/// How large a decoder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Tokens it knows.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward.
    pub inner: usize,
    /// Positions.
    pub context: usize,
}

impl Sizes {
    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    fn heads(&self) -> Heads {
        let head_dim = self.head_dim();
        Heads { heads: self.heads, kv_heads: self.kv_heads, head_dim, scale: (head_dim as f32).powf(-0.5) }
    }
}

/// Puts one part's matrices and vectors one after the other.
#[derive(Default)]
struct Builder {
    values: Vec<f32>,
    decayed: Vec<std::ops::Range<usize>>,
}

impl Builder {
    fn ones(&mut self, size: usize) -> Vector {
        let start = self.values.len();
        self.values.resize(start + size, 1.0);
        Vector::Trained(start..start + size)
    }

    fn matrix(&mut self, rows: usize, cols: usize, deviation: f32, key: u64) -> Linear {
        let start = self.values.len();
        self.values.extend((0..rows * cols).map(|at| deviation * random::normal(key, at as u64)));
        self.decayed.push(start..self.values.len());
        let weight = Matrix::Trained(start..self.values.len());
        Linear { rows, cols, weight, bias: None, adapters: Vec::new() }
    }

    fn part(self) -> Result<Part> {
        let count = self.values.len();
        Ok(Part { theta: tensor(self.values, count)?, decayed: self.decayed })
    }
}

/// A decoder of `sizes` with values that `seed` decides.
///
/// # Errors
/// The training library's.
pub fn decoder(sizes: &Sizes, seed: u64) -> Result<Decoder> {
    let key = |name: &str, number: usize| random::mix(random::key(seed, name), number as u64);
    let width = sizes.width;
    // Nguyen and Salazar, 2019; branches start smaller, the more there are (Radford et al., 2019).
    let deviation = (2.0 / (5.0 * width as f32)).sqrt();
    let branch = deviation / (2.0 * sizes.layers as f32).sqrt();
    let own = key("embedding", 0);
    let embedding: Vec<f32> = (0..sizes.vocabulary * width).map(|at| 0.02 * random::normal(own, at as u64)).collect();
    let embedding = tensor(embedding, (sizes.vocabulary, width))?;
    let mut parts = vec![Part { theta: embedding, decayed: Vec::new() }];
    let heads = sizes.heads();
    let mut layers = Vec::with_capacity(sizes.layers);
    for layer in 0..sizes.layers {
        let mut builder = Builder::default();
        let half = AttentionHalf {
            norm: builder.ones(width),
            epsilon: EPSILON,
            qkv: builder.matrix(heads.width(), width, deviation, key("qkv", layer)),
            heads,
            head_norms: None,
            o: builder.matrix(width, heads.out(), branch, key("o", layer)),
            number: 2 * layer as u64,
            is_last: layer + 1 == sizes.layers,
        };
        let mixer = Placed { half, part: Some(parts.len()) };
        parts.push(builder.part()?);
        let mut builder = Builder::default();
        let half = FeedForwardHalf {
            norm: builder.ones(width),
            epsilon: EPSILON,
            gate_up: builder.matrix(2 * sizes.inner, width, deviation, key("gate_up", layer)),
            down: builder.matrix(width, sizes.inner, branch, key("down", layer)),
            number: 2 * layer as u64 + 1,
        };
        let feed_forward = Placed { half, part: Some(parts.len()) };
        parts.push(builder.part()?);
        layers.push((mixer, feed_forward));
    }
    let mut builder = Builder::default();
    let head = Head { norm: builder.ones(width), epsilon: EPSILON };
    let head = Placed { half: head, part: Some(parts.len()) };
    parts.push(builder.part()?);
    let half = sizes.head_dim() / 2;
    let inv_freq: Vec<f32> = (0..half).map(|i| THETA.powf(-(i as f32) / half as f32)).collect();
    Ok(Decoder {
        parts,
        embedding: Vocabulary::Trained(0),
        layers,
        head,
        head_matrix: Vocabulary::Trained(0),
        rotary: Arc::new(Table::new(&inv_freq, 1.0, sizes.context)),
        nothing: Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?,
    })
}
