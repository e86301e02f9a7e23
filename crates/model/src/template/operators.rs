//! Jinja's operators on values, paid for.

use std::fmt::Write as _;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::budget::{Text, VISIT, charge, weigh};
use super::literals::Literals;

/// Whether a comparison holds.
pub(super) type Compare = fn(&Value, &Value) -> bool;

/// The operators that compare, by their symbol.
pub(super) const COMPARISONS: &[(&str, Compare)] = &[
    ("==", |a, b| a == b),
    ("!=", |a, b| a != b),
    ("<", |a, b| a < b),
    ("<=", |a, b| a <= b),
    (">", |a, b| a > b),
    (">=", |a, b| a >= b),
];

fn impossible(operator: &str, a: &Value, b: &Value) -> Error {
    let detail = format!("tried to use {operator} on {} and {}", a.kind(), b.kind());
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// Compares, which walks through no more than the smaller of the two.
pub(super) fn compare(a: &Value, b: &Value, compare: Compare) -> Result<bool, Error> {
    weigh(a)?;
    weigh(b)?;
    Ok(compare(a, b))
}

/// `a ~ b`: both as they are printed.
pub(super) fn concatenate(literals: Literals, a: &Value, b: &Value) -> Result<Value, Error> {
    join_strings(&literals.print(a)?, false, &literals.print(b)?, false)
}

/// Two strings as one. As with Python's `+`, what is added to a string that is `|safe` is escaped for HTML first: templates that
/// were written with a needless `|safe` made models see `&#34;`.
fn join_strings(a: &str, a_is_safe: bool, b: &str, b_is_safe: bool) -> Result<Value, Error> {
    let is_safe = a_is_safe || b_is_safe;
    let joined = Text::written(|text| {
        for (part, part_is_safe) in [(a, a_is_safe), (b, b_is_safe)] {
            if is_safe && !part_is_safe { write_escaped(part, text)? } else { text.write_str(part)? }
        }
        Ok(())
    })?;
    Ok(if is_safe { Value::from_safe_string(joined) } else { Value::from(joined) })
}

/// `text|escape`: safe for HTML, once.
pub(super) fn escape(literals: Literals, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let plain = literals.print(value)?;
    Text::written(|text| write_escaped(&plain, text)).map(Value::from_safe_string)
}

fn write_escaped(plain: &str, text: &mut Text) -> std::fmt::Result {
    plain.chars().try_for_each(|character| match character {
        '&' => text.write_str("&amp;"),
        '<' => text.write_str("&lt;"),
        '>' => text.write_str("&gt;"),
        '"' => text.write_str("&#34;"),
        '\'' => text.write_str("&#39;"),
        other => text.write_char(other),
    })
}

/// `a + b`: of numbers, strings, lists or tuples.
pub(super) fn add(literals: Literals, a: &Value, b: &Value) -> Result<Value, Error> {
    match (a.as_str(), b.as_str()) {
        (Some(text_a), Some(text_b)) => return join_strings(text_a, a.is_safe(), text_b, b.is_safe()),
        (None, None) => {}
        // JavaScript would make strings of numbers here.
        _ if literals == Literals::Json => return concatenate(literals, a, b),
        _ => return Err(impossible("+", a, b)),
    }
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple() {
        let mut items = Vec::new();
        for item in a.try_iter()?.checked().chain(b.try_iter()?.checked()) {
            charge(VISIT)?;
            items.push(item?);
        }
        return Ok(if a.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) });
    }
    arithmetic("+", a, b, i128::checked_add, |a, b| a + b)
}

/// `a * b`: of numbers, or a string or list so many times.
pub(super) fn multiply(a: &Value, b: &Value) -> Result<Value, Error> {
    let (repeated, times) = if b.is_integer() { (a, b) } else { (b, a) };
    // Like Python, no times where the number is negative.
    let times = || times.as_i64().map(|times| usize::try_from(times).unwrap_or(0));
    if let (Some(text), Some(times)) = (repeated.as_str(), times()) {
        charge(text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    if let (ValueKind::Seq, Some(times)) = (repeated.kind(), times()) {
        let once: Vec<Value> = repeated.try_iter()?.collect();
        let length = once.len().saturating_mul(times);
        charge(length.saturating_mul(VISIT))?;
        let items: Vec<Value> = once.into_iter().cycle().take(length).collect();
        return Ok(if repeated.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) });
    }
    arithmetic("*", a, b, i128::checked_mul, |a, b| a * b)
}

fn arithmetic(
    operator: &str,
    a: &Value,
    b: &Value,
    whole: fn(i128, i128) -> Option<i128>,
    float: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    let is_whole = |value: &Value| value.is_integer() || value.kind() == ValueKind::Bool;
    let is_number = |value: &Value| value.kind() == ValueKind::Number || value.kind() == ValueKind::Bool;
    if is_whole(a) && is_whole(b) {
        let number = |value: &Value| match value.kind() {
            ValueKind::Bool => Some(i128::from(value.is_true())),
            _ => i128::try_from(value.clone()).ok(),
        };
        let sum = number(a).zip(number(b)).and_then(|(a, b)| whole(a, b));
        let sum = sum.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{operator} overflows")))?;
        return Ok(i64::try_from(sum).map_or_else(|_| Value::from(sum), Value::from));
    }
    if is_number(a) && is_number(b) {
        let number = |value: &Value| match value.kind() {
            ValueKind::Bool => Ok(f64::from(u8::from(value.is_true()))),
            _ => f64::try_from(value.clone()),
        };
        return Ok(Value::from(float(number(a)?, number(b)?)));
    }
    Err(impossible(operator, a, b))
}

/// `value in container`.
pub(super) fn contains(literals: Literals, container: &Value, value: &Value) -> Result<bool, Error> {
    weigh(container)?;
    weigh(value)?;
    if let Some(text) = container.as_str() {
        return match value.as_str() {
            Some(part) => Ok(text.contains(part)),
            None if value.is_undefined() => Ok(false),
            None => Err(impossible("in", value, container)),
        };
    }
    // JavaScript takes no number for a boolean.
    let alike = |item: &Value| {
        let is_bool = |value: &Value| value.kind() == ValueKind::Bool;
        literals == Literals::Python || is_bool(item) == is_bool(value)
    };
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map => Ok(container.as_object().is_some_and(|map| map.get_value(value).is_some())),
        ValueKind::Seq | ValueKind::Iterable => Ok(container.try_iter()?.any(|item| item == *value && alike(&item))),
        _ => Err(impossible("in", value, container)),
    }
}
