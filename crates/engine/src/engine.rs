//! The engine: takes requests, and runs whatever is to be run next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use whit_kernels::program::{BLOCK, Batch, Buffer, KvCache, Program, Segment};
use whit_kernels::{Isa, Team};
use whit_model::spec::Mixer;
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

use crate::blocks::{BlockPool, Chain};
use crate::clients::Clients;
use crate::compile::{Compiled, compile};
use crate::constraint::Masks;
use crate::draft::Price;
use crate::pace::Pace;
use crate::packed_copy::{self, Writer};
use crate::plan::{MAX_LOGITS, blocks_per_sequence, plan, sizes};
use crate::request::{Event, FinishReason, Pooling, Request, RequestId, Task};
use crate::running::Running;
use crate::weights::Weights;
use crate::{EngineError, MemoryPlan, Options, Speculation, WeightsSource};

/// Rows of a step up to which guessing ahead pays: few enough to be read with the weights.
const GUESSING_ROWS: usize = 4;

/// A loaded model, ready to take requests.
pub struct Engine {
    pub(crate) team: Team,
    pub(crate) model: Model,
    pub(crate) pool: BlockPool,
    tokenizer: Option<Arc<Tokenizer>>,
    plan: MemoryPlan,
    weights_source: WeightsSource,
    copy_writer: Writer,
    waiting: VecDeque<Running>,
    /// Who of them was last found not to fit, and the pool's changes then.
    no_room: Option<(RequestId, u64)>,
    clients: Clients,
    running: Vec<Running>,
    masks: Masks,
    max_stall: Duration,
    pace: Pace,
    speculation: Speculation,
    /// What guessing ahead costs.
    guess_price: Price,
    /// Who runs in the step at hand.
    turns: Vec<Turn>,
    next_id: u64,
}

/// A running request's part in a step.
struct Turn {
    /// Its place among the running.
    at: usize,
    rows: usize,
    /// The last of its rows whose logits are wanted: none while something of it is pending after them, else one, and one for each
    /// token guessed. All of them where the mean of what the logits are made of is wanted.
    logits: usize,
}

/// The compiled program and its cache.
pub(crate) struct Model {
    program: Program,
    kv: KvCache,
    logits: Buffer,
    hidden: Buffer,
    pub vocab_size: usize,
    pub max_tokens: usize,
    pub context: usize,
    rows: Rows,
}

/// A batch in the making; kept, so that a step allocates nothing for it.
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
    /// Of how many of them, the last ones, logits are wanted.
    pub logits: usize,
}

/// What an engine is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests that are being run.
    pub running: usize,
    /// Requests that wait for room.
    pub waiting: usize,
    /// Blocks of the KV cache in use; those that only remember a prefix are not.
    pub blocks_used: usize,
    /// Blocks of the KV cache in all.
    pub blocks: usize,
}

/// What a step costs in memory traffic, from the program's own counts; for benchmarks and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepBytes {
    /// Bytes of weights read by one step that decodes a single sequence.
    pub weights: u64,
    /// Bytes of KV cache it reads for each sequence.
    pub kv_cache: u64,
}

impl Model {
    /// Runs the works together. Logits row `i` is the `i`-th wanted, in the order of the works.
    pub fn run<'a>(&mut self, team: &mut Team, works: impl IntoIterator<Item = Work<'a>>) -> Result<(), EngineError> {
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
            logits.extend((row + rows - work.logits.min(rows)) as u32..(row + rows) as u32);
        }
        let batch = Batch { tokens, segments, blocks, logits };
        self.program.run(team, &batch, &mut self.kv).map_err(|error| EngineError::Internal(error.to_string()))
    }

    /// Logits of the last run.
    pub fn logits(&self, row: usize) -> &[f32] {
        self.program.row(self.logits, row)
    }

    /// What the head made them of: the final norm's output.
    pub fn hidden(&self, row: usize) -> &[f32] {
        self.program.row(self.hidden, row)
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

    /// Packs the weights, or maps a packed copy of them, and compiles the program. `progress` hears (bytes packed, bytes in all).
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
        let sizes = sizes(options, plan.batch_rows, plan.context);
        let mut planned = Weights::planned(checkpoint, spec, options.weights);
        compile(spec, &mut planned, sizes)?;
        let copies = options.packed_copies.as_ref();
        let loaded = packed_copy::load(checkpoint, planned.into_wanted(), copies, &mut team, progress)?;
        let Compiled { builder, kv, logits, hidden, vocab_size } =
            compile(spec, &mut Weights::packed(checkpoint, &loaded.packed), sizes)?;
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
            hidden,
            vocab_size,
            max_tokens: sizes.max_tokens,
            context: plan.context,
            rows: Rows {
                tokens: Vec::with_capacity(sizes.max_tokens),
                segments: Vec::with_capacity(MAX_LOGITS),
                blocks: Vec::with_capacity(blocks),
                logits: Vec::with_capacity(MAX_LOGITS),
            },
        };
        Ok(Engine {
            team,
            model,
            pool: BlockPool::new(blocks),
            tokenizer,
            plan,
            weights_source: loaded.source,
            copy_writer: loaded.afterwards.begin(loaded.packed.bytes()),
            waiting: VecDeque::new(),
            no_room: None,
            clients: Clients::default(),
            running: Vec::with_capacity(MAX_LOGITS),
            masks: Masks::default(),
            max_stall: options.max_stall,
            pace: Pace::default(),
            // A rejected guess leaves nothing behind but keys and values that the next token overwrites; a convolution's state
            // is overwritten by the guess.
            guess_price: Price::default(),
            speculation: match spec.layers.iter().all(|layer| matches!(layer.mixer, Mixer::Attention(_))) {
                true => options.speculation,
                false => Speculation::Off,
            },
            turns: Vec::with_capacity(MAX_LOGITS),
            next_id: 0,
        })
    }

    /// What was planned at load.
    pub fn memory_plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Where the weights come from.
    pub fn weights_source(&self) -> &WeightsSource {
        &self.weights_source
    }

    /// Waits until a packed copy that is being written is complete; for measurements, which it would disturb. An engine waits
    /// for it in any case before it is gone.
    pub fn finish_packed_copy(&mut self) {
        self.copy_writer.wait();
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

    /// Bytes read by a step that decodes one token for sequences of `positions` tokens.
    pub fn step_bytes(&self, positions: usize) -> StepBytes {
        let program = &self.model.program;
        StepBytes { weights: program.weight_bytes(), kv_cache: program.cache_bytes(positions) }
    }

    /// Queues a request. It starts with a later [`Engine::step`] that has room for it: first that of the client for whom the least was
    /// done of late, and of one client's the one that came first.
    ///
    /// # Errors
    /// If the prompt is empty, longer than the context, or has an id outside the vocabulary; if a sampling value is out of range, or the
    /// constraint is of another vocabulary.
    pub fn submit(&mut self, request: Request) -> Result<RequestId, EngineError> {
        self.check_tokens(&request.prompt)?;
        let answer = match request.task {
            Task::Generate => ", the answer included",
            Task::Embed(_) => "",
        };
        if request.prompt.len() + usize::from(request.task == Task::Generate) > self.model.context {
            return Err(EngineError::Request(format!(
                "the prompt has {} tokens and the context holds {}{answer}: shorten the prompt or raise --context",
                request.prompt.len(),
                self.model.context
            )));
        }
        request.sampling.check(self.model.vocab_size).map_err(EngineError::Request)?;
        if let (Some(constraint), Some(tokenizer)) = (&request.constraint, &self.tokenizer)
            && !constraint.is_of(tokenizer.vocab_size())
        {
            return Err(EngineError::Request("the constraint was compiled for another vocabulary".into()));
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.clients.meet(request.client, Instant::now());
        self.waiting.push_back(Running::new(id, request, self.model.context, self.tokenizer.clone()));
        Ok(id)
    }

    /// Drops a request; its memory is free at once. Nothing happens if it has already finished.
    pub fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|running| running.id != id);
        self.no_room = None;
        if let Some(at) = self.running.iter().position(|running| running.id == id) {
            let running = self.running.remove(at);
            self.pool.release(&running.blocks);
        }
    }

    /// What it is at.
    pub fn occupancy(&self) -> Occupancy {
        let blocks = self.pool.blocks();
        Occupancy {
            running: self.running.len(),
            waiting: self.waiting.len(),
            blocks_used: blocks - self.pool.available(),
            blocks,
        }
    }

    /// Whether nothing is queued or running.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Runs one forward pass over whatever is to be done (a chunk of prompts, a token each for running answers) and tells
    /// what came of it. With nothing to do, returns at once. A step in which no request joins allocates nothing.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] if the model's numbers overflow; otherwise only if the engine itself is broken.
    pub fn step(&mut self, mut tell: impl FnMut(Event)) -> Result<(), EngineError> {
        let started = Instant::now();
        self.expire(started, &mut tell);
        self.admit(started);
        self.take_turns();
        if self.turns.is_empty() {
            return Ok(());
        }
        let _working = self.copy_writer.give_way();
        for turn in self.turns.iter().filter(|turn| turn.logits > 0) {
            if let Some(constraint) = self.running[turn.at].constraint.take_if(|constraint| constraint.wants_mask()) {
                self.masks.begin(turn.at, constraint)?;
            }
        }
        let works = self.turns.iter().map(|turn| {
            let running = &self.running[turn.at];
            Work {
                tokens: &running.pending()[..turn.rows],
                position: running.computed,
                blocks: &running.blocks,
                logits: turn.logits,
            }
        });
        let begun = Instant::now();
        let ran = self.model.run(&mut self.team, works);
        let seconds = begun.elapsed().as_secs_f32();
        let running = &mut self.running;
        self.masks.finish(|at, constraint| running[at].constraint = Some(constraint))?;
        ran?;
        self.note_time(seconds);
        let price = match self.speculation {
            Speculation::Always => 0.0,
            _ => self.guess_price.tokens(),
        };

        let mut row = 0;
        for turn in &self.turns {
            let running = &mut self.running[turn.at];
            let before = running.computed;
            running.computed += turn.rows;
            let model = &self.model;
            if running.pooling().is_some() {
                running.embed((row..row + turn.logits).map(|row| model.hidden(row)), &mut tell);
            } else if turn.logits > 0 {
                // What was guessed counts as computed once it has come true.
                running.computed -= turn.logits - 1;
                let answered = running.tokens.len();
                running.advance(|guess| model.logits(row + guess), price, &mut tell)?;
                // A guess is among the tokens until it is judged.
                let new = (running.tokens.len() + turn.logits - 1).saturating_sub(answered);
                self.clients.count(running.client, new, started);
            }
            row += turn.logits;
            for index in before / BLOCK..running.computed / BLOCK {
                let tokens = &running.tokens[index * BLOCK..(index + 1) * BLOCK];
                running.chain = self.pool.remember(running.chain, running.blocks[index], tokens);
            }
        }
        self.running.retain(|running| {
            if running.over {
                self.pool.release(&running.blocks);
            }
            !running.over
        });
        Ok(())
    }

    /// Ends what nobody waits for any more.
    fn expire(&mut self, now: Instant, tell: &mut impl FnMut(Event)) {
        let mut is_expired = |running: &mut Running| {
            let is_late = running.deadline.is_some_and(|deadline| deadline <= now);
            if is_late {
                running.finish(FinishReason::Deadline, tell);
            }
            is_late
        };
        self.waiting.retain_mut(|waiting| !is_expired(waiting));
        self.running.retain_mut(|running| {
            let is_expired = is_expired(running);
            if is_expired {
                self.pool.release(&running.blocks);
            }
            !is_expired
        });
    }

    /// Learns from the step at hand, which took the model so long.
    fn note_time(&mut self, seconds: f32) {
        let (mut answers, mut prompt, mut guessed, mut plain) = (0, 0, false, true);
        for turn in &self.turns {
            let running = &self.running[turn.at];
            // What is forced upon an answer is a prompt's work, but not limited as such.
            match running.is_decoding() && running.pooling().is_none() {
                true => answers += 1,
                false => prompt += turn.rows,
            }
            guessed |= turn.rows > 1;
            plain &= turn.rows == turn.logits && running.pooling().is_none();
        }
        if plain {
            self.guess_price.note(self.turns.len(), guessed, seconds);
        }
        self.pace.note(answers > 0, prompt, seconds);
    }

    /// Running answers first, one row each; prompts share the rows that are left, first come first served.
    fn take_turns(&mut self) {
        self.turns.clear();
        let mut room = self.model.max_tokens;
        // Guesses pay while a step's price is that of reading the weights.
        let alone = self.running.iter().filter(|running| running.is_decoding()).count();
        let may_guess = self.speculation != Speculation::Off && alone == self.running.len();
        let guesses = if may_guess { GUESSING_ROWS / alone.max(1) } else { 0 };
        let mut prompt_room = if alone > 0 { self.pace.rows(self.max_stall) } else { usize::MAX };
        // A mean is taken of every row's vector: of so many more than the one that everybody may have.
        let mut spare = MAX_LOGITS - self.running.len();
        for first in [true, false] {
            for (at, running) in self.running.iter_mut().enumerate() {
                // A guess made in this step is not counted: who decodes, decodes.
                if running.is_decoding() != first || !running.drafts.tokens().is_empty() {
                    continue;
                }
                let pending = running.pending().len();
                let mut rows = pending.min(room);
                let is_mean = running.pooling() == Some(Pooling::Mean);
                if is_mean {
                    // The head runs over these rows for nothing, and no more than MAX_LOGITS of them can be had in a step.
                    rows = rows.min(1 + spare);
                }
                if !first {
                    rows = rows.min(prompt_room);
                    prompt_room -= rows;
                }
                if is_mean {
                    spare -= rows.saturating_sub(1);
                }
                if rows == 0 {
                    continue;
                }
                let guessed = if guesses > 1 { running.guess((guesses - 1).min(room - rows)) } else { 0 };
                let logits = match (is_mean, rows == pending) {
                    (true, _) => rows,
                    (false, true) => 1 + guessed,
                    (false, false) => 0,
                };
                room -= rows + guessed;
                self.turns.push(Turn { at, rows: rows + guessed, logits });
            }
        }
    }

    /// Starts waiting requests as long as the cache has room for all they may need, so that none has to be stopped half-way.
    fn admit(&mut self, now: Instant) {
        while self.running.len() < MAX_LOGITS {
            let Some(at) = self.clients.next(self.waiting.iter().map(|waiting| waiting.client), now) else { return };
            let next = &self.waiting[at];
            let here = (next.id, self.pool.changes());
            if self.no_room == Some(here) {
                return;
            }
            let needed = next.positions_needed().div_ceil(BLOCK);
            let (mut blocks, chain) = match next.can_skip() {
                true => self.pool.find_prefix(&next.tokens),
                false => (vec![], Chain::default()),
            };
            if needed - blocks.len() > self.pool.available() {
                self.pool.release(&blocks);
                self.no_room = Some((here.0, self.pool.changes()));
                return;
            }
            let Some(mut next) = self.waiting.remove(at) else { return };
            next.found_in_cache(blocks.len() * BLOCK, chain);
            blocks.extend(std::iter::from_fn(|| self.pool.take()).take(needed - blocks.len()));
            next.blocks = blocks;
            // Now rather than when it is run: of many that wait, clients take turns.
            self.clients.count(next.client, next.pending().len(), now);
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
