//! The two kinds of storage behind one set of operations.

use std::sync::Arc;
use std::time::SystemTime;

use holdfast_types::Sha256;
use url::Url;

use crate::cache::Budget;
use crate::content::{Blob, BlobFile};
use crate::error::BlobError;
use crate::local::LocalFiles;
use crate::objects::Objects;
use crate::staging::Staged;
use crate::sweep::{Fate, Page, Verdict};

/// Where blobs are.
pub(crate) enum Backend {
    /// A local folder: one hop to a blocking thread an operation.
    Local(Arc<LocalFiles>),
    /// Any object store.
    Objects(Arc<Objects>),
}

/// Which blobs an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Live,
    Trash,
}

/// When a blob is read into memory as a whole.
#[derive(Clone)]
pub(crate) struct Whole {
    /// Only up to this size,
    pub(crate) limit_bytes: u64,
    /// and only while there is room.
    pub(crate) budget: Arc<Budget>,
}

impl Backend {
    pub(crate) async fn keep(&self, staged: Staged) -> Result<(), BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.keep(staged)).await,
            // As on a blocking thread: it goes on to its end, so that no half upload stays.
            Backend::Objects(objects) => {
                let objects = Arc::clone(objects);
                match tokio::spawn(async move { objects.keep(staged).await }).await {
                    Ok(result) => result,
                    Err(lost) => Err(BlobError::unavailable("finish an upload", lost)),
                }
            }
        }
    }

    pub(crate) async fn open(&self, sha256: Sha256, whole: Whole) -> Result<Blob, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.open_blob(&sha256, &whole)).await,
            Backend::Objects(objects) => objects.open_blob(sha256, &whole).await,
        }
    }

    pub(crate) async fn file(&self, sha256: Sha256) -> Result<Option<BlobFile>, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.open_file(&sha256)).await.map(Some),
            Backend::Objects(_) => Ok(None),
        }
    }

    pub(crate) async fn size(&self, sha256: Sha256) -> Result<Option<u64>, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.size(&sha256)).await,
            Backend::Objects(objects) => objects.size(sha256).await,
        }
    }

    pub(crate) async fn list(
        &self,
        area: Area,
        after: Option<Sha256>,
        limit: usize,
    ) -> Result<Page, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.list(area, after, limit)).await,
            Backend::Objects(objects) => objects.list(area, after, limit).await,
        }
    }

    pub(crate) async fn condemn(&self, sha256: Sha256, unless_since: SystemTime) -> Result<Fate, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.condemn(&sha256, unless_since)).await,
            Backend::Objects(objects) => objects.condemn(sha256, unless_since).await,
        }
    }

    pub(crate) async fn restore(&self, sha256: Sha256) -> Result<bool, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.restore(&sha256)).await,
            Backend::Objects(objects) => objects.restore(sha256).await,
        }
    }

    pub(crate) async fn purge(&self, sha256: Sha256) -> Result<bool, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.purge(&sha256)).await,
            Backend::Objects(objects) => objects.purge(sha256).await,
        }
    }

    pub(crate) async fn verify(&self, sha256: Sha256) -> Result<Verdict, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.verify(&sha256)).await,
            Backend::Objects(objects) => objects.verify(sha256).await,
        }
    }

    /// See [`crate::Blobs::signs`].
    pub(crate) fn signs(&self) -> bool {
        matches!(self, Backend::Objects(objects) if objects.signs())
    }

    pub(crate) async fn presigned(&self, sha256: Sha256) -> Result<Option<Url>, BlobError> {
        match self {
            Backend::Local(_) => Ok(None),
            Backend::Objects(objects) => objects.presigned(sha256).await,
        }
    }

    /// Removes what interrupted uploads left.
    pub(crate) async fn tidy_staging(&self, before: SystemTime) -> Result<usize, BlobError> {
        match self {
            Backend::Local(files) => on(files, move |files| files.tidy_staging(before)).await,
            Backend::Objects(_) => Ok(0),
        }
    }

    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        match self {
            Backend::Local(files) => {
                let permit = files.probe_permit().await;
                on(files, move |files| {
                    let result = files.check();
                    drop(permit);
                    result
                })
                .await
            }
            Backend::Objects(objects) => objects.check().await,
        }
    }
}

/// Runs `work` on a blocking thread.
async fn on<T: Send + 'static>(
    files: &Arc<LocalFiles>,
    work: impl FnOnce(&LocalFiles) -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let files = Arc::clone(files);
    blocking(move || work(&files)).await
}

/// Runs `work` on a blocking thread; it goes on to its end even when this future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(lost) => Err(BlobError::unavailable("finish its work on a blocking thread", lost)),
    }
}
