//! What only this engine promises: shared syncs, a full disk, foreign and newer files, dead threads.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_store::Op;
use tempfile::TempDir;

use super::*;

fn batch(part: &str, sort: impl ToString + Copy, body_bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch
        .add(Key::new(part, sort.to_string()), Op::Create(format!("\"{}\"", "x".repeat(body_bytes))))
        .unwrap();
    batch
}

async fn open(dir: &TempDir) -> Sqlite {
    Sqlite::open(dir.path().join("test.db")).await.unwrap()
}

fn raw(dir: &TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.path().join("test.db")).unwrap()
}

async fn refusal(dir: &TempDir) -> String {
    Sqlite::open(dir.path().join("test.db")).await.err().unwrap().to_string()
}

#[tokio::test]
async fn callers_share_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let other = raw(&dir);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut batches: Vec<_> = (0..63).map(|number| batch("p", number, 10)).collect();
    let mut rival = batch("p", 7, 10);
    rival.add(Key::new("a", "written before the guard breaks"), Op::Put("{}".into())).unwrap();
    batches.push(rival);
    let mut commits: Vec<_> = batches.into_iter().map(|batch| store.commit(batch)).collect();
    // The first poll hands the request over. The writer takes some and waits for the lock; the rest gather.
    for commit in &mut commits {
        std::future::poll_fn(|context| {
            assert!(commit.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    other.execute_batch("ROLLBACK").unwrap();

    let mut conflicts = 0;
    for commit in commits {
        match commit.await {
            Ok(()) => (),
            Err(StoreError::Conflict) => conflicts += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    let winners = store.scan(&Scan::first("a", 9)).await.unwrap().len();
    assert_eq!(winners, 0, "the loser came last, and left something behind");
    assert_eq!(conflicts, 1, "one of the two that create one document, without harm to the group");
    assert!(store.transactions() <= 2, "{} transactions for 64 commits", store.transactions());
    assert_eq!(store.scan(&Scan::first("p", 99)).await.unwrap().len(), 63);
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir).await);
    store.commit(batch("p", "before", 1000)).await.unwrap();
    store.writer.write(Work::LimitPages(64)).await.unwrap();

    let mut written = 0;
    let error = loop {
        match store.commit(batch("p", written, 20_000)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(written > 3);
    let StoreError::Unavailable { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("full"), "{source}");

    // A group with one that does not fit: the others are written all the same.
    let deltas = [(Key::new("c", "n"), 1)];
    let large = store.commit(batch("p", "large", 100_000));
    let (large, small, counted) =
        tokio::join!(large, store.commit(batch("p", "small", 10)), store.count(&deltas));
    assert!(matches!(large, Err(StoreError::Unavailable { .. })));
    small.unwrap();
    counted.unwrap();
    store.check().await.unwrap();
    assert_eq!(store.scan(&Scan::first("p", 99)).await.unwrap().len(), written + 2);

    store.writer.write(Work::LimitPages(1_000_000)).await.unwrap();
    store.commit(batch("p", "large", 100_000)).await.unwrap();
    assert_eq!(store.scan(&Scan::first("p", 99)).await.unwrap().len(), written + 3);
}

#[tokio::test]
async fn the_log_comes_back_and_the_last_close_removes_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("test.db-wal");
    let store = open(&dir).await;
    for number in 0..600 {
        store.commit(batch("p", number, 200_000)).await.unwrap();
    }
    // Writers may outrun a checkpoint, but the log then comes back: a later commit starts it over.
    let limit_bytes = u64::from(checkpoint::TOO_MANY_PAGES) * 4096 + 1_000_000;
    let shrinking = async {
        let mut number = 0;
        while limit_bytes < std::fs::metadata(&log).unwrap().len() {
            store.commit(batch("small", number, 10)).await.unwrap();
            number += 1;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), shrinking).await.expect("the log stays large");
    drop(store);
    assert!(!log.exists());
    assert_eq!(open(&dir).await.scan(&Scan::first("p", 999)).await.unwrap().len(), 600);
}

#[tokio::test]
async fn a_dead_writer_is_unavailable_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).await;
    store.commit(batch("p", "k", 10)).await.unwrap();
    store.writer.lose_thread();
    assert!(matches!(store.commit(batch("p", "l", 10)).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    assert_eq!(store.scan(&Scan::first("p", 9)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn newer_and_foreign_files_are_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir).await);
    raw(&dir).execute("UPDATE meta SET value = 99 WHERE name = 'schema'", []).unwrap();
    assert!(refusal(&dir).await.contains("has schema `99`, newer than the `1` of this release"));

    let dir = tempfile::tempdir().unwrap();
    raw(&dir).execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(dir.path().join("test.db")).unwrap();
    assert!(refusal(&dir).await.contains("belongs to another program"));
    assert_eq!(std::fs::read(dir.path().join("test.db")).unwrap(), before);

    std::fs::write(dir.path().join("test.db"), "not a database, but a text that is long enough".repeat(20))
        .unwrap();
    assert!(refusal(&dir).await.contains("belongs to another program"));
}

#[tokio::test]
async fn damage_is_an_error_and_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    for number in 0..200 {
        store.commit(batch("p", number, 1000)).await.unwrap();
    }
    drop(store);
    let path = dir.path().join("test.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let store = open(&dir).await;
    assert!(matches!(store.scan(&Scan::first("p", 999)).await, Err(StoreError::Unavailable { .. })));
    let write = store.commit(batch("p", "new", 1000)).await;
    assert!(matches!(write, Err(StoreError::Unavailable { .. })), "{write:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    store.commit(batch("p", "k", 10)).await.unwrap();
    for name in ["test.db", "test.db-wal"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
    }
}
