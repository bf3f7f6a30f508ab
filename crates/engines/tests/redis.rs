//! Redis runs the suite that every engine runs, and then everything befalls it that befalls a server.

#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_servers::Kind;
use holdfast_store::conformance::{Site, run_all};
use holdfast_store::{Batch, Key, Op, Scan, Store, StoreError};

struct Place(String);

#[async_trait::async_trait]
impl Site for Place {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.0).await
    }
}

async fn open(url: &str) -> Arc<dyn Store> {
    holdfast_engines::open(url).await.unwrap()
}

async fn refusal(url: &str) -> String {
    let error = holdfast_engines::open(url).await.err().unwrap();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

fn create(sort: impl std::fmt::Display, body_bytes: usize) -> Batch {
    let mut batch = Batch::new();
    for part in ["left", "right"] {
        let body = format!("\"{}\"", "x".repeat(body_bytes));
        batch.add(Key::new(part, format!("{sort}")), Op::Create(body)).unwrap();
    }
    batch
}

async fn sorts(store: &dyn Store, part: &str) -> BTreeSet<String> {
    let docs = store.scan(&Scan::first(part, u32::MAX)).await.unwrap();
    docs.into_iter().map(|doc| doc.key.sort).collect()
}

/// Says something to the server that the engine never says, and gives the first line of the answer.
fn tell(url: &str, command: &str) -> String {
    let address = url.strip_prefix("redis://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

fn set(url: &str, setting: &str) {
    assert_eq!(tell(url, &format!("CONFIG SET {setting}")), "+OK\r\n", "{setting}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance() {
    let Some(server) = Kind::Redis.start() else { return };
    run_all(|| Place(server.place())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let Some(server) = Kind::Redis.start() else { return };
    let store = open(&server.place()).await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let working = tokio::spawn(commit_until_it_fails(store.clone(), round));
        while sorts(&*store, "left").await.len() < acknowledged.len() + 50 {}
        server.process().kill();
        acknowledged.append(&mut working.await.unwrap());
        let refused = store.commit(create("while away", 10)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
        assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
        server.process().start_again();
        // The very first call finds the server again.
        let left = sorts(&*store, "left").await;
        assert!(acknowledged.is_subset(&left), "round {round}");
        assert_eq!(left, sorts(&*store, "right").await, "a commit is half there");
        acknowledged = left;
    }
    store.check().await.unwrap();
}

async fn commit_until_it_fails(store: Arc<dyn Store>, round: u32) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for number in 0.. {
        let sort = format!("{round}-{number:06}");
        match store.commit(create(&sort, 500)).await {
            Ok(()) => acknowledged.insert(sort),
            Err(StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. }) => break,
            Err(error) => panic!("{error:?}"),
        };
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_on_a_stale_connection_is_sent_on_a_new_one() {
    let Some(server) = Kind::Redis.start() else { return };
    let store = open(&server.place()).await;
    for round in 0..5 {
        store.commit(create(round, 10)).await.unwrap();
        server.process().stop();
        server.process().start_again();
    }
    store.commit(create("last", 10)).await.unwrap();
    assert_eq!(sorts(&*store, "left").await.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_to_a_server_that_hangs_can_be_dropped() {
    let Some(server) = Kind::Redis.start() else { return };
    let store = open(&server.place()).await;
    store.commit(create("before", 10)).await.unwrap();
    server.process().freeze();
    let patience = Duration::from_millis(300);
    let calls = (0..40).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let commit = tokio::time::timeout(patience, store.commit(create(format!("hung-{number}"), 10)));
            let key = [Key::new("left", "before")];
            let (commit, read) = tokio::join!(commit, tokio::time::timeout(patience, store.get_many(&key)));
            assert!(commit.is_err() && read.is_err(), "{commit:?} {read:?}");
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    // Whoever comes now is told, rather than kept until its deadline.
    let began = Instant::now();
    let error = store.get_many(&[Key::new("left", "before")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());

    server.process().thaw();
    store.commit(create("after", 10)).await.unwrap();
    let left = sorts(&*store, "left").await;
    assert!(left.contains("before") && left.contains("after"));
    assert_eq!(left, sorts(&*store, "right").await, "a commit is half there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsafe_settings_are_refused() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    for (setting, unsafe_value, words) in [
        ("appendfsync", "everysec", "would not be durable: `appendfsync` is `everysec`"),
        ("appendfsync", "no", "`appendfsync` is `no`"),
        ("no-appendfsync-on-rewrite", "yes", "`no-appendfsync-on-rewrite` is `yes`"),
        ("appendonly", "no", "`appendonly` is `no`; set `appendonly yes`"),
        ("maxmemory-policy", "allkeys-lru", "`maxmemory-policy` is `allkeys-lru`"),
    ] {
        let good = tell_setting(&url, setting);
        set(&url, &format!("{setting} {unsafe_value}"));
        assert!(refusal(&url).await.contains(words), "{setting}");
        set(&url, &format!("{setting} {good}"));
    }
    open(&url).await;
    set(&url, "appendfsync everysec");
    open(&format!("{url}&durability=everysec")).await;
    set(&url, "appendonly no");
    assert!(refusal(&format!("{url}&durability=everysec")).await.contains("`appendonly` is `no`"));
    open(&format!("{url}&durability=managed")).await;
}

fn tell_setting(url: &str, setting: &str) -> &'static str {
    assert!(tell(url, &format!("CONFIG GET {setting}")).starts_with('*'));
    match setting {
        "appendfsync" => "always",
        "appendonly" => "yes",
        "maxmemory-policy" => "noeviction",
        _ => "no",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_need_their_password_and_the_right_commands() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    // As the book says.
    let rights = "~{place-*}:* +auth +select +ping +info +config|get +script|load +evalsha +eval +wait +exists \
        +get +mget +getrange +set +del +zadd +zrem +zcard +zrangebylex +zrevrangebylex +hget +hmget +hset +hlen \
        +hincrby";
    let account = |name: &str, rights: &str| {
        let said = tell(&url, &format!("ACL SETUSER {name} on >p@ss {rights}"));
        assert_eq!(said, "+OK\r\n");
        url.replace("redis://", &format!("redis://{name}:p%40ss@"))
    };
    let exact = account("exact", rights);
    holdfast_store::conformance::atomic_batches(&Place(exact.clone())).await;
    holdfast_store::conformance::counter_scans(&Place(exact.clone())).await;

    let wrong = refusal(&exact.replace("p%40ss", "secret")).await;
    assert!(wrong.contains("WRONGPASS") && !wrong.contains("secret"), "{wrong}");
    let blind = account("blind", &rights.replace(" +config|get", ""));
    let told = refusal(&blind).await;
    assert!(told.contains("`CONFIG GET` is refused") && told.contains("durability=managed"), "{told}");
    open(&format!("{blind}&durability=managed")).await.check().await.unwrap();
    for missing in ["+zadd", "+hincrby", "+mget", "+getrange"] {
        let account = account(&missing.replace('+', "no-"), &rights.replace(&format!(" {missing}"), ""));
        let told = refusal(&account).await;
        assert!(told.contains("the server says") && told.contains("script"), "{missing}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_memory_refuses_whole_commits_and_reads_go_on() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    let store = open(&url).await;
    set(&url, "maxmemory 8mb");
    let mut written = 0;
    let error = loop {
        match store.commit(create(written, 100_000)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    let StoreError::Unavailable { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("OOM"), "{source}");
    // Below what is used: nothing can be written any more.
    set(&url, "maxmemory 1mb");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.count(&[(Key::new("c", "n"), 1)]).await, Err(StoreError::Unavailable { .. })));
    assert!(written > 5);
    assert_eq!(sorts(&*store, "left").await.len(), written);
    assert_eq!(sorts(&*store, "right").await.len(), written);
    set(&url, "maxmemory 0");
    store.commit(create("more", 100_000)).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_no_commit_and_after_the_failover_all_goes_on() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    let store = open(&url).await;
    store.commit(create("before", 10)).await.unwrap();
    // Its primary is not there, as after a failover that this address has not followed.
    assert_eq!(tell(&url, "REPLICAOF 127.0.0.1 1"), "+OK\r\n");
    let error = store.commit(create("refused", 10)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    assert!(refusal(&url).await.contains("it is a replica; give the address of its primary"));
    assert_eq!(tell(&url, "REPLICAOF NO ONE"), "+OK\r\n");
    store.commit(create("after", 10)).await.unwrap();
    assert_eq!(sorts(&*store, "left").await, BTreeSet::from(["before".into(), "after".into()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_waited_for() {
    let (Some(primary), Some(replica)) = (Kind::Redis.start(), Kind::Redis.start()) else { return };
    let (url, other) = (primary.place(), replica.place());
    let store = open(&format!("{url}&wait=1")).await;
    let alone = store.commit(create("alone", 10)).await.unwrap_err();
    assert!(matches!(alone, StoreError::UnknownOutcome { .. }), "{alone:?}");
    let port = url.split(['/', ':']).find(|part| part.parse::<u16>().is_ok()).unwrap();
    assert_eq!(tell(&other, &format!("REPLICAOF 127.0.0.1 {port}")), "+OK\r\n");
    holdfast_servers::until("the replica", || tell(&url, "WAIT 1 100").starts_with(":1").then_some(()));
    for number in 0..20 {
        store.commit(create(number, 10)).await.unwrap();
    }
    store.count(&[(Key::new("c", "n"), 1)]).await.unwrap();
    primary.process().kill();
    // The replica is promoted and has all of it.
    assert_eq!(tell(&other, "REPLICAOF NO ONE"), "+OK\r\n");
    let address = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    let promoted = open(&url.replace(&address(&url), &address(&other))).await;
    assert_eq!(sorts(&*promoted, "left").await.len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_that_is_gone_is_never_taken_for_absence() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    let store = open(&url).await;
    store.commit(create("k", 10)).await.unwrap();
    // The scripts are forgotten: they are sent again.
    assert_eq!(tell(&url, "SCRIPT FLUSH"), "+OK\r\n");
    store.commit(create("l", 10)).await.unwrap();
    assert_eq!(sorts(&*store, "left").await.len(), 2);
    // A document that the order names is deleted by hand.
    assert_eq!(tell(&url, "DEL \"{place-0}:doc:left\\x00k\""), ":1\r\n");
    assert!(matches!(store.scan(&Scan::first("left", 9)).await, Err(StoreError::Unavailable { .. })));
    // Another kind of value is where an order should be: nothing of the commit is written.
    assert_eq!(tell(&url, "SET {place-0}:order:z x"), "+OK\r\n");
    let mut batch = create("m", 10);
    batch.add(Key::new("z", "m"), Op::Put("{}".into())).unwrap();
    let error = store.commit(batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert_eq!(store.get_many(&[Key::new("left", "m")]).await.unwrap(), [None]);
    // The server comes back empty: an engine that has seen the data refuses it.
    server.process().stop();
    std::fs::remove_dir_all(server.process().folder().join("appendonlydir")).unwrap();
    server.process().start_again();
    let error = store.get_many(&[Key::new("left", "l")]).await.unwrap_err();
    let StoreError::Unavailable { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("holds other data than when the server began"), "{source}");
    assert_eq!(open(&url).await.get_many(&[Key::new("left", "l")]).await.unwrap(), [None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_foreign_and_absent_places_are_refused() {
    let Some(server) = Kind::Redis.start() else { return };
    let url = server.place();
    drop(open(&url).await);
    assert_eq!(tell(&url, "HSET {place-0}:meta schema 99"), ":0\r\n");
    assert!(refusal(&url).await.contains("has schema `99`, newer than the `1` of this release"));
    let url = server.place();
    assert_eq!(tell(&url, "HSET {place-1}:meta colour red"), ":1\r\n");
    assert!(refusal(&url).await.contains("the key `{place-1}:meta` is not a record of Holdfast"));
    server.process().kill();
    let began = Instant::now();
    assert!(refusal(&url).await.contains("cannot open the database `redis://127.0.0.1"));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_connections_trust_their_authority_only() {
    let Some(server) = Kind::Redis.start() else { return };
    let folder = server.process().folder().to_owned();
    let port = std::fs::read_to_string(folder.join("tls-port")).unwrap();
    let url = |host: &str, ca: &str| {
        format!("rediss://{host}:{port}/0?prefix=tls&ca={}", folder.join(ca).display())
    };
    let good = url("localhost", "ca.pem");
    holdfast_store::conformance::big_bodies(&Place(good.clone())).await;
    let identity = ["cert", "key"].map(|kind| {
        let file = if kind == "key" { "server.key" } else { "server.pem" };
        format!("&{kind}={}", folder.join(file).display())
    });
    open(&format!("{good}{}", identity.concat())).await.check().await.unwrap();
    assert!(refusal(&url("localhost", "other-ca.pem")).await.contains("certificate"));
    assert!(refusal(&url("127.0.0.1", "ca.pem")).await.contains("certificate"));
    assert!(refusal(&format!("rediss://localhost:{port}")).await.contains("certificate"));
    assert!(refusal(&url("localhost", "missing.pem")).await.contains("cannot read"));

    let store = open(&good).await;
    store.commit(create("k", 10)).await.unwrap();
    server.process().kill();
    server.process().start_again();
    store.commit(create("l", 10)).await.unwrap();
    assert_eq!(sorts(&*store, "left").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_stop_at_the_end_of_their_range() {
    let Some(server) = Kind::Redis.start() else { return };
    let store = open(&server.place()).await;
    let key = |sort: &str| Key::new("c", sort);
    store.count(&[(key("high"), i64::MAX - 1), (key("low"), i64::MIN), (key("zero"), 0)]).await.unwrap();
    store.count(&[(key("high"), 5), (key("low"), -1), (key("other"), 1 << 60)]).await.unwrap();
    let expected = [("high", i64::MAX), ("low", i64::MIN), ("other", 1 << 60), ("zero", 0)];
    let expected = expected.map(|(sort, value)| (key(sort), value));
    assert_eq!(store.counters(&Scan::first("c", 9)).await.unwrap(), expected);
}
