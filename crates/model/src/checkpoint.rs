//! Named tensors over memory maps, whatever file format they come from.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use whit_kernels::Format;

use crate::ModelError;

/// A read-only file in memory, shared by everything that points into it.
pub type FileBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The tensors and the configuration of a model, opened but not read: pages come in as they are touched.
pub struct Checkpoint {
    /// What was opened: a GGUF file (the first part of a split one) or a Hugging Face folder.
    pub path: PathBuf,
    /// The configuration that came with the tensors.
    pub config: Config,
    pub(crate) files: Vec<FileBytes>,
    pub(crate) tensors: HashMap<String, TensorEntry>,
}

/// The configuration as its source keeps it.
pub enum Config {
    /// A GGUF header's key-value pairs.
    Gguf(crate::gguf::Metadata),
    /// `config.json` of a Hugging Face folder.
    HuggingFace(serde_json::Map<String, serde_json::Value>),
}

/// Where a tensor lies.
pub(crate) struct TensorEntry {
    pub format: Format,
    /// Outermost first, as Hugging Face writes it: a matrix is `[rows, cols]`.
    pub shape: Vec<usize>,
    pub file: usize,
    pub bytes: Range<usize>,
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
    /// # Errors
    /// [`ModelError`] names the file, the item and the mend for anything missing, damaged or not supported.
    pub fn open(path: &Path) -> Result<Checkpoint, ModelError> {
        todo!("{path:?}")
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// [`ModelError`] naming the tensor and the file if there is none.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, ModelError> {
        todo!("{name:?}")
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// All tensors, in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        std::iter::empty()
    }

    /// The file a tensor lies in, and where: for those who keep pointing into it (the embedding table).
    pub fn location(&self, name: &str) -> Result<(FileBytes, Range<usize>), ModelError> {
        todo!("{name:?}")
    }
}
