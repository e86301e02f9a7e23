//! A model in each tensor type: what the integer kernels lose against float arithmetic on the very same weights, beside
//! what the type itself loses against the original.

mod common;
#[allow(dead_code)]
#[path = "../../model/tests/common/mod.rs"]
mod gguf_writer;

use std::path::Path;

use common::{exact, folder, load};
use gguf_writer::{F32, Gguf, f32_bytes, string_value, u32_value};
use whit_engine::Compared;
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

/// What `model` loses against `reference` on the same tokens.
struct Loss {
    perplexity: f64,
    reference_perplexity: f64,
    /// Mean Kullback-Leibler divergence of the next-token distributions, in nats.
    divergence: f64,
}

fn loss(model: &Path, reference: &Path, tokens: &[u32]) -> Loss {
    let [mut model, mut reference] = [model, reference].map(|path| load(path, exact(tokens.len())).unwrap());
    let mut all: Vec<Compared> = Vec::new();
    model.compare(&mut reference, tokens, 0, &mut |compared| all.push(compared)).unwrap();
    assert_eq!(all.len(), tokens.len() - 1);
    let mean = |of: fn(&Compared) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Loss {
        perplexity: (-mean(|compared| compared.log_likelihood)).exp(),
        reference_perplexity: (-mean(|compared| compared.reference_log_likelihood)).exp(),
        divergence: mean(|compared| compared.kl_divergence),
    }
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
    let original = zoo.join("zoo-F16.gguf");
    println!("original: perplexity {:.3}", loss(&original, &original, &tokens).perplexity);
    println!("{:<16} {:>12} {:>12} {:>14} {:>14}", "type", "perplexity", "in float", "lost by type", "lost by kernel");
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().replace("zoo-", "");
        let floats = scratch.path().join("floats.gguf");
        write_as_floats(&file, &floats);
        let by_type = loss(&floats, &original, &tokens).divergence;
        let Loss { perplexity: fast, reference_perplexity: exactly, divergence: by_kernel } =
            loss(&file, &floats, &tokens);
        println!("{name:<16} {fast:>12.3} {exactly:>12.3} {by_type:>14.3e} {by_kernel:>14.3e}");
        // Activations of eight bits cost about what weights of eight bits do.
        let close = (fast / exactly - 1.0).abs() < 0.005;
        if !close || by_kernel > 0.1 * by_type + 2e-4 {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
