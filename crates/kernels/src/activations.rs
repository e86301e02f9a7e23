//! The other operand: activations, as floats or as bytes with a scale for every 32.
//!
//! Quantised rows lie in *tiles*: as many rows as a kernel works on together, interleaved, so that one pointer walks over all of
//! them. The tiles of a buffer follow from its number of rows: as many of the largest size as there are, then one of each smaller
//! power of two that is needed.

use std::ops::Range;

use crate::isa::Kernel;
use crate::math::magnitude;
use crate::memory::round_up;
use crate::simd::{LANES, LARGEST_ROW_TILE, Simd, load_some};

/// Weights that share an activation scale, and the unit in which packed formats are unpacked.
pub const GROUP: usize = 32;

/// How quantised rows of a given width lie in memory.
///
/// A tile of `T` rows holds, group of 32 columns by group: signed bytes `[groups][8][T][4]`, then scales `[groups][T]` as `f32`, then
/// sums of sixteen bytes `[groups][2][T]` as `i32` (which pay for unsigned weight codes and for minima). Columns are padded with
/// zeros to whole blocks of the largest format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantisedRow {
    /// Values, a multiple of 256.
    pub padded: usize,
}

impl QuantisedRow {
    /// For rows of `cols` values.
    pub fn new(cols: usize) -> QuantisedRow {
        QuantisedRow { padded: round_up(cols, 256) }
    }
    /// Groups of a row, padding included.
    pub(crate) fn groups(self) -> usize {
        self.padded / GROUP
    }
    /// Bytes from the start of a tile of `tile` rows to its scales.
    pub(crate) fn scales_at(self, tile: usize) -> usize {
        tile * self.padded
    }
    /// Bytes from the start of a tile of `tile` rows to its sums.
    pub(crate) fn sums_at(self, tile: usize) -> usize {
        tile * (self.padded + self.groups() * 4)
    }
    /// Bytes of a row, a multiple of a cache line. The tile that begins with row `r` lies `r` times this into the buffer.
    pub fn bytes(self) -> usize {
        round_up(self.padded + self.groups() * 12, 64)
    }
}

/// The tile of row `row` among `rows` rows: its first row, and how many it has (a power of two, at most `most`).
#[inline(always)]
pub(crate) fn tile_of(row: usize, rows: usize, most: usize) -> (usize, usize) {
    debug_assert!(row < rows, "row {row} of {rows}");
    let (mut start, mut size) = (row / most * most, most);
    while row >= start + size || start + size > rows {
        if start + size <= rows {
            start += size;
        }
        size /= 2;
    }
    (start, size)
}

/// Where one row of a tile lies.
#[derive(Clone, Copy)]
pub(crate) struct TileRow {
    /// First byte of the tile.
    pub at: *mut u8,
    /// Rows of the tile.
    pub tile: usize,
    /// Which of them it is.
    pub index: usize,
}

impl TileRow {
    /// Word `j` of eight, with columns `4 * j` and the three after it, of a group.
    #[inline(always)]
    fn word(self, group: usize, j: usize) -> *mut u32 {
        self.at.cast::<u32>().wrapping_add((group * 8 + j) * self.tile + self.index)
    }
    #[inline(always)]
    fn scale(self, row: QuantisedRow, group: usize) -> *mut f32 {
        self.at.wrapping_add(row.scales_at(self.tile)).cast::<f32>().wrapping_add(group * self.tile + self.index)
    }
    #[inline(always)]
    fn sum(self, row: QuantisedRow, group: usize, half: usize) -> *mut i32 {
        self.at
            .wrapping_add(row.sums_at(self.tile))
            .cast::<i32>()
            .wrapping_add((2 * group + half) * self.tile + self.index)
    }

    /// Copies a row from one tile to another.
    ///
    /// # Safety
    /// Both are rows of layout `row`, `self` readable and `to` writable.
    pub unsafe fn copy_to(self, to: TileRow, row: QuantisedRow) {
        for group in 0..row.groups() {
            // SAFETY: all groups of both rows are there.
            unsafe {
                for j in 0..8 {
                    *to.word(group, j) = *self.word(group, j);
                }
                *to.scale(row, group) = *self.scale(row, group);
                for half in 0..2 {
                    *to.sum(row, group, half) = *self.sum(row, group, half);
                }
            }
        }
    }
}

/// Quantises one group of 32 values, the two halves given, into its place in a row: `q = round(x * 127 / max|x|)`, scale
/// `max|x| / 127`. Where one is not a finite number, all bytes are 0 and the scale is NaN: so is then whatever is made of it.
///
/// # Safety
/// `to` is a row of layout `row`, and `group` lies within it.
#[inline(always)]
unsafe fn quantise_group<S: Simd>(s: S, [a, b]: [S::F; 2], row: QuantisedRow, to: TileRow, group: usize) {
    // SAFETY: passed on.
    unsafe {
        let largest = s.largest(s.max(magnitude(s, a), magnitude(s, b)));
        // Values too small to tell from zero would divide to infinity.
        let largest = if largest > 1e-30 { largest } else { 0.0 };
        let (a, b, scale) = match largest < f32::INFINITY {
            true => (a, b, largest / 127.0),
            // No integer stands for what overflowed, and machines round it to different ones.
            false => (s.splat(0.0), s.splat(0.0), f32::NAN),
        };
        let inverse = s.splat(if largest > 0.0 { 127.0 / largest } else { 0.0 });
        let a = s.round_to_int(s.mul(a, inverse));
        let b = s.round_to_int(s.mul(b, inverse));
        let mut bytes = [0u32; 8];
        s.store_i8(bytes.as_mut_ptr().cast(), a);
        s.store_i8(bytes.as_mut_ptr().cast::<i8>().add(LANES), b);
        for (j, word) in bytes.into_iter().enumerate() {
            *to.word(group, j) = word;
        }
        *to.scale(row, group) = scale;
        // Sums of sixteen bytes are exact in f32.
        *to.sum(row, group, 0) = s.sum(s.int_to_float(a)) as i32;
        *to.sum(row, group, 1) = s.sum(s.int_to_float(b)) as i32;
    }
}

/// Where the values come from that are quantised.
pub(crate) trait Source {
    /// What is worked out once for a row.
    ///
    /// # Safety
    /// There is such a row.
    unsafe fn of_row<S: Simd>(&self, s: S, row: usize) -> [f32; 2];
    /// Sixteen values of a row from column `at` on; `n` of them are there, if they are fewer, and the others are 0.
    ///
    /// # Safety
    /// There is such a row, and such a column. No other thread asks for these values.
    unsafe fn values<S: Simd>(&self, s: S, row: usize, of_row: [f32; 2], at: usize, n: usize) -> S::F;
}

/// Values as they lie there.
pub(crate) struct Floats {
    pub from: *const f32,
    /// Floats from one row to the next.
    pub stride: usize,
}

impl Source for Floats {
    #[inline(always)]
    unsafe fn of_row<S: Simd>(&self, _: S, _: usize) -> [f32; 2] {
        [0.0; 2]
    }
    #[inline(always)]
    unsafe fn values<S: Simd>(&self, s: S, row: usize, _: [f32; 2], at: usize, n: usize) -> S::F {
        // SAFETY: passed on.
        unsafe { load_some(s, self.from.add(row * self.stride + at), n) }
    }
}

/// Quantises a share of rows of `cols` values each. What lies beyond them counts as zero.
pub(crate) struct QuantiseRows<F> {
    /// Has `rows` rows of `cols` values.
    pub source: F,
    pub cols: usize,
    /// First byte of the buffer.
    pub to: *mut u8,
    pub rows: usize,
    /// Of the rows' groups, tile by tile: `0..rows * groups` is everything. The ends are moved so that a group of a tile, whose rows lie
    /// in the same cache lines, is in one share alone.
    pub share: Range<usize>,
}

impl<F: Source> Kernel for QuantiseRows<F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // No rows, no tiles: a chunk of a prompt that nobody asks for an answer.
        if self.share.is_empty() {
            return;
        }
        let layout = QuantisedRow::new(self.cols);
        let groups = layout.groups();
        // First row of a tile, and a group.
        let place = |unit: usize| {
            let (start, tile) = tile_of(unit / groups, self.rows, S::ROW_TILE);
            (start, (unit - start * groups) / tile)
        };
        let all = self.rows * groups;
        let (mut start, mut group) = place(self.share.start);
        let end = if self.share.end == all { (self.rows, 0) } else { place(self.share.end) };
        while (start, group) < end {
            let (_, tile) = tile_of(start, self.rows, S::ROW_TILE);
            let at = self.to.wrapping_add(start * layout.bytes());
            let last = if start == end.0 { end.1 } else { groups };
            // SAFETY: whoever made this answers for `rows` rows of `cols` values and a buffer of as many.
            unsafe {
                let mut of_rows = [[0f32; 2]; LARGEST_ROW_TILE];
                for (index, of_row) in of_rows[..tile].iter_mut().enumerate() {
                    *of_row = self.source.of_row(s, start + index);
                }
                for group in group..last {
                    for (index, &of_row) in of_rows[..tile].iter().enumerate() {
                        // Written out: what a closure does is not compiled for the instruction set.
                        let (row, first, second) = (start + index, group * GROUP, group * GROUP + LANES);
                        let mut halves = [s.splat(0.0); 2];
                        if first < self.cols {
                            halves[0] = self.source.values(s, row, of_row, first, self.cols - first);
                        }
                        if second < self.cols {
                            halves[1] = self.source.values(s, row, of_row, second, self.cols - second);
                        }
                        quantise_group(s, halves, layout, TileRow { at, tile, index }, group);
                    }
                }
            }
            (start, group) = (start + tile, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;

    /// The bytes of one row.
    fn quantised(isa: Isa, values: &[f32]) -> Vec<u8> {
        let layout = QuantisedRow::new(values.len());
        let mut row = crate::memory::AlignedBytes::zeroed(layout.bytes());
        let source = Floats { from: values.as_ptr(), stride: 0 };
        let share = 0..layout.groups();
        isa.run(QuantiseRows { source, cols: values.len(), to: row.as_mut_ptr(), rows: 1, share });
        row.to_vec()
    }

    #[test]
    fn a_group_that_overflowed_has_no_scale_and_no_bytes_and_changes_no_other() {
        const COLS: usize = 256;
        let layout = QuantisedRow::new(COLS);
        let sound: Vec<f32> = (0..COLS).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
        let all_sound = quantised(Isa::Scalar, &sound);
        assert!(all_sound[..COLS].iter().all(|&byte| byte as i8 != -128));
        for at in 0..COLS {
            let group = at / GROUP;
            let mut expected = all_sound.clone();
            expected[group * GROUP..][..GROUP].fill(0);
            expected[layout.scales_at(1) + 4 * group..][..4].copy_from_slice(&f32::NAN.to_ne_bytes());
            expected[layout.sums_at(1) + 8 * group..][..8].fill(0);
            for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN] {
                let mut values = sound.clone();
                values[at] = bad;
                for isa in Isa::available() {
                    assert!(quantised(isa, &values) == expected, "{isa:?}: {bad} at {at}");
                }
            }
        }
    }

    #[test]
    fn tiles_follow_each_other_and_cover_every_row() {
        for most in [1, 2, 4, 8] {
            for rows in 1..70 {
                let mut row = 0;
                while row < rows {
                    let (start, size) = tile_of(row, rows, most);
                    assert_eq!(start, row, "{rows} rows, tiles of {most}");
                    assert!(size.is_power_of_two() && size <= most && start + size <= rows);
                    assert!(size == most || rows - row < 2 * size, "the largest that fits");
                    for inside in row..row + size {
                        assert_eq!(tile_of(inside, rows, most), (start, size));
                    }
                    row += size;
                }
            }
        }
    }
}
