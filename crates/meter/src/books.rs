//! A meter and its attribution together, as the threads use them that do the work: each says when a step begins and what
//! it did, and takes the accounts of requests that have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attribution::{Account, Attribution, Balance, Charge, Idle, Interval, Item, Share};
use crate::energy::{Energy, Joules, Tier};
use crate::meter::{Meter, Total};

/// A closed account, with what a receipt has to say of its figures.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// What was used.
    pub account: Account,
    /// Of that, what its own work took; see [`Charge::work`].
    pub work: Account,
    /// Doubt of the source at the beginning and the end.
    pub edges: Joules,
    /// How the figures were obtained, at the worst moment.
    pub tier: Tier,
}

/// A meter and its clock: tests have their own.
trait Watched: Send + Sync {
    fn now(&self) -> Instant;
    /// As [`Meter::total`].
    fn total(&self) -> Total;
    /// As [`Meter::total_soon`].
    fn total_soon(&self) -> Total;
}

impl Watched for Meter {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn total(&self) -> Total {
        Meter::total(self)
    }

    fn total_soon(&self) -> Total {
        Meter::total_soon(self)
    }
}

/// Keeps the accounts of everybody whom one meter serves. Several workers (a model's thread each, say) may be at work at
/// once: time in which any of them is counts as busy, once.
pub struct Books {
    meter: Arc<dyn Watched>,
    attribution: Attribution,
    last: Total,
    /// Work since then; one item for each owner and phase.
    pending: Vec<Item>,
    /// Time since then in which somebody was at work, as far as `busy_since` does not say it.
    busy: Duration,
    /// Since when somebody has been at work without a pause, if anybody is.
    busy_since: Instant,
    /// Workers in the middle of a step, and since when.
    at_work: Vec<(u64, Instant)>,
    /// Time in the steps whose work is pending, of all workers together.
    worked: Duration,
    /// Until when all that was counted is shared among those who caused it.
    shared_until: Instant,
    /// Workers that have ended one since `last`.
    told: Vec<u64>,
    /// Of each open account: the total when it was opened.
    opened: BTreeMap<u64, Total>,
}

impl Books {
    /// Opens the books of `meter`, from now on.
    pub fn open(meter: Arc<Meter>, balance: Balance, idle: Idle) -> Books {
        let last = meter.total_now();
        Books::of(meter, last, balance, idle)
    }

    fn of(meter: Arc<dyn Watched>, last: Total, balance: Balance, idle: Idle) -> Books {
        Books {
            meter,
            attribution: Attribution::new(balance, idle),
            last,
            pending: vec![],
            busy: Duration::ZERO,
            busy_since: last.at,
            at_work: vec![],
            worked: Duration::ZERO,
            shared_until: last.at,
            told: vec![],
            opened: BTreeMap::new(),
        }
    }

    /// `worker` begins a step.
    pub fn begin(&mut self, worker: u64) {
        if self.at_work.is_empty() {
            if self.pending.is_empty() {
                // What was used until now was idle: then the step's interval has none of it.
                self.settle(self.meter.total());
            }
            self.busy_since = self.meter.now();
        }
        self.at_work.push((worker, self.meter.now()));
    }

    /// The step that `worker` began, if it did, has ended and did the work of `items`. The meter is looked at no more often than
    /// [`Meter::total`] does, and not before every worker has told what it was at: its energy is not others'.
    pub fn did(&mut self, worker: u64, items: &[Item]) {
        for item in items {
            self.opened.entry(item.owner).or_insert(self.last);
            let same = |other: &&mut Item| (other.owner, other.phase) == (item.owner, item.phase);
            match self.pending.iter_mut().find(same) {
                Some(other) => {
                    other.work.bytes += item.work.bytes;
                    other.work.operations += item.work.operations;
                }
                None => self.pending.push(*item),
            }
        }
        let now = self.meter.now();
        if let Some(place) = self.at_work.iter().position(|&(other, _)| other == worker) {
            let (_, since) = self.at_work.swap_remove(place);
            self.worked += now.saturating_duration_since(since.max(self.shared_until));
            if self.at_work.is_empty() {
                self.busy += now.saturating_duration_since(self.busy_since);
            }
        }
        if !self.told.contains(&worker) {
            self.told.push(worker);
        }
        if self.at_work.iter().all(|(other, _)| self.told.contains(other)) {
            self.settle(self.meter.total());
        }
    }

    /// What `owner` has used so far, as of a moment ago.
    pub fn so_far(&self, owner: u64) -> Charge {
        self.attribution.so_far(owner)
    }

    /// Closes the account of a request, with all that it used until now. What a worker uses who is in the middle of a step is not its.
    pub fn finish(&mut self, owner: u64) -> Closed {
        if self.pending.iter().any(|item| item.owner == owner) {
            let total = self.meter.total_soon();
            // What they have done they will tell when their steps end; until then their part goes by the time that they are at work.
            let at_work =
                |&(_, since): &(u64, Instant)| total.at.saturating_duration_since(since.max(self.shared_until));
            let untold: Duration = self.at_work.iter().map(at_work).sum();
            self.settle_part(total, untold);
        }
        let Charge { account, work } = self.attribution.finish(owner);
        let opened = self.opened.remove(&owner).unwrap_or(self.last);
        let span = opened.until(&self.last);
        Closed { account, work, edges: span.edges, tier: span.tier }
    }

    /// What was used while nothing ran, and is on nobody's account.
    pub fn idle(&mut self) -> Share {
        if self.at_work.is_empty() {
            self.settle(self.meter.total());
        }
        self.attribution.idle()
    }

    /// All that was measured: the accounts, closed and open, and idle.
    pub fn measured(&self) -> Share {
        self.attribution.measured()
    }

    /// Shares what was counted since the last time among what was done since.
    fn settle(&mut self, total: Total) {
        if self.settle_part(total, Duration::ZERO) {
            self.shared_until = total.at;
        }
    }

    /// The same, but holds back the part of steps that go on and took `untold` until now, beside the time of those that have ended: it is
    /// shared with the next interval. Returns whether any time has passed.
    fn settle_part(&mut self, total: Total, untold: Duration) -> bool {
        let time = total.at.saturating_duration_since(self.last.at);
        if time.is_zero() {
            return false;
        }
        if !self.at_work.is_empty() {
            self.busy += total.at.saturating_duration_since(self.busy_since);
            self.busy_since = self.busy_since.max(total.at);
        }
        // The meter may have been looked at before the last step ended: the rest of that is the next interval's.
        let (mut until, mut time, mut busy) = (total, time, self.busy.min(time));
        if !untold.is_zero() {
            let part = self.worked.as_secs_f64() / (self.worked + untold).as_secs_f64();
            (time, busy) = (time.mul_f64(part), busy.mul_f64(part));
            // As if it had been looked at earlier, when so much was counted.
            let energy = self.last.energy + total.energy.since(self.last.energy).part(part);
            until = Total { energy, at: self.last.at + time, ..total };
        }
        self.busy -= busy;
        // What was taken to have been used and was not is not counted again.
        let last = self.last.energy;
        until.energy = Energy {
            joules: until.energy.joules.max(last.joules),
            low: until.energy.low.max(last.low),
            high: until.energy.high.max(last.high),
        };
        let (micros, busy_micros) = (time.as_micros() as u64, busy.as_micros() as u64);
        let interval = Interval { energy: until.energy.since(last), micros, busy_micros };
        self.attribution.interval(interval, &self.pending);
        self.pending.clear();
        self.told.clear();
        self.worked = Duration::ZERO;
        self.last = until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::{Phase, Work};
    use crate::energy::{Energy, Reading};
    use crate::source::{Covers, Source, SourceError};

    struct HundredWatts(Instant);

    impl Source for HundredWatts {
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
            String::new()
        }
        fn update_interval(&self) -> Duration {
            Duration::from_millis(1)
        }
        fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
            let seconds = at.saturating_duration_since(std::mem::replace(&mut self.0, at)).as_secs_f64();
            Ok(Reading { energy: Energy::exact(Joules::from_f64(100.0 * seconds)), tier: Tier::Counter, at })
        }
    }

    #[test]
    fn steps_become_accounts_that_add_up() {
        let meter = Arc::new(Meter::start(Box::new(HundredWatts(Instant::now()))).expect("it starts"));
        let mut books = Books::open(meter, Balance::default(), Idle::Separate);
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(20));
        let step = |owners: &[u64]| -> Vec<Item> {
            let work = Work { bytes: 1000, operations: 0 };
            owners.iter().map(|&owner| Item { owner, phase: Phase::Decode, work }).collect()
        };
        for _ in 0..10 {
            for owners in [&[1, 2][..], &[2]] {
                books.begin(7);
                std::thread::sleep(Duration::from_millis(2));
                books.did(7, &step(owners));
            }
        }
        let elapsed = began.elapsed().as_secs_f64();
        let [one, two] = [1, 2].map(|owner| books.finish(owner));
        let mut all = one.account.total();
        all += two.account.total();
        all += books.idle();
        assert_eq!(all, books.measured());
        assert!(all.energy.joules.as_f64() >= 100.0 * elapsed * 0.9, "{all:?}");
        // The second was in every step, the first in half of them and with half of the work of those.
        let [one, two] = [one, two].map(|closed| closed.account.decode.energy.joules.as_f64());
        assert!(two > 2.0 * one && one > 0.0, "{one} {two}");
        assert!(books.idle().energy.joules.as_f64() > 1.0, "{:?}", books.idle());
    }

    #[test]
    fn two_that_work_at_once_are_busy_once_and_pay_by_their_work() {
        let meter = Arc::new(Meter::start(Box::new(HundredWatts(Instant::now()))).expect("it starts"));
        let mut books = Books::open(meter, Balance::default(), Idle::Separate);
        let item = |owner, bytes| [Item { owner, phase: Phase::Decode, work: Work { bytes, operations: 0 } }];
        // One long step beside ten short ones that did three times as much together; then nothing.
        books.begin(1);
        for _ in 0..10 {
            books.begin(2);
            std::thread::sleep(Duration::from_millis(3));
            books.did(2, &item(20, 300));
            assert_eq!(books.so_far(20), Charge::default(), "the other one has not told yet what it did");
        }
        books.did(1, &item(10, 1000));
        std::thread::sleep(Duration::from_millis(30));
        let idle = books.idle();
        let [long, short] = [10, 20].map(|owner| books.finish(owner).account.decode);
        let mut all = long;
        all += short;
        all += idle;
        assert_eq!(all, books.measured());
        let [long, short, idle] = [long, short, idle].map(|share| share.energy.joules.as_f64());
        assert!((short / long - 3.0).abs() < 0.01, "{long} {short}");
        // Half of the time, or a little more or less on a busy machine; counted twice it would be nothing.
        assert!(idle > 1.0 && idle < 0.8 * (long + short + idle), "{long} {short} {idle}");
    }

    /// A meter of known truth whose clock stands still until it is moved.
    struct Known(std::sync::Mutex<State>);

    struct State {
        now: Instant,
        truth: u64,
        /// What it has shown last.
        shown: Total,
        random: Random,
        /// Whether it is always up to date.
        is_exact: bool,
    }

    /// Numbers that look random and are the same every time (SplitMix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) % bound
        }
    }

    impl Known {
        fn new(seed: u64) -> Arc<Known> {
            let now = Instant::now();
            let shown = Total { energy: Energy::ZERO, edge: Joules::ZERO, at: now, tier: Tier::Counter, bridged: 0.0 };
            Arc::new(Known(State { now, truth: 0, shown, random: Random(seed), is_exact: true }.into()))
        }

        /// So much time passes in which so much is drawn.
        fn draws(&self, micros: u64, watts: u64) {
            let mut state = self.0.lock().unwrap();
            state.now += Duration::from_micros(micros);
            state.truth += micros * watts;
        }

        fn books(self: &Arc<Known>, idle: Idle) -> Books {
            Books::of(self.clone(), self.total(), Balance::default(), idle)
        }
    }

    impl State {
        fn look(&mut self) -> Total {
            self.shown.energy = Energy::exact(Joules::from_micro(self.truth));
            self.shown.at = self.now;
            self.shown
        }
    }

    impl Watched for Known {
        fn now(&self) -> Instant {
            self.0.lock().unwrap().now
        }

        fn total(&self) -> Total {
            let mut state = self.0.lock().unwrap();
            if state.is_exact || state.random.below(2) == 0 { state.look() } else { state.shown }
        }

        fn total_soon(&self) -> Total {
            let mut state = self.0.lock().unwrap();
            if state.is_exact || state.random.below(2) == 0 {
                return state.look();
            }
            // It guesses what was drawn since, between nothing and twice as much.
            let since = state.truth - state.shown.energy.joules.micro();
            let [likely, twice] = [state.random.below(2 * since + 1), 4 * since].map(Joules::from_micro);
            let energy = state.shown.energy + Energy::within(Joules::ZERO, likely, twice);
            Total { energy, at: state.now, ..state.shown }
        }
    }

    fn decoding(owner: u64, bytes: u64) -> Item {
        Item { owner, phase: Phase::Decode, work: Work { bytes, operations: 0 } }
    }

    #[test]
    fn who_ends_in_the_middle_of_anothers_step_does_not_pay_for_it() {
        let meter = Known::new(0);
        let mut books = meter.books(Idle::Separate);
        books.begin(1);
        // Beside one long step of a model another one answers ten times, of which each takes a tenth of its time.
        let short = [(); 10].map(|()| {
            books.begin(2);
            meter.draws(10_000, 100);
            books.did(2, &[decoding(20, 1000)]);
            books.finish(20).account.total().energy.joules.as_f64()
        });
        for joules in short {
            assert!((joules - 0.5).abs() < 1e-3, "{short:?}");
        }
        meter.draws(100_000, 100);
        books.did(1, &[decoding(10, 1000)]);
        let long = books.finish(10);
        assert!((long.account.total().energy.joules.as_f64() - 15.0).abs() < 0.01, "{long:?}");
        let micros = long.account.total().machine_micros;
        assert!(micros.abs_diff(150_000) < 100, "{micros}");
        assert_eq!(books.idle(), Share::default());
        assert!(books.measured().energy.joules == Joules::from_f64(20.0), "{:?}", books.measured());
    }

    #[test]
    fn ten_thousand_random_interleavings_of_workers_add_up_to_the_truth() {
        for round in 0..10_000 {
            let meter = Known::new(round);
            let mut random = Random(!round);
            let idle = if round % 2 == 0 { Idle::Separate } else { Idle::Share };
            let mut books = meter.books(idle);
            meter.0.lock().unwrap().is_exact = false;
            let workers = 1 + random.below(4);
            let most = 1 + random.below(16) as usize;
            // Requests, each of a worker; workers in the middle of a step.
            let (mut running, mut at_work): (Vec<(u64, u64)>, Vec<u64>) = (vec![], vec![]);
            let mut receipts = Share::default();
            let mut close = |books: &mut Books, owner| {
                let Closed { account, work, .. } = books.finish(owner);
                assert!(work.total().energy.joules <= account.total().energy.joules);
                receipts += account.total();
            };
            let step_ends = |books: &mut Books, random: &mut Random, worker, running: &[(u64, u64)]| {
                let own = running.iter().filter(|(_, of)| *of == worker);
                let items: Vec<Item> = own.map(|&(owner, _)| decoding(owner, 1 + random.below(1 << 30))).collect();
                books.did(worker, &items);
            };
            for next in 0..60 {
                meter.draws(1 + random.below(20_000), random.below(300));
                if running.len() < most && random.below(2) == 0 {
                    running.push((next, random.below(workers)));
                }
                let worker = random.below(workers);
                match at_work.iter().position(|&other| other == worker) {
                    None => {
                        books.begin(worker);
                        at_work.push(worker);
                    }
                    Some(place) => {
                        at_work.swap_remove(place);
                        step_ends(&mut books, &mut random, worker, &running);
                    }
                }
                if !running.is_empty() && random.below(4) == 0 {
                    close(&mut books, running.swap_remove(random.below(running.len() as u64) as usize).0);
                }
            }
            meter.0.lock().unwrap().is_exact = true;
            // What was guessed too high is made up for by what comes.
            meter.draws(2_000_000, 300);
            for worker in at_work {
                step_ends(&mut books, &mut random, worker, &running);
            }
            running.into_iter().for_each(|(owner, _)| close(&mut books, owner));
            let idle = books.idle();
            receipts += idle;
            let truth = meter.0.lock().unwrap().truth;
            let counted = receipts.energy.joules.micro();
            assert!(counted.abs_diff(truth) <= truth / 1000, "round {round}: {counted} of {truth}");
            assert_eq!(receipts, books.measured(), "round {round}");
        }
    }
}
