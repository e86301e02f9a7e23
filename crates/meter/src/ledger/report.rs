//! What a ledger comes to.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::file::{because, open_to_read};
use super::{LedgerError, millis};
use crate::energy::{Joules, Tier};
use crate::tariff::rounded;

/// What requests are summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The model.
    Model,
    /// The name of the key.
    Key,
    /// The day they came, in UTC.
    Day,
    /// The hour of that day.
    Hour,
}

impl By {
    /// The name of a group, in SQL.
    fn expression(self) -> &'static str {
        match self {
            By::Model => "model",
            By::Key => "key_name",
            By::Day => "strftime('%Y-%m-%d', time_ms / 1000, 'unixepoch')",
            By::Hour => "strftime('%Y-%m-%d %H:00', time_ms / 1000, 'unixepoch')",
        }
    }
}

/// What the requests of a ledger come to, all read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// By name.
    pub groups: Vec<Group>,
    /// All of them together.
    pub total: Sums,
    /// When the first of them came, in UTC (RFC 3339).
    pub first: Option<String>,
    /// When the last of them came.
    pub last: Option<String>,
    /// Requests that could not be written when they ended.
    pub missing: u64,
}

/// Requests that have something in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The model, key, day (`2026-11-21`) or hour (`2026-11-21 14:00`); `None` for requests without a key.
    pub name: Option<String>,
    /// What they come to.
    pub sums: Sums,
}

/// Sums over requests. The names of its fields are promised: `whit ledger --json` and `--csv` print them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sums {
    /// How many.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Their share, 0 to 1.
    pub error_share: f64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Those of them that were in the cache.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Requests that have a receipt: the following are of these.
    pub metered: u64,
    /// Energy.
    pub joules: Option<f64>,
    /// It was not less. The intervals of prefill and decode are added up, for what one of them lacks another may have; the doubts at the ends
    /// of the requests have nothing to do with each other, and come to the root of the sum of their squares.
    pub joules_low: Option<f64>,
    /// It was not more.
    pub joules_high: Option<f64>,
    /// How that was obtained, for the worst of them.
    pub tier: Option<Tier>,
    /// Energy over tokens of answers.
    pub joules_per_token: Option<f64>,
    /// Requests that have a price.
    pub priced: u64,
    /// Their prices.
    pub dollars: Option<f64>,
    /// Emissions, in grams of CO2 equivalents, of those for which they are known.
    pub grams_co2e: Option<f64>,
}

/// Sums up the ledger at `path`, also while it is written: the requests that came at `since` or later.
///
/// # Errors
/// If it is not there, not a ledger, damaged, of a newer whit, or cannot be read.
pub fn report(path: &Path, by: By, since: Option<SystemTime>) -> Result<Report, LedgerError> {
    match open_to_read(path)? {
        None => Ok(Report::default()),
        Some(connection) => read(&connection, by, since.map_or(i64::MIN, millis)).map_err(|error| because(path, error)),
    }
}

/// What the holder of a key has used.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// The name of the key.
    pub key: String,
    /// Whole hours ago that it was.
    pub hours_ago: u64,
    /// Energy.
    pub joules: f64,
    /// Its price, as far as it had one.
    pub dollars: f64,
}

/// What each key with a name has used in the 24 hours before `now`, hour by hour, the longest ago first.
///
/// # Errors
/// As [`report`].
pub fn spent_in_a_day(path: &Path, now: SystemTime) -> Result<Vec<Spent>, LedgerError> {
    let Some(connection) = open_to_read(path)? else { return Ok(vec![]) };
    let day = |connection: &Connection| -> rusqlite::Result<Vec<Spent>> {
        let mut statement = connection.prepare(
            "SELECT key_name, (?1 - time_ms) / 3600000 AS ago, sum(joules), coalesce(sum(dollars), 0.0) FROM requests \
             WHERE time_ms > ?1 - 86400000 AND time_ms <= ?1 AND key_name IS NOT NULL AND joules IS NOT NULL \
             GROUP BY key_name, ago ORDER BY ago DESC",
        )?;
        let spent = |row: &Row| {
            let hours_ago = row.get::<_, i64>(1)?.unsigned_abs();
            Ok(Spent { key: row.get(0)?, hours_ago, joules: row.get(2)?, dollars: row.get(3)? })
        };
        statement.query_map(params![millis(now)], spent)?.collect()
    };
    day(&connection).map_err(|error| because(path, error))
}

fn read(connection: &Connection, by: By, since: i64) -> rusqlite::Result<Report> {
    // One moment for all of it.
    let moment = connection.unchecked_transaction()?;
    let groups = sum_up(&moment, by.expression(), since)?;
    let total = sum_up(&moment, "NULL", since)?.pop().unwrap_or_default().sums;
    let (first, last) = moment.query_row(
        "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', min(time_ms) / 1000, 'unixepoch'), \
         strftime('%Y-%m-%dT%H:%M:%SZ', max(time_ms) / 1000, 'unixepoch') FROM requests WHERE time_ms >= ?",
        params![since],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let missing: i64 = moment.query_row(
        "SELECT coalesce(sum(requests), 0) FROM missing WHERE time_ms >= ?",
        params![since],
        |row| row.get(0),
    )?;
    Ok(Report { groups, total, first, last, missing: missing as u64 })
}

fn sum_up(connection: &Connection, name: &str, since: i64) -> rusqlite::Result<Vec<Group>> {
    let mut statement = connection.prepare(&format!(
        "SELECT {name} AS name, count(*), count(error), \
         sum(prompt_tokens), sum(cached_tokens), sum(output_tokens), \
         count(joules), sum(joules), sum(prefill_joules_low + decode_joules_low), \
         sum(prefill_joules_high + decode_joules_high), \
         max(CASE tier WHEN 'wall' THEN 0 WHEN 'counter' THEN 1 WHEN 'modelled' THEN 2 END), \
         sum(output_tokens) FILTER (WHERE joules IS NOT NULL), \
         count(dollars), sum(dollars), sum(grams_co2e), \
         sum((joules_high - prefill_joules_high - decode_joules_high) * \
         (joules_high - prefill_joules_high - decode_joules_high)) \
         FROM requests WHERE time_ms >= ? GROUP BY name ORDER BY name"
    ))?;
    statement.query_map(params![since], group)?.collect()
}

/// A row of [`sum_up`].
fn group(row: &Row) -> rusqlite::Result<Group> {
    let count = |column: usize| row.get::<_, i64>(column).map(|count| count as u64);
    let (requests, errors) = (count(1)?, count(2)?);
    // Sums of microjoules, added up as floats.
    let amount = |joules: f64| Joules::from_f64(joules).as_f64();
    let figure = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<f64>>(column)?.map(rounded));
    let joules: Option<f64> = row.get::<_, Option<f64>>(7)?.map(amount);
    let ends = row.get::<_, Option<f64>>(15)?.unwrap_or_default().sqrt();
    let tokens: Option<i64> = row.get(11)?;
    let sums = Sums {
        requests,
        errors,
        error_share: rounded(errors as f64 / requests as f64),
        prompt_tokens: count(3)?,
        cached_tokens: count(4)?,
        output_tokens: count(5)?,
        metered: count(6)?,
        joules,
        joules_low: row.get::<_, Option<f64>>(8)?.map(|low| amount(low - ends)),
        joules_high: row.get::<_, Option<f64>>(9)?.map(|high| amount(high + ends)),
        tier: match row.get(10)? {
            Some(0) => Some(Tier::Wall),
            Some(1) => Some(Tier::Counter),
            Some(_) => Some(Tier::Modelled),
            None => None,
        },
        joules_per_token: joules
            .zip(tokens)
            .filter(|(_, tokens)| *tokens > 0)
            .map(|(joules, tokens)| rounded(joules / tokens as f64)),
        priced: count(12)?,
        dollars: figure(13)?,
        grams_co2e: figure(14)?,
    };
    Ok(Group { name: row.get(0)?, sums })
}
