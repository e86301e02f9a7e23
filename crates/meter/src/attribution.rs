//! Who used what: the energy of an interval, shared among the work in it, so that nothing is lost and nothing is
//! made.
//!
//! What a request costs cannot be measured beside others that run in the same batch; what it made the machine do can
//! be counted. Work is bytes read (weights, KV cache) and operations done. One number is made of the two: the time
//! that the machine's memory and its arithmetic units would be busy with them,
//!
//! ```text
//! weight = bytes x operations_per_byte + operations
//! ```
//!
//! where `operations_per_byte` is how many operations the machine can do while it reads a byte (peak operations per
//! second over read bandwidth, both as `whit bench machine` measures them). Time is the right measure because while
//! something runs all threads do, and then power hardly changes: energy is nearly proportional to the time a piece of
//! work takes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::energy::{Energy, Joules};

/// What a step made the machine do, by the program's own counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes read from memory.
    pub bytes: u64,
    /// Operations; a multiplication and its addition are two.
    pub operations: u64,
}

/// How bytes and operations become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Operations that take as long as reading one byte.
    pub operations_per_byte: u32,
}

impl Default for Balance {
    /// 40: 1495 GOP/s of int8 at 36 GB/s, as measured on two threads of an AMD EPYC with AVX-512
    /// (docs/decisions/0003, README). Machines with more threads for each memory channel have more;
    /// `[meter] operations_per_byte` of `whit.toml` says how many.
    fn default() -> Balance {
        Balance { operations_per_byte: 40 }
    }
}

impl Balance {
    fn weight(self, work: Work) -> u128 {
        u128::from(work.bytes) * u128::from(self.operations_per_byte) + u128::from(work.operations)
    }
}

/// What the machine was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Reading and packing a model.
    Load,
    /// Reading a prompt.
    Prefill,
    /// Making an answer.
    Decode,
}

/// A share of the work in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whose it was: a request's number, or a model's that was loaded. The caller gives them out.
    pub owner: u64,
    /// What it was for.
    pub phase: Phase,
    /// How much it was.
    pub work: Work,
}

/// What becomes of the energy of time in which nothing ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// It is nobody's, and stands beside the receipts.
    #[default]
    Separate,
    /// Who asks next pays for the wait: it is shared among the work that follows.
    Share,
}

/// Energy and machine time of one phase of one owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Energy.
    pub energy: Energy,
    /// Time of the whole machine, in microseconds: what a machine that is paid by the hour is paid for.
    pub machine_micros: u64,
}

impl std::ops::AddAssign for Share {
    fn add_assign(&mut self, other: Share) {
        self.energy += other.energy;
        self.machine_micros += other.machine_micros;
    }
}

/// What one owner has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Loading.
    pub load: Share,
    /// Prompts.
    pub prefill: Share,
    /// Answers.
    pub decode: Share,
}

impl Account {
    /// All of it.
    pub fn total(&self) -> Share {
        let mut total = self.load;
        total += self.prefill;
        total += self.decode;
        total
    }

    fn of(&mut self, phase: Phase) -> &mut Share {
        match phase {
            Phase::Load => &mut self.load,
            Phase::Prefill => &mut self.prefill,
            Phase::Decode => &mut self.decode,
        }
    }
}

/// What one owner pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// All of it.
    pub account: Account,
    /// Of that, what its own work took: without time in which nothing ran, which [`Idle::Share`] adds.
    pub work: Account,
}

/// A measured interval.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// Energy of it. Totals of one meter give intervals without gaps: use [`Energy::since`], which adds no doubt at
    /// the ends, since what one interval lacks the next one has.
    pub energy: Energy,
    /// Its length in microseconds.
    pub micros: u64,
    /// For how many of them something ran.
    pub busy_micros: u64,
}

/// Seconds of idleness whose power is remembered.
const IDLE_MEMORY: f64 = 60.0;

/// Shares measured intervals among the work in them. Whatever was measured is in exactly one of: an open account, a
/// finished one, [`Attribution::idle`].
#[derive(Debug, Default)]
pub struct Attribution {
    balance: Balance,
    idle_is: Idle,
    accounts: BTreeMap<u64, Charge>,
    idle: Share,
    /// Joules and seconds of the last [`IDLE_MEMORY`] in which nothing ran.
    idle_seen: (f64, f64),
    measured: Share,
}

impl Attribution {
    /// Nothing measured yet.
    pub fn new(balance: Balance, idle: Idle) -> Attribution {
        Attribution { balance, idle_is: idle, ..Attribution::default() }
    }

    /// Shares an interval among the work that was done in it.
    pub fn interval(&mut self, interval: Interval, items: &[Item]) {
        let all = Share { energy: interval.energy, machine_micros: interval.micros };
        self.measured += all;
        let weights: Vec<u128> = items.iter().map(|item| self.balance.weight(item.work)).collect();
        if weights.iter().all(|&weight| weight == 0) {
            let (joules, seconds) = self.idle_seen;
            let new = interval.micros as f64 * 1e-6;
            let kept = (1.0 - new / IDLE_MEMORY).max(0.0);
            self.idle_seen = (joules * kept + interval.energy.joules.as_f64(), seconds * kept + new);
            self.idle += all;
            return;
        }
        let idle = self.idle_part(&interval);
        let work =
            Share { energy: minus(all.energy, idle.energy), machine_micros: all.machine_micros - idle.machine_micros };
        self.idle += idle;
        let idle = match self.idle_is {
            Idle::Separate => Share::default(),
            Idle::Share => std::mem::take(&mut self.idle),
        };
        for ((item, work), idle) in items.iter().zip(share_out(work, &weights)).zip(share_out(idle, &weights)) {
            let charge = self.accounts.entry(item.owner).or_default();
            *charge.work.of(item.phase) += work;
            *charge.account.of(item.phase) += work;
            *charge.account.of(item.phase) += idle;
        }
    }

    /// Of an interval in which something ran for a part of the time: what the rest of it took. A second without work
    /// takes what such seconds took before, and never more than an average one of this interval.
    fn idle_part(&self, interval: &Interval) -> Share {
        let micros = interval.micros.saturating_sub(interval.busy_micros);
        let seconds = micros as f64 * 1e-6;
        let part = |of: Joules| {
            let average = u128::from(of.micro()) * u128::from(micros) / u128::from(interval.micros.max(1));
            let average = Joules::from_micro(average as u64);
            match self.idle_seen {
                (joules, seen) if seen > 0.0 => Joules::from_f64(joules / seen * seconds).min(average),
                _ => average,
            }
        };
        let energy = interval.energy;
        let [low, joules, high] = [energy.low, energy.joules, energy.high].map(part);
        // The rest must have an interval too: neither of its ends may be on the wrong side.
        let low = low.min(joules).max(low_of_part(joules, energy));
        let high = high.max(joules).min(joules + energy.high.saturating_sub(energy.joules));
        Share { energy: Energy::within(low, joules, high), machine_micros: micros }
    }

    /// What `owner` has used so far.
    pub fn so_far(&self, owner: u64) -> Charge {
        self.accounts.get(&owner).copied().unwrap_or_default()
    }

    /// Closes the account of `owner`.
    pub fn finish(&mut self, owner: u64) -> Charge {
        self.accounts.remove(&owner).unwrap_or_default()
    }

    /// What was used while nothing ran, as far as nobody was charged for it.
    pub fn idle(&self) -> Share {
        self.idle
    }

    /// All that was measured.
    pub fn measured(&self) -> Share {
        self.measured
    }
}

/// The least that a part can be so that the low end of the rest is not above its figure.
fn low_of_part(part: Joules, whole: Energy) -> Joules {
    // rest.low = whole.low - part.low <= whole.joules - part = rest.joules
    part.saturating_sub(whole.joules.saturating_sub(whole.low))
}

/// What is left of `whole` without `part`, end by end.
fn minus(whole: Energy, part: Energy) -> Energy {
    Energy {
        joules: whole.joules.saturating_sub(part.joules),
        low: whole.low.saturating_sub(part.low),
        high: whole.high.saturating_sub(part.high),
    }
}

/// Shares energy and time in proportion to `weights`.
fn share_out(all: Share, weights: &[u128]) -> impl Iterator<Item = Share> {
    let micros = share(all.machine_micros, weights);
    share_energy(all.energy, weights).zip(micros).map(|(energy, machine_micros)| Share { energy, machine_micros })
}

/// Shares an amount and both ends of its interval in proportion to `weights`: each adds up exactly, and every share
/// keeps `low <= joules <= high`.
fn share_energy(energy: Energy, weights: &[u128]) -> impl Iterator<Item = Energy> {
    // The differences are shared, not the ends: rounding could put an end on the wrong side otherwise.
    let low = share(energy.low.micro(), weights);
    let below = share(energy.joules.saturating_sub(energy.low).micro(), weights);
    let above = share(energy.high.saturating_sub(energy.joules).micro(), weights);
    low.into_iter().zip(below).zip(above).map(|((low, below), above)| Energy {
        low: Joules::from_micro(low),
        joules: Joules::from_micro(low + below),
        high: Joules::from_micro(low + below + above),
    })
}

/// Whole shares of `amount` in proportion to `weights`, which add up to it: rounded down, and what that leaves goes
/// one by one to the largest remainders (Hamilton's method), the first of equals.
///
/// # Panics
/// If all weights are 0.
pub fn share(amount: u64, weights: &[u128]) -> Vec<u64> {
    let sum: u128 = weights.iter().sum();
    assert!(sum > 0, "an amount cannot be shared among nobody");
    // Sums of products stay below 2^128 when the weights' sum is below 2^64.
    let shift = (128 - sum.leading_zeros()).saturating_sub(64);
    let weights: Vec<u128> = weights.iter().map(|weight| weight >> shift).collect();
    let sum: u128 = weights.iter().sum();
    let mut remainders = Vec::with_capacity(weights.len());
    let mut shares: Vec<u64> = weights
        .iter()
        .enumerate()
        .map(|(place, weight)| {
            let product = u128::from(amount) * weight;
            remainders.push((product % sum, place));
            (product / sum) as u64
        })
        .collect();
    let left = amount - shares.iter().sum::<u64>();
    remainders.sort_unstable_by(|(a, i), (b, j)| b.cmp(a).then(i.cmp(j)));
    for (_, place) in remainders.into_iter().take(left as usize) {
        shares[place] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(owner: u64, phase: Phase, bytes: u64, operations: u64) -> Item {
        Item { owner, phase, work: Work { bytes, operations } }
    }

    fn busy(joules: f64, seconds: f64) -> Interval {
        let micros = (seconds * 1e6) as u64;
        Interval { energy: Energy::exact(Joules::from_f64(joules)), micros, busy_micros: micros }
    }

    #[test]
    fn shares_add_up_to_the_last_one() {
        assert_eq!(share(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(share(0, &[5, 0]), [0, 0]);
        assert_eq!(share(7, &[0, 3]), [0, 7]);
        let weights = [u128::from(u64::MAX) << 20, 1 << 70, 12345];
        assert_eq!(share(u64::MAX, &weights).iter().map(|&s| u128::from(s)).sum::<u128>(), u128::from(u64::MAX));
    }

    #[test]
    fn who_reads_twice_as_much_pays_twice_as_much() {
        let mut attribution = Attribution::new(Balance { operations_per_byte: 10 }, Idle::Separate);
        let items =
            [item(1, Phase::Prefill, 0, 1000), item(1, Phase::Decode, 100, 0), item(2, Phase::Decode, 100, 3000)];
        attribution.interval(busy(6.0, 3.0), &items);
        let [one, two] = [1, 2].map(|owner| attribution.finish(owner).account);
        assert_eq!(one.prefill.energy, Energy::exact(Joules::from_f64(1.0)));
        assert_eq!(one.decode.energy, Energy::exact(Joules::from_f64(1.0)));
        assert_eq!(two.total().energy, Energy::exact(Joules::from_f64(4.0)));
        assert_eq!((one.total().machine_micros, two.total().machine_micros), (1_000_000, 2_000_000));
    }

    #[test]
    fn idle_is_beside_the_receipts_or_in_those_that_follow() {
        for (idle, first, second, left) in [(Idle::Separate, 40.0, 40.0, 22.0), (Idle::Share, 50.0, 52.0, 0.0)] {
            let mut attribution = Attribution::new(Balance::default(), idle);
            attribution.interval(busy(10.0, 1.0), &[]);
            attribution.interval(busy(40.0, 1.0), &[item(1, Phase::Decode, 1, 0)]);
            attribution.interval(busy(12.0, 1.0), &[]);
            attribution.interval(busy(40.0, 1.0), &[item(2, Phase::Load, 1, 0)]);
            let joules = |share: Share| share.energy.joules.as_f64();
            let [one, two] = [1, 2].map(|owner| attribution.finish(owner));
            assert_eq!([joules(one.account.total()), joules(two.account.load)], [first, second]);
            // What their own work took is the same either way.
            assert_eq!([joules(one.work.total()), joules(two.work.load)], [40.0, 40.0]);
            assert_eq!(joules(attribution.idle()), left);
            assert_eq!(joules(attribution.measured()), 102.0);
        }
    }

    #[test]
    fn the_rest_of_a_busy_interval_is_idle() {
        let mut attribution = Attribution::new(Balance::default(), Idle::Separate);
        let half = |joules| Interval { busy_micros: 500_000, ..busy(joules, 1.0) };
        // Nothing is known of idle yet: half of the time is half of the energy.
        attribution.interval(half(40.0), &[item(1, Phase::Decode, 1, 0)]);
        assert_eq!(attribution.idle().energy.joules, Joules::from_f64(20.0));
        // Now it is known to take 10 W.
        let mut attribution = Attribution::new(Balance::default(), Idle::Separate);
        attribution.interval(busy(10.0, 1.0), &[]);
        attribution.interval(half(40.0), &[item(1, Phase::Decode, 1, 0)]);
        assert_eq!(attribution.idle().energy.joules, Joules::from_f64(15.0));
        assert_eq!(attribution.finish(1).account.decode.energy.joules, Joules::from_f64(35.0));
    }
}
