//! How well a source tells one moment from the next, and what asking it costs: measured, not looked up.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::energy::{Energy, Joules};
use crate::source::{Source, SourceError};
use crate::tariff::rounded;

/// What was seen of a source.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// Nanoseconds that one reading takes, the median.
    pub read_ns: u64,
    /// Seconds between two readings that differ, the median, and not less than [`Source::update_interval`]: some sources
    /// count on between their updates with the power they saw last. `None` if no readings differed.
    pub resolution_seconds: Option<f64>,
    /// Joules of that time.
    pub resolution_joules: Option<f64>,
    /// Watts meanwhile: low, figure, high.
    pub watts: [f64; 3],
}

/// Asks `source` again and again for `time`.
///
/// # Errors
/// If it fails.
pub fn probe(source: &mut dyn Source, time: Duration) -> Result<Probed, SourceError> {
    let began = Instant::now();
    source.read(began)?;
    let (mut costs, mut gaps, mut moved) = (vec![], vec![], began);
    let mut total = Energy::ZERO;
    while began.elapsed() < time {
        let asked = Instant::now();
        let energy = source.read(asked)?.energy;
        costs.push(asked.elapsed().as_nanos() as u64);
        total += energy;
        if energy.joules > Joules::ZERO {
            gaps.push(asked - moved);
            moved = asked;
        }
        // Asking without a pause would be most of the load that is measured.
        std::thread::sleep(asked.elapsed().max(Duration::from_micros(200)));
    }
    let seconds = began.elapsed().as_secs_f64();
    // The first one began before anybody looked.
    let resolution =
        median(gaps.get_mut(1..).unwrap_or_default()).map(|gap| gap.max(source.update_interval()).as_secs_f64());
    let watts = [total.low, total.joules, total.high].map(|joules| rounded(joules.as_f64() / seconds));
    Ok(Probed {
        read_ns: median(&mut costs).unwrap_or_default(),
        resolution_seconds: resolution,
        resolution_joules: resolution.map(|seconds| rounded(seconds * watts[1])),
        watts,
    })
}

fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Reading, Tier};
    use crate::source::Covers;

    /// Counts 0.5 J every 5 ms.
    struct Steps(Instant, u64);

    impl Source for Steps {
        fn name(&self) -> &'static str {
            "steps"
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
            Duration::from_millis(5)
        }
        fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
            let now = (at - self.0).as_millis() as u64 / 5;
            let steps = now - std::mem::replace(&mut self.1, now);
            Ok(Reading { energy: Energy::exact(Joules::from_f64(0.5 * steps as f64)), tier: Tier::Counter, at })
        }
    }

    #[test]
    fn the_resolution_is_what_is_seen() {
        let mut source = Steps(Instant::now(), 0);
        let probed = probe(&mut source, Duration::from_millis(150)).unwrap();
        let gap = probed.resolution_seconds.expect("it moved");
        // A busy machine looks late, never early.
        assert!((0.004..0.1).contains(&gap), "{probed:?}");
        assert!(probed.read_ns > 0 && (50.0..150.0).contains(&probed.watts[1]), "{probed:?}");
        assert!(probed.resolution_joules.is_some_and(|joules| (joules - gap * probed.watts[1]).abs() < 1e-6));
    }
}
