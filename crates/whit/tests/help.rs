//! What `--help`, `--version` and `completions` print.

mod common;

use common::{assert_snapshot, whit};

#[test]
fn the_help_is_as_a_person_has_reviewed_it() {
    let commands: [&[&str]; 18] = [
        &[],
        &["run"],
        &["serve"],
        &["tune"],
        &["inspect"],
        &["brick", "inspect"],
        &["brick", "check"],
        &["brick", "pack"],
        &["bench", "kernels"],
        &["bench", "machine"],
        &["bench", "model"],
        &["bench", "serve"],
        &["perplexity"],
        &["meter"],
        &["ledger"],
        &["cache", "list"],
        &["cache", "clear"],
        &["completions"],
    ];
    for command in commands {
        let help = whit(command.iter().chain(&["--help"])).stdout();
        assert_snapshot(
            &format!("help{}.txt", command.iter().map(|word| format!("-{word}")).collect::<String>()),
            &help,
        );
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(whit(["--version"]).stdout(), concat!("whit ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn each_shell_has_its_completions() {
    for (shell, words) in [("bash", "complete -F _whit"), ("zsh", "#compdef whit"), ("fish", "complete -c whit")] {
        assert!(whit(["completions", shell]).stdout().contains(words), "{shell}");
    }
}
