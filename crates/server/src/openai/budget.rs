//! `whit`: what a request may cost. An extension of OpenAI's requests.

use utoipa::ToSchema;

use super::{ApiError, Fields};

/// What a request may cost; its answer ends where that is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, ToSchema)]
pub struct Budget {
    /// Joules.
    #[schema(exclusive_minimum = 0)]
    pub max_joules: Option<f64>,
    /// Dollars.
    #[schema(exclusive_minimum = 0)]
    pub max_dollars: Option<f64>,
    /// Bytes of KV cache.
    #[schema(minimum = 1)]
    pub max_bytes: Option<u64>,
}

impl Budget {
    /// Takes it.
    ///
    /// # Errors
    /// The first limit that is none.
    pub(super) fn read(fields: &mut Fields) -> Result<Option<Budget>, ApiError> {
        let Some(mut fields) = fields.object("whit")? else { return Ok(None) };
        let mut amount = |name: &str| match fields.value(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(amount) if amount > 0.0 => Ok(Some(amount)),
                _ => Err(fields.wrong(name, &value, "a number above 0")),
            },
        };
        let (max_joules, max_dollars) = (amount("max_joules")?, amount("max_dollars")?);
        let max_bytes = fields.count("max_bytes", 1..=usize::MAX)?.map(|bytes| bytes as u64);
        fields.finish()?;
        Ok(Some(Budget { max_joules, max_dollars, max_bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Budget>, ApiError> {
        Budget::read(&mut Fields::parse(format!("{{\"whit\": {text}}}").as_bytes()).unwrap())
    }

    #[test]
    fn limits_are_read_and_what_is_none_is_named() {
        assert_eq!(read("null"), Ok(None));
        let budget = Budget { max_joules: Some(1.5), max_bytes: Some(1 << 20), ..Budget::default() };
        assert_eq!(read(r#"{"max_joules": 1.5, "max_bytes": 1048576}"#), Ok(Some(budget)));
        for (text, param) in [
            ("3", "whit"),
            (r#"{"max_joules": 0}"#, "whit.max_joules"),
            (r#"{"max_dollars": "1"}"#, "whit.max_dollars"),
            (r#"{"max_bytes": -1}"#, "whit.max_bytes"),
            (r#"{"max_watts": 5}"#, "whit.max_watts"),
        ] {
            assert_eq!(read(text).unwrap_err().into_body().error.param.as_deref(), Some(param), "{text}");
        }
    }
}
