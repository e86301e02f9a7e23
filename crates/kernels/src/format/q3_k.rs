//! Q3_K: 256 weights of 3 bits in 16 groups of 16, each group with a scale of 6 bits.
//!
//! ```text
//! byte 0    hmask    32 bytes; bit i / 32 of byte i % 32 is the third bit of weight i
//!     32    qs       64 bytes, 32 for each half of the block; of the weights of a half, numbered j, the low two bits of
//!                    weight j are bits 2 * (j / 32) and up of its byte j % 32
//!     96    scales   12 bytes, see [`scale`]
//!    108    d        f16
//! ```
//!
//! `w = d * (scale - 32) * (q - 4)`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q3_K,
    name: "Q3_K",
    ggml_type: 11,
    block_len: 256,
    block_bytes: 110,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (hmask, qs, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = f16_at(block, 108);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scale(scales, group));
        // 8 groups to a half, 2 groups to a pair of bits.
        let column = group % 2 * 16;
        let first = group / 8 * 32 + column;
        let shift = group % 8 / 2 * 2;
        for (i, out) in out.iter_mut().enumerate() {
            let low = qs[first + i] >> shift & 3;
            let high = hmask[column + i] >> (group / 2) & 1;
            *out = scale * f32::from((low | high << 2) as i8 - 4);
        }
    }
}

/// The scale of a group, -32 to 31.
///
/// The low four bits of scale i are the low half of byte i for the first eight, the high half of byte i - 8 for the
/// others; the high two bits are bits 2 * (i / 4) and up of byte 8 + i % 4.
pub(super) fn scale(scales: &[u8], group: usize) -> i8 {
    let low = scales[group % 8] >> (group / 8 * 4) & 0xf;
    let high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
    (low | high << 4) as i8 - 32
}
