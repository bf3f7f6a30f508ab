//! The one thread that writes: everything that waits becomes one transaction, one sync.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_store::{Batch, Key, StoreError};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Signal;
use super::query::{self, Guards};
use super::{unavailable, unknown_outcome};

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

/// Work, and who waits for it.
pub(super) struct Request {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
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

pub(super) struct Writer {
    connection: Connection,
    requests: mpsc::Receiver<Request>,
    statistics: Arc<Statistics>,
}

/// Why a group was not committed.
enum Failure {
    /// Nothing of it was written.
    Certain(rusqlite::Error),
    /// The commit itself failed.
    Unknown(rusqlite::Error),
}

impl Writer {
    /// The most requests of one transaction.
    const GROUP: usize = 64;
    /// How long callers are waited for: less than a sync of a good disk.
    const GATHER: Duration = Duration::from_micros(100);

    pub(super) fn new(
        mut connection: Connection,
        requests: mpsc::Receiver<Request>,
        signal: Signal,
        statistics: Arc<Statistics>,
    ) -> rusqlite::Result<Writer> {
        signal.watch(&mut connection)?;
        Ok(Writer { connection, requests, statistics })
    }

    /// Works until nobody can ask any more and everything asked is answered.
    pub(super) fn run(mut self) {
        let mut group = Vec::with_capacity(Writer::GROUP);
        let mut callers = 0;
        while self.requests.blocking_recv_many(&mut group, Writer::GROUP) > 0 {
            self.gather(&mut group, callers);
            callers = group.len();
            self.commit_group(std::mem::take(&mut group));
        }
    }

    /// Waits a moment for the callers of the last group, who were just answered and are about to ask again:
    /// without them each would pay a sync of its own, or two groups would take turns. One caller alone never
    /// waits.
    fn gather(&mut self, group: &mut Vec<Request>, callers: usize) {
        let until = Instant::now() + Writer::GATHER;
        while group.len() < callers && Instant::now() < until {
            match self.requests.try_recv() {
                Ok(request) => group.push(request),
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn commit_group(&self, group: Vec<Request>) {
        match self.transact(&group) {
            Ok(outcomes) => {
                for (request, guards) in group.into_iter().zip(outcomes) {
                    answer(request, if guards == Guards::Held { Ok(()) } else { Err(StoreError::Conflict) });
                }
            }
            // The fault may be of one request only (too large for what is left of the disk), so each has
            // its own chance.
            Err(Failure::Certain(_)) if group.len() > 1 && self.connection.is_autocommit() => {
                for request in group {
                    self.commit_group(vec![request]);
                }
            }
            Err(Failure::Certain(error)) => answer_all(group, error, unavailable),
            Err(Failure::Unknown(error)) => answer_all(group, error, unknown_outcome),
        }
    }

    /// One transaction of the whole group; a request whose guards broke is undone, the others are not.
    fn transact(&self, group: &[Request]) -> Result<Vec<Guards>, Failure> {
        self.roll_back();
        let outcome = self.apply_all(group).map_err(Failure::Certain).and_then(|outcomes| {
            let written = group.iter().zip(&outcomes).any(|(request, guards)| request.work.writes(*guards));
            if !written {
                return Ok(outcomes);
            }
            self.execute("COMMIT").map_err(|error| match error.sqlite_error_code() {
                // A page of the log found no room, so the commit mark after it was not written either.
                Some(ErrorCode::DiskFull) => Failure::Certain(error),
                _ => Failure::Unknown(error),
            })?;
            self.statistics.transactions.fetch_add(1, Ordering::Relaxed);
            Ok(outcomes)
        });
        self.roll_back();
        outcome
    }

    fn apply_all(&self, group: &[Request]) -> rusqlite::Result<Vec<Guards>> {
        self.execute("BEGIN IMMEDIATE")?;
        let alone = group.len() == 1;
        group
            .iter()
            .map(|request| if alone { self.apply(&request.work) } else { self.apply_apart(&request.work) })
            .collect()
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

fn answer(request: Request, answer: Result<(), StoreError>) {
    // A caller that went away needs none.
    let _ = request.reply.send(answer);
}

/// Every caller is told the same, and the whole error is shared between them.
fn answer_all(
    group: Vec<Request>,
    error: rusqlite::Error,
    tell: fn(Box<dyn std::error::Error + Send + Sync>) -> StoreError,
) {
    let error = Arc::new(error);
    for request in group {
        answer(request, Err(tell(Box::new(Shared(error.clone())))));
    }
}

/// One error that several callers get.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<rusqlite::Error>);
