//! `whit perplexity` agrees with the fixtures' script.

mod common;

use std::path::PathBuf;

use common::{expected, fixture, whit};

fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = folder.path().join("text.txt");
    std::fs::write(&path, text).expect("written");
    (folder, path.to_string_lossy().into_owned())
}

#[test]
fn it_is_what_float64_says_and_near_it_when_quantised() {
    let wanted = &expected()["perplexity"];
    let (_folder, text) = file(wanted["text"].as_str().expect("text"));
    for (model, tolerance) in [("pocket", 0.002), ("pocket-f16.gguf", 0.002), ("pocket-q8_0.gguf", 0.1)] {
        let context = wanted["context"].to_string();
        let report =
            whit(["perplexity", &fixture(model).to_string_lossy(), "--file", &text, "--context", &context, "--json"])
                .json();
        assert_eq!(report["tokens_scored"], wanted["tokens_scored"]);
        for key in ["mean_negative_log_likelihood", "standard_error"] {
            let (got, wanted) = (report[key].as_f64().expect("a number"), wanted[key].as_f64().expect("a number"));
            assert!((got - wanted).abs() <= tolerance, "{model}: {key} {got}, expected {wanted}");
        }
    }
}

#[test]
fn chunks_limit_the_work_and_a_short_text_is_one_window() {
    let wanted = expected()["perplexity"]["text"].as_str().expect("text").to_owned();
    let (_folder, text) = file(wanted);
    let model = fixture("pocket").to_string_lossy().into_owned();
    let report = |more: &[&str]| whit(["perplexity", &model, "--file", &text, "--json"].iter().chain(more)).json();
    assert_eq!(report(&["--context", "24", "--chunks", "2"])["tokens_scored"], 22);
    let whole = report(&["--context", "512"]);
    assert_eq!(whole["chunks"], 1);
    assert!(whole["context"].as_u64() < Some(512));
    let sentence = whit(["perplexity", &model, "--file", &text, "--context", "24"]).stdout();
    assert!(sentence.starts_with("perplexity ") && sentence.contains(" +/- "), "{sentence}");
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let model = fixture("pocket").to_string_lossy().into_owned();
    let (_folder, text) = file("Who");
    whit(["perplexity", &model, "--file", &text]).refused(2, &["text.txt", "too short"]);
    let (_folder, long) = file("wind ".repeat(2000));
    whit(["perplexity", &model, "--file", &long, "--context", "2048"]).refused(2, &["use --context 1024 or less"]);
    whit(["perplexity", &model, "--file", "/no/such/file"]).refused(2, &["/no/such/file"]);
    let (_folder, binary) = file([b'a', 0xff]);
    whit(["perplexity", &model, "--file", &binary]).refused(2, &["not UTF-8 text (byte 1)"]);
}

#[test]
fn what_rounding_weights_costs_is_said_beside_it() {
    let wanted = &expected()["perplexity"];
    let (_folder, text) = file(wanted["text"].as_str().expect("text"));
    let (float, q4) = (fixture("pocket-f16.gguf"), fixture("pocket-q4_0.gguf"));
    let (float, q4) = (float.to_string_lossy(), q4.to_string_lossy());
    let context = wanted["context"].to_string();
    let run = |args: &[&str]| whit(["perplexity", "--file", &text, "--context", &context].iter().chain(args));
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");

    let plain = run(&[&float, "--json"]).json();
    for args in [&[&*float, "--weights", "q4", "--compare", "--json"][..], &[&*q4, "--compare", &float, "--json"]] {
        let report = run(args).json();
        let (other, cost) = (&report["compare"], &report["compare"]["cost"]);
        assert_eq!(other["model"], *float);
        assert_eq!(report["tokens_scored"], other["tokens_scored"]);
        assert!((number(&other["perplexity"]) - number(&plain["perplexity"])).abs() < 1e-3);
        let (difference, ratio) = (number(&cost["perplexity_difference"]), number(&cost["perplexity_ratio"]));
        assert!((number(&report["perplexity"]) - number(&other["perplexity"]) - difference).abs() < 1e-9);
        assert!((number(&report["perplexity"]) / number(&other["perplexity"]) - ratio).abs() < 1e-9);
        assert!(number(&cost["mean_kl_divergence"]) > 0.0);
        assert!((0.0..=1.0).contains(&number(&cost["same_top_token_share"])));
    }
    let same = run(&[&float, "--compare", &fixture("pocket-f16.gguf").to_string_lossy(), "--json"]).json();
    let cost = &same["compare"]["cost"];
    assert_eq!((number(&cost["mean_kl_divergence"]), number(&cost["same_top_token_share"])), (0.0, 1.0));

    let said = run(&[&float, "--weights", "q8", "--compare"]).stdout();
    for line in ["perplexity ", "compared with ", "cost ", "KL divergence ", "same top token "] {
        assert!(said.contains(line), "{said}");
    }
    run(&[&float, "--compare"]).refused(2, &["nothing to compare", "--weights"]);
    run(&[&q4, "--weights", "q4", "--compare"]).refused(2, &["quantised already (Q4_0)"]);
}
