//! Llama 3.1 to 3.3: a JSON object instead of an answer, and one only: the template refuses several.
//!
//! ```text
//! {"name": "f", "parameters": {"a": 1}}
//! ```
//!
//! `<|python_tag|>` may stand before it. Several, which the models write nevertheless, are separated by `; ` or new
//! lines.

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const LLAMA3: Syntax = Syntax {
    name: "llama3",
    written_by: |template| {
        let asks = template.contains("{\"name\": function name, \"parameters\":");
        asks || template.contains("<|python_tag|>") && template.contains("\"parameters\": ")
    },
    opens: &["<|python_tag|>", "<|python_start|>"],
    closes: &["<|python_end|>"],
    bare: Some('{'),
    offered_only: true,
    reading: Reading::Json,
    layout: Layout {
        open: Some(Marker::Allowed("<|python_tag|>")),
        head: "",
        call: CallLayout::Json { arguments: "parameters" },
        several: Several::Never,
        tail: "",
        close: None,
    },
    ids: Ids::Long,
    instructions: None,
};

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders};

    const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);
    const CALL: &str = r#"{"name": "get_weather", "parameters": {"city": "Paris"}}"#;

    #[test]
    fn calls_with_and_without_a_tag() {
        reads("llama3", CALL, "", &[PARIS]);
        reads("llama3", &format!("<|python_tag|>{CALL}"), "", &[PARIS]);
        reads("llama3", &format!("\n\n{CALL}\n"), "", &[PARIS]);
        reads("llama3", &format!("<|python_start|>{CALL}<|python_end|>"), "", &[PARIS]);
        reads("llama3", &CALL.replace("{\"n", "{\"type\": \"function\", \"n"), "", &[PARIS]);
        reads("llama3", r#"{"type": "function", "function": {"name": "now", "parameters": {}}}"#, "", &[("now", "{}")]);
    }

    #[test]
    fn several_calls_and_text_before() {
        reads("llama3", &format!("{CALL}; {CALL}"), "", &[PARIS, PARIS]);
        reads("llama3", &format!("<|python_tag|>{CALL};\n{CALL}, {CALL}"), "", &[PARIS, PARIS, PARIS]);
        reads("llama3", &format!("I'll look:\n{CALL}"), "I'll look:", &[PARIS]);
    }

    #[test]
    fn json_that_is_no_call_of_these_tools_is_text() {
        for text in [
            r#"{"name": "Ada", "parameters": {"city": "Paris"}}"#,
            r#"{"name": "get_weather", "description": "The weather", "parameters": {}}"#,
            r#"{"city": "Paris"}"#,
            r#"<|python_tag|>brave_search.call(query="weather")"#,
            "{\n  \"people\": [\n    {\"name\": \"Ada\"}\n  ]\n}",
            "As in {\"name\": \"now\"}",
            "{",
            "; {\"a\"",
        ] {
            is_text("llama3", text);
        }
        is_text("llama3", &format!("The call `{CALL}` does it."));
    }

    #[test]
    fn rendered_as_the_template_does() {
        renders("llama3", &[PARIS], CALL);
        renders("llama3", &[PARIS, ("now", "{}")], &format!("{CALL}\n{{\"name\": \"now\", \"parameters\": {{}}}}"));
    }
}
