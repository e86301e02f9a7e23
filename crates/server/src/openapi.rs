//! `GET /openapi.json`: what can be asked, for programs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json as value};
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema};

use crate::app::{App, json};
use crate::openai::chat::{ChatChunk, ChatRequest};
use crate::openai::{Budget, OneOrMany, ResponseFormat, SamplingFields, ToolChoiceSchema, ToolDefinition, ToolFields};
use crate::{chat, completions, embeddings, guarantee, health, models, tokens};

#[derive(OpenApi)]
#[openapi(
    info(title = "whit", description = "Small language models over OpenAI's API"),
    paths(
        chat::completions, completions::completions, embeddings::embeddings, models::list, models::find, tokens::tokenize, tokens::detokenize,
        guarantee::guarantee, health::health, health::ready, health::metrics,
    ),
    components(schemas(Budget, ChatRequest, ChatChunk, OneOrMany, ResponseFormat, ToolDefinition, ToolChoiceSchema)),
    modifiers(&Shared, &Key)
)]
struct Api;

/// Fields that are read by parts, and that nothing else is taken.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let Some(components) = &mut document.components else { return };
        let parts = [SamplingFields::schema(), ToolFields::schema()];
        let of: [&[&str]; 2] = [&["ChatRequest", "CompletionRequest"], &["ChatRequest"]];
        for (name, schema) in &mut components.schemas {
            let RefOr::T(Schema::Object(object)) = schema else { continue };
            for (part, of) in parts.iter().zip(of) {
                if let RefOr::T(Schema::Object(part)) = part
                    && of.contains(&name.as_str())
                {
                    object
                        .properties
                        .extend(part.properties.iter().map(|(name, schema)| (name.clone(), schema.clone())));
                }
            }
            if name.ends_with("Request") {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// Keys, where a server asks for them.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut Document) {
        if let Some(components) = &mut document.components {
            components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

/// The document, with the names of this server's models.
pub async fn document(State(app): State<Arc<App>>) -> Response {
    let mut document = Api::openapi();
    let names: Vec<Value> = app.fleet.list().into_iter().map(|model| model.id.into()).collect();
    let schemas = document.components.iter_mut().flat_map(|components| components.schemas.values_mut());
    for schema in schemas {
        if let RefOr::T(Schema::Object(request)) = schema
            && request.additional_properties.is_some()
            && let Some(RefOr::T(Schema::Object(model))) = request.properties.get_mut("model")
        {
            model.enum_values = Some(names.clone());
        }
    }
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    let paths = document["paths"].as_object_mut();
    let streams = paths.into_iter().flat_map(|paths| paths.values_mut());
    for chunk in streams.filter_map(|path| path.pointer_mut(STREAM)) {
        *chunk = event(chunk.take());
    }
    for (name, mut example) in examples() {
        example["model"] = names.first().cloned().unwrap_or_default();
        document["components"]["schemas"][name]["examples"] = value!([example]);
    }
    // A text or a conversation.
    document["components"]["schemas"]["TokenizeRequest"]["anyOf"] =
        value!([{"required": ["prompt"]}, {"required": ["messages"]}]);
    json(&document)
}

/// Requests that every server answers, for people to read and for programs to vary; the model's name goes with them.
fn examples() -> [(&'static str, Value); 5] {
    [
        ("ChatRequest", value!({"messages": [{"role": "user", "content": "Hello"}]})),
        ("CompletionRequest", value!({"prompt": "Once upon a time", "max_tokens": 16})),
        ("EmbeddingRequest", value!({"input": ["Once upon a time", "There was"]})),
        ("TokenizeRequest", value!({"prompt": "Once upon a time"})),
        ("DetokenizeRequest", value!({"tokens": [1, 2, 3]})),
    ]
}

/// Where a path has the schema of its stream.
const STREAM: &str = "/post/responses/200/content/text~1event-stream/schema";

/// A server-sent event whose data is one `chunk`, or says that there is no more: the schema of a stream is that of its events.
fn event(chunk: Value) -> Value {
    let text = value!({"type": "string", "contentMediaType": "application/json", "contentSchema": chunk});
    let data = value!({"anyOf": [text, {"const": "[DONE]"}]});
    value!({"type": "object", "required": ["data"], "properties": {"data": data}})
}
