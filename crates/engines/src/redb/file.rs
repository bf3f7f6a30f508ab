//! The open file, and how it comes back after the disk failed: redb refuses everything after an error of the
//! disk until the file is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock, TryLockError};

use redb::{Database, Error, ReadTransaction, ReadableDatabase};

use crate::error::OpenError;

/// How the file is opened, each time.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// A database that can be closed and opened again.
pub(super) struct File {
    opener: Opener,
    /// `None` when it could not be opened again.
    database: RwLock<Option<Database>>,
}

impl File {
    pub(super) fn open(opener: Opener) -> Result<File, OpenError> {
        let database = RwLock::new(Some(opener()?));
        Ok(File { opener, database })
    }

    /// Runs a query on the last committed state. Never waits: a file that is being opened again is closed.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = match self.database.try_read() {
            Ok(database) => database,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Error::DatabaseClosed),
        };
        ask(database.as_ref(), |database| query(&database.begin_read()?))
    }

    /// Writes with the database, which nobody closes while this runs.
    pub(super) fn write<T>(&self, change: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
        ask(self.database.read().unwrap_or_else(PoisonError::into_inner).as_ref(), change)
    }

    /// Opens the file again unless it works. The outcome shows in the next call.
    pub(super) fn recover(&self) {
        if self.write(works).is_ok() {
            return;
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have done it meanwhile.
        if ask(database.as_ref(), works).is_ok() {
            return;
        }
        // Its lock on the file must be gone first.
        drop(database.take());
        match catch_unwind(AssertUnwindSafe(|| (self.opener)())) {
            Ok(Ok(opened)) => *database = Some(opened),
            Ok(Err(error)) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "cannot open the redb file again");
            }
            Err(_) => tracing::error!("the redb file is damaged; restore a backup"),
        }
    }
}

/// redb does not check a page each time it reads it: a damaged one can make it panic.
fn ask<T>(
    database: Option<&Database>,
    question: impl FnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    let database = database.ok_or(Error::DatabaseClosed)?;
    catch_unwind(AssertUnwindSafe(|| question(database))).unwrap_or_else(|_| {
        Err(Error::Corrupted("a page of the file cannot be read; restore a backup".into()))
    })
}

/// Whether a transaction can begin: not after an error of the disk.
fn works(database: &Database) -> Result<(), Error> {
    Ok(database.begin_write()?.abort()?)
}
