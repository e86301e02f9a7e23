//! Weights that are damaged are refused before a token is made, with the file, the tensor and the mend.

mod common;

use std::path::{Path, PathBuf};

use common::{exact, load};
use whit_engine::Engine;
use whit_model::spec::FeedForward;
use whit_model::{Checkpoint, DecoderSpec};

/// The repository's model with some bytes of a tensor overwritten.
fn damaged(scratch: &Path, tensor: &str, at: usize, bytes: &[u8]) -> PathBuf {
    let sound = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-f16.gguf");
    let mut file = std::fs::read(&sound).unwrap();
    let (_, range) = Checkpoint::open(&sound).unwrap().location(tensor).unwrap();
    file[range.start + at..][..bytes.len()].copy_from_slice(bytes);
    let path = scratch.join("damaged.gguf");
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (half_nan, half_infinity, single_nan) = (&[0x01, 0x7e][..], &[0x00, 0x7c][..], &[0, 0, 0xc0, 0x7f][..]);
    for (tensor, at, bytes) in [
        ("blk.0.attn_q.weight", 64, half_nan),
        ("blk.1.ffn_down.weight", 2, half_infinity),
        ("token_embd.weight", 100, half_nan),
        ("blk.1.attn_norm.weight", 8, single_nan),
        ("output_norm.weight", 0, single_nan),
    ] {
        let path = damaged(scratch.path(), tensor, at, bytes);
        let error = load(&path, exact(64)).err().unwrap_or_else(|| panic!("{tensor} was accepted"));
        for part in ["damaged.gguf", tensor, "not a finite number", "download or convert the model again"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn a_norm_after_experts_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-f16.gguf");
    let checkpoint = Checkpoint::open(&path).unwrap();
    let mut spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let layer = &mut spec.layers[0];
    let FeedForward::Gated(ff) = layer.feed_forward.clone() else { panic!("a gated feed-forward") };
    // Any matrix of the right width sends tokens to as many experts as it has rows.
    let (router, experts) = (ff.gate.clone(), vec![ff.clone(); ff.gate.out_features]);
    layer.feed_forward = FeedForward::Experts { router, experts, top_k: 2, normalize: true };
    let load = |spec: &DecoderSpec| Engine::load(&checkpoint, spec, None, &exact(64), &mut |_, _| {});
    assert!(load(&spec).is_ok());
    spec.layers[0].post_feed_forward_norm = spec.layers[0].pre_feed_forward_norm.clone();
    let error = load(&spec).err().unwrap().to_string();
    assert!(error.contains("pocket-f16.gguf") && error.contains("a norm after experts"), "{error}");
}
