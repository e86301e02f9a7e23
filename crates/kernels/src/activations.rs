//! The other operand: activations, as floats or as bytes with a scale for every 32.

use crate::isa::Kernel;
use crate::memory::round_up;
use crate::simd::{LANES, Simd};

/// Weights that share an activation scale, and the unit in which packed formats are unpacked.
pub const GROUP: usize = 32;

/// How one row of `cols` activations lies when it is quantised: signed bytes, then an `f32` scale for every 32, then an `i32`
/// sum for every 16 (which pays for unsigned weight codes and for minima). All padded with zeros to whole blocks of
/// the largest format.
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
    pub(crate) fn scales_at(self) -> usize {
        self.padded
    }
    pub(crate) fn sums_at(self) -> usize {
        self.padded + self.padded / GROUP * 4
    }
    /// Bytes of a row, a multiple of a cache line.
    pub fn bytes(self) -> usize {
        round_up(self.padded + self.padded / GROUP * 4 + self.padded / 16 * 4, 64)
    }
}

/// Quantises one group of 32 values into its place in a row: `q = round(x * 127 / max|x|)`, scale `max|x| / 127`.
///
/// # Safety
/// `from` has 32 readable values, `to` is a row of layout `row`, and `group` lies within it.
#[inline(always)]
pub(crate) unsafe fn quantise_group<S: Simd>(s: S, from: *const f32, row: QuantisedRow, to: *mut u8, group: usize) {
    // SAFETY: passed on.
    unsafe {
        let a = s.load(from);
        let b = s.load(from.add(LANES));
        let largest = s.largest(s.max(s.abs(a), s.abs(b)));
        // Values too small to tell from zero would divide to infinity.
        let largest = if largest > 1e-30 { largest } else { 0.0 };
        let inverse = s.splat(if largest > 0.0 { 127.0 / largest } else { 0.0 });
        let a = s.round_to_int(s.mul(a, inverse));
        let b = s.round_to_int(s.mul(b, inverse));
        s.store_i8(to.add(group * GROUP).cast(), a);
        s.store_i8(to.add(group * GROUP + LANES).cast(), b);
        to.add(row.scales_at()).cast::<f32>().add(group).write(largest / 127.0);
        let sums = to.add(row.sums_at()).cast::<i32>().add(2 * group);
        // Sums of sixteen bytes are exact in f32.
        sums.write(s.sum(s.int_to_float(a)) as i32);
        sums.add(1).write(s.sum(s.int_to_float(b)) as i32);
    }
}

/// Quantises the groups `groups` of one row of `cols` values. The part of the last group beyond `cols`, if any, counts as zero.
pub(crate) struct QuantiseRow {
    pub from: *const f32,
    pub cols: usize,
    pub row: QuantisedRow,
    pub to: *mut u8,
    pub groups: std::ops::Range<usize>,
}

impl Kernel for QuantiseRow {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for group in self.groups {
            let start = group * GROUP;
            // SAFETY: whoever made this answers for `cols` values and a row of the layout; a short last group is copied.
            unsafe {
                if start + GROUP <= self.cols {
                    quantise_group(s, self.from.add(start), self.row, self.to, group);
                } else {
                    let mut last = [0f32; GROUP];
                    let left = self.cols.saturating_sub(start);
                    std::ptr::copy_nonoverlapping(self.from.add(start.min(self.cols)), last.as_mut_ptr(), left);
                    quantise_group(s, last.as_ptr(), self.row, self.to, group);
                }
            }
        }
    }
}
