//! Condemning, restoring and purging, with publishes and downloads at the same time.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::support::{all, buckets, bytes, local, memory, no_cache, small_cache};
use holdfast_blobs::{BlobError, Fate, Verdict};
use holdfast_types::Sha256;

/// After every file of a test was written.
async fn later(blobs: &holdfast_blobs::Blobs) -> SystemTime {
    let newest = blobs.list(None, usize::MAX).await.unwrap().blobs.iter().map(|blob| blob.modified).max();
    newest.unwrap() + Duration::from_mins(1)
}

#[tokio::test]
async fn a_condemned_blob_is_readable_until_it_is_purged() {
    for storage in all().await {
        let blobs = &storage.blobs;
        for size in [1000_usize, 2 * 1024 * 1024] {
            let content = bytes(size, 1);
            let sha256 = blobs.put(content.clone()).await.unwrap();
            let later = later(blobs).await;
            assert_eq!(blobs.condemn(&sha256, SystemTime::UNIX_EPOCH).await.unwrap(), Fate::Spared);
            assert_eq!(blobs.condemn(&sha256, later).await.unwrap(), Fate::Condemned);
            assert_eq!(blobs.condemn(&sha256, later).await.unwrap(), Fate::Absent);
            assert_eq!(blobs.list(None, 10).await.unwrap().blobs, []);
            let condemned = blobs.list_condemned(None, 10).await.unwrap().blobs;
            assert_eq!(
                (condemned.len(), condemned[0].sha256, condemned[0].size_bytes),
                (1, sha256, size as u64)
            );
            assert_eq!(blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap(), content);
            assert_eq!(blobs.size(&sha256).await.unwrap(), Some(size as u64));
            assert_eq!(blobs.verify(&sha256).await.unwrap(), Verdict::Intact { size_bytes: size as u64 });

            assert!(blobs.restore(&sha256).await.unwrap());
            assert!(!blobs.restore(&sha256).await.unwrap());
            assert!(!blobs.purge(&sha256).await.unwrap());
            assert_eq!(blobs.list(None, 10).await.unwrap().blobs.len(), 1);

            assert_eq!(blobs.condemn(&sha256, later).await.unwrap(), Fate::Condemned);
            assert_eq!(blobs.get(&sha256).await.unwrap().size_bytes(), size as u64);
            assert!(blobs.purge(&sha256).await.unwrap());
            assert!(!blobs.purge(&sha256).await.unwrap());
            assert!(blobs.cached(&sha256).is_none());
            assert!(matches!(blobs.get(&sha256).await, Err(BlobError::NotFound(_))), "{}", storage.name);
        }
    }
}

#[tokio::test]
async fn purging_spares_a_blob_that_was_kept_anew() {
    for storage in all().await {
        let content = bytes(5000, 2);
        let sha256 = storage.blobs.put(content.clone()).await.unwrap();
        assert_eq!(
            storage.blobs.condemn(&sha256, later(&storage.blobs).await).await.unwrap(),
            Fate::Condemned
        );
        storage.blobs.put(content.clone()).await.unwrap();
        assert!(storage.blobs.purge(&sha256).await.unwrap());
        assert_eq!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap(), content);
    }
}

#[tokio::test]
async fn a_stream_that_began_goes_on_after_the_purge() {
    let storage = local(no_cache()).await;
    let content = bytes(3 * 1024 * 1024, 3);
    let sha256 = storage.blobs.put(content.clone()).await.unwrap();
    let blob = storage.blobs.get(&sha256).await.unwrap();
    storage.blobs.condemn(&sha256, later(&storage.blobs).await).await.unwrap();
    storage.blobs.purge(&sha256).await.unwrap();
    assert!(blob.into_bytes().await.unwrap() == content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_miss_a_blob_that_moves_to_and_fro() {
    let mut storages = vec![(300, local(no_cache()).await), (300, memory(no_cache()).await)];
    storages.extend(buckets(no_cache()).await.into_iter().map(|storage| (30, storage)));
    for (rounds, storage) in storages {
        let content = bytes(2000, 4);
        let sha256 = storage.blobs.put(content.clone()).await.unwrap();
        let later = later(&storage.blobs).await;
        for _ in 0..rounds {
            let reader = tokio::spawn({
                let blobs = storage.blobs.clone();
                async move { blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() }
            });
            assert_eq!(storage.blobs.condemn(&sha256, later).await.unwrap(), Fate::Condemned);
            assert!(storage.blobs.restore(&sha256).await.unwrap());
            assert_eq!(reader.await.unwrap(), content);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_blob_survives_a_sweep_that_decided_before() {
    let storage = local(small_cache()).await;
    let content = bytes(2000, 5);
    let sha256 = storage.blobs.put(content.clone()).await.unwrap();
    for _ in 0..200 {
        let listed = storage.blobs.list(None, 1).await.unwrap().blobs[0].modified;
        let decided = listed + Duration::from_nanos(1);
        let keeper = tokio::spawn({
            let (blobs, content) = (storage.blobs.clone(), content.clone());
            async move { blobs.put(content).await.unwrap() }
        });
        storage.blobs.condemn(&sha256, decided).await.unwrap();
        keeper.await.unwrap();
        // Whoever came first: what was kept is live, so a purge of the trash cannot take it.
        let live = storage.blobs.list(None, 2).await.unwrap().blobs;
        assert_eq!(live.len(), 1);
        storage.blobs.purge(&sha256).await.unwrap();
        assert_eq!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_never_outlives_a_purge() {
    let storage = local(small_cache()).await;
    let content = bytes(2000, 6);
    let sha256 = Sha256::of(&content);
    for _ in 0..100 {
        storage.blobs.put(content.clone()).await.unwrap();
        storage.blobs.condemn(&sha256, later(&storage.blobs).await).await.unwrap();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let blobs = storage.blobs.clone();
                tokio::spawn(async move { blobs.get(&sha256).await.is_ok() })
            })
            .collect();
        storage.blobs.purge(&sha256).await.unwrap();
        for reader in readers {
            reader.await.unwrap();
        }
        assert!(matches!(storage.blobs.get(&sha256).await, Err(BlobError::NotFound(_))));
    }
}

#[tokio::test]
async fn listing_pages_through_everything_in_order() {
    let mut storages = vec![local(no_cache()).await, memory(no_cache()).await];
    storages.extend(buckets(no_cache()).await);
    for storage in storages {
        let mut expected = Vec::new();
        for seed in 0..300 {
            expected.push(storage.blobs.put(bytes(64, seed)).await.unwrap());
        }
        // Neither is live.
        let condemned = storage.blobs.put(Bytes::from_static(b"condemned")).await.unwrap();
        storage.blobs.condemn(&condemned, later(&storage.blobs).await).await.unwrap();
        let mut staging = storage.blobs.stage(u64::MAX);
        staging.write(bytes(300 * 1024, 1)).await.unwrap();
        expected.sort_unstable();
        expected.dedup();
        let limits: &[usize] =
            if storage.name == "file" { &[1, 7, 299, 300, 1000] } else { &[40, 299, 300, 1000] };
        for &limit in limits {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = storage.blobs.list(after, limit).await.unwrap();
                assert!(page.blobs.len() <= limit);
                found.extend(page.blobs.iter().map(|blob| blob.sha256));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{} {limit}", storage.name);
        }
    }
}
