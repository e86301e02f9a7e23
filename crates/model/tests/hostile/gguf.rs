//! One GGUF file.

use whit_kernels::Format;
use whit_model::gguf::{Array, Value};
use whit_model::{Checkpoint, Config};

use crate::common::{F32, Gguf, Q8_0, array_value, f32_bytes, small_gguf, string_value, text, u32_value};
use crate::{assert_refused, open, sweep};

const NAME: &str = "model.gguf";

fn refused(content: &[u8], parts: &[&str]) {
    assert_refused(NAME, content, parts);
}

fn opened(content: &[u8]) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    std::fs::write(&path, content).unwrap();
    open(&path).unwrap()
}

/// The small file with its first tensor changed.
fn with_tensor(change: impl FnOnce(&mut crate::common::GgufTensor)) -> Vec<u8> {
    let mut gguf = small_gguf();
    change(&mut gguf.tensors[0]);
    gguf.bytes()
}

#[test]
fn the_sound_file_opens() {
    for version in [2, 3] {
        let checkpoint = opened(&Gguf { version, ..small_gguf() }.bytes());
        let a = checkpoint.tensor("a.weight").unwrap();
        assert_eq!((a.format, a.shape, a.bytes.len()), (Format::F32, &[4, 32][..], 512));
        let b = checkpoint.tensor("b.weight").unwrap();
        assert_eq!((b.format, b.shape, b.bytes.len()), (Format::Q8_0, &[2, 64][..], 136));
        assert_eq!(checkpoint.parameters(), 128 + 128);
        assert_eq!(checkpoint.tensor_bytes(), 512 + 136);
        assert_eq!(
            checkpoint.bytes_by_format().into_iter().collect::<Vec<_>>(),
            [(Format::F32, 512), (Format::Q8_0, 136)]
        );
        let Config::Gguf(metadata) = &checkpoint.config else { panic!("a GGUF file has GGUF metadata") };
        assert_eq!(metadata["general.architecture"].as_str(), Some("llama"));
        assert_eq!(metadata["tokenizer.ggml.add_bos_token"].as_bool(), Some(true));
        let tokens = metadata["tokenizer.ggml.tokens"].as_array().unwrap().as_strings().unwrap();
        assert_eq!(tokens, ["<unk>", "a", "", "é"]);
        let scores = metadata["tokenizer.ggml.scores"].as_array().unwrap().to_f32().unwrap();
        assert_eq!(scores, [0.0, -1.0, -2.0, -3.0]);
        let nested = Array::Nested(vec![Array::U8(vec![1, 2]), Array::String(vec!["x".into()])]);
        assert_eq!(metadata["nested"], Value::Array(nested));
    }
}

#[test]
fn an_alignment_of_its_own_is_honoured() {
    let gguf = Gguf { alignment: 256, ..Gguf::new() }
        .key("general.alignment", u32_value(256))
        .tensor("a", &[3], F32, &f32_bytes(&[1.0, 2.0, 3.0]))
        .tensor("b", &[1], F32, &f32_bytes(&[4.0]));
    let checkpoint = opened(&gguf.bytes());
    assert_eq!(checkpoint.tensor("a").unwrap().bytes, f32_bytes(&[1.0, 2.0, 3.0]));
    assert_eq!(checkpoint.tensor("b").unwrap().bytes, f32_bytes(&[4.0]));
}

#[cfg(target_os = "linux")]
#[test]
fn opening_touches_no_tensor() {
    let resident_bytes = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    // A hole of 4 GiB takes no room on disk.
    let gguf = Gguf::new().tensor("a.weight", &[1 << 15, 1 << 15], F32, &[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let mut file = std::fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, &gguf.bytes()).unwrap();
    file.set_len(gguf.bytes().len() as u64 + (4 << 30)).unwrap();
    let before = resident_bytes();
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!(checkpoint.tensor("a.weight").unwrap().bytes.len(), 4 << 30);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes became resident");
}

#[test]
fn an_empty_file() {
    refused(b"", &["is empty"]);
}

#[test]
fn truncated_anywhere() {
    let whole = small_gguf().bytes();
    for part in 0..64 {
        refused(&whole[..whole.len() * part / 64], &[]);
    }
    for len in 0..whole.len() {
        refused(&whole[..len], &[]);
    }
}

#[test]
fn a_wrong_magic() {
    refused(&Gguf { magic: *b"\x00GGU", ..small_gguf() }.bytes(), &["header", "does not begin with \"GGUF\""]);
}

#[test]
fn other_kinds_of_file_are_recognised() {
    refused(b"<!DOCTYPE html>\n<html>Not found</html>\n", &["is text", "<!DOCTYPE html>"]);
    refused(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        &["git-lfs pointer", "git lfs pull"],
    );
    refused(b"PK\x03\x04\x00\x00\x08\x08", &["PyTorch", "safetensors or GGUF"]);
    refused(b"tjgg\x03\x00\x00\x00", &["before GGUF"]);
    refused(&crate::common::small_safetensors(), &["is a safetensors file", "give the folder"]);
}

#[test]
fn versions_that_are_not_read() {
    refused(&Gguf { version: 1, ..small_gguf() }.bytes(), &["header", "version 1", "2 and 3"]);
    refused(&Gguf { version: 4, ..small_gguf() }.bytes(), &["header", "version 4", "2 and 3"]);
    refused(&Gguf { version: 3u32.swap_bytes(), ..small_gguf() }.bytes(), &["header", "big-endian"]);
}

#[test]
fn tensor_counts_near_the_largest_numbers() {
    for count in [10, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX] {
        let gguf = Gguf { tensor_count: Some(count), ..small_gguf() };
        refused(&gguf.bytes(), if count > 10 { &["header", "tensors are announced"] } else { &["tensor"] });
    }
}

#[test]
fn key_counts_near_the_largest_numbers() {
    for count in [1 << 32, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX] {
        refused(&Gguf { key_count: Some(count), ..small_gguf() }.bytes(), &["header", "key-value pairs are announced"]);
    }
}

#[test]
fn string_lengths_past_the_end() {
    for len in [1 << 20, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let value = [&8u32.to_le_bytes()[..], &u64::to_le_bytes(len), b"abc"].concat();
        refused(&small_gguf().key("k", value).bytes(), &["key k", "bytes of text are announced"]);
    }
}

#[test]
fn array_lengths_past_the_end() {
    for kind in 0..=12 {
        for count in [5_000, 1 << 61, (1 << 63) - 1, 1 << 63, u64::MAX] {
            let gguf = small_gguf().key("k", array_value(kind, count, &[0; 64]));
            refused(&gguf.bytes(), &["key k", "array values are announced"]);
        }
    }
}

#[test]
fn arrays_of_empty_strings_take_memory_in_proportion() {
    // `open` checks the memory: as many strings as a file of 512 KiB can hold, and one more than it does hold.
    let count = 1 << 16;
    opened(&small_gguf().key("k", array_value(8, count, &vec![0; 8 << 16])).bytes());
    let many = array_value(8, count + 200, &vec![0; 8 << 16]);
    refused(&small_gguf().key("k", many).bytes(), &["key k"]);
}

#[test]
fn many_small_things_take_memory_in_proportion() {
    let mut gguf = Gguf { alignment: 1, ..Gguf::new() }.key("general.alignment", u32_value(1));
    for i in 0..5000 {
        gguf = gguf.key(&format!("{i:x}"), vec![0, 0, 0, 0, 1]).tensor(&format!("{i:x}"), &[1], F32, &[0; 4]);
    }
    assert_eq!(opened(&gguf.bytes()).parameters(), 5000);
    let nested = array_value(9, 5000, &array_value(9, 0, &[])[4..].repeat(5000));
    opened(&small_gguf().key("k", nested).bytes());
}

#[test]
fn arrays_nested_without_end() {
    let mut value = array_value(0, 1, &[7]);
    for _ in 0..10_000 {
        value = array_value(9, 1, &value[4..]);
    }
    refused(&small_gguf().key("k", value).bytes(), &["key k", "deep"]);
}

#[test]
fn keys_and_values_that_break_the_rules() {
    refused(&small_gguf().key("general.architecture", u32_value(1)).bytes(), &["key general.architecture", "twice"]);
    refused(&small_gguf().key("", u32_value(1)).bytes(), &["key-value pair 7", "empty name"]);
    refused(&small_gguf().key(&"k".repeat(70_000), u32_value(1)).bytes(), &["key-value pair 7", "70000 bytes"]);
    refused(&small_gguf().key("k", 13u32.to_le_bytes().to_vec()).bytes(), &["key k", "value type 13"]);
    refused(&small_gguf().key("k", array_value(77, 1, &[0; 8])).bytes(), &["key k", "value type 77"]);
    refused(&small_gguf().key("k", vec![7, 0, 0, 0, 2]).bytes(), &["key k", "booleans"]);
    refused(&small_gguf().key("k", array_value(7, 2, &[1, 9])).bytes(), &["key k", "booleans"]);
    let not_utf8 = [&8u32.to_le_bytes()[..], &2u64.to_le_bytes(), b"\xff\xfe"].concat();
    refused(&small_gguf().key("k", not_utf8).bytes(), &["key k", "UTF-8"]);
}

#[test]
fn names_cannot_play_with_the_terminal() {
    refused(&small_gguf().key("\x1b[2Jk\n", vec![99, 0, 0, 0]).bytes(), &["\\u{1b}[2Jk\\n"]);
    let long = "x".repeat(60_000);
    refused(&small_gguf().tensor(&long, &[0], F32, &[]).bytes(), &["xxx…"]);
}

#[test]
fn alignments_that_are_none() {
    for alignment in [0, 3, 24, 1 << 17, u32::MAX] {
        let mut gguf = small_gguf();
        gguf.keys[1].1 = u32_value(alignment);
        refused(&gguf.bytes(), &["key general.alignment", "power of two"]);
    }
    let mut gguf = small_gguf();
    gguf.keys[1].1 = string_value("32");
    refused(&gguf.bytes(), &["key general.alignment", "power of two"]);
}

#[test]
fn dimensions_near_the_largest_numbers() {
    for size in [1 << 32, (1 << 62) - 32, (1 << 63) - 32, 1 << 63, u64::MAX - 31] {
        for dimensions in [vec![size], vec![32, size], vec![size, size], vec![size, size, size, size]] {
            let content = with_tensor(|t| t.dimensions = dimensions);
            refused(&content, &["tensor a.weight"]);
        }
    }
    refused(&with_tensor(|t| t.dimensions = vec![1 << 32, 1 << 32]), &["tensor a.weight", "overflows"]);
}

#[test]
fn dimensions_that_are_not_allowed() {
    refused(&with_tensor(|t| t.dimensions = vec![]), &["tensor a.weight", "0 dimensions"]);
    refused(&with_tensor(|t| t.dimensions = vec![1; 5]), &["tensor a.weight", "5 dimensions"]);
    refused(&with_tensor(|t| t.dimensions = vec![1; 10_000]), &["tensor a.weight", "10000 dimensions"]);
    refused(&with_tensor(|t| t.dimensions = vec![32, 0]), &["tensor a.weight", "dimension of zero"]);
}

#[test]
fn rows_that_are_not_whole_blocks() {
    let content = with_tensor(|t| (t.dimensions, t.ggml_type) = (vec![33, 2], Q8_0));
    refused(&content, &["tensor a.weight", "rows of 33", "Q8_0 blocks of 32"]);
}

#[test]
fn types_that_are_not_read() {
    let parts = ["tensor a.weight", "IQ2_XXS", "Q4_K", "MXFP4"];
    refused(&with_tensor(|t| t.ggml_type = 16), &parts);
    refused(&with_tensor(|t| t.ggml_type = 28), &["tensor a.weight", "F64", "BF16"]);
    refused(&with_tensor(|t| t.ggml_type = u32::MAX), &["tensor a.weight", "number 4294967295", "does not know"]);
}

#[test]
fn every_type_number_is_read_or_named() {
    for ggml_type in 0..=41 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, with_tensor(|t| (t.dimensions, t.ggml_type) = (vec![256], ggml_type))).unwrap();
        let message = open(&path).err().unwrap_or_default();
        assert!(!message.contains("does not know"), "{message}");
    }
}

#[test]
fn tensors_past_the_end() {
    refused(&with_tensor(|t| t.offset = 1 << 20), &["tensor a.weight", "past the end"]);
    refused(&with_tensor(|t| t.offset = (1 << 63) - 32), &["tensor a.weight", "past the end"]);
    refused(&with_tensor(|t| t.offset = u64::MAX - 31), &["tensor a.weight", "overflows"]);
    refused(&with_tensor(|t| t.dimensions = vec![32, 400]), &["tensor a.weight", "past the end"]);
}

#[test]
fn tensors_out_of_line() {
    refused(&with_tensor(|t| t.offset = 4), &["tensor a.weight", "offset 4", "alignment 32"]);
}

#[test]
fn overlapping_tensors() {
    let mut gguf = small_gguf();
    gguf.tensors[1].offset = 480;
    refused(&gguf.bytes(), &["tensor b.weight", "overlaps tensor a.weight"]);
    gguf.tensors[1].offset = 0;
    refused(&gguf.bytes(), &["overlaps tensor"]);
}

#[test]
fn tensor_names_that_break_the_rules() {
    let mut gguf = small_gguf();
    gguf.tensors[1].name = "a.weight".into();
    refused(&gguf.bytes(), &["tensor a.weight", "twice"]);
    gguf.tensors[1].name.clear();
    refused(&gguf.bytes(), &["tensor 1", "empty name"]);
    let at = small_gguf().bytes().windows(16).position(|w| w == text("a.weight")).unwrap();
    let mut content = small_gguf().bytes();
    content[at + 8] = 0xff;
    refused(&content, &["tensor 0", "UTF-8"]);
}

#[test]
fn a_missing_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    std::fs::write(&path, small_gguf().bytes()).unwrap();
    let checkpoint = open(&path).unwrap();
    assert!(checkpoint.has("a.weight") && !checkpoint.has("c.weight"));
    let message = checkpoint.tensor("c.weight").err().unwrap().to_string();
    crate::assert_sentence(&message, &[NAME, "tensor c.weight is missing"]);
    let message = checkpoint.location("c.weight").err().unwrap().to_string();
    crate::assert_sentence(&message, &[NAME, "tensor c.weight is missing"]);
}

#[test]
fn a_path_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let message = open(&folder.path().join(NAME)).unwrap_err();
    crate::assert_sentence(&message, &[NAME, "the file is missing"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_not_a_model() {
    let message = open(std::path::Path::new("/dev/null")).unwrap_err();
    crate::assert_sentence(&message, &["/dev/null", "not a regular file"]);
}

#[test]
fn what_fuzzing_begins_from_is_sound() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/gguf");
    for entry in std::fs::read_dir(seeds).unwrap() {
        assert!(open(&entry.unwrap().path()).unwrap().parameters() > 0);
    }
}

#[test]
fn every_byte_of_the_header_changed() {
    let content = small_gguf().bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    sweep(&content, small_gguf().header().len(), |changed| {
        std::fs::write(&path, changed).unwrap();
        open(&path)
    });
}
