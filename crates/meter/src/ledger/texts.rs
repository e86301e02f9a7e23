//! What is kept of prompts and answers: nothing unless the user asks for it.

use std::borrow::Cow;

use regex::{NoExpand, Regex};
use serde::Deserialize;

/// What stands where something was blotted out.
const REDACTED: &str = "[redacted]";

/// What is kept of prompts and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// Nothing.
    #[default]
    None,
    /// Hashes under a key that lies in the file: which of them were the same, for whoever has no guess at them.
    Hash,
    /// The texts, redacted.
    Full,
}

/// Patterns of what is blotted out.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    patterns: Vec<Regex>,
}

impl Redaction {
    /// Takes regular expressions (of the crate `regex`: no look-around, no backreferences, time in proportion to the text).
    ///
    /// # Errors
    /// A sentence with the first pattern that is none, or that matches the empty text.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Redaction, String> {
        let compiled = patterns.into_iter().map(|pattern| {
            let pattern = pattern.as_ref();
            let compiled = Regex::new(pattern).map_err(|error| {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("'{pattern}' is not a pattern to redact by: {why}")
            })?;
            match compiled.is_match("") {
                true => Err(format!("'{pattern}' matches the empty text too and would redact at every letter")),
                false => Ok(compiled),
            }
        });
        Ok(Redaction { patterns: compiled.collect::<Result<_, String>>()? })
    }

    /// `text` without what the patterns match.
    pub(super) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.patterns.iter().fold(Cow::Borrowed(text), |text, pattern| {
            match pattern.replace_all(&text, NoExpand(REDACTED)) {
                Cow::Borrowed(_) => text,
                Cow::Owned(redacted) => Cow::Owned(redacted),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_matches_is_blotted_out_and_the_rest_stays() {
        let redaction = Redaction::new([r"[\w.]+@[\w.]+", r"\b\d{4}( ?\d{4}){3}\b"]).unwrap();
        let text = "I am a.b@c.org, card 1234 5678 9012 3456, and 1234 sheep; $1 is no group.";
        let redacted = "I am [redacted], card [redacted], and 1234 sheep; $1 is no group.";
        assert_eq!(redaction.apply(text), redacted);
        assert!(matches!(redaction.apply("nothing of that"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for (pattern, words) in [
            ("(a", "'(a' is not a pattern to redact by: unclosed group"),
            (r"(?<=key )\w+", "look-around"),
            ("a*", "'a*' matches the empty text"),
            (r"\w{1000}{1000}", "size limit"),
        ] {
            let sentence = Redaction::new(["fine", pattern]).unwrap_err();
            assert!(sentence.contains(words) && !sentence.contains('\n'), "{sentence:?} has no {words:?}");
        }
    }
}
