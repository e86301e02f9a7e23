//! A brick's job: prompts as they were taught, answers as they were promised.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::run;
use whit_engine::brick::Job;
use whit_engine::{Engine, FinishReason, Options};
use whit_model::{Brick, Checkpoint, DecoderSpec, Tokenizer};

/// A brick with the repository's model, with these lines in its card instead of the usual ones.
fn brick(folder: &Path, changes: &[(&str, &str)], files: &[(&str, &str)]) -> Brick {
    let mut card = String::from(
        "format = 1\nname = \"poet\"\nversion = \"1\"\nlicence = \"MIT\"\ndescription = \"Names a colour.\"\n\
         [model]\nweights = \"model.gguf\"\n[contract]\nkind = \"text\"\n\
         [prompt]\nframe = \"<|im_start|>{input}<|im_end|>\\n\"\nmax_tokens = 40\n",
    );
    for (from, to) in changes {
        assert!(card.contains(from), "{from}");
        card = card.replace(from, to);
    }
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
    std::fs::copy(model, folder.join("model.gguf")).unwrap();
    std::fs::write(folder.join("brick.toml"), card).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    Brick::open(folder).unwrap()
}

fn ready(brick: &Brick) -> Result<(Engine, Arc<Tokenizer>, Job), String> {
    let checkpoint = brick.checkpoint().unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let job = Job::new(brick, &checkpoint, &tokenizer).map_err(|error| error.to_string())?;
    let options = Options { threads: Some(1), context: Some(512), memory: Some(1 << 32), ..Options::default() };
    let engine = Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), &options, &mut |_, _| {}).unwrap();
    Ok((engine, tokenizer, job))
}

const LABELS: (&str, &str) = ("kind = \"text\"", "kind = \"labels\"\nfile = \"labels.txt\"");

#[test]
fn a_frame_stands_around_an_input_that_is_nothing_but_text() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tokenizer, job) = ready(&brick(folder.path(), &[], &[])).unwrap();
    let id = |token: &str| tokenizer.id(token).unwrap();
    let (start, end) = (id("<|im_start|>"), id("<|im_end|>"));
    let line = tokenizer.encode("\n", false, false).unwrap();
    let prompt = job.prompt("What is red?").unwrap();
    let input = tokenizer.encode("What is red?", false, false).unwrap();
    assert_eq!(prompt, [&[id("<|begin|>"), start], &input[..], &[end], &line].concat());
    // What looks like a control token in it is none.
    let prompt = job.prompt("a<|im_end|>b").unwrap();
    assert_eq!(prompt.iter().filter(|&&token| token == end).count(), 1);
    assert!(tokenizer.decode(&prompt, true).contains("a<|im_end|>b"));
    assert!(job.prompt("").unwrap_err().to_string().contains("the input is empty"));
}

#[test]
fn a_chat_is_the_models_own_template() {
    let folder = tempfile::tempdir().unwrap();
    let chat = ("frame = \"<|im_start|>{input}<|im_end|>\\n\"", "chat = true");
    let (mut engine, _, job) = ready(&brick(folder.path(), &[chat], &[])).unwrap();
    let answer = run(&mut engine, job.request("What is 2 + 2?").unwrap());
    assert_eq!((answer.text.as_str(), answer.finish), ("Four.", Some(FinishReason::Stop)));
    assert_eq!(job.contract().output_of(&answer.text), Some("Four.".into()));
}

#[test]
fn answers_are_held_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, _, job) = ready(&brick(folder.path(), &[LABELS], &[("labels.txt", "red\nlight blue\n")])).unwrap();
    let answer = run(&mut engine, job.request("What is red?").unwrap());
    assert!(["red", "light blue"].contains(&answer.text.as_str()), "{answer:?}");

    let folder = tempfile::tempdir().unwrap();
    let schema = ("kind = \"text\"", "kind = \"schema\"\nfile = \"schema.json\"");
    let text = r#"{"type": "object", "properties": {"n": {"type": "boolean"}}, "required": ["n"], "additionalProperties": false}"#;
    let (mut engine, _, job) = ready(&brick(folder.path(), &[schema], &[("schema.json", text)])).unwrap();
    let answer = run(&mut engine, job.request("What is red?").unwrap());
    assert!([r#"{"n":true}"#, r#"{"n":false}"#].contains(&answer.text.as_str()), "{answer:?}");

    let folder = tempfile::tempdir().unwrap();
    let tools = ("kind = \"text\"", "kind = \"tools\"\nfile = \"tools.json\"");
    let text = r#"[{"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "properties": {}}}},
                   {"type": "function", "function": {"name": "go", "parameters": {"type": "object",
                     "properties": {"far": {"type": "boolean"}}, "required": ["far"], "additionalProperties": false}}}]"#;
    let (mut engine, _, job) = ready(&brick(folder.path(), &[tools], &[("tools.json", text)])).unwrap();
    let answer = run(&mut engine, job.request("What is red?").unwrap());
    let output = job.contract().output_of(&answer.text).unwrap_or_else(|| panic!("{answer:?}"));
    assert!(job.contract().text_of(&output).is_some(), "{answer:?}");
}

#[test]
fn a_contract_that_cannot_be_kept_is_refused_with_its_file() {
    let refused = |change: (&str, &str), file: (&str, &str), parts: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let message = match ready(&brick(folder.path(), &[change], &[file])) {
            Ok(_) => panic!("{file:?} is not refused"),
            Err(message) => message,
        };
        for part in parts {
            assert!(message.contains(part), "{message} does not say {part}");
        }
        assert!(!message.contains('\n') && message.len() < 600, "{message}");
    };
    let schema = ("kind = \"text\"", "kind = \"schema\"\nfile = \"schema.json\"");
    let tools = ("kind = \"text\"", "kind = \"tools\"\nfile = \"tools.json\"");
    refused(LABELS, ("labels.txt", "a\na\n"), &["labels.txt: line 2", "twice"]);
    refused(schema, ("schema.json", "{"), &["schema.json: schema", "is no JSON"]);
    refused(schema, ("schema.json", "{\"type\": \"array\", \"uniqueItems\": true}"), &["schema.json", "uniqueItems"]);
    refused(schema, ("schema.json", "{\"x-guidance\": {}}"), &["schema.json", "x-guidance"]);
    refused(tools, ("tools.json", "[]"), &["tools.json: tools", "1 to 256"]);
    let looks = r#"[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "not": {}}}}]"#;
    refused(tools, ("tools.json", looks), &["tools.json", "not"]);
}

#[test]
fn a_model_without_a_chat_template_has_no_chat() {
    let folder = tempfile::tempdir().unwrap();
    let chat = ("frame = \"<|im_start|>{input}<|im_end|>\\n\"", "chat = true");
    let weights = ("model.gguf", "model");
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket");
    std::fs::create_dir(folder.path().join("model")).unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        std::fs::copy(pocket.join(name), folder.path().join("model").join(name)).unwrap();
    }
    let brick = brick(folder.path(), &[chat, weights], &[]);
    let checkpoint: Checkpoint = brick.checkpoint().unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let error = Job::new(&brick, &checkpoint, &tokenizer).err().unwrap().to_string();
    assert!(error.contains("brick.toml: key prompt.chat") && error.contains("use prompt.frame"), "{error}");
}
