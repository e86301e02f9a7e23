//! How a model is loaded, and what that takes.

use std::time::Duration;

use whit_kernels::Format;
use whit_kernels::program::BLOCK;

use crate::PackedCopies;

/// What a caller may choose when a model is loaded.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads; `None`: physical cores within affinity and the control group's quota.
    pub threads: Option<usize>,
    /// Positions a sequence may have. `None`: what the model was trained for, shortened to fit memory.
    pub context: Option<usize>,
    /// Bytes for weights, KV cache, work space and adapters together. `None`: what the machine has available.
    pub memory: Option<u64>,
    /// How keys and values are kept.
    pub kv_format: KvFormat,
    /// How the matrices are kept that a checkpoint stores as floats. Matrices it stores quantised stay as they are.
    pub weights: WeightFormat,
    /// Rows (tokens of all sequences together) of one forward pass. `None`: 512, or 256 where those would take much memory.
    pub batch_rows: Option<usize>,
    /// Sequences of full context the KV cache has room for; of shorter ones it has room for more, and they take it as they grow.
    pub sequences: usize,
    /// Where packed weights are kept for the next load. `None`: nowhere.
    pub packed_copies: Option<PackedCopies>,
    /// Whether tokens are guessed ahead.
    pub speculation: Speculation,
    /// How long a running answer may wait for its next token while prompts are read: as steps were measured, and as far as that is
    /// possible at all.
    pub max_stall: Duration,
    /// Bytes to keep free for adapters ([`adapter_bytes`](crate::adapter_bytes)), which are added later.
    pub adapters: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threads: None,
            context: None,
            memory: None,
            kv_format: KvFormat::F16,
            weights: WeightFormat::AsIs,
            batch_rows: None,
            sequences: 1,
            packed_copies: None,
            speculation: Speculation::Auto,
            max_stall: Duration::from_millis(100),
            adapters: 0,
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

/// How the matrices are kept that a checkpoint stores as floats. Norms, biases, the routers of experts, and the table that tokens are
/// looked up in, stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// As they are stored.
    AsIs,
    /// Q4_K; where rows are not whole blocks of 256 weights, Q4_0. The vocabulary head as [`WeightFormat::Q6`].
    Q4,
    /// Q6_K; where rows are not whole blocks of 256 weights, Q8_0.
    Q6,
    /// Q8_0.
    Q8,
    /// bfloat16.
    Bf16,
}

/// What a matrix is for, as far as its format hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatrixUse {
    /// Between the embedding and the head.
    Body,
    /// Gives the logits: what it loses is lost in every token's choice.
    Head,
    /// Chooses experts: a small matrix, and another choice is another answer.
    Router,
}

impl WeightFormat {
    /// The format in which a matrix that is `stored` so, with rows of `cols` weights, is kept. Rows that are no whole blocks of
    /// any wanted format stay as they are.
    pub(crate) fn of(self, stored: Format, cols: usize, matrix: MatrixUse) -> Format {
        if !stored.is_float() || matrix == MatrixUse::Router {
            return stored;
        }
        let wanted: &[Format] = match (self, matrix) {
            (WeightFormat::AsIs, _) => &[],
            (WeightFormat::Q4, MatrixUse::Body) => &[Format::Q4_K, Format::Q4_0],
            (WeightFormat::Q4, _) | (WeightFormat::Q6, _) => &[Format::Q6_K, Format::Q8_0],
            (WeightFormat::Q8, _) => &[Format::Q8_0],
            (WeightFormat::Bf16, _) => &[Format::BF16],
        };
        wanted.iter().copied().find(|format| format.row_bytes(cols).is_some()).unwrap_or(stored)
    }
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
    /// Adapters, with the work space they take: those that are there, or what is kept free for them if that is more.
    pub adapters: u64,
    /// Rows of one forward pass.
    pub batch_rows: usize,
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
        self.weights + self.kv_cache + self.workspace + self.adapters
    }

    /// Bytes of KV cache that a sequence of so many tokens takes: whole blocks.
    pub fn cache_bytes(&self, tokens: usize) -> u64 {
        tokens.next_multiple_of(BLOCK) as u64 * self.kv_bytes_per_position
    }
}
