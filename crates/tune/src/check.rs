//! What a brick gets right, through the engine that will run it.

use std::path::Path;

use serde_json::{Map, Value};
use whit_engine::brick::{Contract, Job, same};
use whit_engine::{Engine, EngineError, Event, FinishReason, Request, RequestId};

use crate::TuneError;

/// The quantile of the normal distribution that 95 % lie within on both sides.
const Z: f64 = 1.959_963_984_540_054;
/// Bins of equal width, as in Guo, Pleiss, Sun and Weinberger, 2017.
const BINS: usize = 15;
/// Requests given to the engine at once: what its largest step takes.
const AT_ONCE: usize = 64;

/// A line of a set: an input, and the one output that is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What is asked.
    pub input: String,
    /// What the answer is to be.
    pub output: Value,
}

/// What a brick made of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// `None` if it did not come to an end.
    pub output: Option<Value>,
    /// The probability that the brick itself gave it, if its contract has one.
    pub confidence: Option<f64>,
}

/// What is counted of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Whole outputs.
    ExactMatch,
    /// Values in the place of this name (`arguments.duration`), of the examples whose output has one there.
    Field(String),
}

impl Measure {
    /// As a card has it: `exact match`, `field arguments.duration`; `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Measure> {
        match text.strip_prefix("field ") {
            Some(place) => Some(Measure::Field(place.to_owned())),
            None => (text == "exact match").then_some(Measure::ExactMatch),
        }
    }

    /// Whether an answer is right in this; `None` if it does not count the example.
    pub fn judge(&self, answered: &Answered, example: &Example) -> Option<bool> {
        let output = answered.output.as_ref();
        match self {
            Measure::ExactMatch => Some(output.is_some_and(|output| same(output, &example.output))),
            Measure::Field(place) => {
                let expected = at(&example.output, place).filter(|expected| !expected.is_object())?;
                Some(output.and_then(|output| at(output, place)).is_some_and(|found| same(found, expected)))
            }
        }
    }
}

/// The value at a place: keys of objects within each other, with points between them.
fn at<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    place.split('.').try_fold(value, |value, key| value.as_object()?.get(key))
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many were right.
    pub right: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// 0 to 1.
    pub fn value(self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }

    /// Where the share lies that so many of so many were drawn from, with 95 % confidence (Wilson, 1927).
    pub fn interval(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z2) = (self.of as f64, self.value(), Z * Z);
        let middle = p + z2 / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let end = |value: f64| (value / (1.0 + z2 / n)).clamp(0.0, 1.0);
        // Exact where rounding would not be.
        let low = if self.right == 0 { 0.0 } else { end(middle - half) };
        let high = if self.right == self.of { 1.0 } else { end(middle + half) };
        (low, high)
    }
}

/// Reads a set: a JSON object on each line, with `input` (a text) and `output` (what `contract` has for outputs); other keys are for people.
/// `path` is for messages only.
///
/// # Errors
/// [`TuneError::Example`] for the first line that is none, or whose output no answer can be.
pub fn read_examples(path: &Path, text: &str, contract: &Contract) -> Result<Vec<Example>, TuneError> {
    let mut examples = vec![];
    for (index, line) in text.lines().enumerate() {
        let wrong = |problem: String| TuneError::Example { path: path.to_owned(), line: index + 1, problem };
        let mut line: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| wrong(format!("is no JSON object ({error}); write it as docs/bricks.md has it")))?;
        let Some(Value::String(input)) = line.remove("input") else {
            return Err(wrong("has no \"input\" that is a text; write it as docs/bricks.md has it".into()));
        };
        if input.is_empty() {
            return Err(wrong("its input is empty; take it out".into()));
        }
        let Some(output) = line.remove("output") else {
            return Err(wrong("has no \"output\"; write it as docs/bricks.md has it".into()));
        };
        if contract.text_of(&output).is_none() {
            return Err(wrong("its output is none that the brick's contract has; mend it".into()));
        }
        examples.push(Example { input, output });
    }
    if examples.is_empty() {
        let problem = "is missing: the set is empty; put examples into it".into();
        return Err(TuneError::Example { path: path.to_owned(), line: 1, problem });
    }
    Ok(examples)
}

/// Answers the inputs of all examples, as many at once as the engine has room for. `done` hears after each step how many are answered.
///
/// # Errors
/// If an input cannot be asked, or the model's numbers leave the range of floats.
pub fn answer_all(
    engine: &mut Engine,
    job: &Job,
    examples: &[Example],
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Answered>, TuneError> {
    answers_at(engine, job, examples, None, done)
}

/// The same with the confidence at another temperature than the card's.
pub(crate) fn answers_at(
    engine: &mut Engine,
    job: &Job,
    examples: &[Example],
    temperature: Option<f32>,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Answered>, TuneError> {
    let mut answers = vec![Answered { output: None, confidence: None }; examples.len()];
    // Those under way: whose, which example, and the text so far.
    let mut open: Vec<(RequestId, usize, String)> = vec![];
    let (mut next, mut answered) = (0, 0);
    while answered < examples.len() {
        while let Some(example) = examples.get(next).filter(|_| open.len() < AT_ONCE) {
            let request = job.request(&example.input)?;
            let request = Request { confidence: temperature.or(request.confidence), ..request };
            open.push((engine.submit(request)?, next, String::new()));
            next += 1;
        }
        let mut overflowed = false;
        engine.step(|event| match event {
            Event::Token { request, text, .. } => {
                if let Some((.., so_far)) = open.iter_mut().find(|(id, ..)| *id == request) {
                    so_far.push_str(text);
                }
            }
            Event::Finished { request, text, reason, confidence, .. } => {
                let Some(at) = open.iter().position(|(id, ..)| *id == request) else { return };
                let (_, example, mut whole) = open.swap_remove(at);
                whole.push_str(text);
                let output = (reason == FinishReason::Stop).then(|| job.contract().output_of(&whole)).flatten();
                overflowed |= reason == FinishReason::NotFinite;
                answers[example] = Answered { output, confidence };
                answered += 1;
            }
            Event::Embedding { .. } => {}
        })?;
        if overflowed {
            return Err(EngineError::NotFinite.into());
        }
        done(answered);
    }
    Ok(answers)
}

/// The expected calibration error: how far what was stated (`0..=1`) is from what came true, in the mean. The answers are put into fifteen
/// bins by what was stated; a bin counts as its answers. `None` without answers.
pub fn calibration_error(stated: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let mut bins = [(0.0, 0u64); BINS];
    let mut all = 0u64;
    for (confidence, is_right) in stated {
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        bins[bin].0 += f64::from(u8::from(is_right)) - confidence;
        bins[bin].1 += 1;
        all += 1;
    }
    (all > 0).then(|| bins.iter().map(|(difference, _)| difference.abs()).sum::<f64>() / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
        for (right, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (l, h) = Share { right, of }.interval();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{right} of {of}: {l} to {h}");
        }
        assert_eq!(Share { right: 7, of: 7 }.interval().1, 1.0);
        assert_eq!(Share { right: 0, of: 0 }.interval(), (0.0, 1.0));
    }

    #[test]
    fn a_field_counts_where_an_example_has_it() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let judge = |measure: &str, answer: &str, expected: &str| {
            let answered = Answered { output: serde_json::from_str(answer).ok(), confidence: None };
            let example = Example { input: "a".into(), output: value(expected) };
            Measure::parse(measure).unwrap().judge(&answered, &example)
        };
        let expected = r#"{"name": "f", "arguments": {"x": 1}}"#;
        for (measure, answer, right) in [
            ("exact match", r#"{"arguments": {"x": 1.0}, "name": "f"}"#, Some(true)),
            ("exact match", r#"{"arguments": {"x": 2}, "name": "f"}"#, Some(false)),
            ("exact match", "cut", Some(false)),
            ("field name", r#"{"arguments": {"x": 2}, "name": "f"}"#, Some(true)),
            ("field arguments.x", r#"{"arguments": {"x": 2}, "name": "f"}"#, Some(false)),
            ("field arguments.x", "null", Some(false)),
            ("field arguments.y", r#"{"arguments": {"y": 2}, "name": "f"}"#, None),
            ("field arguments", expected, None),
        ] {
            assert_eq!(judge(measure, answer, expected), right, "{measure} of {answer}");
        }
        assert_eq!(judge("field name", "null", "null"), None);
        assert_eq!(Measure::parse("recall"), None);
    }

    #[test]
    fn calibration_is_how_far_what_is_stated_is_from_what_is() {
        // Of ten at 0.9 nine come true; of ten at 0.5 none does.
        let sure = (0..10).map(|i| (0.9, i > 0));
        let unsure = (0..10).map(|_| (0.5, false));
        assert!(calibration_error(sure.clone()).unwrap() < 1e-12);
        assert!((calibration_error(sure.chain(unsure)).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(calibration_error([(1.0, true)]), Some(0.0));
        assert_eq!(calibration_error([]), None);
    }

    #[test]
    fn a_line_that_is_no_example_is_named() {
        let contract = Contract::Labels(vec!["yes".into(), "no".into()]);
        let read =
            |text: &str| read_examples(Path::new("set.jsonl"), text, &contract).map_err(|error| error.to_string());
        let good = "{\"input\": \"is it?\", \"output\": \"yes\", \"source\": \"me\"}\n";
        assert_eq!(read(good).unwrap(), [Example { input: "is it?".into(), output: "yes".into() }]);
        for (text, problem) in [
            ("", "the set is empty"),
            ("{\"input\": 1}", "line 1: has no \"input\""),
            ("{\"input\": \"a\"}", "has no \"output\""),
            ("{\"input\": \"\", \"output\": \"no\"}", "empty"),
            ("{\"input\": \"a\", \"output\": \"maybe\"}", "none that the brick's contract has"),
            ("[]", "is no JSON object"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("set.jsonl: line 1: ") && error.contains(problem), "{error}");
        }
        assert!(read(&format!("{good}\n{good}")).unwrap_err().contains("line 2"));
    }
}
