//! From power, looked at now and then, to energy.

use std::time::Instant;

use crate::energy::{Energy, Joules};

/// Adds up power over time: between two looks it was as much as their mean, and not outside of both.
#[derive(Debug)]
pub(crate) struct Integrator {
    last: (Instant, f64),
    /// Part of a reading by which it may be wrong: 0.05 is 5 %.
    error: f64,
    /// What rounding to whole microjoules has kept back, in joules.
    carry: f64,
    /// There was a look since the last one that told nothing.
    missed: bool,
}

impl Integrator {
    /// Begins with `watts`.
    pub fn new(watts: f64, error: f64, at: Instant) -> Integrator {
        Integrator { last: (at, watts), error, carry: 0.0, missed: false }
    }

    /// It cannot be told what the power is now: the time until the next step may hold anything from nothing to twice the mean.
    pub fn miss(&mut self) {
        self.missed = true;
    }

    /// The power is `watts` now: energy since the last step.
    pub fn step(&mut self, watts: f64, at: Instant) -> Energy {
        let (before, last) = self.last;
        self.last = (at, watts);
        let seconds = at.saturating_duration_since(before).as_secs_f64();
        let joules = (last + watts) / 2.0 * seconds + self.carry;
        let rounded = Joules::from_micro((joules.max(0.0) * 1e6) as u64);
        self.carry = joules - rounded.as_f64();
        if std::mem::take(&mut self.missed) {
            return Energy { joules: rounded, low: Joules::ZERO, high: rounded + rounded };
        }
        Energy::within(
            Joules::from_f64(last.min(watts) * seconds * (1.0 - self.error)),
            rounded,
            Joules::from_f64(last.max(watts) * seconds * (1.0 + self.error)),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn between_two_looks_it_is_their_mean() {
        let start = Instant::now();
        let mut power = Integrator::new(10.0, 0.0, start);
        let energy = power.step(20.0, start + Duration::from_secs(2));
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [20.0, 30.0, 40.0]);
    }

    #[test]
    fn what_was_missed_is_its_mean_and_may_have_been_anything() {
        let start = Instant::now();
        let mut power = Integrator::new(100.0, 0.05, start);
        power.miss();
        let energy = power.step(50.0, start + Duration::from_secs(4));
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [0.0, 300.0, 600.0]);
        let energy = power.step(50.0, start + Duration::from_secs(5));
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [47.5, 50.0, 52.5]);
    }

    #[test]
    fn an_error_of_the_readings_widens_the_interval() {
        let start = Instant::now();
        let mut power = Integrator::new(100.0, 0.05, start);
        let energy = power.step(100.0, start + Duration::from_secs(1));
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [95.0, 100.0, 105.0]);
    }
}
