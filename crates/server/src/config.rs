//! What a server is to do: its models, its address, its limits. From `whit.toml`, from arguments, or both.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use whit_engine::Options;

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
    pub api_keys: Vec<String>,
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
}

/// A model to offer.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// What requests call it.
    pub name: String,
    /// Where it is: whatever the [`Loader`](crate::Loader) understands.
    pub source: String,
    /// How it is loaded. `memory` is set by the server, from what is left.
    pub options: Options,
    /// Load it at start, not when it is first asked for.
    pub preload: bool,
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
            allow_anonymous: false,
            cors_origins: vec![],
            tls: None,
            memory: None,
            idle_unload: None,
            limits: Limits::default(),
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
            return wrong("there is no model to serve: name one".into());
        }
        for (at, model) in self.models.iter().enumerate() {
            if model.name.is_empty() || model.name.chars().any(char::is_control) {
                return wrong(format!("'{}' cannot be a model's name", model.name.escape_debug()));
            }
            if self.models[..at].iter().any(|other| other.name == model.name) {
                return wrong(format!("two models are called {}: give one of them another name", model.name));
            }
        }
        if !self.host.is_loopback() && self.api_keys.is_empty() && !self.allow_anonymous {
            return wrong(format!(
                "{} can be reached from other machines: ask for a key with --api-key or --api-key-file, or let anybody in with \
                 --allow-anonymous",
                self.host
            ));
        }
        if let Some(key) = self.api_keys.iter().find(|key| key.is_empty() || key.chars().any(|c| !c.is_ascii_graphic()))
        {
            return wrong(format!("an API key of {} characters has others than letters, digits and signs", key.len()));
        }
        let limits = &self.limits;
        let counts = [limits.choices, limits.queue, limits.connections, limits.headers];
        if counts.contains(&0) || limits.header_bytes < 1024 || limits.body_bytes < 1024 {
            return wrong("a limit of 0 lets nobody in; a head and a body need at least 1024 bytes".into());
        }
        Ok(())
    }
}

/// `whit.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
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
    /// `[limits]`.
    pub limits: Limits,
    /// `[[model]]`, one each.
    pub model: Vec<FileModel>,
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
        for path in [&mut file.api_key_file, &mut file.tls_cert, &mut file.tls_key].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        Ok(file)
    }
}

/// Keys of a file: one a line; empty lines and those that begin with `#` do not count.
///
/// # Errors
/// If it cannot be read or holds no key.
pub fn read_keys(path: &Path) -> Result<Vec<String>, ServerError> {
    let text = std::fs::read_to_string(path).map_err(|source| ServerError::File { path: path.to_owned(), source })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<String> = lines.map(str::to_owned).collect();
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

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> ModelConfig {
        ModelConfig { name: name.into(), source: name.into(), options: Options::default(), preload: false }
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
        assert!(toml::from_str::<File>("[limits]\nqeue = 9\n").is_err());
        assert!(toml::from_str::<File>("idle_unload = -1\n").is_err());
    }
}
