//! What an architecture file reads from: hyper-parameters out of `config.json` or a GGUF header, by whichever name the
//! source has for them. Every refusal names the file, the key and the mend.

use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use crate::error::shorten;
use crate::gguf::{Array, Metadata, Value};
use crate::{Checkpoint, Config, ModelError};

/// A hyper-parameter: its name in `config.json`, and in a GGUF header after the architecture's name and a dot. An empty
/// name says that this kind of source does not keep it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(pub &'static str, pub &'static str);

/// No count of a model is near this; larger ones are damage, and products of two still fit a `usize`.
pub(super) const LARGEST_COUNT: usize = i32::MAX as usize;

const DOWNLOAD: &str = "the file is not complete or not a language model's; download it again";

/// A checkpoint as an architecture file sees it.
pub(super) struct Source<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    /// As the source names it: `general.architecture`, `model_type`.
    pub(super) architecture: String,
    /// What stands before the names of a Hugging Face checkpoint's tensors: `model.`, for example.
    pub(super) prefix: String,
    keys: Keys<'a>,
    /// The file that holds the keys.
    path: PathBuf,
}

enum Keys<'a> {
    Gguf(&'a Metadata),
    /// The configuration of the language model, and the one around it if it is a part of something larger.
    HuggingFace(&'a Map<String, Json>, Option<&'a Map<String, Json>>),
}

/// A value found under a key.
#[derive(Clone, Copy)]
enum Found<'a> {
    Json(&'a Json),
    Gguf(&'a Value),
}

impl<'a> Source<'a> {
    /// The source of `checkpoint`, an `architecture`. The tensors' prefix is still empty.
    pub(super) fn new(checkpoint: &'a Checkpoint, architecture: String) -> Source<'a> {
        let (keys, path) = match &checkpoint.config {
            Config::Gguf(metadata) => (Keys::Gguf(metadata), checkpoint.path.clone()),
            Config::HuggingFace(config) => {
                let keys = match config.get("text_config").and_then(Json::as_object) {
                    Some(text) => Keys::HuggingFace(text, Some(config)),
                    None => Keys::HuggingFace(config, None),
                };
                (keys, checkpoint.path.join("config.json"))
            }
        };
        Source { checkpoint, architecture, prefix: String::new(), keys, path }
    }

    /// Whether the names and conventions are llama.cpp's.
    pub(super) fn is_gguf(&self) -> bool {
        matches!(self.keys, Keys::Gguf(_))
    }

    /// A whole number, or `None` if the key is absent. A GGUF list of equal numbers, one a layer, counts as that number.
    pub(super) fn optional_count(&self, key: Key) -> Result<Option<usize>, ModelError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        let count = match found {
            Found::Gguf(Value::Array(array)) => match whole_numbers(array).as_deref() {
                Some([first, rest @ ..]) if rest.iter().all(|n| n == first) => Some(*first),
                _ => {
                    return Err(self
                        .unsupported(key, "it differs from layer to layer, which this architecture's layers do not"));
                }
            },
            found => found.as_u64(),
        };
        match count {
            Some(count) if count <= LARGEST_COUNT as u64 => Ok(Some(count as usize)),
            Some(count) => Err(self.malformed(key, format!("it is {count}, more than any model has; {DOWNLOAD}"))),
            None => Err(self.malformed(key, format!("it is {found}, and a whole number is expected"))),
        }
    }

    /// A whole number that must be there and must not be zero.
    pub(super) fn count(&self, key: Key) -> Result<usize, ModelError> {
        self.count_or(key, None)
    }

    /// A whole number that must not be zero; `default` if the key is absent.
    pub(super) fn count_or(&self, key: Key, default: Option<usize>) -> Result<usize, ModelError> {
        match self.optional_count(key)?.or(default) {
            Some(0) => Err(self.malformed(key, format!("it is 0; {DOWNLOAD}"))),
            Some(count) => Ok(count),
            None => Err(self.missing(key)),
        }
    }

    /// A whole number per layer: a list of at least `layers`, or one number for all; `None` if the key is absent.
    pub(super) fn counts(&self, key: Key, layers: usize) -> Result<Option<Vec<usize>>, ModelError> {
        let numbers = match self.find(key) {
            None => return Ok(None),
            Some(Found::Gguf(Value::Array(array))) => whole_numbers(array),
            Some(Found::Json(Json::Array(array))) => array.iter().map(|v| Found::Json(v).as_u64()).collect(),
            Some(_) => self.optional_count(key)?.map(|count| vec![count as u64; layers]),
        };
        match numbers {
            Some(numbers) if numbers.len() < layers => {
                Err(self.malformed(key, format!("it has {} values for {layers} layers; {DOWNLOAD}", numbers.len())))
            }
            Some(numbers) if numbers.iter().all(|&n| n <= LARGEST_COUNT as u64) => {
                Ok(Some(numbers[..layers].iter().map(|&n| n as usize).collect()))
            }
            _ => Err(self.malformed(key, "whole numbers are expected, one a layer")),
        }
    }

    /// A list of whole numbers in `config.json`, of any length, or `None` if the key is absent.
    pub(super) fn numbers(&self, key: Key) -> Result<Option<Vec<usize>>, ModelError> {
        match self.find(key) {
            None => Ok(None),
            Some(Found::Json(Json::Array(values))) => {
                let numbers = values.iter().map(|v| Found::Json(v).as_u64().map(|n| n as usize)).collect::<Option<_>>();
                numbers.map(Some).ok_or_else(|| self.malformed(key, "a list of whole numbers is expected"))
            }
            Some(found) => Err(self.malformed(key, format!("it is {found}, and a list of whole numbers is expected"))),
        }
    }

    /// A number that is neither infinite nor NaN, or `None` if the key is absent.
    pub(super) fn optional_number(&self, key: Key) -> Result<Option<f64>, ModelError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        match found.as_f64() {
            Some(number) if number.is_finite() && (number as f32).is_finite() => Ok(Some(number)),
            _ => Err(self.malformed(key, format!("it is {found}, and a finite number is expected"))),
        }
    }

    /// A number above zero, or `default` if the key is absent.
    pub(super) fn positive(&self, key: Key, default: Option<f64>) -> Result<f32, ModelError> {
        match self.optional_number(key)?.or(default) {
            Some(number) if number as f32 > 0.0 => Ok(number as f32),
            Some(number) => Err(self.malformed(key, format!("it is {number}, and a number above 0 is expected"))),
            None => Err(self.missing(key)),
        }
    }

    /// A yes or no, or `None` if the key is absent.
    pub(super) fn flag(&self, key: Key) -> Result<Option<bool>, ModelError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        match found.as_bool() {
            Some(flag) => Ok(Some(flag)),
            None => Err(self.malformed(key, format!("it is {found}, and true or false is expected"))),
        }
    }

    /// A text, or `None` if the key is absent.
    pub(super) fn text(&self, key: Key) -> Result<Option<&'a str>, ModelError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        match found {
            Found::Json(Json::String(text)) => Ok(Some(text)),
            Found::Gguf(Value::String(text)) => Ok(Some(text)),
            _ => Err(self.malformed(key, format!("it is {found}, and a text is expected"))),
        }
    }

    /// A list of texts in `config.json`, or `None` if the key is absent.
    pub(super) fn texts(&self, key: Key) -> Result<Option<Vec<&'a str>>, ModelError> {
        match self.find(key) {
            None => Ok(None),
            Some(Found::Json(Json::Array(array))) => match array.iter().map(Json::as_str).collect() {
                Some(texts) => Ok(Some(texts)),
                None => Err(self.malformed(key, "a list of texts is expected")),
            },
            Some(found) => Err(self.malformed(key, format!("it is {found}, and a list of texts is expected"))),
        }
    }

    /// An object in `config.json`, or `None` if the key is absent.
    pub(super) fn object(&self, key: Key) -> Result<Option<&'a Map<String, Json>>, ModelError> {
        match self.find(key) {
            None => Ok(None),
            Some(Found::Json(Json::Object(object))) => Ok(Some(object)),
            Some(found) => Err(self.malformed(key, format!("it is {found}, and an object is expected"))),
        }
    }

    /// Whether `config.json` says `null` under `key`: not set, where being silent would mean the default.
    pub(super) fn is_null(&self, key: Key) -> bool {
        matches!(self.keys, Keys::HuggingFace(config, _) if config.get(key.0).is_some_and(Json::is_null))
    }

    /// Whether the value under `key` is a list.
    pub(super) fn is_list(&self, key: Key) -> bool {
        matches!(self.find(key), Some(Found::Json(Json::Array(_)) | Found::Gguf(Value::Array(_))))
    }

    /// The key is there, and its value cannot be.
    pub(super) fn malformed(&self, key: Key, problem: impl Into<String>) -> ModelError {
        ModelError::malformed(&self.path, self.item(key), problem)
    }

    /// The key's value is sound, but not one that whit can run.
    pub(super) fn unsupported(&self, key: Key, problem: impl Into<String>) -> ModelError {
        ModelError::unsupported(&self.path, self.item(key), problem)
    }

    /// The key is not there and nothing else can stand in for it.
    pub(super) fn missing(&self, key: Key) -> ModelError {
        ModelError::missing(&self.path, self.item(key), DOWNLOAD)
    }

    /// As [`Source::malformed`], for a key inside an object.
    pub(super) fn malformed_inner(&self, key: Key, inner: &str, problem: impl Into<String>) -> ModelError {
        ModelError::malformed(&self.path, format!("{}.{}", self.item(key), shorten(inner)), problem)
    }

    fn item(&self, key: Key) -> String {
        match self.keys {
            Keys::Gguf(_) => format!("key {}.{}", shorten(&self.architecture), key.1),
            Keys::HuggingFace(_, None) => format!("key {}", key.0),
            Keys::HuggingFace(_, Some(_)) => format!("key text_config.{}", key.0),
        }
    }

    fn find(&self, key: Key) -> Option<Found<'a>> {
        match self.keys {
            Keys::Gguf(_) if key.1.is_empty() => None,
            Keys::Gguf(metadata) => metadata.get(&format!("{}.{}", self.architecture, key.1)).map(Found::Gguf),
            Keys::HuggingFace(config, outer) => {
                // `"key": null` is how Hugging Face writes that it is not set.
                let set = |config: &'a Map<String, Json>| config.get(key.0).filter(|value| !value.is_null());
                // Tying is a matter of the whole model, so a multimodal configuration keeps it outside.
                let outside = || outer.filter(|_| key.0 == "tie_word_embeddings").and_then(set);
                set(config).or_else(outside).map(Found::Json)
            }
        }
    }
}

/// The values of a list of whole numbers or booleans.
fn whole_numbers(array: &Array) -> Option<Vec<u64>> {
    match array {
        Array::U8(v) => Some(v.iter().map(|&n| n.into()).collect()),
        Array::U16(v) => Some(v.iter().map(|&n| n.into()).collect()),
        Array::U32(v) => Some(v.iter().map(|&n| n.into()).collect()),
        Array::U64(v) => Some(v.clone()),
        Array::I8(v) => v.iter().map(|&n| n.try_into().ok()).collect(),
        Array::I16(v) => v.iter().map(|&n| n.try_into().ok()).collect(),
        Array::I32(v) => v.iter().map(|&n| n.try_into().ok()).collect(),
        Array::I64(v) => v.iter().map(|&n| n.try_into().ok()).collect(),
        Array::Bool(v) => Some(v.iter().map(|&b| b.into()).collect()),
        Array::F32(_) | Array::F64(_) | Array::String(_) | Array::Nested(_) => None,
    }
}

impl Found<'_> {
    fn as_u64(self) -> Option<u64> {
        match self {
            Found::Gguf(value) => value.as_u64(),
            Found::Json(value) => value.as_u64().or_else(|| {
                // Some tools write whole numbers with a decimal point.
                let number = value.as_f64()?;
                (number.fract() == 0.0 && (0.0..=LARGEST_COUNT as f64).contains(&number)).then_some(number as u64)
            }),
        }
    }

    fn as_f64(self) -> Option<f64> {
        match self {
            Found::Gguf(value) => value.as_f64(),
            Found::Json(value) => value.as_f64(),
        }
    }

    fn as_bool(self) -> Option<bool> {
        match self {
            Found::Gguf(value) => value.as_bool(),
            Found::Json(value) => value.as_bool(),
        }
    }
}

/// The value, shortened: it comes from a stranger's file.
impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::Json(Json::Array(_)) | Found::Gguf(Value::Array(_)) => f.write_str("a list"),
            Found::Json(Json::Object(_)) => f.write_str("an object"),
            Found::Json(Json::String(text)) | Found::Gguf(Value::String(text)) => write!(f, "\"{}\"", shorten(text)),
            Found::Json(value) => write!(f, "{}", shorten(&value.to_string())),
            Found::Gguf(value) => match (value.as_bool(), value.as_f64()) {
                (Some(flag), _) => write!(f, "{flag}"),
                (_, Some(number)) => write!(f, "{number}"),
                _ => f.write_str("something else"),
            },
        }
    }
}
