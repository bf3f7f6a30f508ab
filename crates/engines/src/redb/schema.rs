//! How a file is opened, becomes one of ours and stays up to date.

use std::io::{ErrorKind, Read};
use std::path::Path;

use redb::{
    Builder, Database, DatabaseError, Error, ReadTransaction, ReadableDatabase, TableDefinition, TableHandle,
    WriteTransaction,
};

use crate::error::OpenError;

pub(super) const DOCUMENTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("doc");
pub(super) const COUNTERS: TableDefinition<'_, &[u8], i64> = TableDefinition::new("counter");
/// The schema's number, and the stamp of the last transaction.
const META: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");

const SCHEMA: &str = "schema";
const STAMP: &str = "stamp";

/// Step `n` brings schema `n` to `n + 1`; the first makes the tables. Steps are only ever added.
const MIGRATIONS: &[Step] = &[|transaction| {
    transaction.open_table(DOCUMENTS)?;
    transaction.open_table(COUNTERS)?;
    Ok(())
}];

type Step = fn(&WriteTransaction) -> Result<(), Error>;

/// What every file of redb begins with.
const MAGIC: &[u8] = b"redb";

/// Memory for pages that were read or wait to be written; the system's own cache does the rest.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Opens the file, creates it if it is not there, and migrates it.
pub(super) fn open(path: &Path, url: &str) -> Result<Database, OpenError> {
    let url = || url.to_owned();
    let io = |source: std::io::Error| OpenError::Failed { url: url(), source: source.into() };
    create_private(path).map_err(io)?;
    if !is_ours(path).map_err(io)? {
        return Err(OpenError::Foreign { url: url() });
    }
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_repair_callback(|repair| {
        tracing::info!(done = repair.progress(), "the redb file was not closed; checking it");
    });
    open_with(|| builder.create(path), &url())
}

/// Opens a database from anywhere, and migrates it.
pub(super) fn open_with(
    create: impl FnOnce() -> Result<Database, DatabaseError>,
    url: &str,
) -> Result<Database, OpenError> {
    let database = create().map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { url: url.to_owned() },
        other => failed(url, other),
    })?;
    migrate(&database, url)?;
    Ok(database)
}

/// The schema of the database.
pub(super) fn version(transaction: &ReadTransaction) -> Result<i64, Error> {
    meta(transaction, SCHEMA)
}

/// What the last transaction was stamped with.
pub(super) fn stamp(transaction: &ReadTransaction) -> Result<i64, Error> {
    meta(transaction, STAMP)
}

/// Stamps a transaction, so that it can be found out whether it took effect.
pub(super) fn set_stamp(transaction: &WriteTransaction, stamp: i64) -> Result<(), Error> {
    transaction.open_table(META)?.insert(STAMP, stamp)?;
    Ok(())
}

fn meta(transaction: &ReadTransaction, name: &str) -> Result<i64, Error> {
    Ok(transaction.open_table(META)?.get(name)?.map_or(0, |value| value.value()))
}

/// Creates the file readable to its owner only, since it holds what nobody else may read, and durably, since
/// redb syncs what is in the file but not the folder.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => (),
    }
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether the file is empty or redb's, before anything touches it.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == MAGIC)
}

fn migrate(database: &Database, url: &str) -> Result<(), OpenError> {
    let found = match found(database) {
        Err(Error::TableTypeMismatch { .. }) | Ok(None) => {
            return Err(OpenError::Foreign { url: url.to_owned() });
        }
        Err(error) => return Err(failed(url, error)),
        Ok(Some(found)) => found,
    };
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
    if known < found {
        return Err(OpenError::Newer { url: url.to_owned(), found, known });
    }
    let done = usize::try_from(found).map_err(|error| failed(url, error))?;
    if done < MIGRATIONS.len() {
        step_up(database, done, known).map_err(|error| failed(url, error))?;
        tracing::info!(from = found, to = known, "brought the database schema up to date");
    }
    Ok(())
}

/// The schema, zero for an empty file; `None` for a file of another program.
fn found(database: &Database) -> Result<Option<i64>, Error> {
    let transaction = database.begin_read()?;
    let tables: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if tables.is_empty() {
        return Ok(Some(0));
    }
    let is_ours = tables.iter().any(|name| *name == META.name());
    Ok(if is_ours { Some(version(&transaction)?).filter(|version| *version > 0) } else { None })
}

fn step_up(database: &Database, done: usize, known: i64) -> Result<(), Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    for step in &MIGRATIONS[done..] {
        step(&transaction)?;
    }
    transaction.open_table(META)?.insert(SCHEMA, known)?;
    Ok(transaction.commit()?)
}

fn failed(url: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OpenError {
    OpenError::Failed { url: url.to_owned(), source: source.into() }
}
