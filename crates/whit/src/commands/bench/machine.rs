//! `whit bench machine`: the limits that every other speed is graded against.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use whit_kernels::{Team, probe};

use super::read_bandwidth;
use crate::format::figures;

#[derive(Args, Debug)]
#[command(after_help = "\
Reads 512 MiB again and again for half a second, and multiplies 8-bit numbers that never leave the registers for a \
tenth of one; the best pass of each counts. A multiply-add is two operations. Both are what the threads reach \
together, and change with what else the machine does: measure them beside what they are to grade.

Examples:
  whit bench machine
  whit bench machine -t 1 --json")]
pub struct MachineArgs {
    /// Threads to compute with [default: the physical cores this process may use]
    #[arg(short, long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report {
    isa: &'static str,
    threads: usize,
    read_bandwidth_gb_per_second: f64,
    int8_peak_gop_per_second: f64,
}

/// `whit bench machine`.
pub fn run(args: &MachineArgs) -> anyhow::Result<()> {
    let mut team = Team::new(args.threads)?;
    let report = Report {
        isa: team.isa().name(),
        threads: team.count(),
        read_bandwidth_gb_per_second: read_bandwidth(&mut team) / 1e9,
        int8_peak_gop_per_second: probe::int8_peak(&mut team, Duration::from_millis(100)) / 1e9,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table(&report))?;
    }
    Ok(())
}

fn table(report: &Report) -> String {
    format!(
        "\
bandwidth  {:>8} GB/s read
int8 peak  {:>8} GOP/s
threads    {} ({})
",
        figures(report.read_bandwidth_gb_per_second),
        figures(report.int8_peak_gop_per_second),
        report.threads,
        report.isa,
    )
}
