//! MongoDB runs the suite that every engine runs, and goes through what befalls a server.

#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_engines::{OpenError, open};
use holdfast_servers::{Kind, Server};
use holdfast_store::conformance::Site;
use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError};
use mongodb::bson::{Document, doc};

struct Place(String);

#[async_trait::async_trait]
impl Site for Place {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.0).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance() {
    let Some(server) = Kind::Mongodb.start() else { return };
    holdfast_store::conformance::run_all(|| Place(server.place())).await;
}

fn batch(ops: impl IntoIterator<Item = (Key, Op)>) -> Batch {
    let mut batch = Batch::new();
    for (key, op) in ops {
        batch.add(key, op).unwrap();
    }
    batch
}

fn key(number: usize) -> Key {
    Key::new("p", format!("{number:05}"))
}

async fn create(store: &dyn Store, numbers: impl IntoIterator<Item = usize>) -> Result<Rev, StoreError> {
    let batch = batch(numbers.into_iter().map(|number| (key(number), Op::Create("{}".into()))));
    let rev = batch.rev();
    store.commit(batch).await.map(|()| rev)
}

async fn all(store: &dyn Store) -> Vec<Doc> {
    store.scan(&Scan::first("p", 10_000)).await.unwrap()
}

/// Tries until the store answers again, and gives how long that took.
async fn recovery(store: &dyn Store) -> Duration {
    let began = Instant::now();
    while let Err(error) = store.check().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error:?}");
    }
    began.elapsed()
}

/// A place whose engine does not look for its server for as long as usual.
fn impatient(server: &dyn Server) -> String {
    format!("{}?serverSelectionTimeoutMS=700", server.place())
}

async fn collections(url: &str) -> mongodb::Database {
    mongodb::Client::with_uri_str(url).await.unwrap().default_database().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let store = open(&impatient(&*server)).await.unwrap();
    create(&*store, [0]).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 1..2000 {
                    // Two at once, so that half a commit would show.
                    let at = writer * 10_000 + number * 2;
                    match create(&*store, [at, at + 1]).await {
                        Ok(rev) => acknowledged.push((at, rev)),
                        Err(StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. }) => break,
                        Err(error) => panic!("{error:?}"),
                    }
                }
                acknowledged
            })
        })
        .collect();
    while all(&*store).await.len() < 100 {}
    server.process().kill();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let refused = create(&*store, [9_999]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(matches!(store.get_many(&[key(0)]).await, Err(StoreError::Unavailable { .. })));

    server.process().start_again();
    let took = recovery(&*store).await;
    let found = all(&*store).await;
    println!("{} acknowledged, {} there, back after {took:?}", acknowledged.len(), found.len());
    assert!(acknowledged.len() > 30);
    for (at, rev) in acknowledged {
        for at in [at, at + 1] {
            assert!(found.iter().any(|doc| doc.key == key(at) && doc.rev == rev), "{at} is lost");
        }
    }
    assert!(
        found
            .iter()
            .all(|doc| doc.key == key(0) || found.iter().filter(|two| two.rev == doc.rev).count() == 2)
    );
    create(&*store, [9_998]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_server_leaves_no_half_commit() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let store = open(&server.place()).await.unwrap();
    let first = create(&*store, [0]).await.unwrap();
    for round in 0..5 {
        let calls: Vec<_> = (0..8)
            .map(|call| {
                let store = store.clone();
                tokio::spawn(async move {
                    let at = 100 + round * 100 + call * 10;
                    let calls = async { create(&*store, at..at + 3).await };
                    tokio::time::timeout(Duration::from_millis(300), calls).await.is_err()
                })
            })
            .collect();
        if round > 0 {
            // Some commits are half-way then.
            tokio::task::yield_now().await;
        }
        server.process().freeze();
        let read = tokio::time::timeout(Duration::from_millis(300), store.get_many(&[key(0)])).await;
        assert!(read.is_err(), "a hung server answered");
        for call in calls {
            call.await.unwrap();
        }
        server.process().thaw();
        recovery(&*store).await;
        // What was dropped half-way is undone or done, and blocks nobody.
        let update = batch([(key(round * 1000 + 9), Op::Put("{}".into())), (key(0), Op::Require(first))]);
        store.commit(update).await.unwrap();
    }
    let found = all(&*store).await;
    for doc in &found {
        let together = found.iter().filter(|two| two.rev == doc.rev).count();
        assert!(together == 3 || doc.key == key(0) || doc.key.sort.ends_with("09"), "{doc:?}");
    }
    // An abandoned transaction would hold its documents.
    for at in (100..600).step_by(10) {
        store.commit(batch([(key(at), Op::Put("{}".into()))])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_is_unavailable_and_comes_back() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let url = impatient(&*server);
    let store = open(&url).await.unwrap();
    create(&*store, [0]).await.unwrap();
    server.process().stop();
    for _ in 0..2 {
        assert!(matches!(store.scan(&Scan::first("p", 1)).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(create(&*store, [1]).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(store.count(&[(key(0), 1)]).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    }
    assert!(matches!(open(&url).await, Err(OpenError::Failed { .. })));
    server.process().start_again();
    // The connections of before are dead; nobody notices.
    recovery(&*store).await;
    assert_eq!(all(&*store).await.len(), 1);
    create(&*store, [1]).await.unwrap();

    server.process().kill();
    server.process().start_again();
    assert_eq!(all(&*store).await.len(), 2, "a read goes on without an error");
    server.process().kill();
    server.process().start_again();
    create(&*store, [2]).await.expect("a commit of which nothing was sent goes on without an error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_one_place_at_once() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let url = server.place();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await.unwrap() })
        })
        .collect();
    for (number, opened) in opening.into_iter().enumerate() {
        create(&*opened.await.unwrap(), [number]).await.unwrap();
    }
    assert_eq!(all(&*open(&url).await.unwrap()).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_others_and_of_later_releases_are_refused() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let foreign = server.place();
    collections(&foreign).await.collection("documents").insert_one(doc! { "a": 1 }).await.unwrap();
    assert!(matches!(open(&foreign).await, Err(OpenError::Foreign { .. })));

    let newer = server.place();
    open(&newer).await.unwrap();
    let about = collections(&newer).await.collection::<Document>("holdfast");
    about.update_one(doc! { "_id": "schema" }, doc! { "$set": { "version": 7_i64 } }).await.unwrap();
    let refusal = open(&newer).await.err().unwrap();
    assert!(matches!(refusal, OpenError::Newer { found: 7, known: 1, .. }), "{refusal}");

    let refusal = open(&format!("{newer}?w=1")).await.err().unwrap();
    assert!(matches!(refusal, OpenError::NotDurable { .. }), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_read_what_is_stored() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let url = server.place();
    let store = open(&url).await.unwrap();
    let body = r#"{"v":1,"owners":["alice","bob"],"size":3}"#;
    let created = batch([(Key::new("p", "a"), Op::Create(body.into()))]);
    let rev = created.rev();
    store.commit(created).await.unwrap();
    store.count(&[(Key::new("p", "n"), 3)]).await.unwrap();
    let database = collections(&url).await;
    let documents = database.collection::<Document>("documents");
    let found = documents.find_one(doc! { "part": "p", "body.owners": "bob" }).await.unwrap();
    let expected = doc! {
        "_id": "p\0a", "part": "p", "sort": "a", "rev": rev.0,
        "body": { "v": 1, "owners": ["alice", "bob"], "size": 3 },
    };
    assert_eq!(found, Some(expected));
    let counter = database.collection::<Document>("counters").find_one(doc! {}).await.unwrap();
    assert_eq!(counter, Some(doc! { "_id": "p\0n", "part": "p", "sort": "n", "value": 3_i64 }));

    // A hand in the database is an error, never an absence.
    documents.update_one(doc! { "part": "p" }, doc! { "$set": { "body.size": 1.5 } }).await.unwrap();
    let corrupt = store.get_many(&[Key::new("p", "a")]).await;
    assert!(matches!(corrupt, Err(StoreError::Corrupt { .. })), "{corrupt:?}");
    assert!(matches!(store.scan(&Scan::first("p", 1)).await, Err(StoreError::Corrupt { .. })));
}

/// The words of sessions, and a transaction in one of them that has changed the first document and stands still.
async fn half_a_commit(url: &str) -> (mongodb::Collection<Document>, mongodb::ClientSession) {
    let database = collections(url).await;
    let mut session = database.client().start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let documents = database.collection::<Document>("documents");
    let change = doc! { "$set": { "guard": 1 } };
    let changed = documents.update_one(doc! { "sort": "00000" }, change).session(&mut session).await.unwrap();
    assert_eq!(changed.modified_count, 1);
    (database.collection("sessions"), session)
}

async fn say(words: &mongodb::Collection<Document>, session: &mongodb::ClientSession, minutes_ago: i64) {
    let at = mongodb::bson::DateTime::now().timestamp_millis() - minutes_ago * 60_000;
    let at = mongodb::bson::DateTime::from_millis(at);
    words.insert_one(doc! { "_id": session.id().get("id").unwrap(), "at": at }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_holds_is_set_free() {
    let Some(server) = Kind::Mongodb.start() else { return };
    let url = server.place();
    let store = open(&url).await.unwrap();
    let first = create(&*store, [0]).await.unwrap();

    let (words, mut dead) = half_a_commit(&url).await;
    say(&words, &dead, 1).await;
    store.commit(batch([(key(0), Op::Update(first, "{}".into()))])).await.unwrap();
    dead.commit_transaction().await.unwrap_err();
    // Only the session that just said that it is at work has not been forgotten.
    assert_eq!(words.count_documents(doc! {}).await.unwrap(), 1);

    let second = store.get_many(&[key(0)]).await.unwrap()[0].as_ref().unwrap().rev;
    let (words, mut alive) = half_a_commit(&url).await;
    // However slow this machine is, it will not have been silent for long.
    say(&words, &alive, -1).await;
    let refused = store.commit(batch([(key(0), Op::Update(second, "{}".into()))])).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    alive.commit_transaction().await.unwrap();
}
