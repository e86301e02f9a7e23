//! Writes GGUF files, version 3. What they are is told where they are read: [`whit_model::gguf`].

use std::io::{self, Write};

use whit_kernels::Format;
use whit_model::gguf::{Array, Metadata, Value};

/// Where tensors begin: at multiples of this.
const ALIGNMENT: usize = 32;

/// A tensor that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// As llama.cpp names it.
    pub name: String,
    /// Outermost first.
    pub shape: Vec<usize>,
    /// How the numbers lie.
    pub format: Format,
}

impl Tensor {
    fn bytes(&self) -> Option<usize> {
        let (cols, outer) = self.shape.split_last()?;
        self.format.row_bytes(*cols)?.checked_mul(outer.iter().product())
    }
}

/// Writes a whole file. `content` gives the bytes of the tensor at a place in `tensors`; it is asked for one after the
/// other.
///
/// # Errors
/// Those of `to` and of `content`; and [`io::ErrorKind::InvalidData`] if there are other bytes than a tensor's shape
/// says.
pub fn write(
    to: &mut dyn Write,
    metadata: &Metadata,
    tensors: &[Tensor],
    content: &mut dyn FnMut(usize) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let mut header = Vec::new();
    header.extend_from_slice(b"GGUF");
    header.extend_from_slice(&3u32.to_le_bytes());
    header.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    header.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_text(&mut header, key);
        put_value(&mut header, value)?;
    }
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a tensor has other bytes than its shape says");
    let mut offset = 0;
    for tensor in tensors {
        put_text(&mut header, &tensor.name);
        header.extend_from_slice(&(tensor.shape.len() as u32).to_le_bytes());
        for &size in tensor.shape.iter().rev() {
            header.extend_from_slice(&(size as u64).to_le_bytes());
        }
        header.extend_from_slice(&ggml_type(tensor.format).to_le_bytes());
        header.extend_from_slice(&(offset as u64).to_le_bytes());
        offset += tensor.bytes().ok_or_else(wrong)?.next_multiple_of(ALIGNMENT);
    }
    header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
    to.write_all(&header)?;
    for (at, tensor) in tensors.iter().enumerate() {
        let bytes = content(at)?;
        if Some(bytes.len()) != tensor.bytes() {
            return Err(wrong());
        }
        to.write_all(&bytes)?;
        to.write_all(&[0; ALIGNMENT][..bytes.len().next_multiple_of(ALIGNMENT) - bytes.len()])?;
    }
    Ok(())
}

fn ggml_type(format: Format) -> u32 {
    (0..256).find(|&number| Format::from_ggml_type(number) == Some(format)).unwrap_or_default()
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&(text.len() as u64).to_le_bytes());
    to.extend_from_slice(text.as_bytes());
}

fn put_value(to: &mut Vec<u8>, value: &Value) -> io::Result<()> {
    let (number, bytes): (u32, Vec<u8>) = match value {
        Value::U8(v) => (0, vec![*v]),
        Value::I8(v) => (1, v.to_le_bytes().to_vec()),
        Value::U16(v) => (2, v.to_le_bytes().to_vec()),
        Value::I16(v) => (3, v.to_le_bytes().to_vec()),
        Value::U32(v) => (4, v.to_le_bytes().to_vec()),
        Value::I32(v) => (5, v.to_le_bytes().to_vec()),
        Value::F32(v) => (6, v.to_le_bytes().to_vec()),
        Value::Bool(v) => (7, vec![u8::from(*v)]),
        Value::String(text) => {
            to.extend_from_slice(&8u32.to_le_bytes());
            put_text(to, text);
            return Ok(());
        }
        Value::Array(array) => {
            to.extend_from_slice(&9u32.to_le_bytes());
            return put_array(to, array);
        }
        Value::U64(v) => (10, v.to_le_bytes().to_vec()),
        Value::I64(v) => (11, v.to_le_bytes().to_vec()),
        Value::F64(v) => (12, v.to_le_bytes().to_vec()),
    };
    to.extend_from_slice(&number.to_le_bytes());
    to.extend_from_slice(&bytes);
    Ok(())
}

fn put_array(to: &mut Vec<u8>, array: &Array) -> io::Result<()> {
    macro_rules! numbers {
        ($number:literal, $values:expr) => {{
            to.extend_from_slice(&u32::to_le_bytes($number));
            to.extend_from_slice(&(array.len() as u64).to_le_bytes());
            $values.iter().for_each(|value| to.extend_from_slice(&value.to_le_bytes()));
        }};
    }
    match array {
        Array::U8(values) => numbers!(0, values),
        Array::I8(values) => numbers!(1, values),
        Array::U16(values) => numbers!(2, values),
        Array::I16(values) => numbers!(3, values),
        Array::U32(values) => numbers!(4, values),
        Array::I32(values) => numbers!(5, values),
        Array::F32(values) => numbers!(6, values),
        Array::Bool(values) => {
            let values: Vec<u8> = values.iter().map(|&value| value.into()).collect();
            numbers!(7, values);
        }
        Array::U64(values) => numbers!(10, values),
        Array::I64(values) => numbers!(11, values),
        Array::F64(values) => numbers!(12, values),
        Array::String(texts) => {
            to.extend_from_slice(&8u32.to_le_bytes());
            to.extend_from_slice(&(texts.len() as u64).to_le_bytes());
            texts.iter().for_each(|text| put_text(to, text));
        }
        Array::Nested(arrays) => {
            to.extend_from_slice(&9u32.to_le_bytes());
            to.extend_from_slice(&(arrays.len() as u64).to_le_bytes());
            for array in arrays {
                put_array(to, array)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let metadata: Metadata = [
            ("a".to_owned(), Value::U32(7)),
            ("b".to_owned(), Value::String("text".into())),
            ("c".to_owned(), Value::Array(Array::String(vec!["x".into(), String::new()]))),
            ("d".to_owned(), Value::Array(Array::I32(vec![-1, 2]))),
            ("e".to_owned(), Value::Bool(true)),
            ("f".to_owned(), Value::F32(0.5)),
            ("g".to_owned(), Value::Array(Array::Bool(vec![true, false]))),
        ]
        .into();
        let tensor = |name: &str, shape: &[usize], format| Tensor { name: name.into(), shape: shape.into(), format };
        let tensors = [tensor("one", &[3], Format::F32), tensor("two", &[2, 32], Format::Q8_0)];
        let content = [vec![1; 12], vec![2; 68]];
        let mut bytes = Vec::new();
        write(&mut bytes, &metadata, &tensors, &mut |at| Ok(content[at].clone())).unwrap();
        let read = whit_model::gguf::parse(Path::new("test.gguf"), &bytes).unwrap();
        assert_eq!(read.metadata, metadata);
        for ((read, own), content) in read.tensors.iter().zip(&tensors).zip(&content) {
            assert_eq!((&read.name, &read.shape, read.format), (&own.name, &own.shape, own.format));
            assert_eq!(&bytes[read.bytes.clone()], content);
        }
    }
}
