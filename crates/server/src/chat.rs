//! `POST /v1/chat/completions`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::alignment::Alignment;
use crate::app::{App, json_with};
use crate::brick::{self, Asked, Form};
use crate::calls::{Calls, Said};
use crate::openai::brick::BrickRequest;
use crate::openai::chat::{ChatAnswer, ChatChoice, ChatChunk, ChatChunkChoice, ChatDelta, ChatRequest, ChatResponse};
use crate::openai::logprobs::{ChatLogprob, ChatLogprobs};
use crate::openai::{ApiError, Ending, ErrorBody, Finish, Usage, now};
use crate::prompt::Read;
use crate::run::{self, Run};
use crate::service::Delta;
use crate::sse::{self, Chunks, Events};
use crate::thinking::{self, Thinking};
use crate::{ids, prompt, shape};

/// Continues a conversation.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "OpenAI", request_body = ChatRequest,
    responses(
        (status = 200, content((ChatResponse = "application/json"), (ChatChunk = "text/event-stream"))),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody),
    )
)]
pub async fn completions(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (mut call, body) = app.call(request).await?;
    let size = body.len();
    let asked = match brick::read(&app, body, ChatRequest::read, BrickRequest::of_chat).await? {
        Asked::Model(asked) => asked,
        Asked::Brick(asked) => return brick::answer(&app, call, *asked, Form::Chat, size).await,
    };
    let lease = call.lease(&app.fleet, &asked.model).await?;
    let ChatRequest { messages, stream, stream_options, logprobs, top_logprobs, sampling, .. } = asked;
    let (format, variables, offer) = (asked.response_format, asked.chat_template_kwargs, asked.offer);
    let (lease, text, prompt, grammar, thinking, offer) = prompt::aside(size, move || {
        let service = lease.service();
        let Read { text, tokens, thinking } = prompt::of_messages(service, messages, offer.as_ref(), true, variables)?;
        let (grammar, thinking) = shape::grammar(service, format, offer.as_ref(), thinking)?;
        Ok((lease, text, tokens, grammar, thinking, offer))
    })
    .await?;
    call.prompt = call.row.keeps_texts().then_some(text);
    prompt::check(lease.service(), &app.limits, &prompt, "messages")?;
    let (lease, constraint) = run::constrain(lease, grammar, offer.is_some()).await?;
    let most = asked.max_completion_tokens.or(asked.max_tokens);
    let logprobs = logprobs.then_some(top_logprobs.unwrap_or(0));
    let mut requests =
        run::requests(lease.service(), &app.limits, &sampling, vec![prompt], most, logprobs, constraint.as_ref())?;
    let reader = offer.map(|offer| {
        let syntax = lease.service().syntax;
        let shown: Vec<u32> = syntax.markers().filter_map(|marker| lease.service().control_token(marker)).collect();
        requests.iter_mut().for_each(|request| request.shown_tokens.extend_from_slice(&shown));
        Calls::new(syntax, &offer.tools)
    });
    if thinking.may_think() {
        let marks = [thinking::OPENS, thinking::CLOSES].map(|mark| lease.service().control_token(mark));
        requests.iter_mut().for_each(|request| request.shown_tokens.extend(marks.iter().flatten()));
    }
    // To count the tokens of the thinking, its end must be seen when it comes.
    let by_step = stream || thinking.may_think();
    let shown = requests.first().map_or(&[][..], |request| &request.shown_tokens);
    let alignment = logprobs.map(|_| Alignment::showing(shown));
    let choices = vec![Choice { thinking, calls: reader, alignment }; requests.len()];
    let run = Run::start(call, lease, requests, &sampling, by_step, false, &app)?;
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
    /// If tools are offered.
    calls: Option<Calls>,
    /// If log-probabilities are wanted.
    alignment: Option<Alignment>,
}

/// What a step brought, as a client is told it.
struct News {
    /// Text of the thinking.
    reasoning: String,
    /// What was said and called.
    said: Vec<Said>,
    logprobs: Option<Vec<ChatLogprob>>,
    ending: Option<Ending>,
}

impl Choice {
    fn take(&mut self, run: &mut Run, delta: Delta) -> News {
        let was_thinking = self.thinking.is_thinking();
        let mut parts = self.thinking.push(&delta.text);
        if was_thinking {
            run.thought(delta.tokens);
        }
        let mut ending = delta.end.and_then(Result::ok).map(Ending::from);
        if ending.is_some() {
            let rest = self.thinking.finish();
            parts.reasoning.push_str(&rest.reasoning);
            parts.content.push_str(&rest.content);
        }
        let is_cut = ending.is_some_and(Ending::is_cut);
        let said = match &mut self.calls {
            None if parts.content.is_empty() => vec![],
            None => vec![Said::Text(parts.content)],
            Some(calls) => {
                let mut said = calls.push(&parts.content);
                if let Some(ending) = &mut ending {
                    said.extend(calls.finish());
                    if calls.have_ended() && !is_cut {
                        ending.finish = Finish::ToolCalls;
                    }
                }
                said
            }
        };
        if let Some(ending) = ending {
            run.ended(ending);
        }
        let tokenizer = &run.tokenizer;
        let logprobs = self.alignment.as_mut().map(|alignment| {
            let tokens = alignment.push(tokenizer, delta.logprobs, &delta.text, is_cut);
            tokens.map(|token| ChatLogprob::new(tokenizer, token.id, &token.logprob)).collect()
        });
        News { reasoning: parts.reasoning, said, logprobs, ending }
    }
}

impl Answering {
    /// The answer when all of it is there.
    async fn whole(self, run: Run, model: String) -> Result<Response, ApiError> {
        let Answering { id, created, mut choices } = self;
        let empty = |(index, choice): (usize, &Choice)| ChatChoice {
            index,
            message: ChatAnswer {
                role: "assistant",
                content: Some(String::new()),
                reasoning_content: None,
                tool_calls: vec![],
                refusal: (),
            },
            logprobs: choice.alignment.as_ref().map(|_| ChatLogprobs::default()),
            finish_reason: Finish::Stop,
            cut_by: None,
            whit: None,
        };
        let mut done: Vec<ChatChoice> = choices.iter().enumerate().map(empty).collect();
        let usage = run.collect(|run, delta| {
            let index = delta.choice;
            let news = choices[index].take(run, delta);
            let choice = &mut done[index];
            news.said.into_iter().for_each(|said| said.join(&mut choice.message));
            if !news.reasoning.is_empty() {
                choice.message.reasoning_content.get_or_insert_default().push_str(&news.reasoning);
            }
            if let Some(all) = &mut choice.logprobs {
                all.content.extend(news.logprobs.unwrap_or_default());
            }
            if let Some(Ending { finish, cut_by }) = news.ending {
                (choice.finish_reason, choice.cut_by) = (finish, cut_by);
            }
        });
        let usage = usage.await?;
        for message in
            done.iter_mut().map(|choice| &mut choice.message).filter(|message| !message.tool_calls.is_empty())
        {
            message.content = message.content.take().filter(|content| !content.is_empty());
        }
        let response = ChatResponse { id, object: "chat.completion", created, model, choices: done, usage };
        Ok(json_with(usage.whit.as_ref(), &response))
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
            self.send(
                out,
                &[ChatChunkChoice { index, delta, logprobs: None, finish_reason: None, cut_by: None, whit: None }],
                None,
            );
        }
    }

    fn push(&mut self, run: &mut Run, delta: Delta, out: &mut Events) {
        let index = delta.choice;
        let News { reasoning, said, logprobs, ending } = self.answer.choices[index].take(run, delta);
        let mut deltas: Vec<ChatDelta> = Vec::with_capacity(said.len() + 1);
        if !reasoning.is_empty() {
            deltas.push(ChatDelta { reasoning_content: Some(&reasoning), ..ChatDelta::default() });
        }
        deltas.extend(said.iter().filter_map(Said::delta));
        // A step's tokens are told with the last of what it brought.
        let mut logprobs =
            logprobs.filter(|content| !content.is_empty()).map(|content| ChatLogprobs { content, refusal: () });
        if deltas.is_empty() && logprobs.is_some() {
            deltas.push(ChatDelta { content: Some(""), ..ChatDelta::default() });
        }
        let last = deltas.len().saturating_sub(1);
        for (at, delta) in deltas.into_iter().enumerate() {
            let logprobs = if at == last { logprobs.take() } else { None };
            self.send(
                out,
                &[ChatChunkChoice { index, delta, logprobs, finish_reason: None, cut_by: None, whit: None }],
                None,
            );
        }
        if let Some(Ending { finish, cut_by }) = ending {
            let (delta, finish_reason) = (ChatDelta::default(), Some(finish));
            self.send(
                out,
                &[ChatChunkChoice { index, delta, logprobs: None, finish_reason, cut_by, whit: None }],
                None,
            );
        }
    }

    fn end(&mut self, usage: Usage, out: &mut Events) {
        if self.with_usage {
            self.send(out, &[], Some(usage));
        }
    }
}
