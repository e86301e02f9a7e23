//! Sequences share the KV cache as they grow: whoever has to give way comes back and goes on as if nothing had been.

mod common;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::{finish, folder, pocket, run};
use serde_json::json;
use whit_engine::{
    Constraints, Engine, Event, FinishReason, Grammar, Options, Pooling, Request, RequestId, Sampling, Speculation,
    Task, Usage,
};
use whit_model::{Checkpoint, DecoderSpec};

/// Positions of a block.
const BLOCK: usize = 32;

/// Room for so many sequences of full context, and more of shorter ones. A token a step.
fn options(context: usize, sequences: usize) -> Options {
    Options {
        threads: Some(2),
        context: Some(context),
        sequences,
        memory: Some(1 << 32),
        speculation: Speculation::Off,
        ..Options::default()
    }
}

fn ids(n: usize, salt: usize) -> Vec<u32> {
    (0..n).map(|i| 5 + ((i * i * 31 + i * 7 + salt * 101) % 400) as u32).collect()
}

/// All that a request was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    ids: Vec<u32>,
    text: String,
    /// All bits of the log-probabilities.
    logprobs: Vec<(u32, u32)>,
    vector: Vec<u32>,
    end: Option<FinishReason>,
}

/// What requests are told, as it comes.
#[derive(Default)]
struct Record {
    told: HashMap<RequestId, Told>,
    usage: HashMap<RequestId, Usage>,
}

impl Record {
    /// A step; how many tokens each request was told in it.
    fn step(&mut self, engine: &mut Engine) -> HashMap<RequestId, usize> {
        let mut tokens = HashMap::new();
        let step = engine.step(|event| {
            let (Event::Token { request, .. } | Event::Embedding { request, .. } | Event::Finished { request, .. }) =
                event;
            let told = self.told.entry(request).or_default();
            assert_eq!(told.end, None, "nothing comes after the end");
            match event {
                Event::Token { id, text, logprobs, .. } => {
                    *tokens.entry(request).or_default() += 1;
                    told.ids.push(id);
                    told.text += text;
                    if let Some(logprobs) = logprobs {
                        told.logprobs.push((id, logprobs.logprob.to_bits()));
                        told.logprobs.extend(logprobs.top.iter().map(|(id, logprob)| (*id, logprob.to_bits())));
                    }
                }
                Event::Embedding { vector, .. } => {
                    assert!(told.vector.is_empty(), "told once");
                    told.vector = vector.iter().map(|value| value.to_bits()).collect();
                }
                Event::Finished { text, reason, usage, .. } => {
                    assert_eq!(usage.generated_tokens, told.ids.len(), "every token was told, and once");
                    told.text += text;
                    told.end = Some(reason);
                    self.usage.insert(request, usage);
                }
            }
        });
        step.unwrap();
        tokens
    }

    fn finish(&mut self, engine: &mut Engine) {
        while !engine.is_idle() {
            self.step(engine);
        }
    }
}

fn alone(engine: &mut Engine, request: &Request) -> Told {
    let mut record = Record::default();
    let id = engine.submit(request.clone()).unwrap();
    record.finish(engine);
    record.told.remove(&id).unwrap()
}

/// Requests of every kind, and what they come to alone.
fn every_kind(options: &Options) -> Vec<(Request, Told)> {
    let (mut engine, tokenizer) = pocket(options);
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    let schema = json!({
        "type": "object",
        "properties": { "name": { "type": "string", "maxLength": 60 }, "old": { "type": "boolean" },
                        "words": { "type": "array", "items": { "enum": ["red", "green", "light blue"] } } },
        "required": ["name", "old", "words"],
        "additionalProperties": false,
    });
    let schema = constraints.compile(&Grammar::JsonSchema(schema.to_string())).unwrap();
    let letters = constraints.compile(&Grammar::Regex("(the [a-z]{3,9} and )*".into())).unwrap();
    let hot = |seed| Sampling { temperature: 1.5, seed, ..Sampling::default() };
    let penalties = Sampling {
        temperature: 0.8,
        top_p: 0.95,
        repetition_penalty: 1.2,
        presence_penalty: 0.3,
        frequency_penalty: 0.2,
        seed: 11,
        ..Sampling::default()
    };
    let plain = |n, salt| Request::new(ids(n, salt));
    let mut requests = vec![
        plain(20, 1),
        Request { max_tokens: Some(90), ..plain(70, 2) },
        Request { sampling: hot(5), ..plain(33, 3) },
        Request { sampling: penalties.clone(), logprobs: Some(4), ..plain(9, 4) },
        Request { constraint: Some(schema.clone()), sampling: hot(6), ..plain(15, 5) },
        Request { constraint: Some(letters), sampling: hot(7), logprobs: Some(2), ..plain(40, 6) },
        Request { prompt: ids(12, 7).repeat(5), ..plain(1, 0) },
        Request { task: Task::Embed(Pooling::Mean), ..plain(100, 8) },
        Request { task: Task::Embed(Pooling::Last), ..plain(64, 9) },
        Request { max_tokens: Some(0), ..plain(5, 10) },
        Request { sampling: hot(12), ..plain(20, 1) },
        Request { constraint: Some(schema), sampling: hot(13), ..plain(65, 11) },
    ];
    // A stop text that does come, late: what could be its beginning is held back until then.
    let stopped = Request { sampling: Sampling { seed: 21, ..penalties }, ..plain(24, 12) };
    let text = alone(&mut engine, &stopped).text;
    let end = text.char_indices().rev().nth(20).unwrap().0;
    let start = text[..end].char_indices().rev().nth(9).unwrap().0;
    requests.push(Request { stop: vec![text[start..end].to_owned(), "\u{1f999}".into()], ..stopped });
    requests.into_iter().map(|request| (request.clone(), alone(&mut engine, &request))).collect()
}

#[test]
fn sequences_that_outgrow_the_memory_say_the_same_as_alone() {
    for speculation in [Speculation::Off, Speculation::Always] {
        let options = |context, sequences, threads, batch_rows| Options {
            speculation,
            threads: Some(threads),
            batch_rows: Some(batch_rows),
            ..options(context, sequences)
        };
        let kinds = every_kind(&options(256, 1, 1, 512));
        for (sequences, threads, batch_rows) in [(1, 1, 512), (2, 2, 50), (3, 3, 512)] {
            let (mut engine, _) = pocket(&options(256, sequences, threads, batch_rows));
            let mut record = Record::default();
            let asked: Vec<_> = kinds
                .iter()
                .chain(&kinds)
                .map(|(request, want)| (engine.submit(request.clone()).unwrap(), want))
                .collect();
            let mut most = 0;
            while !engine.is_idle() {
                record.step(&mut engine);
                most = most.max(engine.occupancy().running);
            }
            for (id, want) in asked {
                assert_eq!(record.told[&id], *want, "{sequences} sequences, {speculation:?}");
                let Usage { prompt_tokens, cached_tokens, .. } = record.usage[&id];
                assert!(cached_tokens < prompt_tokens);
            }
            let occupancy = engine.occupancy();
            assert!(most > sequences, "only {most} at once where {sequences} of full length have room");
            assert!(occupancy.preemptions > 0, "nobody had to give way");
            assert_eq!(occupancy.blocks_used, 0);
        }
    }
}

#[test]
fn answers_without_a_limit_run_beside_each_other() {
    // As many as have room while they are short; none of them says how long it gets.
    let (mut engine, _) = pocket(&options(512, 2));
    for salt in 0..12 {
        engine.submit(Request::new(ids(20, salt))).unwrap();
    }
    engine.step(|_| {}).unwrap();
    assert_eq!((engine.occupancy().running, engine.occupancy().waiting), (12, 0));
    assert_eq!(engine.occupancy().blocks_used, 12);
}

#[test]
fn whoever_joins_leaves_a_block_for_each_that_grows() {
    // Sixteen blocks. A prompt of four, and one to grow by for each but the last: it says that it needs no more.
    let (mut engine, _) = pocket(&options(512, 1));
    let long = |salt| Request::new(ids(4 * BLOCK - 10, salt));
    for salt in 0..4 {
        engine.submit(long(salt)).unwrap();
    }
    engine.step(|_| {}).unwrap();
    assert_eq!(engine.occupancy().running, 3);
    let (mut engine, _) = pocket(&options(512, 1));
    for salt in 0..4 {
        engine.submit(Request { max_tokens: Some(5), ..long(salt) }).unwrap();
    }
    engine.step(|_| {}).unwrap();
    assert_eq!(engine.occupancy().running, 4);
    // And alone it may fill the context to the last position.
    let (mut engine, _) = pocket(&options(512, 1));
    let answer = run(&mut engine, Request::new(ids(511, 1)));
    assert_eq!((answer.ids.len(), answer.finish), (1, Some(FinishReason::Length)));
}

#[test]
fn the_oldest_gets_on_in_every_step() {
    for seed in 0..4 {
        let (mut engine, _) = pocket(&options(256, 1));
        let asked: Vec<RequestId> = (0..10)
            .map(|salt| {
                let sampling = Sampling { temperature: 1.0, seed, ..Sampling::default() };
                engine.submit(Request { sampling, ..Request::new(ids(1 + 9 * salt, salt + 100)) }).unwrap()
            })
            .collect();
        let mut record = Record::default();
        while !engine.is_idle() {
            let oldest = asked.iter().find(|id| record.told.get(id).is_none_or(|told| told.end.is_none())).unwrap();
            let had_begun = record.told.contains_key(oldest);
            let tokens = record.step(&mut engine);
            // It reads again what it lost while it was not the oldest, in a few steps.
            if had_begun && record.told[oldest].ids.len() > 1 && !tokens.contains_key(oldest) {
                let again = (0..8).find(|_| record.step(&mut engine).contains_key(oldest));
                assert!(again.is_some(), "{oldest:?} stands still");
            }
        }
        assert!(engine.occupancy().preemptions > 5, "{}", engine.occupancy().preemptions);
    }
}

#[test]
fn the_one_to_give_way_is_of_the_client_for_whom_the_most_was_done() {
    // Eight blocks: three sequences of three do not fit.
    let (mut engine, _) = pocket(&options(256, 1));
    let request = |salt, client| Request { client, ..Request::new(ids(20, salt)) };
    let greedy = [1, 2].map(|salt| engine.submit(request(salt, 1)).unwrap());
    let modest = engine.submit(Request { max_tokens: Some(90), ..request(3, 2) }).unwrap();
    let answers = finish(&mut engine, &[greedy[0], greedy[1], modest]);
    assert!(engine.occupancy().preemptions > 0);
    assert_eq!(answers[2].steps, 90, "the youngest of all had a token in every step");
    assert_eq!(answers[0].steps, answers[0].ids.len(), "the oldest too");
    assert!(answers[1].steps > answers[1].ids.len());
    // But not the oldest of all, whoever asked for it.
    let (mut engine, _) = pocket(&options(256, 1));
    let oldest = engine.submit(request(1, 1)).unwrap();
    for _ in 0..50 {
        engine.step(|_| {}).unwrap();
    }
    let late = [2, 3].map(|client| engine.submit(request(client as usize, client)).unwrap());
    let answers = finish(&mut engine, &[oldest, late[0], late[1]]);
    assert!(engine.occupancy().preemptions > 0);
    assert_eq!(answers[0].steps, answers[0].ids.len());
}

#[test]
fn what_is_read_again_gives_way_to_running_answers() {
    let (mut engine, _) = pocket(&Options { max_stall: Duration::ZERO, ..options(512, 1) });
    let [first, second, third] = [1, 2, 3].map(|salt| engine.submit(Request::new(ids(20, salt))).unwrap());
    let mut record = Record::default();
    // The first two grow until nothing is left in the cache of the third.
    while engine.occupancy().preemptions == 0 || engine.occupancy().blocks_used < 16 {
        record.step(&mut engine);
    }
    assert_eq!(engine.occupancy().preemptions, 1);
    engine.cancel(first);
    let had = record.told[&third].ids.len();
    assert!(had > 4 * BLOCK);
    // Sixteen rows a step, and a token of the second in each.
    for _ in 0..had / 16 {
        let tokens = record.step(&mut engine);
        assert_eq!((tokens.get(&second), tokens.get(&third)), (Some(&1), None));
        assert_eq!(engine.occupancy().running, 2);
    }
    record.finish(&mut engine);
    for (id, salt) in [(second, 2), (third, 3)] {
        assert_eq!(record.told[&id], alone(&mut engine, &Request::new(ids(20, salt))));
    }
}

#[test]
fn whoever_gave_way_comes_back_before_those_that_have_not_begun() {
    let (mut engine, _) = pocket(&options(128, 1));
    let request = |salt| Request::new(ids(20, salt));
    let first = [1, 2].map(|salt| engine.submit(request(salt)).unwrap());
    while engine.occupancy().preemptions == 0 {
        engine.step(|_| {}).unwrap();
    }
    // Of a client for whom nothing was done yet.
    let late = engine.submit(Request { client: 7, max_tokens: Some(5), ..request(3) }).unwrap();
    let answers = finish(&mut engine, &[first[0], first[1], late]);
    assert!(answers.iter().all(|answer| answer.finish == Some(FinishReason::Length)));
    assert!(answers[2].steps > answers[1].steps, "{answers:?}");
}

/// One of two that had to give way, its engine, what it was told, and the other.
fn gave_way(deadline: Option<Instant>) -> (Engine, RequestId, Record, RequestId) {
    let (mut engine, _) = pocket(&options(128, 1));
    let other = engine.submit(Request::new(ids(20, 1))).unwrap();
    let waits = engine.submit(Request { deadline, ..Request::new(ids(20, 2)) }).unwrap();
    let mut record = Record::default();
    while engine.occupancy().preemptions == 0 && record.told.get(&waits).is_none_or(|told| told.end.is_none()) {
        record.step(&mut engine);
    }
    (engine, waits, record, other)
}

#[test]
fn a_request_that_gave_way_can_be_cancelled() {
    let (mut engine, waits, mut record, other) = gave_way(None);
    assert_eq!((engine.occupancy().running, engine.occupancy().waiting), (1, 1));
    let took = engine.cancel(waits).expect("it was waiting");
    assert_eq!((took.prompt_tokens, took.generated_tokens), (20, record.told[&waits].ids.len()));
    assert!(took.peak_cache_bytes > 0 && engine.cancel(waits).is_none());
    assert_eq!((engine.occupancy().running, engine.occupancy().waiting), (1, 0));
    record.finish(&mut engine);
    assert_eq!((record.told[&waits].end, record.told[&other].end), (None, Some(FinishReason::Length)));
    assert_eq!(engine.occupancy().blocks_used, 0);
}

#[test]
fn a_request_that_gave_way_ends_at_its_deadline() {
    let want = alone(&mut pocket(&options(128, 1)).0, &Request::new(ids(20, 2)));
    // On a slow machine the deadline comes before it has to give way.
    let waited = [0.05, 1.0, 20.0].into_iter().find_map(|seconds| {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        let (engine, waits, record, other) = gave_way(Some(deadline));
        record.told[&waits].end.is_none().then_some((deadline, engine, waits, record, other))
    });
    let (deadline, mut engine, waits, mut record, other) = waited.expect("it gives way before the deadline");
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    record.step(&mut engine);
    let told = &record.told[&waits];
    assert_eq!(told.end, Some(FinishReason::Deadline));
    assert!(told.ids.len() > 10 && want.ids.starts_with(&told.ids) && want.text.starts_with(&told.text));
    assert_eq!(engine.occupancy().waiting, 0);
    record.finish(&mut engine);
    assert_eq!(record.told[&other].end, Some(FinishReason::Length));
    assert_eq!(engine.occupancy().blocks_used, 0);
}

#[test]
fn what_begins_alike_is_read_once() {
    let prompt = ids(200, 1);
    let request = |seed| {
        let sampling = Sampling { temperature: 1.0, seed, ..Sampling::default() };
        Request { sampling, max_tokens: Some(30), ..Request::new(prompt.clone()) }
    };
    for batch_rows in [40, 512] {
        let options = Options { batch_rows: Some(batch_rows), ..options(512, 4) };
        let (mut engine, _) = pocket(&options);
        let want: Vec<Told> = (0..5).map(|seed| alone(&mut pocket(&options).0, &request(seed))).collect();
        let mut record = Record::default();
        let choices: Vec<RequestId> = (0..5).map(|seed| engine.submit(request(seed)).unwrap()).collect();
        // What has nothing to do with it does not wait.
        let other = engine.submit(Request { max_tokens: Some(3), ..Request::new(ids(10, 2)) }).unwrap();
        record.step(&mut engine);
        assert_eq!((engine.occupancy().running, engine.occupancy().waiting), (2, 4));
        record.finish(&mut engine);
        assert_eq!(record.told[&other].end, Some(FinishReason::Length));
        for (at, (id, want)) in choices.iter().zip(&want).enumerate() {
            assert_eq!(record.told[id], *want, "choice {at}");
            assert_eq!(record.usage[id].cached_tokens, if at == 0 { 0 } else { 6 * BLOCK }, "choice {at}");
        }
    }
    // If the one that reads goes away, the next goes on from where it was.
    let (mut engine, _) = pocket(&Options { batch_rows: Some(40), ..options(512, 4) });
    let mut record = Record::default();
    let choices: Vec<RequestId> = (0..3).map(|seed| engine.submit(request(seed)).unwrap()).collect();
    for _ in 0..2 {
        record.step(&mut engine);
    }
    engine.cancel(choices[0]);
    record.finish(&mut engine);
    let cached = [choices[1], choices[2]].map(|id| record.usage[&id].cached_tokens);
    assert!((BLOCK..6 * BLOCK).contains(&cached[0]) && cached[1] == 6 * BLOCK, "{cached:?}");
}

#[test]
fn alone_without_memory_an_answer_ends_where_the_memory_does() {
    let (mut engine, _) = pocket(&options(256, 2));
    let want = run(&mut engine, Request::new(ids(20, 1)));
    // Something else than requests holds all but four of the sixteen blocks.
    let held = engine.arbitrary_sequences(2, 6 * BLOCK, 0, None).unwrap();
    let short = run(&mut engine, Request::new(ids(20, 1)));
    assert_eq!((short.ids.len(), short.finish), (4 * BLOCK - 20 + 1, Some(FinishReason::Length)));
    assert!(want.ids.starts_with(&short.ids) && want.ids.len() > short.ids.len());
    engine.forget(held);
    assert_eq!(engine.occupancy().blocks_used, 0);
    assert_eq!(run(&mut engine, Request::new(ids(20, 1))), want);
}

#[test]
fn whatever_comes_and_goes_everybody_ends_once_and_all_memory_is_free() {
    let kinds = every_kind(&options(128, 1));
    let mut preemptions = 0;
    for seed in 0..16u64 {
        let mut state = seed;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let (sequences, batch_rows) = (1 + below(3), 4 + below(80));
        let speculation = [Speculation::Off, Speculation::Auto, Speculation::Always][below(3)];
        let max_stall = [Duration::ZERO, Duration::from_millis(100)][below(2)];
        let threads = Some(1 + below(2));
        let options =
            Options { batch_rows: Some(batch_rows), speculation, max_stall, threads, ..options(128, sequences) };
        let (mut engine, _) = pocket(&options);
        let mut record = Record::default();
        // Those that are under way, and what they come to; those that were cancelled.
        let (mut open, mut cancelled) = (Vec::<(RequestId, &Told)>::new(), Vec::<(RequestId, &Told)>::new());
        let mut ended = 0;
        for round in 0.. {
            assert!(round < 40_000, "seed {seed}: {} never end", open.len());
            let is_over = round >= 300;
            if is_over && engine.is_idle() {
                break;
            }
            if !is_over && below(4) == 0 {
                let (request, want) = &kinds[below(kinds.len())];
                let client = below(3) as u64;
                open.push((engine.submit(Request { client, ..request.clone() }).unwrap(), want));
            }
            if !is_over && below(16) == 0 && !open.is_empty() {
                let (id, want) = open.remove(below(open.len()));
                engine.cancel(id);
                cancelled.push((id, want));
            }
            record.step(&mut engine);
            open.retain(|(id, want)| {
                let Some(told) = record.told.get(id) else { return true };
                if told.end.is_some() {
                    assert_eq!(told, *want, "seed {seed}");
                    ended += 1;
                }
                told.end.is_none()
            });
            let occupancy = engine.occupancy();
            assert_eq!(occupancy.running + occupancy.waiting, open.len(), "seed {seed}");
            assert!(occupancy.running > 0 || occupancy.blocks_used == 0, "seed {seed}: {occupancy:?}");
        }
        assert!(open.is_empty() && ended > 20, "seed {seed}");
        for (id, want) in cancelled {
            let Some(told) = record.told.get(&id) else { continue };
            assert!(told.end.is_none() && want.ids.starts_with(&told.ids), "seed {seed}");
            assert!(want.text.starts_with(&told.text) && want.logprobs.starts_with(&told.logprobs), "seed {seed}");
        }
        assert_eq!(engine.occupancy().blocks_used, 0, "seed {seed}");
        preemptions += engine.occupancy().preemptions;
    }
    assert!(preemptions > 50, "only {preemptions} had to give way");
}

#[test]
#[ignore = "needs fixtures: WHIT_FIXTURES, or ../shared/fixtures"]
fn convolutions_windows_and_experts_go_on_as_if_nothing_had_been() {
    let fixtures = folder("WHIT_FIXTURES", "../shared/fixtures");
    for name in ["lfm2", "gemma3", "qwen3_moe"] {
        let checkpoint = Checkpoint::open(&fixtures.join(name)).unwrap();
        let mut spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
        // Longer than they were trained for: the same steps.
        spec.context_length = 256;
        let load =
            |sequences| Engine::load(&checkpoint, &spec, None, &options(256, sequences), &mut |_, _| {}).unwrap();
        let requests: Vec<Request> = (0..9)
            .map(|i| {
                let sampling = Sampling { temperature: 1.0, seed: i as u64, ..Sampling::default() };
                let prompt = ids(5 + 11 * i, i).into_iter().map(|id| id % spec.vocab_size as u32).collect();
                Request { sampling, logprobs: Some(3), ..Request::new(prompt) }
            })
            .collect();
        let want: Vec<Told> = requests.iter().map(|request| alone(&mut load(1), request)).collect();
        let mut engine = load(2);
        let mut record = Record::default();
        let asked: Vec<RequestId> = requests.iter().map(|request| engine.submit(request.clone()).unwrap()).collect();
        record.finish(&mut engine);
        for (id, want) in asked.iter().zip(&want) {
            assert!(record.told[id] == *want, "{name}");
        }
        assert!(engine.occupancy().preemptions > 0, "{name}");
    }
}

#[test]
#[ignore = "measures, for docs/decisions/0011-growing-sequences.md; needs weights: WHIT_WEIGHTS, or ../shared/data/weights"]
fn what_growing_brings() {
    let path = folder("WHIT_WEIGHTS", "../shared/data/weights").join("babyllama.gguf");
    let checkpoint = Checkpoint::open(&path).unwrap();
    let mut spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    spec.context_length = 2048;
    // How long the answers get, which the engine is not told: most are short, some are not.
    let lengths: Vec<usize> =
        (0..64).map(|i| 8 + (-160.0 * (1.0 - ((i * 37) % 64) as f64 / 64.0).ln()) as usize).collect();
    println!("room for | open at once | steps | tokens/s | most at once | preemptions");
    for (sequences, open) in [(4, 4), (4, 64), (2, 64), (1, 64)] {
        let options = options(2048, sequences);
        let mut engine = Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).unwrap();
        let mut waiting = lengths.iter().enumerate();
        let mut left: HashMap<RequestId, usize> = HashMap::new();
        let (mut steps, mut tokens, mut most) = (0, 0, 0);
        let begun = Instant::now();
        loop {
            while left.len() < open
                && let Some((salt, &length)) = waiting.next()
            {
                let prompt = ids(64 + 3 * salt, salt).into_iter().map(|id| id % spec.vocab_size as u32).collect();
                left.insert(engine.submit(Request::new(prompt)).unwrap(), length);
            }
            if left.is_empty() {
                break;
            }
            let step = engine.step(|event| {
                if let Event::Token { request, .. } = event {
                    tokens += 1;
                    *left.get_mut(&request).unwrap() -= 1;
                }
            });
            step.unwrap();
            steps += 1;
            most = most.max(engine.occupancy().running);
            left.retain(|&id, left| {
                if *left == 0 {
                    engine.cancel(id);
                }
                *left > 0
            });
        }
        let per_second = f64::from(tokens) / begun.elapsed().as_secs_f64();
        let preemptions = engine.occupancy().preemptions;
        println!("{sequences} | {open} | {steps} | {per_second:.0} | {most} | {preemptions}");
    }
}
