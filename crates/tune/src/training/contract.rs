//! What answers must be, as it is given or as the examples say it themselves; and the examples' answers in its form.

use std::path::Path;

use serde_json::{Value, json};
use whit_engine::brick::Contract;
use whit_model::brick::Contract as Declared;

use crate::TuneError;
use crate::training::data::{DataSet, Input, Kind, said, shortened};

/// A contract, with the file that a brick has for it.
#[derive(Clone, Debug)]
pub struct Promise {
    /// As the card has it.
    pub declared: Declared,
    /// The content of its file.
    pub text: String,
    /// What it says.
    pub contract: Contract,
}

impl Promise {
    /// The contract that `given` names (`labels`, `text`, or a file of tools, of labels or of a schema); without, the one that
    /// the data says itself.
    ///
    /// # Errors
    /// If there is none, or its file is none.
    pub fn find(given: Option<&str>, data: &DataSet) -> Result<Promise, TuneError> {
        let missing = |problem: &str| Err(TuneError::Option(problem.into()));
        let path = data.path.as_path();
        match given {
            Some("labels") => Promise::labels(path, &data.labels().join("\n")),
            Some("text") => Promise::new(Declared::Text, path, String::new()),
            Some(file) => Promise::read(Path::new(file)),
            None => match data.kind()? {
                Kind::Labels => Promise::labels(path, &data.labels().join("\n")),
                Kind::Text => Promise::new(Declared::Text, path, String::new()),
                Kind::Calls if !data.tools.is_empty() => Promise::tools(path, &data.tools),
                Kind::Calls => missing(
                    "the answers are calls: say of which tools, with --contract tools.json (a list as OpenAI's API has it)",
                ),
                Kind::Json => {
                    missing("the answers are JSON: say what they must be, with --contract schema.json (a JSON Schema)")
                }
            },
        }
    }

    /// Reads a file of tools (a list), of labels (`.txt`, a line each), or of a JSON Schema.
    fn read(path: &Path) -> Result<Promise, TuneError> {
        let text = std::fs::read_to_string(path).map_err(|error| TuneError::file(path, error))?;
        if path.extension().is_some_and(|extension| extension == "txt") {
            return Promise::labels(path, text.trim_end());
        }
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            TuneError::file(path, format!("is neither a list of tools nor a JSON Schema ({error}); write it again"))
        })?;
        match value.as_array().or_else(|| value.get("tools")?.as_array()) {
            Some(tools) => Promise::tools(path, tools),
            None => Promise::new(Declared::Schema { file: "schema.json".into() }, path, text),
        }
    }

    fn labels(path: &Path, lines: &str) -> Result<Promise, TuneError> {
        Promise::new(Declared::Labels { file: "labels.txt".into() }, path, format!("{lines}\n"))
    }

    /// Some lists have functions without the envelope.
    fn tools(path: &Path, tools: &[Value]) -> Result<Promise, TuneError> {
        let with_envelope = |tool: &Value| match tool.get("function") {
            Some(_) => tool.clone(),
            None => json!({ "type": "function", "function": tool }),
        };
        let tools: Vec<Value> = tools.iter().map(with_envelope).collect();
        let text = format!("{:#}\n", Value::Array(tools));
        Promise::new(Declared::Tools { file: "tools.json".into() }, path, text)
    }

    fn new(declared: Declared, path: &Path, text: String) -> Result<Promise, TuneError> {
        let contract = Contract::parse(&declared, path, &text)?;
        Ok(Promise { declared, text, contract })
    }

    /// Whether answers are JSON.
    pub fn is_json(&self) -> bool {
        matches!(self.contract, Contract::Tools { .. } | Contract::Schema(_))
    }

    /// Brings the answers of all examples into the contract's form.
    ///
    /// # Errors
    /// If one of them cannot be brought into it.
    pub fn apply(&self, data: &mut DataSet) -> Result<(), TuneError> {
        for example in &mut data.examples {
            // In a conversation JSON is a text.
            if let (true, Input::Messages(_), Value::String(text)) = (self.is_json(), &example.input, &example.output)
                && let Ok(value) = serde_json::from_str(text)
            {
                example.output = value;
            }
            example.output = self.contract.in_order(&example.output).ok_or_else(|| {
                TuneError::Data(format!(
                    "the answer to {} does not keep the contract: {} is none of its {}",
                    shortened(&example.input.text()),
                    shortened(&said(&example.output)),
                    match &self.contract {
                        Contract::Tools { .. } => "calls",
                        Contract::Labels(_) => "labels",
                        _ => "answers",
                    }
                ))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::data::{Example, Split};

    fn tools() -> Promise {
        let parameters = json!({
            "type": "object",
            "properties": { "to": { "type": "string" }, "text": { "type": "string" } },
            "required": ["to"],
        });
        // Without its envelope.
        Promise::tools(Path::new("tools.json"), &[json!({ "name": "send", "parameters": parameters })]).unwrap()
    }

    fn applied(promise: &Promise, input: Input, output: Value) -> Result<Value, String> {
        let examples = vec![Example { input, output, split: Split::Train }];
        let mut data = DataSet { examples, ..DataSet::default() };
        promise.apply(&mut data).map_err(|error| error.to_string())?;
        Ok(data.examples.remove(0).output)
    }

    #[test]
    fn answers_get_the_order_of_the_contract() {
        let call = json!({ "arguments": { "text": "hi", "to": "Ana" }, "name": "send" });
        let output = applied(&tools(), Input::Text("a".into()), call).unwrap();
        assert_eq!(output.to_string(), r#"{"name":"send","arguments":{"to":"Ana","text":"hi"}}"#);
    }

    #[test]
    fn json_in_a_conversation_is_json_where_the_contract_wants_it() {
        let schema =
            Promise::new(Declared::Schema { file: "schema.json".into() }, Path::new("s"), "{}".into()).unwrap();
        let messages = || Input::Messages(vec![json!({ "role": "user", "content": "a" })]);
        assert_eq!(applied(&schema, messages(), r#"{"a": 1}"#.into()).unwrap(), json!({ "a": 1 }));
        assert_eq!(applied(&schema, messages(), "no JSON".into()).unwrap(), json!("no JSON"));
        assert_eq!(applied(&schema, Input::Text("a".into()), "1".into()).unwrap(), json!("1"));
    }

    #[test]
    fn answers_that_are_of_another_contract_are_refused() {
        let of = |output: Value| applied(&tools(), Input::Text("a".into()), output).unwrap_err();
        assert!(of(json!({ "name": "call", "arguments": {} })).contains("does not keep the contract"));
        assert!(of(json!("hi")).contains("\"hi\" is none of its calls"));
    }
}
