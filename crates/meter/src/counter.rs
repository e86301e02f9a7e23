//! Energy counters as hardware has them: they wrap, are reset, and sometimes stand still.

use std::time::{Duration, Instant};

use crate::energy::{Energy, Joules};
use crate::source::SourceError;

/// No single counter belongs to something that draws more; it tells a wrap from a reset. The largest packages of
/// today are specified at 500 W (EPYC 9965, Xeon 6980P), and a whole server of eight of them stays below this.
const PLAUSIBLE_WATTS: f64 = 5000.0;

/// A processor that runs this program draws something at every moment, and RAPL counters move every millisecond. One
/// that showed the same for so long is dead.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(2);

/// Joules after which a counter of `bits` bits begins anew, given the joules of one count.
pub fn wraps_after(bits: u32, joules_per_count: f64) -> f64 {
    f64::from(bits).exp2() * joules_per_count
}

/// What a step of a counter was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It went on, or passed its end and began anew.
    Counted,
    /// It showed the same.
    Still,
    /// Somebody set it back.
    Reset,
    /// So much time passed that it may have gone round unseen.
    Lost,
}

/// One counter: turns what it shows into energy.
#[derive(Debug)]
pub(crate) struct Counter {
    last: u64,
    looked: Instant,
    moved: Instant,
    /// The count after which it begins anew, where that is known.
    range: Option<u64>,
    microjoules_per_count: f64,
    /// What rounding to whole microjoules has kept back, in microjoules.
    carry: f64,
    /// Of the last time that it moved.
    watts: f64,
}

impl Counter {
    /// A counter that shows `value`.
    pub fn new(value: u64, range: Option<u64>, microjoules_per_count: f64, at: Instant) -> Counter {
        Counter { last: value, looked: at, moved: at, range, microjoules_per_count, carry: 0.0, watts: 0.0 }
    }

    /// It shows `value` now: energy since it was looked at before.
    pub fn step(&mut self, value: u64, at: Instant) -> (Energy, Step) {
        let since = |before: Instant| at.saturating_duration_since(before).as_secs_f64();
        let (unseen, seconds, last) = (since(self.looked), since(self.moved), self.last);
        self.looked = at;
        if value == last {
            // What was drawn meanwhile it shows with its next move.
            return (Energy::ZERO, Step::Still);
        }
        (self.last, self.moved) = (value, at);
        let most = PLAUSIBLE_WATTS * seconds;
        let unit = self.microjoules_per_count;
        let joules = |counts: u64| counts as f64 * unit * 1e-6;
        let went_round = self.range.filter(|&range| last <= range).map(|range| range - last + value);
        let counts = match value.checked_sub(last) {
            Some(counts) => counts,
            None => match went_round.filter(|&counts| joules(counts) <= most) {
                Some(counts) => counts,
                None => return (self.reset(joules(value), seconds), Step::Reset),
            },
        };
        let microjoules = counts as f64 * unit + self.carry;
        self.carry = microjoules - microjoules.floor();
        let counted = Joules::from_micro(microjoules as u64);
        if seconds > 0.0 {
            self.watts = counted.as_f64() / seconds;
        }
        let most_unseen = PLAUSIBLE_WATTS * unseen;
        match self.range.map(joules).filter(|&round| round > 0.0 && most_unseen >= round) {
            Some(round) => {
                let rounds = ((most_unseen - counted.as_f64()) / round).floor().max(0.0);
                let high = counted + Joules::from_f64(rounds * round);
                (Energy::within(counted, counted, high), if rounds > 0.0 { Step::Lost } else { Step::Counted })
            }
            None => (Energy::exact(counted), Step::Counted),
        }
    }

    /// It was set back to zero at an unknown moment, and shows `since` joules: those for certain, and at most what
    /// the power seen before gives for all of the time.
    fn reset(&mut self, since: f64, seconds: f64) -> Energy {
        self.carry = 0.0;
        let usual = self.watts * seconds;
        // Set to something else than zero: what it shows says nothing.
        let since = if since <= PLAUSIBLE_WATTS * seconds { since } else { 0.0 };
        Energy::within(Joules::from_f64(since), Joules::from_f64(since.max(usual)), Joules::from_f64(since + usual))
    }
}

/// Reads what one counter shows.
pub(crate) type Show = Box<dyn FnMut() -> Result<u64, SourceError> + Send>;

/// Counters that are added up, because none of them contains another.
pub(crate) struct Bank {
    counters: Vec<(Show, Counter)>,
    moved: Instant,
}

impl Bank {
    /// Opens them: each with its range and its microjoules per count.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn open(
        counters: impl IntoIterator<Item = (Show, Option<u64>, f64)>,
        at: Instant,
    ) -> Result<Bank, SourceError> {
        let counters = counters.into_iter().map(|(mut show, range, unit)| {
            let counter = Counter::new(show()?, range, unit, at);
            Ok((show, counter))
        });
        Ok(Bank { counters: counters.collect::<Result<_, SourceError>>()?, moved: at })
    }

    /// Energy since the last time, and the most noteworthy step.
    ///
    /// # Errors
    /// If one cannot be read, or all of them stood still for [`DEAD_AFTER`].
    pub fn read(&mut self, at: Instant) -> Result<(Energy, Step), SourceError> {
        let mut shown = Vec::with_capacity(self.counters.len());
        for (show, _) in &mut self.counters {
            shown.push(show()?);
        }
        let (mut energy, mut all) = (Energy::ZERO, Step::Still);
        for ((_, counter), value) in self.counters.iter_mut().zip(shown) {
            let (more, step) = counter.step(value, at);
            energy += more;
            all = match (all, step) {
                (Step::Reset, _) | (_, Step::Reset) => Step::Reset,
                (Step::Lost, _) | (_, Step::Lost) => Step::Lost,
                (Step::Still, step) | (step, _) => step,
            };
        }
        if all != Step::Still {
            self.moved = at;
        } else if self.still_for(at) >= DEAD_AFTER {
            return Err(SourceError::StandsStill { seconds: self.still_for(at).as_secs_f64() });
        }
        Ok((energy, all))
    }

    /// How long none of them has moved.
    pub fn still_for(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: u64 = 262_143_328_850;

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    fn micro(joules: f64) -> u64 {
        (joules * 1e6) as u64
    }

    #[test]
    fn a_counter_of_2_to_the_32_times_61_microjoules_wraps_every_262_kilojoules() {
        assert_eq!((wraps_after(32, 61e-6) / 1e3).round(), 262.0);
        // One count is 2^-14 J, which is 61.035 microjoules.
        assert_eq!(wraps_after(32, f64::from(-14).exp2()), 262_144.0);
    }

    #[test]
    fn it_counts_on_past_its_end() {
        let start = Instant::now();
        let mut counter = Counter::new(RANGE - micro(20.0), Some(RANGE), 1.0, start);
        let (energy, step) = counter.step(micro(30.0), after(start, 1.0));
        assert_eq!((energy, step), (Energy::exact(Joules::from_f64(50.0)), Step::Counted));
        let (energy, _) = counter.step(micro(45.0), after(start, 2.0));
        assert_eq!(energy, Energy::exact(Joules::from_f64(15.0)));
    }

    #[test]
    fn a_reset_is_no_wrap() {
        let start = Instant::now();
        let mut counter = Counter::new(micro(1000.0), Some(RANGE), 1.0, start);
        counter.step(micro(1100.0), after(start, 1.0));
        // As a wrap this would be 261 kJ in a second.
        let (energy, step) = counter.step(micro(30.0), after(start, 2.0));
        assert_eq!(step, Step::Reset);
        let [low, joules, high] = [energy.low, energy.joules, energy.high].map(Joules::as_f64);
        assert_eq!([low, joules, high], [30.0, 100.0, 130.0]);
        // From there on it counts as ever.
        assert_eq!(counter.step(micro(40.0), after(start, 3.0)).0, Energy::exact(Joules::from_f64(10.0)));
    }

    #[test]
    fn without_a_range_what_goes_down_was_reset() {
        let start = Instant::now();
        let mut counter = Counter::new(500, None, 1.0, start);
        assert_eq!(counter.step(100, after(start, 1.0)).1, Step::Reset);
    }

    #[test]
    fn a_long_sleep_leaves_room_for_rounds() {
        let start = Instant::now();
        let mut counter = Counter::new(0, Some(RANGE), 1.0, start);
        let (energy, step) = counter.step(micro(10.0), after(start, 120.0));
        assert_eq!((energy.low, energy.joules, step), (Joules::from_f64(10.0), Joules::from_f64(10.0), Step::Lost));
        // 120 s of 5 kW are 600 kJ: two more rounds.
        assert_eq!(energy.high, Joules::from_micro(micro(10.0) + 2 * RANGE));
    }

    #[test]
    fn fractions_of_a_microjoule_are_not_lost() {
        let start = Instant::now();
        let unit = 0.23283064365386963; // 2^-32 J in microjoules, as perf counts
        let mut counter = Counter::new(0, None, unit, start);
        let total: Energy = (1..=10_000).map(|i| counter.step(i * 3, after(start, i as f64)).0).sum();
        assert_eq!(total.joules, Joules::from_micro((30_000.0 * unit) as u64));
    }

    #[test]
    fn counters_that_stand_still_are_dead_after_two_seconds() {
        let start = Instant::now();
        let shown = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(7));
        let show = shown.clone();
        let show: Show = Box::new(move || Ok(show.load(std::sync::atomic::Ordering::SeqCst)));
        let mut bank = Bank::open([(show, None, 1.0)], start).unwrap();
        let (energy, step) = bank.read(after(start, 1.0)).unwrap();
        assert_eq!((energy.joules, step), (Joules::ZERO, Step::Still));
        assert!(matches!(bank.read(after(start, 2.5)), Err(SourceError::StandsStill { seconds }) if seconds == 2.5));
        // It is alive again as soon as it moves.
        shown.store(9, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(bank.read(after(start, 3.0)).unwrap().0, Energy::exact(Joules::from_micro(2)));
    }
}
