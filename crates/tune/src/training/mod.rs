//! Trains a brick: a small decoder from scratch, or adapters for a base.
//!
//! [`Tune::prepare`] reads the examples and builds what is trained, [`Tune::estimate`] says what the training will
//! take, and [`Tune::run`] trains, measures through the engine and writes the brick's folder. The training stands on candle's
//! tensors and matrix products; what lies between these is in [`ops`], with a way back of its own.

mod batches;
mod checkpoint;
mod contract;
mod data;
mod decoder;
mod encoded;
mod export;
mod folder;
mod gguf;
mod memory;
mod ops;
mod options;
mod peft;
mod random;
mod safetensors;
mod tensor;
mod train;
mod tune;
mod vocabulary;

pub mod throughput;

pub use data::Split;
pub use export::Weights;
pub use folder::{Failure, Measured};
pub use memory::Estimate;
pub use options::{Base, Making, Options, Scratch};
pub use train::{Progress, Trained};
pub use tune::{Event, Outcome, Tune};
