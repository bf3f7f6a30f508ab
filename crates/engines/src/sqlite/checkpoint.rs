//! Moves the write-ahead log into the database file, aside from the commits.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::schema;

/// Pages of 4 kB in the log at which a checkpoint is asked for: 4 MB.
const ENOUGH_PAGES: u32 = 1024;

/// Pages at which writers are made to wait for the log to start over: 64 MB. Without that, commits that
/// never pause would let it grow for ever. Not a ceiling: writers go on until the checkpoint has the lock.
pub(super) const TOO_MANY_PAGES: u32 = 16 * ENOUGH_PAGES;

/// A thread that checkpoints when it is told to, and once more when this is dropped.
pub(super) struct Checkpointer {
    /// `None` only while dropping.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Checkpointer, schema::Refusal> {
        let connection = schema::open_checkpointer(path)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sqlite-checkpoint".into());
        let thread = thread.spawn(move || run(&connection, &woken))?;
        Ok(Checkpointer { wake: Some(wake), thread: Some(thread) })
    }

    /// What the writer tells the size of the log after each commit.
    pub(super) fn signal(&self) -> Signal {
        let wake = self.wake.clone().expect("the sender is there until the checkpointer is dropped");
        Signal { wake, pages: 0, next: ENOUGH_PAGES }
    }
}

impl Drop for Checkpointer {
    /// The writer, which holds the other sender, has ended by now.
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sqlite checkpoint thread had panicked");
        }
    }
}

/// Decides when a checkpoint is due.
pub(super) struct Signal {
    wake: SyncSender<()>,
    pages: u32,
    next: u32,
}

impl Signal {
    /// Registers this with the connection whose commits it watches. That replaces automatic checkpoints.
    pub(super) fn watch(mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        connection.wal_hook(Some(move |_: &mut Wal, pages: std::ffi::c_int| {
            self.committed(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }))
    }

    fn committed(&mut self, pages: u32) {
        if pages < self.pages {
            // The log has started over.
            self.next = ENOUGH_PAGES;
        }
        self.pages = pages;
        if self.next <= pages {
            self.next = pages + ENOUGH_PAGES;
            match self.wake.try_send(()) {
                Ok(()) | Err(TrySendError::Full(())) => (),
                Err(TrySendError::Disconnected(())) => {
                    tracing::error!("the sqlite checkpoint thread has stopped");
                }
            }
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        checkpoint(connection);
    }
    checkpoint(connection);
}

/// A failure is not the end: the log keeps everything, and the next one tries again.
fn checkpoint(connection: &Connection) {
    let outcome =
        connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE).and_then(|(pages, _)| {
            let too_many = u32::try_from(pages).is_ok_and(|pages| TOO_MANY_PAGES <= pages);
            if too_many {
                connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::RESTART).map(|_| ())
            } else {
                Ok(())
            }
        });
    if let Err(error) = outcome {
        tracing::warn!(%error, "a sqlite checkpoint failed");
    }
}
