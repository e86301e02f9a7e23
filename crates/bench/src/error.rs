//! What can keep a load from being sent, and a request from being answered.

use std::path::PathBuf;
use std::time::Duration;

/// A measurement that cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The server's address is none.
    #[error("'{0}' is no server's address: write it like http://127.0.0.1:8000")]
    Url(String),
    /// The trace cannot be read.
    #[error("{}: cannot be read ({source})", path.display())]
    Trace {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the trace is something else.
    #[error(
        "{}, line {line}: {problem}; a trace has the columns TIMESTAMP,ContextTokens,GeneratedTokens",
        path.display()
    )]
    Line {
        /// Of which trace.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The server does not answer what has to be known first.
    #[error("{url} does not answer: {source}")]
    Server {
        /// Which.
        url: String,
        /// What came instead.
        source: RequestError,
    },
}

/// A request that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody is there, or the connection broke.
    #[error("{0}")]
    Connection(String),
    /// There was no whole answer in time.
    #[error("no whole answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The server refuses, or fails before it answers.
    #[error("status {status}: {message}")]
    Status {
        /// HTTP's.
        status: u16,
        /// The beginning of what it says.
        message: String,
    },
    /// The server fails while it answers.
    #[error("the answer ends with an error: {0}")]
    Broken(String),
    /// The answer is not what OpenAI's API has.
    #[error("not an answer of OpenAI's API: {0}")]
    Shape(String),
    /// It could not be sent from here.
    #[error("no thread for the request: {0}")]
    Thread(String),
}

impl RequestError {
    /// One or two words, the same for all errors of a kind.
    pub fn kind(&self) -> String {
        match self {
            RequestError::Connection(_) => "connection".to_owned(),
            RequestError::Timeout(_) => "timeout".to_owned(),
            RequestError::Status { status, .. } => format!("status {status}"),
            RequestError::Broken(_) => "broken answer".to_owned(),
            RequestError::Shape(_) => "shape".to_owned(),
            RequestError::Thread(_) => "thread".to_owned(),
        }
    }
}
