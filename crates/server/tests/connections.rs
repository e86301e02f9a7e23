//! Clients that come, stay, go away, and misbehave, over real sockets.

mod common;

use std::time::Duration;

use common::{Server, chat, connect, events, pocket, read_reply, with_limits, write_post};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use whit_server::Config;
use whit_server::config::Limits;

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
