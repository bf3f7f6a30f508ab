//! Transactions over the memory engine: guards, own writes, index differences.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use serde::{Deserialize, Serialize};

use super::*;
use crate::{Memory, read, scan_all};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    id: String,
    tags: Vec<String>,
    rank: u32,
}

impl Entity for Note {
    const VERSION: u32 = 1;

    crate::body_by_serde!();

    fn key(&self) -> Key {
        key(&self.id)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        self.tags.iter().map(|tag| (entry(tag, &self.id), format!("{{\"rank\":{}}}", self.rank))).collect()
    }
}

fn key(id: &str) -> Key {
    Key::new("note", id)
}

fn entry(tag: &str, id: &str) -> Key {
    Key::new(format!("tag/{tag}"), id)
}

fn note(id: &str, tags: &[&str], rank: u32) -> Note {
    Note { id: id.into(), tags: tags.iter().map(|&tag| tag.into()).collect(), rank }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(Memory::new())
}

async fn entries_of(store: &Arc<dyn Store>, tag: &str) -> Vec<(String, String)> {
    let docs = store.scan(&crate::Scan::first(format!("tag/{tag}"), 99)).await.unwrap();
    docs.into_iter().map(|doc| (doc.key.sort, doc.body)).collect()
}

async fn put(store: &Arc<dyn Store>, entity: &Note) {
    let mut tx = Tx::new(store);
    tx.put(entity).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes() {
    let store = memory();
    put(&store, &note("a", &[], 1)).await;
    let mut tx = Tx::new(&store);
    tx.put(&note("a", &[], 2)).await.unwrap();
    tx.create(&note("b", &[], 3)).await.unwrap();
    assert_eq!(tx.get(&key("a")).await.unwrap(), Some(note("a", &[], 2)));
    let found = tx.get_many::<Note>(&[key("c"), key("b"), key("a")]).await.unwrap();
    assert_eq!(found, [None, Some(note("b", &[], 3)), Some(note("a", &[], 2))]);
    tx.delete::<Note>(&key("a")).await.unwrap();
    assert_eq!(tx.get::<Note>(&key("a")).await.unwrap(), None);
    let rev = tx.rev();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert_eq!(read::<Note>(&*store, &key("b")).await.unwrap(), Some((rev, note("b", &[], 3))));
    assert_eq!(read::<Note>(&*store, &key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn whatever_was_read_guards_the_commit() {
    let store = memory();
    put(&store, &note("a", &[], 1)).await;
    put(&store, &note("b", &[], 1)).await;
    let mut tx = Tx::new(&store);
    tx.get::<Note>(&key("a")).await.unwrap();
    tx.put(&note("b", &[], 2)).await.unwrap();
    put(&store, &note("a", &[], 9)).await;
    assert_eq!(tx.commit().await.unwrap(), Committed::Conflict);
    assert_eq!(read::<Note>(&*store, &key("b")).await.unwrap().unwrap().1.rank, 1);

    let mut absent = Tx::new(&store);
    absent.put(&note("new", &[], 1)).await.unwrap();
    put(&store, &note("new", &[], 5)).await;
    assert_eq!(absent.commit().await.unwrap(), Committed::Conflict);

    let mut blind = Tx::new(&store);
    blind.create(&note("new", &[], 1)).await.unwrap();
    assert_eq!(blind.commit().await.unwrap(), Committed::Conflict);
}

#[tokio::test]
async fn what_was_only_fetched_guards_nothing() {
    let store = memory();
    put(&store, &note("shared", &[], 1)).await;
    put(&store, &note("own", &[], 1)).await;
    for (looks, outcome) in [(false, Committed::Yes), (true, Committed::Conflict)] {
        let mut tx = Tx::new(&store);
        tx.prefetch(&[key("shared"), key("own")]).await.unwrap();
        if looks {
            assert!(tx.get::<Note>(&key("shared")).await.unwrap().is_some());
        }
        tx.put(&note("own", &[], 2)).await.unwrap();
        put(&store, &note("shared", &[], 9)).await;
        assert_eq!(tx.commit().await.unwrap(), outcome);
    }
}

#[tokio::test]
async fn the_difference_of_the_indexes_is_written() {
    let store = memory();
    put(&store, &note("a", &["x", "y"], 1)).await;
    assert_eq!(entries_of(&store, "x").await, [("a".into(), r#"{"rank":1}"#.into())]);
    let before = store.get_many(&[entry("y", "a")]).await.unwrap()[0].clone().unwrap();

    put(&store, &note("a", &["y", "z"], 1)).await;
    assert!(entries_of(&store, "x").await.is_empty());
    assert_eq!(entries_of(&store, "z").await.len(), 1);
    let after = store.get_many(&[entry("y", "a")]).await.unwrap()[0].clone().unwrap();
    assert_eq!(before, after, "an unchanged entry is not written again");

    put(&store, &note("a", &["y"], 2)).await;
    assert_eq!(entries_of(&store, "y").await, [("a".into(), r#"{"rank":2}"#.into())]);
    let mut tx = Tx::new(&store);
    tx.delete::<Note>(&key("a")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert!(entries_of(&store, "y").await.is_empty());
}

#[tokio::test]
async fn only_the_last_write_of_a_key_counts() {
    let store = memory();
    put(&store, &note("a", &["old"], 1)).await;
    let mut tx = Tx::new(&store);
    tx.put(&note("a", &["between"], 1)).await.unwrap();
    tx.delete::<Note>(&key("a")).await.unwrap();
    tx.create(&note("a", &["new"], 1)).await.unwrap();
    tx.create(&note("gone", &["gone"], 1)).await.unwrap();
    tx.delete::<Note>(&key("gone")).await.unwrap();
    tx.put(&note("never", &["never"], 1)).await.unwrap();
    tx.delete::<Note>(&key("never")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    for (tag, expected) in [("old", 0), ("between", 0), ("new", 1), ("gone", 0), ("never", 0)] {
        assert_eq!(entries_of(&store, tag).await.len(), expected, "{tag}");
    }
    assert_eq!(scan_all::<Note>(&*store, "note").await.unwrap().len(), 1);
}

#[tokio::test]
async fn creating_what_was_read_is_a_conflict() {
    let store = memory();
    put(&store, &note("a", &[], 1)).await;
    let mut tx = Tx::new(&store);
    assert!(tx.get::<Note>(&key("a")).await.unwrap().is_some());
    tx.create(&note("a", &[], 2)).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Conflict);
}

#[tokio::test]
async fn an_unreadable_document_is_an_error_not_an_absence() {
    let store = memory();
    let mut batch = Batch::new();
    batch.add(key("a"), Op::Create("{\"v\":1}".into())).unwrap();
    store.commit(batch).await.unwrap();
    let error = Tx::new(&store).get::<Note>(&key("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }));
    assert_eq!(error.to_string(), "the stored document `note a` cannot be read");
}
