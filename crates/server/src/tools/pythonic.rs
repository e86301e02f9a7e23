//! A list of calls as Python has them: LFM2 between tokens, Llama 3.2 and 4 (where the template asks for it) instead
//! of an answer.
//!
//! ```text
//! <|tool_call_start|>[f(a=1, b="x"), g()]<|tool_call_end|>
//! [f(a=1, b="x"), g()]
//! ```

use super::{CallLayout, Ids, Layout, Marker, Reading, Several, Syntax};

pub(super) const LFM2: Syntax = Syntax {
    name: "lfm2",
    written_by: |template| {
        let marked = template.contains("<|tool_call_start|>") || template.contains("<|tool_list_start|>");
        // MiniCPM3 has the same tokens around lines of Python.
        marked && !template.contains("```python")
    },
    opens: &["<|tool_call_start|>"],
    closes: &["<|tool_call_end|>"],
    bare: None,
    offered_only: false,
    reading: Reading::Python,
    layout: Layout {
        open: Some(Marker::Needed("<|tool_call_start|>")),
        head: "[",
        call: CallLayout::Python,
        several: Several::List(", "),
        tail: "]",
        close: Some("<|tool_call_end|>"),
    },
    ids: Ids::Long,
    instructions: None,
};

pub(super) const PYTHONIC: Syntax = Syntax {
    name: "pythonic",
    written_by: |template| template.contains("[func_name1("),
    opens: &["<|python_tag|>", "<|python_start|>"],
    closes: &["<|python_end|>"],
    bare: Some('['),
    offered_only: true,
    reading: Reading::Python,
    layout: Layout {
        open: None,
        head: "[",
        call: CallLayout::Python,
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
    fn calls_of_lfm2() {
        let one = r#"<|tool_call_start|>[get_weather(city="Paris")]<|tool_call_end|>"#;
        reads("lfm2", one, "", &[PARIS]);
        reads("lfm2", &format!("{one}Checking the weather in Paris."), "Checking the weather in Paris.", &[PARIS]);
        reads("lfm2", &format!("Let me see. {one}\n{one}"), "Let me see.", &[PARIS, PARIS]);
        reads("lfm2", "<|tool_call_start|>[now(), get_weather(city='Paris'),]", "", &[("now", "{}"), PARIS]);
        reads("lfm2", "<|tool_call_start|>get_weather( city = \"Paris\" )<|tool_call_end|>", "", &[PARIS]);
        // As JSON, where the system text asks for it.
        reads(
            "lfm2",
            r#"<|tool_call_start|>[{"name": "get_weather", "arguments": {"city": "Paris"}}]<|tool_call_end|>"#,
            "",
            &[PARIS],
        );
        reads("lfm2", r#"<|tool_call_start|>{"name": "now"}<|tool_call_end|>"#, "", &[("now", "{}")]);
    }

    #[test]
    fn calls_of_llama() {
        reads("pythonic", "[get_weather(city='Paris'), now()]", "", &[PARIS, ("now", "{}")]);
        reads(
            "pythonic",
            "Here:\n[get_weather(\"Paris\", days=3)]",
            "Here:",
            &[("get_weather", r#"{"city": "Paris", "days": 3}"#)],
        );
        reads("pythonic", "<|python_start|>[now()]<|python_end|>", "", &[("now", "{}")]);
        for text in [
            "[1] A source",
            "[link](https://a.b)",
            "[open(1)]",
            "[now",
            "[now]",
            "as in [now()]",
            "[]",
            "[[1, 2], [3]]",
        ] {
            is_text("pythonic", text);
        }
    }

    #[test]
    fn literals_become_json() {
        let cases = [
            (r#"'it\'s "é" 😀'"#, r#""it's \"é\" 😀""#),
            (r#""a\tb\\c\n\x41\u00e9\U0001F600\ud83d\ude00\d\ud83d""#, "\"a\\tb\\\\c\\nAé😀😀\\\\d\u{FFFD}\""),
            ("''", r#""""#),
            ("'''a 'b' \"c\"\nd'''", r#""a 'b' \"c\"\nd""#),
            (r#""""""""#, r#""""#),
            ("'two\nlines'", r#""two\nlines""#),
            ("'<|tool_call_end|>)]'", r#""<|tool_call_end|>)]""#),
            ("True", "true"),
            ("false", "false"),
            ("None", "null"),
            ("-1", "-1"),
            ("+1_000", "1000"),
            ("0x1F", "31"),
            (".5", "0.5"),
            ("1.", "1.0"),
            ("-1.5E-3", "-1.5e-3"),
            ("00.5", "0.5"),
            ("[1, 'a', [], (2, 3,), ()]", r#"[1, "a", [], [2, 3], []]"#),
            (
                "{'a': None, 1: {\"b\": [True, false]}, True: {}}",
                r#"{"a": null, "1": {"b": [true, false]}, "true": {}}"#,
            ),
        ];
        for (literal, json) in cases {
            let source = format!("<|tool_call_start|>[note(text={literal}, tags=[])]<|tool_call_end|>");
            reads("lfm2", &source, "", &[("note", &format!("{{\"text\": {json}, \"tags\": []}}"))]);
        }
    }

    #[test]
    fn what_is_not_a_call_is_text() {
        for arguments in [
            "text=name",
            "text=1+1",
            "text=f(x)",
            "text=01",
            "text=1e",
            "text=",
            "text='a",
            "text={'a'}",
            "text={'a': 1",
            "text=[1)",
            "text=1j",
            "text='\\x4g'",
            "'a', 'b', 'c'",
            "=1",
            "text={[1]: 2}",
            "text='a' 'b'",
            "**{}",
        ] {
            is_text("lfm2", &format!("<|tool_call_start|>[note({arguments})]<|tool_call_end|>"));
        }
        is_text("lfm2", "<|tool_call_start|>[]<|tool_call_end|>");
        is_text("lfm2", "[now()]");
        is_text("lfm2", &format!("<|tool_call_start|>[note(tags={})]", "[".repeat(200)));
    }

    #[test]
    fn rendered_as_the_template_does() {
        let note = ("note", r#"{"text": "a\"b\\", "tags": [true, null, {"a": 1.5}]}"#);
        let text = r#"get_weather(city="Paris"), note(text="a\"b\\", tags=[True, None, {"a": 1.5}])"#;
        renders("lfm2", &[PARIS, note], &format!("<|tool_call_start|>[{text}]<|tool_call_end|>"));
        renders("pythonic", &[("now", "{}")], "[now()]");
    }
}
