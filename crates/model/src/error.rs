//! What can be wrong with a model on disk.

use std::path::PathBuf;

/// A model that cannot be read, said so that a person can mend it: which file, which item, what was wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file or folder cannot be opened or mapped.
    #[error("{}: {source}", path.display())]
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
