//! Weights stored as floats may be kept in fewer bits; everything else of a model stays as it is.

mod common;

use std::path::{Path, PathBuf};

use common::{exact, load, logits};
use whit_engine::{Compared, Engine, Options, WeightFormat};
use whit_model::{Checkpoint, DecoderSpec};

const ALL: [WeightFormat; 5] =
    [WeightFormat::AsIs, WeightFormat::Bf16, WeightFormat::Q8, WeightFormat::Q6, WeightFormat::Q4];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn options(weights: WeightFormat) -> Options {
    Options { weights, memory: Some(1 << 30), ..exact(64) }
}

const TOKENS: [u32; 24] =
    [0, 41, 52, 63, 80, 200, 44, 9, 301, 17, 5, 90, 91, 92, 400, 33, 7, 8, 250, 251, 99, 100, 3, 60];

/// Mean divergence from the weights as they are.
fn divergence(model: &Path, weights: WeightFormat) -> f64 {
    let mut reference = load(model, options(WeightFormat::AsIs)).unwrap();
    let mut compared: Vec<Compared> = vec![];
    let mut engine = load(model, options(weights)).unwrap();
    engine.compare(&mut reference, &TOKENS, 0, &mut |token| compared.push(token)).unwrap();
    assert_eq!(compared.len(), TOKENS.len() - 1);
    compared.iter().map(|token| token.kl_divergence).sum::<f64>() / compared.len() as f64
}

#[test]
fn fewer_bits_take_less_memory_and_cost_more() {
    for model in ["pocket", "pocket-f16.gguf"].map(fixture) {
        let planned = ALL.map(|weights| {
            let engine = load(&model, options(weights)).unwrap();
            let checkpoint = Checkpoint::open(&model).unwrap();
            let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
            let plan = Engine::plan(&checkpoint, &spec, &options(weights)).unwrap();
            assert_eq!(plan, *engine.memory_plan());
            // Each token reads every weight once: a plan that counted the stored format would not be that.
            assert!(engine.step_bytes(1).weights.abs_diff(plan.weights) < 4096, "{weights:?}");
            plan.weights
        });
        assert!(planned[1] <= planned[0] && planned[1] > planned[2], "{planned:?}");
        // Rows of 64 and 96 weights: six bits fall back to eight.
        assert!(planned[2] == planned[3] && planned[3] > planned[4], "{planned:?}");
        let cost = ALL.map(|weights| divergence(&model, weights));
        assert_eq!(cost[0], 0.0);
        assert!(cost[1] < 0.01 && cost[2] < 0.02 && cost[4] < 1.0 && cost[2] < cost[4], "{cost:?}");
    }
}

#[test]
fn threads_and_chunks_do_not_change_a_bit() {
    let model = fixture("pocket-f16.gguf");
    for weights in ALL {
        let run = |threads, chunk| {
            logits(&mut load(&model, Options { threads: Some(threads), ..options(weights) }).unwrap(), &TOKENS, chunk)
        };
        let expected = run(1, 1);
        for (threads, chunk) in [(2, 5), (3, 24), (4, 1)] {
            assert!(run(threads, chunk) == expected, "{weights:?} on {threads} threads, chunks of {chunk}");
        }
    }
}

#[test]
fn a_model_that_is_quantised_already_is_refused_in_a_sentence() {
    for weights in ALL {
        let refused = load(&fixture("pocket-q8_0.gguf"), options(weights)).err();
        assert_eq!(refused.is_none(), weights == WeightFormat::AsIs);
        assert!(
            refused.is_none_or(|error| error.contains("quantised already (Q8_0)") && error.contains("leave it out"))
        );
    }
}

#[test]
fn models_beside_each_other_are_scored_as_each_alone() {
    let mut float = load(&fixture("pocket-f16.gguf"), options(WeightFormat::AsIs)).unwrap();
    let mut small = load(&fixture("pocket-f16.gguf"), options(WeightFormat::Q4)).unwrap();
    let alone = [&mut float, &mut small].map(|engine| engine.log_likelihoods(&TOKENS).unwrap());
    for from in [0, 1, 12, 22, 23] {
        let mut each = vec![];
        small.compare(&mut float, &TOKENS, from, &mut |token| each.push(token)).unwrap();
        assert_eq!(each.len(), 23 - from);
        for (token, at) in each.iter().zip(from..) {
            assert_eq!(token.reference_log_likelihood as f32, alone[0][at]);
            assert_eq!(token.log_likelihood as f32, alone[1][at]);
            assert!(token.kl_divergence > 0.0);
        }
    }
}
