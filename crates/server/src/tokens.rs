//! `POST /tokenize` and `POST /detokenize`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::app::{App, json};
use crate::openai::tokens::{DetokenizeRequest, DetokenizeResponse, TokenizeRequest, TokenizeResponse};
use crate::openai::{ApiError, ErrorBody, Fields};
use crate::prompt;

/// Cuts a text or a conversation into tokens.
#[utoipa::path(
    post, path = "/tokenize", tag = "tokens", request_body = TokenizeRequest,
    responses((status = 200, body = TokenizeResponse), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub async fn tokenize(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (_call, body) = app.call(request).await?;
    let size = body.len();
    let asked = prompt::aside(size, move || TokenizeRequest::read(Fields::parse(&body)?)).await?;
    let lease = app.fleet.acquire(&asked.model).await?;
    let response = prompt::aside(size, move || {
        let service = lease.service();
        let tokens = match (asked.prompt, asked.messages) {
            (Some(text), _) if asked.add_special_tokens => prompt::of_text(service, &text, "prompt")?,
            (Some(text), _) => {
                let ids = service.tokenizer.encode(&text, false, true);
                ids.map_err(|error| ApiError::invalid(error.to_string()).param("prompt"))?
            }
            (None, messages) => {
                let messages = messages.unwrap_or_default();
                let generates = asked.add_generation_prompt;
                prompt::of_messages(service, messages, None, generates, Default::default())?.tokens
            }
        };
        let token_strs = asked
            .return_token_strs
            .then(|| tokens.iter().map(|&id| service.tokenizer.token(id).unwrap_or_default()).collect());
        Ok(TokenizeResponse { count: tokens.len(), max_model_len: service.context(), tokens, token_strs })
    });
    Ok(json(&response.await?))
}

/// Puts tokens together again.
#[utoipa::path(
    post, path = "/detokenize", tag = "tokens", request_body = DetokenizeRequest,
    responses((status = 200, body = DetokenizeResponse), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub async fn detokenize(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (_call, body) = app.call(request).await?;
    let size = body.len();
    let asked = prompt::aside(size, move || DetokenizeRequest::read(Fields::parse(&body)?)).await?;
    let lease = app.fleet.acquire(&asked.model).await?;
    let response = prompt::aside(size, move || {
        let (service, tokens) = (lease.service(), asked.tokens);
        prompt::check_tokens(service, &tokens, "tokens")?;
        // A token may stand for many bytes.
        if tokens.len() > service.context() {
            let message = format!("{} tokens are more than the model's context of {}", tokens.len(), service.context());
            return Err(ApiError::invalid(message).param("tokens").code("context_length_exceeded"));
        }
        Ok(DetokenizeResponse { prompt: service.tokenizer.decode(&tokens, false) })
    });
    Ok(json(&response.await?))
}
