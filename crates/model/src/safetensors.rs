//! safetensors: a JSON header and the tensors' bytes.
//!
//! ```text
//! byte 0   length of the header   u64, little endian
//!      8   header                 {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//!          data                   offsets count from here; little endian, row-major
//! ```
//!
//! Tensors must fill the data exactly: no gap, no overlap, nothing behind them.
//! Source: <https://github.com/huggingface/safetensors#format>

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use whit_kernels::Format;

use crate::ModelError;
use crate::error::{json_problem, shorten};

/// A tensor of a safetensors file.
#[derive(Debug)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// The format's name of its numbers' type: `F32`, `BF16`, `I64`, ...
    pub dtype: String,
    /// Outermost first; possibly empty (a single number), possibly with zeros.
    pub shape: Vec<usize>,
    /// Where it lies in the file, all of it there. Exactly the bytes of `shape` if the type is a known one.
    pub bytes: Range<usize>,
}

/// The reference implementation's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// More than any known tensor has; keeps a header of `[1,1,1,...` from growing in memory.
const MAX_DIMENSIONS: usize = 16;

impl TensorInfo {
    /// The type as whit reads it, or `None` if whit does not.
    pub fn format(&self) -> Option<Format> {
        match &*self.dtype {
            "F32" => Some(Format::F32),
            "F16" => Some(Format::F16),
            "BF16" => Some(Format::BF16),
            _ => None,
        }
    }
}

/// Reads the header of a safetensors file whose content is `bytes`; `path` is for messages only.
///
/// The tensors come in the order of their bytes. Takes memory in proportion to the header; tensor data is not touched.
///
/// # Errors
/// [`ModelError`] if anything breaks the rules of the format. A type that whit does not read is not an error here.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<TensorInfo>, ModelError> {
    let malformed = |problem: String| ModelError::malformed(path, "header", problem);
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(malformed(format!("the file ends after {} bytes; download it again", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(malformed(format!(
            "claims {length} bytes, more than the format allows ({MAX_HEADER_BYTES}): not a safetensors file, or a damaged one; download it again"
        )));
    }
    let Some((header, data)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) else {
        let left = rest.len();
        return Err(malformed(format!(
            "claims {length} bytes, but only {left} follow: the file is cut short; download it again"
        )));
    };
    let Entries(mut entries) = serde_json::from_slice(header)
        .map_err(|e| malformed(format!("{}; download the file again", json_problem(&e))))?;

    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for pair in entries.windows(2) {
        if pair[0].0 == pair[1].0 {
            let item = format!("tensor {}", shorten(&pair[0].0));
            return Err(ModelError::malformed(path, item, "appears twice; convert the model again"));
        }
    }
    entries.sort_unstable_by_key(|(_, entry)| entry.data_offsets);

    let data_start = bytes.len() - data.len();
    let mut tensors = Vec::with_capacity(entries.len());
    let mut filled = 0;
    for (name, entry) in entries {
        let bytes = check_entry(&entry, filled, data.len())
            .map_err(|problem| ModelError::malformed(path, format!("tensor {}", shorten(&name)), problem))?;
        filled = bytes.end;
        let bytes = data_start + bytes.start..data_start + bytes.end;
        tensors.push(TensorInfo { name, dtype: entry.dtype, shape: entry.shape.0, bytes });
    }
    if filled != data.len() {
        let extra = data.len() - filled;
        return Err(malformed(format!("{extra} bytes at the end of the file belong to no tensor; download it again")));
    }
    Ok(tensors)
}

/// The tensor's bytes within the data, if it begins where the last one ended and holds what its shape says.
fn check_entry(entry: &Entry, filled: usize, data_len: usize) -> Result<Range<usize>, String> {
    let [start, end] = entry.data_offsets;
    if end > data_len as u64 {
        return Err(format!(
            "ends at byte {end} of the data, which has only {data_len}: the file is cut short; download it again"
        ));
    }
    let (start, end) = (start as usize, end as usize);
    if start > end || start != filled {
        return Err(format!(
            "its bytes {start}..{end} should begin at {filled}, where the tensor before ends; download or convert the model again"
        ));
    }
    let elements = entry.shape.0.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    if let Some(bits) = bits(&entry.dtype) {
        let expected = elements.and_then(|n| n.checked_mul(bits)).filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
        if expected != Some((end - start) as u64) {
            return Err(format!(
                "its shape {:?} in {} does not fill its {} bytes exactly; download or convert the model again",
                entry.shape.0,
                entry.dtype,
                end - start
            ));
        }
    }
    Ok(start..end)
}

/// Bits of one number of a type, or `None` if the type is not known here. Source: the reference implementation's `Dtype`.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

/// The header's tensors in the order of the text, so that a name given twice can be seen.
struct Entries(Vec<(String, Entry)>);

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Shape,
    data_offsets: [u64; 2],
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        let entry = map
                            .next_value()
                            .map_err(|e| de::Error::custom(format_args!("tensor {}: {e}", shorten(&name))))?;
                        entries.push((name, entry));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(size) = seq.next_element()? {
                    if shape.len() == MAX_DIMENSIONS {
                        return Err(de::Error::custom(format!("more than {MAX_DIMENSIONS} dimensions")));
                    }
                    shape.push(size);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Sizes)
    }
}
