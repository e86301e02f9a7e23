//! One tiny model in every tensor type: the values whit decodes are bit for bit those of the reference implementation.
//!
//! The folder holds `zoo-TYPE.gguf` beside `zoo-TYPE.expected.safetensors`, which has some of its tensors dequantised to F32.
//! `zoo-F16.gguf`, should it have none of its own, is compared with the float originals, rounded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use whit_kernels::Format;
use whit_model::{Checkpoint, safetensors};

/// How far apart two numbers are, in representable numbers between them; not a number is only as far as its bits.
fn ulps(a: f32, b: f32) -> u32 {
    let ordered = |v: f32| {
        let bits = v.to_bits() as i32;
        if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
    };
    ordered(a).abs_diff(ordered(b))
}

/// Whether a format's definition multiplies or adds more than once, so that the order decides the last bit.
fn order_is_open(format: Format) -> bool {
    use Format::*;
    matches!(format, Q4_1 | Q5_1 | Q2_K | Q3_K | Q4_K | Q5_K | Q6_K | IQ4_XS)
}

/// Decodes the tensors that have expected values; what was compared, for a person.
fn compare(gguf: &Path, expected: &Path, round: fn(f32) -> f32, seen: &mut BTreeSet<Format>) -> Result<String, String> {
    let checkpoint = Checkpoint::open(gguf).map_err(|e| e.to_string())?;
    let bytes = std::fs::read(expected).map_err(|e| format!("{}: {e}", expected.display()))?;
    let mut lines = Vec::new();
    for info in safetensors::parse(expected, &bytes).map_err(|e| e.to_string())? {
        if info.format() != Some(Format::F32) {
            return Err(format!("{}: {} is not F32", expected.display(), info.name));
        }
        let tensor = checkpoint.tensor(&info.name).map_err(|e| e.to_string())?;
        if tensor.shape != info.shape {
            return Err(format!("{}: shape {:?}, expected {:?}", info.name, tensor.shape, info.shape));
        }
        let mut values = vec![0.0; info.shape.iter().product()];
        tensor.format.decode(tensor.bytes, &mut values);
        let expected = bytes[info.bytes].as_chunks().0.iter().map(|&b| round(f32::from_le_bytes(b)));
        let mut off_by_one = 0;
        for (i, (&value, expected)) in values.iter().zip(expected).enumerate() {
            match ulps(value, expected) {
                0 if value.to_bits() == expected.to_bits() => {}
                1 if order_is_open(tensor.format) => off_by_one += 1,
                _ => {
                    return Err(format!(
                        "{} ({}): weight {i} is {value:e}, expected {expected:e}",
                        info.name, tensor.format
                    ));
                }
            }
        }
        seen.insert(tensor.format);
        let exact = match off_by_one {
            0 => "bit-equal".into(),
            n => format!("{n} within one unit in the last place, the others bit-equal"),
        };
        lines.push(format!("{} ({} {} weights) {exact}", info.name, values.len(), tensor.format));
    }
    if lines.is_empty() {
        return Err(format!("{} holds no tensor to compare", expected.display()));
    }
    Ok(lines.join("; "))
}

/// Compares all of a folder's files, a line each; the formats seen.
fn check_folder(zoo: &Path) -> BTreeSet<Format> {
    let entries = std::fs::read_dir(zoo).unwrap_or_else(|e| panic!("{}: {e}", zoo.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let is_zoo = |name: &str| name.starts_with("zoo-") && name.ends_with(".gguf");
    files.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_zoo));
    files.sort();
    assert!(!files.is_empty(), "{} holds no zoo-TYPE.gguf", zoo.display());

    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    for gguf in &files {
        let name = gguf.file_name().unwrap_or_default().to_string_lossy();
        let mut expected = gguf.with_extension("expected.safetensors");
        let mut round: fn(f32) -> f32 = |v| v;
        if name == "zoo-F16.gguf" && !expected.exists() {
            expected = zoo.join("zoo-F32.expected.safetensors");
            round = |v| half::f16::from_f32(v).to_f32();
        }
        if !expected.exists() {
            let opened = Checkpoint::open(gguf);
            println!("{name}: opens, but nothing to compare with: {} is not there", expected.display());
            failures.extend(opened.err().map(|e| e.to_string()));
            continue;
        }
        match compare(gguf, &expected, round, &mut seen) {
            Ok(line) => println!("{name}: {line}"),
            Err(problem) => {
                println!("{name}: FAILED: {problem}");
                failures.push(format!("{name}: {problem}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    seen
}

#[test]
#[ignore = "needs ../shared/fixtures/gguf (WHIT_GGUF_ZOO)"]
fn every_tensor_type_decodes_like_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let zoo = std::env::var_os("WHIT_GGUF_ZOO").map_or_else(|| root.join("../shared/fixtures/gguf"), PathBuf::from);
    let seen = check_folder(&zoo);
    let unseen: Vec<_> = Format::all().filter(|format| !seen.contains(format)).map(Format::name).collect();
    if !unseen.is_empty() {
        println!("types without expected values in {}: {}", zoo.display(), unseen.join(", "));
    }
}

#[test]
fn random_blocks_of_every_type_decode_like_the_reference() {
    let seen = check_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(Format::all().all(|format| seen.contains(&format)), "only {seen:?} have random blocks");
}
