//! Adapters: two files of which either can lie.

use std::path::Path;

use whit_model::{Adapter, LowRankUpdate};

use crate::common::{f32_bytes, safetensors, write_all};
use crate::{assert_sentence, memory};

const CONFIG: &str = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "target_modules": ["q_proj"], "bias": "none"}"#;
const Q: &str = "base_model.model.model.layers.0.self_attn.q_proj";

/// Opens the adapter of these two files. Fails the test if that panics or takes much more memory than there are bytes in them.
fn open(config: &[u8], weights: &[u8]) -> Result<Adapter, String> {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("adapter_config.json", config), ("adapter_model.safetensors", weights)]);
    let (result, peak) = memory::peak_of(|| Adapter::open(folder.path()));
    let size = config.len() + weights.len();
    assert!(peak <= 50 * config.len() + 8 * weights.len() + (16 << 10), "{peak} bytes allocated for {size} on disk");
    let adapter = result.map_err(|error| error.to_string())?;
    for update in adapter.updates() {
        for half in [adapter.down(update), adapter.up(update)] {
            let mut values = vec![0.0; half.shape.iter().product()];
            half.format.decode(half.bytes, &mut values);
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
    Ok(adapter)
}

fn refused(config: &str, weights: &[u8], parts: &[&str]) {
    let message = open(config.as_bytes(), weights).expect_err("the adapter should be refused");
    assert_sentence(&message, parts);
}

/// A file of tensors of ones by name and shape.
fn tensors(entries: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut header, mut end) = (String::new(), 0);
    for (name, shape) in entries {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        let comma = if header.is_empty() { "" } else { "," };
        header += &format!(r#"{comma}"{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#);
    }
    safetensors(&format!("{{{header}}}"), &f32_bytes(&vec![1.0; end / 4]))
}

/// An update of `module` of rank 2, `[3, 4]`.
fn pair(module: &str) -> Vec<u8> {
    let (down, up) = (format!("{module}.lora_A.weight"), format!("{module}.lora_B.weight"));
    tensors(&[(&down, &[2, 4]), (&up, &[3, 2])])
}

/// [`CONFIG`] with one more key, or another value of it.
fn config(key: &str, value: &str) -> String {
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(CONFIG).unwrap();
    config.insert(key.into(), serde_json::from_str(value).unwrap());
    serde_json::to_string(&config).unwrap()
}

#[test]
fn the_sound_adapter_opens() {
    let adapter = open(CONFIG.as_bytes(), &pair(Q)).unwrap();
    let [LowRankUpdate { module, rank: 2, in_features: 4, out_features: 3, scale: 3.0, .. }] = adapter.updates() else {
        panic!("{:?}", adapter.updates());
    };
    assert_eq!(module, "layers.0.self_attn.q_proj");
    assert_eq!(adapter.up(&adapter.updates()[0]).shape, [3, 2]);
}

#[test]
fn modules_are_found_below_whatever_is_around_the_decoder() {
    for (name, module) in [
        ("model.language_model.layers.3.mlp.up_proj", "layers.3.mlp.up_proj"),
        ("language_model.model.layers.3.mlp.up_proj", "layers.3.mlp.up_proj"),
        ("gpt_neox.layers.1.attention.dense", "layers.1.attention.dense"),
        ("layers.1.mlp.fc1", "layers.1.mlp.fc1"),
        ("lm_head", "lm_head"),
        ("language_model.lm_head", "lm_head"),
        ("vision_tower.layers.1.mlp.fc1", "vision_tower.layers.1.mlp.fc1"),
    ] {
        let adapter = open(CONFIG.as_bytes(), &pair(&format!("base_model.model.{name}"))).unwrap();
        assert_eq!(adapter.updates()[0].module, module);
    }
}

#[test]
fn ranks_and_scales_are_what_the_configuration_makes_them() {
    let scale = |config: &str| open(config.as_bytes(), &pair(Q)).unwrap().updates()[0].scale;
    assert_eq!(scale(&config("use_rslora", "true")), (6.0 / 2f64.sqrt()) as f32);
    assert_eq!(scale(&config("lora_alpha", "0.5")), 0.25);
    for (pattern, alpha) in [
        (r#"{"q_proj": 10}"#, 10.0),
        (r#"{"k_proj": 10}"#, 6.0),
        (r#"{"oj": 10}"#, 6.0),
        (r#"{"layers.0.self_attn.q_proj": 10, "q_proj": 20}"#, 10.0),
        (r#"{"q_proj": 20, "layers.0.self_attn.q_proj": 10}"#, 20.0),
        (r#"{"^model.layers.0.self_attn.q_proj": 10}"#, 10.0),
        (r#"{"^layers.0.self_attn.q_proj": 10}"#, 6.0),
        ("{}", 6.0),
        ("null", 6.0),
    ] {
        assert_eq!(scale(&config("alpha_pattern", pattern)), alpha / 2.0, "{pattern}");
    }
    let mut other = config("rank_pattern", r#"{"q_proj": 2}"#);
    other = other.replace(r#""r":2"#, r#""r":64"#);
    assert_eq!(scale(&other), 3.0);
}

#[test]
fn what_only_says_how_it_was_trained_is_no_matter() {
    for (key, value) in [
        ("inference_mode", "true"),
        ("layers_to_transform", "[0]"),
        ("lora_dropout", "0.1"),
        ("init_lora_weights", "\"gaussian\""),
        ("init_lora_weights", "false"),
        ("modules_to_save", "[]"),
        ("layer_replication", "null"),
        ("use_dora", "false"),
        ("lorap_lr_ratio", "16.0"),
        ("a_later_key", "false"),
        ("ensure_weight_tying", "true"),
    ] {
        open(config(key, value).as_bytes(), &pair(Q)).unwrap();
    }
}

#[test]
fn what_whit_does_not_run_is_refused_by_name() {
    let item = |key: &str| format!("adapter_config.json: key {key}");
    for (key, value, part) in [
        ("peft_type", "\"LOHA\"", "LOHA"),
        ("use_dora", "true", "DoRA"),
        ("lora_bias", "true", "bias of B"),
        ("bias", "\"all\"", "bias=\"none\""),
        ("modules_to_save", r#"["lm_head"]"#, "whole modules"),
        ("trainable_token_indices", "[1, 2]", "tokens of the embedding"),
        ("target_parameters", r#"["mlp.experts.gate_up_proj"]"#, "outside linear modules"),
        ("layer_replication", "[[0, 2]]", "several times"),
        ("fan_in_fan_out", "true", "transposed"),
        ("alora_invocation_tokens", "[5]", "middle of a text"),
        ("use_qalora", "true", "QALoRA"),
        ("init_lora_weights", "\"pissa_niter_16\"", "pissa_niter_16"),
        ("use_a_later_trick", "true", "does not know it"),
        ("rank_pattern", r#"{"layers\\.[01]\\..*": 4}"#, "regular expression"),
    ] {
        let message = open(config(key, value).as_bytes(), &pair(Q)).expect_err(key);
        assert!(message.contains(&item(key)) && message.contains(part), "{message}");
        assert!(
            ["train", "merge", "convert", "name each", "update"].iter().any(|mend| message.contains(mend)),
            "{message}"
        );
        assert!(message.len() < 600 && !message.contains('\n'));
    }
    for (name, part) in [
        ("base_model.model.model.embed_tokens.lora_embedding_A", "adapts an embedding"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "DoRA"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", "neither lora_A.weight nor lora_B.weight"),
        ("base_model.model.lm_head.modules_to_save.weight", "whole tensor of the base"),
        ("base_model.model.lm_head.weight", "whole tensor of the base"),
        ("model.layers.0.self_attn.q_proj.lora_A.weight", "begin with base_model.model."),
    ] {
        let message = open(CONFIG.as_bytes(), &tensors(&[(name, &[2, 4])])).expect_err(name);
        assert!(message.contains("adapter_model.safetensors") && message.contains(part), "{message}");
        assert!(["train", "save"].iter().any(|mend| message.contains(mend)) && message.len() < 600, "{message}");
    }
}

#[test]
fn configurations_that_say_nothing_of_use() {
    for (text, parts) in [
        ("", &["adapter_config.json", "is empty"][..]),
        ("[]", &["configuration", "no JSON object"]),
        ("{", &["configuration", "no JSON object"]),
        ("{}", &["key peft_type", "missing"]),
        (r#"{"peft_type": "LORA"}"#, &["key r", "missing"]),
        (r#"{"peft_type": "LORA", "r": 2}"#, &["key lora_alpha", "missing"]),
    ] {
        refused(text, &pair(Q), parts);
    }
    for (key, value) in [
        ("r", "0"),
        ("r", "-2"),
        ("r", "2.5"),
        ("r", "\"two\""),
        ("r", "3"),
        ("r", "18446744073709551615"),
        ("r", "null"),
        ("lora_alpha", "1e300"),
        ("lora_alpha", "true"),
        ("use_rslora", "1"),
        ("rank_pattern", "[1]"),
        ("rank_pattern", r#"{"q_proj": 0}"#),
        ("rank_pattern", r#"{"q_proj": {}}"#),
        ("alpha_pattern", r#"{"q_proj": "x"}"#),
    ] {
        let message = open(config(key, value).as_bytes(), &pair(Q)).expect_err(value);
        assert!(message.contains("save the adapter again") && message.len() < 600, "{message}");
    }
    let long = config("base_model_name_or_path", &format!("\"{}\"", "x".repeat(1 << 20)));
    refused(&long, &pair(Q), &["adapter_config.json", "far more"]);
}

#[test]
fn halves_that_do_not_fit_each_other() {
    let (down, up) = (&*format!("{Q}.lora_A.weight"), &*format!("{Q}.lora_B.weight"));
    let again = "save the adapter again";
    for (entries, parts) in [
        (&[(down, &[2usize, 4][..])][..], &["tensor base_model", "lora_B.weight is missing", again][..]),
        (&[(up, &[3, 2])], &["lora_A.weight is missing", again]),
        (&[(down, &[2, 4]), (up, &[3, 3])], &["lora_B.weight", "3 columns", "2 rows", again]),
        (&[(down, &[4]), (up, &[3, 2])], &["lora_A.weight", "[4]", "matrix", again]),
        (&[(down, &[2, 2, 2]), (up, &[3, 2])], &["lora_A.weight", "matrix", again]),
        (&[(down, &[0, 4]), (up, &[3, 0])], &["lora_A.weight", "nothing in it", again]),
        (&[(down, &[2, 4]), (up, &[0, 2])], &["lora_B.weight", "nothing in it", again]),
        (&[(down, &[3, 4]), (up, &[3, 3])], &["lora_A.weight", "rank is 3", "makes it 2", again]),
        (&[], &["holds no tensor", again]),
    ] {
        let message = open(CONFIG.as_bytes(), &tensors(entries)).expect_err(parts[0]);
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
    let huge = tensors(&[(down, &[513, 1]), (up, &[1, 513])]);
    let message = open(config("r", "513").as_bytes(), &huge).unwrap_err();
    assert!(message.contains("rank is 513") && message.contains("512 or less"), "{message}");
    // One module under the names of two models.
    let other = "base_model.model.layers.0.self_attn.q_proj";
    let message = open(CONFIG.as_bytes(), &tensors(&[(down, &[2, 4]), (&format!("{other}.lora_B.weight"), &[3, 2])]));
    assert!(message.unwrap_err().contains("under two names"));
    let many: Vec<String> = (0..4097).map(|i| format!("base_model.model.layers.{i}.x.lora_A.weight")).collect();
    let many: Vec<(&str, &[usize])> = many.iter().map(|name| (name.as_str(), &[1usize, 1][..])).collect();
    assert!(open(CONFIG.as_bytes(), &tensors(&many)).unwrap_err().contains("4097 modules"));
}

#[test]
fn numbers_that_are_none() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [0, 7, 8, 13] {
            let mut weights = pair(Q);
            let start = weights.len() - 4 * (14 - at);
            weights[start..start + 4].copy_from_slice(&bad.to_le_bytes());
            let half = if at < 8 { "lora_A.weight" } else { "lora_B.weight" };
            refused(CONFIG, &weights, &[half, "not a finite number", "download"]);
        }
    }
    let mut weights = pair(Q);
    let dtype = weights.windows(3).position(|bytes| bytes == b"F32").unwrap();
    weights[dtype] = b'I';
    refused(CONFIG, &weights, &["lora_A.weight", "I32", "F32, F16 and BF16", "convert"]);
}

#[test]
fn files_that_are_cut_short_or_changed_anywhere() {
    let weights = pair(Q);
    for len in 0..weights.len() {
        refused(CONFIG, &weights[..len], &["adapter_model.safetensors"]);
    }
    for len in 0..CONFIG.len() {
        open(&CONFIG.as_bytes()[..len], &weights).unwrap_err();
    }
    let mut changed = weights.clone();
    for at in 0..weights.len() {
        for value in [0, 0xff, 0x7f, weights[at] ^ 1, weights[at] ^ 0x80] {
            changed[at] = value;
            if let Err(message) = open(CONFIG.as_bytes(), &changed) {
                assert!(message.len() < 600 && !message.contains(['\n', '\r', '\x1b']), "{message:?}");
            }
        }
        changed[at] = weights[at];
    }
}

#[test]
fn folders_that_hold_no_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Adapter::open(path).unwrap_err().to_string();
    assert_sentence(&message(folder.path()), &["adapter_config.json is missing", "give one"]);
    write_all(folder.path(), &[("adapter_config.json", CONFIG.as_bytes())]);
    assert_sentence(&message(folder.path()), &["adapter_model.safetensors is missing", "download"]);
    write_all(folder.path(), &[("adapter_model.bin", b"PK")]);
    assert_sentence(&message(folder.path()), &["PyTorch", "safe_serialization=True"]);
    assert_sentence(&message(&folder.path().join("adapter_config.json")), &["no folder", "give the adapter's folder"]);
    assert_sentence(&message(&folder.path().join("nothing")), &["missing", "check the path"]);
    write_all(folder.path(), &[("adapter_model.safetensors", b"version https://git-lfs.github.com/spec/v1")]);
    assert_sentence(&message(folder.path()), &["git-lfs pointer", "git lfs pull"]);
}
