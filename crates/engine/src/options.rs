//! How a model is loaded, and what that takes.

use crate::PackedCopies;

/// What a caller may choose when a model is loaded.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads; `None`: physical cores within affinity and the control group's quota.
    pub threads: Option<usize>,
    /// Positions a sequence may have. `None`: what the model was trained for, shortened to fit memory.
    pub context: Option<usize>,
    /// Bytes for weights, KV cache and work space together. `None`: what the machine has available.
    pub memory: Option<u64>,
    /// How keys and values are kept.
    pub kv_format: KvFormat,
    /// Rows (tokens of all sequences together) of one forward pass.
    pub batch_rows: usize,
    /// Sequences of full context the KV cache has room for.
    pub sequences: usize,
    /// Where packed weights are kept for the next load. `None`: nowhere.
    pub packed_copies: Option<PackedCopies>,
    /// Whether tokens are guessed ahead.
    pub speculation: Speculation,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threads: None,
            context: None,
            memory: None,
            kv_format: KvFormat::F16,
            batch_rows: 512,
            sequences: 1,
            packed_copies: None,
            speculation: Speculation::Auto,
        }
    }
}

/// Whether tokens are guessed ahead from what was said before, and checked together. The answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speculation {
    /// Never.
    Off,
    /// As long as the steps' times say that it pays.
    Auto,
    /// Wherever there is something to guess.
    Always,
}

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvFormat {
    /// Half precision, 2 bytes a value.
    F16,
    /// bfloat16, 2 bytes a value.
    BF16,
    /// A byte a value, and a scale for each position and head.
    Q8,
    /// Single precision, 4 bytes a value.
    F32,
}

impl From<KvFormat> for whit_kernels::program::KvFormat {
    fn from(format: KvFormat) -> Self {
        match format {
            KvFormat::F16 => whit_kernels::program::KvFormat::F16,
            KvFormat::BF16 => whit_kernels::program::KvFormat::BF16,
            KvFormat::Q8 => whit_kernels::program::KvFormat::Q8,
            KvFormat::F32 => whit_kernels::program::KvFormat::F32,
        }
    }
}

/// What a loaded model takes, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Packed weights. The embedding table stays in its file, which the system may drop and read again.
    pub weights: u64,
    /// KV cache for `context` positions of each of `sequences` sequences.
    pub kv_cache: u64,
    /// Activations, attention scratch, logits.
    pub workspace: u64,
    /// Positions a sequence may have.
    pub context: usize,
    /// Set when `context` is less than was asked for or trained for: what it would have been.
    pub context_wanted: Option<usize>,
    /// KV cache bytes per position of one sequence.
    pub kv_bytes_per_position: u64,
}

impl MemoryPlan {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.kv_cache + self.workspace
    }
}
