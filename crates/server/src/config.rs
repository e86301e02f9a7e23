//! What a server is to do: its models, its address, its limits. From `whit.toml`, from arguments, or both.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use whit_engine::{KvFormat, Options, WeightFormat};
use whit_meter::ledger::{self, Record, Redaction};
use whit_meter::{Choice, Idle, Promise, Tariff, parse_duration};

use crate::ServerError;
use crate::size::parse_size;

/// Everything a server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Models, at least one.
    pub models: Vec<ModelConfig>,
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Keys of which a client must have one; none: anybody may ask.
    pub api_keys: Vec<ApiKey>,
    /// What the holders of keys may use, by the keys' names.
    pub key_limits: BTreeMap<String, KeyLimits>,
    /// Anybody may ask, from anywhere.
    pub allow_anonymous: bool,
    /// Origins of web pages that may ask; `*` is any. None: no page may.
    pub cors_origins: Vec<String>,
    /// Certificate and key in PEM files.
    pub tls: Option<TlsFiles>,
    /// Bytes for all models together. `None`: each may have what is free.
    pub memory: Option<u64>,
    /// Unload a model that nobody asked for so long. `None`: only when memory is needed.
    pub idle_unload: Option<Duration>,
    /// What a client may ask of the server.
    pub limits: Limits,
    /// How it is counted what answers cost.
    pub meter: MeterConfig,
    /// What energy and the machine cost.
    pub tariff: Tariff,
    /// A promise on what tokens cost.
    pub guarantee: Option<Promise>,
    /// Where requests are kept, and what of them.
    pub ledger: LedgerConfig,
}

/// A key, and what its holder is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// As `[key.NAME]` and the log call it.
    pub name: Option<String>,
    /// The key itself.
    pub key: String,
}

impl From<&str> for ApiKey {
    /// A key without a name.
    fn from(key: &str) -> ApiKey {
        ApiKey { name: None, key: key.to_owned() }
    }
}

/// What a holder of a key may use: `[key.NAME]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// Joules of all its requests within a day.
    #[serde(deserialize_with = "amount")]
    pub joules_per_day: Option<f64>,
    /// Dollars of all its requests within a day.
    #[serde(deserialize_with = "amount")]
    pub dollars_per_day: Option<f64>,
    /// Joules of one request.
    #[serde(deserialize_with = "amount")]
    pub max_joules: Option<f64>,
    /// Dollars of one request.
    #[serde(deserialize_with = "amount")]
    pub max_dollars: Option<f64>,
    /// Bytes of KV cache of one request.
    #[serde(deserialize_with = "maybe_size")]
    pub max_bytes: Option<u64>,
}

impl KeyLimits {
    fn names_joules(&self) -> bool {
        self.joules_per_day.or(self.max_joules).is_some()
    }

    fn names_dollars(&self) -> bool {
        self.dollars_per_day.or(self.max_dollars).is_some()
    }
}

/// How it is counted what answers cost: `[meter]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeterConfig {
    /// Where figures of power come from.
    #[serde(deserialize_with = "meter_source")]
    pub source: MeterSource,
    /// What becomes of the energy of time in which nothing runs.
    pub idle: Idle,
    /// Operations that take the machine as long as reading a byte: peak operations per second over read bandwidth. `None`: as
    /// [`Balance::default`](whit_meter::Balance) has it.
    pub operations_per_byte: Option<u32>,
}

/// Where figures of power come from: `off`, or as [`Choice`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterSource {
    /// Nowhere: nothing is metered.
    Off,
    /// From a source.
    On(Choice),
}

impl Default for MeterSource {
    fn default() -> MeterSource {
        MeterSource::On(Choice::default())
    }
}

impl FromStr for MeterSource {
    type Err = String;

    fn from_str(text: &str) -> Result<MeterSource, String> {
        match text {
            "off" => Ok(MeterSource::Off),
            _ => text.parse().map(MeterSource::On).map_err(|why: String| format!("{why}; 'off' meters nothing")),
        }
    }
}

/// A row for every request: `[ledger]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// The file. `None`: no row is kept.
    pub path: Option<PathBuf>,
    /// Requests that came longer ago are removed: `"90d"`.
    #[serde(deserialize_with = "maybe_age")]
    pub retention: Option<Duration>,
    /// Bytes of the file above which the oldest requests are removed.
    #[serde(deserialize_with = "maybe_size")]
    pub max_size: Option<u64>,
    /// What is kept of prompts and answers.
    pub record: Record,
    /// Patterns of what is blotted out of those that are kept in full.
    pub redact: Vec<String>,
}

impl LedgerConfig {
    /// As the ledger takes it.
    ///
    /// # Errors
    /// [`ServerError::Config`] with the first pattern that is none.
    pub(crate) fn options(&self) -> Result<ledger::Options, ServerError> {
        let redaction = Redaction::new(&self.redact);
        let redaction = redaction.map_err(|why| ServerError::Config(format!("[ledger] redact: {why}")))?;
        let LedgerConfig { retention, max_size, record, .. } = *self;
        Ok(ledger::Options { retention, max_size, record, redaction })
    }
}

/// A model to offer.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// What requests call it.
    pub name: String,
    /// Where it is: whatever the [`Loader`](crate::Loader) understands.
    pub source: String,
    /// It is a brick.
    pub is_brick: bool,
    /// How it is loaded. `memory` is set by the server, from what is left.
    pub options: Options,
    /// Load it at start, not when it is first asked for.
    pub preload: bool,
    /// Adapters on it, loaded with it.
    pub adapters: Vec<AdapterConfig>,
}

impl ModelConfig {
    /// What requests may call it: its own name, then those of its adapters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.adapters.iter().map(|adapter| &*adapter.name))
    }
}

/// An adapter on a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterConfig {
    /// What requests call the model with it, in place of the model.
    pub name: String,
    /// Its folder, as PEFT saves them.
    pub folder: PathBuf,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Bounds on what a client can cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body.
    #[serde(deserialize_with = "size")]
    pub body_bytes: usize,
    /// Bytes of a request's head.
    #[serde(deserialize_with = "size")]
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Tokens of a prompt. `None`: the context.
    pub prompt_tokens: Option<usize>,
    /// Tokens of an answer. `None`: what the context leaves.
    pub answer_tokens: Option<usize>,
    /// Answers of one call: prompts times `n`.
    pub choices: usize,
    /// Requests of a model that run or wait at once; more are told to come back.
    pub queue: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Time for a request's head to arrive; also how long an unused connection is kept.
    #[serde(deserialize_with = "seconds")]
    pub header_timeout: Duration,
    /// Time for a request's body to arrive.
    #[serde(deserialize_with = "seconds")]
    pub body_timeout: Duration,
    /// Time that a client may take no byte of an answer.
    #[serde(deserialize_with = "seconds")]
    pub write_timeout: Duration,
    /// Time that a client may be behind: that there may be something of an answer that it has not taken.
    #[serde(deserialize_with = "seconds")]
    pub send_timeout: Duration,
    /// Time that requests wait for a model to load.
    #[serde(deserialize_with = "seconds")]
    pub load_timeout: Duration,
    /// Time that an answer may take, waiting included: then it ends with what there is of it.
    #[serde(deserialize_with = "seconds")]
    pub answer_timeout: Duration,
    /// Time that answers have to end once the server was told to stop.
    #[serde(deserialize_with = "seconds")]
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 4 << 20,
            header_bytes: 32 << 10,
            headers: 100,
            prompt_tokens: None,
            answer_tokens: None,
            choices: 128,
            queue: 256,
            connections: 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(300),
            load_timeout: Duration::from_secs(600),
            answer_timeout: Duration::from_secs(3600),
            drain_timeout: Duration::from_secs(60),
        }
    }
}

/// What a port is when nothing is said.
pub const USUAL_PORT: u16 = 8000;

impl Default for Config {
    fn default() -> Config {
        Config {
            models: vec![],
            host: Ipv4Addr::LOCALHOST.into(),
            port: USUAL_PORT,
            api_keys: vec![],
            key_limits: BTreeMap::new(),
            allow_anonymous: false,
            cors_origins: vec![],
            tls: None,
            memory: None,
            idle_unload: None,
            limits: Limits::default(),
            meter: MeterConfig::default(),
            tariff: Tariff::default(),
            guarantee: None,
            ledger: LedgerConfig::default(),
        }
    }
}

impl Config {
    /// Checks what can be checked without opening a model.
    ///
    /// # Errors
    /// [`ServerError::Config`] with the mend.
    pub fn check(&self) -> Result<(), ServerError> {
        let wrong = |message: String| Err(ServerError::Config(message));
        if self.models.is_empty() {
            return wrong("there is no model to serve: name one, or a brick".into());
        }
        let names: Vec<&str> = self.models.iter().flat_map(ModelConfig::names).collect();
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() || name.chars().any(char::is_control) {
                return wrong(format!("'{}' cannot be a model's name", name.escape_debug()));
            }
            if names[..at].contains(name) {
                return wrong(format!("two models are called {name}: give one of them another name"));
            }
        }
        if !self.host.is_loopback() && self.api_keys.is_empty() && !self.allow_anonymous {
            return wrong(format!(
                "{} can be reached from other machines: ask for a key with --api-key or --api-key-file, or let anybody in with \
                 --allow-anonymous",
                self.host
            ));
        }
        // Those of a file have been looked at with their lines.
        if let Some((at, problem)) =
            self.api_keys.iter().enumerate().find_map(|(at, key)| Some((at, key_problem(&key.key)?)))
        {
            return wrong(format!("API key {} of {}: {problem}", at + 1, self.api_keys.len()));
        }
        self.check_costs()?;
        self.check_ledger()?;
        let limits = &self.limits;
        let least = [
            ("choices", limits.choices, 1),
            ("queue", limits.queue, 1),
            ("connections", limits.connections, 1),
            ("headers", limits.headers, 1),
            ("header_bytes", limits.header_bytes, 1024),
            ("body_bytes", limits.body_bytes, 1024),
            ("prompt_tokens", limits.prompt_tokens.unwrap_or(usize::MAX), 1),
            ("answer_tokens", limits.answer_tokens.unwrap_or(usize::MAX), 1),
        ];
        match least.into_iter().find(|&(_, value, least)| value < least) {
            Some((name, value, least)) => {
                wrong(format!("[limits] {name} is {value}, which lets nobody in: use {least} or more"))
            }
            None => Ok(()),
        }
    }

    /// Checks what is said of the ledger, without opening it.
    fn check_ledger(&self) -> Result<(), ServerError> {
        if self.ledger.path.is_none() && self.ledger != LedgerConfig::default() {
            let message = "[ledger] says what is kept and not where: give it a path, here or with --ledger";
            return Err(ServerError::Config(message.into()));
        }
        if self.ledger.record != Record::Full && !self.ledger.redact.is_empty() {
            let message =
                "[ledger] redact blots out of texts, and none are kept: leave it out, or say record = \"full\"";
            return Err(ServerError::Config(message.into()));
        }
        self.ledger.options().map(drop)
    }

    /// Whether something is promised or limited that a meter must tell.
    pub(crate) fn needs_meter(&self) -> bool {
        let is_limited = |limits: &KeyLimits| limits.names_joules() || limits.names_dollars();
        self.guarantee.is_some() || self.key_limits.values().any(is_limited)
    }

    /// Checks what is said of costs.
    fn check_costs(&self) -> Result<(), ServerError> {
        let wrong = |message: String| Err(ServerError::Config(message));
        if self.meter.operations_per_byte == Some(0) {
            return wrong(
                "[meter] operations_per_byte = 0: it is GOP/s over GB/s of whit bench machine, 1 or more".into(),
            );
        }
        let is_off = self.meter.source == MeterSource::Off;
        if is_off && self.guarantee.is_some() {
            return wrong(
                "[guarantee] promises something of energy, and the meter is off: leave out one of them".into(),
            );
        }
        for (name, limits) in &self.key_limits {
            if !self.api_keys.iter().any(|key| key.name.as_ref() == Some(name)) {
                return wrong(format!(
                    "[key.{name}] is about a key that is not there: a line '{name} KEY' of the file of keys names it"
                ));
            }
            if is_off && (limits.names_joules() || limits.names_dollars()) {
                return wrong(format!("[key.{name}] limits joules or dollars, and the meter is off: turn it on"));
            }
            if limits.names_dollars() && !self.tariff.has_price() {
                return wrong(format!(
                    "[key.{name}] limits dollars, and nothing has a price: say in [tariff] what electricity or the machine costs"
                ));
            }
        }
        Ok(())
    }
}

/// `whit.toml`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// As [`Config::host`].
    pub host: Option<IpAddr>,
    /// As [`Config::port`].
    pub port: Option<u16>,
    /// A file of keys, one a line, beside the configuration if its path is relative.
    pub api_key_file: Option<PathBuf>,
    /// As [`Config::allow_anonymous`].
    pub allow_anonymous: bool,
    /// As [`Config::cors_origins`].
    pub cors_origins: Vec<String>,
    /// As [`TlsFiles::certificate`].
    pub tls_cert: Option<PathBuf>,
    /// As [`TlsFiles::key`].
    pub tls_key: Option<PathBuf>,
    /// As [`Config::memory`]: `"8GiB"`, or bytes.
    #[serde(deserialize_with = "maybe_size")]
    pub memory: Option<u64>,
    /// As [`Config::idle_unload`], in seconds.
    #[serde(deserialize_with = "maybe_seconds")]
    pub idle_unload: Option<Duration>,
    /// As [`FileModel::context`], of models that do not say it; so are the next ones.
    pub context: Option<usize>,
    /// As [`FileModel::sequences`].
    pub sequences: Option<usize>,
    /// As [`FileModel::threads`].
    pub threads: Option<usize>,
    /// As [`FileModel::max_stall`].
    #[serde(deserialize_with = "maybe_millis")]
    pub max_stall: Option<Duration>,
    /// As [`FileModel::kv`].
    #[serde(deserialize_with = "maybe_kv")]
    pub kv: Option<KvFormat>,
    /// As [`FileModel::weights`].
    #[serde(deserialize_with = "maybe_weights")]
    pub weights: Option<WeightFormat>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[meter]`.
    pub meter: MeterConfig,
    /// `[tariff]`.
    pub tariff: Tariff,
    /// `[guarantee]`.
    pub guarantee: Option<Promise>,
    /// `[ledger]`; its path is meant to be beside the file.
    pub ledger: LedgerConfig,
    /// `[key.NAME]`, as [`Config::key_limits`].
    pub key: BTreeMap<String, KeyLimits>,
    /// `[[model]]`, one each.
    pub model: Vec<FileModel>,
    /// `[[brick]]`, one each.
    pub brick: Vec<FileBrick>,
}

/// A `[[model]]` of `whit.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileModel {
    /// As [`ModelConfig::source`].
    pub source: String,
    /// As [`ModelConfig::name`]; made from the source if it is not said.
    pub name: Option<String>,
    /// Positions a prompt and its answer may have together.
    pub context: Option<usize>,
    /// Sequences of full context that the KV cache has room for.
    pub sequences: Option<usize>,
    /// Threads to compute with.
    pub threads: Option<usize>,
    /// How long a running answer may wait for its next token while prompts are read, in milliseconds.
    #[serde(default, deserialize_with = "maybe_millis")]
    pub max_stall: Option<Duration>,
    /// How keys and values are kept: `"f16"`, `"bf16"`, `"q8"` or `"f32"`.
    #[serde(default, deserialize_with = "maybe_kv")]
    pub kv: Option<KvFormat>,
    /// How matrices in floats are kept: `"q4"`, `"q6"`, `"q8"`, `"bf16"` or `"as-is"`.
    #[serde(default, deserialize_with = "maybe_weights")]
    pub weights: Option<WeightFormat>,
    /// Load it at start, not when it is first asked for.
    #[serde(default)]
    pub preload: bool,
    /// Folders of adapters on it, by what requests call the model with them.
    #[serde(default)]
    pub adapters: BTreeMap<String, PathBuf>,
}

/// A `[[brick]]` of `whit.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBrick {
    /// As [`ModelConfig::source`].
    pub source: String,
    /// As [`ModelConfig::name`]; what its card says if it is not said.
    pub name: Option<String>,
    /// Sequences of full context that the KV cache has room for.
    pub sequences: Option<usize>,
    /// Load it at start, not when it is first asked for.
    #[serde(default)]
    pub preload: bool,
}

impl File {
    /// Reads `path`. Paths in it are meant to be beside it.
    ///
    /// # Errors
    /// If it cannot be read or holds something else than a configuration; with the line.
    pub fn read(path: &Path) -> Result<File, ServerError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ServerError::File { path: path.to_owned(), source })?;
        let mut file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
            ServerError::Config(format!("{}: line {line}: {}", path.display(), error.message().replace('\n', ", ")))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let File { api_key_file, tls_cert, tls_key, ledger, model, .. } = &mut file;
        let adapters = model.iter_mut().flat_map(|model| model.adapters.values_mut());
        let files = [api_key_file, tls_cert, tls_key, &mut ledger.path].into_iter().flatten();
        for path in files.chain(adapters) {
            *path = folder.join(&*path);
        }
        Ok(file)
    }
}

/// What is wrong with a key, which is not repeated.
fn key_problem(key: &str) -> Option<String> {
    if key.is_empty() {
        return Some("it is empty".into());
    }
    let mend = "use letters, digits and signs of ASCII, without spaces";
    let odd = key.chars().position(|c| !c.is_ascii_graphic())?;
    Some(format!("character {} of its {} cannot be sent as a key: {mend}", odd + 1, key.chars().count()))
}

/// Keys of a file: `KEY` or `NAME KEY` on each line; empty lines and those that begin with `#` do not count.
///
/// # Errors
/// If it cannot be read, holds no key, or calls two of them the same; if a line holds something else. With the line.
pub fn read_keys(path: &Path) -> Result<Vec<ApiKey>, ServerError> {
    let text = std::fs::read_to_string(path).map_err(|source| ServerError::File { path: path.to_owned(), source })?;
    let lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
    let mut keys: Vec<ApiKey> = vec![];
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let wrong = |problem: String| Err(ServerError::Config(format!("{}: line {number}: {problem}", path.display())));
        let words: Vec<&str> = line.split_whitespace().collect();
        let key = match words[..] {
            [key] => key.into(),
            [name, key] => ApiKey { name: Some(name.to_owned()), key: key.to_owned() },
            _ => return wrong(format!("{} words: write a key, or a name and a key", words.len())),
        };
        if let Some(problem) = key_problem(&key.key) {
            return wrong(format!("the key: {problem}"));
        }
        if let Some(name) = &key.name
            && keys.iter().any(|other| other.name.as_ref() == Some(name))
        {
            return wrong(format!("two keys are called {name}: give one another name"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(ServerError::Config(format!("{}: holds no key; write one on each line", path.display())));
    }
    Ok(keys)
}

/// A size as a number of bytes or as people write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

impl Size {
    fn bytes<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Size::Bytes(bytes) => Ok(bytes),
            Size::Text(text) => parse_size(&text).map_err(E::custom),
        }
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let bytes = Size::deserialize(deserializer)?.bytes()?;
    usize::try_from(bytes).map_err(serde::de::Error::custom)
}

fn maybe_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Size::deserialize(deserializer)?.bytes().map(Some)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom(format!("{seconds} is no time in seconds"));
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

fn maybe_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Some(Duration::from_millis(u64::deserialize(deserializer)?)))
}

fn maybe_kv<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KvFormat>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        F16,
        Bf16,
        Q8,
        F32,
    }
    Ok(Some(match Word::deserialize(deserializer)? {
        Word::F16 => KvFormat::F16,
        Word::Bf16 => KvFormat::BF16,
        Word::Q8 => KvFormat::Q8,
        Word::F32 => KvFormat::F32,
    }))
}

fn maybe_weights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WeightFormat>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Q4,
        Q6,
        Q8,
        Bf16,
        AsIs,
    }
    Ok(Some(match Word::deserialize(deserializer)? {
        Word::Q4 => WeightFormat::Q4,
        Word::Q6 => WeightFormat::Q6,
        Word::Q8 => WeightFormat::Q8,
        Word::Bf16 => WeightFormat::Bf16,
        Word::AsIs => WeightFormat::AsIs,
    }))
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let amount = f64::deserialize(deserializer)?;
    match amount > 0.0 && amount.is_finite() {
        true => Ok(Some(amount)),
        false => Err(serde::de::Error::custom(format!("{amount} is no limit: use a number above 0"))),
    }
}

fn maybe_age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

fn meter_source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MeterSource, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> ModelConfig {
        ModelConfig {
            name: name.into(),
            source: name.into(),
            options: Options::default(),
            preload: false,
            is_brick: false,
            adapters: vec![],
        }
    }

    #[test]
    fn an_open_address_needs_a_key_or_an_explicit_word() {
        let open = Config { models: vec![model("m")], host: "0.0.0.0".parse().unwrap(), ..Config::default() };
        assert!(open.check().unwrap_err().to_string().contains("--api-key"));
        assert!(Config { api_keys: vec!["k".into()], ..open.clone() }.check().is_ok());
        assert!(Config { allow_anonymous: true, ..open.clone() }.check().is_ok());
        assert!(Config { host: "::1".parse().unwrap(), ..open }.check().is_ok());
    }

    #[test]
    fn what_is_wrong_with_limits_and_keys_is_told_with_its_place() {
        let config = |limits: Limits, keys: &[&str]| Config {
            models: vec![model("m")],
            limits,
            api_keys: keys.iter().map(|&key| key.into()).collect(),
            ..Config::default()
        };
        let usual = Limits::default;
        for (config, words) in [
            (config(Limits { queue: 0, ..usual() }, &[]), "[limits] queue is 0, which lets nobody in: use 1 or more"),
            (config(Limits { body_bytes: 1000, ..usual() }, &[]), "[limits] body_bytes is 1000"),
            (config(Limits { answer_tokens: Some(0), ..usual() }, &[]), "[limits] answer_tokens is 0"),
            (config(usual(), &["one", "two words"]), "API key 2 of 2: character 4 of its 9"),
            (config(usual(), &[""]), "API key 1 of 1: it is empty"),
        ] {
            let sentence = config.check().unwrap_err().to_string();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
    }

    #[test]
    fn models_have_names_of_their_own() {
        assert!(Config::default().check().is_err());
        assert!(Config { models: vec![model("a"), model("b")], ..Config::default() }.check().is_ok());
        assert!(Config { models: vec![model("a"), model("a")], ..Config::default() }.check().is_err());
    }

    #[test]
    fn a_file_says_all_of_it_and_a_misspelt_word_is_told() {
        let text = "memory = \"8GiB\"\nidle_unload = 600\n[limits]\nqueue = 9\nbody_timeout = 2.5\n\
                    [[model]]\nsource = \"a.gguf\"\nname = \"a\"\ncontext = 4096\n";
        let file: File = toml::from_str(text).unwrap();
        assert_eq!((file.memory, file.idle_unload), (Some(8 << 30), Some(Duration::from_secs(600))));
        assert_eq!((file.limits.queue, file.limits.body_timeout), (9, Duration::from_millis(2500)));
        assert_eq!(file.limits.headers, Limits::default().headers);
        assert_eq!(file.model[0].context, Some(4096));
        assert_eq!(file.meter.source, MeterSource::On(Choice::Auto));
        assert!(toml::from_str::<File>("[limits]\nqeue = 9\n").is_err());
        for text in ["kv = \"f64\"", "[[model]]\nsource = \"a\"\nweights = \"q5\"", "max_stall = -1"] {
            assert!(toml::from_str::<File>(text).is_err(), "{text}");
        }
        assert!(toml::from_str::<File>("idle_unload = -1\n").is_err());
    }

    #[test]
    fn what_is_wrong_with_costs_is_told() {
        let file = "[meter]\nsource = \"file:/run/meter\"\nidle = \"share\"\n[tariff]\nelectricity_dollars_per_kwh = 0.25\n\
                    [guarantee]\njoules_per_token = 0.5\n[key.alice]\njoules_per_day = 5000\nmax_bytes = \"1MiB\"\n";
        let file: File = toml::from_str(file).unwrap();
        assert_eq!(file.meter.source, MeterSource::On(Choice::File("/run/meter".into())));
        assert_eq!((file.meter.idle, file.tariff.has_price()), (Idle::Share, true));
        assert_eq!(file.guarantee.map(|promise| promise.joules_per_token), Some(0.5));
        let limits = KeyLimits { joules_per_day: Some(5000.0), max_bytes: Some(1 << 20), ..KeyLimits::default() };
        assert_eq!(file.key["alice"], limits);
        for (text, words) in [
            ("[meter]\nsource = \"wattmeter\"", "'wattmeter' is no power source"),
            ("[meter]\nidle = \"shared\"", "shared"),
            ("[meter]\nsuorce = \"auto\"", "suorce"),
            ("[tariff]\npue = 0.5", "pue"),
            ("[guarantee]\njoules_per_token = 0", "joules_per_token = 0"),
            ("[key.alice]\njoules_per_week = 3", "joules_per_week"),
            ("[key.alice]\nmax_joules = 0", "0 is no limit"),
        ] {
            let sentence = toml::from_str::<File>(text).unwrap_err().message().to_owned();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
        let alice = |limits: KeyLimits| Config {
            models: vec![model("m")],
            api_keys: vec![ApiKey { name: Some("alice".into()), key: "k".into() }],
            key_limits: [("alice".to_owned(), limits)].into(),
            ..Config::default()
        };
        let joules = alice(KeyLimits { max_joules: Some(1.0), ..KeyLimits::default() });
        let off = MeterConfig { source: MeterSource::Off, ..MeterConfig::default() };
        let unbalanced = MeterConfig { operations_per_byte: Some(0), ..MeterConfig::default() };
        let dollars = alice(KeyLimits { dollars_per_day: Some(1.0), ..KeyLimits::default() });
        assert!(joules.check().is_ok());
        for (config, words) in [
            (Config { api_keys: vec!["k".into()], ..joules.clone() }, "a line 'alice KEY'"),
            (Config { meter: off.clone(), ..joules }, "the meter is off"),
            (dollars, "nothing has a price"),
            (Config { models: vec![model("m")], meter: unbalanced, ..Config::default() }, "operations_per_byte = 0"),
            (Config { meter: off, guarantee: file.guarantee, ..alice(KeyLimits::default()) }, "[guarantee]"),
        ] {
            let sentence = config.check().unwrap_err().to_string();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_ledger_is_told() {
        let whole = "[ledger]\npath = \"ledger.db\"\nretention = \"90d\"\nmax_size = \"1GiB\"\nrecord = \"full\"\n\
                     redact = ['\\d{4}']\n";
        let config = |text: &str| Config {
            models: vec![model("m")],
            ledger: toml::from_str::<File>(text).unwrap().ledger,
            ..Config::default()
        };
        let LedgerConfig { path, retention, max_size, record, redact } = config(whole).ledger;
        assert_eq!((path, record), (Some("ledger.db".into()), Record::Full));
        assert_eq!((retention, max_size), (Some(Duration::from_secs(90 * 86_400)), Some(1 << 30)));
        assert_eq!(redact, [r"\d{4}"]);
        assert_eq!(config("").ledger, LedgerConfig::default());
        assert!(config(whole).check().is_ok());
        for (text, words) in [
            ("[ledger]\nretention = \"90\"", "'90' is not a time"),
            ("[ledger]\nretention = 90", "invalid type: integer `90`, expected a string"),
            ("[ledger]\nmax_size = \"large\"", "'large' is not a size"),
            ("[ledger]\nrecord = \"some\"", "unknown variant `some`, expected one of `none`, `hash`, `full`"),
            ("[ledger]\nfile = \"ledger.db\"", "unknown field `file`"),
        ] {
            let sentence = toml::from_str::<File>(text).unwrap_err().message().to_owned();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
        for (text, words) in [
            ("[ledger]\nrecord = \"hash\"", "[ledger] says what is kept and not where"),
            ("[ledger]\npath = \"l\"\nrecord = \"full\"\nredact = ['(a']", "[ledger] redact: '(a' is not a pattern"),
            ("[ledger]\npath = \"l\"\nredact = ['a']", "[ledger] redact blots out of texts, and none are kept"),
            ("[ledger]\npath = \"l\"\nrecord = \"hash\"\nredact = ['a']", "[ledger] redact blots out of texts"),
        ] {
            let sentence = config(text).check().unwrap_err().to_string();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
    }

    #[test]
    fn a_path_in_a_file_is_meant_to_be_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whit.toml");
        std::fs::write(&path, "tls_cert = \"/etc/cert.pem\"\n[ledger]\npath = \"ledger.db\"\n").unwrap();
        let file = File::read(&path).unwrap();
        assert_eq!(
            (file.tls_cert, file.ledger.path),
            (Some("/etc/cert.pem".into()), Some(folder.path().join("ledger.db")))
        );
    }

    #[test]
    fn keys_may_have_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.txt");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_keys(&path)
        };
        let named = |name: &str, key: &str| ApiKey { name: Some(name.into()), key: key.into() };
        let keys = read("# ours\nsk-1\nalice  sk-2\n\nbob\tsk-3\n").unwrap();
        assert_eq!(keys, ["sk-1".into(), named("alice", "sk-2"), named("bob", "sk-3")]);
        for (text, words) in [
            ("a k1\na k2\n", "keys.txt: line 2: two keys are called a"),
            ("k1\n\n  alice has key  \n", "keys.txt: line 3: 3 words"),
            ("k1\nalice schlüssel\n", "keys.txt: line 2: the key: character 5 of its 9 "),
        ] {
            let sentence = read(text).unwrap_err().to_string();
            assert!(sentence.contains(words) && !sentence.contains("schl"), "{sentence:?} has no {words:?}");
        }
        assert!(read("# none\n").unwrap_err().to_string().contains("holds no key"));
    }
}
