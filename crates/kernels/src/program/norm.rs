//! RMSNorm and LayerNorm, over whole rows or head by head.

use super::{Buffer, Builder, Context, Producer, Step};
use crate::activations::Source;
use crate::isa::Kernel;
use crate::simd::{LANES, Simd, load_some, store_some};
use crate::team::Worker;

/// The formula of a [`Norm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + epsilon) * weight`.
    Rms,
    /// `(x - mean(x)) / sqrt(var(x) + epsilon) * weight + bias`.
    Layer,
}

/// Normalises every `weight.len()` consecutive values of a row.
pub struct Norm {
    /// Which formula.
    pub kind: NormKind,
    /// As long as what is normalised together.
    pub weight: Vec<f32>,
    /// As long as the weight.
    pub bias: Option<Vec<f32>>,
    /// Added under the root.
    pub epsilon: f32,
    /// Floats; a multiple of `weight.len()` wide.
    pub input: Buffer,
    /// Of the same shape; may be the input.
    pub output: Buffer,
}

impl Builder {
    /// Adds a [`Norm`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn norm(&mut self, step: Norm) {
        let cols = self.places[step.input.0].cols;
        assert!(!step.weight.is_empty() && cols.is_multiple_of(step.weight.len()), "rows are whole numbers of norms");
        assert!(step.bias.as_ref().is_none_or(|bias| bias.len() == step.weight.len()));
        self.check_floats(step.input, cols);
        self.check_floats(step.output, cols);
        self.check_same_rows(step.input, step.output);
        self.push_producer(Producer::Norm(step));
    }
}

impl Step for Norm {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let size = self.weight.len();
        let per_row = context.cols(self.input) / size;
        for unit in worker.share(context.rows_of(self.input) * per_row) {
            let (row, part) = (unit / per_row, unit % per_row);
            // SAFETY: the part of the row is this thread's own.
            unsafe {
                context.isa.run(One {
                    norm: self,
                    from: context.floats(self.input, row).add(part * size),
                    to: context.floats(self.output, row).add(part * size),
                });
            }
        }
    }
}

struct One<'a> {
    norm: &'a Norm,
    from: *const f32,
    to: *mut f32,
}

impl Norm {
    /// What of `from`, all that is normalised together, goes into every value of it: its mean, and the scale.
    #[inline(always)]
    unsafe fn statistics<S: Simd>(&self, s: S, from: *const f32) -> [f32; 2] {
        let size = self.weight.len();
        let zero = s.splat(0.0);
        // SAFETY: `from` has `size` values.
        unsafe {
            let mean = match self.kind {
                NormKind::Rms => 0.0,
                NormKind::Layer => {
                    let mut sum = zero;
                    for i in (0..size).step_by(LANES) {
                        sum = s.add(sum, load_some(s, from.add(i), size - i));
                    }
                    s.sum(sum) / size as f32
                }
            };
            let center = s.splat(mean);
            let mut squares = zero;
            for i in (0..size).step_by(LANES) {
                let mut x = s.sub(load_some(s, from.add(i), size - i), center);
                if size - i < LANES && mean != 0.0 {
                    // Lanes beyond the end are 0 - mean: they do not count.
                    let mut lanes = [0f32; LANES];
                    s.store(lanes.as_mut_ptr(), x);
                    x = load_some(s, lanes.as_ptr(), size - i);
                }
                squares = s.fma(x, x, squares);
            }
            let square = s.sum(squares) / size as f32 + self.epsilon;
            // Divided by infinity, all but what overflowed would be 0, and look like an answer.
            [mean, if square.is_finite() { 1.0 / square.sqrt() } else { f32::NAN }]
        }
    }

    /// The values from the `i`-th on, at most sixteen, normalised.
    #[inline(always)]
    unsafe fn apply<S: Simd>(&self, s: S, from: *const f32, [mean, scale]: [f32; 2], i: usize) -> S::F {
        let n = self.weight.len() - i;
        // SAFETY: `from`, weight and bias have `n` more values from the `i`-th on.
        unsafe {
            let x = s.mul(s.sub(load_some(s, from.add(i), n), s.splat(mean)), s.splat(scale));
            let w = load_some(s, self.weight.as_ptr().add(i), n);
            match &self.bias {
                None => s.mul(x, w),
                Some(bias) => s.fma(x, w, load_some(s, bias.as_ptr().add(i), n)),
            }
        }
    }
}

impl Kernel for One<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.norm.weight.len();
        // SAFETY: `from` and `to` have `size` values.
        unsafe {
            let statistics = self.norm.statistics(s, self.from);
            for i in (0..size).step_by(LANES) {
                store_some(s, self.to.add(i), self.norm.apply(s, self.from, statistics, i), size - i);
            }
        }
    }
}

/// A norm whose values are quantised as they come; they are written as floats too.
pub(super) struct Normed<'a> {
    pub norm: &'a Norm,
    pub from: *const f32,
    /// Floats from one row to the next.
    pub from_stride: usize,
    pub to: *mut f32,
    pub to_stride: usize,
}

impl Source for Normed<'_> {
    #[inline(always)]
    unsafe fn of_row<S: Simd>(&self, s: S, row: usize) -> [f32; 2] {
        // SAFETY: passed on.
        unsafe { self.norm.statistics(s, self.from.add(row * self.from_stride)) }
    }
    #[inline(always)]
    unsafe fn values<S: Simd>(&self, s: S, row: usize, of_row: [f32; 2], at: usize, n: usize) -> S::F {
        // SAFETY: passed on.
        unsafe {
            let values = self.norm.apply(s, self.from.add(row * self.from_stride), of_row, at);
            store_some(s, self.to.add(row * self.to_stride + at), values, n);
            values
        }
    }
}
