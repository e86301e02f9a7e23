//! The cases of the Berkeley Function Calling Leaderboard (BFCL v4): calls of real descriptions with accepted answers.

mod grammars;

use std::{collections::BTreeMap, fs, path::PathBuf};

use grammars::{Random, Vocabulary, arbitrary_value, fits, read};
use serde_json::{Map, Value, json};
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
