//! The thread that writes a ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::file::File;
use super::{Entry, QUEUE_BYTES, Queued, millis};

/// How long entries are gathered before they are written, in one transaction and with one wait for the disk.
const BATCH_TIME: Duration = Duration::from_millis(250);

/// How often it is looked for what is too old or too much.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What comes over the queue.
pub(super) enum Message {
    /// To be written.
    Entry(Box<Entry>),
    /// All before it is to be written now; dropped when that was tried.
    Flush(Sender<()>),
}

/// The thread's own.
pub(super) struct Writer {
    file: File,
    messages: Receiver<Message>,
    queued: Arc<Queued>,
    say: Box<dyn Fn(&str) + Send>,
    /// To be written next.
    batch: Vec<Entry>,
    flushes: Vec<Sender<()>>,
    /// How many of the lost ones the file knows of.
    lost_noted: u64,
    /// The last time it could not be written.
    failing: bool,
    next_look: Instant,
}

impl Writer {
    /// Looks for what is too old at once.
    pub(super) fn new(
        file: File,
        messages: Receiver<Message>,
        queued: Arc<Queued>,
        say: Box<dyn Fn(&str) + Send>,
    ) -> Writer {
        Writer {
            file,
            messages,
            queued,
            say,
            batch: vec![],
            flushes: vec![],
            lost_noted: 0,
            failing: false,
            next_look: Instant::now(),
        }
    }

    /// Until nobody can hand in anything more.
    pub(super) fn run(mut self) {
        let mut open = true;
        while open {
            open = self.gather();
            self.write();
            self.flushes.clear();
            self.look();
        }
        if !self.batch.is_empty() {
            let left = self.queued.lost.fetch_add(self.batch.len() as u64, Ordering::Relaxed) + self.batch.len() as u64;
            self.say_missing(left - self.lost_noted);
        }
    }

    /// Waits for entries, and then for those that come soon after the first. False if no more can come.
    fn gather(&mut self) -> bool {
        // What could not be written is tried again, whether more comes or not.
        let mut end = if self.batch.is_empty() { self.next_look } else { Instant::now() + BATCH_TIME };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            match self.messages.recv_timeout(left) {
                Ok(Message::Entry(entry)) => {
                    if self.batch.is_empty() {
                        end = Instant::now() + BATCH_TIME;
                    }
                    self.batch.push(*entry);
                }
                Ok(Message::Flush(done)) => {
                    self.flushes.push(done);
                    return true;
                }
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Writes the batch, or keeps it for the next time.
    fn write(&mut self) {
        let lost = self.queued.lost.load(Ordering::Relaxed);
        let missing = lost - self.lost_noted;
        if self.batch.is_empty() && missing == 0 {
            return;
        }
        match self.file.append(&self.batch, missing, millis(SystemTime::now())) {
            Ok(()) => {
                let bytes = self.batch.drain(..).map(|entry| entry.bytes()).sum();
                self.queued.bytes.fetch_sub(bytes, Ordering::Relaxed);
                self.lost_noted = lost;
                if std::mem::take(&mut self.failing) {
                    (self.say)(&format!("the ledger {} is written again", self.file.path().display()));
                }
                if missing > 0 {
                    self.say_missing(missing);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    (self.say)(&format!(
                        "the ledger {} cannot be written now ({error}); up to {} MiB of requests wait until it can be",
                        self.file.path().display(),
                        QUEUE_BYTES >> 20
                    ));
                }
            }
        }
    }

    fn say_missing(&self, missing: u64) {
        let path = self.file.path().display();
        (self.say)(&format!("{missing} requests are missing in the ledger {path}: it could not be written in time"));
    }

    /// Removes what is too old or too much, a bounded piece at a time.
    fn look(&mut self) {
        if Instant::now() < self.next_look {
            return;
        }
        let more = self.file.remove(millis(SystemTime::now())).unwrap_or_else(|error| {
            (self.say)(&format!("old requests stay in the ledger {} ({error})", self.file.path().display()));
            false
        });
        self.next_look = Instant::now() + if more { BATCH_TIME } else { LOOK_EVERY };
    }
}
