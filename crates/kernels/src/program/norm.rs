//! RMSNorm and LayerNorm, over whole rows or head by head.

use super::{Buffer, Builder, Context, Step};
use crate::isa::Kernel;
use crate::simd::{LANES, Simd};
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
        self.push(step);
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

/// Reads `n` floats, at most sixteen; the other lanes are 0.
#[inline(always)]
pub(super) unsafe fn load_some<S: Simd>(s: S, from: *const f32, n: usize) -> S::F {
    // SAFETY: passed on.
    unsafe {
        if n >= LANES {
            return s.load(from);
        }
        let mut some = [0f32; LANES];
        std::ptr::copy_nonoverlapping(from, some.as_mut_ptr(), n);
        s.load(some.as_ptr())
    }
}

/// Writes the first `n` lanes, at most sixteen.
#[inline(always)]
pub(super) unsafe fn store_some<S: Simd>(s: S, to: *mut f32, value: S::F, n: usize) {
    // SAFETY: passed on.
    unsafe {
        if n >= LANES {
            return s.store(to, value);
        }
        let mut some = [0f32; LANES];
        s.store(some.as_mut_ptr(), value);
        std::ptr::copy_nonoverlapping(some.as_ptr(), to, n);
    }
}

impl Kernel for One<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Norm { kind, weight, bias, epsilon, .. } = self.norm;
        let size = weight.len();
        let zero = s.splat(0.0);
        // SAFETY: `from`, `to`, weight and bias have `size` values.
        unsafe {
            let mean = match kind {
                NormKind::Rms => 0.0,
                NormKind::Layer => {
                    let mut sum = zero;
                    for i in (0..size).step_by(LANES) {
                        sum = s.add(sum, load_some(s, self.from.add(i), size - i));
                    }
                    s.sum(sum) / size as f32
                }
            };
            let center = s.splat(mean);
            let mut squares = zero;
            for i in (0..size).step_by(LANES) {
                let mut x = s.sub(load_some(s, self.from.add(i), size - i), center);
                if size - i < LANES && mean != 0.0 {
                    // Lanes beyond the end are 0 - mean: they do not count.
                    let mut lanes = [0f32; LANES];
                    s.store(lanes.as_mut_ptr(), x);
                    x = load_some(s, lanes.as_ptr(), size - i);
                }
                squares = s.fma(x, x, squares);
            }
            let scale = s.splat(1.0 / (s.sum(squares) / size as f32 + epsilon).sqrt());
            for i in (0..size).step_by(LANES) {
                let n = size - i;
                let x = s.mul(s.sub(load_some(s, self.from.add(i), n), center), scale);
                let w = load_some(s, weight.as_ptr().add(i), n);
                let y = match bias {
                    None => s.mul(x, w),
                    Some(bias) => s.fma(x, w, load_some(s, bias.as_ptr().add(i), n)),
                };
                store_some(s, self.to.add(i), y, n);
            }
        }
    }
}
