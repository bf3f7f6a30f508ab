//! The index check finds each kind of damage, and nothing else.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;

use holdfast_store::{
    Batch, Committed, Entity, IndexCheck, Key, Memory, Op, Problem, Store, Tx, check_indexes,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Book {
    title: String,
    author: String,
}

impl Entity for Book {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Key::new("book", &*self.title)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        vec![(entry(&self.author, &self.title), "{}".into())]
    }
}

fn entry(author: &str, title: &str) -> Key {
    Key::new(format!("author/{author}"), title)
}

async fn library() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let mut tx = Tx::new(&store);
    for (title, author) in [("emma", "austen"), ("ulysses", "joyce"), ("dubliners", "joyce")] {
        tx.put(&Book { title: title.into(), author: author.into() }).await.unwrap();
    }
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    store
}

async fn check(damage: impl IntoIterator<Item = (Key, Op)>, expected: &[Problem]) {
    let store = library().await;
    let mut batch = Batch::new();
    for (key, op) in damage {
        batch.add(key, op).unwrap();
    }
    store.commit(batch).await.unwrap();
    let authors = ["author/austen", "author/joyce"].map(String::from);
    let problems = check_indexes::<Book>(&*store, &["book".into()], &authors).await.unwrap();
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn each_damage_is_found() {
    let emma = || Key::new("book", "emma");
    check([], &[]).await;
    let lost = (entry("austen", "emma"), Op::Remove);
    check([lost], &[Problem::MissingEntry { entity: emma(), entry: entry("austen", "emma") }]).await;
    let other = (entry("austen", "emma"), Op::Put("[]".into()));
    check([other], &[Problem::WrongEntry { entity: emma(), entry: entry("austen", "emma") }]).await;
    let stray = (entry("joyce", "emma"), Op::Put("{}".into()));
    check([stray], &[Problem::StrayEntry(entry("joyce", "emma"))]).await;
    let body = r#"{"v":1,"title":"ulysses","author":"joyce"}"#;
    let misplaced = (Key::new("book", "odyssey"), Op::Put(body.into()));
    let expected =
        Problem::Misplaced { found: Key::new("book", "odyssey"), expected: Key::new("book", "ulysses") };
    check([misplaced], &[expected]).await;
    let reason = "missing field `author` at line 1 column 22".into();
    let unreadable = (emma(), Op::Put(r#"{"v":1,"title":"emma"}"#.into()));
    let stray = Problem::StrayEntry(entry("austen", "emma"));
    check([unreadable], &[Problem::Unreadable { entity: emma(), reason }, stray]).await;
}

#[tokio::test]
async fn types_that_share_an_index_are_checked_together() {
    let store = library().await;
    let mut check = IndexCheck::new(&*store);
    check.entities::<Book>("book").await.unwrap();
    check.entities::<Book>("magazine").await.unwrap();
    assert_eq!(check.finish(["author/austen", "author/joyce", "author/nobody"]).await.unwrap(), []);
}

#[tokio::test]
async fn problems_read_as_sentences() {
    let sentence = Problem::StrayEntry(entry("joyce", "emma")).to_string();
    assert_eq!(sentence, "the index entry `author/joyce emma` belongs to nothing");
}
