//! `/v1/guarantee`: a promise on joules a token, and how it stands.

use serde::Serialize;
use utoipa::ToSchema;
use whit_meter::{Promise, Status, Verdict};

/// What is promised, and how that stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuaranteeResponse {
    /// Always `guarantee`.
    pub object: &'static str,
    /// The limit: joules of a request over the tokens that it generated.
    pub joules_per_token: f64,
    /// The share of requests that keep the limit.
    pub share: f64,
    /// How certain that is to be before it is called held, or breached.
    pub confidence: f64,
    /// How far back requests count.
    pub window_seconds: f64,
    /// What can be said.
    #[schema(value_type = VerdictSchema)]
    pub verdict: Verdict,
    /// Requests in the window.
    pub requests: u64,
    /// Those that may have been over the limit.
    pub over: u64,
    /// Those whose figures were modelled.
    pub modelled: u64,
    /// With the confidence asked for, no larger share of requests is over the limit.
    pub over_share_at_most: f64,
    /// The share that may be.
    pub over_share_allowed: f64,
}

/// What can be said of a promise, for the schema.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum VerdictSchema {
    /// Too few requests to say.
    NotYetKnown,
    /// Kept, with the confidence asked for.
    Held,
    /// It would be held, were the figures not partly modelled.
    Modelled,
    /// Broken, with the confidence asked for.
    Breached,
}

impl GuaranteeResponse {
    /// Of a promise that stands so.
    pub fn new(promise: Promise, status: Status) -> GuaranteeResponse {
        let Promise { joules_per_token, share, confidence, window } = promise;
        let Status { verdict, requests, over, modelled, over_share_at_most, over_share_allowed } = status;
        GuaranteeResponse {
            object: "guarantee",
            joules_per_token,
            share,
            confidence,
            window_seconds: window.as_secs_f64(),
            verdict,
            requests,
            over,
            modelled,
            over_share_at_most,
            over_share_allowed,
        }
    }
}
