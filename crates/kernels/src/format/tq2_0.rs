//! TQ2_0: 256 weights of -1, 0 or 1, four to a byte, one scale.
//!
//! ```text
//! byte 0    qs   64 bytes, 32 for each half of the block; of the weights of a half, numbered j, weight j is bits
//!                2 * (j / 32) and up of its byte j % 32
//!     64    d    f16
//! ```
//!
//! `w = d * (q - 1)`

use super::planes::{GroupCodes, pack_bits, pairs, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::TQ2_0,
    name: "TQ2_0",
    ggml_type: 35,
    block_len: 256,
    block_bytes: 66,
    f16_scales: &[64],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 64);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        for (out, q) in out.iter_mut().zip(codes(block, group)) {
            *out = d * f32::from(q as i8 - 1);
        }
    }
}

/// The two-bit numbers of 32 weights.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    std::array::from_fn(|i| block[group / 4 * 32 + i] >> (group % 4 * 2) & 3)
}

/// The sixteen rows' `d`, then pairs of bits.
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
        out[lane * 2..][..2].copy_from_slice(&row[64..66]);
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<2>(&codes, 0, at);
    }
}

/// `d` (and padding).
const HEADER: usize = 64;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(2);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 2;
    const OFFSET: i32 = 1;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            pairs(s, at)
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, _group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.load_f16(block.cast()) }
    }
}
