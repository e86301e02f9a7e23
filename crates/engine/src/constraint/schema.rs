//! What is looked at in a JSON Schema before llguidance sees it.
//!
//! llguidance follows a schema by recursion, puts the target of a `$ref` that has neighbours in its place, and multiplies alternatives that
//! must hold together. A few kilobytes can so ask for more stack and memory than there is; this finds them without building anything.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::refusal::in_lark;
use super::{ConstraintError, MOST_BYTES};

/// Levels of a schema within each other, those of its references included.
pub(super) const DEEPEST: usize = 500;
/// Parts of a schema with everything in its place.
const MOST_PARTS: u64 = 200_000;
/// What may stand between the parts of a JSON text: what programs that write JSON put there, a space or a line's end and indentation.
/// Not any amount of white space: a model that has lost its way writes that until it is stopped.
const WHITESPACE: &str = r"\x20|\r?\n[\x20\t]{0,32}";
/// Where llguidance looks for its options in a schema.
const OPTIONS: &str = "x-guidance";
/// What says nothing about an instance.
const ANNOTATIONS: [&str; 16] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "id",
    "readOnly",
    "title",
    "writeOnly",
];

/// What has instances for values, not schemas.
pub(super) const INSTANCES: [&str; 4] = ["const", "default", "enum", "examples"];

/// What stands between the parts of a JSON text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// [`WHITESPACE`], or nothing.
    Usual,
    /// Nothing.
    None,
}

/// The schema that `text` is, as llguidance takes it.
pub(super) fn read(text: &str, spacing: Spacing) -> Result<Value, ConstraintError> {
    if text.len() > MOST_BYTES {
        return Err(ConstraintError::TooLarge(format!(
            "the JSON Schema has {} bytes: use {MOST_BYTES} or fewer",
            text.len()
        )));
    }
    let mut schema: Value = serde_json::from_str(text)
        .map_err(|error| ConstraintError::Grammar(format!("the JSON Schema is not JSON: {error}")))?;
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    if schema.get(OPTIONS).is_some() {
        return Err(ConstraintError::Grammar(format!("whit does not know {OPTIONS:?} in a JSON Schema: leave it out")));
    }
    let version = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    if ["draft-04", "draft-06", "draft-07"].iter().any(|old| version.contains(old)) {
        leave_references_alone(&mut schema, true);
    }
    check(&schema)?;
    set_options(&mut schema, spacing);
    Ok(schema)
}

/// Up to draft 7, what stands beside a `$ref` is ignored; llguidance heeds it, as later drafts do.
fn leave_references_alone(schema: &mut Value, is_root: bool) {
    match schema {
        Value::Object(object) => {
            if object.get("$ref").is_some_and(Value::is_string) {
                // The root's definitions are where references lead.
                object.retain(|keyword, _| keyword == "$ref" || is_root && ANNOTATIONS.contains(&keyword.as_str()));
            }
            let schemas = object.iter_mut().filter(|(keyword, _)| !INSTANCES.contains(&keyword.as_str()));
            schemas.for_each(|(_, value)| leave_references_alone(value, false));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| leave_references_alone(value, false)),
        _ => {}
    }
}

/// The schema of any object.
pub(super) fn any_object() -> Value {
    let mut schema = json!({"type": "object"});
    set_options(&mut schema, Spacing::Usual);
    schema
}

/// Checks the schemas in a grammar in Lark, and gives it back.
pub(super) fn with_schemas_checked(lark: &str) -> Result<String, ConstraintError> {
    in_lark(lark).iter().try_for_each(check)?;
    Ok(lark.to_owned())
}

fn set_options(schema: &mut Value, spacing: Spacing) {
    if let Some(schema) = schema.as_object_mut() {
        let options = match spacing {
            Spacing::Usual => json!({ "whitespace_pattern": WHITESPACE }),
            Spacing::None => json!({ "whitespace_flexible": false }),
        };
        schema.insert(OPTIONS.into(), options);
    }
}

fn check(schema: &Value) -> Result<(), ConstraintError> {
    let mut checker = Checker { root: schema, targets: HashMap::new() };
    let extent = checker.extent(schema, 0)?;
    if extent.height > DEEPEST {
        return Err(too_deep());
    }
    if extent.whole > MOST_PARTS {
        return Err(too_large());
    }
    Ok(())
}

fn too_deep() -> ConstraintError {
    ConstraintError::TooLarge(format!("the JSON Schema is more than {DEEPEST} levels deep: make it simpler"))
}

fn too_large() -> ConstraintError {
    ConstraintError::TooLarge(format!(
        "with its references and combinations in place, the JSON Schema has more than {MOST_PARTS} parts: make it simpler"
    ))
}

/// How large a schema is. All of it is an estimate: nothing is merged to find out.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    /// Parts in the place where it stands: 1 for a reference, which stays one.
    parts: u64,
    /// Parts once it is merged with another schema.
    whole: u64,
    /// Alternatives.
    options: u64,
    /// Properties, and parts of the schema of all others: what merging applies to each other.
    properties: u64,
    others: u64,
    height: usize,
}

impl Extent {
    const ONE: Extent = Extent { parts: 1, whole: 1, options: 1, properties: 0, others: 0, height: 1 };

    /// Both hold.
    fn and(self, with: Extent) -> Extent {
        let size = |a: Extent, b: Extent| {
            a.whole.saturating_mul(b.options).saturating_add(a.properties.saturating_mul(b.others))
        };
        let whole = size(self, with).saturating_add(size(with, self));
        Extent {
            parts: whole,
            whole,
            options: self.options.saturating_mul(with.options),
            properties: self.properties.saturating_add(with.properties),
            others: self.others.saturating_add(with.others),
            height: self.height.max(with.height),
        }
    }

    /// One of them holds.
    fn or(self, with: Extent) -> Extent {
        Extent {
            parts: self.parts.saturating_add(with.parts),
            whole: self.whole.saturating_add(with.whole),
            options: self.options.saturating_add(with.options),
            properties: self.properties.max(with.properties),
            others: self.others.max(with.others),
            height: self.height.max(with.height),
        }
    }
}

struct Checker<'a> {
    root: &'a Value,
    /// What is known of the targets of references; none while one is looked at.
    targets: HashMap<&'a str, Option<Extent>>,
}

impl<'a> Checker<'a> {
    fn extent(&mut self, schema: &'a Value, level: usize) -> Result<Extent, ConstraintError> {
        if level > DEEPEST {
            return Err(too_deep());
        }
        let Some(object) = schema.as_object() else { return Ok(Extent::ONE) };
        if level > 0 && object.contains_key("$ref") && rebased(object) {
            return Err(ConstraintError::Grammar(
                "a $ref beside an $id within the JSON Schema is not supported: write references from the root (#/..)"
                    .into(),
            ));
        }
        let level = level + 1;
        let mut own = Extent::ONE;
        let mut asserts = false;
        let mut combined: Vec<Extent> = vec![];
        for (keyword, value) in object {
            match keyword.as_str() {
                "$ref" => combined.extend(value.as_str().map(|to| self.target(to, level)).transpose()?),
                "allOf" => {
                    for part in value.as_array().into_iter().flatten() {
                        combined.push(self.extent(part, level)?);
                    }
                }
                "anyOf" | "oneOf" => {
                    let mut any = Extent::default();
                    for option in value.as_array().into_iter().flatten() {
                        any = any.or(self.extent(option, level)?);
                    }
                    combined.push(any);
                }
                "enum" | "const" => {
                    let options = value.as_array().filter(|_| keyword == "enum").map_or(1, Vec::len).max(1) as u64;
                    let parts = nodes(value);
                    combined.push(Extent { parts, whole: parts, options, ..Extent::ONE });
                }
                "properties" | "patternProperties" => {
                    asserts = true;
                    let children = value.as_object().into_iter().flatten().map(|(_, child)| child);
                    own.properties += self.children(&mut own, children, level)?;
                }
                "items" | "additionalItems" | "prefixItems" | "additionalProperties" => {
                    asserts = true;
                    let before = own.parts;
                    match value.as_array() {
                        Some(items) => own.properties += self.children(&mut own, items.iter(), level)?,
                        None => {
                            self.children(&mut own, std::iter::once(value), level)?;
                            own.others = own.others.saturating_add(own.parts - before);
                        }
                    }
                }
                annotation if ANNOTATIONS.contains(&annotation) => {}
                _ => asserts = true,
            }
        }
        let mut parts = combined.into_iter();
        let first = match asserts {
            true => own,
            false => parts.next().unwrap_or(own),
        };
        let mut extent = parts.fold(first, Extent::and);
        extent.height += 1;
        if extent.parts > MOST_PARTS {
            return Err(too_large());
        }
        Ok(extent)
    }

    /// Adds the children to `own`; how many there are.
    fn children(
        &mut self,
        own: &mut Extent,
        children: impl Iterator<Item = &'a Value>,
        level: usize,
    ) -> Result<u64, ConstraintError> {
        let mut count = 0;
        for child in children {
            let child = self.extent(child, level)?;
            own.parts = own.parts.saturating_add(child.parts);
            own.whole = own.parts;
            own.height = own.height.max(child.height);
            count += 1;
        }
        Ok(count)
    }

    /// What a reference refers to, by its JSON pointer. What cannot be found, llguidance reports.
    fn target(&mut self, to: &'a str, level: usize) -> Result<Extent, ConstraintError> {
        let known = match self.targets.get(to) {
            Some(known) => known.unwrap_or(Extent::ONE),
            None => {
                let target = to.strip_prefix('#').and_then(|pointer| match pointer {
                    "" | "/" => Some(self.root),
                    pointer => self.root.pointer(pointer),
                });
                self.targets.insert(to, None);
                let extent = target.map_or(Ok(Extent::ONE), |target| self.extent(target, level))?;
                self.targets.insert(to, Some(extent));
                extent
            }
        };
        Ok(Extent { parts: 1, ..known })
    }
}

/// Whether references in this object start from elsewhere than the root: llguidance would not follow them there.
fn rebased(object: &serde_json::Map<String, Value>) -> bool {
    ["$id", "id"].iter().filter_map(|name| object.get(*name)?.as_str()).any(|id| !id.starts_with('#'))
}

fn nodes(value: &Value) -> u64 {
    1 + match value {
        Value::Array(values) => values.iter().map(nodes).sum(),
        Value::Object(values) => values.values().map(nodes).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_that_grow_without_bound_are_refused_and_reuse_is_not() {
        // Each level holds the next twice. As references they stay small; with neighbours they are put in place.
        let levels = |neighbour: Value| {
            let mut definitions = serde_json::Map::new();
            for level in 0..40 {
                let mut next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
                next.as_object_mut().unwrap().extend(neighbour.as_object().unwrap().clone());
                definitions.insert(level.to_string(), json!({ "properties": { "a": next, "b": next } }));
            }
            definitions.insert("40".into(), json!({ "type": "string" }));
            json!({ "$defs": definitions, "$ref": "#/$defs/0" })
        };
        check(&levels(json!({ "description": "the next" }))).unwrap();
        assert_eq!(check(&levels(json!({ "minProperties": 1 }))), Err(too_large()));
        // Alternatives that must hold together.
        let either = json!({ "anyOf": [{ "minLength": 1 }, { "maxLength": 9 }] });
        assert_eq!(check(&json!({ "allOf": vec![either.clone(); 30] })), Err(too_large()));
        check(&json!({ "allOf": vec![either; 5] })).unwrap();
    }

    #[test]
    fn what_stands_beside_a_reference_counts_in_later_drafts_only() {
        let schema = |version: &str| {
            let part = json!({ "$ref": "#/definitions/a", "minLength": 3 });
            json!({ "$schema": version, "definitions": { "a": {} }, "items": [part], "enum": [part] })
        };
        let old = schema("http://json-schema.org/draft-07/schema#");
        let read_items = |schema: &Value| read(&schema.to_string(), Spacing::Usual).unwrap();
        assert_eq!(read_items(&old)["items"], json!([{ "$ref": "#/definitions/a" }]));
        assert_eq!(read_items(&old)["enum"], old["enum"]);
        let new = schema("https://json-schema.org/draft/2020-12/schema");
        assert_eq!(read_items(&new)["items"], new["items"]);
    }

    #[test]
    fn schemas_that_are_too_deep_are_refused_even_by_way_of_references() {
        let chain = |levels: usize| {
            let definitions: serde_json::Map<String, Value> = (0..levels)
                .map(|level| (level.to_string(), json!({ "$ref": format!("#/$defs/{}", level + 1) })))
                .chain([(levels.to_string(), json!({ "type": "null" }))])
                .collect();
            json!({ "$defs": definitions, "$ref": "#/$defs/0" })
        };
        check(&chain(150)).unwrap();
        assert_eq!(check(&chain(2000)), Err(too_deep()));
        // A schema within itself is no deeper than it is written.
        check(&json!({ "properties": { "child": { "$ref": "#" } } })).unwrap();
    }
}
