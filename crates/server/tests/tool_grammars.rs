//! Answers that are constrained to tool calls: what the grammars of the syntaxes let a model write.

mod grammars;

use grammars::{Random, Vocabulary, arbitrary_value, fits, read};
use serde_json::{Value, json};
use whit_server::tools::{GrammarError, Syntax, Thinking, Tool, ToolCall, ToolChoice};

fn tool(name: &str, parameters: Value) -> Tool {
    Tool { name: name.into(), description: None, parameters, strict: true }
}

fn tools() -> Vec<Tool> {
    let weather = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "unit": {"enum": ["celsius", "fahrenheit", null]},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "hourly": {"type": "boolean"},
        },
        "required": ["city", "days"],
    });
    let nested = json!({
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/point"},
            "flags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
            "size": {
                "type": "object",
                "properties": {"w": {"type": "number"}, "h": {"type": ["number", "null"]}},
                "required": ["w"],
            },
        },
        "$defs": {"point": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}},
    });
    vec![tool("get_weather", weather), tool("draw.shape", nested), tool("now", Value::Null)]
}

/// Every syntax, with a vocabulary that has its markers as tokens and one that has not.
fn all() -> impl Iterator<Item = (&'static Syntax, Vocabulary)> {
    let both = |syntax| [true, false].map(|tokens| (syntax, Vocabulary::new(syntax, tokens)));
    Syntax::all().iter().flat_map(both)
}

fn grammar(syntax: &Syntax, vocabulary: &Vocabulary, tools: &[Tool], choice: ToolChoice, parallel: bool) -> String {
    let grammar = syntax.grammar(tools, &choice, parallel, &|marker| vocabulary.token(marker));
    grammar.expect("enforceable").expect("something to enforce")
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall { id: "a1B2c3D4e".into(), name: name.into(), arguments: arguments.to_string() }
}

const GOOD: [(&str, &str); 7] = [
    ("get_weather", r#"{"city": "Paris", "days": 3}"#),
    ("get_weather", r#"{"city": "a\"\\\né😀</tool_call", "unit": "celsius", "days": 14, "hourly": true}"#),
    ("get_weather", r#"{"city": "", "unit": null, "days": 1}"#),
    ("draw.shape", "{}"),
    ("draw.shape", r#"{"at": [1.5, -2], "flags": [true, false], "size": {"w": 1}}"#),
    ("draw.shape", r#"{"size": {"w": 1000.5, "h": null}}"#),
    ("now", "{}"),
];

const BAD: [(&str, &str); 12] = [
    ("get_weather", "{}"),
    ("get_weather", r#"{"city": "Paris"}"#),
    ("get_weather", r#"{"city": 1, "days": 3}"#),
    ("get_weather", r#"{"city": "Paris", "days": 15}"#),
    ("get_weather", r#"{"city": "Paris", "days": 3.5}"#),
    ("get_weather", r#"{"city": "Paris", "unit": "kelvin", "days": 3}"#),
    ("get_weather", r#"{"city": "Paris", "days": 3, "more": 1}"#),
    ("draw.shape", r#"{"at": [1]}"#),
    ("draw.shape", r#"{"flags": []}"#),
    ("draw.shape", r#"{"size": {"h": 1}}"#),
    ("now", r#"{"a": 1}"#),
    ("get_weathe", r#"{"city": "Paris", "days": 3}"#),
];

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn required_calls_fit_and_nothing_else_is_written() {
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Required, false);
        for (name, arguments) in GOOD {
            let text = syntax.render(&[call(name, value(arguments))]);
            assert_eq!(vocabulary.allows(&grammar, &text), (text.len(), true), "{}: {text}", syntax.name());
            assert_eq!(read(syntax, &tools(), &text).calls, [(name.to_owned(), arguments.to_owned())]);
            let twice = syntax.render(&[call(name, value(arguments)), call("now", json!({}))]);
            assert!(vocabulary.allows(&grammar, &twice).0 < twice.len(), "{}: {twice}", syntax.name());
        }
        for (name, arguments) in BAD {
            let text = syntax.render(&[call(name, value(arguments))]);
            assert!(vocabulary.allows(&grammar, &text).0 < text.len(), "{}: {text}", syntax.name());
        }
        for text in ["", "I", "\n", "{}", "[]"] {
            let (allowed, may_end) = vocabulary.allows(&grammar, text);
            assert!(!may_end && allowed <= 1, "{}: {text:?}", syntax.name());
        }
    }
}

#[test]
fn several_calls_where_the_syntax_has_them() {
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Required, true);
        let calls: Vec<ToolCall> = GOOD.iter().map(|(name, arguments)| call(name, value(arguments))).collect();
        for several in 1..=calls.len() {
            let text = syntax.render(&calls[..several]);
            let whole = vocabulary.allows(&grammar, &text) == (text.len(), true);
            assert_eq!(whole, several == 1 || syntax.name() != "llama3", "{}: {text}", syntax.name());
        }
    }
}

#[test]
fn a_named_call_is_of_that_tool() {
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Named("now".into()), true);
        let now = syntax.render(&[call("now", json!({}))]);
        assert_eq!(vocabulary.allows(&grammar, &now), (now.len(), true), "{}", syntax.name());
        let weather = syntax.render(&[call("get_weather", json!({"city": "Paris", "days": 3}))]);
        assert!(vocabulary.allows(&grammar, &weather).0 < weather.len());
    }
}

#[test]
fn where_the_model_decides_text_is_free_and_calls_fit() {
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Auto, true);
        for text in ["", "Hello", " I'd say:\n\n* {a} [b] <c>\nélan 😀 ", "\n"] {
            assert_eq!(vocabulary.allows(&grammar, text), (text.len(), true), "{}: {text:?}", syntax.name());
            for (name, arguments) in GOOD {
                let text = format!("{text}\n{}", syntax.render(&[call(name, value(arguments))]));
                assert_eq!(vocabulary.allows(&grammar, &text), (text.len(), true), "{}: {text:?}", syntax.name());
            }
            for (name, arguments) in BAD {
                let text = format!("{text}\n{}", syntax.render(&[call(name, value(arguments))]));
                assert!(vocabulary.allows(&grammar, &text).0 < text.len(), "{}: {text:?}", syntax.name());
            }
        }
    }
}

#[test]
fn tools_that_are_not_strict_take_any_arguments_where_the_model_decides() {
    let mut tools = tools();
    tools[0].strict = false;
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools, ToolChoice::Auto, false);
        for (arguments, allowed) in [(r#"{"city": [1, {"a": null}], "more": -1.5}"#, true), ("{}", true)] {
            let text = syntax.render(&[call("get_weather", value(arguments))]);
            assert_eq!(vocabulary.allows(&grammar, &text) == (text.len(), true), allowed, "{}: {text}", syntax.name());
        }
        let strict = syntax.render(&[call("now", json!({"a": 1}))]);
        assert!(vocabulary.allows(&grammar, &strict).0 < strict.len());
        let required = self::grammar(syntax, &vocabulary, &tools, ToolChoice::Required, false);
        let text = syntax.render(&[call("get_weather", json!({}))]);
        assert!(vocabulary.allows(&required, &text).0 < text.len(), "{}", syntax.name());
    }
}

#[test]
fn thinking_comes_first_where_the_model_thinks() {
    for (syntax, vocabulary) in all() {
        let token = |marker: &str| vocabulary.token(marker);
        let call = syntax.render(&[call("now", json!({}))]);
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Required, false);
        let thinks = |begun| Thinking { open: "<think>", close: "</think>", begun }.before(&grammar, &token);
        let thought = "\nShould I call {\"name\"? [now()]\n";
        for (begun, answer, allowed) in [
            (false, call.clone(), true),
            (false, format!("<think>{thought}</think>\n\n{call}"), true),
            (false, format!("{thought}{call}"), false),
            (true, format!("{thought}</think>{call}"), true),
            (true, call.clone(), false),
            (true, format!("{thought}</think>\n\nNo."), false),
        ] {
            let whole = vocabulary.allows(&thinks(begun), &answer) == (answer.len(), true);
            assert_eq!(whole, allowed, "{}: {answer}", syntax.name());
        }
    }
}

#[test]
fn arbitrary_tokens_make_calls_that_fit() {
    let mut random = Random(7);
    for (syntax, vocabulary) in all() {
        let grammar = grammar(syntax, &vocabulary, &tools(), ToolChoice::Required, true);
        let mut ended = 0;
        for _ in 0..3 {
            let Some(text) = vocabulary.arbitrary(&grammar, &mut random, 1_000) else { continue };
            ended += 1;
            let answer = read(syntax, &tools(), &text);
            assert!(answer.text.is_empty() && !answer.calls.is_empty(), "{}: {text}", syntax.name());
            for (name, arguments) in answer.calls {
                let tool = tools().into_iter().find(|tool| tool.name == name).expect("a tool");
                let value = arbitrary_value(&arguments);
                assert!(value.is_none_or(|value| fits(&value, &tool.parameters)), "{}: {arguments}", syntax.name());
            }
        }
        assert!(ended > 0, "{}: no call ended", syntax.name());
    }
}

#[test]
fn what_cannot_be_enforced_is_refused_with_the_reason() {
    let python = Syntax::all().iter().find(|syntax| syntax.name() == "lfm2").expect("a syntax");
    let hermes = Syntax::all().iter().find(|syntax| syntax.name() == "hermes").expect("a syntax");
    let refused = |syntax: &Syntax, tools: &[Tool], choice: ToolChoice| {
        syntax.grammar(tools, &choice, true, &|_| None).expect_err("refused").to_string()
    };
    let parameters = |parameters: Value| vec![tool("f", parameters)];

    assert_eq!(refused(hermes, &[], ToolChoice::Required), GrammarError::NoTools.to_string());
    assert_eq!(
        refused(hermes, &tools(), ToolChoice::Named("g".into())),
        "the tool `g` is required, and not among those given"
    );
    assert!(refused(hermes, &parameters(json!(1)), ToolChoice::Required).contains("`f`: not a JSON Schema"));
    let array = json!({"type": "array"});
    assert!(refused(hermes, &parameters(array), ToolChoice::Required).contains("`type` is \"array\""));
    assert!(refused(hermes, &parameters(json!({"x-guidance": {}})), ToolChoice::Auto).contains("x-guidance"));
    assert!(refused(python, &parameters(json!({"anyOf": []})), ToolChoice::Required).contains("`anyOf` at the top"));
    let odd = json!({"properties": {"a b": {}}});
    assert!(refused(python, &parameters(odd), ToolChoice::Required).contains("`a b` cannot be the name"));
    let missing = json!({"properties": {}, "required": ["a"]});
    assert!(refused(python, &parameters(missing), ToolChoice::Required).contains("required property"));
    assert!(refused(python, &[tool("a b", Value::Null)], ToolChoice::Required).contains("named `a b`"));
}

#[test]
fn nothing_to_hold_is_no_grammar() {
    let mut tools = tools();
    let grammar = |tools: &[Tool], choice| Syntax::all()[0].grammar(tools, &choice, true, &|_| None);
    assert_eq!(grammar(&[], ToolChoice::Auto), Ok(None));
    tools.iter_mut().for_each(|tool| tool.strict = false);
    assert_eq!(grammar(&tools, ToolChoice::Auto), Ok(None));
}
