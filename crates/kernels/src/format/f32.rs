//! IEEE 754 single precision, little endian.

use super::{Description, Format};

pub(super) const DESCRIPTION: Description = Description {
    format: Format::F32,
    name: "F32",
    ggml_type: 0,
    block_len: 1,
    block_bytes: 4,
    decode_block: |b, out| out[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
};
