//! Q5_0: 32 weights of 5 bits, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qh   u32; bit i is the fifth bit of weight i
//!      6    qs   16 bytes; the low four bits of weight i in the low half of byte i, those of weight 16 + i in the high half
//! ```
//!
//! `w = d * (q - 16)`

use super::{Description, Format, f16_at, u32_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::Q5_0,
    name: "Q5_0",
    ggml_type: 6,
    block_len: 32,
    block_bytes: 22,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    let qh = u32_at(block, 2);
    let fifth = |i: usize| ((qh >> i & 1) << 4) as u8;
    for (i, &q) in block[6..22].iter().enumerate() {
        out[i] = d * f32::from((q & 0xf | fifth(i)) as i8 - 16);
        out[16 + i] = d * f32::from((q >> 4 | fifth(16 + i)) as i8 - 16);
    }
}
