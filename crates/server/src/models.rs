//! `GET /v1/models`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use crate::app::{App, json};
use crate::openai::models::{ModelList, ModelObject};
use crate::openai::{ApiError, ErrorBody};

/// Lists the models, and says which are in memory.
#[utoipa::path(
    get, path = "/v1/models", tag = "OpenAI",
    responses((status = 200, body = ModelList), (status = "4XX", body = ErrorBody))
)]
pub async fn list(State(app): State<Arc<App>>) -> Response {
    json(&ModelList { object: "list", data: app.fleet.list() })
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{id}", tag = "OpenAI", params(("id" = String, Path, description = "The model's name")),
    responses((status = 200, body = ModelObject), (status = "4XX", body = ErrorBody))
)]
pub async fn find(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    app.fleet.find(&id).map(|model| json(&model))
}
