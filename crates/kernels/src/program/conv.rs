//! LFM2's gated short convolution over positions.

use super::kv::{BLOCK, KvLayer, convolution_bytes};
use super::{Buffer, Builder, Context, Rows, Segment, Step};
use crate::isa::Kernel;
use crate::memory::round_up;
use crate::simd::{LANES, Simd, load_some, store_some};
use crate::team::Worker;

/// `output = c * conv(b * x)`, causal and channel by channel.
pub struct ShortConv {
    /// Floats: b, c and x beside each other, `channels` each.
    pub input: Buffer,
    /// Floats, `channels` wide.
    pub output: Buffer,
    /// `[channels, kernel]`, the last column for the current position.
    pub weight: Vec<f32>,
    /// `[channels]`.
    pub bias: Option<Vec<f32>>,
    /// Positions seen, the current one included; at least 1.
    pub kernel: usize,
    /// Where the last `kernel - 1` inputs are kept.
    pub layer: KvLayer,
}

/// Most positions a kernel may see: its inputs stay in registers.
pub const MAX_KERNEL: usize = 8;

impl Builder {
    /// Adds a [`ShortConv`].
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is longer than 8.
    pub fn short_conv(&mut self, mut step: ShortConv) {
        let channels = self.places[step.output.0].cols;
        self.check_floats(step.input, 3 * channels);
        self.check_floats(step.output, channels);
        assert!(self.rows_of(step.input) == Rows::Tokens && self.rows_of(step.output) == Rows::Tokens);
        assert!((1..=MAX_KERNEL).contains(&step.kernel) && step.weight.len() == channels * step.kernel);
        assert!(step.bias.as_ref().is_none_or(|bias| bias.len() == channels));
        // Column by column, so that neighbouring channels are neighbouring lanes.
        let by_channel = std::mem::take(&mut step.weight);
        let padded = round_up(channels, LANES);
        step.weight = vec![0.0; padded * step.kernel];
        for (channel, row) in by_channel.chunks_exact(step.kernel).enumerate() {
            for (column, weight) in row.iter().enumerate() {
                step.weight[column * padded + channel] = *weight;
            }
        }
        if let Some(bias) = &mut step.bias {
            bias.resize(padded, 0.0);
        }
        self.push(step);
    }
}

impl Step for ShortConv {
    fn cache(&self) -> Option<(KvLayer, usize)> {
        Some((self.layer, convolution_bytes(self.weight.len() / self.kernel, self.kernel)))
    }

    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let chunks = context.cols(self.output).div_ceil(LANES);
        for chunk in worker.share(chunks) {
            for segment in context.batch.segments {
                context.isa.run(Channels { step: self, context, segment, first: chunk * LANES });
            }
        }
    }
}

/// Sixteen channels of one sequence.
struct Channels<'a> {
    step: &'a ShortConv,
    context: &'a Context<'a>,
    segment: &'a Segment,
    first: usize,
}

impl Channels<'_> {
    /// The kept input of an earlier position.
    unsafe fn kept(&self, position: usize) -> *mut f32 {
        let padded = round_up(self.context.cols(self.step.output), LANES);
        let block = self.context.batch.block(self.segment, position);
        let slot = position % (self.step.kernel - 1);
        // SAFETY: the batch has been checked: the block is there.
        unsafe {
            let at = self.context.kv_data.add(self.context.kv.block_at(self.step.layer, block)).cast::<f32>();
            at.add(slot * padded + self.first)
        }
    }
}

impl Kernel for Channels<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.context.cols(self.step.output);
        let padded = round_up(channels, LANES);
        let n = channels - self.first;
        let kernel = self.step.kernel;
        // SAFETY: these channels of this sequence are this thread's own; `n` of the sixteen exist.
        unsafe {
            let weight = |column: usize| s.load(self.step.weight.as_ptr().add(column * padded + self.first));
            // The last `kernel - 1` inputs, oldest first, end where the next one goes.
            let mut past = [s.splat(0.0); MAX_KERNEL];
            for back in 1..kernel {
                if let Some(position) = self.segment.position.checked_sub(back) {
                    past[kernel - 1 - back] = s.load(self.kept(position));
                }
            }
            let end = self.segment.position + self.segment.rows;
            for row in self.segment.row..self.segment.row + self.segment.rows {
                let input = self.context.floats(self.step.input, row).add(self.first);
                let part = |index: usize| load_some(s, input.add(index * channels), n);
                past[kernel - 1] = s.mul(part(0), part(2));
                let mut sum = match &self.step.bias {
                    Some(bias) => s.load(bias.as_ptr().add(self.first)),
                    None => s.splat(0.0),
                };
                for (column, input) in past.iter().take(kernel).enumerate() {
                    sum = s.fma(weight(column), *input, sum);
                }
                let out = self.context.floats(self.step.output, row).add(self.first);
                store_some(s, out, s.mul(part(1), sum), n);

                let position = self.segment.position + row - self.segment.row;
                // Kept: what the sequence itself needs to go on, and what one that shares this block would.
                let near_end = position + kernel > end;
                let near_block_end = position % BLOCK + kernel > BLOCK;
                if kernel > 1 && (near_end || near_block_end) {
                    s.store(self.kept(position), past[kernel - 1]);
                }
                past.copy_within(1..kernel, 0);
            }
        }
    }
}
