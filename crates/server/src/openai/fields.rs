//! The fields of a JSON object, taken by name.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::ApiError;
use super::error::quoted;

/// Fields that a message names.
const MOST_NAMED: usize = 10;

/// A JSON object in the reading: every field is taken once, and [`Fields::finish`] refuses what is left.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    /// Where the object stands in the request: `messages[0]`; empty for the request itself.
    at: String,
}

impl Fields {
    /// Reads a request body.
    ///
    /// # Errors
    /// If it is not JSON (numbers beyond a double, NaN and more than 128 levels are not), or not an object.
    pub fn parse(body: &[u8]) -> Result<Fields, ApiError> {
        match serde_json::from_slice(body) {
            Ok(value) => Fields::of(value, String::new()),
            Err(error) => {
                Err(ApiError::invalid(format!("the body cannot be read as JSON: {error}")).code("invalid_json"))
            }
        }
    }

    /// The fields of `value`, which stands at `at`.
    ///
    /// # Errors
    /// If it is not an object.
    pub fn of(value: Value, at: String) -> Result<Fields, ApiError> {
        match value {
            Value::Object(map) => Ok(Fields { map, at }),
            other => {
                let what = if at.is_empty() { "the body" } else { &at };
                let error = ApiError::invalid(format!("{what} is {}: use an object", describe(&other)));
                Err(if at.is_empty() { error } else { error.param(at) })
            }
        }
    }

    /// The full name of a field of this object.
    pub fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// Looks at a string without taking it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.map.get(name).and_then(Value::as_str)
    }

    /// Takes a field as it is.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        // Order does not matter for what is left over, so the cheap removal will do.
        self.map.swap_remove(name).filter(|value| !value.is_null())
    }

    /// Takes a string.
    ///
    /// # Errors
    /// If it is something else.
    pub fn string(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, &other, "a string")),
        }
    }

    /// Takes true or false.
    ///
    /// # Errors
    /// If it is something else.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.wrong(name, &other, "true or false")),
        }
    }

    /// Takes a number in `range`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if range.contains(&number) => Ok(Some(number as f32)),
            _ => Err(self.wrong(name, &value, &format!("a number from {} to {}", range.start(), range.end()))),
        }
    }

    /// Takes a whole number in `range`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match integer(&value) {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ if *range.end() == i64::MAX => {
                Err(self.wrong(name, &value, &format!("a whole number from {}", range.start())))
            }
            _ => Err(self.wrong(name, &value, &format!("a whole number from {} to {}", range.start(), range.end()))),
        }
    }

    /// As [`Fields::integer`], for counts.
    ///
    /// # Errors
    /// If it is something else.
    pub fn count(&mut self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, ApiError> {
        let limit = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let number = self.integer(name, limit(*range.start())..=limit(*range.end()))?;
        Ok(number.and_then(|number| usize::try_from(number).ok()))
    }

    /// Takes an object.
    ///
    /// # Errors
    /// If it is something else.
    pub fn object(&mut self, name: &str) -> Result<Option<Fields>, ApiError> {
        let at = self.path(name);
        self.value(name).map(|value| Fields::of(value, at)).transpose()
    }

    /// Takes a list.
    ///
    /// # Errors
    /// If it is something else.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong(name, &other, "a list")),
        }
    }

    /// Takes a field that whit does not support, but some values of which ask for nothing: `store: false`. `why` is a sentence's
    /// end.
    ///
    /// # Errors
    /// If it asks for something.
    pub fn accept_only(
        &mut self,
        name: &str,
        asks_nothing: impl Fn(&Value) -> bool,
        why: &str,
    ) -> Result<(), ApiError> {
        match self.value(name) {
            Some(value) if !asks_nothing(&value) => Err(ApiError::unsupported(&self.path(name), why)),
            _ => Ok(()),
        }
    }

    /// The error for a field that must be there.
    pub fn missing(&self, name: &str, mend: &str) -> ApiError {
        let path = self.path(name);
        ApiError::invalid(format!("{path} is missing: {mend}")).param(path).code("missing_required_parameter")
    }

    /// The error for a value that is not what it should be.
    pub fn wrong(&self, name: &str, value: &Value, wanted: &str) -> ApiError {
        let path = self.path(name);
        ApiError::invalid(format!("{path} is {}: use {wanted}", describe(value))).param(path).code("invalid_value")
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If there are fields nobody took; they are named, in alphabetical order.
    pub fn finish(self) -> Result<(), ApiError> {
        let left = self.map.iter().filter(|(_, value)| !value.is_null());
        let mut paths: Vec<String> = left.map(|(name, _)| self.path(name).chars().take(120).collect()).collect();
        paths.sort_unstable();
        let Some(first) = paths.first() else { return Ok(()) };
        let named: Vec<String> = paths.iter().take(MOST_NAMED).map(|path| quoted(path)).collect();
        let named = named.join(", ");
        let message = match paths.len() {
            1 => format!("the field {named} is not supported: leave it out"),
            2..=MOST_NAMED => format!("the fields {named} are not supported: leave them out"),
            all => format!("the fields {named} and {} more are not supported: leave them out", all - MOST_NAMED),
        };
        Err(ApiError::invalid(message).param(first).code("unsupported_parameter"))
    }
}

/// A whole number, also if it is written `1.0` or `1e3`.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // Beyond 2^53 a double does not say which whole number was meant.
        (number.trunc() == number && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    })
}

/// A value, fit for a message.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_nobody_took_is_refused_by_name_and_null_is_absent() {
        let mut some = fields(r#"{"a": "x", "b": null, "c": 1}"#);
        assert_eq!(some.string("a").unwrap().as_deref(), Some("x"));
        let error = some.finish().unwrap_err();
        assert!(error.message().contains("\"c\""), "{error:?}");
        let several = fields(r#"{"zeta": 1, "beta": 2, "nothing": null, "alpha": {}}"#).finish().unwrap_err();
        assert_eq!(several.message(), "the fields \"alpha\", \"beta\", \"zeta\" are not supported: leave them out");
        assert_eq!(several.into_body().error.param.as_deref(), Some("alpha"));
        let many: Map<String, Value> = (0..1000).map(|at| (format!("f{at}"), Value::from(at))).collect();
        let many = Fields::of(many.into(), "tools[0]".into()).unwrap().finish().unwrap_err();
        assert!(many.message().contains("\"tools[0].f0\", ") && many.message().contains(" and 990 more"), "{many:?}");
        let mut nulls = fields(r#"{"a": null, "b": null}"#);
        assert_eq!(nulls.string("a"), Ok(None));
        assert_eq!(nulls.finish(), Ok(()));
    }

    #[test]
    fn numbers_outside_their_range_and_other_types_get_a_sentence() {
        for (text, sentence) in [
            (r#"{"t": 3}"#, "t is 3: use a number from 0 to 2"),
            (r#"{"t": "hot"}"#, "t is \"hot\": use a number from 0 to 2"),
            (r#"{"t": [1]}"#, "t is a list: use a number from 0 to 2"),
        ] {
            assert_eq!(fields(text).number("t", 0.0..=2.0).unwrap_err().message(), sentence);
        }
        assert_eq!(fields(r#"{"n": 2.0}"#).integer("n", 1..=8), Ok(Some(2)));
        assert!(fields(r#"{"n": 1.5}"#).integer("n", 1..=8).is_err());
        assert!(fields(r#"{"n": 1e300}"#).integer("n", 1..=8).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [&b"{\"t\": NaN}"[..], b"{\"t\": 1e999}", b"{\"t\": \"\xff\"}", b"", b"[1]", b"{", deep.as_bytes()]
        {
            assert_eq!(Fields::parse(body).unwrap_err().status(), 400);
        }
    }
}
