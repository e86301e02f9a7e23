//! Phi-4-mini: a list of JSON objects between tokens; or, where a template asks for it (as Firefunction's does too),
//! behind a word.
//!
//! ```text
//! <|tool_call|>[{"name": "f", "arguments": {"a": 1}}]<|/tool_call|>
//! functools[{"name": "f", "arguments": {"a": 1}}]
//! ```

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const PHI4_MINI: Syntax = Syntax {
    name: "phi4-mini",
    // The template describes tools between tokens of their own, and leaves the calls to the text of a message.
    written_by: |template| template.contains("<|/tool|>") || template.contains("<|/tool_call|>"),
    opens: &["<|tool_call|>", "functools"],
    closes: &["<|/tool_call|>"],
    bare: None,
    offered_only: false,
    reading: Reading::Json,
    layout: Layout {
        open: Some(Marker::Needed("<|tool_call|>")),
        head: "[",
        call: CallLayout::Json { arguments: "arguments" },
        several: Several::List(", "),
        tail: "]",
        close: Some("<|/tool_call|>"),
    },
    ids: Ids::Long,
    instructions: None,
};

pub(super) const FUNCTOOLS: Syntax = Syntax {
    name: "functools",
    written_by: |template| template.contains("functools["),
    layout: Layout {
        open: Some(Marker::Needed("functools")),
        head: "[",
        call: CallLayout::Json { arguments: "arguments" },
        several: Several::List(", "),
        tail: "]",
        close: None,
    },
    ..PHI4_MINI
};

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders};

    const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);

    #[test]
    fn calls_between_tokens_and_behind_a_word() {
        let list = r#"[{"name": "get_weather", "arguments": {"city": "Paris"}},
            {"type": "function", "function": {"name": "now", "arguments": {}}}]"#;
        for name in ["phi4-mini", "functools"] {
            for source in [
                format!("<|tool_call|>{list}<|/tool_call|>"),
                format!("<|tool_call|>{list}"),
                format!("functools{list}"),
                format!("\nfunctools {list}"),
            ] {
                reads(name, &source, "", &[PARIS, ("now", "{}")]);
            }
        }
        let one = r#"<|tool_call|>{"name": "get_weather", "parameters": {"city": "Paris"}}<|/tool_call|>"#;
        reads("phi4-mini", &format!("One moment.{one}{one}"), "One moment.", &[PARIS, PARIS]);
    }

    #[test]
    fn what_is_not_a_call_is_text() {
        for text in
            ["Use functools.wraps.", "functools", "<|tool_call|>", "<|tool_call|>[]<|/tool_call|>", "a <|/tool_call|>"]
        {
            is_text("phi4-mini", text);
        }
    }

    #[test]
    fn rendered() {
        let list = r#"[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now", "arguments": {}}]"#;
        renders("phi4-mini", &[PARIS, ("now", "{}")], &format!("<|tool_call|>{list}<|/tool_call|>"));
        renders("functools", &[PARIS, ("now", "{}")], &format!("functools{list}"));
    }
}
