//! `whit serve`: what it says, what it refuses, and how it ends.

#[path = "../../engine/tests/common/adapter.rs"]
mod adapter;
mod common;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::{fixture, started, whit};
use rusqlite::Connection;

fn pocket() -> String {
    fixture("pocket-q8_0.gguf").to_string_lossy().into_owned()
}

/// Does what the command line would do; the answer, head and all.
fn curl(line: &str) -> String {
    let mut answer = String::new();
    asked(line).read_to_string(&mut answer).expect("read");
    answer
}

/// The same, of a server that may be gone before the end.
fn curl_until_it_ends(line: &str) {
    let _ = asked(line).read_to_end(&mut Vec::new());
}

/// A connection with the question that the command line asks.
fn asked(line: &str) -> TcpStream {
    ask(line, "").expect("asked")
}

/// The same with more lines in its head, of a server that may be gone.
fn ask(line: &str, more: &str) -> std::io::Result<TcpStream> {
    let url = line.split(' ').nth(1).and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let (address, path) = url.split_once('/').expect("a path");
    let body = line.split_once("-d '").and_then(|(_, body)| body.strip_suffix('\'')).expect("a body");
    let mut stream = TcpStream::connect(address)?;
    let head = format!("host: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n{more}");
    write!(stream, "POST /{path} HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{body}", body.len())?;
    Ok(stream)
}

#[test]
fn it_says_what_it_serves_and_a_curl_that_works_and_ends_when_told() {
    let (mut child, _home) = whit(["serve", &pocket(), "--port", "0", "--threads", "1"]).spawn();
    let lines = started(&mut child);
    assert!(lines[0].starts_with("pocket-q8_0  ") && lines[0].contains("KV cache for 8 x 1024 tokens"), "{lines:#?}");
    assert!(lines[1].starts_with("listening at http://127.0.0.1:"), "{lines:#?}");
    assert!(lines[2].starts_with("metering ") && lines.len() < 6, "{lines:#?}");
    let answer = curl(&lines[lines.len() - 1]);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"content\":\""), "{answer}");
    let line = lines[lines.len() - 1].replace("chat/completions", "embeddings");
    let answer = curl(&line.replace(r#""messages":[{"role":"user","content":"Hello"}]"#, r#""input":"Hello""#));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"embedding\":"), "{answer}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let log = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("answered") && log.contains("model=\"pocket-q8_0\"") && log.contains("stopped"), "{log}");
    // Vectors have stopped too, as the ledger says of them.
    assert_eq!(log.matches("finish_reasons=\"").count(), 2, "{log}");
    assert!(!log.contains("finish_reasons=\"\""), "{log}");
}

#[test]
fn one_that_is_killed_under_load_answers_the_same_when_it_is_started_again() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let start = || {
        let serve = whit(["serve", &pocket(), "--port", "0", "--threads", "1"]);
        serve.env("WHIT_CACHE_DIR", cache.path()).env("WHIT_CACHE_SIZE", "1GiB").spawn()
    };
    let content = |answer: &str| {
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str::<serde_json::Value>(body).expect("JSON")["choices"].clone()
    };
    let (mut child, _home) = start();
    let line = started(&mut child).pop().expect("a curl");
    let first = content(&curl(&line));
    let endless = line.replace("\"messages\"", "\"ignore_eos\":true,\"n\":8,\"stream\":true,\"messages\"");
    assert_ne!(line, endless);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let endless = endless.clone();
            std::thread::spawn(move || curl_until_it_ends(&endless))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    child.kill().expect("killed");
    child.wait().expect("it ends");
    for client in clients {
        client.join().expect("it hears that the server is gone");
    }
    let (mut child, _home) = start();
    let line = started(&mut child).pop().expect("a curl");
    assert_eq!(content(&curl(&line)), first);
    child.kill().expect("killed");
    child.wait().expect("it ends");
}

#[test]
fn a_configuration_can_be_checked_without_serving_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("whit.toml");
    let text = format!("memory = \"1GiB\"\n[[model]]\nname = \"tiny\"\nsource = '{}'\ncontext = 512\n", pocket());
    std::fs::write(&path, text).expect("written");
    let path = path.to_string_lossy();
    let checked = whit(["serve", "--config", &path, "--check"]).stdout();
    assert!(checked.starts_with("tiny  ") && checked.contains("8 x 512 tokens"), "{checked}");
    assert!(checked.lines().last().expect("lines").starts_with("metering "), "{checked}");
    std::fs::write(&*path, "[limits]\nqeue = 3\n").expect("written");
    whit(["serve", "--config", &path, "--check"]).refused(2, &["whit.toml", "line 2", "qeue"]);
}

#[test]
fn adapters_are_served_beside_their_base() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, salt) in [("first", 1), ("second", 2)] {
        let updates = adapter::updates(&fixture("pocket"), |_| 8, salt, 0.5);
        adapter::write_adapter(&folder.path().join(name), &updates, serde_json::json!({}));
    }
    let named = |name: &str| format!("{name}={}", folder.path().join(name).display());
    let (first, second) = (named("first"), named("second"));
    let (mut child, _home) =
        whit(["serve", &pocket(), "--adapter", &first, "--adapter", &second, "--port", "0", "--threads", "1"]).spawn();
    let lines = started(&mut child);
    assert_eq!(lines[1..3], ["first  an adapter on pocket-q8_0", "second  an adapter on pocket-q8_0"]);
    let line = lines.last().expect("a curl");
    assert!(line.contains("pocket-q8_0"), "{line}");
    let content = |answer: String| {
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str::<serde_json::Value>(body).expect(body)["choices"][0]["message"]["content"].clone()
    };
    let answers = ["pocket-q8_0", "first", "second"].map(|model| content(curl(&line.replace("pocket-q8_0", model))));
    assert!(answers.iter().all(serde_json::Value::is_string), "{answers:?}");
    assert!(answers[0] != answers[1] && answers[1] != answers[2] && answers[0] != answers[2], "{answers:?}");
    child.kill().expect("killed");
    child.wait().expect("it ends");

    // From a file, beside it; and in what the model will take.
    let path = folder.path().join("whit.toml");
    let source = pocket();
    let text = format!("[[model]]\nname = \"tiny\"\nsource = '{source}'\nadapters = {{ first = \"first\" }}\n");
    std::fs::write(&path, text + &format!("[[model]]\nname = \"other\"\nsource = '{source}'\n")).expect("written");
    let path = path.to_string_lossy();
    let checked = whit(["serve", "--config", &path, "--check"]).stdout();
    let takes_adapters: Vec<_> = checked.lines().map(|line| line.contains(" adapters")).collect();
    assert_eq!(takes_adapters, [true, false, false, false], "{checked}");
    assert!(checked.lines().nth(2).expect("lines").contains("all fit beside each other"), "{checked}");

    whit(["serve", "--config", &path, "--adapter", &second, "--check"]).refused(2, &["one model", "--config"]);
    whit(["serve", &pocket(), "--adapter", "second", "--check"]).refused(2, &["--adapter second", "NAME=FOLDER"]);
    whit(["serve", &pocket(), "--adapter", "second=/nowhere", "--check"]).refused(2, &["/nowhere"]);
    whit(["serve", &pocket(), "--adapter", &first, "--adapter", &first, "--check"]).refused(2, &["are called first"]);
}

#[test]
fn what_is_said_of_costs_is_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let plug = file("plug", "watts 50\n");
    file("keys.txt", "alice sk-alice\nsk-nobody\n");
    let check = |text: &str, more: &[&str]| {
        let path = file("whit.toml", text);
        whit([&["serve", &pocket(), "--config", &path, "--check"], more].concat())
    };
    let whole = format!(
        "api_key_file = \"keys.txt\"\n[meter]\nsource = \"file:{plug}\"\nidle = \"share\"\n[tariff]\n\
         electricity_dollars_per_kwh = 0.25\n[guarantee]\njoules_per_token = 0.5\n[key.alice]\njoules_per_day = 5000\n\
         dollars_per_day = 0.5\nmax_bytes = \"64MiB\"\n"
    );
    let checked = check(&whole, &[]).stdout();
    assert!(checked.ends_with(&format!("metering with file (wall): {plug}\n")), "{checked}");
    check(&whole, &["--meter", "off"]).refused(2, &["[guarantee]", "the meter is off"]);
    assert!(check("", &["--meter", "off"]).stdout().ends_with("metering nothing\n"));
    for (text, words) in [
        ("[meter]\nsource = \"file:/nowhere\"", &["the meter: /nowhere"][..]),
        ("[meter]\nsource = \"wattmeter\"", &["whit.toml", "line 2", "'wattmeter' is no power source"]),
        ("[meter]\nidle = \"maybe\"", &["line 2", "separate"]),
        ("[tariff]\npue = 0.2", &["whit.toml", "pue = 0.2"]),
        ("[guarantee]\nconfidence = 0.9", &["whit.toml", "joules_per_token"]),
        ("[key.carol]\nmax_joules = 1", &["[key.carol]", "a line 'carol KEY'"]),
    ] {
        check(text, &[]).refused(2, words);
    }
}

/// Does what the command line would do, under an id; whether all of the answer came.
fn is_answered(line: &str, id: &str) -> bool {
    let mut answer = String::new();
    let read = ask(line, &format!("x-request-id: {id}\r\n")).and_then(|mut stream| stream.read_to_string(&mut answer));
    read.is_ok() && answer.contains("\"usage\"")
}

/// How often each request is in a ledger, by its id.
fn rows(path: &Path) -> HashMap<String, u64> {
    let connection = Connection::open(path).expect("opened");
    let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(whole, "ok");
    let mut statement =
        connection.prepare("SELECT request_id, count(*) FROM requests GROUP BY request_id").expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

/// A server with a ledger under the load of four clients, until `end` has ended it; what was answered, and when.
fn under_load(path: &Path, end: impl FnOnce(&mut Child)) -> Vec<(String, Instant)> {
    let ledger = path.to_string_lossy();
    let (mut child, _home) =
        whit(["serve", &pocket(), "--port", "0", "--threads", "1", "--ledger", &ledger, "--log", "off"]).spawn();
    let lines = started(&mut child);
    assert_eq!(lines[3], format!("keeping requests in {ledger}: no prompts and answers"), "{lines:#?}");
    let line = lines.last().expect("a curl").replace("\"messages\"", "\"max_tokens\":8,\"messages\"");
    let clients = (0..4).map(|client| {
        let line = line.clone();
        std::thread::spawn(move || {
            let mut answered = vec![];
            for number in 0.. {
                let id = format!("{client}-{number}");
                if !is_answered(&line, &id) {
                    break;
                }
                answered.push((id, Instant::now()));
                std::thread::sleep(Duration::from_millis(2));
            }
            answered
        })
    });
    let clients: Vec<_> = clients.collect();
    end(&mut child);
    child.wait().expect("it ends");
    clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
}

#[test]
fn a_server_that_is_killed_leaves_a_whole_ledger_that_lacks_a_second_at_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut killed = Instant::now();
    let answered = under_load(&path, |child| {
        std::thread::sleep(Duration::from_millis(2500));
        killed = Instant::now();
        child.kill().expect("killed");
    });
    let report = whit(["ledger", &path.to_string_lossy(), "--json"]).json();
    let rows = rows(&path);
    assert_eq!(report["total"]["requests"], rows.len(), "{report:#}");
    assert!(rows.values().all(|&count| count == 1), "a request is there twice");
    let promised: Vec<_> =
        answered.iter().filter(|(_, at)| *at + Duration::from_secs(1) <= killed).map(|(id, _)| id).collect();
    // Else it has shown nothing.
    assert!(promised.len() > 50, "{} of {}", promised.len(), answered.len());
    let lost: Vec<_> = promised.iter().filter(|id| !rows.contains_key(**id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), promised.len());
}

#[test]
fn a_server_that_is_told_to_stop_leaves_every_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let answered = under_load(&path, |child| {
        std::thread::sleep(Duration::from_millis(300));
        assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    });
    let rows = rows(&path);
    assert!(answered.len() > 10, "{}", answered.len());
    let lost: Vec<_> = answered.iter().filter(|(id, _)| rows.get(id) != Some(&1)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), answered.len());
}

#[test]
fn what_is_said_of_the_ledger_is_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("whit.toml");
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&path, text).expect("written");
        whit([&["serve", &pocket(), "--config", &path.to_string_lossy(), "--check"], more].concat())
    };
    let beside = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let whole = "[ledger]\npath = \"ledger.db\"\nretention = \"90d\"\nmax_size = \"1GiB\"\nrecord = \"full\"\nredact = ['\\d{4}', '@']\n";
    let line = |file: &str| {
        format!("keeping requests in {file}: prompts and answers, redacted by 2 patterns, for 90 d, up to 1 GiB\n")
    };
    let checked = check(whole, &[]).stdout();
    assert!(checked.ends_with(&line(&beside("ledger.db"))), "{checked}");
    let checked = check(whole, &["--ledger", &beside("other.db")]).stdout();
    assert!(checked.ends_with(&line(&beside("other.db"))), "{checked}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "a check leaves no file behind");
    for (text, words) in [
        ("[ledger]\npath = \"no/such/ledger.db\"", &["no/such/ledger.db", "cannot be used", "--ledger"][..]),
        ("[ledger]\npath = \"whit.toml\"", &["whit.toml", "not a ledger"]),
        ("[ledger]\nrecord = \"hash\"", &["[ledger]", "not where"]),
        ("[ledger]\npath = \"l\"\nrecord = \"full\"\nredact = ['(a']", &["redact", "'(a' is not a pattern"]),
        ("[ledger]\npath = \"l\"\nretention = \"a while\"", &["whit.toml", "line 3", "'a while' is not a time"]),
        ("[ledger]\npath = \"l\"\nsize = 3", &["whit.toml", "line 3", "size"]),
    ] {
        check(text, &[]).refused(2, words);
    }
    whit(["serve", &pocket(), "--ledger", &beside("no/such/ledger.db")]).refused(2, &["no/such/ledger.db"]);
}

#[test]
fn what_is_unsafe_or_missing_is_refused() {
    whit(["serve", &pocket(), "--host", "0.0.0.0"]).refused(2, &["--api-key", "--allow-anonymous"]);
    whit(["serve", "nothing.gguf", "--check"]).refused(2, &["nothing.gguf", "no such file or folder"]);
    whit(["serve", &pocket(), &pocket(), "--check"]).refused(2, &["two models are called pocket-q8_0"]);
    whit(["serve", &pocket(), "--tls-cert", "no.pem", "--tls-key", "no.pem"]).refused(2, &["no.pem"]);
    whit(["serve", &pocket(), "--memory", "1KiB", "--check"]).refused(2, &["memory"]);
}

#[test]
fn a_second_signal_ends_it_in_the_middle_of_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = path.to_string_lossy();
    let (mut child, _home) = whit(["serve", &pocket(), "--port", "0", "--threads", "1", "--ledger", &ledger]).spawn();
    let line = started(&mut child).pop().expect("a curl");
    let endless = line.replace("\"messages\"", "\"ignore_eos\":true,\"n\":128,\"stream\":true,\"messages\"");
    let mut client = asked(&endless);
    client.read_exact(&mut [0; 1000]).expect("it has begun");
    let signal = || assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    signal();
    // Heard when others are turned away.
    while !curl(&line).starts_with("HTTP/1.1 503") {}
    client.read_exact(&mut [0; 1000]).expect("it goes on");
    signal();
    let output = child.wait_with_output().expect("it ends");
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("[DONE]"));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let cut = "SELECT count(*) FROM requests WHERE error = 'abort' AND output_tokens > 0";
    let cut: i64 = Connection::open(&path).expect("opened").query_row(cut, [], |row| row.get(0)).expect("a count");
    assert_eq!(cut, 1, "what it was at has a row too");
}

#[test]
fn who_has_one_of_the_keys_in_a_file_is_answered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("keys.txt");
    std::fs::write(&path, "# ours\n\n  first-key\nsecond-key\n").expect("written");
    let file = path.to_string_lossy();
    let (mut child, _home) =
        whit(["serve", &pocket(), "--port", "0", "--threads", "1", "--api-key-file", &file]).spawn();
    let lines = started(&mut child);
    assert!(lines[1].ends_with("for whoever has a key"), "{lines:#?}");
    let url = lines[1].split("http://").nth(1).and_then(|rest| rest.split(',').next()).expect("an address");
    let ask = |key: &str| {
        let mut stream = TcpStream::connect(url).expect("connected");
        write!(
            stream,
            "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
        )
        .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        answer.split(' ').nth(1).expect("a status").to_owned()
    };
    assert_eq!(["first-key", "second-key", "# ours", "third-key"].map(ask), ["200", "200", "401", "401"]);
    child.kill().expect("killed");
    child.wait().expect("it ends");
    std::fs::write(&path, "# none\n").expect("written");
    whit(["serve", &pocket(), "--api-key-file", &file]).refused(2, &["keys.txt", "holds no key"]);
}

#[test]
fn a_brick_is_served_under_its_own_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let card = r#"
        format = 1
        name = "sums"
        version = "0.1.0"
        licence = "MIT OR Apache-2.0"
        description = "Knows what two and two are, by heart."
        model = { weights = "model.gguf" }
        contract = { kind = "labels", file = "labels.txt" }
        prompt = { chat = true, max_tokens = 16 }
    "#;
    std::fs::create_dir(at("sums")).expect("made");
    std::fs::copy(fixture("pocket-q8_0.gguf"), at("sums/model.gguf")).expect("copied");
    std::fs::write(at("sums/brick.toml"), card).expect("written");
    std::fs::write(at("sums/labels.txt"), "Four.\nFive.\n").expect("written");
    let brick = at("sums").to_string_lossy().into_owned();
    std::fs::write(at("whit.toml"), format!("[[brick]]\nsource = {brick:?}\nname = \"arithmetic\"\n"))
        .expect("written");
    let config = at("whit.toml").to_string_lossy().into_owned();

    let said = whit(["serve", "--brick", &brick, "--config", &config, "--check"]).stdout();
    let names: Vec<&str> = said.lines().filter_map(|line| line.split_once("  ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["sums", "arithmetic"], "{said}");
    let (mut child, _home) = whit(["serve", "--brick", &brick, "--port", "0", "--threads", "1"]).spawn();
    let lines = started(&mut child);
    let answer = curl(&lines[lines.len() - 1]);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"brick\":\"sums\""), "{answer}");
    child.kill().expect("killed");
    child.wait().expect("it ends");

    whit(["serve", "--brick", &brick, "--brick", &brick, "--check"]).refused(2, &["two models are called sums"]);
    whit(["serve", "--brick", "nobody", "--check"]).refused(2, &["nobody: no brick of this name"]);
    whit(["serve", "--brick", &brick, "--adapter", "a=b", "--check"]).refused(2, &["--adapter is for one model"]);
    // Alone it serves what is in the program, if anything is.
    let alone = whit(["serve", "--check"]).run();
    match alone.code {
        Some(0) => assert!(cfg!(feature = "bricks") && alone.stdout.contains("KV cache"), "{alone:#?}"),
        code => assert!(code == Some(2) && alone.stderr.contains("built without any"), "{alone:#?}"),
    }
}
