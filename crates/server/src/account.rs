//! What one call to a model uses, and what it may use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use whit_meter::{Circumstances, Receipt, hour_of_day};

use crate::auth::Key;
use crate::budget::{Left, Unit, figures};
use crate::config::KeyLimits;
use crate::metering::{Amount, Metering};
use crate::openai::{ApiError, Budget, Usage};
use crate::trace::Record;

/// A call's account. The call has it, and each of its requests in the engine; when the last of them lets go, the account is closed, and what
/// came of the call is told to the log: also if its client went away while the engine was in a step for it.
pub struct Account {
    id: u64,
    metering: Option<Arc<Metering>>,
    key: Option<Arc<Key>>,
    /// The least of what the request and its key allow.
    joules: Option<f64>,
    dollars: Option<f64>,
    /// The engine has taken the call.
    is_begun: AtomicBool,
    choices_per_prompt: usize,
    /// The hour of the day in which it came, at whose prices it is billed.
    hour: u8,
    record: Mutex<Record>,
}

/// What requests of a call took that ran beside each other.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// The longest prefill of them.
    pub prefill: Duration,
    /// The longest decode.
    pub decode: Duration,
    /// KV cache of all of them, each at its most.
    pub bytes_peak: u64,
    /// Prompts that are in the usage already, each with its cached tokens.
    counted: Vec<(usize, usize)>,
}

impl Round {
    /// Adds one of the requests.
    fn add(&mut self, usage: &whit_engine::Usage) {
        self.prefill = self.prefill.max(usage.prefill_time);
        self.decode = self.decode.max(usage.decode_time);
        self.bytes_peak += usage.peak_cache_bytes;
    }
}

impl Account {
    /// Opens the account of a call with prompts of so many tokens, if it may use what reading them is predicted to take. Its request number
    /// i is for prompt i / `choices_per_prompt`.
    ///
    /// # Errors
    /// 400 if its own budget is too small or cannot be held to, 402 if its key's is.
    pub fn open(
        metering: Option<Arc<Metering>>,
        key: Option<Arc<Key>>,
        budget: &Budget,
        prompt_tokens: usize,
        choices_per_prompt: usize,
        record: Record,
    ) -> Result<Account, ApiError> {
        let unknown = |field: &str, why: &str| Err(ApiError::unsupported(&format!("whit.{field}"), why));
        match &metering {
            None if budget.max_joules.is_some() => return unknown("max_joules", "this server meters nothing"),
            None if budget.max_dollars.is_some() => return unknown("max_dollars", "this server meters nothing"),
            Some(metering) if budget.max_dollars.is_some() && !metering.tariff().has_price() => {
                return unknown("max_dollars", "this server knows no price of energy or of its machine");
            }
            _ => {}
        }
        let limits = key.as_ref().map_or_else(KeyLimits::default, |key| key.limits);
        let left = key.as_ref().map_or_else(Left::default, |key| key.left());
        let read = metering.as_ref().and_then(|metering| metering.predict(&record.model, prompt_tokens));
        let hour = hour_of_day(record.at);
        let predicted = |unit: Unit| -> Option<f64> {
            match unit {
                Unit::Joules => read.map(|amount| amount.joules),
                Unit::Dollars => metering.as_ref()?.dollars(read?, hour),
            }
        };
        for (unit, allowed) in [(Unit::Joules, limits.joules_per_day), (Unit::Dollars, limits.dollars_per_day)] {
            let (Some(allowed), Some(key)) = (allowed, &key) else { continue };
            let left = left.of(unit).unwrap_or(allowed);
            let predicted = predicted(unit).unwrap_or(0.0);
            if left <= 0.0 || predicted > left {
                let message = format!(
                    "the key {} may use {allowed} {} in 24 hours and has {} left; to read the prompt of {prompt_tokens} tokens is \
                     predicted to take {}",
                    key.name(),
                    unit.name(),
                    figures(left),
                    figures(predicted)
                );
                return Err(ApiError::spent(message));
            }
        }
        for (unit, own, of_key) in [
            (Unit::Joules, budget.max_joules, limits.max_joules),
            (Unit::Dollars, budget.max_dollars, limits.max_dollars),
        ] {
            let Some(predicted) = predicted(unit) else { continue };
            let sentence = |what: &str, allowed: f64| {
                format!(
                    "{what} is {allowed}, and to read the prompt of {prompt_tokens} tokens alone is predicted to take {} {}: \
                     shorten it or allow more",
                    figures(predicted),
                    unit.name()
                )
            };
            if let Some(allowed) = own.filter(|&allowed| predicted > allowed) {
                let param = format!("whit.max_{}", unit.name());
                let message = sentence(&param, allowed);
                return Err(ApiError::invalid(message).param(param).code("budget_exceeded"));
            }
            if let (Some(allowed), Some(key)) = (of_key.filter(|&allowed| predicted > allowed), &key) {
                return Err(ApiError::spent(sentence(
                    &format!("max_{} of the key {}", unit.name(), key.name()),
                    allowed,
                )));
            }
        }
        let least = |amounts: [Option<f64>; 3]| amounts.into_iter().flatten().min_by(f64::total_cmp);
        Ok(Account {
            id: metering.as_ref().map_or(0, |metering| metering.name()),
            joules: least([budget.max_joules, limits.max_joules, left.joules]),
            dollars: least([budget.max_dollars, limits.max_dollars, left.dollars]),
            metering,
            key,
            is_begun: AtomicBool::new(false),
            choices_per_prompt,
            hour,
            record: Mutex::new(record),
        })
    }

    /// The engine has taken the call: from now on there is something to be told of it.
    pub fn begin(&self) {
        self.is_begun.store(true, Ordering::Release);
    }

    /// What the engine is to call it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// One of its requests is over or was given up, and took this. Told before anybody hears of that.
    pub fn took(&self, choice: usize, usage: &whit_engine::Usage) {
        let mut record = self.record();
        let Record { usage: sum, rounds, .. } = &mut *record;
        if let Some(round) = rounds.last_mut() {
            sum.add(&mut round.counted, choice / self.choices_per_prompt, usage);
            round.add(usage);
        }
    }

    /// What is to be told of the call.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has used all that it may.
    pub fn is_spent(&self) -> bool {
        if self.joules.is_none() && self.dollars.is_none() {
            return false;
        }
        let Some(metering) = &self.metering else { return false };
        let used = metering.so_far(self.id);
        let is_over = |used: Option<f64>, most: Option<f64>| used.zip(most).is_some_and(|(used, most)| used >= most);
        is_over(Some(used.joules), self.joules) || is_over(metering.dollars(used, self.hour), self.dollars)
    }

    /// All has been said: what it took, with its receipt.
    pub fn complete(&self) -> Usage {
        let mut record = self.record();
        record.is_complete = true;
        self.close(&mut record);
        record.usage
    }

    /// Closes it: all requests of the call are over. The record has its receipt then.
    fn close(&self, record: &mut Record) {
        if let Some(metering) = self.metering.as_ref().filter(|_| record.usage.whit.is_none()) {
            record.usage.whit = Some(self.settle(metering, record));
        }
    }

    fn settle(&self, metering: &Metering, record: &Record) -> Receipt {
        let usage = &record.usage;
        let hour = self.hour;
        let closed = metering.close(self.id, &record.model, hour);
        let sum = |of: fn(&Round) -> Duration| record.rounds.iter().map(of).sum::<Duration>().as_secs_f64();
        let of = Circumstances {
            tier: closed.tier,
            edges: closed.edges,
            bytes_peak: record.rounds.iter().map(|round| round.bytes_peak).max().unwrap_or(0),
            seconds: record.received.elapsed().as_secs_f64(),
            prefill_seconds: sum(|round| round.prefill),
            decode_seconds: sum(|round| round.decode),
            hour,
        };
        let receipt = Receipt::new(&closed.account, &of, metering.tariff());
        // What broke off has read a part of its prompt, and says nothing of what answers cost.
        if record.is_complete {
            let read = usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens;
            metering.learn(&record.model, &closed, read, usage.completion_tokens);
        }
        if let Some(key) = &self.key {
            // Without the wait for it, where `idle = "share"` lets it pay for that.
            let work = Amount::of(closed.work.total());
            key.spend(work.joules, metering.dollars(work, hour).unwrap_or(0.0));
        }
        receipt
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if *self.is_begun.get_mut() {
            let mut record = self.record();
            self.close(&mut record);
            record.tell();
        }
    }
}
