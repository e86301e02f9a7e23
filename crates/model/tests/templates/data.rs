//! Every recorded case of the folder `WHIT_TEMPLATES`.
//!
//! * `*.jsonl` with `chat_template`, `data`, `target`: a real template, its variables, and the exact text.
//! * `*.jsonl` with `template`, `context`, `expected`: a piece of Jinja.
//! * `*.jinja`, and tokenizer_config.json with a `chat_template`: must compile and render a conversation.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use whit_model::ChatTemplate;
use whit_model::template::{ChatInput, Literals};

/// The day on which the recorded templates that ask for the date were rendered.
const RECORDED: Duration = Duration::from_secs(1_752_105_600); // 2025-07-10

/// Cases of the recorded pieces of Jinja that cannot agree.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("NUMBERS", FUNCTIONS),
    ("FUNCTIONS", FUNCTIONS),
    ("OBJ_METHODS", FUNCTIONS),
    ("IS_OPERATOR_4", FUNCTIONS),
    ("BINOP_EXPR_1", "minijinja joins constants while it compiles, and prints a boolean among them as Python does"),
    ("UNARY_SIGN_EXPRESSIONS", "minijinja has no unary plus"),
    ("CONTEXT_KEYWORDS", "minijinja takes no keyword (`if`, `in`) for the name of a variable that is set"),
];
const FUNCTIONS: &str = "its context holds functions, which no JSON can";

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Chat { name: String, chat_template: String, data: Map<String, Value>, target: String },
    Piece { name: String, template: String, context: Map<String, Value>, expected: String },
}

#[derive(Default)]
struct Tally {
    agree: usize,
    as_python: usize,
    rendered: usize,
    left_out: Vec<String>,
    failures: Vec<String>,
}

#[test]
#[ignore = "needs recorded templates: WHIT_TEMPLATES, or ../shared/data/chat-templates"]
fn recorded_templates_agree() {
    let root = std::env::var_os("WHIT_TEMPLATES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chat-templates"),
        // A relative folder counts from the repository's root, where cargo is called, not from the crate.
        |folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder),
    );
    let mut files = Vec::new();
    find_files(&root, &mut files);
    files.sort();
    let mut tally = Tally::default();
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        let read = || std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{name}: {e}"));
        match file.extension().and_then(|e| e.to_str()) {
            Some("jsonl") => {
                let before = (tally.agree, tally.as_python);
                for line in read().lines().filter(|line| !line.trim().is_empty()) {
                    check(&serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}: {e}")), &mut tally);
                }
                let (agree, as_python) = (tally.agree - before.0, tally.as_python - before.1);
                println!("{name}: {agree} cases agree, {as_python} of them printing values as Python does, too");
            }
            Some("jinja") => render(&name, &read(), &mut tally),
            Some("json") => {
                let config: Value = serde_json::from_str(&read()).unwrap_or_else(|e| panic!("{name}: {e}"));
                match &config["chat_template"] {
                    Value::String(template) => render(&name, template, &mut tally),
                    Value::Array(several) => {
                        for entry in several {
                            let label = format!("{name} ({})", entry["name"].as_str().unwrap_or_default());
                            render(&label, entry["template"].as_str().unwrap_or_default(), &mut tally);
                        }
                    }
                    _ => tally.left_out.push(format!("{name}: has no chat template")),
                }
            }
            _ => {}
        }
    }
    for left_out in &tally.left_out {
        println!("  left out: {left_out}");
    }
    for failure in &tally.failures {
        println!("  FAILED: {failure}");
    }
    println!("{} agree, {} templates render, {} fail", tally.agree, tally.rendered, tally.failures.len());
    assert!(tally.failures.is_empty(), "{} cases differ", tally.failures.len());
    assert!(tally.agree > 0, "nothing was compared");
}

fn find_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() { find_files(&path, files) } else { files.push(path) }
    }
}

fn rendered(source: &str, literals: Literals, input: &ChatInput) -> Result<String, String> {
    let template = ChatTemplate::new(source, None, None).map_err(|e| e.to_string())?;
    template.with_literals(literals).at(SystemTime::UNIX_EPOCH + RECORDED).render(input).map_err(|e| e.to_string())
}

/// Renders a case as its recorder did: huggingface.js prints lists and booleans as JSON.
fn check(case: &Case, tally: &mut Tally) {
    let (name, source, variables, expected) = match case {
        Case::Chat { name, chat_template, data, target } => (name, chat_template, data, target),
        Case::Piece { name, template, context, expected } => (name, template, context, expected),
    };
    let exception = EXCEPTIONS.iter().find(|(excepted, _)| matches!(case, Case::Piece { .. }) && excepted == name);
    let input = ChatInput { extra: variables.clone(), ..ChatInput::default() };
    let found = rendered(source, Literals::Json, &input);
    match (found.as_ref() == Ok(expected), exception) {
        (true, None) => {
            tally.agree += 1;
            tally.as_python += usize::from(rendered(source, Literals::Python, &input).as_ref() == Ok(expected));
        }
        (false, Some((_, reason))) => tally.left_out.push(format!("{name}: {reason}")),
        (true, Some(_)) => tally.failures.push(format!("{name} agrees, and is among the exceptions")),
        (false, None) => tally.failures.push(format!("{name}: {source:?} gives\n{found:?}, not\n{expected:?}")),
    }
}

/// A conversation that any template takes.
fn render(name: &str, source: &str, tally: &mut Tally) {
    let template = match ChatTemplate::new(source, Some("<s>"), Some("</s>")) {
        Ok(template) => template,
        Err(error) => {
            tally.failures.push(format!("{name} does not compile: {error}"));
            return;
        }
    };
    let mut input = ChatInput {
        messages: vec![
            json!({"role": "user", "content": "What is the answer?"}),
            json!({"role": "assistant", "content": "Forty-two."}),
            json!({"role": "user", "content": "And the question?"}),
        ],
        add_generation_prompt: true,
        ..ChatInput::default()
    };
    let text = match template.render(&input) {
        Ok(text) => Ok(text),
        // Templates for calling functions demand some.
        Err(first) => {
            input.tools = Some(vec![json!({"type": "function", "function": {
                "name": "ask", "description": "Asks.", "parameters": {
                    "type": "object", "properties": {"what": {"type": "string", "description": "A question."}}, "required": ["what"]
                }
            }})]);
            input.extra.insert("functions".into(), json!("[]"));
            input.extra.insert("datetime".into(), json!("2025-07-10"));
            template.render(&input).map_err(|second| format!("{first}; with tools: {second}"))
        }
    };
    match text {
        Ok(text) if text.contains("And the question?") => tally.rendered += 1,
        Ok(text) => tally.failures.push(format!("{name} loses the question: {text:?}")),
        Err(error) => tally.failures.push(format!("{name}: {error}")),
    }
}
