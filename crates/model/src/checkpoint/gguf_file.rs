//! A model in one GGUF file, or in a split one: `NAME-00001-of-0000N.gguf` and so on, each a GGUF file of its own.
//!
//! The first part carries the configuration; every part says which it is (`split.no`, counted from 0) and of how many
//! (`split.count`); the first says how many tensors there are together (`split.tensors.count`). Source: llama.cpp,
//! tools/gguf-split.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Checkpoint, Config, TensorEntry, TensorFile};
use crate::ModelError;
use crate::brick;
use crate::error::shorten;
use crate::files::Folder;
use crate::gguf::{self, Header, Metadata};

/// Opens the model that the GGUF file `name` of `folder` is, or is a part of.
pub(super) fn open(folder: Folder, name: &Path) -> Result<Checkpoint, ModelError> {
    let file = TensorFile::open(&folder, name)?;
    recognise(&file.path, file.bytes.as_ref())?;
    let header = gguf::parse(&file.path, file.bytes.as_ref())?;
    match split_number(&header.metadata, "split.count", &file.path)? {
        None | Some(0 | 1) => assemble(folder, vec![(file, header)]),
        Some(count) => open_parts(folder, count, file, header),
    }
}

/// Opens all `count` parts of a split model, of which one is already open.
fn open_parts(folder: Folder, count: u64, given: TensorFile, header: Header) -> Result<Checkpoint, ModelError> {
    let path = given.path.clone();
    let malformed = |item: &str, problem: String| ModelError::malformed(&path, item, problem);
    let given_number = split_number(&header.metadata, "split.no", &path)?
        .ok_or_else(|| malformed("key split.no", "is missing beside split.count; split the model again".into()))?;
    if given_number >= count {
        return Err(malformed(
            "key split.no",
            format!("is {given_number}, but there are {count} parts, counted from 0; split the model again"),
        ));
    }
    let suffix = part_suffix(given_number, count);
    let Some(stem) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(&*suffix))
    else {
        let problem = format!(
            "is part {} of {count} of a split model, so its name must end in {suffix}; rename it",
            given_number + 1
        );
        return Err(malformed("file name", problem));
    };

    let mut given = Some((given, header));
    let mut parts = Vec::new();
    for number in 0..count {
        if number == given_number
            && let Some(part) = given.take()
        {
            parts.push(part);
            continue;
        }
        parts.push(open_part(&folder, &format!("{stem}{}", part_suffix(number, count)), number, count)?);
    }

    let first = &parts[0];
    let expected = split_number(&first.1.metadata, "split.tensors.count", &first.0.path)?;
    let found: usize = parts.iter().map(|(_, header)| header.tensors.len()).sum();
    if let Some(expected) = expected
        && expected != found as u64
    {
        let problem = format!("is {expected}, but the {count} parts hold {found} tensors; download all parts again");
        return Err(ModelError::malformed(&first.0.path, "key split.tensors.count", problem));
    }
    assemble(folder, parts)
}

/// Opens part `number` (from 0) of `count` and checks that it is that one.
fn open_part(folder: &Folder, name: &str, number: u64, count: u64) -> Result<(TensorFile, Header), ModelError> {
    if !folder.has(name) {
        let item = format!("part {} of {count} of the model", number + 1);
        return Err(ModelError::missing(&folder.file(name), item, "download it into the same folder"));
    }
    let file = TensorFile::open(folder, name)?;
    let path = &file.path;
    recognise(path, file.bytes.as_ref())?;
    let header = gguf::parse(path, file.bytes.as_ref())?;
    for (key, expected) in [("split.no", number), ("split.count", count)] {
        let found = split_number(&header.metadata, key, path)?;
        if found != Some(expected) {
            let found = found.map_or("missing".into(), |n| n.to_string());
            let problem = format!("is {found} where {expected} belongs: a part of another model? download it again");
            return Err(ModelError::malformed(path, format!("key {key}"), problem));
        }
    }
    Ok((file, header))
}

fn part_suffix(number: u64, count: u64) -> String {
    format!("-{:05}-of-{count:05}.gguf", number + 1)
}

/// A number of the `split.` family; at most 16 bits, as llama.cpp writes it, but for the sum of the tensors.
fn split_number(metadata: &Metadata, key: &str, path: &Path) -> Result<Option<u64>, ModelError> {
    let Some(value) = metadata.get(key) else { return Ok(None) };
    match value.as_u64() {
        Some(number) => Ok(Some(number)),
        None => Err(ModelError::malformed(path, format!("key {key}"), "must be a whole number; split the model again")),
    }
}

/// One checkpoint of all parts; the configuration is the first one's.
fn assemble(folder: Folder, parts: Vec<(TensorFile, Header)>) -> Result<Checkpoint, ModelError> {
    let mut files = Vec::with_capacity(parts.len());
    let mut tensors = HashMap::with_capacity(parts.iter().map(|(_, header)| header.tensors.len()).sum());
    let mut config = None;
    let mut path = PathBuf::new();
    for (file, header) in parts {
        if config.is_none() {
            config = Some(header.metadata);
            path.clone_from(&file.path);
        }
        for info in header.tensors {
            let entry = TensorEntry { format: info.format, shape: info.shape, file: files.len(), bytes: info.bytes };
            if tensors.contains_key(&info.name) {
                let problem = "is in an earlier part too; download all parts again";
                return Err(ModelError::malformed(&file.path, format!("tensor {}", shorten(&info.name)), problem));
            }
            tensors.insert(info.name, entry);
        }
        files.push(file);
    }
    Ok(Checkpoint {
        path,
        config: Config::Gguf(config.unwrap_or_default()),
        folder,
        files,
        tensors,
        unreadable: HashMap::new(),
    })
}

/// Says what a file is that is not GGUF, where that can be told, so that the message can say what to do instead.
fn recognise(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let unsupported = |what: &str| Err(ModelError::unsupported(path, "file", what));
    if bytes.starts_with(b"GGUF") {
        return Ok(());
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return unsupported("is a git-lfs pointer, not the model itself; fetch it with `git lfs pull`, or download it");
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return unsupported(
            "is a PyTorch or zip file, which whit does not read; use the model's safetensors or GGUF version",
        );
    }
    if [b"lmgg", b"fmgg", b"tjgg", b"algg"].iter().any(|magic| bytes.starts_with(*magic)) {
        return unsupported("is in a GGML format from before GGUF; download or convert the GGUF version");
    }
    if brick::is_tar(bytes) {
        return unsupported(
            "is a brick, or another archive; whit brick inspect says what a brick is, whit run --brick runs it",
        );
    }
    if bytes.get(8) == Some(&b'{') && bytes.get(5..8) == Some(&[0, 0, 0]) {
        return unsupported("is a safetensors file; give the folder that holds it and its config.json");
    }
    let beginning = &bytes[..bytes.len().min(256)];
    if beginning.iter().all(|&b| b >= b' ' || b.is_ascii_whitespace()) {
        let text = String::from_utf8_lossy(&beginning[..beginning.len().min(40)]);
        let what = format!("is text (\"{}\"), not a model; give a .gguf file or a Hugging Face folder", shorten(&text));
        return unsupported(&what);
    }
    let problem = "does not begin with \"GGUF\"; give a .gguf file or a Hugging Face folder, or download it again";
    Err(ModelError::malformed(path, "header", problem))
}
