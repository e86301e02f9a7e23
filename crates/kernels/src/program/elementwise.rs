//! Steps that look at one value, or one small group, at a time.

use super::norm::Normed;
use super::{Buffer, Builder, Context, Norm, Producer, Rows, Step};
use crate::activations::{Floats, QuantiseRows, QuantisedRow, Source};
use crate::isa::Kernel;
use crate::math::{Activation, tanh};
use crate::simd::{LANES, Simd, load_some, store_some};
use crate::team::Worker;

/// Values that one thread works on at a time.
const PIECE: usize = 64;

/// Deals out pieces of rows: `work(row, first column, columns)`.
fn pieces(worker: &Worker, rows: usize, cols: usize, mut work: impl FnMut(usize, usize, usize)) {
    let per_row = cols.div_ceil(PIECE);
    for unit in worker.share(rows * per_row) {
        let (row, start) = (unit / per_row, unit % per_row * PIECE);
        work(row, start, (cols - start).min(PIECE));
    }
}

/// `output = activation(gate) * up`, or `activation(gate)` without `up`.
pub struct Gate {
    /// Floats.
    pub gate: Buffer,
    /// Of the same shape.
    pub up: Option<Buffer>,
    /// Applied to the gate.
    pub activation: Activation,
    /// Of the same shape; may be either input.
    pub output: Buffer,
}

/// Floats to quantised activations.
pub struct Quantise {
    /// Floats.
    pub input: Buffer,
    /// Quantised, of the same width.
    pub output: Buffer,
}

/// `to += scale * from`.
pub struct Add {
    /// Floats.
    pub from: Buffer,
    /// Of the same shape.
    pub to: Buffer,
    /// Multiplies what is added.
    pub scale: f32,
}

/// Picks the rows of which something is asked for.
pub struct Select {
    /// Floats, [`Rows::Tokens`].
    pub input: Buffer,
    /// Floats, [`Rows::Asked`].
    pub output: Buffer,
}

/// `logits = softcap * tanh(scale * logits / softcap)`, in place.
pub struct LogitsFinish {
    /// Floats.
    pub logits: Buffer,
    /// Multiplies every logit.
    pub scale: f32,
    /// Bounds them.
    pub softcap: Option<f32>,
}

impl Builder {
    /// Adds a [`Gate`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn gate(&mut self, step: Gate) {
        let cols = self.places[step.gate.0].cols;
        for buffer in [Some(step.gate), step.up, Some(step.output)].into_iter().flatten() {
            self.check_floats(buffer, cols);
            self.check_same_rows(step.gate, buffer);
        }
        self.push_producer(Producer::Gate(step));
    }

    /// Adds a [`Quantise`]. If the step before it made its input row by row or value by value, the two become one, without a barrier
    /// between them.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn quantise(&mut self, step: Quantise) {
        let to = &self.places[step.output.0];
        let cols = to.cols;
        assert!(to.quantised);
        self.check_floats(step.input, cols);
        self.check_same_rows(step.input, step.output);
        self.places[step.output.0].floats = step.input;
        match self.producer.take() {
            // Every thread reads whole rows of the norm's input: nobody may have overwritten them.
            Some(Producer::Norm(norm))
                if norm.output == step.input && norm.input != norm.output && norm.weight.len() == cols =>
            {
                self.push(NormQuantise(norm, step));
            }
            Some(Producer::Gate(gate)) if gate.output == step.input => self.push(GateQuantise(gate, step)),
            producer => {
                self.producer = producer;
                self.push(step);
            }
        }
    }

    /// Adds an [`Add`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add(&mut self, step: Add) {
        let cols = self.places[step.from.0].cols;
        self.check_floats(step.from, cols);
        self.check_floats(step.to, cols);
        self.check_same_rows(step.from, step.to);
        self.push(step);
    }

    /// Adds a [`Select`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn select(&mut self, step: Select) {
        let cols = self.places[step.input.0].cols;
        self.check_floats(step.input, cols);
        self.check_floats(step.output, cols);
        assert!(self.rows_of(step.input) == Rows::Tokens && self.rows_of(step.output) == Rows::Asked);
        self.push(step);
    }

    /// Adds a [`LogitsFinish`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn logits_finish(&mut self, step: LogitsFinish) {
        self.check_floats(step.logits, self.places[step.logits.0].cols);
        self.push(step);
    }
}

/// `to[i] = f(a[i], b[i])`.
struct Map<F> {
    a: *const f32,
    b: *const f32,
    to: *mut f32,
    n: usize,
    f: F,
}

trait Formula {
    fn apply<S: Simd>(&self, s: S, a: S::F, b: S::F) -> S::F;
}

impl<F: Formula> Kernel for Map<F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for i in (0..self.n).step_by(LANES) {
            // SAFETY: all three have `n` values.
            unsafe {
                let n = self.n - i;
                let y = self.f.apply(s, load_some(s, self.a.add(i), n), load_some(s, self.b.add(i), n));
                store_some(s, self.to.add(i), y, n);
            }
        }
    }
}

struct Gated(Activation);
impl Formula for Gated {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, gate: S::F, up: S::F) -> S::F {
        s.mul(self.0.apply(s, gate), up)
    }
}

struct Plain(Activation);
impl Formula for Plain {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, x: S::F, _: S::F) -> S::F {
        self.0.apply(s, x)
    }
}

struct ScaledSum(f32);
impl Formula for ScaledSum {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, from: S::F, to: S::F) -> S::F {
        s.fma(from, s.splat(self.0), to)
    }
}

struct Finish(f32, Option<f32>);
impl Formula for Finish {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, x: S::F, _: S::F) -> S::F {
        let x = s.mul(x, s.splat(self.0));
        match self.1 {
            Some(cap) => s.mul(s.splat(cap), tanh(s, s.mul(x, s.splat(1.0 / cap)))),
            None => x,
        }
    }
}

// SAFETY, for the blocks below: a piece of a row belongs to one thread; shapes have been checked.
impl Step for Gate {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        pieces(worker, context.rows_of(self.gate), context.cols(self.gate), |row, start, n| unsafe {
            let a = context.floats(self.gate, row).add(start).cast_const();
            let to = context.floats(self.output, row).add(start);
            match self.up {
                Some(up) => {
                    let b = context.floats(up, row).add(start).cast_const();
                    context.isa.run(Map { a, b, to, n, f: Gated(self.activation) });
                }
                None => context.isa.run(Map { a, b: a, to, n, f: Plain(self.activation) }),
            }
        });
    }
}

impl Quantise {
    /// Quantises this thread's share of what `source` gives.
    ///
    /// # Safety
    /// `source` has the rows of the input that are in use.
    unsafe fn from(&self, context: &Context, worker: &Worker, source: impl Source) {
        let cols = context.cols(self.input);
        // The padding too: it holds what rows of other tiles left there.
        let groups = QuantisedRow::new(cols).groups();
        let rows = context.rows_of(self.input);
        let to = unsafe { context.bytes(self.output, 0) };
        context.isa.run(QuantiseRows { source, cols, to, rows, share: worker.share(rows * groups) });
    }
}

impl Step for Quantise {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        unsafe {
            let from = context.floats(self.input, 0);
            self.from(context, worker, Floats { from, stride: context.stride(self.input) / 4 });
        }
    }
}

/// A norm, and its values quantised.
struct NormQuantise(Norm, Quantise);

impl Step for NormQuantise {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let NormQuantise(norm, quantise) = self;
        unsafe {
            let source = Normed {
                norm,
                from: context.floats(norm.input, 0),
                from_stride: context.stride(norm.input) / 4,
                to: context.floats(norm.output, 0),
                to_stride: context.stride(norm.output) / 4,
            };
            quantise.from(context, worker, source);
        }
    }
}

/// A gate, and its values quantised.
struct GateQuantise(Gate, Quantise);

impl Step for GateQuantise {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let GateQuantise(gate, quantise) = self;
        unsafe {
            let stride = |buffer: Buffer| context.stride(buffer) / 4;
            let (to, to_stride) = (context.floats(gate.output, 0), stride(gate.output));
            let (a, a_stride) = (context.floats(gate.gate, 0).cast_const(), stride(gate.gate));
            match gate.up {
                Some(up) => {
                    let (b, b_stride) = (context.floats(up, 0).cast_const(), stride(up));
                    let f = Gated(gate.activation);
                    quantise.from(context, worker, Mapped { a, a_stride, b, b_stride, to, to_stride, f });
                }
                None => {
                    let f = Plain(gate.activation);
                    let (b, b_stride) = (a, a_stride);
                    quantise.from(context, worker, Mapped { a, a_stride, b, b_stride, to, to_stride, f });
                }
            }
        }
    }
}

/// A formula whose values are quantised as they come; they are written as floats too.
struct Mapped<F> {
    a: *const f32,
    /// Floats from one row to the next.
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    to: *mut f32,
    to_stride: usize,
    f: F,
}

impl<F: Formula> Source for Mapped<F> {
    #[inline(always)]
    unsafe fn of_row<S: Simd>(&self, _: S, _: usize) -> [f32; 2] {
        [0.0; 2]
    }
    #[inline(always)]
    unsafe fn values<S: Simd>(&self, s: S, row: usize, _: [f32; 2], at: usize, n: usize) -> S::F {
        unsafe {
            let a = load_some(s, self.a.add(row * self.a_stride + at), n);
            let b = load_some(s, self.b.add(row * self.b_stride + at), n);
            let y = self.f.apply(s, a, b);
            store_some(s, self.to.add(row * self.to_stride + at), y, n);
            y
        }
    }
}

impl Step for Add {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        pieces(worker, context.rows_of(self.from), context.cols(self.from), |row, start, n| unsafe {
            let a = context.floats(self.from, row).add(start).cast_const();
            let to = context.floats(self.to, row).add(start);
            context.isa.run(Map { a, b: to, to, n, f: ScaledSum(self.scale) });
        });
    }
}

impl Step for Select {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let cols = context.cols(self.input);
        let batch = context.batch;
        for row in worker.share(batch.asked()) {
            unsafe {
                let from = context.floats(self.input, batch.source_row(Rows::Asked, row));
                std::ptr::copy_nonoverlapping(from, context.floats(self.output, row), cols);
            }
        }
    }
}

impl Step for LogitsFinish {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        pieces(worker, context.rows_of(self.logits), context.cols(self.logits), |row, start, n| unsafe {
            let to = context.floats(self.logits, row).add(start);
            context.isa.run(Map { a: to, b: to, to, n, f: Finish(self.scale, self.softcap) });
        });
    }
}
