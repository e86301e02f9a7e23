//! Which cache block belongs to whom, and which blocks hold a prefix that somebody may want again.
//!
//! A full block is remembered by its tokens and the block before it, compared exactly: two prompts share a block only if
//! they agree from the first token on. Blocks that nobody uses any more stay remembered until room is needed; the
//! least recently used goes first.

use std::collections::HashMap;

use whit_kernels::program::BLOCK;

/// What a sequence's full blocks so far are known as: the same for equal tokens. The default stands before the first block of those that
/// have no adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Chain(u64);

#[derive(Clone, Copy, Default)]
struct Block {
    users: u32,
    /// What it is remembered for.
    key: Option<Key>,
    /// Its neighbours in [`Idle`].
    before: Option<u32>,
    after: Option<u32>,
}

/// A full block: what stands before it, and its tokens.
type Key = (Chain, [u32; BLOCK]);

/// The blocks of a KV cache. Nothing is allocated once it is made: sequences take blocks and give them up in any step.
pub(crate) struct BlockPool {
    blocks: Vec<Block>,
    /// Neither used nor remembered.
    free: Vec<u32>,
    idle: Idle,
    known: HashMap<Key, (Chain, u32)>,
    clock: u64,
}

/// Blocks that are remembered and unused, in the order in which they were given up: a list that runs through the blocks.
#[derive(Default)]
struct Idle {
    first: Option<u32>,
    last: Option<u32>,
    len: usize,
}

impl Idle {
    fn push(&mut self, blocks: &mut [Block], block: u32) {
        blocks[block as usize].before = self.last;
        blocks[block as usize].after = None;
        match self.last.replace(block) {
            Some(last) => blocks[last as usize].after = Some(block),
            None => self.first = Some(block),
        }
        self.len += 1;
    }

    fn remove(&mut self, blocks: &mut [Block], block: u32) {
        let Block { before, after, .. } = blocks[block as usize];
        match before {
            Some(before) => blocks[before as usize].after = after,
            None => self.first = after,
        }
        match after {
            Some(after) => blocks[after as usize].before = before,
            None => self.last = before,
        }
        self.len -= 1;
    }
}

impl BlockPool {
    pub fn new(blocks: usize) -> BlockPool {
        BlockPool {
            blocks: vec![Block::default(); blocks],
            free: (0..blocks as u32).rev().collect(),
            idle: Idle::default(),
            // Twice what it can hold: then the map never grows, however often it forgets (a step must not allocate).
            known: HashMap::with_capacity(2 * blocks),
            clock: 0,
        }
    }

    /// Grows whenever a block is given up or remembered: while it stays the same, a prompt that did not fit does not fit.
    pub fn changes(&self) -> u64 {
        self.clock
    }

    /// All blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that can be had now.
    pub fn available(&self) -> usize {
        self.free.len() + self.idle.len
    }

    /// A block nobody uses; what it was remembered for is forgotten.
    pub fn take(&mut self) -> Option<u32> {
        let block = match self.free.pop() {
            Some(block) => block,
            None => {
                let block = self.idle.first?;
                self.idle.remove(&mut self.blocks, block);
                if let Some(key) = self.blocks[block as usize].key {
                    self.known.remove(&key);
                }
                block
            }
        };
        self.blocks[block as usize] = Block { users: 1, ..Block::default() };
        Some(block)
    }

    /// What stands before the first block of sequences whose keys and values are nobody else's for the same tokens.
    pub fn root(&mut self) -> Chain {
        self.clock += 1;
        Chain(self.clock)
    }

    /// Adds the remembered blocks that begin `tokens` after `root`, now used by the caller too, to `found`; what they are known as. At
    /// least one token is left over.
    pub fn find_prefix(&mut self, root: Chain, tokens: &[u32], found: &mut Vec<u32>) -> Chain {
        let mut chain = root;
        for chunk in tokens[..tokens.len().saturating_sub(1)].chunks_exact(BLOCK) {
            let Some(&(next, block)) = self.known.get(&(chain, exactly(chunk))) else { break };
            if self.blocks[block as usize].users == 0 {
                self.idle.remove(&mut self.blocks, block);
            }
            self.blocks[block as usize].users += 1;
            found.push(block);
            chain = next;
        }
        chain
    }

    /// Remembers that `block` holds the complete keys and values of `tokens` after those known as `chain`, unless another
    /// block is remembered for the same; what they are known as with it.
    pub fn remember(&mut self, chain: Chain, block: u32, tokens: &[u32]) -> Chain {
        let key = (chain, exactly(tokens));
        if let Some(&(known, _)) = self.known.get(&key) {
            return known;
        }
        self.clock += 1;
        let next = Chain(self.clock);
        self.blocks[block as usize].key = Some(key);
        self.known.insert(key, (next, block));
        next
    }

    /// Gives up a sequence's blocks, the last first, so that beginnings are kept longest.
    pub fn release(&mut self, sequence: &[u32]) {
        for &block in sequence.iter().rev() {
            self.clock += 1;
            let entry = &mut self.blocks[block as usize];
            entry.users -= 1;
            if entry.users == 0 {
                match entry.key {
                    Some(_) => self.idle.push(&mut self.blocks, block),
                    None => self.free.push(block),
                }
            }
        }
    }
}

fn exactly(chunk: &[u32]) -> [u32; BLOCK] {
    let mut block = [0; BLOCK];
    block.copy_from_slice(chunk);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(n: usize, salt: u32) -> Vec<u32> {
        (0..n as u32).map(|i| i * 7 + salt).collect()
    }

    fn prefix(pool: &mut BlockPool, tokens: &[u32]) -> Vec<u32> {
        let mut found = vec![];
        pool.find_prefix(Chain::default(), tokens, &mut found);
        found
    }

    fn fill(pool: &mut BlockPool, tokens: &[u32]) -> Vec<u32> {
        let mut blocks = vec![];
        let mut chain = pool.find_prefix(Chain::default(), tokens, &mut blocks);
        let found = blocks.len();
        while blocks.len() < tokens.len().div_ceil(BLOCK) {
            blocks.push(pool.take().unwrap());
        }
        for index in found..tokens.len() / BLOCK {
            chain = pool.remember(chain, blocks[index], &tokens[index * BLOCK..(index + 1) * BLOCK]);
        }
        blocks
    }

    #[test]
    fn a_prefix_is_shared_as_far_as_it_agrees_and_one_token_is_always_left_to_compute() {
        let mut pool = BlockPool::new(10);
        let long = tokens(3 * BLOCK, 0);
        let first = fill(&mut pool, &long);
        assert_eq!(prefix(&mut pool, &long), first[..2]);
        let mut other = long.clone();
        other[BLOCK + 3] += 1;
        other.push(5);
        assert_eq!(prefix(&mut pool, &other), first[..1]);
        // The same second block after another first one is another block.
        let mut swapped = tokens(BLOCK, 99);
        swapped.extend_from_slice(&long[BLOCK..]);
        assert!(prefix(&mut pool, &swapped).is_empty());
    }

    #[test]
    fn what_was_computed_after_another_root_is_not_found() {
        let mut pool = BlockPool::new(8);
        let prompt = tokens(BLOCK + 1, 0);
        let plain = fill(&mut pool, &prompt);
        let roots = [pool.root(), pool.root()];
        let own = roots.map(|root| {
            let mut found = vec![];
            assert_eq!((pool.find_prefix(root, &prompt, &mut found), found.len()), (root, 0));
            let block = pool.take().unwrap();
            pool.remember(root, block, &prompt[..BLOCK]);
            block
        });
        for (root, block) in roots.into_iter().zip(own) {
            let mut found = vec![];
            pool.find_prefix(root, &prompt, &mut found);
            assert_eq!(found, [block]);
        }
        assert_eq!(prefix(&mut pool, &prompt), plain[..1]);
    }

    #[test]
    fn two_prompts_that_were_computed_at_the_same_time_are_one_prefix() {
        let mut pool = BlockPool::new(8);
        let prompt = tokens(2 * BLOCK, 0);
        let mine: Vec<u32> = (0..2).map(|_| pool.take().unwrap()).collect();
        let other: Vec<u32> = (0..2).map(|_| pool.take().unwrap()).collect();
        let (first, second) = prompt.split_at(BLOCK);
        let chain = pool.remember(Chain::default(), mine[0], first);
        assert_eq!(pool.remember(Chain::default(), other[0], first), chain);
        pool.remember(chain, other[1], second);
        let longer: Vec<u32> = prompt.iter().copied().chain([1]).collect();
        assert_eq!(prefix(&mut pool, &longer), [mine[0], other[1]]);
    }

    #[test]
    fn unused_blocks_are_remembered_until_room_is_needed_oldest_and_latest_parts_first() {
        let mut pool = BlockPool::new(4);
        let a = tokens(2 * BLOCK + 1, 0);
        let b = tokens(BLOCK + 1, 1000);
        let blocks = fill(&mut pool, &a);
        pool.release(&blocks);
        assert_eq!(pool.available(), 4);
        let blocks = fill(&mut pool, &b);
        pool.release(&blocks);
        assert_eq!(prefix(&mut pool, &a).len(), 2);
        // Three blocks are remembered, one of them used by nobody: b's.
        let again = prefix(&mut pool, &b);
        assert_eq!(again.len(), 1);
        pool.release(&again);
        pool.take().unwrap();
        pool.take().unwrap();
        assert_eq!(pool.take(), None);
        assert!(prefix(&mut pool, &b).is_empty(), "b made room");
    }

    #[test]
    fn whatever_is_taken_and_given_up_the_longest_unused_goes_first() {
        // Beside a list as simple as can be: the unused blocks with what they are remembered for, the first to go in front.
        for seed in 0..20u64 {
            let mut state = seed;
            let mut below = |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % n
            };
            let (mut pool, mut unused) = (BlockPool::new(8), Vec::<(u32, Option<u32>)>::new());
            let (mut used, mut never_used) = (Vec::<(u32, Option<u32>)>::new(), 8);
            let text = |salt: u32| tokens(BLOCK, 1000 * salt);
            for _ in 0..2000 {
                let salt = below(12) as u32;
                let asked = [text(salt), vec![1]].concat();
                if used.iter().all(|(_, known)| *known != Some(salt))
                    && let [block] = prefix(&mut pool, &asked)[..]
                {
                    let at = unused.iter().position(|&(other, known)| other == block && known == Some(salt));
                    used.push(unused.remove(at.unwrap()));
                } else if below(2) == 0
                    && let Some(block) = pool.take()
                {
                    // Those that hold nothing go first.
                    if let Some(at) = unused.iter().position(|(other, known)| known.is_none() && *other == block) {
                        unused.remove(at);
                    } else if never_used > 0 {
                        never_used -= 1;
                    } else {
                        assert!(unused.iter().all(|(_, known)| known.is_some()));
                        assert_eq!(unused.remove(0).0, block, "the longest unused");
                    }
                    let is_new = used.iter().chain(&unused).all(|(_, known)| *known != Some(salt));
                    let known = (is_new && below(3) > 0).then_some(salt);
                    known.map(|salt| pool.remember(Chain::default(), block, &text(salt)));
                    used.push((block, known));
                } else if !used.is_empty() {
                    let given_up = used.remove(below(used.len()));
                    pool.release(&[given_up.0]);
                    unused.push(given_up);
                }
                assert_eq!(pool.available(), never_used + unused.len());
            }
        }
    }
}
