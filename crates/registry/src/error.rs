//! The one error of all operations: a closed kind for code, a sentence for people, a source for the log.

use holdfast_blobs::BlobError;
use holdfast_package::PackageError;
use holdfast_search::SearchError;
use holdfast_store::{Batch, BatchError, StoreError};
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// What sort of failure it is; a front turns it into its own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be carried out as it is.
    Invalid,
    /// Nobody knows who is asking.
    Unauthenticated,
    /// The actor may not do this.
    Forbidden,
    /// It does not exist, or the actor may not know that it does.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// Beyond a limit in size.
    TooLarge,
    /// Beyond a limit in number or rate.
    TooMany,
    /// A part that we depend on does not answer now; nothing is known to be missing.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// Why an operation did not happen.
pub struct Error {
    kind: Kind,
    detail: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    wait: Option<Duration>,
}

/// What an operation gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that the sentence explains in full.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Error {
        Error { kind, detail: detail.into(), source: None, wait: None }
    }

    /// An error with a cause for the log, which the client never sees.
    pub fn with_source(
        kind: Kind,
        detail: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Error {
        Error { kind, detail: detail.into(), source: Some(source.into()), wait: None }
    }

    /// Input that breaks a rule; the rule's own sentence says which.
    pub fn invalid(rule: impl fmt::Display) -> Error {
        Error::new(Kind::Invalid, rule.to_string())
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Error {
        Error::new(Kind::NotFound, detail)
    }

    /// Something that contradicts what is there.
    pub fn conflict(detail: impl Into<String>) -> Error {
        Error::new(Kind::Conflict, detail)
    }

    /// The same with how long to wait before the next try.
    #[must_use]
    pub(crate) fn with_wait(self, wait: Duration) -> Error {
        Error { wait: Some(wait), ..self }
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for the person who asked.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// How long to wait before the next try, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)?;
        match &self.source {
            Some(source) => write!(f, " ({source:?})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::Conflict => Error::with_source(
                Kind::Unavailable,
                "too many others are changing the same thing; try again in a few seconds",
                error,
            ),
            StoreError::Unavailable { .. } => Error::with_source(
                Kind::Unavailable,
                "the database does not answer; try again in a few seconds",
                error,
            ),
            StoreError::UnknownOutcome { .. } => Error::with_source(
                Kind::Unavailable,
                "the database failed while saving; repeat the request, which is safe even if it was saved",
                error,
            ),
            StoreError::Batch(BatchError::BodyTooLarge { .. } | BatchError::TooLarge) => Error::with_source(
                Kind::TooLarge,
                format!(
                    "there is more metadata than fits into {} kB; use fewer features, dependencies or words",
                    Batch::MAX_BODY_BYTES / 1024
                ),
                error,
            ),
            StoreError::Batch(_) | StoreError::Corrupt { .. } => Error::with_source(
                Kind::Internal,
                "the server could not process its own data; its log says more",
                error,
            ),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Error {
        match error {
            BlobError::TooLarge { .. } => Error::new(Kind::TooLarge, error.to_string()),
            BlobError::Full { .. } => Error::with_source(
                Kind::Unavailable,
                "the server's storage is full; nothing was changed; ask its operator to make room",
                error,
            ),
            BlobError::Unavailable { .. } => Error::with_source(
                Kind::Unavailable,
                "the file storage does not answer; try again in a few seconds",
                error,
            ),
            // Whatever we look for is referred to by the metadata: that it is missing is never an answer.
            _ => Error::with_source(
                Kind::Internal,
                "a stored file is missing or damaged; the server's log says more",
                error,
            ),
        }
    }
}

impl From<SearchError> for Error {
    fn from(error: SearchError) -> Error {
        Error::with_source(
            Kind::Unavailable,
            "search is not available now; try again in a few seconds",
            error,
        )
    }
}

impl From<PackageError> for Error {
    fn from(error: PackageError) -> Error {
        let kind = if error.is_too_large() { Kind::TooLarge } else { Kind::Invalid };
        Error::new(kind, error.to_string())
    }
}
