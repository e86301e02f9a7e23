//! Softmax attention over the paged cache.
//!
//! The query heads of a group share the keys and values they read. A query walks its sequence block by block with a running
//! maximum and sum (Milakov and Gimelshein, 2018); blocks lie at fixed positions, so a query's sums are the same whether it is
//! decoded alone or in the middle of a prompt. Keys that a query must not see get weight 0 exactly.

use super::kv::{BLOCK, Element, Half, Heads, KvFormat, KvLayer, Single};
use super::norm::store_some;
use super::{Buffer, Builder, Context, Rows, Step};
use crate::activations::tile_of;
use crate::isa::Kernel;
use crate::math::{exp, tanh};
use crate::simd::{LANES, Simd};
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
        // Queries late in a long prompt cost more than early ones: dealing them out in turn evens that out.
        let mut turn = 0;
        for segment in context.batch.segments {
            let all = segment.rows * self.group();
            for first in (0..all).step_by(QUERIES) {
                for kv_head in 0..self.kv_heads {
                    if turn % worker.count == worker.index {
                        let queries = (all - first).min(QUERIES);
                        // SAFETY: the scratch is this thread's own.
                        let scratch = unsafe { context.scratch(worker) }.cast();
                        let some = Queries { step: self, context, segment, kv_head, first, queries, scratch };
                        match self.format {
                            KvFormat::F16 => context.isa.run(Run::<Half>(some, std::marker::PhantomData)),
                            KvFormat::F32 => context.isa.run(Run::<Single>(some, std::marker::PhantomData)),
                        }
                    }
                    turn += 1;
                }
            }
        }
    }

    fn cache(&self) -> Option<(KvLayer, usize)> {
        let heads = Heads { kv_heads: self.kv_heads, head_dim: self.head_dim, format: self.format };
        Some((self.layer, heads.block_bytes()))
    }

    fn scratch_bytes(&self) -> usize {
        Places::new(self.head_dim).floats * 4
    }
}

/// Some queries of one segment and one head of keys and values. Query `i` of the segment's `rows * group` is row `i / group`, head
/// `i % group` of the group.
struct Queries<'a> {
    step: &'a Attention,
    context: &'a Context<'a>,
    segment: &'a super::Segment,
    kv_head: usize,
    first: usize,
    queries: usize,
    scratch: *mut f32,
}

/// Where things lie in the scratch, in floats.
#[derive(Clone, Copy)]
struct Places {
    /// Of a query: its sums.
    stride: usize,
    /// The queries, `[tile][head_dim][queries of the tile]`.
    queries: usize,
    /// The largest score so far, by query.
    maxima: usize,
    /// The sums of `exp(score - maximum)`, sixteen keys apart, `[queries][16]`.
    weights: usize,
    /// The sums of `exp(score - maximum) * value`, `[queries][stride]`.
    sums: usize,
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
        let maxima = queries + QUERIES * stride;
        let weights = maxima + QUERIES;
        let sums = weights + QUERIES * LANES;
        let chances = sums + QUERIES * stride;
        let block = chances + MOST_TILE * BLOCK;
        Places { stride, queries, maxima, weights, sums, chances, block, floats: block + 2 * BLOCK * stride }
    }
}

/// The largest [`Simd::MAX_TILE`].
const MOST_TILE: usize = 8;

struct Run<'a, E>(Queries<'a>, std::marker::PhantomData<E>);

// No closures over vectors below: one that the compiler does not inline loses the instruction set.
impl<E: Element> Kernel for Run<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: shapes and batch have been checked.
        unsafe { attend::<S, E>(s, &self.0) }
    }
}

#[inline(always)]
unsafe fn attend<S: Simd, E: Element>(s: S, t: &Queries) {
    let step = t.step;
    let heads = Heads { kv_heads: step.kv_heads, head_dim: step.head_dim, format: step.format };
    let single = Heads { format: KvFormat::F32, ..heads };
    let places = Places::new(step.head_dim);
    let group = step.group();
    let position = |i: usize| t.segment.position + (t.first + i) / group;
    // The first position a query sees.
    let begin = |i: usize| step.window.map_or(0, |window| (position(i) + 1).saturating_sub(window));
    // SAFETY: the queries' rows are in use; blocks of the segment are in the cache and written up to each query's position; the
    // scratch has room for what `places` says.
    unsafe {
        for i in 0..t.queries {
            let (start, size) = tile_of(i, t.queries, S::MAX_TILE);
            let from = t.place(step.q, i);
            let to = t.scratch.add(places.queries + start * places.stride + (i - start));
            for d in 0..step.head_dim {
                *to.add(d * size) = *from.add(d);
            }
            *t.scratch.add(places.maxima + i) = HIDDEN;
            s.store(t.scratch.add(places.weights + i * LANES), s.splat(0.0));
            for d in (0..places.stride).step_by(LANES) {
                s.store(t.scratch.add(places.sums + i * places.stride + d), s.splat(0.0));
            }
        }
        let last = position(t.queries - 1);
        for block in begin(0) / BLOCK..=last / BLOCK {
            let start = block * BLOCK;
            let keys = t.context.kv_data.add(
                t.context.kv.block_at(step.layer, t.context.batch.block(t.segment, start))
                    + t.kv_head * heads.head_bytes(),
            );
            // Keys beyond the last query's position have not been written for this sequence.
            let valid = (last + 1 - start).min(BLOCK);
            let expanded = t.scratch.add(places.block);
            let expand = t.queries > S::MAX_TILE;
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
            let mut first = 0;
            while first < t.queries {
                let (_, size) = tile_of(first, t.queries, S::MAX_TILE);
                let (nearest, farthest) = (position(first), position(first + size - 1));
                // What no query of the tile sees costs nothing.
                if start <= farthest && start + BLOCK > begin(first) {
                    let tile = Tile {
                        places,
                        scratch: t.scratch,
                        first,
                        start,
                        valid: valid.min(farthest + 1 - start),
                        position: nearest,
                        offset: (t.first + first) % group,
                        group,
                    };
                    if expand {
                        tile.by_size::<S, Single>(s, step, size, expanded.cast(), single);
                    } else {
                        tile.by_size::<S, E>(s, step, size, keys, heads);
                    }
                }
                first += size;
            }
        }
        for i in 0..t.queries {
            let inverse = s.splat(1.0 / s.sum(s.load(t.scratch.add(places.weights + i * LANES))));
            let out = t.place(step.output, i);
            for d in (0..step.head_dim).step_by(LANES) {
                let value = s.mul(s.load(t.scratch.add(places.sums + i * places.stride + d)), inverse);
                store_some(s, out.add(d), value, step.head_dim - d);
            }
        }
    }
}

impl Queries<'_> {
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
}

impl Tile {
    #[inline(always)]
    unsafe fn by_size<S: Simd, E: Element>(&self, s: S, step: &Attention, size: usize, keys: *const u8, heads: Heads) {
        // SAFETY: passed on. A size beyond what the instruction set uses is not compiled for it.
        unsafe {
            match size {
                8 if S::MAX_TILE >= 8 => self.attend::<S, E, 8>(s, step, keys, heads),
                4 if S::MAX_TILE >= 4 => self.attend::<S, E, 4>(s, step, keys, heads),
                2 if S::MAX_TILE >= 2 => self.attend::<S, E, 2>(s, step, keys, heads),
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
        let Places { stride, queries, maxima, weights, sums, chances, .. } = self.places;
        // SAFETY: see `attend` above.
        unsafe {
            let values = keys.add(heads.values_at()).cast::<E::Bits>();
            let keys = keys.cast::<E::Bits>();

            // Scores of two panels of sixteen keys.
            let mut scores = [[s.splat(0.0); 2]; Q];
            let mut low = keys;
            let mut high = keys.add(step.head_dim * LANES);
            let mut query = self.scratch.add(queries + self.first * stride).cast_const();
            for _ in 0..step.head_dim {
                let pair = [E::load(s, low), E::load(s, high)];
                for i in 0..Q {
                    let q = s.splat(*query.add(i));
                    scores[i][0] = s.fma(pair[0], q, scores[i][0]);
                    scores[i][1] = s.fma(pair[1], q, scores[i][1]);
                }
                low = s.opaque(low.add(LANES));
                high = s.opaque(high.add(LANES));
                query = s.opaque(query.add(Q));
            }

            let mut rescale = [s.splat(1.0); Q];
            let mut changed = false;
            for i in 0..Q {
                let position = self.position + (self.offset + i) / self.group;
                let begin = step.window.map_or(0, |window| (position + 1).saturating_sub(window));
                let mut score = scores[i];
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
                let maximum = self.scratch.add(maxima + self.first + i);
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
                let weight = self.scratch.add(weights + (self.first + i) * LANES);
                s.store(weight, s.fma(s.load(weight), rescale[i], s.add(chance[0], chance[1])));
                let to = self.scratch.add(chances + i * BLOCK);
                s.store(to, chance[0]);
                s.store(to.add(LANES), chance[1]);
            }

            let chances = self.scratch.add(chances).cast_const();
            let sums = self.scratch.add(sums + self.first * stride);
            let mut d = 0;
            while d + 2 * LANES <= stride {
                self.add_values::<S, E, Q, 2>(s, values.add(d), chances, sums.add(d), &rescale, changed);
                d += 2 * LANES;
            }
            if d < stride {
                self.add_values::<S, E, Q, 1>(s, values.add(d), chances, sums.add(d), &rescale, changed);
            }
        }
    }

    /// `sums = sums * rescale + chances * values`, for `N` vectors of the values.
    #[inline(always)]
    unsafe fn add_values<S: Simd, E: Element, const Q: usize, const N: usize>(
        &self,
        s: S,
        values: *const E::Bits,
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
