//! Softmax attention over the paged cache.
//!
//! The query heads of a group share the keys and values they read. A query walks its sequence block by block with a running
//! maximum and sum (Milakov and Gimelshein, 2018); blocks lie at fixed positions, so a query's sums are the same whether it is
//! decoded alone or in the middle of a prompt. Keys that a query must not see get weight 0 exactly.
//!
//! A sequence is cut into spans of fixed positions. Each is summed up by itself, and the sums are put together in order: so
//! different threads may take different spans of one query, and the bits are the same if one takes them all.

// Indices keep several arrays in step, and iterators would bring the closures back that must not be here.
#![allow(clippy::needless_range_loop)]

use super::kv::{BLOCK, Brain, Byte, Element, Half, Heads, KvFormat, KvLayer, Single};
use super::{Buffer, Builder, Context, Counts, Rows, Step};
use crate::isa::{Isa, Kernel};
use crate::math::{exp, tanh};
use crate::simd::{LANES, Simd, store_some};
use crate::team::Worker;

/// `output = softmax(scale * q k^T) v`, causal.
pub struct Attention {
    /// Floats, `heads * head_dim` wide, rotated.
    pub q: Buffer,
    /// Of the same shape.
    pub output: Buffer,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Multiplies scores.
    pub scale: f32,
    /// `c * tanh(score / c)`.
    pub softcap: Option<f32>,
    /// Positions a query sees, itself included.
    pub window: Option<usize>,
    /// Where keys and values are.
    pub layer: KvLayer,
    /// How they are kept.
    pub format: KvFormat,
}

/// Queries that pass over a block of the cache together, so that it is read and converted once for all of them.
const QUERIES: usize = 64;
/// Score of a key that must not be seen: lower than any real one, yet finite.
const HIDDEN: f32 = -1e30;

impl Builder {
    /// Adds an [`Attention`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn attention(&mut self, step: Attention) {
        self.check_floats(step.q, step.heads * step.head_dim);
        self.check_floats(step.output, step.heads * step.head_dim);
        assert!(self.rows_of(step.q) == Rows::Tokens && self.rows_of(step.output) == Rows::Tokens);
        assert!(step.kv_heads > 0 && step.heads.is_multiple_of(step.kv_heads), "query heads in equal groups");
        assert!(step.window != Some(0), "a query sees itself");
        self.reserve_partials();
        self.push(step);
    }
}

impl Attention {
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

impl Step for Attention {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let some = |segment, first, kv_head, queries| {
            // SAFETY: the scratch is this thread's own.
            let scratch = unsafe { context.scratch(worker) }.cast();
            Queries { step: self, context, segment, kv_head, first, queries, scratch }
        };
        let units = || {
            context.batch.segments.iter().flat_map(|segment| {
                let all = segment.rows * self.group();
                let firsts = (0..all).step_by(QUERIES);
                firsts.flat_map(move |first| {
                    (0..self.kv_heads).map(move |head| (segment, first, head, (all - first).min(QUERIES)))
                })
            })
        };
        // One pass over the batch finds out whether there is work for everybody, or spans should be dealt out too.
        let (mut count, mut spans, mut floats) = (0, 0, 0);
        for (segment, first, kv_head, queries) in units() {
            let of_unit = some(segment, first, kv_head, queries).spans().len();
            count += 1;
            spans += of_unit;
            floats += of_unit * queries * State::floats(self.head_dim);
        }
        if count >= BUSY * worker.count || spans == count || floats > PARTIAL_FLOATS {
            // Queries late in a long prompt cost more than early ones: dealing them out in turn evens that out.
            for (turn, (segment, first, kv_head, queries)) in units().enumerate() {
                if turn % worker.count == worker.index {
                    self.run_on(context.isa, Part::Whole, some(segment, first, kv_head, queries));
                }
            }
            return;
        }
        let mine = worker.share(spans);
        let (mut index, mut place) = (0, context.partials);
        for (segment, first, kv_head, queries) in units() {
            let some = some(segment, first, kv_head, queries);
            for span in some.spans() {
                if mine.contains(&index) {
                    self.run_on(context.isa, Part::Span(span, place), some);
                }
                index += 1;
                place = place.wrapping_add(queries * State::floats(self.head_dim));
            }
        }
        worker.barrier();
        let mut place = context.partials;
        for (turn, (segment, first, kv_head, queries)) in units().enumerate() {
            let some = some(segment, first, kv_head, queries);
            if turn % worker.count == worker.index {
                self.run_on(context.isa, Part::Merge(place), some);
            }
            place = place.wrapping_add(some.spans().len() * queries * State::floats(self.head_dim));
        }
    }

    fn count(&self, _: &dyn Fn(Buffer) -> Rows, counts: &mut Counts) {
        let heads = Heads { kv_heads: self.kv_heads, head_dim: self.head_dim, format: self.format };
        counts.add_attention(self.window, heads.block_bytes(), self.heads * self.head_dim);
    }

    fn cache(&self) -> Option<(KvLayer, usize)> {
        let heads = Heads { kv_heads: self.kv_heads, head_dim: self.head_dim, format: self.format };
        Some((self.layer, heads.block_bytes()))
    }

    fn scratch_bytes(&self) -> usize {
        Places::new(self.head_dim).floats * 4
    }
}

/// Units of work for each thread from which on spans need not be dealt out.
const BUSY: usize = 4;
/// Positions of a span, in cache blocks.
const SPAN: usize = 16;
/// Room for the sums of spans that different threads take.
pub(super) const PARTIAL_FLOATS: usize = 1 << 20;

impl Attention {
    fn run_on(&self, isa: Isa, part: Part, queries: Queries) {
        match self.format {
            KvFormat::F16 => isa.run(Run::<Half>(part, queries, std::marker::PhantomData)),
            KvFormat::BF16 => isa.run(Run::<Brain>(part, queries, std::marker::PhantomData)),
            KvFormat::Q8 => isa.run(Run::<Byte>(part, queries, std::marker::PhantomData)),
            KvFormat::F32 => isa.run(Run::<Single>(part, queries, std::marker::PhantomData)),
        }
    }
}

/// What is to be done for some queries.
#[derive(Clone, Copy)]
enum Part {
    /// Everything.
    Whole,
    /// One span; its state goes there.
    Span(usize, *mut f32),
    /// Put together the spans' states that lie there, and finish.
    Merge(*mut f32),
}

/// Some queries of one segment and one head of keys and values. Query `i` of the segment's `rows * group` is row `i / group`, head
/// `i % group` of the group.
#[derive(Clone, Copy)]
struct Queries<'a> {
    step: &'a Attention,
    context: &'a Context<'a>,
    segment: &'a super::Segment,
    kv_head: usize,
    first: usize,
    queries: usize,
    scratch: *mut f32,
}

/// What is known of some queries after some keys, one after the other in memory: the largest score of each; the sums of
/// `exp(score - largest)`, sixteen keys apart, `[queries][16]`; and of `exp(score - largest) * value`, `[queries][stride]`.
#[derive(Clone, Copy)]
struct State {
    maxima: *mut f32,
    weights: *mut f32,
    sums: *mut f32,
}

impl State {
    /// Floats of a query.
    fn floats(head_dim: usize) -> usize {
        1 + LANES + head_dim.next_multiple_of(LANES)
    }

    #[inline(always)]
    fn at(start: *mut f32, queries: usize) -> State {
        let weights = start.wrapping_add(queries);
        State { maxima: start, weights, sums: weights.wrapping_add(queries * LANES) }
    }

    /// Nothing seen yet.
    #[inline(always)]
    unsafe fn clear<S: Simd>(self, s: S, queries: usize, stride: usize) {
        // SAFETY: the state is there.
        unsafe {
            for i in 0..queries {
                *self.maxima.add(i) = HIDDEN;
                s.store(self.weights.add(i * LANES), s.splat(0.0));
                for d in (0..stride).step_by(LANES) {
                    s.store(self.sums.add(i * stride + d), s.splat(0.0));
                }
            }
        }
    }

    /// Takes in what comes after. Adding to nothing, or adding nothing, changes no bit.
    #[inline(always)]
    unsafe fn merge<S: Simd>(self, s: S, later: State, queries: usize, stride: usize) {
        // SAFETY: both states are there.
        unsafe {
            for i in 0..queries {
                let (mine, theirs) = (self.maxima.add(i), *later.maxima.add(i));
                let largest = mine.read().max(theirs);
                let keep = exp(s, s.splat(*mine - largest));
                let take = exp(s, s.splat(theirs - largest));
                *mine = largest;
                let (weight, more) = (self.weights.add(i * LANES), s.load(later.weights.add(i * LANES)));
                s.store(weight, s.fma(more, take, s.mul(s.load(weight), keep)));
                for d in (0..stride).step_by(LANES) {
                    let (sum, more) = (self.sums.add(i * stride + d), s.load(later.sums.add(i * stride + d)));
                    s.store(sum, s.fma(more, take, s.mul(s.load(sum), keep)));
                }
            }
        }
    }
}

/// Where things lie in the scratch, in floats.
#[derive(Clone, Copy)]
struct Places {
    /// Of a query, and of its sums.
    stride: usize,
    /// The queries, `[tile][head_dim][queries of the tile]`.
    queries: usize,
    /// The state of a span, and of all spans so far.
    span: usize,
    all: usize,
    /// `exp(score - maximum)` of a tile and a block, `[queries of the tile][BLOCK]`.
    chances: usize,
    /// A block's keys and values in single precision.
    block: usize,
    floats: usize,
}

impl Places {
    fn new(head_dim: usize) -> Places {
        let stride = head_dim.next_multiple_of(LANES);
        let queries = 0;
        let span = queries + QUERIES * stride;
        let all = span + QUERIES * State::floats(head_dim);
        let chances = all + QUERIES * State::floats(head_dim);
        let block = chances + MOST_TILE * BLOCK;
        Places { stride, queries, span, all, chances, block, floats: block + 2 * BLOCK * stride }
    }
}

/// The largest [`Simd::MAX_TILE`].
const MOST_TILE: usize = 8;

struct Run<'a, E>(Part, Queries<'a>, std::marker::PhantomData<E>);

// No closures over vectors below: one that the compiler does not inline loses the instruction set.
impl<E: Element> Kernel for Run<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Run(part, t, _) = self;
        let places = Places::new(t.step.head_dim);
        let all = State::at(t.scratch.wrapping_add(places.all), t.queries);
        let span_state = State::at(t.scratch.wrapping_add(places.span), t.queries);
        let floats = t.queries * State::floats(t.step.head_dim);
        // SAFETY: shapes and batch have been checked; the scratch has room for what `places` says.
        unsafe {
            match part {
                Part::Whole => {
                    t.take_queries(s, places);
                    all.clear(s, t.queries, places.stride);
                    for span in t.spans() {
                        t.attend::<S, E>(s, places, span);
                        all.merge(s, span_state, t.queries, places.stride);
                    }
                    t.finish(s, places, all);
                }
                Part::Span(span, to) => {
                    t.take_queries(s, places);
                    t.attend::<S, E>(s, places, span);
                    std::ptr::copy_nonoverlapping(span_state.maxima, to, floats);
                }
                Part::Merge(from) => {
                    all.clear(s, t.queries, places.stride);
                    for index in 0..t.spans().len() {
                        let later = State::at(from.add(index * floats), t.queries);
                        all.merge(s, later, t.queries, places.stride);
                    }
                    t.finish(s, places, all);
                }
            }
        }
    }
}

impl Queries<'_> {
    #[inline(always)]
    fn position(&self, i: usize) -> usize {
        self.segment.position + (self.first + i) / self.step.group()
    }

    /// The first position a query sees.
    #[inline(always)]
    fn begin(&self, i: usize) -> usize {
        self.step.window.map_or(0, |window| (self.position(i) + 1).saturating_sub(window))
    }

    /// The spans that one of the queries sees something of.
    fn spans(&self) -> std::ops::Range<usize> {
        self.begin(0) / BLOCK / SPAN..self.position(self.queries - 1) / BLOCK / SPAN + 1
    }

    /// Lays the queries out by tile.
    #[inline(always)]
    unsafe fn take_queries<S: Simd>(&self, _s: S, places: Places) {
        // SAFETY: the queries' rows are in use.
        unsafe {
            for i in 0..self.queries {
                let start = i / S::MAX_TILE * S::MAX_TILE;
                let size = (self.queries - start).min(S::MAX_TILE);
                let from = self.place(self.step.q, i);
                let to = self.scratch.add(places.queries + start * places.stride + (i - start));
                for d in 0..self.step.head_dim {
                    *to.add(d * size) = *from.add(d);
                }
            }
        }
    }

    /// One span: its state is in the scratch afterwards.
    #[inline(always)]
    unsafe fn attend<S: Simd, E: Element>(&self, s: S, places: Places, span: usize) {
        let step = self.step;
        let heads = Heads { kv_heads: step.kv_heads, head_dim: step.head_dim, format: step.format };
        let single = Heads { format: KvFormat::F32, ..heads };
        let last = self.position(self.queries - 1);
        let (first_block, last_block) =
            ((span * SPAN).max(self.begin(0) / BLOCK), (span * SPAN + SPAN - 1).min(last / BLOCK));
        // SAFETY: blocks of the segment are in the cache and written up to each query's position.
        unsafe {
            State::at(self.scratch.add(places.span), self.queries).clear(s, self.queries, places.stride);
            let place = |block: usize| {
                let block = self.context.batch.block(self.segment, block * BLOCK);
                self.context
                    .kv_data
                    .add(self.context.kv.block_at(step.layer, block) + self.kv_head * heads.head_bytes())
            };
            for block in first_block..=last_block {
                let start = block * BLOCK;
                let keys = place(block);
                // Keys beyond the last query's position have not been written for this sequence.
                let valid = (last + 1 - start).min(BLOCK);
                let expanded = self.scratch.add(places.block);
                let expand = self.queries > S::MAX_TILE;
                if expand {
                    let (values, keys) = (keys.add(heads.values_at()).cast::<E::Bits>(), keys.cast::<E::Bits>());
                    for at in (0..BLOCK * step.head_dim).step_by(LANES) {
                        s.store(expanded.add(at), E::load(s, keys.add(at)));
                    }
                    let to = expanded.cast::<u8>().add(single.values_at()).cast::<f32>();
                    for at in (0..valid * places.stride).step_by(LANES) {
                        s.store(to.add(at), E::load(s, values.add(at)));
                    }
                }
                for first in (0..self.queries).step_by(S::MAX_TILE) {
                    let size = (self.queries - first).min(S::MAX_TILE);
                    let farthest = self.position(first + size - 1);
                    // What no query of the tile sees costs nothing.
                    if start > farthest || start + BLOCK <= self.begin(first) {
                        continue;
                    }
                    let tile = Tile {
                        places,
                        scratch: self.scratch,
                        state: State::at(self.scratch.add(places.span), self.queries),
                        first,
                        start,
                        valid: valid.min(farthest + 1 - start),
                        position: self.position(first),
                        offset: (self.first + first) % step.group(),
                        group: step.group(),
                        // Blocks lie far apart: nobody else foresees the next one.
                        next: if block < last_block { place(block + 1) } else { keys },
                        ahead: !expand && first == 0,
                        scales: if E::SCALED { Some(keys.add(heads.scales_at()).cast()) } else { None },
                    };
                    if expand {
                        tile.by_size::<S, Single>(s, step, size, expanded.cast(), single);
                    } else {
                        tile.by_size::<S, E>(s, step, size, keys, heads);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, s: S, places: Places, state: State) {
        let head_dim = self.step.head_dim;
        // SAFETY: the queries' rows are in use, and the state is there.
        unsafe {
            for i in 0..self.queries {
                let inverse = s.splat(1.0 / s.sum(s.load(state.weights.add(i * LANES))));
                let out = self.place(self.step.output, i);
                for d in (0..head_dim).step_by(LANES) {
                    let value = s.mul(s.load(state.sums.add(i * places.stride + d)), inverse);
                    store_some(s, out.add(d), value, head_dim - d);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn place(&self, buffer: Buffer, i: usize) -> *mut f32 {
        let group = self.step.group();
        let query = self.first + i;
        let row = self.segment.row + query / group;
        // SAFETY: the row is in use.
        unsafe { self.context.floats(buffer, row).add((self.kv_head * group + query % group) * self.step.head_dim) }
    }
}

/// A few queries and one block.
struct Tile {
    places: Places,
    scratch: *mut f32,
    state: State,
    /// The first of the queries.
    first: usize,
    /// Position of the block's first key.
    start: usize,
    /// Keys of the block that the last of the queries may see.
    valid: usize,
    /// Position of the first query, and which head of its group it is; the others follow.
    position: usize,
    offset: usize,
    group: usize,
    /// The same head of the next block, and whether to ask for it.
    next: *const u8,
    ahead: bool,
    /// Of the block's keys, then of its values; if they have any.
    scales: Option<*const f32>,
}

impl Tile {
    #[inline(always)]
    unsafe fn by_size<S: Simd, E: Element>(&self, s: S, step: &Attention, size: usize, keys: *const u8, heads: Heads) {
        // SAFETY: passed on. A size beyond what the instruction set uses is not compiled for it.
        unsafe {
            match size {
                8 if S::MAX_TILE >= 8 => self.attend::<S, E, 8>(s, step, keys, heads),
                7 if S::MAX_TILE >= 8 => self.attend::<S, E, 7>(s, step, keys, heads),
                6 if S::MAX_TILE >= 8 => self.attend::<S, E, 6>(s, step, keys, heads),
                5 if S::MAX_TILE >= 8 => self.attend::<S, E, 5>(s, step, keys, heads),
                4 if S::MAX_TILE >= 4 => self.attend::<S, E, 4>(s, step, keys, heads),
                3 if S::MAX_TILE >= 4 => self.attend::<S, E, 3>(s, step, keys, heads),
                2 if S::MAX_TILE >= 4 => self.attend::<S, E, 2>(s, step, keys, heads),
                _ => self.attend::<S, E, 1>(s, step, keys, heads),
            }
        }
    }

    #[inline(always)]
    unsafe fn attend<S: Simd, E: Element, const Q: usize>(
        &self,
        s: S,
        step: &Attention,
        keys: *const u8,
        heads: Heads,
    ) {
        let Places { stride, queries, chances, .. } = self.places;
        let State { maxima, weights, sums } = self.state;
        // SAFETY: see `attend` above.
        unsafe {
            let values = keys.add(heads.values_at()).cast::<E::Bits>();
            let keys = keys.cast::<E::Bits>();
            let chances = self.scratch.add(chances);
            let query = self.scratch.add(queries + self.first * stride);
            self.score_keys::<S, E, Q>(s, keys, step.head_dim, query, chances);

            let mut rescale = [s.splat(1.0); Q];
            let mut changed = false;
            for i in 0..Q {
                let position = self.position + (self.offset + i) / self.group;
                let begin = step.window.map_or(0, |window| (position + 1).saturating_sub(window));
                let to = chances.add(i * BLOCK);
                let mut score = [s.load(to), s.load(to.add(LANES))];
                if let Some(scales) = self.scales {
                    score[0] = s.mul(score[0], s.load(scales));
                    score[1] = s.mul(score[1], s.load(scales.add(LANES)));
                }
                for score in &mut score {
                    *score = s.mul(*score, s.splat(step.scale));
                    if let Some(cap) = step.softcap {
                        *score = s.mul(s.splat(cap), tanh(s, s.mul(*score, s.splat(1.0 / cap))));
                    }
                }
                // Keys outside (lowest, highest) are hidden. Whole numbers up to 32 are exact.
                let lowest = begin as i64 - self.start as i64;
                let highest = position as i64 - self.start as i64;
                let partial = lowest > 0 || highest < BLOCK as i64 - 1;
                let ends = [s.splat(lowest.clamp(0, 64) as f32), s.splat(highest.clamp(-1, 64) as f32)];
                if partial {
                    score[0] = show(s, 0, ends, score[0], s.splat(HIDDEN));
                    score[1] = show(s, 1, ends, score[1], s.splat(HIDDEN));
                }
                let maximum = maxima.add(self.first + i);
                // Of NaN, whatever the machine makes of it: every value of this query is NaN then.
                let largest = s.largest(s.max(score[0], score[1])).max(*maximum);
                let mut chance = score;
                for chance in &mut chance {
                    *chance = exp(s, s.sub(*chance, s.splat(largest)));
                }
                if partial {
                    chance[0] = show(s, 0, ends, chance[0], s.splat(0.0));
                    chance[1] = show(s, 1, ends, chance[1], s.splat(0.0));
                }
                if largest > *maximum {
                    // exp(0) is exactly 1: where nothing grew, nothing is scaled.
                    rescale[i] = exp(s, s.splat(*maximum - largest));
                    *maximum = largest;
                    changed = true;
                }
                let weight = weights.add((self.first + i) * LANES);
                s.store(weight, s.fma(s.load(weight), rescale[i], s.add(chance[0], chance[1])));
                if let Some(scales) = self.scales {
                    chance[0] = s.mul(chance[0], s.load(scales.add(BLOCK)));
                    chance[1] = s.mul(chance[1], s.load(scales.add(BLOCK + LANES)));
                }
                s.store(to, chance[0]);
                s.store(to.add(LANES), chance[1]);
            }

            let sums = sums.add(self.first * stride);
            let next = self.next.wrapping_add(heads.values_at()).cast::<E::Bits>();
            let mut d = 0;
            // As many sums as there are registers for: each weight is broadcast once for all of them.
            while S::MAX_TILE >= 8 && Q <= 4 && d + 4 * LANES <= stride {
                let place = (values.add(d), next.wrapping_add(d));
                self.add_values::<S, E, Q, 4>(s, place, chances, sums.add(d), &rescale, changed);
                d += 4 * LANES;
            }
            while d + 2 * LANES <= stride {
                let place = (values.add(d), next.wrapping_add(d));
                self.add_values::<S, E, Q, 2>(s, place, chances, sums.add(d), &rescale, changed);
                d += 2 * LANES;
            }
            if d < stride {
                let place = (values.add(d), next.wrapping_add(d));
                self.add_values::<S, E, Q, 1>(s, place, chances, sums.add(d), &rescale, changed);
            }
        }
    }

    /// `scores = q k^T` of two panels of sixteen keys, `[Q][BLOCK]`.
    #[inline(always)]
    unsafe fn score_keys<S: Simd, E: Element, const Q: usize>(
        &self,
        s: S,
        keys: *const E::Bits,
        head_dim: usize,
        query: *const f32,
        scores: *mut f32,
    ) {
        // SAFETY: see `attend`.
        unsafe {
            // Of no use after this function: otherwise the compiler keeps them in memory.
            let mut sums = [[s.splat(0.0); 2]; Q];
            let (mut low, mut high, mut query) = (keys, keys.add(head_dim * LANES), query);
            let mut next = self.next;
            for _ in 0..head_dim {
                if self.ahead {
                    for line in 0..(BLOCK * size_of::<E::Bits>()).div_ceil(64) {
                        s.prefetch(next.wrapping_add(line * 64));
                    }
                    next = next.wrapping_add(BLOCK * size_of::<E::Bits>());
                }
                let pair = [E::load(s, low), E::load(s, high)];
                for i in 0..Q {
                    let q = s.splat(*query.add(i));
                    sums[i][0] = s.fma(pair[0], q, sums[i][0]);
                    sums[i][1] = s.fma(pair[1], q, sums[i][1]);
                }
                low = s.opaque(low.add(LANES));
                high = s.opaque(high.add(LANES));
                query = s.opaque(query.add(Q));
            }
            for i in 0..Q {
                s.store(scores.add(i * BLOCK), sums[i][0]);
                s.store(scores.add(i * BLOCK + LANES), sums[i][1]);
            }
        }
    }

    /// `sums = sums * rescale + chances * values`, for `N` vectors of the values; and where those of the next block are.
    #[inline(always)]
    unsafe fn add_values<S: Simd, E: Element, const Q: usize, const N: usize>(
        &self,
        s: S,
        (values, mut next): (*const E::Bits, *const E::Bits),
        chances: *const f32,
        sums: *mut f32,
        rescale: &[S::F; Q],
        changed: bool,
    ) {
        let stride = self.places.stride;
        // SAFETY: see `attend`.
        unsafe {
            let mut all = [[s.splat(0.0); N]; Q];
            for i in 0..Q {
                for n in 0..N {
                    all[i][n] = s.load(sums.add(i * stride + n * LANES));
                    if changed {
                        all[i][n] = s.mul(all[i][n], rescale[i]);
                    }
                }
            }
            let (mut value, mut chance) = (values, chances);
            for _ in 0..self.valid {
                if self.ahead {
                    // A few lines a row: asked for all at once, they would wait for each other.
                    for line in 0..(N * LANES * size_of::<E::Bits>()).div_ceil(64) {
                        s.prefetch(next.cast::<u8>().wrapping_add(line * 64));
                    }
                    next = next.wrapping_add(stride);
                }
                let mut row = [s.splat(0.0); N];
                for n in 0..N {
                    row[n] = E::load(s, value.add(n * LANES));
                }
                for i in 0..Q {
                    let chance = s.splat(*chance.add(i * BLOCK));
                    for n in 0..N {
                        all[i][n] = s.fma(row[n], chance, all[i][n]);
                    }
                }
                value = s.opaque(value.add(stride));
                chance = s.opaque(chance.add(1));
            }
            for i in 0..Q {
                for n in 0..N {
                    s.store(sums.add(i * stride + n * LANES), all[i][n]);
                }
            }
        }
    }
}

/// `x` in the slots from `ends[0]` to `ends[1]` of half `half` of a block, else `hidden`.
#[inline(always)]
fn show<S: Simd>(s: S, half: usize, ends: [S::F; 2], x: S::F, hidden: S::F) -> S::F {
    // SAFETY: the slots of two halves are there.
    let slot = unsafe { s.load(SLOTS.0.as_ptr().add(half * LANES)) };
    let x = s.select_less(slot, ends[0], hidden, x);
    s.select_less(ends[1], slot, hidden, x)
}

#[repr(align(64))]
struct Slots([f32; BLOCK]);

/// 0, 1, 2, ...: the slots of a block.
static SLOTS: Slots = Slots({
    let mut slots = [0.0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        slots[i] = i as f32;
        i += 1;
    }
    slots
});
