//! `tools`, `tool_choice` and `parallel_tool_calls`: what a model may call; and calls, as answers tell them.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{ApiError, Fields};
use crate::tools::{Tool, ToolChoice};

/// Most tools of one request.
const MOST_TOOLS: usize = 128;
/// Characters of a tool's name.
const LONGEST_NAME: usize = 64;

/// The tools that a model is offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Not empty.
    pub tools: Vec<Tool>,
    /// Whether it must call one, and which.
    pub choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel: bool,
}

impl Offer {
    /// The tools as chat templates expect them.
    pub fn definitions(&self) -> Vec<Value> {
        let definition = |tool: &Tool| {
            let mut function = Map::new();
            function.insert("name".into(), tool.name.as_str().into());
            if let Some(description) = &tool.description {
                function.insert("description".into(), description.as_str().into());
            }
            let parameters = match &tool.parameters {
                Value::Null => json!({"type": "object", "properties": {}}),
                parameters => parameters.clone(),
            };
            function.insert("parameters".into(), parameters);
            json!({"type": "function", "function": function})
        };
        self.tools.iter().map(definition).collect()
    }
}

/// What a request says about tools, for the schema; [`read`] reads it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct ToolFields {
    /// Functions that the model may call.
    #[schema(max_items = 128)]
    tools: Option<Vec<ToolDefinition>>,
    /// Whether it calls one, and which; `auto` if there are tools.
    tool_choice: Option<ToolChoiceSchema>,
    /// Whether it may call several at once; true if not said.
    parallel_tool_calls: Option<bool>,
}

/// A tool, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub enum ToolDefinition {
    /// A function that is called with JSON.
    Function {
        /// The function.
        function: Function,
    },
}

/// A function, for the schema.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct Function {
    /// What it is called by.
    #[schema(pattern = "^[a-zA-Z0-9_.-]{1,64}$")]
    name: String,
    /// What it does, for the model.
    description: Option<String>,
    /// JSON Schema of its arguments, an object.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    /// Whether arguments must fit `parameters` even where the model is free not to call at all.
    strict: Option<bool>,
}

/// `tool_choice`, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub enum ToolChoiceSchema {
    /// Whether to call.
    Mode(ToolMode),
    /// A call of this function.
    Named(NamedTool),
}

/// Whether to call, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub enum ToolMode {
    /// No calls.
    None,
    /// The model decides.
    Auto,
    /// At least one call.
    Required,
}

/// A function that is to be called, for the schema.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub enum NamedTool {
    /// A function.
    Function {
        /// Which.
        function: FunctionName,
    },
}

/// The name of a function, for the schema.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct FunctionName {
    /// As it is among the tools.
    name: String,
}

/// Takes `tools`, `tool_choice` and `parallel_tool_calls`. `None`: no calls.
///
/// # Errors
/// If they are wrong, or a choice comes without tools. Whether the parameters can be enforced is found when they are compiled.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Offer>, ApiError> {
    for name in ["functions", "function_call"] {
        fields.accept_only(name, |_| false, "it is an older name for tools and tool_choice")?;
    }
    let tools = tools(fields)?;
    if tools.is_empty() {
        fields.accept_only("tool_choice", |value| value == "none", "without tools there is nothing to choose")?;
        fields.accept_only("parallel_tool_calls", |_| false, "without tools there is nothing to call")?;
        return Ok(None);
    }
    let parallel = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    let choice = match fields.value("tool_choice") {
        None => ToolChoice::Auto,
        Some(Value::String(mode)) => match mode.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => return Ok(None),
            "required" => ToolChoice::Required,
            _ => return Err(wrong_choice(fields, &Value::String(mode))),
        },
        Some(choice @ Value::Object(_)) => {
            let mut named = Fields::of(choice, fields.path("tool_choice"))?;
            named.accept_only("type", |kind| kind == "function", "use \"function\", or one of auto, none, required")?;
            let mut function = named.object("function")?.ok_or_else(|| named.missing("function", "name one"))?;
            let name = function.string("name")?.ok_or_else(|| function.missing("name", "name one of the tools"))?;
            if !tools.iter().any(|tool| tool.name == name) {
                return Err(function.wrong("name", &Value::String(name), "the name of one of the tools"));
            }
            function.finish()?;
            named.finish()?;
            ToolChoice::Named(name)
        }
        Some(other) => return Err(wrong_choice(fields, &other)),
    };
    Ok(Some(Offer { tools, choice, parallel }))
}

fn wrong_choice(fields: &Fields, value: &Value) -> ApiError {
    let wanted = "auto, none, required or {\"type\": \"function\", \"function\": {\"name\": \"...\"}}";
    fields.wrong("tool_choice", value, wanted)
}

fn tools(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    let items = fields.list("tools")?.unwrap_or_default();
    let path = fields.path("tools");
    if items.len() > MOST_TOOLS {
        let message = format!("{path} holds {} tools: give at most {MOST_TOOLS}", items.len());
        return Err(ApiError::invalid(message).param(path));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut definition = Fields::of(item, format!("{path}[{index}]"))?;
        match definition.string("type")?.as_deref() {
            Some("function") => {}
            Some(kind) => {
                let why = format!("whit's models call functions, not {kind:.40}");
                return Err(ApiError::unsupported(&definition.path("type"), &why));
            }
            None => return Err(definition.missing("type", "use \"function\"")),
        }
        let function = definition.object("function")?;
        let mut function = function.ok_or_else(|| definition.missing("function", "describe the function"))?;
        let name = function.string("name")?.ok_or_else(|| function.missing("name", "give the function a name"))?;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_letter) {
            let wanted = format!("1 to {LONGEST_NAME} letters, digits, and any of _ - .");
            return Err(function.wrong("name", &Value::String(name), &wanted));
        }
        if tools.iter().any(|tool| tool.name == name) {
            return Err(function.wrong("name", &Value::String(name), "a name that no other tool has"));
        }
        let parameters = match function.value("parameters") {
            None => Value::Null,
            Some(schema @ Value::Object(_)) => schema,
            Some(other) => return Err(function.wrong("parameters", &other, "a JSON Schema of an object")),
        };
        let description = function.string("description")?;
        let strict = function.boolean("strict")?.unwrap_or(false);
        function.finish()?;
        definition.finish()?;
        tools.push(Tool { name, description, parameters, strict });
    }
    Ok(tools)
}

/// A call in an answer; in a stream, what is new of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallDelta {
    /// Which of the answer's calls. Only in streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// What its result will refer to; in a stream, with its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Always `function`; in a stream, with its beginning.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What is called.
    pub function: FunctionDelta,
}

/// A function with its arguments; in a stream, what is new of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunctionDelta {
    /// The function's name; in a stream, with the call's beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON text of an object; in a stream, the next piece of it.
    pub arguments: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLS: &str = r#""tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}},
        {"type": "function", "function": {"name": "g"}}]"#;

    fn offer(fields: &str) -> Result<Option<Offer>, ApiError> {
        let mut fields = Fields::parse(format!("{{{fields}}}").as_bytes()).unwrap();
        let offer = read(&mut fields)?;
        fields.finish()?;
        Ok(offer)
    }

    #[test]
    fn every_choice_is_read() {
        let choice = |choice: &str| offer(&format!("{TOOLS}{choice}")).unwrap().map(|offer| offer.choice);
        let named = r#", "tool_choice": {"type": "function", "function": {"name": "g"}}"#;
        for (text, expected) in [
            ("", Some(ToolChoice::Auto)),
            (r#", "tool_choice": null"#, Some(ToolChoice::Auto)),
            (r#", "tool_choice": "required""#, Some(ToolChoice::Required)),
            (r#", "tool_choice": "none""#, None),
            (named, Some(ToolChoice::Named("g".into()))),
        ] {
            assert_eq!(choice(text), expected, "{text}");
        }
        let offer = offer(&format!("{TOOLS}, \"parallel_tool_calls\": false")).unwrap().unwrap();
        assert!(!offer.parallel && offer.tools[0].strict && !offer.tools[1].strict);
        assert_eq!(offer.definitions()[1]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let function = |function: &str| format!(r#""tools": [{{"type": "function", "function": {function}}}]"#);
        for (text, param) in [
            (r#""tools": {}"#.to_owned(), "tools"),
            (r#""tools": [{"function": {"name": "f"}}]"#.to_owned(), "tools[0].type"),
            (r#""tools": [{"type": "web_search"}]"#.to_owned(), "tools[0].type"),
            (function("null"), "tools[0].function"),
            (function("{}"), "tools[0].function.name"),
            (function(r#"{"name": "a b"}"#), "tools[0].function.name"),
            (function(r#"{"name": "f", "parameters": []}"#), "tools[0].function.parameters"),
            (function(r#"{"name": "f", "returns": {}}"#), "tools[0].function.returns"),
            (format!(r#"{TOOLS}, "tool_choice": "any""#), "tool_choice"),
            (
                format!(r#"{TOOLS}, "tool_choice": {{"type": "function", "function": {{"name": "h"}}}}"#),
                "tool_choice.function.name",
            ),
            (r#""tool_choice": "required""#.to_owned(), "tool_choice"),
            (r#""parallel_tool_calls": true"#.to_owned(), "parallel_tool_calls"),
            (r#""functions": []"#.to_owned(), "functions"),
        ] {
            assert_eq!(offer(&text).unwrap_err().into_body().error.param.as_deref(), Some(param), "{text}");
        }
        let many = vec![r#"{"type": "function", "function": {"name": "f"}}"#; 129].join(",");
        assert!(offer(&format!("\"tools\": [{many}]")).is_err());
        assert_eq!(offer(r#""tools": [], "tool_choice": "none""#), Ok(None));
    }
}
