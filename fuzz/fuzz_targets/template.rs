//! Any text is a chat template that renders a small conversation, or is refused: in bounded time and memory.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use whit_model::ChatTemplate;
use whit_model::template::ChatInput;

static CONVERSATION: LazyLock<ChatInput> = LazyLock::new(|| {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the weather in Köln?"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2}}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "{\"sky\": \"<clear>\"}"},
        {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\nClear."},
        {"role": "user", "content": [{"type": "text", "text": "Thanks!"}]},
    ]);
    let tools = json!([{"type": "function", "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }}]);
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    ChatInput {
        messages: list(messages),
        tools: Some(list(tools)),
        add_generation_prompt: true,
        extra: serde_json::Map::from_iter([("enable_thinking".into(), json!(false))]),
    }
});

fuzz_target!(|source: &str| {
    let rendered =
        ChatTemplate::new(source, Some("<s>"), Some("</s>")).and_then(|template| template.render(&CONVERSATION));
    if let Err(error) = rendered {
        assert!(!error.to_string().is_empty());
    }
});
