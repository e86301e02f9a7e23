//! IEEE 754 half precision, little endian.

use super::{Description, Format};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::F16,
    name: "F16",
    ggml_type: 1,
    block_len: 1,
    block_bytes: 2,
    decode_block: |b, out| out[0] = half::f16::from_le_bytes([b[0], b[1]]).to_f32(),
};
