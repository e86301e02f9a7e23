//! Examples: lines of JSON, in OpenAI's layout for fine-tuning or as pairs of input and output.

mod split;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use whit_engine::brick::text_of_messages;

pub use self::split::Split;
use crate::{TuneError, hex};

/// Bytes of a line, at most: nothing to learn from is longer, and memory is bounded.
const LONGEST_LINE: usize = 1 << 20;
/// Different outputs up to which texts are labels, if there are this many examples for each at least.
const MOST_LABELS: usize = 1000;
const EXAMPLES_OF_A_LABEL: usize = 5;

/// What is given to the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text.
    Text(String),
    /// A conversation up to the answer, as OpenAI writes it.
    Messages(Vec<Value>),
}

impl Input {
    /// Its words, for what knows no conversations.
    pub fn text(&self) -> String {
        match self {
            Input::Text(text) => text.clone(),
            Input::Messages(messages) => text_of_messages(messages),
        }
    }
}

/// An output for people, and to tell two from each other: a text as it is, else JSON.
pub fn said(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        output => output.to_string(),
    }
}

fn is_call(output: &Value) -> bool {
    let Some(call) = output.as_object() else { return false };
    call.len() == 2
        && call.get("name").is_some_and(Value::is_string)
        && call.get("arguments").is_some_and(Value::is_object)
}

/// One thing to learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What is given.
    pub input: Input,
    /// What is to come.
    pub output: Value,
    /// What it is for.
    pub split: Split,
}

/// What the outputs of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Calls of tools, or `null`.
    Calls,
    /// Other JSON.
    Json,
    /// A few texts, each of them again and again.
    Labels,
    /// Texts.
    Text,
}

/// Examples, and what is to be said about them.
#[derive(Debug, Default)]
pub struct DataSet {
    /// The first file.
    pub path: PathBuf,
    /// Each once.
    pub examples: Vec<Example>,
    /// Tools that lines in OpenAI's layout come with.
    pub tools: Vec<Value>,
    /// SHA-256 of the files.
    pub hash: String,
    /// Sentences for the person.
    pub remarks: Vec<String>,
}

/// A file of examples, and what they are for if that is not left to the lines.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Where.
    pub path: &'a Path,
    /// For what.
    pub split: Option<Split>,
}

impl DataSet {
    /// Reads the files and decides what each example is for.
    ///
    /// # Errors
    /// [`TuneError::Data`] names the file, the line and the mend; so it does if there is nothing to learn from.
    pub fn read(sources: &[Source<'_>]) -> Result<DataSet, TuneError> {
        let path = sources.first().map(|source| source.path.to_owned()).unwrap_or_default();
        let mut set = DataSet { path, ..DataSet::default() };
        let mut hash = Sha256::new();
        let mut lines = 0;
        let mut seen = HashSet::new();
        let mut splits: Vec<Option<Split>> = Vec::new();
        for source in sources {
            let before = set.examples.len();
            read_lines(source.path, |number, line| {
                hash.update(line.as_bytes());
                hash.update(b"\n");
                lines += 1;
                let (input, output, own) =
                    example(line, &mut set.tools).map_err(|problem| at(source.path, number, &problem))?;
                // A set of its own is measured as it is; what is learned from is learned from once.
                let key = (source.split, input.text(), said(&output));
                if !seen.insert(key) {
                    return Ok(());
                }
                splits.push(source.split.or(own));
                set.examples.push(Example { input, output, split: Split::Train });
                Ok(())
            })?;
            if set.examples.len() == before {
                return Err(TuneError::Data(format!(
                    "{}: there is no example in it that is not in the others: give a file with a line of JSON for each example",
                    source.path.display()
                )));
            }
        }
        set.hash = hex(&hash.finalize());
        if lines > set.examples.len() {
            set.remarks.push(format!(
                "{} of {lines} lines say what others say already; they count once",
                lines - set.examples.len()
            ));
        }
        set.remark_on_contradictions();
        let once = set.outputs_seen_once();
        split::assign(&mut set.examples, &splits, &once);
        set.remark_on_near_duplicates();
        set.check_splits()?;
        Ok(set)
    }

    /// A file of examples that are all for measuring, in its order.
    ///
    /// # Errors
    /// As [`DataSet::read`].
    pub fn read_whole(path: &Path) -> Result<DataSet, TuneError> {
        let mut set = DataSet { path: path.to_owned(), ..DataSet::default() };
        read_lines(path, |number, line| {
            let (input, output, _) = example(line, &mut set.tools).map_err(|problem| at(path, number, &problem))?;
            set.examples.push(Example { input, output, split: Split::HeldOut });
            Ok(())
        })?;
        if set.examples.is_empty() {
            return Err(TuneError::Data(format!("{}: there is no example in it", path.display())));
        }
        Ok(set)
    }

    /// The examples for `split`.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Example> {
        self.examples.iter().filter(move |example| example.split == split)
    }

    /// What the outputs are.
    ///
    /// # Errors
    /// If some are of one kind and some of another.
    pub fn kind(&self) -> Result<Kind, TuneError> {
        let is_json = |example: &&Example| !example.output.is_string();
        let json = self.examples.iter().filter(is_json).count();
        if json == 0 {
            let different: HashSet<String> = self.examples.iter().map(|example| said(&example.output)).collect();
            let few = different.len() <= MOST_LABELS && different.len() * EXAMPLES_OF_A_LABEL <= self.examples.len();
            return Ok(if few { Kind::Labels } else { Kind::Text });
        }
        if json < self.examples.len() {
            let (text, value) = (
                self.examples.iter().find(|example| !is_json(example)).map(|example| said(&example.output)),
                self.examples.iter().find(is_json).map(|example| said(&example.output)),
            );
            return Err(TuneError::Data(format!(
                "some outputs are texts ({}) and some are calls or JSON ({}): a brick has one kind of answer; split the file",
                shortened(&text.unwrap_or_default()),
                shortened(&value.unwrap_or_default())
            )));
        }
        let may_be_call = |example: &Example| example.output.is_null() || is_call(&example.output);
        let is_calls = self.examples.iter().all(may_be_call) && !self.examples.iter().all(|e| e.output.is_null());
        Ok(if is_calls { Kind::Calls } else { Kind::Json })
    }

    /// The different outputs, in the order of their text.
    pub fn labels(&self) -> Vec<String> {
        let labels: std::collections::BTreeSet<String> =
            self.examples.iter().map(|example| said(&example.output)).collect();
        labels.into_iter().collect()
    }

    fn remark_on_contradictions(&mut self) {
        let mut outputs: HashMap<String, &Value> = HashMap::new();
        let mut contradictions = 0;
        for example in &self.examples {
            let known = outputs.entry(example.input.text()).or_insert(&example.output);
            contradictions += usize::from(**known != example.output);
        }
        if contradictions > 0 {
            self.remarks.push(format!("{contradictions} inputs have another output on another line"));
        }
    }

    /// Outputs of which there is one example: it is for learning, or nothing of them could be learned.
    fn outputs_seen_once(&mut self) -> HashSet<usize> {
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (at, example) in self.examples.iter().enumerate() {
            if let Value::String(text) = &example.output {
                places.entry(text.clone()).and_modify(|place| place.1 += 1).or_insert((at, 1));
            }
        }
        let once: Vec<(String, usize)> =
            places.iter().filter(|(_, (_, count))| *count == 1).map(|(text, (at, _))| (text.clone(), *at)).collect();
        // Of texts that are all different there is nothing to say.
        if once.is_empty() || once.len() * 2 > places.len() {
            return HashSet::new();
        }
        let names: Vec<String> = once.iter().take(3).map(|(text, _)| shortened(text)).collect();
        let more = if once.len() > 3 { format!(" and {} more", once.len() - 3) } else { String::new() };
        self.remarks.push(format!(
            "seen once only, so it is learned from and cannot be measured: {}{more}; give more examples",
            names.join(", ")
        ));
        once.into_iter().map(|(_, at)| at).collect()
    }

    /// That it is told where an example to be measured with is one to learn from but for digits, capitals and punctuation: only who
    /// gives the splits can have it so.
    fn remark_on_near_duplicates(&mut self) {
        let learned: HashSet<String> =
            self.of(Split::Train).map(|example| split::normalised(&example.input.text())).collect();
        let is_known = |example: &&Example| learned.contains(&split::normalised(&example.input.text()));
        let (known, of) = (self.of(Split::HeldOut).filter(is_known).count(), self.of(Split::HeldOut).count());
        if known > 0 {
            self.remarks.push(format!(
                "{known} of {of} held-out examples differ from examples to learn from by digits, capitals or punctuation only, so that what is \
                 measured on them says less"
            ));
        }
    }

    /// Turns conversations into texts where nothing is lost by it. Gives back what the system says in all of them.
    ///
    /// `None` if some have several turns, or systems that differ: then all conversations stay what they are.
    pub fn with_one_system(&mut self) -> Option<String> {
        let mut systems: HashSet<Option<&str>> = HashSet::new();
        for example in &self.examples {
            if let Input::Messages(messages) = &example.input {
                systems.insert(system_of(messages)?);
            }
        }
        let system = match systems.into_iter().collect::<Vec<_>>().as_slice() {
            [] => None,
            [system] => system.map(str::to_owned),
            _ => return None,
        };
        self.make_texts();
        system
    }

    /// Turns conversations into texts: what is said in them, but for what the system says.
    pub fn make_texts(&mut self) {
        for example in &mut self.examples {
            example.input = Input::Text(example.input.text());
        }
    }

    fn check_splits(&mut self) -> Result<(), TuneError> {
        let count = |split| self.of(split).count();
        let (train, validation, held_out) = (count(Split::Train), count(Split::Validation), count(Split::HeldOut));
        if train == 0 || validation == 0 || held_out == 0 {
            return Err(TuneError::Data(format!(
                "of the {} different examples {train} are for training, {validation} for validation and {held_out} held out, and each needs some: give more examples, that differ in more than digits and punctuation",
                self.examples.len()
            )));
        }
        Ok(())
    }
}

/// Calls `each` with the number and text of every line that is not empty.
fn read_lines(path: &Path, mut each: impl FnMut(usize, &str) -> Result<(), TuneError>) -> Result<(), TuneError> {
    let file = File::open(path).map_err(|error| TuneError::file(path, error))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut reader, LONGEST_LINE as u64 + 1);
        let read = limited.read_until(b'\n', &mut line).map_err(|error| TuneError::file(path, error))?;
        if read == 0 {
            break;
        }
        if line.len() > LONGEST_LINE {
            return Err(at(path, number, &format!("it has more than {LONGEST_LINE} bytes")));
        }
        let text = std::str::from_utf8(&line).map_err(|_| at(path, number, "it is not UTF-8 text"))?;
        if !text.trim().is_empty() {
            each(number, text.trim())?;
        }
    }
    Ok(())
}

fn at(path: &Path, line: usize, problem: &str) -> TuneError {
    TuneError::Data(format!("{}, line {line}: {problem}", path.display()))
}

fn example(line: &str, tools: &mut Vec<Value>) -> Result<(Input, Value, Option<Split>), String> {
    const MEND: &str = "a line is {\"input\": .., \"output\": ..} or {\"messages\": [..]}";
    let value: Value = serde_json::from_str(line).map_err(|error| format!("it is not JSON ({error}); {MEND}"))?;
    let Value::Object(object) = value else { return Err(format!("it is no JSON object; {MEND}")) };
    let split = match object.get("split") {
        None => None,
        Some(split) => Some(split.as_str().and_then(Split::parse).ok_or_else(|| {
            format!("\"split\" is {}: use \"train\", \"validation\" or \"held-out\"", shortened(&split.to_string()))
        })?),
    };
    let (input, output) = match object.get("messages") {
        Some(messages) => {
            if let Some(Value::Array(own)) = object.get("tools") {
                for tool in own {
                    if !tools.contains(tool) {
                        tools.push(tool.clone());
                    }
                }
            }
            conversation(messages)?
        }
        None => pair(&object).ok_or_else(|| {
            let keys: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
            format!("it has {} and no input with an output; {MEND}", shortened(&keys.join(", ")))
        })??,
    };
    if input.text().trim().is_empty() {
        return Err("its input is empty".into());
    }
    if said(&output).is_empty() {
        return Err("its output is empty".into());
    }
    Ok((input, output, split))
}

/// `input` (or `text`) and `output` (or `call`, or `label`).
fn pair(object: &Map<String, Value>) -> Option<Result<(Input, Value), String>> {
    let input = object.get("input").or(object.get("text"))?;
    let output = object.get("output").or(object.get("call")).or(object.get("label"))?;
    let Some(input) = input.as_str() else { return Some(Err("its input is no text".into())) };
    Some(Ok((Input::Text(input.to_owned()), output.clone())))
}

/// OpenAI's layout: the last message is the assistant's answer.
fn conversation(messages: &Value) -> Result<(Input, Value), String> {
    let Some((last, before)) = messages.as_array().and_then(|messages| messages.split_last()) else {
        return Err("\"messages\" is no list of messages".into());
    };
    if last["role"] != "assistant" {
        return Err("its last message is not the assistant's, so there is nothing to learn".into());
    }
    if !before.iter().any(|message| message["role"] == "user") {
        return Err("no message of it is the user's".into());
    }
    let output = match (&last["tool_calls"], &last["content"]) {
        (Value::Array(calls), _) => match calls.as_slice() {
            [call] => called(&call["function"])?,
            calls => return Err(format!("its answer has {} calls, and a brick makes one", calls.len())),
        },
        // An answer without text and without calls: not its job.
        (_, output @ (Value::String(_) | Value::Null)) => output.clone(),
        _ => return Err("the content of its answer is no text".into()),
    };
    Ok((Input::Messages(before.to_vec()), output))
}

fn called(function: &Value) -> Result<Value, String> {
    let name = function["name"].as_str().ok_or("its call has no name")?;
    let arguments = match &function["arguments"] {
        Value::String(text) => {
            serde_json::from_str(text).map_err(|error| format!("the arguments of its call are not JSON ({error})"))?
        }
        Value::Null => json!({}),
        value => value.clone(),
    };
    if !arguments.is_object() {
        return Err("the arguments of its call are no JSON object".into());
    }
    Ok(json!({ "name": name, "arguments": arguments }))
}

/// What the system says in a conversation, if there is that and one message of the user's, or only this one; `None` if there is more.
#[allow(clippy::option_option)]
fn system_of(messages: &[Value]) -> Option<Option<&str>> {
    let is_of = |message: &Value, role: &str| message["role"] == role && message["content"].is_string();
    match messages {
        [user] if is_of(user, "user") => Some(None),
        [system, user] if is_of(system, "system") && is_of(user, "user") => Some(system["content"].as_str()),
        _ => None,
    }
}

/// The beginning of a text from a stranger, in quotes.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}..", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;
