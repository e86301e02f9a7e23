//! `POST /v1/embeddings`: the engine gives no embeddings yet, and this says so.

use crate::openai::ApiError;

/// Where texts will become vectors.
pub async fn embeddings() -> ApiError {
    ApiError::unsupported("/v1/embeddings", "this server gives no embeddings yet").code("unsupported_operation")
}
