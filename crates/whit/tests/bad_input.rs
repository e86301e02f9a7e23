//! Whatever is wrong with what a person gives: one sentence that names it, exit code 2, no panic.

mod common;

use std::path::Path;

use common::{fixture, whit};

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn a_model_that_is_not_there() {
    whit(["run", "/no/such/model.gguf", "Hi"])
        .refused(2, &["/no/such/model.gguf", "no such file or folder", "hf:OWNER/NAME"]);
    whit(["run", "Qwen/Qwen3-0.6B", "Hi"]).refused(2, &["Qwen/Qwen3-0.6B", "is written hf:Qwen/Qwen3-0.6B"]);
}

#[test]
fn a_file_that_is_not_a_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = std::fs::read(fixture("pocket-q4_0.gguf")).expect("readable");
    let cases: [(&str, &[u8]); 4] = [
        ("empty.gguf", b""),
        ("magic.gguf", b"PK\x03\x04 and so on, and so on"),
        ("text.gguf", b"GGUF"),
        ("cut.gguf", &whole[..whole.len() - 1]),
    ];
    for (name, bytes) in cases {
        let path = write(folder.path(), name, bytes);
        for command in [
            &["run", &path, "Hi"][..],
            &["inspect", &path],
            &["bench", "model", &path],
            &["perplexity", &path, "--file", &path],
        ] {
            // The text of the last is read first, and is binary.
            let words: &[&str] = &[name];
            whit(command).refused(2, words);
        }
    }
}

#[test]
fn a_model_cut_anywhere_in_its_length() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = std::fs::read(fixture("pocket-q4_0.gguf")).expect("readable");
    for sixteenth in 0..16 {
        let path = write(folder.path(), "cut.gguf", &whole[..whole.len() * sixteenth / 16]);
        whit(["run", &path, "Hi"]).refused(2, &["cut.gguf"]);
    }
}

#[test]
fn a_folder_without_a_model_or_with_half_of_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_string_lossy().into_owned();
    whit(["run", &path, "Hi"]).refused(2, &[&path]);
    let files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
    for left_out in ["config.json", "model.safetensors", "tokenizer.json"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in files.iter().filter(|name| **name != left_out) {
            std::fs::copy(fixture("pocket").join(name), folder.path().join(name)).expect("copied");
        }
        whit(["run", &folder.path().to_string_lossy(), "Hi"]).refused(2, &[&folder.path().to_string_lossy()]);
    }
}

#[test]
fn a_damaged_generation_config() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        std::fs::copy(fixture("pocket").join(name), folder.path().join(name)).expect("copied");
    }
    write(folder.path(), "generation_config.json", b"{");
    whit(["run", &folder.path().to_string_lossy(), "--raw", "Hi"]).refused(2, &["generation_config.json"]);
}

#[test]
fn a_prompt_longer_than_the_context() {
    let model = fixture("pocket").to_string_lossy().into_owned();
    let long = "wind ".repeat(1200);
    whit(["run", &model, &long]).refused(2, &["1024"]);
    whit(["run", &model, "--context", "16", "Tell me a poem about the wind, and make it a long one."])
        .refused(2, &["16"]);
}

#[test]
fn values_that_are_out_of_range() {
    let model = fixture("pocket").to_string_lossy().into_owned();
    for args in [
        ["--temperature", "-1"],
        ["--top-p", "1.5"],
        ["--min-p", "-0.1"],
        ["--repetition-penalty", "0"],
        ["--temperature", "nan"],
    ] {
        whit(["run", &model, args[0], args[1], "Hi"]).refused(2, &[]);
    }
    whit(["run", &model, "--threads", "0", "Hi"]).refused(2, &[]);
}

#[test]
fn memory_that_does_not_suffice_is_refused_with_the_sum_and_shortens_the_context_first() {
    let model = fixture("pocket").to_string_lossy().into_owned();
    whit(["run", &model, "--memory", "10KiB", "Hi"])
        .refused(2, &["weights", "KV cache", "work space", "10 KiB were given with --memory"]);
    let memory = &whit(["inspect", &model, "--json", "--threads", "1"]).json()["memory"];
    let [total, per_token] = ["total_bytes", "kv_bytes_per_token"].map(|key| memory[key].as_u64().expect("a number"));
    let limit = (total - 100 * per_token).to_string();
    let outcome =
        whit(["run", &model, "--threads", "1", "--memory", &limit, "--temperature", "0", "What is 2 + 2?"]).run();
    assert_eq!(outcome.stdout, "Four.", "{outcome:#?}");
    assert!(outcome.stderr.contains("context shortened from 1024 to "), "{outcome:#?}");
}

#[test]
fn arguments_that_make_no_sense() {
    let cases: [&[&str]; 7] = [
        &["walk"],
        &["run"],
        &["run", "m", "--memory", "lots", "Hi"],
        &["run", "m", "--kv", "q2", "Hi"],
        &["run", "m", "--raw", "--system", "x", "Hi"],
        &["run", "m", "--logprobs", "2", "Hi"],
        &["completions", "cmd"],
    ];
    for args in cases {
        let outcome = whit(args).run();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(outcome.stderr.starts_with("error: "), "{args:?}: {}", outcome.stderr);
    }
    let outcome = whit(["run", "m", "--memory", "lots", "Hi"]).run();
    assert!(outcome.stderr.contains("write it like 2GiB"), "{}", outcome.stderr);
}
