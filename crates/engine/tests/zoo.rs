//! A model in each tensor type: what the integer kernels lose against float arithmetic on the very same weights, beside
//! what the type itself loses against the original.

mod common;
#[allow(dead_code)]
#[path = "../../model/tests/common/mod.rs"]
mod gguf_writer;

use std::path::Path;

use common::{exact, folder, load, logits};
use gguf_writer::{F32, Gguf, f32_bytes, string_value, u32_value};
use whit_model::gguf::Value;
use whit_model::{Checkpoint, Config};

/// The same model with every tensor as the single-precision numbers it stands for.
fn write_as_floats(from: &Path, to: &Path) {
    let checkpoint = Checkpoint::open(from).unwrap();
    let Config::Gguf(metadata) = &checkpoint.config else { panic!("a GGUF file") };
    let mut gguf = Gguf::new();
    for (key, value) in metadata {
        let bytes = match value {
            Value::U32(v) => u32_value(*v),
            Value::F32(v) => [6u32.to_le_bytes(), v.to_le_bytes()].concat(),
            Value::String(v) => string_value(v),
            _ => continue,
        };
        gguf = gguf.key(key, bytes);
    }
    for tensor in checkpoint.tensors() {
        let mut values = vec![0f32; tensor.shape.iter().product()];
        tensor.format.decode(tensor.bytes, &mut values);
        let dimensions: Vec<u64> = tensor.shape.iter().rev().map(|&d| d as u64).collect();
        gguf = gguf.tensor(tensor.name, &dimensions, F32, &f32_bytes(&values));
    }
    std::fs::write(to, gguf.bytes()).unwrap();
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let total: f64 = row.iter().map(|&l| f64::from(l - largest).exp()).sum();
    row.iter().map(|&l| f64::from(l - largest) - total.ln()).collect()
}

/// Mean Kullback-Leibler divergence of the next-token distributions `b` from `a`, in nats.
fn divergence(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let one = |a: &Vec<f32>, b: &Vec<f32>| {
        let (a, b) = (log_softmax(a), log_softmax(b));
        a.iter().zip(&b).map(|(a, b)| a.exp() * (a - b)).sum::<f64>()
    };
    a.iter().zip(b).map(|(a, b)| one(a, b)).sum::<f64>() / a.len() as f64
}

fn perplexity(rows: &[Vec<f32>], tokens: &[u32]) -> f64 {
    let sum: f64 = rows.iter().zip(&tokens[1..]).map(|(row, &next)| -log_softmax(row)[next as usize]).sum();
    (sum / (tokens.len() - 1) as f64).exp()
}

#[test]
#[ignore = "needs models that are not in the repository: WHIT_GGUF_ZOO, default ../shared/fixtures/gguf"]
fn integer_kernels_stay_well_within_what_each_type_loses() {
    let zoo = folder("WHIT_GGUF_ZOO", "../shared/fixtures/gguf");
    // Real text, byte by byte: random tokens have hidden a broken prefill before.
    let text = std::fs::read(folder("WHIT_TEXT", "../shared/data/text/war-and-peace.txt")).expect("set WHIT_TEXT");
    let tokens: Vec<u32> = text[5000..5200].iter().map(|&byte| byte.into()).collect();
    let mut files: Vec<_> = std::fs::read_dir(&zoo)
        .unwrap_or_else(|e| panic!("{}: {e}: set WHIT_GGUF_ZOO", zoo.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "gguf"))
        .collect();
    files.sort();
    let scratch = tempfile::tempdir().unwrap();
    let run = |path: &Path| logits(&mut load(path, exact(tokens.len())).unwrap(), &tokens, tokens.len());
    let original = run(&zoo.join("zoo-F16.gguf"));
    println!("original: perplexity {:.3}", perplexity(&original, &tokens));
    println!("{:<16} {:>12} {:>12} {:>14} {:>14}", "type", "perplexity", "in float", "lost by type", "lost by kernel");
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().replace("zoo-", "");
        let floats = scratch.path().join("floats.gguf");
        write_as_floats(&file, &floats);
        let exactly = run(&floats);
        let fast = run(&file);
        let by_type = divergence(&original, &exactly);
        let by_kernel = divergence(&exactly, &fast);
        let (exact_perplexity, fast_perplexity) = (perplexity(&exactly, &tokens), perplexity(&fast, &tokens));
        println!("{name:<16} {fast_perplexity:>12.3} {exact_perplexity:>12.3} {by_type:>14.3e} {by_kernel:>14.3e}");
        // Activations of eight bits cost about what weights of eight bits do.
        let close = (fast_perplexity / exact_perplexity - 1.0).abs() < 0.005;
        if !close || by_kernel > 0.1 * by_type + 2e-4 {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
