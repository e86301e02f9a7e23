//! Why a grammar is refused, in words for whoever wrote it.
//!
//! llguidance says what it does not do, not where that stands in a schema and what to write instead. Of what people's schemas have most,
//! this says both; of the rest, its own words stand.

use serde_json::{Map, Value};

use super::schema::INSTANCES;
use super::{Grammar, reason};

/// Places that are named of a keyword that stands in several, and characters of one.
const MOST_PLACES: usize = 3;
const LONGEST_PLACE: usize = 60;

/// What begins every refusal of a schema.
pub(super) const OF_SCHEMA: &str = "this schema cannot be enforced to the letter: ";

/// What is `said` of `grammar`, in a sentence.
pub(super) fn refusal(grammar: &Grammar, said: &str) -> String {
    let schemas = match grammar {
        Grammar::JsonSchema(text) | Grammar::CompactJson(text) => serde_json::from_str(text).into_iter().collect(),
        Grammar::Lark(text) => in_lark(text),
        Grammar::JsonObject | Grammar::Regex(_) | Grammar::Choice(_) => vec![],
    };
    if let Some(why) = why(&schemas, said) {
        return format!("{OF_SCHEMA}{why}");
    }
    match grammar {
        Grammar::JsonSchema(_) | Grammar::CompactJson(_) | Grammar::JsonObject => {
            format!("{OF_SCHEMA}{}", reason(said))
        }
        Grammar::Regex(_) | Grammar::Lark(_) | Grammar::Choice(_) => {
            format!("this grammar cannot be enforced: {}", reason(said))
        }
    }
}

/// The schemas in a grammar in Lark.
pub(super) fn in_lark(lark: &str) -> Vec<Value> {
    let rests = lark.match_indices("%json").map(|(at, keyword)| &lark[at + keyword.len()..]);
    // What is no JSON here is an error of the grammar, or a text that only looks like it.
    rests.filter_map(|rest| serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()).collect()
}

fn why(schemas: &[Value], said: &str) -> Option<String> {
    let places = |is_it: &dyn Fn(&str, &Value) -> bool| {
        let mut places = vec![];
        schemas.iter().for_each(|schema| find(schema, "#", is_it, &mut places));
        listed(&places)
    };
    let named = |keyword: &str| format!("`{keyword}`{}", places(&|other, _| other == keyword));
    if let Some((_, keywords)) = said.split_once("Unimplemented keys: [") {
        // A list of strings, as Rust writes it.
        let keyword = keywords.split(']').next()?.split('"').nth(1)?;
        return Some(format!("{} {}", named(keyword), of_keyword(keyword)));
    }
    if said.contains("oneOf constraints are not supported") {
        let because = "has alternatives of which an answer might fit two: give each a property that is required and a `const` of \
                       its own, or use `anyOf`";
        return Some(format!("{} {because}", named("oneOf")));
    }
    if said.contains("patternProperty regex") || said.contains("patternProperties regex") {
        let because = "has patterns of which a name might fit two: make them exclude each other, or join them into one";
        return Some(format!("{} {because}", named("patternProperties")));
    }
    if let Some((_, format)) = said.split_once("Unknown format: ") {
        let format: String = format.lines().next()?.trim().chars().take(LONGEST_PLACE).collect();
        let place = places(&|keyword, value| keyword == "format" && value == format.as_str());
        return Some(format!("whit does not know the `format` {format:?}{place}: use a `pattern`, or leave it out"));
    }
    if said.contains("min/maxProperties only supported when") {
        let both = ["minProperties", "maxProperties"];
        let place = places(&|keyword, _| both.contains(&keyword));
        return Some(format!(
            "`minProperties` and `maxProperties`{place} are only counted where all `properties` are `required`: say which are, or leave \
             them out"
        ));
    }
    None
}

/// Why a keyword is not enforced, and what to write in its place.
fn of_keyword(keyword: &str) -> &'static str {
    match keyword {
        "not" => {
            "is not enforced: say what an answer may be (`enum`, `const`, `anyOf`, `pattern`), not what it may not"
        }
        "uniqueItems" => "is not enforced: leave it out, or offer each item as a property that is true or false",
        "if" | "then" | "else" => "is not enforced: write an `anyOf` of the cases, each with all that holds in it",
        "dependencies" | "dependentRequired" | "dependentSchemas" => {
            "is not enforced: write an `anyOf` of the properties that come together"
        }
        "contains" | "minContains" | "maxContains" => "is not enforced: put the item first, with `prefixItems`",
        "propertyNames" => "is not enforced: use `patternProperties` with \"additionalProperties\": false",
        "unevaluatedProperties" => "is not enforced: use `additionalProperties` beside `properties`",
        "unevaluatedItems" => "is not enforced: use `items` beside `prefixItems`",
        _ => "is not enforced: leave it out",
    }
}

/// Where in a schema a keyword stands of which `is_it` says so, as JSON pointers of the schemas that have it.
fn find(schema: &Value, at: &str, is_it: &dyn Fn(&str, &Value) -> bool, places: &mut Vec<String>) {
    let Value::Object(object) = schema else { return };
    for (keyword, value) in object {
        if is_it(keyword, value) {
            places.push(at.to_owned());
        }
        let at = format!("{at}/{keyword}");
        match (keyword.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies",
                Value::Object(named),
            ) => in_each(named, &at, is_it, places),
            (keyword, _) if INSTANCES.contains(&keyword) => {}
            (_, Value::Array(schemas)) => {
                let schemas = schemas.iter().enumerate();
                schemas.for_each(|(index, schema)| find(schema, &format!("{at}/{index}"), is_it, places));
            }
            _ => find(value, &at, is_it, places),
        }
    }
}

fn in_each(named: &Map<String, Value>, at: &str, is_it: &dyn Fn(&str, &Value) -> bool, places: &mut Vec<String>) {
    for (name, schema) in named {
        let name = name.replace('~', "~0").replace('/', "~1");
        find(schema, &format!("{at}/{name}"), is_it, places);
    }
}

/// The first of some places, fit for a message; nothing if there are none.
fn listed(places: &[String]) -> String {
    let short = |place: &String| match place.char_indices().nth(LONGEST_PLACE) {
        None => place.clone(),
        Some((end, _)) => format!("{}…", &place[..end]),
    };
    let first: Vec<String> = places.iter().take(MOST_PLACES).map(short).collect();
    let rest = match places.len().saturating_sub(MOST_PLACES) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    match first.is_empty() {
        true => String::new(),
        // Keywords stand in no order of their own.
        false => format!(" (at {}{rest})", first.join(", ")).escape_debug().to_string().replace("\\'", "'"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_of_a_schema_comes_with_its_place_and_a_mend() {
        let schema = json!({
            "properties": {
                "not": { "type": "array", "uniqueItems": true },
                "a/b": { "items": { "anyOf": [{ "type": "null" }, { "uniqueItems": true, "format": "colour" }] } },
                "c": { "const": { "uniqueItems": true }, "not": {} },
            },
        });
        let schema = Grammar::JsonSchema(schema.to_string());
        for (said, told) in [
            (
                "failed: Unimplemented keys: [\"not\"]\n<state>",
                "`not` (at #/properties/c) is not enforced: say what an answer may be (`enum`, `const`, `anyOf`, `pattern`), not what \
                 it may not",
            ),
            (
                "Unimplemented keys: [\"uniqueItems\"]",
                "`uniqueItems` (at #/properties/not, #/properties/a~1b/items/anyOf/1) is not enforced: leave it out, or offer each item \
                 as a property that is true or false",
            ),
            (
                "Unknown format: colour",
                "whit does not know the `format` \"colour\" (at #/properties/a~1b/items/anyOf/1): use a `pattern`, or leave it out",
            ),
            ("something else\n\n<backtrace>", "something else"),
        ] {
            assert_eq!(refusal(&schema, said), format!("{OF_SCHEMA}{told}"));
        }
        let lark = Grammar::Lark("start: %json {\"oneOf\": [{}, {}]}".into());
        let told = refusal(&lark, "oneOf constraints are not supported. Enable 'coerce_one_of' option");
        assert!(told.starts_with("this schema cannot be enforced to the letter: `oneOf` (at #) has"), "{told}");
        assert_eq!(refusal(&Grammar::Regex("(".into()), "x"), "this grammar cannot be enforced: x");
    }

    #[test]
    fn many_and_long_places_are_not_all_told() {
        let many: Vec<Value> = (0..1000).map(|_| json!({ "not": {} })).collect();
        let long = json!({ "properties": { "é\n".repeat(500): { "not": {} } }, "anyOf": many });
        let told = refusal(&Grammar::JsonSchema(long.to_string()), "Unimplemented keys: [\"not\"]");
        assert!(told.len() < 500 && !told.contains('\n') && told.contains(" and 998 more"), "{told}");
    }
}
