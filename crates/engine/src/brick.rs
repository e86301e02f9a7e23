//! Bricks at work: from what a card promises to the grammar that holds answers to it, from an input to a request, and from an answer's
//! text back to the value that it stands for.
//!
//! Training, measuring and running a brick all go through here, so that a model is asked as it was taught.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use whit_model::brick::{Brick, CARD, Contract as Declared, PromptForm};
use whit_model::template::ChatInput;
use whit_model::{ChatTemplate, Checkpoint, ModelError, Tokenizer};

use crate::constraint::{Constraint, ConstraintError, Constraints, Grammar};
use crate::{AdapterId, EngineError, Request};

/// Bytes of a contract's file. As values in memory, JSON takes up to fifty times its length.
const MOST_BYTES: usize = 1 << 20;
const MOST_TOOLS: usize = 256;
const MOST_LABELS: usize = 10_000;
const LONGEST_NAME: usize = 64;

/// What a brick's answers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contract {
    /// `{"name": .., "arguments": {..}}` with one of some tools, or `null`: not its job.
    Tools {
        /// The tools' names.
        names: Vec<String>,
        /// The JSON Schema of these answers.
        schema: String,
    },
    /// A JSON text that is valid under this JSON Schema.
    Schema(String),
    /// One of these labels.
    Labels(Vec<String>),
    /// Any text.
    Text,
}

impl Contract {
    /// Reads the contract of a brick.
    ///
    /// # Errors
    /// [`ModelError`] if its file is not what the card says it is. What is wrong within a schema is told by [`Job::new`].
    pub fn read(brick: &Brick) -> Result<Contract, ModelError> {
        match &brick.card().contract {
            Declared::Tools { file } => {
                let (path, text) = brick.text(file, MOST_BYTES)?;
                tools(&path, text)
            }
            Declared::Schema { file } => {
                brick.text(file, MOST_BYTES).map(|(_, text)| Contract::Schema(text.to_owned()))
            }
            Declared::Labels { file } => {
                let (path, text) = brick.text(file, MOST_BYTES)?;
                labels(&path, text).map(Contract::Labels)
            }
            Declared::Text => Ok(Contract::Text),
        }
    }

    /// What holds answers to it; `None` if they may be any text. JSON is written without white space, a `null` begins with no letter that
    /// a call begins with, and what a contract leaves no choice about is not the model's to write.
    pub fn grammar(&self) -> Option<Grammar> {
        match self {
            Contract::Tools { schema, .. } | Contract::Schema(schema) => Some(Grammar::CompactJson(schema.clone())),
            Contract::Labels(labels) => Some(Grammar::Choice(labels.clone())),
            Contract::Text => None,
        }
    }

    /// The text that a model writes for `output`, as it is to be taught: JSON without white space, keys in their order; `None` if the
    /// contract has no such output. (Of a schema it is not said whether `output` is valid under it.)
    pub fn text_of(&self, output: &Value) -> Option<String> {
        match (self, output) {
            (Contract::Tools { .. }, Value::Null) | (Contract::Schema(_), _) => Some(output.to_string()),
            (Contract::Tools { names, .. }, Value::Object(call)) => {
                let name = call.get("name")?.as_str()?;
                let is_call = call.len() == 2 && call.get("arguments")?.is_object();
                (is_call && names.iter().any(|known| known == name)).then(|| output.to_string())
            }
            (Contract::Labels(labels), Value::String(text)) => labels.contains(text).then(|| text.clone()),
            (Contract::Text, Value::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// What an answer's text stands for; `None` if it was cut, and stands for nothing.
    pub fn output_of(&self, text: &str) -> Option<Value> {
        match self {
            Contract::Tools { .. } | Contract::Schema(_) => serde_json::from_str(text).ok(),
            Contract::Labels(labels) => labels.iter().any(|label| label == text).then(|| text.into()),
            Contract::Text => Some(text.into()),
        }
    }
}

/// Whether two outputs are the same: numbers by their value, texts to the letter, whatever the order of keys.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// What a brick is to do, made ready for its model.
pub struct Job {
    contract: Contract,
    /// A clone is for each request.
    constraint: Option<Constraint>,
    tokenizer: Arc<Tokenizer>,
    form: Form,
    max_tokens: usize,
    /// Of the stated confidence.
    temperature: f32,
    adapter: Option<AdapterId>,
}

enum Form {
    /// Tokens before and after the input.
    Frame(Vec<u32>, Vec<u32>),
    Chat(Box<ChatTemplate>, Option<String>),
}

impl Job {
    /// The job of `brick` for its model: its own, or the one that it adapts.
    ///
    /// # Errors
    /// As [`Contract::read`]; and if its answers cannot be held to the contract, or the prompt asks for a chat template that is not there.
    pub fn new(brick: &Brick, checkpoint: &Checkpoint, tokenizer: &Arc<Tokenizer>) -> Result<Job, EngineError> {
        let card = brick.card();
        let contract = Contract::read(brick)?;
        let compile = |grammar| Constraints::new(tokenizer, tokenizer.end_tokens())?.compile(&grammar);
        let constraint = contract.grammar().map(compile).transpose().map_err(|error| match error {
            ConstraintError::Busy | ConstraintError::Vocabulary(_) => EngineError::Request(error.to_string()),
            _ => {
                let path = brick.path().join(card.contract.file().unwrap_or(CARD));
                malformed(&path, "contract", format!("cannot be held to: {error}; mend it")).into()
            }
        })?;
        let form = match &card.prompt.form {
            PromptForm::Frame { frame } => {
                let (before, after) = PromptForm::around(frame);
                let encode = |text: &str| tokenizer.encode(text, false, true);
                Form::Frame(encode(before)?, encode(after)?)
            }
            PromptForm::Chat { system, .. } => match ChatTemplate::from_checkpoint(checkpoint)? {
                Some(template) => Form::Chat(Box::new(template), system.clone()),
                None => {
                    let item = "key prompt.chat";
                    let problem = "asks for a chat template, and the model has none; use prompt.frame";
                    return Err(malformed(&brick.path().join(CARD), item, problem.into()).into());
                }
            },
        };
        Ok(Job {
            contract,
            constraint,
            tokenizer: tokenizer.clone(),
            form,
            max_tokens: card.prompt.max_tokens,
            temperature: card.confidence.map_or(1.0, |confidence| confidence.temperature),
            adapter: None,
        })
    }

    /// Says which of the engine's adapters is the brick's, if it is one.
    pub fn adapt(&mut self, adapter: AdapterId) {
        self.adapter = Some(adapter);
    }

    /// The brick's adapter in the engine, if it is one.
    pub fn adapter(&self) -> Option<AdapterId> {
        self.adapter
    }

    /// What its answers are.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The prompt for an input. In a frame the input is text and nothing else, whatever control tokens it spells: the tokens are those of
    /// what stands before it, of itself, and of what stands after it, each cut alone.
    ///
    /// # Errors
    /// If there is no input, or the model's tokenizer or chat template does not take it.
    pub fn prompt(&self, input: &str) -> Result<Vec<u32>, EngineError> {
        if input.is_empty() {
            return Err(EngineError::Request("there is nothing to answer: the input is empty".into()));
        }
        match &self.form {
            Form::Frame(before, after) => {
                let bos = self.tokenizer.wanted_bos().filter(|bos| before.first() != Some(bos));
                let input = self.tokenizer.encode(input, false, false)?;
                Ok(bos.into_iter().chain(before.iter().copied()).chain(input).chain(after.iter().copied()).collect())
            }
            Form::Chat(template, system) => {
                let system = system.iter().map(|text| json!({"role": "system", "content": text}));
                let messages = system.chain([json!({"role": "user", "content": input})]).collect();
                let text =
                    template.render(&ChatInput { messages, add_generation_prompt: true, ..ChatInput::default() })?;
                Ok(self.tokenizer.encode_prompt(&text)?)
            }
        }
    }

    /// The request for an input: greedy, held to the contract, with its confidence.
    ///
    /// # Errors
    /// As [`Job::prompt`].
    pub fn request(&self, input: &str) -> Result<Request, EngineError> {
        Ok(Request {
            max_tokens: Some(self.max_tokens),
            stop_tokens: self.tokenizer.end_tokens().to_vec(),
            constraint: self.constraint.clone(),
            confidence: self.constraint.as_ref().map(|_| self.temperature),
            adapter: self.adapter,
            ..Request::new(self.prompt(input)?)
        })
    }
}

fn malformed(path: &Path, item: impl Into<String>, problem: String) -> ModelError {
    ModelError::Malformed { path: PathBuf::from(path), item: item.into(), problem }
}

/// The tools of a list as OpenAI's API has it.
fn tools(path: &Path, text: &str) -> Result<Contract, ModelError> {
    let listed: Value = serde_json::from_str(text)
        .map_err(|error| malformed(path, "tools", format!("are no JSON ({error}); write them again")))?;
    let Some(listed) = listed.as_array().filter(|listed| (1..=MOST_TOOLS).contains(&listed.len())) else {
        return Err(malformed(
            path,
            "tools",
            format!("are no list of 1 to {MOST_TOOLS} tools; write them as OpenAI's API has them"),
        ));
    };
    let mut names: Vec<String> = vec![];
    let mut calls = vec![json!({"type": "null"})];
    for (index, tool) in listed.iter().enumerate() {
        let wrong = |problem: &str| malformed(path, format!("tool {}", index + 1), problem.into());
        let function = &tool["function"];
        let Some(name) = function["name"].as_str().filter(|_| tool["type"] == "function") else {
            return Err(wrong(
                "is no {\"type\": \"function\", \"function\": {\"name\": .., \"parameters\": ..}}; write it so",
            ));
        };
        let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_usual) {
            return Err(wrong("has no name that can be called; use letters, digits, '_', '-' and '.', at most 64"));
        }
        if names.iter().any(|earlier| earlier == name) {
            return Err(wrong("has the name of an earlier one; rename it"));
        }
        let mut arguments = match &function["parameters"] {
            Value::Null => Map::new(),
            Value::Object(parameters) => parameters.clone(),
            _ => return Err(wrong("has parameters that are no JSON Schema of an object; write them so")),
        };
        if arguments.entry("type").or_insert("object".into()) != "object" {
            return Err(wrong("has parameters that are no JSON Schema of an object; write them so"));
        }
        // Of what a schema does not speak, nothing can be learned.
        arguments.entry("additionalProperties").or_insert(false.into());
        names.push(name.to_owned());
        calls.push(json!({
            "type": "object",
            "properties": {"name": {"const": name}, "arguments": arguments},
            "required": ["name", "arguments"],
            "additionalProperties": false,
        }));
    }
    Ok(Contract::Tools { names, schema: json!({"anyOf": calls}).to_string() })
}

/// A label on each line.
fn labels(path: &Path, text: &str) -> Result<Vec<String>, ModelError> {
    let mut seen = HashSet::new();
    let labels: Vec<&str> = text.lines().take(MOST_LABELS + 1).collect();
    if !(1..=MOST_LABELS).contains(&labels.len()) {
        let found = if labels.is_empty() { "there are none" } else { "there are more" };
        let problem = format!("1 to {MOST_LABELS} can be, and {found}; write one on each line");
        return Err(malformed(path, "labels", problem));
    }
    for (index, label) in labels.iter().enumerate() {
        let wrong = |problem: &str| Err(malformed(path, format!("line {}", index + 1), problem.into()));
        if label.trim() != *label || label.is_empty() || label.chars().any(char::is_control) {
            return wrong("is no label: it is empty, or has white space around it; mend it");
        }
        if !seen.insert(*label) {
            return wrong("is there twice; take one of them out");
        }
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraint::End;

    fn pocket() -> Arc<Tokenizer> {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
        Arc::new(Tokenizer::from_checkpoint(&Checkpoint::open(&model).unwrap()).unwrap())
    }

    fn assistant(file: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bricks/assistant");
        std::fs::read_to_string(folder.join(file)).unwrap()
    }

    /// Whether an answer under the constraint can be this text, in some tokens.
    fn can_be(constraint: &Constraint, tokenizer: &Tokenizer, text: &str) -> bool {
        let mut constraint = constraint.clone();
        let mut rest = text.as_bytes();
        loop {
            if let Some(id) = constraint.take_forced() {
                match rest.strip_prefix(&tokenizer.token_bytes(id)[..]) {
                    Some(after) => rest = after,
                    None => return false,
                }
                continue;
            }
            if constraint.end() == Some(End::Complete) {
                return rest.is_empty();
            }
            constraint.compute_mask();
            let Some(mask) = constraint.mask() else { return false };
            if rest.is_empty() {
                return tokenizer.end_tokens().iter().any(|&end| mask.is_allowed(end));
            }
            let fits = |id: &u32| {
                let bytes = tokenizer.token_bytes(*id);
                !bytes.is_empty() && rest.starts_with(&bytes) && mask.is_allowed(*id)
            };
            let longest =
                (0..tokenizer.vocab_size() as u32).filter(fits).max_by_key(|&id| tokenizer.token_bytes(id).len());
            let Some(id) = longest else { return false };
            rest = &rest[tokenizer.token_bytes(id).len()..];
            constraint.consume(id);
        }
    }

    #[test]
    fn the_assistants_tools_allow_every_call_that_was_written_by_hand_and_no_other_spelling() {
        let tokenizer = pocket();
        let contract = tools(Path::new("tools.json"), &assistant("tools.json")).unwrap();
        let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
        let constraint = constraints.compile(&contract.grammar().unwrap()).unwrap();
        let lines = assistant("handwritten.jsonl");
        let mut seen = 0;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = contract.text_of(&line["call"]).unwrap_or_else(|| panic!("{line}"));
            assert!(can_be(&constraint, &tokenizer, &text), "{text}");
            assert!(same(&contract.output_of(&text).unwrap(), &line["call"]));
            seen += 1;
        }
        assert!(seen > 500);
        for other in [
            "nul",
            "null ",
            " null",
            "{}",
            r#"{"name": "show_list", "arguments": {}}"#,
            r#"{"arguments":{},"name":"show_list"}"#,
            r#"{"name":"show_lists","arguments":{}}"#,
            r#"{"name":"set_timer","arguments":{}}"#,
            r#"{"name":"set_timer","arguments":{"duration":"20 minutes"}}"#,
            r#"{"name":"show_list","arguments":{"list":""}}"#,
        ] {
            assert!(!can_be(&constraint, &tokenizer, other), "{other}");
        }
        assert!(can_be(&constraint, &tokenizer, r#"{"name":"show_list","arguments":{}}"#));
    }

    #[test]
    fn outputs_are_the_same_by_value() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (a, b, is_same) in [
            ("5", "5.0", true),
            ("{\"a\":1,\"b\":[0.5]}", "{\"b\":[5e-1],\"a\":1}", true),
            ("9007199254740993", "9007199254740993", true),
            ("null", "{}", false),
            ("\"5\"", "5", false),
            ("[1,2]", "[2,1]", false),
            ("{\"a\":1}", "{\"a\":1,\"b\":null}", false),
        ] {
            assert_eq!(same(&value(a), &value(b)), is_same, "{a} and {b}");
        }
    }

    #[test]
    fn a_contract_knows_its_outputs_and_refuses_files_that_are_none() {
        let path = Path::new("file");
        let contract = labels(path, "yes\nno\nmay be\n").unwrap();
        assert_eq!(contract, ["yes", "no", "may be"]);
        let contract = Contract::Labels(contract);
        assert_eq!(contract.text_of(&"no".into()), Some("no".into()));
        assert_eq!((contract.text_of(&"now".into()), contract.output_of("may")), (None, None));
        for (text, problem) in
            [("", "1 to"), ("a\n\nb", "line 2"), ("a\na", "twice"), (" a", "line 1"), ("a\u{7}", "line 1")]
        {
            let error = labels(path, text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let tool = r#"{"type":"function","function":{"name":"f"}}"#;
        for (text, problem) in [
            ("{", "no JSON"),
            ("{}", "no list"),
            ("[]", "no list"),
            ("[1]", "tool 1: is no"),
            (r#"[{"type":"function","function":{"name":"f g"}}]"#, "tool 1: has no name"),
            (r#"[{"type":"function","function":{"name":"f","parameters":{"type":"array"}}}]"#, "parameters"),
            (&format!("[{tool},{tool}]"), "tool 2: has the name of an earlier one"),
        ] {
            let error = tools(path, text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let contract = tools(path, &format!("[{tool}]")).unwrap();
        let call = json!({"name": "f", "arguments": {}});
        assert_eq!(contract.text_of(&call).as_deref(), Some(r#"{"name":"f","arguments":{}}"#));
        for none in [json!({}), json!({"name": "g", "arguments": {}}), json!({"name": "f"}), json!("f")] {
            assert_eq!(contract.text_of(&none), None, "{none}");
        }
    }
}
