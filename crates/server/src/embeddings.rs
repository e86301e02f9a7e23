//! `POST /v1/embeddings`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use whit_engine::{FinishReason, Task};

use crate::app::{App, json_with};
use crate::openai::embeddings::{Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage};
use crate::openai::{ApiError, ErrorBody, Fields, SamplingFields, Usage};
use crate::prompt::{self, Prompts};
use crate::run::Run;

/// Texts of a call that the engine has at once, if the queue has room for them: others get their turn between.
const AT_ONCE: usize = 32;

/// Makes vectors of texts.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "OpenAI", request_body = EmbeddingRequest,
    responses((status = 200, body = EmbeddingResponse), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub async fn embeddings(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (mut call, body) = app.call(request).await?;
    let size = body.len();
    let asked = prompt::aside(size, move || EmbeddingRequest::read(Fields::parse(&body)?)).await?;
    let lease = call.lease(&app.fleet, &asked.model).await?;
    if lease.service().brick.is_some() {
        let message = format!("{} is a brick, which answers and makes no vectors: name another model", asked.model);
        return Err(ApiError::invalid(message).param("model"));
    }
    let width = lease.service().hidden_size;
    if asked.dimensions.is_some_and(|wanted| wanted > width) {
        let message = format!("dimensions is {}: this model's vectors have {width}", asked.dimensions.unwrap_or(0));
        return Err(ApiError::invalid(message).param("dimensions").code("invalid_value"));
    }
    let EmbeddingRequest { model, inputs, encoding_format, dimensions, pooling, user, budget } = asked;
    let (limits, keeps_text) = (app.limits.clone(), call.row.keeps_texts());
    let (lease, inputs) = prompt::aside(size, move || {
        let service = lease.service();
        let inputs = prompt::of_prompts(service, &limits, inputs, prompt::of_whole_text, keeps_text, "input")?;
        Ok((lease, inputs))
    })
    .await?;
    let Prompts { tokens: inputs, text } = inputs;
    call.prompt = text;
    let mut data: Vec<Embedding> = Vec::with_capacity(inputs.len());
    let mut requests = inputs
        .into_iter()
        .map(|input| whit_engine::Request { task: Task::Embed(pooling), ..whit_engine::Request::new(input) });
    let sampling = SamplingFields { user, budget, ..SamplingFields::default() };
    let at_once = AT_ONCE.min(app.limits.queue);
    let first = requests.by_ref().take(at_once).collect();
    let mut run = Run::start(call, lease, first, &sampling, false, true, &app)?;
    loop {
        let first = data.len();
        let (mut is_late, mut is_spent) = (false, false);
        run.exhaust(|_, delta| {
            is_late |= delta.vector.is_empty();
            is_spent |= delta.end == Some(Ok(FinishReason::Budget));
            let embedding = encoding_format.write(delta.vector, dimensions);
            data.push(Embedding { object: "embedding", index: first + delta.choice, embedding });
        })
        .await?;
        if is_spent {
            let message = "what this request may use was used up before all texts were read";
            return Err(run.failed(ApiError::spent(message)));
        }
        if is_late {
            let message = format!("the texts took longer than {} s", app.limits.answer_timeout.as_secs_f64());
            return Err(run.failed(ApiError::unavailable(message, Duration::from_secs(1))));
        }
        let next: Vec<_> = requests.by_ref().take(at_once).collect();
        if next.is_empty() {
            break;
        }
        run.go_on(next)?;
    }
    data.sort_by_key(|embedding| embedding.index);
    let Usage { prompt_tokens, whit, .. } = run.complete();
    let usage = EmbeddingUsage { prompt_tokens, total_tokens: prompt_tokens, whit };
    // Many vectors are many megabytes of JSON.
    let bytes = data.len() * dimensions.unwrap_or(width) * size_of::<f32>();
    let answer = EmbeddingResponse { object: "list", data, model, usage };
    prompt::aside(bytes, move || Ok(json_with(whit.as_ref(), &answer))).await
}
