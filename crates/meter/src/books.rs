//! A meter and its attribution together, as the threads use them that do the work: each says when a step begins and what
//! it did, and takes the accounts of requests that have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attribution::{Account, Attribution, Balance, Idle, Interval, Item, Share};
use crate::energy::{Energy, Joules, Tier};
use crate::meter::{Meter, Total};

/// A closed account, with what a receipt has to say of its figures.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// What was used.
    pub account: Account,
    /// Doubt of the source at the beginning and the end.
    pub edges: Joules,
    /// How the figures were obtained, at the worst moment.
    pub tier: Tier,
}

/// Keeps the accounts of everybody whom one meter serves. Several workers (a model's thread each, say) may be at work at
/// once: time in which any of them is counts as busy, once.
pub struct Books {
    meter: Arc<Meter>,
    attribution: Attribution,
    last: Total,
    /// Work since then; one item for each owner and phase.
    pending: Vec<Item>,
    /// Time since then in which somebody was at work, as far as `busy_since` does not say it.
    busy: Duration,
    /// Since when somebody has been at work without a pause, if anybody is.
    busy_since: Instant,
    /// Workers in the middle of a step.
    at_work: Vec<u64>,
    /// Workers that have ended one since `last`.
    told: Vec<u64>,
    /// Of each open account: the total when it was opened.
    opened: BTreeMap<u64, Total>,
}

impl Books {
    /// Opens the books of `meter`, from now on.
    pub fn open(meter: Arc<Meter>, balance: Balance, idle: Idle) -> Books {
        let last = meter.total_now();
        Books {
            meter,
            attribution: Attribution::new(balance, idle),
            last,
            pending: vec![],
            busy: Duration::ZERO,
            busy_since: last.at,
            at_work: vec![],
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
            self.busy_since = Instant::now();
        }
        self.at_work.push(worker);
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
        let was_at_work = self.at_work.contains(&worker);
        self.at_work.retain(|&other| other != worker);
        if was_at_work && self.at_work.is_empty() {
            self.busy += self.busy_since.elapsed();
        }
        if !self.told.contains(&worker) {
            self.told.push(worker);
        }
        if self.at_work.iter().all(|other| self.told.contains(other)) {
            self.settle(self.meter.total());
        }
    }

    /// What `owner` has used so far, as of a moment ago.
    pub fn so_far(&self, owner: u64) -> Account {
        self.attribution.so_far(owner)
    }

    /// Closes the account of a request, with all that it used until now.
    pub fn finish(&mut self, owner: u64) -> Closed {
        if self.pending.iter().any(|item| item.owner == owner) {
            self.settle(self.meter.total_soon());
        }
        let account = self.attribution.finish(owner);
        let opened = self.opened.remove(&owner).unwrap_or(self.last);
        let span = opened.until(&self.last);
        Closed { account, edges: span.edges, tier: span.tier }
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
        let time = total.at.saturating_duration_since(self.last.at);
        if time.is_zero() {
            return;
        }
        if !self.at_work.is_empty() {
            self.busy += total.at.saturating_duration_since(self.busy_since);
            self.busy_since = self.busy_since.max(total.at);
        }
        // The meter may have been looked at before the last step ended: the rest of that is the next interval's.
        let busy = self.busy.min(time);
        self.busy -= busy;
        let (micros, busy_micros) = (time.as_micros() as u64, busy.as_micros() as u64);
        let energy = total.energy.since(self.last.energy);
        self.attribution.interval(Interval { energy, micros, busy_micros }, &self.pending);
        self.pending.clear();
        self.told.clear();
        // What was taken to have been used and was not is not counted again.
        let (energy, last) = (total.energy, self.last.energy);
        let energy = Energy {
            joules: energy.joules.max(last.joules),
            low: energy.low.max(last.low),
            high: energy.high.max(last.high),
        };
        self.last = Total { energy, ..total };
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
            assert_eq!(books.so_far(20), Account::default(), "the other one has not told yet what it did");
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
}
