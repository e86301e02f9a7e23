//! MXFP4: 32 weights of 4 bits (floats of 1 sign, 2 exponent and 1 mantissa bit) with a shared power of two.
//!
//! ```text
//! byte 0    e    the power of two, biased by 127
//!      1    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = 2^(e - 127) * E2M1[q]`, computed as `2^(e - 128) * VALUES[q]` with twice the E2M1 values, which are whole numbers.
//! Source: OCP Microscaling Formats (MX) 1.0; unlike there, `e = 255` is a power of two like the others, as in ggml.

use super::planes::{GroupCodes, lookup, nibbles, pack_bits, plane_bytes};
use super::{Description, Format};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::MXFP4,
    name: "MXFP4",
    ggml_type: 39,
    block_len: 32,
    block_bytes: 17,
    f16_scales: &[],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

/// Twice the E2M1 values: 0, 0.5, 1, 1.5, 2, 3, 4, 6, then the same negative (its zero is written without a sign).
pub(super) const VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

fn decode(block: &[u8], out: &mut [f32]) {
    let d = half_scale(block[0]);
    for (out, q) in out.iter_mut().zip(codes(block)) {
        *out = d * f32::from(VALUES[usize::from(q)]);
    }
}

/// The sixteen bytes' halves, in the order of the weights.
fn codes(block: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| block[1 + i % 16] >> (i / 16 * 4) & 0xf)
}

/// `2^(e - 128)`: below `e = 2` a subnormal number, made of a mantissa bit instead of an exponent.
pub(super) fn half_scale(e: u8) -> f32 {
    match e {
        0 | 1 => f32::from_bits(0x0020_0000 << e),
        _ => f32::from_bits(u32::from(e - 1) << 23),
    }
}

/// Four groups: the sixteen rows' `e` of each, then the nibbles.
const PACKING: Packing = Packing {
    activations: Activations::Quantised,
    block_cols: Packed::BLOCK_COLS,
    block_bytes: Packed::BLOCK_BYTES,
    pack_block: pack,
    unpack_row: unpack_integer::<Packed>,
    multiply: multiply_integer::<Packed>,
};

fn pack(rows: &[&[u8]; LANES], out: &mut [u8]) {
    for group in 0..4 {
        let mut codes: GroupCodes = [[0; 32]; LANES];
        for (lane, row) in rows.iter().enumerate() {
            let block = &row[group * 17..][..17];
            out[group * 16 + lane] = block[0];
            codes[lane] = self::codes(block);
        }
        pack_bits::<4>(&codes, 0, &mut out[HEADER + group * plane_bytes(4)..]);
    }
}

/// Exponents of four groups.
const HEADER: usize = 64;

/// [`VALUES`] moved up by 16, so that none is negative.
const CODES: [u8; 16] = {
    let mut codes = [0; 16];
    let mut i = 0;
    while i < 16 {
        codes[i] = (VALUES[i] + 16) as u8;
        i += 1;
    }
    codes
};

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 128;
    const BLOCK_BYTES: usize = HEADER + 4 * plane_bytes(4);
    const LARGEST: i32 = 28;
    const OFFSET: i32 = 16;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe { lookup(s, &CODES, nibbles(s, block.add(HEADER + group * plane_bytes(4)))) }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        let e = unsafe { s.load_u8(block.add(group * 16)) };
        // 2^(e - 128) reaches below the normal numbers: two halves of the exponent stay within them.
        let half = s.round_to_int(s.mul(e, s.splat(0.5)));
        let half_float = s.int_to_float(half);
        let low = s.round_to_int(s.sub(half_float, s.splat(64.0)));
        let rest = s.round_to_int(s.sub(s.sub(e, half_float), s.splat(64.0)));
        s.mul(s.exp2_int(low), s.exp2_int(rest))
    }
}
