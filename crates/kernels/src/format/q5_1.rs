//! Q5_1: 32 weights of 5 bits, one scale and one minimum.
//!
//! ```text
//! byte 0    d    f16
//!      2    m    f16
//!      4    qh   u32; bit i is the fifth bit of weight i
//!      8    qs   16 bytes; the low four bits of weight i in the low half of byte i, those of weight 16 + i in the high half
//! ```
//!
//! `w = d * q + m`

use super::{Description, Format, f16_at, u32_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q5_1,
    name: "Q5_1",
    ggml_type: 7,
    block_len: 32,
    block_bytes: 24,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let qh = u32_at(block, 4);
    let fifth = |i: usize| ((qh >> i & 1) << 4) as u8;
    for (i, &q) in block[8..24].iter().enumerate() {
        out[i] = d * f32::from(q & 0xf | fifth(i)) + m;
        out[16 + i] = d * f32::from(q >> 4 | fifth(16 + i)) + m;
    }
}
