//! Who may ask: those who have one of the keys.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use whit_meter::ledger::Spent;

use crate::app::App;
use crate::budget::{self, Left};
use crate::config::{ApiKey, KeyLimits};
use crate::openai::ApiError;

/// What tells a supervisor whether the process lives and works, and nothing else.
const OPEN_PATHS: [&str; 2] = ["/health", "/ready"];

/// The keys.
pub struct Keys(Vec<Arc<Key>>);

/// A key, what its holder may use and has used.
pub struct Key {
    /// All of one length, so that comparing them tells nothing about a key.
    digest: [u8; 32],
    name: Option<String>,
    /// What its holder may use.
    pub limits: KeyLimits,
    spent: Mutex<budget::Spent>,
}

/// Who asks, among a request's extensions.
#[derive(Clone, Default)]
pub struct Caller {
    /// The key that it holds, where one is asked for.
    pub key: Option<Arc<Key>>,
    /// Where it asks from, if it asks over a socket.
    pub peer: Option<IpAddr>,
}

/// The other end of a connection, among its requests' extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What takes turns with others: the holder of a key, or a machine where no key is asked for. Of a request's head nothing but its key
/// counts: the rest is whatever a client likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    Key([u8; 32]),
    Peer(Option<IpAddr>),
}

impl Caller {
    /// Whose turn it is when it is this one's.
    pub fn party(&self) -> u64 {
        let party = match &self.key {
            Some(key) => Party::Key(key.digest),
            None => Party::Peer(self.peer.map(network)),
        };
        let mut hasher = DefaultHasher::new();
        party.hash(&mut hasher);
        hasher.finish()
    }
}

/// What one machine has at least of addresses: in IPv6, 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

impl Key {
    /// What the log calls it.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("without a name")
    }

    /// The name that was given to it.
    pub fn own_name(&self) -> Option<String> {
        self.name.clone()
    }

    /// What its holder may still use today.
    pub fn left(&self) -> Left {
        self.spent().left(Instant::now(), &self.limits)
    }

    /// Its holder has used so much.
    pub fn spend(&self, joules: f64, dollars: f64) {
        self.spent().add(Instant::now(), joules, dollars);
    }

    /// Its holder had used so much, so many hours before the server started; the longest ago first.
    fn spent_before(&self, hours: u64, joules: f64, dollars: f64) {
        self.spent().add_before(hours, joules, dollars);
    }

    fn spent(&self) -> MutexGuard<'_, budget::Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// With no keys anybody may ask. `limits` are by name.
    pub fn new(keys: &[ApiKey], limits: &BTreeMap<String, KeyLimits>) -> Keys {
        let key = |ApiKey { name, key }: &ApiKey| {
            Arc::new(Key {
                digest: Sha256::digest(key).into(),
                limits: name.as_ref().and_then(|name| limits.get(name)).copied().unwrap_or_default(),
                name: name.clone(),
                spent: Mutex::new(budget::Spent::new(Instant::now())),
            })
        };
        Keys(keys.iter().map(key).collect())
    }

    /// What the holders of keys with names had used before the server started, the longest ago first.
    pub fn remember(&self, day: &[Spent]) {
        for Spent { key: name, hours_ago, joules, dollars } in day {
            if let Some(key) = self.0.iter().find(|key| key.name.as_ref() == Some(name)) {
                key.spent_before(*hours_ago, *joules, *dollars);
            }
        }
    }

    /// Whose a request with this `Authorization` is, if it may be answered. Takes the same time for every wrong key.
    fn admits(&self, authorization: Option<&[u8]>) -> Option<Caller> {
        if self.0.is_empty() {
            return Some(Caller::default());
        }
        let scheme = b"bearer ";
        let (given, key) = authorization.and_then(|value| value.split_at_checked(scheme.len()))?;
        let digest: [u8; 32] = Sha256::digest(key).into();
        let found = self.0.iter().fold(None, |found, known| match bool::from(known.digest.ct_eq(&digest)) {
            true => Some(known),
            false => found,
        });
        let found = found.filter(|_| given.eq_ignore_ascii_case(scheme));
        found.map(|key| Caller { key: Some(key.clone()), peer: None })
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
pub async fn check(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    if app.is_private && host.is_some_and(|host| !is_own_name(host)) {
        let message = "this server answers only to localhost and addresses; start it with --api-key or --allow-anonymous for other names";
        return ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", message)
            .code("foreign_host")
            .into_response();
    }
    let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    let message = match authorization {
        None => "no API key was given: send it as Authorization: Bearer KEY",
        Some(_) => "this API key is not one of this server's",
    };
    let caller = match OPEN_PATHS.contains(&request.uri().path()) {
        true => Some(Caller::default()),
        false => app.keys.admits(authorization),
    };
    if let Some(caller) = caller {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        request.extensions_mut().insert(Caller { peer, ..caller });
        return next.run(request).await;
    }
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
        let two = ApiKey { name: Some("second".into()), key: "two".into() };
        let keys = Keys::new(&["one".into(), two], &BTreeMap::new());
        let second = keys.admits(Some(b"Bearer two")).and_then(|caller| caller.key);
        assert_eq!(second.expect("a key").name(), "second");
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
            assert_eq!(keys.admits(authorization).is_some(), admitted, "{authorization:?}");
        }
        assert!(Keys::new(&[], &BTreeMap::new()).admits(None).is_some());
    }

    #[test]
    fn a_party_is_a_key_however_it_is_sent_or_a_machine_where_no_key_is_asked_for() {
        let keys = Keys::new(&["one".into(), "two".into()], &BTreeMap::new());
        let party = |authorization: &[u8], peer: &str| {
            let caller = keys.admits(Some(authorization)).expect("a key of the server's");
            Caller { peer: peer.parse().ok(), ..caller }.party()
        };
        assert_eq!(party(b"Bearer one", "10.0.0.1"), party(b"bEaReR one", "10.0.0.2"));
        assert_ne!(party(b"Bearer one", "10.0.0.1"), party(b"Bearer two", "10.0.0.1"));
        let open = Keys::new(&[], &BTreeMap::new());
        let party = |authorization: &'static [u8], peer: &str| {
            let caller = open.admits(Some(authorization)).expect("anybody is let in");
            Caller { peer: peer.parse().ok(), ..caller }.party()
        };
        assert_eq!(party(b"Bearer one", "10.0.0.1"), party(b"anything", "::ffff:10.0.0.1"));
        assert_ne!(party(b"Bearer one", "10.0.0.1"), party(b"Bearer one", "10.0.0.2"));
        assert_eq!(party(b"", "2001:db8::1"), party(b"", "2001:db8::2:0:0:9"), "of one machine");
        assert_ne!(party(b"", "2001:db8::1"), party(b"", "2001:db8:0:1::1"));
    }
}
