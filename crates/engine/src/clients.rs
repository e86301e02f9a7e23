//! Whose request is next: that of the client for whom the least was done of late.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// In this time, half of what was done for a client is forgotten: longer than most answers take, so that many small requests and one large
/// one count alike, and short enough that nobody pays for what was long ago.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// Clients remembered before those for whom nothing was done of late are forgotten.
const MANY: usize = 1024;

/// What was done for each client.
#[derive(Default)]
pub(crate) struct Clients {
    work: HashMap<u64, Work>,
}

/// Tokens run for a client, less what is forgotten of them.
#[derive(Clone, Copy)]
struct Work {
    tokens: f64,
    at: Instant,
}

impl Work {
    fn now(&self, now: Instant) -> f64 {
        let half_lives = now.saturating_duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.tokens * (-half_lives).exp2()
    }
}

impl Clients {
    /// `client` is one of those who ask. From here on, counting for it allocates nothing.
    pub fn meet(&mut self, client: u64, now: Instant) {
        if self.work.len() >= MANY {
            self.work.retain(|_, work| work.now(now) >= 1.0);
        }
        self.work.entry(client).or_insert(Work { tokens: 0.0, at: now });
    }

    /// So many tokens were run for `client`.
    pub fn count(&mut self, client: u64, tokens: usize, now: Instant) {
        let work = self.work.entry(client).or_insert(Work { tokens: 0.0, at: now });
        *work = Work { tokens: work.now(now) + tokens as f64, at: now };
    }

    /// What was done for `client` of late, in tokens.
    pub fn work(&self, client: u64, now: Instant) -> f64 {
        self.work.get(&client).map_or(0.0, |work| work.now(now))
    }

    /// Which of those who wait, given in the order in which they came, is next: of those that `may` be, and it is asked of no more
    /// than it takes.
    pub fn next(&self, waiting: impl Iterator<Item = u64>, now: Instant, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut least: Option<(usize, f64)> = None;
        for (at, client) in waiting.enumerate() {
            let work = self.work(client, now);
            if least.is_none_or(|(_, least)| work < least) && may(at) {
                least = Some((at, work));
            }
        }
        least.map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_got_least_is_next_and_the_first_of_equals() {
        let (mut clients, now) = (Clients::default(), Instant::now());
        let next = |clients: &Clients, waiting: &[u64]| clients.next(waiting.iter().copied(), now, |_| true);
        assert_eq!(next(&clients, &[]), None);
        assert_eq!(next(&clients, &[7, 8, 7]), Some(0));
        clients.count(7, 100, now);
        assert_eq!(next(&clients, &[7, 8, 7]), Some(1));
        clients.count(8, 150, now);
        assert_eq!(next(&clients, &[8, 7, 7]), Some(1));
        assert_eq!(next(&clients, &[8, 7, 9]), Some(2), "for 9 nothing was done");
        assert_eq!(
            clients.next([8, 7, 9, 7].into_iter(), now, |at| ![1, 2].contains(&at)),
            Some(3),
            "the next that may"
        );
        assert_eq!(clients.next([8, 7].into_iter(), now, |_| false), None);
    }

    #[test]
    fn work_is_forgotten_by_halves() {
        let (mut clients, start) = (Clients::default(), Instant::now());
        let later = start + 3 * HALF_LIFE;
        clients.count(1, 800, start);
        clients.count(2, 99, later);
        assert_eq!(clients.next([1, 2].into_iter(), later, |_| true), Some(1), "of 800 tokens, 100 are left");
        clients.count(2, 2, later);
        assert_eq!(clients.next([1, 2].into_iter(), later, |_| true), Some(0));
    }

    #[test]
    fn clients_that_went_away_are_forgotten() {
        let (mut clients, start) = (Clients::default(), Instant::now());
        for client in 0..5000 {
            let now = start + Duration::from_secs(client);
            clients.meet(client, now);
            clients.count(client, 10, now);
        }
        assert!(clients.work.len() <= MANY);
    }
}
