//! What a request may cost before anything is done for it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::openai::ApiError;

/// Bodies from which their JSON is large: it is read aside, and there is not any number of them at once.
pub(crate) const LARGE_BODY: usize = 16 << 10;
/// Bytes of large bodies that are read and worked on at once. JSON takes up to 72 times its bytes as values (`0,` is one of 72 bytes, in
/// a list that may have room for twice as many): so that this is up to 600 MB, whoever sends it.
const LARGE_BODIES: usize = 8 << 20;
/// How long a large body waits for others.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Room for what large bodies become in memory.
pub(crate) struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> LargeBodies {
        LargeBodies(Arc::new(Semaphore::new(LARGE_BODIES)))
    }
}

impl LargeBodies {
    /// Waits for room for a body of so many bytes; a small one needs none, and one larger than all the room has all of it.
    ///
    /// # Errors
    /// 429 if those before it take too long.
    pub(crate) async fn admit(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        if bytes < LARGE_BODY {
            return Ok(None);
        }
        let room = self.0.clone().acquire_many_owned(bytes.min(LARGE_BODIES) as u32);
        match tokio::time::timeout(LONGEST_WAIT, room).await {
            Ok(room) => Ok(room.ok()),
            Err(_) => {
                let message = "other large requests take all the room there is for them; come back later";
                Err(ApiError::busy(message, Duration::from_secs(5)))
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let bodies = LargeBodies::default();
        assert!(bodies.admit(LARGE_BODY - 1).await.unwrap().is_none());
        let half = bodies.admit(LARGE_BODIES / 2).await.unwrap();
        let other_half = bodies.admit(LARGE_BODIES / 2).await.unwrap();
        assert!(bodies.admit(LARGE_BODY - 1).await.unwrap().is_none());
        assert_eq!(bodies.admit(LARGE_BODY).await.unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        drop(half);
        assert!(bodies.admit(LARGE_BODY).await.unwrap().is_some());
        drop(other_half);
        assert!(bodies.admit(10 * LARGE_BODIES).await.unwrap().is_some(), "one at a time, but it comes in");
    }
}
