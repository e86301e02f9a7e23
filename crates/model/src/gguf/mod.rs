//! GGUF v2 and v3: ggml's single-file model format.
//!
//! ```text
//! byte 0   "GGUF"
//!      4   version               u32     2 or 3
//!      8   number of tensors     u64
//!     16   number of key-values  u64
//!     24   key-values            string key, u32 type, value
//!          tensors               string name, u32 number of dimensions, u64 each (innermost first), u32 type,
//!                                u64 offset from the start of the data
//!          padding               to a multiple of general.alignment (32 unless given)
//!          data                  the tensors, each at a multiple of the alignment
//! ```
//!
//! A string is a u64 length and that many bytes of UTF-8; an array is a u32 type, a u64 length and its values.
//! Everything is little endian. Source: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

mod cursor;
mod header;
mod types;
mod value;

pub use header::{Header, TensorInfo, parse};
pub use value::{Array, Metadata, Value};
