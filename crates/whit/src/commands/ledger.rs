//! `whit ledger`: what the requests of a server came to.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use whit_meter::ledger::{self, Report, Sums};
use whit_meter::parse_duration;

use crate::failure::bad_input;
use crate::format::{columns, grouped, range, significant};

#[derive(Args, Debug)]
#[command(after_help = "\
A ledger has a row for every request: when, which model and key, its tokens, its receipt and how it ended. It may be read while a server \
writes it. Energy is told with the interval it lies in and how it was obtained, for the worst of the requests; \
docs/metering.md has all of it, and the columns for queries of your own. Times are in UTC.

Examples:
  whit ledger ledger.db
  whit ledger ledger.db --by day --since 7d
  whit ledger ledger.db --by key --csv > keys.csv")]
pub struct LedgerArgs {
    /// The file
    #[arg(value_name = "LEDGER")]
    path: PathBuf,
    /// What to sum up by
    #[arg(long, value_name = "WHAT", default_value = "model")]
    by: By,
    /// Only requests that came in so long a time before now (12h, 7d)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Print comma-separated values instead of a table
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The values of `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Model,
    Key,
    Day,
    Hour,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Model => "model",
            By::Key => "key",
            By::Day => "day",
            By::Hour => "hour",
        }
    }
}

/// What `whit ledger --json` prints; the keys are promised.
#[derive(Serialize)]
struct Json<'r> {
    file: String,
    by: By,
    first: &'r Option<String>,
    last: &'r Option<String>,
    groups: Vec<GroupJson<'r>>,
    total: &'r Sums,
    /// Requests that could not be written when they ended.
    missing: u64,
}

/// Sums under a name.
#[derive(Serialize)]
struct GroupJson<'r> {
    name: &'r Option<String>,
    #[serde(flatten)]
    sums: &'r Sums,
}

/// `whit ledger`.
pub fn run(args: &LedgerArgs) -> anyhow::Result<()> {
    let since = |time: Duration| {
        SystemTime::now().checked_sub(time).ok_or_else(|| bad_input("--since: that is before all time; leave it out"))
    };
    let by = match args.by {
        By::Model => ledger::By::Model,
        By::Key => ledger::By::Key,
        By::Day => ledger::By::Day,
        By::Hour => ledger::By::Hour,
    };
    let report = ledger::report(&args.path, by, args.since.map(since).transpose()?)?;
    let file = args.path.display().to_string();
    if args.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &Json::of(&report, file, args.by))?;
        return Ok(writeln!(out)?);
    }
    let text = match args.csv {
        true => csv(&report, args.by)?,
        false if report.total.requests == 0 && args.since.is_some() => {
            format!("{file} holds no request of that time\n")
        }
        false if report.total.requests == 0 => format!("{file} holds no request yet\n"),
        false => table(&report, args.by),
    };
    Ok(write!(anstream::stdout().lock(), "{text}{}", if args.csv { String::new() } else { missing(&report) })?)
}

impl<'r> Json<'r> {
    fn of(report: &'r Report, file: String, by: By) -> Json<'r> {
        let Report { groups, total, first, last, missing } = report;
        let groups = groups.iter().map(|group| GroupJson { name: &group.name, sums: &group.sums }).collect();
        Json { file, by, first, last, groups, total, missing: *missing }
    }
}

/// A line of keys, and one for each group.
fn csv(report: &Report, by: By) -> anyhow::Result<String> {
    let fields = |sums: &Sums| match serde_json::to_value(sums) {
        Ok(Value::Object(fields)) => Ok(fields),
        other => anyhow::bail!("sums are an object, not {other:?}"),
    };
    let keys = fields(&Sums::default())?.keys().fold(by.name().to_owned(), |line, key| line + "," + key);
    report.groups.iter().try_fold(keys + "\n", |text, group| {
        let name = quoted(group.name.as_deref().unwrap_or_default());
        let line = fields(&group.sums)?.values().fold(name, |line, value| match value {
            Value::Null => line + ",",
            Value::String(text) => line + "," + &quoted(text),
            other => line + "," + &other.to_string(),
        });
        Ok(text + &line + "\n")
    })
}

/// As RFC 4180 has it, where that is needed.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A line for each group and for the total, and what must be known to read them.
fn table(report: &Report, by: By) -> String {
    let head = [
        by.name(),
        "requests",
        "failed",
        "tokens in",
        "cached",
        "tokens out",
        "joules",
        "low to high",
        "J/token",
        "tier",
        "dollars",
        "g CO2e",
    ];
    let total = &report.total;
    let groups = report.groups.iter().map(|group| line(group.name.as_deref().unwrap_or("(none)"), &group.sums));
    let lines: Vec<Vec<String>> =
        [head.map(String::from).to_vec()].into_iter().chain(groups).chain([line("total", total)]).collect();
    let mut text = columns(&lines);
    if let Some((first, last)) = report.first.as_ref().zip(report.last.as_ref()) {
        text += &format!("from {first} to {last}\n");
    }
    let mut partly = |count: u64, what: &str| {
        if count > 0 && count < total.requests {
            let (count, of) = (grouped(count), grouped(total.requests));
            text += &format!("only {count} of {of} requests have {what} are of these\n");
        }
    };
    partly(total.metered, "a receipt: energy, dollars and CO2e");
    // Without a tariff no receipt has a price.
    if total.priced != total.metered {
        partly(total.priced, "a price: dollars");
    }
    text
}

/// What is not in it.
fn missing(report: &Report) -> String {
    match report.missing {
        0 => String::new(),
        missing => format!("{} requests are missing: the ledger could not be written in time\n", grouped(missing)),
    }
}

fn line(name: &str, sums: &Sums) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let interval = sums.joules_low.zip(sums.joules_high).map(|(low, high)| range(low, high));
    vec![
        // It may be what a stranger sent.
        name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        grouped(sums.requests),
        format!("{} %", significant(100.0 * sums.error_share)),
        grouped(sums.prompt_tokens),
        grouped(sums.cached_tokens),
        grouped(sums.output_tokens),
        or_dash(sums.joules.map(significant)),
        or_dash(interval),
        or_dash(sums.joules_per_token.map(significant)),
        or_dash(sums.tier.map(|tier| tier.name().into())),
        or_dash(sums.dollars.map(significant)),
        or_dash(sums.grams_co2e.map(significant)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_commas_is_one_value() {
        assert_eq!(["plain", "a,b", "say \"hi\""].map(quoted), ["plain", "\"a,b\"", "\"say \"\"hi\"\"\""]);
    }
}
