//! Token ids to rows of the embedding table.

use std::ops::Range;

use super::{Buffer, Builder, Context, Rows, Step};
use crate::format::Format;
use crate::isa::Isa;
use crate::matrix::PackedMatrix;
use crate::memory::SharedBytes;
use crate::team::Worker;

/// Rows of a vocabulary, one of which is read for every token.
#[derive(Clone)]
pub struct Table(Kind);

#[derive(Clone)]
enum Kind {
    /// Left as it lies in its file: packing it would only cost memory.
    File { source: SharedBytes, bytes: Range<usize>, format: Format, cols: usize, row_bytes: usize },
    /// Packed because the head multiplies with it. A row is spread over the sixteen of its panel, which is dearer to read,
    /// but the file need not be in memory beside it.
    Packed(PackedMatrix),
}

impl Table {
    /// A table `[rows, cols]` of `format` at `bytes` of `source`; `None` if the bytes are not there or not whole rows.
    pub fn new(source: SharedBytes, bytes: Range<usize>, format: Format, cols: usize) -> Option<Table> {
        let row_bytes = format.row_bytes(cols)?;
        let len = (*source).as_ref().get(bytes.clone())?.len();
        (row_bytes > 0 && len % row_bytes == 0).then_some(Table(Kind::File { source, bytes, format, cols, row_bytes }))
    }

    /// The rows of a matrix.
    pub fn of_packed(matrix: PackedMatrix) -> Table {
        Table(Kind::Packed(matrix))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match &self.0 {
            Kind::File { bytes, row_bytes, .. } => bytes.len() / row_bytes,
            Kind::Packed(matrix) => matrix.rows(),
        }
    }

    /// Values of a row.
    pub fn cols(&self) -> usize {
        match &self.0 {
            Kind::File { cols, .. } => *cols,
            Kind::Packed(matrix) => matrix.cols(),
        }
    }

    /// Decodes row `row`.
    ///
    /// # Panics
    /// If there is no such row or `out` is not `cols` long, or this machine does not have `isa`.
    pub fn decode_row(&self, isa: Isa, row: usize, out: &mut [f32]) {
        match &self.0 {
            Kind::File { source, bytes, format, row_bytes, .. } => {
                format.decode(&(**source).as_ref()[bytes.clone()][row * row_bytes..][..*row_bytes], out);
            }
            Kind::Packed(matrix) => matrix.decode_row(isa, row, out),
        }
    }
}

/// `output = scale * table[token]`.
pub struct Embed {
    /// One row per token of the vocabulary.
    pub table: Table,
    /// Multiplies every value.
    pub scale: f32,
    /// Floats, a row per token.
    pub output: Buffer,
}

impl Builder {
    /// Adds an [`Embed`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn embed(&mut self, step: Embed) {
        self.check_floats(step.output, step.table.cols());
        assert_eq!(self.rows_of(step.output), Rows::Tokens);
        self.vocab = self.vocab.min(step.table.rows());
        self.push(step);
    }
}

impl Step for Embed {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        for row in worker.share(context.batch.tokens.len()) {
            // SAFETY: the row is this thread's own, of `cols` floats.
            let out = unsafe { std::slice::from_raw_parts_mut(context.floats(self.output, row), self.table.cols()) };
            self.table.decode_row(context.isa, context.batch.tokens[row] as usize, out);
            if self.scale != 1.0 {
                out.iter_mut().for_each(|value| *value *= self.scale);
            }
        }
    }
}
