//! Writes safetensors files: the size of a header in JSON, the header, the tensors. They are read by
//! [`whit_model::safetensors`].

use std::io::{self, Write};

use serde_json::{Map, json};
use whit_kernels::Format;

use crate::training::gguf::Tensor;

/// Writes a whole file. `content` gives the bytes of the tensor at a place in `tensors`; it is asked for one after the
/// other.
///
/// # Errors
/// Those of `to` and of `content`; and [`io::ErrorKind::InvalidData`] for a format that safetensors does not have.
pub fn write(
    to: &mut dyn Write,
    tensors: &[Tensor],
    content: &mut dyn FnMut(usize) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut offset = 0;
    for tensor in tensors {
        let size = match tensor.format {
            Format::F32 => 4,
            Format::F16 | Format::BF16 => 2,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a tensor is not of floats")),
        };
        let end = offset + size * tensor.shape.iter().product::<usize>();
        let about = json!({ "dtype": tensor.format.name(), "shape": tensor.shape, "data_offsets": [offset, end] });
        header.insert(tensor.name.clone(), about);
        offset = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    (0..tensors.len()).try_for_each(|at| to.write_all(&content(at)?))
}

/// Numbers as they are written.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
