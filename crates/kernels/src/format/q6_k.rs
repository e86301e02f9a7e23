//! Q6_K: 256 weights of 6 bits in 16 groups of 16, each group with a scale of 8 bits.
//!
//! ```text
//! byte 0    ql       128 bytes, 64 for each half of the block; of the weights of a half, numbered j, the low four bits of
//!                    weight j are in byte j % 64, the first 64 in the low halves, the others in the high halves
//!    128    qh       64 bytes, 32 for each half; the high two bits of weight j are bits 2 * (j / 32) and up of byte j % 32
//!    192    scales   16 signed bytes
//!    208    d        f16
//! ```
//!
//! `w = d * scale * (q - 32)`

use super::encode::{Encode, best_scale, encode_blocks, extreme, nearest, reciprocal, round_to_f16};
use super::planes::{GroupCodes, nibbles, pack_bits, plane_bytes, with_pairs_above_nibbles};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q6_K,
    name: "Q6_K",
    ggml_type: 14,
    block_len: 256,
    block_bytes: 210,
    f16_scales: &[208],
    decode_block: decode,
    encode: Some(encode_blocks::<Encoder>),
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 208);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        for (i, (out, q)) in out.iter_mut().zip(codes(block, group)).enumerate() {
            let scale = d * f32::from(block[192 + 2 * group + i / 16] as i8);
            *out = scale * f32::from(q as i8 - 32);
        }
    }
}

/// The six-bit numbers of 32 weights.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    let (half, j) = (group / 4, group % 4 * 32);
    std::array::from_fn(|i| {
        let low = block[half * 64 + j % 64 + i] >> (j / 64 * 4) & 0xf;
        let high = block[128 + half * 32 + i] >> (j / 32 * 2) & 3;
        low | high << 4
    })
}

struct Encoder;

impl Encode for Encoder {
    const BLOCK_LEN: usize = 256;
    const BLOCK_BYTES: usize = 210;

    /// A scale for each group that fits it best, then the codes that fit what is left of the scales in eight bits.
    #[inline(always)]
    fn block(values: &[f32], out: &mut [u8]) {
        out.fill(0);
        let mut scales = [0f32; 16];
        for (scale, group) in scales.iter_mut().zip(values.chunks_exact(16)) {
            *scale = best_scale(group, 32.0);
        }
        let d = round_to_f16(extreme(&scales) / -128.0);
        out[208..].copy_from_slice(&d.to_le_bytes());
        let (d, inverse) = (d.to_f32(), reciprocal(d.to_f32()));
        for (group, (scale, values)) in scales.iter().zip(values.chunks_exact(16)).enumerate() {
            let scale = nearest(scale * inverse, -128.0, 127.0);
            out[192 + group] = scale as i8 as u8;
            let inverse = reciprocal(d * scale);
            let (half, j) = (group / 8, group % 8 * 16);
            for (i, value) in values.iter().enumerate() {
                let code = (nearest(value * inverse, -32.0, 31.0) + 32.0) as u8;
                out[half * 64 + j % 64 + i] |= (code & 0xf) << (j / 64 * 4);
                out[128 + half * 32 + j % 32 + i] |= (code >> 4) << (j / 32 * 2);
            }
        }
    }
}

/// The sixteen rows' `d`, scales half group by half group, then nibbles and planes of the two high bits.
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
        out[lane * 2..][..2].copy_from_slice(&row[208..210]);
        for half_group in 0..16 {
            out[64 + half_group * LANES + lane] = row[192 + half_group];
        }
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<4>(&codes, 0, at);
        pack_bits::<2>(&codes, 4, &mut at[plane_bytes(4)..]);
    }
}

/// `d` (and padding), then the scales of sixteen half groups.
const HEADER: usize = 64 + 256;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(4) + plane_bytes(2);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 63;
    const OFFSET: i32 = 32;
    const SCALES: usize = 2;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            with_pairs_above_nibbles(s, nibbles(s, at), at.add(plane_bytes(4)))
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.mul(s.load_f16(block.cast()), s.load_i8(block.add(64 + (2 * group + part) * LANES).cast())) }
    }
}
