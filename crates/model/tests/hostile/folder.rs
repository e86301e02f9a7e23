//! A Hugging Face folder: what is in it, and how its files fit together.

use crate::common::{f32_bytes, safetensors, small_gguf, small_safetensors, write_all};
use crate::{assert_sentence, open};

const SHARD_1: &str = "model-00001-of-00002.safetensors";
const SHARD_2: &str = "model-00002-of-00002.safetensors";
const INDEX: &str = "model.safetensors.index.json";

fn open_folder(files: &[(&str, &[u8])]) -> Result<whit_model::Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), files);
    open(folder.path()).map_err(|message| {
        let path = folder.path().to_str().unwrap();
        assert!(message.starts_with(path), "{message:?} does not begin with the folder");
        message
    })
}

fn refused(files: &[(&str, &[u8])], parts: &[&str]) {
    assert_sentence(&open_folder(files).expect_err("the folder should be refused"), parts);
}

/// A file with one number under each name.
fn shard(names: &[&str]) -> Vec<u8> {
    let entry = |(i, name): (usize, &&str)| {
        format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}"#, 4 * i, 4 * i + 4)
    };
    let entries: Vec<String> = names.iter().enumerate().map(entry).collect();
    safetensors(&format!("{{{}}}", entries.join(",")), &f32_bytes(&vec![1.5; names.len()]))
}

fn index(places: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<String> = places.iter().map(|(tensor, file)| format!("{tensor:?}:{file:?}")).collect();
    format!(r#"{{"metadata":{{"total_size":12}},"weight_map":{{{}}}}}"#, entries.join(",")).into_bytes()
}

/// A folder of two shards with this index.
fn refused_index(index: &[u8], parts: &[&str]) {
    let files =
        [("config.json", &b"{}"[..]), (SHARD_1, &shard(&["a", "b"])), (SHARD_2, &shard(&["c"])), (INDEX, index)];
    refused(&files, parts);
}

#[test]
fn shards_open_as_one() {
    let index = index(&[("a", SHARD_1), ("b", SHARD_1), ("c", SHARD_2)]);
    let folder = tempfile::tempdir().unwrap();
    let files =
        [("config.json", &b"{}"[..]), (SHARD_1, &shard(&["a", "b"])), (SHARD_2, &shard(&["c"])), (INDEX, &index)];
    write_all(folder.path(), &files);
    let checkpoint = open(folder.path()).unwrap();
    assert_eq!(checkpoint.tensors().map(|tensor| tensor.name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(checkpoint.tensor("c").unwrap().bytes, f32_bytes(&[1.5]));
    assert_eq!(checkpoint.file_of("c"), folder.path().join(SHARD_2));
}

#[test]
fn a_single_file_of_any_name_opens() {
    assert!(open_folder(&[("config.json", b"{}"), ("pocket.safetensors", &small_safetensors())]).is_ok());
}

#[test]
fn a_folder_without_a_model() {
    refused(&[], &["model.safetensors is missing", "the folder holds no model"]);
    refused(&[("config.json", b"{}"), ("README.md", b"# hello")], &["model.safetensors is missing", "holds no model"]);
}

#[test]
fn a_folder_with_only_pytorch_files() {
    let files: [(&str, &[u8]); 2] = [("config.json", b"{}"), ("pytorch_model.bin", b"PK\x03\x04")];
    refused(&files, &["model.safetensors is missing", "pytorch_model.bin", "convert it"]);
}

#[test]
fn a_folder_with_only_gguf_files() {
    refused(
        &[("tiny.gguf", &small_gguf().bytes())],
        &["model.safetensors is missing", "tiny.gguf", "give the file itself"],
    );
}

#[test]
fn several_files_and_no_index() {
    let files = [("config.json", &b"{}"[..]), (SHARD_1, &shard(&["a"])), (SHARD_2, &shard(&["b"]))];
    refused(&files, &["model.safetensors.index.json is missing", "several"]);
}

#[test]
fn a_missing_configuration() {
    refused(&[("model.safetensors", &small_safetensors())], &["config.json is missing"]);
}

#[test]
fn configurations_that_are_none() {
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], &str); 8] = [
        (b"", "is empty"),
        (b"{", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[1, 2]", "not an object"),
        (b"null", "not an object"),
        (b"{} {}", "not JSON"),
        (deep.as_bytes(), "not JSON"),
    ];
    for (config, problem) in cases {
        refused(&[("config.json", config), ("model.safetensors", &small_safetensors())], &["config.json", problem]);
    }
    let huge = [b"{}", &vec![b' '; 2 << 20][..]].concat();
    refused(&[("config.json", &huge), ("model.safetensors", &small_safetensors())], &["config.json", "far more"]);
}

#[test]
fn indices_that_are_none() {
    refused_index(b"", &[INDEX, "is empty"]);
    refused_index(b"{}", &[INDEX, "index", "weight_map"]);
    refused_index(b"[]", &[INDEX, "index"]);
    refused_index(br#"{"weight_map":[]}"#, &[INDEX, "index", "object"]);
    refused_index(br#"{"weight_map":{"a":7}}"#, &[INDEX, "index"]);
    refused_index(&b"{\"x\":".repeat(50_000), &[INDEX, "index"]);
}

#[test]
fn an_index_that_points_out_of_the_folder() {
    for name in
        ["../model.safetensors", "/etc/passwd", "..", ".", "", "a/../../b", "sub/model.safetensors", "./a", "a/"]
    {
        refused_index(&index(&[("a", name)]), &[INDEX, "shard", "not the name of a file in this folder"]);
    }
}

#[test]
fn an_index_that_disagrees_with_the_files() {
    refused_index(&index(&[("a", "model-9.safetensors")]), &["shard model-9.safetensors is missing"]);
    refused_index(&index(&[("z", SHARD_1)]), &[SHARD_1, "tensor z is missing"]);
    refused_index(&index(&[("a", SHARD_2)]), &[SHARD_2, "tensor a is missing"]);
    refused_index(&index(&[("a", SHARD_1), ("a", SHARD_1)]), &[INDEX, "tensor a", "twice"]);
    let both = [("config.json", &b"{}"[..]), (SHARD_1, &shard(&["a"])), (SHARD_2, &shard(&["a"]))];
    let index = index(&[("a", SHARD_1), ("a", SHARD_2)]);
    refused(&[&both[..], &[(INDEX, &index)]].concat(), &[INDEX, "tensor a", "two files"]);
}

#[test]
fn a_damaged_shard() {
    let index = index(&[("a", SHARD_1), ("c", SHARD_2)]);
    let files =
        [("config.json", &b"{}"[..]), (SHARD_1, &shard(&["a"])), (SHARD_2, &shard(&["c"])[..20]), (INDEX, &index)];
    refused(&files, &[SHARD_2, "cut short"]);
}
