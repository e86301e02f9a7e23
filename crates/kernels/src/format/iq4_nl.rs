//! IQ4_NL: 32 weights of 4 bits that index a fixed, non-linear table, one scale.
//!
//! ```text
//! byte 0    d    f16
//!      2    qs   16 bytes; weight i in the low half of byte i, weight 16 + i in the high half
//! ```
//!
//! `w = d * VALUES[q]`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::IQ4_NL,
    name: "IQ4_NL",
    ggml_type: 20,
    block_len: 32,
    block_bytes: 18,
    decode_block: decode,
};

/// What the 16 indices of IQ4_NL and IQ4_XS stand for. Source: `kvalues_iq4nl` in ggml-common.h.
pub(super) const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (i, &q) in block[2..18].iter().enumerate() {
        out[i] = d * f32::from(VALUES[usize::from(q & 0xf)]);
        out[16 + i] = d * f32::from(VALUES[usize::from(q >> 4)]);
    }
}
