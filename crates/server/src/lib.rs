//! Speaks HTTP: OpenAI's API over the engine.
#![forbid(unsafe_code)]

pub mod config;
mod error;
mod fleet;
mod metrics;
pub mod openai;
mod service;
mod size;
mod stop;

pub use config::Config;
pub use error::ServerError;
pub use fleet::{Fleet, Lease, Loader, Opened};
pub use metrics::Metrics;
pub use size::parse_size;
pub use stop::Stop;
