//! A vocabulary that contradicts itself is refused with a sentence that names file, item and mend.

use serde_json::json;
use whit_model::gguf::{Array, Value};
use whit_model::tokenizer::Tokenizer;

use super::{NORMAL, Vocabulary, with_bytes};

const WORDS: &[(&str, f32)] = &[("▁", -1.0), ("a", -2.0)];

fn refusal(vocabulary: &Vocabulary) -> String {
    match vocabulary.read() {
        Ok(tokenizer) => panic!("{tokenizer:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

fn check(vocabulary: &Vocabulary, item: &str, problem: &str) {
    let message = refusal(vocabulary);
    assert!(message.starts_with("small.gguf: "), "{message}");
    assert!(message.contains(item) && message.contains(problem), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn lists_of_different_lengths_do_not_belong_together() {
    let mut short_scores = with_bytes(WORDS);
    short_scores.scores.pop();
    check(&short_scores, "tokenizer.ggml.scores", "260 entries, but tokenizer.ggml.tokens has 261");
    let mut long_types = with_bytes(WORDS);
    long_types.types.push(NORMAL);
    check(&long_types, "tokenizer.ggml.token_type", "262 entries, but tokenizer.ggml.tokens has 261");
}

#[test]
fn ids_lie_within_the_vocabulary() {
    for key in ["bos_token_id", "eos_token_id", "unknown_token_id", "eot_token_id", "eom_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        let vocabulary = with_bytes(WORDS).key(&key, Value::U32(261));
        check(&vocabulary, &key, "is 261, but there are only 261 tokens");
        // What converters write where there is none.
        assert!(with_bytes(WORDS).key(&key, Value::U32(u32::MAX)).read().is_ok());
    }
}

#[test]
fn values_are_of_their_types() {
    let cases = [
        ("tokenizer.ggml.model", Value::U32(1), "is not a string"),
        ("tokenizer.ggml.tokens", Value::U32(1), "is not a list"),
        ("tokenizer.ggml.tokens", Value::Array(Array::U32(vec![1])), "is not a list of tokens"),
        ("tokenizer.ggml.tokens", Value::Array(Array::String(Vec::new())), "is not a list of tokens"),
        ("tokenizer.ggml.scores", Value::Array(Array::Bool(vec![true])), "is not a list of numbers"),
        ("tokenizer.ggml.token_type", Value::Array(Array::F32(vec![1.0])), "is not a list of whole numbers"),
        ("tokenizer.ggml.add_bos_token", Value::U32(1), "is not true or false"),
        ("tokenizer.ggml.bos_token_id", Value::Bool(true), "is not a token id"),
    ];
    for (key, value, problem) in cases {
        check(&with_bytes(WORDS).key(key, value), key, problem);
    }
    let mut scores = with_bytes(WORDS);
    scores.scores[7] = f32::NAN;
    check(&scores, "tokenizer.ggml.scores", "the score of token 7 is not a number");
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    check(&Vocabulary::default().token("a", 0.0, NORMAL), "tokenizer.ggml.model", "is missing");
    check(&Vocabulary::new("t5").token("a", 0.0, NORMAL), "tokenizer.ggml.model", "of kind t5");
    check(&Vocabulary::new("gpt2").token("a", 0.0, NORMAL), "tokenizer.ggml.merges", "is missing");
    let bpe = Vocabulary::new("gpt2").token("a", 0.0, NORMAL);
    check(&bpe.clone().key("tokenizer.ggml.pre", Value::String("nobody's".into())), "tokenizer.ggml.pre", "nobody's");
    let foreign = |n| Value::Array(Array::String((0..n).map(|i| format!("x y{i}")).collect()));
    check(
        &bpe.clone().key("tokenizer.ggml.merges", foreign(17)),
        "tokenizer.ggml.merges",
        "none of the 17 merges names tokens",
    );
    // One for form's sake is no foreign list.
    assert!(bpe.key("tokenizer.ggml.merges", foreign(1)).read().is_ok());
}

#[test]
fn a_folder_without_a_tokenizer_says_what_to_fetch() {
    let folder = tempfile::tempdir().unwrap();
    let message = Tokenizer::from_folder(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("tokenizer.json is missing") && message.contains("vocab.json and merges.txt"),
        "{message}"
    );
    std::fs::write(folder.path().join("tokenizer.model"), "x").unwrap();
    let message = Tokenizer::from_folder(folder.path()).unwrap_err().to_string();
    assert!(message.contains("save_pretrained"), "{message}");
}

#[test]
fn a_damaged_tokenizer_json_is_refused_with_its_name() {
    let model = json!({"type": "BPE", "vocab": {"a": 0}, "merges": []});
    let cases = [
        (json!([]), "not a tokenizer.json"),
        (json!({}), "not a tokenizer.json"),
        (json!({"model": 3}), "its model"),
        (json!({"model": {"type": "BPE", "vocab": {"a": -1}}}), "its model"),
        (json!({"model": {"type": "BPE", "vocab": {"a": 4294967295u32}}}), "far beyond the others"),
        (json!({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b", "c"]]}}), "more than two"),
        (json!({"model": {"type": "Bogus"}}), "its model"),
        (json!({"model": {"type": "BPE", "vocab": {"a": 0}, "end_of_word_suffix": "</w>"}}), "end of words"),
        (json!({"model": model, "normalizer": {"type": "Bogus"}}), "its normalizer"),
        (
            json!({"model": model, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}}),
            "its pre_tokenizer",
        ),
        (
            json!({"model": model, "decoder": {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": true}}),
            "CTC",
        ),
        (json!({"model": model, "added_tokens": [{"id": 4294967295u32, "content": "<x>"}]}), "far beyond the others"),
        (json!({"model": model, "added_tokens": [{"content": "<x>"}]}), "not a tokenizer.json"),
        (
            json!({"model": model, "post_processor": {"type": "BertProcessing", "sep": ["</s>", 7], "cls": ["<s>", 8]}}),
            "only 1 tokens",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (json, problem) in cases {
        std::fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
        let message =
            Tokenizer::from_folder(folder.path()).map(|t| panic!("{json} gives {t:?}")).unwrap_err().to_string();
        assert!(message.contains(problem), "{json}: {message}");
        assert!(message.starts_with(&folder.path().display().to_string()) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn a_folder_whose_tokenizer_is_another_models_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = json!({
        "added_tokens": [{"id": 7, "content": "<pad>", "special": true}],
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let load = |vocab_size: u32| {
        std::fs::write(folder.path().join("config.json"), json!({"vocab_size": vocab_size}).to_string()).unwrap();
        Tokenizer::from_folder(folder.path()).map(|tokenizer| tokenizer.vocab_size()).map_err(|e| e.to_string())
    };
    assert_eq!(load(3), Ok(8), "added tokens may lie beyond the embedding table");
    let message = load(2).unwrap_err();
    assert!(message.contains("ids up to 2, but vocab_size of config.json is 2"), "{message}");
}

#[test]
fn a_tokenizer_json_cut_anywhere_is_refused() {
    let whole = json!({
        "added_tokens": [{"id": 1, "content": "<s>", "special": true}],
        "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}
    })
    .to_string();
    let folder = tempfile::tempdir().unwrap();
    for end in 0..whole.len() {
        std::fs::write(folder.path().join("tokenizer.json"), &whole[..end]).unwrap();
        assert!(Tokenizer::from_folder(folder.path()).is_err(), "{}", &whole[..end]);
    }
    std::fs::write(folder.path().join("tokenizer.json"), &whole).unwrap();
    assert!(Tokenizer::from_folder(folder.path()).is_ok());
}

#[test]
fn long_texts_without_a_space_take_little_time() {
    // Half of a million characters that all join: quadratic joining would take minutes.
    let vocabulary = with_bytes(&[("▁", -5.0), ("a", -4.0), ("aa", -3.0), ("aaaa", -2.0), ("aaaaaaaa", -1.0)]);
    let tokenizer = vocabulary.load();
    let ids = tokenizer.encode(&"a".repeat(1 << 19), false, false).unwrap();
    assert!(ids.len() < 1 << 17);
    let text = "🦙".repeat(1 << 16);
    assert_eq!(tokenizer.decode(&tokenizer.encode(&text, false, false).unwrap(), true), text);
}
