//! The cases of the Berkeley Function Calling Leaderboard (BFCL v4): calls of real descriptions with accepted answers.

mod common;
mod grammars;

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf, sync::Arc};

use common::Server;
use grammars::{Random, Vocabulary, arbitrary_value, fits, read};
use serde_json::{Map, Value, json};
use whit_engine::Options;
use whit_server::Config;
use whit_server::config::ModelConfig;
use whit_server::tools::{Syntax, Tool, ToolCall, ToolChoice};

const FILES: [&str; 4] = ["simple_python", "multiple", "parallel", "irrelevance"];

struct Case {
    id: String,
    tools: Vec<Tool>,
    /// An accepted answer; none where no tool is relevant.
    calls: Vec<ToolCall>,
}

fn lines(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

fn cases() -> Vec<Case> {
    let folder = std::env::var("WHIT_FUNCTION_CALLING").map(PathBuf::from);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/function-calling");
    let folder = folder.unwrap_or_else(|_| PathBuf::from(root));
    let mut cases = Vec::new();
    for file in FILES.map(|name| format!("BFCL_v4_{name}.json")) {
        let answers = folder.join("possible_answer").join(&file);
        let answers = if answers.exists() { lines(answers) } else { Vec::new() };
        for (at, case) in lines(folder.join(&file)).into_iter().enumerate() {
            let tool = |function: &Value| Tool {
                name: function["name"].as_str().expect("a name").to_owned(),
                description: function["description"].as_str().map(str::to_owned),
                parameters: json_schema(&function["parameters"]),
                strict: true,
            };
            let tools: Vec<Tool> = case["function"].as_array().expect("functions").iter().map(tool).collect();
            let calls = answers.get(at).map_or(Vec::new(), |answer| {
                assert_eq!(answer["id"], case["id"]);
                let calls = answer["ground_truth"].as_array().expect("calls");
                calls.iter().map(|call| accepted(call, &tools)).collect()
            });
            cases.push(Case { id: case["id"].as_str().expect("an id").to_owned(), tools, calls });
        }
    }
    cases
}

/// JSON Schema from BFCL's, which has Python's names for types.
fn json_schema(schema: &Value) -> Value {
    let Some(schema) = schema.as_object() else { return schema.clone() };
    let mut out = Map::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value.as_str()) {
            ("type", Some("dict")) => drop(out.insert("type".into(), json!("object"))),
            ("type", Some("float")) => drop(out.insert("type".into(), json!("number"))),
            ("type", Some("tuple")) => drop(out.insert("type".into(), json!("array"))),
            ("type", Some("any")) | ("optional" | "format", _) => {}
            ("properties", _) => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, schema)| (name.clone(), json_schema(schema)));
                out.insert("properties".into(), Value::Object(properties.collect()));
            }
            ("items" | "additionalProperties", _) => drop(out.insert(keyword.clone(), json_schema(value))),
            _ => drop(out.insert(keyword.clone(), value.clone())),
        }
    }
    Value::Object(out)
}

/// The first of the accepted values of every argument, in the order of the parameters.
fn accepted(call: &Value, tools: &[Tool]) -> ToolCall {
    let (name, arguments) = call.as_object().and_then(|call| call.iter().next()).expect("a call");
    let tool = tools.iter().find(|tool| tool.name == *name).expect("a tool that is offered");
    let arguments = values(arguments, &tool.parameters);
    ToolCall { id: "a1B2c3D4e".into(), name: name.clone(), arguments: arguments.to_string() }
}

fn values(choices: &Value, schema: &Value) -> Value {
    let mut values = Map::new();
    let order: Vec<&String> = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let place = |name: &String| order.iter().position(|other| *other == name).unwrap_or(order.len());
    let mut choices: Vec<(&String, &Value)> = choices.as_object().into_iter().flatten().collect();
    choices.sort_by_key(|(name, _)| place(name));
    for (name, choices) in choices {
        // An empty string among them says that the argument may be left out.
        let choice = choices.as_array().and_then(|choices| choices.iter().find(|choice| **choice != json!("")));
        let Some(value) = choice else { continue };
        let value = match value {
            Value::Object(_) => self::values(value, &schema["properties"][name]),
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.iter().map(|item| self::values(item, &schema["properties"][name]["items"])).collect()
            }
            value => value.clone(),
        };
        values.insert(name.clone(), value);
    }
    Value::Object(values)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
#[ignore = "needs BFCL: WHIT_FUNCTION_CALLING, ../shared/data/function-calling by default"]
fn accepted_answers_read_back_in_every_syntax() {
    let cases = cases();
    for syntax in Syntax::all() {
        let mut calls = 0;
        for case in cases.iter().filter(|case| !case.calls.is_empty()) {
            let text = syntax.render(&case.calls);
            let answer = read(syntax, &case.tools, &text);
            assert_eq!(answer.text, "", "{} {}: {text}", syntax.name(), case.id);
            let of = |name: &str, arguments: &str| (name.to_owned(), value(arguments));
            let answer: Vec<_> = answer.calls.iter().map(|(name, arguments)| of(name, arguments)).collect();
            let expected: Vec<_> = case.calls.iter().map(|call| of(&call.name, &call.arguments)).collect();
            assert_eq!(answer, expected, "{} {}: {text}", syntax.name(), case.id);
            calls += expected.len();
        }
        println!("{}: {calls} calls", syntax.name());
        assert!(calls > 1_000);
    }
}

#[test]
#[ignore = "needs BFCL: WHIT_FUNCTION_CALLING, ../shared/data/function-calling by default"]
fn the_grammars_allow_the_accepted_answers_that_fit() {
    let cases = cases();
    for syntax in Syntax::all() {
        let vocabulary = Vocabulary::new(syntax, true);
        let mut counts = BTreeMap::new();
        for case in cases.iter().filter(|case| !case.calls.is_empty()) {
            let grammar = syntax.grammar(&case.tools, &ToolChoice::Required, true, &|marker| vocabulary.token(marker));
            let grammar = grammar.expect("enforceable").expect("something to enforce");
            for call in &case.calls {
                let text = syntax.render(std::slice::from_ref(call));
                let allowed = vocabulary.allows(&grammar, &text) == (text.len(), true);
                let tool = case.tools.iter().find(|tool| tool.name == call.name).expect("a tool");
                let fits = fits(&value(&call.arguments), &tool.parameters);
                assert_eq!(fits, allowed, "{} {}: {text}", syntax.name(), case.id);
                *counts.entry(fits).or_insert(0) += 1;
            }
        }
        println!("{}: fit and are allowed: {counts:?}", syntax.name());
    }
}

#[test]
#[ignore = "needs BFCL: WHIT_FUNCTION_CALLING, ../shared/data/function-calling by default"]
fn required_calls_of_arbitrary_tokens_parse_and_fit() {
    let mut random = Random(11);
    let cases = cases();
    for syntax in Syntax::all() {
        let vocabulary = Vocabulary::new(syntax, true);
        let (mut ended, mut calls) = (0, 0);
        for case in &cases {
            let grammar = syntax.grammar(&case.tools, &ToolChoice::Required, true, &|marker| vocabulary.token(marker));
            let grammar = grammar.expect("enforceable").expect("something to enforce");
            let Some(text) = vocabulary.arbitrary(&grammar, &mut random, 4_000) else { continue };
            let answer = read(syntax, &case.tools, &text);
            assert!(answer.text.is_empty() && !answer.calls.is_empty(), "{} {}: {text}", syntax.name(), case.id);
            for (name, arguments) in &answer.calls {
                let tool = case.tools.iter().find(|tool| tool.name == *name).expect("a tool that is offered");
                let value = arbitrary_value(arguments);
                assert!(
                    value.is_none_or(|value| fits(&value, &tool.parameters)),
                    "{} {}: {text}",
                    syntax.name(),
                    case.id
                );
            }
            ended += 1;
            calls += answer.calls.len();
        }
        println!("{}: {ended} of {} answers ended, with {calls} calls", syntax.name(), cases.len());
        assert!(ended * 10 > cases.len() * 9);
    }
}

/// A checkpoint like `of`, with weights by chance; those of norms, which are about 1, stay.
fn random_weights(of: &[u8], random: &mut Random) -> Vec<u8> {
    let header = 8 + u64::from_le_bytes(of[..8].try_into().expect("eight bytes")) as usize;
    let tensors: Map<String, Value> = serde_json::from_slice(&of[8..header]).expect("JSON");
    let mut file = of.to_vec();
    for (name, tensor) in tensors.iter().filter(|(name, _)| !name.contains("norm") && *name != "__metadata__") {
        assert_eq!(tensor["dtype"], "F16", "{name}");
        let at = |end: usize| header + tensor["data_offsets"][end].as_u64().expect("an offset") as usize;
        for value in file[at(0)..at(1)].chunks_exact_mut(2) {
            // Either sign, an exponent of 2^-4, any mantissa: about a tenth.
            let bits = random.below(2) << 15 | 11 << 10 | random.below(1024);
            value.copy_from_slice(&(bits as u16).to_le_bytes());
        }
    }
    file
}

/// A random model of the shape of the fixtures' small one, with room for long conversations and another chat template, in a folder of its
/// own.
fn model_with(folder: &Path, template: Option<&str>) -> ModelConfig {
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket");
    let weights = fs::read(pocket.join("model.safetensors")).expect("readable");
    fs::write(folder.join("model.safetensors"), random_weights(&weights, &mut Random(3))).expect("written");
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        fs::copy(pocket.join(file), folder.join(file)).expect("copied");
    }
    let config = fs::read_to_string(pocket.join("config.json")).expect("readable");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["max_position_embeddings"] = json!(32_768);
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let own = fs::read_to_string(pocket.join("chat_template.jinja")).expect("readable");
    fs::write(folder.join("chat_template.jinja"), template.unwrap_or(&own)).expect("written");
    let options = Options { sequences: 8, threads: Some(1), context: Some(16_384), ..Options::default() };
    let source = folder.to_str().expect("a path in UTF-8").to_owned();
    ModelConfig { name: "pocket".into(), source, options, preload: true, is_brick: false, adapters: vec![] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "needs BFCL and chat templates: WHIT_FUNCTION_CALLING and WHIT_TEMPLATES, ../shared/data by default"]
async fn required_calls_of_a_model_parse_and_fit() {
    const MOST_TOKENS: usize = 2_000;
    let templates = std::env::var("WHIT_TEMPLATES").map(PathBuf::from);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/chat-templates");
    let templates = templates.unwrap_or_else(|_| PathBuf::from(root)).join("llamacpp-templates");
    let cases = Arc::new(cases());
    for file in [None, Some("Qwen-Qwen3-0.6B.jinja"), Some("meta-llama-Llama-3.2-3B-Instruct.jinja")] {
        let template = file.map(|file| fs::read_to_string(templates.join(file)).expect("a template"));
        let folder = tempfile::tempdir().expect("a folder");
        let model = model_with(folder.path(), template.as_deref());
        let server = Server::start(Config { models: vec![model], ..Config::default() }).await;
        let (mut ended, mut cut, mut calls) = (0, 0, 0);
        // As many at once as the model has room for.
        let mut tasks: tokio::task::JoinSet<(bool, usize)> = tokio::task::JoinSet::new();
        for at in 0..cases.len() {
            if tasks.len() == 8 {
                let (more, of) = tasks.join_next().await.expect("one").expect("no panic");
                (ended, cut, calls) = (ended + usize::from(more), cut + usize::from(!more), calls + of);
            }
            let (server, cases) = (server.clone(), cases.clone());
            tasks.spawn(async move { required_call(&server, &cases[at], at, MOST_TOKENS).await });
        }
        while let Some(done) = tasks.join_next().await {
            let (more, of) = done.expect("no panic");
            (ended, cut, calls) = (ended + usize::from(more), cut + usize::from(!more), calls + of);
        }
        println!("{}: {ended} answers with {calls} calls, {cut} cut", file.unwrap_or("no template for tools"));
        assert!(ended + cut == cases.len() && ended * 10 > cases.len() * 9);
    }
}

/// Asks for calls; whether the answer came to its end, and how many calls it had.
async fn required_call(server: &Server, case: &Case, seed: usize, max_tokens: usize) -> (bool, usize) {
    // Left to chance, the end of a string comes after hundreds of tokens.
    let quote = json!({"model": "pocket", "prompt": "\"", "add_special_tokens": false});
    let quote = server.post("/tokenize", &quote).await.ok()["tokens"][0].to_string();
    let definition = |tool: &Tool| {
        json!({"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.parameters}})
    };
    let tools: Vec<Value> = case.tools.iter().map(definition).collect();
    let fields = json!({"tools": tools, "tool_choice": "required", "temperature": 1.5, "top_p": 1, "seed": seed,
        "max_tokens": max_tokens, "parallel_tool_calls": seed.is_multiple_of(2), "logit_bias": {quote: 4},
        "chat_template_kwargs": {"enable_thinking": false}});
    let answer = server.chat("Do what must be done.", fields).await.ok();
    let choice = &answer["choices"][0];
    if choice["finish_reason"] == "length" {
        return (false, 0);
    }
    assert_eq!(choice["finish_reason"], "tool_calls", "{}: {answer}", case.id);
    let calls = choice["message"]["tool_calls"].as_array().expect("calls");
    for call in calls {
        let tool =
            case.tools.iter().find(|tool| tool.name == call["function"]["name"]).expect("a tool that is offered");
        let value = arbitrary_value(call["function"]["arguments"].as_str().expect("a text"));
        assert!(value.is_none_or(|value| fits(&value, &tool.parameters)), "{}: {answer}", case.id);
    }
    (true, calls.len())
}
