//! Models whose template does not speak of tools, or speaks in a way unknown here: a system text tells them how to
//! call, in the syntax that most others were trained on.

use serde_json::{Value, json};

use super::{Ids, Reading, Syntax, Tool, grammar, hermes};

pub(super) const GENERIC: Syntax = Syntax {
    name: "generic",
    // What is left, whatever its template.
    written_by: |_| false,
    opens: &["<tool_call>"],
    closes: &["</tool_call>"],
    // Such models are apt to leave the tags out.
    bare: Some('{'),
    offered_only: true,
    reading: Reading::Json,
    layout: hermes::LAYOUT,
    ids: Ids::Long,
    instructions: Some(instructions),
};

fn instructions(tools: &[Tool]) -> String {
    let mut text =
        String::from("# Tools\n\nThese functions can be called, each described by a JSON object:\n<tools>\n");
    for tool in tools {
        let mut function = json!({"name": tool.name});
        if let Some(description) = &tool.description {
            function["description"] = Value::from(description.as_str());
        }
        function["parameters"] = match &tool.parameters {
            Value::Null => grammar::no_parameters(),
            parameters => parameters.clone(),
        };
        text.push_str(&json!({"type": "function", "function": function}).to_string());
        text.push('\n');
    }
    text.push_str(
        "</tools>\n\nTo call a function, answer with a JSON object of its name and arguments between tags, and nothing \
         else:\n<tool_call>\n{\"name\": \"...\", \"arguments\": {...}}\n</tool_call>\nSeveral calls are several such \
         blocks. Results come between <tool_response> and </tool_response>. Without need of a function, just answer.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders, syntax, weather_tools};

    const NOW: (&str, &str) = ("now", "{}");

    #[test]
    fn calls_with_and_without_tags() {
        let call = r#"{"name": "now", "arguments": {}}"#;
        reads("generic", &format!("<tool_call>\n{call}\n</tool_call>"), "", &[NOW]);
        reads("generic", call, "", &[NOW]);
        reads("generic", &format!("{call}\n{call}"), "", &[NOW, NOW]);
        reads("generic", &format!("```json\n{call}\n```"), "```json\n```", &[NOW]);
        is_text("generic", r#"{"name": "Ada"}"#);
        is_text("generic", r#"<tool_call>{"name": "Ada"}</tool_call>"#);
    }

    #[test]
    fn rendered_as_it_is_told() {
        let block = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
        renders("generic", &[NOW, NOW], &format!("{block}\n{block}"));
        let told = syntax("generic").instructions(&weather_tools()).expect("instructions");
        for tool in weather_tools() {
            assert!(
                told.contains(&format!("{{\"type\":\"function\",\"function\":{{\"name\":\"{}\"", tool.name)),
                "{told}"
            );
        }
        assert!(told.contains("<tool_call>\n{\"name\": ") && syntax("hermes").instructions(&weather_tools()).is_none());
    }
}
