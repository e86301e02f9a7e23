//! The ledger of a server: a row for every request, which says what its answer says.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use common::{Reply, Server, chat, connect, events, model, pocket, write_post};
use http::Request;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use whit_meter::ledger::{By, Entry, Ledger, Options, Outcome, Record, report};
use whit_meter::{Choice, Part, Receipt, Tier};
use whit_server::config::{ApiKey, File, KeyLimits, LedgerConfig, Limits, MeterConfig, MeterSource};
use whit_server::{App, Config};

/// A folder with a ledger, and a meter that always shows 50 W.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        std::fs::write(folder.0.path().join("plug"), "watts 50\n").expect("written");
        folder
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }

    fn config(&self, config: Config) -> Config {
        let source = MeterSource::On(Choice::File(self.0.path().join("plug")));
        let meter = MeterConfig { source, ..MeterConfig::default() };
        let ledger = LedgerConfig { path: Some(self.ledger()), ..config.ledger };
        Config { meter, ledger, ..config }
    }
}

/// Asks under an id, with a key.
async fn ask(server: &Server, id: &str, key: &str, path: &str, body: &Value) -> Reply {
    let request = Request::post(path).header("content-type", "application/json").header("x-request-id", id);
    let request = request.header("authorization", format!("Bearer {key}"));
    server.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

/// The rows by their requests' ids.
fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    let count = rows.len();
    let rows: BTreeMap<_, _> =
        rows.into_iter().map(|row| (row["request_id"].as_str().expect("text").to_owned(), row)).collect();
    assert_eq!(rows.len(), count, "a request is there twice");
    rows
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-8 * a.abs().max(b.abs())
}

/// What a row must have of an answer's usage.
fn assert_agrees(row: &Value, usage: &Value) {
    assert_eq!(row["prompt_tokens"], usage["prompt_tokens"], "{row:#} {usage:#}");
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    assert_eq!(row["output_tokens"], count(&usage["completion_tokens"]), "{row:#} {usage:#}");
    assert_eq!(row["cached_tokens"], count(&usage["prompt_tokens_details"]["cached_tokens"]), "{row:#} {usage:#}");
    let receipt = usage["whit"].as_object().expect("a receipt");
    let figures = receipt.iter().flat_map(|(name, value)| match value {
        Value::Object(part) => part.iter().map(|(field, value)| (format!("{name}_{field}"), value)).collect(),
        value => vec![(name.clone(), value)],
    });
    let mut compared = 0;
    for (name, value) in figures {
        compared += 1;
        match (value.as_f64(), row[&name].as_f64()) {
            (Some(told), Some(kept)) => assert!(close(told, kept), "{name}: {row:#} {usage:#}"),
            _ => assert_eq!(&row[&name], value, "{name}"),
        }
    }
    assert_eq!(compared, 8 + 2 * 6);
}

/// The sum of a counter's values for answers.
fn counted(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    let lines = lines.filter(|line| !line.contains("phase=\"load\"") && !line.contains("phase=\"idle\""));
    lines.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
}

#[tokio::test]
async fn a_server_that_starts_anew_knows_what_keys_have_used() {
    let folder = Folder::new();
    // Ten joules, an hour ago and two days ago, of alice; and of bob, whose day has no limit.
    let ledger = Ledger::open(&folder.ledger(), Options::default(), |sentence| panic!("{sentence}")).expect("a ledger");
    let part = Part { joules: 5.0, joules_low: 5.0, joules_high: 5.0, ..Part::default() };
    let receipt = Receipt {
        joules: 10.0,
        joules_low: 10.0,
        joules_high: 10.0,
        tier: Tier::Wall,
        dollars: None,
        grams_co2e: None,
        bytes_peak: 0,
        seconds: 1.0,
        prefill: part,
        decode: part,
    };
    for (hours, key) in [(1, "alice"), (48, "alice"), (1, "bob")] {
        ledger.record(Entry {
            time: SystemTime::now() - Duration::from_secs(3600 * hours),
            request_id: String::new(),
            model: "pocket".into(),
            key: Some(key.into()),
            prompt_tokens: 1,
            cached_tokens: 0,
            output_tokens: 1,
            receipt: Some(receipt),
            outcome: Outcome::Finished("stop".into()),
            prompt: None,
            answer: None,
        });
    }
    drop(ledger);
    let answers = |joules_per_day: f64| {
        let keys = ["alice", "bob"].map(|name| ApiKey { name: Some(name.into()), key: name.into() });
        let limits = KeyLimits { joules_per_day: Some(joules_per_day), ..KeyLimits::default() };
        let key_limits = [("alice".to_owned(), limits)].into();
        let config = folder.config(Config { api_keys: keys.to_vec(), key_limits, ..pocket() });
        async move {
            let server = Server::start(config).await;
            let body = chat("Hello", json!({"max_tokens": 1}));
            let ask = |key| ask(&server, "", key, "/v1/chat/completions", &body);
            [ask("alice").await, ask("bob").await]
        }
    };
    let [alice, bob] = answers(10.0).await;
    let sentence = alice.refused(402, None);
    assert!(sentence.starts_with("the key alice may use 10 joules in 24 hours and has 0 left"), "{sentence}");
    bob.ok();
    answers(1e6).await.iter().for_each(|reply| drop(reply.ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_say_what_answers_say_and_add_up_to_what_is_counted() {
    let folder = Folder::new();
    let tariff = "[tariff]\nelectricity_dollars_per_kwh = 0.25\ngrid_grams_co2e_per_kwh = 380\n";
    let file: File = toml::from_str(tariff).expect("a configuration");
    let models = vec![model("pocket"), model("pocket-q8_0.gguf")];
    let api_keys = vec![ApiKey { name: Some("alice".into()), key: "key-of-alice".into() }, "nameless".into()];
    let server =
        Server::start(folder.config(Config { models, api_keys, tariff: file.tariff, ..Config::default() })).await;
    let begun = SystemTime::now();
    let calls = (0..12).map(|call| {
        let server = server.clone();
        tokio::spawn(async move {
            let name = ["pocket", "pocket-q8_0.gguf"][call % 2];
            let key = ["key-of-alice", "nameless"][call / 2 % 2];
            let id = format!("call-{call}");
            let mut body = chat("What is whit?", json!({"model": name, "max_tokens": 5 + 4 * call}));
            let reply = match call % 4 {
                0 => {
                    body["stream"] = json!(true);
                    body["stream_options"] = json!({"include_usage": true});
                    let text = ask(&server, &id, key, "/v1/chat/completions", &body).await.text();
                    return (id, events(&text).pop().expect("the usage")["usage"].clone());
                }
                1 => {
                    let texts: Vec<String> = (0..70).map(|text| format!("text number {text}")).collect();
                    ask(&server, &id, key, "/v1/embeddings", &json!({"model": name, "input": texts})).await
                }
                2 => {
                    let body = json!({"model": name, "prompt": ["Who", "Who has seen"], "n": 2});
                    ask(&server, &id, key, "/v1/completions", &body).await
                }
                _ => ask(&server, &id, key, "/v1/chat/completions", &body).await,
            };
            (id, reply.ok()["usage"].clone())
        })
    });
    let mut usages = BTreeMap::new();
    for call in calls.collect::<Vec<_>>() {
        let (id, usage) = call.await.expect("an answer");
        usages.insert(id, usage);
    }
    let rows = by_id(server.rows(&folder.ledger()));
    assert_eq!(rows.keys().collect::<Vec<_>>(), usages.keys().collect::<Vec<_>>());
    for (id, row) in &rows {
        assert_agrees(row, &usages[id]);
        let call: usize = id.strip_prefix("call-").and_then(|call| call.parse().ok()).expect("a number");
        assert_eq!(row["model"], ["pocket", "pocket-q8_0.gguf"][call % 2]);
        assert_eq!(row["key_name"], [json!("alice"), Value::Null][call / 2 % 2]);
        assert_eq!(row["tier"], Tier::Wall.name());
        let came = SystemTime::UNIX_EPOCH + Duration::from_millis(row["time_ms"].as_u64().expect("a time") + 1);
        assert!(came >= begun && came <= SystemTime::now() + Duration::from_millis(1), "{row:#}");
        let reasons: &[&str] = if call % 4 == 1 { &["stop"] } else { &["stop", "length", "length,stop"] };
        let reason = row["finish_reason"].as_str().expect("a reason");
        assert!(reasons.contains(&reason) && row["error"].is_null(), "{row:#}");
        let texts = ["prompt", "answer", "prompt_hash", "answer_hash"];
        assert!(texts.iter().all(|text| row[text].is_null()), "{row:#}");
    }
    let metrics = server.get("/metrics").await;
    // The ledger's key is no key of a client.
    assert_eq!(metrics.status, 401);
    let request = Request::get("/metrics").header("authorization", "Bearer nameless").body(Body::empty());
    let metrics = server.send(request.expect("a request")).await.text();
    let sum = |name: &str| rows.values().map(|row| row[name].as_f64().expect("a number")).sum::<f64>();
    for (column, counter) in [
        ("joules", "whit_joules_total"),
        ("dollars", "whit_dollars_total"),
        ("output_tokens", "vllm:generation_tokens_total"),
    ] {
        assert!(close(sum(column), counted(&metrics, counter)), "{column}: {} {metrics}", sum(column));
    }
    assert!(metrics.lines().any(|line| line == "whit_ledger_lost_total 0"), "{metrics}");
    let report = report(&folder.ledger(), By::Key, None).expect("a report");
    assert_eq!((report.total.requests, report.total.errors, report.missing), (12, 0, 0));
    assert!(close(report.total.joules.expect("joules"), sum("joules")));
    assert_eq!(report.groups.iter().map(|group| group.name.as_deref()).collect::<Vec<_>>(), [None, Some("alice")]);
}

/// Asks the same of a server that keeps so much of it; its rows.
async fn kept(record: Record, redact: &[&str]) -> Vec<Value> {
    let folder = Folder::new();
    let redact = redact.iter().map(|&pattern| pattern.to_owned()).collect();
    let ledger = LedgerConfig { record, redact, ..LedgerConfig::default() };
    let server = Server::start(folder.config(Config { ledger, ..pocket() })).await;
    for stream in [false, true] {
        assert_eq!(server.chat("What is whit?", json!({"stream": stream})).await.status, 200);
    }
    server.chat("Hello", json!({"n": 2, "max_tokens": 3})).await.ok();
    let prompts =
        json!({"model": "pocket", "prompt": ["Who has seen the", [5, 17]], "max_tokens": 2, "temperature": 0});
    server.post("/v1/completions", &prompts).await.ok();
    server.post("/v1/embeddings", &json!({"model": "pocket", "input": ["a", "b"]})).await.ok();
    server
        .post("/v1/completions", &json!({"model": "pocket", "prompt": "x".repeat(5000)}))
        .await
        .refused(400, Some("prompt"));
    server.rows(&folder.ledger())
}

fn texts(row: &Value) -> [&Value; 4] {
    ["prompt", "answer", "prompt_hash", "answer_hash"].map(|column| &row[column])
}

#[tokio::test]
async fn what_is_said_is_kept_as_far_as_it_was_asked_for() {
    for row in kept(Record::None, &[]).await {
        assert_eq!(texts(&row), [&Value::Null; 4]);
    }

    let rows = kept(Record::Full, &[]).await;
    let prompt = "<|begin|><|im_start|>user\nWhat is whit?<|im_end|>\n<|im_start|>assistant\n";
    let answer = json!("Whit runs small language models on the machine you have.");
    for row in &rows[..2] {
        assert_eq!(texts(row), [&json!(prompt), &answer, &Value::Null, &Value::Null]);
    }
    let split =
        |text: &Value| -> Vec<String> { text.as_str().expect("text").split('\u{1e}').map(str::to_owned).collect() };
    assert_eq!(split(&rows[2]["answer"]).len(), 2);
    let (prompts, answers) = (split(&rows[3]["prompt"]), split(&rows[3]["answer"]));
    assert_eq!((prompts.len(), prompts[0].as_str(), answers.len()), (2, "Who has seen the", 2));
    assert!(!prompts[1].is_empty() && answers[0] == " wind?", "{answers:?}");
    assert_eq!(texts(&rows[4]), [&json!("a\u{1e}b"), &Value::Null, &Value::Null, &Value::Null]);
    assert_eq!(texts(&rows[5]), [&Value::Null; 4], "nothing of it went to the model");

    let redacted = kept(Record::Full, &["(?i)whit", r"<\|im_\w+\|>"]).await;
    let prompt = "<|begin|>[redacted]user\nWhat is [redacted]?[redacted]\n[redacted]assistant\n";
    assert_eq!(redacted[0]["prompt"], prompt);
    assert!(redacted[0]["answer"].as_str().expect("text").starts_with("[redacted] runs"), "{}", redacted[0]);

    let rows = kept(Record::Hash, &[]).await;
    assert!(rows.iter().all(|row| row["prompt"].is_null() && row["answer"].is_null()));
    assert_eq!(texts(&rows[0]), texts(&rows[1]), "the same was said, streamed or not");
    assert!(rows[0]["prompt_hash"].as_array().is_some_and(|hash| hash.len() == 32));
    assert_ne!(rows[0]["prompt_hash"], rows[2]["prompt_hash"]);
    assert!(rows[4]["prompt_hash"].is_array() && rows[4]["answer_hash"].is_null() && rows[5]["prompt_hash"].is_null());
}

#[tokio::test]
async fn what_is_refused_has_a_row_that_says_why_and_nothing_a_stranger_wrote() {
    let folder = Folder::new();
    let mut nothing = model("nothing.gguf");
    nothing.preload = false;
    let models = vec![model("pocket"), nothing];
    let limits = Limits { queue: 4, ..Limits::default() };
    let api_keys = vec![ApiKey { name: Some("alice".into()), key: "k".into() }];
    let server = Server::start(folder.config(Config { models, limits, api_keys, ..Config::default() })).await;
    let completion = |more: Value| {
        let mut body = json!({"model": "pocket", "prompt": "Hello"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let cases = [
        ("model", completion(json!({"model": "'); DROP TABLE requests; --"})), 404, "(unknown)", "model_not_found"),
        ("field", completion(json!({"echo": true})), 400, "(unknown)", "unsupported_parameter"),
        ("load", completion(json!({"model": "nothing.gguf"})), 503, "nothing.gguf", "unavailable"),
        ("long", completion(json!({"prompt": "x".repeat(5000)})), 400, "pocket", "context_length_exceeded"),
        ("value", completion(json!({"temperature": "hot"})), 400, "(unknown)", "invalid_value"),
        ("many", completion(json!({"n": 5})), 400, "pocket", "invalid_request_error"),
        ("bytes", completion(json!({"whit": {"max_bytes": 1}})), 400, "pocket", "budget_exceeded"),
    ];
    for (id, body, status, ..) in &cases {
        assert_eq!(ask(&server, id, "k", "/v1/completions", body).await.status, *status, "{id}");
    }
    // No question to a model, or nobody who may ask.
    assert_eq!(ask(&server, "key", "wrong", "/v1/completions", &completion(json!({}))).await.status, 401);
    assert_eq!(ask(&server, "tokens", "k", "/tokenize", &completion(json!({}))).await.status, 200);
    assert_eq!(ask(&server, "route", "k", "/v1/nothing", &completion(json!({}))).await.status, 404);
    let get = Request::get("/v1/completions").header("authorization", "Bearer k").body(Body::empty());
    assert_eq!(server.send(get.expect("a request")).await.status, 405);

    server.app.stop.drain(Duration::from_secs(60));
    assert_eq!(
        ask(&server, "late", "k", "/v1/embeddings", &json!({"model": "pocket", "input": "x"})).await.status,
        503
    );
    let mut rows = by_id(server.rows(&folder.ledger()));
    let late = rows.remove("late").expect("a row");
    assert_eq!((&late["model"], &late["error"]), (&json!("(unknown)"), &json!("unavailable")));
    assert_eq!(rows.len(), cases.len(), "{rows:#?}");
    for (id, _, _, model, error) in cases {
        let row = &rows[id];
        assert_eq!((&row["model"], &row["error"], &row["key_name"]), (&json!(model), &json!(error), &json!("alice")));
        assert!(row["finish_reason"].is_null() && row["joules"].is_null() && row["tier"].is_null(), "{row:#}");
        assert_eq!([&row["prompt_tokens"], &row["output_tokens"]], [0, 0], "{row:#}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_has_a_row_with_what_was_used_for_it() {
    let folder = Folder::new();
    let ledger = LedgerConfig { record: Record::Full, ..LedgerConfig::default() };
    let server = Server::start(folder.config(Config { ledger, ..pocket() })).await;
    let (address, _task) = server.listen().await;
    let body = chat("Hello", json!({"ignore_eos": true, "n": 8, "stream": true}));
    let mut streamed = connect(address).await;
    write_post(&mut streamed, "/v1/chat/completions", &body).await;
    let mut bytes = Vec::new();
    while bytes.len() < 10_000 {
        assert_ne!(streamed.read_buf(&mut bytes).await.expect("read"), 0, "it has ended by itself");
    }
    let body = chat("Hello", json!({"ignore_eos": true, "n": 64}));
    let mut whole = connect(address).await;
    write_post(&mut whole, "/v1/chat/completions", &body).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    drop((streamed, whole));
    server.counts("vllm:num_requests_running", "0").await;
    let mut rows = vec![];
    for _ in 0..500 {
        rows = server.rows(&folder.ledger());
        if rows.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let metrics = server.get("/metrics").await.text();
    for row in &rows {
        assert_eq!(
            (&row["error"], &row["finish_reason"], &row["model"]),
            (&json!("abort"), &Value::Null, &json!("pocket"))
        );
    }
    let row = rows.iter().find(|row| !row["answer"].is_null()).expect("the stream");
    let number = |name: &str| row[name].as_f64().expect("a number");
    assert_eq!(number("prompt_tokens"), 11.0);
    assert!(number("output_tokens") > 0.0 && number("bytes_peak") > 0.0 && number("decode_seconds") > 0.0, "{row:#}");
    assert!(number("joules") > 0.0 && row["answer"].as_str().is_some_and(|answer| answer.len() > 20), "{row:#}");
    let sum = |name: &str| rows.iter().filter_map(|row| row[name].as_f64()).sum::<f64>();
    assert!(close(sum("joules"), counted(&metrics, "whit_joules_total")), "{rows:#?} {metrics}");
    assert_eq!(sum("output_tokens"), counted(&metrics, "vllm:generation_tokens_total"), "{rows:#?} {metrics}");
}

#[tokio::test]
async fn what_could_not_be_written_is_counted() {
    let folder = Folder::new();
    let server = Server::start(folder.config(pocket())).await;
    let other = Connection::open(folder.ledger()).expect("opened");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    let large = Entry {
        time: SystemTime::now(),
        request_id: String::new(),
        model: "pocket".into(),
        key: None,
        prompt_tokens: 0,
        cached_tokens: 0,
        output_tokens: 0,
        receipt: None,
        outcome: Outcome::Finished("stop".into()),
        prompt: Some("x".repeat(5 << 20)),
        answer: None,
    };
    for _ in 0..15 {
        server.app.ledger.as_ref().expect("a ledger").record(large.clone());
    }
    let text = server.get("/metrics").await.text();
    assert!(text.lines().any(|line| line == "whit_ledger_lost_total 3"), "{text}");
    // Meanwhile nobody waits for it.
    server.chat("Hello", json!({})).await.ok();
    other.execute_batch("ROLLBACK").expect("released");
    assert_eq!(server.rows(&folder.ledger()).len(), 13);
}

#[test]
fn a_ledger_that_cannot_be_written_is_a_sentence_and_looking_leaves_no_file() {
    let folder = Folder::new();
    let config = |path: PathBuf| Config { ledger: LedgerConfig { path: Some(path), ..Default::default() }, ..pocket() };
    let check = |config: &Config| whit_server::check(config, &common::Fixtures).map(drop);
    let open = |config: &Config| App::new(config, std::sync::Arc::new(common::Fixtures)).map(drop);
    let missing = folder.0.path().join("no/such/ledger.db");
    let small = LedgerConfig { max_size: Some(1000), ..config(folder.ledger()).ledger };
    for (config, words) in [
        (config(missing), "no/such/ledger.db: the ledger cannot be used: No such file"),
        (config(folder.0.path().to_owned()), "the ledger cannot be used: Is a directory"),
        (config(folder.0.path().join("plug")), "this is not a ledger of whit"),
        (Config { ledger: small, ..pocket() }, "[ledger] max_size = 1000: a ledger needs 1 MiB or more"),
    ] {
        for error in [check(&config).unwrap_err(), open(&config).unwrap_err()] {
            let sentence = error.to_string();
            assert!(sentence.contains(words) && !sentence.contains('\n'), "{sentence:?} has no {words:?}");
        }
    }
    let sound = config(folder.ledger());
    check(&sound).expect("it could be begun");
    let files = || std::fs::read_dir(folder.0.path()).expect("a folder").count();
    assert_eq!(files(), 1, "only the plug");
    open(&sound).expect("it is begun");
    check(&sound).expect("it could be opened");
    assert_eq!(files(), 2);
}
