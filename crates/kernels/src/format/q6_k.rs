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

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q6_K,
    name: "Q6_K",
    ggml_type: 14,
    block_len: 256,
    block_bytes: 210,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (ql, qh, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = f16_at(block, 208);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] as i8);
        let half = group / 8;
        let j = group % 8 * 16;
        for (i, out) in out.iter_mut().enumerate() {
            let low = ql[half * 64 + j % 64 + i] >> (j / 64 * 4) & 0xf;
            let high = qh[half * 32 + j % 32 + i] >> (j / 32 * 2) & 3;
            *out = scale * f32::from((low | high << 4) as i8 - 32);
        }
    }
}
