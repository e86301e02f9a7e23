//! Who is run when: fair turns, prompts that give way to answers, deadlines.

mod common;

use std::time::{Duration, Instant};

use common::{finish, pocket, run};
use whit_engine::{Constraints, Event, FinishReason, Grammar, Options, Request, RequestId};

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
fn a_client_that_invents_users_has_one_clients_turns() {
    let (mut engine, _) = pocket(&options(128, 1));
    let mut submit = |salt, client, user| engine.submit(Request { client, user, ..request(salt, 40, 60) }).unwrap();
    let inventive: Vec<RequestId> = (0..3).map(|salt| submit(salt, 1, u64::from(salt))).collect();
    let modest: Vec<RequestId> = (10..12).map(|salt| submit(salt, 2, 0)).collect();
    let mut order = vec![];
    while !engine.is_idle() {
        let step = engine.step(|event| {
            if let Event::Finished { request, .. } = event {
                order.push(request);
            }
        });
        step.unwrap();
    }
    assert_eq!(order, [inventive[0], modest[0], inventive[1], modest[1], inventive[2]]);
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
fn what_is_forced_upon_an_answer_gives_way_to_another_and_changes_nothing() {
    let common = "All that is gold does not glitter, not all those who wander are lost. ".repeat(8);
    let either = Grammar::Choice(vec![format!("{common}Yes."), format!("{common}No!")]);
    for (max_stall, steps) in [(Duration::MAX, 1..=6), (Duration::ZERO, 12..=200)] {
        let load = || pocket(&Options { max_stall, ..options(1024, 4) });
        let (mut engine, tokenizer) = load();
        let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
        let constraint = constraints.compile(&either).unwrap();
        let forced = || Request { constraint: Some(constraint.clone()), ..request(2, 10, 900) };
        let want = [run(&mut engine, request(1, 10, 220)), run(&mut engine, forced())];
        assert!(want[1].ids.len() > 12 * 17, "{} tokens", want[1].ids.len());
        let (mut engine, _) = load();
        let ids = [engine.submit(request(1, 10, 220)).unwrap(), engine.submit(forced()).unwrap()];
        let got = finish(&mut engine, &ids);
        for (got, want) in got.iter().zip(&want) {
            assert_eq!((&got.ids, got.finish), (&want.ids, want.finish));
        }
        assert!(steps.contains(&got[1].steps), "{} steps with {max_stall:?}", got[1].steps);
        assert!(got[0].steps <= 220 + 1, "a token in every step: {}", got[0].steps);
    }
}

#[test]
fn a_short_prompt_does_not_wait_for_a_long_one_and_the_long_one_gets_on() {
    let few = Options { batch_rows: Some(64), ..options(1024, 4) };
    let (mut engine, _) = pocket(&few);
    let want = [run(&mut engine, request(1, 960, 5)), run(&mut engine, request(2, 40, 3))];
    let (mut engine, _) = pocket(&few);
    let long = engine.submit(request(1, 960, 5)).unwrap();
    engine.step(|_| {}).unwrap();
    let short = engine.submit(request(2, 40, 3)).unwrap();
    let got = finish(&mut engine, &[long, short]);
    for (got, want) in got.iter().zip(&want) {
        assert_eq!((&got.ids, got.finish), (&want.ids, want.finish));
    }
    assert_eq!(got[1].steps, 3, "its prompt is read in the step in which it joins");
    // A quarter of the rows is the oldest one's, however many short ones come.
    let (mut engine, _) = pocket(&few);
    let long = engine.submit(request(1, 960, 1)).unwrap();
    let mut taken = 0;
    let mut is_over = false;
    while !is_over {
        taken += 1;
        engine.submit(request(100 + taken, 120, 1)).unwrap();
        let step = engine.step(|event| is_over |= matches!(event, Event::Finished { request, .. } if request == long));
        step.unwrap();
        assert!(taken < 960 / 8, "{taken} steps");
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
