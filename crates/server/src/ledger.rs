//! The server's ledger: a row for every request to a model, begun when it is let in and handed over when nothing more can come of it.
//!
//! Whoever has to do with a request holds a clone of its [`Row`]: the layer around its handler, its call, and the call's record, which
//! the engine keeps alive. The last of them to let go hands it over. That never waits: writing is the affair of the ledger's own thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use whit_meter::ledger::{self, Entry, Ledger, LedgerError, Outcome};

use crate::ServerError;
use crate::app::App;
use crate::auth::Caller;
use crate::config::{Config, KeyLimits};
use crate::openai::ErrorName;
use crate::trace::{Record, RequestId};

/// The model of requests that ask for none that is served: what they ask for is whatever a stranger likes.
const UNKNOWN_MODEL: &str = "(unknown)";

/// How a request ended whose client went away, as `/metrics` has it.
const ABORTED: &str = "abort";

/// What stands between several prompts or answers of one request: ASCII's record separator.
pub const BETWEEN_TEXTS: &str = "\u{1e}";

/// How long the end of a server that was cut off waits for its last rows.
const LAST_ROWS: Duration = Duration::from_secs(1);

/// What was said, where the ledger keeps it.
#[derive(Debug)]
pub struct Texts {
    /// The prompts, as the model reads them.
    pub prompt: String,
    /// The answers so far, as the model writes them, by their number. Vectors are none.
    pub answers: Vec<String>,
}

impl Texts {
    /// More of an answer.
    pub fn said(&mut self, choice: usize, text: &str) {
        if let Some(answer) = self.answers.get_mut(choice) {
            answer.push_str(text);
        }
    }
}

/// A request's row, handed over with its last clone. Without a ledger there is nothing in it.
#[derive(Clone, Default)]
pub struct Row(Option<Arc<Draft>>);

struct Draft {
    ledger: Arc<Ledger>,
    /// Until it is handed over.
    entry: Mutex<Option<Entry>>,
}

impl Row {
    /// Of a request that has just come.
    fn begin(ledger: &Arc<Ledger>, request_id: String, key: Option<String>) -> Row {
        let entry = Entry {
            time: SystemTime::now(),
            request_id,
            model: UNKNOWN_MODEL.to_owned(),
            key,
            prompt_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
            receipt: None,
            outcome: Outcome::Failed(ABORTED.to_owned()),
            prompt: None,
            answer: None,
        };
        Row(Some(Arc::new(Draft { ledger: ledger.clone(), entry: Mutex::new(Some(entry)) })))
    }

    /// Whether prompts and answers are wanted.
    pub fn keeps_texts(&self) -> bool {
        self.0.as_ref().is_some_and(|draft| draft.ledger.keeps_texts())
    }

    /// It asks for this model, which is served.
    pub fn asks(&self, model: &str) {
        self.change(|entry| entry.model = model.to_owned());
    }

    /// It is answered with an error.
    fn fails(&self, error: &str) {
        self.change(|entry| entry.outcome = Outcome::Failed(error.to_owned()));
    }

    /// A model's part is over.
    pub fn called(&self, record: &Record, texts: Option<Texts>) {
        let Record { usage, .. } = record;
        self.change(|entry| {
            entry.prompt_tokens = usage.prompt_tokens as u64;
            entry.cached_tokens = usage.prompt_tokens_details.cached_tokens as u64;
            entry.output_tokens = usage.completion_tokens as u64;
            entry.receipt = usage.whit;
            entry.outcome = outcome(record);
            if let Some(Texts { prompt, answers }) = texts {
                entry.prompt = Some(prompt);
                entry.answer = (!answers.is_empty()).then(|| answers.join(BETWEEN_TEXTS));
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let Some(draft) = &self.0 else { return };
        if let Some(entry) = draft.entry.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(entry);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let entry = self.entry.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut entry) = entry {
            if std::thread::panicking() {
                entry.outcome = Outcome::Failed("internal_error".to_owned());
            }
            self.ledger.record(entry);
        }
    }
}

/// Why the answers ended, each reason once; or what went wrong.
fn outcome(record: &Record) -> Outcome {
    if !record.is_complete {
        return Outcome::Failed(record.error.unwrap_or(ABORTED).to_owned());
    }
    Outcome::Finished(record.reasons())
}

/// Keeps a row of the request, if there is a ledger.
pub async fn keep(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Some(ledger) = &app.ledger else { return next.run(request).await };
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let key = request.extensions().get::<Caller>().and_then(|caller| caller.key.as_ref()?.own_name());
    let row = Row::begin(ledger, id, key);
    request.extensions_mut().insert(row.clone());
    let response = next.run(request).await;
    if let Some(ErrorName(name)) = response.extensions().get::<ErrorName>() {
        row.fails(name);
    }
    response
}

/// Opens the ledger, if one is wanted.
///
/// # Errors
/// If it cannot be opened, or an option cannot be.
pub fn open(config: &Config) -> Result<Option<Arc<Ledger>>, ServerError> {
    let Some(path) = &config.ledger.path else { return Ok(None) };
    let ledger = Ledger::open(path, config.ledger.options()?, |sentence| tracing::warn!("{sentence}"));
    ledger.map(|ledger| Some(Arc::new(ledger))).map_err(wrong)
}

/// What the holders of keys have used in the last 24 hours, as far as the ledger has it, if there is one and their days are limited.
///
/// # Errors
/// If it cannot be read.
pub fn spent_in_a_day(config: &Config) -> Result<Vec<ledger::Spent>, ServerError> {
    let is_limited = |limits: &KeyLimits| limits.joules_per_day.or(limits.dollars_per_day).is_some();
    match &config.ledger.path {
        Some(path) if config.key_limits.values().any(is_limited) => {
            ledger::spent_in_a_day(path, SystemTime::now()).map_err(wrong)
        }
        _ => Ok(vec![]),
    }
}

/// Looks whether it could be opened, if one is wanted, and changes nothing.
///
/// # Errors
/// As those of [`open`].
pub fn check(config: &Config) -> Result<(), ServerError> {
    let Some(path) = &config.ledger.path else { return Ok(()) };
    ledger::check(path, &config.ledger.options()?).map_err(wrong)
}

fn wrong(error: LedgerError) -> ServerError {
    ServerError::Config(match error {
        LedgerError::Option(_) => format!("[ledger] {error}"),
        LedgerError::System { .. } => format!("{error}; let whit write there, or name another file with --ledger"),
        _ => error.to_string(),
    })
}

/// Waits until all rows are on disk. `is_cut`: also until those are handed over whose requests were cut off, but none of it for long.
pub fn close(ledger: &Arc<Ledger>, is_cut: bool) {
    if !is_cut {
        return ledger.flush();
    }
    let end = Instant::now() + LAST_ROWS;
    // Each row has a share in the ledger. The engine lets go of the last after the step at hand.
    while Arc::strong_count(ledger) > 1 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    ledger.flush_within(end.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use whit_meter::ledger::{By, Options, report};

    use super::*;

    #[test]
    fn a_row_is_handed_over_once_also_by_a_handler_that_panics() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path, Options::default(), |sentence| panic!("{sentence}")).unwrap();
        let ledger = Arc::new(ledger);
        let row = Row::begin(&ledger, "id".into(), Some("alice".into()));
        let handler = row.clone();
        let panicked = std::thread::spawn(move || {
            let _row = handler;
            panic!("a mistake");
        });
        assert!(panicked.join().is_err());
        assert_eq!(Arc::strong_count(&ledger), 2, "it is still held");
        row.asks("small");
        let panicked = std::thread::spawn(move || {
            let _row = row;
            panic!("another");
        });
        assert!(panicked.join().is_err());
        close(&ledger, true);
        let report = report(&path, By::Model, None).unwrap();
        assert_eq!((report.total.requests, report.total.errors), (1, 1));
        assert_eq!(report.groups[0].name.as_deref(), Some("small"));
    }
}
