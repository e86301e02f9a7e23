//! Errors that decide the exit code, beside those of the floors below.

use std::io;

use whit_bench::BenchError;
use whit_engine::EngineError;
use whit_meter::ledger::LedgerError;
use whit_model::ModelError;
use whit_server::ServerError;
use whit_tune::TuneError;

use crate::hub::HubError;

/// What the person gave cannot be used; the text says what, where and the mend. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Ctrl-C ended the command. Exit code 130, and nothing is printed.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// A command that whit ran for the person ended, or could not begin: whit ends with the code that a shell would see.
#[derive(Debug, thiserror::Error)]
#[error("{}", sentence.as_deref().unwrap_or("the command ended"))]
pub struct Ended {
    /// The exit code.
    pub code: u8,
    /// What to say about it, if the command itself could not.
    pub sentence: Option<String>,
}

/// Shorthand for an [`anyhow::Error`] that holds a [`BadInput`].
pub fn bad_input(message: impl Into<String>) -> anyhow::Error {
    BadInput(message.into()).into()
}

/// How the process ends after `error`: its exit code, and the sentence for standard error if there is one to say.
pub fn verdict(error: &anyhow::Error) -> (u8, Option<String>) {
    for cause in error.chain() {
        if cause.is::<Interrupted>() {
            return (130, None);
        }
        if let Some(Ended { code, sentence }) = cause.downcast_ref() {
            return (*code, sentence.clone());
        }
        // The reader of a pipe went away: it has seen what it wanted to see.
        if cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            return (0, None);
        }
    }
    let input = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<ModelError>()
            || matches!(cause.downcast_ref::<HubError>(), Some(HubError::Refused(_)))
            || matches!(
                cause.downcast_ref::<BenchError>(),
                Some(BenchError::Url(_) | BenchError::Trace { .. } | BenchError::Line { .. })
            )
            || cause.downcast_ref::<LedgerError>().is_some_and(|error| !matches!(error, LedgerError::System { .. }))
            || matches!(
                cause.downcast_ref(),
                Some(
                    TuneError::Model(_)
                        | TuneError::Example { .. }
                        | TuneError::Inside(_)
                        | TuneError::Data(_)
                        | TuneError::Option(_)
                        | TuneError::Contract(_)
                        | TuneError::File { .. }
                )
            )
            || matches!(
                cause.downcast_ref::<ServerError>(),
                Some(
                    ServerError::Config(_) | ServerError::File { .. } | ServerError::Locate(_) | ServerError::Model(_)
                )
            )
            || matches!(
                engine_error(cause),
                Some(
                    EngineError::Model(_)
                        | EngineError::DoesNotFit(_)
                        | EngineError::Option(_)
                        | EngineError::Request(_)
                )
            )
    });
    (if input { 2 } else { 1 }, Some(sentence(error)))
}

/// The engine's error, also where another crate passes it on.
fn engine_error<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e EngineError> {
    match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(ServerError::Engine(error)), _) | (_, Some(TuneError::Engine(error))) => Some(error),
        _ => cause.downcast_ref(),
    }
}

/// The chain of causes as one line, outermost first, without saying anything twice.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_2_and_the_rest_is_1() {
        assert_eq!(verdict(&bad_input("no")), (2, Some("no".into())));
        assert_eq!(verdict(&EngineError::Request("long".into()).into()), (2, Some("long".into())));
        assert_eq!(verdict(&HubError::Refused("404".into()).into()).0, 2);
        assert_eq!(verdict(&HubError::Unreachable("no net".into()).into()).0, 1);
        assert_eq!(verdict(&anyhow::anyhow!("odd")).0, 1);
    }

    #[test]
    fn an_interrupt_is_130_and_a_broken_pipe_is_quiet() {
        assert_eq!(verdict(&Interrupted.into()), (130, None));
        assert_eq!(
            verdict(&anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing")),
            (0, None)
        );
    }

    #[test]
    fn a_command_that_whit_ran_decides_the_code() {
        assert_eq!(verdict(&Ended { code: 7, sentence: None }.into()), (7, None));
        let missing = Ended { code: 127, sentence: Some("there is no such command".into()) };
        assert_eq!(verdict(&missing.into()), (127, Some("there is no such command".into())));
    }

    #[test]
    fn a_chain_is_one_sentence() {
        let error = anyhow::Error::from(io::Error::other("disk full")).context("cannot write x");
        assert_eq!(sentence(&error), "cannot write x: disk full");
    }
}
