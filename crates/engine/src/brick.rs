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

use crate::constraint::{Checker, Constraint, ConstraintError, Constraints, Grammar};
use crate::{AdapterId, EngineError, Request};

/// Bytes of a contract's file. As values in memory, JSON takes up to fifty times its length.
const MOST_BYTES: usize = 1 << 20;
const MOST_TOOLS: usize = 256;
const MOST_LABELS: usize = 10_000;
const LONGEST_NAME: usize = 64;
/// References and alternatives, one leading to the other, that are followed to find the order of keys.
const MOST_STEPS: usize = 8;

/// What a brick's answers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contract {
    /// `{"name": .., "arguments": {..}}` with one of some tools, or `null`: not its job.
    Tools {
        /// The tools' names.
        names: Vec<String>,
        /// The JSON Schema of these answers.
        schema: Value,
    },
    /// A JSON text that is valid under this JSON Schema.
    Schema(Value),
    /// One of these labels.
    Labels(Vec<String>),
    /// Any text.
    Text,
}

impl Contract {
    /// Reads the contract of a brick.
    ///
    /// # Errors
    /// As [`Contract::parse`], and if there is no such file.
    pub fn read(brick: &Brick) -> Result<Contract, ModelError> {
        let declared = &brick.card().contract;
        let Some(file) = declared.file() else { return Ok(Contract::Text) };
        let (path, text) = brick.text(file, MOST_BYTES)?;
        Contract::parse(declared, &path, text)
    }

    /// The contract that a card declares, whose file has this text. `path` is for messages only.
    ///
    /// # Errors
    /// [`ModelError`] if the text is not what the card says it is. What is wrong within a schema is told by [`Contract::constraint`].
    pub fn parse(declared: &Declared, path: &Path, text: &str) -> Result<Contract, ModelError> {
        match declared {
            Declared::Tools { .. } => tools(path, text),
            Declared::Schema { .. } => match serde_json::from_str(text) {
                Ok(schema) => Ok(Contract::Schema(schema)),
                Err(error) => Err(malformed(path, "schema", format!("is no JSON ({error}); write it again"))),
            },
            Declared::Labels { .. } => labels(path, text).map(Contract::Labels),
            Declared::Text => Ok(Contract::Text),
        }
    }

    /// What holds answers to it; `None` if they may be any text. JSON is written without white space, a `null` begins with no letter that
    /// a call begins with, and what a contract leaves no choice about is not the model's to write.
    pub fn grammar(&self) -> Option<Grammar> {
        match self {
            Contract::Tools { schema, .. } | Contract::Schema(schema) => Some(Grammar::CompactJson(schema.to_string())),
            Contract::Labels(labels) => Some(Grammar::Choice(labels.clone())),
            Contract::Text => None,
        }
    }

    /// The grammar, compiled for answers that `tokenizer` spells.
    ///
    /// # Errors
    /// [`ConstraintError`] if it cannot be enforced to the letter, or nothing fits it.
    pub fn constraint(&self, tokenizer: &Arc<Tokenizer>) -> Result<Option<Constraint>, ConstraintError> {
        let compile = |grammar| Constraints::new(tokenizer, tokenizer.end_tokens())?.compile(&grammar);
        self.grammar().map(compile).transpose()
    }

    /// `output` with its keys in the contract's order, the only one that the grammar lets them be written in; `None` if the contract has no
    /// such output. (Of a schema it is not said whether `output` is valid under it.)
    pub fn in_order(&self, output: &Value) -> Option<Value> {
        match (self, output) {
            (Contract::Tools { .. }, Value::Null) => Some(Value::Null),
            (Contract::Tools { names, schema }, Value::Object(call)) => {
                let name = call.get("name")?.as_str()?;
                let is_call = call.len() == 2 && call.get("arguments")?.is_object();
                (is_call && names.iter().any(|known| known == name)).then(|| ordered(output, schema, schema))
            }
            (Contract::Schema(schema), _) => Some(ordered(output, schema, schema)),
            (Contract::Labels(labels), Value::String(text)) => labels.contains(text).then(|| output.clone()),
            (Contract::Text, Value::String(_)) => Some(output.clone()),
            _ => None,
        }
    }

    /// The text that a model writes for `output`, as it is to be taught: JSON without white space, keys as [`Contract::in_order`] has them;
    /// `None` if the contract has no such output.
    pub fn text_of(&self, output: &Value) -> Option<String> {
        match (self, self.in_order(output)?) {
            (Contract::Labels(_) | Contract::Text, Value::String(text)) => Some(text),
            (_, output) => Some(output.to_string()),
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

/// `value` with the keys of its objects in the order of their schema's properties, as far as the schema names them. References are into
/// `root`.
fn ordered(value: &Value, schema: &Value, root: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let own = schema_of(object, schema, root, MOST_STEPS).unwrap_or(resolved(schema, root, MOST_STEPS));
            let properties = own.get("properties").and_then(Value::as_object);
            let named = properties
                .into_iter()
                .flatten()
                .filter_map(|(key, schema)| Some((key.clone(), ordered(object.get(key)?, schema, root))));
            let mut sorted: Map<String, Value> = named.collect();
            for (key, value) in object {
                if !sorted.contains_key(key) {
                    sorted.insert(key.clone(), value.clone());
                }
            }
            Value::Object(sorted)
        }
        Value::Array(values) => {
            let items = resolved(schema, root, MOST_STEPS).get("items").unwrap_or(&Value::Null);
            Value::Array(values.iter().map(|value| ordered(value, items, root)).collect())
        }
        value => value.clone(),
    }
}

/// What the references of a schema lead to.
fn resolved<'s>(schema: &'s Value, root: &'s Value, steps: usize) -> &'s Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    match pointer.and_then(|pointer| root.pointer(pointer)).filter(|_| steps > 0) {
        Some(target) => resolved(target, root, steps - 1),
        None => schema,
    }
}

/// What of a schema an object is of: the first of its alternatives that has all of its keys, with its values where only one is possible.
fn schema_of<'s>(object: &Map<String, Value>, schema: &'s Value, root: &'s Value, steps: usize) -> Option<&'s Value> {
    let schema = resolved(schema, root, steps);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let is_possible = |schema: &Value, value| schema.get("const").is_none_or(|only| only == value);
        if object.iter().all(|(key, value)| properties.get(key).is_some_and(|schema| is_possible(schema, value))) {
            return Some(schema);
        }
    }
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    let mut alternatives = alternatives.flatten().take(if steps > 0 { MOST_TOOLS + 1 } else { 0 });
    alternatives.find_map(|schema| schema_of(object, schema, root, steps - 1))
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

/// How an input becomes a prompt.
pub enum Form {
    /// Tokens before and after the input.
    Frame(Vec<u32>, Vec<u32>),
    /// The model's chat template, and what it is told before.
    Chat(Box<ChatTemplate>, Option<String>),
}

impl Form {
    /// A text around the input, in which the text of a control token stands for it.
    ///
    /// # Errors
    /// If the tokenizer cannot encode it.
    pub fn frame(frame: &str, tokenizer: &Tokenizer) -> Result<Form, ModelError> {
        let (before, after) = PromptForm::around(frame);
        let encode = |text: &str| tokenizer.encode(text, false, true);
        Ok(Form::Frame(encode(before)?, encode(after)?))
    }
}

impl Job {
    /// The job of `brick` for its model: its own, or the one that it adapts.
    ///
    /// # Errors
    /// As [`Contract::read`]; and if its answers cannot be held to the contract, or the prompt asks for a chat template that is not there.
    pub fn new(brick: &Brick, checkpoint: &Checkpoint, tokenizer: &Arc<Tokenizer>) -> Result<Job, EngineError> {
        let card = brick.card();
        let contract = Contract::read(brick)?;
        let constraint = contract.constraint(tokenizer).map_err(|error| match error {
            ConstraintError::Busy | ConstraintError::Vocabulary(_) => EngineError::Request(error.to_string()),
            _ => {
                let path = brick.path().join(card.contract.file().unwrap_or(CARD));
                malformed(&path, "contract", format!("cannot be held to: {error}; mend it")).into()
            }
        })?;
        let form = match &card.prompt.form {
            PromptForm::Frame { frame } => Form::frame(frame, tokenizer)?,
            PromptForm::Chat { system, .. } => match ChatTemplate::from_checkpoint(checkpoint)? {
                Some(template) => Form::Chat(Box::new(template), system.clone()),
                None => {
                    let item = "key prompt.chat";
                    let problem = "asks for a chat template, and the model has none; use prompt.frame";
                    return Err(malformed(&brick.path().join(CARD), item, problem.into()).into());
                }
            },
        };
        let temperature = card.confidence.map_or(1.0, |confidence| confidence.temperature);
        let job = Job::of(contract, constraint, form, tokenizer);
        Ok(Job { max_tokens: card.prompt.max_tokens, temperature, ..job })
    }

    /// The job of a brick that is being made: `constraint` is its contract's, and its confidence is not calibrated.
    pub fn of(contract: Contract, constraint: Option<Constraint>, form: Form, tokenizer: &Arc<Tokenizer>) -> Job {
        let (max_tokens, temperature, adapter) = (usize::MAX, 1.0, None);
        Job { contract, constraint, tokenizer: tokenizer.clone(), form, max_tokens, temperature, adapter }
    }

    /// What the stated confidence's logits are divided by.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The same with another one.
    pub fn at_temperature(self, temperature: f32) -> Job {
        Job { temperature, ..self }
    }

    /// The same with answers of at most so many tokens.
    pub fn with_max_tokens(self, max_tokens: usize) -> Job {
        Job { max_tokens, ..self }
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
            Form::Chat(..) => self.prompt_of(&[json!({"role": "user", "content": input})]),
        }
    }

    /// The prompt for a conversation in the place of an input: messages as OpenAI's API has them. A chat template is given them as they are,
    /// after what it is told before if they have no system message of their own; in a frame stand their texts, but for the system's, a line each.
    ///
    /// # Errors
    /// As [`Job::prompt`].
    pub fn prompt_of(&self, messages: &[Value]) -> Result<Vec<u32>, EngineError> {
        match &self.form {
            Form::Frame(..) => self.prompt(&text_of_messages(messages)),
            Form::Chat(template, system) => {
                let has_own = messages.iter().any(|message| message["role"] == "system");
                let system = system.iter().filter(|_| !has_own);
                let system = system.map(|text| json!({"role": "system", "content": text}));
                let messages = system.chain(messages.iter().cloned()).collect();
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
        Ok(self.request_at(self.prompt(input)?, vec![self.temperature]))
    }

    /// The request for a prompt, with the confidence at each of these temperatures; with none where the contract has none.
    pub fn request_at(&self, prompt: Vec<u32>, temperatures: Vec<f32>) -> Request {
        Request {
            max_tokens: Some(self.max_tokens),
            stop_tokens: self.tokenizer.end_tokens().to_vec(),
            constraint: self.constraint.clone(),
            confidence: if self.constraint.is_some() { temperatures } else { vec![] },
            adapter: self.adapter,
            ..Request::new(prompt)
        }
    }

    /// Who says of whole answers, as tokens, whether the engine could give them; `None` if it could give any.
    pub fn checker(&self) -> Option<Checker> {
        self.constraint.as_ref().map(Constraint::checker)
    }
}

/// What is said in a conversation, but for what the system says, a line each.
pub fn text_of_messages(messages: &[Value]) -> String {
    let said = messages.iter().filter(|message| message["role"] != "system");
    said.filter_map(|message| message["content"].as_str()).collect::<Vec<_>>().join("\n")
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
    Ok(Contract::Tools { names, schema: json!({"anyOf": calls}) })
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
        let mut checker = constraint.checker();
        let end = tokenizer.end_tokens()[0];
        let whole = |text: &str| [tokenizer.encode(text, false, false).unwrap(), vec![end]].concat();
        let lines = assistant("handwritten.jsonl");
        let mut seen = 0;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = contract.text_of(&line["call"]).unwrap_or_else(|| panic!("{line}"));
            assert!(can_be(&constraint, &tokenizer, &text), "{text}");
            assert!(checker.fits(&whole(&text)), "{text}");
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
            assert!(!checker.fits(&whole(other)), "{other}");
        }
        assert!(can_be(&constraint, &tokenizer, r#"{"name":"show_list","arguments":{}}"#));
    }

    #[test]
    fn keys_are_written_in_the_order_of_the_schema_whatever_leads_to_it() {
        let schema = json!({
            "$defs": {"point": {"type": "object", "properties": {"x": {}, "y": {}}}},
            "anyOf": [
                {"type": "object", "properties": {"kind": {"const": "line"}, "from": {"$ref": "#/$defs/point"}}},
                {"$ref": "#/$defs/point"},
                {"type": "object", "properties": {"kind": {"const": "path"}, "closed": {}, "points": {"items": {"$ref": "#/$defs/point"}}}},
            ],
        });
        let contract = Contract::Schema(schema);
        for (output, text) in [
            (json!({"y": 1, "x": 2}), r#"{"x":2,"y":1}"#),
            (json!({"from": {"y": 1, "x": 2}, "kind": "line"}), r#"{"kind":"line","from":{"x":2,"y":1}}"#),
            (
                json!({"points": [{"y": 1, "x": 2}], "kind": "path", "closed": true}),
                r#"{"kind":"path","closed":true,"points":[{"x":2,"y":1}]}"#,
            ),
            (json!({"b": 1, "a": [{"d": 1, "c": 2}]}), r#"{"b":1,"a":[{"d":1,"c":2}]}"#),
        ] {
            assert_eq!(contract.text_of(&output).as_deref(), Some(text));
        }
        // A reference that leads back to itself leads nowhere.
        let endless = Contract::Schema(json!({"$ref": "#", "anyOf": [{"$ref": "#"}]}));
        assert_eq!(endless.text_of(&json!({"b": 1, "a": 2})).as_deref(), Some(r#"{"b":1,"a":2}"#));
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
