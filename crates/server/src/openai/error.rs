//! What a client hears when something is wrong: OpenAI's error object and status codes.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// An answer that is an error: a status, and what was wrong, where, and the mend.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    object: ErrorObject,
    retry_after: Option<Duration>,
}

/// An error's name, among the extensions of the response that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorName(pub &'static str);

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What was wrong.
    pub error: ErrorObject,
}

/// OpenAI's error object.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErrorObject {
    /// A sentence for a person.
    pub message: String,
    /// The kind of error, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The field that is wrong, such as `messages[0].role`.
    pub param: Option<String>,
    /// The error's name for programs, such as `model_not_found`.
    pub code: Option<&'static str>,
}

impl ApiError {
    /// An error of any status.
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> ApiError {
        let object = ErrorObject { message: message.into(), kind, param: None, code: None };
        ApiError { status, object, retry_after: None }
    }

    /// The request cannot be used: 400.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A field, or a value of it, that whit does not support: 400. `why` is a sentence's end.
    pub fn unsupported(param: &str, why: &str) -> ApiError {
        ApiError::invalid(format!("{param} is not supported: {why}")).param(param).code("unsupported_parameter")
    }

    /// No such model: 404.
    pub fn no_model(name: &str, known: &[&str]) -> ApiError {
        let message = format!("there is no model {}; this server has {}", quoted(name), known.join(", "));
        ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", message).param("model").code("model_not_found")
    }

    /// Nothing is waited for any more: 503 with `Retry-After`.
    pub fn unavailable(message: impl Into<String>, retry_after: Duration) -> ApiError {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message).code("unavailable");
        ApiError { retry_after: Some(retry_after), ..error }
    }

    /// Too much at once: 429 with `Retry-After`.
    pub fn busy(message: impl Into<String>, retry_after: Duration) -> ApiError {
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        ApiError { retry_after: Some(retry_after), ..error.code("rate_limit_exceeded") }
    }

    /// What the holder of a key may use is used up: 402.
    pub fn spent(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_quota", message).code("budget_exceeded")
    }

    /// whit's own trouble: 500.
    pub fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message).code("internal_error")
    }

    /// Names the field.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> ApiError {
        self.object.param = Some(param.into());
        self
    }

    /// Names the error.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> ApiError {
        self.object.code = Some(code);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its name for programs: its code, or else its kind.
    pub fn name(&self) -> &'static str {
        self.object.code.unwrap_or(self.object.kind)
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.object.message
    }

    /// The body, for a stream that has already begun.
    pub fn into_body(self) -> ErrorBody {
        ErrorBody { error: self.object }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, retry_after, name) = (self.status, self.retry_after, self.name());
        let mut response = (status, super::json(&self.into_body())).into_response();
        response.extensions_mut().insert(ErrorName(name));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(after) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        // The official clients ask again by themselves unless they are told not to.
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What a client sent, fit for a message: quoted, one line, and not much of it.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    format!("{short:?}")
}
