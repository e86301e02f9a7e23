//! The harness of the binary's tests: runs `whit` and looks at what a person would see.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod hub;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A file or folder of the repository's `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
        .canonicalize()
        .expect("the fixture is in the repository")
}

/// A file of the data beside the repository, for ignored tests.
pub fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name)
}

/// The models that hold the same weights.
pub const POCKETS: [&str; 4] = ["pocket", "pocket-f16.gguf", "pocket-q8_0.gguf", "pocket-q4_0.gguf"];

/// What the fixtures' script says the model must answer.
pub fn expected() -> serde_json::Value {
    let text = std::fs::read_to_string(fixture("pocket.expected.json")).expect("readable");
    serde_json::from_str(&text).expect("valid JSON")
}

/// `whit` with an environment of its own: no user's cache, token, proxy or colours.
pub struct Whit {
    command: Command,
    home: tempfile::TempDir,
    input: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn whit<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Whit {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_whit"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "WHIT_CACHE_DIR",
    ] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HF_") || name.starts_with("HUGGING")) {
        command.env_remove(name);
    }
    // Packed copies are the affair of the tests about them.
    command.env("WHIT_CACHE_SIZE", "0");
    command.env("HOME", home.path()).env("COLUMNS", "100").env("RUST_BACKTRACE", "1");
    Whit { command, home, input: vec![] }
}

impl Whit {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Whit {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Whit {
        self.input = text.into();
        self.command.stdin(Stdio::piped());
        self
    }

    /// Starts it; the caller sees to its streams.
    pub fn spawn(mut self) -> (Child, tempfile::TempDir) {
        (self.command.spawn().expect("whit starts"), self.home)
    }

    pub fn run(mut self) -> Outcome {
        let mut child = self.command.spawn().expect("whit starts");
        if let Some(mut stdin) = child.stdin.take() {
            // whit may end without reading it.
            let _ = stdin.write_all(&self.input);
        }
        Outcome::of(child.wait_with_output().expect("whit ends"))
    }

    /// Runs it and expects success; what it printed.
    pub fn stdout(self) -> String {
        let outcome = self.run();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        outcome.stdout
    }

    /// Runs it and expects one JSON value.
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.stdout()).expect("one JSON value")
    }

    /// Runs it and expects a refusal: this exit code, nothing on standard output, one sentence on standard error with all
    /// of these words, and no sign of a panic.
    pub fn refused(self, code: i32, words: &[&str]) {
        let outcome = self.run();
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        assert_eq!(outcome.stdout, "", "{outcome:#?}");
        let errors: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{outcome:#?}");
        assert_eq!(outcome.stderr.lines().last(), errors.first().copied(), "{outcome:#?}");
        for word in words {
            assert!(errors[0].contains(word), "no {word:?} in {:?}", errors[0]);
        }
        assert!(!outcome.stderr.contains("panicked") && !outcome.stderr.contains("mistake"), "{outcome:#?}");
    }
}

impl Outcome {
    fn of(output: Output) -> Outcome {
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// `whit serve`, until this is dropped.
pub struct Serving {
    /// Where it listens.
    pub url: String,
    child: Child,
    _home: tempfile::TempDir,
}

/// Serves a model of the fixtures on a free port.
pub fn serving(model: &str) -> Serving {
    let model = fixture(model).to_string_lossy().into_owned();
    let (mut child, home) = whit(["serve", &model, "--port", "0", "--threads", "1", "--log", "off"]).spawn();
    let lines = started(&mut child);
    let url = lines.iter().find_map(|line| line.strip_prefix("listening at ")?.split(',').next());
    Serving { url: url.expect("an address").to_owned(), child, _home: home }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what `whit serve` says up to the `curl` that works: all lines.
pub fn started(child: &mut Child) -> Vec<String> {
    let stdout = child.stdout.take().expect("piped");
    let mut lines = Vec::new();
    for line in BufReader::new(stdout).lines() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.starts_with("curl ")) {
            return lines;
        }
    }
    panic!("whit ended after {lines:#?}");
}

/// Compares with `tests/snapshots/NAME`; `WHIT_BLESS=1` writes it instead, for a person to review.
pub fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("WHIT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs (WHIT_BLESS=1 accepts it). Expected:\n{expected}\nGot:\n{text}");
}
