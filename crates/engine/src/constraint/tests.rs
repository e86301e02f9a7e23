use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use whit_model::{Checkpoint, DecoderSpec};

use super::*;
use crate::request::RequestId;
use crate::{Engine, Event, Options, Request, Sampling};

fn pocket() -> Arc<Tokenizer> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-vocab.gguf");
    Arc::new(Tokenizer::from_checkpoint(&Checkpoint::open(&path).unwrap()).unwrap())
}

fn constraints(tokenizer: &Arc<Tokenizer>) -> Constraints {
    Constraints::new(tokenizer, tokenizer.end_tokens()).unwrap()
}

/// The path an environment variable names, or else `default`; both relative to the repository's root.
fn shared(variable: &str, default: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(std::env::var(variable).unwrap_or_else(|_| default.to_owned()))
}

/// What a model without a mind of its own says: any allowed token, until the end or for `most` tokens. Of each it is checked that the
/// grammar allows it, forced or not, by masks that were computed one after the other.
fn walk(constraint: &Constraint, most: usize, seed: u64) -> (Vec<u32>, Option<End>) {
    let (mut constraint, mut witness) = (constraint.clone(), constraint.clone());
    let mut random = seed;
    let mut ids = vec![];
    while ids.len() < most {
        if constraint.wants_mask() {
            constraint.compute_mask();
        }
        let id = match (constraint.take_forced(), constraint.mask()) {
            (Some(id), _) => id,
            (None, None) => break,
            (None, Some(mask)) => {
                let allowed: Vec<u32> = (0..mask.len() as u32).filter(|&id| mask.is_allowed(id)).collect();
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let id = allowed[(random >> 33) as usize % allowed.len()];
                constraint.consume(id);
                id
            }
        };
        let mask = witness.own().next_mask().unwrap().unwrap();
        assert!(mask.is_allowed(id), "{id} after {ids:?}");
        witness.own().consume(&[id]).unwrap();
        ids.push(id);
        if constraint.stop_tokens.contains(&id) {
            return (ids, Some(End::Complete));
        }
        if constraint.end().is_some() {
            break;
        }
    }
    (ids, constraint.end())
}

#[test]
fn no_token_outside_the_mask_is_ever_forced() {
    let tokenizer = pocket();
    let constraints = constraints(&tokenizer);
    let schema = json!({ "properties": { "a": { "enum": ["What is pink?", "What is red?"] }, "b": { "const": [1, null] } },
                         "required": ["a", "b"], "additionalProperties": false, "type": "object" });
    let mut complete = 0;
    for grammar in [
        Grammar::JsonSchema(schema.to_string()),
        Grammar::JsonObject,
        Grammar::Regex("(pear|peach|plum){1,3}-juice".into()),
        Grammar::Lark("start: \"a rose\" (\" is a rose\"){0,4} \".\"".into()),
        Grammar::Choice(vec!["What is white? A swan is white".into(), "What is yellow? Pears are yellow".into()]),
    ] {
        let constraint = constraints.compile(&grammar).unwrap();
        for seed in 0..10 {
            let (ids, end) = walk(&constraint, 200, seed);
            assert!(end.is_some() || ids.len() == 200, "{grammar:?}: {}", tokenizer.decode(&ids, true));
            assert_ne!(end, Some(End::Failed));
            complete += usize::from(end == Some(End::Complete));
        }
    }
    assert!(complete > 30, "{complete}");
}

#[test]
fn a_clone_goes_its_own_way() {
    let tokenizer = pocket();
    let constraint = constraints(&tokenizer).compile(&Grammar::Regex("[a-z ]{5,20}".into())).unwrap();
    let alone = walk(&constraint, 20, 1);
    for seed in 2..5 {
        walk(&constraint, 20, seed);
    }
    assert_eq!(walk(&constraint, 20, 1), alone);
}

#[test]
fn without_stop_tokens_an_answer_ends_where_nothing_can_follow() {
    let tokenizer = pocket();
    let constraints = Constraints::new(&tokenizer, &[]).unwrap();
    let constraint = constraints.compile(&Grammar::Choice(vec!["pink".into(), "red".into()])).unwrap();
    let (ids, end) = walk(&constraint, 20, 1);
    assert_eq!(end, Some(End::Complete));
    assert!(["pink", "red"].contains(&tokenizer.decode(&ids, true).as_str()));
    assert!(matches!(Constraints::new(&tokenizer, &[9999]), Err(ConstraintError::Vocabulary(_))));
}

#[test]
#[ignore = "needs vocabularies: WHIT_TOKENIZERS, or ../shared/data/tokenizers"]
fn every_real_vocabulary_spells_what_is_forced_as_it_would_itself() {
    let root = shared("WHIT_TOKENIZERS", "../shared/data/tokenizers");
    let gguf = std::fs::read_dir(root.join("llamacpp-vocab")).expect("set WHIT_TOKENIZERS").map(|e| e.unwrap().path());
    let gguf = gguf.filter(|path| path.extension().is_some_and(|e| e == "gguf"));
    let folders = ["llama3.2", "qwen2", "hf/llama2", "hf/phi-2", "hf/phi-3-mini"].map(|name| root.join(name));
    for path in gguf.chain(folders) {
        let tokenizer = match path.is_dir() {
            true => Tokenizer::from_folder(&path),
            false => Checkpoint::open(&path).and_then(|checkpoint| Tokenizer::from_checkpoint(&checkpoint)),
        };
        let tokenizer = Arc::new(tokenizer.unwrap());
        let begun = Instant::now();
        let constraints = constraints(&tokenizer);
        let took = begun.elapsed();
        let whole = "{\"name\": \"Ångström 🦙\", \"and the rest of it\": [true, false, 12.5]}";
        let constraint = constraints.compile(&Grammar::Choice(vec![whole.into()])).unwrap();
        let (ids, end) = walk(&constraint, 100, 1);
        assert_eq!(end, Some(End::Complete), "{}", path.display());
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokenizer.token_bytes(id)).collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), whole, "{}", path.display());
        // As within a text, that is.
        let within = tokenizer.encode(&format!(";{whole}"), false, false).unwrap();
        println!(
            "{}: {} tokens, {} forced, {} within a text, ready in {took:?}",
            path.display(),
            tokenizer.vocab_size(),
            ids.len(),
            within.len() - 1
        );
        assert!(ids.len() <= within.len() + 2, "{}: {ids:?} for {within:?}", path.display());
    }
}

#[test]
fn answers_that_wait_share_what_was_compiled() {
    let tokenizer = pocket();
    let compiled = constraints(&tokenizer).compile(&Grammar::JsonObject).unwrap();
    let mut waiting = vec![compiled.clone(); 100];
    assert_eq!(Arc::strong_count(&compiled.compiled), 101);
    assert!(waiting.iter().all(|constraint| constraint.own.is_none() && constraint.wants_mask()));
    // Beside the forward pass, not when the token is chosen.
    waiting[0].compute_mask();
    assert!(waiting[0].own.is_some() && !waiting[0].wants_mask() && waiting[0].mask == compiled.mask);
    assert!(waiting[1..].iter().all(|constraint| constraint.own.is_none()));
}

#[test]
fn masks_of_many_answers_come_back_to_whom_they_belong() {
    let tokenizer = pocket();
    let compiled = constraints(&tokenizer).compile(&Grammar::JsonObject).unwrap();
    let mut masks = Masks::default();
    for _ in 0..20 {
        (0..32).for_each(|whose| masks.begin(RequestId(whose), Box::new(compiled.clone())).unwrap());
        let mut back = vec![];
        masks.finish(None, |RequestId(whose), constraint| back.push((whose, constraint.wants_mask()))).unwrap();
        back.sort_unstable();
        assert_eq!(back, (0..32).map(|whose| (whose, false)).collect::<Vec<_>>());
        assert!(!masks.are_under_way());
    }
}

#[test]
fn a_mask_that_takes_long_is_not_waited_for_longer_than_there_is_time() {
    let tokenizer = pocket();
    let constraints = constraints(&tokenizer);
    let quick = constraints.compile(&Grammar::JsonObject).unwrap();
    let mut slow = constraints.compile(&Grammar::Regex("[a-z ]{5000}".into())).unwrap();
    slow.usual_time = Duration::from_secs(1);
    let mut masks = Masks::default();
    // The slow ones are the thread's own, one after the other; the quick ones do not wait for all of them.
    (0..200).for_each(|whose| masks.begin(RequestId(whose), Box::new(slow.clone())).unwrap());
    (200..210).for_each(|whose| masks.begin(RequestId(whose), Box::new(quick.clone())).unwrap());
    let mut back = vec![];
    masks.finish(Some(Instant::now()), |RequestId(whose), _| back.push(whose)).unwrap();
    let in_time = back.len();
    assert!(in_time < 210 && masks.are_under_way(), "{in_time}");
    while masks.are_under_way() {
        let until = Instant::now() + Duration::from_millis(1);
        masks.finish(Some(until), |RequestId(whose), _| back.push(whose)).unwrap();
    }
    let last_quick = back.iter().rposition(|&whose| whose >= 200).unwrap();
    assert!(last_quick < 209, "a slow one was waited for by a quick one: {back:?}");
    back.sort_unstable();
    assert_eq!(back, (0..210).collect::<Vec<_>>());
}

/// Why `text` is not one that `constraint` leads to; `masks` gets how long each mask on the way took.
fn refusal(constraint: &Constraint, tokenizer: &Tokenizer, text: &str, masks: &mut Vec<Duration>) -> Option<String> {
    let mut constraint = constraint.clone();
    let matcher = constraint.own();
    for (at, &id) in tokenizer.encode(text, false, false).unwrap().iter().enumerate() {
        let begun = Instant::now();
        let mask = matcher.next_mask();
        masks.push(begun.elapsed());
        // Whether the mask has it is not asked: where something is forced, that has one way to spell it.
        if let Err(error) = mask.and_then(|_| matcher.consume(&[id])) {
            return Some(format!("not token {at} of {text}: {}", reason(&error)));
        }
    }
    (!matcher.is_accepting()).then(|| format!("more must come after {text}"))
}

fn describe(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: {} times, mean {mean:?}, p50 {:?}, p99 {:?}, at most {:?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

#[test]
#[ignore = "needs schemas and a vocabulary: WHIT_SCHEMAS, WHIT_TOKENIZERS, or ../shared/data"]
fn real_schemas_allow_what_is_valid_and_nothing_else() {
    let archive = shared("WHIT_SCHEMAS", "../shared/data/json-schema/maskbench-quarter.tar.xz");
    let folder = tempfile::tempdir().unwrap();
    let unpacked = std::process::Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.unwrap().success(), "set WHIT_SCHEMAS");
    let vocabulary = shared("WHIT_TOKENIZERS", "../shared/data/tokenizers").join("llama3.2");
    let tokenizer = Arc::new(Tokenizer::from_folder(&vocabulary).unwrap());
    let constraints = constraints(&tokenizer);
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path().join("maskbench/data")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let (mut accepted, mut instances, mut masks, mut compiled) = (0, 0, vec![], vec![]);
    let (mut reasons, mut wrong) = (BTreeMap::<String, usize>::new(), vec![]);
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let begun = Instant::now();
        let constraint = constraints.compile(&Grammar::JsonSchema(case["schema"].to_string()));
        compiled.push(begun.elapsed());
        let constraint = match constraint {
            Ok(constraint) => constraint,
            Err(error) => {
                let reason = error.to_string();
                if !matches!(error, ConstraintError::Grammar(_)) {
                    println!("{name}: {reason}");
                }
                let reason = reason.strip_prefix(refusal::OF_SCHEMA).unwrap_or(&reason);
                let reason = reason.split(" (at ").next().unwrap_or(reason);
                *reasons.entry(reason.chars().take(40).collect()).or_default() += 1;
                continue;
            }
        };
        accepted += 1;
        for test in case["tests"].as_array().unwrap() {
            instances += 1;
            let text = test["data"].to_string();
            let refusal = refusal(&constraint, &tokenizer, &text, &mut masks);
            if refusal.is_some() == (test["valid"] == true) {
                wrong.push(format!("{name}: valid is {}, {}", test["valid"], refusal.unwrap_or(text)));
            }
        }
    }
    println!(
        "{} schemas: {accepted} accepted, {} refused, {instances} instances of them, {} wrong",
        files.len(),
        files.len() - accepted,
        wrong.len()
    );
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in reasons.iter().take(30) {
        println!("  {count:5} {reason}");
    }
    for wrong in &wrong {
        println!("  wrong: {wrong}");
    }
    describe("compiling", compiled);
    describe("masks", masks);
    // What is left: properties come in the order of the schema.
    assert!(wrong.iter().all(|wrong| wrong.contains("valid is true")) && wrong.len() <= 6);
}

#[test]
fn an_answer_whose_masks_take_long_sits_out_and_changes_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
    let checkpoint = Checkpoint::open(&path).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let tokenizer = pocket();
    let load = || {
        let max_stall = Duration::ZERO;
        let options = Options { threads: Some(1), context: Some(512), sequences: 2, max_stall, ..Options::default() };
        Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), &options, &mut |_, _| {}).unwrap()
    };
    let slow = |delay| {
        let mut constraint = constraints(&tokenizer).compile(&Grammar::Regex("[a-z ]{90}".into())).unwrap();
        // Neither so quick that the engine's own thread would do it, nor foreseen to take longer than a step waits.
        (constraint.delay, constraint.usual_time) = (delay, Duration::from_millis(2));
        let sampling = Sampling { temperature: 1.5, seed: 7, ..Sampling::default() };
        let constraint = Some(constraint);
        // The prompt ends with a block, which is not whole while its last token is to be run again.
        Request { constraint, sampling, max_tokens: Some(12), ..Request::new((0..64).map(|i| 5 + i * 3).collect()) }
    };
    let plain = || Request { max_tokens: Some(400), ..Request::new(vec![8, 9, 10]) };
    let run = |requests: Vec<Request>| {
        let mut engine = load();
        let ids: Vec<_> = requests.into_iter().map(|request| engine.submit(request).unwrap()).collect();
        let (mut answers, mut apart) = (vec![vec![]; ids.len()], vec![]);
        while !engine.is_idle() {
            let before: Vec<usize> = answers.iter().map(Vec::len).collect();
            let step = engine.step(|event| {
                if let Event::Token { request, id, .. } = event {
                    answers[ids.iter().position(|other| *other == request).unwrap()].push(id);
                }
            });
            step.unwrap();
            let went_on = |at: usize| answers[at].len() > before[at];
            if answers.len() == 2 && !went_on(0) && went_on(1) {
                apart.push(answers[0].len());
            }
        }
        (answers, apart)
    };
    let (alone, _) = run(vec![slow(Duration::ZERO)]);
    let (other, _) = run(vec![plain()]);
    let (both, apart) = run(vec![slow(Duration::from_millis(20)), plain()]);
    assert_eq!(both, [alone[0].clone(), other[0].clone()]);
    // Before the first token, of whose mask nobody knew that it takes long, and before others.
    assert!(apart.contains(&0) && (1..12).any(|at| apart.contains(&at)), "{apart:?}");
}
