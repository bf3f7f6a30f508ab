//! A small pool of read-only connections on the blocking threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holdfast_store::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{schema, unavailable};

/// Connections that are opened when they are first needed, at most [`Readers::MOST`].
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// More than the processors of a small server; each has a page cache of its own.
    const MOST: usize = 4;

    pub(super) fn new(path: PathBuf) -> Readers {
        Readers { path, permits: Arc::new(Semaphore::new(Readers::MOST)), idle: Mutex::default() }
    }

    /// Runs a query with a connection of its own. A connection that failed is not used again.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(unavailable)?;
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            // Held by the task: a caller that goes away does not make room for another one.
            let _permit = permit;
            let idle = readers.idle().pop();
            let connection = idle.map_or_else(|| schema::open_reader(&readers.path), Ok)?;
            let answer = query(&connection)?;
            readers.idle().push(connection);
            Ok::<T, rusqlite::Error>(answer)
        });
        task.await.map_err(unavailable)?.map_err(unavailable)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
