//! Q5_K: 256 weights of 5 bits in 8 groups of 32, each group with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte 0    d        f16
//!      2    dmin     f16
//!      4    scales   12 bytes, as in Q4_K
//!     16    qh       32 bytes; bit g of byte i is the fifth bit of weight i of group g
//!     48    qs       128 bytes, 32 for each two groups: the first in the low halves, the second in the high halves
//! ```
//!
//! `w = d * scale * q - dmin * minimum`

use super::q4_k::scale_and_min;
use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q5_K,
    name: "Q5_K",
    ggml_type: 13,
    block_len: 256,
    block_bytes: 176,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, qh, qs) = (&block[4..16], &block[16..48], &block[48..176]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, group);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let first = group / 2 * 32;
        let shift = group % 2 * 4;
        for (i, out) in out.iter_mut().enumerate() {
            let q = qs[first + i] >> shift & 0xf | (qh[i] >> group & 1) << 4;
            *out = scale * f32::from(q) - min;
        }
    }
}
