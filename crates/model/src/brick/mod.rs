//! Bricks: a small model with its card, as a folder, as one file that is that folder as an archive, or within the program itself.
//!
//! [`docs/bricks.md`](../../../../docs/bricks.md) has the format. A brick is read here, where it lies: nothing is copied, and nothing is
//! written. What a contract's file says, and what is done with it, is the engine's.

mod archive;
mod card;
mod names;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use archive::{Member, is_tar, parse as parse_archive};
pub use card::{Card, Confidence, Contract, FORMAT, Prompt, PromptForm, Quality, Weights};

use self::names::{DEEPEST, MOST_FILES};
use crate::error::shorten;
use crate::files::Files;
use crate::map::{Blob, map};
use crate::{Adapter, Checkpoint, ModelError};

/// The file that makes a folder a brick.
pub const CARD: &str = "brick.toml";

/// A brick, opened: its card is read, and of all other files nothing but their names.
pub struct Brick {
    card: Card,
    files: Arc<Files>,
    is_archive: bool,
}

impl Brick {
    /// Opens a brick's folder or its `.brick` file.
    ///
    /// Files and folders whose names begin with a point are not part of a brick.
    ///
    /// # Errors
    /// [`ModelError`] if it cannot be read, is damaged, has a card that breaks the rules, lacks a file that the card names, or has a link in it.
    pub fn open(path: &Path) -> Result<Brick, ModelError> {
        let metadata = std::fs::metadata(path).map_err(|e| ModelError::io(path, e))?;
        if metadata.is_dir() {
            // Before looking through what may be anybody's folder.
            if !path.join(CARD).exists() {
                return Err(no_card(path));
            }
            let mut folder = Walk { root: path, seen: HashSet::new(), looked_at: 0, by_name: BTreeMap::new() };
            folder.walk("", 1)?;
            return Brick::new(path.to_owned(), folder.by_name, false);
        }
        Brick::unpacked(path, &map(path)?)
    }

    /// Opens the content of a `.brick` file that the program has in itself; `name` is for messages.
    ///
    /// # Errors
    /// As [`Brick::open`].
    pub fn of_program(name: &str, bytes: &'static [u8]) -> Result<Brick, ModelError> {
        Brick::unpacked(Path::new(name), &Blob::of_program(bytes))
    }

    fn unpacked(path: &Path, archive: &Blob) -> Result<Brick, ModelError> {
        if !is_tar(archive.as_ref()) {
            let problem = "is no brick; give a brick's folder, with its brick.toml, or a .brick file";
            return Err(ModelError::unsupported(path, "file", problem));
        }
        let mut by_name = BTreeMap::new();
        for member in parse_archive(path, archive.as_ref())? {
            // A member's bytes are all there.
            by_name.extend(archive.part(member.bytes).map(|bytes| (member.name, bytes)));
        }
        Brick::new(path.to_owned(), by_name, true)
    }

    fn new(path: PathBuf, by_name: BTreeMap<String, Blob>, is_archive: bool) -> Result<Brick, ModelError> {
        let Some(card) = by_name.get(CARD) else { return Err(no_card(&path)) };
        let card = Card::parse(&path.join(CARD), card.as_ref())?;
        let brick = Brick { files: Arc::new(Files { path, by_name }), card, is_archive };
        brick.check_files()?;
        Ok(brick)
    }

    /// That all is there that the card names.
    fn check_files(&self) -> Result<(), ModelError> {
        let is_folder = |name: &str| {
            let after = self.files.by_name.range(format!("{name}/")..).next();
            after.is_some_and(|(first, _)| first.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
        };
        let of_model = match &self.card.model {
            Weights::Own { weights } => ("weights", weights),
            Weights::Adapter { adapter, .. } => ("adapter", adapter),
        };
        let of_contract = self.card.contract.file().map(|file| ("contract", file, false));
        let of_quality =
            self.card.quality.iter().filter_map(|quality| Some(("quality", quality.file.as_deref()?, false)));
        let named = [(of_model.0, of_model.1.as_str(), true)].into_iter().chain(of_contract).chain(of_quality);
        for (whose, name, may_be_folder) in named {
            if !(self.files.by_name.contains_key(name) || may_be_folder && is_folder(name)) {
                let item = format!("the file {name}");
                let mend = format!("brick.toml names it ({whose}); put it into the brick, or mend the card");
                return Err(ModelError::missing(&self.files.path, item, mend));
            }
        }
        Ok(())
    }

    /// What was opened; of a brick in the program, its name.
    pub fn path(&self) -> &Path {
        &self.files.path
    }

    /// Whether it is one file, on disk or in the program.
    pub fn is_archive(&self) -> bool {
        self.is_archive
    }

    /// Its card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Its files in the order of their names, which have `/` between folders. Their bytes are at no particular alignment.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.by_name.iter().map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
    }

    /// The bytes of the file `name`, if there is one.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.by_name.get(name).map(AsRef::as_ref)
    }

    /// The text of the file `name`, with where it lies, for messages about it.
    ///
    /// # Errors
    /// If there is no such file, or it has more than `most` bytes or is no UTF-8.
    pub fn text(&self, name: &str, most: usize) -> Result<(PathBuf, &str), ModelError> {
        let path = self.files.path.join(name);
        let Some(bytes) = self.file(name) else {
            return Err(ModelError::missing(&path, "the file", "put it into the brick, or mend the card"));
        };
        if bytes.len() > most {
            let problem = format!("has {} bytes, and such a file has at most {most}; make it shorter", bytes.len());
            return Err(ModelError::malformed(&path, "file", problem));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok((path, text)),
            Err(error) => {
                let problem = format!("is not UTF-8 text (byte {}); convert it", error.valid_up_to());
                Err(ModelError::malformed(&path, "file", problem))
            }
        }
    }

    /// Opens its own weights, where they lie.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; and if it has none, but is an adapter.
    pub fn checkpoint(&self) -> Result<Checkpoint, ModelError> {
        match &self.card.model {
            Weights::Own { weights } => Checkpoint::open_in_brick(&self.files, weights),
            Weights::Adapter { base, .. } => {
                let problem = format!("has no weights of its own: it is an adapter on {}; open that", shorten(base));
                Err(ModelError::unsupported(&self.files.path, "model", problem))
            }
        }
    }

    /// Opens its adapter, where it lies; `None` if it has weights of its own.
    ///
    /// # Errors
    /// As [`Adapter::open`].
    pub fn adapter(&self) -> Result<Option<Adapter>, ModelError> {
        match &self.card.model {
            Weights::Own { .. } => Ok(None),
            Weights::Adapter { adapter, .. } => Adapter::open_in_brick(&self.files, adapter).map(Some),
        }
    }
}

impl std::fmt::Debug for Brick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brick").field("path", &self.files.path).field("name", &self.card.name).finish_non_exhaustive()
    }
}

fn no_card(path: &Path) -> ModelError {
    ModelError::missing(
        path,
        CARD,
        "it is a brick's card, and without it there is no brick; give another folder, or write it",
    )
}

/// Looks through a brick's folder.
struct Walk<'a> {
    root: &'a Path,
    seen: HashSet<String>,
    /// Files, folders and what is none of a brick's.
    looked_at: usize,
    by_name: BTreeMap<String, Blob>,
}

impl Walk<'_> {
    /// Adds the files of `folder` (empty: the root), which lies at `level`.
    fn walk(&mut self, folder: &str, level: usize) -> Result<(), ModelError> {
        let path = self.root.join(folder);
        for entry in std::fs::read_dir(&path).map_err(|e| ModelError::io(&path, e))? {
            let entry = entry.map_err(|e| ModelError::io(&path, e))?;
            let path = entry.path();
            self.looked_at += 1;
            if self.looked_at > 8 * MOST_FILES || self.by_name.len() == MOST_FILES {
                let problem = format!("has too many files: a brick has at most {MOST_FILES}; take some out");
                return Err(ModelError::malformed(self.root, "folder", problem));
            }
            let Ok(name) = entry.file_name().into_string() else {
                return Err(ModelError::malformed(&path, "file", "its name is not plain text; rename it"));
            };
            if name.starts_with('.') {
                continue;
            }
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            // Of the entry itself: a link is not followed.
            let kind = entry.file_type().map_err(|e| ModelError::io(&path, e))?;
            if kind.is_dir() {
                if level == DEEPEST {
                    let problem = format!(
                        "lies in {} folders, and a brick has no more within each other; move it up",
                        DEEPEST - 1
                    );
                    return Err(ModelError::malformed(&path, "folder", problem));
                }
                self.walk(&name, level + 1)?;
                continue;
            }
            if !kind.is_file() {
                let problem = "is a link or no plain file, and a brick has only files; put the file in its place";
                return Err(ModelError::malformed(&path, "file", problem));
            }
            names::check(&name, &mut self.seen).map_err(|problem| ModelError::malformed(&path, "file", problem))?;
            let is_empty = entry.metadata().map_err(|e| ModelError::io(&path, e))?.len() == 0;
            let bytes = if is_empty { Blob::of_program(&[]) } else { map(&path)? };
            self.by_name.insert(name, bytes);
        }
        Ok(())
    }
}
