//! Progress bars on standard error: only on a terminal, and only for what takes a while.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(600);

/// A bar that appears once its work has taken [`PATIENCE`], and is gone when dropped.
pub struct Progress {
    bar: ProgressBar,
    /// When to show it; `None` once shown, or if standard error is not a terminal.
    show_at: Option<Instant>,
}

impl Progress {
    /// Counts bytes.
    pub fn bytes(what: &str) -> Progress {
        Progress::new(what, "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// Counts steps.
    pub fn steps(what: &str) -> Progress {
        Progress::new(what, "{msg} {wide_bar} {pos}/{len} {eta}")
    }

    /// Counts the steps of a training, whose words say what time is left: of one that was resumed it does not begin with this run.
    #[cfg(feature = "tune")]
    pub fn training() -> Progress {
        Progress::new("", "{msg} {wide_bar} {pos}/{len}")
    }

    fn new(what: &str, template: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_message(what.to_owned());
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar, show_at: stderr().is_terminal().then(|| Instant::now() + PATIENCE) }
    }

    /// `done` of `total`.
    pub fn set(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if self.show_at.is_some_and(|at| Instant::now() >= at) {
            self.show_at = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Where a resumed job begins, so that its speed is that of this run.
    pub fn resume_at(&mut self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// Changes the words before the bar.
    pub fn say(&self, what: String) {
        self.bar.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
