//! Q5_K: 256 weights of 5 bits in 8 groups of 32, each group with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte 0    d        f16
//!      2    dmin     f16
//!      4    scales   12 bytes, as in Q4_K
//!     16    qh       32 bytes; bit g of byte i is the fifth bit of weight i of group g
//!     48    qs       128 bytes, 32 for each two groups: the first in the low halves, the second in the high halves
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes, with_bit};
use super::q4_k::scale_and_min;
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q5_K,
    name: "Q5_K",
    ggml_type: 13,
    block_len: 256,
    block_bytes: 176,
    f16_scales: &[0, 2],
    decode_block: decode,
    encode: None,
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

/// The five-bit numbers of a group.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    let first = 48 + group / 2 * 32;
    std::array::from_fn(|i| block[first + i] >> (group % 2 * 4) & 0xf | (block[16 + i] >> group & 1) << 4)
}

/// The sixteen rows' `d` and `dmin`, scales and minima group by group, then nibbles and a plane of fifth bits.
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
        pack_bits::<1>(&codes, 4, &mut at[plane_bytes(4)..]);
    }
}

/// `d`, `dmin`, then scales and minima of eight groups, expanded from six bits to bytes: 2.8 % more to read, no shifting.
const HEADER: usize = 64 + 128 + 128;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4) + plane_bytes(1);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 31;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            with_bit::<S, 4>(s, nibbles(s, at), at.add(plane_bytes(4)))
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
