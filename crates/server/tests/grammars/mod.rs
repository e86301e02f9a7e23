//! What the tests of the tool-call grammars share: llguidance over a vocabulary of bytes, with or without the markers
//! of calls as special tokens.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use llguidance::{
    Matcher, ParserFactory,
    api::TopLevelGrammar,
    toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie},
};
use serde_json::Value;
use whit_server::tools::{Event, Syntax, Tool};

mod answer;
pub use answer::Answer;

/// The token that ends an answer.
const END: u32 = 256;

/// A vocabulary of all bytes and, where they are tokens, the markers of a syntax.
pub struct Vocabulary {
    markers: Vec<&'static str>,
    factory: ParserFactory,
    /// Constraints by their grammars: to compile one takes longer than to use it.
    compiled: RefCell<HashMap<String, Matcher>>,
}

impl Vocabulary {
    pub fn new(syntax: &Syntax, markers_are_tokens: bool) -> Vocabulary {
        let markers = syntax.markers().chain(["<think>", "</think>"]);
        let markers: Vec<&str> = if markers_are_tokens { markers.collect() } else { Vec::new() };
        let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        words.push(b"\xFF<end>".to_vec());
        words.extend(markers.iter().map(|marker| [b"\xFF", marker.as_bytes()].concat()));
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, END), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&environment).expect("a vocabulary");
        factory.quiet();
        Vocabulary { markers, factory, compiled: RefCell::default() }
    }

    /// The token that is this marker.
    pub fn token(&self, marker: &str) -> Option<u32> {
        self.markers.iter().position(|other| *other == marker).map(|at| END + 1 + at as u32)
    }

    /// A constraint by a grammar in Lark, at the beginning of an answer.
    fn constraint(&self, grammar: &str) -> Matcher {
        let compile = || {
            let parser = self.factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned()));
            Matcher::new(Ok(parser.unwrap_or_else(|error| panic!("{error}\n{grammar}"))))
        };
        self.compiled.borrow_mut().entry(grammar.to_owned()).or_insert_with(compile).deep_clone()
    }

    fn tokens(&self, mut text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        while let Some(first) = text.chars().next() {
            let marker = self.markers.iter().position(|marker| text.starts_with(marker));
            let length = match marker {
                Some(at) => {
                    tokens.push(END + 1 + at as u32);
                    self.markers[at].len()
                }
                None => {
                    tokens.extend(text[..first.len_utf8()].bytes().map(u32::from));
                    first.len_utf8()
                }
            };
            text = &text[length..];
        }
        tokens
    }

    fn text(&self, tokens: &[u32]) -> String {
        let mut bytes = Vec::new();
        for &token in tokens {
            match u8::try_from(token) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend(self.markers[(token - END - 1) as usize].bytes()),
            }
        }
        String::from_utf8(bytes).expect("constrained to UTF-8")
    }

    /// How many bytes of `text` may be written, and whether the answer may end there.
    pub fn allows(&self, grammar: &str, text: &str) -> (usize, bool) {
        let mut matcher = self.constraint(grammar);
        let tokens = self.tokens(text);
        let allowed = matcher.try_consume_tokens(&tokens).expect("no error");
        (self.text(&tokens[..allowed]).len(), matcher.is_accepting().expect("no error"))
    }

    /// An answer of arbitrary tokens within the grammar, if it ends within so many.
    pub fn arbitrary(&self, grammar: &str, random: &mut Random, most: usize) -> Option<String> {
        let mut matcher = self.constraint(grammar);
        let mut tokens = Vec::new();
        while tokens.len() < most && !matcher.is_stopped() {
            let mask = matcher.compute_mask_or_eos().expect("a mask");
            let mut allowed = Vec::new();
            mask.iter_set_entries(|token| allowed.push(token as u32));
            let end = allowed.contains(&END);
            // A text that ends soon: what closes something, and ASCII, is likelier.
            let closing = b"\"]})e\n".map(u32::from);
            let likely: Vec<u32> = allowed.iter().copied().filter(|token| closing.contains(token)).collect();
            let from = if !likely.is_empty() && random.below(4) == 0 { &likely } else { &allowed };
            let token = if end && random.below(4) == 0 { END } else { from[random.below(from.len())] };
            if token == END {
                return Some(self.text(&tokens));
            }
            tokens.push(token);
            matcher.consume_token(token).expect("an allowed token");
        }
        matcher.is_stopped().then(|| self.text(&tokens))
    }
}

/// What is read of an answer.
pub fn read(syntax: &'static Syntax, tools: &[Tool], text: &str) -> Answer {
    let mut parser = syntax.parser(tools);
    let mut answer = Answer::default();
    answer.extend(parser.push(text));
    answer.extend(parser.finish());
    answer
}

/// A JSON value of arbitrary digits; nothing where they make a number too large to be read.
pub fn arbitrary_value(text: &str) -> Option<Value> {
    match serde_json::from_str(text) {
        Err(error) if error.to_string().starts_with("number out of range") => None,
        value => Some(value.expect("JSON")),
    }
}

/// Whether a value fits a schema, as far as the keywords go that the tests' schemas have.
pub fn fits(value: &Value, schema: &Value) -> bool {
    let of_type = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => true,
    };
    let listed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    let items = value.as_array().is_none_or(|items| items.iter().all(|item| fits(item, &schema["items"])));
    let properties = value.as_object().is_none_or(|properties| {
        let known = |(name, value): (&String, &Value)| fits(value, &schema["properties"][name]);
        let required = schema["required"].as_array().into_iter().flatten();
        properties.iter().all(known)
            && required.into_iter().all(|name| name.as_str().is_some_and(|name| properties.contains_key(name)))
    });
    of_type && listed && items && properties
}

/// A small generator (xorshift64), the same on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
