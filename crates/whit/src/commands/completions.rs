//! `whit completions`: scripts that complete whit's arguments in a shell.

use std::io::Write;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  whit completions bash > ~/.local/share/bash-completion/completions/whit
  whit completions zsh > ~/.zfunc/_whit
  whit completions fish > ~/.config/fish/completions/whit.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Supported,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Supported {
    Bash,
    Zsh,
    Fish,
}

pub fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let shell = match args.shell {
        Supported::Bash => Shell::Bash,
        Supported::Zsh => Shell::Zsh,
        Supported::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut super::Cli::command(), "whit", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
