//! `whit ledger`: what the requests of a server came to.

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{assert_snapshot, whit};
use whit_meter::ledger::{Entry, Ledger, Options, Outcome};
use whit_meter::{Part, Receipt, Tier};

fn entry(model: &str, time: SystemTime) -> Entry {
    let part = Part { joules: 7.0, joules_low: 4.25, joules_high: 12.0, ..Part::default() };
    Entry {
        time,
        request_id: "id".into(),
        model: model.into(),
        key: None,
        prompt_tokens: 1000,
        cached_tokens: 640,
        output_tokens: 200,
        receipt: Some(Receipt {
            joules: 14.0,
            joules_low: 8.25,
            joules_high: 24.25,
            tier: Tier::Modelled,
            dollars: Some(0.0000009),
            grams_co2e: Some(0.0014),
            bytes_peak: 1 << 20,
            seconds: 1.5,
            prefill: part,
            decode: part,
        }),
        outcome: Outcome::Finished("stop".into()),
        prompt: None,
        answer: None,
    }
}

/// A ledger of three requests, of 2024-02-28 and the day after.
fn ledger(folder: &Path) -> PathBuf {
    let path = folder.join("ledger.db");
    let ledger = Ledger::open(&path, Options::default(), |sentence| panic!("{sentence}")).expect("a ledger");
    let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_159_400);
    ledger.record(entry("small", day));
    ledger.record(Entry { key: Some("alice".into()), ..entry("large, slow", day + Duration::from_secs(3600)) });
    ledger.record(Entry {
        receipt: None,
        output_tokens: 0,
        outcome: Outcome::Failed("deadline".into()),
        ..entry("small", day + Duration::from_secs(7200))
    });
    path
}

fn run(path: &Path, args: &[&str]) -> common::Whit {
    whit([OsStr::new("ledger"), path.as_os_str()].into_iter().chain(args.iter().map(OsStr::new)))
}

#[test]
fn a_table_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = ledger(folder.path());
    assert_snapshot("ledger-model.txt", &run(&path, &[]).stdout());
    assert_snapshot("ledger-day.txt", &run(&path, &["--by", "day"]).stdout());
    assert_snapshot("ledger-key.csv", &run(&path, &["--by", "key", "--csv"]).stdout());
    assert_snapshot("ledger-model.csv", &run(&path, &["--csv"]).stdout());
}

#[test]
fn json_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = run(&ledger(folder.path()), &["--by", "hour", "--json"]).json();
    assert_eq!((&json["by"], &json["missing"]), (&"hour".into(), &0.into()));
    assert_eq!(json["groups"][2]["name"], "2024-02-29 00:00");
    assert_eq!(json["groups"][2]["joules"], serde_json::Value::Null);
    assert_eq!(json["total"]["requests"], 3);
    assert_eq!((&json["total"]["joules"], &json["total"]["tier"]), (&28.0.into(), &"modelled".into()));
    assert_eq!((&json["total"]["joules_per_token"], &json["first"]), (&0.07.into(), &"2024-02-28T22:30:00Z".into()));
}

#[test]
fn only_what_came_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = ledger(folder.path());
    let open = || Ledger::open(&path, Options::default(), |sentence| panic!("{sentence}")).expect("a ledger");
    open().record(entry("m", SystemTime::now() - Duration::from_secs(5 * 3600)));
    open().record(entry("m", SystemTime::now() - Duration::from_secs(5)));
    for (since, requests) in [("7d", 2), ("1d", 2), ("6h", 2), ("1h", 1), ("1ms", 0)] {
        let json = run(&path, &["--since", since, "--json"]).json();
        assert_eq!(json["total"]["requests"], requests, "{since}");
    }
    let text = run(&path, &["--since", "1ms"]).stdout();
    assert_eq!(text, format!("{} holds no request of that time\n", path.display()));
}

#[test]
fn one_that_is_written_meanwhile_and_one_that_is_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, Options::default(), |sentence| panic!("{sentence}")).expect("a ledger");
    assert_eq!(run(&path, &[]).stdout(), format!("{} holds no request yet\n", path.display()));
    ledger.record(entry("a\u{1b}[31m", SystemTime::now()));
    ledger.flush();
    let text = run(&path, &[]).stdout();
    assert!(text.contains("a\u{fffd}[31m"), "{text:?}");
}

#[test]
fn what_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    run(&path, &[]).refused(2, &["ledger.db", "no such file"]);
    std::fs::write(&path, "a shopping list".repeat(100)).expect("written");
    run(&path, &[]).refused(2, &["ledger.db", "not a ledger"]);
    run(folder.path(), &[]).refused(2, &["not a ledger"]);
    let usage = run(&path, &["--since", "soon"]).run();
    assert!(usage.code == Some(2) && usage.stderr.contains("'soon' is not a time"), "{usage:#?}");
}
