//! Measures servers that speak OpenAI's API from outside: sends them a load, streams every answer, and says how long
//! each token took. Any such server will do; nothing here knows whit's own.
#![forbid(unsafe_code)]

mod alone;
mod client;
mod error;
mod load;
mod prompts;
mod report;
mod trace;

pub use alone::{Alone, compare};
pub use client::{Answer, Cost, Endpoint, Server, Target};
pub use error::{BenchError, RequestError};
pub use load::{Exchange, Load, Measured, run};
pub use prompts::Prompts;
pub use report::{Failures, Percentiles, Report, percentile};
pub use trace::{Arrival, Scale, read_trace};
