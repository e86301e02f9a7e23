//! IQ4_XS: 256 weights of 4 bits that index IQ4_NL's table, in 8 groups of 32, each group with a scale of 6 bits.
//!
//! ```text
//! byte 0    d          f16
//!      2    scales_h   u16; bits 2 * g and up are the high two bits of group g's scale
//!      4    scales_l   4 bytes; the low four bits of group g's scale in byte g / 2, even groups in the low half
//!      8    qs         128 bytes, 16 a group; its weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * (scale - 32) * VALUES[q]`

use super::iq4_nl::{CODES, VALUES};
use super::planes::{GroupCodes, lookup, nibbles, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::IQ4_XS,
    name: "IQ4_XS",
    ggml_type: 23,
    block_len: 256,
    block_bytes: 136,
    f16_scales: &[0],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let scale = d * f32::from(scale(block, group));
        for (out, q) in out.iter_mut().zip(codes(block, group)) {
            *out = scale * f32::from(VALUES[usize::from(q)]);
        }
    }
}

/// The four-bit indices of a group.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    std::array::from_fn(|i| block[8 + group * 16 + i % 16] >> (i / 16 * 4) & 0xf)
}

/// The scale of a group of a block, -32 to 31.
fn scale(block: &[u8], group: usize) -> i8 {
    let high = u16::from_le_bytes([block[2], block[3]]) >> (group * 2) & 3;
    let low = block[4 + group / 2] >> (group % 2 * 4) & 0xf;
    (low | (high as u8) << 4) as i8 - 32
}

/// The sixteen rows' `d`, scales group by group, then the nibbles.
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
        for group in 0..8 {
            out[64 + group * LANES + lane] = scale(row, group) as u8;
        }
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
    }
}

/// `d` (and padding), then the scales of eight groups.
const HEADER: usize = 64 + 128;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
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
        unsafe { s.mul(s.load_f16(block.cast()), s.load_i8(block.add(64 + group * LANES).cast())) }
    }
}
