//! The engine: takes requests, and runs whatever is to be run next.

use std::collections::VecDeque;
use std::sync::Arc;

use whit_kernels::program::{BLOCK, Batch, Buffer, KvCache, Program, Segment};
use whit_kernels::{Isa, Team};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

use crate::blocks::BlockPool;
use crate::compile::{Compiled, compile};
use crate::plan::{MAX_LOGITS, blocks_per_sequence, plan, sizes};
use crate::request::{Event, Request, RequestId};
use crate::running::Running;
use crate::weights::{Packer, Weights};
use crate::{EngineError, MemoryPlan, Options};

/// A loaded model, ready to take requests.
pub struct Engine {
    pub(crate) team: Team,
    pub(crate) model: Model,
    pub(crate) pool: BlockPool,
    tokenizer: Option<Arc<Tokenizer>>,
    plan: MemoryPlan,
    waiting: VecDeque<Running>,
    running: Vec<Running>,
    next_id: u64,
}

/// The compiled program and its cache.
pub(crate) struct Model {
    program: Program,
    kv: KvCache,
    logits: Buffer,
    pub vocab_size: usize,
    pub max_tokens: usize,
    pub context: usize,
    rows: Rows,
}

/// A batch in the making; kept, so that a run of the program allocates nothing for it.
#[derive(Default)]
struct Rows {
    tokens: Vec<u32>,
    segments: Vec<Segment>,
    blocks: Vec<u32>,
    logits: Vec<u32>,
}

/// Some tokens of one sequence, to be run.
pub(crate) struct Work<'a> {
    pub tokens: &'a [u32],
    /// Position of the first of them.
    pub position: usize,
    pub blocks: &'a [u32],
    pub logits: WantLogits,
}

/// For which of the tokens logits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantLogits {
    None,
    Last,
    All,
}

/// What a step costs in memory traffic, from the program's own counts; for benchmarks and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepBytes {
    /// Bytes of weights read by one step that decodes a single sequence.
    pub weights: u64,
    /// Bytes of KV cache read per position of context, per sequence.
    pub kv_per_position: u64,
}

impl Model {
    /// Runs the works together. Logits row `i` is the `i`-th wanted, in the order of the works.
    pub fn run(&mut self, team: &mut Team, works: &[Work]) -> Result<(), EngineError> {
        let Rows { tokens, segments, blocks, logits } = &mut self.rows;
        tokens.clear();
        segments.clear();
        blocks.clear();
        logits.clear();
        for work in works {
            let row = tokens.len();
            let (rows, position) = (work.tokens.len(), work.position);
            tokens.extend_from_slice(work.tokens);
            let (first_block, block_count) = (blocks.len(), work.blocks.len());
            segments.push(Segment { row, rows, position, first_block, block_count });
            blocks.extend_from_slice(work.blocks);
            match work.logits {
                WantLogits::None => {}
                WantLogits::Last => logits.push(tokens.len() as u32 - 1),
                WantLogits::All => logits.extend(row as u32..tokens.len() as u32),
            }
        }
        let batch = Batch { tokens, segments, blocks, logits };
        self.program.run(team, &batch, &mut self.kv).map_err(|error| EngineError::Internal(error.to_string()))
    }

    /// Logits of the last run.
    pub fn logits(&self, row: usize) -> &[f32] {
        self.program.row(self.logits, row)
    }
}

impl Engine {
    /// Works out what a model needs in memory under `options`, without loading it.
    ///
    /// # Errors
    /// [`EngineError::DoesNotFit`] if `options.memory` is too small even for a short context; the message has the sum.
    pub fn plan(checkpoint: &Checkpoint, spec: &DecoderSpec, options: &Options) -> Result<MemoryPlan, EngineError> {
        plan(checkpoint, spec, options)
    }

    /// Packs the weights and compiles the program. `progress` hears (bytes packed, bytes in all).
    ///
    /// # Errors
    /// As [`Engine::plan`]; and if a tensor is damaged (NaN weights) or of a shape the specification does not expect.
    pub fn load(
        checkpoint: &Checkpoint,
        spec: &DecoderSpec,
        tokenizer: Option<Arc<Tokenizer>>,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Engine, EngineError> {
        let plan = plan(checkpoint, spec, options)?;
        let mut team = Team::new(options.threads).map_err(|error| EngineError::Option(error.to_string()))?;
        let sizes = sizes(options, plan.context);
        let packer = Packer { team: &mut team, progress, total: plan.weights };
        let Compiled { builder, kv, logits, vocab_size } =
            compile(spec, &mut Weights::new(checkpoint, Some(packer)), sizes)?;
        let program = builder.finish(team.count());
        let blocks = blocks_per_sequence(plan.context) * options.sequences;
        let model = Model {
            program,
            kv: KvCache::new(kv, blocks).ok_or_else(|| {
                EngineError::DoesNotFit(format!(
                    "the system does not give the {} bytes of the KV cache: use a shorter context",
                    plan.kv_cache
                ))
            })?,
            logits,
            vocab_size,
            max_tokens: sizes.max_tokens,
            context: plan.context,
            rows: Rows::default(),
        };
        Ok(Engine {
            team,
            model,
            pool: BlockPool::new(blocks),
            tokenizer,
            plan,
            waiting: VecDeque::new(),
            running: Vec::new(),
            next_id: 0,
        })
    }

    /// What was planned at load.
    pub fn memory_plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Threads at work.
    pub fn threads(&self) -> usize {
        self.team.count()
    }

    /// The instruction set at work.
    pub fn isa(&self) -> Isa {
        self.team.isa()
    }

    /// Bytes of buffers that the loaded program really has; [`MemoryPlan::workspace`] foretold them.
    pub fn workspace_bytes(&self) -> u64 {
        self.model.program.workspace_bytes()
    }

    /// Bytes a step reads.
    pub fn step_bytes(&self) -> StepBytes {
        StepBytes { weights: self.model.program.weight_bytes(), kv_per_position: self.plan.kv_bytes_per_position }
    }

    /// Queues a request. It starts with the next [`Engine::step`] that has room for it.
    ///
    /// # Errors
    /// If the prompt is empty, longer than the context, or has an id outside the vocabulary; if a sampling value is out of range.
    pub fn submit(&mut self, request: Request) -> Result<RequestId, EngineError> {
        self.check_tokens(&request.prompt)?;
        if request.prompt.len() >= self.model.context {
            return Err(EngineError::Request(format!(
                "the prompt has {} tokens and the context holds {}, the answer included: shorten the prompt or raise --context",
                request.prompt.len(),
                self.model.context
            )));
        }
        request.sampling.check(self.model.vocab_size).map_err(EngineError::Request)?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.waiting.push_back(Running::new(id, request, self.model.context, self.tokenizer.clone()));
        Ok(id)
    }

    /// Drops a request; its memory is free at once. Nothing happens if it has already finished.
    pub fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|running| running.id != id);
        if let Some(at) = self.running.iter().position(|running| running.id == id) {
            let running = self.running.remove(at);
            self.pool.release(&running.blocks);
        }
    }

    /// Whether nothing is queued or running.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Runs one forward pass over whatever is to be done (a chunk of prompts, a token each for running answers) and
    /// returns what came of it. With nothing to do, returns at once.
    ///
    /// # Errors
    /// Only if the engine itself is broken.
    pub fn step(&mut self) -> Result<Vec<Event>, EngineError> {
        let mut events = Vec::new();
        self.admit();
        // Running answers first, one row each; prompts share the rows that are left, first come first served.
        let mut room = self.model.max_tokens;
        let mut works = Vec::new();
        let mut working = Vec::new();
        let (decoding, prefilling): (Vec<usize>, Vec<usize>) =
            (0..self.running.len()).partition(|&at| self.running[at].pending().len() == 1);
        for at in decoding.into_iter().chain(prefilling) {
            let running = &self.running[at];
            let pending = running.pending();
            let rows = pending.len().min(room);
            let completes = rows == pending.len();
            if rows == 0 {
                continue;
            }
            room -= rows;
            works.push(Work {
                tokens: &pending[..rows],
                position: running.computed,
                blocks: &running.blocks,
                logits: if completes { WantLogits::Last } else { WantLogits::None },
            });
            working.push((at, rows, completes));
        }
        if works.is_empty() {
            return Ok(events);
        }
        self.model.run(&mut self.team, &works)?;
        drop(works);

        let mut row = 0;
        let mut over = Vec::new();
        for (at, rows, completes) in working {
            let running = &mut self.running[at];
            let before = running.computed;
            running.computed += rows;
            for index in before / BLOCK..running.computed / BLOCK {
                let tokens = &running.tokens[index * BLOCK..(index + 1) * BLOCK];
                running.chain = self.pool.remember(running.chain, running.blocks[index], tokens);
            }
            if completes {
                if running.advance(self.model.logits(row), &mut events)? {
                    over.push(at);
                }
                row += 1;
            }
        }
        over.sort_unstable();
        for at in over.into_iter().rev() {
            let running = self.running.remove(at);
            self.pool.release(&running.blocks);
        }
        Ok(events)
    }

    /// Starts waiting requests as long as the cache has room for all they may need, so that none has to be stopped half-way.
    fn admit(&mut self) {
        while let Some(next) = self.waiting.front() {
            if self.running.len() == MAX_LOGITS {
                return;
            }
            let needed = next.positions_needed().div_ceil(BLOCK);
            let (mut blocks, chain) = self.pool.find_prefix(&next.tokens);
            if needed - blocks.len() > self.pool.available() {
                self.pool.release(&blocks);
                return;
            }
            let Some(mut next) = self.waiting.pop_front() else { return };
            next.found_in_cache(blocks.len() * BLOCK, chain);
            blocks.extend(std::iter::from_fn(|| self.pool.take()).take(needed - blocks.len()));
            next.blocks = blocks;
            self.running.push(next);
        }
    }

    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::Request("the prompt is empty: give at least one token (BOS counts)".into()));
        }
        match tokens.iter().find(|&&id| id as usize >= self.model.vocab_size) {
            Some(id) => Err(EngineError::Request(format!(
                "token {id} is outside the model's vocabulary of {}: the tokenizer does not belong to this model",
                self.model.vocab_size
            ))),
            None => Ok(()),
        }
    }
}
