//! The loss of each answer token: minus the logarithm of the probability that the softmax of its logits gives it.

use rayon::prelude::*;

use super::simd::{self, LANES, vectorised};

vectorised! {
    fn row(logits: &'a mut [f32], target: usize, weight: f32) -> f32 {
        let mut most = [f32::NEG_INFINITY; LANES];
        let chunks = logits.chunks_exact(LANES);
        for (lane, &value) in chunks.remainder().iter().enumerate() {
            most[lane] = value;
        }
        for chunk in chunks {
            for lane in 0..LANES {
                most[lane] = most[lane].max(chunk[lane]);
            }
        }
        let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let own = logits[target] - most;
        for value in logits.iter_mut() {
            *value = simd::exp(*value - most);
        }
        let total = simd::sum(logits.len(), |i| logits[i]);
        let by = weight / total;
        for value in logits.iter_mut() {
            *value *= by;
        }
        logits[target] -= weight;
        total.ln() - own
    }
}

/// Turns each row of `logits` (`[targets.len(), vocabulary]`) into `weight` times the gradient of its loss, and gives
/// back the rows' losses.
pub fn softmax_cross_entropy(logits: &mut [f32], targets: &[u32], weight: f32) -> Vec<f32> {
    if targets.is_empty() {
        return Vec::new();
    }
    let vocabulary = logits.len() / targets.len();
    let rows = logits.par_chunks_exact_mut(vocabulary).zip(targets);
    rows.map(|(logits, &target)| row(logits, target as usize, weight)).collect()
}
