//! Arguments as Python has them, held to a JSON Schema: keywords in the order of the schema, truth values and nothing
//! as Python's words. Strings, numbers and whatever else a rule of its own is too much for are JSON, which means the
//! same.

use serde_json::{Map, Value};

use super::{
    GrammarError, Tool,
    grammar::{Lark, json_rule, literal},
    named_calls::is_of_name,
    render::{Literals, push_value},
};

/// Keywords that describe and do not restrict.
const ANNOTATIONS: [&str; 10] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
    "$id",
];

/// The keyword arguments of a call of `tool` that fit `parameters`; any where there are none.
pub(super) fn arguments(
    lark: &mut Lark<'_>,
    tool: &Tool,
    parameters: Option<&Map<String, Value>>,
) -> Result<String, GrammarError> {
    let Some(schema) = parameters else {
        let value = anything(lark);
        let argument = lark.rule(&format!("/[A-Za-z_][A-Za-z0-9_]*/ \"=\" {value}"));
        return Ok(format!("({argument} (\", \" {argument})*)?"));
    };
    let error = |reason: String| GrammarError::Parameters { tool: tool.name.clone(), reason };
    if let Some(keyword) = restricted_beside(schema, &["type", "properties", "required", "additionalProperties"]) {
        let reason = format!("`{keyword}` at the top cannot be enforced on the Python calls that this model writes");
        return Err(error(reason));
    }
    if let Some(name) = properties(schema).map(|(name, _)| name).find(|name| !is_name(name)) {
        return Err(error(format!(
            "`{name}` cannot be the name of an argument in the Python calls that this model writes"
        )));
    }
    let Some(entries) = entries(lark, schema, schema, |name| format!("{name}=")) else {
        return Err(error("a required property is not among `properties`".into()));
    };
    Ok(chain(lark, &entries))
}

/// Whether a name can stand in a Python call, as far as the parser is concerned.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(is_of_name)
}

/// The first keyword of `schema` that restricts and is not among `known`.
fn restricted_beside<'a>(schema: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    let harmless = |keyword: &str| {
        known.contains(&keyword) || ANNOTATIONS.contains(&keyword) || matches!(keyword, "$defs" | "definitions")
    };
    schema.keys().map(String::as_str).find(|keyword| !harmless(keyword))
}

fn properties(schema: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// An argument or a dictionary's entry.
struct Entry {
    /// What stands before its value.
    start: String,
    /// The rule of its value.
    value: String,
    required: bool,
}

/// The entries of an object, in order; `None` where one is required that it does not describe.
fn entries(
    lark: &mut Lark<'_>,
    schema: &Map<String, Value>,
    root: &Map<String, Value>,
    start: impl Fn(&str) -> String,
) -> Option<Vec<Entry>> {
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !required.iter().all(|required| properties(schema).any(|(name, _)| required.as_str() == Some(name))) {
        return None;
    }
    let entry = |(name, schema): (&String, &Value)| Entry {
        start: start(name),
        value: value(lark, schema, root),
        required: required.iter().any(|required| required.as_str() == Some(name)),
    };
    Some(properties(schema).map(entry).collect())
}

/// The entries with commas between those that are there. One rule for what may follow an entry, one for what may
/// follow none, from the last entry to the first.
fn chain(lark: &mut Lark<'_>, entries: &[Entry]) -> String {
    let (mut behind_some, mut behind_none) = (String::new(), String::new());
    for Entry { start, value, required } in entries.iter().rev() {
        let first = format!("{} {value} {behind_some}", literal(start));
        behind_none = match (required, behind_none.as_str()) {
            (true, _) => lark.rule(&first),
            (false, "") => lark.rule(&format!("({first})?")),
            (false, others) => lark.rule(&format!("{first} | {others}")),
        };
        let next = format!("{} {value}", literal(&format!(", {start}")));
        behind_some = match required {
            true => lark.rule(&format!("{next} {behind_some}")),
            false => lark.rule(&format!("({next})? {behind_some}")),
        };
    }
    behind_none
}

/// A rule for the values that fit `schema`, a part of `root`.
fn value(lark: &mut Lark<'_>, schema: &Value, root: &Map<String, Value>) -> String {
    let body = match schema {
        Value::Object(schema) => {
            python(lark, schema, root).unwrap_or_else(|| json_rule(with_definitions(schema, root)))
        }
        Value::Bool(false) => "%json false".to_owned(),
        _ => anything(lark),
    };
    lark.rule(&body)
}

/// A rule for any value.
fn anything(lark: &mut Lark<'_>) -> String {
    let scalar = |kind: &str| json_rule(Map::from_iter([("type".to_owned(), Value::from(kind))]));
    let (text, number) = (lark.rule(&scalar("string")), lark.rule(&scalar("number")));
    let words = "\"True\" | \"False\" | \"None\" | \"true\" | \"false\" | \"null\"";
    lark.recursive_rule(|value| {
        let list = format!("\"[\" ({value} (\", \" {value})*)? \"]\"");
        let entry = format!("{text} \": \" {value}");
        format!("{text} | {number} | {words} | {list} | \"{{\" ({entry} (\", \" {entry})*)? \"}}\"")
    })
}

/// The part of a schema on its own, with what it may refer to.
fn with_definitions(schema: &Map<String, Value>, root: &Map<String, Value>) -> Map<String, Value> {
    let mut schema = schema.clone();
    for key in ["$defs", "definitions"] {
        if let (Some(definitions), false) = (root.get(key), schema.contains_key(key)) {
            schema.insert(key.into(), definitions.clone());
        }
    }
    schema
}

/// The values that fit `schema` as Python writes them, where its words or a container make a difference.
fn python(lark: &mut Lark<'_>, schema: &Map<String, Value>, root: &Map<String, Value>) -> Option<String> {
    if restricted_beside(schema, &[]).is_none() {
        return Some(anything(lark));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && restricted_beside(schema, &["enum", "type"]).is_none()
    {
        let choices: Vec<String> = choices.iter().filter(|choice| is_of_type(choice, schema)).map(choice).collect();
        return (!choices.is_empty()).then(|| choices.join(" | "));
    }
    if let Some(only) = schema.get("const")
        && restricted_beside(schema, &["const", "type"]).is_none()
    {
        return is_of_type(only, schema).then(|| choice(only));
    }
    if let Some(schemas) = schema.get("anyOf").and_then(Value::as_array)
        && restricted_beside(schema, &["anyOf"]).is_none()
    {
        let rules: Vec<String> = schemas.iter().map(|schema| value(lark, schema, root)).collect();
        return (!rules.is_empty()).then(|| rules.join(" | "));
    }
    match schema.get("type")? {
        Value::Array(types) if !types.is_empty() => {
            let mut one = schema.clone();
            let mut rule = |kind: &Value| {
                one.insert("type".into(), kind.clone());
                value(lark, &Value::Object(one.clone()), root)
            };
            let rules: Vec<String> = types.iter().map(&mut rule).collect();
            Some(rules.join(" | "))
        }
        Value::String(kind) => match kind.as_str() {
            "boolean" if restricted_beside(schema, &["type"]).is_none() => Some("\"True\" | \"False\"".to_owned()),
            "null" if restricted_beside(schema, &["type"]).is_none() => Some("\"None\"".to_owned()),
            "array" => list(lark, schema, root),
            "object" => dictionary(lark, schema, root),
            _ => None,
        },
        _ => None,
    }
}

fn choice(value: &Value) -> String {
    let mut text = String::new();
    push_value(value, Literals::Python, &mut text);
    literal(&text)
}

fn is_of_type(value: &Value, schema: &Map<String, Value>) -> bool {
    let is = |kind: &Value| match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    match schema.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
    }
}

fn list(lark: &mut Lark<'_>, schema: &Map<String, Value>, root: &Map<String, Value>) -> Option<String> {
    if restricted_beside(schema, &["type", "items", "minItems", "maxItems"]).is_some() {
        return None;
    }
    let bound = |keyword: &str| match schema.get(keyword) {
        None => Some(None),
        Some(bound) => bound.as_u64().map(Some),
    };
    let (least, most) = (bound("minItems")?.unwrap_or(0), bound("maxItems")?);
    if most.is_some_and(|most| most == 0 || most < least) {
        return None;
    }
    let item = value(lark, schema.get("items")?, root);
    let others = match (least.saturating_sub(1), most) {
        (0, None) => "*".to_owned(),
        (least, None) => format!("{{{least},}}"),
        (least, Some(most)) => format!("{{{least},{}}}", most - 1),
    };
    let optional = if least == 0 { "?" } else { "" };
    Some(format!("\"[\" ({item} (\", \" {item}){others}){optional} \"]\""))
}

fn dictionary(lark: &mut Lark<'_>, schema: &Map<String, Value>, root: &Map<String, Value>) -> Option<String> {
    let known = ["type", "properties", "required", "additionalProperties"];
    if properties(schema).next().is_none() || restricted_beside(schema, &known).is_some() {
        return None;
    }
    let entries = entries(lark, schema, root, |name| {
        let mut start = String::new();
        push_value(&Value::from(name), Literals::Python, &mut start);
        start + ": "
    })?;
    let entries = chain(lark, &entries);
    Some(format!("\"{{\" {entries} \"}}\""))
}
