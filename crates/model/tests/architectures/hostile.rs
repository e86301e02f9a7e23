//! Configurations that lie: always a sentence, never a panic, and nothing allocated that the files do not have.

use std::path::Path;

use serde_json::{Map, Value, json};
use whit_model::gguf;
use whit_model::{Checkpoint, Config, DecoderSpec};

use crate::case::{self, Case};

/// Values that no key is meant to have, or few.
fn odd_values() -> Vec<Value> {
    let numbers = [0i64, 1, 2, 3, 7, -1, 65, 1 << 31, 1 << 53, i64::MAX];
    let others = [
        json!(null),
        json!(u64::MAX),
        json!(0.5),
        json!(-0.0),
        json!(1e308),
        json!(1e-45),
        json!(true),
        json!("full"),
        json!(""),
        json!([]),
        json!([1, 0, 1]),
        json!([-1]),
        json!(["conv"]),
        json!({}),
        json!({"rope_type": "yarn", "factor": 0}),
        json!({"rope_type": "dynamic", "factor": 1e300}),
        json!({"rope_type": "longrope", "short_factor": [0], "long_factor": []}),
        json!({"rope_type": "llama3", "factor": 2, "low_freq_factor": 1, "high_freq_factor": 1}),
        json!({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 1}),
        json!({"type": 7}),
    ];
    numbers.into_iter().map(|number| json!(number)).chain(others).collect()
}

/// What reading gives, and that it is a sentence if it is not a specification.
fn read(checkpoint: &Checkpoint, what: &str) -> Option<DecoderSpec> {
    match DecoderSpec::from_checkpoint(checkpoint) {
        Ok(spec) => {
            for rotary in &spec.rotaries {
                let found = rotary.frequencies(spec.context_length);
                assert!(found.inv_freq.iter().all(|f| !f.is_nan()), "{what}: {found:?}");
            }
            Some(spec)
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() > 40 && sentence.len() < 1000 && !sentence.contains('\n'), "{what}: {sentence}");
            assert!(sentence.starts_with(&checkpoint.path.display().to_string()), "{what}: {sentence}");
            None
        }
    }
}

fn config(checkpoint: &mut Checkpoint) -> &mut Map<String, Value> {
    match &mut checkpoint.config {
        Config::HuggingFace(config) => config,
        Config::Gguf(_) => panic!("a folder was opened"),
    }
}

#[test]
fn odd_values_in_a_config_give_a_sentence() {
    for case in case::all() {
        let folder = tempfile::tempdir().unwrap();
        let [mut checkpoint, _] = case::open_both(folder.path(), &case);
        let original = config(&mut checkpoint).clone();
        for key in original.keys() {
            for value in odd_values() {
                let what = format!("{}: {key} = {value}", case.name);
                config(&mut checkpoint).insert(key.clone(), value);
                read(&checkpoint, &what);
            }
            config(&mut checkpoint).remove(key);
            read(&checkpoint, &format!("{}: without {key}", case.name));
            for inner in original[key].as_object().into_iter().flat_map(Map::keys) {
                for value in odd_values() {
                    let what = format!("{}: {key}.{inner} = {value}", case.name);
                    let mut object = original[key].clone();
                    object[inner] = value;
                    config(&mut checkpoint).insert(key.clone(), object);
                    read(&checkpoint, &what);
                }
            }
            config(&mut checkpoint).insert(key.clone(), original[key].clone());
        }
    }
}

#[test]
fn odd_values_in_a_gguf_header_give_a_sentence() {
    use gguf::{Array, Value};
    let odd = [
        Value::U32(0),
        Value::U32(1),
        Value::U32(3),
        Value::U32(7),
        Value::I32(-1),
        Value::U64(1 << 40),
        Value::U64(u64::MAX),
        Value::I64(i64::MAX),
        Value::F32(f32::NAN),
        Value::F32(f32::INFINITY),
        Value::F32(0.0),
        Value::F32(-1.0),
        Value::F64(1e308),
        Value::Bool(true),
        Value::Bool(false),
        Value::String("yarn".into()),
        Value::String("longrope".into()),
        Value::Array(Array::U32(vec![])),
        Value::Array(Array::I32(vec![-1; 8])),
        Value::Array(Array::U64(vec![u64::MAX; 8])),
        Value::Array(Array::F32(vec![f32::NAN; 8])),
    ];
    // Keys that the case may not have.
    let further = [
        "rope.scaling.type",
        "rope.scaling.factor",
        "rope.scaling.attn_factor",
        "rope.scaling.original_context_length",
    ];
    for case in case::all() {
        let folder = tempfile::tempdir().unwrap();
        let [_, mut checkpoint] = case::open_both(folder.path(), &case);
        let Config::Gguf(original) = &checkpoint.config else { panic!("a file was opened") };
        let original = original.clone();
        let architecture = original["general.architecture"].as_str().unwrap();
        let keys: Vec<String> =
            original.keys().cloned().chain(further.map(|key| format!("{architecture}.{key}"))).collect();
        for key in keys {
            for value in &odd {
                let what = format!("{}: {key} = {value:?}", case.name);
                let mut metadata = original.clone();
                metadata.insert(key.clone(), value.clone());
                checkpoint.config = Config::Gguf(metadata);
                read(&checkpoint, &what);
            }
            let mut metadata = original.clone();
            metadata.remove(&key);
            checkpoint.config = Config::Gguf(metadata);
            read(&checkpoint, &format!("{}: without {key}", case.name));
        }
    }
}

/// A changed copy of `case`, opened as a folder and as a GGUF.
fn error_of(case: &Case, gguf: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let [folder, gguf_file] = case::open_both(folder.path(), case);
    let checkpoint = if gguf { gguf_file } else { folder };
    let sentence = DecoderSpec::from_checkpoint(&checkpoint).err()?.to_string();
    Some(sentence.replace(&*checkpoint.path.parent().unwrap_or(Path::new("")).display().to_string(), ""))
}

#[test]
fn a_missing_tensor_is_named() {
    for case in case::all().into_iter().take(17) {
        for (gguf, names) in [(false, &case.tensors), (true, &case.gguf.tensors)] {
            for name in names.keys() {
                let mut without = case.clone();
                let tensors = if gguf { &mut without.gguf.tensors } else { &mut without.tensors };
                tensors.remove(name);
                without.gguf.factors.remove(name);
                // A GGUF without a head is tied, without rope_freqs not scaled; biases of Qwen2's GGUF are optional.
                let optional =
                    gguf && (name == "output.weight" || name == "rope_freqs.weight" || name.ends_with(".bias"));
                match error_of(&without, gguf) {
                    Some(sentence) => assert!(sentence.contains(name.as_str()), "{}: {name}: {sentence}", case.name),
                    None => assert!(optional || name.ends_with("_proj.bias"), "{}: {name} is not missed", case.name),
                }
            }
        }
    }
}

#[test]
fn a_wrong_shape_is_told_with_the_right_one() {
    for case in case::all().into_iter().take(17) {
        for (gguf, names) in [(false, &case.tensors), (true, &case.gguf.tensors)] {
            // The size of a GGUF's vocabulary is what its embedding has rows.
            for (name, shape) in names.iter().filter(|(name, _)| *name != "token_embd.weight") {
                let mut wrong = case.clone();
                let tensors = if gguf { &mut wrong.gguf.tensors } else { &mut wrong.tensors };
                let mut grown = shape.clone();
                grown[0] += 32;
                tensors.insert(name.clone(), grown.clone());
                let sentence = error_of(&wrong, gguf).unwrap_or_else(|| panic!("{}: {name} is accepted", case.name));
                assert!(sentence.contains(&format!("{grown:?}")), "{}: {name}: {sentence}", case.name);
            }
        }
    }
}

#[test]
fn sentences_say_what_where_and_the_mend() {
    let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut case = case::named("llama2");
        change(&mut case.config);
        error_of(&case, false).unwrap()
    };
    let set = |key: &str, value: Value| changed(&|config| drop(config.insert(key.into(), value.clone())));
    let cases = [
        (
            changed(&|config| drop(config.remove("hidden_size"))),
            "config.json: key hidden_size is missing: the file is not complete",
        ),
        (
            set("num_attention_heads", json!(0)),
            "config.json: key num_attention_heads: it is 0; the file is not complete",
        ),
        (set("num_key_value_heads", json!(3)), "3 key heads cannot be shared evenly by 4 query heads"),
        (set("head_dim", json!(15)), "15 of a head's 15 values would be rotated, and an even number"),
        (
            set("num_hidden_layers", json!(1_000_000)),
            "there are 1000000 layers, and only 30 tensors; the model is not complete",
        ),
        (set("num_hidden_layers", json!(4)), "tensor model.layers.3.self_attn.q_proj.weight is missing"),
        (
            set("hidden_size", json!(9_223_372_036_854_775_807_i64)),
            "it is 9223372036854775807, more than any model has",
        ),
        (set("hidden_act", json!("relu6")), "key hidden_act: it is \"relu6\", and whit knows silu, gelu"),
        (
            set("rope_scaling", json!({"type": "ntk", "factor": 2.0})),
            "key rope_scaling: the rope type \"ntk\" over 16 values is not one whit knows: default, linear",
        ),
        (set("quantization_config", json!({"quant_method": "gptq"})), "take the original model, or a GGUF of it"),
        (
            changed(&|config| {
                config.insert("architectures".into(), json!(["BertModel"]));
                config.insert("model_type".into(), json!("bert"));
            }),
            "the architecture \"BertModel\" is not one whit runs: LlamaForCausalLM, ",
        ),
        (
            set("intermediate_size", json!(161)),
            "mlp.gate_proj.weight: its shape is [160, 64], and the configuration makes it [161, 64]",
        ),
    ];
    for (sentence, expected) in cases {
        assert!(sentence.contains(expected), "{sentence}\nexpected: {expected}");
    }
}
