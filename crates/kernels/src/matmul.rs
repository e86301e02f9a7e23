//! `Y = X W^T`, panel by panel: sixteen output rows of the weights against a handful of activation rows.
//!
//! Every output is one lane of one accumulator, summed over the columns in order. Tile sizes change which outputs are
//! worked on together, never the order within one, so an output has the same bits in a batch of 1 and of 512.

use std::ops::Range;

use crate::activations::{GROUP, QuantisedRow};
use crate::isa::{Isa, Kernel};
use crate::simd::{LANES, Simd};

/// How a format computes: the table entry that `format/*.rs` fill in.
pub(crate) struct Packing {
    /// What the kernel multiplies with.
    pub activations: Activations,
    /// Columns of one packed block.
    pub block_cols: usize,
    /// Bytes of one packed block of sixteen rows.
    pub block_bytes: usize,
    /// Packs one block. Each of the sixteen slices is that row's share of the source (`block_cols` weights, zero bytes where
    /// the matrix ends); the last one is the block's `block_bytes` bytes. Float formats take all columns at once.
    pub pack_block: fn(&[&[u8]; LANES], &mut [u8]),
    /// Multiplies.
    ///
    /// # Safety
    /// The places in `Multiply` are what they say.
    pub multiply: unsafe fn(Isa, &Multiply),
}

/// What a packed format is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activations {
    /// `f32`, exactly as they are.
    Float,
    /// Signed bytes with a scale for every 32, see [`QuantisedRow`].
    Quantised,
}

/// Operands of a multiplication, as raw places: [`crate::program`] has checked that they lie inside its buffers and that no
/// two threads write the same output.
pub(crate) struct Multiply {
    /// First packed byte of panel 0.
    pub weights: *const u8,
    /// Bytes from one panel to the next.
    pub panel_stride: usize,
    /// Blocks of a panel.
    pub blocks: usize,
    /// Groups of 32 columns in a block; 0 for float formats.
    pub groups_per_block: usize,
    /// Panels to work on.
    pub panels: Range<usize>,
    /// First activation row; floats or quantised rows as the format wants.
    pub input: *const u8,
    /// Bytes from one activation row to the next.
    pub input_stride: usize,
    /// Layout of quantised rows.
    pub quantised: QuantisedRow,
    /// For each output row the activation row it is made from; `None`: row i from row i.
    pub gather: Option<*const u32>,
    /// Output rows.
    pub rows: usize,
    /// First output.
    pub output: *mut f32,
    /// Floats from one output row to the next.
    pub output_stride: usize,
    /// `[panels * 16]`, added to every row.
    pub bias: Option<*const f32>,
    /// `None`: the result is stored. `Some(s)`: `output += s * result`.
    pub accumulate: Option<f32>,
    /// Work space of [`Multiply::scratch_bytes`] bytes, one per thread.
    pub scratch: *mut u8,
}

/// Most activation rows of a tile.
const TILE: usize = 8;

/// Weight bytes that stay in the second-level cache while all activation rows pass over them.
const CHUNK_BYTES: usize = 256 << 10;

impl Multiply {
    /// Work space a thread needs for rows of `cols` columns.
    pub(crate) fn scratch_bytes(cols: usize) -> usize {
        TILE * QuantisedRow::new(cols).padded / 16 * 4
    }

    #[inline(always)]
    unsafe fn input_row(&self, row: usize) -> *const u8 {
        // SAFETY: `row < rows`; see the type.
        unsafe {
            let from = match self.gather {
                Some(gather) => gather.add(row).read() as usize,
                None => row,
            };
            self.input.add(from * self.input_stride)
        }
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, s: S, panel: usize, row: usize, value: S::F) {
        // SAFETY: see the type.
        unsafe {
            let at = self.output.add(row * self.output_stride + panel * LANES);
            let value = match self.bias {
                Some(bias) => s.add(value, s.load(bias.add(panel * LANES))),
                None => value,
            };
            let value = match self.accumulate {
                Some(scale) => s.fma(s.splat(scale), value, s.load(at)),
                None => value,
            };
            s.store(at, value);
        }
    }
}

/// How many of `rows` rows the next tile takes: a power of two, so that few sizes need compiling.
#[inline(always)]
fn tile_rows<S: Simd>(rows: usize) -> usize {
    match rows {
        8.. if S::MAX_TILE >= 8 => 8,
        4.. if S::MAX_TILE >= 4 => 4,
        2.. if S::MAX_TILE >= 2 => 2,
        _ => 1,
    }
}

/// A format whose weights are small integers: `weight = scale * (code - OFFSET) - min`.
pub(crate) trait IntegerFormat: 'static {
    /// Columns of a packed block, a multiple of 32.
    const BLOCK_COLS: usize;
    /// Bytes of a packed block.
    const BLOCK_BYTES: usize;
    /// Whether a code can exceed 127.
    const WIDE: bool = false;
    /// Subtracted from every code.
    const OFFSET: i32 = 0;
    /// Scales in a group of 32: 1 or 2.
    const SCALES: usize = 1;
    /// Whether there are minima, one beside each scale.
    const MINIMA: bool = false;

    /// The codes of group `group` of the block.
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8];
    /// The scales of sixteen rows for part `part` of the group.
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> S::F;
    /// The minima of sixteen rows for part `part` of the group.
    #[inline(always)]
    unsafe fn min<S: Simd>(s: S, _block: *const u8, _group: usize, _part: usize) -> S::F {
        s.splat(0.0)
    }
}

/// The [`Packing::multiply`] of an integer format.
///
/// # Safety
/// See [`Multiply`].
pub(crate) unsafe fn multiply_integer<P: IntegerFormat>(isa: Isa, m: &Multiply) {
    struct Run<'a, P>(&'a Multiply, std::marker::PhantomData<P>);
    impl<P: IntegerFormat> Kernel for Run<'_, P> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            // SAFETY: see `Multiply`.
            unsafe { integer_panels::<S, P>(s, self.0) }
        }
    }
    isa.run(Run::<P>(m, std::marker::PhantomData));
}

#[inline(always)]
unsafe fn integer_panels<S: Simd, P: IntegerFormat>(s: S, m: &Multiply) {
    let per_chunk = (CHUNK_BYTES / m.panel_stride).max(1);
    let groups = m.blocks * P::BLOCK_COLS / GROUP;
    let mut first = m.panels.start;
    while first < m.panels.end {
        let chunk = first..(first + per_chunk).min(m.panels.end);
        let mut row = 0;
        while row < m.rows {
            let tile = tile_rows::<S>(m.rows - row);
            // SAFETY: see `Multiply`. A size beyond what the instruction set uses is not compiled for it.
            unsafe {
                match tile {
                    8 if S::MAX_TILE >= 8 => integer_tile::<S, P, 8>(s, m, chunk.clone(), row, groups),
                    4 if S::MAX_TILE >= 4 => integer_tile::<S, P, 4>(s, m, chunk.clone(), row, groups),
                    2 if S::MAX_TILE >= 2 => integer_tile::<S, P, 2>(s, m, chunk.clone(), row, groups),
                    _ => integer_tile::<S, P, 1>(s, m, chunk.clone(), row, groups),
                }
            }
            row += tile;
        }
        first = chunk.end;
    }
}

#[inline(always)]
unsafe fn integer_tile<S: Simd, P: IntegerFormat, const M: usize>(
    s: S,
    m: &Multiply,
    panels: Range<usize>,
    row: usize,
    groups: usize,
) {
    // SAFETY: see `Multiply`; scratch holds one word for every row, group and part of a tile.
    unsafe {
        let inputs: [*const u8; M] = std::array::from_fn(|i| m.input_row(row + i));
        let correction_stride = groups * P::SCALES;
        let corrections = m.scratch.cast::<u32>();
        if P::OFFSET != 0 || P::MINIMA {
            for (i, input) in inputs.iter().enumerate() {
                let sums = input.add(m.quantised.sums_at()).cast::<i32>();
                let scales = input.add(m.quantised.scales_at()).cast::<f32>();
                for g in 0..groups {
                    for part in 0..P::SCALES {
                        let sum = match P::SCALES {
                            1 => (*sums.add(2 * g)).wrapping_add(*sums.add(2 * g + 1)),
                            _ => *sums.add(2 * g + part),
                        };
                        let word = if P::MINIMA {
                            (-(*scales.add(g) * sum as f32)).to_bits()
                        } else {
                            sum.wrapping_mul(-P::OFFSET) as u32
                        };
                        corrections.add(i * correction_stride + g * P::SCALES + part).write(word);
                    }
                }
            }
        }
        for panel in panels {
            let weights = m.weights.add(panel * m.panel_stride);
            let mut sums = [s.splat(0.0); M];
            for b in 0..m.blocks {
                let block = weights.add(b * P::BLOCK_BYTES);
                // Not unrolled: eight groups of eight vectors each would be pages of code for every format and tile.
                for in_block in 0..m.groups_per_block {
                    let group = b * (P::BLOCK_COLS / GROUP) + in_block;
                    let codes = P::codes(s, block, in_block);
                    for part in 0..P::SCALES {
                        let scale = P::scale(s, block, in_block, part);
                        let min = P::min(s, block, in_block, part);
                        for i in 0..M {
                            let correction = corrections.add(i * correction_stride + group * P::SCALES + part);
                            let start = if P::OFFSET != 0 { correction.cast::<i32>().read() } else { 0 };
                            let mut dot = s.int_splat(start);
                            let vectors = 8 / P::SCALES;
                            let codes = codes.iter().enumerate().skip(part * vectors).take(vectors);
                            for (j, &codes) in codes {
                                let with = inputs[i].add(group * GROUP + 4 * j).cast();
                                dot = match P::WIDE {
                                    true => s.dot::<true>(dot, codes, with),
                                    false => s.dot::<false>(dot, codes, with),
                                };
                            }
                            let input_scale = inputs[i].add(m.quantised.scales_at()).cast::<f32>().add(group).read();
                            sums[i] = s.fma(s.int_to_float(dot), s.mul(scale, s.splat(input_scale)), sums[i]);
                            if P::MINIMA {
                                sums[i] = s.fma(min, s.splat(correction.cast::<f32>().read()), sums[i]);
                            }
                        }
                    }
                }
            }
            for (i, sum) in sums.into_iter().enumerate() {
                m.finish(s, panel, row + i, sum);
            }
        }
    }
}

/// A format whose weights are floats: sixteen rows interleaved, one column after the other.
pub(crate) trait FloatFormat: 'static {
    /// Bytes of a number.
    const BYTES: usize;
    /// One column of a panel.
    unsafe fn column<S: Simd>(s: S, at: *const u8) -> S::F;
}

/// The [`Packing::pack_block`] of a float format: the sixteen slices are whole rows.
pub(crate) fn pack_columns<P: FloatFormat>(rows: &[&[u8]; LANES], out: &mut [u8]) {
    for (col, out) in out.chunks_exact_mut(P::BYTES * LANES).enumerate() {
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(P::BYTES)) {
            out.copy_from_slice(&row[col * P::BYTES..][..P::BYTES]);
        }
    }
}

/// Panels worked on together when there is one activation row: four independent chains of multiply-adds.
const FLOAT_PANELS: usize = 4;

/// The [`Packing::multiply`] of a float format.
///
/// # Safety
/// See [`Multiply`].
pub(crate) unsafe fn multiply_float<P: FloatFormat>(isa: Isa, m: &Multiply) {
    struct Run<'a, P>(&'a Multiply, std::marker::PhantomData<P>);
    impl<P: FloatFormat> Kernel for Run<'_, P> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            // SAFETY: see `Multiply`.
            unsafe { float_panels::<S, P>(s, self.0) }
        }
    }
    isa.run(Run::<P>(m, std::marker::PhantomData));
}

#[inline(always)]
unsafe fn float_panels<S: Simd, P: FloatFormat>(s: S, m: &Multiply) {
    let per_chunk = (CHUNK_BYTES / m.panel_stride).max(FLOAT_PANELS);
    let mut first = m.panels.start;
    while first < m.panels.end {
        let chunk = first..(first + per_chunk).min(m.panels.end);
        let mut row = 0;
        while row < m.rows {
            let tile = tile_rows::<S>(m.rows - row);
            let mut panel = chunk.start;
            // SAFETY: see `Multiply`.
            unsafe {
                if tile == 1 {
                    while panel + FLOAT_PANELS <= chunk.end {
                        float_tile::<S, P, FLOAT_PANELS, 1>(s, m, panel, row);
                        panel += FLOAT_PANELS;
                    }
                }
                for panel in panel..chunk.end {
                    match tile {
                        8 if S::MAX_TILE >= 8 => float_tile::<S, P, 1, 8>(s, m, panel, row),
                        4 if S::MAX_TILE >= 4 => float_tile::<S, P, 1, 4>(s, m, panel, row),
                        2 if S::MAX_TILE >= 2 => float_tile::<S, P, 1, 2>(s, m, panel, row),
                        _ => float_tile::<S, P, 1, 1>(s, m, panel, row),
                    }
                }
            }
            row += tile;
        }
        first = chunk.end;
    }
}

#[inline(always)]
unsafe fn float_tile<S: Simd, P: FloatFormat, const N: usize, const M: usize>(
    s: S,
    m: &Multiply,
    panel: usize,
    row: usize,
) {
    // SAFETY: see `Multiply`.
    unsafe {
        let inputs: [*const f32; M] = std::array::from_fn(|i| m.input_row(row + i).cast());
        let weights: [*const u8; N] = std::array::from_fn(|n| m.weights.add((panel + n) * m.panel_stride));
        let mut sums = [[s.splat(0.0); M]; N];
        for col in 0..m.blocks {
            for n in 0..N {
                let w = P::column(s, weights[n].add(col * P::BYTES * LANES));
                for i in 0..M {
                    sums[n][i] = s.fma(w, s.splat(*inputs[i].add(col)), sums[n][i]);
                }
            }
        }
        for (n, sums) in sums.into_iter().enumerate() {
            for (i, sum) in sums.into_iter().enumerate() {
                m.finish(s, panel + n, row + i, sum);
            }
        }
    }
}
