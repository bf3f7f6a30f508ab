//! The embedded default: one SQLite file in WAL mode, one writer thread, a few readers.
//!
//! Commits of all callers go to one thread ([`group`](crate::group)), which puts everything that waits into
//! one transaction ([`writer`]) and so pays one sync for all of it. Reads go to [`readers`] and never wait for a writer. [`checkpoint`] moves
//! the log into the file aside from both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_store::{Batch, Doc, Key, Scan, Store, StoreError, View, check_deltas};

use crate::Options;
use crate::error::OpenError;
use crate::group::Writer;
use checkpoint::Checkpointer;
use readers::Readers;
use writer::{Transactions, Work};

mod checkpoint;
mod query;
mod readers;
mod schema;
mod writer;

const ENGINE: &str = "sqlite";

/// A database file, shared by any number of engines in any number of processes of one machine.
pub struct Sqlite {
    readers: Arc<Readers>,
    writer: Writer<Work>,
    /// Dropped after the writer: that waits for what the writer has taken, then for a last checkpoint.
    _checkpointer: Checkpointer,
    statistics: Arc<writer::Statistics>,
}

impl Sqlite {
    /// Opens the file, creates it if it is not there, and brings its schema up to date.
    pub async fn open(path: impl AsRef<Path>) -> Result<Sqlite, OpenError> {
        Sqlite::open_with(path, &Options::default()).await
    }

    /// As [`Sqlite::open`], with options.
    pub async fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Sqlite, OpenError> {
        let views = options.views;
        let path = path.as_ref().to_owned();
        let url = format!("sqlite:{}", path.display());
        if path.as_os_str().is_empty() {
            return Err(OpenError::NoPath { url });
        }
        let opening = tokio::task::spawn_blocking(move || Sqlite::open_blocking(&path, views));
        let opened = opening.await.map_err(|source| schema::Refusal::Failed(source.into()));
        opened.flatten().map_err(|refusal| refusal.of(url))
    }

    /// How many transactions with writes were made durable so far: fewer than the commits when callers
    /// shared their syncs.
    pub fn transactions(&self) -> u64 {
        self.statistics.transactions()
    }

    fn open_blocking(path: &Path, views: &[View]) -> Result<Sqlite, schema::Refusal> {
        // An absolute path is never taken for a `file:` URI, and survives a change of directory.
        let path: PathBuf = std::path::absolute(path)?;
        let connection = schema::open_writer(&path, views)?;
        let checkpointer = Checkpointer::start(&path)?;
        let statistics = Arc::new(writer::Statistics::default());
        let writer =
            Writer::start(Transactions::new(connection, checkpointer.signal(), statistics.clone())?)?;
        let readers = Arc::new(Readers::new(path));
        Ok(Sqlite { readers, writer, _checkpointer: checkpointer, statistics })
    }
}

#[async_trait::async_trait]
impl Store for Sqlite {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.to_vec();
        self.readers.run(move |connection| query::get_many(connection, keys)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let scan = scan.clone();
        self.readers.run(move |connection| query::scan(connection, &scan)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.ops().is_empty() {
            return Ok(());
        }
        self.writer.write(Work::Commit(batch)).await
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        if deltas.is_empty() {
            return Ok(());
        }
        self.writer.write(Work::Count(deltas.to_vec())).await
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        let scan = scan.clone();
        self.readers.run(move |connection| query::counters(connection, &scan)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.readers.run(|connection| schema::version(connection).map(|_| ())).await?;
        self.writer.write(Work::Check).await
    }
}

fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: source.into() }
}

#[cfg(test)]
mod tests;
