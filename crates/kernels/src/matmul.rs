//! `Y = X W^T`, panel by panel: sixteen output rows of the weights against a handful of activation rows.
//!
//! With many rows, weights are expanded to bytes once and used for all of them ([`many`]).
//!
//! Every output is one lane of one accumulator, summed over the columns in order. Tile sizes change which outputs are
//! worked on together, never the order within one, so an output has the same bits in a batch of 1 and of 512.

mod many;
mod unpack;

use std::ops::Range;

use crate::activations::{GROUP, QuantisedRow, TileRow, tile_of};
use crate::isa::{Isa, Kernel};
use crate::simd::{LANES, LARGEST_ROW_TILE, Simd};
use crate::topology::reads_ahead_well;

pub(crate) use unpack::{unpack_float, unpack_integer};

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
    /// Decodes a row of a packed panel: its number among the sixteen, and room for as many weights as it has.
    pub unpack_row: fn(Isa, &[u8], usize, &mut [f32]),
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
    /// Row 0 of the activations; floats, or tiles of quantised rows, as the format wants.
    pub input: *const u8,
    /// Bytes from one activation row to the next.
    pub input_stride: usize,
    /// All activation rows there are.
    pub input_rows: usize,
    /// Layout of quantised rows.
    pub quantised: QuantisedRow,
    /// For each output row the activation row it is made from; `None`: `first_row` and those after it.
    pub gather: Option<*const u32>,
    /// See `gather`.
    pub first_row: usize,
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

/// Weight bytes that stay in the second-level cache while all activation rows pass over them.
const CHUNK_BYTES: usize = 256 << 10;

/// Most panels worked on together. Each is a stream of its own to the processor's prefetching, and some keep more of them
/// under way than of one (see [`reads_ahead_well`]).
const MOST_PANELS: usize = 4;

/// How far ahead of their use weights are asked for.
const AHEAD: usize = 8192;

impl Multiply {
    /// Work space a thread needs for rows of `cols` columns: corrections, then a tile; or what many rows take.
    pub(crate) fn scratch_bytes(cols: usize) -> usize {
        let row = QuantisedRow::new(cols);
        (Multiply::corrections_bytes(row) + LARGEST_ROW_TILE * row.bytes()).max(many::SCRATCH_BYTES)
    }

    fn corrections_bytes(row: QuantisedRow) -> usize {
        LARGEST_ROW_TILE * row.groups() * 2 * 4
    }

    /// The activation row that output row `row` is made from.
    #[inline(always)]
    unsafe fn source_row(&self, row: usize) -> usize {
        match self.gather {
            // SAFETY: `row < rows`; see the type.
            Some(gather) => unsafe { gather.add(row).read() as usize },
            None => self.first_row + row,
        }
    }

    /// Whether the output rows are made from all activation rows, so that their tiles are the same.
    #[inline(always)]
    fn takes_tiles(&self) -> bool {
        self.gather.is_none() && self.first_row == 0 && self.rows == self.input_rows
    }

    /// The tile of the quantised rows that output rows `row` to `row + tile` are made from: where it lies, if they are a tile; else
    /// put together in the work space.
    #[inline(always)]
    unsafe fn tile<S: Simd>(&self, row: usize, tile: usize) -> *const u8 {
        // SAFETY: see the type.
        unsafe {
            if self.takes_tiles() {
                return self.input.add(row * self.input_stride);
            }
            let at = self.scratch.add(Multiply::corrections_bytes(self.quantised));
            for index in 0..tile {
                let from = self.source_row(row + index);
                let (start, size) = tile_of(from, self.input_rows, S::ROW_TILE);
                let source = self.input.add(start * self.input_stride).cast_mut();
                TileRow { at: source, tile: size, index: from - start }
                    .copy_to(TileRow { at, tile, index }, self.quantised);
            }
            at
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

/// A format whose weights are small integers: `weight = scale * (code - OFFSET) - min`.
pub(crate) trait IntegerFormat: 'static {
    /// Columns of a packed block, a multiple of 32.
    const BLOCK_COLS: usize;
    /// Bytes of a packed block.
    const BLOCK_BYTES: usize;
    /// Bytes of a packed block for each group of 32 columns.
    const STRIDE_BYTES: usize = Self::BLOCK_BYTES / (Self::BLOCK_COLS / GROUP);
    /// The largest code there can be, at most 255.
    const LARGEST: i32;
    /// Whether a code can exceed 127.
    const WIDE: bool = Self::LARGEST > 127;
    /// Vectors whose products can be added in sixteen bits, two products a time.
    const PAIRS: usize = (i16::MAX as i32 / (2 * 127 * Self::LARGEST)) as usize;
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

/// What sums of activations have to pay back for every code: the format's offset, less what the dot product takes off.
#[inline(always)]
const fn offset<S: Simd, P: IntegerFormat>() -> i32 {
    const { assert!(!P::MINIMA || (P::OFFSET == 0 && !P::WIDE), "the corrections of a format with minima are theirs") };
    if P::WIDE { P::OFFSET - S::WIDE_OFFSET } else { P::OFFSET }
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
    let per_chunk = (CHUNK_BYTES / m.panel_stride).next_multiple_of(MOST_PANELS).max(MOST_PANELS);
    let together = !reads_ahead_well();
    let mut rest = 0;
    if m.rows >= many::ROWS_FROM && m.takes_tiles() {
        rest = m.rows / S::ROW_TILE * S::ROW_TILE;
        // SAFETY: see `Multiply`.
        unsafe {
            match S::ROW_TILE {
                8 => many::panels::<S, P, 8>(s, m, rest),
                4 => many::panels::<S, P, 4>(s, m, rest),
                _ => rest = 0,
            }
        }
    }
    let mut first = m.panels.start;
    while first < m.panels.end {
        let chunk = first..(first + per_chunk).min(m.panels.end);
        let mut row = rest;
        while row < m.rows {
            let (_, tile) = tile_of(row, m.rows, S::ROW_TILE);
            // SAFETY: see `Multiply`. A size beyond what the instruction set uses is not compiled for it.
            unsafe {
                match tile {
                    8 if S::ROW_TILE >= 8 => integer_rows::<S, P, 1, 8>(s, m, chunk.clone(), row),
                    4 if S::ROW_TILE >= 8 && together => integer_rows::<S, P, 4, 4>(s, m, chunk.clone(), row),
                    4 if S::ROW_TILE >= 4 => integer_rows::<S, P, 1, 4>(s, m, chunk.clone(), row),
                    2 if S::ROW_TILE >= 2 && together => integer_rows::<S, P, 4, 2>(s, m, chunk.clone(), row),
                    2 if S::ROW_TILE >= 2 => integer_rows::<S, P, 1, 2>(s, m, chunk.clone(), row),
                    _ if S::ROW_TILE >= 2 && together => integer_rows::<S, P, 4, 1>(s, m, chunk.clone(), row),
                    _ => integer_rows::<S, P, 1, 1>(s, m, chunk.clone(), row),
                }
            }
            row += tile;
        }
        first = chunk.end;
    }
}

/// A tile of `M` rows of activations by some panels, `N` at a time.
#[inline(always)]
unsafe fn integer_rows<S: Simd, P: IntegerFormat, const N: usize, const M: usize>(
    s: S,
    m: &Multiply,
    panels: Range<usize>,
    row: usize,
) {
    // SAFETY: see `Multiply`; the work space holds two words for every row and group of a tile.
    unsafe {
        let groups = m.blocks * P::BLOCK_COLS / GROUP;
        let tile = m.tile::<S>(row, M);
        corrections::<S, P, M>(m, tile, 0..groups, m.scratch.cast());
        let mut panel = panels.start;
        while panel + N <= panels.end {
            integer_tile::<S, P, N, M>(s, m, panel, row, tile);
            panel += N;
        }
        for panel in panel..panels.end {
            integer_tile::<S, P, 1, M>(s, m, panel, row, tile);
        }
    }
}

/// What unsigned codes and minima add to every sum, by group, part and row of the tile: an `i32` that a dot product starts with,
/// or an `f32` that multiplies the minimum.
#[inline(always)]
unsafe fn corrections<S: Simd, P: IntegerFormat, const M: usize>(
    m: &Multiply,
    tile: *const u8,
    groups: Range<usize>,
    to: *mut u32,
) {
    if offset::<S, P>() == 0 && !P::MINIMA {
        return;
    }
    // SAFETY: see `Multiply`; `to` has room for every group, part and row.
    unsafe {
        let scales = tile.add(m.quantised.scales_at(M)).cast::<f32>();
        let sums = tile.add(m.quantised.sums_at(M)).cast::<i32>();
        for (at, g) in groups.enumerate() {
            for part in 0..P::SCALES {
                for i in 0..M {
                    let sum = match P::SCALES {
                        1 => (*sums.add(2 * g * M + i)).wrapping_add(*sums.add((2 * g + 1) * M + i)),
                        _ => *sums.add((2 * g + part) * M + i),
                    };
                    let word = match P::MINIMA {
                        true => (-(*scales.add(g * M + i) * sum as f32)).to_bits(),
                        false => sum.wrapping_mul(-offset::<S, P>()) as u32,
                    };
                    to.add((at * P::SCALES + part) * M + i).write(word);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn integer_tile<S: Simd, P: IntegerFormat, const N: usize, const M: usize>(
    s: S,
    m: &Multiply,
    panel: usize,
    row: usize,
    tile: *const u8,
) {
    // SAFETY: see `Multiply`.
    unsafe {
        let scales = tile.add(m.quantised.scales_at(M)).cast::<f32>();
        let corrections = m.scratch.cast::<u32>().cast_const();
        let weights: [*const u8; N] = std::array::from_fn(|n| m.weights.add((panel + n) * m.panel_stride));
        // With eight rows there is so much to do between two reads that no processor looks far enough ahead.
        let asks = M >= 8 || !reads_ahead_well();
        let mut sums = [[s.splat(0.0); M]; N];
        // Pointers that move, rather than one index for all: an indexed operand costs a slot of its own.
        let (mut tile, mut scales, mut corrections) = (tile, scales, corrections);
        for b in 0..m.blocks {
            // Not unrolled: eight groups of eight vectors each would be pages of code for every format and tile.
            for in_block in 0..m.groups_per_block {
                for n in 0..N {
                    let block = weights[n].add(b * P::BLOCK_BYTES);
                    if asks {
                        // The last of a thread's prefetches lie beyond its weights: that is allowed, and soon over.
                        let ahead = block.wrapping_add(in_block * P::STRIDE_BYTES + AHEAD / N);
                        for line in 0..P::STRIDE_BYTES.div_ceil(64) {
                            s.prefetch(ahead.wrapping_add(line * 64));
                        }
                    }
                    let codes = P::codes(s, block, in_block);
                    for part in 0..P::SCALES {
                        let vectors = part * 8 / P::SCALES..(part + 1) * 8 / P::SCALES;
                        let operands = Part {
                            scale: P::scale(s, block, in_block, part),
                            min: P::min(s, block, in_block, part),
                            tile,
                            scales,
                            corrections: corrections.add(part * M),
                        };
                        add_part::<S, P, M>(s, vectors, |j| codes[j], operands, &mut sums[n]);
                    }
                }
                tile = s.opaque(tile.add(GROUP * M));
                scales = s.opaque(scales.add(M));
                corrections = s.opaque(corrections.add(P::SCALES * M));
            }
        }
        for (n, sums) in sums.into_iter().enumerate() {
            for (i, sum) in sums.into_iter().enumerate() {
                m.finish(s, panel + n, row + i, sum);
            }
        }
    }
}

/// What a part of a group (all of it, or a half) is multiplied with.
struct Part<S: Simd> {
    scale: S::F,
    min: S::F,
    /// The words of the group.
    tile: *const u8,
    /// Scales of the rows.
    scales: *const f32,
    /// Corrections of the rows.
    corrections: *const u32,
}

/// Adds the products of some vectors of a group with all rows of a tile: the arithmetic of every integer kernel, in this order.
#[inline(always)]
unsafe fn add_part<S: Simd, P: IntegerFormat, const M: usize>(
    s: S,
    vectors: Range<usize>,
    codes: impl Fn(usize) -> S::B,
    part: Part<S>,
    sums: &mut [S::F; M],
) {
    // SAFETY: see `Multiply`.
    unsafe {
        // Vector by vector, row by row: the sums of different rows do not wait for each other.
        let mut dots: [S::I; M] = std::array::from_fn(|i| match offset::<S, P>() {
            0 => s.int_splat(0),
            _ => s.int_splat(part.corrections.add(i).cast::<i32>().read()),
        });
        if S::HAS_PAIRS && P::PAIRS > 1 {
            let mut next = vectors.start;
            while next < vectors.end {
                let mut pairs = [s.int_splat(0); M];
                let some = next..(next + P::PAIRS).min(vectors.end);
                next = some.end;
                for j in some {
                    let codes = codes(j);
                    for (i, pairs) in pairs.iter_mut().enumerate() {
                        *pairs = s.add_pairs(*pairs, codes, part.tile.add((j * M + i) * 4).cast());
                    }
                }
                for (dot, pairs) in dots.iter_mut().zip(pairs) {
                    *dot = s.add_pairs_up(*dot, pairs);
                }
            }
        } else {
            for j in vectors {
                let codes = codes(j);
                for (i, dot) in dots.iter_mut().enumerate() {
                    let with = part.tile.add((j * M + i) * 4).cast();
                    *dot = match P::WIDE {
                        true => s.dot::<true>(*dot, codes, with),
                        false => s.dot::<false>(*dot, codes, with),
                    };
                }
            }
        }
        for i in 0..M {
            let scale = s.mul(part.scale, s.splat(part.scales.add(i).read()));
            sums[i] = s.fma(s.int_to_float(dots[i]), scale, sums[i]);
            if P::MINIMA {
                sums[i] = s.fma(part.min, s.splat(part.corrections.add(i).cast::<f32>().read()), sums[i]);
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
            let (_, tile) = tile_of(row, m.rows, S::MAX_TILE);
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
        let inputs: [*const f32; M] =
            std::array::from_fn(|i| m.input.add(m.source_row(row + i) * m.input_stride).cast());
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
