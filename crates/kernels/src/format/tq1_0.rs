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

use super::planes::{GroupCodes, pack_bits, pairs, plane_bytes};
use super::{Description, Format, f16_at};
use crate::matmul::{Activations, IntegerFormat, Packing, multiply_integer, unpack_integer};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::TQ1_0,
    name: "TQ1_0",
    ggml_type: 34,
    block_len: 256,
    block_bytes: 54,
    f16_scales: &[52],
    decode_block: decode,
    encode: None,
    packing: &PACKING,
};

fn decode(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 52);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        for (out, q) in out.iter_mut().zip(codes(block, group)) {
            *out = d * f32::from(q as i8 - 1);
        }
    }
}

/// The ternary digits of 32 weights.
fn codes(block: &[u8], group: usize) -> [u8; 32] {
    std::array::from_fn(|i| match 32 * group + i {
        w @ 0..160 => digit(block[w % 32], w / 32),
        w @ 160..240 => digit(block[32 + (w - 160) % 16], (w - 160) / 16),
        w => digit(block[48 + (w - 240) % 4], (w - 240) / 4),
    })
}

/// Digit `n` (0 is the most significant) of a packed byte: 0, 1 or 2.
pub(super) fn digit(byte: u8, n: usize) -> u8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let rest = byte.wrapping_mul(POWERS[n]);
    ((u16::from(rest) * 3) >> 8) as u8
}

/// The sixteen rows' `d`, then pairs of bits: 26 % more to read (68 bytes for a row's 256 weights, not 54) than five digits a byte, and no arithmetic to unpack.
const PACKING: Packing = Packing {
    activations: Activations::Quantised,
    block_cols: Packed::BLOCK_COLS,
    block_bytes: Packed::BLOCK_BYTES,
    pack_block: pack,
    unpack_row: unpack_integer::<Packed>,
    multiply: multiply_integer::<Packed>,
};

fn pack(rows: &[&[u8]; LANES], out: &mut [u8]) {
    for (lane, row) in rows.iter().enumerate() {
        out[lane * 2..][..2].copy_from_slice(&row[52..54]);
    }
    for group in 0..8 {
        let codes: GroupCodes = std::array::from_fn(|lane| self::codes(rows[lane], group));
        let at = &mut out[HEADER + group * GROUP_BYTES..];
        pack_bits::<2>(&codes, 0, at);
    }
}

/// `d` (and padding).
const HEADER: usize = 64;
/// Codes of a group.
const GROUP_BYTES: usize = plane_bytes(2);

struct Packed;

impl IntegerFormat for Packed {
    const BLOCK_COLS: usize = 256;
    const BLOCK_BYTES: usize = HEADER + 8 * GROUP_BYTES;
    const LARGEST: i32 = 2;
    const OFFSET: i32 = 1;

    #[inline(always)]
    unsafe fn codes<S: Simd>(s: S, block: *const u8, group: usize) -> [S::B; 8] {
        // SAFETY: the caller answers for the block.
        unsafe {
            let at = block.add(HEADER + group * GROUP_BYTES);
            pairs(s, at)
        }
    }
    #[inline(always)]
    unsafe fn scale<S: Simd>(s: S, block: *const u8, _group: usize, _part: usize) -> S::F {
        // SAFETY: the caller answers for the block.
        unsafe { s.load_f16(block.cast()) }
    }
}
