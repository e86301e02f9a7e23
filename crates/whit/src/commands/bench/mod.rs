//! `whit bench`: speeds, beside what the machine can do at most.

mod kernels;
mod machine;
mod model;
mod serve;

use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use whit_bench::percentile;
use whit_kernels::{Team, probe};

#[derive(Subcommand, Debug)]
pub enum BenchCommand {
    /// Prefill and decode speed of a model, and how much of the memory's bandwidth decoding uses
    Model(model::ModelArgs),
    /// Speed of the matrix kernels, format by format, beside the machine's read bandwidth and int8 peak
    Kernels(kernels::KernelsArgs),
    /// What the machine can do at most: its read bandwidth and its int8 peak
    Machine(machine::MachineArgs),
    /// What a server makes of many requests at once: any that speaks OpenAI's API
    Serve(serve::ServeArgs),
}

impl BenchCommand {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            BenchCommand::Model(args) => model::run(args),
            BenchCommand::Kernels(args) => kernels::run(args),
            BenchCommand::Machine(args) => machine::run(args),
            BenchCommand::Serve(args) => serve::run(args),
        }
    }
}

/// Median, least and most of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Spread {
        let median = percentile(&mut values, 0.5);
        Spread { median, min: percentile(&mut values, 0.0), max: percentile(&mut values, 1.0) }
    }
}

/// Bytes per second of all threads together, over a buffer that hardly a cache holds.
fn read_bandwidth(team: &mut Team) -> f64 {
    probe::read_bandwidth(team, 512 << 20, Duration::from_millis(500))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_median_and_ends() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
    }
}
