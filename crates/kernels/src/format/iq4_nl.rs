//! IQ4_NL: 32 weights of 4 bits that index a fixed, non-linear table, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * VALUES[q]`

use super::planes::{GroupCodes, lookup, nibbles, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::IQ4_NL,
    name: "IQ4_NL",
    ggml_type: 20,
    block_len: 32,
    block_bytes: 18,
    f16_scales: &[0],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

/// What the 16 indices of IQ4_NL and IQ4_XS stand for. Source: `kvalues_iq4nl` in ggml-common.h.
pub(super) const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// [`VALUES`] moved up by 128, so that none is negative.
pub(super) const CODES: [u8; 16] = {
    let mut codes = [0; 16];
    let mut i = 0;
    while i < 16 {
        codes[i] = (VALUES[i] as u8) ^ 0x80;
        i += 1;
    }
    codes
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (out, q) in out.iter_mut().zip(codes(block)) {
        *out = d * f32::from(VALUES[usize::from(q)]);
    }
}

/// The sixteen bytes' halves, in the order of the weights.
fn codes(block: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| block[2 + i % 16] >> (i / 16 * 4) & 0xf)
}

/// Two groups: the sixteen rows' `d` of each, then the nibbles.
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
            let block = &row[group * 18..][..18];
            out[group * 32 + lane * 2..][..2].copy_from_slice(&block[..2]);
            codes[lane] = self::codes(block);
        }
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
    }
}

/// Scales of two groups.
const HEADER: usize = 64;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 64;
    const BLOCK_BYTES: usize = HEADER + 2 * GROUP_BYTES;
    const LARGEST: i32 = 255;
    const OFFSET: i32 = 128;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            lookup(s, &CODES, nibbles(s, at))
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.load_f16(block.add(group * 32).cast()) }
    }
}
