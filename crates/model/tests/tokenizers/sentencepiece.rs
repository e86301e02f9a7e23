//! SentencePiece vocabularies of GGUF files: scores, bytes, spaces, control tokens.

use std::sync::Arc;

use whit_model::gguf::Value;

use super::{CONTROL, NORMAL, UNKNOWN, USER_DEFINED, Vocabulary, with_bytes, written};

const WORDS: &[(&str, f32)] = &[
    ("▁the", -1.0),
    ("▁t", -2.0),
    ("he", -3.0),
    ("▁th", -4.0),
    ("▁▁", -5.0),
    ("▁", -10.0),
    ("t", -11.0),
    ("h", -12.0),
    ("e", -13.0),
    ("a", -14.0),
];

#[test]
fn the_best_score_is_joined_first() {
    let tokenizer = with_bytes(WORDS).load();
    let tokens = |text| written(&tokenizer, &tokenizer.encode(text, false, false).unwrap());
    // ▁t is better than he, so ▁ and t go together before h and e; then ▁t and he make ▁the.
    assert_eq!(tokens("the"), ["▁the"]);
    assert_eq!(tokens("the the"), ["▁the", "▁the"]);
    assert_eq!(tokens("ath"), ["▁", "a", "t", "h"]);
    assert_eq!(tokens("  a"), ["▁▁", "▁", "a"]);
}

#[test]
fn of_equal_scores_the_leftmost_is_joined_first() {
    let tokenizer = with_bytes(&[("ab", -1.0), ("ba", -1.0), ("a", -2.0), ("b", -2.0), ("▁", -3.0)]).load();
    let tokens = |text| written(&tokenizer, &tokenizer.encode(text, false, false).unwrap());
    assert_eq!(tokens("aba"), ["▁", "ab", "a"]);
    assert_eq!(tokens("bab"), ["▁", "ba", "b"]);
}

#[test]
fn characters_that_are_no_token_are_spelt_in_bytes() {
    let tokenizer = with_bytes(WORDS).load();
    let ids = tokenizer.encode("é🦙", false, false).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["▁", "<0xC3>", "<0xA9>", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>"]);
    assert_eq!(tokenizer.decode(&ids, true), "é🦙");
}

#[test]
fn a_vocabulary_of_characters_has_one_unknown_token_for_what_it_lacks() {
    let tokenizer = Vocabulary::new("llama")
        .token("<unk>", 0.0, UNKNOWN)
        .token("<s>", 0.0, CONTROL)
        .token("</s>", 0.0, CONTROL)
        .token("▁", -0.0, NORMAL)
        .token("e", -1.0, NORMAL)
        .token("a", -2.0, NORMAL)
        .load();
    let ids = tokenizer.encode("a eéé🦙a", true, false).unwrap();
    assert_eq!(written(&tokenizer, &ids), ["<s>", "▁", "a", "▁", "e", "<unk>", "a"]);
    assert_eq!(tokenizer.decode(&ids, true), "a ea");
    assert_eq!(tokenizer.encode("", true, false).unwrap(), [1]);
    assert_eq!(tokenizer.end_tokens(), [2]);
}

#[test]
fn bos_eos_and_the_first_space_are_as_the_file_says() {
    let plain = with_bytes(WORDS);
    assert_eq!(plain.load().encode("", true, false).unwrap(), [1]);
    assert_eq!(plain.load().bos(), Some(1));

    let without = plain.clone().key("tokenizer.ggml.add_bos_token", Value::Bool(false));
    assert!(without.load().encode("", true, false).unwrap().is_empty());

    let both = plain.clone().key("tokenizer.ggml.add_eos_token", Value::Bool(true)).load();
    assert_eq!(written(&both, &both.encode("the", true, false).unwrap()), ["<s>", "▁the", "</s>"]);

    let gemma = plain.key("tokenizer.ggml.add_space_prefix", Value::Bool(false)).load();
    let ids = gemma.encode("the the", false, false).unwrap();
    assert_eq!(written(&gemma, &ids), ["t", "he", "▁the"]);
    assert_eq!(gemma.decode(&ids, true), "the the");
    // Nothing puts a space there, so one that is there is meant.
    assert_eq!(gemma.decode(&ids[2..], true), " the");
}

#[test]
fn control_tokens_are_parsed_on_demand_and_added_ones_always() {
    let tokenizer = with_bytes(WORDS).token("<|x|>", 0.0, CONTROL).token("<tag>", 0.0, USER_DEFINED).load();
    let (x, tag) = (tokenizer.id("<|x|>").unwrap(), tokenizer.id("<tag>").unwrap());
    let parsed = tokenizer.encode("a<|x|>the<tag>", false, true).unwrap();
    assert_eq!(written(&tokenizer, &parsed), ["▁", "a", "<|x|>", "▁the", "<tag>"]);
    let unparsed = tokenizer.encode("a<|x|>the<tag>", false, false).unwrap();
    assert!(!unparsed.contains(&x) && unparsed.contains(&tag));

    assert_eq!(tokenizer.decode(&unparsed, true), "a<|x|>the<tag>");
    assert_eq!(tokenizer.decode(&[x, tag], true), "<tag>");
    assert_eq!(tokenizer.decode(&[x, tag], false), "<|x|><tag>");
    assert!(tokenizer.is_special(x) && !tokenizer.is_special(tag));
    assert!(tokenizer.token_bytes(x).is_empty());
    assert_eq!(tokenizer.token_bytes(tag), b"<tag>");
}

#[test]
fn the_usual_names_end_an_answer_whatever_their_type() {
    let ended = with_bytes(WORDS).token("<|im_end|>", 0.0, USER_DEFINED).token("<|eom_id|>", 0.0, NORMAL).load();
    let ends: Vec<String> = written(&ended, ended.end_tokens());
    assert_eq!(ends, ["</s>", "<|im_end|>", "<|eom_id|>"]);
    assert!(ended.is_special(ended.id("<|im_end|>").unwrap()));

    let eot = with_bytes(WORDS).token("<done>", 0.0, CONTROL);
    let eot = eot.key("tokenizer.ggml.eot_token_id", Value::U32(269)).load();
    assert_eq!(written(&eot, eot.end_tokens()), ["</s>", "<done>"]);
}

#[test]
fn a_stream_shows_no_half_character_and_keeps_the_space_before_an_answer() {
    let tokenizer = Arc::new(with_bytes(WORDS).load());
    let byte = |byte: u8| 3 + u32::from(byte);
    let the = tokenizer.id("▁the").unwrap();

    let mut stream = tokenizer.decoder(true);
    assert_eq!(stream.push(1), "", "BOS");
    assert_eq!(stream.push(the), "the", "the first space was put there by the tokenizer");
    assert_eq!(stream.push(the), " the");
    for b in [0xF0, 0x9F, 0xA6] {
        assert_eq!(stream.push(byte(b)), "");
    }
    assert_eq!(stream.push(byte(0x99)), "🦙");
    assert_eq!(stream.push(byte(0xC3)), "");
    assert_eq!(stream.push(the), "\u{FFFD} the");
    assert_eq!(stream.push(byte(0xE2)), "");
    assert_eq!(stream.finish(), "\u{FFFD}");

    // After a prompt that is only BOS, the answer begins the text; after any other, it continues it.
    let mut answer = tokenizer.shared_decoder_after(&[1], true);
    assert_eq!(answer.push(the), "the");
    let mut answer = tokenizer.shared_decoder_after(&[1, the], true);
    assert_eq!(answer.push(the), " the");
    // Control tokens are left out but for those that are to be shown.
    let mut answer = tokenizer.shared_decoder_after(&[1, the], true).showing(vec![1]);
    assert_eq!([2, 1, the].map(|id| answer.push(id)), ["", "<s>", " the"]);
    // A character that the prompt began is finished in the answer.
    let mut answer = tokenizer.shared_decoder_after(&[the, byte(0xC3)], true);
    assert_eq!(answer.push(byte(0xA9)), "é");
    assert_eq!(answer.finish(), "");
}

#[test]
fn every_token_has_its_bytes() {
    let tokenizer = with_bytes(WORDS).load();
    assert_eq!(tokenizer.token_bytes(tokenizer.id("▁the").unwrap()), b" the");
    assert_eq!(tokenizer.token_bytes(3 + 0xF0), [0xF0]);
    assert!(tokenizer.token_bytes(1).is_empty());
    assert!(tokenizer.token_bytes(100_000).is_empty());
    assert_eq!(tokenizer.token(100_000), None);
    assert_eq!(tokenizer.decode(&[100_000], false), "");
    assert_eq!(tokenizer.describe(), "SentencePiece, 269 tokens");
}

#[test]
fn phi_3_swallows_the_white_space_after_its_turns() {
    let phi = with_bytes(WORDS)
        .token("<|user|>", 0.0, USER_DEFINED)
        .key("general.name", Value::String("Phi-3 Mini".into()))
        .load();
    let ids = phi.encode("<|user|>\n the", false, true).unwrap();
    assert_eq!(written(&phi, &ids), ["<|user|>", "▁the"]);
}
