//! The threads that compute: a fixed team, each on a core of its own where it is as large as the machine, that spins briefly between jobs, then yields, then sleeps.
//!
//! A general work pool costs microseconds a job; a token of a small model has hundreds of steps. The team runs one
//! closure on every thread at once and synchronises inside it with a barrier of a few hundred nanoseconds.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::isa::{Isa, IsaError};
use crate::topology;

/// How long a waiting thread keeps its core busy before it gives way; not at all in a team larger than the machine, where it
/// would only keep another from arriving.
const SPIN: Duration = Duration::from_micros(60);
/// How long it then yields before it sleeps.
const YIELD: Duration = Duration::from_micros(400);

type Job = dyn Fn(&Worker) + Sync;

/// A fixed set of threads, the caller among them.
pub struct Team {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    isa: Isa,
}

/// A team that cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// No such instruction set here.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The system does not give that many threads.
    #[error("the system does not start {threads} threads ({source}): use fewer")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

/// One thread's view of a running job.
pub struct Worker<'a> {
    /// 0 to `count - 1`; 0 is the caller.
    pub index: usize,
    /// Threads of the team.
    pub count: usize,
    barrier: &'a Barrier,
}

impl Worker<'_> {
    /// Waits until every thread of the team is here. What they wrote before it is visible after it.
    #[inline]
    pub fn barrier(&self) {
        self.barrier.wait();
    }

    /// The first half of a barrier: says that this thread is here, and waits for nobody.
    #[inline]
    pub(crate) fn arrive(&self) -> Arrival {
        Arrival(self.barrier.arrive())
    }

    /// The second half: waits until every thread of the team has arrived. What they wrote before that is visible now.
    #[inline]
    pub(crate) fn wait_for(&self, arrival: Arrival) {
        self.barrier.wait_for(arrival.0);
    }

    /// This thread's share of `n` units: contiguous, and as even as can be.
    #[inline]
    pub fn share(&self, n: usize) -> std::ops::Range<usize> {
        n * self.index / self.count..n * (self.index + 1) / self.count
    }
}

/// That a thread has [arrived](Worker::arrive) at a barrier; it must wait there before it comes to the next one.
#[must_use]
pub(crate) struct Arrival(usize);

struct Shared {
    /// Counts jobs; a change wakes the team.
    epoch: AtomicUsize,
    /// The job of this epoch. Written only while every worker is idle.
    job: UnsafeCell<Option<*const Job>>,
    /// Workers still at the job.
    running: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    sleepers: Mutex<usize>,
    wake: Condvar,
    barrier: Barrier,
}

// SAFETY: `job` is written by the caller of `run` while `running` is 0, and read by workers only after they have seen
// the `epoch` that the caller released after writing.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Team {
    /// A team of `threads` threads (`None`: what [`topology::default_threads`] counts) for the instruction set that
    /// [`Isa::choose`] finds.
    ///
    /// # Errors
    /// If `WHIT_ISA` asks for what this machine does not have, or the system does not give so many threads.
    pub fn new(threads: Option<usize>) -> Result<Team, TeamError> {
        Team::with_isa(threads, Isa::choose()?)
    }

    /// As [`Team::new`], for one of [`Isa::available`]; for tests.
    ///
    /// # Errors
    /// If the system does not give so many threads.
    ///
    /// # Panics
    /// If this machine does not have `isa`.
    pub fn with_isa(threads: Option<usize>, isa: Isa) -> Result<Team, TeamError> {
        assert!(Isa::available().contains(&isa), "this machine does not have {}", isa.name());
        let count = threads.unwrap_or_else(topology::default_threads).max(1);
        let cores = topology::cores();
        // Smaller teams of several programs would all take the first cores. The caller stays free, as it was and as what it starts
        // later should be: the core that is left is where the system puts it.
        let pin = count > 1 && count == cores.len();
        let processors: usize = cores.iter().map(Vec::len).sum();
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            running: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
            barrier: Barrier {
                arrived: AtomicUsize::new(0),
                generation: AtomicUsize::new(0),
                broken: AtomicBool::new(false),
                spin: if count > processors { Duration::ZERO } else { SPIN },
                count,
            },
        });
        let mut team = Team { shared: shared.clone(), threads: vec![], isa };
        for index in 1..count {
            let shared = shared.clone();
            let core = cores.get(index).filter(|_| pin).cloned();
            let thread = std::thread::Builder::new()
                .name(format!("whit-{index}"))
                .spawn(move || {
                    if let Some(core) = &core {
                        topology::pin_to(core);
                    }
                    shared.work(index, count);
                })
                .map_err(|source| TeamError::Threads { threads: count, source })?;
            team.threads.push(thread);
        }
        Ok(team)
    }

    /// Threads, the caller among them.
    pub fn count(&self) -> usize {
        self.threads.len() + 1
    }

    /// What the team computes with.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Runs `job` on every thread at once, this one among them, and returns when all are done.
    ///
    /// # Panics
    /// If the job panics on any thread.
    pub fn run(&mut self, job: &(dyn Fn(&Worker) + Sync)) {
        let count = self.count();
        let shared = &*self.shared;
        if count > 1 {
            // SAFETY: only the lifetime is erased; `run` does not return before every worker is done with the job.
            let job: *const Job =
                unsafe { std::mem::transmute::<*const (dyn Fn(&Worker) + Sync + '_), *const Job>(job) };
            // SAFETY: all workers are idle, see `Shared`.
            unsafe { *shared.job.get() = Some(job) };
            shared.running.store(count - 1, Ordering::Relaxed);
            shared.epoch.fetch_add(1, Ordering::SeqCst);
            let sleepers = shared.sleepers.lock().unwrap_or_else(|e| e.into_inner());
            if *sleepers > 0 {
                shared.wake.notify_all();
            }
        }
        let worker = Worker { index: 0, count, barrier: &shared.barrier };
        let mine = catch_unwind(AssertUnwindSafe(|| job(&worker)));
        if mine.is_err() {
            shared.barrier.broken.store(true, Ordering::Release);
        }
        wait_until(shared.barrier.spin, || shared.running.load(Ordering::Acquire) == 0);
        // All are out of the job: whatever a panic left behind in the barrier is cleared.
        if shared.barrier.broken.swap(false, Ordering::AcqRel) {
            shared.barrier.arrived.store(0, Ordering::Release);
        }
        if shared.panicked.swap(false, Ordering::Relaxed) && mine.is_ok() {
            panic!("a thread of the team panicked");
        }
        if let Err(panic) = mine {
            std::panic::resume_unwind(panic);
        }
    }

    /// Hands `data` out in chunks of `chunk_len` bytes, each to one thread: `work(chunk index, chunk)`.
    pub fn for_each_chunk(&mut self, data: &mut [u8], chunk_len: usize, work: &(dyn Fn(usize, &mut [u8]) + Sync)) {
        if data.is_empty() {
            return;
        }
        let chunks: Vec<Mutex<&mut [u8]>> = data.chunks_mut(chunk_len).map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        self.run(&|_| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(index) else { break };
                work(index, &mut chunk.lock().unwrap_or_else(|e| e.into_inner()));
            }
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        drop(self.shared.sleepers.lock());
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches its job's panics, so joining cannot fail in a way that matters here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self, index: usize, count: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_epoch(seen);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            // SAFETY: a new epoch means that the caller has written the job and waits for us.
            let job = unsafe { (*self.job.get()).map(|job| &*job) };
            if let Some(job) = job {
                let worker = Worker { index, count, barrier: &self.barrier };
                if catch_unwind(AssertUnwindSafe(|| job(&worker))).is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                    self.barrier.broken.store(true, Ordering::Release);
                }
            }
            self.running.fetch_sub(1, Ordering::Release);
        }
    }

    fn next_epoch(&self, seen: usize) -> usize {
        let changed = || self.epoch.load(Ordering::SeqCst) != seen;
        if !spin_then_yield(self.barrier.spin, &changed) {
            let mut sleepers = self.sleepers.lock().unwrap_or_else(|e| e.into_inner());
            *sleepers += 1;
            while !changed() {
                sleepers = self.wake.wait(sleepers).unwrap_or_else(|e| e.into_inner());
            }
            *sleepers -= 1;
        }
        seen + 1
    }
}

struct Barrier {
    arrived: AtomicUsize,
    generation: AtomicUsize,
    /// A thread panicked and will never arrive.
    broken: AtomicBool,
    /// How long to spin, here and between jobs.
    spin: Duration,
    count: usize,
}

impl Barrier {
    #[inline]
    fn wait(&self) {
        self.wait_for(self.arrive());
    }

    /// Which generation of threads is complete when all have arrived.
    #[inline]
    fn arrive(&self) -> usize {
        if self.count == 1 {
            return 0;
        }
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.count {
            self.arrived.store(0, Ordering::Relaxed);
            self.generation.store(generation.wrapping_add(1), Ordering::Release);
        }
        generation
    }

    #[inline]
    fn wait_for(&self, generation: usize) {
        if self.count == 1 || self.generation.load(Ordering::Acquire) != generation {
            return;
        }
        wait_until(self.spin, || {
            self.generation.load(Ordering::Acquire) != generation || self.broken.load(Ordering::Acquire)
        });
        assert!(self.generation.load(Ordering::Acquire) != generation, "another thread of the team panicked");
    }
}

/// Spins, then yields; false if `done` did not come true in that time.
#[inline]
fn spin_then_yield(spin: Duration, done: &impl Fn() -> bool) -> bool {
    // Look at the clock rarely: a look costs as much as twenty spins.
    let mut start = None;
    loop {
        for _ in 0..64 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        let start = *start.get_or_insert_with(Instant::now);
        let waited = start.elapsed();
        if waited > spin + YIELD {
            return false;
        }
        if waited >= spin {
            std::thread::yield_now();
        }
    }
}

#[inline]
fn wait_until(spin: Duration, done: impl Fn() -> bool) {
    while !spin_then_yield(spin, &done) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_thread_runs_the_job_once_and_barriers_hold() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(Some(threads)).unwrap();
            for round in 0..200u64 {
                let sum = AtomicU64::new(0);
                let seen = AtomicU64::new(0);
                team.run(&|w| {
                    sum.fetch_add(w.index as u64 + round, Ordering::Relaxed);
                    w.barrier();
                    let all = sum.load(Ordering::Relaxed);
                    w.barrier();
                    if all == (0..threads as u64).map(|i| i + round).sum() {
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                });
                assert_eq!(seen.into_inner(), threads as u64);
            }
        }
    }

    #[test]
    fn between_the_halves_of_a_barrier_a_thread_goes_on_and_behind_it_all_have_been_there() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(Some(threads)).unwrap();
            let (ahead, seen) = (AtomicU64::new(0), AtomicU64::new(0));
            let arrived: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
            team.run(&|worker| {
                for round in 1..=200 {
                    // The others come only when the first has gone on.
                    while worker.index > 0 && ahead.load(Ordering::Relaxed) < round {
                        std::thread::yield_now();
                    }
                    arrived[worker.index].store(round, Ordering::Relaxed);
                    let arrival = worker.arrive();
                    if worker.index == 0 {
                        ahead.store(round, Ordering::Relaxed);
                    }
                    worker.wait_for(arrival);
                    let all = arrived.iter().all(|arrived| arrived.load(Ordering::Relaxed) >= round);
                    seen.fetch_add(u64::from(all), Ordering::Relaxed);
                }
            });
            assert_eq!(seen.into_inner(), 200 * threads as u64);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_team_as_large_as_the_machine_has_a_thread_on_each_core() {
        let cores = topology::cores();
        let seen = |threads| {
            let allowed = Mutex::new(vec![vec![]; threads]);
            Team::new(Some(threads)).unwrap().run(&|worker| {
                allowed.lock().unwrap()[worker.index] = topology::allowed_processors();
            });
            allowed.into_inner().unwrap()
        };
        let all = topology::allowed_processors();
        if cores.len() > 1 {
            assert_eq!(seen(cores.len())[1..], cores[1..]);
        }
        assert!(seen(cores.len() + 1).iter().all(|allowed| *allowed == all), "more threads than cores are free");
        assert_eq!(topology::allowed_processors(), all, "the caller is free");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_team_without_work_leaves_the_processors_alone() {
        let mut team = Team::new(Some(3)).unwrap();
        let threads = Mutex::new(Vec::new());
        team.run(&|worker| {
            if worker.index > 0 {
                threads.lock().unwrap().push(std::fs::read_link("/proc/thread-self").unwrap());
            }
        });
        let threads = threads.into_inner().unwrap();
        assert_eq!(threads.len(), 2);
        // Of user and system, in hundredths of a second: fields 14 and 15 (proc_pid_stat(5)), 12 and 13 after the name.
        let used = || -> u64 {
            let of = |thread: &std::path::PathBuf| -> u64 {
                let stat = std::fs::read_to_string(std::path::Path::new("/proc").join(thread).join("stat")).unwrap();
                let (_, fields) = stat.rsplit_once(')').unwrap();
                fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
            };
            threads.iter().map(of).sum()
        };
        std::thread::sleep(10 * (SPIN + YIELD));
        let before = used();
        std::thread::sleep(Duration::from_millis(200));
        let hundredths = used() - before;
        assert!(hundredths <= 2, "two idle threads used {hundredths} hundredths of a second in a fifth of one");
    }

    #[test]
    fn a_job_after_a_long_pause_still_runs() {
        let mut team = Team::new(Some(3)).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let ran = AtomicUsize::new(0);
        team.run(&|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.into_inner(), 3);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_survives() {
        let mut team = Team::new(Some(2)).unwrap();
        for victim in 0..2 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.run(&|w| {
                    assert_ne!(w.index, victim);
                    w.barrier();
                });
            }));
            assert!(result.is_err());
        }
        let ran = AtomicUsize::new(0);
        team.run(&|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.into_inner(), 2);
    }

    #[test]
    fn chunks_are_each_handed_out_once() {
        let mut team = Team::new(Some(2)).unwrap();
        let mut data = vec![0u8; 1000];
        team.for_each_chunk(&mut data, 64, &|i, chunk| chunk.iter_mut().for_each(|b| *b += 1 + i as u8));
        assert!(data.iter().enumerate().all(|(at, &b)| usize::from(b) == 1 + at / 64));
    }
}
