//! What a request may cost before anything is done for it.

use std::pin::Pin;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body as _;

use crate::config::Limits;
use crate::openai::ApiError;

impl Limits {
    /// The body of a request: JSON, by its word, of bounded size, in bounded time.
    ///
    /// # Errors
    /// 415, 413, 408, or 400 if the client goes away half-way.
    pub(crate) async fn body(&self, request: Request) -> Result<Bytes, ApiError> {
        let (head, body) = request.into_parts();
        // A web page of another origin may send plain text to any server, this one on loopback too; JSON only where CORS lets it.
        let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let message = "the body must be JSON: send it with Content-Type: application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", message));
        }
        let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > self.body_bytes as u64) {
            return Err(self.too_large());
        }
        let late = |_| {
            let message = format!("the body took longer than {} s to arrive", self.body_timeout.as_secs_f64());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", message)
        };
        tokio::time::timeout(self.body_timeout, self.collect(body)).await.map_err(late)?
    }

    async fn collect(&self, mut body: Body) -> Result<Bytes, ApiError> {
        let mut all = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.map_err(|error| ApiError::invalid(format!("the body cannot be read: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            if all.len() + data.len() > self.body_bytes {
                return Err(self.too_large());
            }
            // Mostly there is only one piece.
            if all.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    fn too_large(&self) -> ApiError {
        let message = format!("the body is larger than the {} bytes that this server takes", self.body_bytes);
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message).code("request_too_large")
    }
}
