//! MXFP4: 32 weights of 4 bits (floats of 1 sign, 2 exponent and 1 mantissa bit) with a shared power of two.
//!
//! ```text
//! byte 0    e    the power of two, biased by 127
//!      1    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = 2^(e - 127) * E2M1[q]`, computed as `2^(e - 128) * VALUES[q]` with twice the E2M1 values, which are whole numbers.
//! Source: OCP Microscaling Formats (MX) 1.0; unlike there, `e = 255` is a power of two like the others, as in ggml.

use super::{Description, Format};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::MXFP4,
    name: "MXFP4",
    ggml_type: 39,
    block_len: 32,
    block_bytes: 17,
    decode_block: decode,
};

/// Twice the E2M1 values: 0, 0.5, 1, 1.5, 2, 3, 4, 6, then the same negative (its zero is written without a sign).
pub(super) const VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

fn decode(block: &[u8], out: &mut [f32]) {
    let d = half_scale(block[0]);
    for (i, &q) in block[1..17].iter().enumerate() {
        out[i] = d * f32::from(VALUES[usize::from(q & 0xf)]);
        out[16 + i] = d * f32::from(VALUES[usize::from(q >> 4)]);
    }
}

/// `2^(e - 128)`: below `e = 2` a subnormal number, made of a mantissa bit instead of an exponent.
pub(super) fn half_scale(e: u8) -> f32 {
    match e {
        0 | 1 => f32::from_bits(0x0020_0000 << e),
        _ => f32::from_bits(u32::from(e - 1) << 23),
    }
}
