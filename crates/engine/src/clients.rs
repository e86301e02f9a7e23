//! Whose request is next: that of the client for whom the least was done of late.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// In this time, half of what was done for a client is forgotten: longer than most answers take, so that many small requests and one large
/// one count alike, and short enough that nobody pays for what was long ago.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// So many are remembered before those for whom nothing was done of late are forgotten; then again when twice as many are there as were left:
/// to look through all of them costs each who comes little.
const MANY: usize = 1024;

/// A client, and one of those it speaks for.
pub(crate) type Who = (u64, u64);

/// What was done for each client, and for each of those it speaks for: these take turns within what is the client's, so that a client gains
/// nothing by inventing some.
#[derive(Default)]
pub(crate) struct Clients {
    clients: HashMap<u64, Work>,
    users: HashMap<Who, Work>,
    /// How many were left when they were looked through last.
    left: usize,
}

/// Tokens run for a client, less what is forgotten of them.
#[derive(Clone, Copy)]
struct Work {
    tokens: f64,
    at: Instant,
}

impl Work {
    fn none(now: Instant) -> Work {
        Work { tokens: 0.0, at: now }
    }

    fn now(&self, now: Instant) -> f64 {
        let half_lives = now.saturating_duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.tokens * (-half_lives).exp2()
    }

    fn add(&mut self, tokens: usize, now: Instant) {
        *self = Work { tokens: self.now(now) + tokens as f64, at: now };
    }
}

impl Clients {
    /// `who` is one of those who ask. From here on, counting for it allocates nothing.
    pub fn meet(&mut self, who: Who, now: Instant) {
        if self.users.len() >= MANY.max(2 * self.left) {
            self.clients.retain(|_, work| work.now(now) >= 1.0);
            self.users.retain(|_, work| work.now(now) >= 1.0);
            self.left = self.users.len();
        }
        self.clients.entry(who.0).or_insert(Work::none(now));
        self.users.entry(who).or_insert(Work::none(now));
    }

    /// So many tokens were run for `who`.
    pub fn count(&mut self, who: Who, tokens: usize, now: Instant) {
        self.clients.entry(who.0).or_insert(Work::none(now)).add(tokens, now);
        self.users.entry(who).or_insert(Work::none(now)).add(tokens, now);
    }

    /// What was done for the client of late, in tokens, and of that for `who`.
    pub fn work(&self, who: Who, now: Instant) -> (f64, f64) {
        let now = |work: Option<&Work>| work.map_or(0.0, |work| work.now(now));
        (now(self.clients.get(&who.0)), now(self.users.get(&who)))
    }

    /// Which of those who wait, given in the order in which they came, is next: of those that `may` be, and it is asked of no more
    /// than it takes.
    pub fn next(&self, waiting: impl Iterator<Item = Who>, now: Instant, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut least: Option<(usize, (f64, f64))> = None;
        for (at, who) in waiting.enumerate() {
            let work = self.work(who, now);
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
        let next =
            |clients: &Clients, waiting: &[u64]| clients.next(waiting.iter().map(|&client| (client, 0)), now, |_| true);
        assert_eq!(next(&clients, &[]), None);
        assert_eq!(next(&clients, &[7, 8, 7]), Some(0));
        clients.count((7, 0), 100, now);
        assert_eq!(next(&clients, &[7, 8, 7]), Some(1));
        clients.count((8, 0), 150, now);
        assert_eq!(next(&clients, &[8, 7, 7]), Some(1));
        assert_eq!(next(&clients, &[8, 7, 9]), Some(2), "for 9 nothing was done");
        assert_eq!(
            clients.next([8, 7, 9, 7].map(|client| (client, 0)).into_iter(), now, |at| ![1, 2].contains(&at)),
            Some(3),
            "the next that may"
        );
        assert_eq!(clients.next([(8, 0), (7, 0)].into_iter(), now, |_| false), None);
    }

    #[test]
    fn whoever_a_client_invents_waits_with_the_others_it_speaks_for() {
        let (mut clients, now) = (Clients::default(), Instant::now());
        let next = |clients: &Clients, waiting: &[Who]| clients.next(waiting.iter().copied(), now, |_| true);
        for user in 0..9 {
            clients.count((7, user), 100, now);
        }
        clients.count((8, 0), 500, now);
        assert_eq!(next(&clients, &[(7, 100), (8, 0)]), Some(1), "for 7 more was done, whoever it was for");
        assert_eq!(next(&clients, &[(7, 3), (7, 100)]), Some(1), "of 7's own, they take turns");
    }

    #[test]
    fn work_is_forgotten_by_halves() {
        let (mut clients, start) = (Clients::default(), Instant::now());
        let later = start + 3 * HALF_LIFE;
        let next = |clients: &Clients| clients.next([(1, 0), (2, 0)].into_iter(), later, |_| true);
        clients.count((1, 0), 800, start);
        clients.count((2, 0), 99, later);
        assert_eq!(next(&clients), Some(1), "of 800 tokens, 100 are left");
        clients.count((2, 0), 2, later);
        assert_eq!(next(&clients), Some(0));
    }

    #[test]
    fn many_who_come_at_once_are_not_looked_through_for_each_of_them() {
        let (mut clients, now) = (Clients::default(), Instant::now());
        let mut looked = 0;
        for user in 0..100_000 {
            let before = clients.left;
            clients.meet((7, user), now);
            clients.count((7, user), 10, now);
            looked += usize::from(clients.left != before);
        }
        assert_eq!(clients.users.len(), 100_000);
        assert!(looked < 8, "{looked} times");
    }

    #[test]
    fn clients_that_went_away_are_forgotten() {
        let (mut clients, start) = (Clients::default(), Instant::now());
        for client in 0..5000 {
            let now = start + Duration::from_secs(client);
            clients.meet((client, 0), now);
            clients.count((client, 0), 10, now);
        }
        assert!(clients.clients.len() <= MANY && clients.users.len() <= MANY);
    }
}
