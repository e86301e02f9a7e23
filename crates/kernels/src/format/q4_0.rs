//! Q4_0: 32 weights of 4 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * (q - 8)`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_0,
    name: "Q4_0",
    ggml_type: 2,
    block_len: 32,
    block_bytes: 18,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (i, &q) in block[2..18].iter().enumerate() {
        out[i] = d * f32::from((q & 0xf) as i8 - 8);
        out[16 + i] = d * f32::from((q >> 4) as i8 - 8);
    }
}
