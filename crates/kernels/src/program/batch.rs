//! What one run works on.

use super::Rows;
use super::kv::{BLOCK, KvCache};

/// Tokens of one or more sequences, run together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Token ids, the rows of the batch.
    pub tokens: &'a [u32],
    /// Whose they are; in order, covering all rows.
    pub segments: &'a [Segment],
    /// The cache blocks of all sequences; each segment says which are its own.
    pub blocks: &'a [u32],
    /// Rows whose logits are asked for.
    pub logits: &'a [u32],
    /// Rows whose hidden state is asked for, and no logits: no head runs over them.
    pub hidden: &'a [u32],
}

/// Consecutive tokens of one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// First row in the batch.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Position of the first of them in the sequence.
    pub position: usize,
    /// Index in the batch's `blocks` of the sequence's first block, the one that holds position 0.
    pub first_block: usize,
    /// Blocks of the sequence; enough for these tokens too.
    pub block_count: usize,
    /// The number of the adapter whose updates are for these rows ([`Program::add_adapter`](super::Program::add_adapter)).
    pub adapter: Option<usize>,
}

/// A batch that does not fit its program or cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BatchError(pub(super) &'static str);

impl Batch<'_> {
    pub(super) fn check(
        &self,
        max_tokens: usize,
        max_logits: usize,
        vocab: usize,
        kv: &mut KvCache,
    ) -> Result<(), BatchError> {
        let fail = |what| Err(BatchError(what));
        if self.tokens.len() > max_tokens {
            return fail("more tokens than the program has rows");
        }
        if self.asked() > max_logits {
            return fail("more is asked for than the program has rows");
        }
        if self.logits.iter().chain(self.hidden).any(|&row| row as usize >= self.tokens.len()) {
            return fail("something is asked of a row that is not there");
        }
        if self.tokens.iter().any(|&token| token as usize >= vocab) {
            return fail("a token outside the vocabulary");
        }
        let mut row = 0;
        for segment in self.segments {
            if segment.row != row || segment.rows == 0 {
                return fail("segments that do not follow each other");
            }
            row += segment.rows;
            if segment.position.saturating_add(segment.rows) > segment.block_count.saturating_mul(BLOCK) {
                return fail("a sequence without blocks for its tokens");
            }
            if segment.first_block.checked_add(segment.block_count).is_none_or(|end| end > self.blocks.len()) {
                return fail("a sequence whose blocks are not listed");
            }
        }
        if self.blocks.iter().any(|&block| block as usize >= kv.blocks()) {
            return fail("a block that is not there");
        }
        if row != self.tokens.len() {
            return fail("rows that belong to no segment");
        }
        // A block written by two segments would be written by two threads at once.
        let written = self.segments.iter().flat_map(|segment| {
            let last = segment.position + segment.rows - 1;
            (segment.position / BLOCK..=last / BLOCK).map(|index| self.blocks[segment.first_block + index])
        });
        if !kv.mark_written(written) {
            return fail("a block that two sequences would write");
        }
        Ok(())
    }

    /// Of how many rows something is asked for.
    pub(super) fn asked(&self) -> usize {
        self.logits.len() + self.hidden.len()
    }

    /// The row of the batch that row `row` of a buffer with such rows is made from.
    pub(super) fn source_row(&self, rows: Rows, row: usize) -> usize {
        match rows {
            Rows::Tokens => row,
            Rows::Asked | Rows::Logits => {
                let asked = self.logits.get(row).unwrap_or_else(|| &self.hidden[row - self.logits.len()]);
                *asked as usize
            }
            Rows::Routed(_) => unreachable!("rows that are ordered by expert belong to no sequence"),
        }
    }

    /// The segment and the position of a row.
    pub(super) fn locate(&self, row: usize) -> (&Segment, usize) {
        let at = self.segments.partition_point(|segment| segment.row + segment.rows <= row);
        let segment = &self.segments[at];
        (segment, segment.position + row - segment.row)
    }

    /// The cache block that holds `position` of the segment's sequence.
    pub(super) fn block(&self, segment: &Segment, position: usize) -> u32 {
        self.blocks[segment.first_block + position / BLOCK]
    }
}
