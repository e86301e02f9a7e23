//! Limits in joules and dollars, and what the holder of a key has used of them.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::KeyLimits;

/// Hours of a day, and seconds of an hour.
const HOURS: u64 = 24;
const HOUR: u64 = 3600;

/// What is limited.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Energy.
    Joules,
    /// Its price, and that of the machine.
    Dollars,
}

impl Unit {
    /// As people and fields write it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Joules => "joules",
            Unit::Dollars => "dollars",
        }
    }
}

/// What is left of a day's limits, as far as there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Left {
    /// Of joules.
    pub joules: Option<f64>,
    /// Of dollars.
    pub dollars: Option<f64>,
}

impl Left {
    /// One of them.
    pub fn of(&self, unit: Unit) -> Option<f64> {
        match unit {
            Unit::Joules => self.joules,
            Unit::Dollars => self.dollars,
        }
    }
}

/// What was used in the last 24 hours, by the hour.
pub struct Spent {
    since: Instant,
    /// With the hour's number, which is [`HOURS`] then.
    hours: VecDeque<(u64, f64, f64)>,
}

impl Spent {
    /// Nothing yet.
    pub fn new(since: Instant) -> Spent {
        Spent { since, hours: VecDeque::new() }
    }

    /// Adds what was used.
    pub fn add(&mut self, at: Instant, joules: f64, dollars: f64) {
        self.add_to(self.hour(at), joules, dollars);
    }

    /// Adds what was used so many hours, at most 24, before the first moment; the longest ago first, and before anything else.
    pub fn add_before(&mut self, hours: u64, joules: f64, dollars: f64) {
        self.add_to(HOURS.saturating_sub(hours), joules, dollars);
    }

    fn add_to(&mut self, hour: u64, joules: f64, dollars: f64) {
        match self.hours.back_mut() {
            Some(last) if last.0 == hour => {
                last.1 += joules;
                last.2 += dollars;
            }
            _ => self.hours.push_back((hour, joules, dollars)),
        }
    }

    /// What is left of `limits`.
    pub fn left(&mut self, at: Instant, limits: &KeyLimits) -> Left {
        let hour = self.hour(at);
        while self.hours.front().is_some_and(|first| first.0 + HOURS <= hour) {
            self.hours.pop_front();
        }
        let sum = |of: fn(&(u64, f64, f64)) -> f64| self.hours.iter().map(of).sum::<f64>();
        Left {
            joules: limits.joules_per_day.map(|limit| limit - sum(|hour| hour.1)),
            dollars: limits.dollars_per_day.map(|limit| limit - sum(|hour| hour.2)),
        }
    }

    fn hour(&self, at: Instant) -> u64 {
        HOURS + at.saturating_duration_since(self.since).as_secs() / HOUR
    }
}

/// Three digits, however small the number is.
pub fn figures(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_is_forgotten_after_a_day() {
        let start = Instant::now();
        let later = |hours: u64| start + Duration::from_secs(hours * HOUR);
        let limits = KeyLimits { joules_per_day: Some(100.0), dollars_per_day: Some(1.0), ..KeyLimits::default() };
        let mut spent = Spent::new(start);
        spent.add(later(0), 30.0, 0.25);
        spent.add(later(1), 50.0, 0.5);
        assert_eq!(spent.left(later(2), &limits), Left { joules: Some(20.0), dollars: Some(0.25) });
        spent.add(later(2), 40.0, 0.0);
        assert_eq!(spent.left(later(23), &limits).joules, Some(-20.0));
        assert_eq!(spent.left(later(24), &limits).joules, Some(10.0));
        assert_eq!(spent.left(later(26), &limits), Left { joules: Some(100.0), dollars: Some(1.0) });
        assert_eq!(spent.left(later(2), &KeyLimits::default()), Left::default());
    }

    #[test]
    fn what_was_used_before_the_start_counts_as_long() {
        let start = Instant::now();
        let limits = KeyLimits { joules_per_day: Some(100.0), ..KeyLimits::default() };
        let mut spent = Spent::new(start);
        spent.add_before(23, 30.0, 0.0);
        spent.add_before(0, 20.0, 0.0);
        spent.add(start, 10.0, 0.0);
        let mut left = |hours: u64| spent.left(start + Duration::from_secs(hours * HOUR), &limits).joules;
        assert_eq!([left(0), left(1), left(23), left(24)], [Some(40.0), Some(70.0), Some(70.0), Some(100.0)]);
    }
}
