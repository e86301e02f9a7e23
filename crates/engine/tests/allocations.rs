//! A step that decodes allocates nothing, on any thread, even where a sequence has to give way to others. The only test of its program: others would be counted too.

use std::alloc::System;
use std::path::Path;
use std::sync::Arc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use whit_engine::{Engine, Event, Options, Request, Sampling};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const STEPS: usize = 1000;

#[test]
fn a_thousand_decode_steps_allocate_nothing() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q4_0.gguf");
    let checkpoint = Checkpoint::open(&model).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    // Room for two of the seven when all are long: the others give way, and one comes back when the first is through.
    let options =
        Options { context: Some(1024), threads: Some(2), sequences: 2, memory: Some(1 << 32), ..Options::default() };
    let mut engine = Engine::load(&checkpoint, &spec, Some(tokenizer), &options, &mut |_, _| {}).unwrap();
    let adapters = [16, 3].map(|rank| engine.add_arbitrary_adapter(rank).unwrap());
    // Every way to choose a token, text, stop texts and log-probabilities.
    let drawn = Sampling { temperature: 1.0, top_p: 0.9, repetition_penalty: 1.1, seed: 7, ..Sampling::default() };
    let prompt = |n: u32| (0..n).map(|i| 5 + i * 7 % 300).collect::<Vec<u32>>();
    // With two adapters, and with none.
    let adapter = |salt: u32| adapters.get(salt as usize).copied();
    let more = (0..4).map(|salt| Request { adapter: adapter(salt), ..Request::new(prompt(19 + salt)) });
    let requests = [
        Request { max_tokens: Some(800), adapter: adapter(0), ..Request::new(prompt(3)) },
        Request { sampling: drawn, logprobs: Some(5), ..Request::new(prompt(10)) },
        Request {
            stop: vec!["a text that never comes".into(), "\u{1f999}\u{1f999}".into()],
            ..Request::new(prompt(18))
        },
    ];
    for request in requests.into_iter().chain(more) {
        engine.submit(request).unwrap();
        engine.step(|_| {}).unwrap();
    }
    let mut tokens = 0;
    let mut characters = 0;
    let mut run = |steps: usize| {
        for _ in 0..steps {
            let step = engine.step(|event| {
                if let Event::Token { text, .. } = event {
                    tokens += 1;
                    characters += text.chars().count();
                }
            });
            step.unwrap();
        }
    };
    // The prompts, and the first tokens: work spaces grow to their size once.
    run(4);
    let region = Region::new(ALLOCATOR);
    run(STEPS);
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
    let occupancy = engine.occupancy();
    assert!(occupancy.preemptions >= 5 && occupancy.waiting < 5, "some gave way, and one came back: {occupancy:?}");
    assert!(tokens > 2 * STEPS && characters > STEPS, "{tokens} tokens, {characters} characters");
}
