//! What can keep a server from starting or a model from loading.

use std::path::PathBuf;

use whit_engine::EngineError;
use whit_model::ModelError;

/// A server that cannot run, said so that a person can mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration contradicts itself, or is unsafe.
    #[error("{0}")]
    Config(String),
    /// A file of the configuration cannot be read.
    #[error("{}: cannot be read ({source})", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The address cannot be listened on, or the system refuses threads.
    #[error("{what}: {source}")]
    System {
        /// What was tried, and the mend.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The model cannot be found.
    #[error("{0}")]
    Locate(String),
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model cannot be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ServerError {
    /// A system error with what was tried.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServerError {
        let what = what.into();
        move |source| ServerError::System { what, source }
    }
}
