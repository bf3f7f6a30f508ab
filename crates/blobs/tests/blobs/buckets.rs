//! What only remote stores do: they fail, hang, cut their answers short, lose their bucket, sign URLs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use holdfast_blobs::{BlobError, Blobs, Content, OpenError, Url, Verdict};
use holdfast_servers::{Act, Front, Server};
use holdfast_types::Sha256;

use crate::support::{Storage, bucket, buckets, bytes, no_cache, servers, stage};

/// Where the server of a URL listens.
fn address_of(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("endpoint=http://").unwrap();
    rest.split('&').next().unwrap().parse().unwrap()
}

/// A new bucket behind a proxy.
async fn fronted(name: &'static str, server: &dyn Server) -> (Front, Storage) {
    let url = server.place();
    let front = Front::before(address_of(&url));
    let through = url.replace(&address_of(&url).to_string(), &front.address().to_string());
    let storage = bucket(name, &through, no_cache()).await;
    (front, storage)
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, BlobError>) -> bool {
    matches!(result, Err(BlobError::Unavailable { .. }))
}

#[tokio::test]
async fn large_uploads_go_in_parts() {
    for storage in buckets(no_cache()).await {
        for size in [8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 45 * 1024 * 1024] {
            let content = bytes(size, 1);
            let staged = stage(&storage.blobs, &content, 1024 * 1024).await;
            let sha256 = storage.blobs.keep(staged).await.unwrap();
            assert_eq!(
                storage.blobs.verify(&sha256).await.unwrap(),
                Verdict::Intact { size_bytes: size as u64 }
            );
            let middle = storage.blobs.get_range(&sha256, 8_388_000..8_388_607).await.unwrap();
            assert!(
                middle.into_bytes().await.unwrap() == content.slice(8_388_000..8_388_607),
                "{}",
                storage.name
            );
        }
    }
}

#[tokio::test]
async fn parts_carry_checksums_and_a_failed_upload_leaves_nothing() {
    for (name, server) in servers() {
        let (front, storage) = fronted(name, &**server).await;
        let seen = Arc::new(AtomicUsize::new(0));
        let parts = seen.clone();
        front.script(move |request| {
            if request.line.contains("partNumber=") {
                assert!(request.header("x-amz-checksum-sha256").is_some());
                parts.fetch_add(1, Ordering::SeqCst);
            }
            Act::Forward
        });
        let content = bytes(20 * 1024 * 1024, 2);
        let sha256 = storage.blobs.put(content.clone()).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 3);

        let aborted = Arc::new(AtomicUsize::new(0));
        let count = aborted.clone();
        front.script(move |request| {
            if request.line.contains("partNumber=2") {
                return Act::Answer(403, "no".into());
            }
            count.fetch_add(usize::from(request.line.starts_with("DELETE")), Ordering::SeqCst);
            Act::Forward
        });
        let other = bytes(20 * 1024 * 1024, 3);
        assert!(is_unavailable(&storage.blobs.put(other.clone()).await));
        assert_eq!(aborted.load(Ordering::SeqCst), 1);
        assert_eq!(storage.blobs.size(&Sha256::of(&other)).await.unwrap(), None);
        assert_eq!(storage.blobs.list(None, 9).await.unwrap().blobs.len(), 1);
        assert_eq!(storage.blobs.size(&sha256).await.unwrap(), Some(20 * 1024 * 1024));
    }
}

#[tokio::test]
async fn trouble_that_passes_is_not_seen() {
    for (name, server) in servers() {
        let (front, storage) = fronted(name, &**server).await;
        let content = bytes(100_000, 4);
        for status in [500, 503, 429] {
            let calls = AtomicUsize::new(0);
            front.script(move |_| {
                if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                    Act::Answer(status, "<Error><Code>SlowDown</Code></Error>".into())
                } else {
                    Act::Forward
                }
            });
            let sha256 = storage.blobs.put(content.clone()).await.unwrap();
            assert!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() == content);
        }
        // An answer that is cut short is asked for again from where it ended.
        let calls = AtomicUsize::new(0);
        front.script(move |request| match calls.fetch_add(1, Ordering::SeqCst) {
            0 if request.line.starts_with("GET") => {
                Act::Change(|answer| answer[..answer.len() - 60_000].to_vec())
            }
            _ => Act::Forward,
        });
        let sha256 = Sha256::of(&content);
        assert!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() == content, "{name}");
    }
}

#[tokio::test]
async fn trouble_that_stays_is_told_and_is_no_absence() {
    for (name, server) in servers() {
        let (front, storage) = fronted(name, &**server).await;
        let blobs = &storage.blobs;
        let content = bytes(2 * 1024 * 1024, 5);
        let sha256 = blobs.put(content.clone()).await.unwrap();
        let absent = Sha256::of(b"never kept");
        for status in [500, 503, 403, 301] {
            front.script(move |_| Act::Answer(status, String::new()));
            let began = Instant::now();
            for asked in [sha256, absent] {
                assert!(is_unavailable(&blobs.get(&asked).await), "{name} {status}");
                assert!(is_unavailable(&blobs.size(&asked).await), "{name} {status}");
            }
            assert!(is_unavailable(&blobs.list(None, 9).await) && is_unavailable(&blobs.check().await));
            assert!(is_unavailable(&blobs.verify(&sha256).await));
            assert!(began.elapsed() < Duration::from_secs(15), "{status}: {:?}", began.elapsed());
        }
        front.script(|_| Act::Forward);
        blobs.check().await.unwrap();
        assert!(matches!(blobs.get(&absent).await, Err(BlobError::NotFound(_))));
        assert!(blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap() == content);
    }
}

#[tokio::test]
async fn a_store_that_says_nothing_is_given_up_within_seconds() {
    let Some((name, server)) = servers().first() else { return };
    let (front, storage) = fronted(name, &**server).await;
    let sha256 = storage.blobs.put(bytes(100, 6)).await.unwrap();
    front.script(|_| Act::Hang);
    let began = Instant::now();
    let (read, size, check) =
        tokio::join!(storage.blobs.get(&sha256), storage.blobs.size(&sha256), storage.blobs.check());
    assert!(is_unavailable(&read) && is_unavailable(&size) && is_unavailable(&check));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    front.script(|_| Act::Forward);
    storage.blobs.get(&sha256).await.unwrap();
}

#[tokio::test]
async fn nobody_listens() {
    let Some((name, server)) = servers().first() else { return };
    let url = server.place();
    let storage = bucket(name, &url, no_cache()).await;
    storage.blobs.check().await.unwrap();
    let nowhere = url.replace(&address_of(&url).to_string(), "127.0.0.1:1");
    let began = Instant::now();
    assert!(matches!(Blobs::open(&nowhere).await, Err(OpenError::Probe(BlobError::Unavailable { .. }))));
    assert!(began.elapsed() < Duration::from_secs(30));
}

/// Turns over a bit near the end of an answer.
fn damage(mut answer: Vec<u8>) -> Vec<u8> {
    let place = answer.len() - 10;
    answer[place] ^= 1;
    answer
}

#[tokio::test]
async fn wrong_bytes_are_never_whole() {
    for (name, server) in servers() {
        let (front, storage) = fronted(name, &**server).await;
        for size in [1000, 100_000, 3 * 1024 * 1024] {
            front.script(|_| Act::Forward);
            let content = bytes(size, 7);
            let sha256 = storage.blobs.put(content).await.unwrap();
            front.script(|_| Act::Change(damage));
            let mut received = 0;
            let end = match storage.blobs.get(&sha256).await.map(holdfast_blobs::Blob::into_content) {
                Err(error) => error,
                Ok(Content::Bytes(_)) => panic!("damaged bytes were given out"),
                Ok(Content::Chunks(mut chunks)) => loop {
                    match chunks.try_next().await {
                        Ok(Some(chunk)) => received += chunk.len(),
                        Ok(None) => panic!("the stream ended as if all were well"),
                        Err(error) => break error,
                    }
                },
            };
            assert!(matches!(end, BlobError::Damaged(named) if named == sha256), "{name} {size}: {end}");
            assert!(received < size, "a reader could take it for the whole");
            assert!(matches!(storage.blobs.verify(&sha256).await.unwrap(), Verdict::Corrupt { .. }));
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_the_one_that_it_was_has_no_missing_blobs() {
    for (name, server) in servers() {
        let (front, storage) = fronted(name, &**server).await;
        let sha256 = storage.blobs.put(bytes(100, 8)).await.unwrap();
        // A proxy that knows nothing, or a deleted bucket.
        front.script(|_| Act::Answer(404, "<Error><Code>NoSuchBucket</Code></Error>".into()));
        assert!(is_unavailable(&storage.blobs.get(&sha256).await), "{name}");
        assert!(is_unavailable(&storage.blobs.size(&sha256).await));
        assert!(is_unavailable(&storage.blobs.verify(&sha256).await));
        assert!(is_unavailable(&storage.blobs.list(None, 9).await));
        assert!(is_unavailable(&storage.blobs.check().await));
    }
}

/// One question without credentials.
fn fetch(url: &Url) -> Vec<u8> {
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap());
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn signed_urls_give_the_bytes_for_a_while() {
    for (name, server) in servers() {
        let place = server.place();
        assert!(
            bucket(name, &place, no_cache()).await.blobs.presigned(&Sha256::of(b"")).await.unwrap().is_none()
        );
        let storage = bucket(name, &format!("{place}&presign=300"), no_cache()).await;
        let content = bytes(5000, 9);
        let sha256 = storage.blobs.put(content.clone()).await.unwrap();
        let url = storage.blobs.presigned(&sha256).await.unwrap().unwrap();
        let query: Vec<_> = url.query_pairs().collect();
        let value = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| &**value);
        assert_eq!(value("X-Amz-Expires"), Some("300"));
        assert!(url.path().ends_with(&sha256.to_string()) && !url.as_str().contains("secret"));
        let answer = fetch(&url);
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(&content), "{name}");
        let absent = storage.blobs.presigned(&Sha256::of(b"never kept")).await;
        assert!(matches!(absent, Err(BlobError::NotFound(_))), "{absent:?}");

        // A condemned blob is where it is.
        let later = storage.blobs.list(None, 1).await.unwrap().blobs[0].modified + Duration::from_mins(1);
        storage.blobs.condemn(&sha256, later).await.unwrap();
        let condemned = storage.blobs.presigned(&sha256).await.unwrap().unwrap();
        assert!(fetch(&condemned).ends_with(&content));
        if *name != "moto" {
            let mut forged = url.clone();
            let query = url.query().unwrap().replace("X-Amz-Expires=300", "X-Amz-Expires=301");
            forged.set_query(Some(&query));
            assert!(fetch(&forged).starts_with(b"HTTP/1.1 403"), "{name} takes a forged URL");
        }
    }
}

#[tokio::test]
async fn signing_is_for_stores_only() {
    let folder = tempfile::tempdir().unwrap();
    let local = Blobs::open(&format!("file:{}", folder.path().display())).await.unwrap();
    let sha256 = local.put(Bytes::from_static(b"x")).await.unwrap();
    assert!(local.presigned(&sha256).await.unwrap().is_none());
    assert!(Blobs::open("memory:").await.unwrap().presigned(&sha256).await.unwrap().is_none());
}

#[tokio::test]
async fn two_storages_share_a_bucket_by_their_prefixes() {
    for (name, server) in servers() {
        let place = server.place();
        let first = bucket(name, &place, no_cache()).await;
        let second = bucket(name, &place.replace("/some/prefix", "/other"), no_cache()).await;
        let whole = bucket(name, &place.replace("/some/prefix", ""), no_cache()).await;
        let sha256 = first.blobs.put(bytes(10, 10)).await.unwrap();
        for other in [&second, &whole] {
            assert_eq!(other.blobs.size(&sha256).await.unwrap(), None);
            assert!(other.blobs.list(None, 9).await.unwrap().blobs.is_empty());
        }
        assert_eq!(bucket(name, &place, no_cache()).await.blobs.size(&sha256).await.unwrap(), Some(10));
    }
}

#[tokio::test]
async fn addresses_are_checked_before_anything_is_asked() {
    for (url, expected) in [
        ("s3://", "`` is no name of a bucket"),
        ("s3://bucket?regoin=x&region=x", "`s3://bucket` cannot be used: `regoin` is no parameter"),
        ("s3://bucket/p?region=x&secret_access_key=hidden", "give both"),
        ("gs://bucket?region=x", "`region` is no parameter"),
        ("az://container?presign=x", "`presign` is 1 to 604800 seconds, not `x`"),
    ] {
        let refused = Blobs::open(url).await.unwrap_err().to_string();
        assert!(refused.contains(expected) && !refused.contains("hidden"), "{url}: {refused}");
    }
}

#[tokio::test]
async fn other_clouds_are_asked_in_their_own_way() {
    for (url, expected) in [
        ("gs://my-bucket/a/b?unsigned=true", "PUT /my-bucket/a/b/staging/probe HTTP/1.1"),
        ("az://my-bucket/a/b?account=me&access_key=a2V5", "PUT /my-bucket/a/b/staging/probe HTTP/1.1"),
    ] {
        let front = Front::alone();
        let seen = Arc::new(Mutex::new(String::new()));
        let first = seen.clone();
        front.script(move |request| {
            *first.lock().unwrap() = request.line.replace("%2F", "/").replace("%2D", "-");
            Act::Answer(403, "no".into())
        });
        let opened = Blobs::open(&format!("{url}&endpoint=http://{}", front.address())).await;
        assert!(matches!(opened, Err(OpenError::Probe(BlobError::Unavailable { .. }))), "{opened:?}");
        assert_eq!(*seen.lock().unwrap(), expected, "{opened:?}");
    }
}
