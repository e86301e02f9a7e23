//! `GET /health`, `/ready` and `/metrics`: for supervisors and dashboards.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::openai::{ApiError, ErrorBody};

/// The process lives.
#[utoipa::path(get, path = "/health", tag = "operation", responses((status = 200, description = "It lives")))]
pub async fn health() -> StatusCode {
    StatusCode::OK
}

/// Requests can be sent: the models that are wanted from the start are loaded, and the server is not about to stop.
#[utoipa::path(
    get, path = "/ready", tag = "operation",
    responses((status = 200, description = "It answers"), (status = 503, body = ErrorBody))
)]
pub async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    match app.is_ready() {
        true => Ok(StatusCode::OK),
        false if app.stop.is_draining() => {
            Err(ApiError::unavailable("the server is about to stop", Duration::from_secs(5)))
        }
        false => Err(ApiError::unavailable("the models are being loaded", Duration::from_secs(1))),
    }
}

/// Counters, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    if let Some(metering) = &app.metering {
        metering.refresh();
    }
    if let Some(ledger) = &app.ledger {
        app.metrics.lost(ledger.lost());
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
