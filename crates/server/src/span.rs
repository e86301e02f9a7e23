//! What OpenTelemetry is told of a request: one span, from its head to its answer's last byte. Without the feature `otel` there is
//! nothing in it. Where spans go is the program's affair: it sets the global provider and propagator.
//!
//! Attributes are named as the semantic conventions have it, for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>) and for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>).

#[cfg(feature = "otel")]
pub use recorded::RequestSpan;
#[cfg(not(feature = "otel"))]
pub use unrecorded::RequestSpan;

#[cfg(feature = "otel")]
mod recorded {
    use axum::extract::{MatchedPath, Request};
    use http::StatusCode;
    use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
    use opentelemetry::{Array, Context, KeyValue, StringValue, Value, global};
    use opentelemetry_http::HeaderExtractor;

    use crate::trace::Record;

    /// What is asked every few seconds, by programs that do not trace it.
    const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

    /// A request's span. It ends with its last clone.
    #[derive(Clone, Default)]
    pub struct RequestSpan {
        context: Context,
        /// `gen_ai.operation.name`, if a model is asked.
        operation: Option<&'static str>,
    }

    impl RequestSpan {
        /// The span of a request with this id, below its client's if it says which (`traceparent`).
        pub fn begin(request: &Request, id: &str) -> RequestSpan {
            let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
            if route.is_some_and(|route| PROBES.contains(&route)) {
                return RequestSpan::default();
            }
            let operation = match route {
                Some("/v1/chat/completions") => Some("chat"),
                Some("/v1/completions") => Some("text_completion"),
                Some("/v1/embeddings") => Some("embeddings"),
                _ => None,
            };
            let method = request.method().as_str();
            let attributes = [
                Some(KeyValue::new("http.request.method", method.to_owned())),
                Some(KeyValue::new("url.path", request.uri().path().to_owned())),
                Some(KeyValue::new("whit.request.id", id.to_owned())),
                route.map(|route| KeyValue::new("http.route", route.to_owned())),
                operation.map(|operation| KeyValue::new("gen_ai.operation.name", operation)),
                operation.map(|_| KeyValue::new("gen_ai.provider.name", "whit")),
            ];
            let span = SpanBuilder::from_name(route.map_or(method.to_owned(), |route| format!("{method} {route}")))
                .with_kind(SpanKind::Server)
                .with_attributes(attributes.into_iter().flatten());
            let headers = HeaderExtractor(request.headers());
            let client = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
            let span = global::tracer("whit-server").build_with_context(span, &client);
            RequestSpan { context: client.with_span(span), operation }
        }

        /// The answer begins.
        pub fn answered(&self, status: StatusCode) {
            let span = self.context.span();
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_server_error() {
                span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
                span.set_status(Status::error(""));
            }
        }

        /// A model's part is over.
        pub fn called(&self, record: &Record) {
            let span = self.context.span();
            if !span.is_recording() {
                return;
            }
            let (model, usage) = (&record.model, &record.usage);
            if let Some(operation) = self.operation {
                span.update_name(format!("{operation} {model}"));
            }
            let count = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
            let reasons = record.endings.iter().map(|ending| StringValue::from(ending.as_str()));
            span.set_attributes([
                KeyValue::new("gen_ai.request.model", model.clone()),
                KeyValue::new("gen_ai.response.model", model.clone()),
                KeyValue::new("gen_ai.usage.input_tokens", count(usage.prompt_tokens)),
                KeyValue::new("gen_ai.usage.cache_read.input_tokens", count(usage.prompt_tokens_details.cached_tokens)),
                KeyValue::new("gen_ai.usage.output_tokens", count(usage.completion_tokens)),
            ]);
            // Vectors have none.
            if !record.endings.is_empty() {
                let reasons = Value::Array(Array::String(reasons.collect()));
                span.set_attribute(KeyValue::new("gen_ai.response.finish_reasons", reasons));
            }
            if !record.is_complete {
                // What `finished_reason` says in `/metrics` of one whose client went away.
                span.set_attribute(KeyValue::new("error.type", record.error.unwrap_or("abort")));
            }
        }
    }
}

#[cfg(not(feature = "otel"))]
mod unrecorded {
    use axum::extract::Request;
    use http::StatusCode;

    use crate::trace::Record;

    /// Nothing.
    #[derive(Clone, Default)]
    pub struct RequestSpan;

    impl RequestSpan {
        /// Nothing begins.
        pub fn begin(_: &Request, _: &str) -> RequestSpan {
            RequestSpan
        }

        /// Nobody is told.
        pub fn answered(&self, _: StatusCode) {}

        /// Nobody is told.
        pub fn called(&self, _: &Record) {}
    }
}
