//! `POST /v1/completions`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::alignment::Alignment;
use crate::app::{App, json_with};
use crate::brick::{self, Asked, Form};
use crate::openai::brick::BrickRequest;
use crate::openai::completions::{CompletionChoice, CompletionRequest, CompletionResponse};
use crate::openai::logprobs::CompletionLogprobs;
use crate::openai::{ApiError, Ending, ErrorBody, Usage, now};
use crate::prompt::Prompts;
use crate::run::{self, Run};
use crate::service::Delta;
use crate::sse::{self, Chunks, Events};
use crate::{ids, prompt};

/// What OpenAI generates when nothing is said.
const USUAL_TOKENS: usize = 16;

/// Continues texts.
#[utoipa::path(
    post, path = "/v1/completions", tag = "OpenAI", request_body = CompletionRequest,
    responses(
        (status = 200, content(
            (CompletionResponse = "application/json"), (CompletionResponse = "text/event-stream")
        )),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody),
    )
)]
pub async fn completions(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (mut call, body) = app.call(request).await?;
    let size = body.len();
    let asked = match brick::read(&app, body, CompletionRequest::read, BrickRequest::of_completion).await? {
        Asked::Model(asked) => asked,
        Asked::Brick(asked) => return brick::answer(&app, call, *asked, Form::Completion, size).await,
    };
    let lease = call.lease(&app.fleet, &asked.model).await?;
    let CompletionRequest { prompts, stream, stream_options, logprobs, sampling, response_format, .. } = asked;
    let (limits, keeps_text) = (app.limits.clone(), call.row.keeps_texts());
    let (lease, prompts) = prompt::aside(size, move || {
        let service = lease.service();
        let prompts = prompt::of_prompts(service, &limits, prompts, prompt::of_text, keeps_text, "prompt")?;
        Ok((lease, prompts))
    })
    .await?;
    let Prompts { tokens: prompts, text } = prompts;
    call.prompt = text;
    let (lease, constraint) = run::constrain(lease, response_format, false).await?;
    let most = Some(asked.max_tokens.unwrap_or(USUAL_TOKENS));
    let requests =
        run::requests(lease.service(), &app.limits, &sampling, prompts, most, logprobs, constraint.as_ref())?;
    let choices = requests.iter().map(|_| logprobs.map(|_| Alignment::default())).collect();
    let run = Run::start(call, lease, requests, &sampling, stream, false, &app)?;
    let id = format!("cmpl-{}", ids::unique());
    let with_usage = stream_options.include_usage == Some(true);
    let answer = Answering { id, created: now(), model: asked.model, with_usage, choices };
    match stream {
        true => Ok(sse::response(run, answer)),
        false => answer.whole(run).await,
    }
}

/// An answer in the making.
struct Answering {
    id: String,
    created: u64,
    model: String,
    with_usage: bool,
    /// If log-probabilities are wanted.
    choices: Vec<Option<Alignment>>,
}

impl Answering {
    /// What a step brought, as a client is told it.
    fn take(&mut self, run: &mut Run, delta: Delta) -> CompletionChoice<'static> {
        let Delta { choice: index, text, logprobs, end, .. } = delta;
        let ending = end.and_then(Result::ok).map(Ending::from);
        if let Some(ending) = ending {
            run.ended(ending);
        }
        let tokenizer = &run.tokenizer;
        let is_cut = ending.is_some_and(Ending::is_cut);
        let logprobs = self.choices[index].as_mut().map(|alignment| {
            let mut all = CompletionLogprobs::default();
            for token in alignment.push(tokenizer, logprobs, &text, is_cut) {
                all.push(tokenizer, token.id, &token.logprob, token.offset);
            }
            all
        });
        let (finish_reason, cut_by) = (ending.map(|ending| ending.finish), ending.and_then(|ending| ending.cut_by));
        CompletionChoice { index, text: Cow::Owned(text), logprobs, finish_reason, cut_by, whit: None }
    }

    fn response<'a>(
        &'a self,
        choices: &'a [CompletionChoice<'a>],
        usage: Option<Option<Usage>>,
    ) -> CompletionResponse<'a> {
        let Answering { id, created, model, .. } = self;
        CompletionResponse { id, object: "text_completion", created: *created, model, choices, usage }
    }

    /// The answer when all of it is there.
    async fn whole(mut self, run: Run) -> Result<Response, ApiError> {
        let mut choices = Vec::with_capacity(self.choices.len());
        let usage = run.collect(|run, delta| choices.push(self.take(run, delta))).await?;
        choices.sort_by_key(|choice| choice.index);
        Ok(json_with(usage.whit.as_ref(), &self.response(&choices, Some(Some(usage)))))
    }
}

impl Chunks for Answering {
    fn begin(&mut self, _: &mut Events) {}

    fn push(&mut self, run: &mut Run, delta: Delta, out: &mut Events) {
        let choice = self.take(run, delta);
        let says_something = !choice.text.is_empty()
            || choice.finish_reason.is_some()
            || choice.logprobs.as_ref().is_some_and(|logprobs| !logprobs.tokens.is_empty());
        if says_something {
            out.send(&self.response(&[choice], self.with_usage.then_some(None)));
        }
    }

    fn end(&mut self, usage: Usage, out: &mut Events) {
        if self.with_usage {
            out.send(&self.response(&[], Some(Some(usage))));
        }
    }
}
