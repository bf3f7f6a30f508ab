//! Blobs in any [`ObjectStore`], under the same names as in a local folder.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use holdfast_types::Sha256;
use object_store::path::Path;
use object_store::{Error, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};

use crate::backend::{Area, Whole, blocking};
use crate::content::{Blob, Source};
use crate::error::BlobError;
use crate::staging::{Staged, StagedContent, StagedReader};
use crate::sweep::{Fate, Page, Stored, Verdict};

/// Uploads that wait in a file are sent in parts of this size (at least 5 MiB, says S3).
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// What a probe writes and wants back.
const PROBE: &[u8] = b"holdfast storage probe\n";

/// The operations of an object store.
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Objects {
        Objects { store }
    }

    /// Always writes, even when the blob exists: that renews its time and heals a damaged one, and every
    /// store replaces an object in one step.
    pub(crate) async fn keep(&self, staged: Staged) -> Result<(), BlobError> {
        let path = path(Area::Live, &staged.sha256());
        match &staged.content {
            StagedContent::Memory(bytes) => {
                self.store
                    .put(&path, PutPayload::from(bytes.clone()))
                    .await
                    .map_err(failed("keep a blob"))?;
                Ok(())
            }
            StagedContent::File(_) => self.keep_in_parts(&path, &staged).await,
        }
    }

    async fn keep_in_parts(&self, path: &Path, staged: &Staged) -> Result<(), BlobError> {
        let unreadable = |error| BlobError::io("read an upload back", error);
        let mut reader = staged.reader().map_err(unreadable)?;
        let mut upload = self.store.put_multipart(path).await.map_err(failed("keep a blob"))?;
        loop {
            let (rest, part) = blocking(move || read_part(reader).map_err(unreadable)).await?;
            if part.is_empty() {
                break;
            }
            if let Err(error) = upload.put_part(part.into()).await {
                let aborted = upload.abort().await;
                tracing::debug!(aborted = aborted.is_ok(), "gave up a multipart upload");
                return Err(failed("keep a blob")(error));
            }
            reader = rest;
        }
        upload.complete().await.map_err(failed("keep a blob"))?;
        Ok(())
    }

    /// Opens the blob, and reads it when it is small.
    pub(crate) async fn open_blob(&self, sha256: Sha256, whole: &Whole) -> Result<Blob, BlobError> {
        let Some(found) = self.find(&sha256).await? else { return Err(BlobError::NotFound(sha256)) };
        let (size_bytes, path) = (found.meta.size, found.meta.location.clone());
        let room = if size_bytes <= whole.limit_bytes { whole.budget.reserve(size_bytes) } else { None };
        let Some(room) = room else {
            return Ok(Blob::streamed(sha256, size_bytes, Source::Object(Arc::clone(&self.store), path)));
        };
        let bytes = found.bytes().await.map_err(failed("read a blob"))?;
        match size_bytes.saturating_sub(bytes.len() as u64) {
            0 => Ok(Blob::whole(room.attach(bytes))),
            missing_bytes => Err(BlobError::Truncated { sha256, missing_bytes }),
        }
    }

    /// Tries the live name, then the trash, then the live name again: the blob may move meanwhile.
    async fn find(&self, sha256: &Sha256) -> Result<Option<GetResult>, BlobError> {
        for area in [Area::Live, Area::Trash, Area::Live] {
            if let Some(found) = present(self.store.get(&path(area, sha256)).await, "open a blob")? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The size of the blob if there is one, live or condemned.
    pub(crate) async fn size(&self, sha256: Sha256) -> Result<Option<u64>, BlobError> {
        for area in [Area::Live, Area::Trash, Area::Live] {
            if let Some(meta) = self.head(area, &sha256).await? {
                return Ok(Some(meta.size));
            }
        }
        Ok(None)
    }

    async fn head(&self, area: Area, sha256: &Sha256) -> Result<Option<ObjectMeta>, BlobError> {
        present(self.store.head(&path(area, sha256)).await, "look for a blob")
    }

    /// The blobs after `after`, shard by shard, because a store need not list in order.
    pub(crate) async fn list(
        &self,
        area: Area,
        after: Option<Sha256>,
        limit: usize,
    ) -> Result<Page, BlobError> {
        let mut blobs = Vec::new();
        for shard in after.map_or(0, |sha256| sha256.as_bytes()[0])..=u8::MAX {
            if blobs.len() >= limit {
                break;
            }
            let folder = folder(area).join(format!("{shard:02x}"));
            let listing = match &after {
                Some(after) => self.store.list_with_offset(Some(&folder), &path(area, after)),
                None => self.store.list(Some(&folder)),
            };
            let metas: Vec<ObjectMeta> = listing.try_collect().await.map_err(failed("list blobs"))?;
            let mut found: Vec<Stored> = metas.iter().filter_map(stored).collect();
            found.sort_unstable_by_key(|blob| blob.sha256);
            found.truncate(limit - blobs.len());
            blobs.append(&mut found);
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
        let (from, to) = (path(from, sha256), path(to, sha256));
        if present(self.store.copy(&from, &to).await, attempt)?.is_none() {
            return Ok(false);
        }
        present(self.store.delete(&from).await, attempt)?;
        Ok(true)
    }

    /// Deletes a condemned blob; false when it isn't in the trash.
    pub(crate) async fn purge(&self, sha256: Sha256) -> Result<bool, BlobError> {
        if self.head(Area::Trash, &sha256).await?.is_none() {
            return Ok(false);
        }
        let deleted = self.store.delete(&path(Area::Trash, &sha256)).await;
        Ok(present(deleted, "purge a blob")?.is_some())
    }

    /// Hashes the blob again.
    pub(crate) async fn verify(&self, sha256: Sha256) -> Result<Verdict, BlobError> {
        let Some(found) = self.find(&sha256).await? else { return Err(BlobError::NotFound(sha256)) };
        let mut stream = found.into_stream();
        let mut hasher = Sha256::hasher();
        let mut size_bytes = 0;
        while let Some(chunk) = stream.try_next().await.map_err(failed("read a blob to verify it"))? {
            hasher.update(&chunk);
            size_bytes += chunk.len() as u64;
        }
        Ok(Verdict::of(&sha256, hasher.finish(), size_bytes))
    }

    /// Writes, reads and deletes an object. Replicas may share its name: all of them write the same bytes.
    pub(crate) async fn probe(&self) -> Result<(), BlobError> {
        let attempt = "write, read and delete a probe";
        let path = Path::from("staging").join("probe");
        self.store.put(&path, PutPayload::from_static(PROBE)).await.map_err(failed(attempt))?;
        if let Some(found) = present(self.store.get(&path).await, attempt)?
            && found.bytes().await.map_err(failed(attempt))? != PROBE
        {
            return Err(BlobError::unavailable(attempt, "other bytes came back"));
        }
        present(self.store.delete(&path).await, attempt)?;
        Ok(())
    }

    /// One cheap question.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        let path = Path::from("staging").join("probe");
        present(self.store.head(&path).await, "answer")?;
        Ok(())
    }
}

fn folder(area: Area) -> Path {
    match area {
        Area::Live => Path::default(),
        Area::Trash => Path::from("trash"),
    }
}

fn path(area: Area, sha256: &Sha256) -> Path {
    let name = sha256.to_string();
    folder(area).join(&name[..2]).join(name.as_str())
}

fn stored(meta: &ObjectMeta) -> Option<Stored> {
    let sha256 = meta.location.filename()?.parse().ok()?;
    Some(Stored { sha256, size_bytes: meta.size, modified: meta.last_modified.into() })
}

fn failed(attempt: &'static str) -> impl FnOnce(Error) -> BlobError {
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

/// The next part of an upload; empty at its end.
fn read_part(mut reader: StagedReader) -> io::Result<(StagedReader, Vec<u8>)> {
    let mut part = Vec::new();
    (&mut reader).take(PART_BYTES).read_to_end(&mut part)?;
    Ok((reader, part))
}
