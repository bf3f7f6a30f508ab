//! What the driver's errors mean for the contract.

use holdfast_store::StoreError;
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR};

use super::ENGINE;

/// `WriteConflict`, `NoSuchTransaction`, `SnapshotUnavailable`, `LockTimeout`, `SnapshotTooOld`: others were at
/// work on the same documents.
const CONFLICTS: [i32; 5] = [112, 251, 246, 24, 239];

/// `WriteConflict`, as the code of one statement.
pub(super) const WRITE_CONFLICT: i64 = 112;

/// The code of a document whose `_id` is taken.
pub(super) const DUPLICATE_KEY: i64 = 11_000;

/// Why a transaction ended before its commit was sent. Nothing was written.
#[derive(Debug)]
pub(super) enum Failure {
    /// A guard does not hold.
    Lost,
    /// Nobody waits for the outcome any more.
    Abandoned,
    /// Others were at work on the same documents: another attempt decides.
    Contended,
    /// The connection or the primary went away: another attempt may find the next one.
    Gone(Error),
    /// Another attempt would end alike.
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &*error.kind {
            ErrorKind::Command(command) if CONFLICTS.contains(&command.code) => Failure::Contended,
            ErrorKind::Command(_) if !error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
                Failure::Refused(error)
            }
            ErrorKind::Command(_) | ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => {
                Failure::Gone(error)
            }
            _ => Failure::Refused(error),
        }
    }
}

/// What the driver said, without its surroundings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(ErrorKind);

/// What the driver said.
pub(super) fn said(error: &Error) -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(Said((*error.kind).clone()))
}

/// A read failed, or a write that certainly did not happen.
pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: said(error) }
}

/// Nobody knows whether the commit took effect.
pub(super) fn unknown_outcome(error: &Error) -> StoreError {
    StoreError::UnknownOutcome { engine: ENGINE, source: said(error) }
}

/// Counters that others kept changing. Nothing was written.
pub(super) fn busy() -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: "other counts kept coming first".into() }
}

/// The task of a transaction ended without an outcome, as when the process ends.
pub(super) fn stopped() -> StoreError {
    StoreError::UnknownOutcome { engine: ENGINE, source: "its task has stopped".into() }
}

/// An answer that the protocol does not have.
pub(super) fn odd_answer(answer: &mongodb::bson::Document) -> Error {
    Error::from(std::io::Error::other(format!("an answer that makes no sense: {answer}")))
}
