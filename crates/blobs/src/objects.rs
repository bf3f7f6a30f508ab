//! Blobs in any [`ObjectStore`], under the same names as in a local folder.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use holdfast_types::Sha256;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Error, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use reqwest::Method;
use url::Url;

use crate::backend::{Area, Whole, blocking};
use crate::content::{Blob, Object, Source};
use crate::error::BlobError;
use crate::staging::Staged;
use crate::sweep::{Fate, Page, Stored, Verdict};
use crate::upload::upload;

/// What a probe writes and wants back, and what the mark holds.
const PROBE: &[u8] = b"holdfast storage probe\n";

/// The object that is always there. When it is not, nothing else that is missing can be called missing.
const MARK: &str = "holdfast-storage";

/// How long a question, or the reading of a small blob, may take with all repetitions.
const ANSWER: Duration = Duration::from_secs(10);

/// More than this is hashed on a blocking thread.
const INLINE_HASH_BYTES: usize = 64 * 1024;

/// How URLs are signed.
pub(crate) struct Presigning {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) lifetime: Duration,
}

/// The operations of an object store.
pub(crate) struct Objects {
    /// Gives up soon.
    reads: Arc<dyn ObjectStore>,
    /// The same store, which has the patience that an upload needs.
    writes: Arc<dyn ObjectStore>,
    root: Path,
    presigning: Option<Presigning>,
}

impl Objects {
    pub(crate) fn new(
        reads: Arc<dyn ObjectStore>,
        writes: Arc<dyn ObjectStore>,
        root: Path,
        presigning: Option<Presigning>,
    ) -> Objects {
        Objects { reads, writes, root, presigning }
    }

    pub(crate) fn in_memory(store: Arc<dyn ObjectStore>) -> Objects {
        Objects::new(Arc::clone(&store), store, Path::default(), None)
    }

    /// Always writes, even when the blob exists: that renews its time and heals a damaged one, and every
    /// store replaces an object in one step.
    pub(crate) async fn keep(&self, staged: Staged) -> Result<(), BlobError> {
        upload(&*self.writes, &self.path(Area::Live, &staged.sha256()), &staged).await
    }

    /// Opens the blob, and reads it when it is small.
    pub(crate) async fn open_blob(&self, sha256: Sha256, whole: &Whole) -> Result<Blob, BlobError> {
        let answer = within("open a blob", self.find(&sha256)).await?;
        let (size_bytes, path) = (answer.meta.size, answer.meta.location.clone());
        let room = if size_bytes <= whole.limit_bytes { whole.budget.reserve(size_bytes) } else { None };
        let Some(room) = room else {
            let object = Box::new(Object { store: Arc::clone(&self.reads), path, answer });
            return Ok(Blob::streamed(sha256, size_bytes, Source::Object(object)));
        };
        let read = async { answer.bytes().await.map_err(failed("read a blob")) };
        let bytes = within("read a blob", read).await?;
        match size_bytes.saturating_sub(bytes.len() as u64) {
            0 => Ok(Blob::whole(room.attach(checked(sha256, bytes).await?))),
            missing_bytes => Err(BlobError::Truncated { sha256, missing_bytes }),
        }
    }

    /// Tries the live name, then the trash, then the live name again: the blob may move meanwhile.
    async fn find(&self, sha256: &Sha256) -> Result<GetResult, BlobError> {
        for area in [Area::Live, Area::Trash, Area::Live] {
            if let Some(found) = present(self.reads.get(&self.path(area, sha256)).await, "open a blob")? {
                return Ok(found);
            }
        }
        self.confirm_absence().await?;
        Err(BlobError::NotFound(*sha256))
    }

    /// Where the blob is now, live or condemned.
    async fn locate(&self, sha256: &Sha256) -> Result<Option<ObjectMeta>, BlobError> {
        for area in [Area::Live, Area::Trash, Area::Live] {
            if let Some(meta) = self.head(area, sha256).await? {
                return Ok(Some(meta));
            }
        }
        self.confirm_absence().await?;
        Ok(None)
    }

    async fn head(&self, area: Area, sha256: &Sha256) -> Result<Option<ObjectMeta>, BlobError> {
        present(self.reads.head(&self.path(area, sha256)).await, "look for a blob")
    }

    /// A bucket that was deleted, another prefix, or a proxy that finds nothing: all of them say "not found"
    /// of the mark too.
    async fn confirm_absence(&self) -> Result<(), BlobError> {
        let attempt = "find its own mark";
        match present(self.reads.get(&self.mark()).await, attempt)? {
            Some(_) => Ok(()),
            None => Err(BlobError::unavailable(
                attempt,
                format!("`{}` is gone: this is not the bucket and prefix that it was", self.mark()),
            )),
        }
    }

    /// The size of the blob if there is one, live or condemned.
    pub(crate) async fn size(&self, sha256: Sha256) -> Result<Option<u64>, BlobError> {
        let found = within("look for a blob", self.locate(&sha256)).await?;
        Ok(found.map(|meta| meta.size))
    }

    /// See [`crate::Blobs::signs`].
    pub(crate) fn signs(&self) -> bool {
        self.presigning.is_some()
    }

    /// See [`crate::Blobs::presigned`].
    pub(crate) async fn presigned(&self, sha256: Sha256) -> Result<Option<Url>, BlobError> {
        let Some(Presigning { signer, lifetime }) = &self.presigning else { return Ok(None) };
        let sign = async {
            // The store would answer for itself that there is nothing.
            let meta = self.locate(&sha256).await?.ok_or(BlobError::NotFound(sha256))?;
            let signed = signer.signed_url(Method::GET, &meta.location, *lifetime).await;
            signed.map(Some).map_err(failed("sign a URL"))
        };
        within("sign a URL", sign).await
    }

    /// The blobs after `after`. Every store here lists names in the order of their bytes, in which all shards
    /// come before the other names of the root.
    pub(crate) async fn list(
        &self,
        area: Area,
        after: Option<Sha256>,
        limit: usize,
    ) -> Result<Page, BlobError> {
        let folder = self.folder(area);
        let mut listing = match &after {
            Some(after) => self.reads.list_with_offset(Some(&folder), &self.path(area, after)),
            None => self.reads.list(Some(&folder)),
        };
        let mut blobs: Vec<Stored> = Vec::new();
        while blobs.len() < limit {
            let Some(meta) = listing.try_next().await.map_err(failed("list blobs"))? else { break };
            let Some(blob) = self.stored(area, &meta) else {
                if meta.location > folder.clone().join("g") {
                    break;
                }
                continue;
            };
            if blobs.last().is_some_and(|last| blob.sha256 <= last.sha256) {
                let reason = "it doesn't list in the order of names; use a general purpose bucket";
                return Err(BlobError::unavailable("list blobs", reason));
            }
            blobs.push(blob);
        }
        Ok(Page::cut(blobs, limit))
    }

    /// See [`crate::Blobs::condemn`]. A keep between the look and the deletion leaves the blob in the trash,
    /// where readers still find it and the second phase restores it.
    pub(crate) async fn condemn(&self, sha256: Sha256, unless_since: SystemTime) -> Result<Fate, BlobError> {
        match self.head(Area::Live, &sha256).await? {
            None => return Ok(Fate::Absent),
            Some(meta) if SystemTime::from(meta.last_modified) >= unless_since => return Ok(Fate::Spared),
            Some(_) => {}
        }
        let moved = self.move_blob(Area::Live, Area::Trash, &sha256, "condemn a blob").await?;
        Ok(if moved { Fate::Condemned } else { Fate::Absent })
    }

    /// Moves a condemned blob back; false when it isn't in the trash.
    pub(crate) async fn restore(&self, sha256: Sha256) -> Result<bool, BlobError> {
        self.move_blob(Area::Trash, Area::Live, &sha256, "restore a blob").await
    }

    /// Copies, then deletes, so that the blob is readable all the time.
    async fn move_blob(
        &self,
        from: Area,
        to: Area,
        sha256: &Sha256,
        attempt: &'static str,
    ) -> Result<bool, BlobError> {
        let (from, to) = (self.path(from, sha256), self.path(to, sha256));
        if present(self.writes.copy(&from, &to).await, attempt)?.is_none() {
            return Ok(false);
        }
        present(self.writes.delete(&from).await, attempt)?;
        Ok(true)
    }

    /// Deletes a condemned blob; false when it isn't in the trash.
    pub(crate) async fn purge(&self, sha256: Sha256) -> Result<bool, BlobError> {
        if self.head(Area::Trash, &sha256).await?.is_none() {
            return Ok(false);
        }
        let deleted = self.writes.delete(&self.path(Area::Trash, &sha256)).await;
        Ok(present(deleted, "purge a blob")?.is_some())
    }

    /// Hashes the blob again.
    pub(crate) async fn verify(&self, sha256: Sha256) -> Result<Verdict, BlobError> {
        let mut stream = within("open a blob", self.find(&sha256)).await?.into_stream();
        let mut hasher = Sha256::hasher();
        let mut size_bytes = 0;
        while let Some(chunk) = stream.try_next().await.map_err(failed("read a blob to verify it"))? {
            hasher.update(&chunk);
            size_bytes += chunk.len() as u64;
        }
        Ok(Verdict::of(&sha256, hasher.finish(), size_bytes))
    }

    /// Writes, reads and deletes an object, then leaves the mark. Replicas may share the names: all of them
    /// write the same bytes.
    pub(crate) async fn probe(&self) -> Result<(), BlobError> {
        let attempt = "write, read and delete a probe";
        let path = self.root.clone().join("staging").join("probe");
        // Through the side that gives up soon: somebody waits for the server to start.
        self.reads.put(&path, PutPayload::from_static(PROBE)).await.map_err(failed(attempt))?;
        if let Some(found) = present(self.reads.get(&path).await, attempt)?
            && found.bytes().await.map_err(failed(attempt))? != PROBE
        {
            return Err(BlobError::unavailable(attempt, "other bytes came back"));
        }
        present(self.reads.delete(&path).await, attempt)?;
        if present(self.reads.get(&self.mark()).await, "find its own mark")?.is_none() {
            self.leave_mark().await?;
        }
        Ok(())
    }

    async fn leave_mark(&self) -> Result<(), BlobError> {
        let attempt = "leave its own mark";
        let payload = PutPayload::from_static(PROBE);
        match self.writes.put_opts(&self.mark(), payload.clone(), PutMode::Create.into()).await {
            Ok(_) | Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
            Err(Error::NotImplemented { .. }) => {
                self.writes.put(&self.mark(), payload).await.map(|_| ()).map_err(failed(attempt))
            }
            Err(error) => Err(failed(attempt)(error)),
        }
    }

    /// One cheap question, to which there is one good answer.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        within("answer", self.confirm_absence()).await
    }

    fn mark(&self) -> Path {
        self.root.clone().join(MARK)
    }

    fn folder(&self, area: Area) -> Path {
        match area {
            Area::Live => self.root.clone(),
            Area::Trash => self.root.clone().join("trash"),
        }
    }

    fn path(&self, area: Area, sha256: &Sha256) -> Path {
        let name = sha256.to_string();
        self.folder(area).join(&name[..2]).join(name.as_str())
    }

    fn stored(&self, area: Area, meta: &ObjectMeta) -> Option<Stored> {
        let sha256 = meta.location.filename()?.parse().ok()?;
        let is_in_place = meta.location == self.path(area, &sha256);
        is_in_place.then(|| Stored { sha256, size_bytes: meta.size, modified: meta.last_modified.into() })
    }
}

pub(crate) fn failed(attempt: &'static str) -> impl FnOnce(Error) -> BlobError {
    move |error| BlobError::unavailable(attempt, error)
}

/// Tells absence from trouble.
fn present<T>(result: object_store::Result<T>, attempt: &'static str) -> Result<Option<T>, BlobError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(attempt)(error)),
    }
}

/// Bounds what somebody waits for.
async fn within<T>(
    attempt: &'static str,
    answer: impl Future<Output = Result<T, BlobError>>,
) -> Result<T, BlobError> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(result) => result,
        Err(late) => Err(BlobError::unavailable(attempt, late)),
    }
}

/// The bytes, if they are those that were kept.
async fn checked(sha256: Sha256, bytes: Bytes) -> Result<Bytes, BlobError> {
    let actual = if bytes.len() <= INLINE_HASH_BYTES {
        Sha256::of(&bytes)
    } else {
        let bytes = bytes.clone();
        blocking(move || Ok(Sha256::of(&bytes))).await?
    };
    if actual == sha256 { Ok(bytes) } else { Err(BlobError::Damaged(sha256)) }
}
