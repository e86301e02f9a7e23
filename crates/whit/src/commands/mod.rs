//! The commands, one file each.

mod bench;
mod brick;
mod cache;
mod completions;
mod inspect;
mod ledger;
mod meter;
mod perplexity;
mod run;
mod serve;
#[cfg(feature = "tune")]
mod tune;

use clap::{Parser, Subcommand};
pub use meter::read_tariff;
pub use run::Session;

/// Runs small language models at the limit of the hardware you already have.
#[derive(Parser, Debug)]
#[command(
    name = "whit",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = "\
Exit codes: 0 done, 1 whit or the network failed, 2 the input cannot be used, 130 interrupted.
Environment: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE as in Hugging Face's tools; \
WHIT_ISA=scalar|avx2|avx512|neon forces an instruction set; WHIT_CACHE_DIR and WHIT_CACHE_SIZE say where packed weights are \
kept and how much of them; NO_COLOR is honoured."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Answer a prompt, or chat in the terminal
    Run(run::RunArgs),
    /// Serve models over OpenAI's API
    Serve(serve::ServeArgs),
    /// Make a brick: train a small model on examples
    #[cfg(feature = "tune")]
    Tune(Box<tune::TuneArgs>),
    /// Say what a model is, and what memory it needs
    Inspect(inspect::InspectArgs),
    /// Inspect, check and pack bricks: small models that do one job
    #[command(subcommand)]
    Brick(brick::BrickCommand),
    /// Measure speed
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Measure how well a model foresees a text
    Perplexity(perplexity::PerplexityArgs),
    /// Show what this machine can measure its energy with, or what a command uses
    Meter(meter::MeterArgs),
    /// Sum up what the requests of a server cost
    Ledger(ledger::LedgerArgs),
    /// List or remove the packed copies of weights that make starts fast
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            Command::Run(args) => run::run(args),
            Command::Serve(args) => serve::run(args),
            #[cfg(feature = "tune")]
            Command::Tune(args) => tune::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Brick(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Perplexity(args) => perplexity::run(args),
            Command::Meter(args) => meter::run(args),
            Command::Ledger(args) => ledger::run(args),
            Command::Cache(command) => command.run(),
            Command::Completions(args) => completions::run(args),
        }
    }
}
