//! Which cache block belongs to whom, and which blocks hold a prefix that somebody may want again.
//!
//! A full block is remembered by its tokens and the block before it, compared exactly: two prompts share a block only if
//! they agree from the first token on. Blocks that nobody uses any more stay remembered until room is needed; the
//! least recently used goes first.

use std::collections::{BTreeMap, HashMap};

use whit_kernels::program::BLOCK;

/// Identifies a remembered block's content for as long as the pool lives; 0 stands before the first block.
type Serial = u64;

#[derive(Clone, Copy, Default)]
struct Block {
    users: u32,
    /// Set while the block is remembered.
    serial: Option<Serial>,
    /// When it was last given up, while nobody uses it.
    idle_since: u64,
}

/// The blocks of a KV cache.
pub(crate) struct BlockPool {
    blocks: Vec<Block>,
    /// Neither used nor remembered.
    free: Vec<u32>,
    /// Remembered and unused, by the time they were given up.
    idle: BTreeMap<u64, u32>,
    known: HashMap<(Serial, [u32; BLOCK]), (Serial, u32)>,
    /// The other way round, to forget.
    keys: HashMap<u32, (Serial, [u32; BLOCK])>,
    clock: u64,
}

impl BlockPool {
    pub fn new(blocks: usize) -> BlockPool {
        BlockPool {
            blocks: vec![Block::default(); blocks],
            free: (0..blocks as u32).rev().collect(),
            idle: BTreeMap::new(),
            known: HashMap::new(),
            keys: HashMap::new(),
            clock: 0,
        }
    }

    /// Blocks that can be had now.
    pub fn available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// A block nobody uses; what it was remembered for is forgotten.
    pub fn take(&mut self) -> Option<u32> {
        let block = match self.free.pop() {
            Some(block) => block,
            None => {
                let (_, block) = self.idle.pop_first()?;
                if let Some(key) = self.keys.remove(&block) {
                    self.known.remove(&key);
                }
                block
            }
        };
        self.blocks[block as usize] = Block { users: 1, serial: None, idle_since: 0 };
        Some(block)
    }

    /// The remembered blocks that begin `tokens`, now used by the caller too. At least one token is left over.
    pub fn find_prefix(&mut self, tokens: &[u32]) -> Vec<u32> {
        let mut found = Vec::new();
        let mut before = 0;
        for chunk in tokens[..tokens.len().saturating_sub(1)].chunks_exact(BLOCK) {
            let key = (before, exactly(chunk));
            let Some(&(serial, block)) = self.known.get(&key) else { break };
            let entry = &mut self.blocks[block as usize];
            if entry.users == 0 {
                self.idle.remove(&entry.idle_since);
            }
            entry.users += 1;
            found.push(block);
            before = serial;
        }
        found
    }

    /// Remembers block `index` of a sequence, whose keys and values are complete. Without effect if the content is
    /// remembered already, or the block before it is not.
    pub fn remember(&mut self, sequence: &[u32], index: usize, tokens: &[u32]) {
        let before = match index {
            0 => 0,
            _ => match self.blocks[sequence[index - 1] as usize].serial {
                Some(serial) => serial,
                None => return,
            },
        };
        let block = sequence[index];
        let key = (before, exactly(&tokens[index * BLOCK..(index + 1) * BLOCK]));
        if self.known.contains_key(&key) || self.blocks[block as usize].serial.is_some() {
            return;
        }
        self.clock += 1;
        self.blocks[block as usize].serial = Some(self.clock);
        self.known.insert(key, (self.clock, block));
        self.keys.insert(block, key);
    }

    /// Gives up a sequence's blocks, the last first, so that beginnings are kept longest.
    pub fn release(&mut self, sequence: &[u32]) {
        for &block in sequence.iter().rev() {
            self.clock += 1;
            let entry = &mut self.blocks[block as usize];
            entry.users -= 1;
            if entry.users == 0 {
                match entry.serial {
                    Some(_) => {
                        entry.idle_since = self.clock;
                        self.idle.insert(self.clock, block);
                    }
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

    fn fill(pool: &mut BlockPool, tokens: &[u32]) -> Vec<u32> {
        let mut blocks = pool.find_prefix(tokens);
        while blocks.len() < tokens.len().div_ceil(BLOCK) {
            blocks.push(pool.take().unwrap());
        }
        for index in 0..tokens.len() / BLOCK {
            pool.remember(&blocks, index, tokens);
        }
        blocks
    }

    #[test]
    fn a_prefix_is_shared_as_far_as_it_agrees_and_one_token_is_always_left_to_compute() {
        let mut pool = BlockPool::new(10);
        let long = tokens(3 * BLOCK, 0);
        let first = fill(&mut pool, &long);
        assert_eq!(pool.find_prefix(&long), first[..2]);
        let mut other = long.clone();
        other[BLOCK + 3] += 1;
        other.push(5);
        assert_eq!(pool.find_prefix(&other), first[..1]);
        // The same second block after another first one is another block.
        let mut swapped = tokens(BLOCK, 99);
        swapped.extend_from_slice(&long[BLOCK..]);
        assert!(pool.find_prefix(&swapped).is_empty());
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
        assert_eq!(pool.find_prefix(&a).len(), 2);
        // Three blocks are remembered, one of them used by nobody: b's.
        let again = pool.find_prefix(&b);
        assert_eq!(again.len(), 1);
        pool.release(&again);
        pool.take().unwrap();
        pool.take().unwrap();
        assert_eq!(pool.take(), None);
        assert!(pool.find_prefix(&b).is_empty(), "b made room");
    }
}
