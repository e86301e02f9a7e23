//! Values as text: as `{{ value }}` prints them, and as JSON.

use std::fmt::{self, Write};

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::budget::{self, Text};

/// How values that are not strings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Literals {
    /// `True`, `None`, `['a']`: as Python does it, and so as models saw it in training.
    #[default]
    Python,
    /// `true`, `null`, `["a"]`, and numbers may be added to strings: as huggingface.js does it.
    Json,
}

impl Literals {
    /// `value` as it is printed. Undefined values are nothing.
    pub(super) fn print(self, value: &Value) -> Result<String, Error> {
        budget::weigh(value)?;
        Text::written(|text| match self {
            _ if value.is_undefined() => Ok(()),
            Literals::Python => write!(text, "{value}"),
            Literals::Json if value.kind() == ValueKind::Number || value.as_str().is_some() => write!(text, "{value}"),
            Literals::Json => {
                let style = Style { undefined: "undefined", ..Style::default() };
                style.write(value, 0, text)
            }
        })
    }
}

/// How JSON is laid out: `json.dumps` of Python.
struct Style {
    item_separator: String,
    key_separator: String,
    /// One level; `None` is everything in one line.
    indent: Option<String>,
    ensure_ascii: bool,
    sort_keys: bool,
    undefined: &'static str,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            item_separator: ", ".into(),
            key_separator: ": ".into(),
            indent: None,
            ensure_ascii: false,
            sort_keys: false,
            undefined: "null",
        }
    }
}

/// `value|tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, with transformers' defaults.
pub(super) fn tojson(value: &Value, indent: Option<Value>, options: &Kwargs) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get::<Option<Value>>("indent")?,
    };
    let mut style = Style {
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        ..Style::default()
    };
    if let Some(indent) = indent.filter(|indent| !indent.is_none() && !indent.is_undefined()) {
        const WIDEST: usize = 64;
        style.indent = Some(match indent.as_str() {
            Some(text) if text.len() <= WIDEST => text.to_owned(),
            None => " ".repeat(indent.as_i64().unwrap_or(0).clamp(0, WIDEST as i64) as usize),
            Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "tojson: the indent is too wide")),
        });
        style.item_separator = ",".into();
    }
    if let Some(separators) = options.get::<Option<Vec<String>>>("separators")? {
        let [item, key]: [String; 2] = separators
            .try_into()
            .map_err(|_| Error::new(ErrorKind::InvalidOperation, "tojson: separators are two strings"))?;
        (style.item_separator, style.key_separator) = (item, key);
    }
    options.assert_all_used()?;
    budget::weigh(value)?;
    Text::written(|text| style.write(value, 0, text))
}

impl Style {
    fn write(&self, value: &Value, level: usize, out: &mut Text) -> fmt::Result {
        match value.kind() {
            ValueKind::Undefined => out.write_str(self.undefined),
            ValueKind::None => out.write_str("null"),
            ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.write_number(value, out),
            ValueKind::String => self.write_string(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter().map_err(|_| fmt::Error)?;
                self.write_items(['[', ']'], items, level, out, |item, out| self.write(&item, level + 1, out))
            }
            ValueKind::Map => {
                let pairs = value.as_object().and_then(|object| object.try_iter_pairs()).ok_or(fmt::Error)?;
                let mut pairs: Vec<(Value, Value)> = pairs.collect();
                if self.sort_keys {
                    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.write_items(['{', '}'], pairs.into_iter(), level, out, |(key, value), out| {
                    match key.as_str() {
                        Some(key) => self.write_string(key, out)?,
                        // JSON knows only strings as keys; Python writes numbers and such as strings.
                        None => {
                            out.write_char('"')?;
                            self.write(&key, level, out)?;
                            out.write_char('"')?;
                        }
                    }
                    out.write_str(&self.key_separator)?;
                    self.write(&value, level + 1, out)
                })
            }
            _ => Err(fmt::Error),
        }
    }

    fn write_items<T>(
        &self,
        [open, close]: [char; 2],
        items: impl Iterator<Item = T>,
        level: usize,
        out: &mut Text,
        mut write: impl FnMut(T, &mut Text) -> fmt::Result,
    ) -> fmt::Result {
        out.write_char(open)?;
        let mut empty = true;
        for item in items {
            if !empty {
                out.write_str(&self.item_separator)?;
            }
            empty = false;
            self.new_line(level + 1, out)?;
            write(item, out)?;
        }
        if !empty {
            self.new_line(level, out)?;
        }
        out.write_char(close)
    }

    fn new_line(&self, level: usize, out: &mut Text) -> fmt::Result {
        let Some(indent) = &self.indent else { return Ok(()) };
        out.write_char('\n')?;
        (0..level).try_for_each(|_| out.write_str(indent))
    }

    fn write_number(&self, value: &Value, out: &mut Text) -> fmt::Result {
        if value.is_integer() {
            return write!(out, "{value}");
        }
        let number = f64::try_from(value.clone()).map_err(|_| fmt::Error)?;
        match number {
            n if n.is_nan() => out.write_str("NaN"),
            n if n.is_infinite() => out.write_str(if n > 0.0 { "Infinity" } else { "-Infinity" }),
            // Rust's `{:?}` is Python's `repr`, but for the exponent: 1e16 and 1e+16, 1e-7 and 1e-07.
            n => {
                let text = format!("{n:?}");
                match text.split_once('e') {
                    None => out.write_str(&text),
                    Some((digits, exponent)) => {
                        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
                        write!(out, "{digits}e{sign}{exponent:0>2}")
                    }
                }
            }
        }
    }

    fn write_string(&self, text: &str, out: &mut Text) -> fmt::Result {
        out.write_char('"')?;
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let escaped = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '\0'..='\x1f' => "",
                _ if self.ensure_ascii && !character.is_ascii() => "",
                _ => continue,
            };
            out.write_str(&text[plain..at])?;
            plain = at + character.len_utf8();
            match escaped {
                "" => character.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?,
                escaped => out.write_str(escaped)?,
            }
        }
        out.write_str(&text[plain..])?;
        out.write_char('"')
    }
}
