//! The storage that the registry works with.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use holdfast_types::Sha256;
use url::Url;

use crate::backend::{Area, Backend, Whole};
use crate::cache::{Budget, Cache, Entry};
use crate::content::{Blob, BlobFile, Content};
use crate::error::{BlobError, OpenError};
use crate::faults::{Call, Faults};
use crate::open::{Options, open};
use crate::staging::{Spool, Staged, Staging};
use crate::sweep::{Fate, Page, Verdict};

/// Blobs whose owners are slow clients may take as much memory again as the cache, and at least this.
const SMALLEST_BUDGET_BYTES: u64 = 64 * 1024 * 1024;

/// How many files stay open.
const OPEN_FILES: usize = 256;

/// A storage of blobs. Clones share it.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    backend: Backend,
    spool: Spool,
    cache: Option<Cache>,
    /// What may be read into memory as a whole, for the cache or without one.
    whole: Whole,
    /// Files that stay open for [`Blobs::file`].
    files: quick_cache::sync::Cache<Sha256, BlobFile>,
    faults: Arc<Faults>,
}

impl Blobs {
    /// Opens the storage at `url` (one of [`SCHEMES`](crate::SCHEMES)) with the default [`Options`].
    pub async fn open(url: &str) -> Result<Blobs, OpenError> {
        Blobs::open_with(url, Options::default()).await
    }

    /// Opens the storage at `url`, makes what is missing, and proves that it can be written, synced, read and
    /// cleaned.
    pub async fn open_with(url: &str, options: Options) -> Result<Blobs, OpenError> {
        let (backend, spool) = open(url, options.spool).await?;
        // No blob may take more than half of a cache, or it would be emptied for one.
        let cache_blob_bytes = options.cache_blob_bytes.min(options.cache_bytes / 2);
        let cache = (cache_blob_bytes > 0).then(|| Cache::new(options.cache_bytes, cache_blob_bytes));
        let limit_bytes = if cache.is_some() { cache_blob_bytes } else { options.whole_blob_bytes };
        let budget_bytes = options.cache_bytes.saturating_mul(2).max(SMALLEST_BUDGET_BYTES);
        let whole = Whole { limit_bytes, budget: Budget::new(budget_bytes) };
        let files = quick_cache::sync::Cache::new(OPEN_FILES);
        Ok(Blobs(Arc::new(Inner { backend, spool, cache, whole, files, faults: Arc::default() })))
    }

    /// Begins an upload of at most `limit_bytes`.
    pub fn stage(&self, limit_bytes: u64) -> Staging {
        Staging::new(self.0.spool.clone(), limit_bytes, Arc::clone(&self.0.faults))
    }

    /// Stores an upload durably under its name. Nothing half-written is ever seen under that name. Where the
    /// blob exists already, its time is renewed, so that the sweeper spares it; a stored file of a wrong size
    /// is replaced. Goes on to its end even when the future is dropped.
    pub async fn keep(&self, staged: Staged) -> Result<Sha256, BlobError> {
        self.0.faults.pass(Call::Keep)?;
        let sha256 = staged.sha256();
        self.0.backend.keep(staged).await?;
        self.0.faults.pass(Call::Kept)?;
        Ok(sha256)
    }

    /// Stores bytes that are in memory: [`Blobs::keep`] without an upload.
    pub async fn put(&self, bytes: Bytes) -> Result<Sha256, BlobError> {
        self.keep(Staged::of(bytes).await?).await
    }

    /// The bytes if they are in memory now: no waiting, no thread, no system call.
    pub fn cached(&self, sha256: &Sha256) -> Option<Bytes> {
        match self.0.cache.as_ref()?.get(sha256)? {
            Entry::Whole(bytes) => Some(bytes),
            Entry::Large => None,
        }
    }

    /// The blob, live or condemned. Small ones come from memory; however many ask for one at a time, it is
    /// read once.
    pub async fn get(&self, sha256: &Sha256) -> Result<Blob, BlobError> {
        self.0.faults.pass(Call::Get)?;
        let open = |whole| self.0.backend.open(*sha256, whole);
        let Some(cache) = &self.0.cache else {
            return open(self.0.whole.clone()).await;
        };
        let guard = match cache.entry_or_guard(sha256).await {
            Ok(Entry::Whole(bytes)) => return Ok(Blob::whole(bytes)),
            Ok(Entry::Large) => return open(Whole { limit_bytes: 0, ..self.0.whole.clone() }).await,
            Err(guard) => guard,
        };
        let blob = open(self.0.whole.clone()).await?;
        // An entry that was removed meanwhile stays removed: then the insertion does nothing.
        let _removed = match blob.content() {
            Content::Bytes(bytes) => guard.insert(Entry::Whole(bytes.clone())).err(),
            Content::Chunks(_) if blob.size_bytes() > self.0.whole.limit_bytes => {
                guard.insert(Entry::Large).err()
            }
            // Small enough, but there was no room: the next reader tries again.
            Content::Chunks(_) => None,
        };
        Ok(blob)
    }

    /// The blob as an open file, for a front that can have the system send it without copying; `None` where
    /// blobs are not files. The files opened last stay open.
    pub async fn file(&self, sha256: &Sha256) -> Result<Option<BlobFile>, BlobError> {
        if let Some(file) = self.0.files.get(sha256) {
            return Ok(Some(file));
        }
        self.0.faults.pass(Call::Get)?;
        let Some(file) = self.0.backend.file(*sha256).await? else { return Ok(None) };
        self.0.files.insert(*sha256, file.clone());
        Ok(Some(file))
    }

    /// A URL under which the blob can be had from the store itself for a while, without any other credentials.
    /// `None` where the storage cannot do so, or where its address does not ask for it by `presign=SECONDS`.
    /// Whoever has the URL can read the blob, so ask for it only on behalf of those who may.
    pub async fn presigned(&self, sha256: &Sha256) -> Result<Option<Url>, BlobError> {
        self.0.faults.pass(Call::Get)?;
        self.0.backend.presigned(*sha256).await
    }

    /// Whether [`Blobs::presigned`] gives URLs.
    pub fn signs(&self) -> bool {
        self.0.backend.signs()
    }

    /// A part of the blob; see [`Blob::slice`].
    pub async fn get_range(&self, sha256: &Sha256, range: Range<u64>) -> Result<Blob, BlobError> {
        self.get(sha256).await?.slice(range)
    }

    /// The size of the blob if there is one that can be read, live or condemned. Not a reason to skip
    /// [`Blobs::keep`]: a condemned blob may go.
    pub async fn size(&self, sha256: &Sha256) -> Result<Option<u64>, BlobError> {
        self.0.faults.pass(Call::Size)?;
        self.0.backend.size(*sha256).await
    }

    /// Up to `limit` live blobs in the order of their names.
    pub async fn list(&self, after: Option<Sha256>, limit: usize) -> Result<Page, BlobError> {
        self.0.faults.pass(Call::List)?;
        self.0.backend.list(Area::Live, after, limit).await
    }

    /// Up to `limit` condemned blobs in the order of their names; their time is when they were condemned.
    pub async fn list_condemned(&self, after: Option<Sha256>, limit: usize) -> Result<Page, BlobError> {
        self.0.faults.pass(Call::List)?;
        self.0.backend.list(Area::Trash, after, limit).await
    }

    /// First phase of sweeping: moves a blob that nothing refers to into the trash, unless it was kept at or
    /// after `unless_since`. It stays readable, because a publish may refer to it at this very moment.
    pub async fn condemn(&self, sha256: &Sha256, unless_since: SystemTime) -> Result<Fate, BlobError> {
        self.0.faults.pass(Call::Condemn)?;
        self.0.backend.condemn(*sha256, unless_since).await
    }

    /// Second phase, when something refers to the blob after all. False when it isn't condemned.
    pub async fn restore(&self, sha256: &Sha256) -> Result<bool, BlobError> {
        self.0.faults.pass(Call::Restore)?;
        self.0.backend.restore(*sha256).await
    }

    /// Second phase, when still nothing refers to the blob: deletes its condemned copy and forgets it. A live
    /// one, kept anew meanwhile, stays. False when it isn't condemned.
    pub async fn purge(&self, sha256: &Sha256) -> Result<bool, BlobError> {
        self.0.faults.pass(Call::Purge)?;
        let result = self.0.backend.purge(*sha256).await;
        // After the deletion, so that no load which saw the file can bring it back.
        if let Some(cache) = &self.0.cache {
            cache.remove(sha256);
        }
        self.0.files.remove(sha256);
        result
    }

    /// Removes what uploads that were cut off (by a crash, since others clean up) last wrote before the given
    /// time. Returns how many files that were.
    pub async fn tidy_staging(&self, before: SystemTime) -> Result<usize, BlobError> {
        self.0.backend.tidy_staging(before).await
    }

    /// Hashes the stored bytes again.
    pub async fn verify(&self, sha256: &Sha256) -> Result<Verdict, BlobError> {
        self.0.faults.pass(Call::Verify)?;
        self.0.backend.verify(*sha256).await
    }

    /// Whether the storage works now. May be dropped at any time, as by a time limit.
    pub async fn check(&self) -> Result<(), BlobError> {
        self.0.faults.pass(Call::Check)?;
        self.0.backend.check().await
    }

    /// Lets `hook` decide which calls fail; none lets all pass again.
    #[cfg(feature = "faults")]
    pub fn inject(&self, hook: Option<crate::faults::Hook>) {
        self.0.faults.set(hook);
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs").field("spool", &self.0.spool).finish_non_exhaustive()
    }
}
