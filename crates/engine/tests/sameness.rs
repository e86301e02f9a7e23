//! A sequence's logits are the same bits whatever rides with it, however its prompt was cut, on any number of threads.

mod common;

use std::path::{Path, PathBuf};

use common::{generate, load, logits};
use whit_engine::{Engine, Event, KvFormat, Options, Request, RequestId, Sampling, Speculation};

/// The repository's own model, float and quantised.
fn models() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    ["pocket", "pocket-f16.gguf", "pocket-q8_0.gguf", "pocket-q4_0.gguf"].map(|name| fixtures.join(name)).into()
}

fn options(threads: usize, sequences: usize) -> Options {
    Options { threads: Some(threads), sequences, memory: Some(1 << 32), ..Options::default() }
}

/// Some text: ids that wander over a small vocabulary.
fn ids(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i * 31 + i * 7 + salt * 101) % 400 + 5).collect()
}

#[test]
fn chunks_and_threads_do_not_change_a_bit() {
    for model in models() {
        // Longer than a span of the attention, and than a piece of the products with many rows.
        let tokens = ids(600, 1);
        let reference = logits(&mut load(&model, options(1, 1)).unwrap(), &tokens, 1);
        for threads in 1..=4 {
            let mut engine = load(&model, options(threads, 1)).unwrap();
            // One by one on an odd number of threads only: it takes the longest.
            let chunks: &[usize] = if threads == 3 { &[1, 4, 8, 23, 512] } else { &[4, 8, 23, 512] };
            for &chunk in chunks {
                let mut compared = 0;
                let each = &mut |position: usize, row: &[f32]| {
                    assert!(row == reference[position], "{}: {threads} threads, chunks of {chunk}", model.display());
                    compared += 1;
                };
                engine.logits(&tokens, chunk, each).unwrap();
                assert!(compared > 100);
            }
        }
    }
}

/// Runs requests that join one after the other, a step apart, and collects what each of them says.
fn together(engine: &mut Engine, requests: &[Request], steps_between: usize) -> Vec<Vec<u32>> {
    let mut answers: Vec<(RequestId, Vec<u32>)> = Vec::new();
    let mut waiting = requests.iter();
    let mut step = 0;
    while answers.len() < requests.len() || !engine.is_idle() {
        let joining = if step % steps_between == 0 { waiting.next() } else { None };
        if let Some(request) = joining {
            answers.push((engine.submit(request.clone()).unwrap(), Vec::new()));
        }
        let stepped = engine.step(|event| {
            if let Event::Token { request, id, .. } = event {
                answers.iter_mut().find(|(id, _)| *id == request).unwrap().1.push(id);
            }
        });
        stepped.unwrap();
        step += 1;
    }
    answers.into_iter().map(|(_, ids)| ids).collect()
}

#[test]
fn seven_sequences_that_join_and_leave_say_the_same_as_alone() {
    for model in models() {
        // Different lengths of prompt and answer, so that they come and go at different steps; some greedy, some drawn.
        let requests: Vec<Request> = (0..7)
            .map(|i| Request {
                max_tokens: Some(5 + 7 * ((i * 3) % 7)),
                sampling: Sampling {
                    temperature: if i % 2 == 0 { 0.0 } else { 0.9 },
                    seed: i as u64,
                    ..Sampling::default()
                },
                ..Request::new(ids(3 + 11 * i, i as u32))
            })
            .collect();
        let alone: Vec<Vec<u32>> = requests
            .iter()
            .map(|request| generate(&mut load(&model, options(1, 1)).unwrap(), request.clone()))
            .collect();
        for (steps_between, threads) in [(1, 2), (4, 3)] {
            let mut engine = load(&model, options(threads, 7)).unwrap();
            assert_eq!(together(&mut engine, &requests, steps_between), alone, "{}", model.display());
        }
    }
}

#[test]
fn a_prompt_found_in_the_cache_says_the_same_and_is_not_run_again() {
    for model in models() {
        for kv_format in [KvFormat::F16, KvFormat::BF16, KvFormat::Q8, KvFormat::F32] {
            let mut engine = load(&model, Options { kv_format, ..options(2, 2) }).unwrap();
            let request = Request { max_tokens: Some(20), ..Request::new(ids(70, 3)) };
            let first = generate(&mut engine, request.clone());
            let longer = Request { prompt: [ids(70, 3), first.clone()].concat(), ..request.clone() };
            let alone = generate(&mut load(&model, Options { kv_format, ..options(1, 2) }).unwrap(), longer.clone());
            for (request, want, cached) in [(request, first, 64), (longer, alone, 64)] {
                engine.submit(request).unwrap();
                let mut ids = Vec::new();
                while !engine.is_idle() {
                    let step = engine.step(|event| match event {
                        Event::Token { id, .. } => ids.push(id),
                        Event::Finished { usage, .. } => assert_eq!(usage.cached_tokens, cached),
                    });
                    step.unwrap();
                }
                assert_eq!(ids, want);
            }
        }
    }
}

#[test]
fn a_cancelled_request_frees_its_memory_and_disturbs_nobody() {
    let model = &models()[1];
    let request = |salt| Request { max_tokens: Some(60), ..Request::new(ids(40, salt)) };
    let alone = generate(&mut load(model, options(1, 1)).unwrap(), request(1));
    // Room for two: the third waits until the second is cancelled.
    let mut engine = load(model, options(2, 1)).unwrap();
    let mut answer = Vec::new();
    let first = engine.submit(request(1)).unwrap();
    let second = engine.submit(request(2)).unwrap();
    for step in 0.. {
        if step == 10 {
            engine.cancel(second);
            engine.cancel(second);
        }
        let stepped = engine.step(|event| match event {
            Event::Token { request, id, .. } if request == first => answer.push(id),
            Event::Finished { request, .. } => assert_eq!(request, first),
            _ => {}
        });
        stepped.unwrap();
        if engine.is_idle() {
            break;
        }
    }
    assert_eq!(answer, alone);
    let third = generate(&mut engine, request(3));
    assert_eq!(third, generate(&mut load(model, options(1, 1)).unwrap(), request(3)));
}

#[test]
fn guessing_ahead_changes_no_token_and_saves_steps() {
    for model in models() {
        // A text that repeats itself, continued greedily and by lot.
        let prompt: Vec<u32> = ids(12, 4).repeat(5);
        for sampling in [
            Sampling::default(),
            Sampling { temperature: 0.7, seed: 3, repetition_penalty: 1.05, ..Sampling::default() },
        ] {
            let request = Request { max_tokens: Some(150), sampling, ..Request::new(prompt.clone()) };
            let run = |speculation: Speculation, others: usize| {
                let mut engine = load(&model, Options { speculation, ..options(2, 1 + others) }).unwrap();
                for other in 0..others {
                    engine.submit(Request { max_tokens: Some(40), ..Request::new(ids(20, other as u32)) }).unwrap();
                }
                let id = engine.submit(request.clone()).unwrap();
                let (mut answer, mut steps, mut saved) = (Vec::new(), 0, 0);
                while !engine.is_idle() {
                    steps += 1;
                    let step = engine.step(|event| match event {
                        Event::Token { request, id: token, .. } if request == id => answer.push(token),
                        Event::Finished { request, usage, .. } if request == id => saved = usage.guessed_right,
                        _ => {}
                    });
                    step.unwrap();
                }
                (answer, steps, saved)
            };
            let (want, all, none) = run(Speculation::Off, 0);
            assert_eq!((want.len(), all, none), (150, 150, 0));
            for (speculation, others) in
                [0, 1, 5].iter().flat_map(|&n| [(Speculation::Always, n), (Speculation::Auto, n)])
            {
                let (answer, steps, saved) = run(speculation, others);
                assert_eq!(answer, want, "{}, {others} others", model.display());
                assert!(steps + saved >= 150 && (others > 0 || steps + saved == 150));
                if others == 0 && speculation == Speculation::Always && request.sampling.temperature == 0.0 {
                    assert!(saved > 10, "{}: only {saved} guesses came true", model.display());
                }
            }
        }
    }
}
