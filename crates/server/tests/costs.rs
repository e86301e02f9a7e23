//! What answers cost: receipts that add up to what the meter showed, budgets that hold, and a promise that is watched.

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use common::{Server, chat, events, model, pocket};
use http::Request;
use serde_json::{Value, json};
use whit_meter::{Choice, Idle};
use whit_server::Config;
use whit_server::config::{ApiKey, File, KeyLimits, MeterConfig, MeterSource};

/// A meter at the wall that is known to the last joule. It stands still until it is started.
struct Plug {
    folder: tempfile::TempDir,
}

/// What it shows before anything is drawn.
const SHOWN: u64 = 1000;

impl Plug {
    fn new() -> Plug {
        let plug = Plug { folder: tempfile::tempdir().expect("a folder") };
        std::fs::File::create(plug.path()).and_then(|mut file| writeln!(file, "{}", line(0))).expect("written");
        plug
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("plug")
    }

    fn config(&self, config: Config) -> Config {
        let source = MeterSource::On(Choice::File(self.path()));
        Config { meter: MeterConfig { source, ..config.meter }, ..config }
    }

    /// Draws so many watts until it rests.
    fn start(&self, watts: f64) -> Drawing {
        let [rests, ended] = [false; 2].map(|flag| Arc::new(AtomicBool::new(flag)));
        let microjoules = Arc::new(AtomicU64::new(0));
        let file = std::fs::OpenOptions::new().write(true).open(self.path()).expect("opened");
        let drawing = Drawing { rests: rests.clone(), ended: ended.clone(), microjoules: microjoules.clone() };
        std::thread::spawn(move || {
            let (mut drawn, mut at) = (0.0, Instant::now());
            while !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
                let now = Instant::now();
                let watts = if rests.load(Ordering::SeqCst) { RESTING_WATTS } else { watts };
                drawn += (now - at).as_secs_f64() * watts * 1e6;
                at = now;
                file.write_all_at(line(drawn as u64).as_bytes(), 0).expect("written");
                microjoules.store(drawn as u64, Ordering::SeqCst);
            }
        });
        drawing
    }
}

/// What a machine that rests draws. It is never nothing: the end of a request takes the last power to have gone on for some milliseconds, and
/// what was too much is taken off what comes next.
const RESTING_WATTS: f64 = 2.0;

/// Always as long, so that a reader sees no half of a number.
fn line(microjoules: u64) -> String {
    format!("joules {:010}.{:06}", SHOWN + microjoules / 1_000_000, microjoules % 1_000_000)
}

struct Drawing {
    rests: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    microjoules: Arc<AtomicU64>,
}

impl Drawing {
    /// Next to nothing is drawn from now on.
    fn rest(&self) {
        self.rests.store(true, Ordering::SeqCst);
    }

    /// Joules that were drawn until now.
    fn joules(&self) -> f64 {
        self.microjoules.load(Ordering::SeqCst) as f64 / 1e6
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// The values of `whit_joules_total` by model and phase.
async fn joules(server: &Server) -> BTreeMap<(String, String), f64> {
    let text = server.get("/metrics").await.text();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix("whit_joules_total{") else { continue };
        let (labels, value) = line.split_once("} ").expect("labels");
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\"")).expect("a label");
            rest.split('"').next().expect("a value").to_owned()
        };
        assert_eq!(label("tier"), "wall");
        *values.entry((label("model"), label("phase"))).or_default() += value.parse::<f64>().expect("a number");
    }
    values
}

fn of(joules: &BTreeMap<(String, String), f64>, phases: &[&str]) -> f64 {
    joules.iter().filter(|((_, phase), _)| phases.contains(&phase.as_str())).map(|(_, value)| value).sum()
}

async fn add_up(idle: Idle) {
    let plug = Plug::new();
    let two = Config { models: vec![model("pocket"), model("pocket-q8_0.gguf")], ..pocket() };
    let meter = MeterConfig { idle, ..MeterConfig::default() };
    let server = Server::without_models(&plug.config(Config { meter, ..two }));
    let drawing = plug.start(500.0);
    server.load().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut told = 0.0;
    let receipt = |usage: &Value| usage["whit"]["joules"].as_f64().expect("joules");
    let calls = (0..12).map(|call| {
        let server = server.clone();
        let name = ["pocket", "pocket-q8_0.gguf"][call % 2];
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(7 * call as u64)).await;
            let fields = json!({"model": name, "ignore_eos": true, "max_tokens": 60 + 20 * call, "n": 1 + call % 3});
            match call % 4 {
                0 => {
                    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
                    let mut body = chat("Tell me a poem.", fields);
                    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                    let text = server.post("/v1/chat/completions", &body).await.text();
                    events(&text).pop().expect("the usage")["usage"].clone()
                }
                1 => {
                    let texts: Vec<String> = (0..70).map(|text| format!("text number {text}")).collect();
                    server.post("/v1/embeddings", &json!({"model": name, "input": texts})).await.ok()["usage"].clone()
                }
                _ => server.chat("What is whit?", fields).await.ok()["usage"].clone(),
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        told += receipt(&call.await.expect("an answer"));
    }
    // One that nobody waits for, whatever it used.
    let endless = server.chat("Hello", json!({"ignore_eos": true, "n": 8}));
    let given_up = tokio::time::timeout(Duration::from_millis(3), endless).await.is_err();
    server.counts("vllm:num_requests_running", "0").await;
    drawing.rest();
    // The last of it is seen at the next look.
    let counted = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let counted = joules(&server).await;
            let all = of(&counted, &["load", "prefill", "decode", "idle"]);
            let drawn = drawing.joules();
            if (all - drawn).abs() < 0.001 * drawn {
                return counted;
            }
            if idle == Idle::Share {
                // What nobody pays for yet.
                server.chat("Hello", json!({"max_tokens": 1})).await.ok();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let Ok(counted) = counted.await else {
        let drawn = drawing.joules();
        panic!("{drawn} J were drawn, and counted: {:#?}", joules(&server).await)
    };
    assert!(of(&counted, &["load"]) > 0.0, "{counted:#?}");
    assert_eq!(of(&counted, &["idle"]) > 0.0, idle == Idle::Separate, "{counted:#?}");
    let answers = of(&counted, &["prefill", "decode"]);
    match given_up || idle == Idle::Share {
        true => assert!(answers >= told - 1e-6, "{answers} {told}"),
        false => assert!((answers - told).abs() < 0.001 * told, "{answers} {told}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_and_idle_add_up_to_what_the_meter_shows() {
    add_up(Idle::Separate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_do_where_whoever_asks_pays_for_the_wait() {
    add_up(Idle::Share).await;
}

#[tokio::test]
async fn every_answer_has_a_receipt() {
    let plug = Plug::new();
    let text = "[tariff]\nelectricity_dollars_per_kwh = 0.36\n";
    let file: File = toml::from_str(text).expect("a configuration");
    let server = Server::start(plug.config(Config { tariff: file.tariff, ..pocket() })).await;
    let drawing = plug.start(100.0);
    tokio::time::sleep(Duration::from_millis(30)).await;
    let whole = server.chat("What is whit?", json!({})).await;
    let receipt = whole.ok()["usage"]["whit"].clone();
    let keys: Vec<&str> = receipt.as_object().expect("a receipt").keys().map(String::as_str).collect();
    let figures = ["joules", "joules_low", "joules_high"];
    let rest = ["tier", "dollars", "grams_co2e", "bytes_peak", "seconds", "prefill", "decode"];
    assert_eq!(keys, [&figures[..], &rest].concat());
    assert_eq!((&receipt["tier"], &receipt["grams_co2e"]), (&json!("wall"), &Value::Null));
    // 14 tokens of prompt and 22 of the answer in a cache of 256 bytes a token, by blocks of 32.
    assert_eq!(receipt["bytes_peak"], 2 * 32 * 256);
    let number = |name: &str| receipt[name].as_f64().expect("a number");
    let (joules, dollars) = (number("joules"), number("dollars"));
    assert!((dollars - joules / 3.6e6 * 0.36).abs() <= 1e-8 * dollars, "{receipt}");
    assert!(number("joules_low") <= joules && joules <= number("joules_high"));
    let parts = ["prefill", "decode"].map(|part| receipt[part]["joules"].as_f64().expect("a number"));
    assert!((parts[0] + parts[1] - joules).abs() < 1e-9, "{receipt}");
    assert!(number("seconds") >= receipt["decode"]["seconds"].as_f64().expect("a number"));
    for (name, field) in
        [("x-whit-joules", "joules"), ("x-whit-joules-low", "joules_low"), ("x-whit-dollars", "dollars")]
    {
        let header: f64 = whole.headers[name].to_str().expect("text").parse().expect("a number");
        // Readers of JSON round the last digit as they like.
        assert!((header - number(field)).abs() <= 1e-12 * header, "{name}");
    }
    assert_eq!(whole.headers["x-whit-tier"], "wall");

    for (fields, has_usage) in
        [(json!({"stream": true}), false), (json!({"stream": true, "stream_options": {"include_usage": true}}), true)]
    {
        let text = server.chat("What is whit?", fields).await.text();
        let told = events(&text).iter().filter(|event| event["usage"]["whit"]["joules"].is_f64()).count();
        assert_eq!((told, text.contains("\"whit\"")), (usize::from(has_usage), has_usage), "{text}");
    }
    let completion = server.post("/v1/completions", &json!({"model": "pocket", "prompt": "Hello"})).await;
    assert!(completion.ok()["usage"]["whit"]["decode"]["joules"].is_f64());
    let embedding = server.post("/v1/embeddings", &json!({"model": "pocket", "input": ["a text", "another"]})).await;
    let receipt = embedding.ok()["usage"]["whit"].clone();
    assert_eq!((&receipt["decode"]["joules"], embedding.headers.contains_key("x-whit-joules")), (&json!(0.0), true));
    drop(drawing);

    let off = MeterConfig { source: MeterSource::Off, ..MeterConfig::default() };
    let server = Server::start(Config { meter: off, ..pocket() }).await;
    let whole = server.chat("What is whit?", json!({})).await;
    assert!(whole.ok()["usage"].get("whit").is_none() && !whole.headers.contains_key("x-whit-joules"));
    let sentence = server.chat("Hello", json!({"whit": {"max_joules": 1}})).await.refused(400, Some("whit.max_joules"));
    assert!(sentence.contains("meters nothing"), "{sentence}");
    server.chat("Hello", json!({"whit": {"max_bytes": 1_000_000}})).await.ok();
}

/// Sixteen answers as long as they can be.
fn endless(fields: Value) -> Value {
    let mut all = json!({"ignore_eos": true, "n": 16});
    all.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    all
}

fn reasons(answer: &Value) -> Vec<&str> {
    answer["choices"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|choice| choice["finish_reason"].as_str().expect("a reason"))
        .collect()
}

#[tokio::test]
async fn an_answer_ends_where_its_budget_does() {
    let plug = Plug::new();
    let text = "[tariff.rented]\ndollars_per_hour = 3600\n";
    let file: File = toml::from_str(text).expect("a configuration");
    let server = Server::start(plug.config(Config { tariff: file.tariff, ..pocket() })).await;
    let drawing = plug.start(2000.0);
    let poem = long_prompt("Tell me a poem.");
    let whole = server.chat(&poem, endless(json!({}))).await.ok();
    assert!(reasons(&whole).iter().all(|reason| *reason == "length"));
    let number = |answer: &Value, name: &str| answer["usage"]["whit"][name].as_f64().expect("a number");
    let (joules, dollars) = (number(&whole, "joules"), number(&whole, "dollars"));
    for (budget, name, all) in [
        (json!({"max_joules": joules / 4.0}), "joules", joules),
        (json!({"max_dollars": dollars / 4.0}), "dollars", dollars),
    ] {
        let cut = server.chat(&poem, endless(json!({"whit": budget}))).await.ok();
        assert!(reasons(&cut).contains(&"budget"), "{cut}");
        let spent = number(&cut, name);
        assert!(spent >= all / 4.0 && spent < all, "{spent} of {all} {name}");
    }
    // A prompt and its answer in whole blocks of 32 tokens, 256 bytes each.
    let two_blocks = json!({"n": 1, "whit": {"max_bytes": 3 * 8192 - 1}});
    let cut = server.chat("What is whit?", endless(two_blocks)).await.ok();
    assert_eq!((reasons(&cut), &cut["usage"]["total_tokens"]), (vec!["budget"], &json!(65)), "{cut}");
    assert_eq!(cut["usage"]["whit"]["bytes_peak"], 2 * 8192);

    // What it takes to read a prompt is known by now.
    let refused = |budget: Value, param: &'static str| {
        let server = server.clone();
        async move { server.chat("What is whit?", json!({"whit": budget})).await.refused(400, Some(param)) }
    };
    let sentence = refused(json!({"max_joules": 1e-9}), "whit.max_joules").await;
    assert!(sentence.contains("whit.max_joules is 0.000000001, and to read the prompt of 14 tokens"), "{sentence}");
    refused(json!({"max_dollars": 1e-12}), "whit.max_dollars").await;
    let sentence = refused(json!({"max_bytes": 8191}), "whit.max_bytes").await;
    assert!(sentence.contains("8192 bytes") && sentence.contains("8191"), "{sentence}");
    drop(drawing);
}

/// A prompt of some hundred tokens.
fn long_prompt(beginning: &str) -> String {
    format!("{beginning} {}", "What is whit? ".repeat(20))
}

#[tokio::test]
async fn what_repeats_take_says_nothing_of_a_new_prompt() {
    let plug = Plug::new();
    let server = Server::start(plug.config(pocket())).await;
    let drawing = plug.start(500.0);
    let asked = async |beginning: &str, fields: Value| {
        let reply = server.chat(&long_prompt(beginning), fields).await;
        (reply.status, reply.json())
    };
    let number = |answer: &Value, path: &str| answer.pointer(path).and_then(Value::as_f64).expect("a number");
    let mut joules = 0.0;
    for beginning in ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"] {
        let (_, answer) = asked(beginning, json!({"max_tokens": 1})).await;
        assert!(number(&answer, "/usage/prompt_tokens") > 100.0, "{answer}");
        joules += number(&answer, "/usage/whit/prefill/joules") / 8.0;
    }
    for _ in 0..30 {
        let (_, answer) = asked("One", json!({"max_tokens": 1})).await;
        assert!(number(&answer, "/usage/prompt_tokens_details/cached_tokens") > 64.0, "{answer}");
    }
    let budget = json!({"max_tokens": 1, "whit": {"max_joules": 5.0 * joules}});
    let (status, answer) = asked("Nine", budget).await;
    assert_eq!(status, 200, "{answer}");
    drop(drawing);
}

#[tokio::test]
async fn who_pays_for_the_wait_has_not_used_it() {
    let plug = Plug::new();
    let file: File = toml::from_str("[guarantee]\njoules_per_token = 10\n[meter]\nidle = \"share\"\n").expect("valid");
    let key = ApiKey { name: Some("alice".into()), key: "key-of-alice".into() };
    let limits = KeyLimits { joules_per_day: Some(300.0), ..KeyLimits::default() };
    let key_limits = [("alice".to_owned(), limits)].into();
    let config = Config { api_keys: vec![key], key_limits, guarantee: file.guarantee, meter: file.meter, ..pocket() };
    let server = Server::start(plug.config(config)).await;
    let drawing = plug.start(1000.0);
    for call in 0..4 {
        // 600 J are drawn before somebody asks, and much less by the answer.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let request = Request::post("/v1/chat/completions").header("authorization", "Bearer key-of-alice");
        let fields = json!({"max_tokens": 8, "ignore_eos": true, "whit": {"max_joules": 150}});
        let body = Body::from(chat(&long_prompt("Once more."), fields).to_string());
        let reply = server.send(request.header("content-type", "application/json").body(body).expect("valid")).await;
        let answer = reply.ok();
        assert_eq!(reasons(&answer), ["length"], "{call}: {answer}");
        let joules = answer["usage"]["whit"]["joules"].as_f64().expect("a number");
        assert!(joules > 400.0, "{call}: {answer}");
    }
    let request = Request::get("/v1/guarantee").header("authorization", "Bearer key-of-alice");
    let status = server.send(request.body(Body::empty()).expect("valid")).await.ok();
    // Of the wait, more than 50 joules a token would be over the limit beyond doubt. What the answer took may be: a file that is looked at
    // ten times a second leaves a doubt of 100 J at either end.
    assert_eq!((&status["requests"], &status["verdict"]), (&json!(4), &json!("not_yet_known")), "{status}");
    drop(drawing);
}

#[tokio::test]
async fn the_holder_of_a_key_may_use_so_much_a_day() {
    let plug = Plug::new();
    let keys = ["alice", "bob"].map(|name| ApiKey { name: Some(name.into()), key: format!("key-of-{name}") });
    let limits = KeyLimits { joules_per_day: Some(20.0), ..KeyLimits::default() };
    let key_limits = [("alice".to_owned(), limits)].into();
    let server = Server::start(plug.config(Config { api_keys: keys.to_vec(), key_limits, ..pocket() })).await;
    let drawing = plug.start(2000.0);
    let ask = |name: &'static str, content: &'static str| {
        let server = server.clone();
        async move {
            let request =
                Request::post("/v1/chat/completions").header("authorization", format!("Bearer key-of-{name}"));
            let body = Body::from(chat(content, endless(json!({}))).to_string());
            server.send(request.header("content-type", "application/json").body(body).expect("a request")).await
        }
    };
    let mut cut = false;
    let refused = loop {
        let reply = ask("alice", "Tell me a poem.").await;
        if reply.status != 200 {
            break reply;
        }
        cut |= reasons(&reply.json()).contains(&"budget");
    };
    assert!(cut, "the joules run out while it answers");
    let sentence = refused.refused(402, None);
    assert!(sentence.starts_with("the key alice may use 20 joules in 24 hours and has"), "{sentence}");
    assert_eq!(refused.headers["x-should-retry"], "false");
    ask("bob", "Tell me a poem.").await.ok();
    drop(drawing);
}

#[tokio::test]
async fn a_promise_is_watched() {
    let none = Server::start(pocket()).await;
    let sentence = none.get("/v1/guarantee").await.refused(404, None);
    assert!(sentence.contains("[guarantee]"), "{sentence}");

    let file: File = toml::from_str("[guarantee]\njoules_per_token = 1e9\nwindow = \"2m\"\n").expect("a configuration");
    let plug = Plug::new();
    let server = Server::start(plug.config(Config { guarantee: file.guarantee, ..pocket() })).await;
    let stands = async |verdict: &str, requests: u64| {
        let status = server.get("/v1/guarantee").await.ok();
        assert_eq!((&status["verdict"], &status["requests"]), (&json!(verdict), &json!(requests)), "{status}");
        let line = format!("whit_guarantee{{verdict=\"{}\"}} 1", verdict);
        let text = server.get("/metrics").await.text();
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        status
    };
    let status = stands("not_yet_known", 0).await;
    assert_eq!((&status["joules_per_token"], &status["window_seconds"]), (&json!(1e9), &json!(120.0)));
    for _ in 0..59 {
        server.chat("Hello", json!({"max_tokens": 1})).await.ok();
    }
    stands("held", 59).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_promise_is_never_held_by_a_model_of_the_power() {
    let file: File = toml::from_str("[guarantee]\njoules_per_token = 1e9\n").expect("a configuration");
    let source = MeterSource::On(Choice::Named("modelled".into()));
    let meter = MeterConfig { source, ..MeterConfig::default() };
    let server = Server::start(Config { meter, guarantee: file.guarantee, ..pocket() }).await;
    for _ in 0..60 {
        server.chat("Hello", json!({"max_tokens": 1})).await.ok();
    }
    let status = server.get("/v1/guarantee").await.ok();
    assert_eq!((&status["verdict"], &status["modelled"]), (&json!("modelled"), &json!(60)), "{status}");
}
