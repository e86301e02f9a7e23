//! How a server ends: first it takes nothing new and lets answers end, then it closes.

use std::time::Duration;

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// What runs may end; what is new is turned away.
    Draining,
    /// Connections close as soon as their answers are sent.
    Closing,
    /// Connections are cut.
    Cut,
}

/// Tells a server to stop, from anywhere.
#[derive(Clone)]
pub struct Stop {
    phase: watch::Sender<Phase>,
    open: watch::Sender<usize>,
}

/// An answer that is being made; the server waits for it when it drains.
pub struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Default for Stop {
    fn default() -> Stop {
        Stop { phase: watch::Sender::new(Phase::Serving), open: watch::Sender::new(0) }
    }
}

impl Stop {
    /// Take nothing new. Once nothing is open any more, everything closes; after `longest`, whatever is still there is cut.
    pub fn drain(&self, longest: Duration) {
        if !self.raise(Phase::Draining) {
            return;
        }
        let stop = self.clone();
        tokio::spawn(async move {
            let mut open = stop.open.subscribe();
            let mut late = std::pin::pin!(tokio::time::sleep(longest));
            let drained = async { open.wait_for(|&open| open == 0).await.is_ok() };
            let is_drained = tokio::select! {
                drained = drained => drained,
                () = &mut late => false,
            };
            if is_drained {
                stop.raise(Phase::Closing);
                late.await;
            }
            stop.raise(Phase::Cut);
        });
    }

    /// Close at once.
    pub fn now(&self) {
        self.raise(Phase::Cut);
    }

    /// Whether nothing new is taken.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Whether nothing is waited for any more.
    pub fn is_cut(&self) -> bool {
        *self.phase.borrow() == Phase::Cut
    }

    /// Answers being made.
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Counts an answer until it is dropped; `None` while draining.
    pub fn begin(&self) -> Option<Open> {
        // Counted first: whoever begins to drain now waits for it, or it sees that.
        self.open.send_modify(|open| *open += 1);
        let open = Open(self.open.clone());
        (!self.is_draining()).then_some(open)
    }

    /// Until connections are to close.
    pub async fn closing(&self) {
        self.reached(Phase::Closing).await;
    }

    /// Until connections are to be cut.
    pub async fn cut(&self) {
        self.reached(Phase::Cut).await;
    }

    async fn reached(&self, phase: Phase) {
        // The sender lives as long as `self`, so the wait ends only when the phase is there.
        let _ = self.phase.subscribe().wait_for(|&now| now >= phase).await;
    }

    /// Whether this was news.
    fn raise(&self, phase: Phase) -> bool {
        self.phase.send_if_modified(|now| {
            let later = *now < phase;
            if later {
                *now = phase;
            }
            later
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn draining_waits_for_what_is_open_and_takes_nothing_new() {
        let stop = Stop::default();
        let open = stop.begin().unwrap();
        stop.drain(Duration::from_secs(60));
        assert!(stop.begin().is_none());
        assert!(tokio::time::timeout(Duration::from_millis(20), stop.closing()).await.is_err());
        drop(open);
        stop.closing().await;
        assert!(tokio::time::timeout(Duration::from_millis(20), stop.cut()).await.is_err());
        stop.now();
        stop.cut().await;
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_cut() {
        let stop = Stop::default();
        let _open = stop.begin().unwrap();
        stop.drain(Duration::from_millis(5));
        stop.cut().await;
        // Also what comes after the last answer, such as a load that nobody waits for.
        let stop = Stop::default();
        stop.drain(Duration::from_millis(5));
        stop.closing().await;
        stop.cut().await;
        assert!(stop.is_cut());
    }
}
