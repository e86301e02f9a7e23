//! What an answer in a terminal costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;
use whit_engine::{SequenceWork, Usage};
use whit_meter::{
    Balance, Books, Choice, Circumstances, Idle, Item, Meter, Phase, Receipt, Roots, Tariff, Work, hour_of_day, open,
};
use whit_server::config::MeterSource;

use crate::commands::read_tariff;
use crate::failure::bad_input;

/// How it is found out.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct CostArgs {
    /// With --stats or --json: where figures of power come from: auto, off, one that `whit meter` lists, file:PATH or
    /// command:LINE
    #[arg(long, value_name = "SOURCE", default_value = "auto")]
    meter: MeterSource,
    /// With --stats or --json: take prices and emissions from [tariff] in this file
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
}

/// Counts what one engine uses, an answer at a time.
pub struct Till {
    books: Books,
    tariff: Tariff,
    /// Kept from step to step.
    items: Vec<Item>,
}

/// The engine in the books, and the account of the answer at hand.
const ENGINE: u64 = 0;
const ACCOUNT: u64 = 0;

impl Till {
    /// Opens the meter; `None` if it is off, or none was named and there is none.
    ///
    /// # Errors
    /// If the one that was named is not to be had, or the prices cannot be read.
    pub fn open(args: &CostArgs) -> anyhow::Result<Option<Till>> {
        let tariff = args.tariff.as_deref().map(read_tariff).transpose()?.unwrap_or_default();
        let MeterSource::On(choice) = &args.meter else { return Ok(None) };
        let source = match open(choice, &Roots::of_this_machine()) {
            Ok(source) => source,
            Err(_) if *choice == Choice::Auto => return Ok(None),
            Err(why) => return Err(bad_input(format!("--meter: {why}"))),
        };
        let meter = Meter::start(source).context("the power source cannot be read")?;
        let books = Books::open(Arc::new(meter), Balance::default(), Idle::Separate);
        Ok(Some(Till { books, tariff, items: vec![] }))
    }

    /// A step begins.
    pub fn begin(&mut self) {
        self.books.begin(ENGINE);
    }

    /// It has ended, and this was done.
    pub fn did(&mut self, works: &[SequenceWork]) {
        self.items.clear();
        self.items.extend(works.iter().map(|work| Item {
            owner: ACCOUNT,
            phase: if work.is_prefill { Phase::Prefill } else { Phase::Decode },
            work: Work { bytes: work.bytes, operations: work.operations },
        }));
        self.books.did(ENGINE, &self.items);
    }

    /// What the answer cost that has just ended and took so long.
    pub fn receipt(&mut self, usage: &Usage, took: Duration) -> Receipt {
        let closed = self.books.finish(ACCOUNT);
        let of = Circumstances {
            tier: closed.tier,
            edges: closed.edges,
            bytes_peak: usage.peak_cache_bytes,
            seconds: took.as_secs_f64(),
            prefill_seconds: usage.prefill_time.as_secs_f64(),
            decode_seconds: usage.decode_time.as_secs_f64(),
            hour: hour_of_day(SystemTime::now()),
        };
        Receipt::new(&closed.account, &of, &self.tariff)
    }
}
