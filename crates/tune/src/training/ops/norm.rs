//! RMSNorm: `h = x / sqrt(mean(x^2) + eps) * w` (Zhang and Sennrich, 2019), row by row.

use rayon::prelude::*;

use super::CHUNK;
use super::simd::{self, vectorised};

vectorised! {
    fn forward_rows(x: &'a [f32], w: &'a [f32], epsilon: f32, h: &'a mut [f32], inverse: &'a mut [f32]) {
        let d = w.len();
        for ((x, h), inverse) in x.chunks_exact(d).zip(h.chunks_exact_mut(d)).zip(inverse) {
            *inverse = 1.0 / (simd::dot(x, x) / d as f32 + epsilon).sqrt();
            for ((h, x), w) in h.iter_mut().zip(x).zip(w) {
                *h = x * *inverse * w;
            }
        }
    }
}

vectorised! {
    fn again_rows(x: &'a [f32], w: &'a [f32], inverse: &'a [f32], h: &'a mut [f32]) {
        let d = w.len();
        for ((x, h), inverse) in x.chunks_exact(d).zip(h.chunks_exact_mut(d)).zip(inverse) {
            for ((h, x), w) in h.iter_mut().zip(x).zip(w) {
                *h = x * *inverse * w;
            }
        }
    }
}

vectorised! {
    fn backward_rows(
        x: &'a [f32],
        w: &'a [f32],
        inverse: &'a [f32],
        dh: &'a [f32],
        beside: &'a [f32],
        dx: &'a mut [f32],
        dw: &'a mut [f32],
    ) {
        let d = w.len();
        let given = x.chunks_exact(d).zip(dh.chunks_exact(d)).zip(beside.chunks_exact(d)).zip(inverse);
        for ((((x, dh), beside), &inverse), dx) in given.zip(dx.chunks_exact_mut(d)) {
            let along = simd::sum(d, |i| w[i] * dh[i] * x[i]) * inverse * inverse * inverse / d as f32;
            for i in 0..d {
                dx[i] = beside[i] + w[i] * dh[i] * inverse - x[i] * along;
            }
            for ((dw, x), dh) in dw.iter_mut().zip(x).zip(dh) {
                *dw += x * dh * inverse;
            }
        }
    }
}

/// The norm of each row of `x`, and what each row was multiplied by.
pub fn forward(x: &[f32], w: &[f32], epsilon: f32) -> (Vec<f32>, Vec<f32>) {
    let d = w.len();
    let (mut h, mut inverse) = (vec![0.0; x.len()], vec![0.0; x.len() / d]);
    let chunks = x.par_chunks(CHUNK * d).zip(h.par_chunks_mut(CHUNK * d)).zip(inverse.par_chunks_mut(CHUNK));
    chunks.for_each(|((x, h), inverse)| forward_rows(x, w, epsilon, h, inverse));
    (h, inverse)
}

/// What [`forward`] gave, from what each row was multiplied by.
pub fn again(x: &[f32], w: &[f32], inverse: &[f32]) -> Vec<f32> {
    let d = w.len();
    let mut h = vec![0.0; x.len()];
    let chunks = x.par_chunks(CHUNK * d).zip(h.par_chunks_mut(CHUNK * d)).zip(inverse.par_chunks(CHUNK));
    chunks.for_each(|((x, h), inverse)| again_rows(x, w, inverse, h));
    h
}

/// From the gradient `dh` of the norm those of `x`, to which `beside` is added (what came by the residual way), and of
/// `w`.
pub fn backward(x: &[f32], w: &[f32], inverse: &[f32], dh: &[f32], beside: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let d = w.len();
    let mut dx = vec![0.0; x.len()];
    let chunks = x
        .par_chunks(CHUNK * d)
        .zip(dh.par_chunks(CHUNK * d))
        .zip(beside.par_chunks(CHUNK * d))
        .zip(dx.par_chunks_mut(CHUNK * d))
        .zip(inverse.par_chunks(CHUNK));
    let parts: Vec<Vec<f32>> = chunks
        .map(|((((x, dh), beside), dx), inverse)| {
            let mut dw = vec![0.0; d];
            backward_rows(x, w, inverse, dh, beside, dx, &mut dw);
            dw
        })
        .collect();
    let mut dw = vec![0.0; d];
    for part in parts {
        dw.iter_mut().zip(part).for_each(|(dw, part)| *dw += part);
    }
    (dx, dw)
}
