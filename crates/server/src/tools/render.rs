//! Calls written as the model would: for the conversation so far, where the model's template does not write them
//! itself.

use serde_json::Value;

use super::{CallLayout, Layout, Marker, Several, Syntax, ToolCall, python_calls::push_text};

impl Syntax {
    /// The text of `calls`. Arguments that are no JSON object stay as they are.
    pub fn render(&self, calls: &[ToolCall]) -> String {
        let layout = &self.layout;
        let calls: Vec<String> = calls.iter().map(|call| layout.call.render(call)).collect();
        match layout.several {
            Several::List(between) => layout.block(&calls.join(between)),
            Several::Blocks(between) => calls.iter().map(|call| layout.block(call)).collect::<Vec<_>>().join(between),
            // Who has several nevertheless gets them in lines of their own.
            Several::Never => calls.iter().map(|call| layout.block(call)).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl Layout {
    fn block(&self, calls: &str) -> String {
        let open = match self.open {
            Some(Marker::Needed(open)) => open,
            Some(Marker::Allowed(_)) | None => "",
        };
        [open, self.head, calls, self.tail, self.close.unwrap_or("")].concat()
    }
}

impl CallLayout {
    fn render(self, call: &ToolCall) -> String {
        let value = serde_json::from_str(&call.arguments).unwrap_or(Value::Null);
        let mut out = String::new();
        match (self, value) {
            (CallLayout::Python, Value::Object(arguments)) => {
                out.push_str(&call.name);
                out.push('(');
                for (at, (parameter, value)) in arguments.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    out.push_str(parameter);
                    out.push('=');
                    push_value(value, Literals::Python, &mut out);
                }
                out.push(')');
            }
            (CallLayout::Python, _) => {
                out.push_str(&call.name);
                out.push('(');
                out.push_str(&call.arguments);
                out.push(')');
            }
            (_, value) => {
                self.push_start(&call.name, &call.id, &mut out);
                match value {
                    Value::Object(_) => push_value(&value, Literals::Json, &mut out),
                    _ => out.push_str(&call.arguments),
                }
                self.push_end(&mut out);
            }
        }
        out
    }

    /// What stands before a call's arguments.
    fn push_start(self, name: &str, id: &str, out: &mut String) {
        match self {
            CallLayout::Json { arguments } => {
                out.push_str("{\"name\": ");
                push_text(name, out);
                out.push_str(", \"");
                out.push_str(arguments);
                out.push_str("\": ");
            }
            CallLayout::Named { call_id } => {
                out.push_str(name);
                if call_id {
                    out.push_str("[CALL_ID]");
                    out.push_str(id);
                }
                out.push_str("[ARGS]");
            }
            CallLayout::Python => {
                out.push_str(name);
                out.push('(');
            }
        }
    }

    /// What stands behind them.
    fn push_end(self, out: &mut String) {
        match self {
            CallLayout::Json { .. } => out.push('}'),
            CallLayout::Named { .. } => {}
            CallLayout::Python => out.push(')'),
        }
    }
}

/// Whose words stand for truth values and nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    Json,
    Python,
}

/// Adds a value as the templates write it: with a space behind every comma and colon, as Python's `json.dumps` does.
pub(super) fn push_value(value: &Value, literals: Literals, out: &mut String) {
    match (value, literals) {
        (Value::Null, Literals::Python) => out.push_str("None"),
        (Value::Bool(true), Literals::Python) => out.push_str("True"),
        (Value::Bool(false), Literals::Python) => out.push_str("False"),
        (Value::Null | Value::Bool(_) | Value::Number(_), _) => out.push_str(&value.to_string()),
        (Value::String(text), _) => push_text(text, out),
        (Value::Array(items), _) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                push_value(item, literals, out);
            }
            out.push(']');
        }
        (Value::Object(properties), _) => {
            out.push('{');
            for (at, (key, value)) in properties.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                push_text(key, out);
                out.push_str(": ");
                push_value(value, literals, out);
            }
            out.push('}');
        }
    }
}
