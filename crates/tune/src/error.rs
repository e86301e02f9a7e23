//! What can go wrong when a brick is made or measured.

use std::io;
use std::path::{Path, PathBuf};

/// Says what was wrong, where, and what would mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The brick, its model or a base cannot be used.
    #[error(transparent)]
    Model(#[from] whit_model::ModelError),
    /// The brick's model cannot be run.
    #[error(transparent)]
    Engine(#[from] whit_engine::EngineError),
    /// A set of examples is none.
    #[error("{}: line {line}: {problem}", path.display())]
    Example {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// A brick was to be packed into its own folder, of which it would become a part.
    #[error("{}: lies in the folder that is to be packed; give another place with -o", .0.display())]
    Inside(PathBuf),
    /// A file cannot be written.
    #[error("{}: cannot be written ({source}); check who may write there and how much room is left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The examples cannot be learned from; or the contract does not fit them.
    #[error("{0}")]
    Data(String),
    /// An option is out of range, or two do not go together.
    #[error("{0}")]
    Option(String),
    /// A file cannot be read, or is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what would mend it.
        problem: String,
    },
    /// The contract cannot be enforced.
    #[error("the contract cannot be held to: {0}")]
    Contract(#[from] whit_engine::ConstraintError),
    /// The training library's own.
    #[cfg(feature = "train")]
    #[error("the training library failed: {0}")]
    Library(#[from] candle_core::Error),
    /// The training was interrupted; what there is of it is in a checkpoint.
    #[error("stopped at step {step}; the same command with --resume goes on")]
    Stopped {
        /// Steps done.
        step: u64,
    },
}

impl TuneError {
    pub(crate) fn write(path: &Path, source: io::Error) -> TuneError {
        TuneError::Write { path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> TuneError {
        TuneError::File { path: path.to_owned(), problem: problem.to_string() }
    }
}
