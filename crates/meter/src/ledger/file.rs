//! The file of a ledger: its tables, and what is done to them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use super::texts::{Record, Redaction};
use super::{Entry, LedgerError, Options, Outcome, millis};
use crate::receipt::{Part, Receipt};

/// `PRAGMA application_id`: by this an SQLite file is a ledger. "whit" in ASCII.
const APPLICATION_ID: i32 = 0x7768_6974;

/// `PRAGMA user_version`: goes up when the tables change.
pub(super) const SCHEMA_VERSION: i32 = 1;

/// What the columns hold is in `docs/metering.md`.
const SCHEMA: &str = "\
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    model TEXT NOT NULL,
    key_name TEXT,
    finish_reason TEXT,
    error TEXT,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    tier TEXT,
    joules REAL,
    joules_low REAL,
    joules_high REAL,
    dollars REAL,
    grams_co2e REAL,
    seconds REAL,
    bytes_peak INTEGER,
    prefill_joules REAL,
    prefill_joules_low REAL,
    prefill_joules_high REAL,
    prefill_dollars REAL,
    prefill_grams_co2e REAL,
    prefill_seconds REAL,
    decode_joules REAL,
    decode_joules_low REAL,
    decode_joules_high REAL,
    decode_dollars REAL,
    decode_grams_co2e REAL,
    decode_seconds REAL,
    prompt TEXT,
    answer TEXT,
    prompt_hash BLOB,
    answer_hash BLOB
) STRICT;
CREATE INDEX requests_by_time ON requests (time_ms);
CREATE TABLE missing (time_ms INTEGER NOT NULL, requests INTEGER NOT NULL) STRICT;
CREATE TABLE hash_key (key BLOB NOT NULL) STRICT;
INSERT INTO hash_key VALUES (randomblob(32));
";

/// All columns of `requests` but `id`, in their order.
const INSERT: &str = "\
INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// How long others who hold the file are waited for while it is opened or read, and while it is written.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_WRITING: Duration = Duration::from_millis(500);

/// Bytes to which SQLite cuts its log when it has emptied it; it does so after 1000 pages of 4 KiB.
const LOG_BYTES: i64 = 4 << 20;

/// Rows, bytes of their texts, and pages (of 4 KiB) that are removed at once, so that new rows do not wait for long.
const ROWS_AT_ONCE: i64 = 1000;
const BYTES_AT_ONCE: i64 = 16 << 20;
const PAGES_AT_ONCE: i64 = 4096;

/// Removes the oldest before a time: so many rows, and of so many bytes that the last one goes over.
const DELETE: &str = "\
DELETE FROM requests WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(bytes) OVER (ORDER BY time_ms, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM (
            SELECT id, time_ms, coalesce(octet_length(prompt), 0) + coalesce(octet_length(answer), 0) AS bytes
            FROM requests WHERE time_ms < ? ORDER BY time_ms, id LIMIT ?
        )
    ) WHERE coalesce(before, 0) <= ?
)";

/// A ledger that can be written.
pub(super) struct File {
    connection: Connection,
    path: PathBuf,
    retention_ms: Option<i64>,
    max_size: Option<i64>,
    record: Record,
    redaction: Redaction,
    hash_key: [u8; 32],
}

impl File {
    /// Opens or begins the ledger at `path`.
    pub(super) fn open(path: &Path, options: Options) -> Result<File, LedgerError> {
        begin_private(path).map_err(|error| system(path, error))?;
        let because = |error| because(path, error);
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        identify(path, &connection)?;
        // Before anything is in the file: pages of removed rows can be given back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(because)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(because)?;
        if mode != "wal" {
            return Err(system(path, "its folder does not bear a write-ahead log; take one on a disk of this machine"));
        }
        // Each transaction is on disk when it is done: also a machine that loses its power loses no more than a killed server.
        connection.pragma_update(None, "synchronous", "FULL").map_err(because)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(because)?;
        // What is removed is overwritten: it may be somebody's words.
        connection.pragma_update(None, "secure_delete", "ON").map_err(because)?;
        let begun = Transaction::new(&mut connection, TransactionBehavior::Immediate).map_err(because)?;
        // Looked at again where nobody else can begin it.
        if identify(path, &begun)? == Identity::Empty {
            begun.execute_batch(SCHEMA).map_err(because)?;
            begun.pragma_update(None, "application_id", APPLICATION_ID).map_err(because)?;
            begun.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(because)?;
        }
        let hash_key = begun.query_row("SELECT key FROM hash_key", [], |row| row.get(0)).map_err(because)?;
        begun.commit().map_err(because)?;
        connection.busy_timeout(PATIENCE_WRITING).map_err(because)?;
        Ok(File {
            connection,
            path: path.to_owned(),
            retention_ms: options.retention.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            max_size: options.max_size.map(integer),
            record: options.record,
            redaction: options.redaction,
            hash_key,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of `entries`, and that `missing` ones before them are not there; or nothing, and the error.
    pub(super) fn append(&mut self, entries: &[Entry], missing: u64, now: i64) -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        if missing > 0 {
            transaction.execute("INSERT INTO missing VALUES (?, ?)", params![now, integer(missing)])?;
        }
        let mut insert = transaction.prepare(INSERT)?;
        for entry in entries {
            let (finish_reason, error) = match &entry.outcome {
                Outcome::Finished(reason) => (Some(reason), None),
                Outcome::Failed(error) => (None, Some(error)),
            };
            let receipt = entry.receipt.as_ref();
            let of = |figure: fn(&Receipt) -> f64| receipt.map(figure);
            let prefill = |figure: fn(&Part) -> f64| receipt.map(|receipt| figure(&receipt.prefill));
            let decode = |figure: fn(&Part) -> f64| receipt.map(|receipt| figure(&receipt.decode));
            let [prompt, answer] = [&entry.prompt, &entry.answer].map(|text| self.kept(text.as_deref()));
            insert.execute(params![
                millis(entry.time),
                entry.request_id,
                entry.model,
                entry.key,
                finish_reason,
                error,
                integer(entry.prompt_tokens),
                integer(entry.cached_tokens),
                integer(entry.output_tokens),
                receipt.map(|receipt| receipt.tier.name()),
                of(|receipt| receipt.joules),
                of(|receipt| receipt.joules_low),
                of(|receipt| receipt.joules_high),
                receipt.and_then(|receipt| receipt.dollars),
                receipt.and_then(|receipt| receipt.grams_co2e),
                of(|receipt| receipt.seconds),
                receipt.map(|receipt| integer(receipt.bytes_peak)),
                prefill(|part| part.joules),
                prefill(|part| part.joules_low),
                prefill(|part| part.joules_high),
                receipt.and_then(|receipt| receipt.prefill.dollars),
                receipt.and_then(|receipt| receipt.prefill.grams_co2e),
                prefill(|part| part.seconds),
                decode(|part| part.joules),
                decode(|part| part.joules_low),
                decode(|part| part.joules_high),
                receipt.and_then(|receipt| receipt.decode.dollars),
                receipt.and_then(|receipt| receipt.decode.grams_co2e),
                decode(|part| part.seconds),
                prompt.text,
                answer.text,
                prompt.hash,
                answer.hash,
            ])?;
        }
        drop(insert);
        transaction.commit()
    }

    fn kept(&self, text: Option<&str>) -> Kept {
        match (self.record, text) {
            (Record::Full, Some(text)) => Kept { text: Some(self.redaction.apply(text).into_owned()), hash: None },
            (Record::Hash, Some(text)) => {
                Kept { text: None, hash: Some(*blake3::keyed_hash(&self.hash_key, text.as_bytes()).as_bytes()) }
            }
            _ => Kept::default(),
        }
    }

    /// Removes requests that are too old, or the oldest if there are too many: a bounded piece. Returns whether there is more.
    pub(super) fn remove(&mut self, now: i64) -> rusqlite::Result<bool> {
        if self.retention_ms.is_none() && self.max_size.is_none() {
            return Ok(false);
        }
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let oldest = |before: i64, most: i64| transaction.execute(DELETE, params![before, most, BYTES_AT_ONCE]);
        let mut more = false;
        if let Some(age) = self.retention_ms {
            more |= oldest(now.saturating_sub(age), ROWS_AT_ONCE)? > 0;
        }
        if let Some(limit) = self.max_size {
            let used = used_bytes(&transaction)?;
            if used > limit {
                // As many as take what is too much, if they take as much as others. No counting: that reads the whole table.
                let rows: i64 =
                    transaction
                        .query_row("SELECT coalesce(max(id) - min(id) + 1, 0) FROM requests", [], |row| row.get(0))?;
                let doomed = ((used - limit) as f64 / used as f64 * rows as f64).ceil() as i64;
                let removed = oldest(i64::MAX, doomed.clamp(1, ROWS_AT_ONCE))?;
                more |= removed > 0 && used_bytes(&transaction)? > limit;
            }
        }
        transaction.execute("DELETE FROM missing WHERE time_ms < (SELECT min(time_ms) FROM requests)", [])?;
        // Each row that it returns, none of which says anything, is a page given back.
        transaction.pragma(None, "incremental_vacuum", PAGES_AT_ONCE, |_| Ok(()))?;
        more |= number(&transaction, "freelist_count")? > 0;
        transaction.commit()?;
        Ok(more)
    }
}

/// What is kept of a text.
#[derive(Default)]
struct Kept {
    text: Option<String>,
    hash: Option<[u8; 32]>,
}

/// Opens the ledger at `path` to be read, also while it is written; `None` if nothing was begun in the file.
pub(super) fn open_to_read(path: &Path) -> Result<Option<Connection>, LedgerError> {
    // The system's reasons are better than SQLite's.
    fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => LedgerError::Missing { path: path.to_owned() },
        _ => system(path, error),
    })?;
    if path.is_dir() {
        return Err(LedgerError::Foreign { path: path.to_owned() });
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(match identify(path, &connection)? {
        Identity::Empty => None,
        Identity::Ledger => Some(connection),
    })
}

/// Looks whether a ledger could be opened or begun at `path`, and leaves no file behind: it would be one of whoever looks.
pub(super) fn look(path: &Path) -> Result<(), LedgerError> {
    match fs::OpenOptions::new().write(true).open(path) {
        Ok(_) => identify(path, &connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?).map(drop),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut beside = path.as_os_str().to_owned();
            beside.push(format!(".check-{}", std::process::id()));
            let made = fs::OpenOptions::new().write(true).create_new(true).open(&beside);
            made.and_then(|_| fs::remove_file(&beside)).map_err(|error| system(path, error))
        }
        Err(error) => Err(system(path, error)),
    }
}

/// Makes the file, for its owner alone, unless it is there. SQLite gives its log beside it the same rights.
fn begin_private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| connection.busy_timeout(PATIENCE).map(|()| connection))
        .map_err(|error| because(path, error))
}

/// What a file of SQLite is.
#[derive(PartialEq)]
enum Identity {
    Empty,
    Ledger,
}

fn identify(path: &Path, connection: &Connection) -> Result<Identity, LedgerError> {
    let read = || -> rusqlite::Result<_> {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((number(connection, "application_id")?, number(connection, "user_version")?, tables))
    };
    match read().map_err(|error| because(path, error))? {
        (0, 0, 0) => Ok(Identity::Empty),
        (id, version, _) if id == i64::from(APPLICATION_ID) => match i32::try_from(version) {
            Ok(SCHEMA_VERSION) => Ok(Identity::Ledger),
            Ok(version) if version > SCHEMA_VERSION => Err(LedgerError::Newer { path: path.to_owned(), version }),
            _ => Err(LedgerError::Damaged { path: path.to_owned(), why: format!("its version is {version}") }),
        },
        _ => Err(LedgerError::Foreign { path: path.to_owned() }),
    }
}

/// Bytes of the pages that hold something.
fn used_bytes(connection: &Connection) -> rusqlite::Result<i64> {
    Ok((number(connection, "page_count")? - number(connection, "freelist_count")?) * number(connection, "page_size")?)
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// SQLite's integers have a sign.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The sentence for what SQLite says.
pub(super) fn because(path: &Path, error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::Foreign { path: path.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => LedgerError::Damaged { path: path.to_owned(), why: error.to_string() },
        _ => system(path, error),
    }
}

fn system(path: &Path, why: impl std::fmt::Display) -> LedgerError {
    LedgerError::System { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// So many requests, a second apart from 1970 on, each with a prompt of so many letters.
    fn filled(folder: &Path, options: Options, requests: u64, letters: usize) -> File {
        let mut file = File::open(&folder.join("ledger.db"), Options { record: Record::Full, ..options }).unwrap();
        let entries: Vec<_> = (0..requests)
            .map(|second| Entry {
                time: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
                request_id: second.to_string(),
                model: "m".into(),
                key: None,
                prompt_tokens: 1,
                cached_tokens: 0,
                output_tokens: 1,
                receipt: None,
                outcome: Outcome::Finished("stop".into()),
                prompt: Some("x".repeat(letters)),
                answer: None,
            })
            .collect();
        file.append(&entries, 3, 0).unwrap();
        file
    }

    fn count(file: &File, what: &str) -> i64 {
        file.connection.query_row(&format!("SELECT {what}"), [], |row| row.get(0)).unwrap()
    }

    /// Removes until there is no more to remove; in how many pieces.
    fn remove_all(file: &mut File, now: i64) -> usize {
        let mut pieces = 1;
        while file.remove(now).unwrap() {
            pieces += 1;
            assert!(pieces < 1000, "it does not come to an end");
        }
        pieces
    }

    #[test]
    fn what_is_too_old_goes_piece_by_piece_and_the_file_gets_smaller() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { retention: Some(Duration::from_secs(1000)), ..Options::default() };
        let mut file = filled(folder.path(), options, 5000, 1000);
        let pages = number(&file.connection, "page_count").unwrap();
        assert!(file.remove(4_500_000).unwrap());
        assert_eq!(count(&file, "min(time_ms) FROM requests"), 1_000_000, "one piece of 1000");
        let pieces = remove_all(&mut file, 4_500_000);
        assert!((3..=5).contains(&pieces), "{pieces}");
        assert_eq!(count(&file, "min(time_ms) FROM requests"), 3_500_000);
        assert_eq!(count(&file, "count(*) FROM requests"), 1500);
        assert_eq!(count(&file, "count(*) FROM missing"), 0);
        assert!(number(&file.connection, "page_count").unwrap() < pages * 2 / 5);
        assert_eq!(remove_all(&mut file, 4_500_000), 1);
    }

    #[test]
    fn the_oldest_go_where_the_file_is_too_large_and_no_more_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let limit = 2 << 20;
        let options = Options { max_size: Some(limit), ..Options::default() };
        let mut file = filled(folder.path(), options, 5000, 1000);
        remove_all(&mut file, 0);
        file.connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())).unwrap();
        let size = fs::metadata(folder.path().join("ledger.db")).unwrap().len();
        assert!(size <= limit && size > limit * 9 / 10, "{size}");
        let (least, most) = (count(&file, "min(time_ms) FROM requests"), count(&file, "max(time_ms) FROM requests"));
        assert_eq!(most, 4_999_000);
        assert_eq!((most - least) / 1000 + 1, count(&file, "count(*) FROM requests"), "the oldest went");
        assert_eq!(remove_all(&mut file, 0), 1);
    }

    #[test]
    fn long_texts_go_a_few_at_a_time_and_leave_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { retention: Some(Duration::from_secs(1)), ..Options::default() };
        let mut file = filled(folder.path(), options, 8, 5 << 20);
        assert!(file.remove(100_000).unwrap());
        assert_eq!(count(&file, "count(*) FROM requests"), 4, "the fourth goes over 16 MiB");
        remove_all(&mut file, 100_000);
        drop(file);
        let bytes = fs::read(folder.path().join("ledger.db")).unwrap();
        assert!(!bytes.windows(16).any(|window| window == [b'x'; 16]));
    }

    #[test]
    fn nothing_goes_where_nothing_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = filled(folder.path(), Options::default(), 2000, 1000);
        assert_eq!(remove_all(&mut file, i64::MAX), 1);
        assert_eq!(count(&file, "count(*) FROM requests"), 2000);
    }
}
