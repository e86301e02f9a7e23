//! The header of a GGUF file: read once, everything in it checked, tensors as ranges of the file.

use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::Path;

use whit_kernels::Format;

use super::cursor::Cursor;
use super::types;
use super::value::{Array, Metadata, Value};
use crate::ModelError;
use crate::error::shorten;

/// What a GGUF file says of itself.
#[derive(Debug)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// The key-value pairs.
    pub metadata: Metadata,
    /// The tensors, in the order of their bytes. No two share a name or a byte.
    pub tensors: Vec<TensorInfo>,
}

/// A tensor of a GGUF file.
#[derive(Debug)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// How its numbers lie.
    pub format: Format,
    /// Outermost first (the file has them innermost first); 1 to 4 dimensions, none of them zero.
    pub shape: Vec<usize>,
    /// Where it lies in the file: exactly the bytes of `shape` in `format`, all of them there.
    pub bytes: Range<usize>,
}

const MAGIC: &[u8; 4] = b"GGUF";
const MAX_DIMENSIONS: u32 = 4;
/// The format's own limit for keys; nothing is served by longer names either.
const MAX_NAME_BYTES: usize = 65_535;
/// Arrays in arrays: no known model has any, so a few levels are plenty, and a hostile file cannot exhaust the stack.
const MAX_ARRAY_DEPTH: usize = 4;
/// A page of the machines with the largest pages; known files use 32.
const MAX_ALIGNMENT: u64 = 65_536;

/// Reads the header of a GGUF file whose content is `bytes`; `path` is for messages only.
///
/// Takes memory in proportion to `bytes`, whatever they claim. Tensor data is not touched.
///
/// # Errors
/// [`ModelError`] if anything breaks the rules of the format, or is of a version, byte order or tensor type whit does not read.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Header, ModelError> {
    let malformed = |item: &str| {
        let item = item.to_owned();
        move |problem| ModelError::malformed(path, item, problem)
    };
    let mut cursor = Cursor::new(bytes);
    if cursor.array().map_err(malformed("header"))? != *MAGIC {
        return Err(ModelError::malformed(
            path,
            "header",
            "not a GGUF file; give a .gguf file or a Hugging Face folder",
        ));
    }
    let version = cursor.u32().map_err(malformed("header"))?;
    check_version(version).map_err(|problem| ModelError::unsupported(path, "header", problem))?;
    // The least a tensor takes: name of one byte (9), one dimension (4 + 8), type (4), offset (8). A key-value: 9 + 4 + 1.
    let tensor_count = cursor.count("tensors", 33).map_err(malformed("header"))?;
    let key_count = cursor.count("key-value pairs", 14).map_err(malformed("header"))?;

    let mut metadata = Metadata::new();
    for index in 0..key_count {
        let key = name(&mut cursor).map_err(|p| ModelError::malformed(path, format!("key-value pair {index}"), p))?;
        let item = |key: &str| format!("key {}", shorten(key));
        let kind = cursor.u32().map_err(|p| ModelError::malformed(path, item(&key), p))?;
        let value = value(&mut cursor, kind).map_err(|p| ModelError::malformed(path, item(&key), p))?;
        match metadata.entry(key) {
            Entry::Vacant(place) => place.insert(value),
            Entry::Occupied(place) => {
                let problem = "appears twice; convert the model again";
                return Err(ModelError::malformed(path, item(place.key()), problem));
            }
        };
    }
    let alignment = alignment(&metadata).map_err(malformed("key general.alignment"))?;

    let mut tensors = Vec::with_capacity(tensor_count);
    for index in 0..tensor_count {
        tensors.push(tensor_info(&mut cursor, path, index)?);
    }
    // Offsets count from here. A file without tensors may end before it.
    let data = cursor.at().checked_next_multiple_of(alignment).unwrap_or(usize::MAX);
    for tensor in &mut tensors {
        place(tensor, data, alignment, bytes.len())
            .map_err(|p| ModelError::malformed(path, format!("tensor {}", shorten(&tensor.name)), p))?;
    }
    check_apart(path, &mut tensors)?;
    Ok(Header { version, metadata, tensors })
}

fn check_version(version: u32) -> Result<(), String> {
    match version {
        2 | 3 => Ok(()),
        1 => Err("GGUF version 1, and whit reads 2 and 3; convert the model again with a current llama.cpp".into()),
        _ if matches!(version.swap_bytes(), 1..=3) => {
            Err("a big-endian GGUF, and whit reads little-endian ones; download or convert the little-endian version"
                .into())
        }
        _ => Err(format!(
            "GGUF version {version}, and whit reads 2 and 3; update whit, or convert the model to version 3"
        )),
    }
}

/// A key or a tensor's name.
fn name(cursor: &mut Cursor) -> Result<String, String> {
    let name = cursor.string()?;
    match name.len() {
        0 => Err("has an empty name; convert the model again".into()),
        1..=MAX_NAME_BYTES => Ok(name),
        len => Err(format!("has a name of {len} bytes, and {MAX_NAME_BYTES} is the limit; convert the model again")),
    }
}

fn value(cursor: &mut Cursor, kind: u32) -> Result<Value, String> {
    Ok(match kind {
        0 => Value::U8(u8::from_le_bytes(cursor.array()?)),
        1 => Value::I8(i8::from_le_bytes(cursor.array()?)),
        2 => Value::U16(u16::from_le_bytes(cursor.array()?)),
        3 => Value::I16(i16::from_le_bytes(cursor.array()?)),
        4 => Value::U32(cursor.u32()?),
        5 => Value::I32(i32::from_le_bytes(cursor.array()?)),
        6 => Value::F32(f32::from_le_bytes(cursor.array()?)),
        7 => Value::Bool(boolean(cursor.take(1)?[0])?),
        8 => Value::String(cursor.string()?),
        9 => Value::Array(array(cursor, 1)?),
        10 => Value::U64(cursor.u64()?),
        11 => Value::I64(i64::from_le_bytes(cursor.array()?)),
        12 => Value::F64(f64::from_le_bytes(cursor.array()?)),
        _ => return Err(unknown_value_type(kind)),
    })
}

fn array(cursor: &mut Cursor, depth: usize) -> Result<Array, String> {
    let kind = cursor.u32()?;
    let min_bytes = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        9 => 12,
        _ => return Err(unknown_value_type(kind)),
    };
    let count = cursor.count("array values", min_bytes)?;
    Ok(match kind {
        0 => Array::U8(cursor.numbers(count, u8::from_le_bytes)?),
        1 => Array::I8(cursor.numbers(count, i8::from_le_bytes)?),
        2 => Array::U16(cursor.numbers(count, u16::from_le_bytes)?),
        3 => Array::I16(cursor.numbers(count, i16::from_le_bytes)?),
        4 => Array::U32(cursor.numbers(count, u32::from_le_bytes)?),
        5 => Array::I32(cursor.numbers(count, i32::from_le_bytes)?),
        6 => Array::F32(cursor.numbers(count, f32::from_le_bytes)?),
        7 => Array::Bool(cursor.take(count)?.iter().map(|&byte| boolean(byte)).collect::<Result<_, _>>()?),
        8 => {
            let mut strings = Vec::with_capacity(count);
            for _ in 0..count {
                strings.push(cursor.string()?);
            }
            Array::String(strings)
        }
        10 => Array::U64(cursor.numbers(count, u64::from_le_bytes)?),
        11 => Array::I64(cursor.numbers(count, i64::from_le_bytes)?),
        12 => Array::F64(cursor.numbers(count, f64::from_le_bytes)?),
        _ => {
            if depth == MAX_ARRAY_DEPTH {
                return Err(format!(
                    "holds arrays more than {MAX_ARRAY_DEPTH} deep; convert the model again without them"
                ));
            }
            let mut arrays = Vec::with_capacity(count);
            for _ in 0..count {
                arrays.push(array(cursor, depth + 1)?);
            }
            Array::Nested(arrays)
        }
    })
}

fn boolean(byte: u8) -> Result<bool, String> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(format!("holds {byte} where only 0 and 1 are booleans; download or convert the model again")),
    }
}

fn unknown_value_type(kind: u32) -> String {
    format!("has the unknown value type {kind} (0 to 12 are known); download or convert the model again")
}

fn alignment(metadata: &Metadata) -> Result<usize, String> {
    let Some(value) = metadata.get("general.alignment") else { return Ok(32) };
    match value.as_u64() {
        Some(alignment @ 1..=MAX_ALIGNMENT) if alignment.is_power_of_two() => Ok(alignment as usize),
        _ => Err(format!("must be a power of two up to {MAX_ALIGNMENT}; convert the model again")),
    }
}

/// A tensor's entry; its `bytes` hold the offset and the size as the file gives them, to be put in their place by [`place`].
fn tensor_info(cursor: &mut Cursor, path: &Path, index: usize) -> Result<TensorInfo, ModelError> {
    let name = name(cursor).map_err(|p| ModelError::malformed(path, format!("tensor {index}"), p))?;
    let item = || format!("tensor {}", shorten(&name));
    let malformed = |p: String| ModelError::malformed(path, item(), p);

    let dimensions = cursor.u32().map_err(malformed)?;
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(malformed(format!(
            "has {dimensions} dimensions, and 1 to {MAX_DIMENSIONS} are allowed; download or convert the model again"
        )));
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        let size = cursor.u64().map_err(malformed)?;
        if size == 0 {
            return Err(malformed("has a dimension of zero; download or convert the model again".into()));
        }
        shape.push(usize::try_from(size).map_err(|_| malformed(too_large()))?);
    }
    shape.reverse();

    let ggml_type = cursor.u32().map_err(malformed)?;
    let format = Format::from_ggml_type(ggml_type).ok_or_else(|| {
        let found = match types::unsupported_name(ggml_type) {
            Some(name) => format!("{name}, which whit does not read"),
            None => format!("number {ggml_type}, which whit does not know"),
        };
        let problem = format!("its type is {found}; use the model in one of {}", types::supported_names());
        ModelError::unsupported(path, item(), problem)
    })?;
    let cols = shape.last().copied().unwrap_or(1);
    if cols % format.block_len() != 0 {
        return Err(malformed(format!(
            "its rows of {cols} weights are not a whole number of {format} blocks of {}; convert the model again",
            format.block_len()
        )));
    }
    let rows = shape[..shape.len() - 1].iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let size = rows
        .and_then(|rows| format.row_bytes(cols)?.checked_mul(rows))
        .filter(|_| shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).is_some())
        .ok_or_else(|| malformed(too_large()))?;
    let offset = cursor.u64().map_err(malformed)?;
    let offset = usize::try_from(offset).map_err(|_| malformed(too_large()))?;
    let end = offset.checked_add(size).ok_or_else(|| malformed(too_large()))?;
    Ok(TensorInfo { name, format, shape, bytes: offset..end })
}

fn too_large() -> String {
    "its size overflows; download or convert the model again".into()
}

/// Moves a tensor's range from "within the data" to "within the file", if it lies there.
fn place(tensor: &mut TensorInfo, data: usize, alignment: usize, file_len: usize) -> Result<(), String> {
    let Range { start, end } = tensor.bytes;
    if start % alignment != 0 {
        return Err(format!(
            "its offset {start} is not a multiple of the alignment {alignment}; convert the model again"
        ));
    }
    let end = end.checked_add(data).filter(|&end| end <= file_len).ok_or_else(|| {
        format!(
            "its {} bytes end past the end of the file ({file_len} bytes): the file is cut short; download it again",
            end - start
        )
    })?;
    tensor.bytes = data + start..end;
    Ok(())
}

/// Sorts tensors by their bytes; refuses two with the same name or a byte in common.
fn check_apart(path: &Path, tensors: &mut [TensorInfo]) -> Result<(), ModelError> {
    tensors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for pair in tensors.windows(2) {
        if pair[0].name == pair[1].name {
            let item = format!("tensor {}", shorten(&pair[0].name));
            return Err(ModelError::malformed(path, item, "appears twice; convert the model again"));
        }
    }
    tensors.sort_unstable_by_key(|tensor| tensor.bytes.start);
    for pair in tensors.windows(2) {
        if pair[0].bytes.end > pair[1].bytes.start {
            let item = format!("tensor {}", shorten(&pair[1].name));
            let problem = format!("overlaps tensor {}; download or convert the model again", shorten(&pair[0].name));
            return Err(ModelError::malformed(path, item, problem));
        }
    }
    Ok(())
}
