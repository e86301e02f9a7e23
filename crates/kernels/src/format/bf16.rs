//! bfloat16: the upper half of a single-precision number, little endian.

use super::{Description, Format};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::BF16,
    name: "BF16",
    ggml_type: 30,
    block_len: 1,
    block_bytes: 2,
    decode_block: |b, out| out[0] = half::bf16::from_le_bytes([b[0], b[1]]).to_f32(),
};
