//! What can go wrong with the index. No query text can: every text is a valid query.

use std::io;
use std::path::PathBuf;

use tantivy::TantivyError;

use crate::turn;

/// Why the index could not be opened, changed or searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Another process is writing to the same folder, for longer than a batch takes.
    #[error(
        "the search index is being written by another process, which does not come to an end; see whether it hangs"
    )]
    Busy,
    /// The folder cannot be used at all, not even for a fresh index.
    #[error("could not use `{}` for the search index; check that it is a writable folder", path.display())]
    Folder {
        /// The folder that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index failed while it was in use: a full disk, or damaged files.
    #[error("the search index failed; if this persists, remove its folder and it is rebuilt")]
    Index(#[source] TantivyError),
}

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> Self {
        if turn::is_busy(&error) { Self::Busy } else { Self::Index(error) }
    }
}

impl From<io::Error> for SearchError {
    fn from(error: io::Error) -> Self {
        Self::Index(error.into())
    }
}
