//! OpenAI's JSON: what requests may say and what answers look like. Nothing here knows HTTP routes or engines.
//!
//! Requests are read by name with [`Fields`]: what is left over at the end was not understood and is refused, so that no
//! field is ever silently ignored. A null is an absent field.

mod budget;
pub mod chat;
pub mod completions;
pub mod embeddings;
mod error;
mod fields;
mod format;
pub mod guarantee;
pub mod logprobs;
mod messages;
pub mod models;
mod receipt;
mod sampling;
pub mod tokens;
mod tools;
mod usage;

pub use budget::Budget;
pub use error::{ApiError, ErrorBody, ErrorName, ErrorObject};
pub use fields::Fields;
pub use format::ResponseFormat;
pub use receipt::ReceiptSchema;
pub use sampling::{OneOrMany, SamplingFields};
pub use tools::{CallDelta, FunctionDelta, Offer, ToolChoiceSchema, ToolDefinition, ToolFields};
pub use usage::{CompletionTokensDetails, PromptTokensDetails, Usage};

use serde::Serialize;
use utoipa::ToSchema;
use whit_engine::FinishReason;

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model was done, or a stop text came.
    Stop,
    /// As long as it was allowed to be, or the context is full.
    Length,
    /// It calls tools.
    ToolCalls,
    /// It has used what it may: joules, dollars or bytes.
    Budget,
}

impl Finish {
    /// As answers say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls => "tool_calls",
            Finish::Budget => "budget",
        }
    }

    /// Whether the answer broke off.
    pub fn is_cut(self) -> bool {
        matches!(self, Finish::Length | Finish::Budget)
    }
}

impl From<FinishReason> for Finish {
    fn from(reason: FinishReason) -> Finish {
        match reason {
            FinishReason::Stop => Finish::Stop,
            // Cut before its end, in the only word that clients know for it.
            FinishReason::Length | FinishReason::Deadline | FinishReason::Constraint | FinishReason::NotFinite => {
                Finish::Length
            }
            FinishReason::Budget => Finish::Budget,
        }
    }
}

/// What may come with `stream: true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
pub struct StreamOptions {
    /// End the stream with a chunk that has no choices and the usage.
    pub include_usage: Option<bool>,
}

/// Reads `stream` and `stream_options`: whether to stream, and whether to end with the usage.
fn read_stream(fields: &mut Fields) -> Result<(bool, StreamOptions), ApiError> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let options = match fields.object("stream_options")? {
        None => StreamOptions::default(),
        Some(_) if !stream => {
            return Err(ApiError::invalid("stream_options goes with \"stream\": true").param("stream_options"));
        }
        Some(mut options) => {
            let include_usage = options.boolean("include_usage")?;
            // Padding against the guessing of lengths from packets; without it there is nothing to leave out.
            options.accept_only("include_obfuscation", |value| *value == false, "whit pads no chunks")?;
            options.finish()?;
            StreamOptions { include_usage }
        }
    };
    Ok((stream, options))
}

/// An answer's body.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    // Structs of strings and numbers: there is nothing in them that JSON cannot say.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Seconds since 1970, for `created`.
pub fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_why_an_answer_ended_as_the_answer_does() {
        for finish in [Finish::Stop, Finish::Length, Finish::ToolCalls] {
            assert_eq!(serde_json::to_value(finish).unwrap(), finish.as_str());
        }
    }
}
