//! Runs models: compiles a [`DecoderSpec`](whit_model::DecoderSpec) to a fixed program, batches sequences over a paged
//! KV cache, samples. Synchronous: the caller drives [`Engine::step`].
#![forbid(unsafe_code)]

mod blocks;
mod compile;
mod draft;
mod engine;
mod error;
mod measure;
mod memory;
mod options;
mod packed_copy;
mod plan;
mod request;
mod running;
mod sampler;
mod stop;
mod weights;

pub use engine::{Engine, StepBytes};
pub use error::EngineError;
pub use measure::{ArbitrarySequences, Compared};
pub use options::{KvFormat, MemoryPlan, Options, Speculation, WeightFormat};
pub use packed_copy::{PackedCopies, PackedCopy, WeightsSource};
pub use request::{Event, FinishReason, Request, RequestId, Sampling, TokenLogprob, Usage};
