//! IQ4_XS: 256 weights of 4 bits that index IQ4_NL's table, in 8 groups of 32, each group with a scale of 6 bits.
//!
//! ```text
//! byte 0    d          f16
//!      2    scales_h   u16; bits 2 * g and up are the high two bits of group g's scale
//!      4    scales_l   4 bytes; the low four bits of group g's scale in byte g / 2, even groups in the low half
//!      8    qs         128 bytes, 16 a group; its weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * (scale - 32) * VALUES[q]`

use super::iq4_nl::VALUES;
use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::IQ4_XS,
    name: "IQ4_XS",
    ggml_type: 23,
    block_len: 256,
    block_bytes: 136,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let scale = d * f32::from(scale(block, group));
        for (i, &q) in block[8 + group * 16..][..16].iter().enumerate() {
            out[i] = scale * f32::from(VALUES[usize::from(q & 0xf)]);
            out[16 + i] = scale * f32::from(VALUES[usize::from(q >> 4)]);
        }
    }
}

/// The scale of a group of a block, -32 to 31.
fn scale(block: &[u8], group: usize) -> i8 {
    let high = u16::from_le_bytes([block[2], block[3]]) >> (group * 2) & 3;
    let low = block[4 + group / 2] >> (group % 2 * 4) & 0xf;
    (low | (high as u8) << 4) as i8 - 32
}
