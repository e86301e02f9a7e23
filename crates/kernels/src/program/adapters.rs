//! Low-rank updates of matrices, chosen row by row: `y += scale * up (down x)` (LoRA; Hu et al., 2021).
//!
//! A sequence may have an adapter: updates for some of the program's matrices. They are never merged, so that rows of several adapters
//! and of none go through one product with the matrix; each row's own update is added within the same step.
//!
//! A thread first takes its share of `down x`: pieces of columns, whose sums are kept apart. It says that they are there and multiplies its
//! panels of the matrix, as without adapters. Only then does it look at the sums of the others, which came long before: nobody waits. Every
//! thread adds up the pieces for itself, in their order, and adds `up` times that to its own panels. So an output has one owner and one
//! order of summation whatever the batch and the threads are, and where no row has an adapter, nothing is different.

use std::ops::Range;

use super::linear::{Adaptable, LinearPart};
use super::{AdapterCounts, Batch, BatchError, Context, Rows};
use crate::activations::tile_of;
use crate::format::Format;
use crate::isa::{Isa, Kernel};
use crate::matrix::PackedMatrix;
use crate::memory::{AlignedBytes, round_up};
use crate::simd::{LANES, Simd};
use crate::team::Worker;

/// An update of one matrix, which is `[rows, cols]`.
pub struct LowRank {
    /// `[rank, cols]` in half precision. Updates of matrices of one step may share it, one behind the other: it is then multiplied once.
    pub down: PackedMatrix,
    /// `[rows, rank]` in half precision.
    pub up: PackedMatrix,
    /// Multiplies their product with the input.
    pub scale: f32,
}

/// Updates of a program's matrices, by their numbers ([`Builder::linear`](super::Builder::linear)).
pub struct Adapter {
    /// One for each matrix, or `None` where it stays as it is.
    pub updates: Vec<Option<LowRank>>,
}

/// A matrix that adapters may update.
pub(super) struct AdaptableMatrix {
    pub rows: usize,
    pub cols: usize,
    pub is_head: bool,
    /// The same for matrices of one step.
    pub step: usize,
}

/// Columns whose products are summed by one thread. Small enough for a few threads to share a narrow model's rows.
const PIECE: usize = 128;

/// Rows whose updates are worked out at a time: bounds the work space.
const BLOCK_ROWS: usize = 64;

/// Pieces, or panels, worked on together when there is one row: independent chains of multiply-adds.
const PIECES: usize = 4;

/// Numbers of a cache line.
const LINE: usize = 32;
/// How far ahead of their use numbers of `up` are asked for. An update is short: before the processor has found out that it is read from
/// end to end, it is over.
const AHEAD: usize = 4096;
/// Numbers that are asked for before a share of a factor is begun with.
const FIRST: usize = 8192;

/// Asks for the first of `numbers` numbers.
fn ask(isa: Isa, from: *const u16, numbers: usize) {
    struct Ask(*const u16, usize);
    impl Kernel for Ask {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for at in (0..self.1).step_by(LINE) {
                s.prefetch(self.0.wrapping_add(at).cast());
            }
        }
    }
    isa.run(Ask(from, numbers.min(FIRST)));
}

/// Matrices of one step, at most: Q, K and V.
const MOST_OF_STEP: usize = 3;

impl LowRank {
    /// Bytes of work space that updates of this rank take, at most, in a program for so many threads whose matrices have at most `cols`
    /// columns.
    pub fn most_workspace_bytes(rank: usize, cols: usize, threads: usize) -> u64 {
        let floats = 2 * MOST_OF_STEP * partial_floats(rank, cols) + threads * round_up(rank, LANES);
        (4 * BLOCK_ROWS * floats) as u64
    }

    /// Floats that a row's sums of pieces take, `[rank / 16][pieces][16]`.
    fn partial_floats(&self) -> usize {
        partial_floats(self.down.rows(), self.down.cols())
    }

    /// Floats of a row of `down x`.
    fn sum_floats(&self) -> usize {
        self.down.panels() * LANES
    }
}

fn partial_floats(rank: usize, cols: usize) -> usize {
    round_up(rank, LANES) * cols.div_ceil(PIECE)
}

/// The adapters of a program, and their work space.
pub(super) struct Adapters {
    matrices: Vec<AdaptableMatrix>,
    threads: usize,
    slots: Vec<Option<(Adapter, AdapterCounts)>>,
    /// Sums of pieces, of [`BLOCK_ROWS`] rows; twice, in turns.
    partials: AlignedBytes,
    partial_floats: usize,
    /// For each thread `down x` of as many rows.
    sums: AlignedBytes,
    sum_floats: usize,
}

/// What steps see of the adapters when a row has one.
pub(super) struct Adapting<'a> {
    slots: &'a [Option<(Adapter, AdapterCounts)>],
    partials: *mut f32,
    /// From row to row.
    partial_floats: usize,
    sums: *mut f32,
    sum_floats: usize,
}

impl Adapters {
    pub fn new(matrices: Vec<AdaptableMatrix>, threads: usize) -> Adapters {
        let none = || AlignedBytes::zeroed(0);
        Adapters { matrices, threads, slots: vec![], partials: none(), partial_floats: 0, sums: none(), sum_floats: 0 }
    }

    pub fn add(&mut self, adapter: Adapter) -> Option<usize> {
        assert_eq!(adapter.updates.len(), self.matrices.len(), "an update for every matrix, or none");
        let (mut counts, mut rank) = (AdapterCounts::default(), 0);
        let mut before: Option<(usize, &LowRank)> = None;
        for (matrix, update) in self.matrices.iter().zip(&adapter.updates) {
            let Some(update) = update else { continue };
            let LowRank { down, up, .. } = update;
            assert!(down.format() == Format::F16 && up.format() == Format::F16, "updates are in half precision");
            assert!(down.is_packed() && up.is_packed(), "updates are there");
            assert_eq!((up.rows(), down.cols()), (matrix.rows, matrix.cols), "an update has the shape of its matrix");
            assert!(down.rows() > 0 && down.rows() == up.cols(), "both halves of an update have its rank");
            rank = rank.max(down.rows());
            let is_new = before.is_none_or(|(step, other)| step != matrix.step || !other.down.is(down));
            let values = |matrix: &PackedMatrix| matrix.rows() * matrix.cols();
            if is_new {
                counts.add(matrix.is_head, down.bytes(), values(down));
            }
            counts.add(matrix.is_head, up.bytes(), values(up));
            before = Some((matrix.step, update));
        }
        self.reserve(rank)?;
        let number = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if number == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[number] = Some((adapter, counts));
        Some(number)
    }

    pub fn remove(&mut self, number: usize) {
        let removed = self.slots.get_mut(number).and_then(Option::take);
        assert!(removed.is_some(), "adapter {number} is there");
    }

    pub fn counts(&self, number: usize) -> AdapterCounts {
        self.slots[number].as_ref().expect("an adapter of this number").1
    }

    pub fn workspace_bytes(&self) -> u64 {
        (self.partials.len() + self.sums.len()) as u64
    }

    pub fn workspace_bytes_with(&self, rank: usize) -> u64 {
        let (partial_floats, sum_floats) = self.floats_for(rank);
        (4 * BLOCK_ROWS * (2 * partial_floats + self.threads * sum_floats)) as u64
    }

    /// Floats that a row needs of each kind, with updates of every matrix of so large a rank.
    fn floats_for(&self, rank: usize) -> (usize, usize) {
        let of_step = |matrices: &[AdaptableMatrix]| matrices.iter().map(|m| partial_floats(rank, m.cols)).sum();
        let partial_floats = self.matrices.chunk_by(|a, b| a.step == b.step).map(of_step).max().unwrap_or(0);
        (partial_floats.max(self.partial_floats), round_up(rank, LANES).max(self.sum_floats))
    }

    fn reserve(&mut self, rank: usize) -> Option<()> {
        let (partial_floats, sum_floats) = self.floats_for(rank);
        if partial_floats > self.partial_floats {
            self.partials = AlignedBytes::try_zeroed(4 * 2 * BLOCK_ROWS * partial_floats)?;
            self.partial_floats = partial_floats;
        }
        if sum_floats > self.sum_floats {
            self.sums = AlignedBytes::try_zeroed(4 * self.threads * BLOCK_ROWS * sum_floats)?;
            self.sum_floats = sum_floats;
        }
        Some(())
    }

    /// What a run over `batch` needs of them.
    pub fn adapting(&mut self, batch: &Batch) -> Result<Option<Adapting<'_>>, BatchError> {
        let mut numbers = batch.segments.iter().filter_map(|segment| segment.adapter).peekable();
        if numbers.peek().is_none() {
            return Ok(None);
        }
        if numbers.any(|number| self.slots.get(number).is_none_or(Option::is_none)) {
            return Err(BatchError("an adapter that is not there"));
        }
        Ok(Some(Adapting {
            partials: self.partials.as_mut_ptr().cast(),
            partial_floats: self.partial_floats,
            sums: self.sums.as_mut_ptr().cast(),
            sum_floats: self.sum_floats,
            slots: &self.slots,
        }))
    }
}

impl Adapting<'_> {
    /// The update of a matrix for the rows of an adapter.
    fn update(&self, adapter: usize, matrix: usize) -> Option<&LowRank> {
        self.slots[adapter].as_ref()?.0.updates[matrix].as_ref()
    }

    /// Sums of pieces of row `row` of a block; `block` is the block's number.
    unsafe fn partials(&self, block: usize, row: usize) -> *mut f32 {
        // SAFETY: there are twice as many rows as a block has.
        unsafe { self.partials.add((block % 2 * BLOCK_ROWS + row) * self.partial_floats) }
    }

    unsafe fn sums(&self, worker: &Worker) -> *mut f32 {
        // SAFETY: there are as many for every thread.
        unsafe { self.sums.add(worker.index * BLOCK_ROWS * self.sum_floats) }
    }
}

/// Calls `work` with every adapter that has rows among `rows`, and which of them follow each other.
fn each_run(batch: &Batch, kind: Rows, rows: Range<usize>, mut work: impl FnMut(usize, Range<usize>)) {
    let adapter_of = |row: usize| batch.locate(batch.source_row(kind, row)).0.adapter;
    let mut start = rows.start;
    while start < rows.end {
        let adapter = adapter_of(start);
        let end = (start + 1..rows.end).find(|&row| adapter_of(row) != adapter).unwrap_or(rows.end);
        if let Some(adapter) = adapter {
            work(adapter, start..end);
        }
        start = end;
    }
}

impl Adaptable {
    fn matrices(&self) -> Range<usize> {
        self.first..self.first + self.linear.parts.len()
    }

    /// Whether something is added to one of its products.
    pub(super) fn is_adapted(&self, context: &Context) -> bool {
        let Some(adapting) = &context.adapting else { return false };
        let updates = |adapter| self.matrices().any(|matrix| adapting.update(adapter, matrix).is_some());
        context.batch.segments.iter().any(|segment| segment.adapter.is_some_and(updates))
    }

    /// The updates by an adapter: the number of the part, and where in a row its sums of pieces lie. Those that share a factor share the
    /// place.
    fn updates<'a>(
        &self,
        adapting: &'a Adapting<'a>,
        adapter: usize,
    ) -> impl Iterator<Item = (usize, &'a LowRank, usize)> + use<'a> {
        let (mut end, mut last): (usize, Option<(&'a LowRank, usize)>) = (0, None);
        self.matrices().enumerate().filter_map(move |(index, matrix)| {
            let update = adapting.update(adapter, matrix)?;
            let at = match last {
                Some((other, at)) if other.down.is(&update.down) => at,
                _ => end,
            };
            end = end.max(at + update.partial_floats());
            last = Some((update, at));
            Some((index, update, at))
        })
    }

    /// # Safety
    /// As that of [`Step::run`](super::Step::run), for a step that is [adapted](Adaptable::is_adapted).
    pub(super) unsafe fn run_adapted(&self, context: &Context, worker: &Worker) {
        let rows = context.rows_of(self.linear.parts[0].output);
        let block = |block: usize| block * BLOCK_ROWS..rows.min((block + 1) * BLOCK_ROWS);
        // SAFETY: a thread reads sums of pieces behind a barrier. It writes those of a block where those of the last but one were, which
        // all have read when they come to the barrier before.
        unsafe {
            self.sum_pieces(context, worker, 0, block(0));
            let arrival = worker.arrive();
            self.ask_for_updates(context, worker, block(0));
            self.linear.multiply(context, worker);
            worker.wait_for(arrival);
            self.add_updates(context, worker, 0, block(0));
            for number in 1..rows.div_ceil(BLOCK_ROWS) {
                self.sum_pieces(context, worker, number, block(number));
                worker.barrier();
                self.add_updates(context, worker, number, block(number));
            }
        }
    }

    /// This thread's share of `down x`, piece by piece.
    unsafe fn sum_pieces(&self, context: &Context, worker: &Worker, block: usize, rows: Range<usize>) {
        let Some(adapting) = &context.adapting else { return };
        let kind = context.places[self.linear.parts[0].output.0].rows;
        each_run(context.batch, kind, rows.clone(), |adapter, run| {
            // Pieces of all that are multiplied for these rows. What shares a place is the same.
            let different = || {
                let mut last = None;
                self.updates(adapting, adapter).filter(move |&(_, _, at)| last.replace(at) != Some(at))
            };
            let pieces = |update: &LowRank| update.down.cols().div_ceil(PIECE);
            let units = |update: &LowRank| update.down.panels() * pieces(update);
            let share = worker.share(different().map(|(_, update, _)| units(update)).sum());
            let (mut first, mut is_asked) = (0, false);
            for (_, update, at) in different() {
                let (pieces, units) = (pieces(update), units(update));
                let mine = share.start.max(first)..share.end.min(first + units);
                let mine = mine.start.saturating_sub(first)..mine.end.saturating_sub(first);
                first += units;
                let mut start = mine.start;
                while start < mine.end {
                    let panel = start / pieces;
                    let end = mine.end.min((panel + 1) * pieces);
                    if !std::mem::replace(&mut is_asked, true) {
                        let numbers = update.down.data().as_ptr().cast::<u16>().wrapping_add(start * PIECE * LANES);
                        ask(context.isa, numbers, share.len() * PIECE * LANES);
                    }
                    // SAFETY: the rows are in use, the step has checked the floats' width, and there is room for the sums of every
                    // piece, which is one thread's.
                    unsafe {
                        context.isa.run(SumPieces {
                            weights: update.down.data().as_ptr().cast::<u16>().add(panel * update.down.cols() * LANES),
                            cols: update.down.cols(),
                            pieces: start % pieces..end - panel * pieces,
                            input: context.floats(self.floats, run.start),
                            input_stride: context.stride(self.floats) / 4,
                            rows: run.len(),
                            to: adapting.partials(block, run.start - rows.start).add(at + panel * pieces * LANES),
                            to_stride: adapting.partial_floats,
                        });
                    }
                    start = end;
                }
            }
        });
    }

    /// Asks for the first of what [`Adaptable::add_updates`] reads: it comes while the matrix is multiplied.
    fn ask_for_updates(&self, context: &Context, worker: &Worker, rows: Range<usize>) {
        let Some(adapting) = &context.adapting else { return };
        let kind = context.places[self.linear.parts[0].output.0].rows;
        each_run(context.batch, kind, rows, |adapter, _| {
            let mut first = self.linear.shares(worker).filter_map(|(index, panels)| {
                let update = adapting.update(adapter, self.first + index)?;
                Some((update, panels))
            });
            if let Some((update, panels)) = first.next() {
                let panel = update.up.cols() * LANES;
                let numbers = update.up.data().as_ptr().cast::<u16>().wrapping_add(panels.start * panel);
                ask(context.isa, numbers, panels.len() * panel);
            }
        });
    }

    /// Adds the pieces up, and `up` times that to this thread's panels.
    unsafe fn add_updates(&self, context: &Context, worker: &Worker, block: usize, rows: Range<usize>) {
        let Some(adapting) = &context.adapting else { return };
        let kind = context.places[self.linear.parts[0].output.0].rows;
        each_run(context.batch, kind, rows.clone(), |adapter, run| {
            let mut summed = None;
            for (index, panels) in self.linear.shares(worker) {
                let Some((_, update, at)) = self.updates(adapting, adapter).find(|&(other, ..)| other == index) else {
                    continue;
                };
                // SAFETY: all threads have summed their pieces; the panels are this thread's own, and so is the room for sums.
                unsafe {
                    if summed.replace(at) != Some(at) {
                        context.isa.run(SumUp {
                            from: adapting.partials(block, run.start - rows.start).add(at),
                            from_stride: adapting.partial_floats,
                            pieces: update.down.cols().div_ceil(PIECE),
                            panels: update.down.panels(),
                            rows: run.len(),
                            to: adapting.sums(worker),
                        });
                    }
                    update.add(context, &self.linear.parts[index], adapting.sums(worker), panels, run.clone());
                }
            }
        });
    }
}

impl LowRank {
    /// Adds `up` times `sums`, `[rows][sum_floats]`, to rows of a part's output.
    ///
    /// # Safety
    /// The update is that of the part; `panels` belong to this thread alone, and `rows` are in use.
    unsafe fn add(
        &self,
        context: &Context,
        part: &LinearPart,
        sums: *const f32,
        panels: Range<usize>,
        rows: Range<usize>,
    ) {
        // SAFETY: shapes have been checked when the adapter was added.
        unsafe {
            context.isa.run(AddUpdate {
                weights: self.up.data().as_ptr().cast(),
                rank: self.up.cols(),
                panels,
                sums,
                sum_floats: self.sum_floats(),
                rows: rows.len(),
                output: context.floats(part.output, rows.start),
                output_stride: context.stride(part.output) / 4,
                scale: self.scale * part.accumulate.unwrap_or(1.0),
            });
        }
    }
}

/// Sixteen rows of `down` times pieces of some rows of activations.
struct SumPieces {
    /// `[cols][16]` in half precision.
    weights: *const u16,
    cols: usize,
    pieces: Range<usize>,
    input: *const f32,
    /// Floats from one row to the next.
    input_stride: usize,
    rows: usize,
    /// Of each row `[pieces][16]`.
    to: *mut f32,
    to_stride: usize,
}

impl Kernel for SumPieces {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let whole = self.pieces.end.min(self.cols / PIECE);
        let mut row = 0;
        while row < self.rows {
            let (_, tile) = tile_of(row, self.rows, S::MAX_TILE);
            let mut piece = self.pieces.start;
            // SAFETY: whoever made this answers for the rows, the columns and the room for the sums.
            unsafe {
                if tile == 1 {
                    while piece + PIECES <= whole {
                        self.tile::<S, PIECES, 1>(s, piece, row);
                        piece += PIECES;
                    }
                }
                for piece in piece..self.pieces.end {
                    match tile {
                        8 if S::MAX_TILE >= 8 => self.tile::<S, 1, 8>(s, piece, row),
                        4 if S::MAX_TILE >= 4 => self.tile::<S, 1, 4>(s, piece, row),
                        2 if S::MAX_TILE >= 2 => self.tile::<S, 1, 2>(s, piece, row),
                        _ => self.tile::<S, 1, 1>(s, piece, row),
                    }
                }
            }
            row += tile;
        }
    }
}

impl SumPieces {
    /// `N` pieces of `M` rows.
    #[inline(always)]
    unsafe fn tile<S: Simd, const N: usize, const M: usize>(&self, s: S, piece: usize, row: usize) {
        let first = piece * PIECE;
        // SAFETY: see `run`.
        unsafe {
            let weights: [*const u16; N] = std::array::from_fn(|n| self.weights.add((first + n * PIECE) * LANES));
            let inputs: [*const f32; M] =
                std::array::from_fn(|i| self.input.add((row + i) * self.input_stride + first));
            let mut sums = [[s.splat(0.0); M]; N];
            for col in 0..PIECE.min(self.cols - first) {
                for n in 0..N {
                    if col % (LINE / LANES) == 0 {
                        // What the next pieces need; the last of a thread's prefetches lie beyond its share, most of them in the next one's.
                        s.prefetch(weights[n].wrapping_add((N * PIECE + col) * LANES).cast());
                    }
                    let w = s.load_f16(weights[n].add(col * LANES));
                    for i in 0..M {
                        sums[n][i] = s.fma(w, s.splat(*inputs[i].add(n * PIECE + col)), sums[n][i]);
                    }
                }
            }
            for (n, sums) in sums.into_iter().enumerate() {
                for (i, sum) in sums.into_iter().enumerate() {
                    s.store(self.to.add((row + i) * self.to_stride + (piece + n) * LANES), sum);
                }
            }
        }
    }
}

/// Adds `up` times the sums of some rows to panels of their outputs.
struct AddUpdate {
    /// `[panels][rank][16]` in half precision.
    weights: *const u16,
    rank: usize,
    panels: Range<usize>,
    /// `[rows][sum_floats]`, of which the first `rank` count.
    sums: *const f32,
    sum_floats: usize,
    rows: usize,
    /// Row 0, panel 0.
    output: *mut f32,
    output_stride: usize,
    scale: f32,
}

impl Kernel for AddUpdate {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut row = 0;
        while row < self.rows {
            let (_, tile) = tile_of(row, self.rows, S::MAX_TILE);
            let mut panel = self.panels.start;
            // SAFETY: whoever made this answers for the panels, the sums and the rows.
            unsafe {
                if tile == 1 {
                    while panel + PIECES <= self.panels.end {
                        self.tile::<S, PIECES, 1>(s, panel, row);
                        panel += PIECES;
                    }
                }
                for panel in panel..self.panels.end {
                    match tile {
                        8 if S::MAX_TILE >= 8 => self.tile::<S, 1, 8>(s, panel, row),
                        4 if S::MAX_TILE >= 4 => self.tile::<S, 1, 4>(s, panel, row),
                        2 if S::MAX_TILE >= 2 => self.tile::<S, 1, 2>(s, panel, row),
                        _ => self.tile::<S, 1, 1>(s, panel, row),
                    }
                }
            }
            row += tile;
        }
    }
}

impl AddUpdate {
    /// `N` panels of `M` rows.
    #[inline(always)]
    unsafe fn tile<S: Simd, const N: usize, const M: usize>(&self, s: S, panel: usize, row: usize) {
        // SAFETY: see `run`.
        unsafe {
            let weights: [*const u16; N] = std::array::from_fn(|n| self.weights.add((panel + n) * self.rank * LANES));
            let inputs: [*const f32; M] = std::array::from_fn(|i| self.sums.add((row + i) * self.sum_floats));
            let mut sums = [[s.splat(0.0); M]; N];
            for r in 0..self.rank {
                for n in 0..N {
                    if r % (LINE / LANES) == 0 {
                        s.prefetch(weights[n].wrapping_add(r * LANES + AHEAD).cast());
                    }
                    let w = s.load_f16(weights[n].add(r * LANES));
                    for i in 0..M {
                        sums[n][i] = s.fma(w, s.splat(*inputs[i].add(r)), sums[n][i]);
                    }
                }
            }
            for (n, sums) in sums.into_iter().enumerate() {
                for (i, sum) in sums.into_iter().enumerate() {
                    let at = self.output.add((row + i) * self.output_stride + (panel + n) * LANES);
                    s.store(at, s.fma(s.splat(self.scale), sum, s.load(at)));
                }
            }
        }
    }
}

/// Adds up the pieces of some rows, in their order.
struct SumUp {
    /// Of each row `[panels][pieces][16]`.
    from: *const f32,
    from_stride: usize,
    pieces: usize,
    panels: usize,
    rows: usize,
    /// `[rows][panels][16]`.
    to: *mut f32,
}

impl Kernel for SumUp {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for row in 0..self.rows {
            for panel in 0..self.panels {
                // SAFETY: whoever made this answers for the rows.
                unsafe {
                    let from = self.from.add(row * self.from_stride + panel * self.pieces * LANES);
                    let mut sum = s.load(from);
                    for piece in 1..self.pieces {
                        sum = s.add(sum, s.load(from.add(piece * LANES)));
                    }
                    s.store(self.to.add((row * self.panels + panel) * LANES), sum);
                }
            }
        }
    }
}
