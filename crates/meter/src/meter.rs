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
    /// What the source itself has counted: what was taken for the time in which it could not say comes with its next reading and
    /// is not counted twice.
    counted: Energy,
    power: Power,
    /// Seconds since the last look that told something.
    unread: f64,
    /// What reading took, smoothed.
    cost: Duration,
    remarks: Vec<String>,
    failing: bool,
}

/// Time over which the last power is smoothed, or so many updates of the source if those take longer: a slow counter moves sooner or later
/// than it is looked at, and what it shows then is of another time than has passed since it moved before.
const SMOOTHED: Duration = Duration::from_secs(1);
const SMOOTHED_UPDATES: u32 = 4;

/// The power of a source, as of late.
#[derive(Clone, Copy, Debug)]
struct Power {
    /// What was counted and how long that took, the past less and less of it.
    joules: f64,
    seconds: f64,
    /// When something was counted last, and how often that was, as far as two.
    moved: Instant,
    moves: u8,
    /// About the longest time between two of these of late: shorter than the update interval for a source that counts on between its updates.
    gap: Duration,
    /// Watts between the last two of these alone.
    last: f64,
}

impl Power {
    fn new(at: Instant) -> Power {
        Power { joules: 0.0, seconds: 0.0, moved: at, moves: 0, gap: Duration::ZERO, last: 0.0 }
    }

    /// So much came in the time since the last look, of a source that may show the same for `interval`.
    fn add(&mut self, joules: f64, seconds: f64, at: Instant, interval: Duration) {
        let window = SMOOTHED.max(self.gap.min(interval) * SMOOTHED_UPDATES).as_secs_f64();
        let kept = (-seconds / window).exp();
        (self.joules, self.seconds) = (self.joules * kept + joules, self.seconds * kept + seconds);
        if joules > 0.0 {
            let since = at.saturating_duration_since(std::mem::replace(&mut self.moved, at));
            match self.moves {
                // It began in the middle of an update.
                0 => self.seconds = self.seconds.max(interval.as_secs_f64()),
                1 => (self.joules, self.seconds, self.gap) = (joules, since.as_secs_f64(), since),
                _ => self.gap = since.max(self.gap.mul_f64(0.9)),
            }
            self.moves = (self.moves + 1).min(2);
            let since = since.max(self.gap.min(interval)).as_secs_f64();
            self.last = if self.moves > 1 && since > 0.0 { joules / since } else { self.watts() };
        }
    }

    /// Smoothed.
    fn watts(&self) -> f64 {
        if self.seconds > 0.0 { self.joules / self.seconds } else { 0.0 }
    }

    /// What it may be now: the larger of what it was over a while and since it moved before.
    fn at_most(&self) -> f64 {
        self.watts().max(self.last)
    }
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
        let (name, covers) = (source.name(), source.covers());
        let state = State::new(source, asked, asked.elapsed());
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
        let likely = Joules::from_f64(state.power.watts() * since.as_secs_f64());
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
    /// `source` was read at `at`, which took `cost`.
    fn new(source: Box<dyn Source>, at: Instant, cost: Duration) -> State {
        let tier = source.tier();
        State {
            source,
            total: Total { energy: Energy::ZERO, edge: Joules::ZERO, at, tier, bridged: 0.0 },
            counted: Energy::ZERO,
            power: Power::new(at),
            unread: 0.0,
            cost,
            remarks: vec![],
            failing: false,
        }
    }

    fn look(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.total.at).as_secs_f64();
        let read = self.source.read(now);
        let cost = now.elapsed();
        self.cost = (self.cost * 7 + cost) / 8;
        match read {
            Ok(reading) => {
                self.counted += reading.energy;
                self.total.tier = reading.tier;
                // Where too much was taken for a time without a reading, the total waits until the source has counted that.
                let (before, counted) = (self.total.energy, self.counted);
                self.total.energy = Energy {
                    joules: before.joules.max(counted.joules),
                    low: before.low.max(counted.low),
                    high: before.high.max(counted.high),
                };
                let unread = std::mem::take(&mut self.unread) + seconds;
                self.power.add(reading.energy.joules.as_f64(), unread, now, self.source.update_interval());
                self.failing = false;
            }
            Err(error) => {
                // Nothing is known of this time. That it went on as before is the likeliest.
                let likely = Joules::from_f64(self.power.watts() * seconds);
                self.total.energy += Energy::within(Joules::ZERO, likely, likely + likely);
                self.total.bridged += seconds;
                self.unread += seconds;
                if !std::mem::replace(&mut self.failing, true) {
                    self.remark(format!(
                        "{}: {error}; until it answers again its last power is taken",
                        self.source.name()
                    ));
                }
            }
        }
        self.total.at = now;
        self.total.edge = Joules::from_f64(self.power.at_most() * self.source.update_interval().as_secs_f64());
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
            if self.fails.load(Ordering::SeqCst) {
                return Err(SourceError::Other("out of order".into()));
            }
            let seconds = at.saturating_duration_since(std::mem::replace(&mut self.at, at)).as_secs_f64();
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

    /// A source whose readings are given, and the meter's state around it; time is what the test says.
    struct Script {
        interval: Duration,
        readings: std::collections::VecDeque<Option<f64>>,
    }

    impl Source for Script {
        fn name(&self) -> &'static str {
            "script"
        }
        fn tier(&self) -> Tier {
            Tier::Counter
        }
        fn covers(&self) -> Covers {
            Covers::Machine
        }
        fn detail(&self) -> String {
            String::new()
        }
        fn update_interval(&self) -> Duration {
            self.interval
        }
        fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
            match self.readings.pop_front().flatten() {
                Some(joules) => {
                    let energy = Energy::exact(Joules::from_f64(joules));
                    Ok(Reading { energy, tier: Tier::Counter, at })
                }
                None => Err(SourceError::Other("out of order".into())),
            }
        }
    }

    fn state(interval: Duration, readings: impl IntoIterator<Item = Option<f64>>, at: Instant) -> State {
        let source = Box::new(Script { interval, readings: readings.into_iter().collect() });
        State::new(source, at, Duration::ZERO)
    }

    #[test]
    fn what_was_bridged_and_is_counted_later_is_counted_once() {
        let start = Instant::now();
        // A counter of 100 W that cannot be read for three seconds; and one whose machine drew nothing meanwhile.
        for after in [400.0, 10.0] {
            let first = [Some(100.0); 3];
            let readings = first.into_iter().chain([None; 3]).chain([Some(after), Some(100.0)]);
            let mut state = state(Duration::from_millis(1), readings, start);
            let mut last = Energy::ZERO;
            for second in 1..=8 {
                state.look(start + Duration::from_secs(second));
                let energy = state.total.energy;
                assert!(energy.low <= energy.joules && energy.joules <= energy.high, "{energy:?}");
                assert!(last.joules <= energy.joules && last.low <= energy.low && last.high <= energy.high);
                last = energy;
            }
            let truth = Joules::from_f64(300.0 + after + 100.0);
            assert_eq!(state.counted, Energy::exact(truth));
            // Three seconds were taken at 100 W: where less was drawn, the total waits for the source.
            assert_eq!(last.joules, truth.max(Joules::from_f64(600.0)));
            assert_eq!((last.low, state.total.bridged), (truth, 3.0));
        }
    }

    #[test]
    fn a_source_that_counts_on_between_its_updates_has_the_power_that_it_has() {
        // A battery of 20 W, which may show the same for half a minute.
        let start = Instant::now();
        let mut state = state(Duration::from_secs(30), std::iter::repeat_n(Some(2.0), 20), start);
        for look in 1..=20 {
            state.look(start + Duration::from_millis(100 * look));
            if look > 1 {
                assert!((state.total.edge.as_f64() - 600.0).abs() < 1e-3, "{:?}", state.total.edge);
            }
        }
    }

    #[test]
    fn the_last_power_of_a_slow_counter_is_its_power() {
        let start = Instant::now();
        // 100 W, shown every 50 ms, looked at every 7 ms, and now and then twice in a moment.
        let looks: Vec<u64> = (1..1000).flat_map(|look| [7_000 * look, 7_000 * look + 200 * (look % 30)]).collect();
        let mut shown = 0;
        let readings = looks.iter().map(|micros| {
            let now = micros / 50_000;
            Some(5.0 * (now - std::mem::replace(&mut shown, now)) as f64)
        });
        let readings: Vec<Option<f64>> = readings.collect();
        let mut state = state(Duration::from_millis(50), readings, start);
        for micros in looks {
            state.look(start + Duration::from_micros(micros));
            let watts = state.power.watts();
            if micros > 200_000 {
                assert!((70.0..=130.0).contains(&watts), "{watts} W after {micros} us");
            }
            if micros > 2_000_000 {
                assert!((92.0..=108.0).contains(&watts), "{watts} W after {micros} us");
                assert!((4.6..=10.1).contains(&state.total.edge.as_f64()), "{:?} after {micros} us", state.total.edge);
            }
        }
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
