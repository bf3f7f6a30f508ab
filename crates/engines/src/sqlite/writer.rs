//! How the writer thread makes one transaction of a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_store::{Batch, Key};
use rusqlite::{Connection, ErrorCode};

use super::checkpoint::Signal;
use super::{ENGINE, query};
use crate::group::{Committer, Failure, Guards};

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Batch),
    Count(Vec<(Key, i64)>),
    /// Nothing, but say whether a write could begin.
    Check,
    /// Limits the size of the database, to see what a full disk does.
    #[cfg(test)]
    LimitPages(u32),
}

/// What the writer has done.
#[derive(Default)]
pub(super) struct Statistics {
    transactions: AtomicU64,
}

impl Statistics {
    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

pub(super) struct Transactions {
    connection: Connection,
    statistics: Arc<Statistics>,
}

impl Committer for Transactions {
    type Work = Work;
    type Error = rusqlite::Error;
    const ENGINE: &'static str = ENGINE;
    const RETRIES_ALONE: bool = true;

    fn commit(&mut self, group: &[Work]) -> Result<Vec<Guards>, Failure<rusqlite::Error>> {
        self.roll_back();
        let outcome = self.transact(group);
        self.roll_back();
        outcome
    }
}

impl Transactions {
    pub(super) fn new(
        mut connection: Connection,
        signal: Signal,
        statistics: Arc<Statistics>,
    ) -> rusqlite::Result<Transactions> {
        signal.watch(&mut connection)?;
        Ok(Transactions { connection, statistics })
    }

    /// A request whose guards broke is undone, the others are not.
    fn transact(&self, group: &[Work]) -> Result<Vec<Guards>, Failure<rusqlite::Error>> {
        let outcomes = self.apply_all(group).map_err(Failure::Certain)?;
        if !group.iter().zip(&outcomes).any(|(work, guards)| work.writes(*guards)) {
            return Ok(outcomes);
        }
        self.execute("COMMIT").map_err(|error| match error.sqlite_error_code() {
            // A page of the log found no room, so the commit mark after it was not written either.
            Some(ErrorCode::DiskFull) => Failure::Certain(error),
            _ => Failure::Unknown(error),
        })?;
        self.statistics.transactions.fetch_add(1, Ordering::Relaxed);
        Ok(outcomes)
    }

    fn apply_all(&self, group: &[Work]) -> rusqlite::Result<Vec<Guards>> {
        self.execute("BEGIN IMMEDIATE")?;
        let alone = group.len() == 1;
        group.iter().map(|work| if alone { self.apply(work) } else { self.apply_apart(work) }).collect()
    }

    /// Applies one request so that it can be undone without the others.
    fn apply_apart(&self, work: &Work) -> rusqlite::Result<Guards> {
        self.execute("SAVEPOINT request")?;
        let guards = self.apply(work)?;
        if guards == Guards::Broken {
            self.execute("ROLLBACK TO request")?;
        }
        self.execute("RELEASE request")?;
        Ok(guards)
    }

    fn apply(&self, work: &Work) -> rusqlite::Result<Guards> {
        match work {
            Work::Commit(batch) => query::apply(&self.connection, batch),
            Work::Count(deltas) => query::count(&self.connection, deltas).map(|()| Guards::Held),
            Work::Check => Ok(Guards::Held),
            #[cfg(test)]
            Work::LimitPages(most) => {
                let limit = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
                self.connection
                    .pragma_update_and_check(None, "max_page_count", most, limit)
                    .map(|_| Guards::Held)
            }
        }
    }

    /// Ends whatever transaction is open. SQLite has already done so after some errors.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "sqlite could not roll back");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

impl Work {
    fn writes(&self, guards: Guards) -> bool {
        guards == Guards::Held && !matches!(self, Work::Check)
    }
}
