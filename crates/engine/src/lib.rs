//! Runs models: compiles a [`DecoderSpec`](whit_model::DecoderSpec) to a fixed program, batches sequences over a paged
//! KV cache, samples. Synchronous: the caller drives [`Engine::step`].
#![forbid(unsafe_code)]

mod error;
mod options;
mod request;

pub use error::EngineError;
pub use options::{KvFormat, MemoryPlan, Options};
pub use request::{Event, FinishReason, Request, RequestId, Sampling, TokenLogprob, Usage};

use std::sync::Arc;

use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

/// A loaded model, ready to take requests.
pub struct Engine {}

/// What a step costs in memory traffic, from the program's own counts; for benchmarks and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepBytes {
    /// Bytes of weights read by one step that decodes a single sequence.
    pub weights: u64,
    /// Bytes of KV cache read per position of context, per sequence.
    pub kv_per_position: u64,
}

impl Engine {
    /// Works out what a model needs in memory under `options`, without loading it.
    ///
    /// # Errors
    /// [`EngineError::DoesNotFit`] if `options.memory` is too small even for the shortest context; the message has the sum.
    pub fn plan(checkpoint: &Checkpoint, spec: &DecoderSpec, options: &Options) -> Result<MemoryPlan, EngineError> {
        let _ = (checkpoint, spec, options);
        todo!()
    }

    /// Packs the weights and compiles the program. `progress` hears (bytes packed, bytes in all).
    ///
    /// # Errors
    /// As [`Engine::plan`]; and if a tensor is damaged (NaN weights) or of a shape the specification does not expect.
    pub fn load(
        checkpoint: &Checkpoint,
        spec: &DecoderSpec,
        tokenizer: Option<Arc<Tokenizer>>,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Engine, EngineError> {
        let _ = (checkpoint, spec, tokenizer, options, progress);
        todo!()
    }

    /// What was planned at load.
    pub fn memory_plan(&self) -> &MemoryPlan {
        todo!()
    }

    /// Threads at work.
    pub fn threads(&self) -> usize {
        todo!()
    }

    /// Bytes a step reads.
    pub fn step_bytes(&self) -> StepBytes {
        todo!()
    }

    /// Queues a request. It starts with the next [`Engine::step`] that has room for it.
    ///
    /// # Errors
    /// If the prompt is empty, longer than the context, or has an id outside the vocabulary; if a sampling value is out of range.
    pub fn submit(&mut self, request: Request) -> Result<RequestId, EngineError> {
        let _ = request;
        todo!()
    }

    /// Drops a request; its memory is free at once. Nothing happens if it has already finished.
    pub fn cancel(&mut self, id: RequestId) {
        let _ = id;
        todo!()
    }

    /// Whether nothing is queued or running.
    pub fn is_idle(&self) -> bool {
        todo!()
    }

    /// Runs one forward pass over whatever is to be done (a chunk of prompts, a token each for running answers) and
    /// returns what came of it. With nothing to do, returns at once.
    ///
    /// # Errors
    /// Only if the engine itself is broken.
    pub fn step(&mut self) -> Result<Vec<Event>, EngineError> {
        todo!()
    }

    /// Natural-log probability of each token of `tokens` after the first, given all before it: `tokens.len() - 1` values.
    /// Independent of any request.
    ///
    /// # Errors
    /// If `tokens` is longer than the context or has an id outside the vocabulary.
    pub fn log_likelihoods(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let _ = tokens;
        todo!()
    }

    /// Seconds of `steps` steps that each decode one token for `batch` sequences already `depth` tokens long; for benchmarks.
    /// One value per step. The sequences are dropped afterwards.
    pub fn time_decode(&mut self, batch: usize, depth: usize, steps: usize) -> Result<Vec<f64>, EngineError> {
        let _ = (batch, depth, steps);
        todo!()
    }

    /// Seconds to prefill `tokens` tokens for each of `batch` sequences already `depth` tokens long; for benchmarks.
    pub fn time_prefill(&mut self, batch: usize, depth: usize, tokens: usize) -> Result<f64, EngineError> {
        let _ = (batch, depth, tokens);
        todo!()
    }
}
