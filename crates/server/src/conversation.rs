//! Conversations with tools, in the form that a model's chat template takes.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::tools::{Syntax, ToolCall};

/// Writes what was called, and what came of it, as the model was trained on it. A template that does not speak of tools gets both as
/// text; one that takes only its own identifiers of calls gets such.
pub fn as_trained(syntax: &Syntax, mut messages: Vec<Value>) -> Vec<Value> {
    messages.iter_mut().for_each(|message| take_ids(syntax, message));
    if syntax.is_in_template() {
        return messages;
    }
    let mut said: Vec<Value> = Vec::with_capacity(messages.len());
    let mut after_result = false;
    for mut message in messages {
        let is_result = message["role"] == "tool";
        if is_result {
            let result =
                format!("<tool_response>\n{}\n</tool_response>", message["content"].as_str().unwrap_or_default());
            // One turn for all of them: many templates want the roles to take turns.
            if let Some(last) = said.last_mut().filter(|_| after_result) {
                append(last, "\n", &result);
            } else {
                said.push(serde_json::json!({"role": "user", "content": result}));
            }
        } else {
            if let Some(Value::Array(calls)) = message.as_object_mut().and_then(|message| message.remove("tool_calls"))
            {
                let calls: Vec<ToolCall> = calls.iter().map(call).collect();
                append(&mut message, "\n", &syntax.render(&calls));
            }
            said.push(message);
        }
        after_result = is_result;
    }
    said
}

/// Puts `instructions` in front of what the user says first.
pub fn tell_as_user(messages: &mut Vec<Value>, instructions: &str) {
    match messages.iter_mut().find(|message| message["role"] == "user") {
        Some(message) => {
            let said = message["content"].as_str().unwrap_or_default();
            message["content"] = format!("{instructions}\n\n{said}").into();
        }
        None => messages.insert(0, serde_json::json!({"role": "user", "content": instructions})),
    }
}

/// Adds `instructions` to the system's text.
pub fn tell_as_system(messages: &mut Vec<Value>, instructions: &str) {
    match messages.first_mut().filter(|message| message["role"] == "system") {
        Some(message) => append(message, "\n\n", instructions),
        None => messages.insert(0, serde_json::json!({"role": "system", "content": instructions})),
    }
}

fn append(message: &mut Value, between: &str, text: &str) {
    let said = message["content"].as_str().unwrap_or_default();
    message["content"] = if said.is_empty() { text.into() } else { format!("{said}{between}{text}").into() };
}

/// A call of the conversation; its arguments have been parsed where they can be.
fn call(call: &Value) -> ToolCall {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let function = &call["function"];
    ToolCall { id: text(&call["id"]), name: text(&function["name"]), arguments: text(&function["arguments"]) }
}

/// Gives calls and results identifiers that the template takes: for the same one always the same.
fn take_ids(syntax: &Syntax, message: &mut Value) {
    let take = |id: &mut Value| {
        if let Some(text) = id.as_str().filter(|text| !syntax.takes_id(text)) {
            let half = |salt: u8| {
                let mut hasher = DefaultHasher::new();
                (salt, text).hash(&mut hasher);
                u128::from(hasher.finish())
            };
            *id = syntax.call_id(half(0) << 64 | half(1)).into();
        }
    };
    if let Some(id) = message.get_mut("tool_call_id") {
        take(id);
    }
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten();
    calls.filter_map(|call| call.get_mut("id")).for_each(take);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn syntax(name: &str) -> &'static Syntax {
        Syntax::all().iter().find(|syntax| syntax.name() == name).unwrap()
    }

    fn called() -> Vec<Value> {
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}});
        let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
        vec![
            json!({"role": "user", "content": "Do."}),
            json!({"role": "assistant", "content": "Well.", "tool_calls": [call("call_1"), call("call_2")]}),
            result("call_1", "2"),
            result("call_2", "3"),
        ]
    }

    #[test]
    fn templates_without_tools_get_calls_and_results_as_text() {
        let block = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
        let results = "<tool_response>\n2\n</tool_response>\n<tool_response>\n3\n</tool_response>";
        let expected = vec![
            json!({"role": "user", "content": "Do."}),
            json!({"role": "assistant", "content": format!("Well.\n{block}\n{block}")}),
            json!({"role": "user", "content": results}),
        ];
        assert_eq!(as_trained(syntax("generic"), called()), expected);
        assert_eq!(as_trained(syntax("hermes"), called()), called());
    }

    #[test]
    fn templates_with_identifiers_of_their_own_get_such() {
        let messages = as_trained(syntax("mistral"), called());
        let ids = [0, 1].map(|at| messages[1]["tool_calls"][at]["id"].as_str().unwrap());
        assert!(ids.iter().all(|id| syntax("mistral").takes_id(id)) && ids[0] != ids[1], "{ids:?}");
        assert_eq!([&messages[2], &messages[3]].map(|result| result["tool_call_id"].as_str().unwrap()), ids);
        let own = json!([{"role": "tool", "tool_call_id": "a1B2c3D4e", "content": ""}]);
        assert_eq!(json!(as_trained(syntax("mistral"), own.as_array().unwrap().clone())), own);
    }

    #[test]
    fn instructions_join_the_systems_text_or_the_users() {
        let mut messages =
            vec![json!({"role": "system", "content": "Be kind."}), json!({"role": "user", "content": "Hi"})];
        tell_as_system(&mut messages, "Tools");
        assert_eq!(messages[0]["content"], "Be kind.\n\nTools");
        messages.remove(0);
        tell_as_user(&mut messages, "Tools");
        assert_eq!(json!(messages), json!([{"role": "user", "content": "Tools\n\nHi"}]));
        tell_as_system(&mut messages, "Tools");
        assert_eq!(messages[0], json!({"role": "system", "content": "Tools"}));
    }
}
