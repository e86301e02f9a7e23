//! Ctrl-C: ends the command, or only the answer that is being made.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU8, Ordering};

/// A Ctrl-C ends the process with 130.
const ENDS: u8 = 0;
/// A Ctrl-C asks the answer to stop; see [`Answer::stopped`].
const STOPS_ANSWER: u8 = 1;
/// It was asked to. A second Ctrl-C ends the process, in case a step hangs.
const STOPPED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(ENDS);

/// Installs the handler; once, at the start.
pub fn install() {
    let handler = || {
        if STATE.compare_exchange(STOPS_ANSWER, STOPPED, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            // Leaves the line that a progress bar or half an answer is on.
            if std::io::stderr().is_terminal() {
                eprintln!();
            }
            std::process::exit(130);
        }
    };
    // Without a handler Ctrl-C still ends the process, only less gently; nothing a person should be told about.
    let _ = ctrlc::set_handler(handler);
}

/// From now on a first Ctrl-C is left to somebody else, who hears it too; a second one still ends the process.
pub fn leave_first() {
    STATE.store(STOPS_ANSWER, Ordering::SeqCst);
}

/// While this lives, a first Ctrl-C is kept for [`Answer::stopped`] to report.
pub struct Answer(());

impl Answer {
    /// From now on.
    pub fn begin() -> Answer {
        STATE.store(STOPS_ANSWER, Ordering::SeqCst);
        Answer(())
    }

    /// Whether Ctrl-C was pressed since [`Answer::begin`].
    pub fn stopped(&self) -> bool {
        STATE.load(Ordering::SeqCst) == STOPPED
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        STATE.store(ENDS, Ordering::SeqCst);
    }
}
