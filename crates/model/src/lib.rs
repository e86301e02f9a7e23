//! Reads models: GGUF and safetensors over a memory map, their configuration as a [`DecoderSpec`], tokenizer, chat template; and bricks,
//! which hold one of these.
//!
//! Reads only: nothing here computes with weights, and nothing is written.

pub mod adapter;
pub mod arch;
pub mod brick;
pub mod checkpoint;
mod error;
mod files;
mod generation;
pub mod gguf;
mod map;
pub mod rotary;
pub mod safetensors;
pub mod spec;
pub mod template;
pub mod tokenizer;

pub use adapter::{Adapter, LowRankUpdate};
pub use brick::Brick;
pub use checkpoint::{Checkpoint, Config, Tensor};
pub use error::ModelError;
pub use generation::GenerationDefaults;
pub use map::map_resident;
pub use rotary::RotaryFrequencies;
pub use spec::DecoderSpec;
pub use template::ChatTemplate;
pub use tokenizer::Tokenizer;
