//! `whit brick`: what a brick is, whether it keeps its promises, and how it becomes one file; and how one is run.

mod check;
mod inspect;
mod pack;
pub mod run;

use clap::Subcommand;
use whit_model::Brick;

#[derive(Subcommand, Debug)]
pub enum BrickCommand {
    /// Say what a brick is and promises
    Inspect(inspect::InspectArgs),
    /// Measure again what a brick's card claims
    Check(check::CheckArgs),
    /// Make one file of a brick's folder
    Pack(pack::PackArgs),
}

impl BrickCommand {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            BrickCommand::Inspect(args) => inspect::run(args),
            BrickCommand::Check(args) => check::run(args),
            BrickCommand::Pack(args) => pack::run(args),
        }
    }
}

/// `assistant 0.1.0`.
fn title(brick: &Brick) -> String {
    format!("{} {}", brick.card().name, brick.card().version)
}

/// `95.3 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `94.8 to 95.7`.
fn percents((low, high): (f64, f64)) -> String {
    format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high)
}
