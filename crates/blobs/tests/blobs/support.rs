//! Storages to test with.

use std::sync::OnceLock;

use bytes::Bytes;
use holdfast_blobs::{Blobs, Options, Staged};
use holdfast_servers::{Kind, Server};
use tempfile::TempDir;

/// A storage and what it lives in.
pub(crate) struct Storage {
    pub(crate) blobs: Blobs,
    pub(crate) name: &'static str,
    pub(crate) folder: TempDir,
}

/// Small enough that tests meet every limit: the cache takes blobs up to 512 KiB.
pub(crate) fn small_cache() -> Options {
    Options { cache_bytes: 1024 * 1024, ..Options::default() }
}

pub(crate) fn no_cache() -> Options {
    Options { cache_bytes: 0, ..Options::default() }
}

/// Opens a local folder.
pub(crate) async fn local(options: Options) -> Storage {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    Storage { blobs: Blobs::open_with(&url, options).await.unwrap(), name: "file", folder }
}

/// Opens an object store in memory whose larger uploads wait in a folder, as a cloud's would.
pub(crate) async fn memory(options: Options) -> Storage {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { spool: Some(folder.path().to_owned()), ..options };
    Storage { blobs: Blobs::open_with("memory:", options).await.unwrap(), name: "memory", folder }
}

/// The servers of S3's protocol that are installed: started once, and ended with this process.
pub(crate) fn servers() -> &'static [(&'static str, Box<dyn Server>)] {
    static SERVERS: OnceLock<Vec<(&str, Box<dyn Server>)>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let kinds = [("moto", Kind::S3), ("garage", Kind::Garage)];
        kinds.into_iter().filter_map(|(name, kind)| Some((name, kind.start()?))).collect()
    })
}

/// Opens a new bucket on a server.
pub(crate) async fn bucket(name: &'static str, url: &str, options: Options) -> Storage {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { spool: Some(folder.path().to_owned()), ..options };
    Storage { blobs: Blobs::open_with(url, options).await.unwrap(), name, folder }
}

/// A bucket on each server.
pub(crate) async fn buckets(options: Options) -> Vec<Storage> {
    let mut buckets = Vec::new();
    for (name, server) in servers() {
        buckets.push(bucket(name, &server.place(), options.clone()).await);
    }
    buckets
}

/// Every kind of storage, with and without a cache.
pub(crate) async fn all() -> Vec<Storage> {
    let mut all = vec![
        local(small_cache()).await,
        local(no_cache()).await,
        memory(small_cache()).await,
        memory(no_cache()).await,
    ];
    all.extend(buckets(no_cache()).await);
    all
}

/// Bytes that differ everywhere.
pub(crate) fn bytes(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// An upload in chunks of the given size.
pub(crate) async fn stage(blobs: &Blobs, content: &Bytes, chunk: usize) -> Staged {
    let mut staging = blobs.stage(content.len() as u64);
    for start in (0..content.len()).step_by(chunk) {
        staging.write(content.slice(start..content.len().min(start + chunk))).await.unwrap();
    }
    staging.finish().await.unwrap()
}
