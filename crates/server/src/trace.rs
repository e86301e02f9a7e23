//! Every request has an id, which is in its answer and in the log, and a span that tells the same to whoever traces requests.

use std::time::{Instant, SystemTime};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::{debug, info, warn};

use crate::account::Round;
use crate::ids;
use crate::ledger::{Row, Texts};
use crate::openai::{Ending, Usage};
use crate::span::RequestSpan;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken from a client.
const LONGEST_ID: usize = 128;

/// A request's id, among its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives the request an id, its client's if it has one, and logs what came of it.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let given = request.headers().get(&X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = given.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).map_or_else(ids::unique, str::to_owned);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = RequestSpan::begin(&request, &id);
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(span.clone());
    let mut response = next.run(request).await;
    span.answered(response.status());
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    match status {
        500.. => warn!(request_id = id, %method, path, status, seconds, "request"),
        400.. => info!(request_id = id, %method, path, status, seconds, "request"),
        _ => debug!(request_id = id, %method, path, status, seconds, "request"),
    }
    // It came as a header or is made of digits, so it fits into one.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// What came of a call to a model.
pub struct Record {
    /// The request's id.
    pub request_id: String,
    /// Who answered.
    pub model: String,
    /// The name of the key that it came with, if that has one.
    pub key: Option<String>,
    /// Who asked, if the request says.
    pub user: Option<String>,
    /// When it came in.
    pub received: Instant,
    /// The same, by the clock.
    pub at: SystemTime,
    /// What it took so far; with its receipt once it is over.
    pub usage: Usage,
    /// What its requests took, of each set that ran at once; the last may still run.
    pub rounds: Vec<Round>,
    /// Why its choices ended, in the order in which they did.
    pub endings: Vec<Ending>,
    /// Set when all has been said; else there was an error, or the client went away.
    pub is_complete: bool,
    /// What went wrong.
    pub error: Option<&'static str>,
    /// What was said, if the ledger keeps that.
    pub texts: Option<Texts>,
    /// The request's span, which lives as long as this.
    pub span: RequestSpan,
    /// Its row in the ledger, likewise.
    pub row: Row,
}

impl Record {
    /// Why its choices ended, each reason once; vectors, which give none, have stopped.
    pub fn reasons(&self) -> String {
        match self.is_complete && self.endings.is_empty() {
            true => "stop".to_owned(),
            false => Ending::all(&self.endings).join(","),
        }
    }

    /// Tells the log, the ledger and whoever traces requests. The one place where a call is over and all is known of it.
    pub fn tell(&mut self) {
        let texts = self.texts.take();
        self.row.called(self, texts);
        self.span.called(self);
        let (usage, receipt, seconds) = (&self.usage, &self.usage.whit, self.received.elapsed().as_secs_f64());
        info!(
            request_id = self.request_id,
            model = self.model,
            key = self.key,
            user = self.user,
            prompt_tokens = usage.prompt_tokens,
            cached_tokens = usage.prompt_tokens_details.cached_tokens,
            completion_tokens = usage.completion_tokens,
            finish_reasons = self.reasons(),
            error = self.error,
            seconds,
            joules = receipt.map(|receipt| receipt.joules),
            tier = receipt.map(|receipt| receipt.tier.name()),
            dollars = receipt.and_then(|receipt| receipt.dollars),
            "{}",
            if self.is_complete { "answered" } else { "given up" }
        );
    }
}
