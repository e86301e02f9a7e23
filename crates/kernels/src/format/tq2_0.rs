//! TQ2_0: 256 weights of -1, 0 or 1, four to a byte, one scale.
//!
//! ```text
//! byte 0    qs   64 bytes, 32 for each half of the block; of the weights of a half, numbered j, weight j is bits
//!                2 * (j / 32) and up of its byte j % 32
//!     64    d    f16
//! ```
//!
//! `w = d * (q - 1)`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::TQ2_0,
    name: "TQ2_0",
    ggml_type: 35,
    block_len: 256,
    block_bytes: 66,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 64);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let first = group / 4 * 32;
        let shift = group % 4 * 2;
        for (out, &q) in out.iter_mut().zip(&block[first..first + 32]) {
            *out = d * f32::from((q >> shift & 3) as i8 - 1);
        }
    }
}
