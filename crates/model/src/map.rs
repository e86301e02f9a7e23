//! Files as bytes: the only `unsafe` of this crate.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::ModelError;
use crate::checkpoint::FileBytes;

/// Maps a whole file. Pages are read as they are touched.
pub(crate) fn map(path: &Path) -> Result<Arc<Mmap>, ModelError> {
    map_with_metadata(path).map(|(map, _)| map)
}

/// As [`map`]; and what the system says of the very file that was mapped, whatever becomes of its name.
pub(crate) fn map_with_metadata(path: &Path) -> Result<(Arc<Mmap>, Metadata), ModelError> {
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
    Ok((Arc::new(map), metadata))
}

/// Maps all of an open file that is going to be read from beginning to end, time and again: in huge pages, if the system
/// has them for files.
///
/// # Errors
/// What the system says; an empty file cannot be mapped.
pub fn map_resident(file: &File) -> io::Result<FileBytes> {
    // SAFETY: as in `map_with_metadata`: read-only and private. The files mapped here are whit's own copies, which are
    // replaced or removed, never written again.
    let map = unsafe { Mmap::map(file) }?;
    // A refusal leaves small pages, which are slower by a few per cent and no less right.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(Arc::new(map))
}

/// Lets go of the pages of `bytes` (a part of the file) that are in memory; they are read again when they are touched.
pub(crate) fn release(map: &Mmap, bytes: Range<usize>) {
    #[cfg(unix)]
    if !bytes.is_empty() {
        // SAFETY: the map is read-only and backed by its file, so a dropped page comes back with the bytes it had.
        // A refusal only leaves the pages where they are.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, bytes.start, bytes.len()) };
    }
    #[cfg(not(unix))]
    let _ = (map, bytes);
}
