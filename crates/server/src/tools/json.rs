//! A JSON value, checked a character at a time, so that a call's arguments can stream while they are written.

/// What a character was to the one who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A part: more must come.
    More,
    /// The last part.
    Done,
    /// Not a part: what is read ended before it.
    Before,
    /// Nothing that may stand here.
    Malformed,
}

/// How deep values may nest: as deep as serde_json reads by default.
const MAX_DEPTH: usize = 127;

/// Reads one value (RFC 8259), beginning with its first character, and passes it on. What models get wrong and what
/// has one meaning only is mended: control characters in a string are escaped, half a surrogate pair becomes U+FFFD.
#[derive(Clone, Debug)]
pub(super) struct JsonValue {
    /// The containers that are open: whether each is an object.
    objects: Vec<bool>,
    state: State,
    /// The first half of a surrogate pair, not passed on yet.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    /// Behind a value in a container.
    After,
    Text {
        key: bool,
        escape: Escape,
    },
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Word(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Backslash,
    Hex { digits: u8, unit: u16 },
}

/// What a number ended with so far.
#[derive(Clone, Copy, Debug)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl JsonValue {
    pub(super) fn new() -> JsonValue {
        JsonValue { objects: Vec::new(), state: State::Value, high: None }
    }

    /// Reads `c`, and passes on to `out` what is certain.
    pub(super) fn feed(&mut self, c: char, out: &mut String) -> Step {
        match self.state {
            State::Text { key, escape } => self.text(c, key, escape, out),
            State::Number(number) => match number.then(c) {
                Some(number) => {
                    out.push(c);
                    self.state = State::Number(number);
                    Step::More
                }
                None if !number.may_end() => Step::Malformed,
                None if self.objects.is_empty() => Step::Before,
                None => {
                    self.state = State::After;
                    self.structure(c, out)
                }
            },
            State::Word(rest) => match rest.strip_prefix(c) {
                Some(rest) => {
                    out.push(c);
                    if rest.is_empty() {
                        return self.end_of_value();
                    }
                    self.state = State::Word(rest);
                    Step::More
                }
                None => Step::Malformed,
            },
            _ => self.structure(c, out),
        }
    }

    fn structure(&mut self, c: char, out: &mut String) -> Step {
        out.push(c);
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            return Step::More;
        }
        let in_object = self.objects.last() == Some(&true);
        self.state = match (self.state, c) {
            (State::ValueOrClose, ']') => return self.close(),
            (State::KeyOrClose, '}') => return self.close(),
            (State::KeyOrClose | State::Key, '"') => State::Text { key: true, escape: Escape::None },
            (State::Colon, ':') => State::Value,
            (State::After, ',') if in_object => State::Key,
            (State::After, ',') => State::Value,
            (State::After, '}') if in_object => return self.close(),
            (State::After, ']') if !in_object => return self.close(),
            (State::Value | State::ValueOrClose, '{' | '[') => {
                if self.objects.len() == MAX_DEPTH {
                    return Step::Malformed;
                }
                self.objects.push(c == '{');
                if c == '{' { State::KeyOrClose } else { State::ValueOrClose }
            }
            (State::Value | State::ValueOrClose, '"') => State::Text { key: false, escape: Escape::None },
            (State::Value | State::ValueOrClose, '-') => State::Number(Number::Minus),
            (State::Value | State::ValueOrClose, '0') => State::Number(Number::Zero),
            (State::Value | State::ValueOrClose, '1'..='9') => State::Number(Number::Integer),
            (State::Value | State::ValueOrClose, 't') => State::Word("rue"),
            (State::Value | State::ValueOrClose, 'f') => State::Word("alse"),
            (State::Value | State::ValueOrClose, 'n') => State::Word("ull"),
            _ => return Step::Malformed,
        };
        Step::More
    }

    fn close(&mut self) -> Step {
        self.objects.pop();
        self.end_of_value()
    }

    fn end_of_value(&mut self) -> Step {
        self.state = State::After;
        if self.objects.is_empty() { Step::Done } else { Step::More }
    }

    fn text(&mut self, c: char, key: bool, escape: Escape, out: &mut String) -> Step {
        let escape = match escape {
            Escape::None => {
                if c == '\\' {
                    self.state = State::Text { key, escape: Escape::Backslash };
                    return Step::More;
                }
                self.lone_surrogate(out);
                if c == '"' {
                    out.push(c);
                    if key {
                        self.state = State::Colon;
                        return Step::More;
                    }
                    return self.end_of_value();
                }
                push_escaped_control(c, out);
                Escape::None
            }
            Escape::Backslash if c == 'u' => Escape::Hex { digits: 0, unit: 0 },
            Escape::Backslash => {
                if !matches!(c, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') {
                    return Step::Malformed;
                }
                self.lone_surrogate(out);
                out.push('\\');
                out.push(c);
                Escape::None
            }
            Escape::Hex { digits, unit } => {
                let Some(digit) = c.to_digit(16) else { return Step::Malformed };
                let unit = unit << 4 | digit as u16;
                if digits < 3 {
                    Escape::Hex { digits: digits + 1, unit }
                } else {
                    self.unit(unit, out);
                    Escape::None
                }
            }
        };
        self.state = State::Text { key, escape };
        Step::More
    }

    /// Passes on an escaped UTF-16 unit, with the one before it where they are a pair.
    fn unit(&mut self, unit: u16, out: &mut String) {
        match (self.high.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => out.push_str(&format!("\\u{high:04x}\\u{unit:04x}")),
            (before, _) => {
                self.high = before;
                self.lone_surrogate(out);
                match unit {
                    0xD800..=0xDBFF => self.high = Some(unit),
                    0xDC00..=0xDFFF => out.push(char::REPLACEMENT_CHARACTER),
                    _ => out.push_str(&format!("\\u{unit:04x}")),
                }
            }
        }
    }

    fn lone_surrogate(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

impl Number {
    fn then(self, c: char) -> Option<Number> {
        match (self, c) {
            (Number::Minus, '0') => Some(Number::Zero),
            (Number::Minus, '1'..='9') | (Number::Integer, '0'..='9') => Some(Number::Integer),
            (Number::Zero | Number::Integer, '.') => Some(Number::Point),
            (Number::Point | Number::Fraction, '0'..='9') => Some(Number::Fraction),
            (Number::Zero | Number::Integer | Number::Fraction, 'e' | 'E') => Some(Number::E),
            (Number::E, '+' | '-') => Some(Number::Sign),
            (Number::E | Number::Sign | Number::Exponent, '0'..='9') => Some(Number::Exponent),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Number::Zero | Number::Integer | Number::Fraction | Number::Exponent)
    }
}

/// Adds a character of a string's text, none of `"` and `\`, as JSON has it between quotes.
pub(super) fn push_escaped_control(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed on of `text`, and what its last character was.
    fn read(text: &str) -> (String, Step) {
        let (mut value, mut out) = (JsonValue::new(), String::new());
        let mut last = Step::More;
        for (at, c) in text.char_indices() {
            last = value.feed(c, &mut out);
            assert!(last == Step::More || at + c.len_utf8() == text.len(), "{text} ended early: {last:?}");
        }
        (out, last)
    }

    #[test]
    fn valid_values_pass_unchanged() {
        for text in [
            r#"{}"#,
            r#"[]"#,
            r#"{"a": {"b": [1, -2.5e-3, 0, 0.1E+7, true, false, null, "x"]}, "c": []}"#,
            r#""a\"b\\c\/\b\f\n\r\té\ud83d\ude00 é 😀""#,
            "[1 ,\n\t[ ] , { \"\" : 1 } ]",
        ] {
            assert_eq!(read(text), (text.to_owned(), Step::Done));
        }
        assert_eq!(read("12,"), ("12".to_owned(), Step::Before));
    }

    #[test]
    fn what_has_one_meaning_only_is_mended() {
        assert_eq!(read("\"a\nb\tc\u{1}\"").0, r#""a\nb\tc\u0001""#);
        assert_eq!(
            read(r#""\ud83d x \ude00 \ud83d\u0041\ud83d""#).0,
            "\"\u{FFFD} x \u{FFFD} \u{FFFD}\\u0041\u{FFFD}\""
        );
    }

    #[test]
    fn invalid_values_are_told_at_the_character() {
        for text in [
            "{,",
            "{1",
            "{\"a\",",
            "{\"a\":}",
            "{\"a\":1,}",
            "[,",
            "[1,]",
            "[1}",
            "{\"a\":1]",
            "[01",
            "-a",
            "1.e",
            "1e,",
            "\"\\x",
            "\"\\u00g",
            "tru,",
            "nul1",
            "+",
            ".",
            "'",
        ] {
            assert_eq!(read(text).1, Step::Malformed, "{text}");
        }
        assert_eq!(read(&"[".repeat(128)).1, Step::Malformed);
    }
}
