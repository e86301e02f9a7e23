//! Files as bytes: the only `unsafe` of this crate.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::ModelError;
use crate::checkpoint::FileBytes;

/// The bytes of a file, read-only and shared by everything that points into them. The file may be one on disk, a part of one (of an
/// archive), or a part of the program; only the first begins at a page. Whoever reads them must not count on any alignment.
#[derive(Clone)]
pub(crate) struct Blob {
    of: Of,
    /// Within what they are of: all of it there.
    range: Range<usize>,
}

#[derive(Clone)]
enum Of {
    Disk(Arc<MappedFile>),
    Program(&'static [u8]),
}

/// A whole file of the disk.
struct MappedFile {
    map: Mmap,
    path: PathBuf,
    /// What the system says of the very file that was mapped, whatever becomes of its name.
    metadata: Metadata,
}

impl Blob {
    /// Bytes that the program has in itself.
    pub fn of_program(bytes: &'static [u8]) -> Blob {
        Blob { of: Of::Program(bytes), range: 0..bytes.len() }
    }

    /// A part of them; `None` if it does not all lie there.
    pub fn part(&self, range: Range<usize>) -> Option<Blob> {
        self.as_ref().get(range.clone())?;
        let start = self.range.start;
        Some(Blob { of: self.of.clone(), range: start + range.start..start + range.end })
    }

    /// The file on disk that they lie in, all of it; `None` if that is the program.
    pub fn file(&self) -> Option<(&Path, &Metadata)> {
        match &self.of {
            Of::Disk(file) => Some((&file.path, &file.metadata)),
            Of::Program(_) => None,
        }
    }

    /// Lets go of the pages of `bytes` (a part of these) that are in memory; they are read again when they are touched.
    pub fn release(&self, bytes: Range<usize>) {
        #[cfg(unix)]
        if let (Of::Disk(file), false) = (&self.of, bytes.is_empty())
            && bytes.end <= self.range.len()
        {
            let (map, start) = (&file.map, self.range.start + bytes.start);
            // SAFETY: the map is read-only and backed by its file, so a dropped page comes back with the bytes it had; all of the
            // pages are the map's. A refusal only leaves them where they are.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, bytes.len()) };
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        let all = match &self.of {
            Of::Disk(file) => &*file.map,
            Of::Program(bytes) => bytes,
        };
        &all[self.range.clone()]
    }
}

/// Maps a whole file. Pages are read as they are touched.
pub(crate) fn map(path: &Path) -> Result<Blob, ModelError> {
    // Before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(|e| ModelError::io(path, e))?;
    if !metadata.is_file() {
        return Err(ModelError::malformed(
            path,
            "file",
            "not a regular file; give a .gguf file or a Hugging Face folder",
        ));
    }
    if metadata.len() == 0 {
        return Err(ModelError::malformed(path, "file", "is empty; download it again"));
    }
    let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
    // SAFETY: The map is read-only and private to this process, so only another program that changes the file can break
    // the promise that `&[u8]` does not change. If it overwrites bytes, numbers change under the model: the readers copy
    // what they check (names, lengths) before they check it, and weights have no invalid values, so wrong answers are the
    // worst of it. If it truncates the file, touching a page that is gone ends the process with SIGBUS: no memory is
    // corrupted. Preventing either would take a copy of the whole model.
    let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(path, e))?;
    let metadata = file.metadata().map_err(|e| ModelError::io(path, e))?;
    let range = 0..map.len();
    Ok(Blob { of: Of::Disk(Arc::new(MappedFile { map, path: path.to_owned(), metadata })), range })
}

/// Maps all of an open file that is going to be read from beginning to end, time and again: in huge pages, if the system
/// has them for files.
///
/// # Errors
/// What the system says; an empty file cannot be mapped.
pub fn map_resident(file: &File) -> io::Result<FileBytes> {
    // SAFETY: as in `map`: read-only and private. The files mapped here are whit's own copies, which are
    // replaced or removed, never written again.
    let map = unsafe { Mmap::map(file) }?;
    // A refusal leaves small pages, which are slower by a few per cent and no less right.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(Arc::new(map))
}
