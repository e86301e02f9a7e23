//! Speaks HTTP: OpenAI's API over the engine.
//!
//! A request comes in through [`listen`], is let through by [`auth`] and [`limits`], read by [`openai`], turned into tokens by
//! [`prompt`], and handed to a model of the [`fleet`], whose [`service`] runs the engine on a thread of its own. What the
//! engine says comes back over a channel and leaves whole or as [`sse`]. Nothing here decides what a model says.
#![forbid(unsafe_code)]

mod account;
mod alignment;
mod app;
mod auth;
mod brick;
mod budget;
mod calls;
mod chat;
mod completions;
pub mod config;
mod conversation;
mod embeddings;
mod error;
mod fleet;
mod guarantee;
mod health;
mod ids;
mod ledger;
mod limits;
mod listen;
mod metering;
mod metrics;
mod models;
pub mod openai;
mod openapi;
mod prediction;
mod prompt;
mod run;
mod serve;
mod service;
mod shape;
mod size;
mod span;
mod sse;
mod stop;
mod thinking;
mod timed;
mod tls;
mod tokens;
pub mod tools;
mod trace;

pub use app::{App, router};
pub use config::Config;
pub use error::ServerError;
pub use fleet::{Facts, Fleet, Loader};
pub use listen::listen;
pub use serve::{Started, check, serve};
pub use size::parse_size;
pub use stop::Stop;
