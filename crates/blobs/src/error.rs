//! What can go wrong, apart by what a caller does about it.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use holdfast_types::Sha256;
use thiserror::Error;

/// Why an operation on blobs failed. A storage that cannot be reached is never reported as a missing blob.
#[derive(Debug, Error)]
pub enum BlobError {
    /// No such blob, neither live nor condemned.
    #[error("no blob `{0}` is stored")]
    NotFound(Sha256),
    /// An upload passed its limit.
    #[error("the upload is larger than the limit of `{limit_bytes}` bytes")]
    TooLarge {
        /// The limit that was passed to [`crate::Blobs::stage`].
        limit_bytes: u64,
    },
    /// A range that is empty or starts behind the end of the blob.
    #[error("the range `{}..{}` lies outside of the blob's `{size_bytes}` bytes", range.start, range.end)]
    OutOfRange {
        /// What was asked for.
        range: Range<u64>,
        /// What there is.
        size_bytes: u64,
    },
    /// A stored file ended before the size it had when it was opened.
    #[error(
        "blob `{sha256}` ended `{missing_bytes}` bytes too early; check the storage with `holdfast fsck`"
    )]
    Truncated {
        /// The blob.
        sha256: Sha256,
        /// How much of the promised content is not there.
        missing_bytes: u64,
    },
    /// The store gave other bytes than those that were kept.
    #[error("the bytes of blob `{0}` are not those that were kept; check the storage with `holdfast fsck`")]
    Damaged(Sha256),
    /// The disk (or the quota, or the table of inodes) is full. Nothing was stored.
    #[error("the disk of the blob storage is full; free some space, then try again")]
    Full(#[source] io::Error),
    /// Anything else: the storage does not answer as it should.
    #[error("the blob storage cannot {attempt}")]
    Unavailable {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The reason; for logs, not for clients.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl BlobError {
    /// Something about the storage itself failed.
    pub fn unavailable(attempt: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        BlobError::Unavailable { attempt, source: source.into() }
    }

    /// Sorts an I/O error into "full" and "unavailable".
    pub(crate) fn io(attempt: &'static str, source: io::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded => BlobError::Full(source),
            _ => BlobError::unavailable(attempt, source),
        }
    }
}

/// Why a blob storage could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// An address of a kind that this build doesn't know. Shows its scheme only: the rest may hold secrets.
    #[error(
        "storage addresses of the kind `{0}` are not supported; use `file:PATH`, `s3://BUCKET`, `gs://BUCKET`, \
         `az://CONTAINER` or `memory:`"
    )]
    Unsupported(String),
    /// An address that lacks something, or says something that its kind does not know.
    #[error("the storage address `{address}` cannot be used: {reason}")]
    Address {
        /// The address without its parameters, which may hold secrets.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `file:` address without a usable path.
    #[error("the storage address `{0}` names no local folder; write `file:PATH` or `file:///PATH`")]
    NoPath(String),
    /// The folder cannot be made, written, synced, read or cleaned.
    #[error("cannot {attempt} the storage folder `{}`; give the server's user write access to it", path.display())]
    Unusable {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The folder of the address.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The first write and read failed.
    #[error("the blob storage failed its first write and read")]
    Probe(#[source] BlobError),
}

/// An I/O error together with the path it is about, which [`io::Error`] leaves out.
#[derive(Debug, Error)]
#[error("`{}`", path.display())]
struct AtPath {
    path: PathBuf,
    source: io::Error,
}

/// Adds `path` to an error and keeps its kind.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |source| io::Error::new(source.kind(), AtPath { path: path.to_owned(), source })
}
