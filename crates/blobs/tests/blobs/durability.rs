//! What a local folder holds after success, failure, a full disk and a crash.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::support::{all, bytes, local, memory, no_cache, small_cache, stage};
use bytes::Bytes;
use futures_util::TryStreamExt;
use holdfast_blobs::{BlobError, Blobs, Verdict};
use holdfast_types::Sha256;

fn path_of(folder: &Path, sha256: &Sha256) -> PathBuf {
    let name = sha256.to_string();
    folder.join(&name[..2]).join(name)
}

/// The files in a folder and all below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn small_uploads_touch_no_file_and_large_ones_clean_up() {
    for storage in [local(no_cache()).await, memory(no_cache()).await] {
        let folder = storage.folder.path();
        let small = stage(&storage.blobs, &bytes(256 * 1024, 1), 50_000).await;
        assert!(small.bytes().is_some());
        assert_eq!(files(folder), Vec::<PathBuf>::new());

        let mut unfinished = storage.blobs.stage(u64::MAX);
        unfinished.write(bytes(256 * 1024 + 1, 2)).await.unwrap();
        let finished = stage(&storage.blobs, &bytes(300 * 1024, 3), 50_000).await;
        assert_eq!(files(folder).len(), 2);
        drop(unfinished);
        assert_eq!(files(folder).len(), 1);
        drop(finished);
        assert_eq!(files(folder), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn keep_leaves_one_file_and_renews_its_time() {
    let storage = local(no_cache()).await;
    for size in [10, 400 * 1024] {
        let content = bytes(size, 4);
        let sha256 = storage.blobs.put(content.clone()).await.unwrap();
        let path = path_of(storage.folder.path(), &sha256);
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();

        let again = stage(&storage.blobs, &content, 1000).await;
        assert_eq!(storage.blobs.keep(again).await.unwrap(), sha256);
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > long_ago);
        assert!(fs::read(&path).unwrap() == content);
    }
    assert_eq!(files(storage.folder.path()).len(), 2);
}

#[tokio::test]
async fn keep_replaces_a_file_of_a_wrong_size() {
    let storage = local(no_cache()).await;
    let content = bytes(1000, 5);
    let sha256 = storage.blobs.put(content.clone()).await.unwrap();
    fs::write(path_of(storage.folder.path(), &sha256), b"short").unwrap();
    storage.blobs.put(content.clone()).await.unwrap();
    assert_eq!(storage.blobs.get(&sha256).await.unwrap().into_bytes().await.unwrap(), content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_keepers_of_the_same_bytes_agree() {
    for storage in all().await {
        for size in [5_000, 300 * 1024] {
            let content = bytes(size, 6);
            let keepers: Vec<_> = (0..16)
                .map(|_| {
                    let (blobs, content) = (storage.blobs.clone(), content.clone());
                    tokio::spawn(async move {
                        blobs.keep(stage(&blobs, &content, 64 * 1024).await).await.unwrap()
                    })
                })
                .collect();
            for keeper in keepers {
                assert_eq!(keeper.await.unwrap(), Sha256::of(&content));
            }
            assert_eq!(
                storage.blobs.verify(&Sha256::of(&content)).await.unwrap(),
                Verdict::Intact { size_bytes: size as u64 }
            );
        }
        let expected = if storage.name == "file" { 2 } else { 0 };
        assert_eq!(files(storage.folder.path()).len(), expected, "{}", storage.name);
    }
}

#[tokio::test]
async fn damaged_files_are_found() {
    let storage = local(no_cache()).await;
    let sha256 = storage.blobs.put(bytes(2 * 1024 * 1024, 7)).await.unwrap();
    let path = path_of(storage.folder.path(), &sha256);
    let mut damaged = fs::read(&path).unwrap();
    damaged[1_500_000] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let verdict = storage.blobs.verify(&sha256).await.unwrap();
    assert_eq!(verdict, Verdict::Corrupt { actual: Sha256::of(&damaged), size_bytes: damaged.len() as u64 });
}

#[tokio::test]
async fn a_file_that_shrinks_under_its_reader_breaks_the_stream() {
    let storage = local(no_cache()).await;
    let sha256 = storage.blobs.put(bytes(2 * 1024 * 1024, 8)).await.unwrap();
    let blob = storage.blobs.get(&sha256).await.unwrap();
    let path = path_of(storage.folder.path(), &sha256);
    fs::File::options().write(true).open(path).unwrap().set_len(600_000).unwrap();
    let holdfast_blobs::Content::Chunks(mut chunks) = blob.into_content() else { panic!("not streamed") };
    let mut received = 0;
    let end = loop {
        match chunks.try_next().await {
            Ok(Some(chunk)) => received += chunk.len(),
            Ok(None) => panic!("ended as if all were there"),
            Err(error) => break error,
        }
    };
    assert_eq!(received, 600_000);
    assert!(
        matches!(end, BlobError::Truncated { missing_bytes, .. } if missing_bytes == 2 * 1024 * 1024 - 600_000)
    );
    assert!(chunks.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn trouble_is_unavailable_and_not_absence() {
    let check = async |what: &str, damage: fn(&Path)| {
        let storage = local(small_cache()).await;
        let content = bytes(100, 9);
        let sha256 = Sha256::of(&content);
        damage(&path_of(storage.folder.path(), &sha256));
        let unavailable = |error: &BlobError| matches!(error, BlobError::Unavailable { .. });
        assert!(unavailable(&storage.blobs.get(&sha256).await.unwrap_err()), "get: {what}");
        assert!(unavailable(&storage.blobs.put(content).await.unwrap_err()), "put: {what}");
        assert!(unavailable(&storage.blobs.verify(&sha256).await.unwrap_err()), "verify: {what}");
        // A failed keep leaves nothing behind.
        assert_eq!(files(&storage.folder.path().join("staging")), Vec::<PathBuf>::new(), "{what}");
    };
    check("the shard folder is gone", |path| fs::remove_dir(path.parent().unwrap()).unwrap()).await;
    check("the shard folder is a file", |path| {
        fs::remove_dir(path.parent().unwrap()).unwrap();
        fs::write(path.parent().unwrap(), b"").unwrap();
    })
    .await;
    check("the blob is a folder", |path| fs::create_dir(path).unwrap()).await;
}

#[tokio::test]
async fn readiness_tells_a_lost_folder() {
    let storage = local(no_cache()).await;
    storage.blobs.check().await.unwrap();
    assert_eq!(files(storage.folder.path()), Vec::<PathBuf>::new());
    fs::remove_dir_all(storage.folder.path()).unwrap();
    assert!(matches!(storage.blobs.check().await, Err(BlobError::Unavailable { .. })));
    memory(no_cache()).await.blobs.check().await.unwrap();
}

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "unmount {}", self.0.path().display());
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user may not mount a small file system");
        return;
    };
    let blobs = Blobs::open_with(&format!("file:{}", disk.0.path().display()), no_cache()).await.unwrap();
    let kept = blobs.put(bytes(100_000, 10)).await.unwrap();

    let mut staging = blobs.stage(u64::MAX);
    let mut outcome = Ok(());
    for seed in 0..10 {
        outcome = staging.write(bytes(200_000, seed)).await;
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Err(BlobError::Full(_))), "{outcome:?}");
    drop(staging);
    assert_eq!(files(disk.0.path()).len(), 1);

    assert!(matches!(blobs.put(bytes(2_000_000, 11)).await, Err(BlobError::Full(_))));
    assert_eq!(files(disk.0.path()).len(), 1);
    assert_eq!(blobs.verify(&kept).await.unwrap(), Verdict::Intact { size_bytes: 100_000 });
    blobs.put(bytes(200_000, 12)).await.unwrap();
}

/// Tells the child of the next test that it is one.
const CHILD_MARK: &str = "crash-test-child";

#[tokio::test]
async fn a_crash_leaves_no_half_blob_and_loses_none() {
    for kept_before_crash in [1, 7, 40] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CHILD_MARK), b"").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "durability::child_keeps_blobs_until_killed",
                "--ignored",
                "--nocapture",
                "--quiet",
            ])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = BTreeSet::new();
        while kept.len() < kept_before_crash {
            let line = lines.next().expect("the child works until it is killed").unwrap();
            kept.extend(line.strip_prefix("kept ").map(|sha256| sha256.parse::<Sha256>().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let root = folder.path().join("storage");
        let blobs = Blobs::open_with(&format!("file:{}", root.display()), no_cache()).await.unwrap();
        let page = blobs.list(None, usize::MAX).await.unwrap();
        assert!(page.blobs.len() >= kept.len());
        for blob in page.blobs {
            let size_bytes = blob.size_bytes;
            assert_eq!(blobs.verify(&blob.sha256).await.unwrap(), Verdict::Intact { size_bytes });
            kept.remove(&blob.sha256);
        }
        assert!(kept.is_empty(), "lost {kept:?}");

        // What the crash left is in the staging folder, and is removed when it is old enough.
        let left = files(&root.join("staging")).len();
        assert_eq!(blobs.tidy_staging(SystemTime::UNIX_EPOCH).await.unwrap(), 0);
        let newest = fs::metadata(folder.path().join(CHILD_MARK)).unwrap().modified().unwrap();
        assert_eq!(blobs.tidy_staging(newest + Duration::from_hours(1)).await.unwrap(), left);
        assert_eq!(files(&root.join("staging")), Vec::<PathBuf>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the crash test"]
#[expect(clippy::print_stdout, reason = "how the child reports")]
async fn child_keeps_blobs_until_killed() {
    if !Path::new(CHILD_MARK).exists() {
        return;
    }
    let blobs = Blobs::open_with("file:storage", no_cache()).await.unwrap();
    let keepers: Vec<_> = (0..4_u64)
        .map(|keeper| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                for round in 0..2_000_u64 {
                    let size = if round % 2 == 0 { 3_000 } else { 700_000 };
                    let content = bytes(size, 1 + keeper + round * 4);
                    println!("kept {}", blobs.keep(stage(&blobs, &content, 90_000).await).await.unwrap());
                }
            })
        })
        .collect();
    for keeper in keepers {
        keeper.await.unwrap();
    }
}

#[tokio::test]
async fn an_abandoned_upload_is_tidied_when_old() {
    let storage = local(no_cache()).await;
    let mut staging = storage.blobs.stage(u64::MAX);
    staging.write(bytes(300 * 1024, 13)).await.unwrap();
    std::mem::forget(staging);
    fs::write(storage.folder.path().join("staging/README"), b"not ours").unwrap();
    let left = files(&storage.folder.path().join("staging"));
    assert_eq!(left.len(), 2);
    assert_eq!(storage.blobs.list(None, 10).await.unwrap().blobs.len(), 0);
    let written = left.iter().map(|path| fs::metadata(path).unwrap().modified().unwrap()).max().unwrap();
    assert_eq!(storage.blobs.tidy_staging(written - Duration::from_mins(1)).await.unwrap(), 0);
    assert_eq!(storage.blobs.tidy_staging(written + Duration::from_secs(1)).await.unwrap(), 1);
    assert_eq!(files(storage.folder.path()), [storage.folder.path().join("staging/README")]);
    storage.blobs.put(Bytes::from_static(b"still works")).await.unwrap();
}
