//! How a blob gets into an object store: at once, or in parts when it is large.

use std::io::{self, Read};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::backend::blocking;
use crate::error::BlobError;
use crate::objects::failed;
use crate::staging::{Staged, StagedContent, StagedReader};

/// Larger uploads are sent in parts of this size (at least 5 MiB, says S3, and all the same, says R2).
pub(crate) const PART_BYTES: u64 = 8 * 1024 * 1024;

/// How many parts of an upload are under way, hence in memory, at a time.
const PARTS: usize = 4;

/// Stores the upload under `path`. The store sees it whole or not at all.
pub(crate) async fn upload(store: &dyn ObjectStore, path: &Path, staged: &Staged) -> Result<(), BlobError> {
    if staged.size_bytes() > PART_BYTES {
        return upload_in_parts(store, path, staged).await;
    }
    let payload = match &staged.content {
        StagedContent::Memory(bytes) => PutPayload::from(bytes.clone()),
        StagedContent::File(_) => {
            let reader = staged.reader().map_err(unreadable)?;
            let (_, bytes) = blocking(move || read_part(reader).map_err(unreadable)).await?;
            PutPayload::from(bytes)
        }
    };
    store.put(path, payload).await.map_err(failed("keep a blob"))?;
    Ok(())
}

async fn upload_in_parts(store: &dyn ObjectStore, path: &Path, staged: &Staged) -> Result<(), BlobError> {
    let reader = staged.reader().map_err(unreadable)?;
    let mut upload = store.put_multipart(path).await.map_err(failed("begin to keep a blob"))?;
    let sent = match send_parts(&mut *upload, reader).await {
        Ok(()) => upload.complete().await.map(|_| ()).map_err(failed("keep a blob")),
        Err(error) => Err(error),
    };
    if sent.is_err() {
        // What this leaves, a rule of the bucket removes.
        let aborted = upload.abort().await;
        tracing::debug!(aborted = aborted.is_ok(), "gave up an upload in parts");
    }
    sent
}

async fn send_parts(upload: &mut dyn MultipartUpload, mut reader: StagedReader) -> Result<(), BlobError> {
    let mut under_way = FuturesUnordered::new();
    loop {
        let (rest, part) = blocking(move || read_part(reader).map_err(unreadable)).await?;
        reader = rest;
        if part.is_empty() {
            break;
        }
        under_way.push(upload.put_part(part.into()));
        if under_way.len() == PARTS {
            under_way.next().await.unwrap_or(Ok(())).map_err(failed("keep a part of a blob"))?;
        }
    }
    while let Some(done) = under_way.next().await {
        done.map_err(failed("keep a part of a blob"))?;
    }
    Ok(())
}

fn unreadable(error: io::Error) -> BlobError {
    BlobError::io("read an upload back", error)
}

/// The next part of an upload; empty at its end.
fn read_part(mut reader: StagedReader) -> io::Result<(StagedReader, Vec<u8>)> {
    let mut part = Vec::new();
    (&mut reader).take(PART_BYTES).read_to_end(&mut part)?;
    Ok((reader, part))
}
