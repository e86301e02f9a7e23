//! Answers under a constraint fit it, whatever the model would rather say, and are the same in any company.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{finish, folder, pocket, run};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use whit_engine::{Constraints, Engine, FinishReason, Grammar, Options, Request, Sampling, Speculation};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

fn options() -> Options {
    Options { threads: Some(1), context: Some(1024), sequences: 8, memory: Some(1 << 32), ..Options::default() }
}

fn model() -> (Engine, Constraints) {
    let (engine, tokenizer) = pocket(&options());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    (engine, constraints)
}

/// Drawn so that the model says what it hardly ever would.
fn hot(seed: u64) -> Sampling {
    Sampling { temperature: 1.5, seed, ..Sampling::default() }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 12 },
            "age": { "type": "integer", "minimum": 0, "maximum": 150 },
            "colour": { "enum": ["red", "green", "light blue"] },
            "friends": { "type": "array", "items": { "$ref": "#/$defs/friend" }, "maxItems": 2 },
        },
        "required": ["name", "age", "colour", "friends"],
        "additionalProperties": false,
        "$defs": { "friend": { "type": "object", "properties": { "likes": { "type": "boolean" } }, "required": ["likes"],
                               "additionalProperties": false } },
    })
}

fn assert_fits(text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    let object = value.as_object().unwrap();
    assert_eq!(object.len(), 4, "{text:?}");
    assert!(object["name"].as_str().unwrap().chars().count() <= 12, "{text:?}");
    assert!((0..=150).contains(&object["age"].as_i64().unwrap()), "{text:?}");
    assert!(["red", "green", "light blue"].contains(&object["colour"].as_str().unwrap()), "{text:?}");
    let friends = object["friends"].as_array().unwrap();
    assert!(friends.len() <= 2, "{text:?}");
    for friend in friends {
        assert!(friend["likes"].is_boolean() && friend.as_object().unwrap().len() == 1, "{text:?}");
    }
}

#[test]
fn a_json_schema_is_fitted_at_any_temperature() {
    let (mut engine, constraints) = model();
    let constraint = constraints.compile(&Grammar::JsonSchema(schema().to_string())).unwrap();
    let mut cut = 0;
    for seed in 0..40 {
        let sampling = Sampling { temperature: seed as f32 / 10.0, ..hot(seed) };
        let answer = run(
            &mut engine,
            Request { sampling, constraint: Some(constraint.clone()), ..Request::new(vec![5 + seed as u32, 9, 30]) },
        );
        match answer.finish.unwrap() {
            FinishReason::Stop => assert_fits(&answer.text),
            FinishReason::Length => cut += 1,
            other => panic!("{other:?} after {:?}", answer.text),
        }
    }
    assert!(cut < 4, "{cut} were cut");
}

#[test]
fn a_number_within_limits_has_no_exponent() {
    let (mut engine, constraints) = model();
    let mut with_exponent = [0, 0];
    for (limited, schema) in
        [json!({ "type": "number" }), json!({ "type": "number", "minimum": -1e9, "maximum": 1e9 })].iter().enumerate()
    {
        let constraint = constraints.compile(&Grammar::JsonSchema(schema.to_string())).unwrap();
        for seed in 0..100 {
            let sampling = Sampling { temperature: 5.0, ..hot(seed) };
            let request = Request {
                sampling,
                constraint: Some(constraint.clone()),
                max_tokens: Some(40),
                ..Request::new(vec![5, 9])
            };
            let answer = run(&mut engine, request);
            with_exponent[limited] += usize::from(answer.text.contains(['e', 'E']));
            if limited == 1 && answer.finish == Some(FinishReason::Stop) {
                let number: f64 = answer.text.parse().unwrap();
                assert!(number.abs() <= 1e9, "{number}");
            }
        }
    }
    assert!(with_exponent[0] > 0 && with_exponent[1] == 0, "{with_exponent:?}");
}

#[test]
fn any_object_a_regular_expression_a_grammar_and_a_choice_are_fitted() {
    let (mut engine, constraints) = model();
    let lark = r#"
        start: greeting " " NAME "!"
        greeting: "hello" | "good morning"
        NAME: /[A-Z][a-z]{1,8}/
    "#;
    let nulls = Grammar::JsonSchema(r#"{"type": "array", "items": {"type": "null"}, "maxItems": 3}"#.into());
    let nulls = nulls.to_lark().unwrap().replacen("start", "arguments", 1);
    let tool = format!("start: \"<call>\" arguments \"</call>\"\n{nulls}");
    let choices = ["yes", "no", "\"maybe\"\n", "yes and no"].map(str::to_owned).to_vec();
    type Fits<'a> = &'a dyn Fn(&str) -> bool;
    let fits: [(Grammar, Fits); 6] = [
        (Grammar::JsonObject, &|text| serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())),
        (Grammar::Regex(r"[0-9]{3}-[ab/]{2,5}".into()), &|text| {
            let (digits, letters) = text.split_once('-').unwrap();
            digits.len() == 3
                && digits.bytes().all(|b| b.is_ascii_digit())
                && (2..=5).contains(&letters.len())
                && letters.bytes().all(|b| b"ab/".contains(&b))
        }),
        // Slashes of which some are escaped already, and one stands behind a backslash that is.
        (Grammar::Regex(r"[0-9]\/\\\/[ab/]\\/!".into()), &|text| {
            let middle = text[1..].strip_prefix("/\\/").and_then(|rest| rest.strip_suffix("\\/!")).unwrap();
            text.as_bytes()[0].is_ascii_digit() && ["a", "b", "/"].contains(&middle)
        }),
        (Grammar::Lark(lark.into()), &|text| {
            let rest = text.strip_prefix("hello ").or(text.strip_prefix("good morning ")).unwrap();
            rest.ends_with('!') && (3..=10).contains(&rest.len()) && rest.as_bytes()[0].is_ascii_uppercase()
        }),
        (Grammar::Lark(tool), &|text| {
            let inner = text.strip_prefix("<call>").unwrap().strip_suffix("</call>").unwrap();
            serde_json::from_str::<Vec<()>>(inner).is_ok_and(|nulls| nulls.len() <= 3)
        }),
        (Grammar::Choice(choices.clone()), &|text| choices.iter().any(|choice| choice == text)),
    ];
    let in_lark = fits.iter().map(|(grammar, fits)| (Grammar::Lark(grammar.to_lark().unwrap()), *fits));
    for (grammar, fits) in fits.iter().cloned().chain(in_lark) {
        let constraint = constraints.compile(&grammar).unwrap_or_else(|error| panic!("{error} in {grammar:?}"));
        let is_endless = format!("{grammar:?}").contains(r#"object"#) || grammar == Grammar::JsonObject;
        for seed in 0..20 {
            let request =
                Request { sampling: hot(seed), constraint: Some(constraint.clone()), ..Request::new(vec![7, 8]) };
            let answer = run(&mut engine, request);
            let is_cut = answer.finish == Some(FinishReason::Length) && is_endless;
            assert!(is_cut || answer.finish == Some(FinishReason::Stop), "{grammar:?}: {answer:?}");
            assert!(is_cut || fits(&answer.text), "{grammar:?}: {:?}", answer.text);
        }
    }
}

#[test]
fn constrained_answers_are_the_same_in_any_company_chunks_and_with_log_probabilities() {
    let (mut alone, constraints) = model();
    let json = constraints.compile(&Grammar::JsonSchema(schema().to_string())).unwrap();
    let choice = Grammar::Choice(vec!["What is pink? A rose is pink".into(), "What is red? A poppy's red".into()]);
    let choice = constraints.compile(&choice).unwrap();
    let request = |i: usize| Request {
        prompt: (0..3 + 20 * i as u32).map(|at| 5 + (at * 31 + i as u32) % 400).collect(),
        sampling: if i.is_multiple_of(3) { Sampling::default() } else { hot(i as u64) },
        constraint: match i % 4 {
            0 | 1 => Some(json.clone()),
            2 => Some(choice.clone()),
            _ => None,
        },
        max_tokens: Some(150),
        ..Request::new(vec![])
    };
    let want: Vec<_> = (0..8).map(|i| run(&mut alone, request(i))).collect();
    for (speculation, logprobs, batch_rows) in
        [(Speculation::Off, None, 512), (Speculation::Always, None, 20), (Speculation::Auto, Some(2), 64)]
    {
        let threads = Some(2);
        let (mut engine, _) = pocket(&Options { speculation, threads, batch_rows: Some(batch_rows), ..options() });
        let mut ids = vec![];
        for i in 0..8 {
            ids.push(engine.submit(Request { logprobs, ..request(i) }).unwrap());
        }
        for (got, want) in finish(&mut engine, &ids).iter().zip(&want) {
            assert_eq!((&got.ids, &got.text, got.finish), (&want.ids, &want.text, want.finish), "{speculation:?}");
        }
    }
}

#[test]
fn what_is_forced_is_run_at_once_and_ends_where_any_answer_ends() {
    let (mut engine, constraints) = model();
    let only = "What is gold? Not silver, not brass; it is the sun on a field of wheat.";
    let constraint = constraints.compile(&Grammar::Choice(vec![only.into()])).unwrap();
    let request = || Request { constraint: Some(constraint.clone()), ..Request::new(vec![10, 20, 30]) };
    let whole = run(&mut engine, request());
    assert_eq!((whole.text.as_str(), whole.finish), (only, Some(FinishReason::Stop)));
    assert!(whole.ids.len() > 20 && whole.steps <= 4, "{} tokens in {} steps", whole.ids.len(), whole.steps);

    let short = run(&mut engine, Request { max_tokens: Some(9), ..request() });
    assert_eq!((&short.ids[..], short.finish), (&whole.ids[..9], Some(FinishReason::Length)));
    assert!(only.starts_with(&short.text));

    let stopped = run(&mut engine, Request { stop: vec![" brass".into()], ..request() });
    assert_eq!((stopped.text.as_str(), stopped.finish), ("What is gold? Not silver, not", Some(FinishReason::Stop)));

    // With log-probabilities they are run one by one, and each has its own.
    let slow = run(&mut engine, Request { logprobs: Some(1), ..request() });
    assert_eq!((&slow.ids, slow.steps), (&whole.ids, whole.ids.len()));
}

#[test]
fn a_stop_token_comes_only_where_the_answer_is_complete() {
    let (mut engine, tokenizer) = pocket(&options());
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    let end = tokenizer.end_tokens()[0];
    let constraint = constraints.compile(&Grammar::Regex("a{3}(ba)*".into())).unwrap();
    // It would end at once.
    let sampling = Sampling { logit_bias: vec![(end, 100.0)], ..Sampling::default() };
    let answer = run(&mut engine, Request { sampling, constraint: Some(constraint), ..Request::new(vec![10]) });
    assert_eq!((answer.text.as_str(), answer.finish), ("aaa", Some(FinishReason::Stop)));
    assert_eq!(answer.ids.last(), Some(&end));
}

#[test]
fn what_cannot_be_enforced_is_refused_with_the_reason() {
    let (_, constraints) = model();
    let json = |schema: Value| Grammar::JsonSchema(schema.to_string());
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let refused = [
        (json(json!({ "type": "string", "not": { "const": "a" } })), "not"),
        (json(json!({ "type": "array", "uniqueItems": true })), "uniqueItems"),
        (json(json!({ "$ref": "https://example.com/schema.json" })), "example.com"),
        (json(json!({ "$ref": "#/$defs/missing" })), "missing"),
        (json(json!({ "oneOf": [{ "minLength": 1 }, { "maxLength": 9 }] })), "oneOf"),
        (json(json!({ "type": "string", "format": "no such format" })), "no such format"),
        (json(json!({ "x-guidance": { "lenient": true } })), "x-guidance"),
        (json(json!({ "type": "strnig" })), "strnig"),
        (json(json!(false)), "false"),
        (Grammar::JsonSchema("{".into()), "not JSON"),
        (Grammar::JsonSchema(nested("{\"items\":", "}")), "recursion"),
        (Grammar::JsonSchema(" ".repeat(2 << 20)), "bytes"),
        (Grammar::Regex("(".into()), "regex"),
        (Grammar::Regex(nested("(", ")")), "nest"),
        (Grammar::Lark("start: missing".into()), "missing"),
        (Grammar::Lark(format!("start: {}", nested("(", ")"))), "nested"),
        (Grammar::Lark("start: A\nA: B\nB: A".into()), "circular"),
        (Grammar::Lark("start: %json { \"x-guidance\": {\"lenient\": true}, \"not\": {} }".into()), "not"),
        (Grammar::Choice(vec![]), "at least one"),
    ];
    for (grammar, because) in refused {
        let name: String = format!("{grammar:?}").chars().take(120).collect();
        let error = match constraints.compile(&grammar) {
            Ok(_) => panic!("{name}: not refused"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(because) && error.len() < 500 && !error.contains('\n'), "{name}: {error}");
    }
    // Long chains of rules take room, not the machine.
    let rules: String = (0..9_000).map(|rule| format!("r{rule}: r{}\n", rule + 1)).collect();
    constraints.compile(&Grammar::Lark(format!("start: r0\n{rules}r9000: \"a\""))).unwrap();
}

#[test]
fn grammars_that_ask_for_too_much_end_at_a_limit_and_nobody_else_notices() {
    let (mut engine, constraints) = model();
    let plain = |salt: u32| Request { max_tokens: Some(60), sampling: hot(3), ..Request::new(vec![5 + salt, 6, 7]) };
    let want = run(&mut engine, plain(1));
    let either = json!({ "anyOf": [{ "minLength": 1 }, { "maxLength": 9 }] });
    for hostile in [
        // An automaton of 2^40 states, repetitions of repetitions, and all that is alike at once.
        Grammar::Regex("(.*[ab].{40})+x".into()),
        Grammar::Regex("a{1000}{1000}{1000}".into()),
        Grammar::Regex("((a?b?){5000}c?){5000}".into()),
        Grammar::Regex("(?s).{0,100000}(a|b|c).{0,100000}!".into()),
        Grammar::Lark("start: a a a a a a a a\na: | a a | \"a\" | \"b\" | /[ab]+/".into()),
        Grammar::JsonSchema(json!({ "type": "string", "pattern": "^(([a-z]+)+)+$", "maxLength": 100_000 }).to_string()),
        Grammar::JsonSchema(json!({ "type": "array", "minItems": 100_000, "items": either }).to_string()),
        Grammar::JsonSchema(json!({ "enum": (0..20_000).map(|i| format!("{i}")).collect::<Vec<_>>() }).to_string()),
    ] {
        // Refused is as well.
        let Ok(constraint) = constraints.compile(&hostile) else { continue };
        let greedy =
            Request { constraint: Some(constraint), max_tokens: Some(200), sampling: hot(1), ..Request::new(vec![8]) };
        let ids = [engine.submit(greedy).unwrap(), engine.submit(plain(1)).unwrap()];
        let answers = finish(&mut engine, &ids);
        assert!(answers[0].finish.is_some());
        assert_eq!((&answers[1].ids, answers[1].finish), (&want.ids, want.finish), "beside {hostile:?}");
    }
    assert_eq!(engine.occupancy().blocks_used, 0);
}

#[test]
fn a_cancelled_request_takes_its_constraint_with_it() {
    let (mut engine, constraints) = model();
    let constraint = constraints.compile(&Grammar::JsonSchema(schema().to_string())).unwrap();
    let request =
        |seed| Request { sampling: hot(seed), constraint: Some(constraint.clone()), ..Request::new(vec![5, 6]) };
    let want = run(&mut engine, request(1));
    let (first, second) = (engine.submit(request(2)).unwrap(), engine.submit(request(1)).unwrap());
    for _ in 0..3 {
        engine.step(|_| {}).unwrap();
    }
    engine.cancel(first);
    assert_eq!(engine.occupancy().running, 1);
    let rest = finish(&mut engine, &[second]).remove(0);
    assert!(want.ids.ends_with(&rest.ids) && rest.finish == want.finish);
    assert_eq!(engine.occupancy().blocks_used, 0);
}

/// The pocket model's folder with weights by chance: it says any token as likely as any other.
fn random_weights(scratch: &Path) -> (Engine, Arc<Tokenizer>) {
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket");
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        std::fs::copy(pocket.join(file), scratch.join(file)).unwrap();
    }
    let mut bytes = std::fs::read(pocket.join("model.safetensors")).unwrap();
    let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert!(!String::from_utf8_lossy(&bytes[8..data]).contains("F32"), "all of it is in half precision");
    let mut random = 1u64;
    for half in bytes[data..].as_chunks_mut().0 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // From 1/16 to 1/8, of either sign.
        *half = ((random >> 48) as u16 & 0x83ff | 0x2c00).to_le_bytes();
    }
    std::fs::write(scratch.join("model.safetensors"), bytes).unwrap();
    let checkpoint = Checkpoint::open(scratch).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let engine = Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), &options(), &mut |_, _| {}).unwrap();
    (engine, tokenizer)
}

#[test]
#[ignore = "needs schemas: WHIT_SCHEMAS, or ../shared/data/json-schema/maskbench-quarter.tar.xz"]
fn answers_under_a_thousand_real_schemas_are_json() {
    let archive = folder("WHIT_SCHEMAS", "../shared/data/json-schema/maskbench-quarter.tar.xz");
    let scratch = tempfile::tempdir().unwrap();
    let unpacked = std::process::Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(scratch.path()).status();
    assert!(unpacked.unwrap().success(), "set WHIT_SCHEMAS");
    let mut files: Vec<_> =
        std::fs::read_dir(scratch.path().join("maskbench/data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (name, (mut engine, tokenizer)) in [("trained", pocket(&options())), ("random", random_weights(scratch.path()))]
    {
        let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
        // Otherwise most texts would go on until they are cut: few of a vocabulary's tokens end a string.
        let ends = |id: &u32| tokenizer.token_bytes(*id).iter().any(|byte| b"\"}]".contains(byte));
        let logit_bias: Vec<_> = (0..tokenizer.vocab_size() as u32).filter(ends).map(|id| (id, 6.0)).collect();
        let schemas = files.iter().filter_map(|file| {
            let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let constraint = constraints.compile(&Grammar::JsonSchema(case["schema"].to_string())).ok()?;
            Some((file.file_stem().unwrap().to_string_lossy().into_owned(), constraint))
        });
        let (mut complete, mut cut, mut given_up, mut beyond_f64) = (0, 0, vec![], 0);
        // Eight at a time, so that masks are computed for many at once.
        let mut schemas = schemas.take(1000);
        loop {
            let some: Vec<_> = schemas.by_ref().take(8).collect();
            if some.is_empty() {
                break;
            }
            let submit = |(at, (_, constraint)): (usize, &(String, _))| {
                let constraint = Some(Clone::clone(constraint));
                let sampling = Sampling { logit_bias: logit_bias.clone(), ..hot(at as u64) };
                let request = Request { constraint, sampling, ..Request::new(vec![5 + at as u32, 30]) };
                engine.submit(Request { max_tokens: Some(900), ..request }).unwrap()
            };
            let ids: Vec<_> = some.iter().enumerate().map(submit).collect();
            for (answer, (name, _)) in finish(&mut engine, &ids).iter().zip(&some) {
                match answer.finish.unwrap() {
                    FinishReason::Stop => {
                        // JSON by its grammar: it has numbers of any size (RFC 8259, section 6), `Value` has not.
                        let parsed: Result<&RawValue, _> = serde_json::from_str(&answer.text);
                        assert!(parsed.is_ok(), "{name}: {parsed:?} of {}", answer.text);
                        if let Err(error) = serde_json::from_str::<Value>(&answer.text) {
                            assert!(error.to_string().starts_with("number out of range"), "{name}: {error}");
                            beyond_f64 += 1;
                        }
                        complete += 1;
                    }
                    FinishReason::Length => {
                        assert_eq!(answer.ids.len(), 900, "{name}: cut by nothing but max_tokens");
                        cut += 1;
                    }
                    other => given_up.push((name.clone(), other, answer.ids.len())),
                }
            }
        }
        println!(
            "{name} weights: {complete} are JSON, {beyond_f64} of them with a number beyond f64; {cut} were cut at 900 tokens, given up: {given_up:?}"
        );
        assert_eq!(complete + cut, 1000, "given up: {given_up:?}");
        assert!(complete > 500, "{complete}");
    }
}
