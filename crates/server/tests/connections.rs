//! Clients that come, stay, go away, and misbehave, over real sockets.

mod common;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{Fixtures, Server, chat, connect, events, pocket, read_reply, with_limits, write_post};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use whit_server::Config;
use whit_server::config::{Limits, TlsFiles};

const CHAT: &str = "/v1/chat/completions";

/// Answers that go on until the context is full: so many that they take longer than what a test does meanwhile.
fn endless(answers: usize) -> Value {
    chat("Hello", json!({"stream": true, "ignore_eos": true, "n": answers}))
}

/// The small model with all the context it was trained for.
fn roomy(limits: Limits) -> Config {
    let mut config = with_limits(limits);
    config.models[0].options.context = Some(1024);
    config
}

/// Reads until the first piece of an answer is there.
async fn first_words(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.windows(7).any(|window| window == b"content") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    bytes
}

#[tokio::test]
async fn a_stream_over_a_socket_says_what_the_whole_answer_says() {
    let server = Server::start(pocket()).await;
    let whole = server.chat("Hello", json!({})).await.ok();
    let (address, _task) = server.listen().await;
    let mut stream = connect(address).await;
    write_post(&mut stream, CHAT, &chat("Hello", json!({"stream": true}))).await;
    let reply = read_reply(&mut stream).await;
    assert_eq!(reply.status, 200);
    let text: String =
        events(&reply.text()).iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, whole["choices"][0]["message"]["content"].as_str().unwrap());
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let server = Server::start(roomy(Limits::default())).await;
    let (address, _task) = server.listen().await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(address).await;
        write_post(&mut stream, CHAT, &endless(32)).await;
        streams.push(stream);
    }
    // One that waits for all of it at once, and does not wait for long.
    let mut whole = connect(address).await;
    write_post(&mut whole, CHAT, &chat("Hello", json!({"ignore_eos": true, "n": 32}))).await;
    for stream in &mut streams {
        first_words(stream).await;
    }
    drop((streams, whole));
    for (name, value) in
        [("vllm:num_requests_running", "0"), ("vllm:num_requests_waiting", "0"), ("vllm:kv_cache_usage_perc", "0.0")]
    {
        server.counts(name, value).await;
    }
    assert_eq!(server.chat("Hello", json!({})).await.ok()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_full_queue_is_told_when_to_come_back() {
    let server = Server::start(roomy(Limits { queue: 64, ..Limits::default() })).await;
    let (address, _task) = server.listen().await;
    let mut first = connect(address).await;
    write_post(&mut first, CHAT, &endless(63)).await;
    first_words(&mut first).await;
    let refused = server.chat("Hello", json!({"n": 60})).await;
    assert!(refused.refused(429, None).contains("come back later"));
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    // What did not fit has left no trace.
    server.chat("Hello", json!({})).await.ok();
}

#[tokio::test]
async fn a_server_that_drains_ends_its_answers_and_takes_no_new_ones() {
    let server = Server::start(roomy(Limits::default())).await;
    let (address, task) = server.listen().await;
    let mut open = connect(address).await;
    write_post(&mut open, CHAT, &endless(64)).await;
    let mut body = first_words(&mut open).await;
    server.app.stop.drain(Duration::from_secs(60));
    let mut late = connect(address).await;
    write_post(&mut late, CHAT, &chat("Hello", json!({}))).await;
    let reply = read_reply(&mut late).await;
    reply.refused(503, None);
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(server.get("/ready").await.status, 503);
    assert_eq!(server.get("/health").await.status, 200);
    open.read_to_end(&mut body).await.unwrap();
    assert!(String::from_utf8(body).unwrap().contains("data: [DONE]"));
    task.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_to_stop_at_once_does() {
    let server = Server::start(roomy(Limits::default())).await;
    let (address, task) = server.listen().await;
    let mut open = connect(address).await;
    write_post(&mut open, CHAT, &endless(128)).await;
    let mut body = first_words(&mut open).await;
    server.app.stop.now();
    task.await.unwrap();
    // Whether it ends or breaks off is the system's affair.
    let _ = open.read_to_end(&mut body).await;
    assert!(!String::from_utf8(body).unwrap().contains("data: [DONE]"));
}

#[tokio::test]
async fn a_body_that_does_not_come_and_a_head_that_is_too_large_are_not_waited_for() {
    let quick = Duration::from_millis(50);
    let limits = Limits { body_timeout: quick, header_timeout: quick, header_bytes: 4096, ..Limits::default() };
    let server = Server::start(with_limits(limits)).await;
    let (address, _task) = server.listen().await;
    let mut slow = connect(address).await;
    let head =
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n";
    slow.write_all(format!("{head}connection: close\r\n\r\n{{").as_bytes()).await.unwrap();
    read_reply(&mut slow).await.refused(408, None);
    let mut silent = connect(address).await;
    silent.write_all(b"GET /health HT").await.unwrap();
    let mut bytes = Vec::new();
    silent.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&bytes));
    let mut large = connect(address).await;
    let line = format!("x-long: {}\r\n", "a".repeat(8192));
    large.write_all(format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{line}\r\n").as_bytes()).await.unwrap();
    let _ = large.read_to_end(&mut bytes).await;
    assert!(bytes.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&bytes));
}

#[tokio::test]
async fn a_head_of_many_lines_is_refused() {
    let server = Server::start(with_limits(Limits { headers: 10, ..Limits::default() })).await;
    let (address, _task) = server.listen().await;
    for (lines, status) in [(5, "HTTP/1.1 200"), (20, "HTTP/1.1 431")] {
        let lines: String = (0..lines).map(|at| format!("x-{at}: a\r\n")).collect();
        let mut stream = connect(address).await;
        let head = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply).await;
        assert!(reply.starts_with(status), "{reply}");
    }
}

#[tokio::test]
async fn more_connections_than_there_are_places_for_wait_their_turn() {
    let server = Server::start(with_limits(Limits { connections: 1, ..Limits::default() })).await;
    let (address, _task) = server.listen().await;
    let ask = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = connect(address).await;
    first.write_all(ask).await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let mut second = connect(address).await;
    second.write_all(ask).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut byte)).await;
    assert!(early.is_err(), "the first connection is still open");
    drop(first);
    second.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_its_answers_are_given_up() {
    let limits = Limits { write_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::start(roomy(limits)).await;
    let (address, _task) = server.listen().await;
    let mut stream = connect(address).await;
    let fields = json!({"stream": true, "ignore_eos": true, "n": 128, "logprobs": true, "top_logprobs": 20});
    write_post(&mut stream, CHAT, &chat("Hello", fields)).await;
    first_words(&mut stream).await;
    for _ in 0..2000 {
        let text = server.get("/metrics").await.text();
        let aborted = text.lines().find(|line| line.contains("finished_reason=\"abort\"")).unwrap();
        if !aborted.ends_with(" 0") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", server.get("/metrics").await.text());
}

/// A stream of more than what a socket holds, for a client that does not read it.
fn unread(answers: usize) -> Value {
    let fields = json!({"stream": true, "ignore_eos": true, "n": answers, "logprobs": true, "top_logprobs": 20});
    chat("Hello", fields)
}

#[tokio::test]
async fn answers_that_were_made_and_not_taken_yet_keep_nobody_out() {
    let server = Server::start(roomy(Limits { queue: 4, ..Limits::default() })).await;
    let (address, _task) = server.listen().await;
    let mut readers = Vec::new();
    for calls in 1..=5 {
        let mut stream = connect(address).await;
        write_post(&mut stream, CHAT, &unread(4)).await;
        first_words(&mut stream).await;
        readers.push(stream);
        server.counts("vllm:e2e_request_latency_seconds_count", &(calls * 4).to_string()).await;
        server.counts("vllm:num_requests_running", "0").await;
    }
    server.chat("Hello", json!({})).await.ok();
}

#[tokio::test]
async fn a_client_that_takes_an_answer_byte_by_byte_is_cut_off() {
    let limits = Limits { send_timeout: Duration::from_millis(500), ..Limits::default() };
    let server = Server::start(roomy(limits)).await;
    let (address, _task) = server.listen().await;
    let mut stream = connect(address).await;
    write_post(&mut stream, CHAT, &unread(16)).await;
    let read = async {
        let (mut piece, mut all) = (vec![0; 4096], Vec::new());
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..count]);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        all
    };
    let all = tokio::time::timeout(Duration::from_secs(30), read).await.expect("the stream breaks off");
    assert!(!String::from_utf8_lossy(&all).contains("[DONE]"), "{} bytes", all.len());
}

/// Runs a whole server, until the tests are over; where it listens.
fn serve(config: Config) -> SocketAddr {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let config = Config { port: 0, ..config };
        whit_server::serve(&config, Arc::new(Fixtures), |started| tell.send(started.address).expect("heard"))
            .expect("served");
    });
    hear.recv().expect("it starts")
}

#[tokio::test]
async fn who_trusts_the_certificates_authority_is_served_over_tls() {
    let data = |name: &str| -> PathBuf { Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name) };
    let tls = TlsFiles { certificate: data("localhost.pem"), key: data("localhost.key.pem") };
    let address = serve(Config { tls: Some(tls), ..pocket() });
    let client = |roots| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
    };
    let name = || ServerName::try_from("localhost").unwrap();
    let mut trusts = RootCertStore::empty();
    trusts.add(CertificateDer::from_pem_file(data("authority.pem")).unwrap()).unwrap();
    let mut stream = client(trusts).connect(name(), connect(address).await).await.unwrap();
    let body = chat("Hello", json!({"stream": true, "max_tokens": 5})).to_string();
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("data: [DONE]"), "{reply}");
    // Who does not trust it goes away, and who speaks in the open is not understood.
    assert!(client(RootCertStore::empty()).connect(name(), connect(address).await).await.is_err());
    let mut plain = connect(address).await;
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&bytes));
}

#[tokio::test]
async fn a_model_that_nobody_asks_for_is_unloaded_after_a_while() {
    let address = serve(Config { idle_unload: Some(Duration::from_millis(100)), ..pocket() });
    for _ in 0..500 {
        let mut stream = connect(address).await;
        stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        if read_reply(&mut stream).await.ok()["data"][0]["status"] == "unloaded" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is still loaded");
}
