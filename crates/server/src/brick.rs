//! Answers of bricks, to chats and to completions: told whole, for only a whole answer keeps a contract.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use whit_engine::brick::{Contract, Job};
use whit_engine::{EngineError, Request};

use crate::app::{App, json_with};
use crate::ledger::BETWEEN_TEXTS;
use crate::openai::brick::{BrickNote, BrickRequest};
use crate::openai::chat::{ChatAnswer, ChatChoice, ChatChunk, ChatChunkChoice, ChatDelta, ChatResponse};
use crate::openai::completions::{CompletionChoice, CompletionResponse};
use crate::openai::{ApiError, CallDelta, Ending, Fields, Finish, FunctionDelta, Usage, now};
use crate::run::{Call, Run};
use crate::service::Delta;
use crate::sse::{self, Chunks, Events};
use crate::tools::Syntax;
use crate::{ids, prompt};

/// A brick on a loaded model.
pub struct Brick {
    /// From inputs to answers.
    pub job: Job,
    /// Its name, by its card.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A request, read as what it is for takes it.
pub enum Asked<R> {
    Model(R),
    Brick(Box<BrickRequest>),
}

/// Reads a request's body, where it may take its time: for a brick with `brick`, for anything else with `model`.
///
/// # Errors
/// Those of the one that reads it.
pub async fn read<R: Send + 'static>(
    app: &App,
    body: Bytes,
    model: fn(Fields) -> Result<R, ApiError>,
    brick: fn(Fields) -> Result<BrickRequest, ApiError>,
) -> Result<Asked<R>, ApiError> {
    let fleet = app.fleet.clone();
    prompt::aside(body.len(), move || {
        let fields = Fields::parse(&body)?;
        match fields.text("model").is_some_and(|name| fleet.is_brick(name)) {
            true => brick(fields).map(|asked| Asked::Brick(asked.into())),
            false => model(fields).map(Asked::Model),
        }
    })
    .await
}

/// How an answer is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Chat,
    Completion,
}

/// Answers, a choice for each input. The body had so many `bytes`.
///
/// # Errors
/// If an input cannot be asked, or the model takes no requests.
pub async fn answer(
    app: &App,
    mut call: Call,
    asked: BrickRequest,
    form: Form,
    bytes: usize,
) -> Result<Response, ApiError> {
    let lease = call.lease(&app.fleet, &asked.model).await?;
    let BrickRequest { model, inputs, param, stream, stream_options, max_tokens, sampling } = asked;
    let most = app.limits.choices.min(app.limits.queue);
    if inputs.len() > most {
        let message = format!("{} answers are more than the {most} of one call", inputs.len());
        return Err(ApiError::invalid(message).param(param));
    }
    let limits = app.limits.clone();
    let (lease, inputs, requests) = prompt::aside(bytes, move || {
        let service = lease.service();
        let request = |input: &String| {
            let request = of(service.brick.as_ref())?.job.request(input).map_err(|error| refused(&error, param))?;
            prompt::check(service, &limits, &request.prompt, param)?;
            let max_tokens = request.max_tokens.into_iter().chain(max_tokens).chain(limits.answer_tokens).min();
            Ok::<Request, ApiError>(Request { max_tokens, ..request })
        };
        let requests = inputs.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        Ok((lease, inputs, requests))
    })
    .await?;
    call.prompt = call.row.keeps_texts().then(|| inputs.join(BETWEEN_TEXTS));
    let service = lease.service();
    let (brick, syntax) = (of(service.brick.as_ref())?.clone(), service.syntax);
    let run = Run::start(call, lease, requests, &sampling, false, false, app)?;
    let kind = if form == Form::Chat { "chatcmpl" } else { "cmpl" };
    let id = format!("{kind}-{}", ids::unique());
    let with_usage = stream_options.include_usage == Some(true);
    let answer = Answering { id, created: now(), model, brick, syntax, form, with_usage };
    match stream {
        true => Ok(sse::response(run, answer)),
        false => answer.whole(run).await,
    }
}

/// What was asked for as a brick is one.
fn of(brick: Option<&Arc<Brick>>) -> Result<&Arc<Brick>, ApiError> {
    brick.ok_or_else(|| ApiError::internal("whit made a mistake with this brick; please report it"))
}

/// Why an input cannot be asked.
fn refused(error: &EngineError, param: &str) -> ApiError {
    match error {
        EngineError::Model(error) => prompt::refused(error, param),
        other => ApiError::invalid(other.to_string()).param(param),
    }
}

/// An answer in the making.
struct Answering {
    id: String,
    created: u64,
    model: String,
    brick: Arc<Brick>,
    syntax: &'static Syntax,
    form: Form,
    with_usage: bool,
}

/// One choice, whole.
struct Told {
    index: usize,
    /// `None`: null.
    content: Option<String>,
    call: Option<CallDelta>,
    ending: Ending,
    note: BrickNote,
}

impl Answering {
    fn take(&self, run: &mut Run, delta: Delta) -> Told {
        let Delta { choice: index, text, end, confidence, .. } = delta;
        // What failed ends the run, and is not told.
        let cut = Ending { finish: Finish::Length, cut_by: None };
        let ending = end.and_then(Result::ok).map_or(cut, Ending::from);
        let contract = (self.form == Form::Chat).then(|| self.brick.job.contract());
        let (content, function, finish) = said(contract, text, ending);
        let ending = Ending { finish, ..ending };
        let id = || Some(self.syntax.call_id(ids::number()));
        let call = function.map(|function| CallDelta { index: None, id: id(), kind: Some("function"), function });
        run.ended(ending);
        let Brick { name, version, .. } = &*self.brick;
        let note = BrickNote { brick: name.clone(), version: version.clone(), confidence };
        Told { index, content, call, ending, note }
    }

    /// The answer when all of it is there.
    async fn whole(self, run: Run) -> Result<Response, ApiError> {
        let mut told: Vec<Told> = vec![];
        let usage = run.collect(|run, delta| told.push(self.take(run, delta))).await?;
        told.sort_by_key(|told| told.index);
        let receipt = usage.whit.as_ref();
        if self.form == Form::Completion {
            let choices: Vec<CompletionChoice> = told.into_iter().map(completion).collect();
            return Ok(json_with(receipt, &self.completion(&choices, Some(Some(usage)))));
        }
        let choice = |Told { index, content, call, ending, note }| ChatChoice {
            index,
            message: ChatAnswer {
                role: "assistant",
                content,
                reasoning_content: None,
                tool_calls: Vec::from_iter(call),
                refusal: (),
            },
            logprobs: None,
            finish_reason: ending.finish,
            cut_by: ending.cut_by,
            whit: Some(note),
        };
        let choices = told.into_iter().map(choice).collect();
        let Answering { id, created, model, .. } = self;
        let response = ChatResponse { id, object: "chat.completion", created, model, choices, usage };
        Ok(json_with(receipt, &response))
    }

    fn completion<'a>(
        &'a self,
        choices: &'a [CompletionChoice<'a>],
        usage: Option<Option<Usage>>,
    ) -> CompletionResponse<'a> {
        let Answering { id, created, model, .. } = self;
        CompletionResponse { id, object: "text_completion", created: *created, model, choices, usage }
    }

    fn send_chat(&self, out: &mut Events, choices: &[ChatChunkChoice], usage: Option<Usage>) {
        out.send(&ChatChunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: self.with_usage.then_some(usage),
        });
    }
}

/// What a text says as an answer of a chat: content (`None`: null) or a call, and why it ended. A text that was cut is no call.
fn said(contract: Option<&Contract>, text: String, ending: Ending) -> (Option<String>, Option<FunctionDelta>, Finish) {
    let tools = contract.filter(|contract| !ending.is_cut() && matches!(contract, Contract::Tools { .. }));
    match tools.and_then(|tools| tools.output_of(&text)) {
        None => (Some(text), None, ending.finish),
        Some(Value::Null) => (None, None, ending.finish),
        Some(call) => {
            let name = call["name"].as_str().map(str::to_owned);
            (None, Some(FunctionDelta { name, arguments: call["arguments"].to_string() }), Finish::ToolCalls)
        }
    }
}

fn completion(told: Told) -> CompletionChoice<'static> {
    CompletionChoice {
        index: told.index,
        text: told.content.unwrap_or_default().into(),
        logprobs: None,
        finish_reason: Some(told.ending.finish),
        cut_by: told.ending.cut_by,
        whit: Some(told.note),
    }
}

impl Chunks for Answering {
    fn begin(&mut self, _: &mut Events) {}

    fn push(&mut self, run: &mut Run, delta: Delta, out: &mut Events) {
        let told = self.take(run, delta);
        if self.form == Form::Completion {
            return out.send(&self.completion(&[completion(told)], self.with_usage.then_some(None)));
        }
        let Told { index, content, call, ending, note } = told;
        let calls: Vec<CallDelta> = call.into_iter().map(|call| CallDelta { index: Some(0), ..call }).collect();
        let said = ChatDelta {
            role: Some("assistant"),
            content: content.as_deref(),
            tool_calls: &calls,
            ..ChatDelta::default()
        };
        let chunk = |delta, ending: Option<Ending>, whit| {
            let (finish_reason, cut_by) = (ending.map(|ending| ending.finish), ending.and_then(|ending| ending.cut_by));
            ChatChunkChoice { index, delta, logprobs: None, finish_reason, cut_by, whit }
        };
        self.send_chat(out, &[chunk(said, None, None)], None);
        self.send_chat(out, &[chunk(ChatDelta::default(), Some(ending), Some(note))], None);
    }

    fn end(&mut self, usage: Usage, out: &mut Events) {
        match self.form {
            _ if !self.with_usage => {}
            Form::Chat => self.send_chat(out, &[], Some(usage)),
            Form::Completion => out.send(&self.completion(&[], Some(Some(usage)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_call_and_null_is_no_content() {
        let tools = Contract::Tools { names: vec!["f".into()], schema: Value::Null };
        let labels = Contract::Labels(vec!["null".into()]);
        let call = r#"{"name":"f","arguments":{"b":1,"a":"x"}}"#;
        let function = FunctionDelta { name: Some("f".into()), arguments: r#"{"b":1,"a":"x"}"#.into() };
        for (contract, text, finish, expected) in [
            (Some(&tools), call, Finish::Stop, (None, Some(function), Finish::ToolCalls)),
            (Some(&tools), "null", Finish::Stop, (None, None, Finish::Stop)),
            (Some(&tools), "{\"name\"", Finish::Length, (Some("{\"name\"".into()), None, Finish::Length)),
            (Some(&tools), call, Finish::Budget, (Some(call.into()), None, Finish::Budget)),
            (Some(&labels), "null", Finish::Stop, (Some("null".into()), None, Finish::Stop)),
            (None, call, Finish::Stop, (Some(call.into()), None, Finish::Stop)),
        ] {
            assert_eq!(said(contract, text.into(), Ending { finish, cut_by: None }), expected, "{text}");
        }
    }
}
