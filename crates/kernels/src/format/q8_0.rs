//! Q8_0: 32 weights of 8 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   32 signed bytes
//! ```
//!
//! `w = d * q`

use super::encode::{Encode, encode_blocks, extreme, nearest, reciprocal, round_to_f16};
use super::planes::{GroupCodes, bytes, pack_bits, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q8_0,
    name: "Q8_0",
    ggml_type: 8,
    block_len: 32,
    block_bytes: 34,
    f16_scales: &[0],
    decode_block: decode,
    encode: Some(encode_blocks::<Encoder>),
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (out, &q) in out.iter_mut().zip(&block[2..34]) {
        *out = d * f32::from(q as i8);
    }
}

/// The numbers, moved up by 128 so that none is negative.
fn codes(block: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| block[2 + i] ^ 0x80)
}

struct Encoder;

impl Encode for Encoder {
    const BLOCK_LEN: usize = 32;
    const BLOCK_BYTES: usize = 34;

    /// The largest weight becomes 127 or -127.
    #[inline(always)]
    fn block(values: &[f32], out: &mut [u8]) {
        let d = round_to_f16(extreme(values).abs() / 127.0);
        out[..2].copy_from_slice(&d.to_le_bytes());
        let inverse = reciprocal(d.to_f32());
        for (out, value) in out[2..].iter_mut().zip(values) {
            *out = nearest(value * inverse, -127.0, 127.0) as i8 as u8;
        }
    }
}

/// Two groups: the sixteen rows' `d` of each, then whole bytes, moved up by 128.
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
            let block = &row[group * 34..][..34];
            out[group * 32 + lane * 2..][..2].copy_from_slice(&block[..2]);
            codes[lane] = self::codes(block);
        }
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<8>(&codes, 0, at);
    }
}

/// Scales of two groups.
const HEADER: usize = 64;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(8);

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
            bytes(s, at)
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.load_f16(block.add(group * 32).cast()) }
    }
}
