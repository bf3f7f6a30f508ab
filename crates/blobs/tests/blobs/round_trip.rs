//! What goes in comes out: uploads, names, reads, ranges.

use std::io::Read;

use crate::support::{all, bytes, local, memory, no_cache, small_cache, stage};
use bytes::Bytes;
use futures_util::TryStreamExt;
use holdfast_blobs::{BlobError, Blobs, Content, OpenError};
use holdfast_types::Sha256;
use proptest::prelude::*;

const SIZES: [usize; 8] =
    [0, 1, 255 * 1024, 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 1024 * 1024 + 1, 10 * 1024 * 1024];

#[tokio::test]
async fn every_size_comes_back_as_it_went() {
    for storage in all().await {
        for size in SIZES {
            let content = bytes(size, 1);
            let staged = stage(&storage.blobs, &content, 100_000).await;
            assert_eq!((staged.sha256(), staged.size_bytes()), (Sha256::of(&content), size as u64));
            let mut read = Vec::new();
            staged.reader().unwrap().read_to_end(&mut read).unwrap();
            assert!(read == content, "staged {} {size}", storage.name);

            let sha256 = storage.blobs.keep(staged).await.unwrap();
            assert_eq!(storage.blobs.size(&sha256).await.unwrap(), Some(size as u64));
            for _ in 0..2 {
                let blob = storage.blobs.get(&sha256).await.unwrap();
                assert_eq!((blob.size_bytes(), blob.range()), (size as u64, 0..size as u64));
                assert!(blob.into_bytes().await.unwrap() == content, "{} {size}", storage.name);
            }
        }
    }
}

#[tokio::test]
async fn small_blobs_are_cached_and_large_ones_streamed() {
    for storage in [local(small_cache()).await, memory(small_cache()).await] {
        let (small, large) = (bytes(512 * 1024, 2), bytes(512 * 1024 + 1, 3));
        let small = storage.blobs.put(small).await.unwrap();
        let large = storage.blobs.put(large).await.unwrap();
        assert!(storage.blobs.cached(&small).is_none());
        assert!(matches!(storage.blobs.get(&small).await.unwrap().content(), Content::Bytes(_)));
        assert!(storage.blobs.cached(&small).is_some());
        for _ in 0..2 {
            assert!(matches!(storage.blobs.get(&large).await.unwrap().content(), Content::Chunks(_)));
        }
        assert!(storage.blobs.cached(&large).is_none());
    }
}

#[tokio::test]
async fn concurrent_readers_get_the_same_bytes() {
    let storage = local(small_cache()).await;
    let content = bytes(100_000, 4);
    let sha256 = storage.blobs.put(content.clone()).await.unwrap();
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let blobs = storage.blobs.clone();
            tokio::spawn(async move { blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() })
        })
        .collect();
    let mut seen = Vec::new();
    for reader in readers {
        seen.push(reader.await.unwrap());
    }
    assert!(seen.iter().all(|bytes| *bytes == content));
    // Loaded once: all share the memory of the first.
    assert!(seen.iter().all(|bytes| bytes.as_ptr() == seen[0].as_ptr()));
}

#[tokio::test]
async fn ranges_are_exact_and_checked() {
    for storage in all().await {
        for size in [100_usize, 300 * 1024, 3 * 1024 * 1024] {
            let content = bytes(size, 5);
            let sha256 = storage.blobs.put(content.clone()).await.unwrap();
            let end = size as u64;
            for range in [0..1, 0..end, 7..end - 9, end - 1..end, end / 2..u64::MAX, 50..51] {
                let blob = storage.blobs.get_range(&sha256, range.clone()).await.unwrap();
                let last = range.end.min(end);
                assert_eq!((blob.size_bytes(), blob.range()), (end, range.start..last));
                let expected =
                    content.slice(usize::try_from(range.start).unwrap()..usize::try_from(last).unwrap());
                assert!(blob.into_bytes().await.unwrap() == expected, "{} {size} {range:?}", storage.name);
            }
            for range in [end..end + 1, 5..5, u64::MAX - 1..u64::MAX] {
                let refused = storage.blobs.get_range(&sha256, range.clone()).await.unwrap_err();
                assert!(
                    matches!(&refused, BlobError::OutOfRange { size_bytes, .. } if *size_bytes == end),
                    "{range:?}: {refused}"
                );
            }
        }
        let empty = storage.blobs.put(Bytes::new()).await.unwrap();
        let refused = storage.blobs.get_range(&empty, 0..1).await.unwrap_err();
        assert!(matches!(refused, BlobError::OutOfRange { size_bytes: 0, .. }));
    }
}

#[tokio::test]
async fn large_files_come_in_chunks() {
    let storage = local(no_cache()).await;
    let content = bytes(1024 * 1024 + 1, 6);
    let sha256 = storage.blobs.put(content.clone()).await.unwrap();
    let Content::Chunks(chunks) = storage.blobs.get(&sha256).await.unwrap().into_content() else {
        panic!("not streamed")
    };
    assert_eq!(chunks.remaining_bytes(), content.len() as u64);
    let chunks: Vec<Bytes> = chunks.try_collect().await.unwrap();
    let lengths: Vec<usize> = chunks.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [262_144, 262_144, 262_144, 262_144, 1]);
    assert!(chunks.concat() == content);
}

#[tokio::test]
async fn absent_blobs_are_not_found() {
    for storage in all().await {
        let sha256 = Sha256::of(b"never stored");
        assert!(
            matches!(storage.blobs.get(&sha256).await, Err(BlobError::NotFound(named)) if named == sha256)
        );
        assert!(matches!(storage.blobs.verify(&sha256).await, Err(BlobError::NotFound(_))));
        assert_eq!(storage.blobs.size(&sha256).await.unwrap(), None);
        // A miss is not remembered.
        storage.blobs.put(Bytes::from_static(b"never stored")).await.unwrap();
        assert_eq!(storage.blobs.get(&sha256).await.unwrap().size_bytes(), 12);
    }
}

#[tokio::test]
async fn uploads_end_at_their_limit() {
    for storage in all().await {
        for limit in [0_usize, 10, 300 * 1024] {
            let content = bytes(limit, 7);
            let staged = stage(&storage.blobs, &content, 1000).await;
            assert_eq!(staged.size_bytes(), limit as u64);

            let mut staging = storage.blobs.stage(limit as u64);
            staging.write(content).await.unwrap();
            let refused = staging.write(Bytes::from_static(b"!")).await.unwrap_err();
            assert!(matches!(refused, BlobError::TooLarge { limit_bytes } if limit_bytes == limit as u64));
            // What was refused cannot be finished by mistake.
            assert!(matches!(staging.finish().await, Err(BlobError::Unavailable { .. })));
        }
    }
}

#[tokio::test]
async fn addresses_that_are_not_supported_say_what_is() {
    let refused = Blobs::open("ftp://user:secret@host/x").await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "storage addresses of the kind `ftp:` are not supported; use `file:PATH`, `s3://BUCKET`, \
         `gs://BUCKET`, `az://CONTAINER` or `memory:`"
    );
    assert!(matches!(Blobs::open("file:").await, Err(OpenError::NoPath(_))));
    assert!(matches!(Blobs::open("").await, Err(OpenError::Unsupported(_))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let url = format!("file:{}/file", folder.path().display());
    assert!(matches!(Blobs::open(&url).await, Err(OpenError::Unusable { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn chunking_of_writes_never_shows(chunks in proptest::collection::vec(0_usize..120_000, 0..12), spool: bool) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let storage = if spool { local(no_cache()).await } else { memory(no_cache()).await };
            let content = bytes(chunks.iter().sum(), 8);
            let mut staging = storage.blobs.stage(u64::MAX);
            let mut rest = content.clone();
            for chunk in chunks {
                staging.write(rest.split_to(chunk)).await.unwrap();
            }
            let staged = staging.finish().await.unwrap();
            prop_assert_eq!(staged.sha256(), Sha256::of(&content));
            let mut read = Vec::new();
            staged.reader().unwrap().read_to_end(&mut read).unwrap();
            prop_assert!(read == content);
            let sha256 = storage.blobs.keep(staged).await.unwrap();
            prop_assert!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() == content);
            Ok(())
        })?;
    }
}
