//! `whit tune`, as a person sees it.
#![cfg(feature = "tune")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{fixture, whit};
use serde_json::{Value, json};

/// 200 sentences with a label each.
fn write_examples(path: &Path) {
    const THINGS: [&str; 10] = ["tea", "pasta", "eggs", "rice", "bread", "soup", "jam", "fish", "beans", "corn"];
    const PLACES: [&str; 10] =
        ["hall", "attic", "garage", "cellar", "office", "porch", "garden", "pantry", "shed", "loft"];
    let line = |at: usize| {
        let (thing, place) = (THINGS[at / 2 % 10], PLACES[at / 20 % 10]);
        let (input, output) = match at % 2 {
            0 => (format!("cook {thing} in the {place}"), "cook_food"),
            _ => (format!("carry {thing} to the {place}"), "carry_thing"),
        };
        json!({"input": input, "output": output}).to_string()
    };
    fs::write(path, (0..200).map(line).collect::<Vec<_>>().join("\n")).unwrap();
}

fn arguments(folder: &Path, out: &str, more: &[&str]) -> Vec<String> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut words = vec!["tune".to_owned(), path("data.jsonl"), "-o".into(), path(out)];
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

const SMALL: [&str; 15] = [
    "--from-scratch",
    "--name",
    "small",
    "--width",
    "32",
    "--layers",
    "1",
    "--vocab",
    "400",
    "--batch",
    "512",
    "--epochs",
    "40",
    "--checkpoint",
    "0.00001",
];

#[test]
fn two_hundred_examples_on_a_tiny_base_lower_the_held_out_loss_within_two_minutes() {
    let folder = tempfile::tempdir().unwrap();
    write_examples(&folder.path().join("data.jsonl"));
    let base = fixture("pocket");
    let more = ["--base", base.to_str().unwrap(), "--frame", "{input}\n", "--lr", "0.005", "--epochs", "10", "--json"];
    let begun = Instant::now();
    let report: Value = serde_json::from_str(&whit(arguments(folder.path(), "brick", &more)).stdout()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(120));
    let loss = |key: &str| report[key].as_f64().unwrap();
    assert!(loss("validation_loss") < 0.5 * loss("validation_loss_before"), "{report}");
    assert_eq!(report["quality"][0]["on"], "held-out");
    // It is run as it was measured: its adapter on the base.
    let brick = folder.path().join("brick").to_str().unwrap().to_owned();
    let check = whit(["brick", "check", &brick, "--json"]).json();
    let found = &check["checks"][0]["measured"];
    assert_eq!((&check["reached"], &found["right"]), (&json!(true), &report["quality"][0]["exact_match"]["right"]));
    let answer = whit(["run", "--brick", &brick, "carry soup to the loft"]).stdout();
    assert!(["carry_thing\n", "cook_food\n"].contains(&answer.as_str()), "{answer}");
}

#[test]
fn a_killed_training_goes_on_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    write_examples(&folder.path().join("data.jsonl"));
    whit(arguments(folder.path(), "whole", &SMALL)).stdout();
    let checkpoint = folder.path().join("parts/.tune/checkpoint");
    let resumed = [&SMALL[..], &["--resume"]].concat();
    // Killed again and again: at once after its first step, and some steps later.
    for (time, wait) in [0, 5, 20].into_iter().enumerate() {
        let before = fs::read(&checkpoint).ok();
        assert_eq!(before.is_some(), time > 0);
        let (mut child, _home) =
            whit(arguments(folder.path(), "parts", if time > 0 { &resumed } else { &SMALL })).spawn();
        while child.try_wait().unwrap().is_none() && fs::read(&checkpoint).ok() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    whit(arguments(folder.path(), "parts", &resumed)).stdout();
    let model = |out: &str| fs::read(folder.path().join(out).join("model.gguf")).unwrap();
    assert!(model("whole") == model("parts"));
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_gets_a_sentence_and_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    write_examples(&folder.path().join("data.jsonl"));
    // No file may have more than 16 blocks.
    let outcome = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_whit")])
        .args(arguments(folder.path(), "brick", &SMALL))
        .env("HOME", folder.path())
        .env("WHIT_CACHE_SIZE", "0")
        .output()
        .unwrap();
    let stderr = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(1), "{stderr}");
    assert!(stderr.lines().count() == 1 && stderr.contains("how much room is left"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path().join("brick/.tune")).unwrap().count(), 0);
}

#[test]
fn what_was_made_answers_in_whit_run() {
    let folder = tempfile::tempdir().unwrap();
    write_examples(&folder.path().join("data.jsonl"));
    let outcome = whit(arguments(folder.path(), "brick", &[&SMALL[..], &["--json"]].concat())).run();
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    // Where there is no terminal, each look at the validation loss is a line.
    let looks: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(looks.len(), report["curve"].as_array().unwrap().len(), "{}", outcome.stderr);
    let is_look = |line: &&str| {
        let words = ["step ", " of ", ", epoch ", ", loss ", ", validation loss ", " tokens/s"];
        words.iter().all(|word| line.contains(word))
    };
    assert!(looks.len() > 5 && looks.iter().all(is_look) && looks[0].ends_with(" left"), "{}", outcome.stderr);
    assert!(report["quality"][0]["exact_match"]["value"].as_f64().unwrap() > 0.9, "{report}");
    let brick = folder.path().join("brick").to_str().unwrap().to_owned();
    assert_eq!(whit(["run", "--brick", &brick, "carry soup to the loft"]).stdout(), "carry_thing\n");
    let check = whit(["brick", "check", &brick, "--json"]).json();
    let rows: Vec<&str> =
        check["checks"].as_array().unwrap().iter().filter_map(|row| row["claimed"]["measure"].as_str()).collect();
    assert_eq!((&check["reached"], rows), (&json!(true), vec!["exact match", "label carry_thing", "label cook_food"]));
    assert_eq!(check["checks"][0]["measured"]["right"], report["quality"][0]["exact_match"]["right"]);
    let (stated, again) = (&report["quality"][0], &check["checks"][0]["measured"]);
    let error = |found: &Value| found["expected_calibration_error"].as_f64().unwrap();
    assert!((error(stated) - error(again)).abs() < 1e-6 && report["confidence"]["temperature"].is_number(), "{check}");
    let model = folder.path().join("brick/model.gguf");
    let answer =
        whit(["run", model.to_str().unwrap(), "--raw", "--temperature", "0", "carry soup to the loft\n"]).stdout();
    assert_eq!(answer.trim(), "carry_thing");
}

#[test]
fn a_dry_run_tells_time_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    write_examples(&folder.path().join("data.jsonl"));
    let told = whit(arguments(folder.path(), "brick", &[&SMALL[..], &["--dry-run"]].concat())).stdout();
    assert!(told.contains("40 epochs") && told.contains("tokens/s, and ") && told.contains(" of memory"), "{told}");
}

#[test]
fn examples_that_cannot_be_used_are_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.jsonl"), "{\"input\": \"a\"}\n").unwrap();
    let outcome = whit(arguments(folder.path(), "brick", &SMALL)).run();
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("line 1"), "{}", outcome.stderr);
    // What is about one way of making a brick is not left unread in the other.
    let base = fixture("pocket").to_str().unwrap().to_owned();
    for (making, other) in [(&["--base", &base][..], ["--width", "64"]), (&["--from-scratch"], ["--rank", "4"])] {
        let outcome = whit(arguments(folder.path(), "brick", &[making, &other].concat())).run();
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("cannot be used with"), "{}", outcome.stderr);
    }
}
