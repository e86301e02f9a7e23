//! The folder that packed copies lie in:
//!
//! ```text
//! CONTENT-SHAPE.packed                  a copy
//! PLACE.source                          what lay there when it was last packed or recognised, and which copy is of it
//! CONTENT-SHAPE.packed.PID-RANDOM.tmp   on its way; likewise for .source
//! ```
//!
//! Files appear under their names complete, by renaming. Any number of processes may read, write and remove at once: whoever
//! has a copy mapped keeps it. Whatever has another kind of name is not ours, and is not touched. Nor is a link ever followed: one in the
//! place of a file is replaced by the file.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::key::{Digest, Source};

/// A temporary file this old belongs to a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// How exactly the time of the last use is kept.
const TOUCH_EVERY: Duration = Duration::from_secs(3600);
/// Far more than a path has.
const MOST_SOURCE_BYTES: u64 = 1 << 16;
const SOURCE_MAGIC: &str = "whit source 1";

/// The name of a copy's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CopyName {
    pub content: Digest,
    pub shape: Digest,
}

impl CopyName {
    fn parse(name: &str) -> Option<CopyName> {
        let (content, shape) = name.strip_suffix(".packed")?.split_once('-')?;
        Some(CopyName { content: Digest::parse(content)?, shape: Digest::parse(shape)? })
    }
}

impl std::fmt::Display for CopyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}.packed", self.content, self.shape)
    }
}

/// What a file of ours is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Copy(CopyName),
    Source,
    Temporary,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        if let Some(name) = CopyName::parse(name) {
            return Some(Kind::Copy(name));
        }
        if name.strip_suffix(".source").is_some_and(|place| Digest::parse(place).is_some()) {
            return Some(Kind::Source);
        }
        let (final_name, unique) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
        let (pid, random) = unique.split_once('-')?;
        let temporary = pid.bytes().all(|b| b.is_ascii_digit())
            && random.bytes().all(|b| b.is_ascii_hexdigit())
            && matches!(Kind::of(final_name), Some(Kind::Copy(_) | Kind::Source));
        temporary.then_some(Kind::Temporary)
    }
}

/// One of our files.
struct Found {
    path: PathBuf,
    kind: Kind,
    bytes: u64,
    modified: SystemTime,
}

/// A copy in the folder.
pub(super) struct Copy {
    pub name: CopyName,
    pub path: PathBuf,
    /// Of the file.
    pub bytes: u64,
    pub last_used: SystemTime,
}

pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn copy(&self, name: CopyName) -> PathBuf {
        self.0.join(name.to_string())
    }

    /// Whether there is a file for this copy.
    pub fn has(&self, copy: CopyName) -> bool {
        fs::symlink_metadata(self.copy(copy)).is_ok_and(|metadata| metadata.is_file())
    }

    /// Our files, as far as they can be listed.
    fn files(&self) -> Vec<Found> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let ours = entries.filter_map(|entry| {
            let kind = Kind::of(entry.file_name().to_str()?)?;
            // Does not follow links.
            let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file())?;
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some(Found { path: entry.path(), kind, bytes: metadata.len(), modified })
        });
        ours.collect()
    }

    /// All copies, the one used last first.
    pub fn copies(&self) -> Vec<Copy> {
        let copy = |file: Found| match file.kind {
            Kind::Copy(name) => Some(Copy { name, path: file.path, bytes: file.bytes, last_used: file.modified }),
            _ => None,
        };
        let mut copies: Vec<Copy> = self.files().into_iter().filter_map(copy).collect();
        copies.sort_by_key(|copy| std::cmp::Reverse((copy.last_used, copy.bytes)));
        copies
    }

    /// The copy that `source` is known to be packed in. It need not be there any more.
    pub fn copy_of(&self, source: &Source) -> Option<CopyName> {
        let note = Note::read(&self.source_path(source))?;
        (note.state == source.state).then_some(note.copy)
    }

    /// Paths of the models that are known to be packed in each copy, as they were given.
    pub fn models(&self) -> Vec<(CopyName, String)> {
        let sources = self.files().into_iter().filter(|file| file.kind == Kind::Source);
        sources.filter_map(|file| Note::read(&file.path)).map(|note| (note.copy, note.model)).collect()
    }

    fn source_path(&self, source: &Source) -> PathBuf {
        self.0.join(format!("{}.source", source.place))
    }

    /// Notes that `source` is packed in `copy`, instead of whatever lay in its place before.
    pub fn remember(&self, source: &Source, copy: CopyName, model: &Path) -> io::Result<()> {
        let model = model.to_string_lossy().escape_debug().to_string();
        let text = format!("{SOURCE_MAGIC}\n{}\n{copy}\n{model}\n", source.state);
        self.put(&self.source_path(source), |file| file.write_all(text.as_bytes()))
    }

    /// Makes a file of ours, complete or not at all: nothing is left of it if `fill` fails.
    ///
    /// It is not forced to the disk, which could take seconds that a short run would have to wait for: whoever reads it checks
    /// every byte, and a file that a power failure spoiled is made again.
    pub fn put(&self, path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let random = RandomState::new().build_hasher().finish();
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}-{random:016x}.tmp", std::process::id()));
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        let done = fill(&mut file);
        drop(file);
        let done = done.and_then(|()| fs::rename(&temporary, path));
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done
    }

    /// Notes that a copy is used now.
    pub fn touch(&self, copy: CopyName) {
        let touch = || -> io::Result<()> {
            let file = File::open(self.copy(copy))?;
            if file.metadata()?.modified()?.elapsed().is_ok_and(|age| age < TOUCH_EVERY) {
                return Ok(());
            }
            file.set_modified(SystemTime::now())
        };
        // In a folder that cannot be written, copies do not make room for each other either.
        let _ = touch();
    }

    /// Removes what nobody will use again: what killed processes left, and notes of copies that are gone.
    pub fn tidy(&self) {
        self.remove_useless(&self.files());
    }

    /// What of `files`, which were there a moment ago, nobody will use again.
    fn remove_useless(&self, files: &[Found]) {
        for file in files {
            let useless = match file.kind {
                Kind::Copy(_) => false,
                // Looked at now: another process may have written the copy, and then its note, since the files were listed.
                Kind::Source => Note::read(&file.path).is_none_or(|note| !self.has(note.copy)),
                Kind::Temporary => file.modified.elapsed().is_ok_and(|age| age > ABANDONED),
            };
            if useless {
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    /// Removes the copies not used for longest until `bytes` more fit `limit`. False if they never will.
    pub fn make_room(&self, bytes: u64, limit: u64) -> bool {
        limit.checked_sub(bytes).is_some_and(|rest| self.keep_within(rest, None))
    }

    /// Removes the copies not used for longest, but never `kept`, until all together take no more than `limit` bytes. False if they
    /// still take more.
    pub fn keep_within(&self, limit: u64, kept: Option<CopyName>) -> bool {
        let mut copies = self.copies();
        let mut sum: u64 = copies.iter().map(|copy| copy.bytes).sum();
        copies.retain(|copy| Some(copy.name) != kept);
        while sum > limit {
            let Some(oldest) = copies.pop() else { break };
            // Another process may have been faster.
            if fs::remove_file(&oldest.path).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true) {
                sum -= oldest.bytes;
            }
        }
        sum <= limit
    }

    /// Removes all files of ours: how many copies, and how many bytes altogether.
    ///
    /// # Errors
    /// The first that cannot be removed, after an attempt at all of them.
    pub fn clear(&self) -> Result<(usize, u64), (PathBuf, io::Error)> {
        let (mut copies, mut bytes, mut failed) = (0, 0, None);
        for file in self.files() {
            match fs::remove_file(&file.path) {
                Ok(()) => {
                    copies += usize::from(matches!(file.kind, Kind::Copy(_)));
                    bytes += file.bytes;
                }
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failed = failed.or(Some((file.path, error))),
            }
        }
        failed.map_or(Ok((copies, bytes)), Err)
    }
}

/// What a `.source` file says.
struct Note {
    state: Digest,
    copy: CopyName,
    model: String,
}

impl Note {
    fn read(path: &Path) -> Option<Note> {
        if !fs::symlink_metadata(path).ok()?.is_file() {
            return None;
        }
        let mut text = String::new();
        File::open(path).ok()?.take(MOST_SOURCE_BYTES).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let (magic, state, copy, model) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        (magic == SOURCE_MAGIC).then_some(())?;
        let model = model.chars().filter(|c| !c.is_control()).collect();
        Some(Note { state: Digest::parse(state)?, copy: CopyName::parse(copy)?, model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Digest = Digest([9; 16]);

    fn name(content: u8) -> CopyName {
        CopyName { content: Digest([content; 16]), shape: SHAPE }
    }

    /// A folder with copies of these sizes, the first used last.
    fn folder(sizes: &[usize]) -> (tempfile::TempDir, Folder) {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder(scratch.path().to_owned());
        for (i, &size) in sizes.iter().enumerate() {
            let path = folder.copy(name(i as u8));
            fs::write(&path, vec![0; size]).unwrap();
            age(&path, 100 + i as u64);
        }
        (scratch, folder)
    }

    fn age(path: &Path, minutes: u64) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
    }

    fn left(folder: &Folder) -> Vec<u8> {
        folder.copies().iter().map(|copy| copy.name.content.0[0]).collect()
    }

    #[test]
    fn the_copies_not_used_for_longest_make_room() {
        for (bytes, limit, fits, expected) in [
            (40, 100, true, vec![0, 1, 2]),
            (41, 100, true, vec![0, 1]),
            (100, 100, true, vec![]),
            (101, 100, false, vec![0, 1, 2]),
            (1, u64::MAX, true, vec![0, 1, 2]),
        ] {
            let (_scratch, folder) = folder(&[10, 20, 30]);
            assert_eq!((folder.make_room(bytes, limit), left(&folder)), (fits, expected), "{bytes} of {limit}");
        }
        for (kept, limit, fits, expected) in [
            (2, 60, true, vec![0, 1, 2]),
            (2, 59, true, vec![0, 2]),
            (0, 59, true, vec![0, 1]),
            (1, 30, true, vec![0, 1]),
            (1, 29, true, vec![1]),
            (1, 19, false, vec![1]),
        ] {
            let (_scratch, folder) = folder(&[10, 20, 30]);
            let kept = Some(name(kept));
            assert_eq!((folder.keep_within(limit, kept), left(&folder)), (fits, expected), "{limit} beside {kept:?}");
        }
        let (_scratch, folder) = folder(&[10, 20, 30]);
        folder.touch(name(2));
        assert!(folder.make_room(60, 100));
        assert_eq!(left(&folder), [2, 0]);
    }

    #[test]
    fn a_source_is_remembered_until_it_changes() {
        let (_scratch, folder) = folder(&[1]);
        let source = Source { place: Digest([1; 16]), state: Digest([2; 16]) };
        assert_eq!(folder.copy_of(&source), None);
        folder.remember(&source, name(0), Path::new("/models/a\nb.gguf")).unwrap();
        assert_eq!(folder.copy_of(&source), Some(name(0)));
        assert_eq!(folder.models(), [(name(0), "/models/a\\nb.gguf".to_owned())]);
        let changed = Source { state: Digest([3; 16]), ..source };
        assert_eq!(folder.copy_of(&changed), None);
        folder.remember(&changed, name(7), Path::new("a")).unwrap();
        assert_eq!((folder.copy_of(&source), folder.copy_of(&changed)), (None, Some(name(7))));
        // Its copy is not there.
        folder.tidy();
        assert_eq!(folder.copy_of(&changed), None);
        assert_eq!(left(&folder), [0]);
    }

    #[test]
    fn a_note_stays_whose_copy_came_while_the_folder_was_tidied() {
        let (_scratch, folder) = folder(&[]);
        let source = Source { place: Digest([1; 16]), state: Digest([2; 16]) };
        folder.remember(&source, name(0), Path::new("a")).unwrap();
        let before = folder.files();
        fs::write(folder.copy(name(3)), "new").unwrap();
        folder.remember(&source, name(3), Path::new("a")).unwrap();
        folder.remove_useless(&before);
        assert_eq!(folder.copy_of(&source), Some(name(3)));
    }

    #[test]
    fn damaged_notes_say_nothing() {
        let (_scratch, folder) = folder(&[1]);
        let source = Source { place: Digest([1; 16]), state: Digest([2; 16]) };
        folder.remember(&source, name(0), Path::new("a")).unwrap();
        let path = folder.source_path(&source);
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() - 3 {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x90;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(folder.copy_of(&source), None, "byte {at}");
            fs::write(&path, &bytes[..at]).unwrap();
            assert_eq!(folder.copy_of(&source), None, "{at} bytes");
        }
    }

    #[test]
    fn only_files_of_ours_are_removed() {
        let (_scratch, folder) = folder(&[10, 20]);
        let foreign = [
            "notes.txt".to_owned(),
            "model.packed".into(),
            format!("{SHAPE}.packed"),
            format!("{}.tmp", name(1)),
            format!("{}.1-x.tmp", name(1)),
            format!("{}.1-2.tmp.3-4.tmp", name(1)),
            format!("{}x", name(3)),
        ];
        foreign.iter().for_each(|name| fs::write(folder.0.join(name), "mine").unwrap());
        fs::create_dir(folder.copy(name(4))).unwrap();
        fs::write(folder.0.join(format!("{}.12-ab.tmp", name(5))), "left behind").unwrap();
        assert_eq!(folder.clear().unwrap(), (2, 30 + 11));
        assert!(foreign.iter().all(|name| folder.0.join(name).exists()) && folder.copy(name(4)).exists());
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), foreign.len() + 1);
    }

    #[test]
    fn what_a_killed_process_left_goes_after_an_hour() {
        let (_scratch, folder) = folder(&[]);
        let temporary = |n: u8| folder.0.join(format!("{}.{n}-ab.tmp", name(5)));
        for (n, minutes) in [(1, 5), (2, 65)] {
            fs::write(temporary(n), "x").unwrap();
            age(&temporary(n), minutes);
        }
        folder.tidy();
        assert!(temporary(1).exists() && !temporary(2).exists());
    }

    #[test]
    fn nothing_is_left_of_a_file_that_could_not_be_made() {
        let (_scratch, folder) = folder(&[]);
        let full = |file: &mut File| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert!(folder.put(&folder.copy(name(1)), full).is_err());
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }
}
