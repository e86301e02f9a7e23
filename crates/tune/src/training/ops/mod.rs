//! What a step of training does beside its matrix products, on slices, each with its own backward pass.
//!
//! The training library runs elementwise operations on one thread and writes every intermediate result to memory
//! (`docs/decisions/0013-training-library.md` has what that takes). Here each thing is done in one pass over its rows,
//! in chunks that the threads share. A chunk's size does not depend on the number of threads and sums are added up in
//! the order of the chunks: the same input gives the same bits.
#![allow(
    clippy::needless_range_loop,
    reason = "a place in several slices at once is what becomes a vector, and reads as the formula"
)]

pub mod adamw;
pub mod attention;
pub mod loss;
pub mod norm;
pub mod rotary;
pub mod simd;
pub mod swiglu;

use rayon::prelude::*;

use self::simd::vectorised;

/// Rows that a thread takes at once.
pub const CHUNK: usize = 64;
/// Values that a thread takes at once where there are no rows.
const VALUES: usize = 1 << 15;

vectorised! {
    fn add_chunk(a: &'a mut [f32], b: &'a [f32]) {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    }
}

vectorised! {
    fn sum_chunk(a: &'a [f32], b: &'a [f32], out: &'a mut [f32]) {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a + b);
    }
}

vectorised! {
    fn squares_chunk(a: &'a [f32]) -> f32 {
        simd::dot(a, a)
    }
}

/// `a[i] += b[i]`.
pub fn add(a: &mut [f32], b: &[f32]) {
    a.par_chunks_mut(VALUES).zip(b.par_chunks(VALUES)).for_each(|(a, b)| add_chunk(a, b));
}

/// `a[i] + b[i]`.
pub fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; a.len()];
    let chunks = a.par_chunks(VALUES).zip(b.par_chunks(VALUES));
    out.par_chunks_mut(VALUES).zip(chunks).for_each(|(out, (a, b))| sum_chunk(a, b, out));
    out
}

/// The sum of `a[i] * a[i]`.
pub fn squares(a: &[f32]) -> f64 {
    let chunks: Vec<f32> = a.par_chunks(VALUES).map(squares_chunk).collect();
    chunks.into_iter().map(f64::from).sum()
}

/// Sets each value to zero with probability `rate` and divides the others by `1 - rate`; which ones, `key` decides
/// alone.
pub fn dropout(values: &mut [f32], rate: f32, key: u64) {
    let below = (f64::from(rate) * f64::from(u16::MAX)) as u16;
    let keep = 1.0 / (1.0 - rate);
    values.par_chunks_mut(VALUES).enumerate().for_each(|(chunk, values)| {
        for (at, values) in values.chunks_mut(4).enumerate() {
            let bits = crate::training::random::mix(key, (chunk * VALUES / 4 + at) as u64);
            for (lane, value) in values.iter_mut().enumerate() {
                *value *= if ((bits >> (16 * lane)) as u16) < below { 0.0 } else { keep };
            }
        }
    });
}

#[cfg(test)]
mod tests;
