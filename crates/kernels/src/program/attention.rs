//! Softmax attention over the paged cache.
//!
//! The query heads of a group share the keys and values they read. A query walks its sequence block by block with a running
//! maximum and sum (Milakov and Gimelshein, 2018); blocks lie at fixed positions, so a query's sums are the same whether it is
//! decoded alone or in the middle of a prompt. Keys that a query must not see get weight 0 exactly.

use super::kv::{BLOCK, Element, Half, Heads, KvFormat, KvLayer, Single};
use super::norm::store_some;
use super::{Buffer, Builder, Context, Rows, Step};
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

/// Queries worked on together: heads of a group, then tokens.
const TILE: usize = 8;
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
        // Tiles of a long prompt cost more the later they stand: dealing them out in turn evens that out.
        let mut turn = 0;
        for segment in context.batch.segments {
            let tiles = (segment.rows * self.group()).div_ceil(TILE);
            for tile in 0..tiles {
                for kv_head in 0..self.kv_heads {
                    if turn % worker.count == worker.index {
                        let queries = (segment.rows * self.group() - tile * TILE).min(TILE);
                        let tile = Tile {
                            step: self,
                            context,
                            segment,
                            kv_head,
                            first: tile * TILE,
                            queries,
                            // SAFETY: the scratch is this thread's own.
                            sums: unsafe { context.scratch(worker) }.cast(),
                        };
                        match self.format {
                            KvFormat::F16 => context.isa.run(Run::<Half>(tile, std::marker::PhantomData)),
                            KvFormat::F32 => context.isa.run(Run::<Single>(tile, std::marker::PhantomData)),
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
        TILE * self.head_dim.next_multiple_of(LANES) * 4
    }
}

struct Tile<'a> {
    step: &'a Attention,
    context: &'a Context<'a>,
    segment: &'a super::Segment,
    kv_head: usize,
    /// Query `i` of the segment's `rows * group` is row `i / group`, head `i % group` of the group.
    first: usize,
    queries: usize,
    /// `[queries][value_stride]`.
    sums: *mut f32,
}

struct Run<'a, E>(Tile<'a>, std::marker::PhantomData<E>);

impl<E: Element> Kernel for Run<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut tile = self.0;
        let end = tile.first + tile.queries;
        while tile.first < end {
            let queries = (end - tile.first).min(S::MAX_TILE);
            // SAFETY: shapes and batch have been checked. A size beyond what the instruction set uses is not compiled for it.
            unsafe {
                match queries {
                    8 if S::MAX_TILE >= 8 => self::tile::<S, E, 8>(s, &tile),
                    5..8 if S::MAX_TILE >= 8 => {
                        self::tile::<S, E, 4>(s, &tile);
                        tile.first += 4;
                        continue;
                    }
                    4 if S::MAX_TILE >= 4 => self::tile::<S, E, 4>(s, &tile),
                    3 if S::MAX_TILE >= 4 => self::tile::<S, E, 3>(s, &tile),
                    2 if S::MAX_TILE >= 4 => self::tile::<S, E, 2>(s, &tile),
                    _ => self::tile::<S, E, 1>(s, &tile),
                }
            }
            tile.first += queries;
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, E: Element, const Q: usize>(s: S, t: &Tile) {
    let step = t.step;
    let heads = Heads { kv_heads: step.kv_heads, head_dim: step.head_dim, format: step.format };
    let value_stride = heads.value_stride();
    let group = step.group();
    // SAFETY: the queries' rows are in use; blocks of the segment are in the cache and written up to each query's position.
    unsafe {
        let place = |buffer: Buffer, i: usize| {
            let query = t.first + i;
            let row = t.segment.row + query / group;
            t.context.floats(buffer, row).add((t.kv_head * group + query % group) * step.head_dim)
        };
        let queries: [*const f32; Q] = std::array::from_fn(|i| place(step.q, i).cast_const());
        let positions: [usize; Q] = std::array::from_fn(|i| t.segment.position + (t.first + i) / group);
        // First position a query sees.
        let begins: [usize; Q] = std::array::from_fn(|i| match step.window {
            Some(window) => (positions[i] + 1).saturating_sub(window),
            None => 0,
        });
        let (begin, last) = (begins[0], positions[Q - 1]);

        let mut maxima = [HIDDEN; Q];
        let mut weights = [s.splat(0.0); Q];
        for i in 0..Q * value_stride / LANES {
            s.store(t.sums.add(i * LANES), s.splat(0.0));
        }

        for block in begin / BLOCK..=last / BLOCK {
            let start = block * BLOCK;
            let keys = t.context.kv_data.add(
                t.context.kv.block_at(step.layer, t.context.batch.block(t.segment, start))
                    + t.kv_head * heads.head_bytes(),
            );
            let values = keys.add(heads.values_at()).cast::<E::Bits>();
            let keys = keys.cast::<E::Bits>();

            // Scores of two panels of sixteen keys.
            let mut scores = [[s.splat(0.0); 2]; Q];
            for d in 0..step.head_dim {
                let low = E::load(s, keys.add(d * LANES));
                let high = E::load(s, keys.add((step.head_dim + d) * LANES));
                for i in 0..Q {
                    let q = s.splat(*queries[i].add(d));
                    scores[i][0] = s.fma(low, q, scores[i][0]);
                    scores[i][1] = s.fma(high, q, scores[i][1]);
                }
            }

            let mut chances = [[0f32; BLOCK]; Q];
            let mut rescale = [s.splat(1.0); Q];
            for i in 0..Q {
                let mut score = scores[i].map(|x| s.mul(x, s.splat(step.scale)));
                if let Some(cap) = step.softcap {
                    score = score.map(|x| s.mul(s.splat(cap), tanh(s, s.mul(x, s.splat(1.0 / cap)))));
                }
                // Keys outside (lowest, highest) are hidden. Whole numbers up to 32 are exact.
                let lowest = begins[i] as i64 - start as i64;
                let highest = positions[i] as i64 - start as i64;
                let partial = lowest > 0 || highest < BLOCK as i64 - 1;
                let show = |half: usize, x: S::F, hidden: S::F| {
                    let slot = s.load(SLOTS.0.as_ptr().add(half * LANES));
                    let x = s.select_less(slot, s.splat(lowest.clamp(0, 64) as f32), hidden, x);
                    s.select_less(s.splat(highest.clamp(-1, 64) as f32), slot, hidden, x)
                };
                if partial {
                    let hidden = s.splat(HIDDEN);
                    score = [show(0, score[0], hidden), show(1, score[1], hidden)];
                }
                let largest = s.largest(s.max(score[0], score[1])).max(maxima[i]);
                let mut chance = score.map(|x| exp(s, s.sub(x, s.splat(largest))));
                if partial {
                    let zero = s.splat(0.0);
                    chance = [show(0, chance[0], zero), show(1, chance[1], zero)];
                }
                rescale[i] = exp(s, s.splat(maxima[i] - largest));
                maxima[i] = largest;
                weights[i] = s.fma(weights[i], rescale[i], s.add(chance[0], chance[1]));
                s.store(chances[i].as_mut_ptr(), chance[0]);
                s.store(chances[i].as_mut_ptr().add(LANES), chance[1]);
            }

            // Keys beyond the last query's position have not been written for this sequence.
            let valid = (last + 1 - start).min(BLOCK);
            for d in (0..value_stride).step_by(LANES) {
                let mut sums: [S::F; Q] =
                    std::array::from_fn(|i| s.mul(s.load(t.sums.add(i * value_stride + d)), rescale[i]));
                for key in 0..valid {
                    let value = E::load(s, values.add(key * value_stride + d));
                    for (sum, chances) in sums.iter_mut().zip(&chances) {
                        *sum = s.fma(value, s.splat(chances[key]), *sum);
                    }
                }
                for (i, sum) in sums.into_iter().enumerate() {
                    s.store(t.sums.add(i * value_stride + d), sum);
                }
            }
        }

        for (i, weights) in weights.into_iter().enumerate() {
            let inverse = s.splat(1.0 / s.sum(weights));
            let out = place(step.output, i);
            for d in (0..step.head_dim).step_by(LANES) {
                let value = s.mul(s.load(t.sums.add(i * value_stride + d)), inverse);
                store_some(s, out.add(d), value, step.head_dim - d);
            }
        }
    }
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
