//! The reference engine: a map in memory, and the model that every other engine is compared with.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contract::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};

/// Documents and counters that live as long as this value. Nothing is durable.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    docs: BTreeMap<Key, (Rev, String)>,
    counters: BTreeMap<Key, i64>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Every document and every counter, in the order of their keys: for tests, since no operation may need
    /// this, and no other engine can do it.
    #[cfg(feature = "faults")]
    pub fn everything(&self) -> (Vec<Doc>, Vec<(Key, i64)>) {
        let state = self.state();
        let counters = state.counters.iter().map(|(key, value)| (key.clone(), *value));
        (state.docs.iter().map(|(key, found)| doc(key, found)).collect(), counters.collect())
    }

    /// Every change to the state is a single step, so that a panic elsewhere cannot have left it half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Store for Memory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.docs.get(key).map(|found| doc(key, found))).collect())
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        Ok(page(&self.state().docs, scan, doc))
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        let holds = |(key, op): (&Key, &Op)| {
            let found = state.docs.get(key).map(|(rev, _)| *rev);
            match op {
                Op::Create(_) => found.is_none(),
                Op::Update(rev, _) | Op::Delete(rev) | Op::Require(rev) => found == Some(*rev),
                Op::Put(_) | Op::Remove => true,
            }
        };
        if !batch.ops().iter().all(holds) {
            return Err(StoreError::Conflict);
        }
        for (key, op) in batch.ops() {
            match op {
                Op::Create(body) | Op::Update(_, body) | Op::Put(body) => {
                    state.docs.insert(key.clone(), (batch.rev(), body.clone()));
                }
                Op::Delete(_) | Op::Remove => {
                    state.docs.remove(key);
                }
                Op::Require(_) => (),
            }
        }
        Ok(())
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        let mut state = self.state();
        for (key, delta) in deltas {
            let value = state.counters.entry(key.clone()).or_default();
            *value = value.saturating_add(*delta);
        }
        Ok(())
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        Ok(page(&self.state().counters, scan, |key, value| (key.clone(), *value)))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn doc(key: &Key, (rev, body): &(Rev, String)) -> Doc {
    Doc { key: key.clone(), rev: *rev, body: body.clone() }
}

fn page<V, T>(map: &BTreeMap<Key, V>, scan: &Scan, row: impl Fn(&Key, &V) -> T) -> Vec<T> {
    let low = match &scan.after {
        Some(after) => Bound::Excluded(Key::new(&*scan.part, &**after)),
        None => Bound::Included(Key::new(&*scan.part, "")),
    };
    // No key holds a NUL, so this is the first key after the partition.
    let high = match &scan.before {
        Some(before) => Key::new(&*scan.part, &**before),
        None => Key::new(format!("{}\0", scan.part), ""),
    };
    if let Bound::Excluded(low) = &low
        && high <= *low
    {
        return Vec::new();
    }
    let range = map.range((low, Bound::Excluded(high))).map(|(key, value)| row(key, value));
    let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX);
    if scan.reverse { range.rev().take(limit).collect() } else { range.take(limit).collect() }
}
