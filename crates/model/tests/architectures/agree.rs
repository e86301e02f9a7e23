//! A model says the same through Hugging Face's names and through llama.cpp's, and nothing of it is left out.

use std::collections::BTreeSet;

use whit_model::spec::{FeedForward, GatedFeedForward, Layer, Linear, Mixer, Norm, Rows, TensorRef};
use whit_model::{Checkpoint, DecoderSpec};

use crate::case::{self, Case};
use crate::walk;

/// What a specification says beside names: the same from either source.
fn nameless(spec: &DecoderSpec) -> DecoderSpec {
    let mut spec = spec.clone();
    let linear = |linear: &mut Linear| {
        for tensor in [Some(&mut linear.weight), linear.bias.as_mut()].into_iter().flatten() {
            *tensor = TensorRef { name: String::new(), rows: Rows::All };
        }
        // The module's name and rows are Hugging Face's from either source; only a GGUF's can be in another order.
        linear.module.iter_mut().for_each(|module| module.neighbours = None);
    };
    let norm = |norm: &mut Norm| {
        norm.weight.name.clear();
        norm.bias.iter_mut().for_each(|bias| bias.name.clear());
        // A GGUF's weights have it added.
        norm.weight_offset = 0.0;
    };
    let gated = |one: &mut GatedFeedForward| [&mut one.gate, &mut one.up, &mut one.down].into_iter().for_each(linear);
    let layer = |layer: &mut Layer| {
        let norms = [
            &mut layer.pre_mixer_norm,
            &mut layer.post_mixer_norm,
            &mut layer.pre_feed_forward_norm,
            &mut layer.post_feed_forward_norm,
        ];
        norms.into_iter().flatten().for_each(norm);
        match &mut layer.mixer {
            Mixer::Attention(a) => {
                [&mut a.q, &mut a.k, &mut a.v, &mut a.o].into_iter().for_each(linear);
                [&mut a.q_norm, &mut a.k_norm].into_iter().flatten().for_each(norm);
                a.rotary = a.rotary.map(|_| 0);
            }
            Mixer::ShortConv(conv) => {
                [&mut conv.in_proj, &mut conv.out_proj].into_iter().for_each(linear);
                conv.conv.name.clear();
                conv.conv_bias.iter_mut().for_each(|bias| bias.name.clear());
            }
        }
        match &mut layer.feed_forward {
            FeedForward::Gated(one) => gated(one),
            FeedForward::Plain { up, down, .. } => [up, down].into_iter().for_each(linear),
            FeedForward::Experts { router, experts, .. } => {
                linear(router);
                experts.iter_mut().for_each(gated);
            }
        }
    };
    spec.layers.iter_mut().for_each(layer);
    linear(&mut spec.head.linear);
    norm(&mut spec.final_norm);
    spec.embedding.weight.name.clear();
    spec.architecture.clear();
    spec.rotaries.clear();
    spec
}

/// Each layer's frequencies for `context` positions, the factor of what they rotate last.
fn frequencies(spec: &DecoderSpec, context: usize) -> Vec<Vec<f32>> {
    let rotary = spec.layers.iter().filter_map(|layer| match &layer.mixer {
        Mixer::Attention(attention) => attention.rotary,
        Mixer::ShortConv(_) => None,
    });
    let frequencies = rotary.map(|rotary| {
        let found = spec.rotaries[rotary].frequencies(context);
        found.inv_freq.into_iter().chain([found.attention_factor]).collect()
    });
    frequencies.collect()
}

fn specs(case: &Case) -> [(Checkpoint, DecoderSpec); 2] {
    let folder = tempfile::tempdir().unwrap();
    case::open_both(folder.path(), case).map(|checkpoint| {
        let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        (checkpoint, spec)
    })
}

/// A biasless GPT-NeoX has biases of zero in its GGUF, for llama.cpp asks for them.
const BIASES_ADDED: &str = "gpt_neox_no_bias";

/// A base that grows with the context reaches further than the model's own, which GGUF cannot say.
const BASE_GROWS: &str = "llama_dynamic";

#[test]
fn a_model_is_the_same_through_either_names() {
    for case in case::all() {
        let [(_, mut hugging_face), (_, gguf)] = specs(&case);
        if case.name == BASE_GROWS {
            assert!(hugging_face.context_length > gguf.context_length);
            hugging_face.context_length = gguf.context_length;
        }
        if case.name != BIASES_ADDED {
            assert_eq!(nameless(&hugging_face), nameless(&gguf), "{}", case.name);
        }
        for context in [1, 17, hugging_face.context_length] {
            let (one, other) = (frequencies(&hugging_face, context), frequencies(&gguf, context));
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * a;
            let same = one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.iter().zip(b).all(close));
            assert!(same, "{}: frequencies at {context}: {one:?} and {other:?}", case.name);
        }
    }
}

#[test]
fn every_tensor_is_used() {
    for case in case::all() {
        for (checkpoint, spec) in specs(&case) {
            let all: BTreeSet<String> = checkpoint.tensors().map(|tensor| tensor.name.to_owned()).collect();
            let used = walk::tensors(&spec);
            let elsewhere = |name: &&String| {
                // Read when the specification is built; pictures are not read at all.
                name.starts_with("rope_") || name.contains("vision_tower") || name.contains("multi_modal_projector")
            };
            let left: Vec<_> = all.difference(&used).filter(|name| !elsewhere(name)).collect();
            assert!(left.is_empty(), "{}: {left:?} of {} not used", case.name, checkpoint.path.display());
            assert!(used.is_subset(&all), "{}", case.name);
        }
    }
}

#[test]
fn a_gguf_of_fused_projections_is_the_same_model() {
    let case = case::named("qwen2");
    let [_, (_, separate)] = specs(&case);
    let mut fused = case.clone();
    let hidden = separate.hidden_size as u64;
    for layer in 0..separate.layers.len() {
        let mut rows = 0;
        for part in ["attn_q", "attn_k", "attn_v"] {
            rows += fused.gguf.tensors.remove(&format!("blk.{layer}.{part}.weight")).unwrap()[0];
            fused.gguf.tensors.remove(&format!("blk.{layer}.{part}.bias")).unwrap();
        }
        fused.gguf.tensors.insert(format!("blk.{layer}.attn_qkv.weight"), vec![rows, hidden]);
        fused.gguf.tensors.insert(format!("blk.{layer}.attn_qkv.bias"), vec![rows]);
    }
    let [_, (_, fused)] = specs(&fused);
    assert_eq!(nameless(&separate), nameless(&fused));
    let Mixer::Attention(attention) = &fused.layers[0].mixer else { panic!("attention expected") };
    let rows = [&attention.q, &attention.k, &attention.v].map(|linear| linear.weight.rows.clone());
    assert_eq!(rows, [Rows::Range(0..64), Rows::Range(64..96), Rows::Range(96..128)]);
}

#[test]
fn every_matrix_is_known_by_the_module_that_adapters_name() {
    for case in case::all() {
        let [(checkpoint, hugging_face), _] = specs(&case);
        // Which rows of which module; of Hugging Face's own checkpoint, a module is a tensor.
        let mut modules = BTreeSet::new();
        walk::linears(&hugging_face, &mut |linear| match &linear.module {
            Some(module) => {
                assert_eq!((&module.rows, module.neighbours), (&linear.weight.rows, None), "{}", case.name);
                modules.insert(module.name.clone());
                let is_head = linear.weight == hugging_face.head.linear.weight;
                let tensor = format!("{}.weight", module.name);
                let is_its_tensor = linear.weight.name == tensor || linear.weight.name.ends_with(&format!(".{tensor}"));
                assert!(is_its_tensor || is_head, "{}: {tensor} and {}", case.name, linear.weight.name);
            }
            None => assert!(linear.weight.name.contains(".experts."), "{}: {}", case.name, linear.weight.name),
        });
        let in_layers = |name: &&str| {
            let name = name.strip_suffix(".weight").unwrap_or_default();
            let others = ["norm", ".experts.", "conv.conv", "vision_tower"];
            name.contains("layers.") && !others.iter().any(|other| name.contains(other))
        };
        let tensors = checkpoint.tensors().map(|tensor| tensor.name.to_owned()).collect::<Vec<_>>();
        let all: BTreeSet<&str> = tensors.iter().map(String::as_str).filter(in_layers).collect();
        let left: Vec<_> = all
            .iter()
            .filter(|name| !modules.iter().any(|module| name.ends_with(&format!("{module}.weight"))))
            .collect();
        assert!(left.is_empty(), "{}: {left:?}", case.name);
    }
}

#[test]
fn a_gguf_whose_neighbours_rotate_has_its_rows_of_q_and_k_in_another_order() {
    let [(_, hugging_face), (_, gguf)] = specs(&case::named("llama2"));
    let attention = |spec: &DecoderSpec| match &spec.layers[0].mixer {
        Mixer::Attention(attention) => attention.clone(),
        Mixer::ShortConv(_) => panic!("attention expected"),
    };
    let (one, other) = (attention(&hugging_face), attention(&gguf));
    let rows = |linear: &Linear| -> Vec<usize> {
        (0..linear.out_features).map(|row| linear.module.as_ref().unwrap().source_row(row)).collect()
    };
    let half = one.head_dim / 2;
    assert_eq!(rows(&one.q), (0..one.q.out_features).collect::<Vec<_>>());
    assert_eq!(rows(&other.v), rows(&one.v));
    for linear in [&other.q, &other.k] {
        let rows = rows(linear);
        assert_eq!(rows[..4], [0, half, 1, half + 1]);
        assert_eq!(rows[one.head_dim..][..2], [one.head_dim, one.head_dim + half]);
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..rows.len()).collect::<Vec<_>>());
    }
}

#[test]
fn experts_saved_stacked_are_the_same_experts() {
    let separate = case::named("qwen3_moe");
    let mut stacked = separate.clone();
    stacked.tensors.retain(|name, _| !name.contains(".experts."));
    for layer in 0..3 {
        let stem = format!("model.layers.{layer}.mlp.experts");
        stacked.tensors.insert(format!("{stem}.gate_up_proj"), vec![8, 128, 64]);
        stacked.tensors.insert(format!("{stem}.down_proj"), vec![8, 64, 64]);
    }
    let [(_, one), _] = specs(&separate);
    let [(_, other), _] = specs(&stacked);
    assert_eq!(nameless(&one), nameless(&other));
    let FeedForward::Experts { experts, .. } = &other.layers[0].feed_forward else { panic!("experts expected") };
    assert_eq!(experts[3].up.weight.rows, Rows::Range(3 * 128 + 64..4 * 128));
    assert_eq!(experts[3].down.weight.rows, Rows::Range(3 * 64..4 * 64));
}
