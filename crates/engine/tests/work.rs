//! What a step causes is told for each sequence in it, by the program's own counts; and sequences end where they may not go on.

mod common;

use common::{finish, pocket};
use whit_engine::{Engine, Event, FinishReason, Options, Request, SequenceWork, Speculation};

fn engine() -> Engine {
    let (threads, memory) = (Some(1), Some(1 << 32));
    let speculation = Speculation::Off;
    pocket(&Options { threads, memory, context: Some(512), sequences: 4, speculation, ..Options::default() }).0
}

fn request(account: u64, prompt: u32, answer: usize) -> Request {
    let prompt = (0..prompt).map(|i| 5 + (i * 17 + account as u32 * 101) % 400).collect();
    Request { account, max_tokens: Some(answer), ..Request::new(prompt) }
}

fn step(engine: &mut Engine) -> Vec<SequenceWork> {
    engine.step(|_| {}).unwrap();
    engine.work().to_vec()
}

#[test]
fn one_sequence_causes_all_that_its_step_reads() {
    let mut engine = engine();
    engine.submit(request(7, 40, 3)).unwrap();
    let [prefill] = step(&mut engine)[..] else { panic!("one sequence") };
    assert!((prefill.account, prefill.is_prefill) == (7, true), "{prefill:?}");
    let [decode] = step(&mut engine)[..] else { panic!("one sequence") };
    assert!(!decode.is_prefill);
    // The token after forty others, which it sees beside itself.
    let bytes = engine.step_bytes(41);
    assert_eq!(decode.bytes, bytes.weights + bytes.kv_cache);
    // 90,432 parameters, of which the norms multiply nothing; the table of 448 x 64 is the head. Two layers with 4 heads of 16.
    let (matrices, attention) = (90_432 - 5 * 64, 2 * 4 * 64 * 41);
    assert_eq!(decode.operations, 2 * matrices + attention);
    // The weights once for all of them, the head once.
    let rows = 40;
    assert!(
        prefill.bytes < decode.bytes && prefill.operations > (rows / 2) * decode.operations,
        "{prefill:?} {decode:?}"
    );
}

#[test]
fn those_of_a_step_share_its_weights_and_one_that_ends_is_told_too() {
    let mut engine = engine();
    engine.submit(request(1, 20, 2)).unwrap();
    engine.submit(request(2, 60, 9)).unwrap();
    let both = step(&mut engine);
    let of = |works: &[SequenceWork], account| *works.iter().find(|work| work.account == account).expect("in the step");
    let weights = engine.step_bytes(0).weights;
    // Keys and values of a token, in half precision: two layers with two heads of 16.
    let cache = |tokens: u64| tokens * 256;
    assert_eq!(engine.step_bytes(20).kv_cache, cache(20));
    let all = both.iter().map(|work| work.bytes).sum::<u64>() - cache(20) - cache(60);
    assert!(both.len() == 2 && weights.abs_diff(all) <= 4, "{weights} {both:?}");
    assert!(both.iter().all(|work| work.is_prefill));
    assert!(of(&both, 1).bytes < of(&both, 2).bytes);
    // The first ends with this step.
    let both = step(&mut engine);
    assert_eq!(of(&both, 1).bytes - cache(21), of(&both, 2).bytes - cache(61));
    assert_eq!(step(&mut engine).len(), 1);
    engine.submit(request(3, 600, 2)).unwrap_err();
    while !engine.is_idle() {
        step(&mut engine);
    }
    assert_eq!(step(&mut engine), []);
}

#[test]
fn a_sequence_that_is_stopped_ends_with_what_there_is_of_it() {
    let mut engine = engine();
    let runs = engine.submit(request(1, 200, 300)).unwrap();
    (0..5).for_each(|_| drop(step(&mut engine)));
    let waits = engine.submit(request(2, 200, 300)).unwrap();
    engine.stop(runs);
    engine.stop(waits);
    let mut ends = vec![];
    let told = engine.step(|event| {
        if let Event::Finished { request, reason, usage, .. } = event {
            ends.push((request, reason, usage.generated_tokens));
        }
    });
    told.unwrap();
    ends.sort_by_key(|end| end.0);
    assert_eq!(
        ends.iter().map(|end| (end.0, end.1)).collect::<Vec<_>>(),
        [(runs, FinishReason::Budget), (waits, FinishReason::Budget)]
    );
    assert_eq!((ends[0].2, ends[1].2), (5, 0));
    assert!(engine.is_idle() && engine.occupancy().blocks_used == 0);
}

#[test]
fn an_answer_ends_where_its_cache_may_not_grow() {
    let mut engine = engine();
    let block = engine.memory_plan().cache_bytes(1);
    let bounded = |bytes| Request { max_cache_bytes: Some(bytes), ..request(1, 40, 200) };
    // Its last token is never run.
    for (bytes, tokens) in [(3 * block, 3 * 32 + 1 - 40), (4 * block - 1, 3 * 32 + 1 - 40), (0, 0)] {
        let id = engine.submit(bounded(bytes)).unwrap();
        let answer = finish(&mut engine, &[id]).remove(0);
        assert_eq!((answer.ids.len(), answer.finish), (tokens, Some(FinishReason::Budget)), "{bytes}");
    }
    let id = engine.submit(bounded(100 * block)).unwrap();
    assert_eq!(finish(&mut engine, &[id])[0].finish, Some(FinishReason::Length));
}
