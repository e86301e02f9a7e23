//! A sequence's logits are the same bits whatever rides with it, however its prompt was cut, on any number of threads.

mod common;

use std::path::{Path, PathBuf};

use common::{folder, generate, load, logits};
use whit_engine::{Engine, Event, KvFormat, Options, Request, RequestId, Sampling, Speculation, Usage, WeightFormat};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

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
                        Event::Embedding { .. } => panic!("nobody asked for one"),
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

/// Tokens with the log-probabilities of the whole vocabulary at each, all bits of them.
type Answer = Vec<(u32, Vec<(u32, u32)>)>;

/// Runs the first request with the others beside it, and gives its answer, and what it took.
fn answer(engine: &mut Engine, request: &Request, others: &[Request]) -> (Answer, Usage) {
    // The others first, so that the request joins what is already running.
    for other in others {
        engine.submit(other.clone()).unwrap();
    }
    let mut id = None;
    let (mut answer, mut usage) = (Vec::new(), None);
    while id.is_none() || !engine.is_idle() {
        let step = engine.step(|event| match event {
            Event::Token { request, id: token, logprobs, .. } if Some(request) == id => {
                let top = &logprobs.expect("they were asked for").top;
                answer.push((token, top.iter().map(|(id, logprob)| (*id, logprob.to_bits())).collect()));
            }
            Event::Finished { request, usage: took, .. } if Some(request) == id => usage = Some(took),
            _ => {}
        });
        step.unwrap();
        if id.is_none() {
            id = Some(engine.submit(request.clone()).unwrap());
        }
    }
    (answer, usage.expect("it ends"))
}

#[test]
#[ignore = "needs models and a text from ../shared"]
fn real_text_has_the_same_logits_in_any_company_chunks_threads_cache_and_with_guesses() {
    let weights = folder("WHIT_WEIGHTS", "../shared/data/weights");
    let fixtures = folder("WHIT_FIXTURES", "../shared/fixtures");
    let text = std::fs::read_to_string(folder("WHIT_TEXT", "../shared/data/text/war-and-peace.txt"));
    let text = text.expect("set WHIT_TEXT");
    // A trained Llama with its own tokenizer; windows that slide and norms after each part; experts.
    let models = [weights.join("babyllama.gguf"), fixtures.join("gemma3"), fixtures.join("qwen3_moe")];
    for (model, format) in models
        .iter()
        .flat_map(|model| [WeightFormat::Q4, WeightFormat::Q8, WeightFormat::Bf16].map(|format| (model, format)))
    {
        let name = format!("{} in {format:?}", model.file_name().unwrap().display());
        let checkpoint = Checkpoint::open(model).unwrap();
        let mut spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
        // Longer than they were trained for: the same steps, and all sizes of them.
        spec.context_length = 640;
        let vocab = spec.vocab_size;
        let tokens: Vec<u32> = match Tokenizer::from_checkpoint(&checkpoint) {
            Ok(tokenizer) => tokenizer.encode(&text[3000..9000], false, false).unwrap(),
            // These models take bytes for tokens.
            Err(_) => text.bytes().map(|byte| u32::from(byte) % vocab as u32).collect(),
        };
        // More rows at once than a tile, a span of the attention or a piece of the products has.
        let long = &tokens[..570];
        let engine = |threads, sequences, speculation| {
            let options =
                Options { weights: format, speculation, batch_rows: Some(512), ..options(threads, sequences) };
            Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).unwrap()
        };
        let mut one = engine(1, 1, Speculation::Off);
        let reference = logits(&mut one, long, 1);
        let request = |start: usize, length: usize, most: usize| Request {
            max_tokens: Some(most),
            logprobs: Some(vocab),
            ..Request::new(tokens[start..start + length].to_vec())
        };
        // A prompt in two pieces of a step, the second of which gives the logits.
        let asked = request(20, 530, 24);
        let (want, _) = answer(&mut one, &asked, &[]);
        assert_eq!(want.len(), 24, "{name}");

        for threads in 1..=4 {
            let mut many = engine(threads, 64, Speculation::Off);
            for chunk in [4, 8, 23, 512] {
                let mut compared = 0;
                let each = &mut |position: usize, row: &[f32]| {
                    let same = row.iter().zip(&reference[position]).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{name}: {threads} threads, chunks of {chunk}, position {position}");
                    compared += 1;
                };
                many.logits(long, chunk, each).unwrap();
                assert!(compared > 100);
            }
            // So many that steps have 1 to 64 sequences, coming and going.
            for &others in &[1, 3, 7, 63][threads - 1..] {
                let others: Vec<Request> = (0..others).map(|i| request(7 * i, 1 + i % 40, 1 + i * 5 % 60)).collect();
                let (got, _) = answer(&mut many, &asked, &others);
                assert!(got == want, "{name}: {threads} threads, {} others", others.len());
            }
        }

        // What the same engine said before is found again, and a part of it by who begins alike.
        let mut cached = engine(2, 2, Speculation::Off);
        let short = request(20, 300, 8);
        let (first, none) = answer(&mut cached, &short, &[]);
        let (again, all) = answer(&mut cached, &short, &[]);
        let (longer, some) = answer(&mut cached, &asked, &[]);
        assert!(first == again && longer == want, "{name}: from the cache");
        assert!(none.cached_tokens == 0 && all.cached_tokens >= 256 && some.cached_tokens >= 256, "{name}");

        // A text that comes back, so that there is something to guess; the guesses are right now and then.
        let mut repeated = request(20, 100, 150);
        repeated.prompt = repeated.prompt.repeat(2);
        let (want, _) = answer(&mut one, &repeated, &[]);
        for (threads, speculation) in [(1, Speculation::Always), (2, Speculation::Always), (2, Speculation::Auto)] {
            let (got, usage) = answer(&mut engine(threads, 4, speculation), &repeated, &[request(0, 9, 80)]);
            assert!(got == want, "{name}: {threads} threads, guessing {speculation:?}");
            println!("{name}: {threads} threads, guessing {speculation:?}: {} came true", usage.guessed_right);
        }
    }
}
