//! What can go wrong when a brick is made or measured.

use std::path::{Path, PathBuf};

/// Says what was wrong, where, and what would mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The brick or its model cannot be used.
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
        source: std::io::Error,
    },
}

impl TuneError {
    pub(crate) fn write(path: &Path, source: std::io::Error) -> TuneError {
        TuneError::Write { path: path.to_owned(), source }
    }
}
