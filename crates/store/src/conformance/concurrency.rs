//! Many callers at once, in one engine and in two.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Site, batch, commit, conflicts, json, read_doc};
use crate::contract::{Key, Op, Scan, Store};
use crate::{Committed, Entity, Retry, read};

/// Of many that create one document, each with others of its own, one wins and leaves no trace of the rest.
pub async fn one_creator_wins(site: &dyn Site) {
    let store = site.open().await;
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let store = store.clone();
            let own = (Key::new("version/serde", format!("1.0.{number}")), Op::Create(json(number)));
            let batch = batch([(Key::new("name", "serde"), Op::Create(json(number))), own]);
            tokio::spawn(async move { !conflicts(&*store, batch).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += i32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    let left = store.scan(&Scan::first("version/serde", 99)).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].body, read_doc(&*store, &Key::new("name", "serde")).await.unwrap().body);
}

#[derive(Serialize, Deserialize)]
struct Cell {
    id: String,
    n: i64,
}

impl Entity for Cell {
    const VERSION: u32 = 1;

    crate::body_by_serde!();

    fn key(&self) -> Key {
        Key::new("cell", &*self.id)
    }
}

async fn increment(store: &Arc<dyn Store>, id: &str, times: i64) {
    for _ in 0..times {
        let mut retry = Retry::new(store);
        loop {
            let mut tx = retry.begin().await.unwrap();
            let n = tx.get::<Cell>(&Key::new("cell", id)).await.unwrap().map_or(0, |cell| cell.n);
            tx.put(&Cell { id: id.into(), n: n + 1 }).await.unwrap();
            if tx.commit().await.unwrap() == Committed::Yes {
                break;
            }
        }
    }
}

async fn increment_together(stores: &[Arc<dyn Store>], tasks_each: usize, times: i64) {
    let owned = |store: &Arc<dyn Store>| {
        let store = store.clone();
        tokio::spawn(async move { increment(&store, "x", times).await })
    };
    let tasks: Vec<_> = stores.iter().flat_map(|store| (0..tasks_each).map(move |_| owned(store))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    for store in stores {
        let (_, cell) = read::<Cell>(&**store, &Key::new("cell", "x")).await.unwrap().unwrap();
        assert_eq!(cell.n, i64::try_from(stores.len() * tasks_each).unwrap() * times);
    }
}

/// Concurrent read-modify-write of one document loses none.
pub async fn lost_updates(site: &dyn Site) {
    increment_together(&[site.open().await], 8, 25).await;
}

/// Two owners remove themselves at once, each on condition that the other stays: not both may succeed.
pub async fn write_skew(site: &dyn Site) {
    let store = site.open().await;
    for round in 0..40 {
        let keys = ["a", "b"].map(|owner| Key::new("owner", format!("{round}-{owner}")));
        let both = commit(&*store, keys.clone().map(|key| (key, Op::Create(json(1))))).await;
        let leave = |me: usize| {
            let ops = [(keys[me].clone(), Op::Delete(both)), (keys[1 - me].clone(), Op::Require(both))];
            let store = store.clone();
            tokio::spawn(async move { !conflicts(&*store, batch(ops)).await })
        };
        let (left, right) = tokio::join!(leave(0), leave(1));
        assert!(!(left.unwrap() && right.unwrap()), "both owners left");
    }
}

/// Two engines on one place see each other's commits at once and exclude each other.
pub async fn two_engines_on_one_place(site: &dyn Site) {
    let stores = [site.open().await, site.open().await];
    for round in 0..20 {
        let key = Key::new("p", format!("{round}"));
        let (writer, reader) = (&*stores[round % 2], &*stores[1 - round % 2]);
        let rev = commit(writer, [(key.clone(), Op::Create(json(round)))]).await;
        assert_eq!(read_doc(reader, &key).await.unwrap().rev, rev);
        assert!(conflicts(reader, batch([(key.clone(), Op::Create(json(0)))])).await);
        commit(reader, [(key.clone(), Op::Update(rev, json(1)))]).await;
        assert!(conflicts(writer, batch([(key, Op::Update(rev, json(2)))])).await);
        writer.count(&[(Key::new("c", "n"), 1)]).await.unwrap();
        assert_eq!(
            reader.counters(&Scan::first("c", 1)).await.unwrap()[0].1,
            i64::try_from(round).unwrap() + 1
        );
    }
    increment_together(&stores, 2, 25).await;
}
