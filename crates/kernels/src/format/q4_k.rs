//! Q4_K: 256 weights of 4 bits in 8 groups of 32, each group with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte 0    d        f16
//!      2    dmin     f16
//!      4    scales   12 bytes, see [`scale_and_min`]
//!     16    qs       128 bytes, 32 for each two groups: the first in the low halves, the second in the high halves
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::encode::{Encode, TOO_SMALL, encode_blocks, nearest, reciprocal, round_to_f16, sums};
use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_K,
    name: "Q4_K",
    ggml_type: 12,
    block_len: 256,
    block_bytes: 144,
    f16_scales: &[0, 2],
    decode_block: decode,
    encode: Some(encode_blocks::<Encoder>),
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], group);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        for (out, q) in out.iter_mut().zip(codes(block, group)) {
            *out = scale * f32::from(q) - min;
        }
    }
}

/// The four-bit numbers of a group.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    let first = 16 + group / 2 * 32;
    std::array::from_fn(|i| block[first + i] >> (group % 2 * 4) & 0xf)
}

/// Scale and minimum of a group, 0 to 63 each, from the 12 bytes of Q4_K and Q5_K.
///
/// Of the first four groups, scale i is the low six bits of byte i and minimum i those of byte 4 + i. Of the others, the low
/// four bits are the halves of byte 4 + i (scale low, minimum high), the high two bits the upper bits of bytes i - 4 (scale)
/// and i (minimum).
pub(super) fn scale_and_min(scales: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        (scales[group] & 63, scales[4 + group] & 63)
    } else {
        let low = scales[4 + group];
        (low & 0xf | scales[group - 4] >> 6 << 4, low >> 4 | scales[group] >> 6 << 4)
    }
}

struct Encoder;

impl Encode for Encoder {
    const BLOCK_LEN: usize = 256;
    const BLOCK_BYTES: usize = 144;

    /// A scale and a minimum for each group that fit it best, then the codes that fit what is left of them in six bits.
    #[inline(always)]
    fn block(values: &[f32], out: &mut [u8]) {
        out.fill(0);
        let mut best = [(0f32, 0f32); 8];
        for (best, group) in best.iter_mut().zip(values.chunks_exact(32)) {
            *best = best_scale_and_min(group);
        }
        let largest = |part: fn(&(f32, f32)) -> f32| best.iter().map(part).fold(0f32, f32::max);
        let (d, dmin) = (round_to_f16(largest(|b| b.0) / 63.0), round_to_f16(largest(|b| b.1) / 63.0));
        out[..2].copy_from_slice(&d.to_le_bytes());
        out[2..4].copy_from_slice(&dmin.to_le_bytes());
        let (d, dmin) = (d.to_f32(), dmin.to_f32());
        for (group, (&(scale, min), values)) in best.iter().zip(values.chunks_exact(32)).enumerate() {
            let scale = nearest(scale * reciprocal(d), 0.0, 63.0);
            let min = nearest(min * reciprocal(dmin), 0.0, 63.0);
            put_scale_and_min(&mut out[4..16], group, (scale as u8, min as u8));
            let (inverse, min) = (reciprocal(d * scale), dmin * min);
            for (out, value) in out[16 + group / 2 * 32..][..32].iter_mut().zip(values) {
                *out |= (nearest((value + min) * inverse, 0.0, 15.0) as u8) << (group % 2 * 4);
            }
        }
    }
}

/// The scale and the minimum, neither below zero, for which `scale * code - minimum` with codes 0 to 15 comes nearest to the
/// weights of a group: the squares of the differences, larger weights counting for more, have the least sum. The search is that of
/// ggml's `make_qkx2_quants` (ggml-quants.c).
#[inline(always)]
fn best_scale_and_min(values: &[f32]) -> (f32, f32) {
    let lowest = values.iter().fold(0f32, |a, &b| if b < a { b } else { a });
    let range = values.iter().fold(lowest, |a, &b| if b > a { b } else { a }) - lowest;
    if range < TOO_SMALL {
        return (0.0, -lowest);
    }
    let unit = 1.0 / range;
    let lowest = lowest * unit;
    // From here on in units of the range.
    let [squares] = sums(values, |value| [(value * unit) * (value * unit)]);
    let size = (squares / values.len() as f32).sqrt();
    let weight = |x: f32| size + x.abs();
    let [weights, weights_x] = sums(values, |value| {
        let x = value * unit;
        [weight(x), weight(x) * x]
    });
    let (mut best, mut least) = ((1.0 / 15.0, -lowest), f32::INFINITY);
    // Steps a little larger and smaller than a fifteenth of the range; for the codes each gives, the best line through them.
    for step in 0..=20 {
        let steps = 14.0 + 0.1 * step as f32;
        let code = |x: f32| nearest((x - lowest) * steps, 0.0, 15.0);
        let [codes, codes2, codes_x] = sums(values, |value| {
            let x = value * unit;
            let (w, code) = (weight(x), code(x));
            [w * code, w * code * code, w * code * x]
        });
        let determinant = weights * codes2 - codes * codes;
        if determinant <= 0.0 || codes2 <= 0.0 {
            continue;
        }
        let mut scale = (weights * codes_x - weights_x * codes) / determinant;
        let mut base = (codes2 * weights_x - codes * codes_x) / determinant;
        if base > 0.0 {
            (scale, base) = (codes_x / codes2, 0.0);
        }
        // The sum of squares that remain, but for that of the weights, multiplied out.
        let error =
            scale * (scale * codes2 + 2.0 * (base * codes - codes_x)) + base * (base * weights - 2.0 * weights_x);
        if error < least && scale > 0.0 {
            (best, least) = ((scale, -base), error);
        }
    }
    (best.0 * range, best.1 * range)
}

/// The inverse of [`scale_and_min`], into bytes that begin as zeros.
fn put_scale_and_min(scales: &mut [u8], group: usize, (scale, min): (u8, u8)) {
    if group < 4 {
        scales[group] |= scale;
        scales[4 + group] |= min;
    } else {
        scales[4 + group] |= scale & 0xf | min << 4;
        scales[group - 4] |= scale >> 4 << 6;
        scales[group] |= min >> 4 << 6;
    }
}

/// The sixteen rows' `d` and `dmin`, scales and minima group by group, then the nibbles.
const PACKING: Packing = Packing {
    activations: Activations::Quantised,
    block_cols: Packed::BLOCK_COLS,
    block_bytes: Packed::BLOCK_BYTES,
    pack_block: pack,
    unpack_row: unpack_integer::<Packed>,
    multiply: multiply_integer::<Packed>,
};

fn pack(rows: &[&[u8]; LANES], out: &mut [u8]) {
    for (lane, row) in rows.iter().enumerate() {
        out[lane * 2..][..2].copy_from_slice(&row[..2]);
        out[32 + lane * 2..][..2].copy_from_slice(&row[2..4]);
        for group in 0..8 {
            let (scale, min) = scale_and_min(&row[4..16], group);
            out[64 + group * LANES + lane] = scale;
            out[192 + group * LANES + lane] = min;
        }
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
    }
}

/// `d`, `dmin`, then scales and minima of eight groups, expanded from six bits to bytes: 2.8 % more to read, no shifting.
const HEADER: usize = 64 + 128 + 128;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 15;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            nibbles(s, at)
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.cast()), s.load_u8(block.add(64 + group * LANES))) }
    }
    #[inline(always)]
    unsafe fn min<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.add(32).cast()), s.load_u8(block.add(192 + group * LANES))) }
    }
}
