//! One safetensors file, in a folder with a configuration.

use whit_kernels::Format;

use crate::common::{safetensors, small_safetensors, write_all};
use crate::{assert_sentence, open, sweep};

fn open_with(content: &[u8]) -> Result<whit_model::Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("config.json", b"{}"), ("model.safetensors", content)]);
    open(folder.path())
}

fn refused(content: &[u8], parts: &[&str]) {
    let message = open_with(content).expect_err("the file should be refused");
    assert_sentence(&message, &[&["model.safetensors"], parts].concat());
}

/// A file with 8 bytes of data whose only tensor is described by `entry`.
fn one(entry: &str) -> Vec<u8> {
    safetensors(&format!(r#"{{"t":{entry}}}"#), &[0; 8])
}

#[test]
fn the_sound_file_opens() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("config.json", b"{}"), ("model.safetensors", &small_safetensors())]);
    let checkpoint = open(folder.path()).unwrap();
    let a = checkpoint.tensor("a.weight").unwrap();
    assert_eq!((a.format, a.shape, a.bytes.len()), (Format::F32, &[2, 3][..], 24));
    let b = checkpoint.tensor("b.weight").unwrap();
    assert_eq!((b.format, b.shape, b.bytes), (Format::BF16, &[4][..], &[0x80, 0x3f].repeat(4)[..]));
    assert_eq!(checkpoint.parameters(), 10);
    let (file, range) = checkpoint.location("b.weight").unwrap();
    assert_eq!((*file).as_ref()[range], *b.bytes);
}

#[test]
fn a_type_that_is_not_read_is_refused_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("config.json", b"{}"), ("model.safetensors", &small_safetensors())]);
    let checkpoint = open(folder.path()).unwrap();
    assert!(checkpoint.has("c"));
    assert!(checkpoint.tensors().all(|tensor| tensor.name != "c"));
    let message = checkpoint.tensor("c").err().unwrap().to_string();
    assert_sentence(&message, &["model.safetensors", "tensor c", "I64", "F32, F16 and BF16"]);
}

#[test]
fn an_empty_tensor_is_refused_when_it_is_asked_for() {
    let header = r#"{"t":{"dtype":"F32","shape":[4,0],"data_offsets":[0,0]}}"#;
    let checkpoint = open_with(&safetensors(header, &[])).unwrap();
    let message = checkpoint.tensor("t").err().unwrap().to_string();
    assert_sentence(&message, &["model.safetensors", "tensor t", "dimension of zero"]);
}

#[test]
fn truncated_anywhere() {
    let whole = small_safetensors();
    for part in 0..64 {
        refused(&whole[..whole.len() * part / 64], &[]);
    }
    for len in 0..whole.len() {
        refused(&whole[..len], &[]);
    }
}

#[test]
fn header_lengths_past_the_end() {
    for len in [500, 90_000_000] {
        let mut content = small_safetensors();
        content[..8].copy_from_slice(&u64::to_le_bytes(len));
        refused(&content, &["header", "cut short"]);
    }
    for len in [100_000_001, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let mut content = small_safetensors();
        content[..8].copy_from_slice(&u64::to_le_bytes(len));
        refused(&content, &["header", "more than the format allows"]);
    }
}

#[test]
fn other_kinds_of_file() {
    refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", &["git-lfs pointer"]);
    refused(b"<!DOCTYPE html>\n<html>Not found</html>\n", &["header", "not a safetensors file"]);
}

#[test]
fn headers_that_are_not_the_right_json() {
    refused(&safetensors("", &[]), &["header"]);
    refused(&safetensors("{", &[]), &["header"]);
    refused(&safetensors("[]", &[]), &["header", "object of tensors"]);
    refused(&safetensors("{} x", &[]), &["header"]);
    refused(&safetensors("\u{1b}{}", &[]), &["header"]);
    refused(&safetensors(&"[".repeat(100_000), &[]), &["header"]);
    refused(&safetensors(&format!(r#"{{"__metadata__":{}"#, "[".repeat(100_000)), &[]), &["header"]);
    refused(&one("7"), &["header", "tensor t"]);
    refused(&one(&format!("\"{}\"", "\\u001b".repeat(50_000))), &["header", "tensor t", "invalid type: string"]);
    refused(&one(r#"{"dtype":"F32","shape":[2]}"#), &["header", "tensor t", "data_offsets"]);
    refused(&one(r#"{"dtype":"F32","shape":2,"data_offsets":[0,8]}"#), &["header", "tensor t", "list of dimensions"]);
    refused(&one(r#"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#), &["header", "tensor t"]);
    refused(&one(r#"{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}"#), &["header", "tensor t"]);
    refused(&one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}"#), &["header", "tensor t"]);
    refused(&one(r#"{"dtype":5,"shape":[2],"data_offsets":[0,8]}"#), &["header", "tensor t"]);
}

#[test]
fn shapes_near_the_largest_numbers() {
    for shape in ["9223372036854775808", "4611686018427387904,2", "4294967296,4294967296", "18446744073709551615,3"] {
        for dtype in ["F32", "F16", "BF16"] {
            let entry = format!(r#"{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[0,8]}}"#);
            refused(&one(&entry), &["tensor t", "does not fill"]);
        }
    }
    refused(&one(r#"{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}"#), &["header", "tensor t"]);
    let many = format!(r#"{{"dtype":"F32","shape":[2{}],"data_offsets":[0,8]}}"#, ",1".repeat(100_000));
    refused(&one(&many), &["header", "tensor t", "more than 16 dimensions"]);
}

#[test]
fn shapes_that_do_not_fit_their_bytes() {
    refused(&one(r#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#), &["tensor t", "does not fill its 8 bytes"]);
    refused(&one(r#"{"dtype":"F16","shape":[],"data_offsets":[0,8]}"#), &["tensor t", "does not fill its 8 bytes"]);
    refused(&one(r#"{"dtype":"I64","shape":[2],"data_offsets":[0,8]}"#), &["tensor t", "does not fill its 8 bytes"]);
}

#[test]
fn offsets_that_are_wrong() {
    let entry = |offsets: &str| one(&format!(r#"{{"dtype":"F32","shape":[2],"data_offsets":[{offsets}]}}"#));
    refused(&entry("0,16"), &["tensor t", "ends at byte 16", "only 8"]);
    refused(&entry("0,18446744073709551615"), &["tensor t", "only 8"]);
    refused(&entry("8,0"), &["tensor t", "should begin at 0"]);
    refused(&entry("4,8"), &["tensor t", "should begin at 0"]);
    refused(&one(r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#), &["header", "4 bytes at the end"]);
}

#[test]
fn overlapping_tensors_and_gaps() {
    let two = |a: &str, b: &str, len: usize| {
        let entry = |offsets: &str| format!(r#"{{"dtype":"F32","shape":[2],"data_offsets":[{offsets}]}}"#);
        safetensors(&format!(r#"{{"t":{},"u":{}}}"#, entry(a), entry(b)), &vec![0; len])
    };
    assert!(open_with(&two("8,16", "0,8", 16)).is_ok());
    refused(&two("0,8", "4,12", 12), &["tensor u", "should begin at 8"]);
    refused(&two("0,8", "0,8", 8), &["tensor", "should begin at 8"]);
    refused(&two("0,8", "12,20", 20), &["tensor u", "should begin at 8"]);
}

#[test]
fn a_name_given_twice() {
    let header = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    refused(&safetensors(header, &[0; 8]), &["tensor t", "twice"]);
}

#[test]
fn many_small_tensors_take_memory_in_proportion() {
    let entries: Vec<String> =
        (0..5000).map(|i| format!(r#""{i:x}":{{"dtype":"","shape":[],"data_offsets":[0,0]}}"#)).collect();
    open_with(&safetensors(&format!("{{{}}}", entries.join(",")), &[])).unwrap();
    let entries: Vec<String> = (0..5000)
        .map(|i| format!(r#""{i:x}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}"#, 4 * i, 4 * i + 4))
        .collect();
    open_with(&safetensors(&format!("{{{}}}", entries.join(",")), &[0; 20_000])).unwrap();
}

#[test]
fn what_fuzzing_begins_from_is_sound() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/safetensors");
    for entry in std::fs::read_dir(seeds).unwrap() {
        open_with(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
    }
}

#[test]
fn every_byte_of_the_header_changed() {
    let content = small_safetensors();
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("config.json", b"{}")]);
    sweep(&content, content.len() - 40, |changed| {
        write_all(folder.path(), &[("model.safetensors", changed)]);
        open(folder.path())
    });
}
