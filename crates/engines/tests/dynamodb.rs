//! DynamoDB's protocol as moto speaks it, one request at a time; what moto does not check is checked by a
//! proxy in front of it.

#![cfg(feature = "dynamodb")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_engines::open;
use holdfast_servers::{Act, Front, Kind, Request, Server};
use holdfast_store::conformance::{Site, run_all};
use holdfast_store::{Batch, Key, Op, Scan, Store, StoreError};
use serde_json::{Value, json};

/// What the service calls the mark of a transaction, and the last part of credentials that end.
const MARK: &str = concat!("ClientRequestT", "oken");
const SESSION: &str = concat!("T", "oken");

struct Table(String);

#[async_trait::async_trait]
impl Site for Table {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.0).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    run_all(|| Table(server.place())).await;
}

fn batch(ops: impl IntoIterator<Item = (Key, Op)>) -> Batch {
    let mut batch = Batch::new();
    for (key, op) in ops {
        batch.add(key, op).unwrap();
    }
    batch
}

fn pair(sort: &str) -> Batch {
    batch(["left", "right"].map(|part| (Key::new(part, sort), Op::Create("{}".into()))))
}

async fn size(store: &dyn Store, part: &str) -> usize {
    store.scan(&Scan::first(part, 999)).await.unwrap().len()
}

/// Where the server of a URL listens.
fn address_of(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("endpoint=http://").unwrap();
    rest.split('&').next().unwrap().parse().unwrap()
}

/// A proxy in front of a new place, which knows the marks of transactions as the service does, and the URL
/// through it.
fn fronted(server: &dyn Server) -> (Front, String) {
    let url = server.place();
    let front = Front::before(address_of(&url));
    let through = url.replace(&address_of(&url).to_string(), &front.address().to_string());
    (front, through)
}

fn is(request: &Request, operation: &str) -> bool {
    request.header("x-amz-target") == Some(&format!("DynamoDB_20120810.{operation}"))
}

fn mark(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body[MARK].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_server_ends_and_comes_back() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let url = server.place();
    let store = open(&url).await.unwrap();
    store.commit(pair("1")).await.unwrap();
    server.process().kill();
    let key = [Key::new("left", "1")];
    assert!(matches!(store.get_many(&key).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.commit(pair("2")).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.count(&[(Key::new("c", "n"), 1)]).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable { .. })));
    server.process().start_again();
    // It keeps nothing: a table that is gone is trouble, not an empty table.
    assert!(matches!(store.get_many(&key).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.scan(&Scan::first("left", 9)).await, Err(StoreError::Unavailable { .. })));
    open(&url).await.unwrap();
    store.commit(pair("3")).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(size(&*store, "right").await, 1);
}

#[tokio::test]
async fn the_server_hangs() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let store = open(&server.place()).await.unwrap();
    store.commit(pair("1")).await.unwrap();
    server.process().freeze();
    let dropped = tokio::time::timeout(Duration::from_millis(300), store.commit(pair("2"))).await;
    assert!(dropped.is_err());
    let began = tokio::time::Instant::now();
    let key = [Key::new("left", "1")];
    let (read, commit) = tokio::join!(store.get_many(&key), store.commit(pair("3")));
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(matches!(commit, Err(StoreError::UnknownOutcome { .. })), "{commit:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    server.process().thaw();
    store.commit(pair("4")).await.unwrap();
    store.check().await.unwrap();
    // What was sent may have been done, but only as a whole.
    let left = store.scan(&Scan::first("left", 9)).await.unwrap();
    let right = store.scan(&Scan::first("right", 9)).await.unwrap();
    let sorts = |docs: Vec<holdfast_store::Doc>| docs.into_iter().map(|doc| doc.key.sort).collect::<Vec<_>>();
    assert_eq!(sorts(left), sorts(right));
}

/// What the service does with marks, and moto does not: a transaction that was done is not done again.
fn remember_marks(front: &Front, mut first: impl FnMut(&Request) -> Act + Send + 'static) {
    let done: Mutex<HashSet<String>> = Mutex::default();
    front.script(move |request| {
        if !is(request, "TransactWriteItems") {
            return Act::Forward;
        }
        if done.lock().unwrap().contains(&mark(request)) {
            return Act::Answer(200, "{}".into());
        }
        let act = first(request);
        if matches!(act, Act::Forward | Act::Lose) {
            done.lock().unwrap().insert(mark(request));
        }
        act
    });
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let (front, url) = fronted(&*server);
    let store = open(&url).await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    remember_marks(&front, move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        Act::Lose
    });
    let batch = pair("1");
    let rev = batch.rev();
    store.commit(batch).await.unwrap();
    for number in 0..3 {
        store.count(&[(Key::new("c", "n"), 10 + number)]).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4, "each is a transaction of its own");
    front.script(|_| Act::Forward);
    let found = store.get_many(&[Key::new("left", "1")]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().rev, rev);
    assert_eq!(store.counters(&Scan::first("c", 9)).await.unwrap(), [(Key::new("c", "n"), 33)]);
}

#[tokio::test]
async fn trouble_that_passes_is_not_seen() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let (front, url) = fronted(&*server);
    let store = open(&url).await.unwrap();
    let answers = [
        (400, json!({ "__type": "x#ThrottlingException", "message": "slow down" })),
        (
            400,
            json!({ "__type": "x#TransactionCanceledException", "CancellationReasons": [{ "Code": "TransactionConflict" }] }),
        ),
        (503, json!({ "__type": "x#ServiceUnavailable" })),
        (500, json!("not the service's words")),
    ];
    for (status, body) in answers {
        let left = AtomicUsize::new(2);
        front.script(move |_| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Act::Answer(status, body.to_string()),
                Err(_) => Act::Forward,
            }
        });
        store.commit(batch([(Key::new("p", status.to_string()), Op::Put("{}".into()))])).await.unwrap();
        assert!(1 <= size(&*store, "p").await);
    }
    front.script(|_| Act::Change(|answer| answer[..answer.len() - 1].to_vec()));
    let cut = store.get_many(&[Key::new("p", "400")]).await;
    assert!(matches!(cut, Err(StoreError::Unavailable { .. })), "half an answer is none: {cut:?}");
}

#[tokio::test]
async fn trouble_that_stays_is_told_in_time() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let (front, url) = fronted(&*server);
    let store = open(&url).await.unwrap();
    let throttled = json!({ "__type": "x#ProvisionedThroughputExceededException" }).to_string();
    front.script(move |_| Act::Answer(400, throttled.clone()));
    let began = tokio::time::Instant::now();
    let key = [Key::new("p", "k")];
    let (read, commit) = tokio::join!(store.get_many(&key), store.commit(pair("1")));
    assert!(matches!(read, Err(StoreError::Unavailable { .. })));
    assert!(matches!(commit, Err(StoreError::Unavailable { .. })), "nothing was done: {commit:?}");
    assert!(began.elapsed() < Duration::from_secs(10));

    let denied = json!({ "__type": "x#AccessDeniedException", "Message": "no" }).to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    front.script(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Act::Answer(400, denied.clone())
    });
    assert!(matches!(store.commit(pair("1")).await, Err(StoreError::Unavailable { .. })));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what does not pass is not repeated");
}

#[tokio::test]
async fn keys_left_over_are_read_again() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let (front, url) = fronted(&*server);
    let store = open(&url).await.unwrap();
    let keys: Vec<Key> = (0..150).map(|number| Key::new("p", format!("{number}"))).collect();
    for chunk in keys.chunks(100) {
        store.commit(batch(chunk.iter().map(|key| (key.clone(), Op::Put("{}".into()))))).await.unwrap();
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    front.script(move |request| {
        if seen.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            return Act::Forward;
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        Act::Answer(200, json!({ "Responses": {}, "UnprocessedKeys": asked["RequestItems"] }).to_string())
    });
    let found = store.get_many(&keys).await.unwrap();
    assert!(found.iter().zip(&keys).all(|(doc, key)| doc.as_ref().unwrap().key == *key));
    assert_eq!(calls.load(Ordering::SeqCst), 4, "two chunks, each asked for twice");
}

/// Asks the server past the engine.
fn tell(address: SocketAddr, operation: &str, body: &Value) -> String {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=0\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
    answer
}

async fn refusal(url: &str) -> String {
    let mut error: &dyn std::error::Error = &open(url).await.err().unwrap();
    let mut words = error.to_string();
    while let Some(source) = error.source() {
        words = format!("{words}: {source}");
        error = source;
    }
    words
}

fn table_of(url: &str) -> &str {
    url.strip_prefix("dynamodb://").unwrap().split('?').next().unwrap()
}

#[tokio::test]
async fn tables_that_are_not_ours_are_refused() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let url = server.place();
    let address = address_of(&url);
    let absent = refusal(&url.replace("create=true", "create=false")).await;
    assert!(absent.contains("there is no table `holdfast-0`; add `create=true`"), "{absent}");
    assert!(!absent.contains("secret_access_key=test"), "{absent}");

    let make = |table: &str, keys: [(&str, &str); 2]| {
        let definitions = keys.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
        let schema = [(keys[0].0, "HASH"), (keys[1].0, "RANGE")]
            .map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind }));
        let request = json!({
            "TableName": table, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": definitions, "KeySchema": schema,
        });
        tell(address, "CreateTable", &request);
    };
    let put = |table: &str, part: &str, n: &str| {
        let item = json!({ "part": { "S": part }, "sort": { "S": "=" }, "n": { "N": n } });
        tell(address, "PutItem", &json!({ "TableName": table, "Item": item }));
    };
    for keys in [[("pk", "S"), ("sk", "S")], [("part", "S"), ("sort", "B")]] {
        let url = server.place();
        make(table_of(&url), keys);
        assert!(refusal(&url).await.contains("belongs to another program"));
    }
    let ours = [("part", "S"), ("sort", "S")];
    let filled = server.place();
    make(table_of(&filled), ours);
    put(table_of(&filled), "theirs", "1");
    assert!(refusal(&filled).await.contains("belongs to another program"));
    let newer = server.place();
    make(table_of(&newer), ours);
    put(table_of(&newer), "own:schema", "2");
    assert!(refusal(&newer).await.contains("has schema `2`, newer than the `1`"));
    let empty = server.place();
    make(table_of(&empty), ours);
    open(&empty.replace("create=true", "create=false")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_made_once_and_protected() {
    let Some(server) = Kind::Dynamodb.start() else { return };
    let url = server.place();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await.map(|_| ()) })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
    let of_table = json!({ "TableName": table_of(&url) });
    let table = tell(address_of(&url), "DescribeTable", &of_table);
    assert!(
        table.contains("PAY_PER_REQUEST") && table.contains("\"DeletionProtectionEnabled\": true"),
        "{table}"
    );
    let backups = tell(address_of(&url), "DescribeContinuousBackups", &of_table);
    assert!(backups.contains("\"PointInTimeRecoveryStatus\": \"ENABLED\""), "{backups}");
}

#[tokio::test]
#[ignore = "the child of `credentials_come_from_where_the_process_runs`, which sets its environment"]
#[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to open")]
async fn child() {
    if let Ok(url) = std::env::var("HOLDFAST_TEST_TABLE") {
        open(&url).await.unwrap();
    }
}

/// Runs [`child`] with only these variables, and gives the id of the key that it signed with.
fn signed_with(variables: &[(&str, &str)]) -> String {
    let ids: Arc<Mutex<Vec<String>>> = Arc::default();
    let front = Front::alone();
    let seen = ids.clone();
    front.script(move |request| {
        let signature = request.header("authorization").unwrap_or_default();
        let id = signature.split_once("Credential=").map(|(_, rest)| rest.split('/').next().unwrap());
        seen.lock().unwrap().extend(id.map(str::to_owned));
        Act::Answer(400, json!({ "__type": "x#AccessDeniedException" }).to_string())
    });
    let url = format!("dynamodb://table?endpoint=http://{}", front.address());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["child", "--exact", "--ignored"]).env_clear();
    child.env("HOLDFAST_TEST_TABLE", url).env("AWS_REGION", "eu-west-1");
    child.envs(variables.iter().copied()).output().unwrap();
    let ids = ids.lock().unwrap();
    ids.first().cloned().unwrap_or_default()
}

#[test]
fn credentials_come_from_where_the_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("credentials");
    let lines = "[default]\naws_access_key_id = OFDEFAULT\naws_secret_access_key = s\n\
                 [work]\naws_access_key_id = OFWORK\naws_secret_access_key = s\n";
    std::fs::write(&shared, lines).unwrap();
    let shared = shared.to_str().unwrap();
    let answer = json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "OFPLACE", "SecretAccessKey": "s", (SESSION): "t",
        "Expiration": "2099-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z",
    });
    let place = Front::alone();
    place.script(move |request| match request.line.split(' ').nth(1).unwrap() {
        path if path.starts_with("/latest/api/") => Act::Answer(200, "session".into()),
        "/latest/meta-data/iam/security-credentials/" => Act::Answer(200, "role".into()),
        _ => Act::Answer(200, answer.to_string()),
    });
    let place = format!("http://{}", place.address());
    let container = format!("{place}/v2/credentials");
    let no_instance = ("AWS_EC2_METADATA_DISABLED", "true");
    for (variables, expected) in [
        (&[("AWS_ACCESS_KEY_ID", "OFENV"), ("AWS_SECRET_ACCESS_KEY", "s")][..], "OFENV"),
        (&[("AWS_SHARED_CREDENTIALS_FILE", shared), no_instance], "OFDEFAULT"),
        (&[("AWS_SHARED_CREDENTIALS_FILE", shared), ("AWS_PROFILE", "work"), no_instance], "OFWORK"),
        (&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container), no_instance], "OFPLACE"),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &place)], "OFPLACE"),
        (&[no_instance], ""),
    ] {
        assert_eq!(signed_with(variables), expected, "{variables:?}");
    }
}
