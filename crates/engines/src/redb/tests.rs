//! What only this engine promises: shared syncs, one process, recovery after the disk failed, foreign, newer
//! and damaged files.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use ::redb::backends::FileBackend;
use ::redb::{Builder, Database, StorageBackend, TableDefinition};
use holdfast_store::Op;
use tempfile::TempDir;

use super::*;

fn batch(sort: impl ToString + Copy, body_bytes: usize) -> Batch {
    let mut batch = Batch::new();
    let body = format!("\"{}\"", "x".repeat(body_bytes));
    batch.add(Key::new("p", sort.to_string()), Op::Create(body)).unwrap();
    batch
}

async fn open(dir: &TempDir) -> Redb {
    Redb::open(dir.path().join("test.redb")).await.unwrap()
}

async fn refusal(dir: &TempDir) -> OpenError {
    Redb::open(dir.path().join("test.redb")).await.err().unwrap()
}

async fn documents(store: &Redb) -> usize {
    store.scan(&Scan::first("p", 999)).await.unwrap().len()
}

/// The first poll hands a request over.
async fn start(future: &mut (impl Future<Output: std::fmt::Debug> + Unpin)) {
    let mut future = std::pin::Pin::new(future);
    std::future::poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn callers_share_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let (go, wait) = std::sync::mpsc::channel();
    let mut waiting = Box::pin(store.writer.write(Work::Wait(wait)));
    start(&mut waiting).await;
    let mut commits: Vec<_> = (0..64).map(|number| store.commit(batch(number % 63, 10))).collect();
    for commit in &mut commits {
        start(commit).await;
    }
    drop(go);
    waiting.await.unwrap();
    let mut conflicts = 0;
    for commit in commits {
        match commit.await {
            Ok(()) => (),
            Err(StoreError::Conflict) => conflicts += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(conflicts, 1, "one of the two that create one document, without harm to the group");
    assert!(store.transactions() <= 3, "{} transactions for 64 commits", store.transactions());
    assert_eq!(documents(&store).await, 63);
}

#[tokio::test]
async fn a_second_engine_is_told_that_the_file_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&dir).await;
    assert!(refusal(&dir).await.to_string().contains("is in use by another process"));
    first.check().await.unwrap();
    drop(first);
    open(&dir).await.check().await.unwrap();
}

/// A file that takes so many writes and syncs, and then no more.
#[derive(Debug)]
struct Failing {
    inner: FileBackend,
    left: Arc<AtomicI64>,
}

impl Failing {
    fn spend(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        Err(io::ErrorKind::StorageFull.into())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}

/// An engine on such a file, which takes everything again once it is opened again.
fn failing(dir: &TempDir, left: &Arc<AtomicI64>, opened: &Arc<AtomicUsize>) -> Redb {
    let (path, left, opened) = (dir.path().join("test.redb"), left.clone(), opened.clone());
    let opener = move || {
        let file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let inner = FileBackend::new(file.unwrap()).unwrap();
        opened.fetch_add(1, Ordering::Relaxed);
        left.store(i64::MAX, Ordering::Relaxed);
        let backend = Failing { inner, left: left.clone() };
        schema::open_with(|| Builder::new().create_with_backend(backend), "redb:test")
    };
    Redb::start(File::open(Box::new(opener)).unwrap()).unwrap()
}

#[tokio::test]
async fn after_the_disk_failed_the_file_is_opened_again_and_every_answer_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let (left, opened) = (Arc::default(), Arc::default());
    let store = failing(&dir, &left, &opened);
    let mut present = 0;
    let mut refused = 0;
    // The disk fails at each of the writes of a commit in turn.
    for writes in 0..40 {
        left.store(writes, Ordering::Relaxed);
        match store.commit(batch(writes, 20_000)).await {
            Ok(()) => present += 1,
            Err(StoreError::Unavailable { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(documents(&store).await, present, "after a failure at write {writes}");
    }
    assert!(refused > 3 && present > 3, "{refused} refused, {present} present");
    assert!(opened.load(Ordering::Relaxed) > refused);
    store.check().await.unwrap();
    drop(store);
    assert_eq!(documents(&open(&dir).await).await, present);
}

#[tokio::test]
async fn a_dead_writer_is_unavailable_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).await;
    store.commit(batch("k", 10)).await.unwrap();
    store.writer.lose_thread();
    assert!(matches!(store.commit(batch("l", 10)).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    assert_eq!(documents(&store).await, 1);
}

#[tokio::test]
async fn newer_and_foreign_files_are_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.redb");
    drop(open(&dir).await);
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(refusal(&dir).await.to_string().contains("has schema `99`, newer than the `1` of this release"));

    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(dir.path().join("test.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u32, u32>::new("theirs")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(refusal(&dir).await, OpenError::Foreign { .. }));

    let text = "not a database, but a text that is long enough".repeat(20);
    std::fs::write(dir.path().join("test.redb"), &text).unwrap();
    assert!(matches!(refusal(&dir).await, OpenError::Foreign { .. }));
    assert_eq!(std::fs::read_to_string(dir.path().join("test.redb")).unwrap(), text);
}

#[tokio::test]
async fn damage_is_an_error_and_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    for number in 0..200 {
        store.commit(batch(number, 1000)).await.unwrap();
    }
    drop(store);
    let path = dir.path().join("test.redb");
    let bytes = std::fs::read(&path).unwrap();
    let mut damaged = 0;
    for from in [4096, 8192, 65_536, 300_000] {
        let mut bytes = bytes.clone();
        bytes[from..].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        match Redb::open(&path).await {
            Err(OpenError::Failed { .. }) => damaged += 1,
            Err(error) => panic!("{error:?}"),
            Ok(store) => {
                let read = store.scan(&Scan::first("p", 999)).await;
                assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{from}");
            }
        }
    }
    assert!(damaged > 0, "none was seen when the file was opened");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let _store = open(&dir).await;
    let mode = std::fs::metadata(dir.path().join("test.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
