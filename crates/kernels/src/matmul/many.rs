//! Products with many rows of activations: bound by arithmetic, not by memory.
//!
//! A few hundred columns of a panel are expanded to bytes and floats that stay in the first-level cache, and every tile of rows
//! passes over them. Unpacking is then paid once for hundreds of rows, and the inner loop is the same for every format: a load and a
//! broadcast a dot product. Sums wait in the work space from one piece of columns to the next.

use super::{IntegerFormat, Multiply, Part, add_part, corrections};
use crate::activations::GROUP;
use crate::simd::{LANES, Simd};

/// From so many rows on this is the faster way.
pub(super) const ROWS_FROM: usize = 32;

/// Rows that pass over an expanded piece.
const ROWS: usize = 512;
/// Groups of an expanded piece: 1024 columns, 16 KiB of codes.
const GROUPS: usize = 32;
/// Panels that share what is in the second-level cache: the rows' activations of one piece, and their corrections.
const PANELS: usize = 8;

/// What the work space of this module takes.
pub(super) const SCRATCH_BYTES: usize = std::mem::size_of::<Scratch>();

const MINIMA_AT: usize = GROUPS * 2 * LANES;

#[repr(C, align(64))]
struct Scratch {
    codes: [u8; GROUPS * 8 * 64],
    /// Scales, then, [`MINIMA_AT`] later, minima.
    scales: [f32; 2 * MINIMA_AT],
    corrections: [u32; ROWS * GROUPS * 2],
    sums: [f32; PANELS * ROWS * LANES],
}

/// The first `rows` rows, a multiple of `M`, of a product whose tiles are the activations' own.
///
/// # Safety
/// See [`Multiply`].
#[inline(always)]
pub(super) unsafe fn panels<S: Simd, P: IntegerFormat, const M: usize>(s: S, m: &Multiply, rows: usize) {
    let blocks = GROUPS * GROUP / P::BLOCK_COLS;
    let groups_per_block = P::BLOCK_COLS / GROUP;
    let scratch = m.scratch.cast::<Scratch>();
    // SAFETY: see `Multiply`; the work space is a `Scratch`.
    unsafe {
        let codes = (&raw mut (*scratch).codes).cast::<u8>();
        let scales = (&raw mut (*scratch).scales).cast::<f32>();
        let corrected = (&raw mut (*scratch).corrections).cast::<u32>();
        let sums = (&raw mut (*scratch).sums).cast::<f32>();
        for first_row in (0..rows).step_by(ROWS) {
            let tiles = (rows - first_row).min(ROWS) / M;
            for first_panel in m.panels.clone().step_by(PANELS) {
                let panels = first_panel..(first_panel + PANELS).min(m.panels.end);
                for first_block in (0..m.blocks).step_by(blocks) {
                    let blocks = first_block..(first_block + blocks).min(m.blocks);
                    let groups = blocks.start * groups_per_block..blocks.end * groups_per_block;
                    let (is_first, is_last) = (blocks.start == 0, blocks.end == m.blocks);
                    let tile_words = groups.len() * P::SCALES * M;
                    for t in 0..tiles {
                        let tile = m.input.add((first_row + t * M) * m.input_stride);
                        corrections::<S, P, M>(m, tile, groups.clone(), corrected.add(t * tile_words));
                    }
                    for panel in panels.clone() {
                        let weights = m.weights.add(panel * m.panel_stride);
                        for (at, group) in groups.clone().enumerate() {
                            let block = weights.add(group / groups_per_block * P::BLOCK_BYTES);
                            let group = group % groups_per_block;
                            for (j, vector) in P::codes(s, block, group).into_iter().enumerate() {
                                s.store_bytes(codes.add((at * 8 + j) * 64), vector);
                            }
                            for part in 0..P::SCALES {
                                let to = (at * P::SCALES + part) * LANES;
                                s.store(scales.add(to), P::scale(s, block, group, part));
                                if P::MINIMA {
                                    s.store(scales.add(MINIMA_AT + to), P::min(s, block, group, part));
                                }
                            }
                        }
                        let sums = sums.add((panel - first_panel) * ROWS * LANES);
                        for t in 0..tiles {
                            let row = first_row + t * M;
                            let tile = m.input.add(row * m.input_stride);
                            let waiting = sums.add(t * M * LANES);
                            let mut sums: [S::F; M] = std::array::from_fn(|i| match is_first {
                                true => s.splat(0.0),
                                false => s.load(waiting.add(i * LANES)),
                            });
                            // Pointers that move, rather than one index for all: an indexed operand costs a slot of its own.
                            let mut words = tile.add(groups.start * GROUP * M);
                            let mut row_scales = tile.add(m.quantised.scales_at(M)).cast::<f32>().add(groups.start * M);
                            let mut corrected = corrected.add(t * tile_words).cast_const();
                            let mut codes = codes.cast_const();
                            let mut scales = scales.cast_const();
                            for _ in 0..groups.len() {
                                for part in 0..P::SCALES {
                                    let vectors = part * 8 / P::SCALES..(part + 1) * 8 / P::SCALES;
                                    let operands = Part {
                                        scale: s.load(scales.add(part * LANES)),
                                        min: s.load(scales.add(MINIMA_AT + part * LANES)),
                                        tile: words,
                                        scales: row_scales,
                                        corrections: corrected.add(part * M),
                                    };
                                    add_part::<S, P, M>(
                                        s,
                                        vectors,
                                        |j| s.load_bytes(codes.add(j * 64)),
                                        operands,
                                        &mut sums,
                                    );
                                }
                                words = s.opaque(words.add(GROUP * M));
                                row_scales = s.opaque(row_scales.add(M));
                                corrected = s.opaque(corrected.add(P::SCALES * M));
                                codes = s.opaque(codes.add(8 * 64));
                                scales = s.opaque(scales.add(P::SCALES * LANES));
                            }
                            for (i, sum) in sums.into_iter().enumerate() {
                                match is_last {
                                    true => m.finish(s, panel, row + i, sum),
                                    false => s.store(waiting.add(i * LANES), sum),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
