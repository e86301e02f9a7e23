//! Masks are computed on a thread of their own while the model runs: one that takes less than the forward pass costs nothing. What is left
//! over when the model is done is shared between that thread and the one that waits for it, but only what is quick: nobody waits for a mask
//! that takes long but the answer that needs it.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Constraint;
use crate::EngineError;
use crate::request::RequestId;

/// A mask that takes no longer, to go by the one before it, may be computed by the thread that runs the model.
const QUICK: Duration = Duration::from_millis(1);

/// The thread, and what it is at.
#[derive(Default)]
pub(crate) struct Masks {
    thread: Option<Thread>,
    under_way: usize,
    /// What all that is under way takes, to go by what it usually does.
    expected: Duration,
}

struct Thread {
    jobs: Arc<Jobs>,
    done: Receiver<Job>,
}

/// A constraint, whose it is, and what its mask was expected to take.
type Job = (RequestId, Duration, Box<Constraint>);

/// What is to be done.
#[derive(Default)]
struct Jobs {
    waiting: Mutex<Waiting>,
    /// There is something, or it is over.
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    quick: VecDeque<Job>,
    slow: VecDeque<Job>,
    is_over: bool,
}

impl Jobs {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) {
        let mut waiting = self.waiting();
        match job.1 <= QUICK {
            true => waiting.quick.push_back(job),
            false => waiting.slow.push_back(job),
        }
        self.news.notify_one();
    }

    fn take_quick(&self) -> Option<Job> {
        self.waiting().quick.pop_front()
    }

    /// The next for the thread of masks: what is quick first, which keeps nobody else for long. `None` when it is over.
    fn take(&self) -> Option<Job> {
        let is_idle = |waiting: &mut Waiting| !waiting.is_over && waiting.quick.is_empty() && waiting.slow.is_empty();
        let mut waiting = self.news.wait_while(self.waiting(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if waiting.is_over {
            return None;
        }
        waiting.quick.pop_front().or_else(|| waiting.slow.pop_front())
    }
}

impl Masks {
    /// Begins to compute the mask of a request's constraint.
    pub fn begin(&mut self, whose: RequestId, constraint: Box<Constraint>) -> Result<(), EngineError> {
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(Thread::start()?),
        };
        let usual = constraint.usual_time();
        thread.jobs.add((whose, usual, constraint));
        self.under_way += 1;
        self.expected += usual;
        Ok(())
    }

    /// What all masks take that were begun and not given back yet, to go by those before them.
    pub fn expected(&self) -> Duration {
        self.expected
    }

    /// Whether there are masks that were begun and not given back yet.
    pub fn are_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// Gives back the constraints whose masks are done, and waits for the others until then; for all of them if there is no such time. What
    /// is not done by then is given back another time.
    pub fn finish(
        &mut self,
        until: Option<Instant>,
        mut give: impl FnMut(RequestId, Box<Constraint>),
    ) -> Result<(), EngineError> {
        while self.under_way > 0 {
            let Some(thread) = &self.thread else { return Err(gone()) };
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let job = match thread.done.try_recv() {
                Ok(job) => Some(job),
                Err(_) if left.is_some_and(|left| left.is_zero()) => None,
                Err(_) => match (thread.jobs.take_quick(), left) {
                    (Some((whose, usual, mut constraint)), _) => {
                        constraint.compute_mask();
                        Some((whose, usual, constraint))
                    }
                    (None, None) => Some(thread.done.recv().map_err(|_| gone())?),
                    (None, Some(left)) => match thread.done.recv_timeout(left) {
                        Ok(job) => Some(job),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                    },
                },
            };
            let Some((whose, usual, constraint)) = job else { return Ok(()) };
            self.under_way -= 1;
            self.expected = self.expected.saturating_sub(usual);
            give(whose, constraint);
        }
        Ok(())
    }
}

impl Thread {
    /// It ends when this is dropped, and its jobs with it.
    fn start() -> Result<Thread, EngineError> {
        let (tell, done): (Sender<Job>, _) = channel();
        let jobs = Arc::new(Jobs::default());
        let taken_from = jobs.clone();
        std::thread::Builder::new()
            .name("whit-masks".into())
            .spawn(move || {
                while let Some((whose, usual, mut constraint)) = taken_from.take() {
                    constraint.compute_mask();
                    if tell.send((whose, usual, constraint)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| EngineError::Internal(format!("no thread for masks: {error}")))?;
        Ok(Thread { jobs, done })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs.waiting().is_over = true;
        self.jobs.news.notify_one();
    }
}

fn gone() -> EngineError {
    EngineError::Internal("the thread that computes masks is gone".into())
}
