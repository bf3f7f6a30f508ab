//! What the tests of the SQL servers share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_servers::{Kind, Server};
use holdfast_store::conformance::{Site, run_all};
use holdfast_store::{Batch, Key, Op, Rev, Scan, Store, StoreError};

struct Place(String);

#[async_trait::async_trait]
impl Site for Place {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.0).await
    }
}

/// The whole suite, each check in an empty database of one server.
pub(crate) async fn conformance(kind: Kind) {
    let Some(server) = kind.start() else { return };
    run_all(|| Place(server.place())).await;
}

pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    holdfast_engines::open(url).await.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

pub(crate) fn all(part: &str) -> Scan {
    Scan::first(part, u32::MAX)
}

pub(crate) async fn sorts(store: &dyn Store, part: &str) -> Vec<String> {
    store.scan(&all(part)).await.unwrap().into_iter().map(|doc| doc.key.sort).collect()
}

/// Creates a document, and its twin in another partition so that halves show.
pub(crate) async fn commit(store: &dyn Store, part: &str, sort: &str) -> Result<Rev, StoreError> {
    let mut batch = Batch::new();
    for part in [part.to_owned(), format!("{part}-twin")] {
        batch.add(Key::new(part, sort), Op::Create("{}".into())).unwrap();
    }
    let rev = batch.rev();
    store.commit(batch).await.map(|()| rev)
}

/// The error with all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let said = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    said.collect::<Vec<_>>().join(": ")
}

/// Opens, in the time that a server takes to read its settings again, and looks for words in the refusal.
pub(crate) async fn refused(url: &str, words: &str) {
    let mut said = String::new();
    for _ in 0..200 {
        said = match holdfast_engines::open(url).await {
            Err(error) => chain(&error),
            Ok(_) => "nothing".into(),
        };
        assert!(!said.contains("a%20secret") && !said.contains("a secret"), "{said}");
        if said.contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("`{words}` is not in `{said}` of `{url}`");
}

/// Opens, in the time that a server takes to read its settings again, and writes.
pub(crate) async fn accepted(url: &str) {
    let mut refusal = String::new();
    for number in 0..200 {
        match holdfast_engines::open(url).await {
            Ok(store) => {
                commit(&*store, "accepted", &format!("{url} {number}")).await.unwrap();
                return store.check().await.unwrap();
            }
            Err(error) => refusal = chain(&error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{refusal}");
}

/// Every operation, once.
pub(crate) async fn everything(url: &str) {
    let store = open(url).await;
    let key = |sort| Key::new("all", sort);
    let mut batch = Batch::new();
    for sort in ["update", "delete", "require"] {
        batch.add(key(sort), Op::Create("{}".into())).unwrap();
    }
    let rev = batch.rev();
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    let ops = [
        ("create", Op::Create("{}".into())),
        ("delete", Op::Delete(rev)),
        ("put", Op::Put("{}".into())),
        ("remove", Op::Remove),
        ("require", Op::Require(rev)),
        ("update", Op::Update(rev, "{}".into())),
    ];
    for (sort, op) in ops {
        batch.add(key(sort), op).unwrap();
    }
    store.commit(batch).await.unwrap();
    store.count(&[(key("n"), 1)]).await.unwrap();
    assert_eq!(sorts(&*store, "all").await, ["create", "put", "require", "update"]);
    assert_eq!(store.counters(&all("all")).await.unwrap(), [(key("n"), 1)]);
    assert!(store.get_many(&[key("put")]).await.unwrap()[0].is_some());
    store.check().await.unwrap();
}

/// What may befall a server, one after the other so that it starts only once.
pub(crate) async fn troubles(kind: Kind) {
    let Some(server) = kind.start() else { return };
    survives_kills(&*server).await;
    survives_a_hang(&*server).await;
    idle_connections_that_died_do_not_show(&*server).await;
    replicas_open_at_once(&*server).await;
    refuses_while_it_is_gone(&*server).await;
}

/// Everything acknowledged is there after the server was killed under load, whole, and the engine goes on by
/// itself.
async fn survives_kills(server: &dyn Server) {
    let store = open(&server.place()).await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..2 {
        let tasks: Vec<_> =
            (0..4).map(|task| tokio::spawn(write(store.clone(), format!("{round}-{task}")))).collect();
        while sorts(&*store, "p").await.len() < 40 * (round + 1) {}
        server.process().kill();
        for task in tasks {
            acknowledged.append(&mut task.await.unwrap());
        }
        server.process().start_again();
        // The first call after it may meet a connection of before; it must not show.
        let left: BTreeSet<String> = sorts(&*store, "p").await.into_iter().collect();
        let twins: BTreeSet<String> = sorts(&*store, "p-twin").await.into_iter().collect();
        assert_eq!(left, twins, "a commit is half there");
        let lost: Vec<_> = acknowledged.difference(&left).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
        assert!(left.len() <= acknowledged.len() + 4 * (round + 1), "more than was in flight");
        commit(&*store, "after", &round.to_string()).await.unwrap();
    }
    assert!(acknowledged.len() >= 80 - 8);
}

/// Commits until that fails and gives what was acknowledged.
async fn write(store: Arc<dyn Store>, name: String) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    loop {
        let sort = format!("{name}-{:06}", acknowledged.len());
        match commit(&*store, "p", &sort).await {
            Ok(_) => acknowledged.insert(sort),
            Err(StoreError::UnknownOutcome { .. } | StoreError::Unavailable { .. }) => return acknowledged,
            Err(error) => panic!("{error:?}"),
        };
    }
}

/// Calls to a server that hangs can be dropped. When it goes on, nobody gets their connections or their
/// answers, and no commit is half there.
async fn survives_a_hang(server: &dyn Server) {
    let url = server.place();
    let store = open(&url).await;
    let rev = commit(&*store, "p", "before").await.unwrap();
    server.process().freeze();
    let limit = Duration::from_millis(300);
    let key = [Key::new("p", "before")];
    assert!(tokio::time::timeout(limit, store.get_many(&key)).await.is_err());
    assert!(tokio::time::timeout(limit, store.check()).await.is_err());
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                tokio::time::timeout(limit, commit(&*store, "p", &format!("hung-{number:02}"))).await.is_err()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    server.process().thaw();
    // More calls than connections, so that every one that was kept is used.
    for number in 0..40 {
        assert_eq!(store.get_many(&key).await.unwrap()[0].as_ref().unwrap().rev, rev);
        commit(&*store, "after", &format!("{number:02}")).await.unwrap();
    }
    assert_eq!(sorts(&*store, "p").await, sorts(&*store, "p-twin").await);
    assert_eq!(sorts(&*store, "after").await.len(), 40);
    let second = open(&url).await;
    assert_eq!(sorts(&*second, "after").await.len(), 40);
}

/// A pool full of connections whose server was restarted in between: reads and commits that nothing was sent
/// for must not show it.
async fn idle_connections_that_died_do_not_show(server: &dyn Server) {
    let store = open(&server.place()).await;
    for round in 0..3 {
        let gets = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { sorts(&*store, "p").await })
        });
        for get in gets.collect::<Vec<_>>() {
            get.await.unwrap();
        }
        server.process().stop();
        server.process().start_again();
        match round {
            0 => assert!(sorts(&*store, "p").await.is_empty()),
            1 => store.check().await.unwrap(),
            _ => commit(&*store, "p", "first").await.map(drop).unwrap(),
        }
    }
}

/// Any number of processes may come first to an empty database.
async fn replicas_open_at_once(server: &dyn Server) {
    let url = server.place();
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let url = url.clone();
            tokio::spawn(async move { commit(&*open(&url).await, "p", &number.to_string()).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(sorts(&*open(&url).await, "p").await.len(), 8);
}

/// Without a server every call says so at once, and the first after it came back works.
async fn refuses_while_it_is_gone(server: &dyn Server) {
    let store = open(&server.place()).await;
    commit(&*store, "p", "before").await.unwrap();
    server.process().stop();
    let gone = |outcome: Result<(), StoreError>| matches!(outcome, Err(StoreError::Unavailable { .. }));
    assert!(gone(store.get_many(&[Key::new("p", "before")]).await.map(drop)));
    assert!(gone(store.scan(&all("p")).await.map(drop)));
    assert!(gone(store.counters(&all("p")).await.map(drop)));
    assert!(gone(store.check().await));
    assert!(gone(commit(&*store, "p", "during").await.map(drop)));
    assert!(gone(store.count(&[(Key::new("c", "n"), 1)]).await));
    server.process().start_again();
    commit(&*store, "p", "later").await.unwrap();
    assert_eq!(sorts(&*store, "p").await, ["before", "later"]);
}
