//! Models from a Hugging Face hub: `hf:OWNER/NAME[@REVISION][:FILE]`, downloaded once into the cache that Hugging Face's own
//! tools use, so that what one has downloaded the other finds.
//!
//! The protocol and the cache layout are those of huggingface_hub; see its "Understand caching" guide. Nothing a server says
//! (file names, ETags, commits) becomes a path before it has been checked.

mod cache;
mod choose;
mod client;
mod download;
mod settings;

use std::path::PathBuf;
use std::str::FromStr;

use cache::{Cache, Snapshot};
use choose::Choice;
use client::Client;
use settings::Settings;

/// What can go wrong on the way from a hub's name to a file.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The request cannot be served as it stands: wrong name, no access, nothing fitting there.
    #[error("{0}")]
    Refused(String),
    /// The network or the server failed; trying again may help.
    #[error("{0}")]
    Unreachable(String),
    /// The cache cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A model on a hub, as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// `OWNER/NAME`.
    pub repository: String,
    /// A branch, tag or commit; `main` if none was named.
    pub revision: String,
    /// A file, or a quantisation's name; `None` lets whit choose.
    pub file: Option<String>,
}

impl FromStr for HubModel {
    type Err = HubError;

    /// Reads what follows `hf:`.
    fn from_str(text: &str) -> Result<HubModel, HubError> {
        let wrong = || {
            HubError::Refused(format!(
                "'hf:{text}' does not name a model; write hf:OWNER/NAME or hf:OWNER/NAME:FILE, for example hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M"
            ))
        };
        let (repository, file) = match text.split_once(':') {
            Some((repository, file)) => (repository, Some(file.to_owned())),
            None => (text, None),
        };
        let (repository, revision) = repository.split_once('@').unwrap_or((repository, "main"));
        let (owner, name) = repository.split_once('/').ok_or_else(wrong)?;
        if !is_plain_name(owner) || !is_plain_name(name) || !is_plain_name(revision) || file.as_deref() == Some("") {
            return Err(wrong());
        }
        Ok(HubModel { repository: repository.to_owned(), revision: revision.to_owned(), file })
    }
}

impl std::fmt::Display for HubModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "hf:{}", self.repository)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        self.file.iter().try_for_each(|file| write!(f, ":{file}"))
    }
}

/// Whether `name` can be one component of a path and of a URL as it stands.
fn is_plain_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !name.bytes().all(|b| b == b'.')
}

/// Where the model lies on this machine: a GGUF file or a folder. What the cache lacks is downloaded; if it lacks nothing,
/// the hub is not asked. `say` hears one line about each thing a person should know.
///
/// # Errors
/// [`HubError`] with what to do about it.
pub fn fetch(model: &HubModel, say: &mut dyn FnMut(String)) -> Result<PathBuf, HubError> {
    let settings = Settings::from_environment(|name| std::env::var(name).ok())?;
    let cache = Cache::new(&settings.cache, &model.repository);
    if let Some(snapshot) = cache.snapshot(&model.revision)
        && let Some(found) = in_cache(model, &snapshot)
    {
        if model.file.is_none() && found.is_file() {
            say(format!("{model}: using {} from the cache", file_name(&found)));
        }
        return Ok(found);
    }
    if settings.offline {
        return Err(HubError::Refused(format!(
            "{model} is not (completely) in the cache {}, and HF_HUB_OFFLINE is set; unset it to download the model, or set HF_HOME to the cache that has it",
            settings.cache.display()
        )));
    }
    let client = Client::new(&settings);
    let listing = client.list(model)?;
    let choice = Choice::new(model, &listing.files)?;
    if let (None, Choice::Gguf(parts)) = (&model.file, &choice) {
        say(format!("{model}: picked {}", parts[0]));
    }
    let snapshot = cache.new_snapshot(&listing.commit);
    for file in choice.files() {
        download::file(&client, &cache, &snapshot, model, file, say)?;
    }
    // Folders name their shards in an index, which had to be there first.
    if let Choice::Folder { index: Some(index), .. } = &choice {
        for shard in snapshot.shards(index)? {
            download::file(&client, &cache, &snapshot, model, &shard, say)?;
        }
    }
    cache.set_revision(&model.revision, &listing.commit)?;
    match choice {
        Choice::Gguf(parts) => Ok(snapshot.file(&parts[0])?),
        Choice::Folder { .. } => Ok(snapshot.folder().to_owned()),
    }
}

/// The model as the cache has it, if it is complete there.
fn in_cache(model: &HubModel, snapshot: &Snapshot) -> Option<PathBuf> {
    match Choice::new(model, &snapshot.files()).ok()? {
        Choice::Gguf(parts) => {
            let complete = parts.iter().all(|part| snapshot.has(part));
            complete.then(|| snapshot.file(&parts[0]).ok()).flatten()
        }
        // whit fetches the weights last, so that they are there only if everything else is; other tools may have fetched
        // the weights alone.
        Choice::Folder { mut files, index } => {
            if let Some(index) = index {
                files.extend(snapshot.shards(&index).ok()?);
            }
            let complete = files.iter().all(|file| snapshot.has(file))
                && ["tokenizer.json", "vocab.json"].iter().any(|file| snapshot.has(file));
            complete.then(|| snapshot.folder().to_owned())
        }
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_owner_name_revision_and_file() {
        let model = |text: &str| HubModel::from_str(text).ok().map(|m| (m.repository, m.revision, m.file));
        let some = |repository: &str, revision: &str, file: Option<&str>| {
            Some((repository.to_owned(), revision.to_owned(), file.map(str::to_owned)))
        };
        assert_eq!(model("a/b"), some("a/b", "main", None));
        assert_eq!(model("a/b.c_d-1:Q4_K_M"), some("a/b.c_d-1", "main", Some("Q4_K_M")));
        assert_eq!(model("a/b@v2:sub/x.gguf"), some("a/b", "v2", Some("sub/x.gguf")));
        for text in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b:", "a b/c", "a/b@", "a/b@../x"] {
            assert_eq!(model(text), None, "{text}");
        }
    }
}
