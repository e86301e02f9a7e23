//! Filters that order and convert as Python does.

use std::cmp::Ordering;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::budget::{VISIT, charge};

/// Jinja's `sort(reverse=False, case_sensitive=False, attribute=None)`; `attribute` is `a.b`, or several with commas.
pub(super) fn sort(value: &Value, options: &Kwargs) -> Result<Value, Error> {
    let reverse = options.get::<Option<bool>>("reverse")?.unwrap_or(false);
    let case_sensitive = options.get::<Option<bool>>("case_sensitive")?.unwrap_or(false);
    let attribute = options.get::<Option<String>>("attribute")?;
    options.assert_all_used()?;

    let mut keyed = Vec::new();
    for item in value.try_iter()?.checked() {
        let item = item?;
        charge(VISIT)?;
        let mut keys = Vec::new();
        match &attribute {
            None => keys.push(key(&item, case_sensitive)),
            Some(paths) => {
                for path in paths.split(',') {
                    let part = path.trim().split('.').try_fold(item.clone(), |item, name| item.get_attr(name))?;
                    keys.push(key(&part, case_sensitive));
                }
            }
        }
        keyed.push((keys, item));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let order = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
        // As Python's `reverse`: equal ones keep their order.
        if reverse { order.reverse() } else { order }
    });
    Ok(Value::from(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

/// What a value is ordered by.
fn key(value: &Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value.clone(),
    }
}

/// Booleans are the numbers 0 and 1, as in Python.
fn compare(a: &Value, b: &Value) -> Ordering {
    let number = |value: &Value| match value.kind() {
        ValueKind::Bool => Value::from(u8::from(value.is_true())),
        _ => value.clone(),
    };
    number(a).cmp(&number(b))
}

/// A whole number, or `None` for what is none.
pub(super) fn int(value: &Value, base: u32) -> Option<Value> {
    match value.kind() {
        ValueKind::Bool => Some(Value::from(u8::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value.clone()),
        ValueKind::Number => whole(f64::try_from(value.clone()).ok()?),
        ValueKind::String if (2..=36).contains(&base) => {
            let text = value.as_str()?.trim().replace('_', "");
            match i64::from_str_radix(&text, base) {
                Ok(number) => Some(Value::from(number)),
                Err(_) => whole(text.parse().ok()?),
            }
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<Value> {
    const LARGEST: f64 = 9e18;
    (number.abs() < LARGEST).then(|| Value::from(number.trunc() as i64))
}

/// A number with a fraction, or `None` for what is none.
pub(super) fn float(value: &Value) -> Option<Value> {
    match value.kind() {
        ValueKind::Bool => Some(Value::from(f64::from(u8::from(value.is_true())))),
        ValueKind::Number => f64::try_from(value.clone()).ok().map(Value::from),
        ValueKind::String => value.as_str()?.trim().replace('_', "").parse::<f64>().ok().map(Value::from),
        _ => None,
    }
}
