//! bfloat16: the upper half of a single-precision number, little endian.

use super::encode::{Encode, encode_blocks};
use super::{Description, Format};
use crate::matmul::{Activations, FloatFormat, Packing, multiply_float, pack_columns, unpack_float};
use crate::simd::{LANES, Simd};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::BF16,
    name: "BF16",
    ggml_type: 30,
    block_len: 1,
    block_bytes: 2,
    f16_scales: &[],
    decode_block: decode,
    encode: Some(encode_blocks::<Encoder>),
    packing: &PACKING,
};

fn decode(bytes: &[u8], out: &mut [f32]) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = half::bf16::from_le_bytes(*bytes).to_f32();
    }
}

struct Encoder;

impl Encode for Encoder {
    const BLOCK_LEN: usize = 1;
    const BLOCK_BYTES: usize = 2;

    #[inline(always)]
    fn block(values: &[f32], out: &mut [u8]) {
        out.copy_from_slice(&half::bf16::from_f32(values[0]).to_le_bytes());
    }
}

/// Column by column, sixteen rows each.
const PACKING: Packing = Packing {
    activations: Activations::Float,
    block_cols: 1,
    block_bytes: Packed::BYTES * LANES,
    pack_block: pack_columns::<Packed>,
    unpack_row: unpack_float::<Packed>,
    multiply: multiply_float::<Packed>,
};

struct Packed;

impl FloatFormat for Packed {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn column<S: Simd>(s: S, at: *const u8) -> S::F {
        // SAFETY: the caller answers for the column.
        unsafe { s.load_bf16(at.cast()) }
    }
}
