//! Sums over single tokens, and the figures made of them.

use std::fmt;

use serde::Serialize;
use whit_engine::Compared;

/// Of some values: how many, their sum and that of their squares.
#[derive(Clone, Default)]
pub struct Sums {
    count: u64,
    sum: f64,
    sum_of_squares: f64,
}

impl Sums {
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// Square of the mean's standard error.
    fn variance_of_mean(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let variance = (self.sum_of_squares / self.count as f64 - self.mean().powi(2)).max(0.0);
        variance / (self.count - 1) as f64
    }
}

/// The negative log-likelihoods of tokens.
#[derive(Default)]
pub struct Scores(Sums);

impl Scores {
    pub fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    pub fn count(&self) -> u64 {
        self.0.count
    }

    pub fn mean(&self) -> f64 {
        self.0.mean()
    }

    pub fn perplexity(&self) -> f64 {
        self.mean().exp()
    }

    /// Of the perplexity: that of the mean, times the slope of the exponential there.
    pub fn standard_error(&self) -> f64 {
        self.perplexity() * self.0.variance_of_mean().sqrt()
    }
}

/// The same tokens, foreseen by a model and by a reference.
#[derive(Default)]
pub struct Pairs {
    pub model: Scores,
    pub reference: Scores,
    /// Of the negative log-likelihoods: the model's less the reference's.
    differences: Sums,
    divergences: Sums,
    largest_divergence: f64,
    same_top: u64,
}

/// What a model loses beside a reference; the keys are promised.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// Of the perplexities, the other model's taken off.
    pub perplexity_difference: f64,
    pub perplexity_difference_standard_error: f64,
    pub perplexity_ratio: f64,
    pub perplexity_ratio_standard_error: f64,
    /// In nats, over all positions scored.
    pub mean_kl_divergence: f64,
    pub mean_kl_divergence_standard_error: f64,
    pub largest_kl_divergence: f64,
    /// Of the positions, where both hold the same token for the likeliest.
    pub same_top_token_share: f64,
}

impl Pairs {
    pub fn add(&mut self, compared: Compared) {
        self.model.add(-compared.log_likelihood);
        self.reference.add(-compared.reference_log_likelihood);
        self.differences.add(compared.reference_log_likelihood - compared.log_likelihood);
        self.divergences.add(compared.kl_divergence);
        self.largest_divergence = self.largest_divergence.max(compared.kl_divergence);
        self.same_top += u64::from(compared.same_top);
    }

    /// Both models find the same tokens hard: errors are those of paired values.
    pub fn cost(&self) -> Cost {
        let (perplexity, reference) = (self.model.perplexity(), self.reference.perplexity());
        let (ratio, variance) = (self.differences.mean().exp(), self.differences.variance_of_mean());
        let (of_model, of_reference) = (self.model.0.variance_of_mean(), self.reference.0.variance_of_mean());
        let covariance = (of_model + of_reference - variance) / 2.0;
        let of_difference = perplexity.powi(2) * of_model + reference.powi(2) * of_reference
            - 2.0 * perplexity * reference * covariance;
        Cost {
            perplexity_difference: perplexity - reference,
            perplexity_difference_standard_error: of_difference.max(0.0).sqrt(),
            perplexity_ratio: ratio,
            perplexity_ratio_standard_error: ratio * variance.sqrt(),
            mean_kl_divergence: self.divergences.mean(),
            mean_kl_divergence_standard_error: self.divergences.variance_of_mean().sqrt(),
            largest_kl_divergence: self.largest_divergence,
            same_top_token_share: self.same_top as f64 / self.model.count().max(1) as f64,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "cost           {:+.4} +/- {:.4}   (times {:.5} +/- {:.5})",
            self.perplexity_difference,
            self.perplexity_difference_standard_error,
            self.perplexity_ratio,
            self.perplexity_ratio_standard_error
        )?;
        writeln!(
            f,
            "KL divergence  {:.6} +/- {:.6}   (at most {:.4})",
            self.mean_kl_divergence, self.mean_kl_divergence_standard_error, self.largest_kl_divergence
        )?;
        writeln!(f, "same top token {:.2} %", 100.0 * self.same_top_token_share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_and_its_error_are_those_of_the_formula() {
        let mut scores = Scores::default();
        [1.0, 2.0, 3.0].into_iter().for_each(|value| scores.add(value));
        assert!((scores.perplexity() - 2f64.exp()).abs() < 1e-12);
        // Variance 2/3, over count - 1 = 2.
        assert!((scores.standard_error() - 2f64.exp() * (1f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_cost_that_is_the_same_for_every_token_is_known_exactly() {
        let mut pairs = Pairs::default();
        for (reference, same_top) in [(-1.0, true), (-2.0, true), (-6.0, false), (-3.0, true)] {
            let (kl_divergence, log_likelihood) = (0.25, reference - 0.5);
            pairs.add(Compared { log_likelihood, reference_log_likelihood: reference, kl_divergence, same_top });
        }
        let cost = pairs.cost();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-7, "{a} is not {b}");
        close(cost.perplexity_ratio, 0.5f64.exp());
        close(cost.perplexity_ratio_standard_error, 0.0);
        close(cost.perplexity_difference, 3.5f64.exp() - 3f64.exp());
        // The difference is a fixed share of a perplexity that is not known exactly.
        let share = 1.0 - (-0.5f64).exp();
        close(cost.perplexity_difference_standard_error, share * pairs.model.standard_error());
        close(cost.mean_kl_divergence, 0.25);
        close(cost.same_top_token_share, 0.75);
    }
}
