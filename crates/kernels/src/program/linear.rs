//! Matrix products.

use std::ops::Range;

use super::adapters::AdaptableMatrix;
use super::{Buffer, Builder, Context, Counts, Rows, Step};
use crate::activations::{GROUP, QuantisedRow};
use crate::matmul::{Activations, Multiply};
use crate::matrix::PackedMatrix;
use crate::memory::round_up;
use crate::simd::LANES;
use crate::team::Worker;

/// One or more matrices applied to the same input.
pub struct Linear {
    /// Floats if every matrix is of a float format, quantised activations if none is.
    pub input: Buffer,
    /// The matrices; at least one.
    pub parts: Vec<LinearPart>,
}

/// One matrix of a [`Linear`] and where its result goes.
pub struct LinearPart {
    /// `[rows, cols]`.
    pub matrix: PackedMatrix,
    /// `[rows]`.
    pub bias: Option<Vec<f32>>,
    /// Floats, `rows` wide. Of the input's rows; or [`Rows::Logits`], which come first in [`Rows::Asked`].
    pub output: Buffer,
    /// `None`: `output = W x + b`. `Some(s)`: `output += s * (W x + b)`.
    pub accumulate: Option<f32>,
}

/// A [`Linear`] with what adapters may add to it.
pub(super) struct Adaptable {
    pub linear: Linear,
    /// The same input in floats.
    pub floats: Buffer,
    /// Number of the first of its matrices.
    pub first: usize,
}

impl Builder {
    /// Adds a [`Linear`]; the numbers of its matrices, by which an [`Adapter`](super::Adapter) updates them.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn linear(&mut self, mut step: Linear) -> Range<usize> {
        for part in &mut step.parts {
            self.check_part(step.input, part);
        }
        let rows = self.rows_of(step.parts[0].output);
        assert!(step.parts.iter().all(|part| self.rows_of(part.output) == rows), "all outputs have the same rows");
        let is_head = self.rows_of(step.input) == Rows::Asked && rows == Rows::Logits;
        assert!(is_head || self.rows_of(step.input) == rows, "the input has the rows of the outputs");
        let mut outputs: Vec<usize> = step.parts.iter().map(|part| part.output.0).collect();
        outputs.sort_unstable();
        outputs.dedup();
        assert_eq!(outputs.len(), step.parts.len(), "each matrix has an output of its own");
        assert!(!matches!(rows, Rows::Routed(_)), "the rows are those of sequences");
        let floats = self.places[step.input.0].floats;
        assert!(!self.places[floats.0].quantised, "quantised activations are made from floats");
        assert!(!outputs.contains(&floats.0), "a product does not overwrite what its operand was made from");
        let first = self.matrices.len();
        self.matrices.extend(step.parts.iter().map(|LinearPart { matrix, .. }| AdaptableMatrix {
            rows: matrix.rows(),
            cols: matrix.cols(),
            is_head: rows == Rows::Logits,
            step: self.linears,
        }));
        self.linears += 1;
        self.push(Adaptable { linear: step, floats, first });
        first..self.matrices.len()
    }

    /// Checks a matrix against the buffers it reads and writes, and pads its bias to whole panels.
    pub(super) fn check_part(&self, input: Buffer, part: &mut LinearPart) {
        let from = &self.places[input.0];
        assert!(input != part.output, "a product does not overwrite its operand");
        assert_eq!(from.cols, part.matrix.cols(), "the input is as wide as the matrix");
        assert_eq!(
            from.quantised,
            part.matrix.activations() == Activations::Quantised,
            "the input is what the format takes"
        );
        self.check_floats(part.output, part.matrix.rows());
        if let Some(bias) = &mut part.bias {
            assert_eq!(bias.len(), part.matrix.rows(), "a bias for every row");
            bias.resize(round_up(bias.len(), LANES), 0.0);
        }
    }
}

impl LinearPart {
    /// # Safety
    /// The part has been checked; `panels` belong to this thread alone; `rows` rows from `first_row` on are in use.
    #[allow(clippy::too_many_arguments)]
    pub(super) unsafe fn multiply(
        &self,
        context: &Context,
        worker: &Worker,
        input: Buffer,
        panels: Range<usize>,
        input_row: usize,
        gather: Option<*const u32>,
        output_row: usize,
        rows: usize,
    ) {
        if panels.is_empty() || rows == 0 {
            return;
        }
        let matrix = &self.matrix;
        let packing = matrix.format().packing();
        // SAFETY: places and shapes have been checked; the rows are in use.
        unsafe {
            let m = Multiply {
                weights: matrix.data().as_ptr(),
                panel_stride: matrix.blocks() * packing.block_bytes,
                blocks: matrix.blocks(),
                groups_per_block: packing.block_cols / GROUP,
                panels,
                input: context.bytes(input, 0),
                input_stride: context.places[input.0].stride,
                input_rows: context.rows_of(input),
                quantised: QuantisedRow::new(matrix.cols()),
                gather,
                first_row: input_row,
                rows,
                output: context.floats(self.output, output_row),
                output_stride: context.places[self.output.0].stride / 4,
                bias: self.bias.as_ref().map(|bias| bias.as_ptr()),
                accumulate: self.accumulate,
                scratch: context.scratch(worker),
            };
            (packing.multiply)(context.isa, &m);
        }
    }
}

impl Linear {
    /// What of each matrix is this thread's: its number among the parts, and the panels.
    pub(super) fn shares(&self, worker: &Worker) -> impl Iterator<Item = (usize, Range<usize>)> {
        let share = worker.share(self.parts.iter().map(|part| part.matrix.panels()).sum());
        let mut end = 0;
        self.parts.iter().enumerate().filter_map(move |(index, part)| {
            let first = end;
            end += part.matrix.panels();
            let mine = share.start.max(first)..share.end.min(end);
            (!mine.is_empty()).then(|| (index, mine.start - first..mine.end - first))
        })
    }

    /// Multiplies this thread's panels.
    ///
    /// # Safety
    /// As that of [`Step::run`].
    pub(super) unsafe fn multiply(&self, context: &Context, worker: &Worker) {
        let rows = context.rows_of(self.parts[0].output);
        for (index, panels) in self.shares(worker) {
            // SAFETY: shares do not overlap.
            unsafe { self.parts[index].multiply(context, worker, self.input, panels, 0, None, 0, rows) };
        }
    }
}

impl Step for Adaptable {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        // SAFETY: passed on. What decides is the same on every thread.
        unsafe {
            match self.is_adapted(context) {
                true => self.run_adapted(context, worker),
                false => self.linear.multiply(context, worker),
            }
        }
    }

    fn count(&self, rows: &dyn Fn(Buffer) -> Rows, counts: &mut Counts) {
        for LinearPart { matrix, output, .. } in &self.linear.parts {
            let values = matrix.rows() * matrix.cols();
            match rows(*output) {
                Rows::Logits => counts.add_head(matrix.bytes(), values),
                _ => counts.add_body(matrix.bytes(), values),
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.linear.parts.iter().all(|part| part.matrix.is_packed())
    }

    fn scratch_bytes(&self) -> usize {
        self.linear.parts.iter().map(|part| Multiply::scratch_bytes(part.matrix.cols())).max().unwrap_or(0)
    }
}
