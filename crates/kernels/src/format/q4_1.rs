//! Q4_1: 32 weights of 4 bits, one scale and one minimum.
//!
//! ```text
//! byte 0    d    f16
//!      2    m    f16
//!      4    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * q + m`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q4_1,
    name: "Q4_1",
    ggml_type: 3,
    block_len: 32,
    block_bytes: 20,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    for (i, &q) in block[4..20].iter().enumerate() {
        out[i] = d * f32::from(q & 0xf) + m;
        out[16 + i] = d * f32::from(q >> 4) + m;
    }
}
