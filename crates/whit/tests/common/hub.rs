//! A hub on this machine: the part of huggingface.co that whit talks to, with faults to order.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub has and how it behaves.
#[derive(Default)]
pub struct Script {
    /// Files by name. Those over 50 kB are "large": redirected to another host, and named by their SHA-256.
    pub files: BTreeMap<String, Vec<u8>>,
    /// More names for the listing.
    pub also_listed: Vec<String>,
    /// Answer everything with this status and this `X-Error-Code`.
    pub refuse: Option<(u16, &'static str)>,
    /// Only for who has this token.
    pub token: Option<&'static str>,
    /// End the next connections after this many bytes of a large file each.
    pub cut: Vec<usize>,
    /// An ETag instead of the right one.
    pub etag: Option<String>,
    /// A commit instead of [`COMMIT`].
    pub commit: Option<&'static str>,
}

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
}

pub struct Hub {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl Hub {
    pub fn start(script: Script) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, script) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(script)));
        let hub = Hub { port, seen: seen.clone(), script: script.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (seen.clone(), script.clone());
                std::thread::spawn(move || serve(stream, port, &seen, &script));
            }
        });
        hub
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All requests so far; forgets them.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().expect("no test failed in it"))
    }

    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().expect("no test failed in it"));
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn is_large(bytes: &[u8]) -> bool {
    bytes.len() > 50_000
}

/// The ETag of a file: git's would be a SHA-1; any 40 digits do.
pub fn etag(bytes: &[u8]) -> String {
    let sum = sha256(bytes);
    if is_large(bytes) { sum } else { sum[..40].to_owned() }
}

fn serve(mut stream: TcpStream, port: u16, seen: &Mutex<Vec<Seen>>, script: &Mutex<Script>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let mut words = request.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let token = headers.get("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned());
    let range = headers.get("range").cloned();
    seen.lock().expect("no test failed in it").push(Seen {
        method: method.clone(),
        path: path.clone(),
        range: range.clone(),
        token: token.clone(),
    });
    let mut script = script.lock().expect("no test failed in it");

    let empty = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n")
    };
    let on_content_host = path.starts_with("/content/");
    let answer = if let Some((status, code)) = script.refuse {
        empty(status, &format!("X-Error-Code: {code}\r\n"))
    } else if !on_content_host && script.token.is_some() && script.token != token.as_deref() {
        empty(401, "")
    } else if path == "/api/models/o/n/revision/main" {
        let names = script.files.keys().chain(&script.also_listed);
        let siblings: Vec<_> = names.map(|name| serde_json::json!({"rfilename": name})).collect();
        let body = serde_json::json!({"sha": script.commit.unwrap_or(COMMIT), "siblings": siblings}).to_string();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    } else if let Some(bytes) = path.strip_prefix("/content/").and_then(|name| script.files.get(name)).cloned() {
        send(&mut stream, &bytes, "", range.as_deref(), &mut script.cut);
        return;
    } else if let Some((name, bytes)) =
        path.strip_prefix(&format!("/o/n/resolve/{COMMIT}/")).and_then(|name| script.files.get_key_value(name))
    {
        let tag = script.etag.clone().unwrap_or_else(|| etag(bytes));
        if is_large(bytes) {
            let size = bytes.len();
            let to = format!("http://localhost:{port}/content/{name}");
            empty(
                302,
                &format!(
                    "Location: {to}\r\nX-Linked-ETag: \"{tag}\"\r\nX-Linked-Size: {size}\r\nX-Repo-Commit: {COMMIT}\r\n"
                ),
            )
        } else if method == "HEAD" {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: W/\"{tag}\"\r\nConnection: close\r\n\r\n",
                bytes.len()
            )
        } else {
            let bytes = bytes.clone();
            send(&mut stream, &bytes, &format!("ETag: \"{tag}\"\r\n"), range.as_deref(), &mut vec![]);
            return;
        }
    } else {
        empty(404, "X-Error-Code: EntryNotFound\r\n")
    };
    let _ = stream.write_all(answer.as_bytes());
}

/// The bytes, or those of `range`; cut short if the script says so.
fn send(stream: &mut TcpStream, bytes: &[u8], headers: &str, range: Option<&str>, cut: &mut Vec<usize>) {
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (status, extra) = match from {
        Some(from) if from >= bytes.len() => (416, String::new()),
        Some(from) => (206, format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len())),
        None => (200, String::new()),
    };
    let body = if status == 416 { &[] } else { &bytes[from.unwrap_or(0)..] };
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{extra}{headers}\r\n", body.len());
    let most = if cut.is_empty() { body.len() } else { cut.remove(0).min(body.len()) };
    // whit may have hung up.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..most]));
}
