//! Mistral. Until Nemo a list of JSON objects; since then a name and its arguments for each call, in some releases
//! with an identifier between. Whichever is written, all are read.
//!
//! ```text
//! [TOOL_CALLS][{"name": "f", "arguments": {"a": 1}}]
//! [TOOL_CALLS]f[ARGS]{"a": 1}
//! [TOOL_CALLS]f[CALL_ID]000000000[ARGS]{"a": 1}
//! ```

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const MISTRAL: Syntax = Syntax {
    name: "mistral",
    written_by: |template| template.contains("[TOOL_CALLS]"),
    opens: &["[TOOL_CALLS]"],
    closes: &[],
    bare: None,
    offered_only: false,
    reading: Reading::Named,
    layout: Layout {
        open: Some(Marker::Needed("[TOOL_CALLS]")),
        head: "[",
        call: CallLayout::Json { arguments: "arguments" },
        several: Several::List(", "),
        tail: "]",
        close: None,
    },
    ids: Ids::Nine,
    instructions: None,
};

pub(super) const MISTRAL_ARGS: Syntax = Syntax {
    name: "mistral-args",
    written_by: |template| template.contains("[TOOL_CALLS]") && template.contains("[ARGS]"),
    layout: Layout {
        open: Some(Marker::Needed("[TOOL_CALLS]")),
        head: "",
        call: CallLayout::Named { call_id: false },
        several: Several::Blocks(""),
        tail: "",
        close: None,
    },
    ..MISTRAL
};

pub(super) const MISTRAL_CALL_ID: Syntax = Syntax {
    name: "mistral-call-id",
    written_by: |template| template.contains("[TOOL_CALLS]") && template.contains("[CALL_ID]"),
    layout: Layout { call: CallLayout::Named { call_id: true }, ..MISTRAL_ARGS.layout },
    ..MISTRAL
};

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders, syntax};

    const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);
    const NOW: (&str, &str) = ("now", "{}");

    #[test]
    fn every_release_is_read_whichever_the_template_writes() {
        for name in ["mistral", "mistral-args", "mistral-call-id"] {
            for source in [
                r#"[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now"}]"#,
                r#"[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "abcdef123"},{"name": "now"}]"#,
                r#"[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]now[ARGS]{}"#,
                r#"[TOOL_CALLS]get_weather[CALL_ID]abcdef123[ARGS]{"city": "Paris"}[TOOL_CALLS]now[CALL_ID]1[ARGS]{}"#,
                r#"[TOOL_CALLS] get_weather{"city": "Paris"} [TOOL_CALLS]now{}"#,
            ] {
                reads(name, source, "", &[PARIS, NOW]);
                reads(name, &format!("Let me see. {source}"), "Let me see.", &[PARIS, NOW]);
            }
        }
    }

    #[test]
    fn what_is_not_a_call_is_text() {
        for text in [
            "[TOOL_CALLS]",
            "[TOOL_CALLS] is a token",
            "[TOOL_CALLS]get_weather[ARG]{}",
            "[TOOL_CALLS]get_weather[ARGS]x{}",
            "[TOOL_CALLS]get_weather[ARGS]{\"city\"",
            "[TOOL_CALLS][]",
            "[INST][TOOL",
        ] {
            is_text("mistral-args", text);
        }
        // What is complete stands, what follows it does not.
        reads("mistral", r#"[TOOL_CALLS][{"name": "now"}, {"nam"#, ", {\"nam", &[NOW]);
    }

    #[test]
    fn rendered_as_the_templates_do() {
        let calls = [PARIS, NOW];
        let paris = r#"{"name": "get_weather", "arguments": {"city": "Paris"}}"#;
        let list = format!("[TOOL_CALLS][{paris}, {{\"name\": \"now\", \"arguments\": {{}}}}]");
        renders("mistral", &calls, &list);
        renders("mistral-args", &calls, r#"[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]now[ARGS]{}"#);
        renders("mistral-call-id", &[PARIS], r#"[TOOL_CALLS]get_weather[CALL_ID]a1B2c3D4e[ARGS]{"city": "Paris"}"#);
    }

    #[test]
    fn identifiers_are_what_the_templates_accept() {
        for (name, length) in [("mistral", 9), ("mistral-args", 9), ("mistral-call-id", 9)] {
            let id = syntax(name).call_id(u128::MAX);
            assert!(id.len() == length && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        }
        assert_ne!(syntax("mistral").call_id(1), syntax("mistral").call_id(2));
        assert_eq!(syntax("hermes").call_id(0), "call_000000000000000000000");
    }
}
