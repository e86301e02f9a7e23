//! From a brick's folder to its `.brick` file: the same files give the same bytes, whoever packs them and when.

use std::io::{BufWriter, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use whit_model::Brick;

use crate::{TuneError, hex};

/// A `.brick` file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// How many files are in it.
    pub files: usize,
    /// Its size.
    pub bytes: u64,
    /// Of the whole file, in hexadecimal digits.
    pub sha256: String,
}

/// Writes all files of `brick` to `to`, in the order of their names, without owners or times; replaces what is there in one go, once
/// what was written has been read again.
///
/// # Errors
/// [`TuneError::Inside`] if that is in the brick's own folder; [`TuneError::Write`] if the system does not let it; [`TuneError::Model`] if a
/// file is too large for the archive, 8 GiB.
pub fn pack(brick: &Brick, to: &Path) -> Result<Packed, TuneError> {
    let failed = |source| TuneError::write(to, source);
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !brick.is_archive() && is_within(folder, brick.path()).map_err(failed)? {
        return Err(TuneError::Inside(to.to_owned()));
    }
    // In the same folder, so that it can take the place of what is there.
    let file = tempfile::Builder::new().prefix(".whit-pack-").tempfile_in(folder).map_err(failed)?;
    let mut archive = Builder::new(Counted { to: BufWriter::new(&file), hash: Sha256::new(), bytes: 0 });
    let mut files = 0;
    for (name, bytes) in brick.files() {
        let mut header = Header::new_ustar();
        header.set_path(name).map_err(failed)?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        archive.append(&header, bytes).map_err(failed)?;
        files += 1;
    }
    let Counted { to: mut writer, hash, bytes } = archive.into_inner().map_err(failed)?;
    writer.flush().map_err(failed)?;
    drop(writer);
    file.as_file().sync_all().map_err(failed)?;
    Brick::open(file.path())?;
    readable_by_all(file.path()).map_err(failed)?;
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(Packed { files, bytes, sha256: hex(&hash.finalize()) })
}

fn is_within(folder: &Path, other: &Path) -> std::io::Result<bool> {
    Ok(folder.canonicalize()?.starts_with(other.canonicalize()?))
}

/// What is written, counted and hashed on its way.
struct Counted<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// A temporary file is its owner's alone; a brick is to be given away.
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
