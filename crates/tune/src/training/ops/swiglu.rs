//! SwiGLU: `s = silu(g) * u`, with the gate `g` and `u` side by side in a row (Shazeer, 2020).

use rayon::prelude::*;

use super::CHUNK;
use super::simd::{sigmoid, vectorised};

vectorised! {
    fn forward_rows(gate_up: &'a [f32], s: &'a mut [f32], width: usize) {
        for (row, s) in gate_up.chunks_exact(2 * width).zip(s.chunks_exact_mut(width)) {
            let (gate, up) = row.split_at(width);
            for ((s, g), u) in s.iter_mut().zip(gate).zip(up) {
                *s = g * sigmoid(*g) * u;
            }
        }
    }
}

vectorised! {
    fn backward_rows(gate_up: &'a mut [f32], ds: &'a mut [f32], width: usize) {
        for (row, ds) in gate_up.chunks_exact_mut(2 * width).zip(ds.chunks_exact_mut(width)) {
            let (gate, up) = row.split_at_mut(width);
            for ((ds, g), u) in ds.iter_mut().zip(gate).zip(up) {
                let sigmoid = sigmoid(*g);
                let silu = *g * sigmoid;
                let (dg, du) = (*ds * *u * (sigmoid + silu - silu * sigmoid), *ds * silu);
                *ds = silu * *u;
                (*g, *u) = (dg, du);
            }
        }
    }
}

/// `[rows, 2 * width]` to `[rows, width]`.
pub fn forward(gate_up: &[f32], width: usize) -> Vec<f32> {
    let mut s = vec![0.0; gate_up.len() / 2];
    let chunks = gate_up.par_chunks(CHUNK * 2 * width).zip(s.par_chunks_mut(CHUNK * width));
    chunks.for_each(|(gate_up, s)| forward_rows(gate_up, s, width));
    s
}

/// Turns gate and up into their gradients, and the gradient `ds` of the result into the result itself, which whoever
/// multiplied it with a matrix needs for that matrix's gradient.
pub fn backward(gate_up: &mut [f32], ds: &mut [f32], width: usize) {
    let chunks = gate_up.par_chunks_mut(CHUNK * 2 * width).zip(ds.par_chunks_mut(CHUNK * width));
    chunks.for_each(|(gate_up, ds)| backward_rows(gate_up, ds, width));
}
