//! `whit brick` and `whit run --brick`: small models that do one job.

#[path = "../../engine/tests/common/adapter.rs"]
mod adapter;
mod common;

use std::path::Path;

use adapter::{Update, updates, write_adapter, write_merged};
use common::{assert_snapshot, fixture, whit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CARD: &str = r#"
format = 1
name = "sums"
version = "0.1.0"
licence = "MIT OR Apache-2.0"
description = "Knows what two and two are, by heart."

[model]
weights = "model.gguf"

[contract]
kind = "labels"
file = "labels.txt"

[prompt]
chat = true
max_tokens = 16

[confidence]
temperature = 20.0
expected_calibration_error = 0.02
examples = 200

[[quality]]
on = "held-out"
measure = "exact match"
value = 0.9531
low = 0.948
high = 0.957
examples = 10000

[[quality]]
on = "handwritten"
file = "handwritten.jsonl"
measure = "exact match"
value = 0.75
low = 0.3
high = 0.95
examples = 4

[training]
command = "fixtures/make.py"
seed = 1
"#;

const SET: &str = r#"{"input": "What is 2 + 2?", "output": "Four."}
{"input": "What is 2 + 2?", "output": "Four.", "from": "again"}
{"input": "What is 2 + 2?", "output": "Five."}
{"input": "What is 2 + 2?", "output": "Four."}
"#;

/// A brick's folder with the repository's model; `changes` are made to its card.
fn brick(changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_brick(folder.path(), changes);
    folder
}

fn write_brick(folder: &Path, changes: &[(&str, &str)]) {
    let card = changes.iter().fold(CARD.to_owned(), |card, (from, to)| {
        assert!(card.contains(from), "{from}");
        card.replace(from, to)
    });
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    std::fs::copy(fixture("pocket-q8_0.gguf"), folder.join("model.gguf")).expect("copied");
    write("brick.toml", &card);
    write("labels.txt", "Four.\nFive.\n");
    write("handwritten.jsonl", SET);
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The folder's `.brick` file, in a folder of its own.
fn packed(folder: &Path) -> (tempfile::TempDir, String) {
    let out = tempfile::tempdir().expect("a folder");
    let file = text(&out.path().join("sums.brick"));
    let said = whit(["brick", "pack", &text(folder), "-o", &file]).stdout();
    assert!(said.starts_with(&format!("{file}: sums 0.1.0, 4 files, 1")) && said.contains("sha256 "), "{said}");
    (out, file)
}

#[test]
fn a_brick_answers_in_a_line_and_says_how_sure_it_is() {
    let folder = brick(&[]);
    let (_out, file) = packed(folder.path());
    for brick in [text(folder.path()), file] {
        let outcome = whit(["run", "--brick", &brick, "What is 2 + 2?"]).run();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "Four.\n"), "{outcome:#?}");
        let said: Vec<&str> = outcome.stderr.lines().collect();
        assert!(said.len() == 1 && said[0].starts_with("sums 0.1.0: confidence 0."), "{outcome:#?}");
        assert!(said[0].contains(" ms"), "{outcome:#?}");
        if cfg!(target_os = "linux") {
            assert!(said[0].ends_with("iB at most"), "{outcome:#?}");
        }
    }
    let brick = text(folder.path());
    let answer = whit(["run", "--brick", &brick, "--json"]).stdin("What is 2 + 2?\n").json();
    assert_eq!(
        (&answer["brick"], &answer["version"], &answer["output"]),
        (&"sums".into(), &"0.1.0".into(), &"Four.".into())
    );
    let confidence = answer["confidence"].as_f64().expect("a number");
    assert!((0.5..0.9).contains(&confidence) && answer["seconds"].as_f64() > Some(0.0), "{answer}");
    let cooler = brick_with_temperature("1.0");
    let sure = whit(["run", "--brick", &text(cooler.path()), "--json", "What is 2 + 2?"]).json();
    assert!(sure["confidence"].as_f64() > Some(confidence), "{sure} is surer than {answer}");
    let said = whit(["run", "--brick", &text(cooler.path()), "What is 2 + 2?"]).run().stderr;
    assert!(said.contains("confidence above 0.999, "), "{said}");
    let stats = whit(["run", "--brick", &brick, "--stats", "What is 2 + 2?"]).run();
    assert!(stats.stderr.contains("\npeak memory  ") || !cfg!(target_os = "linux"), "{stats:#?}");
}

fn brick_with_temperature(temperature: &str) -> tempfile::TempDir {
    brick(&[("temperature = 20.0", &format!("temperature = {temperature}"))])
}

#[test]
fn a_call_is_json_on_one_line() {
    let folder = brick(&[
        ("kind = \"labels\"\nfile = \"labels.txt\"", "kind = \"tools\"\nfile = \"tools.json\""),
        ("max_tokens = 16", "max_tokens = 64"),
        ("[[quality]]\non = \"handwritten\"\nfile = \"handwritten.jsonl\"", "[[quality]]\non = \"handwritten\""),
    ]);
    let tools = r#"[{"type": "function", "function": {"name": "add", "parameters": {"type": "object",
        "properties": {"a": {"enum": [1, 2]}, "b": {"enum": [1, 2]}}, "required": ["a", "b"], "additionalProperties": false}}}]"#;
    std::fs::write(folder.path().join("tools.json"), tools).expect("written");
    let brick = text(folder.path());
    let line = whit(["run", "--brick", &brick, "What is 2 + 2?"]).stdout();
    let call: Value = serde_json::from_str(&line).expect("JSON");
    assert!(call.is_null() || call["name"] == "add" && call["arguments"]["a"].is_number(), "{line}");
    assert_eq!(line, format!("{call}\n"));
    let answer = whit(["run", "--brick", &brick, "--json", "What is 2 + 2?"]).json();
    assert_eq!(answer["output"], call);

    let short = brick_of_few_tokens();
    whit(["run", "--brick", &text(short.path()), "What is 2 + 2?"])
        .refused(1, &["sums 0.1.0", "did not come to its end within 1 tokens"]);
}

fn brick_of_few_tokens() -> tempfile::TempDir {
    let folder = brick(&[("max_tokens = 16", "max_tokens = 1")]);
    std::fs::write(folder.path().join("labels.txt"), "What is it that this is?\nFour.\nFive.\n").expect("written");
    folder
}

#[test]
fn what_a_brick_says_of_itself_is_as_a_person_has_reviewed_it() {
    let folder = brick(&[]);
    let path = text(folder.path());
    let table = whit(["brick", "inspect", &path]).stdout().replace(&path, "sums");
    assert_snapshot("brick-inspect.txt", &table);
    let (_out, file) = packed(folder.path());
    let facts = whit(["brick", "inspect", &file, "--json"]).json();
    assert_eq!((&facts["container"], &facts["card"]["format"]), (&"archive".into(), &1.into()));
    assert_eq!(facts["card"]["contract"], json!({"kind": "labels", "file": "labels.txt"}));
    assert_eq!(facts["card"]["prompt"], json!({"chat": true, "max_tokens": 16}));
    assert_eq!(facts["answers"], json!(["Four.", "Five."]));
    assert_eq!((&facts["model"]["layers"], &facts["model"]["parameters"]), (&2.into(), &90_432.into()));
    assert_eq!(facts["files"].as_array().map(Vec::len), Some(4));
    assert_eq!(facts["card"]["quality"][1]["low"], 0.3);
}

#[test]
fn claims_are_measured_again_and_what_is_not_reached_is_an_error() {
    let folder = brick(&[]);
    let (_out, file) = packed(folder.path());
    let table = whit(["brick", "check", &file, "--threads", "1"]).stdout();
    assert_snapshot("brick-check.txt", &table);
    let report = whit(["brick", "check", &file, "--json"]).json();
    assert_eq!((&report["reached"], &report["checks"][0]["measured"]), (&true.into(), &Value::Null));
    let measured = &report["checks"][1]["measured"];
    assert_eq!((&measured["right"], &measured["examples"], &measured["value"]), (&3.into(), &4.into(), &0.75.into()));
    assert!(
        measured["expected_calibration_error"].as_f64().is_some_and(|error| (0.0..0.1).contains(&error)),
        "{report}"
    );

    let proud = brick(&[("value = 0.75\nlow = 0.3\nhigh = 0.95", "value = 0.9\nlow = 0.8\nhigh = 0.95")]);
    let outcome = whit(["brick", "check", &text(proud.path())]).run();
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    assert!(outcome.stdout.contains("NOT REACHED"), "{outcome:#?}");
    assert!(outcome.stderr.contains("error: sums 0.1.0: a claim of its card was not reached again"), "{outcome:#?}");

    let other = brick(&[(
        "file = \"handwritten.jsonl\"",
        &format!("file = \"handwritten.jsonl\"\nsha256 = \"{}\"", "0".repeat(64)),
    )]);
    whit(["brick", "check", &text(other.path())]).refused(2, &["handwritten.jsonl", "is not the set", "SHA-256"]);
    std::fs::write(folder.path().join("handwritten.jsonl"), "{\"input\": \"a\", \"output\": \"Six.\"}\n")
        .expect("written");
    whit(["brick", "check", &text(folder.path())])
        .refused(2, &["handwritten.jsonl: line 1", "none that the brick's contract has"]);
}

#[test]
fn what_cannot_be_used_gets_a_sentence() {
    let folder = brick(&[]);
    let brick_path = text(folder.path());
    let gguf = text(&fixture("pocket-q8_0.gguf"));
    whit(["run", "--brick", "nobody", "hello"])
        .refused(2, &["nobody: no brick of this name is in this program", ".brick"]);
    whit(["run", "--brick", &brick_path, "one", "two"]).refused(2, &["a brick has its own model"]);
    whit(["run", "--brick", &brick_path]).refused(2, &["no prompt"]);
    whit(["run", "--brick", &brick_path, ""]).refused(2, &["the input is empty"]);
    whit(["run", "--brick", &gguf, "hello"]).refused(2, &["is no brick"]);
    whit(["run", &text(&fixture("pocket"))]).stdin("").refused(2, &["no prompt"]);
    let long = "wind ".repeat(3000);
    whit(["run", "--brick", &brick_path, &long]).refused(2, &["the context holds"]);
    for options in [&["--temperature", "0.5"][..], &["--raw"], &["--max-tokens", "5"], &["--system", "x"]] {
        let outcome = whit(["run", "--brick", &brick_path, "hello"].iter().chain(options)).run();
        assert_eq!(outcome.code, Some(2), "{outcome:#?}");
        assert!(outcome.stderr.contains("cannot be used with"), "{outcome:#?}");
    }
    whit(["brick", "pack", &brick_path, "-o", &format!("{brick_path}/own.brick")]).refused(2, &["own.brick", "-o"]);
    whit(["brick", "pack", &gguf]).refused(2, &["is no folder"]);
    let (_out, file) = packed(folder.path());
    whit(["run", &file, "hello"]).refused(2, &["is a brick", "whit run --brick"]);
    std::fs::write(folder.path().join("labels.txt"), "").expect("written");
    whit(["brick", "inspect", &brick_path]).refused(2, &["labels.txt: labels", "write one on each line"]);
}

#[test]
fn an_adapter_answers_on_its_base_as_the_merged_weights_do() {
    let base = fixture("pocket");
    let updates = updates(&base, |_| 4, 7, 0.05);
    let work = tempfile::tempdir().expect("a folder");
    let at = |name: &str| {
        let folder = work.path().join(name);
        std::fs::create_dir_all(&folder).expect("made");
        folder
    };
    write_merged(&base, &at("base"), &[], |_| 0.0);
    let weights = std::fs::read(at("base").join("model.safetensors")).expect("read");
    let digest: String = Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
    let own = |name: &str, updates: &[Update]| {
        write_brick(&at(name), &[("weights = \"model.gguf\"", "weights = \"own\"")]);
        // lora_alpha / r
        write_merged(&base, &at(&format!("{name}/own")), updates, |update| 16.0 / update.rank as f32);
        at(name)
    };
    let adapter = |name: &str, base: &str, hash: &str| {
        let table = format!("base = \"{base}\"\nbase_hash = \"sha256:{hash}\"\nadapter = \"adapter\"");
        write_brick(&at(name), &[("weights = \"model.gguf\"", &table)]);
        std::fs::remove_file(at(name).join("model.gguf")).expect("removed");
        write_adapter(&at(name).join("adapter"), &updates, json!({"r": 4}));
        at(name)
    };
    let (plain, merged, adapted) = (own("plain", &[]), own("merged", &updates), adapter("adapted", "../base", &digest));
    // A file is beside its base as its folder was.
    let file = at("files").join("sums.brick");
    whit(["brick", "pack", &text(&adapted), "-o", &text(&file)]).stdout();
    let ask = |brick: &Path| whit(["run", "--brick", &text(brick), "--json", "What is 2 + 2?"]).json();
    let confidence = |answer: &Value| answer["confidence"].as_f64().expect("a number");
    let (plain, merged_answer) = (ask(&plain), ask(&merged));
    for brick in [&adapted, &file] {
        let answer = ask(brick);
        assert_eq!(answer["output"], merged_answer["output"]);
        assert!((confidence(&answer) - confidence(&merged_answer)).abs() < 1e-3, "{answer} and {merged_answer}");
        assert!((confidence(&answer) - confidence(&plain)).abs() > 1e-2, "{answer} and {plain}");
    }
    let right = |brick: &Path| {
        let report: Value =
            serde_json::from_str(&whit(["brick", "check", &text(brick), "--json"]).run().stdout).expect("JSON");
        report["checks"][1]["measured"]["right"].as_u64().expect("a number")
    };
    assert_eq!(right(&adapted), right(&merged));

    let other = adapter("other", "../base", &"0".repeat(64));
    whit(["run", "--brick", &text(&other), "hello"])
        .refused(2, &["is an adapter on ../base", "that is another one", &digest]);
    let nowhere = adapter("nowhere", "no/base", &digest);
    for command in [&["run", "--brick", &text(&nowhere), "hello"][..], &["brick", "check", &text(&nowhere)]] {
        whit(command).refused(2, &["is an adapter on no/base", "no such file or folder"]);
    }
}

/// Whether the program was built with the brick of this name.
fn is_built_in(name: &str) -> bool {
    let bricks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bricks");
    cfg!(feature = "bricks") && bricks.join(format!("{name}.brick")).exists()
}

#[test]
fn plain_words_without_a_model_are_for_the_assistant() {
    let request = "set a timer for twenty minutes and call it pasta";
    if is_built_in("assistant") {
        let outcome = whit(["run", request]).run();
        let call = json!({"name": "set_timer", "arguments": {"duration": "PT20M", "label": "pasta"}});
        assert_eq!((outcome.code, outcome.stdout), (Some(0), format!("{call}\n")), "{}", outcome.stderr);
        assert!(outcome.stderr.starts_with("assistant ") && outcome.stderr.lines().count() == 1, "{}", outcome.stderr);
        let piped = whit(["run", "--json"]).stdin(format!("{request}\n")).json();
        assert_eq!((&piped["brick"], &piped["output"]), (&"assistant".into(), &call));
        whit(["run"]).refused(2, &["no prompt"]);
    } else {
        for args in [&["run", request][..], &["run"]] {
            whit(args)
                .stdin(request)
                .refused(2, &["without the brick assistant", "feature bricks", "whit run MODEL PROMPT"]);
        }
    }
    // What looks like a model, or comes with what only models are told, is none of its business.
    for args in [&["run", "no-such.gguf"][..], &["run", "no/such"], &["run", "nothing", "--temperature", "0"]] {
        whit(args).stdin(request).refused(2, &["no such file or folder; ", "hf:"]);
    }
    whit(["run", "--raw"]).stdin(request).refused(2, &["which model?"]);
}
