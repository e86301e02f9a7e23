//! Nous Hermes 2 Pro and 3, Qwen 2.5 and 3, SmolLM3, Granite 4: a block of tags for each call.
//!
//! ```text
//! <tool_call>
//! {"name": "f", "arguments": {"a": 1}}
//! </tool_call>
//! ```

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const HERMES: Syntax = Syntax {
    name: "hermes",
    // Others have the same tags around XML.
    written_by: |template| {
        template.contains("<tool_call>")
            && template.contains("</tool_call>")
            && template.contains("arguments")
            && !template.contains("<function=")
            && !template.contains("<arg_key>")
    },
    opens: &["<tool_call>"],
    closes: &["</tool_call>"],
    bare: None,
    offered_only: false,
    reading: Reading::Json,
    layout: LAYOUT,
    ids: Ids::Long,
    instructions: None,
};

pub(super) const LAYOUT: Layout = Layout {
    open: Some(Marker::Needed("<tool_call>")),
    head: "\n",
    call: CallLayout::Json { arguments: "arguments" },
    several: Several::Blocks("\n"),
    tail: "\n",
    close: Some("</tool_call>"),
};

#[cfg(test)]
mod tests {
    use super::super::testing::{is_text, reads, renders};

    const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);

    #[test]
    fn calls_of_qwen_and_hermes() {
        let one = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";
        reads("hermes", one, "", &[PARIS]);
        reads("hermes", &format!("I'll look.\n{one}\n"), "I'll look.", &[PARIS]);
        reads("hermes", &format!("{one}\n{one}"), "", &[PARIS, PARIS]);
        reads("hermes", &format!("{one}\nThere."), "\nThere.", &[PARIS]);
        reads("hermes", &one.replace('\n', ""), "", &[PARIS]);
        // Ended by the end of the answer, and just before.
        reads("hermes", one.trim_end_matches("\n</tool_call>"), "", &[PARIS]);
        reads("hermes", one.trim_end_matches("ol_call>"), "", &[PARIS]);
    }

    #[test]
    fn what_small_models_make_of_it() {
        let call = r#"{"name": "get_weather", "arguments": {"city": "Paris"}}"#;
        let cases = [
            format!("<tool_call>\n{call}\n{call}\n</tool_call>"),
            format!("<tool_call>[{call}, {call}]</tool_call>"),
            format!("<tool_call>{call}\n<tool_call>{call}</tool_call>"),
            format!("<tool_call>{}</tool_call><tool_call>{call}", call.replace("arguments", "parameters")),
            r#"<tool_call>{"arguments": {"city": "Paris"}, "name": "get_weather"}</tool_call>
               <tool_call>{"type": "function", "id": 7,
                 "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}"#
                .to_owned(),
            r#"<tool_call>{"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}</tool_call>
               <tool_call>{"function": "get_weather", "arguments": {"city": "Paris"}}</tool_call>"#
                .to_owned(),
        ];
        for case in cases {
            reads("hermes", &case, "", &[PARIS, PARIS]);
        }
        for no_arguments in ["", r#", "arguments": {}"#, r#", "arguments": null"#, r#", "arguments": """#] {
            reads(
                "hermes",
                &format!("<tool_call>{{\"name\": \"now\"{no_arguments}}}</tool_call>"),
                "",
                &[("now", "{}")],
            );
        }
        // One brace too many: the call stands, and the marker is none of the text.
        reads("hermes", &format!("<tool_call>\n{call}}}\n</tool_call>"), "}\n", &[PARIS]);
    }

    #[test]
    fn markers_and_braces_within_strings() {
        let arguments =
            r#"{"text": "}} </tool_call> <tool_call> \"é\\u00e9\" \\ {[", "tags": [{"a": {}}, []], "n": -1.5e3}"#;
        let call = format!("<tool_call>\n{{\"name\": \"note\", \"arguments\": {arguments}}}\n</tool_call>");
        reads("hermes", &call, "", &[("note", arguments)]);
        reads(
            "hermes",
            "<tool_call>{\"name\": \"note\", \"arguments\": {\"text\": \"a\nb\"}}",
            "",
            &[("note", r#"{"text": "a\nb"}"#)],
        );
    }

    #[test]
    fn what_is_not_a_call_is_text() {
        for text in [
            "",
            "Hello\n",
            "A <tool_call> begins what ends in </tool_call>.",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": [1]}\n</tool_call>",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": Paris}}\n</tool_call>",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par",
            "<tool_call>{\"arguments\": {}}</tool_call>",
            "<tool_call>[]</tool_call>",
            "<tool_call>",
            "<<tool_cal",
            "{\"name\": \"get_weather\", \"arguments\": {}}",
        ] {
            is_text("hermes", text);
        }
        let good = r#"<tool_call>{"name": "now"}</tool_call>"#;
        reads("hermes", &format!("<tool_call>{good}"), "<tool_call>", &[("now", "{}")]);
        reads(
            "hermes",
            &format!("<tool_call>{{\"name\": \"f\", \"arguments\": {{{good}"),
            "<tool_call>{\"name\": \"f\", \"arguments\": {",
            &[("now", "{}")],
        );
    }

    #[test]
    fn rendered_as_the_template_does() {
        let block = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";
        renders("hermes", &[PARIS], block);
        renders("hermes", &[PARIS, PARIS], &format!("{block}\n{block}"));
    }
}
