//! What the grammars of a model and their answers may take in memory, all together.
//!
//! An answer's lexer finds out its states as it goes, and a hostile grammar has more of them than fit anywhere. What all have found out is
//! counted here; when it is more than all may have, those end that have more than their share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes for all of a model, by llguidance's own account of its tables: many times what the schemas take that people write, and two
/// hostile grammars at the end of their own limit.
pub(super) const MOST: usize = 96 << 20;
/// Bytes that were given back before the heap is asked to give them to the system, which takes it some milliseconds.
const WORTH_TRIMMING: usize = 16 << 20;

/// The memory of all.
pub(super) struct Budget {
    most: usize,
    used: AtomicUsize,
    holders: AtomicUsize,
    /// Given back since the heap was trimmed last.
    freed: AtomicUsize,
}

impl Budget {
    pub fn new(most: usize) -> Arc<Budget> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Budget { most, used: zero(), holders: zero(), freed: zero() })
    }

    /// Whether more is used than there is.
    pub fn is_spent(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.most
    }

    fn freed(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        let freed = self.freed.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let is_idle = self.holders.load(Ordering::Relaxed) == 0;
        let is_worth_it = freed >= self.most || is_idle && freed >= WORTH_TRIMMING;
        if is_worth_it && self.freed.swap(0, Ordering::Relaxed) >= WORTH_TRIMMING {
            // Aside: this may be the thread that runs the model. If there is no thread for it, there will be another time.
            let trim = std::thread::Builder::new().name("whit-trim".into());
            let _ = trim.spawn(whit_kernels::trim_heaps);
        }
    }
}

/// What one holder has of it.
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    /// Of a holder that has nothing yet.
    pub fn new(budget: Arc<Budget>) -> Charge {
        budget.holders.fetch_add(1, Ordering::Relaxed);
        Charge { budget, bytes: 0 }
    }

    /// Whose it is.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The holder has so many bytes now; whether it may. It may not if all have too much and it has more than its share.
    pub fn set(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.bytes, bytes);
        match bytes.checked_sub(before) {
            Some(more) => drop(self.budget.used.fetch_add(more, Ordering::Relaxed)),
            None => self.budget.freed(before - bytes),
        }
        let share = self.budget.most / self.budget.holders.load(Ordering::Relaxed).max(1);
        !self.budget.is_spent() || bytes <= share
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.holders.fetch_sub(1, Ordering::Relaxed);
        self.budget.freed(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_more_than_its_share_of_too_much_may_not() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (Charge::new(budget.clone()), Charge::new(budget.clone()));
        assert!(large.set(90) && small.set(10) && !budget.is_spent());
        assert!(small.set(20) && budget.is_spent(), "20 of 100 is no more than half");
        assert!(!large.set(90), "though it was there first");
        assert!(large.set(0) && small.set(99) && !budget.is_spent());
        drop(large);
        assert!(small.set(100) && !small.set(101));
        drop(small);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
