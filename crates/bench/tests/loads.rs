//! Loads on servers that answer as a test wants them to.

mod common;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{Question, Reply, named, openai, server, target, words};
use serde_json::json;
use whit_bench::{Arrival, BenchError, Endpoint, Load, Measured, Prompts, Report, Server, Target, compare, run};

const NOW: &[Duration] = &[Duration::ZERO];

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn closed(concurrency: usize, requests: usize) -> Load {
    Load::Closed { concurrency, requests, prompt_tokens: 20, output_tokens: 5 }
}

/// Sends a load to a server; what came of it, and how often progress was told.
fn sent(target: &Target, load: &Load) -> (Measured, usize) {
    let prompts = Prompts::measure(target, 0).expect("it counts");
    let mut told = 0;
    let measured = run(target, &prompts, load, &mut |done| {
        told += 1;
        assert_eq!(done, told);
    });
    (measured, told)
}

fn report(url: &str, load: &Load) -> Report {
    Report::of(&sent(&target(url), load).0)
}

#[test]
fn a_closed_loop_keeps_so_many_under_way() {
    static MOST: Mutex<usize> = Mutex::new(0);
    let url = server(|question| {
        let mut most = MOST.lock().unwrap();
        *most = (*most).max(question.others + 1);
        drop(most);
        openai(question, &[ms(20), ms(0)], words)
    });
    let (measured, told) = sent(&target(&url), &closed(3, 12));
    let report = Report::of(&measured);
    assert_eq!((report.requests, report.failed, told), (12, 0, 12));
    assert_eq!((report.most_in_flight, *MOST.lock().unwrap()), (3, 3));
    assert_eq!((report.prompt_tokens, report.output_tokens), (240, 60));
    assert_eq!((report.prompts_of_other_length, report.answers_of_other_length), (0, 0));
    assert!(report.seconds >= 0.08, "four after one another, 20 ms each: {report:?}");
}

#[test]
fn an_open_loop_waits_for_nobody() {
    let url = server(|question| openai(question, &[ms(300), ms(0)], words));
    let arrival = |index: u64| Arrival { at: ms(10 * index), prompt_tokens: 20, output_tokens: 2 };
    let load = Load::Open((0..20).map(arrival).collect());
    let report = report(&url, &load);
    assert_eq!((report.requests, report.failed), (20, 0));
    assert!(report.most_in_flight > 10 && report.seconds < 6.0, "{report:?}");
    assert!(report.seconds >= 0.49, "the last comes after 190 ms: {report:?}");
    assert!(report.lag_seconds.p50 < 0.2, "{report:?}");
}

#[test]
fn times_are_those_of_the_tokens() {
    let url = server(|question| openai(question, &[ms(50), ms(10), ms(10), ms(30), ms(10)], words));
    let report = report(&url, &closed(1, 4));
    assert!(report.time_to_first_token_seconds.p50 >= 0.05, "{report:?}");
    // Four tokens after the first, in 60 ms.
    assert!(report.time_per_output_token_seconds.p50 >= 0.014, "{report:?}");
    assert!(report.inter_token_latency_seconds.max >= 0.028, "{report:?}");
    assert!(report.inter_token_latency_seconds.p50 < report.time_to_first_token_seconds.p50, "{report:?}");
    assert!(report.end_to_end_seconds.p50 >= 0.11, "{report:?}");
}

#[test]
fn tokens_without_a_text_are_tokens_and_frames_are_not() {
    // As llama.cpp sends tokens that have none, and as chats begin.
    let url = server(|question| {
        if question.body["stream"] != true {
            return openai(question, NOW, words);
        }
        let begin = json!({"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": null}]});
        let token = json!({"choices": [{"text": "", "finish_reason": null}]});
        let end = json!({"choices": [{"text": "", "finish_reason": "length"}]});
        let events = [(0, begin), (60, token.clone()), (10, token.clone()), (10, token), (40, end)];
        let events = events.into_iter().map(|(pause, event)| (ms(pause), event.to_string()));
        Reply::Events(events.chain([(ms(0), "[DONE]".to_owned())]).collect())
    });
    let load = Load::Closed { concurrency: 1, requests: 1, prompt_tokens: 20, output_tokens: 3 };
    let report = report(&url, &load);
    assert_eq!((report.failed, report.output_tokens), (0, 3));
    let [first, each, whole] =
        [report.time_to_first_token_seconds, report.time_per_output_token_seconds, report.end_to_end_seconds]
            .map(|times| times.max);
    assert!(first >= 0.06 && each >= 0.005 && whole - first - 2.0 * each >= 0.035, "{report:?}");
}

#[test]
fn errors_are_told_apart_and_the_others_are_answered() {
    static COUNT: Mutex<usize> = Mutex::new(0);
    let url = server(|question| {
        if question.body["stream"] != true {
            return openai(question, NOW, words);
        }
        let mut count = COUNT.lock().unwrap();
        *count += 1;
        let event = |json: serde_json::Value| (Duration::ZERO, json.to_string());
        match *count {
            1 => Reply::Json(429, json!({"error": {"message": "come back\u{1b}[2J later"}})),
            2 => Reply::Events(vec![event(json!({"error": {"message": "out of memory"}}))]),
            3 => Reply::Cut(vec![event(json!({"choices": [{"text": "Call me"}]}))]),
            4 => Reply::Events(vec![(Duration::ZERO, "<html>".to_owned())]),
            5 => Reply::Events(vec![event(json!({"choices": [{"text": "Call me"}]}))]),
            _ => openai(question, NOW, words),
        }
    });
    let report = report(&url, &closed(1, 8));
    assert_eq!((report.requests, report.failed, report.output_tokens), (8, 5, 15));
    let mut errors: Vec<_> = report.errors.iter().map(|error| (&*error.kind, error.count, &*error.message)).collect();
    errors.sort_unstable();
    assert_eq!(
        errors[..3],
        [
            ("broken answer", 2, "the answer ends with an error: out of memory"),
            ("connection", 1, "Peer disconnected"),
            ("shape", 1, "not an answer of OpenAI's API: <html>"),
        ]
    );
    assert_eq!(errors[3], ("status 429", 1, "status 429: come back [2J later"), "nothing that moves a cursor");
}

#[test]
fn a_server_may_close_a_connection_that_is_used_again() {
    let url = server(|question| match question.earlier {
        0 => openai(question, NOW, words),
        _ => Reply::Closed,
    });
    let report = report(&url, &closed(4, 20));
    assert_eq!((report.requests, report.failed), (20, 0), "{:?}", report.errors);
}

#[test]
fn an_answer_that_does_not_come_is_an_error_in_time() {
    let url = server(|question| match question.body["stream"] == true {
        true => openai(question, &[ms(20_000)], words),
        false => openai(question, NOW, words),
    });
    let target = Target::connect(Server { timeout: ms(300), ..named(&url) }).expect("it answers");
    let start = Instant::now();
    let report = Report::of(&sent(&target, &closed(2, 2)).0);
    assert_eq!((&*report.errors[0].kind, report.errors[0].count), ("timeout", 2), "{report:?}");
    assert!(start.elapsed() < ms(10_000));
}

#[test]
fn a_prompt_has_as_many_tokens_as_wanted_whatever_the_tokenizer() {
    // Some words are one token, some are many; a template stands around.
    fn odd(text: &str) -> usize {
        40 + text.split(' ').map(|word| 1 + word.len() / 3).sum::<usize>() + text.matches('.').count()
    }
    fn letters(text: &str) -> usize {
        1 + text.len()
    }
    for (count, least) in [(words as fn(&str) -> usize, 2), (letters, 2), (odd, 42)] {
        let url = server(move |question| openai(question, NOW, count));
        for endpoint in [Endpoint::Completions, Endpoint::Chat] {
            let target = Target::connect(Server { endpoint, ..named(&url) }).expect("it answers");
            let prompts = Prompts::measure(&target, 3).expect("it counts");
            for tokens in least..least + 90 {
                assert_eq!(target.count(&prompts.prompt(tokens, tokens)).unwrap(), Some(tokens));
            }
        }
    }
}

#[test]
fn a_server_hears_only_what_it_knows() {
    // It refuses fields beyond OpenAI's, counts nothing, and calls its only model as it likes.
    let url = server(|question| {
        let body = &question.body;
        if body.get("ignore_eos").is_some() {
            return Reply::Json(400, json!({"detail": "extra fields not permitted"}));
        }
        if question.path.ends_with("/models") || body["stream"] == false {
            return openai(question, NOW, words);
        }
        let text =
            |text: &str| (Duration::ZERO, json!({"choices": [{"text": text, "finish_reason": null}]}).to_string());
        let end = (Duration::ZERO, json!({"choices": [{"text": "", "finish_reason": "length"}]}).to_string());
        Reply::Events(vec![text("Call me Ish"), text("mael."), end, (Duration::ZERO, "[DONE]".to_owned())])
    });
    let report = report(&format!("{url}/v1/"), &closed(2, 4));
    assert_eq!((report.failed, report.prompt_tokens, report.output_tokens), (0, 80, 20), "as many as were asked for");
}

#[test]
fn a_server_is_asked_to_go_on_in_the_way_it_knows() {
    for known in [&["ignore_eos", "min_tokens"][..], &["ignore_eos"], &[]] {
        let url = server(move |question| {
            let asked: Vec<&str> =
                ["ignore_eos", "min_tokens"].into_iter().filter(|field| question.body.get(*field).is_some()).collect();
            match asked.iter().find(|field| !known.contains(field)) {
                Some(field) => Reply::Json(400, json!({"error": {"message": format!("{field} is not supported")}})),
                None => {
                    assert!(question.path == "/v1/models" || asked == known, "{asked:?}");
                    assert!(
                        question.body.get("min_tokens").is_none_or(|tokens| *tokens == question.body["max_tokens"])
                    );
                    openai(question, NOW, words)
                }
            }
        });
        assert_eq!(report(&url, &closed(1, 2)).failed, 0, "{known:?}");
    }
}

#[test]
fn a_key_is_shown_and_a_wrong_one_is_an_error() {
    let guarded = |question: &Question| match question.authorization.as_deref() {
        Some("Bearer sesame") => openai(question, NOW, words),
        _ => Reply::Json(401, json!({"error": {"message": "no such key"}})),
    };
    let url = server(guarded);
    let with_key = |key: &str| Target::connect(Server { api_key: Some(key.to_owned()), ..named(&url) });
    assert_eq!(with_key("sesame").expect("it answers").model(), "small");
    let Err(error) = with_key("mustard") else { panic!("it let a wrong key in") };
    assert_eq!(std::error::Error::source(&error).expect("a reason").to_string(), "status 401: no such key");
}

#[test]
fn an_answer_that_depends_on_others_is_found() {
    let honest = target(&server(|question| openai(question, &[ms(1)], words)));
    let prompts = Prompts::measure(&honest, 0).expect("it counts");
    let (measured, _) = sent(&honest, &closed(4, 8));
    let alone = compare(&honest, &prompts, &measured, &mut |_| ());
    assert_eq!((alone.compared, alone.different, alone.first_difference), (8, 0, None));
    // One that says something else to who is alone.
    let url = server(|question| {
        let mut reply = openai(question, NOW, words);
        if let Reply::Events(events) = &mut reply {
            events[2].1 = json!({"choices": [{"text": "! "}]}).to_string();
        }
        reply
    });
    let alone = compare(&target(&url), &prompts, &measured, &mut |_| ());
    assert_eq!((alone.compared, alone.different), (8, 8));
    let sentence = alone.first_difference.expect("a sentence");
    assert_eq!(sentence, "request 1 differs from byte 4 on: \"2 3 4 \" under load, \"! 3 4 \" alone");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["", "localhost", "ftp://localhost:1", "http://", "model.gguf"] {
        assert!(matches!(Target::connect(named(url)), Err(BenchError::Url(_))), "{url}");
    }
    // Nobody listens at a port that was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert!(matches!(Target::connect(named(&url)), Err(BenchError::Server { .. })));
}
