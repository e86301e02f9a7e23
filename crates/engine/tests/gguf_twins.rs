//! A fixture converted to GGUF answers as it does from its safetensors, and as llama.cpp answers from the same file.
//!
//! Needs Python (`WHIT_PYTHON`, default `python3`) with `gguf numpy safetensors llama-cpp-python`.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Expected, exact, folder, largest_difference, load, logits};
use whit_model::safetensors;

/// Hugging Face's logits, in single precision.
const TOLERANCE: f32 = 1e-3;
/// llama.cpp looks some functions up in half-precision tables.
const LLAMA_CPP_TOLERANCE: f32 = 4e-3;

/// Runs a script of the tests; what it says on standard error.
fn python(script: &str, arguments: &[&Path]) -> Result<String, String> {
    let interpreter = std::env::var("WHIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let output = Command::new(&interpreter)
        .arg(&script)
        .args(arguments)
        .output()
        .map_err(|e| format!("{interpreter}: {e}: set WHIT_PYTHON"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Rows of `logits_I` in a safetensors file.
fn read_logits(path: &Path, index: usize) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let tensors = safetensors::parse(path, &bytes).unwrap();
    let tensor = tensors.iter().find(|t| t.name == format!("logits_{index}")).unwrap();
    let values: Vec<f32> = bytes[tensor.bytes.clone()].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    values.chunks(tensor.shape[1]).map(<[f32]>::to_vec).collect()
}

struct Differences {
    reference: f32,
    /// Nothing, if llama.cpp does not load the file.
    llama_cpp: Option<f32>,
    /// Why llama.cpp is known to answer differently, or not at all.
    warning: String,
}

fn compare(fixture: &Path, scratch: &Path) -> Result<Differences, String> {
    let expected = Expected::read(&fixture.join("expected.safetensors"));
    let gguf = scratch.join("model.gguf");
    let warning = python("convert_to_gguf.py", &[fixture, &gguf])?;
    let ids: Vec<&Vec<u32>> = expected.cases.iter().map(|case| &case.prompt).collect();
    let (ids_file, llama_file) = (scratch.join("ids.json"), scratch.join("llama.safetensors"));
    std::fs::write(&ids_file, serde_json::to_string(&ids).unwrap()).unwrap();
    let llama_cpp = python("llama_cpp_logits.py", &[&gguf, &ids_file, &llama_file]);
    if let (Err(error), "") = (&llama_cpp, warning.trim()) {
        return Err(format!("llama.cpp: {error}"));
    }

    let mut differences = Differences { reference: 0.0, llama_cpp: llama_cpp.is_ok().then_some(0.0), warning };
    for (index, case) in expected.cases.iter().enumerate() {
        let length = case.prompt.len();
        let rows = logits(&mut load(&gguf, exact(length))?, &case.prompt, length);
        differences.reference = differences.reference.max(largest_difference(&rows, &case.logits));
        if let Some(largest) = &mut differences.llama_cpp {
            *largest = largest.max(largest_difference(&rows, &read_logits(&llama_file, index)));
        }
    }
    Ok(differences)
}

#[test]
#[ignore = "needs reference outputs that are not in the repository (WHIT_FIXTURES, default ../shared/fixtures) and Python with llama-cpp-python"]
fn fixtures_answer_the_same_from_gguf_and_in_llama_cpp() {
    let root = folder("WHIT_FIXTURES", "../shared/fixtures");
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|e| panic!("{}: {e}: set WHIT_FIXTURES", root.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.safetensors").is_file())
        .collect();
    fixtures.sort();
    let scratch = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    println!("{:<12} {:>16} {:>16}", "largest logit", "to transformers", "to llama.cpp");
    for fixture in fixtures {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        match compare(&fixture, scratch.path()) {
            Err(error) => {
                println!("{name:<12} {error}");
                failures.push(name);
            }
            Ok(d) => {
                let llama_cpp = d.llama_cpp.map_or("not loaded".to_owned(), |largest| format!("{largest:.2e}"));
                println!("{name:<12} {:>16.2e} {llama_cpp:>16} {}", d.reference, d.warning.trim());
                let close = d.llama_cpp.is_some_and(|largest| largest <= LLAMA_CPP_TOLERANCE);
                if d.reference > TOLERANCE || (!close && d.warning.trim().is_empty()) {
                    failures.push(name);
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
