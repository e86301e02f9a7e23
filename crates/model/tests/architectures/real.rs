//! Checkpoints beside the repository: the reference fixtures, small real models, and the tensor lists of large ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use whit_model::spec::Mixer;
use whit_model::{Checkpoint, Config, DecoderSpec};

use crate::case::{self, Gguf, Shapes};
use crate::walk;

/// The folder that `variable` names, or the one beside the repository.
fn shared(variable: &str, default: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os(variable).map_or_else(|| root.join(default), |folder| root.join(folder))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> (Checkpoint, DecoderSpec) {
    let checkpoint = Checkpoint::open(path).unwrap_or_else(|error| panic!("{error}"));
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap_or_else(|error| panic!("{error}"));
    (checkpoint, spec)
}

#[test]
#[ignore = "needs the reference fixtures, ../shared/fixtures or WHIT_FIXTURES"]
fn fixtures_are_what_their_configurations_say() {
    let mut read_count = 0;
    for folder in entries(&shared("WHIT_FIXTURES", "../shared/fixtures")) {
        if !folder.join("config.json").exists() {
            println!("{}: no config.json, left out", folder.display());
            continue;
        }
        let (checkpoint, spec) = read(&folder);
        let Config::HuggingFace(config) = &checkpoint.config else { panic!("{}", folder.display()) };
        let text = config.get("text_config").and_then(Value::as_object).unwrap_or(config);
        compare(text, &spec);
        let all: BTreeSet<String> = checkpoint.tensors().map(|tensor| tensor.name.to_owned()).collect();
        let left: Vec<_> = all.difference(&walk::tensors(&spec)).cloned().collect();
        println!("{}: {} layers, not used: {left:?}", folder.display(), spec.layers.len());
        assert!(left.iter().all(|name| name.contains("vision_tower") || name.contains("multi_modal")), "{left:?}");
        read_count += 1;
    }
    assert!(read_count > 0, "no fixture was read");
}

fn compare(config: &Map<String, Value>, spec: &DecoderSpec) {
    let same = |key: &str, found: usize| {
        if let Some(expected) = config.get(key).and_then(Value::as_u64) {
            assert_eq!(found as u64, expected, "{key}");
        }
    };
    same("hidden_size", spec.hidden_size);
    same("vocab_size", spec.vocab_size);
    same("num_hidden_layers", spec.layers.len());
    for layer in &spec.layers {
        let Mixer::Attention(attention) = &layer.mixer else { continue };
        same("num_attention_heads", attention.heads);
        same("head_dim", attention.head_dim);
        if spec.architecture != "gpt_neox" {
            same("num_key_value_heads", attention.kv_heads);
        }
        if let Some(window) = attention.window {
            same("sliding_window", window);
        }
        let expected = config.get("layer_norm_eps").or(config.get("rms_norm_eps")).or(config.get("norm_eps"));
        if let Some(expected) = expected.and_then(Value::as_f64) {
            assert_eq!(spec.final_norm.epsilon, expected as f32);
        }
    }
    if config.get("tie_word_embeddings").and_then(Value::as_bool) == Some(true) {
        assert_eq!(spec.head.linear.weight, spec.embedding.weight);
    }
}

#[test]
#[ignore = "needs small real models, ../shared/data/weights, and ../shared/fixtures/gguf or WHIT_GGUF_ZOO"]
fn small_ggufs_are_read() {
    let folders =
        [shared("WHIT_WEIGHTS", "../shared/data/weights"), shared("WHIT_GGUF_ZOO", "../shared/fixtures/gguf")];
    let files =
        folders.iter().flat_map(|folder| entries(folder)).filter(|path| path.extension().is_some_and(|e| e == "gguf"));
    let mut read_count = 0;
    for file in files {
        let (checkpoint, spec) = read(&file);
        let all: BTreeSet<String> = checkpoint.tensors().map(|tensor| tensor.name.to_owned()).collect();
        let left: Vec<_> = all.difference(&walk::tensors(&spec)).cloned().collect();
        println!("{}: {} layers of {}, not used: {left:?}", file.display(), spec.layers.len(), spec.hidden_size);
        assert!(left.iter().all(|name| name == "rope_freqs.weight"), "{left:?}");
        read_count += 1;
    }
    assert!(read_count > 0, "no file was read");
}

/// Vocabularies of the models whose lists there are; everything else is in the lists.
const VOCABULARIES: &[(&str, u64)] = &[
    ("Meta-Llama-3-8B-Instruct", 128_256),
    ("Mistral-7B-Instruct-v0.2", 32_000),
    ("Mixtral-8x7B-Instruct-v0.1", 32_000),
    ("Phi-3-mini-128k-instruct", 32_064),
    ("Qwen2.5-0.5B-Instruct", 151_936),
    ("gemma-2-2b-it", 256_000),
    ("gemma-2b-it", 256_000),
];

#[test]
#[ignore = "needs the tensor lists of real models, ../shared/data/checkpoints/real-tensor-lists or WHIT_TENSOR_LISTS"]
fn the_tensors_of_real_models_are_all_used() {
    let folder = shared("WHIT_TENSOR_LISTS", "../shared/data/checkpoints/real-tensor-lists");
    for path in entries(&folder) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let list: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let Some(&(_, vocab)) = VOCABULARIES.iter().find(|(known, _)| *known == name) else {
            println!("{name}: left out: {}", left_out(&list));
            continue;
        };
        let (keys, names) = split(&list);
        let gguf = Gguf {
            tensors: shapes(&keys, names, vocab),
            // Any block format will do, and Q4_0 makes the smallest holes in the disk.
            ggml_type: (2, 32, 18),
            factors: BTreeMap::from(["long", "short"].map(|l| (format!("rope_factors_{l}.weight"), vec![1.25; 48])))
                .into_iter()
                .filter(|(name, _)| list.contains_key(name))
                .collect(),
            keys,
        };
        let file = tempfile::NamedTempFile::with_suffix(".gguf").unwrap();
        case::write_gguf(file.path(), &gguf);
        let (checkpoint, spec) = read(file.path());
        let all: BTreeSet<String> = checkpoint.tensors().map(|tensor| tensor.name.to_owned()).collect();
        let left: Vec<_> = all.difference(&walk::tensors(&spec)).cloned().collect();
        println!("{name}: {} layers, {:.1}e9 parameters", spec.layers.len(), checkpoint.parameters() as f64 / 1e9);
        assert!(left.iter().all(|name| name.starts_with("rope_factors_")), "{name}: {left:?}");
    }
}

/// Why a list is not a whole model that whit runs.
fn left_out(list: &BTreeMap<String, String>) -> String {
    if !list.contains_key("token_embd.weight") {
        return "it lists no tensors".into();
    }
    let (keys, _) = split(list);
    let gguf = Gguf {
        keys,
        tensors: Shapes::from([("token_embd.weight".into(), vec![32])]),
        ggml_type: (0, 1, 4),
        ..Gguf::default()
    };
    let file = tempfile::NamedTempFile::with_suffix(".gguf").unwrap();
    case::write_gguf(file.path(), &gguf);
    let error = DecoderSpec::from_checkpoint(&Checkpoint::open(file.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("is not one whit runs"), "{error}");
    error
}

/// Keys with their types, and names of tensors.
#[allow(clippy::type_complexity, reason = "the fields of a Gguf")]
fn split(list: &BTreeMap<String, String>) -> (BTreeMap<String, (Vec<String>, Value)>, Vec<&str>) {
    let mut keys = BTreeMap::new();
    let mut names = Vec::new();
    let architecture = &list["general.architecture"];
    for (key, value) in list {
        if key.starts_with("tokenizer.") || key.starts_with("general.") && key != "general.architecture" {
            continue;
        } else if !key.starts_with("general.") && !key.starts_with(&format!("{architecture}.")) {
            names.push(key.as_str());
            continue;
        }
        let whole = key.ends_with("_count")
            || key.ends_with("_length")
            || key.ends_with("_count_kv")
            || key.ends_with("window");
        let (kind, value) = match value.parse::<f64>() {
            Ok(number) if whole => ("uint32", Value::from(number as u64)),
            Ok(number) => ("float32", Value::from(number)),
            Err(_) if value == "false" => ("bool", Value::from(false)),
            Err(_) => ("string", Value::from(value.as_str())),
        };
        keys.insert(key.clone(), (vec![kind.to_owned()], value));
    }
    (keys, names)
}

/// The shapes that the models' papers give these names.
fn shapes(keys: &BTreeMap<String, (Vec<String>, Value)>, names: Vec<&str>, vocab: u64) -> Shapes {
    let number = |name: &str| {
        keys.iter().find(|(key, _)| key.split_once('.').is_some_and(|(_, k)| k == name)).and_then(|(_, v)| v.1.as_u64())
    };
    let (hidden, heads) = (number("embedding_length").unwrap(), number("attention.head_count").unwrap());
    let intermediate = number("feed_forward_length").unwrap();
    let head_dim = number("attention.key_length").unwrap_or(hidden / heads);
    let (q, kv) = (heads * head_dim, number("attention.head_count_kv").unwrap() * head_dim);
    let experts = number("expert_count").unwrap_or(0);
    let fused = names.iter().any(|name| name.contains("attn_qkv"));
    let shape = |name: &str| match name
        .trim_start_matches(|c: char| c != '.')
        .trim_start_matches(".")
        .trim_start_matches(|c: char| c.is_ascii_digit())
    {
        _ if name == "token_embd.weight" || name == "output.weight" => vec![vocab, hidden],
        _ if name.starts_with("rope_factors") => vec![head_dim / 2],
        ".attn_q.weight" => vec![q, hidden],
        ".attn_k.weight" | ".attn_v.weight" => vec![kv, hidden],
        ".attn_q.bias" => vec![q],
        ".attn_k.bias" | ".attn_v.bias" => vec![kv],
        ".attn_qkv.weight" => vec![q + 2 * kv, hidden],
        ".attn_output.weight" => vec![hidden, q],
        ".ffn_up.weight" if fused => vec![2 * intermediate, hidden],
        ".ffn_gate.weight" | ".ffn_up.weight" => vec![intermediate, hidden],
        ".ffn_down.weight" => vec![hidden, intermediate],
        ".ffn_gate_inp.weight" => vec![experts, hidden],
        ".ffn_gate_exps.weight" | ".ffn_up_exps.weight" => vec![experts, intermediate, hidden],
        ".ffn_down_exps.weight" => vec![experts, hidden, intermediate],
        norm if name.ends_with("norm.weight") => vec![if norm.contains("q_norm") { head_dim } else { hidden }],
        other => panic!("{name}: {other}"),
    };
    names.into_iter().map(|name| (name.to_owned(), shape(name))).collect()
}
