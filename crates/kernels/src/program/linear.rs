//! Matrix products.

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

impl Builder {
    /// Adds a [`Linear`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn linear(&mut self, mut step: Linear) {
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
        self.push(step);
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
        panels: std::ops::Range<usize>,
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

impl Step for Linear {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let rows = context.rows_of(self.parts[0].output);
        let total: usize = self.parts.iter().map(|part| part.matrix.panels()).sum();
        let share = worker.share(total);
        let mut first = 0;
        for part in &self.parts {
            let panels = part.matrix.panels();
            let mine = share.start.max(first)..share.end.min(first + panels);
            if !mine.is_empty() {
                let panels = mine.start - first..mine.end - first;
                // SAFETY: shares do not overlap.
                unsafe { part.multiply(context, worker, self.input, panels, 0, None, 0, rows) };
            }
            first += panels;
        }
    }

    fn count(&self, rows: &dyn Fn(Buffer) -> Rows, counts: &mut Counts) {
        for LinearPart { matrix, output, .. } in &self.parts {
            let values = matrix.rows() * matrix.cols();
            match rows(*output) {
                Rows::Logits => counts.add_head(matrix.bytes(), values),
                _ => counts.add_body(matrix.bytes(), values),
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.parts.iter().all(|part| part.matrix.is_packed())
    }

    fn scratch_bytes(&self) -> usize {
        self.parts.iter().map(|part| Multiply::scratch_bytes(part.matrix.cols())).max().unwrap_or(0)
    }
}
