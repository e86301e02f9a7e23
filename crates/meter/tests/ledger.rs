//! The ledger: what is handed in is in the file, what is not is said, and what is no ledger is refused.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use whit_meter::ledger::{By, Entry, Ledger, LedgerError, Options, Outcome, Record, Redaction, Sums, check, report};
use whit_meter::{Part, Receipt, Tier};

/// 2024-02-28 22:30:00 UTC.
const MOMENT: u64 = 1_709_159_400;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn entry(id: &str) -> Entry {
    let part = |joules: f64, seconds: f64| Part {
        joules,
        joules_low: joules / 2.0,
        joules_high: joules * 2.0,
        dollars: Some(joules * 1e-3),
        grams_co2e: Some(joules * 1e-2),
        seconds,
    };
    Entry {
        time: at(MOMENT) + Duration::from_millis(7),
        request_id: id.into(),
        model: "pocket".into(),
        key: Some("alice".into()),
        prompt_tokens: 100,
        cached_tokens: 64,
        output_tokens: 20,
        receipt: Some(Receipt {
            joules: 10.0,
            joules_low: 5.0,
            joules_high: 20.0,
            tier: Tier::Counter,
            dollars: Some(0.01),
            grams_co2e: Some(0.1),
            bytes_peak: 1 << 20,
            seconds: 1.5,
            prefill: part(4.0, 0.25),
            decode: part(6.0, 1.0),
        }),
        outcome: Outcome::Finished("stop".into()),
        prompt: Some("my number is 0170 123".into()),
        answer: Some("I forget it".into()),
    }
}

/// Opens a ledger that expects to say nothing.
fn open(path: &Path, options: Options) -> Ledger {
    Ledger::open(path, options, |sentence| panic!("{sentence}")).unwrap()
}

fn in_a_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    (folder, path)
}

fn ask<T: rusqlite::types::FromSql>(path: &Path, query: &str) -> T {
    Connection::open(path).unwrap().query_row(query, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{query}: {e}"))
}

#[test]
fn a_request_is_a_row_with_all_that_was_said_of_it() {
    let (_folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    ledger.record(entry("a"));
    let failed = Outcome::Failed("queue_full".into());
    ledger.record(Entry { receipt: None, key: None, outcome: failed, ..entry("b") });
    drop(ledger);
    let text = |query: &str| ask::<String>(&path, query);
    let a = "FROM requests WHERE request_id = 'a'";
    assert_eq!(
        text(&format!("SELECT concat_ws('|', time_ms, model, key_name, finish_reason, error, tier) {a}")),
        format!("{MOMENT}007|pocket|alice|stop|counter")
    );
    let counts = "concat_ws('|', prompt_tokens, cached_tokens, output_tokens, bytes_peak)";
    assert_eq!(text(&format!("SELECT {counts} {a}")), "100|64|20|1048576");
    let whole = "concat_ws('|', joules, joules_low, joules_high, dollars, grams_co2e, seconds)";
    assert_eq!(text(&format!("SELECT {whole} {a}")), "10.0|5.0|20.0|0.01|0.1|1.5");
    for (phase, figures) in [("prefill", "4.0|2.0|8.0|0.004|0.04|0.25"), ("decode", "6.0|3.0|12.0|0.006|0.06|1.0")] {
        let names = ["joules", "joules_low", "joules_high", "dollars", "grams_co2e", "seconds"];
        let columns = names.map(|name| format!("{phase}_{name}")).join(", ");
        assert_eq!(text(&format!("SELECT concat_ws('|', {columns}) {a}")), figures);
    }
    let b = "FROM requests WHERE request_id = 'b'";
    assert_eq!(text(&format!("SELECT concat_ws('|', key_name, finish_reason, error, tier, joules) {b}")), "queue_full");
}

#[test]
fn it_is_on_disk_within_a_second_and_can_be_read_meanwhile() {
    let (_folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    let requests = || report(&path, By::Model, None).unwrap().total.requests;
    assert_eq!(requests(), 0);
    for round in 1..=3 {
        let began = Instant::now();
        ledger.record(entry("a"));
        assert!(began.elapsed() < Duration::from_millis(100), "handing in does not wait");
        while requests() < round {
            assert!(began.elapsed() < Duration::from_secs(1), "not there after a second");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    ledger.record(entry("b"));
    ledger.flush();
    assert_eq!(requests(), 4);
    assert_eq!(ledger.lost(), 0);
}

#[test]
fn two_servers_may_write_one_ledger() {
    let (_folder, path) = in_a_folder();
    std::thread::scope(|scope| {
        for server in 0..2 {
            let path = &path;
            scope.spawn(move || {
                let ledger = Ledger::open(path, Options::default(), |_| {}).unwrap();
                for request in 0..200 {
                    ledger.record(entry(&format!("{server}-{request}")));
                    if request % 20 == 0 {
                        ledger.flush();
                    }
                }
            });
        }
    });
    assert_eq!(ask::<i64>(&path, "SELECT count(DISTINCT request_id) FROM requests"), 400);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM requests"), 400);
}

#[test]
fn what_cannot_be_written_waits_and_what_has_no_room_is_said() {
    let (_folder, path) = in_a_folder();
    let said = Arc::new(Mutex::new(vec![]));
    let hear = said.clone();
    let options = Options { record: Record::Full, ..Options::default() };
    let ledger = Ledger::open(&path, options, move |sentence| hear.lock().unwrap().push(sentence.to_owned())).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let large = Entry { prompt: Some("x".repeat(5 << 20)), ..entry("large") };
    for _ in 0..20 {
        let began = Instant::now();
        ledger.record(large.clone());
        assert!(began.elapsed() < Duration::from_millis(500), "handing in does not wait");
    }
    assert_eq!(ledger.lost(), 8, "12 x 5 MiB and no more wait in 64 MiB");
    assert!(!ledger.flush_within(Duration::from_millis(1)), "the lock is waited for for longer");
    ledger.flush();
    other.execute_batch("ROLLBACK").unwrap();
    ledger.flush();
    ledger.record(entry("small"));
    drop(ledger);
    let said = said.lock().unwrap().join("\n");
    for words in ["cannot be written now (database is locked)", "is written again", "8 requests are missing"] {
        assert!(said.contains(words), "no {words:?} in {said:?}");
    }
    let report = report(&path, By::Model, None).unwrap();
    assert_eq!((report.total.requests, report.missing), (13, 8));
}

#[test]
fn what_is_left_when_it_cannot_be_written_at_all_is_said() {
    let (_folder, path) = in_a_folder();
    let said = Arc::new(Mutex::new(vec![]));
    let hear = said.clone();
    let ledger = Ledger::open(&path, Options::default(), move |sentence| {
        hear.lock().unwrap().push(sentence.to_owned());
    })
    .unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..3 {
        ledger.record(entry("a"));
    }
    drop(ledger);
    let said = said.lock().unwrap();
    assert!(said.last().is_some_and(|last| last.contains("3 requests are missing")), "{said:?}");
}

#[test]
fn texts_are_kept_only_if_asked_for() {
    let kept = |record: Record, redaction: Redaction| {
        let (_folder, path) = in_a_folder();
        let ledger = open(&path, Options { record, redaction, ..Options::default() });
        assert_eq!(ledger.keeps_texts(), record != Record::None);
        for id in ["a", "b"] {
            ledger.record(entry(id));
        }
        ledger.record(Entry { prompt: Some("another".into()), answer: None, ..entry("c") });
        drop(ledger);
        let file = std::fs::read(&path).unwrap();
        let says = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
        let texts = "coalesce(group_concat(prompt), '') || '/' || coalesce(group_concat(answer), '')";
        let hashes = "count(prompt_hash) || '/' || count(DISTINCT prompt_hash) || '/' || count(answer_hash)";
        let [texts, hashes] = [texts, hashes].map(|sum| ask::<String>(&path, &format!("SELECT {sum} FROM requests")));
        (texts, hashes, says("0170 123"))
    };
    let digits = || Redaction::new([r"\d[\d ]+\d"]).unwrap();
    assert_eq!(kept(Record::None, digits()), ("/".into(), "0/0/0".into(), false));
    assert_eq!(kept(Record::Hash, digits()), ("/".into(), "3/2/2".into(), false));
    let texts = |prompt: &str| format!("{prompt},{prompt},another/I forget it,I forget it");
    let none = Redaction::default();
    assert_eq!(kept(Record::Full, none), (texts("my number is 0170 123"), "0/0/0".into(), true));
    assert_eq!(kept(Record::Full, digits()), (texts("my number is [redacted]"), "0/0/0".into(), false));
}

#[test]
fn a_hash_is_that_of_one_ledger() {
    let hash = || {
        let (_folder, path) = in_a_folder();
        let ledger = open(&path, Options { record: Record::Hash, ..Options::default() });
        ledger.record(entry("a"));
        drop(ledger);
        let [key, hash] =
            ["SELECT key FROM hash_key", "SELECT prompt_hash FROM requests"].map(|q| ask::<[u8; 32]>(&path, q));
        assert_eq!(*blake3::keyed_hash(&key, b"my number is 0170 123").as_bytes(), hash);
        hash
    };
    assert_ne!(hash(), hash());
}

#[cfg(unix)]
#[test]
fn it_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    ledger.record(entry("a"));
    ledger.flush();
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        files += 1;
    }
    assert!(files > 1, "the log is there too");
}

#[test]
fn sums_by_model_key_day_and_hour() {
    let (_folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    let modelled = || Some(Receipt { tier: Tier::Modelled, dollars: None, ..entry("").receipt.unwrap() });
    for entry in [
        entry("1"),
        Entry { time: at(MOMENT + 1800), receipt: modelled(), ..entry("2") },
        Entry { time: at(MOMENT + 5400), model: "large".into(), key: None, ..entry("3") },
        Entry {
            time: at(MOMENT + 86_400),
            outcome: Outcome::Failed("deadline".into()),
            output_tokens: 5,
            receipt: None,
            ..entry("4")
        },
    ] {
        ledger.record(entry);
    }
    drop(ledger);
    let groups = |by: By, since: Option<SystemTime>| -> Vec<(Option<String>, u64)> {
        let groups = report(&path, by, since).unwrap().groups;
        groups.into_iter().map(|group| (group.name, group.sums.requests)).collect()
    };
    let named = |names: &[(&str, u64)]| -> Vec<(Option<String>, u64)> {
        names.iter().map(|&(name, requests)| (Some(name.to_owned()), requests)).collect()
    };
    assert_eq!(groups(By::Model, None), named(&[("large", 1), ("pocket", 3)]));
    assert_eq!(groups(By::Key, None), [vec![(None, 1)], named(&[("alice", 3)])].concat());
    assert_eq!(groups(By::Day, None), named(&[("2024-02-28", 2), ("2024-02-29", 2)]));
    let hours = [("2024-02-28 22:00", 1), ("2024-02-28 23:00", 1), ("2024-02-29 00:00", 1), ("2024-02-29 22:00", 1)];
    assert_eq!(groups(By::Hour, None), named(&hours));
    assert_eq!(groups(By::Hour, Some(at(MOMENT + 1800))), named(&hours[1..]));
    assert_eq!(groups(By::Hour, Some(at(MOMENT + 90_000))), []);

    let report = report(&path, By::Model, None).unwrap();
    assert_eq!(report.first.as_deref(), Some("2024-02-28T22:30:00Z"));
    assert_eq!(report.last.as_deref(), Some("2024-02-29T22:30:00Z"));
    let expected = Sums {
        requests: 3,
        errors: 1,
        error_share: 0.333333333,
        prompt_tokens: 300,
        cached_tokens: 192,
        output_tokens: 45,
        metered: 2,
        joules: Some(20.0),
        joules_low: Some(10.0),
        joules_high: Some(40.0),
        tier: Some(Tier::Modelled),
        // The five tokens of the request without a receipt do not count.
        joules_per_token: Some(0.5),
        priced: 1,
        dollars: Some(0.01),
        grams_co2e: Some(0.2),
    };
    assert_eq!(report.groups[1].sums, expected);
    let total = &report.total;
    assert_eq!((total.requests, total.joules, total.joules_per_token), (4, Some(30.0), Some(0.5)));
}

#[test]
fn many_short_requests_come_to_a_narrower_interval_than_each() {
    let (_folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    // 300 of 0.03 J, each between 0.02 and 0.05 by its phases, with 0.3 J of doubt at its ends.
    let part = Part { joules: 0.015, joules_low: 0.01, joules_high: 0.025, ..Part::default() };
    let call = Receipt {
        joules: 0.03,
        joules_low: 0.0,
        joules_high: 0.35,
        dollars: Some(0.1),
        prefill: part,
        decode: part,
        ..entry("").receipt.unwrap()
    };
    let sums = |calls: u32| {
        (0..calls).for_each(|id| ledger.record(Entry { receipt: Some(call), ..entry(&id.to_string()) }));
        ledger.flush();
        report(&path, By::Model, None).unwrap().total
    };
    // Of one it is that of its receipt.
    let one = sums(1);
    assert_eq!((one.joules_low, one.joules_high), (Some(0.0), Some(0.35)));
    let all = sums(299);
    // 300 x 0.02 - sqrt(300) x 0.3, and 300 x 0.05 + sqrt(300) x 0.3; nothing has more digits than it can have.
    assert_eq!((all.joules_low, all.joules, all.joules_high), (Some(0.803848), Some(9.0), Some(20.196152)));
    assert_eq!((all.dollars, all.joules_per_token), (Some(30.0), Some(0.0015)));
}

#[test]
fn what_is_no_ledger_is_refused_in_a_sentence() {
    let (folder, path) = in_a_folder();
    let refused = |path: &Path, words: &str| {
        let written = Ledger::open(path, Options::default(), |_| {}).map(drop).unwrap_err();
        let looked = check(path, &Options::default()).unwrap_err();
        let read = report(path, By::Model, None).unwrap_err();
        for error in [written, looked, read] {
            let sentence = error.to_string();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
            assert!(sentence.contains(&*path.to_string_lossy()), "{sentence:?} does not name the file");
        }
    };
    std::fs::write(
        &path,
        "This is a shopping list, and it is long enough to be taken for a header of SQLite.".repeat(20),
    )
    .unwrap();
    refused(&path, "not a ledger of whit");

    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE requests (id)").unwrap();
    refused(&other, "not a ledger of whit");
    assert_eq!(ask::<String>(&other, "PRAGMA journal_mode"), "delete", "it was not touched");

    let newer = folder.path().join("newer.db");
    drop(open(&newer, Options::default()));
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 7).unwrap();
    refused(&newer, "a ledger of version 7, and this whit knows none above 1");

    refused(&folder.path().join("no/such/folder.db"), "o such file");
    let missing = report(&folder.path().join("missing.db"), By::Model, None).unwrap_err();
    assert!(matches!(missing, LedgerError::Missing { .. }), "{missing}");

    let small = Options { max_size: Some(1000), ..Options::default() };
    for error in [check(&path, &small), Ledger::open(&path, small, |_| {}).map(drop)].map(Result::unwrap_err) {
        assert!(error.to_string().contains("max_size = 1000: a ledger needs 1 MiB"), "{error}");
    }
}

#[test]
fn looking_whether_it_could_be_written_changes_nothing() {
    let (folder, path) = in_a_folder();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    check(&path, &Options::default()).unwrap();
    assert_eq!(files(), 0);
    let old = Entry { time: at(MOMENT - 86_400), ..entry("old") };
    let ledger = open(&path, Options::default());
    ledger.record(old);
    ledger.flush();
    let short = Options { retention: Some(Duration::from_secs(1)), ..Options::default() };
    check(&path, &short).unwrap();
    drop(ledger);
    check(&path, &short).unwrap();
    assert_eq!((files(), ask::<i64>(&path, "SELECT count(*) FROM requests")), (1, 1));
}

#[test]
fn a_damaged_ledger_gets_a_sentence() {
    let (_folder, path) = in_a_folder();
    let ledger = open(&path, Options::default());
    for request in 0..2000 {
        ledger.record(entry(&request.to_string()));
    }
    drop(ledger);
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 40 * 4096, "{}", whole.len());
    let (mut damaged, mut foreign) = (0, 0);
    for place in 0..whole.len() / 4096 {
        // Noise over one page, and everything cut off from there.
        let mut noisy = whole.clone();
        noisy[place * 4096..][..4096].iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 31 + 7) as u8);
        for bytes in [&noisy, &whole[..place * 4096 + 100]] {
            std::fs::write(&path, bytes).unwrap();
            match report(&path, By::Model, None) {
                Err(error @ LedgerError::Damaged { .. }) => {
                    assert!(error.to_string().contains("this ledger is damaged"), "{error}");
                    damaged += 1;
                }
                Err(LedgerError::Foreign { .. }) => foreign += 1,
                // Pages of the index are not read for this.
                Ok(report) => assert!(report.total.requests <= 2000),
                Err(other) => panic!("page {place}: {other}"),
            }
        }
    }
    assert!(damaged > 40 && foreign >= 1, "{damaged} {foreign}");
}
