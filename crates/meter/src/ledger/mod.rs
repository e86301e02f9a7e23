//! The ledger: a row for every request, in an SQLite file that outlives the server.
//!
//! Whoever answers requests hands entries in and goes on; a thread of the ledger's own writes them, in batches. What is
//! handed in is on disk within a second, and a process that is killed leaves a whole file that lacks that second at most.

mod file;
mod report;
mod texts;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

pub use report::{By, Group, Report, Spent, Sums, report, spent_in_a_day};
pub use texts::{Record, Redaction};

use crate::receipt::Receipt;
use file::{File, SCHEMA_VERSION};
use writer::{Message, Writer};

/// Memory that entries may take until they are written; more are lost. A second of any server is a small part of it.
const QUEUE_BYTES: usize = 64 << 20;

/// The least [`Options::max_size`]: what is no row must not push rows out.
const LEAST_MAX_SIZE: u64 = 1 << 20;

/// A request that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it came.
    pub time: SystemTime,
    /// Its id, as in the log and in the answer.
    pub request_id: String,
    /// The model it asked for.
    pub model: String,
    /// The name of the key that it came with. Never the key.
    pub key: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Those of them that were in the cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// What it cost; none if nothing ran, or nothing measured it.
    pub receipt: Option<Receipt>,
    /// How it ended.
    pub outcome: Outcome,
    /// The prompt, where [`Ledger::keeps_texts`]; what becomes of it is the affair of [`Options::record`].
    pub prompt: Option<String>,
    /// The answer, likewise.
    pub answer: Option<String>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer: why that ended (`stop`, `length`, ...).
    Finished(String),
    /// Without one, or with half of one: the kind of the error.
    Failed(String),
}

/// What a ledger keeps, and for how long.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Requests that came longer ago are removed.
    pub retention: Option<Duration>,
    /// Bytes of the file above which the oldest requests are removed: 1 MiB or more.
    pub max_size: Option<u64>,
    /// What is kept of prompts and answers.
    pub record: Record,
    /// What is blotted out of those that are kept in full.
    pub redaction: Redaction,
}

/// Why a ledger cannot be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// An option cannot be.
    #[error("{0}")]
    Option(String),
    /// There is no such file.
    #[error("{}: there is no such file", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{}: this is not a ledger of whit, or its beginning is damaged; name another file", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A newer whit made it.
    #[error(
        "{}: this is a ledger of version {version}, and this whit knows none above {SCHEMA_VERSION}; a newer whit can use it",
        path.display()
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// Its content contradicts itself.
    #[error(
        "{}: this ledger is damaged ({why}); move it away to begin a new one; `sqlite3 FILE .recover` shows what can be saved",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The system refuses.
    #[error("{}: the ledger cannot be used: {why}", path.display())]
    System {
        /// Which.
        path: PathBuf,
        /// What the system or SQLite says.
        why: String,
    },
}

impl Options {
    fn check(&self) -> Result<(), LedgerError> {
        match self.max_size.filter(|&size| size < LEAST_MAX_SIZE) {
            Some(size) => Err(LedgerError::Option(format!("max_size = {size}: a ledger needs 1 MiB or more"))),
            None => Ok(()),
        }
    }
}

/// Looks whether a ledger could be opened or begun at `path`. No file is left behind, and no row is removed.
///
/// # Errors
/// As those of [`Ledger::open`].
pub fn check(path: &Path, options: &Options) -> Result<(), LedgerError> {
    options.check()?;
    file::look(path)
}

/// A ledger that is written. Dropping it writes what was handed in, and waits for that.
#[derive(Debug)]
pub struct Ledger {
    /// `None` while it is dropped.
    queue: Option<Sender<Message>>,
    queued: Arc<Queued>,
    keeps_texts: bool,
    writer: Option<JoinHandle<()>>,
}

/// What both sides of the queue count.
#[derive(Debug, Default)]
struct Queued {
    /// Bytes of the entries that are not written yet.
    bytes: AtomicUsize,
    /// Entries for which there was no room, since the ledger was opened.
    lost: AtomicU64,
}

impl Ledger {
    /// Opens the ledger at `path`, or begins one there, readable by its owner alone. `say` is told, in a sentence each, that it
    /// cannot be written, that requests are not in it, and that it is written again; on the ledger's thread.
    ///
    /// # Errors
    /// If the file is something else, damaged, or of a newer whit, if it cannot be written, or an option cannot be.
    pub fn open(path: &Path, options: Options, say: impl Fn(&str) + Send + 'static) -> Result<Ledger, LedgerError> {
        options.check()?;
        let keeps_texts = options.record != Record::None;
        let file = File::open(path, options)?;
        let queued = Arc::new(Queued::default());
        let (queue, messages) = channel();
        let writer = Writer::new(file, messages, queued.clone(), Box::new(say));
        let writer = std::thread::Builder::new()
            .name("whit-ledger".into())
            .spawn(move || writer.run())
            .map_err(|error| LedgerError::System { path: path.to_owned(), why: error.to_string() })?;
        Ok(Ledger { queue: Some(queue), queued, keeps_texts, writer: Some(writer) })
    }

    /// Whether prompts and answers are wanted.
    pub fn keeps_texts(&self) -> bool {
        self.keeps_texts
    }

    /// Hands an entry in. Never waits: where there is no room, because the file cannot be written for long, the entry is
    /// lost, which is counted, said, and noted in the file when it can be written again.
    pub fn record(&self, entry: Entry) {
        let Some(queue) = &self.queue else { return };
        let bytes = entry.bytes();
        if self.queued.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES {
            self.queued.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.queued.lost.fetch_add(1, Ordering::Relaxed);
        } else if queue.send(Message::Entry(Box::new(entry))).is_err() {
            // Its thread ended in a panic, which ends the program.
            self.queued.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests that are not in the file and will not be, since it was opened.
    pub fn lost(&self) -> u64 {
        self.queued.lost.load(Ordering::Relaxed)
    }

    /// Waits until what was handed in so far is on disk, or could not be written.
    pub fn flush(&self) {
        self.flush_within(Duration::MAX);
    }

    /// The same, but not for longer than this. Returns whether it came to an end.
    pub fn flush_within(&self, longest: Duration) -> bool {
        let (done, is_done) = channel();
        let is_asked = self.queue.as_ref().is_some_and(|queue| queue.send(Message::Flush(done)).is_ok());
        // The writer says so by dropping its end.
        !is_asked || is_done.recv_timeout(longest) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic of its thread was said when it happened.
            let _ = writer.join();
        }
    }
}

impl Entry {
    /// Memory it takes.
    fn bytes(&self) -> usize {
        let (Outcome::Finished(outcome) | Outcome::Failed(outcome)) = &self.outcome;
        let texts = [&self.key, &self.prompt, &self.answer].into_iter().flatten();
        let texts = texts.chain([&self.request_id, &self.model, outcome]);
        size_of::<Entry>() + texts.map(String::len).sum::<usize>()
    }
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
