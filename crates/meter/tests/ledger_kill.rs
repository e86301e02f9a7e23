//! A server that is killed leaves a whole ledger, which lacks what was handed in within its last second at most.
//!
//! The server is this test itself, started again with a variable that says where to write.
#![cfg(unix)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use whit_meter::ledger::{By, Entry, Ledger, Options, Outcome, report};

/// Where the child writes, and the number that it begins with.
const LEDGER: &str = "WHIT_TEST_LEDGER";
const FIRST: &str = "WHIT_TEST_FIRST";

/// So many ledgers at a time, each killed so often.
const LEDGERS: u64 = 5;
const KILLS: u64 = 10;

/// What is handed in so long before the end is never lost.
const PROMISED: Duration = Duration::from_secs(1);

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

/// The child: hands requests in as a busy server does, and prints the number and the time of each.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(LEDGER) else { return };
    let first: u64 = std::env::var(FIRST).expect("set").parse().expect("a number");
    // Old rows are there to be removed while it is killed.
    let options = Options { retention: Some(Duration::from_secs(3600)), ..Options::default() };
    let ledger = Ledger::open(Path::new(&path), options, |sentence| panic!("{sentence}")).expect("a ledger");
    for number in first.. {
        let time = SystemTime::now();
        let old = Entry { request_id: "old".into(), time: time - Duration::from_secs(7200), ..entry(number) };
        ledger.record(entry(number));
        ledger.record(old);
        // In one piece, so that it is there or not.
        let line = format!("{number} {}\n", now_ms());
        std::io::stderr().write_all(line.as_bytes()).expect("the parent listens");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn entry(number: u64) -> Entry {
    Entry {
        time: SystemTime::now(),
        request_id: number.to_string(),
        model: "m".into(),
        key: None,
        prompt_tokens: 1,
        cached_tokens: 0,
        output_tokens: 1,
        receipt: None,
        outcome: Outcome::Finished("stop".into()),
        prompt: None,
        answer: None,
    }
}

#[test]
fn killed_fifty_times_it_is_whole_and_lacks_a_second_at_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let promised: usize = std::thread::scope(|scope| {
        let ledgers: Vec<_> = (0..LEDGERS)
            .map(|ledger| {
                let path = folder.path().join(format!("{ledger}.db"));
                scope.spawn(move || kill_again_and_again(&path, ledger))
            })
            .collect();
        ledgers.into_iter().map(|ledger| ledger.join().expect("no panic")).sum()
    });
    // Else it has shown nothing.
    assert!(promised > 1000, "{promised}");
}

/// Returns how many requests were promised to be in it.
fn kill_again_and_again(path: &Path, ledger: u64) -> usize {
    let mut promised: Vec<u64> = vec![];
    let mut next = 0;
    for kill in 0..KILLS {
        // From at once to after two and a half seconds, as if by chance.
        let life = Duration::from_millis((ledger * KILLS + kill) * 2_654_435_761 % 2500);
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(LEDGER, path)
            .env(FIRST, next.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = child.stderr.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        std::thread::sleep(life);
        let killed = now_ms();
        child.kill().expect("killed");
        child.wait().expect("ended");
        let text = reader.join().expect("no panic").expect("read");
        assert!(!text.contains("panicked"), "{text}");
        for line in text.lines() {
            let (number, time) = line.split_once(' ').expect("a number and a time");
            let (number, time): (u64, u64) = (number.parse().expect("a number"), time.parse().expect("a time"));
            if time + PROMISED.as_millis() as u64 <= killed {
                promised.push(number);
            }
            next = next.max(number + 1);
        }
        next = next.max(check(path, &promised, kill));
    }
    promised.len()
}

/// Returns a number that is above all in it.
fn check(path: &Path, promised: &[u64], kill: u64) -> u64 {
    if path.exists() {
        // As `whit ledger` opens it, before anybody has put it in order.
        report(path, By::Model, None).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
    }
    // It may have been killed before there was a table.
    drop(Ledger::open(path, Options::default(), |sentence| panic!("{sentence}")).expect("it can be opened"));
    let connection = Connection::open(path).expect("opened");
    let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(whole, "ok", "kill {kill}");
    let mut statement = connection
        .prepare("SELECT CAST(request_id AS INTEGER), count(*) FROM requests WHERE request_id <> 'old' GROUP BY 1")
        .expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)?))).expect("rows");
    let counts: HashMap<u64, i64> = rows.collect::<Result<_, _>>().expect("rows");
    assert!(counts.values().all(|&count| count == 1), "kill {kill}: a request is there twice");
    let lost: Vec<&u64> = promised.iter().filter(|number| !counts.contains_key(number)).collect();
    assert!(lost.is_empty(), "kill {kill}: {} of {} are lost, as {:?}", lost.len(), promised.len(), lost[0]);
    counts.keys().max().map_or(0, |last| last + 1)
}
