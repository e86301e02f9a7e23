//! Every architecture answers like Hugging Face transformers does.

mod common;

use std::path::{Path, PathBuf};

use common::{Case, Expected, exact, folder, generate, largest_difference, load, logits};
use whit_engine::Request;

const TOLERANCE: f32 = 1e-3;

/// The largest difference of any logit, or what went wrong.
fn compare(folder: &Path) -> Result<f32, String> {
    let expected = Expected::read(&folder.join("expected.safetensors"));
    if expected.cases.is_empty() {
        return Err("no prompts".into());
    }
    let mut largest = 0f32;
    for (index, case) in expected.cases.iter().enumerate() {
        let difference = compare_case(folder, case).map_err(|error| format!("prompt {index}: {error}"))?;
        largest = largest.max(difference);
    }
    Ok(largest)
}

fn compare_case(folder: &Path, case: &Case) -> Result<f32, String> {
    let length = case.prompt.len();
    // Where frequencies depend on the length, the reference saw the prompt, and then the longer text, as a whole.
    let mut engine = load(folder, exact(length))?;
    let mut largest = 0f32;
    let whole = logits(&mut engine, &case.prompt, length);
    for chunk in [length, 5, 1] {
        let rows = logits(&mut engine, &case.prompt, chunk);
        let difference = largest_difference(&rows, &case.logits);
        if difference > TOLERANCE {
            return Err(format!("logits differ by {difference:e} in chunks of {chunk}"));
        }
        if rows != whole {
            return Err(format!("chunks of {chunk} do not give the bits of the whole"));
        }
        largest = largest.max(difference);
    }

    let mut engine = load(folder, exact(length + case.greedy.len()))?;
    let request = Request { max_tokens: Some(case.greedy.len()), ..Request::new(case.prompt.clone()) };
    let ids = generate(&mut engine, request);
    // Past a near tie the texts may rightly part.
    let certain = case.margins.iter().position(|&margin| margin < TOLERANCE).unwrap_or(case.greedy.len());
    if ids[..certain] != case.greedy[..certain] {
        return Err(format!("greedy continuation {ids:?}, expected {:?} (certain for {certain})", case.greedy));
    }
    Ok(largest)
}

fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}: set WHIT_FIXTURES", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.safetensors").is_file())
        .collect();
    all.sort();
    assert!(!all.is_empty(), "no fixtures in {}", folder.display());
    all
}

/// Compares every fixture of a folder, a line each.
fn check(folder: &Path) {
    let mut failures = Vec::new();
    for fixture in fixtures(folder) {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        match compare(&fixture) {
            Ok(largest) => println!("{name:<12} largest logit difference {largest:.2e}"),
            Err(error) => {
                println!("{name:<12} {error}");
                failures.push(name);
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn the_repositorys_own_models_answer_like_the_reference() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"));
}

#[test]
#[ignore = "needs reference outputs that are not in the repository: WHIT_FIXTURES, default ../shared/fixtures"]
fn every_fixture_answers_like_the_reference() {
    check(&folder("WHIT_FIXTURES", "../shared/fixtures"));
}
