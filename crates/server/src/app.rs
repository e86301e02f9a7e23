//! The routes, and what all of them share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use whit_meter::Receipt;
use whit_meter::ledger::Ledger;

use crate::auth::{self, Caller, Keys};
use crate::config::{Config, Limits};
use crate::fleet::{Fleet, Loader};
use crate::ledger::{self, Row};
use crate::limits::LargeBodies;
use crate::metering::Metering;
use crate::metrics::Metrics;
use crate::openai::ApiError;
use crate::run::Call;
use crate::span::RequestSpan;
use crate::stop::Stop;
use crate::trace::{self, RequestId};
use crate::{ServerError, chat, completions, embeddings, guarantee, health, models, openapi, tokens};

/// What every handler sees.
pub struct App {
    /// The models.
    pub fleet: Arc<Fleet>,
    /// What a request may cost.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is counted of energy, unless nothing is.
    pub metering: Option<Arc<Metering>>,
    /// Where requests are kept, if they are.
    pub ledger: Option<Arc<Ledger>>,
    /// Whether the server is to end.
    pub stop: Stop,
    pub(crate) keys: Keys,
    /// As many as there may be calls whose requests an engine has or is to have.
    admissions: Arc<Semaphore>,
    large_bodies: LargeBodies,
    /// Only programs of this machine are meant to ask.
    pub(crate) is_private: bool,
    ready: AtomicBool,
}

impl App {
    /// Puts a server together; nothing is loaded and nothing is listened on yet.
    ///
    /// # Errors
    /// If the configuration contradicts itself, or the meter or the ledger that it names is not to be had.
    pub fn new(config: &Config, loader: Arc<dyn Loader>) -> Result<Arc<App>, ServerError> {
        config.check()?;
        let metrics = Arc::new(Metrics::default());
        let metering = Metering::open(config, metrics.clone())?;
        let ledger = ledger::open(config)?;
        let keys = Keys::new(&config.api_keys, &config.key_limits);
        keys.remember(&ledger::spent_in_a_day(config)?);
        let most = config.limits.queue.saturating_mul(config.models.len());
        Ok(Arc::new(App {
            fleet: Arc::new(Fleet::new(config, loader, metrics.clone(), metering.clone())),
            limits: config.limits.clone(),
            metrics,
            metering,
            ledger,
            stop: Stop::default(),
            keys,
            admissions: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            large_bodies: LargeBodies::default(),
            is_private: config.host.is_loopback() && config.api_keys.is_empty() && !config.allow_anonymous,
            ready: AtomicBool::new(false),
        }))
    }

    /// The models that are wanted from the start are loaded.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether to send requests here.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.stop.is_draining()
    }

    /// Begins a call to a model, and takes its body.
    ///
    /// # Errors
    /// 503 while the server drains, 429 when it has too much to do; those of [`Limits::body`] and [`LargeBodies::admit`].
    pub(crate) async fn call(&self, request: Request) -> Result<(Call, Bytes), ApiError> {
        let (received, at) = (Instant::now(), SystemTime::now());
        let Some(open) = self.stop.begin() else {
            return Err(ApiError::unavailable("the server is about to stop; ask another one", Duration::from_secs(5)));
        };
        // More bodies than requests that could be queued are not even read.
        let Ok(admission) = self.admissions.clone().try_acquire_owned() else {
            let message = "the server has as many requests as it takes; come back later";
            return Err(ApiError::busy(message, Duration::from_secs(1)));
        };
        let request_id = request.extensions().get::<RequestId>().cloned();
        let request_id = request_id.unwrap_or_else(|| RequestId(crate::ids::unique()));
        let span = request.extensions().get::<RequestSpan>().cloned().unwrap_or_default();
        let row = request.extensions().get::<Row>().cloned().unwrap_or_default();
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
        let body = self.limits.body(request).await?;
        let large_body = self.large_bodies.admit(body.len()).await?;
        let call = Call { open, admission, request_id, span, row, prompt: None, received, at, caller, large_body };
        Ok((call, body))
    }
}

/// All routes, with everything that is done for each of them.
///
/// # Errors
/// If an origin for CORS is not one.
pub fn router(app: Arc<App>, cors_origins: &[String]) -> Result<Router, ServerError> {
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/embeddings", post(embeddings::embeddings))
        // Of those above, once they are let in.
        .route_layer(from_fn_with_state(app.clone(), ledger::keep))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::find))
        .route("/v1/guarantee", get(guarantee::guarantee))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), auth::check))
        .with_state(app);
    let routes = match cors_origins.is_empty() {
        true => routes,
        // Before the keys are asked for: browsers send no key with the question whether they may ask.
        false => routes.layer(cors(cors_origins)?),
    };
    Ok(routes.layer(CatchPanicLayer::custom(|_| mistake())).layer(from_fn(trace::trace)))
}

/// Lets web pages of these origins ask; `*` lets all.
pub fn cors(origins: &[String]) -> Result<CorsLayer, ServerError> {
    let parse = |origin: &String| {
        let is_origin = origin.starts_with("http://") || origin.starts_with("https://");
        let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin && !origin.ends_with('/'));
        let wrong =
            || ServerError::Config(format!("'{origin}' is no origin: write it like https://chat.example.org, or *"));
        value.ok_or_else(wrong)
    };
    let allowed = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::mirror_request(),
        false => AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?),
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([http::Method::GET, http::Method::POST])
        .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
        .expose_headers(
            [&["x-request-id", "retry-after", "x-should-retry"][..], &RECEIPT_HEADERS]
                .concat()
                .into_iter()
                .map(HeaderName::from_static)
                .collect::<Vec<_>>(),
        )
        .max_age(Duration::from_secs(600)))
}

async fn no_route(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(80).collect();
    let message = format!("there is nothing at {path}; /openapi.json says what there is");
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", message).code("unknown_url")
}

async fn no_method(request: Request) -> ApiError {
    let message = format!("{} is not what this address takes; /openapi.json says what it does", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message).code("method_not_allowed")
}

/// The handler panicked; the panic itself has been logged.
fn mistake() -> Response {
    ApiError::internal("whit made a mistake with this request; please report it").into_response()
}

/// A JSON answer.
pub fn json(value: &impl serde::Serialize) -> Response {
    let mut response = crate::openai::json(value).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What an answer told whole has of its receipt among its headers.
const RECEIPT_HEADERS: [&str; 5] =
    ["x-whit-joules", "x-whit-joules-low", "x-whit-joules-high", "x-whit-tier", "x-whit-dollars"];

/// A JSON answer that cost something.
pub fn json_with(receipt: Option<&Receipt>, value: &impl serde::Serialize) -> Response {
    let mut response = json(value);
    let Some(receipt) = receipt else { return response };
    let values = [
        Some(receipt.joules.to_string()),
        Some(receipt.joules_low.to_string()),
        Some(receipt.joules_high.to_string()),
        Some(receipt.tier.name().to_owned()),
        receipt.dollars.map(|dollars| dollars.to_string()),
    ];
    for (name, value) in RECEIPT_HEADERS.into_iter().zip(values) {
        // Digits and letters: they fit into a header.
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
