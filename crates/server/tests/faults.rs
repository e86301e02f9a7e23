//! Clients that do everything wrong while others ask: what the others hear does not change, and nothing stays behind.

mod common;
#[path = "../../engine/tests/common/overflow.rs"]
mod overflow;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Server, chat, connect, pocket, read_reply, write_post};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use whit_server::Config;
use whit_server::config::{LedgerConfig, Limits, ModelConfig};

const CHAT: &str = "/v1/chat/completions";

/// Questions of the steady clients, alone in their answers' length and shape.
fn questions() -> Vec<Value> {
    let schema = json!({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"],
        "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    vec![
        chat("Hello", json!({})),
        chat("Who are you?", json!({"n": 2, "seed": 3, "temperature": 1.5, "max_tokens": 40})),
        chat("Who has seen the wind? ".repeat(6).as_str(), json!({"max_tokens": 60, "ignore_eos": true})),
        chat("Hello", json!({"response_format": format, "seed": 5, "temperature": 2, "max_tokens": 80})),
    ]
}

async fn ask(address: SocketAddr, body: &Value) -> (u16, Vec<u8>) {
    let mut stream = connect(address).await;
    write_post(&mut stream, CHAT, body).await;
    let reply = read_reply(&mut stream).await;
    (reply.status.as_u16(), reply.body)
}

/// What an answer says, without its name and its time.
fn said(body: &[u8]) -> Value {
    serde_json::from_slice::<Value>(body).expect("JSON")["choices"].clone()
}

/// One who asks and is gone after a few bytes of the answer.
async fn vanish(address: SocketAddr, after: usize) {
    let mut stream = connect(address).await;
    let fields = json!({"stream": true, "ignore_eos": true, "n": 1 + after % 3, "seed": after, "temperature": 1});
    write_post(&mut stream, CHAT, &chat("Hello", fields)).await;
    let mut bytes = vec![0; 64 * after + 1];
    // Some are refused for the queue is full; that ends early.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut bytes)).await;
}

/// One who sends byte after byte.
async fn drip(address: SocketAddr, expected: &Value) {
    let body = questions()[0].to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let request = format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = connect(address).await;
    stream.set_nodelay(true).expect("set");
    for byte in request.bytes() {
        stream.write_all(&[byte]).await.expect("written");
        tokio::task::yield_now().await;
    }
    let reply = read_reply(&mut stream).await;
    assert!(reply.status == 429 || said(&reply.body) == *expected, "{reply:?}");
}

/// Bodies that no client should send, and the status they deserve: what is odd but within the limits is answered.
fn wrong_bodies() -> Vec<(Vec<u8>, u16)> {
    let deep =
        |fields: &str| format!(r#"{{"model": "pocket", "messages": [{{"role": "user", "content": "x"}}]{fields}}}"#);
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let stops = vec!["\"stop\""; 1_000_000].join(",");
    let schema = format!(
        r#"{{"type": "json_schema", "json_schema": {{"name": "n", "schema": {}1{}}}}}"#,
        r#"{"items": "#.repeat(100),
        "}".repeat(100)
    );
    vec![
        (deep(&format!(r#", "user": "{}""#, "a".repeat(10 << 20))).into_bytes(), 413),
        (nested.into_bytes(), 400),
        (deep(&format!(", \"metadata\": {}{}", "[".repeat(10_000), "]".repeat(10_000))).into_bytes(), 400),
        ([&b"{\"model\": \"pocket\", \"messages\": [{\"role\": \"user\", \"content\": \"\xff\xfe\"}]}"[..]].concat(), 400),
        (deep(", \"temperature\": NaN").into_bytes(), 400),
        (deep(", \"temperature\": 1e999").into_bytes(), 400),
        (deep(&format!(", \"stop\": [{stops}]")).into_bytes(), 413),
        (deep(&format!(", \"stop\": [{}]", vec!["\"s\""; 100_000].join(","))).into_bytes(), 400),
        (deep(&format!(", \"response_format\": {schema}")).into_bytes(), 400),
        (deep(r#", "response_format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "(a{99}){99}"}}"#)
            .into_bytes(), 200),
        (vec![], 400),
    ]
}

async fn send_wrong(address: SocketAddr, body: &[u8], status: u16) {
    let mut stream = connect(address).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let head = format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("written");
    // One who is refused before the end cannot send all of it, and may hear of that as a connection that is reset.
    let sent = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let line = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
    let refused = line.starts_with(&format!("HTTP/1.1 {status}")) || line.starts_with("HTTP/1.1 429");
    assert!(
        refused || sent.is_err() && bytes.is_empty(),
        "{line} where {status} is expected: {}",
        String::from_utf8_lossy(&body[body.len().saturating_sub(120)..])
    );
}

/// Bytes of this process in memory.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// All of it at once; returns when the last of the wrong ones is gone.
async fn misbehave(address: SocketAddr, expected: &Value) {
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..200 {
        tasks.spawn(vanish(address, at % 40));
    }
    for _ in 0..6 {
        let expected = expected.clone();
        tasks.spawn(async move { drip(address, &expected).await });
    }
    for (body, status) in wrong_bodies() {
        tasks.spawn(async move { send_wrong(address, &body, status).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
}

#[test]
fn the_others_hear_what_they_always_hear_and_nothing_stays_behind() {
    // As `serve` does.
    whit_engine::share_heaps();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(six_rounds());
}

async fn six_rounds() {
    let limits = Limits { queue: 64, ..Limits::default() };
    let server = Server::start(Config { limits, ..pocket() }).await;
    let (address, _task) = server.listen().await;
    let mut expected = Vec::new();
    for question in questions() {
        let (status, body) = ask(address, &question).await;
        assert_eq!(status, 200);
        expected.push(said(&body));
    }
    let mut memory = Vec::new();
    for _ in 0..6 {
        let over = Arc::new(AtomicBool::new(false));
        let steady: Vec<_> = questions()
            .into_iter()
            .zip(expected.clone())
            .map(|(question, expected)| {
                let over = over.clone();
                tokio::spawn(async move {
                    let mut answered = 0;
                    while answered == 0 || !over.load(Ordering::Relaxed) {
                        let (status, body) = ask(address, &question).await;
                        if status == 429 {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            continue;
                        }
                        assert_eq!((status, said(&body)), (200, expected.clone()));
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        misbehave(address, &expected[0]).await;
        over.store(true, Ordering::Relaxed);
        for client in steady {
            assert!(client.await.expect("what is always heard") > 0);
        }
        for (name, value) in [
            ("vllm:num_requests_running", "0"),
            ("vllm:num_requests_waiting", "0"),
            ("vllm:kv_cache_usage_perc", "0.0"),
        ] {
            server.counts(name, value).await;
        }
        memory.extend(resident());
    }
    // At first, buffers grow to what they need, and heaps to what is in them at once; later nothing grows.
    if let Some((first, later)) = memory.split_at_checked(3) {
        let most = |memory: &[u64]| memory.iter().max().copied().unwrap_or(0);
        assert!(most(later) < most(first) + (64 << 20), "{memory:?}");
    }
}

#[tokio::test]
async fn an_answer_whose_numbers_overflow_is_an_error_of_its_own() {
    const BAD: usize = 200;
    let folder = tempfile::tempdir().expect("a temporary folder");
    overflow::overflowing_at(BAD as u32, folder.path());
    let source = folder.path().to_string_lossy().into_owned();
    let model = ModelConfig { source, ..common::model("pocket") };
    let path = folder.path().join("ledger.db");
    let ledger = LedgerConfig { path: Some(path.clone()), ..LedgerConfig::default() };
    let server = Server::start(Config { models: vec![model], ledger, ..Config::default() }).await;
    let ask = async |prompt: Value, stream: bool| {
        let limits = json!({"max_tokens": 60, "ignore_eos": true, "temperature": 0, "logprobs": 3});
        let mut body = json!({"model": "pocket", "prompt": prompt, "stream": stream});
        body.as_object_mut().expect("an object").extend(limits.as_object().expect("an object").clone());
        server.post("/v1/completions", &body).await
    };
    let alone = ask(json!([5, 17, 80]), false).await.ok()["choices"].clone();

    let embed = json!({"model": "pocket", "input": [[5, 17], [80, BAD]]});
    let embed = server.post("/v1/embeddings", &embed);
    let (sound, bad) = (json!([5, 17, 80]), json!([5, BAD, 80]));
    let (first, whole, streamed, embedded, last) = tokio::join!(
        ask(sound.clone(), false),
        ask(bad.clone(), false),
        ask(bad, true),
        embed,
        ask(sound.clone(), false)
    );
    for answered in [first, last, ask(sound, false).await] {
        assert_eq!(answered.ok()["choices"], alone);
    }
    for refused in [whole, embedded] {
        assert!(refused.refused(500, None).contains("not finite numbers"), "{refused:?}");
    }
    let text = streamed.text();
    let last = text.trim_end().lines().last().and_then(|line| line.strip_prefix("data: ")).expect("an event");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((streamed.status.as_u16(), &last["error"]["type"]), (200, &"server_error".into()), "{text}");
    assert!(last["error"]["message"].as_str().expect("a sentence").contains("not finite numbers"), "{text}");
    let metrics = server.get("/metrics").await.text();
    let counted = "vllm:request_success_total{model_name=\"pocket\",finished_reason=\"error\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
    server.counts("vllm:num_requests_running", "0").await;
    let errors: Vec<Value> = server.rows(&path).iter().map(|row| row["error"].clone()).collect();
    assert_eq!(errors.iter().filter(|error| **error == "internal_error").count(), 3, "{errors:?}");
    assert_eq!(errors.iter().filter(|error| error.is_null()).count(), 4, "{errors:?}");
}
