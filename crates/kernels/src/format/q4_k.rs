//! Q4_K: 256 weights of 4 bits in 8 groups of 32, each group with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte 0    d        f16
//!      2    dmin     f16
//!      4    scales   12 bytes, see [`scale_and_min`]
//!     16    qs       128 bytes, 32 for each two groups: the first in the low halves, the second in the high halves
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_K,
    name: "Q4_K",
    ggml_type: 12,
    block_len: 256,
    block_bytes: 144,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, qs) = (&block[4..16], &block[16..144]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, group);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let first = group / 2 * 32;
        let shift = group % 2 * 4;
        for (out, &q) in out.iter_mut().zip(&qs[first..first + 32]) {
            *out = scale * f32::from(q >> shift & 0xf) - min;
        }
    }
}

/// Scale and minimum of a group, 0 to 63 each, from the 12 bytes of Q4_K and Q5_K.
///
/// Of the first four groups, scale i is the low six bits of byte i and minimum i those of byte 4 + i. Of the others, the low
/// four bits are the halves of byte 4 + i (scale low, minimum high), the high two bits the upper bits of bytes i - 4 (scale)
/// and i (minimum).
pub(super) fn scale_and_min(scales: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        (scales[group] & 63, scales[4 + group] & 63)
    } else {
        let low = scales[4 + group];
        (low & 0xf | scales[group - 4] >> 6 << 4, low >> 4 | scales[group] >> 6 << 4)
    }
}
