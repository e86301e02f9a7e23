//! Rotary embeddings out of a configuration: Hugging Face's `rope_parameters` and the older `rope_theta` + `rope_scaling`
//! (semantics of `modeling_rope_utils.py` in transformers 5). A GGUF header's keys: [`super::rope_gguf`].

use serde_json::{Map, Value as Json};

use super::source::{Key, Source};
use crate::ModelError;
use crate::error::shorten;
use crate::spec::{Pairing, Rotary, RotaryScaling};

const PARAMETERS: Key = Key("rope_parameters", "");
const SCALING: Key = Key("rope_scaling", "");
const ORIGINAL_CONTEXT: Key = Key("original_max_position_embeddings", "");

/// What an architecture's configuration class says of its rotary embedding where the file is silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct RotaryDefaults {
    /// The base's older name at the top of `config.json`, and its default.
    pub theta: (Key, f64),
    /// The name and default of the rotated share of a head, for architectures that rotate a part.
    pub partial: Option<(Key, f64)>,
    /// The default of `original_max_position_embeddings` for those that keep it outside `rope_scaling`.
    pub original_context: Option<usize>,
    /// How llama.cpp's GGUF of this architecture pairs the values (`llama_model_rope_type`).
    pub gguf_pairing: Pairing,
}

impl RotaryDefaults {
    /// All of a head is rotated, with base `theta`.
    pub(super) const fn new(theta: f64, gguf_pairing: Pairing) -> RotaryDefaults {
        RotaryDefaults {
            theta: (Key("rope_theta", "rope.freq_base"), theta),
            partial: None,
            original_context: None,
            gguf_pairing,
        }
    }
}

/// One set of Hugging Face's rope parameters: the object they are in, and what is looked up around it.
struct Parameters<'a> {
    source: &'a Source<'a>,
    object: Option<&'a Map<String, Json>>,
    key: Key,
    context: usize,
    original_context: Option<usize>,
}

impl Source<'_> {
    /// The rotary embedding of heads of `head_dim` values, in a model of `context` positions.
    pub(super) fn rotary(
        &self,
        defaults: &RotaryDefaults,
        head_dim: usize,
        context: usize,
    ) -> Result<Rotary, ModelError> {
        if self.is_gguf() {
            return self.gguf_rotary(defaults, head_dim, context);
        }
        // `rope_scaling` has priority, as in transformers' `convert_rope_params_to_dict`.
        let scaling = self.object(SCALING)?.filter(|object| !object.is_empty()).map(|object| (SCALING, object));
        let found = match scaling {
            Some(found) => Some(found),
            None => self.object(PARAMETERS)?.map(|object| (PARAMETERS, object)),
        };
        let outside = self.optional_count(ORIGINAL_CONTEXT)?.or(defaults.original_context);
        let parameters = Parameters {
            source: self,
            object: found.map(|(_, object)| object),
            key: found.map_or(PARAMETERS, |(key, _)| key),
            context,
            original_context: outside,
        };
        let theta = match parameters.number("rope_theta")? {
            Some(theta) => theta,
            None => self.optional_number(defaults.theta.0)?.unwrap_or(defaults.theta.1),
        };
        let dim = match defaults.partial {
            None => head_dim,
            Some((key, default)) => {
                let share = match parameters.number("partial_rotary_factor")? {
                    Some(share) => share,
                    None => self.optional_number(key)?.unwrap_or(default),
                };
                (head_dim as f64 * share) as usize
            }
        };
        parameters.rotary(dim, head_dim, theta)
    }

    /// Gemma 3's two: of the layers that see everything, and of those with a sliding window.
    pub(super) fn rotary_by_layer_type(
        &self,
        head_dim: usize,
        context: usize,
        full_theta: (Key, f64),
        sliding_theta: (Key, f64),
    ) -> Result<[Rotary; 2], ModelError> {
        let nested = self.object(PARAMETERS)?;
        let older = self.object(SCALING)?;
        let one = |name: &str, older: Option<&Map<String, Json>>, (key, default): (Key, f64)| {
            let newer = nested.and_then(|object| object.get(name)).and_then(Json::as_object);
            // What is in the older object replaces what is in the newer, key by key.
            let mut object = newer.cloned().unwrap_or_default();
            object.extend(older.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            let key_found = if older.is_some() { SCALING } else { PARAMETERS };
            let parameters =
                Parameters { source: self, object: Some(&object), key: key_found, context, original_context: None };
            let theta = match parameters.number("rope_theta")? {
                Some(theta) => theta,
                None => self.optional_number(key)?.unwrap_or(default),
            };
            parameters.rotary(head_dim, head_dim, theta)
        };
        Ok([one("full_attention", older, full_theta)?, one("sliding_attention", None, sliding_theta)?])
    }

    pub(super) fn check_dim(&self, key: Key, dim: usize, head_dim: usize) -> Result<(), ModelError> {
        if dim == 0 || !dim.is_multiple_of(2) || dim > head_dim {
            let problem = format!(
                "{dim} of a head's {head_dim} values would be rotated, and an even number from 2 to {head_dim} is expected"
            );
            return Err(self.malformed(key, problem));
        }
        Ok(())
    }

    /// Each parameter can be in its range and the frequencies still out of theirs.
    pub(super) fn check_frequencies(&self, rotaries: &[Rotary], context: usize) -> Result<(), ModelError> {
        let sound = |rotary: &Rotary, context| rotary.frequencies(context).inv_freq.iter().all(|f| f.is_finite());
        if rotaries.iter().all(|rotary| sound(rotary, 1) && sound(rotary, context)) {
            return Ok(());
        }
        let problem = "with these parameters some frequencies are infinite; download the configuration again";
        Err(self.malformed(Key("rope_parameters", "rope.scaling.type"), problem))
    }

    pub(super) fn check_theta(&self, key: Key, theta: f64) -> Result<(), ModelError> {
        if theta as f32 <= 1.0 {
            return Err(self.malformed(key, format!("the base is {theta}, and a number above 1 is expected")));
        }
        Ok(())
    }
}

impl Parameters<'_> {
    fn rotary(&self, dim: usize, head_dim: usize, theta: f64) -> Result<Rotary, ModelError> {
        self.source.check_dim(self.key, dim, head_dim)?;
        self.source.check_theta(self.key, theta)?;
        Ok(Rotary { dim, theta: theta as f32, pairing: Pairing::Half, scaling: self.scaling(dim)? })
    }

    fn scaling(&self, dim: usize) -> Result<RotaryScaling, ModelError> {
        let kind = match self.get("rope_type").or_else(|| self.get("type")) {
            None => "default",
            Some(Json::String(kind)) => kind,
            Some(_) => return Err(self.malformed("rope_type", "a text is expected")),
        };
        match kind {
            "default" => Ok(RotaryScaling::None),
            "linear" => Ok(RotaryScaling::Linear { factor: self.factor()? }),
            "dynamic" if dim > 2 => {
                Ok(RotaryScaling::Dynamic { factor: self.factor()?, original_context: self.context })
            }
            // Phi-3's first configurations called LongRoPE "su", and a later one "yarn".
            "yarn" if self.get("short_factor").is_none() => self.yarn(),
            "longrope" | "su" | "yarn" => self.longrope(dim),
            "llama3" => Ok(RotaryScaling::Llama3 {
                factor: self.factor()?,
                low_freq_factor: self.positive("low_freq_factor")?,
                high_freq_factor: self.positive("high_freq_factor")?,
                original_context: self.original_context()?,
            }),
            other => Err(self.source.unsupported(
                self.key,
                format!(
                    "the rope type \"{}\" over {dim} values is not one whit knows: default, linear, dynamic, yarn, llama3, longrope",
                    shorten(other)
                ),
            )),
        }
    }

    /// `_compute_yarn_parameters`
    fn yarn(&self) -> Result<RotaryScaling, ModelError> {
        let original_context = self.original_context()?;
        let factor = match self.number("factor")? {
            Some(factor) => factor,
            None => self.context as f64 / original_context as f64,
        };
        self.above_zero("factor", factor)?;
        let mscale = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
        let set = |number: Option<f64>| number.filter(|&number| number != 0.0);
        let attention_factor = match self.number("attention_factor")? {
            Some(attention_factor) => attention_factor,
            None => match (set(self.number("mscale")?), set(self.number("mscale_all_dim")?)) {
                (Some(one), Some(all)) => mscale(one) / mscale(all),
                _ => mscale(1.0),
            },
        };
        let truncate = match self.get("truncate") {
            None => true,
            Some(truncate) => {
                truncate.as_bool().ok_or_else(|| self.malformed("truncate", "true or false is expected"))?
            }
        };
        Ok(RotaryScaling::Yarn {
            factor: factor as f32,
            original_context,
            beta_fast: self.above_zero("beta_fast", set(self.number("beta_fast")?).unwrap_or(32.0))?,
            beta_slow: self.above_zero("beta_slow", set(self.number("beta_slow")?).unwrap_or(1.0))?,
            attention_factor: self.above_zero("attention_factor", attention_factor)?,
            truncate,
        })
    }

    /// `_compute_longrope_parameters`
    fn longrope(&self, dim: usize) -> Result<RotaryScaling, ModelError> {
        let original_context = self.original_context()?;
        let attention_factor = match self.number("attention_factor")? {
            Some(attention_factor) => attention_factor,
            None => {
                let implied = self.context as f64 / original_context as f64;
                let factor = self.number("factor")?.unwrap_or(implied);
                if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / (original_context as f64).ln()).sqrt() }
            }
        };
        Ok(RotaryScaling::LongRope {
            short_factors: self.factors("short_factor", dim / 2)?,
            long_factors: self.factors("long_factor", dim / 2)?,
            original_context,
            attention_factor: self.above_zero("attention_factor", attention_factor)?,
        })
    }

    fn get(&self, name: &str) -> Option<&Json> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    fn number(&self, name: &str) -> Result<Option<f64>, ModelError> {
        match self.get(name).map(Json::as_f64) {
            None => Ok(None),
            Some(Some(number)) if (number as f32).is_finite() => Ok(Some(number)),
            Some(_) => Err(self.malformed(name, "a finite number is expected")),
        }
    }

    fn positive(&self, name: &str) -> Result<f32, ModelError> {
        match self.number(name)? {
            Some(number) => self.above_zero(name, number),
            None => Err(self.malformed(name, "it is missing; download config.json again")),
        }
    }

    fn above_zero(&self, name: &str, number: f64) -> Result<f32, ModelError> {
        let number = number as f32;
        // An infinity can come out of a quotient of finite numbers.
        if number > 0.0 && number.is_finite() {
            Ok(number)
        } else {
            Err(self.malformed(name, format!("it is {number}, and a number above 0 is expected")))
        }
    }

    fn factor(&self) -> Result<f32, ModelError> {
        self.positive("factor")
    }

    /// Outside the object if it is there (Phi-3), in it, or the model's context.
    fn original_context(&self) -> Result<usize, ModelError> {
        let inside = match self.get("original_max_position_embeddings") {
            None => None,
            Some(value) => match value.as_u64() {
                Some(count) if count > 0 && count <= i32::MAX as u64 => Some(count as usize),
                _ => {
                    return Err(self.malformed("original_max_position_embeddings", "a number of positions is expected"));
                }
            },
        };
        match self.original_context.or(inside).unwrap_or(self.context) {
            // The logarithm of the context is divided by.
            context @ 0..=1 => {
                let problem = format!("it is {context}; download config.json again");
                Err(self.malformed("original_max_position_embeddings", problem))
            }
            context => Ok(context),
        }
    }

    fn factors(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let factors = match self.get(name) {
            Some(Json::Array(values)) => values
                .iter()
                .map(|value| value.as_f64().map(|v| v as f32).filter(|v| v.is_finite() && *v > 0.0))
                .collect::<Option<Vec<f32>>>(),
            _ => None,
        };
        match factors {
            Some(factors) if factors.len() == len => Ok(factors),
            _ => Err(self.malformed(name, format!("a list of {len} numbers above 0 is expected"))),
        }
    }

    fn malformed(&self, name: &str, problem: impl Into<String>) -> ModelError {
        self.source.malformed_inner(self.key, name, problem)
    }
}
