//! The probability that is told with an answer is that of the whole answer under its constraint.

mod common;

use std::collections::BTreeMap;

use common::pocket;
use whit_engine::{Constraint, Constraints, Engine, Event, FinishReason, Grammar, Options, Request, Sampling};
use whit_model::Tokenizer;

fn options() -> Options {
    Options { threads: Some(1), context: Some(256), sequences: 4, memory: Some(1 << 32), ..Options::default() }
}

const PROMPT: [u32; 3] = [10, 20, 30];

/// What an answer came to.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    ids: Vec<u32>,
    text: String,
    reason: FinishReason,
    confidence: Option<f64>,
}

fn ask(engine: &mut Engine, request: Request) -> Told {
    let id = engine.submit(request).unwrap();
    let mut told = Told { ids: vec![], text: String::new(), reason: FinishReason::Length, confidence: None };
    while !engine.is_idle() {
        let step = engine.step(|event| match event {
            Event::Token { id, text, .. } => {
                told.ids.push(id);
                told.text += text;
            }
            Event::Finished { request, text, reason, confidence, .. } if request == id => {
                told.text += text;
                (told.reason, told.confidence) = (reason, confidence.first().copied());
            }
            _ => {}
        });
        step.unwrap();
    }
    told
}

fn asked(constraint: &Constraint, temperature: f32, sampling: Sampling) -> Request {
    Request {
        constraint: Some(constraint.clone()),
        confidence: vec![temperature],
        sampling,
        ..Request::new(PROMPT.to_vec())
    }
}

/// Pushed to say what begins with this token.
fn towards(id: u32) -> Sampling {
    Sampling { logit_bias: vec![(id, 1e4)], ..Sampling::default() }
}

/// The softmax at `temperature` over those of the logits after `tokens` that are of `ids`.
fn shares(engine: &mut Engine, tokens: &[u32], ids: &[u32], temperature: f64) -> Vec<f64> {
    let mut last = vec![];
    engine.logits(tokens, 64, &mut |_, logits| last = logits.to_vec()).unwrap();
    let weights: Vec<f64> = ids.iter().map(|&id| (f64::from(last[id as usize]) / temperature).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// Tokens that a text which begins like one of `labels` can begin with.
fn first_tokens(tokenizer: &Tokenizer, labels: &[&str]) -> Vec<u32> {
    let begins = |id: u32| {
        let bytes = tokenizer.token_bytes(id);
        !bytes.is_empty() && labels.iter().any(|label| label.as_bytes().starts_with(&bytes))
    };
    (0..tokenizer.vocab_size() as u32).filter(|&id| begins(id)).collect()
}

#[test]
fn the_probabilities_of_all_labels_add_up_to_one_and_are_the_softmax_of_what_is_allowed() {
    let (mut engine, tokenizer) = pocket(&options());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    // Each is known from its first letter: what comes after the first token is forced, and counts as certain.
    let labels = ["weather", "music", "alarm", "timer", "none"];
    let constraint = constraints.compile(&Grammar::Choice(labels.map(String::from).to_vec())).unwrap();
    let firsts = first_tokens(&tokenizer, &labels);
    assert!(firsts.len() > labels.len(), "some begin in several ways");
    for temperature in [1.0f32, 0.5, 2.5] {
        let expected = shares(&mut engine, &PROMPT, &firsts, temperature.into());
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (&first, expected) in firsts.iter().zip(expected) {
            let told = ask(&mut engine, asked(&constraint, temperature, towards(first)));
            assert_eq!((told.ids[0], told.reason), (first, FinishReason::Stop));
            let confidence = told.confidence.unwrap();
            assert!((confidence - expected).abs() < 1e-5, "{confidence} is not {expected} for {:?}", told.text);
            *sums.entry(told.text).or_default() += confidence;
        }
        assert_eq!(sums.keys().map(String::as_str).collect::<Vec<_>>(), ["alarm", "music", "none", "timer", "weather"]);
        assert!((sums.values().sum::<f64>() - 1.0).abs() < 1e-5, "{sums:?}");
    }
}

#[test]
fn it_is_a_product_over_all_choices_and_ends_are_choices_too() {
    let (mut engine, tokenizer) = pocket(&options());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    // After "ab" an answer may end, or go on.
    let constraint = constraints.compile(&Grammar::Regex("[ab]b?|c".into())).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|letter| tokenizer.encode(letter, false, false).unwrap()[0]);
    let ends = tokenizer.end_tokens().to_vec();
    let mut engine_of_logits = pocket(&options()).0;
    let firsts = first_tokens(&tokenizer, &["ab", "bb", "c"]);
    let mut all: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
    for seed in 0..400 {
        let sampling = Sampling { temperature: 20.0, seed, ..Sampling::default() };
        let told = ask(&mut engine, asked(&constraint, 1.0, sampling));
        assert_eq!(told.reason, FinishReason::Stop);
        let mut tokens = PROMPT.to_vec();
        let mut expected = 1.0;
        for &id in &told.ids {
            let allowed: Vec<u32> = match tokens.len() - PROMPT.len() {
                0 => firsts.clone(),
                _ => [vec![b], ends.clone()].concat(),
            };
            let at = allowed.iter().position(|&allowed| allowed == id).unwrap();
            expected *= shares(&mut engine_of_logits, &tokens, &allowed, 1.0)[at];
            tokens.push(id);
        }
        let confidence = told.confidence.unwrap();
        assert!((confidence - expected).abs() < 1e-5 * (1.0 + expected), "{told:?} is not {expected}");
        all.insert(told.ids, confidence);
    }
    assert!(
        all.len() >= 5 && all.keys().any(|ids| ids[0] == c) && all.keys().any(|ids| ids[..] == [a, ends[0]]),
        "{all:?}"
    );
    assert!((all.values().sum::<f64>() - 1.0).abs() < 1e-4, "{all:?}");
}

#[test]
fn sampling_and_company_do_not_change_it_and_what_is_cut_has_none() {
    let (mut engine, tokenizer) = pocket(&options());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    let schema = r#"{"type": "object", "properties": {"a": {"enum": ["x", "yy", null]}, "b": {"type": "boolean"}},
                     "required": ["a", "b"], "additionalProperties": false}"#;
    let constraint = constraints.compile(&Grammar::CompactJson(schema.into())).unwrap();
    let alone = ask(&mut engine, asked(&constraint, 1.3, Sampling::default()));
    assert!(alone.confidence.is_some_and(|confidence| (0.0..1.0).contains(&confidence)), "{alone:?}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&alone.text).unwrap().to_string(),
        alone.text,
        "no white space"
    );
    // Penalties and biases that happen to choose the same tokens.
    let pushed = Sampling {
        repetition_penalty: 1.01,
        logit_bias: alone.ids.iter().map(|&id| (id, 2.0)).collect(),
        ..Sampling::default()
    };
    assert_eq!(ask(&mut engine, asked(&constraint, 1.3, pushed)), alone);
    // What is forced is run token by token, and others run beside it.
    for salt in 0..3 {
        engine.submit(Request { max_tokens: Some(40), ..Request::new(vec![7 + salt, 8, 9]) }).unwrap();
    }
    let beside = ask(&mut engine, Request { logprobs: Some(1), ..asked(&constraint, 1.3, Sampling::default()) });
    assert_eq!(beside.confidence, alone.confidence);

    // Each of several temperatures is what it would be alone.
    let mut several = vec![];
    let temperatures = vec![0.3, 1.3, 9.0];
    engine.submit(Request { confidence: temperatures, ..asked(&constraint, 1.0, Sampling::default()) }).unwrap();
    while !engine.is_idle() {
        let step = engine.step(|event| {
            if let Event::Finished { confidence, .. } = event {
                several = confidence.to_vec();
            }
        });
        step.unwrap();
    }
    assert!(several.len() == 3 && several[0] > several[1] && several[1] > several[2], "{several:?}");
    assert_eq!(Some(several[1]), alone.confidence);

    let cut = Request { max_tokens: Some(2), ..asked(&constraint, 1.3, Sampling::default()) };
    assert_eq!(ask(&mut engine, cut).confidence, None);
    let stopped = Request { stop: vec!["\"b\"".into()], ..asked(&constraint, 1.3, Sampling::default()) };
    let stopped = ask(&mut engine, stopped);
    assert_eq!((stopped.reason, stopped.confidence), (FinishReason::Stop, None));
    let not_asked = Request { confidence: vec![], ..asked(&constraint, 1.0, Sampling::default()) };
    assert_eq!(ask(&mut engine, not_asked).confidence, None);

    let free = Request { confidence: vec![1.0], ..Request::new(PROMPT.to_vec()) };
    assert!(engine.submit(free).unwrap_err().to_string().contains("under a constraint"));
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = engine.submit(asked(&constraint, temperature, Sampling::default())).unwrap_err();
        assert!(error.to_string().contains("use 0.01 to 100"), "{error}");
    }
}
