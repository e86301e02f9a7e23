//! Token ids to rows of the embedding table.

use std::ops::Range;

use super::{Buffer, Builder, Context, Rows, Step};
use crate::format::Format;
use crate::memory::SharedBytes;
use crate::team::Worker;

/// A table left as it lies in its file: a step reads a few rows of it, so packing it would only cost memory.
#[derive(Clone)]
pub struct Table {
    source: SharedBytes,
    bytes: Range<usize>,
    format: Format,
    cols: usize,
    row_bytes: usize,
}

impl Table {
    /// A table `[rows, cols]` of `format` at `bytes` of `source`; `None` if the bytes are not there or not whole rows.
    pub fn new(source: SharedBytes, bytes: Range<usize>, format: Format, cols: usize) -> Option<Table> {
        let row_bytes = format.row_bytes(cols)?;
        let len = (*source).as_ref().get(bytes.clone())?.len();
        (row_bytes > 0 && len % row_bytes == 0).then_some(Table { source, bytes, format, cols, row_bytes })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.bytes.len() / self.row_bytes
    }

    /// Decodes row `row`.
    ///
    /// # Panics
    /// If there is no such row or `out` is not `cols` long.
    pub fn decode_row(&self, row: usize, out: &mut [f32]) {
        let bytes = &(*self.source).as_ref()[self.bytes.clone()][row * self.row_bytes..][..self.row_bytes];
        self.format.decode(bytes, out);
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
        self.check_floats(step.output, step.table.cols);
        assert_eq!(self.rows_of(step.output), Rows::Tokens);
        self.vocab = self.vocab.min(step.table.rows());
        self.push(step);
    }
}

impl Step for Embed {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        for row in worker.share(context.batch.tokens.len()) {
            // SAFETY: the row is this thread's own, of `cols` floats.
            let out = unsafe { std::slice::from_raw_parts_mut(context.floats(self.output, row), self.table.cols) };
            self.table.decode_row(context.batch.tokens[row] as usize, out);
            if self.scale != 1.0 {
                out.iter_mut().for_each(|value| *value *= self.scale);
            }
        }
    }
}
