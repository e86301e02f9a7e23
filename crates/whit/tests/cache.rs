//! Packed copies as a person meets them: `whit cache`, `--cache-size`, and runs that leave and use copies.

mod common;

use std::path::Path;

use common::{Whit, assert_snapshot, fixture, whit};

const MODEL: &str = "pocket-q8_0.gguf";

/// A greedy answer with copies in `folder`.
fn ask(folder: &Path, more: &[&str]) -> Whit {
    let model = fixture(MODEL).to_string_lossy().into_owned();
    let args = ["run", &model, "--temperature", "0", "What is 2 + 2?"];
    with_copies(whit(args.iter().chain(more)), folder)
}

fn with_copies(whit: Whit, folder: &Path) -> Whit {
    whit.env("WHIT_CACHE_DIR", folder).env("WHIT_CACHE_SIZE", "1GiB")
}

fn list(folder: &Path) -> serde_json::Value {
    with_copies(whit(["cache", "list", "--json"]), folder).json()
}

#[test]
fn a_run_leaves_a_copy_that_the_next_one_uses_and_clear_removes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    assert_eq!((&list(folder)["total_bytes"], &list(folder)["limit_bytes"]), (&0.into(), &(1 << 30).into()));
    for _ in 0..2 {
        let outcome = ask(folder, &[]).run();
        assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "Four.", ""));
    }
    let listed = list(folder);
    let copies = listed["copies"].as_array().expect("a list");
    assert_eq!(copies.len(), 1);
    assert_eq!((&copies[0]["bytes"], &copies[0]["layout_version"]), (&listed["total_bytes"], &1.into()));
    assert!(copies[0]["models"][0].as_str().expect("a path").ends_with(MODEL));
    assert!(copies[0]["last_used"].as_u64().expect("a time") > 1_600_000_000);

    let table = with_copies(whit(["cache", "list"]), folder).stdout();
    let mut words: Vec<&str> = table.split_whitespace().collect();
    let content = copies[0]["content"].as_str().expect("text");
    assert_eq!(words.remove(2), &content[..12], "{table}");
    let isa = copies[0]["instruction_set"].as_str().expect("text");
    let path = fixture(MODEL).to_string_lossy().into_owned();
    let table = table.replace(&content[..12], "CONTENT").replace(isa, "ISA").replace(&path, MODEL);
    assert_snapshot("cache-list.txt", &table.replace(&*folder.to_string_lossy(), "FOLDER"));

    std::fs::write(folder.join("mine.txt"), "not whit's").expect("written");
    let cleared = with_copies(whit(["cache", "clear", "--json"]), folder).json();
    assert_eq!(cleared["copies_removed"], 1);
    assert!(cleared["bytes_freed"].as_u64() > listed["total_bytes"].as_u64());
    assert!(folder.join("mine.txt").exists());
    let again = with_copies(whit(["cache", "clear"]), folder).stdout();
    assert_eq!(again, format!("removed no packed copies from {}: 0 B freed\n", folder.display()));
}

#[test]
fn a_damaged_copy_is_said_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    ask(folder, &[]).stdout();
    let path = list(folder)["copies"][0]["file"].as_str().expect("a path").to_owned();
    std::fs::write(&path, "damaged").expect("written");
    assert!(with_copies(whit(["cache", "list"]), folder).stdout().contains("  damaged  "));
    let outcome = ask(folder, &[]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "Four."), "{outcome:#?}");
    assert_eq!(outcome.stderr, format!("the packed copy {path} is too short; the weights were packed again\n"));
    assert_eq!(ask(folder, &[]).run().stderr, "");
}

#[test]
fn no_copies_are_kept_where_none_are_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in ["0", "none"] {
        ask(folder.path(), &["--cache-size", size]).stdout();
        ask(folder.path(), &[]).env("WHIT_CACHE_SIZE", size).stdout();
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
    let refused = ask(folder.path(), &["--cache-size", "lots"]).run();
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(refused.stderr.contains("'lots' is not a size"), "{refused:#?}");
    ask(folder.path(), &[]).env("WHIT_CACHE_SIZE", "2GiB").stdout();
    assert_eq!(list(folder.path())["copies"].as_array().map(Vec::len), Some(1));
}

#[test]
fn two_processes_that_start_at_once_both_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(ask(folder.path(), &[]).stdout(), "Four."));
            }
        });
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").flatten().collect();
        assert_eq!(names.len(), 2, "{names:?}");
        if round == 1 {
            std::fs::write(list(folder.path())["copies"][0]["file"].as_str().expect("a path"), "damaged")
                .expect("written");
        }
    }
}

#[test]
fn copies_lie_where_caches_lie() {
    let home = tempfile::tempdir().expect("a folder");
    let model = fixture(MODEL).to_string_lossy().into_owned();
    let args = ["run", &model, "--temperature", "0", "What is 2 + 2?", "--cache-size", "1GiB"];
    whit(args).env("XDG_CACHE_HOME", home.path()).stdout();
    let folder = home.path().join("whit/packed");
    assert_eq!(list(&folder)["copies"].as_array().map(Vec::len), Some(1));
}
