//! Q2_K: 256 weights of 2 bits in 16 groups of 16, each group with a scale and a minimum of 4 bits.
//!
//! ```text
//! byte 0    scales   16 bytes, one a group; scale in the low half, minimum in the high half
//!     16    qs       64 bytes, 32 for each half of the block; of the weights of a half, numbered j, weight j is
//!                    bits 2 * (j / 32) and up of its byte j % 32
//!     80    d        f16
//!     82    dmin     f16
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::planes::{GroupCodes, pack_bits, pairs, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q2_K,
    name: "Q2_K",
    ggml_type: 10,
    block_len: 256,
    block_bytes: 84,
    f16_scales: &[80, 82],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        for (i, (out, q)) in out.iter_mut().zip(codes(block, group)).enumerate() {
            let both = block[2 * group + i / 16];
            *out = d * f32::from(both & 0xf) * f32::from(q) - dmin * f32::from(both >> 4);
        }
    }
}

/// The two-bit numbers of 32 weights.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    let first = 16 + group / 4 * 32;
    std::array::from_fn(|i| block[first + i] >> (group % 4 * 2) & 3)
}

/// The sixteen rows' `d` and `dmin`, scales and minima half group by half group (a nibble each), then pairs of bits.
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
        out[lane * 2..][..2].copy_from_slice(&row[80..82]);
        out[32 + lane * 2..][..2].copy_from_slice(&row[82..84]);
        for half_group in 0..16 {
            out[64 + half_group * LANES + lane] = row[half_group];
        }
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<2>(&codes, 0, at);
    }
}

/// `d`, `dmin`, then a scale and a minimum of sixteen half groups.
const HEADER: usize = 64 + 256;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(2);

/// The halves of sixteen bytes, as floats: the low halves, the high halves.
#[inline(always)]
unsafe fn scale_and_min<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> (S::F, S::F) {
    // SAFETY: the caller answers for the block.
    let both = unsafe { s.load_u8(block.add(64 + (2 * group + part) * LANES)) };
    // high + low / 16 - 15 / 32 rounds to high, since low / 16 is between 0 and 15 / 16.
    let high = s.int_to_float(s.round_to_int(s.fma(both, s.splat(1.0 / 16.0), s.splat(-15.0 / 32.0))));
    (s.fma(high, s.splat(-16.0), both), high)
}

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 3;
    const SCALES: usize = 2;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            pairs(s, at)
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.cast()), scale_and_min(s, block, group, part).0) }
    }
    #[inline(always)]
    unsafe fn min<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.add(32).cast()), scale_and_min(s, block, group, part).1) }
    }
}
