//! `/v1/models`: what there is to ask.

use serde::Serialize;
use utoipa::ToSchema;

/// The models of this server.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    pub object: &'static str,
    /// One each.
    pub data: Vec<ModelObject>,
}

/// A model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelObject {
    /// What a request's `model` calls it.
    pub id: String,
    /// Always `model`.
    pub object: &'static str,
    /// When this server began to offer it, in seconds since 1970.
    pub created: u64,
    /// Always `whit`.
    pub owned_by: &'static str,
    /// Whether it is in memory.
    pub status: ModelStatus,
    /// Positions a prompt and its answer may have together, once that is known.
    pub max_model_len: Option<usize>,
    /// Bytes it takes in memory, while it is loaded.
    pub memory_bytes: Option<u64>,
    /// Of an adapter: the model it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// Whether a model is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelStatus {
    /// It will be loaded when somebody asks.
    Unloaded,
    /// It is being loaded; requests wait for it.
    Loading,
    /// It answers.
    Loaded,
}
