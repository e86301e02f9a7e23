//! How the next token is chosen: the fields that chat and completions share.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;
use utoipa::ToSchema;
use whit_engine::{Request, Sampling};
use whit_model::GenerationDefaults;

use super::fields::integer;
use super::{ApiError, Budget, Fields};

/// Most stop texts, and bytes of one: every one of them is looked for after every token.
const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 1024;
/// Most characters of a `user`, which the log repeats.
const LONGEST_USER: usize = 512;
/// Most tokens with a bias.
const MOST_BIASES: usize = 1024;

/// What chat and completions have in common. Where a request is silent the model's makers are heard (`generation_config.json`), then
/// OpenAI's defaults.
#[derive(Clone, Debug, Default, PartialEq, ToSchema)]
pub struct SamplingFields {
    /// How much chance there is in the choice; 0 always takes the most likely token.
    #[schema(minimum = 0, maximum = 2)]
    pub temperature: Option<f32>,
    /// Choose among the most likely tokens that together have this probability.
    #[schema(minimum = 0, maximum = 1)]
    pub top_p: Option<f32>,
    /// Choose among this many most likely tokens; 0 or -1 for all.
    #[schema(minimum = -1)]
    pub top_k: Option<i64>,
    /// Drop tokens less likely than this share of the most likely one.
    #[schema(minimum = 0, maximum = 1)]
    pub min_p: Option<f32>,
    /// Makes the answer repeatable.
    pub seed: Option<i64>,
    /// Subtracted once from the logit of every token seen in the answer.
    #[schema(minimum = -2, maximum = 2)]
    pub presence_penalty: Option<f32>,
    /// Subtracted for each time a token was seen in the answer.
    #[schema(minimum = -2, maximum = 2)]
    pub frequency_penalty: Option<f32>,
    /// Makes tokens of prompt and answer less likely; 1 is off.
    #[schema(minimum = 0.01, maximum = 100)]
    pub repetition_penalty: Option<f32>,
    /// Added to the logits of tokens, by their ids.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Texts that end the answer: one, or up to sixteen.
    #[schema(value_type = Option<OneOrMany>)]
    pub stop: Option<Vec<String>>,
    /// Goes on after tokens that end an answer, up to the longest answer allowed.
    pub ignore_eos: Option<bool>,
    /// Seconds after which the answer ends with what there is of it, waiting included.
    #[schema(minimum = 0.001, maximum = 86400)]
    pub timeout: Option<f32>,
    /// Answers to give.
    #[schema(minimum = 1, maximum = 128)]
    pub n: Option<usize>,
    /// Who asks: those who wait take turns, and the log names them.
    #[schema(max_length = 512)]
    pub user: Option<String>,
    /// The newer name of `user`; it goes before that.
    #[schema(value_type = Option<String>, max_length = 512)]
    pub safety_identifier: (),
    /// A hint on which cache to look into. There is one, for everybody, and what is in it is found without a hint: it changes nothing.
    #[schema(value_type = Option<String>)]
    pub prompt_cache_key: (),
    /// What it may cost. An extension of OpenAI's completions.
    #[schema(rename = "whit")]
    pub budget: Option<Budget>,
}

/// A text, or several, for the schema.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl SamplingFields {
    /// Takes them.
    ///
    /// # Errors
    /// The first value that is out of range.
    pub(super) fn read(fields: &mut Fields) -> Result<SamplingFields, ApiError> {
        Ok(SamplingFields {
            temperature: fields.number("temperature", 0.0..=2.0)?,
            top_p: fields.number("top_p", 0.0..=1.0)?,
            top_k: fields.integer("top_k", -1..=i64::MAX)?,
            min_p: fields.number("min_p", 0.0..=1.0)?,
            seed: fields.integer("seed", i64::MIN..=i64::MAX)?,
            presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?,
            frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?,
            repetition_penalty: fields.number("repetition_penalty", 0.01..=100.0)?,
            logit_bias: read_bias(fields)?,
            stop: read_stop(fields)?,
            ignore_eos: fields.boolean("ignore_eos")?,
            n: fields.count("n", 1..=128)?,
            ..SamplingFields::read_terms(fields)?
        })
    }

    /// Takes those that are not about the choice of tokens: who asks, how long they wait, what it may cost.
    ///
    /// # Errors
    /// The first value that is out of range.
    pub(super) fn read_terms(fields: &mut Fields) -> Result<SamplingFields, ApiError> {
        Ok(SamplingFields {
            timeout: fields.number("timeout", 0.001..=86_400.0)?,
            user: read_name(fields, "safety_identifier")?.or(read_name(fields, "user")?),
            safety_identifier: (),
            prompt_cache_key: fields.string("prompt_cache_key").map(drop)?,
            budget: Budget::read(fields)?,
            ..SamplingFields::default()
        })
    }

    /// Answers wanted.
    pub fn choices(&self) -> usize {
        self.n.unwrap_or(1)
    }

    /// The engine's request for choice number `choice` after `prompt`. Seeds count up from choice to choice.
    pub fn request(
        &self,
        prompt: Vec<u32>,
        choice: usize,
        makers: &GenerationDefaults,
        end_tokens: &[u32],
        first_seed: u64,
    ) -> Request {
        let top_k = self.top_k.map(|k| usize::try_from(k).unwrap_or(0));
        let bias = self.logit_bias.iter().flatten();
        Request {
            sampling: Sampling {
                temperature: self.temperature.or(makers.temperature).unwrap_or(1.0),
                top_k: top_k.or(makers.top_k).unwrap_or(0),
                top_p: self.top_p.or(makers.top_p).unwrap_or(1.0),
                min_p: self.min_p.or(makers.min_p).unwrap_or(0.0),
                repetition_penalty: self.repetition_penalty.or(makers.repetition_penalty).unwrap_or(1.0),
                presence_penalty: self.presence_penalty.unwrap_or(0.0),
                frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
                // Read already: every key is a token id.
                logit_bias: bias.filter_map(|(id, bias)| Some((id.parse().ok()?, *bias))).collect(),
                seed: first_seed.wrapping_add(choice as u64),
            },
            stop_tokens: if self.ignore_eos == Some(true) { vec![] } else { end_tokens.to_vec() },
            stop: self.stop.clone().unwrap_or_default(),
            ..Request::new(prompt)
        }
    }

    /// The seed asked for, or one by chance.
    pub fn first_seed(&self) -> u64 {
        // The hasher's keys are random.
        self.seed.map_or_else(|| RandomState::new().hash_one(0u8), i64::cast_unsigned)
    }
}

fn read_stop(fields: &mut Fields) -> Result<Option<Vec<String>>, ApiError> {
    const WANTED: &str = "a string or a list of up to 16 strings of 1 to 1024 bytes";
    let stops = match fields.value("stop") {
        None => return Ok(None),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) if items.len() <= MOST_STOPS => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => Ok(text),
                other => Err(fields.wrong("stop", &other, WANTED)),
            });
            texts.collect::<Result<_, _>>()?
        }
        Some(other) => return Err(fields.wrong("stop", &other, WANTED)),
    };
    match stops.iter().find(|stop| !(1..=LONGEST_STOP).contains(&stop.len())) {
        Some(stop) => Err(fields.wrong("stop", &Value::String(stop.clone()), WANTED)),
        None => Ok(Some(stops)),
    }
}

/// Takes the name of a user from this field.
pub(super) fn read_name(fields: &mut Fields, name: &str) -> Result<Option<String>, ApiError> {
    match fields.string(name)? {
        Some(user) if user.chars().nth(LONGEST_USER).is_some() => {
            Err(fields.wrong(name, &Value::String(user), "up to 512 characters"))
        }
        user => Ok(user),
    }
}

fn read_bias(fields: &mut Fields) -> Result<Option<BTreeMap<String, f32>>, ApiError> {
    const WANTED: &str = "an object of up to 1024 token ids with numbers from -100 to 100";
    let entries = match fields.value("logit_bias") {
        None => return Ok(None),
        Some(Value::Object(entries)) if entries.len() <= MOST_BIASES => entries,
        Some(other) => return Err(fields.wrong("logit_bias", &other, WANTED)),
    };
    let mut bias = BTreeMap::new();
    for (id, value) in entries {
        match (id.parse::<u32>(), value.as_f64()) {
            (Ok(_), Some(number)) if (-100.0..=100.0).contains(&number) => {
                bias.insert(id, number as f32);
            }
            _ => return Err(fields.wrong("logit_bias", &Value::Object([(id, value)].into_iter().collect()), WANTED)),
        }
    }
    Ok(Some(bias))
}

/// Reads a list of token ids at `path`.
pub(super) fn token_ids(items: &[Value], path: &str) -> Result<Vec<u32>, ApiError> {
    let ids = items.iter().map(|item| integer(item).and_then(|id| u32::try_from(id).ok()));
    ids.collect::<Option<_>>()
        .ok_or_else(|| ApiError::invalid(format!("{path} holds something that is no token id")).param(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SamplingFields, ApiError> {
        SamplingFields::read(&mut Fields::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_request_comes_before_the_makers_and_they_before_openai() {
        let makers = GenerationDefaults { temperature: Some(0.6), top_k: Some(20), ..GenerationDefaults::default() };
        let said = read(r#"{"temperature": 0, "seed": -1}"#).unwrap();
        let sampling = said.request(vec![1], 0, &makers, &[2], said.first_seed()).sampling;
        assert_eq!((sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed), (0.0, 20, 1.0, u64::MAX));
        let silent = SamplingFields::default();
        assert_eq!(silent.request(vec![1], 0, &makers, &[], 0).sampling.temperature, 0.6);
        assert_eq!(silent.request(vec![1], 0, &GenerationDefaults::default(), &[], 0).sampling.temperature, 1.0);
    }

    #[test]
    fn a_million_stops_or_biases_are_refused() {
        let stops = vec!["\"a\""; 1_000_000].join(",");
        assert!(read(&format!("{{\"stop\": [{stops}]}}")).is_err());
        for text in
            [r#"{"stop": ""}"#, r#"{"stop": [1]}"#, r#"{"logit_bias": {"a": 1}}"#, r#"{"logit_bias": {"1": 101}}"#]
        {
            assert_eq!(read(text).unwrap_err().status(), 400, "{text}");
        }
        assert_eq!(read(r#"{"stop": "x"}"#).unwrap().stop, Some(vec!["x".to_owned()]));
    }

    #[test]
    fn a_user_has_a_name_and_not_a_book() {
        let read = |length| read(&format!("{{\"user\": \"{}\"}}", "é".repeat(length)));
        assert_eq!(read(512).unwrap().user.unwrap().chars().count(), 512);
        assert_eq!(read(513).unwrap_err().into_body().error.param.as_deref(), Some("user"));
    }

    #[test]
    fn a_user_goes_by_the_newer_name_too() {
        let user = |text: &str| read(text).unwrap().user;
        assert_eq!(user(r#"{"safety_identifier": "a"}"#).as_deref(), Some("a"));
        assert_eq!(user(r#"{"safety_identifier": "a", "user": "b"}"#).as_deref(), Some("a"));
        assert_eq!(user(r#"{"safety_identifier": null, "user": "b", "prompt_cache_key": "c"}"#).as_deref(), Some("b"));
        for (text, param) in [
            (format!(r#"{{"safety_identifier": "{}"}}"#, "a".repeat(513)), "safety_identifier"),
            (r#"{"prompt_cache_key": 1}"#.to_owned(), "prompt_cache_key"),
        ] {
            assert_eq!(read(&text).unwrap_err().into_body().error.param.as_deref(), Some(param));
        }
    }
}
