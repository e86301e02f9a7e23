//! Q5_0: 32 weights of 5 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qh   u32; bit i is the fifth bit of weight i
//!      6    qs   16 bytes; the low four bits of weight i in the low half of byte i, those of weight 16 + i in the high half
//! ```
//!
//! `w = d * (q - 16)`

use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes, with_bit};
use super::{Description, Format, f16_at, u32_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q5_0,
    name: "Q5_0",
    ggml_type: 6,
    block_len: 32,
    block_bytes: 22,
    f16_scales: &[0],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (out, q) in out.iter_mut().zip(codes(block)) {
        *out = d * f32::from(q as i8 - 16);
    }
}

/// The five-bit numbers, in the order of the weights.
fn codes(block: &[u8]) -> [u8; 32] {
    let qh = u32_at(block, 2);
    std::array::from_fn(|i| block[6 + i % 16] >> (i / 16 * 4) & 0xf | ((qh >> i & 1) << 4) as u8)
}

/// Two groups: the sixteen rows' `d` of each, then nibbles and a plane of fifth bits.
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
            let block = &row[group * 22..][..22];
            out[group * 32 + lane * 2..][..2].copy_from_slice(&block[..2]);
            codes[lane] = self::codes(block);
        }
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
        pack_bits::<1>(&codes, 4, &mut at[plane_bytes(4)..]);
    }
}

/// Scales of two groups.
const HEADER: usize = 64;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4) + plane_bytes(1);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 64;
    const BLOCK_BYTES: usize = HEADER + 2 * GROUP_BYTES;
    const LARGEST: i32 = 31;
    const OFFSET: i32 = 16;

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
        unsafe { s.load_f16(block.add(group * 32).cast()) }
    }
}
