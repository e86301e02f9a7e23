//! Byte-level BPE, in GGUF files and in Hugging Face folders.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use whit_model::gguf::{Array, Value};
use whit_model::tokenizer::Tokenizer;

use super::{CONTROL, NORMAL, Vocabulary, written};

const TOKENS: &[&str] = &["a", "b", "c", "d", "Ġ", "#", "Ġa", "ab", "Ġab", "##", "Ċ", "Ã", "©", "Ã©", "1", "2", "12"];
const MERGES: &[&str] = &["Ġ a", "a b", "Ġa b", "# #", "Ã ©", "1 2", "c d"];

/// The vocabulary in a GGUF file, with `<s>` and `<|im_end|>` behind it.
fn gguf(pre: &str) -> Vocabulary {
    let mut vocabulary = Vocabulary::new("gpt2")
        .key("tokenizer.ggml.pre", Value::String(pre.into()))
        .key("tokenizer.ggml.merges", Value::Array(Array::String(MERGES.iter().map(|&m| m.into()).collect())));
    for token in TOKENS {
        vocabulary = vocabulary.token(token, 0.0, NORMAL);
    }
    vocabulary.token("<s>", 0.0, CONTROL).token("<|im_end|>", 0.0, CONTROL)
}

fn vocab_json() -> serde_json::Value {
    TOKENS.iter().zip(0..).map(|(&token, id)| (token.to_owned(), json!(id))).collect::<serde_json::Map<_, _>>().into()
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Tokenizer {
    Tokenizer::from_folder(folder).unwrap_or_else(|e| panic!("{e}"))
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    written(tokenizer, &tokenizer.encode(text, false, true).unwrap())
}

#[test]
fn gguf_words_are_cut_by_the_named_pre_tokenizer() {
    let gpt2 = gguf("gpt-2").load();
    assert_eq!(tokens(&gpt2, "ab ab##é\n12"), ["ab", "Ġab", "##", "Ã©", "Ċ", "12"]);
    assert_eq!(tokens(&gguf("qwen2").load(), "ab 12"), ["ab", "Ġ", "1", "2"]);
    assert_eq!(gpt2.describe(), "BPE (gpt-2), 19 tokens");
    // c d has no token of its own: a hole in the vocabulary.
    assert_eq!(tokens(&gpt2, "cd"), ["c", "d"]);
}

#[test]
fn gguf_adds_bos_where_the_file_or_the_pre_tokenizer_says_so() {
    let bos = |vocabulary: Vocabulary| vocabulary.load().encode("a", true, false).unwrap();
    let with_bos = |pre| gguf(pre).key("tokenizer.ggml.bos_token_id", Value::U32(17));
    assert_eq!(bos(with_bos("gpt-2")), [0]);
    assert_eq!(bos(with_bos("llama-bpe")), [17, 0]);
    assert_eq!(bos(with_bos("gpt-2").key("tokenizer.ggml.add_bos_token", Value::Bool(true))), [17, 0]);
    assert_eq!(bos(with_bos("llama-bpe").key("tokenizer.ggml.add_bos_token", Value::Bool(false))), [0]);
    assert_eq!(bos(gguf("llama-bpe")), [0], "there is no BOS to add");
}

#[test]
fn a_leading_space_is_never_lost() {
    let tokenizer = gguf("gpt-2").load();
    let ids = tokenizer.encode(" ab", false, false).unwrap();
    assert_eq!(tokenizer.decode(&ids, true), " ab");
    assert_eq!(tokenizer.decoder(true).push(ids[0]), " ab");
}

#[test]
fn an_emoji_over_several_tokens_streams_whole() {
    // 🦙 is F0 9F A6 99, in GPT-2's alphabet ð Ł ¦ Ļ.
    let mut vocabulary = Vocabulary::new("gpt2")
        .key("tokenizer.ggml.pre", Value::String("gpt-2".into()))
        .key("tokenizer.ggml.merges", Value::Array(Array::String(vec!["ð Ł".into()])));
    for token in ["ð", "Ł", "¦", "Ļ", "ðŁ"] {
        vocabulary = vocabulary.token(token, 0.0, NORMAL);
    }
    let tokenizer = vocabulary.load();
    let ids = tokenizer.encode("🦙", false, false).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["ðŁ", "¦", "Ļ"]);
    let mut stream = tokenizer.decoder(false);
    let pieces: Vec<String> = ids.iter().map(|&id| stream.push(id)).collect();
    assert_eq!(pieces, ["", "", "🦙"]);
    assert_eq!(tokenizer.token_bytes(ids[0]), [0xF0, 0x9F]);
}

#[test]
fn a_list_of_merges_with_holes_loads_and_its_comment_is_only_the_first_line() {
    let merges = format!("#version: 0.2\n{}\nx y\n\n", MERGES.join("\n"));
    let both = folder(&[("vocab.json", vocab_json().to_string()), ("merges.txt", merges)]);
    assert_eq!(tokens(&load(both.path()), "ab##"), ["ab", "##"]);

    // One that begins with '#' lost to a filter of comments.
    let filtered: Vec<&str> = MERGES.iter().copied().filter(|merge| !merge.starts_with('#')).collect();
    let both = folder(&[("vocab.json", vocab_json().to_string()), ("merges.txt", filtered.join("\n"))]);
    assert_eq!(tokens(&load(both.path()), "ab##"), ["ab", "#", "#"]);
}

#[test]
fn the_small_files_of_a_folder_are_heeded() {
    let config = json!({
        "tokenizer_class": "Qwen2Tokenizer",
        "add_bos_token": true,
        "bos_token": {"content": "<s>", "special": true},
        "eos_token": "<|im_end|>",
        "added_tokens_decoder": {
            "17": {"content": "<s>", "special": true},
            "18": {"content": "<|im_end|>", "special": true},
            "21": {"content": "<tool>", "special": false}
        }
    });
    let files = [
        ("vocab.json", vocab_json().to_string()),
        ("merges.txt", MERGES.join("\n")),
        ("tokenizer_config.json", config.to_string()),
        ("generation_config.json", json!({"eos_token_id": [18, 3]}).to_string()),
        ("config.json", json!({"eos_token_id": 4}).to_string()),
    ];
    let tokenizer = load(folder(&files).path());
    let ids = tokenizer.encode("a<tool>12<|im_end|>", true, true).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["<s>", "a", "<tool>", "1", "2", "<|im_end|>"]);
    assert_eq!(tokenizer.vocab_size(), 22);
    assert_eq!(tokenizer.token(20), None, "a gap");
    assert_eq!(tokenizer.bos(), Some(17));
    assert_eq!(tokenizer.end_tokens(), [18, 3, 4]);
    assert_eq!(tokenizer.decode(&ids, true), "a<tool>12");
    // Canonical composition, as this class does it.
    assert_eq!(tokens(&tokenizer, "e\u{301}"), ["Ã©"]);
}

/// A tokenizer.json of that vocabulary.
fn tokenizer_json() -> serde_json::Value {
    json!({
        "version": "1.0",
        "added_tokens": [{"id": 17, "content": "<s>", "special": true}, {"id": 30, "content": "<|im_end|>", "special": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [17], "tokens": ["<s>"]}}
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "model": {"type": "BPE", "vocab": vocab_json(), "merges": MERGES}
    })
}

#[test]
fn a_tokenizer_json_is_read_with_its_post_processor_and_its_gaps() {
    let tokenizer = load(folder(&[("tokenizer.json", tokenizer_json().to_string())]).path());
    // Not cut to two tokens: truncation is for training.
    let ids = tokenizer.encode("ab ab##<|im_end|>", true, true).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["<s>", "ab", "Ġab", "##", "<|im_end|>"]);
    assert_eq!(ids.last(), Some(&30));
    assert_eq!(tokenizer.vocab_size(), 31);
    assert_eq!(tokenizer.end_tokens(), [30]);
    assert_eq!(tokenizer.bos(), Some(17));
    assert_eq!(tokenizer.decode(&ids, false), "<s>ab ab##<|im_end|>");
}

#[test]
fn merges_may_be_pairs_or_none_and_may_have_holes() {
    let with_merges = |merges: serde_json::Value| {
        let mut json = tokenizer_json();
        json["model"]["merges"] = merges;
        load(folder(&[("tokenizer.json", json.to_string())]).path())
    };
    assert_eq!(tokens(&with_merges(json!([["a", "b"], ["x", "y"], ["cccc", "dddddd"]])), "ab"), ["ab"]);
    assert_eq!(tokens(&with_merges(json!(["x y", "a b"])), "ab"), ["ab"]);
    assert_eq!(tokens(&with_merges(json!({})), "ab"), ["a", "b"]);
    assert_eq!(tokens(&with_merges(json!([])), "ab"), ["a", "b"]);
}

#[test]
fn tokenizer_config_has_the_last_word_on_bos() {
    let files = |add_bos: bool| {
        let config = json!({"add_bos_token": add_bos, "bos_token": "<s>"});
        [("tokenizer.json", tokenizer_json().to_string()), ("tokenizer_config.json", config.to_string())]
    };
    let ids = |add_bos| load(folder(&files(add_bos)).path()).encode("a", true, true).unwrap();
    assert_eq!(ids(true), [17, 0]);
    assert_eq!(ids(false), [0]);
}

#[test]
fn a_sentencepiece_style_tokenizer_json_has_its_spaces_and_bytes() {
    let mut vocab = json!({"<unk>": 0, "▁a": 1, "▁": 2, "a": 3, "b": 4, "▁ab": 5});
    for byte in 0..=255u32 {
        vocab[format!("<0x{byte:02X}>")] = json!(6 + byte);
    }
    let json = json!({
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        ]},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocab, "merges": ["▁ a", "▁a b"]}
    });
    let tokenizer = load(folder(&[("tokenizer.json", json.to_string())]).path());
    let ids = tokenizer.encode("a ab é", false, false).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["▁a", "▁ab", "▁", "<0xC3>", "<0xA9>"]);
    assert_eq!(tokenizer.decode(&ids, true), "a ab é");
    assert_eq!(tokenizer.token_bytes(5), b" ab");
}
