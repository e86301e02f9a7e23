//! Examples as tokens, and their order.

use crate::training::decoder::Batch;
use crate::training::random;

/// Sequences of tokens, each with the place where its answer begins.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    ids: Vec<u32>,
    /// Where each ends, and where in it the answer begins.
    ends: Vec<(usize, u32)>,
}

impl Sequences {
    /// Adds a prompt with its answer, the end token included.
    pub fn push(&mut self, prompt: &[u32], answer: &[u32]) {
        self.ids.extend_from_slice(prompt);
        self.ids.extend_from_slice(answer);
        self.ends.push((self.ids.len(), prompt.len() as u32));
    }

    /// Sequences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Tokens that go in: all but the last of each sequence.
    pub fn tokens(&self) -> usize {
        self.ids.len() - self.ends.len()
    }

    fn get(&self, at: usize) -> (&[u32], usize) {
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 };
        let (end, answer) = self.ends[at];
        (&self.ids[start..end], answer as usize)
    }

    /// As many of the sequences `order` names, from the `from`-th on, as have `budget` tokens together, but one at
    /// least; and how many that is.
    pub fn batch(&self, order: &[u32], from: usize, budget: usize) -> (Batch, usize) {
        let mut batch = Batch::default();
        let mut taken = 0;
        for &at in &order[from..] {
            let (ids, answer) = self.get(at as usize);
            if taken > 0 && batch.tokens.len() + ids.len() - 1 > budget {
                break;
            }
            batch.push(ids, answer);
            taken += 1;
        }
        (batch, taken)
    }

    /// How many batches an epoch takes.
    pub fn batches(&self, order: &[u32], budget: usize) -> u64 {
        let (mut batches, mut tokens) = (0, usize::MAX);
        for &at in order {
            let length = self.get(at as usize).0.len() - 1;
            if tokens.saturating_add(length) > budget {
                batches += 1;
                tokens = 0;
            }
            tokens += length;
        }
        batches
    }

    /// The order of an epoch.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<u32> {
        random::permutation(random::mix(random::key(seed, "order"), epoch), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences() -> Sequences {
        let mut sequences = Sequences::default();
        for at in 0..50u32 {
            let prompt: Vec<u32> = (0..at % 7 + 1).map(|i| at + i).collect();
            sequences.push(&prompt, &[at, 0]);
        }
        sequences
    }

    #[test]
    fn an_epoch_has_every_sequence_once_and_no_padding() {
        let sequences = sequences();
        let order = sequences.order(1, 0);
        let (mut from, mut batches, mut tokens, mut asked) = (0, 0, 0, 0);
        while from < order.len() {
            let (batch, taken) = sequences.batch(&order, from, 40);
            assert!(taken > 0 && batch.tokens.len() <= 40);
            from += taken;
            batches += 1;
            tokens += batch.tokens.len();
            asked += batch.asked.len();
        }
        assert_eq!((batches, tokens, asked), (sequences.batches(&order, 40), sequences.tokens(), 100));
    }

    #[test]
    fn only_the_answer_is_asked_for() {
        let mut sequences = Sequences::default();
        sequences.push(&[5, 6, 7], &[8, 0]);
        let (batch, _) = sequences.batch(&[0], 0, 100);
        assert_eq!(batch.tokens, [5, 6, 7, 8]);
        assert_eq!((batch.asked, batch.targets), (vec![2, 3], vec![8, 0]));
    }

    #[test]
    fn a_sequence_that_is_longer_than_a_batch_is_a_batch() {
        let mut sequences = Sequences::default();
        sequences.push(&[1; 99], &[2]);
        sequences.push(&[1], &[2]);
        assert_eq!(sequences.batch(&[0, 1], 0, 10).1, 1);
        assert_eq!(sequences.batches(&[0, 1], 10), 2);
    }
}
