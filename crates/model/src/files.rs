//! A model's files, by name: those of a folder on disk, or of a folder in a brick.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ModelError;
use crate::map::{Blob, map};

/// Where a model's files lie beside each other.
#[derive(Clone)]
pub(crate) enum Folder {
    Disk(PathBuf),
    /// The folder of this name in a brick; empty for the brick itself.
    Brick(Arc<Files>, String),
}

/// The files of a brick, by their names: `/` between folders.
pub(crate) struct Files {
    /// The brick, for messages.
    pub path: PathBuf,
    pub by_name: BTreeMap<String, Blob>,
}

impl Folder {
    /// The folder, for messages.
    pub fn path(&self) -> PathBuf {
        match self {
            Folder::Disk(path) => path.clone(),
            Folder::Brick(files, folder) if folder.is_empty() => files.path.clone(),
            Folder::Brick(files, folder) => files.path.join(folder),
        }
    }

    /// A file of it, for messages; whether it is there or not.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Whether there is such a file.
    pub fn has(&self, name: impl AsRef<Path>) -> bool {
        match self {
            Folder::Disk(path) => path.join(name).is_file(),
            Folder::Brick(files, folder) => in_brick(files, folder, name.as_ref()).is_some(),
        }
    }

    /// Names of its own files, sorted; on disk also of its folders. Those that are not UTF-8 cannot be any that are looked for.
    pub fn names(&self) -> Result<Vec<String>, ModelError> {
        let mut names = Vec::new();
        match self {
            Folder::Disk(path) => {
                for entry in std::fs::read_dir(path).map_err(|e| ModelError::io(path, e))? {
                    let entry = entry.map_err(|e| ModelError::io(path, e))?;
                    names.extend(entry.file_name().into_string());
                }
            }
            Folder::Brick(files, folder) => {
                let within = |name: &str| match folder.as_str() {
                    "" => Some(name.to_owned()),
                    folder => Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned()),
                };
                names.extend(files.by_name.keys().filter_map(|name| within(name)).filter(|name| !name.contains('/')));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If there is no such file, or it is empty, or cannot be mapped.
    pub fn open(&self, name: impl AsRef<Path>) -> Result<Blob, ModelError> {
        match self {
            Folder::Disk(path) => map(&path.join(name)),
            Folder::Brick(files, folder) => {
                let blob = in_brick(files, folder, name.as_ref());
                let blob = blob.ok_or_else(|| {
                    ModelError::missing(
                        &self.file(&name),
                        "the file",
                        "put it into the brick's folder and pack it again",
                    )
                })?;
                match blob.as_ref().is_empty() {
                    true => Err(ModelError::malformed(&self.file(&name), "file", "is empty; make the brick again")),
                    false => Ok(blob.clone()),
                }
            }
        }
    }
}

fn in_brick<'a>(files: &'a Files, folder: &str, name: &Path) -> Option<&'a Blob> {
    let name = name.to_str()?;
    match folder {
        "" => files.by_name.get(name),
        folder => files.by_name.get(&format!("{folder}/{name}")),
    }
}
