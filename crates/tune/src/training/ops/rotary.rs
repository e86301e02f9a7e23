//! Rotary position embeddings (Su et al., 2021), pairs `i` and `i + dim / 2` as Hugging Face has them, and the norms of
//! queries and keys that some models have before it.

use rayon::prelude::*;

use super::CHUNK;
use super::simd::{self, vectorised};

/// Cosines and sines of the positions below some context.
#[derive(Debug)]
pub struct Table {
    half: usize,
    /// `[context, half]`.
    pub cos: Vec<f32>,
    /// `[context, half]`.
    pub sin: Vec<f32>,
}

impl Table {
    /// Pair `i` at position `p` turns by `p * inv_freq[i]`; cosines and sines are multiplied by `factor`.
    pub fn new(inv_freq: &[f32], factor: f32, context: usize) -> Table {
        let angles = (0..context).flat_map(|p| inv_freq.iter().map(move |f| p as f32 * f));
        let (cos, sin) = angles.map(|angle| (angle.cos() * factor, angle.sin() * factor)).unzip();
        Table { half: inv_freq.len(), cos, sin }
    }
}

vectorised! {
    fn rotate_row(row: &'a mut [f32], cos: &'a [f32], sin: &'a [f32], sign: f32) {
        let half = cos.len();
        for head in row.chunks_exact_mut(2 * half) {
            let (left, right) = head.split_at_mut(half);
            for i in 0..half {
                let (l, r, s) = (left[i], right[i], sign * sin[i]);
                left[i] = l * cos[i] - r * s;
                right[i] = r * cos[i] + l * s;
            }
        }
    }
}

/// Rotates the first `heads` heads of each row of `width` values by its position; back, if `back`.
pub fn rotate(values: &mut [f32], width: usize, heads: usize, positions: &[u32], table: &Table, back: bool) {
    let half = table.half;
    let sign = if back { -1.0 } else { 1.0 };
    values.par_chunks_mut(CHUNK * width).zip(positions.par_chunks(CHUNK)).for_each(|(values, positions)| {
        for (row, &position) in values.chunks_exact_mut(width).zip(positions) {
            let at = position as usize * half..(position as usize + 1) * half;
            rotate_row(&mut row[..2 * half * heads], &table.cos[at.clone()], &table.sin[at], sign);
        }
    });
}

/// The norms of queries and keys, head by head, with weights that stay as they are.
#[derive(Clone, Debug)]
pub struct HeadNorms {
    /// `[head_dim]`, of queries and of keys.
    pub weights: [Vec<f32>; 2],
    /// Added to the mean square.
    pub epsilon: f32,
}

vectorised! {
    fn norm_heads(row: &'a mut [f32], w: &'a [f32], epsilon: f32) {
        for head in row.chunks_exact_mut(w.len()) {
            let inverse = 1.0 / (simd::dot(head, head) / w.len() as f32 + epsilon).sqrt();
            head.iter_mut().zip(w).for_each(|(x, w)| *x *= inverse * w);
        }
    }
}

vectorised! {
    fn norm_heads_back(row: &'a [f32], dh: &'a mut [f32], w: &'a [f32], epsilon: f32) {
        let d = w.len();
        for (x, dh) in row.chunks_exact(d).zip(dh.chunks_exact_mut(d)) {
            let inverse = 1.0 / (simd::dot(x, x) / d as f32 + epsilon).sqrt();
            let along = simd::sum(d, |i| w[i] * dh[i] * x[i]) * inverse * inverse * inverse / d as f32;
            for i in 0..d {
                dh[i] = w[i] * dh[i] * inverse - x[i] * along;
            }
        }
    }
}

impl HeadNorms {
    fn parts(&self, heads: [usize; 2]) -> [(std::ops::Range<usize>, &[f32]); 2] {
        let d = self.weights[0].len();
        let [q, k] = heads;
        [(0..q * d, &self.weights[0]), (q * d..(q + k) * d, &self.weights[1])]
    }

    /// Norms the query and key heads of each row of `width` values.
    pub fn forward(&self, values: &mut [f32], width: usize, heads: [usize; 2]) {
        values.par_chunks_mut(width).for_each(|row| {
            for (at, w) in self.parts(heads) {
                norm_heads(&mut row[at], w, self.epsilon);
            }
        });
    }

    /// Turns the gradient of what [`HeadNorms::forward`] gave into that of `values`, which it was given.
    pub fn backward(&self, values: &[f32], gradient: &mut [f32], width: usize, heads: [usize; 2]) {
        gradient.par_chunks_mut(width).zip(values.par_chunks(width)).for_each(|(gradient, row)| {
            for (at, w) in self.parts(heads) {
                norm_heads_back(&row[at.clone()], &mut gradient[at], w, self.epsilon);
            }
        });
    }
}
