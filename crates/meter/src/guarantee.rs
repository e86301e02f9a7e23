//! A promise on joules a token, and whether what was measured shows that it is kept: `[guarantee]` of `whit.toml`.
//!
//! The rule is the one by which MLPerf Inference ends a run early ("Early Stopping Criterion" in the appendix of its
//! rules, and `loadgen/early_stopping.cc`, with its tolerance at 0): a system of which exactly the allowed share of
//! requests is over the limit is the worst that keeps the promise. If it would show as few requests over the limit as
//! were seen, or fewer, with a probability of at most `1 - confidence`, the promise is held. The mirrored rule says
//! that it is breached.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::binomial;
use crate::energy::{Energy, Tier};
use crate::tariff::rounded;

/// Requests leave the window in so many steps, so that its memory is bounded.
const SLICES: u32 = 60;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Promise {
    /// The limit: joules of a request over the tokens it generated.
    pub joules_per_token: f64,
    /// The share of requests that keep the limit.
    pub share: f64,
    /// How certain that is to be before it is called held, or breached.
    pub confidence: f64,
    /// How far back requests count.
    pub window: Duration,
}

/// `[guarantee]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    joules_per_token: f64,
    #[serde(default = "usual")]
    share: f64,
    #[serde(default = "usual")]
    confidence: f64,
    #[serde(default = "an_hour")]
    window: String,
}

fn usual() -> f64 {
    0.95
}

fn an_hour() -> String {
    "1h".into()
}

impl TryFrom<Table> for Promise {
    type Error = String;

    fn try_from(table: Table) -> Result<Promise, String> {
        let Table { joules_per_token, share, confidence, window } = table;
        if !(joules_per_token > 0.0 && joules_per_token.is_finite()) {
            return Err(format!("joules_per_token = {joules_per_token}: it must be above 0"));
        }
        for (key, value) in [("share", share), ("confidence", confidence)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(format!("{key} = {value}: it must lie between 0 and 1, as 0.95"));
            }
        }
        let window = parse_duration(&window).map_err(|why| format!("window: {why}"))?;
        Ok(Promise { joules_per_token, share, confidence, window })
    }
}

/// A time as people write it: `10s`, `1h`, `1h 30m`, `500ms`, `7d` (of 24 hours each).
///
/// # Errors
/// A sentence with examples.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time; write it like 10s, 30m, 1h30m or 7d");
    let parsed: jiff::Span = text.trim().parse().map_err(|_| wrong())?;
    let parsed = parsed.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(parsed).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

/// What can be said of a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few requests to say.
    #[default]
    NotYetKnown,
    /// Kept, with the confidence asked for.
    Held,
    /// It would be held, were the figures not partly modelled.
    Modelled,
    /// Broken, with the confidence asked for.
    Breached,
}

impl Verdict {
    /// As programs read it: `not_yet_known`, `held`, `modelled`, `breached`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::NotYetKnown => "not_yet_known",
            Verdict::Held => "held",
            Verdict::Modelled => "modelled",
            Verdict::Breached => "breached",
        }
    }
}

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Status {
    /// What can be said.
    pub verdict: Verdict,
    /// Requests in the window.
    pub requests: u64,
    /// Those that may have been over the limit.
    pub over: u64,
    /// Those whose figures were modelled.
    pub modelled: u64,
    /// With the confidence asked for, no larger share of requests is over the limit.
    pub over_share_at_most: f64,
    /// The share that may be.
    pub over_share_allowed: f64,
}

/// A change of the verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// Before.
    pub from: Verdict,
    /// How it stands now.
    pub status: Status,
}

/// Requests by how they kept the limit.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    /// Those whose interval reaches over the limit.
    over_at_worst: u64,
    /// Those whose whole interval is over the limit.
    over_at_best: u64,
    modelled: u64,
}

impl Counts {
    fn verdict(&self, promise: &Promise) -> Verdict {
        let (allowed, doubt) = (1.0 - promise.share, 1.0 - promise.confidence);
        if self.over_at_best > 0 && binomial::at_least(self.over_at_best, self.requests, allowed) <= doubt {
            Verdict::Breached
        } else if self.requests == 0 || binomial::at_most(self.over_at_worst, self.requests, allowed) > doubt {
            Verdict::NotYetKnown
        } else if self.modelled > 0 {
            Verdict::Modelled
        } else {
            Verdict::Held
        }
    }
}

/// Requests of a part of the window.
#[derive(Clone, Copy, Debug)]
struct Slice {
    began: Instant,
    counts: Counts,
}

/// Watches over a promise.
#[derive(Clone, Debug)]
pub struct Guarantee {
    promise: Promise,
    slices: VecDeque<Slice>,
    verdict: Verdict,
}

impl Guarantee {
    /// Nothing is known yet.
    pub fn new(promise: Promise) -> Guarantee {
        Guarantee { promise, slices: VecDeque::new(), verdict: Verdict::NotYetKnown }
    }

    /// What is promised.
    pub fn promise(&self) -> Promise {
        self.promise
    }

    /// A request has ended that used so much energy for so many generated tokens. Returns the change, if that is one.
    /// A request without tokens says nothing.
    pub fn observe(&mut self, at: Instant, energy: Energy, tokens: u64, tier: Tier) -> Option<Transition> {
        if tokens > 0 {
            let limit = self.promise.joules_per_token * tokens as f64;
            let counts = &mut self.slice(at).counts;
            counts.requests += 1;
            counts.over_at_worst += u64::from(energy.high.as_f64() > limit);
            counts.over_at_best += u64::from(energy.low.as_f64() > limit);
            counts.modelled += u64::from(tier == Tier::Modelled);
        }
        self.look(at)
    }

    /// Lets requests grow old. Returns the change, if that is one.
    pub fn look(&mut self, at: Instant) -> Option<Transition> {
        let window = self.promise.window;
        while self.slices.front().is_some_and(|slice| at.saturating_duration_since(slice.began) > window) {
            self.slices.pop_front();
        }
        let verdict = self.counted().verdict(&self.promise);
        let from = std::mem::replace(&mut self.verdict, verdict);
        (from != verdict).then(|| Transition { from, status: self.status() })
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let counted = self.counted();
        Status {
            verdict: counted.verdict(&self.promise),
            requests: counted.requests,
            over: counted.over_at_worst,
            modelled: counted.modelled,
            over_share_at_most: rounded(binomial::upper_bound(
                counted.over_at_worst,
                counted.requests,
                self.promise.confidence,
            )),
            over_share_allowed: rounded(1.0 - self.promise.share),
        }
    }

    /// All requests of the window.
    fn counted(&self) -> Counts {
        self.slices.iter().fold(Counts::default(), |sum, slice| Counts {
            requests: sum.requests + slice.counts.requests,
            over_at_worst: sum.over_at_worst + slice.counts.over_at_worst,
            over_at_best: sum.over_at_best + slice.counts.over_at_best,
            modelled: sum.modelled + slice.counts.modelled,
        })
    }

    /// The slice that a request of `at` belongs to.
    fn slice(&mut self, at: Instant) -> &mut Slice {
        let length = self.promise.window / SLICES;
        let fits = |slice: &Slice| at.saturating_duration_since(slice.began) < length;
        if !self.slices.back().is_some_and(fits) {
            self.slices.push_back(Slice { began: at, counts: Counts::default() });
        }
        let last = self.slices.len() - 1;
        &mut self.slices[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Joules;

    fn promise(share: f64, confidence: f64) -> Promise {
        Promise { joules_per_token: 0.5, share, confidence, window: Duration::from_secs(3600) }
    }

    /// A request of ten tokens at so many joules a token.
    fn request(guarantee: &mut Guarantee, at: Instant, joules_per_token: f64) -> Option<Transition> {
        guarantee.observe(at, Energy::exact(Joules::from_f64(10.0 * joules_per_token)), 10, Tier::Counter)
    }

    /// How many requests it takes, of which the first `over` are over the limit.
    fn needed(share: f64, confidence: f64, over: u64) -> u64 {
        let (mut guarantee, at) = (Guarantee::new(promise(share, confidence)), Instant::now());
        for count in 1..100_000 {
            request(&mut guarantee, at, if count <= over { 0.6 } else { 0.4 });
            if guarantee.status().verdict == Verdict::Held {
                return count;
            }
        }
        panic!("never held");
    }

    #[test]
    fn it_takes_as_many_requests_as_mlperf_says() {
        // With none over: the least n with share^n <= 1 - confidence. 0.95^58 = 0.0510, 0.95^59 = 0.0485.
        assert_eq!(needed(0.95, 0.95, 0), 59);
        assert_eq!(needed(0.90, 0.99, 0), 44);
        assert_eq!(needed(0.99, 0.99, 0), 459);
        // The least queries of MLPerf's single stream (90th percentile) and multistream (99th), where one is over:
        // 0.9^64 + 64 x 0.1 x 0.9^63 = 0.0096, and 0.0105 with 63.
        assert_eq!(needed(0.90, 0.99, 1), 64);
        assert_eq!(needed(0.99, 0.99, 1), 662);
    }

    #[test]
    fn it_goes_from_unknown_to_held_to_breached_and_back() {
        let (mut guarantee, start) = (Guarantee::new(promise(0.95, 0.95)), Instant::now());
        for i in 1..59 {
            assert_eq!(request(&mut guarantee, start, 0.4), None, "{i}");
        }
        let change = request(&mut guarantee, start, 0.4).expect("a change");
        assert_eq!((change.from, change.status.verdict), (Verdict::NotYetKnown, Verdict::Held));
        assert!(change.status.over_share_at_most < 0.05 && change.status.requests == 59);

        // Of 59 one is over: no longer shown. Then more and more are.
        let later = start + Duration::from_secs(1800);
        let mut changes = vec![];
        for _ in 0..20 {
            changes.extend(request(&mut guarantee, later, 0.7));
        }
        let verdicts: Vec<Verdict> = changes.iter().map(|change| change.status.verdict).collect();
        assert_eq!(verdicts, [Verdict::NotYetKnown, Verdict::Breached]);
        // By hand: at least 7 of 66 come with a probability of 0.0464 at p = 0.05, at least 6 of 65 with 0.106.
        assert_eq!(changes[1].status.over, 7);

        // All of them have grown old.
        let change = guarantee.look(later + Duration::from_secs(3601)).expect("a change");
        assert_eq!((change.from, change.status.verdict), (Verdict::Breached, Verdict::NotYetKnown));
        assert_eq!(change.status.requests, 0);
    }

    #[test]
    fn the_interval_of_a_figure_counts_against_whoever_asserts() {
        let at = Instant::now();
        // Between 0.4 and 0.6 J a token: neither is shown, however many there are.
        let [low, middle, high] = [4.0, 5.0, 6.0].map(Joules::from_f64);
        let mut guarantee = Guarantee::new(promise(0.95, 0.95));
        for _ in 0..1000 {
            assert_eq!(guarantee.observe(at, Energy::within(low, middle, high), 10, Tier::Counter), None);
        }
        assert_eq!(guarantee.status().over, 1000);
    }

    #[test]
    fn what_is_modelled_is_never_held() {
        let (mut guarantee, at) = (Guarantee::new(promise(0.95, 0.95)), Instant::now());
        let energy = Energy::exact(Joules::from_f64(1.0));
        guarantee.observe(at, energy, 10, Tier::Modelled);
        for _ in 0..1000 {
            guarantee.observe(at, energy, 10, Tier::Counter);
        }
        let status = guarantee.status();
        assert_eq!((status.verdict, status.modelled), (Verdict::Modelled, 1));
        assert_eq!(guarantee.observe(at, energy, 0, Tier::Counter), None);
        assert_eq!(guarantee.status().requests, 1001);
    }

    #[test]
    fn a_status_is_written_one_way() {
        let status = Guarantee::new(promise(0.95, 0.95)).status();
        assert_eq!(status.over_share_allowed, 0.05);
        for verdict in [Verdict::NotYetKnown, Verdict::Held, Verdict::Modelled, Verdict::Breached] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("10s", 10.0),
            ("1h30m", 5400.0),
            ("1h 30m", 5400.0),
            ("500ms", 0.5),
            ("7d", 604_800.0),
            ("2w", 1_209_600.0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "soon", "0s", "-1h", "1 month", "2y", "7"] {
            assert!(parse_duration(text).is_err_and(|why| why.contains("is not a time")), "{text}");
        }
    }

    #[test]
    fn its_memory_is_bounded() {
        let (mut guarantee, start) = (Guarantee::new(promise(0.95, 0.95)), Instant::now());
        for second in 0..20_000 {
            request(&mut guarantee, start + Duration::from_secs(second), 0.4);
        }
        assert!(guarantee.slices.len() <= SLICES as usize + 2);
        assert!((3500..=3700).contains(&guarantee.status().requests), "{:?}", guarantee.status());
    }

    #[test]
    fn a_promise_is_read_and_what_is_wrong_is_named() {
        let read: Promise = toml::from_str("joules_per_token = 0.5\nconfidence = 0.9\nwindow = \"30m\"").unwrap();
        assert_eq!(read, Promise { confidence: 0.9, window: Duration::from_secs(1800), ..promise(0.95, 0.95) });
        for (text, words) in [
            ("joule_per_token = 1", "unknown field `joule_per_token`"),
            ("joules_per_token = 0", "joules_per_token = 0"),
            ("joules_per_token = 1\nconfidence = 95", "confidence = 95: it must lie between 0 and 1"),
            ("joules_per_token = 1\nshare = 1.0", "share = 1"),
            ("joules_per_token = 1\nwindow = \"an hour\"", "window: 'an hour' is not a time"),
            ("joules_per_token = 1\nwindow = \"0s\"", "'0s' is not a time"),
        ] {
            let sentence = toml::from_str::<Promise>(text).unwrap_err().message().to_owned();
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
    }
}
