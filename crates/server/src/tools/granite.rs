//! Granite 3: a list of JSON objects behind a token, which 3.1 wrote as a tag. Granite 4 writes Hermes' blocks.
//!
//! ```text
//! <|tool_call|>[{"name": "f", "arguments": {"a": 1}}]
//! ```

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const GRANITE: Syntax = Syntax {
    name: "granite",
    written_by: |template| {
        let listed = template.contains("<|tool_call|>") || template.contains("available_tools<|end_of_role|>");
        template.contains("<|start_of_role|>") && listed && !template.contains("</tool_call>")
    },
    opens: &["<|tool_call|>", "<tool_call>"],
    closes: &["</tool_call>"],
    bare: None,
    offered_only: false,
    reading: Reading::Json,
    layout: Layout {
        open: Some(Marker::Needed("<|tool_call|>")),
        head: "[",
        call: CallLayout::Json { arguments: "arguments" },
        several: Several::List(", "),
        tail: "]",
        close: None,
    },
    ids: Ids::Long,
    instructions: None,
};

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders};

    const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);

    #[test]
    fn calls_behind_a_token_or_a_tag() {
        let list = r#"[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now", "arguments": {}}]"#;
        for source in [
            format!("<|tool_call|>{list}"),
            format!("<|tool_call|> {list}\n"),
            format!("<tool_call>{list}"),
            format!("<tool_call>{list}</tool_call>"),
        ] {
            reads("granite", &source, "", &[PARIS, ("now", "{}")]);
        }
        is_text("granite", "<|tool_call|>[]");
        is_text("granite", "I cannot use <|tool_call|> here.");
    }

    #[test]
    fn rendered() {
        let list = r#"[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now", "arguments": {}}]"#;
        renders("granite", &[PARIS, ("now", "{}")], &format!("<|tool_call|>{list}"));
    }
}
