//! Rotary embeddings out of a GGUF header, as llama.cpp reads it.

use super::rope::RotaryDefaults;
use super::source::{Key, Source};
use crate::ModelError;
use crate::error::shorten;
use crate::spec::{Rotary, RotaryScaling};

const DIMENSION: Key = Key("", "rope.dimension_count");
const SCALING: Key = Key("", "rope.scaling.type");
const FACTOR: Key = Key("", "rope.scaling.factor");
const ORIGINAL_CONTEXT: Key = Key("", "rope.scaling.original_context_length");

impl Source<'_> {
    /// llama.cpp's keys: `llama_model_base::load_hparams` and the start of `llama_context`'s constructor.
    pub(super) fn gguf_rotary(
        &self,
        defaults: &RotaryDefaults,
        head_dim: usize,
        context: usize,
    ) -> Result<Rotary, ModelError> {
        let dim = self.optional_count(DIMENSION)?.unwrap_or(head_dim);
        self.check_dim(DIMENSION, dim, head_dim)?;
        let theta = self.optional_number(defaults.theta.0)?.unwrap_or(10_000.0);
        self.check_theta(defaults.theta.0, theta)?;
        let scaling = self.gguf_scaling(dim, context)?;
        Ok(Rotary { dim, theta: theta as f32, pairing: defaults.gguf_pairing, scaling })
    }

    fn gguf_scaling(&self, dim: usize, context: usize) -> Result<RotaryScaling, ModelError> {
        let kind = self.text(SCALING)?.unwrap_or("linear");
        let factor = match self.optional_number(FACTOR)? {
            None => self.optional_number(Key("", "rope.scale_linear"))?,
            factor => factor,
        };
        // Zero is how "not scaled" was written once.
        let factor = factor.filter(|&factor| factor != 0.0).unwrap_or(1.0) as f32;
        if factor <= 0.0 {
            return Err(self.malformed(FACTOR, format!("it is {factor}, and a number above 0 is expected")));
        }
        let attention_factor = self.positive(Key("", "rope.scaling.attn_factor"), Some(1.0))?;
        let original_context = self.count_or(ORIGINAL_CONTEXT, Some(context))?;

        let long = self.factors("rope_factors_long.weight", dim / 2)?;
        let short = self.factors("rope_factors_short.weight", dim / 2)?;
        let divisors = self.factors("rope_freqs.weight", dim / 2)?;
        if kind == "yarn" {
            let positive = |key, default| self.positive(Key("", key), Some(default));
            // llama.cpp multiplies the two; a converter writes one at most.
            let stated = self.optional_number(Key("", "rope.scaling.yarn_attn_factor"))?;
            let worked_out = if factor > 1.0 { 0.1 * factor.ln() + 1.0 } else { 1.0 };
            return Ok(RotaryScaling::Yarn {
                factor,
                original_context,
                beta_fast: positive("rope.scaling.yarn_beta_fast", 32.0)?,
                beta_slow: positive("rope.scaling.yarn_beta_slow", 1.0)?,
                attention_factor: attention_factor * stated.map_or(worked_out, |stated| stated as f32),
                truncate: true,
            });
        }
        if !matches!(kind, "linear" | "none" | "longrope") {
            let problem = format!("it is \"{}\", and whit knows none, linear, yarn and longrope", shorten(kind));
            return Err(self.unsupported(SCALING, problem));
        }
        let factor = if kind == "none" { 1.0 } else { factor };
        let scaled = |factors: Vec<f32>| factors.into_iter().map(|f| f * factor).collect::<Vec<_>>();
        Ok(match (short, long, divisors) {
            (Some(short), Some(long), None) => RotaryScaling::LongRope {
                short_factors: scaled(short),
                long_factors: scaled(long),
                original_context,
                attention_factor,
            },
            (_, _, divisors) if attention_factor != 1.0 => {
                let factors = scaled(divisors.unwrap_or_else(|| vec![1.0; dim / 2]));
                RotaryScaling::LongRope {
                    short_factors: factors.clone(),
                    long_factors: factors,
                    original_context,
                    attention_factor,
                }
            }
            (_, _, Some(divisors)) => RotaryScaling::Divisors(scaled(divisors)),
            _ if factor != 1.0 => RotaryScaling::Linear { factor },
            _ => RotaryScaling::None,
        })
    }
}
