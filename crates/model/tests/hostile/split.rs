//! A GGUF model in several files.

use std::path::{Path, PathBuf};

use crate::common::{F32, Gguf, f32_bytes, string_value};
use crate::{assert_sentence, open};

fn u16_value(value: u16) -> Vec<u8> {
    [&2u32.to_le_bytes()[..], &value.to_le_bytes()].concat()
}

/// Part `number` (from 0) of three, with one tensor; the configuration is in the first, as llama.cpp's tool writes it.
fn part(number: u16) -> Gguf {
    let mut gguf = Gguf::new();
    if number == 0 {
        gguf = gguf.key("general.architecture", string_value("llama"));
    }
    gguf.key("split.no", u16_value(number))
        .key("split.count", u16_value(3))
        .key("split.tensors.count", [5u32.to_le_bytes(), 3i32.to_le_bytes()].concat())
        .tensor(&format!("t{number}"), &[2], F32, &f32_bytes(&[number.into(), 1.0]))
}

fn part_path(folder: &Path, number: u16) -> PathBuf {
    folder.join(format!("model-{:05}-of-00003.gguf", number + 1))
}

fn write_parts(folder: &Path) {
    for number in 0..3 {
        std::fs::write(part_path(folder, number), part(number).bytes()).unwrap();
    }
}

#[test]
fn any_part_opens_all() {
    let folder = tempfile::tempdir().unwrap();
    write_parts(folder.path());
    for number in 0..3 {
        let checkpoint = open(&part_path(folder.path(), number)).unwrap();
        assert_eq!(checkpoint.path, part_path(folder.path(), 0));
        let names: Vec<_> = checkpoint.tensors().map(|tensor| tensor.name).collect();
        assert_eq!(names, ["t0", "t1", "t2"]);
        assert_eq!(checkpoint.tensor("t2").unwrap().bytes, f32_bytes(&[2.0, 1.0]));
        assert_eq!(checkpoint.file_of("t2"), part_path(folder.path(), 2));
        let whit_model::Config::Gguf(metadata) = &checkpoint.config else { panic!("a GGUF file has GGUF metadata") };
        assert_eq!(metadata["general.architecture"].as_str(), Some("llama"));
    }
}

/// Writes the parts, then `content` in the place of part `number`, and opens the first.
fn refused_with(number: u16, content: &[u8], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    write_parts(folder.path());
    std::fs::write(part_path(folder.path(), number), content).unwrap();
    assert_sentence(&open(&part_path(folder.path(), 0)).unwrap_err(), parts);
}

#[test]
fn a_missing_part_is_named() {
    for missing in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        write_parts(folder.path());
        std::fs::remove_file(part_path(folder.path(), missing)).unwrap();
        let given = part_path(folder.path(), if missing == 0 { 1 } else { 0 });
        let name = part_path(Path::new(""), missing);
        let part = format!("part {} of 3", missing + 1);
        assert_sentence(&open(&given).unwrap_err(), &[name.to_str().unwrap(), &part, "is missing"]);
    }
}

#[test]
fn a_renamed_part() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("other.gguf"), part(1).bytes()).unwrap();
    let message = open(&folder.path().join("other.gguf")).unwrap_err();
    assert_sentence(&message, &["other.gguf", "part 2 of 3", "-00002-of-00003.gguf", "rename"]);
}

#[test]
fn parts_that_do_not_belong_together() {
    refused_with(1, &part(2).bytes(), &["model-00002-of-00003.gguf", "key split.no", "is 2 where 1 belongs"]);
    let alone = Gguf::new().tensor("t1", &[2], F32, &[0; 8]);
    refused_with(1, &alone.bytes(), &["model-00002-of-00003.gguf", "key split.no", "is missing where 1 belongs"]);
    let mut more = part(1);
    more.keys[1].1 = u16_value(4);
    refused_with(1, &more.bytes(), &["model-00002-of-00003.gguf", "key split.count", "is 4 where 3 belongs"]);
}

#[test]
fn a_tensor_in_two_parts() {
    let mut twice = part(1);
    twice.tensors[0].name = "t0".into();
    refused_with(1, &twice.bytes(), &["model-00002-of-00003.gguf", "tensor t0", "earlier part"]);
}

#[test]
fn a_part_without_its_tensors() {
    let mut empty = part(2);
    empty.tensors.clear();
    refused_with(2, &empty.bytes(), &["model-00001-of-00003.gguf", "key split.tensors.count", "hold 2 tensors"]);
}

#[test]
fn a_damaged_part() {
    let bytes = part(2).bytes();
    refused_with(2, &bytes[..bytes.len() - 1], &["model-00003-of-00003.gguf", "tensor t2", "cut short"]);
    refused_with(2, b"", &["model-00003-of-00003.gguf", "is empty"]);
    refused_with(2, b"version https://git-lfs.github.com/spec/v1\n", &["model-00003-of-00003.gguf", "git-lfs"]);
}

#[test]
fn numbers_of_parts_that_cannot_be() {
    let mut first = part(0);
    first.keys[1].1 = u16_value(3);
    refused_with(0, &first.bytes(), &["model-00001-of-00003.gguf", "key split.no", "is 3, but there are 3 parts"]);
    first.keys[1].1 = u16_value(0);
    first.keys[2].1 = [&10u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    refused_with(0, &first.bytes(), &["model-00001-of-00003.gguf", "part 1 of 18446744073709551615"]);
    first.keys[2].1 = string_value("3");
    refused_with(0, &first.bytes(), &["model-00001-of-00003.gguf", "key split.count", "whole number"]);
    first.keys[2].1 = u16_value(3);
    first.keys.remove(1);
    refused_with(0, &first.bytes(), &["model-00001-of-00003.gguf", "key split.no", "missing"]);
}
