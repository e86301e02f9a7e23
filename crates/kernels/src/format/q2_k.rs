//! Q2_K: 256 weights of 2 bits in 16 groups of 16, each group with a scale and a minimum of 4 bits.
//!
//! ```text
//! byte 0    scales   16 bytes, one a group; scale in the low half, minimum in the high half
//!     16    qs       64 bytes, 32 for each half of the block; of the weights of a half, numbered j, weight j is
//!                    bits 2 * (j / 32) and up of its byte j % 32
//!     80    d        f16
//!     82    dmin     f16
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q2_K,
    name: "Q2_K",
    ggml_type: 10,
    block_len: 256,
    block_bytes: 84,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (scales, qs) = (&block[..16], &block[16..80]);
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] & 0xf);
        let min = dmin * f32::from(scales[group] >> 4);
        // 8 groups to a half, 2 groups to a pair of bits.
        let first = group / 8 * 32 + group % 2 * 16;
        let shift = group % 8 / 2 * 2;
        for (out, &q) in out.iter_mut().zip(&qs[first..first + 16]) {
            *out = scale * f32::from(q >> shift & 3) - min;
        }
    }
}
