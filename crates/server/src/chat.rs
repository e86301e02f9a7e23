//! `POST /v1/chat/completions`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::alignment::Alignment;
use crate::app::{App, json};
use crate::openai::chat::{ChatAnswer, ChatChoice, ChatChunk, ChatChunkChoice, ChatDelta, ChatRequest, ChatResponse};
use crate::openai::logprobs::{ChatLogprob, ChatLogprobs};
use crate::openai::{ApiError, ErrorBody, Fields, Finish, Usage, now};
use crate::run::{self, Run};
use crate::service::Delta;
use crate::sse::{self, Chunks, Events};
use crate::thinking::{Parts, Thinking};
use crate::{ids, prompt};

/// Continues a conversation.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "OpenAI", request_body = ChatRequest,
    responses(
        (status = 200, content((ChatResponse = "application/json"), (ChatChunk = "text/event-stream"))),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody),
    )
)]
pub async fn completions(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (call, body) = app.call(request).await?;
    let size = body.len();
    let asked = prompt::aside(size, move || ChatRequest::read(Fields::parse(&body)?)).await?;
    let lease = app.fleet.acquire(&asked.model).await?;
    let ChatRequest { messages, stream, stream_options, logprobs, top_logprobs, sampling, response_format, .. } = asked;
    let variables = asked.chat_template_kwargs;
    let (lease, prompt, thinking) = prompt::aside(size, move || {
        let (prompt, thinking) = prompt::of_messages(lease.service(), messages, true, variables)?;
        Ok((lease, prompt, thinking))
    })
    .await?;
    prompt::check(lease.service(), &app.limits, &prompt, "messages")?;
    // What must be JSON from its first character on leaves no room for thinking before it.
    let thinking = if response_format.is_some() { Thinking::after("", false) } else { thinking };
    let (lease, constraint) = run::constrain(lease, response_format).await?;
    let most = asked.max_completion_tokens.or(asked.max_tokens);
    let logprobs = logprobs.then_some(top_logprobs.unwrap_or(0));
    let requests =
        run::requests(lease.service(), &app.limits, &sampling, vec![prompt], most, logprobs, constraint.as_ref())?;
    // To count the tokens of the thinking, its end must be seen when it comes.
    let by_step = stream || thinking.may_think();
    let choices = vec![Choice::new(thinking, logprobs.is_some()); requests.len()];
    let run = Run::start(call, lease, requests, sampling.choices(), by_step, sampling.user.clone())?;
    let answer = Answering { id: format!("chatcmpl-{}", ids::unique()), created: now(), choices };
    match stream {
        true => {
            let with_usage = stream_options.include_usage == Some(true);
            Ok(sse::response(run, Streamed { model: asked.model, with_usage, answer }))
        }
        false => answer.whole(run, asked.model).await,
    }
}

/// An answer in the making.
struct Answering {
    id: String,
    created: u64,
    choices: Vec<Choice>,
}

/// One of its choices.
#[derive(Clone)]
struct Choice {
    thinking: Thinking,
    /// If log-probabilities are wanted.
    alignment: Option<Alignment>,
}

impl Choice {
    fn new(thinking: Thinking, logprobs: bool) -> Choice {
        Choice { thinking, alignment: logprobs.then(Alignment::default) }
    }

    /// What a step brought, as a client is told it.
    fn take(&mut self, run: &mut Run, delta: Delta) -> (Parts, Option<Vec<ChatLogprob>>, Option<Finish>) {
        let was_thinking = self.thinking.is_thinking();
        let mut parts = self.thinking.push(&delta.text);
        if was_thinking {
            run.thought(delta.tokens);
        }
        let finish = delta.end.and_then(Result::ok).map(|(reason, _)| Finish::from(reason));
        if finish.is_some() {
            let rest = self.thinking.finish();
            parts.reasoning.push_str(&rest.reasoning);
            parts.content.push_str(&rest.content);
        }
        let tokenizer = &run.lease.service().tokenizer;
        let is_cut = finish == Some(Finish::Length);
        let logprobs = self.alignment.as_mut().map(|alignment| {
            let tokens = alignment.push(tokenizer, delta.logprobs, &delta.text, is_cut);
            tokens.map(|token| ChatLogprob::new(tokenizer, token.id, &token.logprob)).collect()
        });
        (parts, logprobs, finish)
    }
}

impl Answering {
    /// The answer when all of it is there.
    async fn whole(self, run: Run, model: String) -> Result<Response, ApiError> {
        let Answering { id, created, mut choices } = self;
        let empty = |(index, choice): (usize, &Choice)| ChatChoice {
            index,
            message: ChatAnswer { role: "assistant", content: String::new(), reasoning_content: None, refusal: () },
            logprobs: choice.alignment.as_ref().map(|_| ChatLogprobs::default()),
            finish_reason: Finish::Stop,
        };
        let mut done: Vec<ChatChoice> = choices.iter().enumerate().map(empty).collect();
        let usage = run.collect(|run, delta| {
            let index = delta.choice;
            let (parts, logprobs, finish) = choices[index].take(run, delta);
            let choice = &mut done[index];
            choice.message.content.push_str(&parts.content);
            if !parts.reasoning.is_empty() {
                choice.message.reasoning_content.get_or_insert_default().push_str(&parts.reasoning);
            }
            if let Some(all) = &mut choice.logprobs {
                all.content.extend(logprobs.unwrap_or_default());
            }
            choice.finish_reason = finish.unwrap_or(choice.finish_reason);
        });
        let usage = usage.await?;
        Ok(json(&ChatResponse { id, object: "chat.completion", created, model, choices: done, usage }))
    }
}

/// An answer in chunks.
struct Streamed {
    model: String,
    with_usage: bool,
    answer: Answering,
}

impl Streamed {
    fn send(&self, out: &mut Events, choices: &[ChatChunkChoice], usage: Option<Usage>) {
        out.send(&ChatChunk {
            id: &self.answer.id,
            object: "chat.completion.chunk",
            created: self.answer.created,
            model: &self.model,
            choices,
            usage: self.with_usage.then_some(usage),
        });
    }
}

impl Chunks for Streamed {
    fn begin(&mut self, out: &mut Events) {
        for index in 0..self.answer.choices.len() {
            let delta = ChatDelta { role: Some("assistant"), content: Some(""), ..ChatDelta::default() };
            self.send(out, &[ChatChunkChoice { index, delta, logprobs: None, finish_reason: None }], None);
        }
    }

    fn push(&mut self, run: &mut Run, delta: Delta, out: &mut Events) {
        let index = delta.choice;
        let (parts, logprobs, finish_reason) = self.answer.choices[index].take(run, delta);
        let mut logprobs =
            logprobs.filter(|content| !content.is_empty()).map(|content| ChatLogprobs { content, refusal: () });
        if !parts.reasoning.is_empty() {
            let delta = ChatDelta { reasoning_content: Some(&parts.reasoning), ..ChatDelta::default() };
            // Thinking and saying share a step at most once; its tokens are told with whichever comes last.
            let logprobs = if parts.content.is_empty() { logprobs.take() } else { None };
            self.send(out, &[ChatChunkChoice { index, delta, logprobs, finish_reason: None }], None);
        }
        if !parts.content.is_empty() || logprobs.is_some() {
            let delta = ChatDelta { content: Some(&parts.content), ..ChatDelta::default() };
            self.send(out, &[ChatChunkChoice { index, delta, logprobs, finish_reason: None }], None);
        }
        if finish_reason.is_some() {
            let delta = ChatDelta::default();
            self.send(out, &[ChatChunkChoice { index, delta, logprobs: None, finish_reason }], None);
        }
    }

    fn end(&mut self, usage: Usage, out: &mut Events) {
        if self.with_usage {
            self.send(out, &[], Some(usage));
        }
    }
}
