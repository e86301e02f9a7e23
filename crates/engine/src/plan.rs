//! What a model takes in memory, before anything is loaded.

use whit_kernels::program::{BLOCK, KvLayout};
use whit_kernels::topology;
use whit_model::spec::{FeedForward, Mixer, RotaryScaling};
use whit_model::{Checkpoint, DecoderSpec};

use crate::EngineError;
use crate::options::{MemoryPlan, Options};
use crate::weights;

/// Rows of logits one run can give: sequences that decode at once.
pub(crate) const MAX_LOGITS: usize = 64;

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
    if options.sequences == 0 || options.batch_rows == 0 || options.threads == Some(0) {
        return Err(EngineError::Option("threads, sequences and batch rows are at least 1".into()));
    }
    let threads = options.threads.unwrap_or_else(topology::default_threads);
    let weights = weights::packed_bytes(checkpoint, spec)?;
    let block_bytes = kv_layout(spec, options).block_bytes() as u64;
    let kv = |context: usize| (blocks_per_sequence(context) * options.sequences) as u64 * block_bytes;
    let workspace = |context: usize| workspace(spec, max_tokens(options, context), threads);
    let total = |context: usize| weights + kv(context) + workspace(context);

    let limit = options.memory.or_else(crate::memory::available);
    let context = match limit {
        Some(limit) if total(wanted) > limit => {
            let shortest = wanted.min(SHORTEST_CONTEXT);
            if total(shortest) > limit {
                return Err(EngineError::DoesNotFit(format!(
                    "the model needs {} even for a context of {shortest} ({} weights, {} KV cache, {} work space), and {} {}: \
                     use a smaller model or a smaller quantisation{}",
                    size(total(shortest)),
                    size(weights),
                    size(kv(shortest)),
                    size(workspace(shortest)),
                    size(limit),
                    if options.memory.is_some() { "were given with --memory" } else { "are available on this machine" },
                    if options.memory.is_some() { ", or give it more" } else { "" },
                )));
            }
            // Whole blocks, found by halving: the sum grows with the context.
            let (mut fits, mut too_long) = (shortest, wanted);
            while too_long - fits > BLOCK {
                let middle = fits + (too_long - fits) / 2;
                if total(middle) <= limit { fits = middle } else { too_long = middle }
            }
            fits
        }
        _ => wanted,
    };
    Ok(MemoryPlan {
        weights,
        kv_cache: kv(context),
        workspace: workspace(context),
        context,
        context_wanted: (context < wanted).then_some(wanted),
        kv_bytes_per_position: block_bytes / BLOCK as u64,
    })
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

/// Rows of one run.
pub(crate) fn max_tokens(options: &Options, context: usize) -> usize {
    options.batch_rows.min(context.saturating_mul(options.sequences))
}

fn kv_layout(spec: &DecoderSpec, options: &Options) -> KvLayout {
    let mut layout = KvLayout::new(spec.vocab_size);
    for layer in &spec.layers {
        match &layer.mixer {
            Mixer::Attention(a) => layout.attention(a.kv_heads, a.head_dim, options.kv_format.into()),
            Mixer::ShortConv(c) => layout.convolution(spec.hidden_size, c.kernel),
        };
    }
    layout
}

/// Bytes of the buffers that [`crate::compile`] makes, and each thread's scratch: the widest layer of each kind counts.
fn workspace(spec: &DecoderSpec, rows: usize, threads: usize) -> u64 {
    let hidden = spec.hidden_size;
    let (mut mixer, mut feed_forward, mut widest) = (0, 0, hidden);
    for layer in &spec.layers {
        let width = match &layer.mixer {
            Mixer::Attention(a) => 2 * a.q.out_features + a.k.out_features + a.v.out_features + a.q.out_features / 2,
            Mixer::ShortConv(c) => c.in_proj.out_features + hidden + hidden / 2,
        };
        mixer = mixer.max(width);
        let (inner, width) = match &layer.feed_forward {
            FeedForward::Gated(ff) => (ff.gate.out_features, 2 * ff.gate.out_features + ff.gate.out_features / 2),
            FeedForward::Plain { up, .. } => (up.out_features, up.out_features + up.out_features / 2),
            FeedForward::Experts { router, experts, top_k, .. } => {
                let inner = experts.first().map_or(0, |e| e.gate.out_features);
                (inner, router.out_features + top_k * (2 * inner + inner / 2 + hidden))
            }
        };
        feed_forward = feed_forward.max(width);
        widest = widest.max(inner);
    }
    let rotary: usize = spec.rotaries.iter().map(|rotary| rotary.dim).sum();
    // The stream, two normed copies, their quantised forms, a branch.
    let row = 4 * hidden + hidden + mixer + feed_forward + rotary;
    let logits = MAX_LOGITS * (spec.vocab_size + 2 * hidden);
    // A tile of eight rows keeps a word for every sixteen columns; attention keeps eight sums of a head.
    let scratch = threads * (2 * widest.next_multiple_of(256) + 64 * 256);
    4 * (rows * row + logits) as u64 + scratch as u64
}

/// In KiB where MiB would say nothing.
fn size(bytes: u64) -> String {
    if bytes < 10 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}
