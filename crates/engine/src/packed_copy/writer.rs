//! Writes a copy beside the work: the first answer waits neither for the disk nor for the processor that writing takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use whit_kernels::SharedBytes;

use super::{Afterwards, Plan, file};

/// Between two answers rather than between two tokens: the engine counts as idle when it has been for so long.
const QUIET: Duration = Duration::from_millis(100);
/// An engine that never rests gives way to 4 MiB (5 ms of one processor) this often.
const PATIENCE: Duration = Duration::from_millis(250);

/// A copy being written; waits for its end when dropped, so that a short run leaves one too.
pub(crate) struct Writer {
    thread: Option<JoinHandle<()>>,
    pace: Arc<Pace>,
}

impl Afterwards {
    /// Begins it. Whatever goes wrong, the only loss is that the next start packs again.
    pub fn begin(self, weights: SharedBytes) -> Writer {
        let pace = Arc::new(Pace::new());
        let thread = match self {
            Afterwards::Nothing => None,
            Afterwards::Remember(plan) => {
                plan.remember();
                None
            }
            Afterwards::Write(plan) => {
                let pace = pace.clone();
                let thread = std::thread::Builder::new().name("whit-copy".into());
                thread.spawn(move || plan.write((*weights).as_ref(), &pace)).ok()
            }
        };
        Writer { thread, pace }
    }
}

impl Writer {
    /// Tells the writer that the engine works for as long as what is returned lives.
    pub fn give_way(&self) -> Working {
        self.pace.quiet_since.store(WORKING, Ordering::Relaxed);
        Working(self.pace.clone())
    }

    /// When it was last told that the engine no longer works, in milliseconds after it began.
    #[cfg(test)]
    pub fn quiet_since(&self) -> u64 {
        self.pace.quiet_since.load(Ordering::Relaxed)
    }

    /// Waits until the copy is there, or has failed to be.
    pub fn wait(&mut self) {
        self.pace.hurry.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, there is no copy.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.wait();
    }
}

/// See [`Writer::give_way`].
pub(crate) struct Working(Arc<Pace>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Ordering::Relaxed);
    }
}

/// Tells the writer when to write. A team of threads waits for its slowest, so that a thread beside it slows down all of it:
/// on two cores, decoding at half its speed.
struct Pace {
    start: Instant,
    /// Milliseconds after `start`, or [`WORKING`].
    quiet_since: AtomicU64,
    hurry: AtomicBool,
}

const WORKING: u64 = u64::MAX;

impl Pace {
    fn new() -> Pace {
        Pace { start: Instant::now(), quiet_since: AtomicU64::new(0), hurry: AtomicBool::new(false) }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Returns when the next chunk may be written.
    fn pause(&self) {
        let start = Instant::now();
        let quiet = || {
            let since = self.quiet_since.load(Ordering::Relaxed);
            since != WORKING && self.now().saturating_sub(since) >= QUIET.as_millis() as u64
        };
        while !self.hurry.load(Ordering::Relaxed) && !quiet() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Plan {
    fn remember(&self) {
        // Not if the files were changed since they were opened: what was opened is no longer there.
        let now: Option<Vec<_>> = self.files.iter().map(|path| Some((path.as_path(), path.metadata().ok()?))).collect();
        let Some(now) = now else { return };
        if self.source.is_still(now.iter().map(|(path, metadata)| (*path, metadata)), self.copy.shape) {
            let _ = self.folder.remember(&self.source, self.copy, &self.model);
        }
    }

    fn write(&self, weights: &[u8], pace: &Pace) {
        let folder = &self.folder;
        pace.pause();
        if std::fs::create_dir_all(&folder.0).is_err() {
            return;
        }
        folder.tidy();
        // Another process that started at the same time may have been faster.
        if !folder.has(self.copy) {
            let write =
                |out: &mut std::fs::File| file::write(out, weights, self.copy, &self.label, &mut || pace.pause());
            let made = folder.make_room(file::file_bytes(weights.len() as u64), self.limit)
                && folder.put(&folder.copy(self.copy), write).is_ok();
            if !made {
                return;
            }
        }
        // Others may have written at the same time, each with room for its own.
        folder.keep_within(self.limit, Some(self.copy));
        self.remember();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_gives_way_to_work_unless_there_is_none_or_no_time() {
        let paused = |writer: &Writer| {
            let start = Instant::now();
            writer.pace.pause();
            start.elapsed()
        };
        let mut writer = Writer { thread: None, pace: Arc::new(Pace::new()) };
        let working = writer.give_way();
        assert!(paused(&writer) >= PATIENCE);
        drop(working);
        assert!(paused(&writer) >= QUIET / 2);
        assert_eq!(writer.pace.quiet_since.load(Ordering::Relaxed) / 1_000_000, 0);
        // It has been quiet for long enough now.
        assert!(paused(&writer) < QUIET);
        let _working = writer.give_way();
        writer.wait();
        assert!(paused(&writer) < QUIET);
    }
}
