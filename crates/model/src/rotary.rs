//! From a [`Rotary`] to the numbers an engine multiplies positions by.
//!
//! Formulas and precision follow `modeling_rope_utils.py` of Hugging Face transformers 5, which computes in float32:
//! exponents and quotients are rounded where torch rounds them, so that a far position turns by the same angle.

use crate::spec::{Rotary, RotaryScaling};

/// What a rotary embedding computes with: pair `i` at position `p` turns by `p * inv_freq[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RotaryFrequencies {
    /// Radians per position, `[dim / 2]`.
    pub inv_freq: Vec<f32>,
    /// Cosines and sines are multiplied by this.
    pub attention_factor: f32,
}

impl Rotary {
    /// The frequencies for a context of `context` positions.
    ///
    /// Scalings that depend on the length of the sequence are fixed by the length that is planned for, so that a cached
    /// key stays right when its sequence grows: [`RotaryScaling::Dynamic`] takes the base that Hugging Face reaches at
    /// `context` positions, [`RotaryScaling::LongRope`] the long factors if `context` exceeds the original one.
    pub fn frequencies(&self, context: usize) -> RotaryFrequencies {
        let plain = || self.unscaled(f64::from(self.theta));
        let of = |inv_freq: Vec<f32>, attention_factor| RotaryFrequencies { inv_freq, attention_factor };
        match &self.scaling {
            RotaryScaling::None => of(plain(), 1.0),
            RotaryScaling::Linear { factor } => of(plain().into_iter().map(|f| f / factor).collect(), 1.0),
            RotaryScaling::Divisors(divisors) => of(self.divided(divisors), 1.0),
            &RotaryScaling::Dynamic { factor, original_context } => {
                of(self.unscaled(self.dynamic_theta(factor, original_context, context)), 1.0)
            }
            &RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let original = original_context as f64;
                let scale = |f| llama3(f, factor, low_freq_factor, high_freq_factor, original);
                of(plain().into_iter().map(scale).collect(), 1.0)
            }
            &RotaryScaling::Yarn { attention_factor, .. } => of(self.yarn(), attention_factor),
            RotaryScaling::LongRope { short_factors, long_factors, original_context, attention_factor } => {
                let factors = if context > *original_context { long_factors } else { short_factors };
                of(self.divided(factors), *attention_factor)
            }
        }
    }

    /// `theta^(2i / dim)`, the exponent and the power in float32.
    fn powers(&self, theta: f64) -> impl Iterator<Item = f32> {
        let dim = self.dim as f32;
        let theta = f64::from(theta as f32);
        (0..self.dim / 2).map(move |i| theta.powf(f64::from((2 * i) as f32 / dim)) as f32)
    }

    fn unscaled(&self, theta: f64) -> Vec<f32> {
        self.powers(theta).map(|power| 1.0 / power).collect()
    }

    fn divided(&self, divisors: &[f32]) -> Vec<f32> {
        self.powers(self.theta.into()).zip(divisors).map(|(power, divisor)| 1.0 / (divisor * power)).collect()
    }

    /// `_compute_dynamic_ntk_parameters`: a base that grows with the context.
    fn dynamic_theta(&self, factor: f32, original_context: usize, context: usize) -> f64 {
        let (factor, dim, original) = (f64::from(factor), self.dim as f64, original_context as f64);
        let context = context.max(original_context) as f64;
        f64::from(self.theta) * (factor * context / original - (factor - 1.0)).powf(dim / (dim - 2.0))
    }

    /// `_compute_yarn_parameters`: slow frequencies are interpolated, fast ones are not, and between there is a ramp.
    fn yarn(&self) -> Vec<f32> {
        let RotaryScaling::Yarn { factor, original_context, beta_fast, beta_slow, truncate, .. } = self.scaling else {
            return Vec::new();
        };
        let (dim, theta) = (self.dim as f64, f64::from(self.theta));
        // The index of the frequency that turns this often over the original context.
        let index = |rotations: f32| {
            let turns = original_context as f64 / (f64::from(rotations) * std::f64::consts::TAU);
            dim * turns.ln() / (2.0 * theta.ln())
        };
        let (low, high) = (index(beta_fast), index(beta_slow));
        let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(dim - 1.0));
        let high = if low == high { high + 0.001 } else { high };
        let (low, width) = (low as f32, (high - low) as f32);
        let blend = |(i, power): (usize, f32)| {
            let interpolated = ((i as f32 - low) / width).clamp(0.0, 1.0);
            let extrapolated = 1.0 - interpolated;
            1.0 / (factor * power) * (1.0 - extrapolated) + 1.0 / power * extrapolated
        };
        self.powers(theta).enumerate().map(blend).collect()
    }
}

/// `_compute_llama3_parameters`, for one frequency.
fn llama3(inv_freq: f32, factor: f32, low_freq_factor: f32, high_freq_factor: f32, original_context: f64) -> f32 {
    let wavelength = std::f32::consts::TAU / inv_freq;
    let longest = (original_context / f64::from(low_freq_factor)) as f32;
    let shortest = (original_context / f64::from(high_freq_factor)) as f32;
    if wavelength > longest {
        inv_freq / factor
    } else if wavelength < shortest {
        inv_freq
    } else {
        let smooth = (original_context as f32 / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
        (1.0 - smooth) * inv_freq / factor + smooth * inv_freq
    }
}

#[cfg(test)]
#[path = "rotary_tests.rs"]
mod tests;
