//! Q4_0: 32 weights of 4 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * (q - 8)`

use super::encode::{Encode, best_scale, encode_blocks, nearest, reciprocal, round_to_f16};
use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_0,
    name: "Q4_0",
    ggml_type: 2,
    block_len: 32,
    block_bytes: 18,
    f16_scales: &[0],
    decode_block: decode,
    encode: Some(encode_blocks::<Encoder>),
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (out, q) in out.iter_mut().zip(codes(block)) {
        *out = d * f32::from(q as i8 - 8);
    }
}

/// The sixteen numbers' halves, in the order of the weights.
fn codes(block: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| block[2 + i % 16] >> (i / 16 * 4) & 0xf)
}

struct Encoder;

impl Encode for Encoder {
    const BLOCK_LEN: usize = 32;
    const BLOCK_BYTES: usize = 18;

    #[inline(always)]
    fn block(values: &[f32], out: &mut [u8]) {
        let d = round_to_f16(best_scale(values, 8.0));
        out[..2].copy_from_slice(&d.to_le_bytes());
        let inverse = reciprocal(d.to_f32());
        let code = |value: f32| nearest(value * inverse, -8.0, 7.0) as i8 as u8 ^ 8;
        let (low, high) = values.split_at(16);
        for (out, (low, high)) in out[2..].iter_mut().zip(low.iter().zip(high)) {
            *out = code(*low) & 0xf | code(*high) << 4;
        }
    }
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
    const LARGEST: i32 = 15;
    const OFFSET: i32 = 8;

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
}
