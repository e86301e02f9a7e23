//! The messages of a conversation, checked and brought into the form that chat templates expect.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{ApiError, Fields};

/// Roles a message may have.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// Most messages of one conversation: a template goes through them several times.
const MOST_MESSAGES: usize = 4096;

/// One message, for the schema; [`read`] reads it.
#[derive(Serialize, ToSchema)]
#[serde(tag = "role", rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum Message {
    /// What holds for the whole conversation.
    System {
        /// The text.
        content: Content,
        /// Who in particular.
        name: Option<String>,
    },
    /// The same; a system message for models that know no other.
    Developer {
        /// The text.
        content: Content,
        /// Who in particular.
        name: Option<String>,
    },
    /// What a person says.
    User {
        /// The text.
        content: Content,
        /// Who in particular.
        name: Option<String>,
    },
    /// What the model said.
    Assistant {
        /// The text; without calls there must be one.
        content: Option<Content>,
        /// Who in particular.
        name: Option<String>,
        /// What it thought before it said this.
        reasoning_content: Option<String>,
        /// What it called.
        tool_calls: Option<Vec<MessageCall>>,
    },
    /// What came of a call.
    Tool {
        /// The text.
        content: Content,
        /// Which call.
        tool_call_id: String,
        /// Which function.
        name: Option<String>,
    },
}

/// A text, or parts of it, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum Content {
    /// The text.
    Text(String),
    /// Each on a line of its own.
    Parts(Vec<TextPart>),
}

/// A part of a text, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum TextPart {
    /// A text.
    Text {
        /// The text.
        text: String,
    },
}

/// A call that an earlier answer made, for the schema.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct MessageCall {
    /// As the answer had it.
    id: String,
    /// What was called.
    function: MessageFunction,
    /// `function`.
    #[schema(value_type = Option<FunctionType>)]
    r#type: Option<FunctionType>,
}

/// The one thing that can be called, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum FunctionType {
    /// A function.
    Function,
}

/// A function that was called, for the schema.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct MessageFunction {
    /// Its name.
    name: String,
    /// JSON.
    arguments: Option<String>,
}

/// Takes `messages`: objects with a `role`, `content` as one text, and for tools their calls and ids. Arguments of calls are parsed,
/// as templates print them.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Value>, ApiError> {
    let items = fields.list("messages")?.ok_or_else(|| {
        fields.missing("messages", "give a list of messages, such as [{\"role\": \"user\", \"content\": \"Hello\"}]")
    })?;
    let path = fields.path("messages");
    if items.is_empty() || items.len() > MOST_MESSAGES {
        let message = format!("{path} holds {} messages: give 1 to {MOST_MESSAGES}", items.len());
        return Err(ApiError::invalid(message).param(path));
    }
    items.into_iter().enumerate().map(|(index, item)| message(item, format!("{path}[{index}]"))).collect()
}

fn message(item: Value, at: String) -> Result<Value, ApiError> {
    let mut fields = Fields::of(item, at)?;
    let one_of = || ROLES.join(", ");
    let role = fields.string("role")?.ok_or_else(|| fields.missing("role", &format!("use one of {}", one_of())))?;
    if !ROLES.contains(&role.as_str()) {
        return Err(fields.wrong("role", &Value::String(role), &format!("one of {}", one_of())));
    }
    let mut message = Map::new();
    message.insert("role".into(), role.as_str().into());
    let content = content(&mut fields)?;
    for name in ["name", "reasoning_content"] {
        if let Some(text) = fields.string(name)? {
            message.insert(name.into(), text.into());
        }
    }
    if role == "assistant" {
        fields.accept_only("refusal", |_| false, "whit's models have no refusals of their own; say it in content")?;
        if let Some(calls) = tool_calls(&mut fields)? {
            message.insert("tool_calls".into(), calls);
        }
        // What the official clients send back with an answer they were given.
        for name in ["audio", "function_call"] {
            fields.accept_only(name, |_| false, "use content and tool_calls")?;
        }
        fields.accept_only("annotations", |value| value == &json!([]), "leave it out")?;
    }
    if role == "tool" {
        let id = fields.string("tool_call_id")?;
        let id = id.ok_or_else(|| fields.missing("tool_call_id", "say which call this is the result of"))?;
        message.insert("tool_call_id".into(), id.into());
    }
    let may_be_silent = message.contains_key("tool_calls");
    let content = match content {
        None if !may_be_silent => return Err(fields.missing("content", "give the message's text")),
        content => content.unwrap_or_default(),
    };
    // After the role, where people expect it.
    message.insert("content".into(), content.into());
    fields.finish()?;
    Ok(Value::Object(message))
}

/// The text of a message: a string, or parts of it, each on a line of its own.
fn content(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let path = fields.path("content");
    let parts = match fields.value("content") {
        None => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(fields.wrong("content", &other, "a string or a list of text parts")),
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let at = format!("{path}[{index}]");
        let mut part = Fields::of(part, at.clone())?;
        match part.string("type")?.as_deref() {
            Some("text") => {}
            Some(kind) => {
                let why = format!("this model reads text, not {kind:.40}; use parts of type text");
                return Err(ApiError::unsupported(&format!("{at}.type"), &why));
            }
            None => return Err(part.missing("type", "use \"text\"")),
        }
        texts.push(part.string("text")?.ok_or_else(|| part.missing("text", "give the part's text"))?);
        part.finish()?;
    }
    Ok(Some(texts.join("\n")))
}

/// Calls that an earlier answer made.
fn tool_calls(fields: &mut Fields) -> Result<Option<Value>, ApiError> {
    let path = fields.path("tool_calls");
    let Some(items) = fields.list("tool_calls")?.filter(|items| !items.is_empty()) else { return Ok(None) };
    let mut calls = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut call = Fields::of(item, format!("{path}[{index}]"))?;
        let id = call.string("id")?.ok_or_else(|| call.missing("id", "repeat the id that the answer had"))?;
        call.accept_only("type", |value| value == "function", "use \"function\"")?;
        // Streams count their calls, and clients send the count back.
        call.value("index");
        let mut function = call.object("function")?.ok_or_else(|| call.missing("function", "name what was called"))?;
        let name = function.string("name")?.ok_or_else(|| function.missing("name", "name what was called"))?;
        let arguments = function.string("arguments")?.unwrap_or_default();
        // Templates print an object themselves, in the way their model was trained on.
        let arguments = match serde_json::from_str::<Value>(&arguments) {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::String(arguments),
        };
        function.finish()?;
        call.finish()?;
        calls.push(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}));
    }
    Ok(Some(calls.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Result<Vec<Value>, ApiError> {
        read(&mut Fields::parse(format!("{{\"messages\": {text}}}").as_bytes()).unwrap())
    }

    #[test]
    fn a_message_is_a_text_or_parts_of_it() {
        let parts = r#"[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]"#;
        assert_eq!(messages(parts).unwrap(), [json!({"role": "user", "content": "a\nb"})]);
        let image = r#"[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]"#;
        let error = messages(image).unwrap_err();
        assert_eq!(error.into_body().error.param.as_deref(), Some("messages[0].content[0].type"));
    }

    #[test]
    fn a_call_and_its_result_come_as_templates_expect_them() {
        let call = r#"[{"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "2"}]"#;
        let read = messages(call).unwrap();
        assert_eq!(read[0]["tool_calls"][0]["function"]["arguments"], json!({"x": 1}));
        assert_eq!(read[1], json!({"role": "tool", "tool_call_id": "c1", "content": "2"}));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, param) in [
            ("[]", "messages"),
            (r#"[{"role": "robot", "content": "x"}]"#, "messages[0].role"),
            (r#"[{"role": "user"}]"#, "messages[0].content"),
            (r#"[{"role": "user", "content": "x", "mood": "good"}]"#, "messages[0].mood"),
            (r#"[{"role": "tool", "content": "x"}]"#, "messages[0].tool_call_id"),
            ("[7]", "messages[0]"),
        ] {
            assert_eq!(messages(text).unwrap_err().into_body().error.param.as_deref(), Some(param), "{text}");
        }
    }
}
