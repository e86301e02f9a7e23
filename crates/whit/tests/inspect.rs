//! `whit inspect` says what is in a model.

mod common;

use common::{POCKETS, assert_snapshot, fixture, whit};

#[test]
fn the_table_is_as_a_person_has_reviewed_it() {
    for name in POCKETS.into_iter().chain(["pocket-vocab.gguf"]) {
        let path = fixture(name).to_string_lossy().into_owned();
        let table = whit(["inspect", &path, "--threads", "1"]).stdout().replace(&path, name);
        // How the engine lays a model out is its own affair.
        let table: String = table
            .lines()
            .map(|line| if line.starts_with("memory ") { layout_left_out(line) } else { format!("{line}\n") })
            .collect();
        assert_snapshot(&format!("inspect-{name}.txt"), &table);
    }
}

/// `memory  2 MiB for a context of 9 tokens: 1 MiB weights, ...` with its sizes as dots, but for the context.
fn layout_left_out(line: &str) -> String {
    let (total, rest) = line.split_once(" for a context of ").expect("the context is said");
    let (context, parts) = rest.split_once(": ").expect("the parts are said");
    let labels = ["B weights", "B KV cache", "B work space"];
    assert!(total.ends_with('B') && labels.iter().all(|label| parts.contains(label)), "{line}");
    format!("memory        ... for a context of {context}: ...\n")
}

#[test]
fn json_has_the_facts() {
    for (name, format, bytes) in [("pocket", "F16", 180_864), ("pocket-f16.gguf", "F16", 180_224)] {
        let facts = whit(["inspect", &fixture(name).to_string_lossy(), "--json", "--context", "128"]).json();
        assert_eq!(facts["architecture"], "llama");
        assert_eq!(facts["parameters"], 90_432);
        assert_eq!(facts["bytes_by_format"][format], bytes, "{name}");
        let decoder = &facts["decoder"];
        for (key, value) in [
            ("hidden_size", 64),
            ("intermediate_size", 96),
            ("layers", 2),
            ("heads", 4),
            ("kv_heads", 2),
            ("head_dim", 16),
            ("vocabulary_size", 448),
            ("context_length", 1024),
            ("experts", 0),
        ] {
            assert_eq!(decoder[key], value, "{key}");
        }
        assert_eq!((&decoder["tied_embedding"], &decoder["rotaries"][0]["theta"]), (&true.into(), &10000.0.into()));
        assert_eq!(
            (facts["tokenizer"]["bos"].as_str(), facts["tokenizer"]["end"][0].as_str()),
            (Some("<|begin|>"), Some("<|im_end|>"))
        );
        assert_eq!(
            facts["chat_template"]["example"],
            "<|begin|><|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
        );
        let memory = &facts["memory"];
        assert_eq!(memory["context"], 128);
        // Two layers, keys and values, 2 heads of 16, 2 bytes each.
        assert_eq!(memory["kv_bytes_per_token"], 256);
        let sum: u64 =
            ["weights_bytes", "kv_cache_bytes", "workspace_bytes"].iter().filter_map(|key| memory[key].as_u64()).sum();
        assert_eq!(memory["total_bytes"], sum);
    }
}

#[test]
fn single_precision_takes_twice_the_cache() {
    let kv = |format: &str| {
        whit(["inspect", &fixture("pocket").to_string_lossy(), "--json", "--kv", format]).json()["memory"]["kv_bytes_per_token"].as_u64()
    };
    assert_eq!((kv("f16"), kv("f32")), (Some(256), Some(512)));
}

#[test]
fn a_vocabulary_alone_can_be_inspected_but_not_run() {
    let path = fixture("pocket-vocab.gguf").to_string_lossy().into_owned();
    let facts = whit(["inspect", &path, "--json"]).json();
    assert_eq!(
        (facts["architecture"].as_str(), facts["tokenizer"]["vocabulary_size"].as_u64()),
        (Some("llama"), Some(448))
    );
    assert!(facts["notes"][0].as_str().expect("text").contains("vocabulary only"));
    assert!(facts["decoder"].is_null() && facts["memory"].is_null());
    whit(["run", &path, "Hi"]).refused(2, &["pocket-vocab.gguf"]);
}
