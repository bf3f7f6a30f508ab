//! Random operations: the engine against the memory model, and the indexes against recomputed ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Site, conflicts, json, read_doc};
use crate::contract::{Batch, Key, Op, Rev, Scan, Store};
use crate::{Committed, Entity, Memory, Tx, check_indexes};

const OPERATIONS: u32 = 10_000;

/// Ten thousand random operations, in batches that conflict often, do the same to the engine as to memory.
pub async fn random_differential(site: &dyn Site) {
    let (store, model) = (site.open().await, Memory::new());
    let mut rng = StdRng::seed_from_u64(7);
    let mut revs = vec![Rev(1)];
    let (mut operations, mut committed, mut refused) = (0, 0, 0);
    while operations < OPERATIONS {
        let batch = random_batch(&mut rng, &model, &revs).await;
        operations += u32::try_from(batch.ops().len()).unwrap();
        revs.push(batch.rev());
        let expected = conflicts(&model, batch.clone()).await;
        assert_eq!(
            conflicts(&*store, batch.clone()).await,
            expected,
            "after {operations} operations: {batch:?}"
        );
        *(if expected { &mut refused } else { &mut committed }) += 1;
        let scan = random_scan(&mut rng);
        assert_eq!(store.scan(&scan).await.unwrap(), model.scan(&scan).await.unwrap(), "{scan:?}");
        if operations % 7 == 0 {
            let deltas = [(random_key(&mut rng), rng.random_range(-5..9)), (random_key(&mut rng), 1)];
            model.count(&deltas).await.unwrap();
            store.count(&deltas).await.unwrap();
            let counters = store.counters(&scan).await.unwrap();
            assert_eq!(counters, model.counters(&scan).await.unwrap(), "{scan:?}");
        }
    }
    for part in 0..3 {
        let all = Scan::first(format!("p{part}"), 99);
        assert_eq!(store.scan(&all).await.unwrap(), model.scan(&all).await.unwrap());
    }
    assert!(committed > 1000 && refused > 1000, "{committed} committed, {refused} refused");
}

fn random_key(rng: &mut StdRng) -> Key {
    Key::new(format!("p{}", rng.random_range(0..3)), format!("k{}", rng.random_range(0..8)))
}

fn random_scan(rng: &mut StdRng) -> Scan {
    let mut bound = || rng.random_bool(0.5).then(|| format!("k{}", rng.random_range(0..9)));
    let (after, before) = (bound(), bound());
    let Key { part, .. } = random_key(rng);
    Scan { part, after, before, limit: rng.random_range(0..10), reverse: rng.random() }
}

async fn random_batch(rng: &mut StdRng, model: &Memory, revs: &[Rev]) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..rng.random_range(1..5) {
        let key = random_key(rng);
        if batch.ops().contains_key(&key) {
            continue;
        }
        let live = read_doc(model, &key).await.map(|doc| doc.rev).filter(|_| rng.random_bool(0.9));
        let rev = live.unwrap_or(revs[rng.random_range(0..revs.len())]);
        let body = json(rng.random::<u32>());
        let op = match rng.random_range(0..6) {
            0 => Op::Create(body),
            1 => Op::Update(rev, body),
            2 => Op::Delete(rev),
            3 => Op::Require(rev),
            4 => Op::Put(body),
            _ => Op::Remove,
        };
        batch.add(key, op).unwrap();
    }
    batch
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    id: u32,
    labels: BTreeMap<u32, u32>,
}

impl Entity for Item {
    const VERSION: u32 = 1;

    crate::body_by_serde!();

    fn key(&self) -> Key {
        Key::new("item", self.id.to_string())
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        let entry = |(label, weight)| (Key::new(format!("label/{label}"), self.id.to_string()), json(weight));
        self.labels.iter().map(entry).collect()
    }
}

/// After any sequence of entity operations, also several in a transaction and conflicting ones, the stored
/// index entries are those that the stored entities say.
pub async fn indexes_equal_recomputed(site: &dyn Site) {
    let store = site.open().await;
    let mut rng = StdRng::seed_from_u64(11);
    let labels: Vec<String> = (0..6).map(|label| format!("label/{label}")).collect();
    let mut conflicts = 0;
    for round in 0..300 {
        let mut first = random_changes(&mut rng, &store).await;
        first.get::<Item>(&Key::new("item", "0")).await.unwrap();
        let rival = random_changes(&mut rng, &store).await;
        let outcomes = [rival.commit().await.unwrap(), first.commit().await.unwrap()];
        conflicts += outcomes.iter().filter(|&&outcome| outcome == Committed::Conflict).count();
        if round % 20 == 0 {
            let problems = check_indexes::<Item>(&*store, &["item".into()], &labels).await.unwrap();
            assert_eq!(problems, [], "round {round}");
        }
    }
    assert_eq!(check_indexes::<Item>(&*store, &["item".into()], &labels).await.unwrap(), []);
    assert!((50..550).contains(&conflicts), "{conflicts} conflicts of 600");
}

async fn random_changes(rng: &mut StdRng, store: &Arc<dyn Store>) -> Tx {
    let mut tx = Tx::new(store);
    for _ in 0..rng.random_range(1..5) {
        let id = rng.random_range(0..10);
        let labels =
            (0..rng.random_range(0..4)).map(|_| (rng.random_range(0..6), rng.random_range(0..3))).collect();
        let item = Item { id, labels };
        match rng.random_range(0..8) {
            0 => tx.create(&item).await.unwrap(),
            1 | 2 => tx.delete::<Item>(&item.key()).await.unwrap(),
            _ => tx.put(&item).await.unwrap(),
        }
    }
    tx
}
