//! The engine: takes requests, and runs whatever is to be run next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use whit_kernels::program::{BLOCK, Batch, Buffer, Caused, KvCache, Program, RowCounts, Segment};
use whit_kernels::{Isa, Team};
use whit_model::spec::Mixer;
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};

use crate::adapters::Adapters;
use crate::blocks::BlockPool;
use crate::clients::Clients;
use crate::compile::{Adaptable, Compiled, compile};
use crate::constraint::{Constraint, Masks};
use crate::draft::Price;
use crate::pace::Pace;
use crate::packed_copy::{self, Writer};
use crate::plan::{MAX_LOGITS, blocks_per_sequence, plan, sizes};
use crate::request::{Event, FinishReason, Pooling, Request, RequestId, Task, Usage};
use crate::running::Running;
use crate::weights::Weights;
use crate::{EngineError, MemoryPlan, Options, Speculation, WeightsSource};

/// Rows of a step up to which guessing ahead pays: few enough to be read with the weights.
const GUESSING_ROWS: usize = 4;

/// Of the rows that prompts have in a step, one of so many is the oldest one's, so that a long one gets on beside short ones that keep coming.
const KEPT: usize = 4;

/// How long answers wait at least for the masks of others beside which they run, and at most: beyond `max_stall`, those whose masks take
/// longer sit out steps until they are there.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long a step waits for masks that are all that is to be waited for; then whoever drives the engine may look after other things.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// A loaded model, ready to take requests.
pub struct Engine {
    pub(crate) team: Team,
    pub(crate) model: Model,
    pub(crate) pool: BlockPool,
    tokenizer: Option<Arc<Tokenizer>>,
    pub(crate) plan: MemoryPlan,
    weights_source: WeightsSource,
    pub(crate) copy_writer: Writer,
    /// In the order in which they came, but in front those that had to give way.
    waiting: VecDeque<Running>,
    /// Who of them was last found not to fit, and the pool's changes then.
    no_room: Option<(RequestId, u64)>,
    clients: Clients,
    running: Vec<Running>,
    masks: Masks,
    /// A token that was run may be run again: there is no state that it changes for those after it.
    can_run_again: bool,
    pub(crate) adapters: Adapters,
    max_stall: Duration,
    pace: Pace,
    speculation: Speculation,
    /// What guessing ahead costs.
    guess_price: Price,
    /// Who runs in the step at hand.
    turns: Vec<Turn>,
    /// All that run, in the order in which rows are given out; kept, so that a step allocates nothing for it.
    order: Vec<usize>,
    /// What they caused.
    works: Vec<SequenceWork>,
    preemptions: u64,
    next_id: u64,
}

/// A running request's part in a step.
struct Turn {
    /// Its place among the running.
    at: usize,
    rows: usize,
    /// Of how many of its rows, the last ones, something is asked for (logits, or what they are made of if that is to be embedded):
    /// none while something of it is pending after them, else one, and one for each token guessed. All of them where a mean is wanted.
    asked: usize,
}

/// The compiled program and its cache.
pub(crate) struct Model {
    pub program: Program,
    kv: KvCache,
    logits: Buffer,
    hidden: Buffer,
    pub vocab_size: usize,
    pub max_tokens: usize,
    pub context: usize,
    /// By the program's numbers.
    pub adaptable: Vec<Adaptable>,
    rows: Rows,
}

/// A batch in the making; kept, so that a step allocates nothing for it.
struct Rows {
    tokens: Vec<u32>,
    segments: Vec<Segment>,
    blocks: Vec<u32>,
    logits: Vec<u32>,
    hidden: Vec<u32>,
}

/// Some tokens of one sequence, to be run.
pub(crate) struct Work<'a> {
    pub tokens: &'a [u32],
    /// Position of the first of them.
    pub position: usize,
    pub blocks: &'a [u32],
    /// Of how many of them, the last ones, something is wanted, and what.
    pub wanted: Wanted,
    /// The program's number of the sequence's adapter.
    pub adapter: Option<usize>,
}

/// What is wanted of so many tokens.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    Logits(usize),
    /// What the head would make them of: the final norm's output.
    Hidden(usize),
}

/// What an engine is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests that are being run.
    pub running: usize,
    /// Requests that wait for room, those among them that had begun and lost theirs.
    pub waiting: usize,
    /// Blocks of the KV cache in use; those that only remember a prefix are not.
    pub blocks_used: usize,
    /// Blocks of the KV cache in all.
    pub blocks: usize,
    /// How often, since the model was loaded, a request lost its room to another and went back to those that wait.
    pub preemptions: u64,
}

/// What a step costs in memory traffic, from the program's own counts; for benchmarks and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepBytes {
    /// Bytes of weights read by one step that decodes a single sequence.
    pub weights: u64,
    /// Bytes of KV cache it reads for each sequence.
    pub kv_cache: u64,
}

/// What one sequence caused in a step, from the program's own counts: its share by rows of the weights, which are read once for all, the
/// keys and values of its own positions, and the operations on its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceWork {
    /// [`Request::account`].
    pub account: u64,
    /// Whether it was reading what it joined with: the prompt, and after it had to give way, its answer so far.
    pub is_prefill: bool,
    /// Bytes read from memory.
    pub bytes: u64,
    /// Operations; a multiplication and its addition are two.
    pub operations: u64,
}

impl Model {
    /// Runs the works together. Row `i` of logits, or of hidden states, is the `i`-th wanted, in the order of the works.
    pub fn run<'a>(&mut self, team: &mut Team, works: impl IntoIterator<Item = Work<'a>>) -> Result<(), EngineError> {
        let Rows { tokens, segments, blocks, logits, hidden } = &mut self.rows;
        tokens.clear();
        segments.clear();
        blocks.clear();
        logits.clear();
        hidden.clear();
        for work in works {
            let row = tokens.len();
            let (rows, position) = (work.tokens.len(), work.position);
            tokens.extend_from_slice(work.tokens);
            let (first_block, block_count) = (blocks.len(), work.blocks.len());
            let adapter = work.adapter;
            segments.push(Segment { row, rows, position, first_block, block_count, adapter });
            blocks.extend_from_slice(work.blocks);
            let (to, wanted) = match work.wanted {
                Wanted::Logits(wanted) => (&mut *logits, wanted),
                Wanted::Hidden(wanted) => (&mut *hidden, wanted),
            };
            to.extend((row + rows - wanted.min(rows)) as u32..(row + rows) as u32);
        }
        let batch = Batch { tokens, segments, blocks, logits, hidden };
        self.program.run(team, &batch, &mut self.kv).map_err(|error| EngineError::Internal(error.to_string()))
    }

    /// Logits of the last run.
    pub fn logits(&self, row: usize) -> &[f32] {
        self.program.row(self.logits, row)
    }

    /// Hidden states of the last run.
    pub fn hidden(&self, row: usize) -> &[f32] {
        self.program.row(self.hidden, self.rows.logits.len() + row)
    }

    /// So that no run over sequences of so many blocks together has to make room.
    fn reserve(&mut self, blocks: usize) {
        self.rows.blocks.clear();
        self.rows.blocks.reserve(blocks);
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
        let Compiled { builder, kv, logits, hidden, vocab_size, adaptable } =
            compile(spec, &mut Weights::packed(checkpoint, &loaded.packed), sizes)?;
        let program = builder.finish(team.count());
        let blocks = blocks_per_sequence(plan.context) * options.sequences;
        let can_run_again = spec.layers.iter().all(|layer| matches!(layer.mixer, Mixer::Attention(_)));
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
            adaptable,
            rows: Rows {
                tokens: Vec::with_capacity(sizes.max_tokens),
                segments: Vec::with_capacity(MAX_LOGITS),
                blocks: Vec::with_capacity(blocks),
                logits: Vec::with_capacity(MAX_LOGITS),
                hidden: Vec::with_capacity(MAX_LOGITS),
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
            can_run_again,
            adapters: Adapters::new(options),
            max_stall: options.max_stall,
            pace: Pace::default(),
            // A rejected guess leaves nothing behind but keys and values that the next token overwrites; a convolution's state
            // is overwritten by the guess.
            guess_price: Price::default(),
            speculation: if can_run_again { options.speculation } else { Speculation::Off },
            turns: Vec::with_capacity(MAX_LOGITS),
            order: Vec::with_capacity(MAX_LOGITS),
            works: Vec::with_capacity(MAX_LOGITS),
            preemptions: 0,
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

    /// Bytes read by a step that decodes one token for sequences of `positions` tokens, adapters left out.
    pub fn step_bytes(&self, positions: usize) -> StepBytes {
        let counts = self.model.program.counts();
        StepBytes { weights: counts.weight_bytes(), kv_cache: counts.cache_bytes(positions) }
    }

    /// Queues a request. It starts with a later [`Engine::step`] that has room for it: first that of the client for whom the least was
    /// done of late, and of one client's the one that came first; but one that can use what another is about to read waits for that.
    ///
    /// It takes room in the KV cache as it grows. Where there is no more, another request of the client for whom the most was done waits
    /// until there is, and then goes on as if nothing had been; never the oldest of those that run.
    ///
    /// # Errors
    /// If the prompt is empty, longer than the context, or has an id outside the vocabulary; if a sampling value is out of range, the
    /// constraint is of another vocabulary, or the adapter is not there; if a confidence is asked for without a constraint or at a
    /// temperature out of range.
    pub fn submit(&mut self, request: Request) -> Result<RequestId, EngineError> {
        self.check_tokens(&request.prompt)?;
        let adapter = self.adapters.find(request.adapter)?;
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
        if !request.confidence.is_empty() && request.constraint.is_none() {
            return Err(EngineError::Request("a confidence is of an answer under a constraint: give one".into()));
        }
        if let Some(temperature) = request.confidence.iter().find(|at| !(0.01..=100.0).contains(*at)) {
            return Err(EngineError::Request(format!(
                "the confidence's temperature is {temperature}: use 0.01 to 100"
            )));
        }
        if let (Some(constraint), Some(tokenizer)) = (&request.constraint, &self.tokenizer)
            && !constraint.is_of(tokenizer.vocab_size())
        {
            return Err(EngineError::Request("the constraint was compiled for another vocabulary".into()));
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.clients.meet((request.client, request.user), Instant::now());
        // For those that run too: they may have to come back, in any step.
        self.waiting.reserve(self.running.len() + 1);
        let block_bytes = self.block_bytes();
        let tokenizer = self.tokenizer.clone();
        self.waiting.push_back(Running::new(id, request, adapter, self.model.context, block_bytes, tokenizer));
        Ok(id)
    }

    /// Ends a request with what there is of it, as [`FinishReason::Budget`]: the next step tells so before anything else.
    pub fn stop(&mut self, id: RequestId) {
        let mut all = self.running.iter_mut().chain(&mut self.waiting);
        if let Some(running) = all.find(|running| running.id == id) {
            running.is_stopped = true;
        }
    }

    /// What the sequences of the last step caused, those that ended with it too; nothing if nothing was run.
    pub fn work(&self) -> &[SequenceWork] {
        &self.works
    }

    /// Bytes of KV cache that a sequence takes at a time, for its next [`BLOCK`] tokens.
    fn block_bytes(&self) -> u64 {
        self.plan.kv_bytes_per_position * BLOCK as u64
    }

    /// Drops a request; its memory is free at once. Returns what it took, or nothing if it has already finished.
    pub fn cancel(&mut self, id: RequestId) -> Option<Usage> {
        self.no_room = None;
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.id == id) {
            return self.waiting.remove(at).map(|waiting| waiting.usage());
        }
        let at = self.running.iter().position(|running| running.id == id)?;
        let running = self.running.remove(at);
        self.pool.release(&running.blocks);
        Some(running.usage())
    }

    /// What it is at.
    pub fn occupancy(&self) -> Occupancy {
        let blocks = self.pool.blocks();
        Occupancy {
            running: self.running.len(),
            waiting: self.waiting.len(),
            blocks_used: blocks - self.pool.available(),
            blocks,
            preemptions: self.preemptions,
        }
    }

    /// Requests that wait or run.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Running> {
        self.waiting.iter().chain(&self.running)
    }

    /// Whether nothing is queued or running.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Runs one forward pass over whatever is to be done (a chunk of prompts, a token each for running answers) and tells
    /// what came of it. With nothing to do, returns at once. A step in which no request joins allocates nothing. A request whose numbers
    /// overflow ends with [`FinishReason::NotFinite`]; the others do not notice.
    ///
    /// # Errors
    /// Only if the engine itself is broken.
    pub fn step(&mut self, mut tell: impl FnMut(Event)) -> Result<(), EngineError> {
        let started = Instant::now();
        self.works.clear();
        self.expire(started, &mut tell);
        self.grow(started, &mut tell);
        self.admit(started);
        // What was not done in time in the steps before.
        self.take_masks(Some(started))?;
        let is_alone = self.is_alone();
        if !is_alone {
            self.begin_slow_masks()?;
        }
        self.take_turns();
        if self.turns.is_empty() {
            // Some may wait for their masks, and nobody for anything else.
            return self.take_masks(Some(started + IDLE_WAIT));
        }
        let _working = self.copy_writer.give_way();
        for turn in self.turns.iter().filter(|turn| turn.asked > 0) {
            let running = &mut self.running[turn.at];
            if let Some(constraint) = running.constraint.take_if(|constraint| constraint.wants_mask()) {
                self.masks.begin(running.id, constraint)?;
            }
        }
        let works = self.turns.iter().map(|turn| {
            let running = &self.running[turn.at];
            Work {
                tokens: &running.pending()[..turn.rows],
                position: running.computed,
                blocks: &running.blocks,
                wanted: match running.pooling() {
                    None => Wanted::Logits(turn.asked),
                    Some(_) => Wanted::Hidden(turn.asked),
                },
                adapter: running.adapter,
            }
        });
        let begun = Instant::now();
        let ran = self.model.run(&mut self.team, works);
        let seconds = begun.elapsed().as_secs_f32();
        ran?;
        let may_sit_out = self.can_run_again && !is_alone;
        self.take_masks(may_sit_out.then_some(started + self.patience()))?;
        self.note_work();
        self.note_time(seconds, begun.elapsed().as_secs_f32());
        let price = match self.speculation {
            Speculation::Always => 0.0,
            _ => self.guess_price.tokens(),
        };

        let (mut row, mut hidden) = (0, 0);
        for turn in &self.turns {
            let running = &mut self.running[turn.at];
            let before = running.computed;
            running.computed += turn.rows;
            let model = &self.model;
            if running.pooling().is_some() {
                running.embed((hidden..hidden + turn.asked).map(|row| model.hidden(row)), &mut tell);
                hidden += turn.asked;
            } else if turn.asked > 0 && running.is_without_mask() {
                // It sits out: the last of its tokens is run again once there is a mask, with the same keys, values and logits.
                running.computed -= 1;
                row += turn.asked;
            } else if turn.asked > 0 {
                // What was guessed counts as computed once it has come true.
                running.computed -= turn.asked - 1;
                let answered = running.tokens.len();
                running.advance(|guess| model.logits(row + guess), price, &mut tell)?;
                // A guess is among the tokens until it is judged.
                let new = (running.tokens.len() + turn.asked - 1).saturating_sub(answered);
                self.clients.count(running.who, new, started);
                row += turn.asked;
            }
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

    /// Whether nobody else waits for whoever runs, nor does it for the masks of others: those of requests that are over, too.
    fn is_alone(&self) -> bool {
        self.running.len() == 1 && self.waiting.is_empty() && !self.masks.are_under_way()
    }

    /// How long a step may wait for masks.
    fn patience(&self) -> Duration {
        self.max_stall.clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Begins the masks for which this step would wait for too long, to go by those before them: whose they are sits out until they are
    /// done, and the others go on.
    fn begin_slow_masks(&mut self) -> Result<(), EngineError> {
        let mut left = self.patience().saturating_sub(self.masks.expected());
        for running in self.running.iter_mut().filter(|running| running.is_decoding()) {
            let wants_mask = |constraint: &mut Box<Constraint>| constraint.wants_mask();
            let Some(constraint) = running.constraint.take_if(wants_mask) else { continue };
            match left.checked_sub(constraint.usual_time()) {
                Some(rest) => {
                    left = rest;
                    running.constraint = Some(constraint);
                }
                None => self.masks.begin(running.id, constraint)?,
            }
        }
        Ok(())
    }

    /// Gives constraints back to their requests whose masks are done by then; all of them if there is no such time.
    fn take_masks(&mut self, until: Option<Instant>) -> Result<(), EngineError> {
        let (running, waiting) = (&mut self.running, &mut self.waiting);
        self.masks.finish(until, |whose, constraint| {
            // Of a request that is over, nobody wants it.
            if let Some(running) = running.iter_mut().chain(waiting.iter_mut()).find(|running| running.id == whose) {
                running.constraint = Some(constraint);
            }
        })
    }

    /// Ends what nobody waits for any more, and what was stopped.
    fn expire(&mut self, now: Instant, tell: &mut impl FnMut(Event)) {
        let mut is_expired = |running: &mut Running| {
            let is_late = running.deadline.is_some_and(|deadline| deadline <= now);
            if running.is_stopped {
                running.finish(FinishReason::Budget, tell);
            } else if is_late {
                running.finish(FinishReason::Deadline, tell);
            }
            running.over
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

    /// Counts what each turn of the step at hand caused.
    fn note_work(&mut self) {
        let own = |turn: &Turn, running: &Running| RowCounts {
            tokens: turn.rows,
            logits: if running.pooling().is_none() { turn.asked } else { 0 },
        };
        let running = &self.running;
        let sum = |of: &dyn Fn(&Running) -> bool| {
            let turns = self.turns.iter().filter(|turn| of(&running[turn.at]));
            turns.fold(RowCounts::default(), |all, turn| {
                let own = own(turn, &running[turn.at]);
                RowCounts { tokens: all.tokens + own.tokens, logits: all.logits + own.logits }
            })
        };
        let all = sum(&|_| true);
        let program = &self.model.program;
        self.works.extend(self.turns.iter().map(|turn| {
            let running = &self.running[turn.at];
            let own = own(turn, running);
            let Caused { mut bytes, mut operations } = program.counts().caused(own, running.computed, all);
            if let Some(adapter) = running.adapter {
                let same = sum(&|other| other.adapter == Some(adapter));
                let caused = program.adapter_counts(adapter).caused(own, same);
                bytes += caused.bytes;
                operations += caused.operations;
            }
            SequenceWork { account: running.account, is_prefill: running.is_reading(), bytes, operations }
        }));
    }

    /// Learns from the step at hand, which took the model so long, and with what masks took beyond that, so long as a whole.
    fn note_time(&mut self, seconds: f32, whole: f32) {
        let (mut answers, mut prompt, mut guessed, mut plain) = (0, 0, false, true);
        for turn in &self.turns {
            let running = &self.running[turn.at];
            match running.is_decoding() && running.pooling().is_none() {
                // What is forced upon an answer is a prompt's work, but for the row that every answer has.
                true => (answers, prompt) = (answers + 1, prompt + turn.rows - turn.asked.max(1)),
                false => prompt += turn.rows,
            }
            guessed |= turn.rows > 1;
            plain &= turn.rows == turn.asked && running.pooling().is_none();
        }
        if plain {
            self.guess_price.note(self.turns.len(), guessed, seconds);
        }
        self.pace.note(answers > 0, prompt, whole);
    }

    /// Everybody has a row. What the step holds beyond that goes to what is forced upon answers, then to prompts; beside other answers no
    /// more of it than these can wait for. The prompt of which least is left comes first, so that a short one does not wait for a long one;
    /// but some of it is kept for the oldest. Those whose masks are still being computed sit out.
    fn take_turns(&mut self) {
        self.turns.clear();
        let running = &self.running;
        self.order.clear();
        self.order.extend((0..running.len()).filter(|&at| !running[at].is_without_mask()));
        let count = self.order.len();
        let answers = self.order.iter().filter(|&&at| running[at].is_decoding()).count();
        let prompts = count - answers;
        self.order.sort_unstable_by_key(|&at| match running[at].is_decoding() {
            true => (false, 0, at),
            false => (true, running[at].pending().len(), at),
        });
        let prompt = |&(_, &at): &(usize, &usize)| !running[at].is_decoding();
        let oldest = self.order.iter().enumerate().filter(prompt).min_by_key(|&(_, &at)| running[at].id);
        let oldest = oldest.map_or(count, |(turn, _)| turn);
        // Guesses pay while a step's price is that of reading the weights.
        let may_guess = self.speculation != Speculation::Off && prompts == 0;
        let guesses = if may_guess { GUESSING_ROWS / answers.max(1) } else { 0 };
        // All rows counted here are beyond one for each that runs. No more run than a step has rows.
        let mut room = self.model.max_tokens - count;
        let mut stall_room = match answers {
            0 => usize::MAX,
            _ => self.pace.rows(self.max_stall).saturating_sub(prompts),
        };
        // A mean is taken of every row's vector: of so many more than the one that everybody may ask for.
        let mut spare = MAX_LOGITS - count;
        let mut kept = 0;
        for (turn, &at) in self.order.iter().enumerate() {
            let running = &mut self.running[at];
            let is_prompt = turn >= answers;
            // An answer that is alone makes nobody wait.
            let is_limited = is_prompt || answers > 1;
            let mut most = if is_limited { room.min(stall_room) } else { room };
            if turn == answers {
                kept = most / KEPT;
            }
            if is_prompt && turn < oldest {
                most -= kept;
            }
            let is_mean = running.pooling() == Some(Pooling::Mean);
            if is_mean {
                most = most.min(spare);
            }
            let pending = running.pending().len();
            let more = (pending - 1).min(most);
            room -= more;
            if is_limited {
                stall_room -= more;
            }
            if is_mean {
                spare -= more;
            }
            let rows = 1 + more;
            let most = if guesses > 1 { (guesses - 1).min(room) } else { 0 };
            let guessed = if most > 0 { running.guess(most, &mut self.pool) } else { 0 };
            let asked = match (is_mean, rows == pending) {
                (true, _) => rows,
                (false, true) => 1 + guessed,
                (false, false) => 0,
            };
            room -= guessed;
            self.turns.push(Turn { at, rows: rows + guessed, asked });
        }
    }

    /// Sees to it that all that run have blocks for what they are about to run. Where none are left, others give way.
    fn grow(&mut self, now: Instant, tell: &mut impl FnMut(Event)) {
        let mut at = 0;
        while let Some(running) = self.running.get_mut(at) {
            if running.reach(running.tokens.len(), &mut self.pool) {
                at += 1;
                continue;
            }
            let Some(other) = self.gives_way(now) else {
                // Alone, and what is missing is not a request's: it does not come back by waiting.
                let mut running = self.running.remove(at);
                running.finish(FinishReason::Length, tell);
                self.pool.release(&running.blocks);
                continue;
            };
            self.preempt(other);
            // Those behind it have moved up.
            at -= usize::from(other < at);
        }
    }

    /// Who has to give way: of the client for whom the most was done the youngest, but never the oldest of all. So the oldest gets on in
    /// every step, and one after the other all come to their end.
    fn gives_way(&self, now: Instant) -> Option<usize> {
        let oldest = self.running.iter().map(|running| running.id).min()?;
        let others = self.running.iter().enumerate().filter(|(_, running)| running.id != oldest);
        let done = |running: &Running| self.clients.work(running.who, now);
        let most = others.max_by(|(_, a), (_, b)| {
            let (a_done, b_done) = (done(a), done(b));
            a_done.0.total_cmp(&b_done.0).then(a_done.1.total_cmp(&b_done.1)).then(a.id.cmp(&b.id))
        });
        most.map(|(at, _)| at)
    }

    /// Takes the blocks of one that runs. It comes back before all that have not begun yet, its like in the order in which they came.
    fn preempt(&mut self, at: usize) {
        let mut running = self.running.remove(at);
        running.give_way(&mut self.pool);
        self.preemptions += 1;
        let before = self.waiting.iter().take_while(|waiting| waiting.has_begun && waiting.id < running.id).count();
        self.waiting.insert(before, running);
    }

    /// Starts waiting requests as long as the cache has room for what they are, and beside that a block for each that may still grow: then
    /// all get on by [`BLOCK`] tokens before one has to give way, and nobody joins in vain.
    fn admit(&mut self, now: Instant) {
        let most = MAX_LOGITS.min(self.model.max_tokens);
        while self.running.len() < most {
            let Some(at) = self.next(now) else { return };
            let next = &mut self.waiting[at];
            let here = (next.id, self.pool.changes());
            if self.no_room == Some(here) {
                return;
            }
            let chain = match next.can_skip() {
                true => self.pool.find_prefix(next.root, &next.tokens, &mut next.blocks),
                false => next.root,
            };
            let needed = next.tokens.len().div_ceil(BLOCK);
            let grows = self.running.iter().filter(|running| running.blocks.len() < running.most_blocks()).count()
                + usize::from(needed < next.most_blocks());
            if needed - next.blocks.len() + grows > self.pool.available() {
                self.pool.release(&next.blocks);
                next.blocks.clear();
                self.no_room = Some((here.0, self.pool.changes()));
                return;
            }
            let Some(mut next) = self.waiting.remove(at) else { return };
            if !next.has_begun {
                // Now rather than when it is run: of many that wait, clients take turns.
                self.clients.count(next.who, next.tokens.len() - next.blocks.len() * BLOCK, now);
            }
            next.begin(chain);
            next.reach(next.tokens.len(), &mut self.pool);
            self.running.push(next);
            self.model.reserve(self.running.iter().map(Running::most_blocks).sum());
        }
    }

    /// Who of the waiting is to join next. Those whose prompt begins with what one that runs is about to read find it in the cache soon:
    /// they wait for that.
    fn next(&self, now: Instant) -> Option<usize> {
        let may = |at: usize| {
            let waiting = &self.waiting[at];
            !self.running.iter().any(|running| running.is_reading_for(waiting))
        };
        match self.waiting.front()?.has_begun {
            true => may(0).then_some(0),
            false => self.clients.next(self.waiting.iter().map(|waiting| waiting.who), now, may),
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
