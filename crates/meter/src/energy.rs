//! Amounts of energy: whole microjoules, so that shares add up to the last one, and always with an interval.

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Instant;

use serde::Serialize;

/// An amount of energy. Kept in whole microjoules: sums are exact, and 2^64 of them are 5 GWh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Joules(u64);

impl Joules {
    /// None.
    pub const ZERO: Joules = Joules(0);

    /// So many microjoules.
    pub const fn from_micro(microjoules: u64) -> Joules {
        Joules(microjoules)
    }

    /// So many joules, to the next microjoule. What is negative or no number counts as none.
    pub fn from_f64(joules: f64) -> Joules {
        // The cast saturates, and takes NaN for 0.
        Joules((joules * 1e6).round() as u64)
    }

    /// In microjoules.
    pub const fn micro(self) -> u64 {
        self.0
    }

    /// In joules.
    pub fn as_f64(self) -> f64 {
        // Divided, so that what is printed has no more digits than microjoules.
        self.0 as f64 / 1e6
    }

    /// What is left of it without `other`; none if there is less.
    pub const fn saturating_sub(self, other: Joules) -> Joules {
        Joules(self.0.saturating_sub(other.0))
    }
}

impl Add for Joules {
    type Output = Joules;

    fn add(self, other: Joules) -> Joules {
        Joules(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Joules {
    fn add_assign(&mut self, other: Joules) {
        *self = *self + other;
    }
}

impl Sum for Joules {
    fn sum<I: Iterator<Item = Joules>>(amounts: I) -> Joules {
        amounts.fold(Joules::ZERO, Add::add)
    }
}

/// An amount of energy with the interval it lies in: `low <= joules <= high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Energy {
    /// The best figure.
    pub joules: Joules,
    /// It was not less.
    pub low: Joules,
    /// It was not more.
    pub high: Joules,
}

impl Energy {
    /// None, for certain.
    pub const ZERO: Energy = Energy { joules: Joules::ZERO, low: Joules::ZERO, high: Joules::ZERO };

    /// An amount without doubt.
    pub const fn exact(joules: Joules) -> Energy {
        Energy { joules, low: joules, high: joules }
    }

    /// An amount within an interval, which is widened if the amount lies outside of it.
    pub fn within(low: Joules, joules: Joules, high: Joules) -> Energy {
        Energy { joules, low: low.min(joules), high: high.max(joules) }
    }

    /// What came on top of `earlier`, when both are totals of one meter.
    pub fn since(self, earlier: Energy) -> Energy {
        Energy::within(
            self.low.saturating_sub(earlier.low),
            self.joules.saturating_sub(earlier.joules),
            self.high.saturating_sub(earlier.high),
        )
    }

    /// So large a part of it, from 0 to 1.
    pub(crate) fn part(self, part: f64) -> Energy {
        let [joules, low, high] = [self.joules, self.low, self.high].map(|end| Joules::from_f64(end.as_f64() * part));
        Energy::within(low.min(self.low), joules.min(self.joules), high.min(self.high))
    }

    /// The same amount, by so much less certain in both directions.
    pub fn widened(self, by: Joules) -> Energy {
        Energy { low: self.low.saturating_sub(by), high: self.high + by, ..self }
    }
}

impl Add for Energy {
    type Output = Energy;

    fn add(self, other: Energy) -> Energy {
        Energy { joules: self.joules + other.joules, low: self.low + other.low, high: self.high + other.high }
    }
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Energy) {
        *self = *self + other;
    }
}

impl Sum for Energy {
    fn sum<I: Iterator<Item = Energy>>(amounts: I) -> Energy {
        amounts.fold(Energy::ZERO, Add::add)
    }
}

/// How a figure was obtained, the best way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Measured where the power comes in: a meter at the wall, a power supply, a battery.
    Wall,
    /// Counted by the hardware itself: a processor, a graphics card.
    Counter,
    /// Worked out from what the machine did and from published coefficients.
    Modelled,
}

impl Tier {
    /// As it is written: `wall`, `counter` or `modelled`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Wall => "wall",
            Tier::Counter => "counter",
            Tier::Modelled => "modelled",
        }
    }
}

/// What a source says when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Energy since it was asked before, or since it was opened.
    pub energy: Energy,
    /// How that was obtained.
    pub tier: Tier,
    /// When it was asked.
    pub at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_where_floats_are_not() {
        let tenth = Joules::from_f64(0.1);
        assert_eq!((0..10_000_000).map(|_| tenth).sum::<Joules>(), Joules::from_f64(1e6));
        assert_eq!(Joules::from_f64(-1.0), Joules::ZERO);
        assert_eq!(Joules::from_f64(f64::NAN), Joules::ZERO);
    }

    #[test]
    fn an_interval_holds_its_figure() {
        let [one, two, three] = [1, 2, 3].map(Joules::from_micro);
        assert_eq!(Energy::within(two, one, one), Energy { joules: one, low: one, high: one });
        let total = Energy::within(one, two, three);
        assert_eq!((total + total).since(total), total);
        assert_eq!(total.widened(three).low, Joules::ZERO);
    }

    #[test]
    fn a_worse_tier_is_the_larger_one() {
        assert!(Tier::Wall < Tier::Counter && Tier::Counter < Tier::Modelled);
        assert_eq!(serde_json::to_string(&Tier::Modelled).unwrap(), "\"modelled\"");
    }
}
