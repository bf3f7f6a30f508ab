//! How the writer thread makes one transaction of a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_store::{Batch, Key, Rev};
use redb::{Database, Durability, Error};

use super::file::File;
use super::query::Tables;
use super::{ENGINE, schema};
use crate::group::{Committer, Failure, Guards};

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Batch),
    Count(Vec<(Key, i64)>),
    /// Nothing, but say whether a write could begin.
    Check,
    /// Waits until the other end is gone, so that others gather.
    #[cfg(test)]
    Wait(std::sync::mpsc::Receiver<()>),
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
    file: Arc<File>,
    statistics: Arc<Statistics>,
}

/// How far a transaction came.
struct Attempt {
    stamp: Rev,
    outcomes: Vec<Guards>,
    is_committing: bool,
}

impl Committer for Transactions {
    type Work = Work;
    type Error = Error;
    const ENGINE: &'static str = ENGINE;
    /// After a failure the file must be opened again, which is too slow to do for each.
    const RETRIES_ALONE: bool = false;

    fn commit(&mut self, group: &[Work]) -> Result<Vec<Guards>, Failure<Error>> {
        let mut attempt =
            Attempt { stamp: Rev::fresh(), outcomes: Vec::with_capacity(group.len()), is_committing: false };
        let Err(error) = self.file.write(|database| transact(database, group, &mut attempt)) else {
            if attempt.is_committing {
                self.statistics.transactions.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(attempt.outcomes);
        };
        tracing::warn!(%error, "a redb transaction failed; opening the file again");
        self.file.recover();
        if !attempt.is_committing {
            return Err(Failure::Certain(error));
        }
        // What the file says now is what happened.
        match self.file.read(schema::stamp) {
            Ok(stamp) if stamp == attempt.stamp.0 => Ok(attempt.outcomes),
            Ok(_) => Err(Failure::Certain(error)),
            Err(_) => Err(Failure::Unknown(error)),
        }
    }
}

impl Transactions {
    pub(super) fn new(file: Arc<File>, statistics: Arc<Statistics>) -> Transactions {
        Transactions { file, statistics }
    }
}

fn transact(database: &Database, group: &[Work], attempt: &mut Attempt) -> Result<(), Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // One phase relies on a checksum that somebody who chooses the contents could defeat. The second sync
    // cost 7 % where a sync takes 0.15 ms.
    transaction.set_two_phase_commit(true);
    let mut tables = Tables::of(&transaction)?;
    let mut writes = false;
    for work in group {
        let guards = work.apply(&mut tables)?;
        writes |= guards == Guards::Held && !matches!(work, Work::Check);
        attempt.outcomes.push(guards);
    }
    drop(tables);
    if !writes {
        return Ok(transaction.abort()?);
    }
    schema::set_stamp(&transaction, attempt.stamp.0)?;
    attempt.is_committing = true;
    Ok(transaction.commit()?)
}

impl Work {
    fn apply(&self, tables: &mut Tables<'_>) -> Result<Guards, Error> {
        match self {
            Work::Commit(batch) => return tables.apply(batch),
            Work::Count(deltas) => tables.count(deltas)?,
            Work::Check => (),
            #[cfg(test)]
            Work::Wait(until) => drop(until.recv()),
        }
        Ok(Guards::Held)
    }
}
