//! `brick.toml`: what a brick is, what it promises, and how well it keeps that.
//!
//! Read strictly: an unknown key, a number out of range or a name that is none is an error, with the line where there is one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names;
use crate::ModelError;
use crate::error::shorten;

/// The version of the format that is read and written.
pub const FORMAT: u32 = 1;
/// Stands for the input in a frame.
const INPUT: &str = "{input}";
/// A card with a claim on each of 150 labels has 30 KiB.
const MOST_BYTES: usize = 256 << 10;
const MOST_TOKENS: usize = 1 << 16;
const LONGEST_FRAME: usize = 16 << 10;
const LONGEST_LINE: usize = 300;

/// A brick's card. Serialised, it is `brick.toml` again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// [`FORMAT`].
    pub format: u32,
    /// Small letters, digits and `-`; at most 64.
    pub name: String,
    /// Of the brick: `0.1.0`.
    pub version: String,
    /// Of the brick, as SPDX has it.
    pub licence: String,
    /// One sentence.
    pub description: String,
    /// Where its weights are.
    pub model: Weights,
    /// What its answers are.
    pub contract: Contract,
    /// How an input becomes a prompt.
    pub prompt: Prompt,
    /// How the confidence of its answers is calibrated; `None`: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// How good it was found to be, a row for each set and measure.
    pub quality: Vec<Quality>,
    /// How it was made: for people, of any form.
    pub training: Map<String, Value>,
}

/// A brick's weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Weights {
    /// In the brick.
    Own {
        /// A GGUF file, or a folder as Hugging Face has it.
        weights: String,
    },
    /// A LoRA adapter on a model that the brick does not have.
    Adapter {
        /// The model, as `whit` takes one: `hf:OWNER/NAME`, ...
        base: String,
        /// `sha256:` and 64 digits: of the base's weights file.
        #[serde(skip_serializing_if = "Option::is_none")]
        base_hash: Option<String>,
        /// A folder as PEFT has it: `adapter_model.safetensors` and `adapter_config.json`.
        adapter: String,
    },
}

/// What a brick's answers are, and the file that says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Contract {
    /// A call of one of these tools (a JSON list of them, as OpenAI's API has it), or `null`.
    Tools {
        /// Its name.
        file: String,
    },
    /// A JSON text that is valid under this JSON Schema.
    Schema {
        /// Its name.
        file: String,
    },
    /// One of these labels, a line each.
    Labels {
        /// Its name.
        file: String,
    },
    /// Any text.
    Text,
}

/// How an input becomes a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prompt {
    /// What stands around the input.
    #[serde(flatten)]
    pub form: PromptForm,
    /// Longest answer.
    pub max_tokens: usize,
}

/// What stands around an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PromptForm {
    /// This text, which has `{input}` in it once.
    Frame {
        /// The text.
        frame: String,
    },
    /// The model's chat template, as a user's message.
    Chat {
        /// Always true.
        chat: bool,
        /// What to tell the model before.
        #[serde(skip_serializing_if = "Option::is_none")]
        system: Option<String>,
    },
}

/// How an answer's probability is calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confidence {
    /// What logits are divided by before they become probabilities.
    pub temperature: f32,
    /// Mean distance between what was stated and what came true, on the examples it was found on.
    pub expected_calibration_error: f64,
    /// How many these are.
    pub examples: u64,
}

/// How good a brick was found to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// On which examples: `held-out`, `handwritten`.
    pub on: String,
    /// Their file, if it is in the brick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of their file: 64 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What was counted: `exact match`.
    pub measure: String,
    /// A share, 0 to 1.
    pub value: f64,
    /// Low end of its interval of 95 % (Wilson).
    pub low: f64,
    /// High end.
    pub high: f64,
    /// How many examples there are.
    pub examples: u64,
}

impl Contract {
    /// The file that says what answers are.
    pub fn file(&self) -> Option<&str> {
        match self {
            Contract::Tools { file } | Contract::Schema { file } | Contract::Labels { file } => Some(file),
            Contract::Text => None,
        }
    }

    /// As the card has it: `tools`.
    pub fn kind(&self) -> &'static str {
        match self {
            Contract::Tools { .. } => "tools",
            Contract::Schema { .. } => "schema",
            Contract::Labels { .. } => "labels",
            Contract::Text => "text",
        }
    }
}

impl PromptForm {
    /// What stands before and after the input in a frame.
    pub fn around(frame: &str) -> (&str, &str) {
        frame.split_once(INPUT).unwrap_or(("", frame))
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    name: String,
    version: String,
    licence: String,
    description: String,
    model: ModelTable,
    contract: ContractTable,
    prompt: PromptTable,
    confidence: Option<Confidence>,
    #[serde(default)]
    quality: Vec<Quality>,
    #[serde(default)]
    training: toml::Table,
}

/// The one key that says how to read the others.
#[derive(Deserialize)]
struct OnlyFormat {
    format: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    weights: Option<String>,
    base: Option<String>,
    base_hash: Option<String>,
    adapter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractTable {
    kind: Kind,
    file: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Tools,
    Schema,
    Labels,
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptTable {
    frame: Option<String>,
    #[serde(default)]
    chat: bool,
    system: Option<String>,
    max_tokens: usize,
}

/// What is wrong, and with which key.
type Problem = (String, String);

fn wrong(key: impl Into<String>, problem: impl Into<String>) -> Problem {
    (key.into(), problem.into())
}

impl Card {
    /// Reads a card whose content is `bytes`; `path` is for messages only.
    ///
    /// # Errors
    /// [`ModelError`] with the line or the key that breaks the rules.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Card, ModelError> {
        let malformed = |problem: String| ModelError::malformed(path, "card", problem);
        if bytes.len() > MOST_BYTES {
            return Err(malformed(format!(
                "has {} bytes, and a card has at most {MOST_BYTES}; make it shorter",
                bytes.len()
            )));
        }
        // Copied first: bytes of a map are not ours alone.
        let text = String::from_utf8(bytes.to_vec()).map_err(|error| {
            malformed(format!("is not UTF-8 text (byte {}); convert it", error.utf8_error().valid_up_to()))
        })?;
        let syntax = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            malformed(format!("line {line}: {}; mend it as docs/bricks.md has it", shorten(error.message())))
        };
        let OnlyFormat { format } = toml::from_str(&text).map_err(syntax)?;
        if format != Some(toml::Value::Integer(FORMAT.into())) {
            let found = format.map_or("not given".into(), |format| shorten(&json(format).to_string()));
            let problem = format!(
                "is {found}, and this whit reads format = {FORMAT}; use a whit that knows it, or mend the card"
            );
            return Err(ModelError::unsupported(path, "key format", problem));
        }
        let file: File = toml::from_str(&text).map_err(syntax)?;
        Card::check(file).map_err(|(key, problem)| ModelError::malformed(path, format!("key {key}"), problem))
    }

    fn check(file: File) -> Result<Card, Problem> {
        check_name(&file.name)?;
        let version_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
        if file.version.is_empty() || file.version.len() > 64 || !file.version.chars().all(version_char) {
            return Err(wrong("version", "is no version; write one like 0.1.0"));
        }
        check_line("licence", &file.licence)?;
        check_line("description", &file.description)?;
        if let Some(confidence) = &file.confidence {
            confidence.check()?;
        }
        for quality in &file.quality {
            quality.check()?;
        }
        Ok(Card {
            format: file.format,
            name: file.name,
            version: file.version,
            licence: file.licence,
            description: file.description,
            model: file.model.check()?,
            contract: file.contract.check()?,
            prompt: file.prompt.check()?,
            confidence: file.confidence,
            quality: file.quality,
            training: file.training.into_iter().map(|(key, value)| (key, json(value))).collect(),
        })
    }
}

/// Whether a brick may have this name; if not, why.
fn check_name(name: &str) -> Result<(), Problem> {
    let is_usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    match name.len() <= 64 && name.starts_with(is_usual) && name.chars().all(|c| is_usual(c) || c == '-') {
        true => Ok(()),
        false => {
            Err(wrong("name", "is none for a brick; use small letters, digits and '-', at most 64, not '-' first"))
        }
    }
}

/// One line that a terminal can show.
fn check_line(key: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(wrong(key, "is empty; say it in a line"));
    }
    if text.len() > LONGEST_LINE || text.chars().any(char::is_control) {
        return Err(wrong(key, format!("is more than a line of {LONGEST_LINE} bytes; make it shorter")));
    }
    Ok(())
}

fn check_file(key: &str, name: &str) -> Result<(), Problem> {
    names::check_alone(name)
        .map_err(|problem| wrong(key, format!("the name \"{}\" {problem}; rename it", shorten(name))))
}

fn check_share(key: &str, value: f64) -> Result<(), Problem> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(wrong(key, format!("is {value}; use a share from 0 to 1"))),
    }
}

fn check_sha256(key: &str, digits: &str) -> Result<(), Problem> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match digits.len() == 64 && digits.bytes().all(is_hex) {
        true => Ok(()),
        false => Err(wrong(key, "is no SHA-256; use its 64 hexadecimal digits, in small letters")),
    }
}

impl ModelTable {
    fn check(self) -> Result<Weights, Problem> {
        match self {
            ModelTable { weights: Some(weights), base: None, base_hash: None, adapter: None } => {
                check_file("model.weights", &weights)?;
                Ok(Weights::Own { weights })
            }
            ModelTable { weights: None, base: Some(base), base_hash, adapter: Some(adapter) } => {
                check_line("model.base", &base)?;
                check_file("model.adapter", &adapter)?;
                if let Some(hash) = &base_hash {
                    check_sha256("model.base_hash", hash.strip_prefix("sha256:").unwrap_or(""))?;
                }
                Ok(Weights::Adapter { base, base_hash, adapter })
            }
            _ => Err(wrong("model", "has either weights, or base and adapter (and base_hash); give one of these")),
        }
    }
}

impl ContractTable {
    fn check(self) -> Result<Contract, Problem> {
        let Some(file) = self.file else {
            return match self.kind {
                Kind::Text => Ok(Contract::Text),
                _ => Err(wrong("contract.file", "is missing; give the file that says what answers are")),
            };
        };
        check_file("contract.file", &file)?;
        match self.kind {
            Kind::Tools => Ok(Contract::Tools { file }),
            Kind::Schema => Ok(Contract::Schema { file }),
            Kind::Labels => Ok(Contract::Labels { file }),
            Kind::Text => Err(wrong("contract.file", "says what answers of any text are; leave it out")),
        }
    }
}

impl PromptTable {
    fn check(self) -> Result<Prompt, Problem> {
        if !(1..=MOST_TOKENS).contains(&self.max_tokens) {
            return Err(wrong("prompt.max_tokens", format!("is {}; use 1 to {MOST_TOKENS}", self.max_tokens)));
        }
        let form = match (self.frame, self.chat, self.system) {
            (Some(frame), false, None) => {
                if frame.len() > LONGEST_FRAME {
                    return Err(wrong(
                        "prompt.frame",
                        format!("is longer than {LONGEST_FRAME} bytes; make it shorter"),
                    ));
                }
                if frame.matches(INPUT).count() != 1 {
                    return Err(wrong("prompt.frame", format!("must have {INPUT} in it, once; mend it")));
                }
                PromptForm::Frame { frame }
            }
            (None, true, system) => {
                if system.as_ref().is_some_and(|system| system.len() > LONGEST_FRAME) {
                    return Err(wrong(
                        "prompt.system",
                        format!("is longer than {LONGEST_FRAME} bytes; make it shorter"),
                    ));
                }
                PromptForm::Chat { chat: true, system }
            }
            _ => return Err(wrong("prompt", "has either frame, or chat = true (and system); give one of these")),
        };
        Ok(Prompt { form, max_tokens: self.max_tokens })
    }
}

impl Confidence {
    fn check(&self) -> Result<(), Problem> {
        if !(0.01..=100.0).contains(&self.temperature) {
            return Err(wrong("confidence.temperature", format!("is {}; use 0.01 to 100", self.temperature)));
        }
        check_share("confidence.expected_calibration_error", self.expected_calibration_error)?;
        check_examples("confidence.examples", self.examples)
    }
}

fn check_examples(key: &str, examples: u64) -> Result<(), Problem> {
    if examples == 0 { Err(wrong(key, "is 0; leave out what was not measured")) } else { Ok(()) }
}

impl Quality {
    fn check(&self) -> Result<(), Problem> {
        check_line("quality.on", &self.on)?;
        check_line("quality.measure", &self.measure)?;
        if let Some(file) = &self.file {
            check_file("quality.file", file)?;
        }
        if let Some(sha256) = &self.sha256 {
            check_sha256("quality.sha256", sha256)?;
        }
        for (key, value) in [("quality.value", self.value), ("quality.low", self.low), ("quality.high", self.high)] {
            check_share(key, value)?;
        }
        if !(self.low <= self.value && self.value <= self.high) {
            return Err(wrong("quality.value", "does not lie between low and high; mend them"));
        }
        check_examples("quality.examples", self.examples)
    }
}

/// A value of TOML as JSON; dates become text, and numbers that JSON does not have as well.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => number.to_string().into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}
