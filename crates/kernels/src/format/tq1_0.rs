//! TQ1_0: 256 weights of -1, 0 or 1, five to a byte, one scale.
//!
//! ```text
//! byte 0    qs   48 bytes of five weights each: the first 32 bytes hold weights 0 to 159, weight 32 * n + i as digit n of
//!                byte i; the other 16 hold weights 160 to 239, weight 160 + 16 * n + i as digit n of byte 32 + i
//!     48    qh   4 bytes of four weights each: weight 240 + 4 * n + i is digit n of byte i
//!     52    d    f16
//! ```
//!
//! A byte is a fraction of base three, `ceil(256 / 243 * (81 t0 + 27 t1 + 9 t2 + 3 t3 + t4))`: multiplied by `3^n` (the
//! overflow dropped) it begins with digit n, which a further multiplication by 3 pushes out above the eighth bit.
//!
//! `w = d * (t - 1)`

use super::{Description, Format, f16_at};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::TQ1_0,
    name: "TQ1_0",
    ggml_type: 34,
    block_len: 256,
    block_bytes: 54,
    decode_block: decode,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 52);
    let (long, rest) = out.split_at_mut(160);
    let (short, last) = rest.split_at_mut(80);
    for (bytes, out) in [(&block[..32], long), (&block[32..48], short), (&block[48..52], last)] {
        for (n, out) in out.chunks_exact_mut(bytes.len()).enumerate() {
            for (out, &byte) in out.iter_mut().zip(bytes) {
                *out = d * f32::from(digit(byte, n) as i8 - 1);
            }
        }
    }
}

/// Digit `n` (0 is the most significant) of a packed byte: 0, 1 or 2.
pub(super) fn digit(byte: u8, n: usize) -> u8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let rest = byte.wrapping_mul(POWERS[n]);
    ((u16::from(rest) * 3) >> 8) as u8
}
