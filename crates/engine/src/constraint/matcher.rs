//! llguidance's parser, which may panic on what a stranger wrote, and whose memory is counted.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use llguidance::TokenParser;
use llguidance::api::StopReason;
use llguidance::panic_utils::catch_unwind;

use super::Mask;
use super::budget::{Budget, Charge};

/// Tables take more than their contents by llguidance's account: they grow by doubling.
const ROOM_TO_GROW: usize = 2;

/// What is said when all grammars together take more memory than they may.
pub(super) const TOO_MUCH: &str = "the grammars of all requests together take too much memory";

/// How far one answer has come in a grammar.
pub(super) struct Matcher {
    /// None once it failed: what it took is free.
    parser: Option<Box<TokenParser>>,
    charge: Charge,
}

impl Matcher {
    /// At the beginning of what `parser` was made of.
    pub fn new(mut parser: TokenParser, budget: &Arc<Budget>) -> Result<Matcher, String> {
        if parser.is_fresh() {
            parser.start_without_prompt();
        }
        let mut matcher = Matcher { parser: Some(Box::new(parser)), charge: Charge::new(budget.clone()) };
        matcher.with(|_| Ok(()))?;
        Ok(matcher)
    }

    /// One for another answer that is as far; they share nothing that grows.
    pub fn deep_clone(&self) -> Matcher {
        let parser = self.parser.as_ref().map(|parser| Box::new(parser.deep_clone()));
        let mut charge = Charge::new(self.charge.budget().clone());
        charge.set(parser.as_deref().map_or(0, bytes));
        Matcher { parser, charge }
    }

    /// Does something that may go wrong; if it does, that is the end. So it is if it takes too much memory.
    fn with<R>(&mut self, work: impl FnOnce(&mut TokenParser) -> Result<R, String>) -> Result<R, String> {
        let parser = self.parser.as_mut().ok_or("it has failed before")?;
        let done = catch_unwind(AssertUnwindSafe(|| Ok(work(parser))));
        let mut done = done.map_err(|error| error.to_string()).and_then(|done| done);
        if !self.charge.set(bytes(parser)) {
            done = Err(TOO_MUCH.into());
        }
        if done.is_err() {
            self.parser = None;
            self.charge.set(0);
        }
        done
    }

    /// What would not be enforced.
    pub fn warnings(&mut self) -> Vec<String> {
        self.with(|parser| Ok(parser.grammar_warnings())).unwrap_or_default()
    }

    /// Whether what there is fits.
    #[cfg(test)]
    pub fn is_accepting(&mut self) -> bool {
        self.with(|parser| Ok(parser.is_accepting())).unwrap_or(false)
    }

    /// What may come next; `None` if what there is is complete, and nothing can follow.
    pub fn next_mask(&mut self) -> Result<Option<Mask>, String> {
        self.with(|parser| {
            let fits = parser.is_accepting();
            match parser.compute_mask() {
                Ok(mask) => Ok(Some(mask)),
                // Without a stop token, a complete answer can be followed by nothing.
                Err(_) if fits => Ok(None),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// The answer goes on with these tokens.
    pub fn consume(&mut self, ids: &[u32]) -> Result<(), String> {
        self.with(|parser| {
            for &id in ids {
                if parser.consume_token(id).map_err(|error| error.to_string())? != 0 {
                    return Err("it would take tokens back".into());
                }
            }
            parser.check_stop().map(drop).map_err(|error| error.to_string())
        })
    }

    /// Whether all of these tokens could come next, one after the other. It stays where it is.
    pub fn admits(&mut self, ids: &[u32]) -> bool {
        self.with(|parser| parser.validate_tokens_raw(ids).map_err(|error| error.to_string()))
            .is_ok_and(|valid| valid == ids.len())
    }

    /// The tokens that can only come next.
    pub fn forced(&mut self) -> Result<Vec<u32>, String> {
        self.with(|parser| Ok(parser.compute_ff_tokens()))
    }

    /// Whether it goes no further, and if so, whether what there is fits.
    pub fn stopped(&self) -> Option<bool> {
        match self.parser.as_ref().map(|parser| parser.stop_reason()) {
            None => Some(false),
            Some(StopReason::NotStopped) => None,
            Some(reason) => Some(reason.is_ok()),
        }
    }
}

/// What a parser takes, about.
fn bytes(parser: &TokenParser) -> usize {
    parser.parser.lexer_stats().num_bytes.saturating_mul(ROOM_TO_GROW)
}
