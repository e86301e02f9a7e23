//! Numbers that leave the range of floats are found out, and cost nobody but whoever they belong to.

mod common;
#[path = "common/overflow.rs"]
mod overflow;

use std::sync::Arc;

use common::{load, logits};
use overflow::{overflowing_at, overflowing_everywhere};
use whit_engine::{
    Constraints, Engine, EngineError, Event, FinishReason, Grammar, KvFormat, Options, Pooling, Request, Sampling, Task,
};
use whit_model::{Checkpoint, Tokenizer};

const KV_FORMATS: [KvFormat; 4] = [KvFormat::F16, KvFormat::BF16, KvFormat::Q8, KvFormat::F32];

fn options(kv_format: KvFormat) -> Options {
    Options {
        threads: Some(2),
        context: Some(128),
        kv_format,
        sequences: 6,
        memory: Some(1 << 32),
        ..Options::default()
    }
}

/// Some text without [`BAD`].
fn ids(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i * 31 + i * 7 + salt * 101) % 300 + 5).collect()
}

/// The token whose numbers overflow. Nobody may say it.
const BAD: u32 = 333;

#[test]
fn a_quantised_model_that_overflows_gives_no_logits() {
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model.gguf");
    overflowing_everywhere(&model);
    for kv_format in KV_FORMATS {
        let mut engine = load(&model, options(kv_format)).unwrap();
        for row in logits(&mut engine, &ids(40, 1), 8) {
            assert!(row.iter().all(|logit| logit.is_nan()), "{kv_format:?}: {:?}", &row[..4]);
        }
    }
}

#[test]
fn what_comes_after_an_overflow_has_no_logits_and_what_came_before_is_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    overflowing_at(BAD, scratch.path());
    for kv_format in KV_FORMATS {
        let mut engine = load(scratch.path(), options(kv_format)).unwrap();
        let mut tokens = ids(90, 2);
        let sound = logits(&mut engine, &tokens, 1);
        tokens[37] = BAD;
        for chunk in [1, 5, 64] {
            let rows = logits(&mut engine, &tokens, chunk);
            assert!(rows[..37] == sound[..37], "{kv_format:?}, chunks of {chunk}");
            let is_nan = |row: &Vec<f32>| row.iter().all(|logit| logit.is_nan());
            assert!(rows[37..].iter().all(is_nan), "{kv_format:?}, chunks of {chunk}");
        }
    }
}

/// What a request was told: tokens, with all bits of the vocabulary's log-probabilities; a vector; and its end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    tokens: Vec<(u32, Vec<u32>)>,
    vector: Vec<u32>,
    end: Option<FinishReason>,
}

/// Runs requests that join a step apart; what each of them was told.
fn together(engine: &mut Engine, requests: &[Request]) -> Vec<Told> {
    let (mut waiting, mut ids, mut told) = (requests.iter(), Vec::new(), vec![Told::default(); requests.len()]);
    while ids.len() < requests.len() || !engine.is_idle() {
        ids.extend(waiting.next().map(|request| engine.submit(request.clone()).unwrap()));
        let step = engine.step(|event| {
            let (Event::Token { request, .. } | Event::Embedding { request, .. } | Event::Finished { request, .. }) =
                event;
            let told = &mut told[ids.iter().position(|id| *id == request).unwrap()];
            assert_eq!(told.end, None, "nothing comes after the end");
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
            match event {
                Event::Token { id, logprobs, .. } => {
                    let top: Vec<f32> = logprobs.unwrap().top.iter().map(|(_, logprob)| *logprob).collect();
                    told.tokens.push((id, bits(&top)));
                }
                Event::Embedding { vector, .. } => told.vector = bits(vector),
                Event::Finished { reason, .. } => told.end = Some(reason),
            }
        });
        step.unwrap();
    }
    told
}

fn request(prompt: Vec<u32>) -> Request {
    let sampling = Sampling { logit_bias: vec![(BAD, f32::NEG_INFINITY)], ..Sampling::default() };
    Request { max_tokens: Some(30), logprobs: Some(448), sampling, ..Request::new(prompt) }
}

fn embedding(pooling: Pooling, prompt: Vec<u32>) -> Request {
    Request { task: Task::Embed(pooling), ..request(prompt) }
}

#[test]
fn who_overflows_ends_alone_and_the_others_are_told_the_same_bits() {
    let scratch = tempfile::tempdir().unwrap();
    overflowing_at(BAD, scratch.path());
    let load = |kv_format| load(scratch.path(), options(kv_format)).unwrap();
    let with_bad = |mut prompt: Vec<u32>, at: usize| {
        prompt[at] = BAD;
        prompt
    };
    let sound = [
        request(ids(70, 1)),
        embedding(Pooling::Mean, ids(50, 2)),
        request(ids(9, 3)),
        embedding(Pooling::Last, ids(40, 4)),
        request(ids(33, 7)),
    ];
    // Last, first and in the middle; after what others begin with too, so that they find it in the cache.
    let bad = [
        request(with_bad(ids(70, 1), 69)),
        request(with_bad(ids(40, 5), 0)),
        embedding(Pooling::Mean, with_bad(ids(50, 2), 20)),
        embedding(Pooling::Last, with_bad(ids(80, 4), 45)),
        request(with_bad(ids(70, 1), 34)),
    ];
    for kv_format in KV_FORMATS {
        let alone: Vec<Told> = sound
            .iter()
            .map(|request| together(&mut load(kv_format), std::slice::from_ref(request)).remove(0))
            .collect();
        assert!(alone.iter().all(|told| told.end != Some(FinishReason::NotFinite)));
        let mut engine = load(kv_format);
        let pairs = |first: &[Request], second: &[Request]| -> Vec<Request> {
            first.iter().zip(second).flat_map(|(first, second)| [first.clone(), second.clone()]).collect()
        };
        // Twice: the second time in blocks that held what overflowed.
        for bad_at in [0, 1, 0, 1] {
            let requests = if bad_at == 0 { pairs(&bad, &sound) } else { pairs(&sound, &bad) };
            for (at, told) in together(&mut engine, &requests).into_iter().enumerate() {
                match at % 2 == bad_at {
                    true => assert_eq!(told, Told { end: Some(FinishReason::NotFinite), ..Told::default() }),
                    false => assert!(told == alone[at / 2], "{kv_format:?}: {at}"),
                }
            }
            assert_eq!(engine.occupancy().blocks_used, 0);
        }
    }
}

#[test]
fn an_overflow_is_not_taken_for_a_constraint_that_cannot_be_followed() {
    let scratch = tempfile::tempdir().unwrap();
    overflowing_at(BAD, scratch.path());
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&Checkpoint::open(scratch.path()).unwrap()).unwrap());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    let constraint = constraints.compile(&Grammar::Regex("[a-z]{5}x*".into())).unwrap();
    let mut engine = load(scratch.path(), options(KvFormat::F16)).unwrap();
    let within = |prompt| Request { constraint: Some(constraint.clone()), ..request(prompt) };
    let told = together(&mut engine, &[within(vec![5, 9]), within(vec![5, BAD])]);
    assert!(told[0].tokens.len() > 1 && told[0].end != Some(FinishReason::NotFinite));
    assert_eq!(told[1], Told { end: Some(FinishReason::NotFinite), ..Told::default() });
}

#[test]
fn a_likelihood_that_is_no_number_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    overflowing_at(BAD, scratch.path());
    let [mut engine, mut other] = [0; 2].map(|_| load(scratch.path(), options(KvFormat::F16)).unwrap());
    let mut tokens = ids(40, 6);
    assert!(engine.log_likelihoods(&tokens).is_ok());
    assert!(engine.compare(&mut other, &tokens, 0, &mut |_| {}).is_ok());
    tokens[20] = BAD;
    assert!(matches!(engine.log_likelihoods(&tokens), Err(EngineError::NotFinite)));
    let mut compared = 0;
    let result = engine.compare(&mut other, &tokens, 0, &mut |_| compared += 1);
    assert!(matches!(result, Err(EngineError::NotFinite)) && compared == 20, "{compared}");
}
