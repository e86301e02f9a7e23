//! Constrains an answer to calls of the tools that are offered: grammars in the dialect of Lark that llguidance takes
//! (its `docs/syntax.md`).

use std::fmt::{self, Display};

use serde_json::{Map, Value, json};

use super::{CallLayout, Marker, Several, Syntax, Tool, ToolChoice, python_calls::push_text, python_grammar};

/// Where llguidance looks for its options in a schema.
const OPTIONS: &str = "x-guidance";

/// Why an answer cannot be constrained as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarError {
    /// A call is required, and there is no tool.
    NoTools,
    /// A tool is named that is not offered.
    UnknownTool(String),
    /// A tool's name cannot be written in the model's syntax.
    Name(String),
    /// A tool's parameters are not a schema that can be enforced in the model's syntax.
    Parameters {
        /// The tool's name.
        tool: String,
        /// What is wrong with them.
        reason: String,
    },
}

impl Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GrammarError::NoTools => write!(f, "a tool call is required, and no tool is given"),
            GrammarError::UnknownTool(tool) => write!(f, "the tool `{tool}` is required, and not among those given"),
            GrammarError::Name(tool) => {
                write!(f, "this model cannot call a tool named `{tool}`: use letters, digits, `_`, `-` and `.`")
            }
            GrammarError::Parameters { tool, reason } => write!(f, "the parameters of the tool `{tool}`: {reason}"),
        }
    }
}

impl std::error::Error for GrammarError {}

impl Syntax {
    /// The grammar that holds an answer to `choice`, for llguidance: where calls are required they fit the tools'
    /// parameters; where the model decides there is text, and should a call begin it is of a tool that is offered, and
    /// the arguments of strict ones fit. `None` where nothing is to be held: without calls, or without strict tools where
    /// several calls may come.
    ///
    /// `parallel` allows several calls, in syntaxes that have them. `token` has the token that is a marker
    /// ([`markers`](Syntax::markers)) as a whole, where the vocabulary has one. Properties that a schema neither names
    /// nor speaks of (`additionalProperties`) are left out; whitespace is that of the model's training.
    ///
    /// # Errors
    ///
    /// When `choice` asks for a tool that is not there, or a tool's name or parameters cannot be held to in this
    /// syntax. What is wrong within a schema is told when the grammar is compiled.
    pub fn grammar(
        &self,
        tools: &[Tool],
        choice: &ToolChoice,
        parallel: bool,
        token: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<Option<String>, GrammarError> {
        let auto = *choice == ToolChoice::Auto;
        let callable: Vec<&Tool> = match choice {
            ToolChoice::Auto if tools.is_empty() => return Ok(None),
            ToolChoice::Auto if parallel && !tools.iter().any(|tool| tool.strict) => return Ok(None),
            ToolChoice::Auto | ToolChoice::Required => tools.iter().collect(),
            ToolChoice::Named(name) => match tools.iter().find(|tool| tool.name == *name) {
                Some(tool) => vec![tool],
                None => return Err(GrammarError::UnknownTool(name.clone())),
            },
        };
        if callable.is_empty() {
            return Err(GrammarError::NoTools);
        }
        let several = parallel && !matches!(choice, ToolChoice::Named(_));

        let mut lark = Lark { rules: String::new(), count: 0, token };
        let mut alternatives = Vec::new();
        for tool in callable {
            let body = lark.call(self.layout.call, tool, !auto || tool.strict)?;
            alternatives.push(lark.rule(&body));
        }
        let call = lark.rule(&alternatives.join(" | "));
        let calls = self.calls(&mut lark, &call, several);
        let start = if auto { self.free(&mut lark, &calls) } else { self.forced(&lark, &calls) };
        Ok(Some(format!("start: {start}\n{}", lark.rules)))
    }

    /// The calls of an answer, behind the first opening marker.
    fn calls(&self, lark: &mut Lark<'_>, call: &str, several: bool) -> String {
        let layout = &self.layout;
        let (head, tail) = (literal(layout.head), literal(layout.tail));
        let close = layout.close.map_or(String::new(), |close| lark.marker(close));
        let list = match layout.several {
            Several::List(between) if several => format!("{call} ({} {call})*", literal(between)),
            _ => call.to_owned(),
        };
        let block = lark.rule(&format!("{head} {list} {tail} {close}"));
        match (layout.several, layout.open) {
            (Several::Blocks(between), Some(Marker::Needed(open))) if several => {
                let next = format!("{} {} {block}", literal(between), lark.marker(open));
                lark.rule(&format!("{block} ({next})*"))
            }
            _ => block,
        }
    }

    fn forced(&self, lark: &Lark<'_>, calls: &str) -> String {
        match self.layout.open {
            Some(Marker::Needed(open)) => format!("{} {calls}", lark.marker(open)),
            Some(Marker::Allowed(open)) => match (lark.token)(open) {
                Some(id) => format!("<[{id}]>? {calls}"),
                None => calls.to_owned(),
            },
            None => calls.to_owned(),
        }
    }

    /// Text, or calls as soon as something begins them.
    fn free(&self, lark: &mut Lark<'_>, calls: &str) -> String {
        // A line that begins as calls do is calls.
        let line = self.bare.map(|bare| format!("[ \\t\\r]*([^ \\t\\r\\n\\{bare}][^\\n]*)?"));
        let text = line.map_or("(?s:.*)".to_owned(), |line| format!("{line}(\\n{line})*"));
        lark.rules.push_str(&format!("TEXT: /{text}/\n"));

        let (tokens, words): (Vec<&str>, Vec<&str>) = self.opens.iter().partition(|open| (lark.token)(open).is_some());
        let mut start = String::from("TEXT");
        if !words.is_empty() {
            let words: Vec<String> = words.into_iter().map(literal).collect();
            lark.rules.push_str(&format!("lead[lazy]: TEXT ({})\n", words.join(" | ")));
            start.push_str(&format!(" | lead {calls}"));
        }
        if !tokens.is_empty() {
            let tokens: Vec<String> = tokens.into_iter().map(|open| lark.marker(open)).collect();
            start.push_str(&format!(" | TEXT ({}) {calls}", tokens.join(" | ")));
        }
        if self.bare.is_some() && !matches!(self.layout.open, Some(Marker::Needed(_))) {
            start.push_str(&format!(" | TEXT {calls}"));
        }
        start
    }
}

/// Where a model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thinking<'a> {
    /// What begins it.
    pub open: &'a str,
    /// What ends it.
    pub close: &'a str,
    /// Whether the prompt has begun it already.
    pub begun: bool,
}

impl Thinking<'_> {
    /// The grammar of an answer that is held to `grammar`, as [`Syntax::grammar`] gives it, once the model is done
    /// thinking; which it may leave out, unless the prompt has begun it. `token` as there.
    pub fn before(&self, grammar: &str, token: &dyn Fn(&str) -> Option<u32>) -> String {
        let lark = Lark { rules: String::new(), count: 0, token };
        let thought = match token(self.close) {
            Some(id) => format!("thought: /(?s:.*)/ <[{id}]>\n"),
            None => format!("thought[lazy]: /(?s:.*)/ {}\n", literal(self.close)),
        };
        let first = match self.begun {
            true => "thought NEW_LINES".to_owned(),
            false => format!("({} thought NEW_LINES)?", lark.marker(self.open)),
        };
        let answer = grammar.strip_prefix("start:").unwrap_or(grammar);
        format!("start: {first} answer\n{thought}NEW_LINES: /\\n{{0,2}}/\nanswer:{answer}")
    }
}

/// A grammar that is being written.
pub(super) struct Lark<'a> {
    rules: String,
    count: usize,
    token: &'a dyn Fn(&str) -> Option<u32>,
}

impl Lark<'_> {
    /// Adds a rule. Returns its name.
    pub(super) fn rule(&mut self, body: &str) -> String {
        self.recursive_rule(|_| body.to_owned())
    }

    /// Adds a rule whose body has the rule's name in it. Returns the name.
    pub(super) fn recursive_rule(&mut self, body: impl FnOnce(&str) -> String) -> String {
        let name = format!("r{}", self.count);
        self.count += 1;
        self.rules.push_str(&format!("{name}: {}\n", body(&name)));
        name
    }

    fn marker(&self, marker: &str) -> String {
        match (self.token)(marker) {
            Some(id) => format!("<[{id}]>"),
            None => literal(marker),
        }
    }

    /// A call of `tool`: with arguments that fit its parameters where they are `enforced`, else with any.
    fn call(&mut self, layout: CallLayout, tool: &Tool, enforced: bool) -> Result<String, GrammarError> {
        match layout {
            CallLayout::Python => {
                quoteless(&tool.name)?;
                let parameters = if enforced { Some(parameters(tool)?) } else { None };
                let arguments = python_grammar::arguments(self, tool, parameters.as_ref())?;
                Ok(format!("{} {arguments} {}", literal(&format!("{}(", tool.name)), literal(")")))
            }
            CallLayout::Json { arguments } => {
                let mut start = String::from("{\"name\": ");
                push_text(&tool.name, &mut start);
                start.push_str(&format!(", \"{arguments}\": "));
                Ok(format!("{} {} {}", literal(&start), self.arguments(tool, enforced)?, literal("}")))
            }
            CallLayout::Named { call_id } => {
                quoteless(&tool.name)?;
                let id =
                    if call_id { format!("{} /[a-zA-Z0-9]{{9}}/", self.marker("[CALL_ID]")) } else { String::new() };
                let args = self.marker("[ARGS]");
                Ok(format!("{} {id} {args} {}", literal(&tool.name), self.arguments(tool, enforced)?))
            }
        }
    }

    fn arguments(&mut self, tool: &Tool, enforced: bool) -> Result<String, GrammarError> {
        let schema = if enforced { parameters(tool)? } else { Map::from_iter([("type".into(), json!("object"))]) };
        Ok(self.rule(&json_rule(schema)))
    }
}

/// A text as a terminal; nothing for an empty one.
pub(super) fn literal(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    push_text(text, &mut out);
    out.replace('\u{7f}', "\\u007f")
}

/// JSON that fits `schema`, with the whitespace of Python's `json.dumps`, as the templates write it.
pub(super) fn json_rule(mut schema: Map<String, Value>) -> String {
    let whitespace = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
    schema.insert(OPTIONS.into(), whitespace);
    format!("%json {}", Value::Object(schema))
}

/// A name that stands in a call without quotes.
fn quoteless(name: &str) -> Result<(), GrammarError> {
    if python_grammar::is_name(name) { Ok(()) } else { Err(GrammarError::Name(name.to_owned())) }
}

/// The schema of a function without parameters.
pub(super) fn no_parameters() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// The schema of a tool's arguments: an object, with properties of its own choice only where it speaks of them.
fn parameters(tool: &Tool) -> Result<Map<String, Value>, GrammarError> {
    let error = |reason: &str| GrammarError::Parameters { tool: tool.name.clone(), reason: reason.to_owned() };
    let mut schema = match &tool.parameters {
        Value::Null => return Ok(no_parameters().as_object().cloned().unwrap_or_default()),
        Value::Object(schema) => schema.clone(),
        _ => return Err(error("not a JSON Schema of an object")),
    };
    if schema.contains_key(OPTIONS) {
        return Err(error(&format!("whit does not know `{OPTIONS}`")));
    }
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        None => {
            schema.insert("type".into(), json!("object"));
        }
        Some(other) => return Err(error(&format!("`type` is {other}, and arguments are an \"object\""))),
    }
    const SPEAK_OF_OTHERS: [&str; 10] = [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "$ref",
        "if",
    ];
    let named = schema.get("properties").and_then(Value::as_object);
    let closes = named.is_some_and(|properties| {
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        required.iter().all(|name| name.as_str().is_some_and(|name| properties.contains_key(name)))
    });
    if closes && !SPEAK_OF_OTHERS.iter().any(|keyword| schema.contains_key(*keyword)) {
        schema.insert("additionalProperties".into(), json!(false));
    }
    Ok(schema)
}
