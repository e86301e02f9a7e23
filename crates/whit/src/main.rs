//! `whit`: arguments, progress, tables, exit codes. Everything that computes lies in the crates below.
#![forbid(unsafe_code)]

mod answer;
mod bricks;
mod chat;
mod commands;
mod failure;
mod format;
mod hub;
mod inspect;
mod interrupt;
mod model_source;
mod packed_cache;
mod process;
mod progress;
mod sampling;
mod stats;
#[cfg(feature = "otel")]
mod telemetry;
mod till;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Parser;

fn main() -> ExitCode {
    install_panic_sentence();
    interrupt::install();
    let cli = commands::Cli::parse();
    let (code, sentence) = match cli.command.run() {
        Ok(()) => (0, None),
        Err(error) => failure::verdict(&error),
    };
    if let Some(sentence) = sentence {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        anstream::eprintln!("{red}error:{red:#} {sentence}");
    }
    ExitCode::from(code)
}

/// Tells the person something, on standard error.
fn say(line: &str) {
    let dim = Style::new().dimmed();
    anstream::eprintln!("{dim}{line}{dim:#}");
}

/// A panic is whit's own mistake: it is said in a sentence, without a backtrace, and ends the process from whichever thread.
fn install_panic_sentence() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        anstream::eprintln!(
            "error: whit made a mistake{place}: {message}; please report it with the command that led to it"
        );
        std::process::exit(1);
    }));
}
