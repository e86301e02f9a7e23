//! Models whose numbers overflow, for the tests of the engine and of the server.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use whit_model::Checkpoint;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// The repository's quantised model, with a norm that makes the first feed-forward overflow for every token.
pub fn overflowing_everywhere(to: &Path) {
    let model = fixture("pocket-q8_0.gguf");
    let mut bytes = fs::read(&model).unwrap();
    let (_, range) = Checkpoint::open(&model).unwrap().location("blk.0.ffn_norm.weight").unwrap();
    bytes[range.start..][..4].copy_from_slice(&1e30f32.to_le_bytes());
    fs::write(to, bytes).unwrap();
}

/// The repository's model in the folder `to`, with one flaw: the numbers of one token are too large to be squared. Whoever reads it
/// overflows. Nobody else does: the head, which was the same matrix, is as it was.
pub fn overflowing_at(token: u32, to: &Path) {
    let from = fixture("pocket");
    for entry in fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let config = fs::read_to_string(from.join("config.json")).unwrap();
    assert!(config.contains("\"tie_word_embeddings\": true"));
    fs::write(
        to.join("config.json"),
        config.replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"),
    )
    .unwrap();

    let checkpoint = Checkpoint::open(&from).unwrap();
    let table = checkpoint.tensor("model.embed_tokens.weight").unwrap();
    let mut values = vec![0f32; table.shape.iter().product()];
    table.format.decode(table.bytes, &mut values);
    values.chunks_exact_mut(table.shape[1]).nth(token as usize).unwrap().fill(1e30);

    let bytes = fs::read(from.join("model.safetensors")).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    header["lm_head.weight"] = header["model.embed_tokens.weight"].take();
    header["model.embed_tokens.weight"] = json!({
        "dtype": "F32", "shape": table.shape, "data_offsets": [data.len(), data.len() + 4 * values.len()],
    });
    let header = header.to_string();
    let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data, &values[..]].concat();
    fs::write(to.join("model.safetensors"), file).unwrap();
}
