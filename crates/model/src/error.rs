//! What can be wrong with a model on disk.

use std::path::{Path, PathBuf};

/// A model that cannot be read, said so that a person can mend it: which file, which item, what was wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file or folder cannot be opened or mapped.
    #[error("{}: cannot be read ({source}); check its permissions and the disk", path.display())]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's bytes break the rules of its format.
    #[error("{}: {item}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part of it: `header`, `tensor blk.0.attn_q.weight`, `key general.architecture`.
        item: String,
        /// What is wrong and, where it is not plain, the mend.
        problem: String,
    },
    /// The file is sound, but holds something whit does not know.
    #[error("{}: {item}: {problem}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The part of it.
        item: String,
        /// What it is, and what whit supports instead.
        problem: String,
    },
    /// Something the model cannot do without is not there.
    #[error("{}: {item} is missing: {mend}", path.display())]
    Missing {
        /// The file or folder searched.
        path: PathBuf,
        /// What was looked for.
        item: String,
        /// What to do about it.
        mend: String,
    },
}

impl ModelError {
    pub(crate) fn malformed(path: &Path, item: impl Into<String>, problem: impl Into<String>) -> ModelError {
        ModelError::Malformed { path: path.to_owned(), item: item.into(), problem: problem.into() }
    }

    pub(crate) fn unsupported(path: &Path, item: impl Into<String>, problem: impl Into<String>) -> ModelError {
        ModelError::Unsupported { path: path.to_owned(), item: item.into(), problem: problem.into() }
    }

    pub(crate) fn missing(path: &Path, item: impl Into<String>, mend: impl Into<String>) -> ModelError {
        ModelError::Missing { path: path.to_owned(), item: item.into(), mend: mend.into() }
    }

    /// What the system said when `path` was to be opened.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> ModelError {
        match source.kind() {
            std::io::ErrorKind::NotFound => ModelError::missing(path, "the file", "check the path, or download it"),
            _ => ModelError::Io { path: path.to_owned(), source },
        }
    }
}

/// A name from a file, fit for a message: one line, nothing a terminal would obey, and not much of it.
pub(crate) fn shorten(name: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\'' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    cut(name, 80).chars().map(escape).collect()
}

/// What the JSON reader said, fit for a message. It quotes what it found: escaped, but however long.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    cut(&error.to_string(), 240)
}

fn cut(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}
