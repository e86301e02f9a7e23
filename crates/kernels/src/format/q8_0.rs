//! Q8_0: 32 weights of 8 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   32 signed bytes
//! ```
//!
//! `w = d * q`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q8_0,
    name: "Q8_0",
    ggml_type: 8,
    block_len: 32,
    block_bytes: 34,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (out, &q) in out.iter_mut().zip(&block[2..34]) {
        *out = d * f32::from(q as i8);
    }
}
