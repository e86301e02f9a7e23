//! `whit bench kernels`: how near the matrix kernels come to what the machine can do.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use whit_kernels::{Format, Team, probe};

use super::{percentile, read_bandwidth};
use crate::failure::bad_input;
use crate::format::{figures, parse_size};
use crate::progress::Progress;

/// Columns of the matrices: those of a model of a billion weights.
const COLS: usize = 2048;

#[derive(Args, Debug)]
#[command(after_help = "\
Multiplies a packed matrix of every format by 1 to 512 rows of activations. With few rows, time goes into reading the \
weights: look at GB/s beside the read bandwidth. With many it goes into arithmetic: look at GOP/s (a multiply-add is \
two operations) beside the int8 peak, which is measured by a loop that never leaves the registers. Bandwidth and peak \
are measured again for every format, in turns with it, since machines share them with their neighbours.

Examples:
  whit bench kernels
  whit bench kernels --format Q4_0 --format Q4_K --rows 1 --rows 4 --json")]
pub struct KernelsArgs {
    /// A format to measure, as ggml names it; may be repeated [default: all]
    #[arg(long = "format", value_name = "NAME", value_parser = parse_format)]
    formats: Vec<Format>,
    /// Activation rows; may be repeated
    #[arg(long, value_name = "M", default_values_t = [1usize, 4, 8, 64, 512])]
    rows: Vec<usize>,
    /// Packed bytes of the matrix where fewer than 32 rows are multiplied; more than the caches hold
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = parse_size)]
    size: u64,
    /// Threads to compute with [default: the physical cores this process may use]
    #[arg(short, long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

fn parse_format(name: &str) -> Result<Format, String> {
    Format::all().find(|format| format.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<_> = Format::all().map(Format::name).collect();
        format!("not a format whit knows; it knows {}", names.join(", "))
    })
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report {
    isa: &'static str,
    threads: usize,
    kernels: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    format: &'static str,
    bytes_per_weight: f64,
    rows: usize,
    milliseconds: f64,
    gb_per_second: f64,
    read_bandwidth_gb_per_second: f64,
    share_of_bandwidth: f64,
    gop_per_second: f64,
    int8_peak_gop_per_second: f64,
    share_of_int8_peak: f64,
}

/// `whit bench kernels`.
pub fn run(args: &KernelsArgs) -> anyhow::Result<()> {
    if args.rows.iter().any(|rows| !(1..=4096).contains(rows)) {
        return Err(bad_input("--rows takes 1 to 4096 activation rows"));
    }
    let report = measure(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table(&report))?;
    }
    Ok(())
}

fn measure(args: &KernelsArgs) -> anyhow::Result<Report> {
    let mut team = Team::new(args.threads)?;
    let formats = if args.formats.is_empty() { Format::all().collect() } else { args.formats.clone() };
    let mut bar = Progress::steps("Measuring");
    let mut kernels = Vec::new();
    for (done, &format) in formats.iter().enumerate() {
        bar.set(done as u64, formats.len() as u64);
        for &rows in &args.rows {
            // Many rows reuse what the caches hold: a matrix the size of a layer's will do.
            let bytes = if rows < 32 { args.size as usize } else { 8 << 20 };
            let mut product = probe::Product::new(&mut team, format, COLS, bytes, rows)
                .ok_or_else(|| bad_input(format!("no memory for a {format} matrix of {bytes} bytes: lower --size")))?;
            let bandwidth = read_bandwidth(&mut team);
            let mut seconds = product.time(&mut team, Duration::from_millis(400));
            let peak = probe::int8_peak(&mut team, Duration::from_millis(50));
            let bandwidth = bandwidth.max(read_bandwidth(&mut team));
            let seconds = percentile(&mut seconds, 0.5);
            let matrix = product.matrix();
            let (read, done) = (matrix.bytes() as f64 / seconds, product.operations() / seconds);
            kernels.push(Line {
                format: format.name(),
                bytes_per_weight: matrix.bytes() as f64 / (matrix.rows() * matrix.cols()) as f64,
                rows,
                milliseconds: seconds * 1e3,
                gb_per_second: read / 1e9,
                read_bandwidth_gb_per_second: bandwidth / 1e9,
                share_of_bandwidth: read / bandwidth,
                gop_per_second: done / 1e9,
                int8_peak_gop_per_second: peak / 1e9,
                share_of_int8_peak: done / peak,
            });
        }
    }
    Ok(Report { isa: team.isa().name(), threads: team.count(), kernels })
}

fn table(report: &Report) -> String {
    let mut out = format!("{} threads ({})\n\n", report.threads, report.isa);
    out += "format   bytes/weight  rows        GB/s  of bandwidth        GOP/s  of int8 peak\n";
    for line in &report.kernels {
        out += &format!(
            "{:<8} {:>12.4} {:>5} {:>11} {:>7} ({:>2.0} %) {:>12} {:>6} ({:>2.0} %)\n",
            line.format,
            line.bytes_per_weight,
            line.rows,
            figures(line.gb_per_second),
            figures(line.read_bandwidth_gb_per_second),
            100.0 * line.share_of_bandwidth,
            figures(line.gop_per_second),
            figures(line.int8_peak_gop_per_second),
            100.0 * line.share_of_int8_peak,
        );
    }
    out
}
