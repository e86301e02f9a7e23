//! A source that is watched: totals that only grow, whatever the source does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::energy::{Energy, Joules, Tier};
use crate::source::{Covers, Source, SourceError};

/// How often a source is looked at when nobody asks, unless that would cost too much.
pub const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Of its own accord a meter spends at most one part in so many of a processor on reading its source.
const IDLE_DUTY: u32 = 5000;

/// However often it is asked, it spends at most one part in so many.
const DUTY: u32 = 200;

/// What a meter has counted up to a moment. Two of them bound a span; see [`Total::until`].
#[derive(Clone, Copy, Debug)]
pub struct Total {
    /// Energy since the meter was started.
    pub energy: Energy,
    /// What may have been drawn and not be in it yet: the source shows it with its next update.
    pub edge: Joules,
    /// When the source was asked.
    pub at: Instant,
    /// How the figures of this source are obtained.
    pub tier: Tier,
    /// Seconds in which the source could not say, and the power before was taken to go on.
    pub bridged: f64,
}

/// Energy of a span of time.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How much; the interval has the doubt at both ends in it.
    pub energy: Energy,
    /// The doubt at both ends alone.
    pub edges: Joules,
    /// How long.
    pub time: Duration,
    /// How it was obtained: modelled where a part had to be bridged.
    pub tier: Tier,
}

impl Total {
    /// Energy from here to `later`, a total of the same meter.
    pub fn until(&self, later: &Total) -> Measured {
        let edges = self.edge + later.edge;
        Measured {
            energy: later.energy.since(self.energy).widened(edges),
            edges,
            time: later.at.saturating_duration_since(self.at),
            tier: if later.bridged > self.bridged { Tier::Modelled } else { later.tier },
        }
    }
}

/// A source and what it has counted so far. Looks at it now and then on a thread of its own, so that no counter goes
/// round unseen, and at once when asked.
pub struct Meter {
    shared: Arc<Shared>,
    sampler: Option<JoinHandle<()>>,
    name: &'static str,
    covers: Covers,
}

struct Shared {
    state: Mutex<State>,
    ended: Mutex<bool>,
    end: Condvar,
}

struct State {
    source: Box<dyn Source>,
    total: Total,
    /// Watts between the last two times that the source had counted something.
    watts: f64,
    /// The later of these.
    moved: Instant,
    /// What reading took, smoothed.
    cost: Duration,
    remarks: Vec<String>,
    failing: bool,
}

/// Remarks kept until somebody asks for them.
const MOST_REMARKS: usize = 16;

impl Meter {
    /// Begins to watch `source`, every [`SAMPLE_INTERVAL`].
    ///
    /// # Errors
    /// If the source cannot be read at all, or there is no thread to be had.
    pub fn start(mut source: Box<dyn Source>) -> Result<Meter, SourceError> {
        let asked = Instant::now();
        // What it counted before this moment belongs to nobody.
        source.read(asked)?;
        let (name, covers, tier) = (source.name(), source.covers(), source.tier());
        let total = Total { energy: Energy::ZERO, edge: Joules::ZERO, at: asked, tier, bridged: 0.0 };
        let cost = asked.elapsed();
        let state = State { source, total, watts: 0.0, moved: asked, cost, remarks: vec![], failing: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), ended: Mutex::new(false), end: Condvar::new() });
        let watched = shared.clone();
        let sampler = std::thread::Builder::new()
            .name("whit-meter".into())
            .spawn(move || watched.watch())
            .map_err(|error| SourceError::Other(format!("no thread to watch the source with: {error}")))?;
        Ok(Meter { shared, sampler: Some(sampler), name, covers })
    }

    /// The source's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What of the machine the source covers.
    pub fn covers(&self) -> Covers {
        self.covers
    }

    /// What exactly is read, for a person.
    pub fn detail(&self) -> String {
        self.shared.state().source.detail()
    }

    /// The total as of [`Total::at`]: a moment ago, if to ask the source again so soon would cost more than half a
    /// percent of a processor. For every step of an engine.
    pub fn total(&self) -> Total {
        let mut state = self.shared.state();
        let now = Instant::now();
        if now.saturating_duration_since(state.total.at) >= state.cost * DUTY {
            state.look(now);
        }
        state.total
    }

    /// The total as of now. If to ask the source again so soon would cost too much, its last power is taken to have gone on; the interval
    /// has that doubt, and what was wrong is in what comes next. For the ends of something short.
    pub fn total_soon(&self) -> Total {
        let mut state = self.shared.state();
        let now = Instant::now();
        let since = now.saturating_duration_since(state.total.at);
        if since >= state.cost * DUTY {
            state.look(now);
            return state.total;
        }
        let likely = Joules::from_f64(state.watts * since.as_secs_f64());
        let energy = state.total.energy + Energy::within(Joules::ZERO, likely, likely + likely);
        Total { energy, at: now, ..state.total }
    }

    /// The total as of now: asks the source, whatever that costs. For the ends of something long.
    pub fn total_now(&self) -> Total {
        let mut state = self.shared.state();
        state.look(Instant::now());
        state.total
    }

    /// What a person should know of the source since this was asked before, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().remarks)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.end.notify_all();
        if let Some(sampler) = self.sampler.take() {
            // A source that panicked has said so already.
            let _ = sampler.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            let pause = SAMPLE_INTERVAL.max(self.state().cost * IDLE_DUTY);
            ended = self.end.wait_timeout(ended, pause).unwrap_or_else(PoisonError::into_inner).0;
            let mut state = self.state();
            let now = Instant::now();
            if !*ended && now.saturating_duration_since(state.total.at) >= pause / 2 {
                state.look(now);
            }
        }
    }
}

impl State {
    fn look(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.total.at).as_secs_f64();
        let read = self.source.read(now);
        let cost = now.elapsed();
        self.cost = (self.cost * 7 + cost) / 8;
        match read {
            Ok(reading) => {
                self.total.energy += reading.energy;
                self.total.tier = reading.tier;
                let since_it_moved = now.saturating_duration_since(self.moved).as_secs_f64();
                if since_it_moved > 0.0 && reading.energy.joules > Joules::ZERO {
                    self.watts = reading.energy.joules.as_f64() / since_it_moved;
                    self.moved = now;
                }
                self.failing = false;
            }
            Err(error) => {
                // Nothing is known of this time. That it went on as before is the likeliest.
                let likely = Joules::from_f64(self.watts * seconds);
                self.total.energy += Energy::within(Joules::ZERO, likely, likely + likely);
                self.total.bridged += seconds;
                self.moved = now;
                if !std::mem::replace(&mut self.failing, true) {
                    self.remark(format!(
                        "{}: {error}; until it answers again its last power is taken",
                        self.source.name()
                    ));
                }
            }
        }
        self.total.at = now;
        self.total.edge = Joules::from_f64(self.watts * self.source.update_interval().as_secs_f64());
        if let Some(remark) = self.source.remark() {
            self.remark(remark);
        }
    }

    fn remark(&mut self, remark: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(remark);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::energy::Reading;

    /// A source of so many watts, which can be told to fail.
    struct Known {
        watts: f64,
        takes: Duration,
        at: Instant,
        fails: Arc<AtomicBool>,
        asked: Arc<AtomicU64>,
    }

    impl Source for Known {
        fn name(&self) -> &'static str {
            "known"
        }
        fn tier(&self) -> Tier {
            Tier::Counter
        }
        fn covers(&self) -> Covers {
            Covers::Machine
        }
        fn detail(&self) -> String {
            "known".into()
        }
        fn update_interval(&self) -> Duration {
            Duration::from_millis(1)
        }
        fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let began = Instant::now();
            while began.elapsed() < self.takes {}
            let seconds = at.saturating_duration_since(std::mem::replace(&mut self.at, at)).as_secs_f64();
            if self.fails.load(Ordering::SeqCst) {
                return Err(SourceError::Other("out of order".into()));
            }
            Ok(Reading { energy: Energy::exact(Joules::from_f64(self.watts * seconds)), tier: Tier::Counter, at })
        }
    }

    fn known(watts: f64, takes: Duration) -> (Meter, Arc<AtomicBool>, Arc<AtomicU64>) {
        let (fails, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let source = Known { watts, takes, at: Instant::now(), fails: fails.clone(), asked: asked.clone() };
        (Meter::start(Box::new(source)).expect("it starts"), fails, asked)
    }

    #[test]
    fn a_known_power_is_measured_right() {
        let (meter, ..) = known(80.0, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(30));
        let first = meter.total_now();
        std::thread::sleep(Duration::from_millis(250));
        let span = first.until(&meter.total_now());
        let expected = 80.0 * span.time.as_secs_f64();
        assert!((span.energy.joules.as_f64() - expected).abs() < 1e-4, "{span:?}");
        // 1 ms of 80 W at both ends.
        assert!((span.edges.as_f64() - 0.16).abs() < 0.01, "{span:?}");
        assert_eq!(span.energy.high, span.energy.joules + span.edges);
        assert_eq!(span.tier, Tier::Counter);
    }

    #[test]
    fn a_source_that_fails_is_bridged_and_told() {
        let (meter, fails, _) = known(50.0, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(30));
        let first = meter.total_now();
        fails.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(150));
        let span = first.until(&meter.total_now());
        let expected = 50.0 * span.time.as_secs_f64();
        assert_eq!(span.tier, Tier::Modelled);
        assert!((span.energy.joules.as_f64() - expected).abs() < 0.1 * expected, "{span:?}");
        assert!(span.energy.low < span.energy.joules && span.energy.high > span.energy.joules);
        let remarks = meter.remarks();
        assert_eq!(remarks, ["known: out of order; until it answers again its last power is taken"]);

        fails.store(false, Ordering::SeqCst);
        let healed = meter.total_now();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(healed.until(&meter.total_now()).tier, Tier::Counter);
        assert!(meter.remarks().is_empty());
    }

    #[test]
    fn who_asks_often_does_not_make_it_read_often() {
        let (meter, _, asked) = known(1.0, Duration::from_micros(100));
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(100) {
            meter.total();
        }
        // One in 20 ms, and some before it is known what one costs.
        assert!(asked.load(Ordering::SeqCst) < 30, "{asked:?}");
        let before = asked.load(Ordering::SeqCst);
        meter.total_now();
        assert!(asked.load(Ordering::SeqCst) > before);
    }

    #[test]
    fn what_a_dear_source_is_not_asked_goes_on_as_it_was() {
        let (meter, _, asked) = known(100.0, Duration::from_millis(5));
        meter.total_now();
        std::thread::sleep(Duration::from_millis(20));
        let (first, before) = (meter.total_now(), asked.load(Ordering::SeqCst));
        std::thread::sleep(Duration::from_millis(20));
        let span = first.until(&meter.total_soon());
        assert_eq!(asked.load(Ordering::SeqCst), before);
        assert!((span.energy.joules.as_f64() / span.time.as_secs_f64() - 100.0).abs() < 1.0, "{span:?}");
        assert!(span.energy.low == Joules::ZERO && span.energy.high > span.energy.joules, "{span:?}");
    }

    #[test]
    fn it_ends_at_once() {
        let began = Instant::now();
        drop(known(1.0, Duration::ZERO));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
