//! What a run reads from memory and computes, from the shapes of its steps alone: weights, the cache, and the products with
//! both. All else is small beside them and is not counted.

use super::BLOCK;

/// Rows of a run, or of one sequence's part in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Tokens.
    pub tokens: usize,
    /// Those of them whose logits are asked for.
    pub logits: usize,
}

/// What was read and computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caused {
    /// Bytes read from memory.
    pub bytes: u64,
    /// Operations; a multiplication and its addition are two.
    pub operations: u64,
}

/// The sums over a program's steps.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Matrices that every token goes through.
    body: Matrices,
    /// Those that make logits.
    head: Matrices,
    /// Those of experts, by how many there are and how many of them a token uses.
    experts: Vec<Experts>,
    /// Attention, by how far it sees.
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Matrices {
    bytes: u64,
    values: u64,
}

#[derive(Clone, Copy, Debug)]
struct Experts {
    count: usize,
    top_k: usize,
    /// Of one expert.
    each: Matrices,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    window: usize,
    /// Of a block of the cache.
    block_bytes: u64,
    /// Of one query over one position.
    operations: u64,
}

/// What an adapter adds to the steps of its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdapterCounts {
    body: Matrices,
    head: Matrices,
}

impl AdapterCounts {
    pub(super) fn add(&mut self, is_head: bool, bytes: usize, values: usize) {
        let matrices = if is_head { &mut self.head } else { &mut self.body };
        matrices.bytes += bytes as u64;
        matrices.values += values as u64;
    }

    /// Bytes that a run over one token with it reads, its logits included.
    pub fn weight_bytes(&self) -> u64 {
        self.body.bytes + self.head.bytes
    }

    /// What it makes a sequence cause whose `own` rows are among `all` rows that have it.
    pub fn caused(&self, own: RowCounts, all: RowCounts) -> Caused {
        Caused {
            bytes: share(self.body.bytes, own.tokens, all.tokens) + share(self.head.bytes, own.logits, all.logits),
            operations: 2 * (self.body.values * own.tokens as u64 + self.head.values * own.logits as u64),
        }
    }
}

/// The share in `bytes`, by rows, of one who has `own` of `all`.
fn share(bytes: u64, own: usize, all: usize) -> u64 {
    bytes * own as u64 / all.max(1) as u64
}

impl Counts {
    pub(super) fn add_body(&mut self, bytes: usize, values: usize) {
        self.body.bytes += bytes as u64;
        self.body.values += values as u64;
    }

    pub(super) fn add_head(&mut self, bytes: usize, values: usize) {
        self.head.bytes += bytes as u64;
        self.head.values += values as u64;
    }

    /// `bytes` and `values` are those of one expert.
    pub(super) fn add_experts(&mut self, count: usize, top_k: usize, bytes: usize, values: usize) {
        let same = |experts: &&mut Experts| (experts.count, experts.top_k) == (count, top_k);
        let each = Matrices { bytes: bytes as u64, values: values as u64 };
        match self.experts.iter_mut().find(same) {
            Some(experts) => {
                experts.each.bytes += each.bytes;
                experts.each.values += each.values;
            }
            None => self.experts.push(Experts { count, top_k, each }),
        }
    }

    /// `width` is that of all query heads together.
    pub(super) fn add_attention(&mut self, window: Option<usize>, block_bytes: usize, width: usize) {
        let window = window.unwrap_or(usize::MAX);
        // A product with the key and one with the value.
        let (block_bytes, operations) = (block_bytes as u64, 4 * width as u64);
        match self.spans.iter_mut().find(|span| span.window == window) {
            Some(span) => {
                span.block_bytes += block_bytes;
                span.operations += operations;
            }
            None => self.spans.push(Span { window, block_bytes, operations }),
        }
    }

    /// Bytes of weights that a run over so many tokens reads at most, those of the logits left out. Which experts it reads hangs on the
    /// tokens: as many as there can be are counted.
    fn body_bytes(&self, tokens: usize) -> u64 {
        let experts = self.experts.iter().map(|experts| {
            let used = experts.count.min(tokens.saturating_mul(experts.top_k));
            used as u64 * experts.each.bytes
        });
        self.body.bytes + experts.sum::<u64>()
    }

    /// Bytes of weights that a run over one token reads, its logits included.
    pub fn weight_bytes(&self) -> u64 {
        self.body_bytes(1) + self.head.bytes
    }

    /// Bytes of the cache that are read for a token which comes after `positions` others.
    pub fn cache_bytes(&self, positions: usize) -> u64 {
        self.spans.iter().map(|span| positions.min(span.window) as u64 * span.block_bytes / BLOCK as u64).sum()
    }

    /// What a sequence causes in a run over `all` whose `own` rows come after `position` others: by rows its share of the weights, which
    /// are read once for all, once the cache as far as its rows see it, and the operations on its rows.
    pub fn caused(&self, own: RowCounts, position: usize, all: RowCounts) -> Caused {
        let mut bytes = share(self.body_bytes(all.tokens), own.tokens, all.tokens);
        bytes += share(self.head.bytes, own.logits, all.logits);
        let of_experts = self.experts.iter().map(|experts| experts.top_k as u64 * experts.each.values);
        let of_token = self.body.values + of_experts.sum::<u64>();
        let mut operations = 2 * (of_token * own.tokens as u64 + self.head.values * own.logits as u64);
        for span in &self.spans {
            let seen = (position + own.tokens).min(span.window.saturating_add(own.tokens - own.tokens.min(1)));
            bytes += seen as u64 * span.block_bytes / BLOCK as u64;
            // Rows that see one position more than the row before them, and rows that see a whole window.
            let growing = span.window.saturating_sub(position).min(own.tokens) as u64;
            let pairs = growing * position as u64 + growing * (growing + 1) / 2;
            let pairs = pairs + (own.tokens as u64 - growing) * (span.window as u64);
            operations += pairs * span.operations;
        }
        Caused { bytes, operations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        let mut counts = Counts::default();
        counts.add_body(1000, 2000);
        counts.add_head(600, 300);
        counts.add_experts(8, 2, 10, 20);
        // 32 and 64 bytes a position; the second sees 4 positions.
        counts.add_attention(None, 32 * BLOCK, 8);
        counts.add_attention(Some(4), 64 * BLOCK, 2);
        counts
    }

    #[test]
    fn one_token_reads_all_it_uses() {
        let one = RowCounts { tokens: 1, logits: 1 };
        let caused = counts().caused(one, 9, one);
        assert_eq!(caused.bytes, 1000 + 600 + 2 * 10 + 10 * 32 + 4 * 64);
        assert_eq!(caused.operations, 2 * (2000 + 300 + 2 * 20) + 10 * 4 * 8 + 4 * 4 * 2);
        assert_eq!(counts().weight_bytes(), 1620);
        assert_eq!(counts().cache_bytes(9), 9 * 32 + 4 * 64);
    }

    #[test]
    fn rows_of_one_adapter_share_it() {
        let mut adapter = AdapterCounts::default();
        adapter.add(false, 300, 150);
        adapter.add(true, 40, 20);
        assert_eq!(adapter.weight_bytes(), 340);
        let (own, all) = (RowCounts { tokens: 2, logits: 1 }, RowCounts { tokens: 6, logits: 4 });
        assert_eq!(adapter.caused(own, all), Caused { bytes: 100 + 10, operations: 2 * (2 * 150 + 20) });
        assert_eq!(adapter.caused(own, own), Caused { bytes: 340, operations: 640 });
    }

    #[test]
    fn sequences_of_a_run_share_its_weights_by_rows() {
        let all = RowCounts { tokens: 4, logits: 2 };
        let decoding = counts().caused(RowCounts { tokens: 1, logits: 1 }, 0, all);
        let reading = counts().caused(RowCounts { tokens: 3, logits: 1 }, 2, all);
        // Of the eight experts all may be read: 1080 bytes in the body.
        assert_eq!(decoding.bytes, 1080 / 4 + 300 + 32 + 64);
        assert_eq!(reading.bytes, 3 * 1080 / 4 + 300 + 5 * 32 + 5 * 64);
        // Rows at positions 2, 3 and 4 see 3, 4 and 5 positions, or 3, 4 and 4.
        assert_eq!(reading.operations, 2 * (3 * 2040 + 300) + 12 * 32 + 11 * 8);
    }
}
