//! Filters that make text, paid for.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::budget::{Text, VISIT, charge, weigh};
use super::literals::Literals;

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// Number of characters or items.
pub(super) fn length(value: Value) -> Result<usize, Error> {
    match value.as_str() {
        Some(text) => {
            weigh(&value)?;
            Ok(text.chars().count())
        }
        None => value.len().ok_or_else(|| invalid(format!("a {} has no length", value.kind()))),
    }
}

/// Items, or what `attribute` (`a.b`) of them is, as they are printed, with `separator` between.
pub(super) fn join(
    literals: Literals,
    value: &Value,
    separator: Option<&Value>,
    attribute: Option<&str>,
) -> Result<String, Error> {
    let separator = separator.map(|separator| literals.print(separator)).transpose()?.unwrap_or_default();
    let mut refused = None;
    let joined = Text::written(|text| {
        let mut write = || -> Result<(), Error> {
            for (index, item) in value.try_iter()?.checked().enumerate() {
                let mut item = item?;
                for name in attribute.iter().flat_map(|path| path.split('.')) {
                    item = item.get_attr(name)?;
                }
                if index > 0 {
                    text.write_str(&separator)?;
                }
                text.write_str(&literals.print(&item)?)?;
            }
            Ok(())
        };
        write().map_err(|error| {
            refused = Some(error);
            std::fmt::Error
        })
    });
    match (joined, refused) {
        (Err(error), Some(refused)) if refused.kind() == ErrorKind::WriteFailure => Err(error),
        (_, Some(refused)) => Err(refused),
        (joined, None) => joined,
    }
}

/// `text` with `old` replaced by `new`, `count` times from the left or everywhere.
pub(super) fn replace(text: &str, old: &str, new: &str, count: Option<i64>) -> Result<String, Error> {
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    charge(text.len())?;
    let times = text.matches(old).take(count).count();
    charge(times.saturating_mul(new.len()))?;
    Ok(text.replacen(old, new, count))
}

/// `text` with its lines indented: Jinja's `indent(width=4, first=False, blank=False)`.
pub(super) fn indent(text: &str, arguments: &[Value]) -> Result<String, Error> {
    const WIDEST: usize = 1000;
    let (width, first, blank, options): (Option<Value>, Option<bool>, Option<bool>, Kwargs) =
        minijinja::value::from_args(arguments)?;
    let width = width.or(options.get::<Option<Value>>("width")?);
    let first = first.or(options.get::<Option<bool>>("first")?).unwrap_or(false);
    let blank = blank.or(options.get::<Option<bool>>("blank")?).unwrap_or(false);
    options.assert_all_used()?;
    let indent = match &width {
        None => "    ".to_owned(),
        Some(width) => match (width.as_str(), width.as_usize()) {
            (Some(text), _) if text.len() <= WIDEST => text.to_owned(),
            (_, Some(width)) if width <= WIDEST => " ".repeat(width),
            _ => return Err(invalid(format!("indent: the width is no number up to {WIDEST}"))),
        },
    };
    Text::written(|out| {
        // A text that ends in a new line has an empty line behind it.
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                out.write_char('\n')?;
            }
            if if index == 0 { first } else { blank || !line.is_empty() } {
                out.write_str(&indent)?;
            }
            out.write_str(line)?;
        }
        Ok(())
    })
}

/// Refuses a format with a width or precision that no chat needs: `%9999999d` is as many bytes.
pub(super) fn check_widths(format: &str) -> Result<(), Error> {
    const DIGITS: usize = 4;
    let mut digits = 0;
    for byte in format.bytes() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > DIGITS {
            return Err(invalid(format!("a number of more than {DIGITS} digits in a format")));
        }
    }
    Ok(())
}

/// Pieces of a text, each a value of its own.
pub(super) fn pieces<'a>(pieces: impl Iterator<Item = &'a str>) -> Result<Value, Error> {
    let mut values = Vec::new();
    for piece in pieces {
        // A value takes several times the bytes of a short piece.
        charge(VISIT + piece.len())?;
        values.push(Value::from(piece));
    }
    Ok(Value::from(values))
}

/// Whether a value is nothing: an argument that was left out, or None.
pub(super) fn is_absent(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::None | ValueKind::Undefined)
}
