//! What is counted of energy and its price: one meter for the whole server, and the books of all that is at work.
//!
//! Whatever works has a [`Hand`] in the books: each model's thread, and each model that is being loaded. Energy is shared among
//! the accounts of calls by the work that was done for them; what was used while no hand was at work is idle, once, however many models
//! there are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use whit_engine::SequenceWork;
use whit_meter::{
    Account as Used, Balance, Books, Choice, Closed, Cost, Guarantee, Idle, Item, Joules, Machine, Meter, Phase,
    Promise, Roots, Share, Status, Tariff, Tier, Transition, Verdict, Work, hour_of_day, open,
};

use crate::ServerError;
use crate::config::{Config, MeterSource};
use crate::metrics::Metrics;
use crate::prediction::Reading;

/// The meter of a server, and all that hangs on it.
pub struct Metering {
    meter: Arc<Meter>,
    books: Mutex<Books>,
    idle_is: Idle,
    /// Idle energy that the counters have.
    idle_told: Mutex<Share>,
    tariff: Tariff,
    guarantee: Option<Mutex<Guarantee>>,
    /// By model: what it took of late to read a token of a prompt.
    reading: Mutex<HashMap<String, Reading>>,
    metrics: Arc<Metrics>,
    /// Names hands and accounts.
    next: AtomicU64,
}

/// Energy and machine time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Energy.
    pub joules: f64,
    /// Time of the whole machine, in seconds.
    pub seconds: f64,
}

impl Amount {
    /// Of what the books say.
    pub fn of(share: Share) -> Amount {
        Amount { joules: share.energy.joules.as_f64(), seconds: share.machine_micros as f64 * 1e-6 }
    }

    /// So many times as much.
    pub fn times(self, factor: f64) -> Amount {
        Amount { joules: self.joules * factor, seconds: self.seconds * factor }
    }
}

/// Opens the source that is wanted; none if nothing is to be metered, or if none was named and there is none.
///
/// # Errors
/// If the one that was named is not to be had, with the mend; or if there is none and something was promised or limited.
fn meter(config: &Config) -> Result<Option<Meter>, ServerError> {
    let MeterSource::On(choice) = &config.meter.source else { return Ok(None) };
    let wrong = |why: String| ServerError::Config(format!("the meter: {why}"));
    match open(choice, &Roots::of_this_machine()) {
        Ok(source) => Meter::start(source).map(Some).map_err(|error| wrong(error.to_string())),
        Err(_) if *choice == Choice::Auto && !config.needs_meter() => Ok(None),
        Err(why) => Err(wrong(why.to_string())),
    }
}

/// `metering with powercap (counter): package-0, dram (intel-rapl)`.
fn line_of(meter: Option<&Meter>) -> String {
    match meter {
        Some(meter) => format!("metering with {} ({}): {}", meter.name(), meter.total().tier.name(), meter.detail()),
        None => "metering nothing".into(),
    }
}

/// What a server of this configuration would meter with, in a line.
///
/// # Errors
/// As [`Metering::open`].
pub fn check(config: &Config) -> Result<String, ServerError> {
    Ok(line_of(meter(config)?.as_ref()))
}

/// What a server meters with, in a line.
pub fn line(metering: Option<&Metering>) -> String {
    line_of(metering.map(|metering| &*metering.meter))
}

impl Metering {
    /// Opens the meter and the books; `None` if nothing is to be metered.
    ///
    /// # Errors
    /// If the source that was named is not to be had; or if there is none and something was promised or limited.
    pub fn open(config: &Config, metrics: Arc<Metrics>) -> Result<Option<Arc<Metering>>, ServerError> {
        let Some(meter) = meter(config)? else { return Ok(None) };
        let meter = Arc::new(meter);
        let said = config.meter.operations_per_byte;
        let balance = said.map_or_else(Balance::default, |operations_per_byte| Balance { operations_per_byte });
        let books = Books::open(meter.clone(), balance, config.meter.idle);
        let guarantee = config.guarantee.map(|promise| Mutex::new(Guarantee::new(promise)));
        if guarantee.is_some() {
            metrics.verdict(Verdict::default());
        }
        Ok(Some(Arc::new(Metering {
            meter,
            books: Mutex::new(books),
            idle_is: config.meter.idle,
            idle_told: Mutex::default(),
            tariff: config.tariff.clone(),
            guarantee,
            reading: Mutex::default(),
            metrics,
            next: AtomicU64::new(0),
        })))
    }

    /// What energy and the machine cost.
    pub fn tariff(&self) -> &Tariff {
        &self.tariff
    }

    /// A name for an account or a hand that no other has.
    pub fn name(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A hand in the books.
    pub fn hand(self: &Arc<Self>) -> Hand {
        Hand { metering: self.clone(), id: self.name(), items: vec![] }
    }

    /// What is known of the cost of a model's load until it is dropped.
    pub fn load(self: &Arc<Self>, model: &str) -> Loading {
        let mut hand = self.hand();
        hand.begin();
        Loading { account: self.name(), hand, model: model.to_owned(), done: 0 }
    }

    /// What the work of an account has used so far, as of a moment ago.
    pub fn so_far(&self, account: u64) -> Amount {
        Amount::of(lock(&self.books).so_far(account).work.total())
    }

    /// What an amount costs in dollars in an hour of the day, 0 to 23; `None` if nothing has a price.
    pub fn dollars(&self, amount: Amount, hour: u8) -> Option<f64> {
        let joules = Joules::from_f64(amount.joules);
        self.tariff.cost(joules, amount.seconds, hour).dollars
    }

    /// What it takes to read so many tokens of a prompt, as it was of late; `None` if that is not known.
    pub fn predict(&self, model: &str, prompt_tokens: usize) -> Option<Amount> {
        lock(&self.reading).get(model).and_then(|reading| reading.predict(prompt_tokens, Instant::now()))
    }

    /// Closes an account of `model`, and counts it at the prices of an hour of the day, 0 to 23.
    pub fn close(&self, account: u64, model: &str, hour: u8) -> Closed {
        let closed = lock(&self.books).finish(account);
        let Used { load, prefill, decode } = closed.account;
        for (phase, share) in [("load", load), ("prefill", prefill), ("decode", decode)] {
            self.count(model, phase, closed.tier, share, self.cost(share, hour).dollars);
        }
        for remark in self.meter.remarks() {
            tracing::warn!(source = self.meter.name(), "{remark}");
        }
        closed
    }

    /// Learns from a call what it takes to read a prompt, and holds it to what was promised, if something was: it has read and made so many
    /// tokens. Time in which nothing ran is not its doing, whoever pays for it.
    pub fn learn(&self, model: &str, closed: &Closed, read: usize, made: usize) {
        let now = Instant::now();
        let taken = Amount::of(closed.work.prefill);
        lock(&self.reading).entry(model.to_owned()).or_insert_with(|| Reading::new(now)).learn(taken, read, now);
        if let Some(guarantee) = &self.guarantee {
            let energy = closed.work.total().energy.widened(closed.edges);
            let change = lock(guarantee).observe(now, energy, made as u64, closed.tier);
            self.tell(change);
        }
    }

    /// What is promised and how it stands, if something is.
    pub fn guarantee(&self) -> Option<(Promise, Status)> {
        let guarantee = self.guarantee.as_ref()?;
        let (change, promise, status) = {
            let mut guarantee = lock(guarantee);
            (guarantee.look(Instant::now()), guarantee.promise(), guarantee.status())
        };
        self.tell(change);
        Some((promise, status))
    }

    /// Brings what grows by itself up to date, before somebody looks at the counters.
    pub fn refresh(&self) {
        self.guarantee();
        let idle = lock(&self.books).idle();
        // Shared, it is counted with the work that pays for it.
        if self.idle_is == Idle::Separate {
            let mut told = lock(&self.idle_told);
            let new = Share {
                energy: idle.energy.since(told.energy),
                machine_micros: idle.machine_micros - told.machine_micros,
            };
            // What an owned machine cost while it was idle is in the price of its busy seconds.
            let paid = match self.tariff.machine {
                Some(Machine::Owned { .. }) => Share { machine_micros: 0, ..new },
                _ => new,
            };
            self.count("", "idle", self.meter.total().tier, new, self.cost(paid, this_hour()).dollars);
            *told = idle;
        }
    }

    fn cost(&self, share: Share, hour: u8) -> Cost {
        self.tariff.cost(share.energy.joules, Amount::of(share).seconds, hour)
    }

    fn count(&self, model: &str, phase: &'static str, tier: Tier, share: Share, dollars: Option<f64>) {
        if share != Share::default() {
            self.metrics.used(model, phase, tier.name(), share.energy.joules.as_f64(), dollars);
        }
    }

    fn tell(&self, change: Option<Transition>) {
        let Some(Transition { from, status }) = change else { return };
        self.metrics.verdict(status.verdict);
        let (from, to) = (from.name(), status.verdict.name());
        let Status { requests, over, modelled, .. } = status;
        let said = to.replace('_', " ");
        tracing::info!(from, to, requests, over, modelled, "the guarantee on joules a token is {said}");
    }
}

/// Somebody who does work, as the books know it. Dropped in the middle of a step, it is at work no more.
pub struct Hand {
    metering: Arc<Metering>,
    id: u64,
    /// Kept from step to step.
    items: Vec<Item>,
}

impl Hand {
    /// A step begins.
    pub fn begin(&mut self) {
        lock(&self.metering.books).begin(self.id);
    }

    /// A step has ended, in which a model did this.
    pub fn did(&mut self, works: &[SequenceWork]) {
        self.items.clear();
        self.items.extend(works.iter().map(|work| Item {
            owner: work.account,
            phase: if work.is_prefill { Phase::Prefill } else { Phase::Decode },
            work: Work { bytes: work.bytes, operations: work.operations },
        }));
        lock(&self.metering.books).did(self.id, &self.items);
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        lock(&self.metering.books).did(self.id, &[]);
    }
}

/// A model that is being loaded; its account is closed when this is dropped.
pub struct Loading {
    hand: Hand,
    account: u64,
    model: String,
    done: u64,
}

impl Loading {
    /// So many bytes of its weights are in memory.
    pub fn progress(&mut self, done: u64) {
        self.did(done.saturating_sub(self.done));
        self.done = done;
        self.hand.begin();
    }

    fn did(&mut self, bytes: u64) {
        let item = Item { owner: self.account, phase: Phase::Load, work: Work { bytes, operations: 0 } };
        lock(&self.hand.metering.books).did(self.hand.id, &[item]);
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // What comes after the last weights is its too.
        self.did(1);
        self.hand.metering.close(self.account, &self.model, this_hour());
    }
}

fn this_hour() -> u8 {
    hour_of_day(SystemTime::now())
}

/// Nothing panics while it holds one of these locks, or leaves it half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
