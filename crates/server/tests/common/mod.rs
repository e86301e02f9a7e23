//! The harness of the server's tests: servers over the repository's own small models, and clients.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use whit_engine::Options;
use whit_server::config::{Limits, ModelConfig};
use whit_server::{App, Config, Loader, ServerError, router};

/// Finds models among the repository's fixtures.
pub struct Fixtures;

impl Loader for Fixtures {
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError> {
        Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(source))
    }
}

/// What the fixtures' script says the model must answer.
pub fn expected() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket.expected.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("valid JSON")
}

/// A model of the fixtures, called as it lies there.
pub fn model(source: &str) -> ModelConfig {
    let options = Options { sequences: 4, threads: Some(1), context: Some(512), ..Options::default() };
    ModelConfig {
        name: source.to_owned(),
        source: source.to_owned(),
        options,
        preload: true,
        is_brick: false,
        adapters: vec![],
    }
}

/// A server of the small model alone, as `pocket`.
pub fn pocket() -> Config {
    Config { models: vec![model("pocket")], ..Config::default() }
}

/// The same with other limits.
pub fn with_limits(limits: Limits) -> Config {
    Config { limits, ..pocket() }
}

/// A server without a socket.
#[derive(Clone)]
pub struct Server {
    pub app: Arc<App>,
    pub router: Router,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// Expects success; its JSON.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Expects this error, in OpenAI's shape, about this field; its sentence.
    pub fn refused(&self, status: u16, param: Option<&str>) -> String {
        let body = self.json();
        assert_eq!(self.status, status, "{body}");
        let error = &body["error"];
        assert_eq!(error["param"].as_str(), param, "{body}");
        assert!(error["type"].is_string() && error.get("code").is_some(), "{body}");
        error["message"].as_str().expect("a sentence").to_owned()
    }
}

impl Server {
    pub async fn start(config: Config) -> Server {
        Server::start_with(config, Arc::new(Fixtures)).await
    }

    /// One that looks for its models elsewhere.
    pub async fn start_with(config: Config, loader: Arc<dyn Loader>) -> Server {
        let server = Server::over(&config, loader);
        server.load().await;
        server
    }

    /// Before it has loaded anything.
    pub fn without_models(config: &Config) -> Server {
        Server::over(config, Arc::new(Fixtures))
    }

    fn over(config: &Config, loader: Arc<dyn Loader>) -> Server {
        let app = App::new(config, loader).expect("a sound configuration");
        let router = router(app.clone(), &config.cors_origins).expect("sound origins");
        Server { app, router }
    }

    /// Loads its models.
    pub async fn load(&self) {
        self.app.fleet.preload().await.expect("loaded");
        self.app.set_ready();
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
        Reply { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(body.into()).expect("a request")).await
    }

    /// A greedy chat with one message, and further fields.
    pub async fn chat(&self, content: &str, fields: Value) -> Reply {
        self.post("/v1/chat/completions", &chat(content, fields)).await
    }

    /// Lets it listen on loopback; where, and the task that ends with it.
    pub async fn listen(&self) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (limits, stop) = (self.app.limits.clone(), self.app.stop.clone());
        (address, tokio::spawn(whit_server::listen(listener, self.router.clone(), None, limits, stop)))
    }

    /// The rows of its ledger so far, by column.
    pub fn rows(&self, path: &Path) -> Vec<Value> {
        self.app.ledger.as_ref().expect("a ledger").flush();
        rows(path)
    }

    /// Waits until a counter of `/metrics` has this value.
    pub async fn counts(&self, name: &str, value: &str) {
        let line = format!("{name}{{model_name=\"pocket\"}} {value}");
        for _ in 0..500 {
            if self.get("/metrics").await.text().lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{line} is not in\n{}", self.get("/metrics").await.text());
    }
}

/// The rows of a ledger, by column.
pub fn rows(path: &Path) -> Vec<Value> {
    let connection = Connection::open(path).expect("opened");
    let mut statement = connection.prepare("SELECT * FROM requests ORDER BY id").expect("a table");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row| {
        let columns = names.iter().enumerate().map(|(at, name)| {
            let value = match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => json!(number),
                ValueRef::Real(number) => json!(number),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => json!(bytes),
            };
            Ok((name.clone(), value))
        });
        columns.collect::<rusqlite::Result<_>>().map(Value::Object)
    };
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// A greedy chat with one message, and further fields.
pub fn chat(content: &str, fields: Value) -> Value {
    let mut body = json!({"model": "pocket", "messages": [{"role": "user", "content": content}], "temperature": 0});
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    body
}

/// The events of a streamed body, without the `[DONE]` that must be the last.
pub fn events(body: &str) -> Vec<Value> {
    let mut lines: Vec<&str> = body.split_terminator("\n\n").collect();
    assert_eq!(lines.pop(), Some("data: [DONE]"), "{body}");
    let event = |line: &str| serde_json::from_str(line.strip_prefix("data: ").expect("an event")).expect("JSON");
    lines.into_iter().map(event).collect()
}

/// A connection by hand.
pub async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

/// Writes a request for a connection of its own.
pub async fn write_post(stream: &mut TcpStream, path: &str, body: &Value) {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.expect("written");
}

/// Reads to the end: status, headers, and the body out of its chunks.
pub async fn read_reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("read");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a number");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: http::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    let mut rest = &bytes[end + 4..];
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_none() {
        body = rest.to_vec();
        rest = &[];
    }
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    Reply { status, headers, body }
}
