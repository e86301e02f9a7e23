//! What a model takes in memory, before anything is loaded.

use whit_kernels::program::BLOCK;
use whit_kernels::topology;
use whit_model::spec::RotaryScaling;
use whit_model::{Checkpoint, DecoderSpec};

use crate::EngineError;
use crate::compile::{Sizes, compile};
use crate::options::{MemoryPlan, Options};
use crate::weights::Weights;

/// Rows of logits one run can give: sequences that decode at once.
pub(crate) const MAX_LOGITS: usize = 64;

/// More than any machine whit runs on has use for.
const MOST_THREADS: usize = 1024;
const MOST_SEQUENCES: usize = 65536;

/// What keeping track of a block takes beside the block.
const BYTES_PER_BLOCK: u64 = 512;

/// Rows of a forward pass, and how many they are where the work space for so many would be larger than this. Half as many read
/// the weights twice as often, which a model of that size does not notice: Llama-3.2-1B in Q4_0 prefills as fast either way.
const BATCH_ROWS: usize = 512;
const LARGE_WORKSPACE: u64 = 40 << 20;

/// The shortest context worth loading a model for.
const SHORTEST_CONTEXT: usize = 256;

/// The sizes that follow from options and memory.
pub(crate) fn plan(checkpoint: &Checkpoint, spec: &DecoderSpec, options: &Options) -> Result<MemoryPlan, EngineError> {
    let trained = spec.context_length;
    let wanted = match options.context {
        Some(0) => return Err(EngineError::Option("a context of 0 positions holds nothing: use at least 1".into())),
        Some(context) if context > trained => {
            return Err(EngineError::Option(format!(
                "a context of {context} is more than the {trained} positions the model was trained for: use --context {trained} or less"
            )));
        }
        Some(context) => context,
        None => default_context(spec),
    };
    if !(1..=MOST_SEQUENCES).contains(&options.sequences) || options.batch_rows == Some(0) || options.threads == Some(0)
    {
        return Err(EngineError::Option(format!(
            "threads and batch rows are at least 1, sequences 1 to {MOST_SEQUENCES}"
        )));
    }
    if let Some(threads) = options.threads.filter(|&threads| threads > MOST_THREADS) {
        return Err(EngineError::Option(format!("{threads} threads are too many: use {MOST_THREADS} or fewer")));
    }
    let threads = options.threads.unwrap_or_else(topology::default_threads);
    // Compiled without weights, a program tells to the byte what it will take.
    let compiled = |batch_rows: usize, context: usize| {
        let mut weights = Weights::planned(checkpoint, spec, options.weights);
        compile(spec, &mut weights, sizes(options, batch_rows, context)).map(|compiled| (compiled, weights))
    };
    let workspace_of_rows = |rows: usize| -> Result<u64, EngineError> {
        let workspace = |rows| compiled(rows, wanted).map(|(compiled, _)| compiled.builder.workspace_bytes(threads));
        Ok(workspace(rows)?.saturating_sub(workspace(1)?))
    };
    let batch_rows = match options.batch_rows {
        Some(rows) => rows,
        None if workspace_of_rows(BATCH_ROWS)? > LARGE_WORKSPACE => BATCH_ROWS / 2,
        None => BATCH_ROWS,
    };
    let plan = |context: usize| -> Result<MemoryPlan, EngineError> {
        let (compiled, weights) = compiled(batch_rows, context)?;
        weights.check_format()?;
        let block_bytes = compiled.kv.block_bytes() as u64;
        let blocks = (blocks_per_sequence(context) as u64).saturating_mul(options.sequences as u64);
        if blocks > u64::from(u32::MAX) {
            return Err(EngineError::Option(format!(
                "{} sequences of {context} positions are more than a cache can count: use fewer or shorter ones",
                options.sequences
            )));
        }
        Ok(MemoryPlan {
            weights: weights.bytes(),
            kv_cache: blocks.saturating_mul(block_bytes + BYTES_PER_BLOCK),
            workspace: compiled.builder.workspace_bytes(threads),
            adapters: options.adapters,
            batch_rows,
            context,
            context_wanted: (context < wanted).then_some(wanted),
            kv_bytes_per_position: block_bytes / BLOCK as u64,
        })
    };
    let whole = plan(wanted)?;
    let limit = options.memory.or_else(crate::memory::available);
    let Some(limit) = limit.filter(|&limit| whole.total() > limit) else { return Ok(whole) };
    let shortest = plan(wanted.min(SHORTEST_CONTEXT))?;
    if shortest.total() > limit {
        let given = options.memory.is_some();
        return Err(EngineError::DoesNotFit(format!(
            "the model needs {} even for a context of {} ({} weights, {} KV cache, {} work space{}), and {} {}: use a smaller \
             model or a smaller quantisation{}",
            size(shortest.total()),
            shortest.context,
            size(shortest.weights),
            size(shortest.kv_cache),
            size(shortest.workspace),
            if shortest.adapters > 0 { format!(", {} adapters", size(shortest.adapters)) } else { String::new() },
            size(limit),
            if given { "were given with --memory" } else { "are available on this machine" },
            if given { ", or give it more" } else { "" },
        )));
    }
    // Found by halving: the sum grows with the context.
    let (mut fits, mut too_long) = (shortest, wanted);
    while too_long - fits.context > BLOCK {
        let middle = plan(fits.context + (too_long - fits.context) / 2)?;
        if middle.total() <= limit { fits = middle } else { too_long = middle.context }
    }
    Ok(fits)
}

/// What a program for `context` positions and `batch_rows` rows at once is compiled for.
pub(crate) fn sizes(options: &Options, batch_rows: usize, context: usize) -> Sizes {
    Sizes {
        // A row for every sequence that decodes, however small the batch.
        max_tokens: batch_rows.max(options.sequences.min(MAX_LOGITS)).min(context.saturating_mul(options.sequences)),
        max_logits: MAX_LOGITS,
        context,
        kv_format: options.kv_format.into(),
    }
}

/// What the model was trained for; but where a longer context costs quality for short texts, the context before that.
fn default_context(spec: &DecoderSpec) -> usize {
    let original = spec.rotaries.iter().filter_map(|rotary| match rotary.scaling {
        RotaryScaling::LongRope { original_context, .. } | RotaryScaling::Dynamic { original_context, .. } => {
            Some(original_context)
        }
        _ => None,
    });
    original.fold(spec.context_length, usize::min).max(1)
}

/// Cache blocks of a sequence of `context` positions.
pub(crate) fn blocks_per_sequence(context: usize) -> usize {
    context.div_ceil(BLOCK)
}

pub(crate) fn size(bytes: u64) -> String {
    if bytes < 10 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}
