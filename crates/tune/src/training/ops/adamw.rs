//! AdamW (Loshchilov and Hutter, 2019): Adam with weight decay that is no part of the gradient.

use rayon::prelude::*;

use super::VALUES;
use super::simd::vectorised;

/// What a step takes.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Learning rate of this step.
    pub rate: f32,
    /// How slowly the mean of gradients and that of their squares move.
    pub betas: [f32; 2],
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Part of a weight that is taken away, times the rate.
    pub decay: f32,
    /// Steps done, this one included: the means begin at zero and are corrected for that.
    pub number: u64,
    /// Gradients are multiplied by this first, so that their norm stays below a bound.
    pub scale: f32,
}

vectorised! {
    fn chunk(w: &'a mut [f32], m: &'a mut [f32], v: &'a mut [f32], g: &'a [f32], step: Step, rate: f32, root: f32) {
        let Step { betas: [b1, b2], epsilon, decay, scale, .. } = step;
        for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * scale;
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *w -= step.rate * decay * *w + rate * *m / (v.sqrt() * root + epsilon);
        }
    }
}

/// Moves `w` against the gradient `g`; `m` and `v` are the means of gradients and of their squares.
pub fn update(w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: Step) {
    let correction = |beta: f32| 1.0 - f64::from(beta).powi(i32::try_from(step.number).unwrap_or(i32::MAX));
    let rate = (f64::from(step.rate) / correction(step.betas[0])) as f32;
    let root = (1.0 / correction(step.betas[1]).sqrt()) as f32;
    let state = m.par_chunks_mut(VALUES).zip(v.par_chunks_mut(VALUES));
    let chunks = w.par_chunks_mut(VALUES).zip(state).zip(g.par_chunks(VALUES));
    chunks.for_each(|((w, (m, v)), g)| chunk(w, m, v, g, step, rate, root));
}
