//! Who may ask: those who have one of the keys.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
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

/// Whether a `Host` is one that a page of another site cannot have: an address, or this machine's own name for itself. A site can
/// point its name at 127.0.0.1, and its pages may then ask whatever listens there as if it were their own server.
fn is_own_name(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Turns away who has no key; where none is asked for, on loopback, who comes by a foreign name.
pub async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    if app.is_private && host.is_some_and(|host| !is_own_name(host)) {
        let message = "this server answers only to localhost and addresses; start it with --api-key or --allow-anonymous for other names";
        return ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", message)
            .code("foreign_host")
            .into_response();
    }
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
    fn names_that_others_can_give_are_foreign() {
        for host in
            ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "app.localhost", "10.0.0.2"]
        {
            assert!(is_own_name(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.evil.example", "é"]
        {
            assert!(!is_own_name(host), "{host}");
        }
    }

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
