//! Q4_1: 32 weights of 4 bits, one scale and one minimum.
//!
//! ```text
//! byte 0    d    f16
//!      2    m    f16
//!      4    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * q + m`

use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_1,
    name: "Q4_1",
    ggml_type: 3,
    block_len: 32,
    block_bytes: 20,
    f16_scales: &[0, 2],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    for (out, q) in out.iter_mut().zip(codes(block)) {
        *out = d * f32::from(q) + m;
    }
}

/// The sixteen numbers' halves, in the order of the weights.
fn codes(block: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| block[4 + i % 16] >> (i / 16 * 4) & 0xf)
}

/// Two groups: the sixteen rows' `d` of each, their `m` of each, then the nibbles.
const PACKING: Packing = Packing {
    activations: Activations::Quantised,
    block_cols: Packed::BLOCK_COLS,
    block_bytes: Packed::BLOCK_BYTES,
    pack_block: pack,
    unpack_row: unpack_integer::<Packed>,
    multiply: multiply_integer::<Packed>,
};

fn pack(rows: &[&[u8]; LANES], out: &mut [u8]) {
    for group in 0..2 {
        let mut codes: GroupCodes = [[0; 32]; LANES];
        for (lane, row) in rows.iter().enumerate() {
            let block = &row[group * 20..][..20];
            out[group * 32 + lane * 2..][..2].copy_from_slice(&block[..2]);
            out[64 + group * 32 + lane * 2..][..2].copy_from_slice(&block[2..4]);
            codes[lane] = self::codes(block);
        }
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
    }
}

/// Scales and minima of two groups.
const HEADER: usize = 128;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 64;
    const BLOCK_BYTES: usize = HEADER + 2 * GROUP_BYTES;
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
        unsafe { s.load_f16(block.add(group * 32).cast()) }
    }
    #[inline(always)]
    unsafe fn min<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.sub(s.splat(0.0), s.load_f16(block.add(64 + group * 32).cast())) }
    }
}
