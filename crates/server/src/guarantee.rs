//! `GET /v1/guarantee`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::app::{App, json};
use crate::openai::guarantee::GuaranteeResponse;
use crate::openai::{ApiError, ErrorBody};

/// A promise on joules a token, and how it stands.
#[utoipa::path(
    get, path = "/v1/guarantee", tag = "operation",
    responses((status = 200, body = GuaranteeResponse), (status = "4XX", body = ErrorBody))
)]
pub async fn guarantee(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    match app.metering.as_ref().and_then(|metering| metering.guarantee()) {
        Some((promise, status)) => Ok(json(&GuaranteeResponse::new(promise, status))),
        None => {
            let message = "this server promises nothing; [guarantee] in its whit.toml would";
            Err(ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", message).code("no_guarantee"))
        }
    }
}
