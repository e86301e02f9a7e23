//! Counts what running costs: joules, and from them dollars and grams of CO2 equivalents; always with how a figure
//! was obtained and the interval it lies in.
//!
//! A [`Source`] knows the energy of the machine; a [`Meter`] watches one. [`Attribution`] shares what the meter
//! counted among the requests that were served meanwhile, and [`Books`] does so step by step. A [`Receipt`] tells one of
//! them what that comes to under a [`Tariff`], a [`Guarantee`] watches a promise on it, and a
//! [`Ledger`](ledger::Ledger) keeps it. `docs/metering.md` has the formulas.
//!
//! ```
//! use std::sync::Arc;
//! use whit_meter::{Balance, Books, Choice, Idle, Item, Meter, Phase, Roots, Work, open};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let meter = Meter::start(open(&Choice::Auto, &Roots::of_this_machine())?)?;
//! let mut books = Books::open(Arc::new(meter), Balance::default(), Idle::Separate);
//! // A step of an engine, worker 0 of this meter: what it read and did is known from its program.
//! books.begin(0);
//! let work = Work { bytes: 1 << 30, operations: 2 << 30 };
//! books.did(0, &[Item { owner: 1, phase: Phase::Decode, work }]);
//! println!("{} J", books.finish(1).account.total().energy.joules.as_f64());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod attribution;
pub mod binomial;
mod books;
mod counter;
mod cpu;
mod energy;
mod files;
mod guarantee;
pub mod ledger;
mod meter;
mod power;
mod probe;
mod receipt;
mod source;
mod sources;
mod tariff;

pub use attribution::{Account, Attribution, Balance, Charge, Idle, Interval, Item, Phase, Share, Work, share};
pub use books::{Books, Closed};
pub use counter::wraps_after;
pub use cpu::{CpuTimes, OwnTimes};
pub use energy::{Energy, Joules, Reading, Tier};
pub use guarantee::{Guarantee, Promise, Status, Transition, Verdict, parse_duration};
pub use meter::{Measured, Meter, SAMPLE_INTERVAL, Total};
pub use probe::{Probed, probe};
pub use receipt::{Circumstances, Part, Receipt};
pub use source::{Choice, Covers, Found, Roots, Source, SourceError, Unavailable, best, discover, open};
pub use tariff::{Cost, Hourly, Machine, Tariff, Upstream, checked_pue, hour_of_day, rounded};
