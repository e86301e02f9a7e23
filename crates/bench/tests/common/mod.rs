//! The harness of the load generator's tests: servers in this process that answer as a test wants them to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use whit_bench::{Endpoint, Server, Target};

/// A request as a server sees it.
pub struct Question {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
    /// Requests under way beside it.
    pub others: usize,
    /// Requests that came over the same connection before it.
    pub earlier: usize,
}

/// What it answers.
pub enum Reply {
    Json(u16, Value),
    /// Events, each after a pause; then the stream ends.
    Events(Vec<(Duration, String)>),
    /// Events, and then the connection is closed in the middle of the stream.
    Cut(Vec<(Duration, String)>),
    /// Nothing: the connection is closed.
    Closed,
}

/// Starts a server; where it is.
pub fn server(answer: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (answer, under_way) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, under_way) = (answer.clone(), under_way.clone());
            thread::spawn(move || converse(&stream.expect("a connection"), &*answer, &under_way));
        }
    });
    url
}

/// A client of it.
pub fn target(url: &str) -> Target {
    Target::connect(named(url)).expect("it answers")
}

/// It, as a person would name it.
pub fn named(url: &str) -> Server {
    let timeout = Duration::from_secs(20);
    Server { url: url.to_owned(), model: None, api_key: None, endpoint: Endpoint::Completions, timeout }
}

fn converse(stream: &TcpStream, answer: &dyn Fn(&Question) -> Reply, under_way: &AtomicUsize) {
    stream.set_nodelay(true).expect("set");
    let mut reader = BufReader::new(stream);
    let mut earlier = 0;
    while let Some(mut question) = read(&mut reader) {
        question.earlier = earlier;
        earlier += 1;
        question.others = under_way.fetch_add(1, Ordering::SeqCst);
        let reply = answer(&question);
        let is_whole = write(stream, reply);
        under_way.fetch_sub(1, Ordering::SeqCst);
        if !is_whole {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Question> {
    let mut head = Vec::new();
    for line in reader.by_ref().lines() {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let header = |name: &str| {
        let found = head.iter().filter_map(|line| line.split_once(": "));
        found.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().expect("a number"))];
    reader.read_exact(&mut body).ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") };
    Some(Question { path, authorization: header("authorization"), body, others: 0, earlier: 0 })
}

/// Whether the connection can be used again. A client may go away at any time.
fn write(mut stream: &TcpStream, reply: Reply) -> bool {
    let (events, is_whole) = match reply {
        Reply::Json(status, body) => {
            let body = body.to_string();
            return write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).is_ok();
        }
        Reply::Closed => return false,
        Reply::Events(events) => (events, true),
        Reply::Cut(events) => (events, false),
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let _ = stream.write_all(head.as_bytes());
    for (pause, data) in events {
        thread::sleep(pause);
        let event = format!("data: {data}\n\n");
        let _ = stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    }
    is_whole && stream.write_all(b"0\r\n\r\n").is_ok()
}

/// Answers as OpenAI does, with one token of text after each pause and prompts counted by `count`.
pub fn openai(question: &Question, pauses: &[Duration], count: fn(&str) -> usize) -> Reply {
    if question.path == "/v1/models" {
        return Reply::Json(200, json!({"object": "list", "data": [{"id": "small"}, {"id": "large"}]}));
    }
    let body = &question.body;
    assert_eq!((&body["model"], &body["temperature"]), (&json!("small"), &json!(0)));
    let is_chat = question.path == "/v1/chat/completions";
    let prompt = if is_chat { &body["messages"][0]["content"] } else { &body["prompt"] };
    let tokens = body["max_tokens"].as_u64().expect("a number") as usize;
    let prompt_tokens = count(prompt.as_str().expect("a text"));
    let usage = json!({"prompt_tokens": prompt_tokens, "completion_tokens": tokens});
    if body["stream"] == false {
        return Reply::Json(200, json!({"choices": [{"text": "a"}], "usage": usage}));
    }
    let text = |token: usize| match is_chat {
        true => json!({"choices": [{"index": 0, "delta": {"content": format!("{token} ")}}]}),
        false => json!({"choices": [{"index": 0, "text": format!("{token} ")}]}),
    };
    let pause = |token: usize| pauses.get(token).or(pauses.last()).copied().unwrap_or_default();
    let mut events: Vec<_> = (0..tokens).map(|token| (pause(token), text(token).to_string())).collect();
    let end = json!({"choices": [{"index": 0, "text": "", "delta": {}, "finish_reason": "length"}]});
    let usage = json!({"choices": [], "usage": usage});
    events.extend([end.to_string(), usage.to_string(), "[DONE]".to_owned()].map(|data| (Duration::ZERO, data)));
    Reply::Events(events)
}

/// As a tokenizer with a vocabulary of words counts, and a token in front.
pub fn words(text: &str) -> usize {
    1 + text.split(' ').count() + text.matches('.').count()
}
