//! Who may ask: those who have one of the keys.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::app::App;
use crate::openai::ApiError;

/// What tells a supervisor whether the process lives and works, and nothing else.
const OPEN_PATHS: [&str; 2] = ["/health", "/ready"];

/// The keys, by their digests: all of one length, so that comparing them tells nothing about a key.
pub struct Keys(Vec<[u8; 32]>);

impl Keys {
    /// None: anybody may ask.
    pub fn new(keys: &[String]) -> Keys {
        Keys(keys.iter().map(|key| Sha256::digest(key).into()).collect())
    }

    /// Whether a request with this `Authorization` may be answered. Takes the same time for every wrong key.
    fn admits(&self, authorization: Option<&[u8]>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let scheme = b"bearer ";
        let Some((given, key)) = authorization.and_then(|value| value.split_at_checked(scheme.len())) else {
            return false;
        };
        let digest: [u8; 32] = Sha256::digest(key).into();
        let matches = self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&digest));
        given.eq_ignore_ascii_case(scheme) && bool::from(matches)
    }
}

/// Turns away who has no key.
pub async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    if OPEN_PATHS.contains(&request.uri().path()) || app.keys.admits(authorization) {
        return next.run(request).await;
    }
    let message = match authorization {
        None => "no API key was given: send it as Authorization: Bearer KEY",
        Some(_) => "this API key is not one of this server's",
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "authentication_error", message).code("invalid_api_key").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_a_key_is_let_in() {
        let keys = Keys::new(&["one".to_owned(), "two".to_owned()]);
        for (authorization, admitted) in [
            (Some(&b"Bearer one"[..]), true),
            (Some(b"bearer two"), true),
            (Some(b"Bearer three"), false),
            (Some(b"Bearer on"), false),
            (Some(b"Bearer "), false),
            (Some(b"Basic one"), false),
            (Some(b"one"), false),
            (None, false),
        ] {
            assert_eq!(keys.admits(authorization), admitted, "{authorization:?}");
        }
        assert!(Keys::new(&[]).admits(None));
    }
}
