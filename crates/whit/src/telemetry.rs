//! Spans on their way to an OpenTelemetry collector, by OTLP over HTTP. Where to, how many of them, and as whose is said by the
//! variables that OpenTelemetry's specification names:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::{Key, KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use ureq::{Agent, AsSendBody};

use crate::failure::bad_input;

/// A collector that takes longer is given up on for this batch; the specification's own figure.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// What the last spans may take when the program ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer than this is not for us.
const ANSWER_LIMIT: u64 = 64 << 10;

/// Sends spans as long as it lives, and the last of them when it is dropped.
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to send spans if an endpoint is set.
    ///
    /// # Errors
    /// If what the variables say is no endpoint, or asks for what whit cannot do.
    pub fn from_environment() -> anyhow::Result<Telemetry> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
        let Some(endpoint) = endpoints.into_iter().find(|name| variable(name).is_some()).filter(|_| !is_off) else {
            return Ok(Telemetry(None));
        };
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if let Some(protocol) = variable(name).filter(|protocol| protocol != "http/protobuf") {
                return Err(bad_input(format!("{name} is {protocol}: whit sends spans by http/protobuf alone")));
            }
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Client::new()).build();
        let exporter = exporter.map_err(|error| bad_input(format!("{endpoint}: {error}")))?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(provider.clone());
        Ok(Telemetry(Some(provider)))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            // What went wrong with it has been logged.
            let _ = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
        }
    }
}

/// Whose spans these are: `whit`, unless the variables say otherwise.
fn resource() -> Resource {
    const NAME: &str = "service.name";
    let said = Resource::builder().build();
    let is_named = said.get(&Key::new(NAME)).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    if is_named { resource.build() } else { resource.with_service_name("whit").build() }
}

/// The HTTP client that downloads use, for the exporter's own thread.
#[derive(Debug)]
struct Client {
    agent: Agent,
    /// The last batch did not arrive: that is said once, not every five seconds.
    is_failing: AtomicBool,
}

impl Client {
    fn new() -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(EXPORT_TIMEOUT))
            .user_agent(concat!("whit/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: agent.into(), is_failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<impl AsSendBody>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(ANSWER_LIMIT).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    /// Blocks: the exporter has a thread of its own and does nothing beside.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let url = request.uri().clone();
        let (head, body) = request.into_parts();
        let sent = self.send(Request::from_parts(head, &body[..]));
        let trouble = match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let is_new = self.is_failing.swap(trouble.is_some(), Ordering::Relaxed) != trouble.is_some();
        match trouble {
            Some(trouble) if is_new => tracing::warn!(%url, trouble, "spans do not arrive"),
            None if is_new => tracing::info!(%url, "spans arrive again"),
            _ => {}
        }
        Ok(sent?)
    }
}
