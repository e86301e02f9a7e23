//! Named tensors over memory maps, whatever file format they come from.

mod folder;
mod gguf_file;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::Metadata;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use whit_kernels::Format;

use crate::ModelError;
use crate::error::shorten;
use crate::files::{Files, Folder};
use crate::map::Blob;

/// A read-only file in memory, shared by everything that points into it.
pub type FileBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The tensors and the configuration of a model, opened but not read: pages come in as they are touched.
pub struct Checkpoint {
    /// What was opened: a GGUF file (the first part of a split one) or a Hugging Face folder; on disk, or in a brick.
    pub path: PathBuf,
    /// The configuration that came with the tensors.
    pub config: Config,
    /// Where its files lie beside each other.
    pub(crate) folder: Folder,
    pub(crate) files: Vec<TensorFile>,
    pub(crate) tensors: HashMap<String, TensorEntry>,
    /// Tensors whit cannot read, by name: a stray buffer does no harm until it is asked for.
    pub(crate) unreadable: HashMap<String, UnreadableTensor>,
}

/// The configuration as its source keeps it.
pub enum Config {
    /// A GGUF header's key-value pairs.
    Gguf(crate::gguf::Metadata),
    /// `config.json` of a Hugging Face folder.
    HuggingFace(serde_json::Map<String, serde_json::Value>),
}

/// A file that tensors lie in.
pub(crate) struct TensorFile {
    /// For messages: on disk, or in a brick.
    pub path: PathBuf,
    pub bytes: Blob,
}

impl TensorFile {
    fn open(folder: &Folder, name: impl AsRef<Path>) -> Result<TensorFile, ModelError> {
        Ok(TensorFile { bytes: folder.open(&name)?, path: folder.file(name) })
    }
}

/// Where a tensor lies.
pub(crate) struct TensorEntry {
    pub format: Format,
    /// Outermost first, as Hugging Face writes it: a matrix is `[rows, cols]`.
    pub shape: Vec<usize>,
    /// Index into [`Checkpoint::files`].
    pub file: usize,
    pub bytes: Range<usize>,
}

/// A tensor that is there, but only to be refused.
pub(crate) struct UnreadableTensor {
    pub reason: Unreadable,
    pub file: usize,
}

pub(crate) enum Unreadable {
    /// Its numbers are of this type, by safetensors' name.
    Type(String),
    /// One of its dimensions is zero.
    Empty,
}

/// One tensor, borrowed from its checkpoint.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    /// Name in the checkpoint.
    pub name: &'a str,
    /// How its numbers lie.
    pub format: Format,
    /// Outermost first: a matrix is `[rows, cols]`; `cols` is contiguous.
    pub shape: &'a [usize],
    /// Exactly the bytes of `shape` in `format`.
    pub bytes: &'a [u8],
}

impl Checkpoint {
    /// Opens a GGUF file (any part of a split one opens them all) or a Hugging Face folder.
    ///
    /// Reads headers and configuration only; memory is bounded by their size, whatever they claim.
    ///
    /// # Errors
    /// [`ModelError`] names the file, the item and the mend for anything missing, damaged or not supported.
    pub fn open(path: &Path) -> Result<Checkpoint, ModelError> {
        let metadata = std::fs::metadata(path).map_err(|e| ModelError::io(path, e))?;
        if metadata.is_dir() {
            return folder::open(Folder::Disk(path.to_owned()));
        }
        let folder = Folder::Disk(path.parent().unwrap_or(Path::new("")).to_owned());
        gguf_file::open(folder, path.file_name().map_or(path, Path::new))
    }

    /// As [`Checkpoint::open`], of files that lie in a brick: the GGUF file `name`, or the folder of that name.
    pub(crate) fn open_in_brick(files: &Arc<Files>, name: &str) -> Result<Checkpoint, ModelError> {
        if !files.by_name.contains_key(name) {
            return folder::open(Folder::Brick(files.clone(), name.to_owned()));
        }
        let (folder, name) = name.rsplit_once('/').unwrap_or(("", name));
        gguf_file::open(Folder::Brick(files.clone(), folder.to_owned()), Path::new(name))
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// [`ModelError`] naming the tensor and the file if there is none, or if it is empty or of a type whit does not read.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, ModelError> {
        match self.tensors.get_key_value(name) {
            Some((name, entry)) => Ok(self.view(name, entry)),
            None => Err(self.no_tensor(name)),
        }
    }

    /// Whether there is a tensor `name`, be it one that [`Checkpoint::tensor`] refuses.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name) || self.unreadable.contains_key(name)
    }

    /// All tensors that can be read, in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        let mut entries: Vec<_> = self.tensors.iter().collect();
        entries.sort_unstable_by_key(|&(name, _)| name);
        entries.into_iter().map(|(name, entry)| self.view(name, entry))
    }

    /// The file a tensor lies in, and where: for those who keep pointing into it (the embedding table). It is at no particular alignment.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`].
    pub fn location(&self, name: &str) -> Result<(FileBytes, Range<usize>), ModelError> {
        let entry = self.tensors.get(name).ok_or_else(|| self.no_tensor(name))?;
        Ok((Arc::new(self.files[entry.file].bytes.clone()), entry.bytes.clone()))
    }

    /// Lets go of the pages of tensor `name` that are in memory. Nothing changes but the time the next look at it takes.
    pub fn release(&self, name: &str) {
        if let Some(entry) = self.tensors.get(name) {
            self.files[entry.file].bytes.release(entry.bytes.clone());
        }
    }

    /// The files on disk that tensors lie in, each with what the system said of it when it was opened: enough to know it again. `None`
    /// if they lie in the program itself.
    pub fn files(&self) -> Option<Vec<(&Path, &Metadata)>> {
        self.files.iter().map(|file| file.bytes.file()).collect()
    }

    /// The path of the file that holds `name`, for messages about it; the checkpoint's own if there is no such tensor.
    pub fn file_of(&self, name: &str) -> &Path {
        let readable = self.tensors.get(name).map(|entry| entry.file);
        let file = readable.or_else(|| self.unreadable.get(name).map(|entry| entry.file));
        file.map_or(&self.path, |file| &self.files[file].path)
    }

    /// Number of weights in all tensors that can be read.
    pub fn parameters(&self) -> u64 {
        self.tensors.values().map(TensorEntry::elements).sum()
    }

    /// Bytes of all tensors that can be read.
    pub fn tensor_bytes(&self) -> u64 {
        self.tensors.values().map(|entry| entry.bytes.len() as u64).sum()
    }

    /// Bytes of the tensors that can be read, by format.
    pub fn bytes_by_format(&self) -> BTreeMap<Format, u64> {
        let mut sums = BTreeMap::new();
        for entry in self.tensors.values() {
            *sums.entry(entry.format).or_default() += entry.bytes.len() as u64;
        }
        sums
    }

    fn view<'a>(&'a self, name: &'a str, entry: &'a TensorEntry) -> Tensor<'a> {
        let file = self.files[entry.file].bytes.as_ref();
        Tensor { name, format: entry.format, shape: &entry.shape, bytes: &file[entry.bytes.clone()] }
    }

    fn no_tensor(&self, name: &str) -> ModelError {
        let item = format!("tensor {}", shorten(name));
        match self.unreadable.get(name) {
            Some(UnreadableTensor { reason, file }) => {
                let problem = match reason {
                    Unreadable::Empty => "has a dimension of zero; download or convert the model again".into(),
                    Unreadable::Type(dtype) => format!(
                        "its type is {}, and whit reads F32, F16 and BF16; convert the model to one of these",
                        shorten(dtype)
                    ),
                };
                ModelError::unsupported(&self.files[*file].path, item, problem)
            }
            None => ModelError::missing(
                &self.path,
                item,
                format!("none of the {} tensors has this name; download the model again, complete", self.tensors.len()),
            ),
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("path", &self.path)
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

impl TensorEntry {
    /// Number of weights. Does not overflow: the readers checked that the product of the dimensions fits.
    fn elements(&self) -> u64 {
        self.shape.iter().map(|&size| size as u64).product()
    }
}
