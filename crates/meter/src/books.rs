//! A meter and its attribution together, as an engine's thread uses them: it says what every step did, and takes the
//! accounts of requests that have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::attribution::{Account, Attribution, Balance, Idle, Interval, Item, Share};
use crate::energy::{Joules, Tier};
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

/// Keeps the accounts of everybody whom one meter serves.
pub struct Books {
    meter: Arc<Meter>,
    attribution: Attribution,
    last: Total,
    /// Work since then; one item for each owner and phase.
    pending: Vec<Item>,
    busy: Duration,
    /// Of each open account: the total when it was opened.
    opened: BTreeMap<u64, Total>,
}

impl Books {
    /// Opens the books of `meter`, from now on.
    pub fn open(meter: Arc<Meter>, balance: Balance, idle: Idle) -> Books {
        let last = meter.total_now();
        let attribution = Attribution::new(balance, idle);
        Books { meter, attribution, last, pending: vec![], busy: Duration::ZERO, opened: BTreeMap::new() }
    }

    /// A step has ended that took `busy` and did the work of `items`. The meter is looked at no more often than
    /// [`Meter::total`] does.
    pub fn did(&mut self, items: &[Item], busy: Duration) {
        self.busy += busy;
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
        let total = self.meter.total();
        self.settle(total);
    }

    /// Closes the account of a request, with all that it used until now.
    pub fn finish(&mut self, owner: u64) -> Closed {
        if self.pending.iter().any(|item| item.owner == owner) {
            let total = self.meter.total_now();
            self.settle(total);
        }
        let account = self.attribution.finish(owner);
        let opened = self.opened.remove(&owner).unwrap_or(self.last);
        let span = opened.until(&self.last);
        Closed { account, edges: span.edges, tier: span.tier }
    }

    /// What was used while nothing ran, and is on nobody's account.
    pub fn idle(&mut self) -> Share {
        let total = self.meter.total();
        self.settle(total);
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
        let micros = time.as_micros() as u64;
        // A step may have ended after the meter was looked at.
        let busy_micros = (self.busy.as_micros() as u64).min(micros);
        let energy = total.energy.since(self.last.energy);
        self.attribution.interval(Interval { energy, micros, busy_micros }, &self.pending);
        self.pending.clear();
        self.busy = Duration::ZERO;
        self.last = total;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

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
            let busy = Instant::now();
            std::thread::sleep(Duration::from_millis(2));
            books.did(&step(&[1, 2]), busy.elapsed());
            let busy = Instant::now();
            std::thread::sleep(Duration::from_millis(2));
            books.did(&step(&[2]), busy.elapsed());
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
}
