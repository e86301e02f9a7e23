//! A fixed list of steps over fixed buffers: what a model becomes on one machine.
//!
//! A [`Program`] is put together once. Every buffer then has its place in one arena, every step knows its operands by
//! place, and [`Program::run`] only walks the list: the whole team runs every step, each thread on its own share, with a
//! barrier between steps. Nothing is allocated, scheduled or looked up by name.
//!
//! Shapes are checked when a step is added and a batch when it is run; the steps themselves then work on raw memory.

mod adapters;
mod attention;
mod batch;
mod conv;
mod counts;
mod elementwise;
mod embed;
mod experts;
mod kv;
mod linear;
mod norm;
mod rotary;

use std::ops::Range;

use adapters::{AdaptableMatrix, Adapters, Adapting};
pub use adapters::{Adapter, LowRank};
pub use attention::Attention;
pub use batch::{Batch, BatchError, Segment};
pub use conv::{MAX_KERNEL, ShortConv};
pub use counts::{AdapterCounts, Caused, Counts, RowCounts};
pub use elementwise::{Add, Gate, LogitsFinish, Quantise, Select};
pub use embed::{Embed, Table};
pub use experts::{Combine, ExpertLinear, Route, Routing};
pub use kv::{BLOCK, KvCache, KvFormat, KvLayer, KvLayout};
pub use linear::{Linear, LinearPart};
pub use norm::{Norm, NormKind};
pub use rotary::{Rotary, RotaryPairing, RotateAndStore};

use crate::activations::QuantisedRow;
use crate::isa::Isa;
use crate::memory::{AlignedBytes, round_up};
use crate::simd::LANES;
use crate::team::{Team, Worker};

/// How many rows a buffer has and a step works on; the batch decides how many are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// One for every token of the batch.
    Tokens,
    /// One for every token of which something is asked for: first those whose logits are, then those whose hidden state is.
    Asked,
    /// One for every token whose logits are asked for.
    Logits,
    /// One for every token and chosen expert, ordered by expert. The number is experts per token.
    Routed(usize),
}

/// A buffer of a program: rows of floats, or of quantised activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer(usize);

#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    /// Bytes from row to row, a multiple of a cache line.
    stride: usize,
    cols: usize,
    rows: Rows,
    quantised: bool,
    /// The buffer of floats that a quantised one is made from; of floats, the buffer itself.
    floats: Buffer,
}

/// Puts a program together.
pub struct Builder {
    max_tokens: usize,
    max_logits: usize,
    places: Vec<Place>,
    arena_bytes: usize,
    /// Where attention leaves what several threads make of one query, once a step needs it.
    partials: Option<usize>,
    scratch_bytes: usize,
    vocab: usize,
    /// What adapters may update, by their numbers.
    matrices: Vec<AdaptableMatrix>,
    /// Steps that have such matrices.
    linears: usize,
    steps: Vec<Box<dyn Step>>,
    /// The last step, if what follows may become one with it.
    producer: Option<Producer>,
}

/// A step whose values can be quantised as they come.
enum Producer {
    Norm(Norm),
    Gate(Gate),
}

/// One entry of the list. `run` is called on every thread of the team at once and does that thread's share.
pub(crate) trait Step: Send + Sync {
    /// # Safety
    /// The context's buffers are those the step was checked against, and no thread runs another step at the same time.
    unsafe fn run(&self, context: &Context, worker: &Worker);
    /// Adds the weights and the cache that it works on; `rows` says which rows a buffer has.
    fn count(&self, _rows: &dyn Fn(Buffer) -> Rows, _counts: &mut Counts) {}
    /// The part of the cache it uses, and how large it takes a block of it to be.
    fn cache(&self) -> Option<(KvLayer, usize)> {
        None
    }
    /// Whether all its weights are there.
    fn is_complete(&self) -> bool {
        true
    }
    /// Private work space of a thread, in bytes.
    fn scratch_bytes(&self) -> usize {
        0
    }
}

/// What steps see while they run.
pub(crate) struct Context<'a> {
    isa: Isa,
    arena: *mut u8,
    places: &'a [Place],
    batch: &'a Batch<'a>,
    kv: &'a KvCache,
    kv_data: *mut u8,
    scratch: *mut u8,
    scratch_stride: usize,
    /// [`attention::PARTIAL_FLOATS`] floats, if there is attention.
    partials: *mut f32,
    /// If a row of the batch has an adapter.
    adapting: Option<Adapting<'a>>,
}

// SAFETY: the pointers are to memory that outlives the run; steps divide it among the threads without overlap.
unsafe impl Sync for Context<'_> {}

impl Context<'_> {
    fn rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.batch.tokens.len(),
            Rows::Asked => self.batch.asked(),
            Rows::Logits => self.batch.logits.len(),
            Rows::Routed(per_token) => self.batch.tokens.len() * per_token,
        }
    }

    fn rows_of(&self, buffer: Buffer) -> usize {
        self.rows(self.places[buffer.0].rows)
    }

    fn cols(&self, buffer: Buffer) -> usize {
        self.places[buffer.0].cols
    }

    /// Bytes from one row to the next.
    fn stride(&self, buffer: Buffer) -> usize {
        self.places[buffer.0].stride
    }

    /// First byte of a row. In bounds for `row < rows_of(buffer)`.
    unsafe fn bytes(&self, buffer: Buffer, row: usize) -> *mut u8 {
        let place = &self.places[buffer.0];
        // SAFETY: places lie within the arena; the caller answers for the row.
        unsafe { self.arena.add(place.offset + row * place.stride) }
    }

    unsafe fn floats(&self, buffer: Buffer, row: usize) -> *mut f32 {
        // SAFETY: passed on.
        unsafe { self.bytes(buffer, row).cast() }
    }

    unsafe fn scratch(&self, worker: &Worker) -> *mut u8 {
        // SAFETY: there is one scratch for every thread.
        unsafe { self.scratch.add(worker.index * self.scratch_stride) }
    }
}

impl Builder {
    /// A program for at most `max_tokens` tokens a run; of `max_logits` of them something may be asked.
    pub fn new(max_tokens: usize, max_logits: usize) -> Builder {
        Builder {
            max_tokens,
            max_logits,
            places: vec![],
            arena_bytes: 0,
            partials: None,
            scratch_bytes: 0,
            vocab: usize::MAX,
            matrices: vec![],
            linears: 0,
            steps: vec![],
            producer: None,
        }
    }

    fn place(&mut self, rows: Rows, cols: usize, stride: usize, quantised: bool) -> Buffer {
        let count = match rows {
            Rows::Tokens => self.max_tokens,
            Rows::Asked | Rows::Logits => self.max_logits,
            Rows::Routed(per_token) => self.max_tokens.saturating_mul(per_token),
        };
        let floats = Buffer(self.places.len());
        self.places.push(Place { offset: self.arena_bytes, stride, cols, rows, quantised, floats });
        // A size that wraps would pass every later check.
        let bytes = count.checked_mul(stride).and_then(|bytes| bytes.checked_add(self.arena_bytes));
        self.arena_bytes = bytes.expect("buffers below the size of the address space");
        Buffer(self.places.len() - 1)
    }

    /// Rows of `cols` floats.
    pub fn floats(&mut self, rows: Rows, cols: usize) -> Buffer {
        self.place(rows, cols, round_up(cols, LANES) * 4, false)
    }

    /// Rows of `cols` activations as quantised formats take them.
    pub fn quantised(&mut self, rows: Rows, cols: usize) -> Buffer {
        self.place(rows, cols, QuantisedRow::new(cols).bytes(), true)
    }

    /// Makes room for [`Context::partials`].
    fn reserve_partials(&mut self) {
        if self.partials.is_none() {
            self.partials = Some(self.arena_bytes);
            self.arena_bytes += attention::PARTIAL_FLOATS * 4;
        }
    }

    fn check_floats(&self, buffer: Buffer, cols: usize) {
        let place = &self.places[buffer.0];
        assert!(!place.quantised && place.cols == cols, "a buffer of {cols} floats, not {}", place.cols);
    }

    /// Which rows a buffer has.
    pub fn rows_of(&self, buffer: Buffer) -> Rows {
        self.places[buffer.0].rows
    }

    fn check_same_rows(&self, a: Buffer, b: Buffer) {
        assert_eq!(self.rows_of(a), self.rows_of(b), "both sides have the same rows");
    }

    /// Adds a step, unless the next one takes it in.
    fn push_producer(&mut self, producer: Producer) {
        self.flush();
        self.producer = Some(producer);
    }

    fn flush(&mut self) {
        match self.producer.take() {
            Some(Producer::Norm(norm)) => self.push(norm),
            Some(Producer::Gate(gate)) => self.push(gate),
            None => {}
        }
    }

    fn push(&mut self, step: impl Step + 'static) {
        self.flush();
        self.scratch_bytes = self.scratch_bytes.max(round_up(step.scratch_bytes(), 64));
        self.steps.push(Box::new(step));
    }

    /// Bytes that buffers and the scratch of `threads` threads take.
    pub fn workspace_bytes(&self, threads: usize) -> u64 {
        (self.arena_bytes + threads * self.scratch_bytes) as u64
    }

    /// Places the buffers.
    ///
    /// # Panics
    /// If a matrix is only [planned](crate::PackedMatrix::planned), or there is no memory for the buffers.
    pub fn finish(mut self, threads: usize) -> Program {
        self.flush();
        assert!(self.steps.iter().all(|step| step.is_complete()), "a program runs with weights only");
        let mut counts = Counts::default();
        self.steps.iter().for_each(|step| step.count(&|buffer| self.rows_of(buffer), &mut counts));
        Program {
            max_tokens: self.max_tokens,
            max_logits: self.max_logits,
            arena: AlignedBytes::zeroed(self.arena_bytes),
            scratch: AlignedBytes::zeroed(threads * self.scratch_bytes),
            scratch_stride: self.scratch_bytes,
            partials: self.partials.unwrap_or(0),
            threads,
            vocab: self.vocab,
            cache: self.steps.iter().filter_map(|step| step.cache()).collect(),
            adapters: Adapters::new(self.matrices, threads),
            counts,
            places: self.places,
            steps: self.steps,
        }
    }
}

/// A finished list of steps with its buffers.
pub struct Program {
    max_tokens: usize,
    max_logits: usize,
    threads: usize,
    /// Rows of the smallest embedding table.
    vocab: usize,
    /// What the steps expect of the cache.
    cache: Vec<(KvLayer, usize)>,
    adapters: Adapters,
    counts: Counts,
    arena: AlignedBytes,
    scratch: AlignedBytes,
    scratch_stride: usize,
    partials: usize,
    places: Vec<Place>,
    steps: Vec<Box<dyn Step>>,
}

impl Program {
    /// Runs every step over `batch`. The results are in the buffers.
    ///
    /// # Errors
    /// If the batch does not fit the program or the cache; nothing has run then.
    ///
    /// # Panics
    /// If the team has more threads than the program was finished for.
    pub fn run(&mut self, team: &mut Team, batch: &Batch, kv: &mut KvCache) -> Result<(), BatchError> {
        batch.check(self.max_tokens, self.max_logits, self.vocab, kv)?;
        kv.check(&self.cache)?;
        let adapting = self.adapters.adapting(batch)?;
        assert!(team.count() <= self.threads, "a program finished for {} threads", self.threads);
        let kv_data = kv.data_mut();
        let context = Context {
            isa: team.isa(),
            arena: self.arena.as_mut_ptr(),
            places: &self.places,
            batch,
            kv,
            kv_data,
            scratch: self.scratch.as_mut_ptr(),
            scratch_stride: self.scratch_stride,
            partials: self.arena.as_mut_ptr().wrapping_add(self.partials).cast(),
            adapting,
        };
        let steps = &self.steps;
        team.run(&|worker| {
            for step in steps {
                // SAFETY: the batch and the steps' shapes have been checked; the barrier keeps steps apart.
                unsafe { step.run(&context, worker) };
                worker.barrier();
            }
        });
        Ok(())
    }

    /// Row `row` of a buffer of floats, as the last run left it.
    ///
    /// # Panics
    /// If the buffer has no such row or holds quantised values.
    pub fn row(&self, buffer: Buffer, row: usize) -> &[f32] {
        let place = &self.places[buffer.0];
        let range: Range<usize> = place.offset + row * place.stride..place.offset + row * place.stride + place.cols * 4;
        let rows = match place.rows {
            Rows::Tokens => self.max_tokens,
            Rows::Asked | Rows::Logits => self.max_logits,
            Rows::Routed(per_token) => self.max_tokens * per_token,
        };
        assert!(!place.quantised && row < rows, "a row of floats");
        let bytes = &self.arena[range];
        // SAFETY: within the arena, aligned to a cache line, and every bit pattern is a float.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), place.cols) }
    }

    /// Bytes that buffers and scratch take.
    pub fn workspace_bytes(&self) -> u64 {
        (self.arena.len() + self.scratch.len()) as u64
    }

    /// What its runs read and compute, adapters left out.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds an adapter; its number, which batches name it by. `None`: there is no memory for its work space.
    ///
    /// # Panics
    /// If its updates are not one for each of the numbered matrices ([`Builder::linear`]), or are of another shape.
    pub fn add_adapter(&mut self, adapter: Adapter) -> Option<usize> {
        self.adapters.add(adapter)
    }

    /// Removes an adapter; its number may be another's later.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn remove_adapter(&mut self, number: usize) {
        self.adapters.remove(number);
    }

    /// What the adapter of this number adds.
    ///
    /// # Panics
    /// If there is none.
    pub fn adapter_counts(&self, number: usize) -> AdapterCounts {
        self.adapters.counts(number)
    }

    /// Bytes of work space that adapters take, those included that were removed: it is kept.
    pub fn adapter_workspace_bytes(&self) -> u64 {
        self.adapters.workspace_bytes()
    }

    /// What [`Program::adapter_workspace_bytes`] is with another adapter whose largest rank is `rank`, at most.
    pub fn adapter_workspace_bytes_with(&self, rank: usize) -> u64 {
        self.adapters.workspace_bytes_with(rank)
    }
}
