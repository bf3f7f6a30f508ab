//! How a connection is set up, and how a database file becomes one of ours and stays up to date.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_store::View;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::checkpoint;
use crate::error::OpenError;
use crate::views::{Dialect, Plan};

/// `HOLD`, so that the file says whose it is and `file` can tell.
const APPLICATION_ID: i64 = 0x484F_4C44;

/// Step `n` brings schema `n` to `n + 1`; the first makes the tables. Steps are only ever added.
///
/// `doc` has a rowid: measured with 60,000 documents of 1 to 2 kB and as many index entries, a clustered
/// table scans a partition in half the time, but its rows of that size leave the page (the file more than
/// doubles at 4 kB pages) or, at 8 kB pages, every commit writes 2.7 times as much log. Point reads and
/// commits are what callers wait for.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE doc (
        part TEXT NOT NULL,
        sort TEXT NOT NULL,
        rev INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (part, sort)
    ) STRICT;
    CREATE TABLE counter (
        part TEXT NOT NULL,
        sort TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (part, sort)
    ) STRICT, WITHOUT ROWID;
"];

/// How long a connection waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(10);

/// Page cache of each connection, in kibibytes; the system's own cache does the rest.
const CACHE_KIB: i64 = 2048;

/// Why a file is not opened.
#[derive(Debug)]
pub(super) enum Refusal {
    Failed(Box<dyn std::error::Error + Send + Sync>),
    NotDurable { reason: String, hint: &'static str },
    Foreign,
    Newer { found: i64 },
}

impl Refusal {
    pub(super) fn of(self, url: String) -> OpenError {
        match self {
            Refusal::Failed(source) => OpenError::Failed { url, source },
            Refusal::NotDurable { reason, hint } => OpenError::NotDurable { url, reason, hint },
            Refusal::Foreign => OpenError::Foreign { url },
            Refusal::Newer { found } => OpenError::Newer { url, found, known: newest() },
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Refusal::Foreign,
            _ => Refusal::Failed(error.into()),
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        Refusal::Failed(error.into())
    }
}

/// The connection that writes: it creates the file, checks that it is durable, and migrates it.
pub(super) fn open_writer(path: &Path, views: &[View]) -> Result<Connection, Refusal> {
    create_private(path)?;
    let mut connection = connect(path)?;
    // Before the file is touched in any way: it may be another program's.
    check_owner(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);
    set_write_ahead_log(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if synchronous < 2 {
        return Err(Refusal::NotDurable {
            reason: format!("`synchronous` stays at `{synchronous}` instead of FULL"),
            hint: "use a build of SQLite that syncs",
        });
    }
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A log that starts over is overwritten, which syncs faster than growth, unless it once grew very large.
    connection.pragma_update(None, "journal_size_limit", checkpoint::TOO_MANY_PAGES * 4096)?;
    migrate(&mut connection)?;
    if let Err(error) = make_views(&mut connection, views) {
        // They are for people, and nothing of the server depends on them.
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot make the reporting views");
    }
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that moves the log into the file.
pub(super) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // It may hold the writer's lock while it waits for readers, so it must not wait long.
    connection.busy_timeout(Duration::from_secs(1))?;
    Ok(connection)
}

/// The schema of the database.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = 'schema'")?;
    statement.query_row([], |row| row.get(0))
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("a handful")
}

/// Creates the file readable to its owner only, since it holds what nobody else may read. The log inherits this.
///
/// A file that is there is not opened: closing it would release the locks that this process holds on it
/// through SQLite. For the same reason nobody connects to a new file until it is closed here.
fn create_private(path: &Path) -> std::io::Result<()> {
    static CREATING: Mutex<()> = Mutex::new(());
    let _alone = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

fn check_owner(connection: &Connection) -> Result<(), Refusal> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(Refusal::Foreign) }
}

/// The change to WAL does not always wait for another process that does the same, so this does.
fn set_write_ahead_log(connection: &Connection) -> Result<(), Refusal> {
    let began = Instant::now();
    let mode: String = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => break other?,
        }
    };
    if mode == "wal" {
        return Ok(());
    }
    let reason = format!("its journal mode stays at `{mode}` instead of WAL");
    Err(Refusal::NotDurable { reason, hint: "put it on a local disk, not on a network share" })
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn migrate(connection: &mut Connection) -> Result<(), Refusal> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let found = version(&transaction).optional()?.unwrap_or(0);
    let done = usize::try_from(found).map_err(|error| Refusal::Failed(error.into()))?;
    if MIGRATIONS.len() < done {
        return Err(Refusal::Newer { found });
    }
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    if done < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        let save =
            "INSERT INTO meta (name, value) VALUES ('schema', ?1) ON CONFLICT DO UPDATE SET value = ?1";
        transaction.execute(save, [newest()])?;
        tracing::info!(from = found, to = newest(), "brought the database schema up to date");
    }
    Ok(transaction.commit()?)
}

fn make_views(connection: &mut Connection, views: &[View]) -> rusqlite::Result<()> {
    const STORED: &str = "SELECT value FROM meta WHERE name = 'views'";
    let plan = |connection: &Connection| {
        let stored: Option<String> = connection.query_row(STORED, [], |row| row.get(0)).optional()?;
        Ok::<_, rusqlite::Error>(Plan::new(Dialect::Sqlite, views, stored.as_deref()))
    };
    if plan(connection)?.is_none() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let Some(plan) = plan(&transaction)? else { return Ok(()) };
    for name in plan.gone {
        transaction.execute_batch(&format!("DROP VIEW IF EXISTS {name}"))?;
    }
    for (name, select) in plan.views {
        transaction.execute_batch(&format!("DROP VIEW IF EXISTS {name}; CREATE VIEW {name} AS {select}"))?;
    }
    let save = "INSERT INTO meta (name, value) VALUES ('views', ?1) ON CONFLICT DO UPDATE SET value = ?1";
    transaction.execute(save, [plan.stamp])?;
    transaction.commit()
}
