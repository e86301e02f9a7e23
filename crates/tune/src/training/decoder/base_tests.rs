use std::path::{Path, PathBuf};

use whit_engine::{Engine, KvFormat, Options};
use whit_model::Adapter;

use super::*;
use crate::training::decoder::Batch;
use crate::training::decoder::plain;
use crate::training::peft;
use crate::training::tensor::change;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn shared(name: &str) -> PathBuf {
    let root = std::env::var("WHIT_FIXTURES").map(PathBuf::from);
    root.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")).join(name)
}

fn lora() -> Lora {
    Lora { rank: 4, alpha: 8.0, targets: TARGETS.iter().map(|(name, _)| *name).collect() }
}

/// Tokens that a base is compared over.
const TOKENS: usize = 40;

fn open(path: &Path, context: usize) -> Decoder {
    let checkpoint = Checkpoint::open(path).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    decoder(&checkpoint, &spec, &lora(), context, 1).unwrap()
}

/// Adapters that change something.
fn stir(decoder: &Decoder) {
    for (at, part) in decoder.parts.iter().enumerate() {
        let key = random::mix(7, at as u64);
        change(&part.theta, |theta| {
            theta.iter_mut().enumerate().for_each(|(at, value)| *value = 0.2 * random::normal(key, at as u64));
        })
        .unwrap();
    }
}

/// Holds the losses of `decoder` over so many tokens to what the engine gives the model at `path` with its adapters, which it keeps in half
/// precision.
fn compare(decoder: &Decoder, path: &Path, tokens: usize) {
    let folder = tempfile::tempdir().unwrap();
    peft::write(decoder, &lora(), "base", folder.path()).unwrap();
    let adapter = Adapter::open(folder.path()).unwrap();
    let checkpoint = Checkpoint::open(path).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let options = Options { context: Some(64), kv_format: KvFormat::F32, threads: Some(1), ..Options::default() };
    let mut engine = Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).unwrap();
    let ids: Vec<u32> =
        (0..tokens as u32).map(|i| 4 + (i * i * 7 + i) % (spec.vocab_size as u32 - 4).min(400)).collect();
    let adapter = engine.add_adapter("adapter", &adapter).unwrap();
    let mut expected = vec![];
    let mut each = |at: usize, logits: &[f32]| {
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        expected.extend(ids.get(at + 1).map(|&id| sum.ln() - f64::from(logits[id as usize])));
    };
    engine.adapted_logits(Some(adapter), &ids, 64, &mut each).unwrap();
    let mut batch = Batch::default();
    batch.push(&ids, 1);
    let losses = decoder.losses(batch).unwrap();
    assert_eq!(losses.len(), expected.len());
    for (at, (&own, expected)) in losses.iter().zip(&expected).enumerate() {
        let difference = (f64::from(own) - expected).abs();
        assert!(difference < 4e-3 * expected.max(1.0), "{}, token {at}: {own}, {expected}", path.display());
    }
}

#[test]
fn an_untrained_adapter_leaves_the_base_as_the_engine_runs_it() {
    for name in ["pocket", "pocket-f16.gguf"] {
        compare(&open(&fixture(name), 64), &fixture(name), TOKENS);
    }
}

#[test]
fn a_trained_adapter_is_what_the_engine_makes_of_it() {
    for name in ["pocket", "pocket-f16.gguf"] {
        let decoder = open(&fixture(name), 64);
        stir(&decoder);
        compare(&decoder, &fixture(name), TOKENS);
    }
}

#[test]
fn the_gradients_of_adapters_are_those_of_plain_operations() {
    let decoder = open(&fixture("pocket"), 64);
    stir(&decoder);
    plain::check(&decoder);
}

#[test]
fn an_adapter_is_read_where_it_was_written_for() {
    let decoder = open(&fixture("pocket"), 64);
    let (tensors, contents) = peft::tensors(&decoder).unwrap();
    assert_eq!(tensors.len(), 2 * 7 * 2);
    assert_eq!(tensors[0].name, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
    assert_eq!((tensors[0].shape.as_slice(), tensors[1].shape.as_slice()), (&[4, 64][..], &[64, 4][..]));
    assert!(contents[1].iter().all(|&value| value == 0.0), "an untrained adapter changes nothing");
}

#[test]
#[ignore = "needs ../shared/fixtures"]
fn bases_of_the_families_are_as_the_engine_runs_them() {
    for name in ["llama2", "llama3", "smollm2", "qwen2", "qwen3"] {
        let decoder = open(&shared(name), 64);
        compare(&decoder, &shared(name), TOKENS);
        stir(&decoder);
        plain::check_with(&decoder, true);
        compare(&decoder, &shared(name), TOKENS);
    }
    // This one sees the last 16 tokens only: over no more than these it is as the others.
    let decoder = open(&shared("mistral"), 16);
    stir(&decoder);
    compare(&decoder, &shared("mistral"), 16);
}

#[test]
#[ignore = "needs ../shared/fixtures"]
fn bases_of_other_kinds_are_refused_in_a_sentence() {
    for name in ["mistral", "gemma2", "gpt_neox", "phi2", "phi3", "olmo2", "granite", "lfm2", "qwen3_moe"] {
        let checkpoint = Checkpoint::open(&shared(name)).unwrap();
        let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
        let Err(error) = decoder(&checkpoint, &spec, &lora(), 64, 1) else { panic!("{name} was taken") };
        assert!(error.to_string().contains("cannot be adapted"), "{name}: {error}");
    }
}
