//! How much a rendering may cost.
//!
//! minijinja's fuel bounds the instructions of a template, not what one of them may cost: `x ~ x` in a loop of forty turns
//! fills any memory, and comparing lists that hold each other's parts takes any time. So everything that makes, copies or
//! walks through values pays for it here first, and no value can be nested so deeply that walking or dropping it overflows
//! the stack. See [`super::program`] for how templates are made to pay.

use std::cell::Cell;
use std::fmt::{self, Write};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

thread_local! {
    /// What is left of the rendering on this thread; a unit is a byte made, or the time that takes.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Units that any rendering may use.
const BASE: u64 = 32 << 20;
/// Further units for each byte of the conversation: templates that build their text bit by bit copy it over and over.
const PER_INPUT_BYTE: u64 = 1024;
/// Visiting a value takes the time of copying so many bytes.
pub(super) const VISIT: usize = 16;
/// serde_json reads no deeper; conversations have a handful.
const MAX_DEPTH: usize = 128;
/// Comparing and searching strings goes so many bytes at a unit.
const BYTES_SEARCHED_PER_UNIT: usize = 8;

/// Runs `render` with a budget for a conversation of `input_bytes`.
pub(super) fn with_budget<R>(input_bytes: usize, render: impl FnOnce() -> R) -> R {
    LEFT.set(BASE + PER_INPUT_BYTE * input_bytes as u64);
    let result = render();
    LEFT.set(0);
    result
}

/// Pays for making or visiting `units`.
pub(super) fn charge(units: usize) -> Result<(), Error> {
    let left = LEFT.get();
    match left.checked_sub(units as u64) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            Err(Error::new(ErrorKind::OutOfFuel, "takes more time or memory than a chat template may"))
        }
    }
}

/// Pays for walking through `value` once.
pub(super) fn weigh(value: &Value) -> Result<(), Error> {
    weigh_at(value, 0)
}

fn weigh_at(value: &Value, depth: usize) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        return charge(VISIT + text.len() / BYTES_SEARCHED_PER_UNIT);
    }
    charge(VISIT)?;
    let Some(object) = value.as_object() else { return Ok(()) };
    if depth == MAX_DEPTH {
        return Err(Error::new(ErrorKind::InvalidOperation, "values are nested too deeply"));
    }
    if is_namespace(value) && depth > 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "a namespace cannot be put into another value"));
    }
    match value.kind() {
        ValueKind::Map if !is_namespace(value) => {
            for (key, value) in object.try_iter_pairs().into_iter().flatten() {
                weigh_at(&key, depth + 1)?;
                weigh_at(&value, depth + 1)?;
            }
        }
        ValueKind::Seq => {
            for item in object.try_iter().into_iter().flatten() {
                weigh_at(&item, depth + 1)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// A value that an expression made, paid for. What is iterated lazily becomes a list, so that laziness cannot pile up.
pub(super) fn admit(value: Value) -> Result<Value, Error> {
    let value = match value.kind() {
        ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()?.checked() {
                charge(VISIT)?;
                items.push(item?);
            }
            Value::from(items)
        }
        _ => value,
    };
    match value.as_str() {
        Some(text) => charge(text.len())?,
        None => weigh(&value)?,
    }
    Ok(value)
}

/// A namespace can be changed after it was weighed, so nothing else may hold one.
pub(super) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

/// A string that pays for every byte.
#[derive(Default)]
pub(super) struct Text {
    text: String,
    refused: Option<Error>,
}

impl Text {
    /// What `write` writes.
    pub(super) fn written(write: impl FnOnce(&mut Text) -> fmt::Result) -> Result<String, Error> {
        let mut text = Text::default();
        match (write(&mut text), text.refused) {
            (_, Some(refused)) => Err(refused),
            (Err(_), None) => Err(Error::new(ErrorKind::BadSerialization, "cannot be written as text")),
            (Ok(()), None) => Ok(text.text),
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Err(refused) = charge(text.len()) {
            self.refused = Some(refused);
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}
