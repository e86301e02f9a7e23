//! Python's methods of strings, lists and dictionaries: minijinja-contrib's, those that it lacks, and those that could
//! make text without limit.

use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::budget::{charge, weigh};
use super::literals::Literals;
use super::text;

/// Calls a method that `value` itself does not have.
pub(super) fn call(
    literals: Literals,
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    // A look-up costs the same whatever else is in the dictionary.
    let looks_up = value.kind() == ValueKind::Map && method == "get";
    if !looks_up {
        weigh(value)?;
    }
    arguments.iter().try_for_each(weigh)?;
    let found = match value.as_str() {
        Some(text) => of_string(literals, text, method, arguments)?,
        None => of_container(value, method, arguments)?,
    };
    match found {
        Some(result) => Ok(result),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

fn of_string(literals: Literals, text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "replace" => {
            let (old, new, count, options): (&str, &str, Option<i64>, Kwargs) = from_args(arguments)?;
            let count = count.or(options.get::<Option<i64>>("count")?);
            options.assert_all_used()?;
            Value::from(text::replace(text, old, new, count)?)
        }
        "join" => {
            let (items,): (&Value,) = from_args(arguments)?;
            Value::from(text::join(literals, items, Some(&Value::from(text)), None)?)
        }
        "split" | "rsplit" => {
            let (separator, most, options): (Option<Value>, Option<i64>, Kwargs) = from_args(arguments)?;
            let separator = separator.or(options.get::<Option<Value>>("sep")?).filter(|s| !text::is_absent(s));
            let most = most.or(options.get::<Option<i64>>("maxsplit")?).unwrap_or(-1);
            options.assert_all_used()?;
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            split(text, separator.as_ref(), most, method == "rsplit")?
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(arguments)?;
            charge(text.len())?;
            let found = if method == "partition" { text.split_once(separator) } else { text.rsplit_once(separator) };
            let parts = match found {
                Some((before, after)) => [before, separator, after],
                None if method == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "format" => {
            text::check_widths(text)?;
            return Ok(None);
        }
        _ => return Ok(None),
    }))
}

/// Python's `split`: at white space without a separator, at most so many times, from the left or the right.
fn split(text: &str, separator: Option<&Value>, most: usize, from_right: bool) -> Result<Value, Error> {
    let Some(separator) = separator else { return split_white_space(text, most, from_right) };
    let separator = separator
        .as_str()
        .filter(|separator| !separator.is_empty())
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "split: the separator is no string, or empty"))?;
    if from_right && most < usize::MAX {
        let mut parts: Vec<&str> = text.rsplitn(most + 1, separator).collect();
        parts.reverse();
        return text::pieces(parts.into_iter());
    }
    text::pieces(text.splitn(most.saturating_add(1), separator))
}

fn split_white_space(text: &str, most: usize, from_right: bool) -> Result<Value, Error> {
    let mut parts = Vec::new();
    let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() {
        let end = match parts.len() < most {
            false => None,
            true if from_right => rest.rfind(char::is_whitespace),
            true => rest.find(char::is_whitespace),
        };
        let (part, others) = match end {
            None => (rest, ""),
            // A white-space character is as long as it is.
            Some(end) if from_right => {
                let after = end + rest[end..].chars().next().map_or(1, char::len_utf8);
                (&rest[after..], rest[..end].trim_end())
            }
            Some(end) => (&rest[..end], rest[end..].trim_start()),
        };
        parts.push(part);
        rest = others;
    }
    if from_right {
        parts.reverse();
    }
    text::pieces(parts.into_iter())
}

fn of_container(value: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match (value.kind(), method) {
        (ValueKind::Seq, "index") => {
            let (item,): (&Value,) = from_args(arguments)?;
            let index = value.try_iter()?.position(|other| other == *item);
            let index = index.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "index: there is no such item"))?;
            Value::from(index)
        }
        (ValueKind::Seq | ValueKind::Map, "copy") => {
            let () = from_args(arguments)?;
            value.clone()
        }
        _ => return Ok(None),
    }))
}
