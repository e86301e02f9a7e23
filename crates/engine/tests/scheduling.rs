//! Who is run when: fair turns, prompts that give way to answers, deadlines.

mod common;

use std::time::{Duration, Instant};

use common::{finish, pocket, run};
use whit_engine::{Event, FinishReason, Options, Request, RequestId};

fn options(context: usize, sequences: usize) -> Options {
    Options { threads: Some(2), context: Some(context), sequences, memory: Some(1 << 32), ..Options::default() }
}

fn request(salt: u32, prompt: usize, answer: usize) -> Request {
    let prompt = (0..prompt as u32).map(|i| 5 + (i * 17 + i * i * 3 + salt * 101) % 400).collect();
    Request { max_tokens: Some(answer), ..Request::new(prompt) }
}

#[test]
fn clients_take_turns_however_many_requests_one_of_them_has() {
    // Room for one at a time.
    let (mut engine, _) = pocket(&options(128, 1));
    let mut submit = |salt, client| engine.submit(Request { client, ..request(salt, 40, 60) }).unwrap();
    let greedy: Vec<RequestId> = (0..4).map(|salt| submit(salt, 1)).collect();
    let modest: Vec<RequestId> = (10..12).map(|salt| submit(salt, 2)).collect();
    let mut order = vec![];
    while !engine.is_idle() {
        let step = engine.step(|event| {
            if let Event::Finished { request, .. } = event {
                order.push(request);
            }
        });
        step.unwrap();
    }
    assert_eq!(order, [greedy[0], modest[0], greedy[1], modest[1], greedy[2], greedy[3]]);
}

#[test]
fn a_long_prompt_gives_way_to_a_running_answer_and_changes_nothing() {
    for (max_stall, steps) in [(Duration::MAX, 1..=1), (Duration::ZERO, 25..=25)] {
        let (mut engine, _) = pocket(&Options { max_stall, ..options(1024, 4) });
        let want = [run(&mut engine, request(1, 10, 60)), run(&mut engine, request(2, 400, 5))];
        let (mut engine, _) = pocket(&Options { max_stall, ..options(1024, 4) });
        let answering = engine.submit(request(1, 10, 60)).unwrap();
        let mut answered = vec![];
        let mut step = |engine: &mut whit_engine::Engine, late: Option<RequestId>| {
            let (mut tokens, mut begun) = (0, false);
            let step = engine.step(|event| {
                if let Event::Token { request, id, .. } = event {
                    begun |= Some(request) == late;
                    if request == answering {
                        tokens += 1;
                        answered.push(id);
                    }
                }
            });
            step.unwrap();
            assert_eq!(tokens, 1, "a token in every step");
            begun
        };
        step(&mut engine, None);
        let late = engine.submit(request(2, 400, 5)).unwrap();
        let taken = (1..).find(|_| step(&mut engine, Some(late))).unwrap();
        assert!(steps.contains(&taken), "{taken} steps with {max_stall:?}");
        let rest = finish(&mut engine, &[answering, late]);
        answered.extend(&rest[0].ids);
        assert_eq!(answered, want[0].ids);
        assert!(want[1].ids.ends_with(&rest[1].ids));
    }
}

#[test]
fn a_request_ends_at_its_deadline_whether_it_waits_or_runs() {
    let (mut engine, _) = pocket(&options(128, 1));
    let want = run(&mut engine, request(1, 40, 60));
    let deadline = Instant::now() + Duration::from_millis(30);
    let running = engine.submit(Request { deadline: Some(deadline), ..request(1, 40, 60) }).unwrap();
    let waiting = engine.submit(Request { deadline: Some(deadline), ..request(2, 40, 60) }).unwrap();
    let patient = engine.submit(Request { deadline: Some(deadline + Duration::from_secs(3600)), ..request(3, 40, 60) });
    let patient = patient.unwrap();
    let mut ids = vec![];
    // As many as come before the deadline: some, unless the machine is slow, and never all.
    for _ in 0..3 {
        let step = engine.step(|event| {
            if let Event::Token { id, .. } = event {
                ids.push(id);
            }
        });
        step.unwrap();
    }
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let mut ended = vec![];
    let step = engine.step(|event| {
        if let Event::Finished { request, reason, usage, .. } = event {
            ended.push((request, reason, usage.generated_tokens));
        }
    });
    step.unwrap();
    if ended.is_empty() {
        // The machine was so slow that they had ended before.
        assert!(ids.len() < 3);
    } else {
        assert_eq!(ended, [(waiting, FinishReason::Deadline, 0), (running, FinishReason::Deadline, ids.len())]);
        assert!(want.ids.starts_with(&ids));
    }
    let rest = finish(&mut engine, &[patient]).remove(0);
    assert_eq!(rest.finish, Some(FinishReason::Length));
    assert_eq!(engine.occupancy().blocks_used, 0);
}
