//! Runs models: compiles a [`DecoderSpec`](whit_model::DecoderSpec) to a fixed program, batches sequences over a paged
//! KV cache, samples. Synchronous: the caller drives [`Engine::step`].
#![forbid(unsafe_code)]

mod adapters;
mod blocks;
pub mod brick;
mod clients;
mod compile;
mod constraint;
mod draft;
mod engine;
mod error;
mod measure;
mod memory;
mod options;
mod pace;
mod packed_copy;
mod plan;
mod request;
mod running;
mod sampler;
mod stop;
mod weights;

pub use adapters::{AdapterId, adapter_bytes};
pub use constraint::{Checker, Constraint, ConstraintError, Constraints, Grammar};
pub use engine::{Engine, Occupancy, SequenceWork, StepBytes};
pub use error::EngineError;
pub use measure::{ArbitrarySequences, Compared};
pub use memory::available as available_memory;
pub use options::{KvFormat, MemoryPlan, Options, Speculation, WeightFormat};
pub use packed_copy::{PackedCopies, PackedCopy, WeightsSource};
pub use request::{Event, FinishReason, Pooling, Request, RequestId, Sampling, Task, TokenLogprob, Usage};
pub use whit_kernels::share_heaps;
