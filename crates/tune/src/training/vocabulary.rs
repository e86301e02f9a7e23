//! The tokens of a decoder that is trained from scratch.
//!
//! Byte-level BPE (Sennrich et al., 2016), but no token crosses a word's edge: a word is spelled alike wherever it
//! stands, so that copying it from the input into the answer is copying tokens. What stands around the values in JSON
//! answers, and labels, are tokens of their own: answers get short, and a label is one choice.

use std::collections::{HashMap, HashSet};

use ahash::AHashMap;
use compact_str::CompactString;
use serde_json::Value;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use whit_engine::brick::Contract;

use crate::TuneError;
use crate::training::data::Example;

/// Ends every answer.
pub const END: &str = "<|endoftext|>";
/// Answers in which a piece around values stands, at least, to be a token.
const RARE: usize = 4;
/// Such tokens, at most.
const MOST_PIECES: usize = 1024;
/// Stands for a value while pieces are looked for; no text has it.
const VALUE: char = '\u{f8ff}';

/// Tokens, in llama.cpp's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// By id: [`END`], the bytes and what BPE made of them in GPT-2's spelling, then whole pieces as they are.
    pub tokens: Vec<String>,
    /// Pairs, first to last, with a space between.
    pub merges: Vec<String>,
    /// How many of the last tokens are whole pieces.
    pub pieces: usize,
}

impl Vocabulary {
    /// Learns about `size` tokens from inputs and outputs that keep `contract`.
    ///
    /// # Errors
    /// [`TuneError::Option`] if `size` leaves no room beside the bytes and the pieces of the answers.
    pub fn learn(examples: &[&Example], contract: &Contract, size: usize) -> Result<Vocabulary, TuneError> {
        let pieces = pieces(examples, contract);
        let room = size.saturating_sub(pieces.len());
        if room < 300 {
            return Err(TuneError::Option(format!(
                "a vocabulary of {size} tokens has no room for words beside 256 bytes and {} pieces of answers: raise --vocab to {} or more",
                pieces.len(),
                pieces.len() + 300
            )));
        }
        let splitter = Splitter::new(&pieces);
        let mut words: AHashMap<CompactString, u64> = AHashMap::new();
        for example in examples {
            let answer = contract.text_of(&example.output).unwrap_or_default();
            for text in splitter.rest(&answer).into_iter().chain([example.input.text().as_str()]) {
                each_word(text, |word| *words.entry(word.into()).or_default() += 1);
            }
        }
        let words = words.into_iter().map(|(word, count)| (spelled(&word), count)).collect();
        let trainer = BpeTrainer::builder()
            .vocab_size(room - 1)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet((0..=255u8).map(spelled_byte).collect())
            .build();
        let failed = |error: tokenizers::Error| TuneError::Data(format!("no vocabulary can be learned: {error}"));
        let mut model = BPE::default();
        trainer.do_train(&words, &mut model).map_err(failed)?;
        let document = serde_json::to_value(&model).map_err(|error| failed(error.into()))?;
        let merges = document["merges"].as_array().into_iter().flatten().filter_map(|merge| match merge {
            Value::String(merge) => Some(merge.clone()),
            Value::Array(pair) => Some(format!("{} {}", pair.first()?.as_str()?, pair.get(1)?.as_str()?)),
            _ => None,
        });
        let mut by_id: Vec<(u32, String)> = model.get_vocab().into_iter().map(|(token, id)| (id, token)).collect();
        by_id.sort_unstable();
        let mut tokens = vec![END.to_owned()];
        tokens.extend(by_id.into_iter().map(|(_, token)| token));
        let known: HashSet<&str> = tokens.iter().map(String::as_str).collect();
        let pieces: Vec<String> = pieces.into_iter().filter(|piece| !known.contains(piece.as_str())).collect();
        let count = pieces.len();
        tokens.extend(pieces);
        Ok(Vocabulary { tokens, merges: merges.collect(), pieces: count })
    }
}

/// What stands around values in the answers, most frequent first; of labels and texts, whole ones that come again and
/// again. Not what stands in inputs too: it would be cut out of them.
fn pieces(examples: &[&Example], contract: &Contract) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for example in examples {
        let found: HashSet<String> = match (contract, &example.output) {
            (Contract::Labels(_) | Contract::Text, Value::String(text)) => [text.clone()].into(),
            (_, value) => {
                let mut frame = String::new();
                write_frame(value, &mut frame);
                frame.split(VALUE).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
            }
        };
        for piece in found {
            *counts.entry(piece).or_default() += 1;
        }
    }
    let is_word = |piece: &str| piece.chars().all(|c| c.is_alphanumeric() || c == ' ');
    let mut pieces: Vec<(String, usize)> = counts
        .into_iter()
        .filter(|(piece, count)| *count >= RARE && !is_word(piece) && piece.chars().count() > 1)
        .collect();
    pieces.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    pieces.truncate(MOST_PIECES);
    for example in examples {
        let text = example.input.text();
        pieces.retain(|(piece, _)| !text.contains(piece.as_str()));
    }
    pieces.into_iter().map(|(piece, _)| piece).collect()
}

/// The JSON text of `value` with [`VALUE`] for each string's content and each number.
fn write_frame(value: &Value, frame: &mut String) {
    match value {
        Value::Object(object) => {
            frame.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    frame.push(',');
                }
                frame.push_str(&Value::from(key.as_str()).to_string());
                frame.push(':');
                // A call's name is as good as a key.
                match value {
                    Value::String(name) if key == "name" && object.contains_key("arguments") => {
                        frame.push_str(&Value::from(name.as_str()).to_string());
                    }
                    value => write_frame(value, frame),
                }
            }
            frame.push('}');
        }
        Value::Array(values) => {
            frame.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    frame.push(',');
                }
                write_frame(value, frame);
            }
            frame.push(']');
        }
        Value::String(_) => frame.extend(['"', VALUE, '"']),
        Value::Number(_) => frame.push(VALUE),
        word => frame.push_str(&word.to_string()),
    }
}

/// Finds pieces in answers, the longest first, as encoders find added tokens.
struct Splitter<'p> {
    /// By their first byte.
    pieces: HashMap<u8, Vec<&'p str>>,
}

impl<'p> Splitter<'p> {
    fn new(pieces: &'p [String]) -> Splitter<'p> {
        let mut by_first: HashMap<u8, Vec<&str>> = HashMap::new();
        for piece in pieces {
            by_first.entry(piece.as_bytes()[0]).or_default().push(piece);
        }
        by_first.values_mut().for_each(|pieces| pieces.sort_unstable_by_key(|piece| std::cmp::Reverse(piece.len())));
        Splitter { pieces: by_first }
    }

    /// What no piece covers.
    fn rest<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let (mut rest, mut from, mut at) = (Vec::new(), 0, 0);
        while at < text.len() {
            let here = self.pieces.get(&text.as_bytes()[at]).into_iter().flatten();
            match here.into_iter().find(|piece| text[at..].starts_with(**piece)) {
                Some(piece) => {
                    rest.push(&text[from..at]);
                    at += piece.len();
                    from = at;
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        rest.push(&text[from..]);
        rest.retain(|part| !part.is_empty());
        rest
    }
}

/// Cuts a text into runs of letters, the endings that an apostrophe begins, and single other characters.
///
/// Each lies within one of the words that the pre-tokenizer `qwen2` cuts, so that what is learned of one is found in
/// the other.
fn each_word(text: &str, mut each: impl FnMut(&str)) {
    const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let length = match ENDINGS.iter().find(|ending| rest.starts_with(**ending)) {
            Some(ending) => ending.len(),
            None if letters > 0 => letters,
            None => first.len_utf8(),
        };
        each(&rest[..length]);
        at += length;
    }
}

/// Bytes as GPT-2 spells them.
fn spelled(text: &str) -> CompactString {
    text.bytes().map(spelled_byte).collect()
}

/// Printable bytes are themselves, the others follow from U+0100 on (`bytes_to_unicode` of GPT-2's encoder).
fn spelled_byte(byte: u8) -> char {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match is_printable(byte) {
        true => char::from(byte),
        false => {
            let before = (0..byte).filter(|&byte| !is_printable(byte)).count() as u32;
            char::from_u32(0x100 + before).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::training::data::{Input, Split};

    fn example(input: String, output: Value) -> Example {
        Example { input: Input::Text(input), output, split: Split::Train }
    }

    fn examples() -> Vec<Example> {
        let line = |at: usize| {
            let word = ["pasta", "tea", "eggs", "rice"][at % 4];
            let call = json!({"name": "set_timer", "arguments": {"duration": format!("PT{at}M"), "label": word}});
            example(format!("timer, {at} minutes for {word}"), call)
        };
        (0..40).map(line).collect()
    }

    fn learn(examples: &[Example], size: usize) -> Result<Vocabulary, TuneError> {
        let contract = match examples[0].output {
            Value::String(_) => Contract::Labels(vec!["balance".into(), "pay_bill".into()]),
            _ => Contract::Schema(json!({})),
        };
        Vocabulary::learn(&examples.iter().collect::<Vec<_>>(), &contract, size)
    }

    #[test]
    fn what_stands_around_values_is_whole() {
        let vocabulary = learn(&examples(), 400).unwrap();
        let pieces = &vocabulary.tokens[vocabulary.tokens.len() - vocabulary.pieces..];
        let expected = [r#"","label":""#, r#""}}"#, r#"{"name":"set_timer","arguments":{"duration":""#];
        assert_eq!(pieces.len(), 3, "{pieces:?}");
        assert!(expected.iter().all(|piece| pieces.iter().any(|own| own == piece)), "{pieces:?}");
    }

    #[test]
    fn no_token_crosses_the_edge_of_a_word() {
        let vocabulary = learn(&examples(), 400).unwrap();
        assert!(vocabulary.tokens.iter().any(|token| token == "pasta"));
        let words = &vocabulary.tokens[257..vocabulary.tokens.len() - vocabulary.pieces];
        assert!(words.iter().all(|token| token.chars().all(char::is_alphabetic)), "{words:?}");
    }

    #[test]
    fn a_label_that_inputs_have_too_is_spelled_like_them() {
        let examples: Vec<Example> =
            (0..40).map(|at| example("what's my balance".into(), ["balance", "pay_bill"][at % 2].into())).collect();
        let vocabulary = learn(&examples, 400).unwrap();
        assert_eq!(vocabulary.pieces, 1);
        assert_eq!(vocabulary.tokens.last().map(String::as_str), Some("pay_bill"));
    }

    #[test]
    fn a_vocabulary_without_room_is_refused() {
        assert!(learn(&examples(), 300).unwrap_err().to_string().contains("raise --vocab"));
    }
}
