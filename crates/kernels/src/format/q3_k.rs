//! Q3_K: 256 weights of 3 bits in 16 groups of 16, each group with a scale of 6 bits.
//!
//! ```text
//! byte 0    hmask    32 bytes; bit i / 32 of byte i % 32 is the third bit of weight i
//!     32    qs       64 bytes, 32 for each half of the block; of the weights of a half, numbered j, the low two bits of
//!                    weight j are bits 2 * (j / 32) and up of its byte j % 32
//!     96    scales   12 bytes, see [`scale`]
//!    108    d        f16
//! ```
//!
//! `w = d * (scale - 32) * (q - 4)`

use super::planes::{GroupCodes, pack_bits, pairs, plane_bytes, with_bit};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q3_K,
    name: "Q3_K",
    ggml_type: 11,
    block_len: 256,
    block_bytes: 110,
    f16_scales: &[108],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 108);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        for (i, (out, q)) in out.iter_mut().zip(codes(block, group)).enumerate() {
            let scale = d * f32::from(scale(&block[96..108], 2 * group + i / 16));
            *out = scale * f32::from(q as i8 - 4);
        }
    }
}

/// The three-bit numbers of 32 weights.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    let first = 32 + group / 4 * 32;
    std::array::from_fn(|i| block[first + i] >> (group % 4 * 2) & 3 | (block[i] >> group & 1) << 2)
}

/// The scale of a group, -32 to 31.
///
/// The low four bits of scale i are the low half of byte i for the first eight, the high half of byte i - 8 for the
/// others; the high two bits are bits 2 * (i / 4) and up of byte 8 + i % 4.
pub(super) fn scale(scales: &[u8], group: usize) -> i8 {
    let low = scales[group % 8] >> (group / 8 * 4) & 0xf;
    let high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
    (low | high << 4) as i8 - 32
}

/// The sixteen rows' `d`, scales half group by half group, then pairs of bits and a plane of third bits.
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
        out[lane * 2..][..2].copy_from_slice(&row[108..110]);
        for half_group in 0..16 {
            out[64 + half_group * LANES + lane] = scale(&row[96..108], half_group) as u8;
        }
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<2>(&codes, 0, at);
        pack_bits::<1>(&codes, 2, &mut at[plane_bytes(2)..]);
    }
}

/// `d` (and padding), then the scales of sixteen half groups.
const HEADER: usize = 64 + 256;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(2) + plane_bytes(1);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 7;
    const OFFSET: i32 = 4;
    const SCALES: usize = 2;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            with_bit::<S, 2>(s, pairs(s, at), at.add(plane_bytes(2)))
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.cast()), s.load_i8(block.add(64 + (2 * group + part) * LANES).cast())) }
    }
}
