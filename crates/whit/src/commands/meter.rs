//! `whit meter`: what this machine can measure itself with, and what a command uses.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use whit_meter::{
    Choice, Cost, Covers, CpuTimes, Found, Hourly, Measured, Meter, OwnTimes, Probed, Roots, Tariff, Tier, best,
    checked_pue, discover, hour_of_day, open, parse_duration, probe, rounded,
};

use crate::failure::{Ended, bad_input};
use crate::format::{self, range, significant};
use crate::{interrupt, say};

/// How long each source is watched to see how fine it is.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// How often a long measurement is priced, so that a tariff by the hour holds.
const PRICE_EVERY: Duration = Duration::from_secs(1);

/// How long a command that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
#[command(after_help = "\
Without a command: which sources of power figures there are, how fine they are, what asking them costs, which one is chosen, \
and what would mend those that cannot be used. A figure is of one of three tiers: wall (measured where the power comes in), \
counter (counted by the hardware), modelled (from the load and published coefficients). docs/metering.md has all of it.

With one, its energy, time, power and price go to standard error, as the figures of `time` do, and whit ends with its code. \
A source measures the machine, and so whatever else runs on it.

Examples:
  whit meter
  whit meter --for 10s
  whit meter -- whit run model.gguf \"Why is the sky blue?\"
  whit meter --for 1m --price 0.25 --grid 380 -- ./server
  whit meter --source 'command:read-plug --watch' -- make")]
pub struct MeterArgs {
    /// Measure for so long (10s, 1m30s); a command that still runs then is ended
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
    /// Measure with this source: auto, one of those that `whit meter` lists, file:PATH or command:LINE whose lines
    /// are `watts NUMBER` or `joules NUMBER`
    #[arg(long, value_name = "SOURCE", default_value = "auto")]
    source: Choice,
    /// Take prices and emissions from [tariff] in this file
    #[arg(long, value_name = "FILE", help_heading = "Prices")]
    config: Option<PathBuf>,
    /// Price of electricity, in dollars a kWh
    #[arg(long, value_name = "DOLLARS", help_heading = "Prices")]
    price: Option<f64>,
    /// Emissions of electricity, in grams of CO2e a kWh
    #[arg(long, value_name = "GRAMS", help_heading = "Prices")]
    grid: Option<f64>,
    /// Power usage effectiveness: energy of the building over energy of its machines [default: 1]
    #[arg(long, value_name = "FACTOR", help_heading = "Prices")]
    pue: Option<f64>,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
    /// A command without the two dashes before it, for which there is a sentence
    #[arg(hide = true)]
    undashed: Vec<OsString>,
    /// The command to run and measure, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// `whit meter`.
pub fn run(args: &MeterArgs) -> anyhow::Result<()> {
    if let Some(first) = args.undashed.first() {
        let all = args.undashed.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let first = first.display();
        return Err(bad_input(format!(
            "'{first}' is no option; a command comes after two dashes: whit meter -- {all}"
        )));
    }
    let tariff = tariff(args)?;
    if args.time.is_none() && args.command.is_empty() {
        return list(args);
    }
    let meters = meters(&args.source)?;
    match args.command.split_first() {
        None => {
            let mut bill = Bill::open(&meters, tariff);
            let end = Instant::now() + args.time.unwrap_or_default();
            while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                std::thread::sleep(left.min(PRICE_EVERY));
                bill.price();
            }
            bill.close(None).print(args.json, &mut anstream::stdout().lock())
        }
        Some((program, arguments)) => {
            let mut bill = Bill::open(&meters, tariff);
            let status = run_command(program, arguments, args.time, || bill.price())?;
            let code = code_of(status);
            bill.close(Some(code)).print(args.json, &mut anstream::stderr().lock())?;
            if code == 0 { Ok(()) } else { Err(Ended { code, sentence: None }.into()) }
        }
    }
}

/// The part of `whit.toml` that is looked at here.
#[derive(Deserialize)]
struct Config {
    tariff: Option<Tariff>,
}

/// Arguments over the file.
fn tariff(args: &MeterArgs) -> anyhow::Result<Tariff> {
    let mut tariff = args.config.as_deref().map(read_tariff).transpose()?.unwrap_or_default();
    let at_least = |name: &str, value: f64, least: f64| match value.is_finite() && value >= least {
        true => Ok(value),
        false => Err(bad_input(format!("--{name} {value}: it must be {least} or more"))),
    };
    if let Some(price) = args.price {
        tariff.electricity = Some(Hourly::Constant(at_least("price", price, 0.0)?));
    }
    if let Some(grid) = args.grid {
        tariff.grid = Some(Hourly::Constant(at_least("grid", grid, 0.0)?));
    }
    if let Some(pue) = args.pue {
        tariff.pue = checked_pue("--pue", pue).map_err(bad_input)?;
    }
    Ok(tariff)
}

/// `[tariff]` of a file.
///
/// # Errors
/// If it cannot be read, has none, or has a wrong one; with the line.
pub fn read_tariff(path: &Path) -> anyhow::Result<Tariff> {
    let text = std::fs::read_to_string(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    let config: Config = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
        bad_input(format!("{}: line {line}: {}", path.display(), error.message().replace('\n', ", ")))
    })?;
    config.tariff.ok_or_else(|| bad_input(format!("{}: it has no [tariff]", path.display())))
}

/// The meter of the machine, and one of its graphics cards if the former cannot see them.
fn meters(choice: &Choice) -> anyhow::Result<Vec<Meter>> {
    let roots = Roots::of_this_machine();
    let mut sources = vec![];
    if *choice == Choice::Auto {
        let mut found = discover(&roots);
        let machine = best(&found).map(|place| found.swap_remove(place));
        let sees_cards = |found: &Found| {
            found
                .outcome
                .as_ref()
                .is_ok_and(|source| source.covers() == Covers::Machine && source.tier() != Tier::Modelled)
        };
        let blind = !machine.as_ref().is_some_and(sees_cards);
        sources.extend(machine.and_then(|machine| machine.outcome.ok()));
        let cards =
            found.into_iter().filter_map(|found| found.outcome.ok()).filter(|source| source.covers() == Covers::Gpu);
        sources.extend(cards.filter(|_| blind));
    }
    if sources.is_empty() {
        sources.push(open(choice, &roots).map_err(|why| bad_input(why.to_string()))?);
    }
    sources.into_iter().map(|source| Meter::start(source).context("the power source cannot be read")).collect()
}

/// Runs a command to its end, or to the end of `time`; calls `meanwhile` every second and at the end.
fn run_command(
    program: &OsStr,
    arguments: &[OsString],
    time: Option<Duration>,
    mut meanwhile: impl FnMut(),
) -> anyhow::Result<ExitStatus> {
    // Ctrl-C is the command's: it hears it too, and what it used until then is worth telling.
    interrupt::leave_first();
    let name = program.display();
    let mut child = Command::new(program).args(arguments).spawn().map_err(|error| {
        let (code, why) = match error.kind() {
            ErrorKind::NotFound => (127, "there is no such command".into()),
            _ => (126, error.to_string()),
        };
        Ended { code, sentence: Some(format!("{name}: {why}")) }
    })?;
    let process = Pid::from_child(&child);
    let (tell, told) = channel();
    std::thread::Builder::new().name("whit-meter-wait".into()).spawn(move || tell.send(child.wait()))?;
    let end = time.map(|time| Instant::now() + time);
    if let Some(status) = wait(&told, end, &mut meanwhile)? {
        return Ok(status);
    }
    say(&format!("{name} is asked to end"));
    // It may just have ended by itself; then the thread has not waited for it, or has told so.
    let _ = kill_process(process, Signal::TERM);
    if let Some(status) = wait(&told, Some(Instant::now() + GRACE), &mut meanwhile)? {
        return Ok(status);
    }
    say(&format!("{name} did not end within {} and is killed", format::duration(GRACE)));
    let _ = kill_process(process, Signal::KILL);
    wait(&told, None, &mut meanwhile)?.context("the command did not end")
}

/// Until the command has ended, or until `end`.
fn wait(
    told: &Receiver<std::io::Result<ExitStatus>>,
    end: Option<Instant>,
    meanwhile: &mut impl FnMut(),
) -> anyhow::Result<Option<ExitStatus>> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let answer = told.recv_timeout(left.map_or(PRICE_EVERY, |left| left.min(PRICE_EVERY)));
        meanwhile();
        match answer {
            Ok(status) => return Ok(Some(status?)),
            Err(RecvTimeoutError::Timeout) if left.is_some_and(|left| left <= PRICE_EVERY) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the thread that waits for the command is gone"),
        }
    }
}

/// As a shell has it: 128 and the number of the signal that ended it.
fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// What was used since a moment.
struct Bill<'m> {
    meters: &'m [Meter],
    tariff: Tariff,
    roots: Roots,
    first: Vec<whit_meter::Total>,
    last: Vec<whit_meter::Total>,
    processors: (Option<CpuTimes>, Option<OwnTimes>),
    cost: Cost,
}

impl<'m> Bill<'m> {
    fn open(meters: &'m [Meter], tariff: Tariff) -> Bill<'m> {
        let roots = Roots::of_this_machine();
        let processors = (CpuTimes::read(&roots), OwnTimes::read(&roots));
        let first: Vec<_> = meters.iter().map(Meter::total_now).collect();
        Bill { meters, tariff, roots, last: first.clone(), first, processors, cost: Cost::default() }
    }

    /// Adds the cost of the time since the last call, at the prices of this hour.
    fn price(&mut self) {
        let hour = hour_of_day(SystemTime::now());
        let now: Vec<_> = self.meters.iter().map(Meter::total_now).collect();
        let energy = now.iter().zip(&self.last).map(|(now, last)| now.energy.since(last.energy).joules).sum();
        let seconds = now.first().zip(self.last.first()).map_or(0.0, |(now, last)| (now.at - last.at).as_secs_f64());
        self.cost += self.tariff.cost(energy, seconds, hour);
        self.last = now;
    }

    fn close(mut self, exit_code: Option<u8>) -> Used {
        self.price();
        let parts: Vec<Part> = self
            .meters
            .iter()
            .zip(self.first.iter().zip(&self.last))
            .map(|(meter, (first, last))| Part::of(meter, &first.until(last)))
            .collect();
        let (all, own) = self.processors;
        let load = all.zip(CpuTimes::read(&self.roots)).map(|(before, after)| after.load_since(&before).1);
        let own = own
            .zip(OwnTimes::read(&self.roots))
            .map(|(before, after)| after.children.saturating_sub(before.children).as_secs_f64());
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let (joules, low, high) = (sum(|part| part.joules), sum(|part| part.joules_low), sum(|part| part.joules_high));
        let seconds = self.first.first().zip(self.last.first()).map_or(0.0, |(a, b)| (b.at - a.at).as_secs_f64());
        Used {
            joules,
            joules_low: low,
            joules_high: high,
            tier: parts.iter().map(|part| part.tier).max().unwrap_or(Tier::Modelled),
            seconds,
            watts: if seconds > 0.0 { rounded(joules / seconds) } else { 0.0 },
            dollars: self.cost.dollars.map(rounded),
            grams_co2e: self.cost.grams_co2e.map(rounded),
            processor_seconds: exit_code.and(own),
            processor_share: exit_code
                .and(own.zip(load))
                .filter(|(_, all)| *all > 0.0)
                .map(|(own, all)| rounded((own / all).min(1.0))),
            sources: parts,
            remarks: self.meters.iter().flat_map(Meter::remarks).collect(),
            exit_code,
        }
    }
}

/// What `whit meter` says of a span; the keys are promised.
#[derive(Serialize)]
struct Used {
    joules: f64,
    joules_low: f64,
    joules_high: f64,
    tier: Tier,
    seconds: f64,
    watts: f64,
    dollars: Option<f64>,
    grams_co2e: Option<f64>,
    /// Processor time of the command and what it started.
    processor_seconds: Option<f64>,
    /// Of the processor time of all programs meanwhile.
    processor_share: Option<f64>,
    sources: Vec<Part>,
    remarks: Vec<String>,
    exit_code: Option<u8>,
}

/// One source's part.
#[derive(Serialize)]
struct Part {
    source: &'static str,
    covers: Covers,
    detail: String,
    tier: Tier,
    joules: f64,
    joules_low: f64,
    joules_high: f64,
}

impl Part {
    fn of(meter: &Meter, measured: &Measured) -> Part {
        let [joules_low, joules, joules_high] =
            [measured.energy.low, measured.energy.joules, measured.energy.high].map(|joules| joules.as_f64());
        let (source, covers, detail) = (meter.name(), meter.covers(), meter.detail());
        Part { source, covers, detail, tier: measured.tier, joules, joules_low, joules_high }
    }
}

impl Used {
    fn print(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        if json {
            serde_json::to_writer_pretty(&mut *out, self)?;
            return Ok(writeln!(out)?);
        }
        let per_second = |joules: f64| if self.seconds > 0.0 { joules / self.seconds } else { 0.0 };
        let Used { joules, joules_low: low, joules_high: high, seconds, .. } = *self;
        writeln!(out, "energy     {} J   ({}, {})", significant(joules), range(low, high), self.tier.name())?;
        writeln!(out, "time       {}", format::duration(Duration::from_secs_f64(seconds)))?;
        let watts = range(per_second(low), per_second(high));
        writeln!(out, "power      {} W   ({watts})", significant(self.watts))?;
        if let Some(own) = self.processor_seconds {
            let share = self.processor_share.map_or_else(String::new, |share| {
                format!(", {:.0} % of what all programs took meanwhile", 100.0 * share)
            });
            writeln!(out, "processor  {own:.2} s{share}")?;
        }
        if let Some(dollars) = self.dollars {
            writeln!(out, "price      {} $", significant(dollars))?;
        }
        if let Some(grams) = self.grams_co2e {
            writeln!(out, "emissions  {} g CO2e", significant(grams))?;
        }
        for part in &self.sources {
            let alone = self.sources.len() == 1;
            let amount =
                if alone { String::new() } else { format!("{} J ({}), ", significant(part.joules), part.tier.name()) };
            writeln!(out, "source     {}: {amount}{}", part.source, part.detail)?;
        }
        for remark in &self.remarks {
            writeln!(out, "note       {remark}")?;
        }
        Ok(())
    }
}

/// What `whit meter --json` prints; the keys are promised.
#[derive(Serialize)]
struct ListJson {
    chosen: Option<&'static str>,
    sources: Vec<Seen>,
}

/// A source that was looked for.
#[derive(Serialize)]
struct Seen {
    source: &'static str,
    usable: bool,
    chosen: bool,
    tier: Option<Tier>,
    covers: Option<Covers>,
    detail: Option<String>,
    #[serde(flatten)]
    probed: Option<Probed>,
    why: Option<String>,
    mend: Option<String>,
}

impl Seen {
    fn of(found: Found, chosen: bool) -> Seen {
        let mut seen = Seen {
            source: found.name,
            usable: false,
            chosen: false,
            tier: None,
            covers: None,
            detail: None,
            probed: None,
            why: None,
            mend: None,
        };
        match found.outcome {
            Err(why) => (seen.why, seen.mend) = (Some(why.why), why.mend),
            Ok(mut source) => {
                match probe(source.as_mut(), PROBE_TIME) {
                    Ok(probed) => (seen.probed, seen.usable, seen.chosen) = (Some(probed), true, chosen),
                    Err(error) => seen.why = Some(error.to_string()),
                }
                seen.tier = Some(source.tier());
                seen.covers = Some(source.covers());
                seen.detail = Some(source.detail());
            }
        }
        seen
    }

    /// A few lines, the first with its name.
    fn lines(&self) -> Vec<String> {
        let state = match (self.chosen, self.usable) {
            (true, _) => "chosen",
            (false, true) => "usable",
            (false, false) => "not usable",
        };
        let mut lines = vec![match self.tier {
            Some(tier) => format!("{state}, {}", tier.name()),
            None => state.to_owned(),
        }];
        let covers = self.covers.map(|covers| match covers {
            Covers::Machine => "the machine",
            Covers::Processor => "the processors",
            Covers::Gpu => "the graphics cards",
        });
        lines.extend(covers.zip(self.detail.as_ref()).map(|(covers, detail)| format!("{covers}: {detail}")));
        if let Some(Probed { read_ns, resolution_seconds, resolution_joules, watts: [low, watts, high] }) = self.probed
        {
            let resolution = match resolution_seconds.zip(resolution_joules) {
                Some((seconds, joules)) => {
                    format!("{}, {} J", format::duration(Duration::from_secs_f64(seconds)), significant(joules))
                }
                None => format!("more than {}", format::duration(PROBE_TIME)),
            };
            let cost = format::duration(Duration::from_nanos(read_ns));
            lines.push(format!(
                "{} W now ({}); resolution {resolution}; a reading takes {cost}",
                significant(watts),
                range(low, high)
            ));
        }
        lines.extend(self.why.clone());
        lines.extend(self.mend.as_ref().map(|mend| format!("mend: {mend}")));
        lines
    }
}

/// The table of sources.
fn list(args: &MeterArgs) -> anyhow::Result<()> {
    let roots = Roots::of_this_machine();
    let mut found = discover(&roots);
    let chosen = match &args.source {
        Choice::Auto => best(&found),
        Choice::Named(name) => found.iter().position(|found| found.name == name && found.outcome.is_ok()),
        own @ (Choice::File(_) | Choice::Command(_)) => {
            let name = if matches!(own, Choice::File(_)) { "file" } else { "command" };
            found.insert(0, Found { name, outcome: open(own, &roots) });
            found[0].outcome.is_ok().then_some(0)
        }
    };
    let seen: Vec<Seen> =
        found.into_iter().enumerate().map(|(place, found)| Seen::of(found, Some(place) == chosen)).collect();
    let missing = missing(&args.source, &seen);
    if args.json {
        let chosen = seen.iter().find(|seen| seen.chosen).map(|seen| seen.source);
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &ListJson { chosen, sources: seen })?;
        writeln!(out)?;
    } else {
        let mut out = anstream::stdout().lock();
        for source in &seen {
            for (row, line) in source.lines().iter().enumerate() {
                writeln!(out, "{:<10} {line}", if row == 0 { source.source } else { "" })?;
            }
        }
    }
    missing.map_or(Ok(()), |why| Err(bad_input(why)))
}

/// Why the source that was named is not to be had, if it is not.
fn missing(choice: &Choice, seen: &[Seen]) -> Option<String> {
    let name = match choice {
        Choice::Auto => return None,
        Choice::Named(name) => name,
        Choice::File(_) => "file",
        Choice::Command(_) => "command",
    };
    let seen = seen.iter().find(|seen| seen.source == name);
    if seen.is_some_and(|seen| seen.chosen) {
        return None;
    }
    let why = seen.and_then(|seen| seen.why.clone());
    let why = why.unwrap_or_else(|| format!("there is no power source called {name} on this system"));
    let mend = seen.and_then(|seen| seen.mend.as_ref()).map(|mend| format!("; {mend}")).unwrap_or_default();
    Some(format!("{why}{mend}"))
}
