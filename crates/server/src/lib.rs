//! Speaks HTTP: OpenAI's API over the engine.
#![forbid(unsafe_code)]
