//! What can go wrong when a model is loaded or a request is taken.

/// Says what was wrong and what would mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The checkpoint is damaged or does not fit the specification.
    #[error(transparent)]
    Model(#[from] whit_model::ModelError),
    /// The model does not fit the memory it was given.
    #[error("{0}")]
    DoesNotFit(String),
    /// An option is out of range.
    #[error("{0}")]
    Option(String),
    /// A request that cannot be served.
    #[error("{0}")]
    Request(String),
    /// The model's numbers have left the range of floats: what [`FinishReason::NotFinite`](crate::FinishReason::NotFinite) says of a
    /// request.
    #[error(
        "the model's logits are not finite numbers: its weights are damaged, or too large for half precision; try --kv f32 or download it again"
    )]
    NotFinite,
    /// A packed copy of weights cannot be removed.
    #[error("{}: cannot be removed ({source}); check who may write to its folder", path.display())]
    Copies {
        /// Its file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that cannot happen did.
    #[error("internal error: {0}")]
    Internal(String),
}
