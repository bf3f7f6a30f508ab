//! What was acknowledged is there after `kill -9`, and nothing is half there.
//!
//! The test starts its own binary again as a child that commits and says what was acknowledged, and kills it
//! in the middle.

#![cfg(any(feature = "redb", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use holdfast_store::{Batch, Key, Op, Scan, Store};

const COMMITTERS: usize = 4;
const ROUNDS: usize = 5;

async fn open(url: &str) -> Arc<dyn Store> {
    holdfast_engines::open(url).await.unwrap()
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn redb() {
    acknowledged_commits_survive("redb").await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    acknowledged_commits_survive("sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of `acknowledged_commits_survive`, which kills it"]
async fn child() {
    let mut lines = std::io::stdin().lines().map(Result::unwrap);
    let store = open(&lines.next().unwrap()).await;
    let round = lines.next().unwrap();
    let tasks: Vec<_> = (0..COMMITTERS)
        .map(|committer| tokio::spawn(work(store.clone(), round.clone(), committer)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn work(store: Arc<dyn Store>, round: String, committer: usize) {
    for number in 0.. {
        let id = format!("{round}-{committer}-{number:06}");
        let mut batch = Batch::new();
        for part in ["left", "right"] {
            batch.add(Key::new(part, &*id), Op::Create(format!("\"{}\"", "x".repeat(2000)))).unwrap();
        }
        store.commit(batch).await.unwrap();
        store.count(&[(Key::new("counter", format!("{round}-{committer}")), 1)]).await.unwrap();
        // One write call, so that lines of several threads do not mix.
        std::io::stdout().write_all(format!("acknowledged {id}\n").as_bytes()).unwrap();
    }
}

/// Starts the child, kills it after some acknowledgements, and gives all that it wrote before it died.
fn kill_one(url: &str, round: usize) -> BTreeSet<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{url}\n{round}").unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeSet::new();
    for line in lines.map_while(Result::ok) {
        if let Some((_, id)) = line.split_once("acknowledged ") {
            acknowledged.insert(id.to_owned());
        }
        if acknowledged.len() == 40 + 60 * round {
            // SIGKILL; what the pipe still holds is read to its end.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

async fn acknowledged_commits_survive(engine: &str) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{engine}:{}", dir.path().join("test.db").display());
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let (target, before) = (url.clone(), acknowledged.len());
        acknowledged
            .append(&mut tokio::task::spawn_blocking(move || kill_one(&target, round)).await.unwrap());
        assert!(before + 40 <= acknowledged.len(), "the child died by itself");
        let store = open(&url).await;
        let left = sorts(&*store, "left").await;
        assert_eq!(left, sorts(&*store, "right").await, "a commit is half there");
        assert!(
            acknowledged.is_subset(&left),
            "lost {:?}",
            acknowledged.difference(&left).collect::<Vec<_>>()
        );
        assert!(left.len() <= acknowledged.len() + COMMITTERS * (round + 1), "more than was in flight");
        let counted: i64 =
            store.counters(&Scan::first("counter", 99)).await.unwrap().iter().map(|(_, n)| n).sum();
        assert!(i64::try_from(acknowledged.len()).unwrap() <= counted);
    }
}

async fn sorts(store: &dyn Store, part: &str) -> BTreeSet<String> {
    let docs = store.scan(&Scan::first(part, u32::MAX)).await.unwrap();
    docs.into_iter().map(|doc| doc.key.sort).collect()
}
