//! `response_format`: the shape an answer must have.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whit_engine::Grammar;

use super::{ApiError, Fields};

/// Most texts of a choice.
const MOST_CHOICES: usize = 10_000;

/// The shape of an answer, for the schema; [`read`] reads it.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
pub enum ResponseFormat {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// A JSON text that is valid under a schema. The schema is always enforced, also without `strict`.
    JsonSchema {
        /// The schema and its name.
        json_schema: JsonSchema,
    },
    /// A text of a grammar: an extension of OpenAI's formats.
    Grammar {
        /// The grammar.
        grammar: GrammarText,
    },
    /// One of some texts: an extension of OpenAI's formats.
    Choice {
        /// The texts.
        choices: Vec<String>,
    },
}

/// A schema with its name.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct JsonSchema {
    /// What the answer is called.
    name: String,
    /// Without meaning here: the model is told what the messages say.
    description: Option<String>,
    /// The schema.
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
    /// Without meaning here: schemas are always enforced.
    strict: Option<bool>,
}

/// A grammar in one of two languages.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct GrammarText {
    /// `lark` or `regex`.
    syntax: Syntax,
    /// The grammar.
    definition: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum Syntax {
    Lark,
    Regex,
}

/// Takes `response_format`; `None`: any text.
///
/// # Errors
/// If it is none of these. Whether a grammar or schema can be enforced is found when it is compiled.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Grammar>, ApiError> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(None) };
    let kind = format.string("type")?;
    let grammar = match kind.as_deref() {
        Some("text") => None,
        Some("json_object") => Some(Grammar::JsonObject),
        Some("json_schema") => Some(json_schema(&mut format)?),
        Some("grammar") => {
            let text = format.object("grammar")?;
            let mut text = text.ok_or_else(|| format.missing("grammar", "give its syntax and definition"))?;
            let syntax = text.string("syntax")?.unwrap_or_default();
            let definition = text.string("definition")?;
            let definition = definition.ok_or_else(|| text.missing("definition", "give the grammar's text"))?;
            let grammar = match syntax.as_str() {
                "lark" => Grammar::Lark(definition),
                "regex" => Grammar::Regex(definition),
                _ => return Err(text.wrong("syntax", &Value::String(syntax), "lark or regex")),
            };
            text.finish()?;
            Some(grammar)
        }
        Some("choice") => Some(Grammar::Choice(choices(&mut format)?)),
        Some(kind) => {
            let kinds = "text, json_object, json_schema, grammar or choice";
            return Err(format.wrong("type", &Value::String(kind.to_owned()), kinds));
        }
        None => return Err(format.missing("type", "use text, json_object, json_schema, grammar or choice")),
    };
    format.finish()?;
    Ok(grammar)
}

fn json_schema(format: &mut Fields) -> Result<Grammar, ApiError> {
    let named = format.object("json_schema")?;
    let mut named = named.ok_or_else(|| format.missing("json_schema", "give its name and schema"))?;
    named.string("name")?.ok_or_else(|| named.missing("name", "give the answer a name"))?;
    // The model is told what the messages tell it; the grammar sees to the rest.
    named.string("description")?;
    named.boolean("strict")?;
    let grammar = match named.value("schema") {
        None => Grammar::JsonObject,
        Some(schema) => Grammar::JsonSchema(schema.to_string()),
    };
    named.finish()?;
    Ok(grammar)
}

fn choices(format: &mut Fields) -> Result<Vec<String>, ApiError> {
    const WANTED: &str = "a list of 1 to 10000 texts";
    let items = format.list("choices")?.ok_or_else(|| format.missing("choices", "give a list of texts"))?;
    if !(1..=MOST_CHOICES).contains(&items.len()) {
        return Err(format.wrong("choices", &Value::Array(items), WANTED));
    }
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(text),
        other => Err(format.wrong("choices", &other, WANTED)),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Result<Option<Grammar>, ApiError> {
        read(&mut Fields::parse(format!("{{\"response_format\": {text}}}").as_bytes()).unwrap())
    }

    #[test]
    fn every_shape_is_read() {
        let schema =
            r#"{"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "null"}}}"#;
        for (text, grammar) in [
            ("null", None),
            (r#"{"type": "text"}"#, None),
            (r#"{"type": "json_object"}"#, Some(Grammar::JsonObject)),
            (schema, Some(Grammar::JsonSchema(r#"{"type":"null"}"#.into()))),
            (r#"{"type": "choice", "choices": ["a", "b"]}"#, Some(Grammar::Choice(vec!["a".into(), "b".into()]))),
            (
                r#"{"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}"#,
                Some(Grammar::Regex("a+".into())),
            ),
        ] {
            assert_eq!(format(text).unwrap(), grammar, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, param) in [
            (r#"{"type": "xml"}"#, "response_format.type"),
            (r#"{"type": "json_object", "schema": {}}"#, "response_format.schema"),
            (r#"{"type": "json_schema", "json_schema": {"schema": {}}}"#, "response_format.json_schema.name"),
            (r#"{"type": "choice", "choices": []}"#, "response_format.choices"),
            (
                r#"{"type": "grammar", "grammar": {"syntax": "bnf", "definition": ""}}"#,
                "response_format.grammar.syntax",
            ),
        ] {
            assert_eq!(format(text).unwrap_err().into_body().error.param.as_deref(), Some(param), "{text}");
        }
    }
}
