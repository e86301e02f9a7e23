//! `GET /openapi.json`: what can be asked, for programs.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema};

use crate::openai::SamplingFields;
use crate::openai::chat::{ChatChunk, ChatRequest};
use crate::{chat, completions, health, models, tokens};

#[derive(OpenApi)]
#[openapi(
    info(title = "whit", description = "Small language models over OpenAI's API"),
    paths(
        chat::completions, completions::completions, models::list, models::find, tokens::tokenize, tokens::detokenize,
        health::health, health::ready, health::metrics,
    ),
    components(schemas(ChatRequest, ChatChunk)),
    modifiers(&Shared, &Key)
)]
struct Api;

/// What chat and completions have in common, and that nothing else is taken.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let Some(components) = &mut document.components else { return };
        let RefOr::T(Schema::Object(sampling)) = SamplingFields::schema() else { return };
        for (name, schema) in &mut components.schemas {
            let RefOr::T(Schema::Object(object)) = schema else { continue };
            if ["ChatRequest", "CompletionRequest"].contains(&name.as_str()) {
                let shared = sampling.properties.iter().map(|(name, schema)| (name.clone(), schema.clone()));
                object.properties.extend(shared);
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

/// The document.
pub async fn document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}
