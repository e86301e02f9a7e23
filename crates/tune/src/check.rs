//! What a brick gets right, through the engine that will run it.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::path::Path;

use serde_json::{Map, Value};
use whit_engine::brick::{Contract, Job, same};
use whit_engine::{Engine, EngineError, Event, FinishReason, RequestId};
use whit_model::brick::Quality;

use crate::TuneError;

/// The quantile of the normal distribution that 95 % lie within on both sides.
const Z: f64 = 1.959_963_984_540_054;
/// Bins of equal width, as in Guo, Pleiss, Sun and Weinberger, 2017.
const BINS: usize = 15;
/// Requests given to the engine at once: what its largest step takes.
const AT_ONCE: usize = 64;
/// As a card calls the measures.
const EXACT: &str = "exact match";
const LABEL: &str = "label ";
const FIELD: &str = "field ";

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Whole outputs.
    ExactMatch,
    /// Whole outputs, of the examples that are to have this label, or a call of the tool of this name, or `null`.
    Label(String),
    /// Values in the place of this name (`arguments.duration`), of the examples whose output has one there.
    Field(String),
}

impl Display for Measure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Measure::ExactMatch => f.write_str(EXACT),
            Measure::Label(label) => write!(f, "{LABEL}{label}"),
            Measure::Field(place) => write!(f, "{FIELD}{place}"),
        }
    }
}

impl Measure {
    /// As a card has it: `exact match`, `label set_timer`, `field arguments.duration`; `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Measure> {
        match (text.strip_prefix(LABEL), text.strip_prefix(FIELD)) {
            (Some(label), _) => Some(Measure::Label(label.to_owned())),
            (_, Some(place)) => Some(Measure::Field(place.to_owned())),
            _ => (text == EXACT).then_some(Measure::ExactMatch),
        }
    }

    /// All that count some of `examples`: of tools and labels each one, of JSON each field.
    pub fn all(contract: &Contract, examples: &[Example]) -> Vec<Measure> {
        let mut all = BTreeSet::from([Measure::ExactMatch]);
        for Example { output, .. } in examples {
            if matches!(contract, Contract::Tools { .. } | Contract::Labels(_)) {
                all.extend(label(output).map(|label| Measure::Label(label.to_owned())));
            }
            let mut place = String::new();
            each_field(output, &mut place, &mut |place| {
                if !all.iter().any(|known| matches!(known, Measure::Field(known) if known == place)) {
                    all.insert(Measure::Field(place.to_owned()));
                }
            });
        }
        all.into_iter().collect()
    }

    /// Whether an answer is right in this; `None` if it does not count the example.
    pub fn judge(&self, answered: &Answered, example: &Example) -> Option<bool> {
        let output = answered.output.as_ref();
        match self {
            Measure::Label(name) if label(&example.output) != Some(name) => None,
            Measure::ExactMatch | Measure::Label(_) => Some(output.is_some_and(|output| same(output, &example.output))),
            Measure::Field(place) => {
                let expected = at(&example.output, place).filter(|expected| !expected.is_object())?;
                Some(output.and_then(|output| at(output, place)).is_some_and(|found| same(found, expected)))
            }
        }
    }
}

/// The label of an output; of a call, its tool's name.
fn label(output: &Value) -> Option<&str> {
    match output {
        Value::Null => Some("null"),
        Value::String(label) => Some(label),
        call => call.get("name")?.as_str().filter(|_| call.get("arguments").is_some()),
    }
}

/// Calls `each` with the place of every value of an object that is no object itself.
fn each_field(value: &Value, place: &mut String, each: &mut dyn FnMut(&str)) {
    let Value::Object(object) = value else {
        if !place.is_empty() {
            each(place);
        }
        return;
    };
    for (key, value) in object {
        let before = place.len();
        if before > 0 {
            place.push('.');
        }
        place.push_str(key);
        each_field(value, place, each);
        place.truncate(before);
    }
}

/// The value at a place: keys of objects within each other, with points between them.
fn at<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    place.split('.').try_fold(value, |value, key| value.as_object()?.get(key))
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many were right.
    pub right: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// What of the answers to `examples` is right in `measure`.
    pub fn of(measure: &Measure, answers: &[Answered], examples: &[Example]) -> Share {
        let judged = answers.iter().zip(examples).filter_map(|(answered, example)| measure.judge(answered, example));
        judged.fold(Share::default(), |share, is_right| Share {
            right: share.right + u64::from(is_right),
            of: share.of + 1,
        })
    }

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

/// Answers all prompts, as many at once as the engine has room for; one that is longer than its context stays without an answer. `done`
/// hears after each step how many are answered.
///
/// # Errors
/// If a prompt cannot be asked, or the model's numbers leave the range of floats.
pub fn answer_all(
    engine: &mut Engine,
    job: &Job,
    prompts: &[Vec<u32>],
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Answered>, TuneError> {
    let answers = answers_at(engine, job, prompts, &[job.temperature()], done)?;
    let of = |(output, confidence): Stated| Answered { output, confidence: confidence.first().copied() };
    Ok(answers.into_iter().map(of).collect())
}

/// An output, and its confidence at each temperature; none if it did not come to its end.
pub(crate) type Stated = (Option<Value>, Vec<f64>);

/// Outputs, with their confidence at each of `temperatures`.
pub(crate) fn answers_at(
    engine: &mut Engine,
    job: &Job,
    prompts: &[Vec<u32>],
    temperatures: &[f32],
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Stated>, TuneError> {
    let mut answers = vec![(None, vec![]); prompts.len()];
    // Those under way: whose, which prompt, and the text so far.
    let mut open: Vec<(RequestId, usize, String)> = vec![];
    let (mut next, mut answered) = (0, 0);
    let context = engine.memory_plan().context;
    while answered < prompts.len() {
        while let Some(prompt) = prompts.get(next).filter(|_| open.len() < AT_ONCE) {
            if prompt.len() < context {
                let request = job.request_at(prompt.clone(), temperatures.to_vec());
                open.push((engine.submit(request)?, next, String::new()));
            } else {
                answered += 1;
            }
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
                let (_, prompt, mut whole) = open.swap_remove(at);
                whole.push_str(text);
                let output = (reason == FinishReason::Stop).then(|| job.contract().output_of(&whole)).flatten();
                overflowed |= reason == FinishReason::NotFinite;
                answers[prompt] = (output, confidence.to_vec());
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

/// What is right of these answers in each measure.
pub fn shares(contract: &Contract, examples: &[Example], answers: &[Answered]) -> Vec<(Measure, Share)> {
    let measures = Measure::all(contract, examples).into_iter();
    measures.map(|measure| (measure.clone(), Share::of(&measure, answers, examples))).collect()
}

/// What a card claims of a share: `on` is the set, `file` its name in the brick and its SHA-256.
pub fn claim(on: &str, file: Option<(&str, &str)>, measure: &Measure, share: Share) -> Quality {
    let round = |value: f64| (value * 1e4).round() / 1e4;
    let (low, high) = share.interval();
    Quality {
        on: on.to_owned(),
        file: file.map(|(name, _)| name.to_owned()),
        sha256: file.map(|(_, sha256)| sha256.to_owned()),
        measure: measure.to_string(),
        value: round(share.value()),
        low: round(low),
        high: round(high),
        examples: share.of,
    }
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
        assert_eq!(judge("label f", expected, expected), Some(true));
        assert_eq!(judge("label f", "null", expected), Some(false));
        assert_eq!((judge("label null", "null", "null"), judge("label null", "null", expected)), (Some(true), None));
        assert_eq!(judge("label yes", "\"yes\"", "\"yes\""), Some(true));
        assert_eq!(Measure::parse("recall"), None);
    }

    #[test]
    fn a_card_has_a_row_for_every_measure_that_counts_something() {
        let contract = Contract::Tools { names: vec!["f".into()], schema: Value::Null };
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let outputs = [r#"{"name": "f", "arguments": {"x": 1, "y": {"z": []}}}"#, "null", "null"].map(value);
        let examples = outputs.clone().map(|output| Example { input: "a".into(), output });
        let answers = [Some(value(r#"{"name": "f", "arguments": {"x": 1}}"#)), Some(Value::Null), None];
        let answers = answers.map(|output| Answered { output, confidence: None });
        let shares = shares(&contract, &examples, &answers);
        let rows: Vec<Quality> =
            shares.iter().map(|(measure, share)| claim("held-out", None, measure, *share)).collect();
        let found: Vec<(&str, f64, u64)> =
            rows.iter().map(|row| (row.measure.as_str(), row.value, row.examples)).collect();
        let expected = [
            ("exact match", 0.3333, 3),
            ("label f", 0.0, 1),
            ("label null", 0.5, 2),
            ("field arguments.x", 1.0, 1),
            ("field arguments.y.z", 0.0, 1),
            ("field name", 1.0, 1),
        ];
        assert_eq!(found, expected);
        assert!(rows.iter().all(|row| row.low <= row.value && row.value <= row.high));
        assert!(
            rows.iter().all(|row| Measure::parse(&row.measure).is_some_and(|known| known.to_string() == row.measure))
        );
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
