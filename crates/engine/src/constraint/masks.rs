//! Masks are computed on a thread of their own while the model runs: one that takes less than the forward pass costs nothing. What is left
//! over when the model is done is shared between that thread and the one that waits for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::Constraint;
use crate::EngineError;

/// The thread, and what it is at.
#[derive(Default)]
pub(crate) struct Masks {
    thread: Option<Thread>,
    under_way: usize,
}

struct Thread {
    jobs: Sender<Job>,
    /// Where the thread takes them from; locked only while it does.
    work: Arc<Mutex<Receiver<Job>>>,
    done: Receiver<Job>,
}

/// A constraint and whose it is.
type Job = (usize, Box<Constraint>);

impl Masks {
    /// Begins to compute the mask of the constraint of number `whose`.
    pub fn begin(&mut self, whose: usize, constraint: Box<Constraint>) -> Result<(), EngineError> {
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(Thread::start()?),
        };
        thread.jobs.send((whose, constraint)).map_err(|_| gone())?;
        self.under_way += 1;
        Ok(())
    }

    /// Sees to it that all that was begun is done; `give` gets the constraints back.
    pub fn finish(&mut self, mut give: impl FnMut(usize, Box<Constraint>)) -> Result<(), EngineError> {
        while self.under_way > 0 {
            let Some(thread) = &self.thread else { return Err(gone()) };
            // If the thread is just taking one, there will be another time.
            let next = thread.work.try_lock().ok().and_then(|work| work.try_recv().ok());
            let (whose, constraint) = match next {
                Some((whose, mut constraint)) => {
                    constraint.compute_mask();
                    (whose, constraint)
                }
                None => thread.done.recv().map_err(|_| gone())?,
            };
            self.under_way -= 1;
            give(whose, constraint);
        }
        Ok(())
    }
}

impl Thread {
    /// It ends when `Masks` is dropped, and its jobs with it.
    fn start() -> Result<Thread, EngineError> {
        let (jobs, work) = channel::<Job>();
        let (tell, done) = channel();
        let work = Arc::new(Mutex::new(work));
        let taken_from = work.clone();
        let next = move || taken_from.lock().unwrap_or_else(PoisonError::into_inner).recv();
        std::thread::Builder::new()
            .name("whit-masks".into())
            .spawn(move || {
                while let Ok((whose, mut constraint)) = next() {
                    constraint.compute_mask();
                    if tell.send((whose, constraint)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| EngineError::Internal(format!("no thread for masks: {error}")))?;
        Ok(Thread { jobs, work, done })
    }
}

fn gone() -> EngineError {
    EngineError::Internal("the thread that computes masks is gone".into())
}
