//! Files written by others open, and every tensor of them decodes to finite numbers.

use std::path::{Path, PathBuf};

use whit_model::{Checkpoint, Config};

fn shared(variable: &str, default: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(default),
    }
}

fn gguf_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    files.sort();
    assert!(!files.is_empty(), "{} holds no .gguf file", folder.display());
    files
}

/// Opens, touches every weight, and says what was there.
fn check(path: &Path) -> Checkpoint {
    let checkpoint = Checkpoint::open(path).unwrap_or_else(|e| panic!("{e}"));
    let mut parameters = 0;
    for tensor in checkpoint.tensors() {
        let elements = tensor.shape.iter().product();
        let mut values = vec![0.0; elements];
        tensor.format.decode(tensor.bytes, &mut values);
        assert!(values.iter().all(|v| v.is_finite()), "{}: {} is not finite", path.display(), tensor.name);
        parameters += elements as u64;
    }
    assert_eq!(parameters, checkpoint.parameters());
    assert_eq!(checkpoint.bytes_by_format().values().sum::<u64>(), checkpoint.tensor_bytes());
    println!("{}: {parameters} parameters, {:?}", path.display(), checkpoint.bytes_by_format());
    checkpoint
}

#[test]
#[ignore = "needs ../shared/data/weights (WHIT_WEIGHTS)"]
fn gguf_weights_written_by_others_open() {
    for path in gguf_files(&shared("WHIT_WEIGHTS", "../shared/data/weights")) {
        let checkpoint = check(&path);
        let Config::Gguf(metadata) = &checkpoint.config else { panic!("{} is a GGUF file", path.display()) };
        assert_eq!(metadata["general.architecture"].as_str(), Some("llama"));
        assert_eq!(checkpoint.tensor("token_embd.weight").unwrap().shape.len(), 2);
    }
}

#[test]
#[ignore = "needs ../shared/data/tokenizers (WHIT_TOKENIZERS)"]
fn vocabulary_only_gguf_files_open() {
    for path in gguf_files(&shared("WHIT_TOKENIZERS", "../shared/data/tokenizers").join("llamacpp-vocab")) {
        let checkpoint = check(&path);
        let Config::Gguf(metadata) = &checkpoint.config else { panic!("{} is a GGUF file", path.display()) };
        let tokens = metadata["tokenizer.ggml.tokens"].as_array().and_then(|array| array.as_strings());
        assert!(tokens.is_some_and(|tokens| tokens.len() > 30_000), "{}", path.display());
    }
}

#[test]
#[ignore = "needs ../shared/fixtures (WHIT_FIXTURES)"]
fn hugging_face_folders_open() {
    let folder = shared("WHIT_FIXTURES", "../shared/fixtures");
    let mut opened = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.join("config.json").exists() {
            let checkpoint = check(&path);
            let Config::HuggingFace(config) = &checkpoint.config else { panic!("{} is a folder", path.display()) };
            assert!(config.contains_key("model_type"), "{}", path.display());
            opened += 1;
        }
    }
    assert!(opened > 0, "{} holds no model folder", folder.display());
}
