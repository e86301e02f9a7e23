//! The cache on disk, laid out as huggingface_hub lays it out:
//!
//! ```text
//! models--OWNER--NAME/refs/main                  the commit that `main` was when last asked
//! models--OWNER--NAME/blobs/ETAG                 contents
//! models--OWNER--NAME/blobs/ETAG.incomplete      contents on their way
//! models--OWNER--NAME/snapshots/COMMIT/a/b.gguf  a link to the blob
//! .locks/models--OWNER--NAME/ETAG.lock           held while a blob is written
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{HubError, is_plain_name};

/// One repository's part of the cache.
pub struct Cache {
    folder: PathBuf,
    locks: PathBuf,
}

/// The files of one commit.
pub struct Snapshot {
    folder: PathBuf,
}

/// Says where it happened.
pub fn at(path: &Path) -> impl Fn(io::Error) -> HubError + '_ {
    move |source| HubError::Io { path: path.to_owned(), source }
}

/// The path of a file of a repository, if its name stays below the folder it is put in.
///
/// # Errors
/// If a component is empty, `.` or `..`, or has a character that means something to a file system.
pub fn relative(name: &str) -> Result<PathBuf, HubError> {
    let harmless = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.contains(|c: char| c.is_control() || "\\:".contains(c))
    };
    if name.split('/').all(harmless) {
        Ok(name.split('/').collect())
    } else {
        Err(HubError::Refused(format!(
            "the hub names a file '{}', which would not stay in its folder; whit does not write it",
            name.escape_debug()
        )))
    }
}

impl Cache {
    /// That of `repository` (`OWNER/NAME`, checked before) below `root`.
    pub fn new(root: &Path, repository: &str) -> Cache {
        let name = format!("models--{}", repository.replace('/', "--"));
        Cache { folder: root.join(&name), locks: root.join(".locks").join(name) }
    }

    /// The files of `revision`, if it was ever fetched.
    pub fn snapshot(&self, revision: &str) -> Option<Snapshot> {
        let known = fs::read_to_string(self.folder.join("refs").join(revision)).ok();
        let commit = known.as_deref().map(str::trim).unwrap_or(revision);
        let folder = self.folder.join("snapshots").join(commit);
        (is_plain_name(commit) && folder.is_dir()).then_some(Snapshot { folder })
    }

    /// Where the files of `commit` go.
    pub fn new_snapshot(&self, commit: &str) -> Snapshot {
        Snapshot { folder: self.folder.join("snapshots").join(commit) }
    }

    /// Remembers what `revision` is. A revision that is a commit needs no remembering.
    pub fn set_revision(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit {
            return Ok(());
        }
        let refs = self.folder.join("refs");
        fs::create_dir_all(&refs).map_err(at(&refs))?;
        let path = refs.join(revision);
        fs::write(&path, commit).map_err(at(&path))
    }

    /// Where contents with this ETag lie; their folder is there.
    pub fn blob(&self, etag: &str) -> Result<PathBuf, HubError> {
        let blobs = self.folder.join("blobs");
        fs::create_dir_all(&blobs).map_err(at(&blobs))?;
        Ok(blobs.join(etag))
    }

    /// Waits until no other process writes these contents. Let go of when dropped.
    pub fn lock(&self, etag: &str, say: &mut dyn FnMut(String)) -> Result<File, HubError> {
        fs::create_dir_all(&self.locks).map_err(at(&self.locks))?;
        let path = self.locks.join(format!("{etag}.lock"));
        let file = File::options().create(true).append(true).open(&path).map_err(at(&path))?;
        if file.try_lock().is_err() {
            say("another process is downloading this file; waiting for it".into());
            file.lock().map_err(at(&path))?;
        }
        Ok(file)
    }
}

impl Snapshot {
    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the file `name`, whether or not it is there.
    pub fn file(&self, name: &str) -> Result<PathBuf, HubError> {
        Ok(self.folder.join(relative(name)?))
    }

    /// Whether the file `name` is there, contents and all.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_ok_and(|path| path.is_file())
    }

    /// All files that are there, by their names in the repository.
    pub fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let (path, name) = (entry.path(), format!("{prefix}{name}"));
                if path.is_file() {
                    found.push(name);
                } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    walk(&path, &format!("{name}/"), depth - 1, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.folder, "", 4, &mut found);
        found
    }

    /// The shards that the index of a safetensors model names.
    pub fn shards(&self, index: &str) -> Result<Vec<String>, HubError> {
        let path = self.file(index)?;
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let wrong = || {
            HubError::Refused(format!(
                "{}: weight_map is missing or not a table of file names; the repository is damaged",
                path.display()
            ))
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| wrong())?;
        let map = value.get("weight_map").and_then(|map| map.as_object()).ok_or_else(wrong)?;
        let shards: Option<BTreeSet<&str>> = map.values().map(|file| file.as_str()).collect();
        let shards = shards.ok_or_else(wrong)?;
        shards.iter().try_for_each(|name| relative(name).map(|_| ()))?;
        Ok(shards.into_iter().map(str::to_owned).collect())
    }

    /// Makes the file `name` a link to `blob` (a copy, where there are no links).
    pub fn link(&self, name: &str, blob: &Path) -> Result<(), HubError> {
        let path = self.file(name)?;
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(at(folder))?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
        make_link(&path, name, blob).map_err(at(&path))
    }
}

/// A relative link, so that the cache can be moved: out of the folders of `name`, the commit and `snapshots`.
#[cfg(unix)]
fn make_link(path: &Path, name: &str, blob: &Path) -> io::Result<()> {
    let up = "../".repeat(name.split('/').count() + 1);
    let target = Path::new(&up).join("blobs").join(blob.file_name().unwrap_or_default());
    std::os::unix::fs::symlink(target, path)
}

/// As huggingface_hub does where links need special rights: the file itself moves to the snapshot.
#[cfg(not(unix))]
fn make_link(path: &Path, _name: &str, blob: &Path) -> io::Result<()> {
    fs::rename(blob, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_does_not_leave_its_folder() {
        for name in ["../x", "a/../../x", "/etc/passwd", "", "a//b", "./a", "a\\..\\b", "c:x", "a\nb", "a/"] {
            assert!(relative(name).is_err(), "{name:?}");
        }
        assert_eq!(relative("a/b.gguf").unwrap(), Path::new("a").join("b.gguf"));
    }
}
