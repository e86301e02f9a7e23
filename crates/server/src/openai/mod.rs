//! OpenAI's JSON: what requests may say and what answers look like. Nothing here knows HTTP routes or engines.
//!
//! Requests are read by name with [`Fields`]: what is left over at the end was not understood and is refused, so that no
//! field is ever silently ignored. A null is an absent field.

pub mod brick;
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

/// What cut an answer where its finish reason is `length`, the only word that clients know for it, and it is not that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutBy {
    /// Its time was over.
    Deadline,
    /// What it must fit is too complex to be followed to its end. What there is of it may not fit.
    Constraint,
}

/// How a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// As OpenAI has it.
    pub finish: Finish,
    /// More about it.
    pub cut_by: Option<CutBy>,
}

impl Ending {
    /// As the log, the ledger and `/metrics` call it.
    pub fn as_str(self) -> &'static str {
        match (self.cut_by, self.finish) {
            (Some(CutBy::Deadline), _) => "deadline",
            (Some(CutBy::Constraint), _) => "constraint",
            (None, Finish::Stop) => "stop",
            (None, Finish::Length) => "length",
            (None, Finish::ToolCalls) => "tool_calls",
            (None, Finish::Budget) => "budget",
        }
    }

    /// Whether the answer broke off.
    pub fn is_cut(self) -> bool {
        matches!(self.finish, Finish::Length | Finish::Budget)
    }

    /// Each of several once, in order.
    pub fn all(endings: &[Ending]) -> Vec<&'static str> {
        let mut words: Vec<&str> = endings.iter().map(|ending| ending.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        words
    }
}

impl From<FinishReason> for Ending {
    fn from(reason: FinishReason) -> Ending {
        let (finish, cut_by) = match reason {
            FinishReason::Stop => (Finish::Stop, None),
            FinishReason::Length | FinishReason::NotFinite => (Finish::Length, None),
            FinishReason::Deadline => (Finish::Length, Some(CutBy::Deadline)),
            FinishReason::Constraint => (Finish::Length, Some(CutBy::Constraint)),
            FinishReason::Budget => (Finish::Budget, None),
        };
        Ending { finish, cut_by }
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
        for finish in [Finish::Stop, Finish::Length, Finish::ToolCalls, Finish::Budget] {
            assert_eq!(serde_json::to_value(finish).unwrap(), Ending { finish, cut_by: None }.as_str());
        }
        for cut_by in [CutBy::Deadline, CutBy::Constraint] {
            let ending = Ending { finish: Finish::Length, cut_by: Some(cut_by) };
            assert_eq!(serde_json::to_value(cut_by).unwrap(), ending.as_str());
        }
    }

    #[test]
    fn many_choices_give_each_reason_once() {
        let reasons = [FinishReason::Length, FinishReason::Stop, FinishReason::Constraint, FinishReason::Length];
        assert_eq!(Ending::all(&reasons.map(Ending::from)), ["constraint", "length", "stop"]);
        assert!(Ending::all(&[]).is_empty());
    }
}
