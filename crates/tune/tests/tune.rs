//! Small trainings, from the examples to the brick.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use whit_model::Brick;
use whit_model::brick::PromptForm;
use whit_tune::TuneError;
use whit_tune::training::{Base, Event, Making, Options, Outcome, Scratch, Tune, Weights};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Requests for timers and lights, with their calls.
fn write_examples(path: &Path, count: usize) {
    const THINGS: [&str; 8] = ["tea", "pasta", "eggs", "rice", "bread", "the oven", "a nap", "laundry"];
    const ROOMS: [&str; 8] = ["kitchen", "hall", "attic", "bedroom", "garage", "cellar", "bathroom", "office"];
    const WORDS: [&str; 4] = ["please", "now", "thanks", "quickly"];
    let lines: Vec<String> = (0..count)
        .map(|at| {
            let (thing, room, word) = (THINGS[at / 2 % 8], ROOMS[at / 16 % 8], WORDS[at / 128 % 4]);
            let (input, call) = match at % 2 {
                0 => (
                    format!("set a timer for {thing} in the {room} {word}"),
                    json!({"name": "set_timer", "arguments": {"label": thing, "place": room}}),
                ),
                _ => (
                    format!("turn on the light in the {room} for {thing} {word}"),
                    json!({"name": "set_lights", "arguments": {"place": room}}),
                ),
            };
            json!({"input": input, "output": call}).to_string()
        })
        .collect();
    fs::write(path, lines.join("\n")).unwrap();
}

fn write_tools(path: &Path) {
    let tool = |name: &str, properties: Value| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": properties, "required": ["place"], "additionalProperties": false}}})
    };
    let text = json!({"type": "string", "minLength": 1});
    let tools =
        json!([tool("set_timer", json!({"label": text, "place": text})), tool("set_lights", json!({"place": text})),]);
    fs::write(path, tools.to_string()).unwrap();
}

fn options(folder: &Path, out: &str) -> Options {
    write_examples(&folder.join("data.jsonl"), 256);
    write_tools(&folder.join("tools.json"));
    Options {
        data: folder.join("data.jsonl"),
        validation: None,
        held_out: None,
        measure: vec![],
        out: folder.join(out),
        name: Some("test".into()),
        version: "0.1.0".into(),
        licence: "MIT".into(),
        description: "A test.".into(),
        making: Making::Scratch(Scratch {
            width: 64,
            layers: 2,
            heads: None,
            kv_heads: None,
            vocabulary: 420,
            context: None,
            weights: Weights::Q8,
        }),
        contract: Some(folder.join("tools.json").to_str().unwrap().into()),
        frame: None,
        epochs: Some(60),
        batch: Some(1024),
        rate: Some(5e-3),
        dropout: 0.05,
        seed: 1,
        max_steps: Some(240),
        patience: 100,
        memory: None,
        checkpoint_every: Duration::from_secs(1000),
        resume: false,
        command: "whit tune".into(),
    }
}

fn run(options: Options, stop_at: Option<u64>) -> Result<Outcome, TuneError> {
    Tune::prepare(options, &mut |_| {})?.run(&mut |event| match event {
        Event::Step(step) => Some(step.step) == stop_at,
        _ => false,
    })
}

#[test]
fn a_small_decoder_learns_its_job_and_the_engine_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(options(folder.path(), "brick"), None).unwrap();
    let curve = &outcome.trained.curve;
    assert!(curve.last().unwrap().2 < 0.2 * curve[0].2, "{curve:?}");
    let measured = &outcome.measured[0];
    assert_eq!(measured.on, "held-out");
    assert!(measured.exact().value() > 0.8, "{measured:?}");
    let brick = folder.path().join("brick");
    let card: toml::Table = toml::from_str(&fs::read_to_string(brick.join("brick.toml")).unwrap()).unwrap();
    assert_eq!(card["contract"]["kind"].as_str(), Some("tools"));
    assert_eq!(card["quality"][0]["measure"].as_str(), Some("exact match"));
    assert_eq!(card["quality"][0]["value"].as_float(), Some((measured.exact().value() * 1e4).round() / 1e4));
    let mut files: Vec<String> =
        fs::read_dir(brick).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["brick.toml", "examples.jsonl", "model.gguf", "tools.json"]);
}

#[test]
fn a_training_that_is_stopped_and_goes_on_makes_the_same_brick() {
    let folder = tempfile::tempdir().unwrap();
    let short = |out: &str| Options { max_steps: Some(40), ..options(folder.path(), out) };
    run(short("whole"), None).unwrap();
    // In the middle of an epoch, and between two looks at the validation loss.
    let error = run(short("parts"), Some(17)).unwrap_err();
    assert!(matches!(error, TuneError::Stopped { step: 17 }), "{error}");
    let error = run(Options { resume: true, ..short("parts") }, Some(31)).unwrap_err();
    assert!(matches!(error, TuneError::Stopped { step: 31 }), "{error}");
    let outcome = run(Options { resume: true, ..short("parts") }, None).unwrap();
    assert_eq!(outcome.trained.steps, 40);
    let model = |out: &str| fs::read(folder.path().join(out).join("model.gguf")).unwrap();
    assert!(model("whole") == model("parts"));
}

#[test]
fn another_seed_makes_another_brick() {
    let folder = tempfile::tempdir().unwrap();
    let model = |out: &str, seed| {
        run(Options { max_steps: Some(3), seed, ..options(folder.path(), out) }, None).unwrap();
        fs::read(folder.path().join(out).join("model.gguf")).unwrap()
    };
    let one = model("one", 1);
    assert!(one == model("again", 1));
    assert!(one != model("two", 2));
}

#[test]
fn an_adapter_lowers_the_loss_of_its_base() {
    let folder = tempfile::tempdir().unwrap();
    let base =
        Base { name: "pocket".into(), path: fixture("pocket"), rank: 8, alpha: 16.0, targets: vec![], context: None };
    let options = Options {
        making: Making::Adapter(base),
        frame: Some("{input}\n".into()),
        epochs: Some(8),
        max_steps: Some(60),
        dropout: 0.0,
        ..options(folder.path(), "brick")
    };
    let outcome = run(options, None).unwrap();
    let curve = &outcome.trained.curve;
    assert!(curve.last().unwrap().2 < 0.8 * curve[0].2, "{curve:?}");
    let config = fs::read_to_string(folder.path().join("brick/adapter/adapter_config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!((&config["peft_type"], &config["r"]), (&json!("LORA"), &json!(8)));
    assert!(folder.path().join("brick/adapter/adapter_model.safetensors").is_file());
    assert!(!folder.path().join("brick/model.gguf").exists());
}

#[test]
fn conversations_are_learned_in_the_words_of_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let line = |at: usize| {
        let input = format!("{} or {}?", (b'a' + (at % 26) as u8) as char, (b'a' + (at / 26) as u8) as char);
        json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": input},
            {"role": "assistant", "content": if at.is_multiple_of(2) { "yes" } else { "no" }}]})
        .to_string()
    };
    let options = Options {
        making: Making::Adapter(Base {
            name: "pocket".into(),
            path: fixture("pocket-q8_0.gguf"),
            rank: 4,
            alpha: 8.0,
            targets: vec!["q_proj".into()],
            context: None,
        }),
        contract: None,
        max_steps: Some(2),
        ..options(folder.path(), "brick")
    };
    fs::write(folder.path().join("data.jsonl"), (0..200).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let outcome = run(options, None).unwrap();
    assert!(outcome.confidence.is_some() && outcome.measured[0].calibration_error.is_some(), "{outcome:?}");
    let brick = Brick::open(&folder.path().join("brick")).unwrap();
    let system = Some("Be brief.".to_owned());
    assert_eq!(brick.card().prompt.form, PromptForm::Chat { chat: true, system });
    assert_eq!(brick.card().contract.kind(), "labels");
    let examples = std::str::from_utf8(brick.file("examples.jsonl").unwrap()).unwrap();
    let first: Value = serde_json::from_str(examples.lines().next().unwrap()).unwrap();
    assert!(first["input"].as_str().unwrap().ends_with('?'), "{first}");
}

#[test]
fn a_dry_run_says_what_it_will_take_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tune = Tune::prepare(options(folder.path(), "brick"), &mut |_| {}).unwrap();
    let estimate = tune.estimate().unwrap();
    assert_eq!(estimate.steps, 240);
    assert!(estimate.seconds > 0.0 && estimate.tokens_per_second > 0.0 && estimate.memory > 1 << 20);
    assert!(!folder.path().join("brick").exists());
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut Options)| {
        let mut options = options(folder.path(), "brick");
        change(&mut options);
        match Tune::prepare(options, &mut |_| {}) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.to_string(),
        }
    };
    let scratch = |options: &mut Options, change: &dyn Fn(&mut Scratch)| {
        if let Making::Scratch(scratch) = &mut options.making {
            change(scratch);
        }
    };
    let said = refused(&|options| options.memory = Some(50 << 20));
    assert!(said.contains("--memory allows 50"), "{said}");
    let said = refused(&|options| scratch(options, &|scratch| scratch.context = Some(8)));
    assert!(said.contains("fit the context of 8 tokens"), "{said}");
    let said = refused(&|options| scratch(options, &|scratch| scratch.width = 50));
    assert!(said.contains("--width is 50"), "{said}");
    let said = refused(&|options| scratch(options, &|scratch| scratch.vocabulary = 280));
    assert!(said.contains("raise --vocab"), "{said}");
    let said = refused(&|options| options.name = Some("No Name".into()));
    assert!(said.contains("is none for a brick"), "{said}");
    let said = refused(&|options| options.contract = Some("labels".into()));
    assert!(said.contains("does not keep the contract"), "{said}");
    let said = refused(&|options| scratch(options, &|scratch| scratch.context = Some(1 << 40)));
    assert!(said.contains("--context is 1099511627776: use 131072 at most"), "{said}");
    let said = refused(&|options| options.epochs = Some(u64::MAX));
    assert!(said.contains("--epochs is"), "{said}");
    let said = refused(&|options| options.patience = 0);
    assert!(said.contains("--patience is 0"), "{said}");
    let said = refused(&|options| options.rate = Some(-1.0));
    assert!(said.contains("--lr is -1"), "{said}");
    let nothing_fits = folder.path().join("impossible.json");
    fs::write(&nothing_fits, r#"{"type": "object", "properties": {"a": false}, "required": ["a"]}"#).unwrap();
    let said = refused(&|options| options.contract = Some(nothing_fits.to_str().unwrap().into()));
    assert!(said.contains("the contract"), "{said}");
    let other = r#"{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}"#;
    fs::write(&nothing_fits, other).unwrap();
    let said = refused(&|options| options.contract = Some(nothing_fits.to_str().unwrap().into()));
    assert!(said.contains("does not keep the contract") && said.contains("cannot be written under it"), "{said}");
    let said = refused(&|options| options.frame = Some("no place for it".into()));
    assert!(said.contains("must have {input} in it, once"), "{said}");
    let said = refused(&|options| options.measure = vec!["a/one.jsonl".into(), "b/One.jsonl".into()]);
    assert!(said.contains("a set of the brick is called One already"), "{said}");
    let said = refused(&|options| options.measure = vec!["my set.jsonl".into()]);
    assert!(said.contains("\"my set.jsonl\" is not one for a brick"), "{said}");
    let base = folder.path().join("base");
    fs::create_dir_all(&base).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(fixture("pocket").join(file), base.join(file)).unwrap();
    }
    let said = refused(&|options| {
        options.making = Making::Adapter(Base {
            name: "base".into(),
            path: base.clone(),
            rank: 8,
            alpha: 16.0,
            targets: vec![],
            context: None,
        });
    });
    assert!(said.contains("tokenizer.json"), "{said}");
}

#[test]
fn a_brick_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let short = || Options { max_steps: Some(2), ..options(folder.path(), "brick") };
    run(short(), None).unwrap();
    assert!(run(short(), None).unwrap_err().to_string().contains("is a brick already"));
    fs::remove_file(folder.path().join("brick/brick.toml")).unwrap();
    assert!(run(Options { resume: true, ..short() }, None).unwrap_err().to_string().contains("no checkpoint"));
}
