//! How the next token is chosen: what the person says, else the model's makers, else whit.

use std::hash::{BuildHasher, RandomState};

use clap::Args;
use whit_engine::Sampling;
use whit_model::GenerationDefaults;

/// Sampling as the command line has it.
#[derive(Args, Debug, Default, PartialEq)]
#[command(
    next_help_heading = "Sampling (defaults: the model's own, from generation_config.json or GGUF keys, else as given)"
)]
pub struct SamplingArgs {
    /// How much chance there is in the choice; 0 always takes the most likely token [default: 0.8]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Choose among this many most likely tokens; 0 for all [default: 40]
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Choose among the most likely tokens that together have this probability; 1 for all [default: 0.95]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Drop tokens less likely than this share of the most likely one; 0 for none [default: 0.05]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Make tokens of prompt and answer less likely; 1 is off [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    repetition_penalty: Option<f32>,
    /// Subtract this from the logits of tokens in the answer; 0 is off
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value_t = 0.0)]
    presence_penalty: f32,
    /// Subtract this for each time a token is in the answer; 0 is off
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value_t = 0.0)]
    frequency_penalty: f32,
    /// Makes the answer repeatable [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SamplingArgs {
    /// Whether nothing was said.
    pub fn is_silent(&self) -> bool {
        *self == SamplingArgs::default()
    }

    /// Fills in what was not said.
    pub fn resolve(&self, makers: &GenerationDefaults) -> Sampling {
        Sampling {
            temperature: self.temperature.or(makers.temperature).unwrap_or(0.8),
            top_k: self.top_k.or(makers.top_k).unwrap_or(40),
            top_p: self.top_p.or(makers.top_p).unwrap_or(0.95),
            min_p: self.min_p.or(makers.min_p).unwrap_or(0.05),
            repetition_penalty: self.repetition_penalty.or(makers.repetition_penalty).unwrap_or(1.0),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: vec![],
            // A seed that can be typed again; the hasher's keys are random.
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(0u8) >> 32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_comes_before_the_makers_and_they_before_whit() {
        let args = SamplingArgs { temperature: Some(0.0), seed: Some(7), ..SamplingArgs::default() };
        let makers = GenerationDefaults { temperature: Some(0.6), top_k: Some(20), ..GenerationDefaults::default() };
        let sampling = args.resolve(&makers);
        assert_eq!((sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed), (0.0, 20, 0.95, 7));
        assert_eq!(SamplingArgs::default().resolve(&makers).temperature, 0.6);
        assert_eq!(SamplingArgs::default().resolve(&GenerationDefaults::default()).temperature, 0.8);
    }
}
