//! `whit serve`: what it says, what it refuses, and how it ends.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use common::{fixture, started, whit};

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
    let url = line.split(' ').nth(1).and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let (address, path) = url.split_once('/').expect("a path");
    let body = line.split_once("-d '").and_then(|(_, body)| body.strip_suffix('\'')).expect("a body");
    let mut stream = TcpStream::connect(address).expect("connected");
    let head = "host: localhost\r\ncontent-type: application/json\r\nconnection: close";
    write!(stream, "POST /{path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("written");
    stream
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
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let log = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("answered") && log.contains("model=\"pocket-q8_0\"") && log.contains("stopped"), "{log}");
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
    std::thread::sleep(std::time::Duration::from_millis(100));
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
    let (mut child, _home) = whit(["serve", &pocket(), "--port", "0", "--threads", "1"]).spawn();
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
