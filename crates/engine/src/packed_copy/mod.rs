//! Packed weights kept on disk, so that a model that was loaded once starts without packing it again.
//!
//! A copy is found by its source's files (path, size, times), which costs a look at the file system; or, if those have
//! changed, by a digest of what they hold. Copies are mapped, and every byte is checked against its checksum at every start,
//! which reads the pages in that the first token needs anyway. A copy that is missing, damaged, of another layout or
//! unreadable only costs the time of packing: nothing here makes a load fail.

mod file;
mod folder;
mod key;
mod writer;

use std::path::PathBuf;
use std::time::SystemTime;

use file::{Footer, NoCopy};
use folder::{CopyName, Folder};
pub(crate) use key::ContentHash;
use key::{Digest, Source};
use whit_kernels::{SharedBytes, Team};
use whit_model::Checkpoint;
pub(crate) use writer::Writer;

use crate::EngineError;
use crate::weights::{Packed, Wanted};

/// Where packed copies of weights are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCopies {
    /// A folder for them alone. It is made when the first is written.
    pub folder: PathBuf,
    /// Bytes they may take together: the ones not used for longest make room. 0: none is read or written.
    pub limit: u64,
}

/// A packed copy on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCopy {
    /// Its file.
    pub path: PathBuf,
    /// Digest of the weights it was packed from, 32 hexadecimal digits.
    pub content: String,
    /// Version of the layout, instruction set and architecture it was packed for; `None` if the file is damaged.
    pub layout: Option<(u32, String)>,
    /// Size of the file.
    pub bytes: u64,
    /// To the hour.
    pub last_used: SystemTime,
    /// Paths of the models it is known to be of, as they were given.
    pub models: Vec<String>,
}

/// Where the weights of an engine come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsSource {
    /// Packed from the model's files.
    Packed,
    /// The packed copy that an earlier load left, mapped.
    Copy,
    /// Packed from the model's files, because the packed copy was damaged; it has been removed.
    DamagedCopy {
        /// The file it was.
        path: PathBuf,
        /// What was wrong with it.
        problem: String,
    },
}

impl PackedCopies {
    /// The copies there are, the one used last first.
    pub fn list(&self) -> Vec<PackedCopy> {
        let folder = Folder(self.folder.clone());
        let models = folder.models();
        let known = |copy: CopyName| {
            let mut known: Vec<String> = models.iter().filter(|(of, _)| *of == copy).map(|(_, m)| m.clone()).collect();
            known.sort_unstable();
            known.dedup();
            known
        };
        let copy = |copy: folder::Copy| PackedCopy {
            content: copy.name.content.to_string(),
            layout: Footer::of_file(&copy.path).ok().map(|footer| (footer.layout, footer.label)),
            bytes: copy.bytes,
            last_used: copy.last_used,
            models: known(copy.name),
            path: copy.path,
        };
        folder.copies().into_iter().map(copy).collect()
    }

    /// Removes all copies, and whatever else of them is in the folder; files that are not whit's stay. Returns the number
    /// of copies and of bytes removed. An engine that uses a copy goes on undisturbed where the system lets it be removed.
    ///
    /// # Errors
    /// [`EngineError::Copies`] if a file cannot be removed.
    pub fn clear(&self) -> Result<(usize, u64), EngineError> {
        Folder(self.folder.clone()).clear().map_err(|(path, source)| EngineError::Copies { path, source })
    }
}

/// Packed weights, and what is to be done once they have proved to be of use.
pub(crate) struct Loaded {
    pub packed: Packed,
    pub source: WeightsSource,
    pub afterwards: Afterwards,
}

/// What a load leaves for the next one.
pub(crate) enum Afterwards {
    Nothing,
    /// The copy was found by its content: next time it shall be found sooner.
    Remember(Plan),
    Write(Plan),
}

/// What there is to know for that.
pub(crate) struct Plan {
    folder: Folder,
    limit: u64,
    source: Source,
    copy: CopyName,
    /// The model's path as it was given.
    model: PathBuf,
    /// The model's files.
    files: Vec<PathBuf>,
    /// The instruction set and architecture.
    label: String,
}

/// The packed weights of a checkpoint: from a copy, if `copies` has one, or else packed now. `progress` hears (bytes ready,
/// bytes in all).
pub(crate) fn load(
    checkpoint: &Checkpoint,
    wanted: Vec<Wanted>,
    copies: Option<&PackedCopies>,
    team: &mut Team,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Loaded, EngineError> {
    let bytes = wanted.last().map_or(0, Wanted::end);
    let shape = key::shape(&wanted, team.isa());
    let copies = copies.filter(|copies| copies.limit > 0 && bytes > 0);
    let Some((copies, source)) = copies.and_then(|copies| Some((copies, Source::opened(checkpoint, shape)?))) else {
        let packed = Packed::pack(checkpoint, wanted, team, None, progress)?;
        return Ok(Loaded { packed, source: WeightsSource::Packed, afterwards: Afterwards::Nothing });
    };
    let mut shelf = Shelf { folder: Folder(copies.folder.clone()), limit: copies.limit, bytes, damaged: None };

    let known = shelf.folder.copy_of(&source).filter(|copy| copy.shape == shape);
    if let Some(mapped) = known.and_then(|copy| shelf.open(copy, team)) {
        progress(bytes as u64, bytes as u64);
        let packed = Packed::copied(mapped, wanted, true);
        return Ok(Loaded { packed, source: WeightsSource::Copy, afterwards: Afterwards::Nothing });
    }

    let isa = team.isa();
    let plan = |content, folder| Plan {
        folder,
        limit: copies.limit,
        source,
        copy: CopyName { content, shape },
        model: std::path::absolute(&checkpoint.path).unwrap_or_else(|_| checkpoint.path.clone()),
        files: checkpoint.files().into_iter().flatten().map(|(path, _)| path.to_owned()).collect(),
        label: format!("{} on {}", isa.name(), std::env::consts::ARCH),
    };
    // To look for the content takes reading all of it, which only pays if there may be such a copy.
    let mut content = None;
    if shelf.folder.copies().iter().any(|copy| copy.name.shape == shape) {
        let digest = content_of(checkpoint, &wanted, team)?;
        if let Some(mapped) = shelf.open(CopyName { content: digest, shape }, team) {
            progress(bytes as u64, bytes as u64);
            let packed = Packed::copied(mapped, wanted, false);
            let afterwards = Afterwards::Remember(plan(digest, shelf.folder));
            return Ok(Loaded { packed, source: WeightsSource::Copy, afterwards });
        }
        content = Some(digest);
    }

    let mut hash = ContentHash::new();
    let packed = Packed::pack(checkpoint, wanted, team, content.is_none().then_some(&mut hash), progress)?;
    let afterwards = Afterwards::Write(plan(content.unwrap_or_else(|| hash.finish()), shelf.folder));
    let source = match shelf.damaged {
        Some((path, problem)) => WeightsSource::DamagedCopy { path, problem },
        None => WeightsSource::Packed,
    };
    Ok(Loaded { packed, source, afterwards })
}

/// The digest of all that is `wanted`.
fn content_of(checkpoint: &Checkpoint, wanted: &[Wanted], team: &mut Team) -> Result<Digest, EngineError> {
    let mut hash = ContentHash::new();
    for matrix in wanted {
        let tensor = checkpoint.tensor(&matrix.tensor.name)?;
        hash.add(&tensor, team);
        checkpoint.release(tensor.name);
    }
    Ok(hash.finish())
}

/// The folder, looked through for one model.
struct Shelf {
    folder: Folder,
    /// Bytes that all copies may take.
    limit: u64,
    /// Bytes of its packed weights.
    bytes: usize,
    /// The copy of it that was of no use, and why.
    damaged: Option<(PathBuf, String)>,
}

impl Shelf {
    /// The bytes of a copy, if it is there and sound. A damaged one is removed.
    fn open(&mut self, copy: CopyName, team: &mut Team) -> Option<SharedBytes> {
        let path = self.folder.copy(copy);
        match file::open(&path, copy, self.bytes, team) {
            Ok(bytes) => {
                self.folder.touch(copy);
                // The limit may have been larger when they were written.
                self.folder.keep_within(self.limit, Some(copy));
                Some(bytes)
            }
            Err(NoCopy::Absent) => None,
            Err(NoCopy::Damaged(problem)) => {
                // If it cannot be removed, the next start says so again.
                let _ = std::fs::remove_file(&path);
                self.damaged = Some((path, problem));
                None
            }
        }
    }
}
