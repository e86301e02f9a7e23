//! Numbers that are known: a few specifications spelled out.

use whit_model::DecoderSpec;
use whit_model::spec::{Attention, Mixer, Pairing, RotaryScaling, Rows};

use crate::case;

fn both(name: &str) -> [DecoderSpec; 2] {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = case::open_both(folder.path(), &case::named(name));
    checkpoints.map(|checkpoint| DecoderSpec::from_checkpoint(&checkpoint).unwrap())
}

fn attention(spec: &DecoderSpec, layer: usize) -> &Attention {
    match &spec.layers[layer].mixer {
        Mixer::Attention(attention) => attention,
        Mixer::ShortConv(_) => panic!("layer {layer} is a convolution"),
    }
}

fn windows(spec: &DecoderSpec) -> Vec<Option<usize>> {
    (0..spec.layers.len()).map(|layer| attention(spec, layer).window).collect()
}

#[test]
fn a_llama_gguf_rotates_neighbours_and_others_halves() {
    for (name, pairing) in [
        ("llama2", Pairing::Adjacent),
        ("mistral", Pairing::Adjacent),
        ("granite", Pairing::Adjacent),
        ("smollm3", Pairing::Adjacent),
        ("qwen2", Pairing::Half),
        ("gemma3", Pairing::Half),
        ("gpt_neox", Pairing::Half),
        ("phi2", Pairing::Half),
        ("lfm2", Pairing::Half),
    ] {
        let [hugging_face, gguf] = both(name);
        assert_eq!((hugging_face.rotaries[0].pairing, gguf.rotaries[0].pairing), (Pairing::Half, pairing), "{name}");
    }
}

#[test]
fn windows_slide_where_the_model_says() {
    for spec in both("gemma2") {
        assert_eq!(windows(&spec), [Some(16), None, Some(16), None]);
    }
    for spec in both("gemma3") {
        assert_eq!(windows(&spec), [Some(16), Some(16), Some(16), Some(16), Some(16), None]);
    }
    for spec in both("qwen2_window") {
        assert_eq!(windows(&spec), [None, Some(8), Some(8)]);
    }
    for spec in both("mistral") {
        assert_eq!(windows(&spec), [Some(16); 3]);
    }
    for (name, window) in [("mistral_silent", Some(4096)), ("mistral_null_window", None), ("qwen2_unused_window", None)]
    {
        for spec in both(name) {
            assert_eq!(windows(&spec), [window; 3], "{name}");
        }
    }
}

#[test]
fn gemma_scales_caps_and_shifts() {
    let [hugging_face, gguf] = both("gemma2");
    for spec in [&hugging_face, &gguf] {
        assert_eq!(spec.embedding.scale, 8.0);
        assert_eq!(spec.head.softcap, Some(30.0));
        assert_eq!(attention(spec, 0).softcap, Some(50.0));
        assert_eq!(attention(spec, 0).scale, (1.0 / 32f64.sqrt()) as f32);
    }
    assert_eq!((hugging_face.final_norm.weight_offset, gguf.final_norm.weight_offset), (1.0, 0.0));
    let [nulls, _] = both("gemma2_nulls");
    assert_eq!((nulls.head.softcap, attention(&nulls, 0).softcap), (None, None));
}

#[test]
fn granite_multiplies() {
    for spec in both("granite") {
        assert_eq!((spec.embedding.scale, spec.head.scale), (12.0, 0.125));
        assert_eq!((spec.layers[0].residual_scale, attention(&spec, 0).scale), (0.22, 0.0625));
        assert_eq!(spec.head.linear.weight, spec.embedding.weight, "the head is tied");
    }
}

#[test]
fn gpt_neox_takes_each_heads_q_k_and_v_apart() {
    let [hugging_face, gguf] = both("gpt_neox");
    let strided = |start| Rows::Strided { stride: 48, start, len: 16, groups: 4 };
    let rows = |spec: &DecoderSpec| {
        let attention = attention(spec, 1);
        [&attention.q, &attention.k, &attention.v].map(|linear| linear.weight.rows.clone())
    };
    assert_eq!(rows(&hugging_face), [strided(0), strided(16), strided(32)]);
    assert_eq!(rows(&gguf), [Rows::Range(0..64), Rows::Range(64..128), Rows::Range(128..192)]);
    assert_eq!((hugging_face.rotaries[0].dim, attention(&hugging_face, 0).kv_heads), (4, 4));
    assert!(hugging_face.layers[0].parallel && !both("gpt_neox_sequential")[0].layers[0].parallel);
}

#[test]
fn smollm3_leaves_some_layers_unrotated() {
    for spec in both("smollm3") {
        let rotates: Vec<bool> = (0..4).map(|layer| attention(&spec, layer).rotary.is_some()).collect();
        assert_eq!(rotates, [true, false, true, false]);
    }
}

#[test]
fn lfm2_rounds_its_feed_forward() {
    for (name, kernel, kinds) in [("lfm2", 3, "cfcf"), ("lfm2_old", 4, "cfcc"), ("lfm2_plain", 3, "cfc")] {
        for spec in both(name) {
            let found: String =
                spec.layers.iter().map(|l| if matches!(l.mixer, Mixer::ShortConv(_)) { 'c' } else { 'f' }).collect();
            assert_eq!(found, kinds, "{name}");
            let Mixer::ShortConv(conv) = &spec.layers[0].mixer else { panic!("{name}") };
            assert_eq!(conv.kernel, kernel, "{name}");
        }
    }
}

#[test]
fn older_keys_and_newer_say_the_same() {
    let [older, _] = both("llama_old_llama3");
    let scaling =
        RotaryScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 64 };
    assert_eq!((older.rotaries[0].theta, &older.rotaries[0].scaling), (500_000.0, &scaling));
    let [newer, _] = both("llama3");
    assert_eq!((newer.rotaries[0].theta, &newer.rotaries[0].scaling), (500_000.0, &scaling));

    let [gemma3, gguf] = both("gemma3_old");
    for spec in [&gemma3, &gguf] {
        let rotary = |layer| &spec.rotaries[attention(spec, layer).rotary.unwrap()];
        assert_eq!((rotary(0).theta, &rotary(0).scaling), (5000.0, &RotaryScaling::None), "a layer with a window");
        assert_eq!((rotary(2).theta, &rotary(2).scaling), (1e6, &RotaryScaling::Linear { factor: 8.0 }));
    }
}

#[test]
fn yarn_works_out_what_it_multiplies_by() {
    let factor = |name: &str| match both(name)[0].rotaries[0].scaling {
        RotaryScaling::Yarn { attention_factor, .. } => attention_factor,
        ref other => panic!("{name}: {other:?}"),
    };
    assert_eq!(factor("llama_yarn"), (0.1 * 4f64.ln() + 1.0) as f32);
    assert_eq!(factor("llama_yarn_stated"), 0.9);
    assert_eq!(factor("llama_yarn_mscale"), ((0.07 * 8f64.ln() + 1.0) / (0.13 * 8f64.ln() + 1.0)) as f32);
}

#[test]
fn longrope_works_out_what_it_multiplies_by() {
    for (name, original, context) in
        [("phi3_su_short", 256, 2048), ("phi4mini_longrope", 256, 4096), ("phi3_longrope_long", 8, 512)]
    {
        let expected = (1.0 + f64::from(context / original).ln() / f64::from(original).ln()).sqrt() as f32;
        for spec in both(name) {
            let RotaryScaling::LongRope { attention_factor, original_context, .. } = spec.rotaries[0].scaling else {
                panic!("{name}: {:?}", spec.rotaries[0]);
            };
            assert_eq!((attention_factor, original_context), (expected, original as usize), "{name}");
        }
    }
}
