//! Storing documents and counters so that doing it twice is doing it once.

use crate::error::{Error, Kind, Result};
use crate::walk::read_counters_after;
use holdfast_store::{Batch, Key, Op, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many commits are under way at a time; some engines make one of several.
const COMMITS_AT_A_TIME: usize = 8;

/// How many counters are added to at once.
const COUNTERS_AT_ONCE: usize = 99;

/// How often a call is tried while the store is in trouble, for about ten seconds.
const ATTEMPTS: u32 = 8;

/// A document with its index entries: one commit or none.
#[derive(Clone)]
pub(super) struct Unit {
    writes: Vec<(Key, String)>,
    size_bytes: usize,
}

impl Unit {
    pub(super) fn new(key: Key, body: String, entries: Vec<(Key, String)>) -> Unit {
        let writes: Vec<(Key, String)> = [(key, body)].into_iter().chain(entries).collect();
        let size_bytes =
            writes.iter().map(|(key, body)| key.part.len() + key.sort.len() + body.len()).sum::<usize>();
        Unit { writes, size_bytes }
    }
}

/// Stores documents, and says how many were there already. Nothing may be there unless the import is resumed.
pub(super) async fn write_units(store: &Arc<dyn Store>, units: Vec<Unit>, is_resumed: bool) -> Result<u64> {
    let (mut writing, mut skipped) = (JoinSet::new(), 0);
    for pack in packs(units) {
        if writing.len() == COMMITS_AT_A_TIME {
            skipped += ended(writing.join_next().await)?;
        }
        writing.spawn(write_pack(store.clone(), pack, is_resumed));
    }
    while !writing.is_empty() {
        skipped += ended(writing.join_next().await)?;
    }
    Ok(skipped)
}

/// As many units in each as fit into a commit.
fn packs(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut packs: Vec<Vec<Unit>> = Vec::new();
    let (mut ops, mut size_bytes) = (Batch::MAX_OPS, 0);
    for unit in units {
        ops += unit.writes.len();
        size_bytes += unit.size_bytes;
        match packs.last_mut() {
            Some(pack) if ops <= Batch::MAX_OPS && size_bytes <= Batch::MAX_BYTES => pack.push(unit),
            _ => {
                (ops, size_bytes) = (unit.writes.len(), unit.size_bytes);
                packs.push(vec![unit]);
            }
        }
    }
    packs
}

async fn write_pack(store: Arc<dyn Store>, pack: Vec<Unit>, is_resumed: bool) -> Result<u64> {
    let (mut to_write, mut skipped) = (pack, 0);
    let mut may_be_there = is_resumed;
    let mut patience = Patience::default();
    loop {
        if may_be_there {
            match missing(&*store, &to_write).await {
                Ok(missing) => {
                    // What our own attempt left was not there already.
                    skipped += if patience.spent == 0 { to_write.len() - missing.len() } else { 0 };
                    to_write = missing;
                }
                Err(error) => {
                    patience.wait(error).await?;
                    continue;
                }
            }
        }
        if to_write.is_empty() {
            return Ok(skipped as u64);
        }
        match store.commit(batch(&to_write, may_be_there)?).await {
            Ok(()) => return Ok(skipped as u64),
            Err(StoreError::Conflict) if !may_be_there && is_any_there(&*store, &to_write).await? => {
                return Err(Error::conflict(
                    "something else writes into this database; stop it, and begin again with an empty one",
                ));
            }
            Err(error) => {
                may_be_there |= matches!(error, StoreError::UnknownOutcome { .. });
                patience.wait(error).await?;
            }
        }
    }
}

fn batch(units: &[Unit], may_be_there: bool) -> Result<Batch> {
    let mut batch = Batch::new();
    for (key, body) in units.iter().flat_map(|unit| &unit.writes) {
        let op = if may_be_there { Op::Put(body.clone()) } else { Op::Create(body.clone()) };
        batch.add(key.clone(), op).map_err(StoreError::from)?;
    }
    Ok(batch)
}

/// The units of which something is absent or different.
async fn missing(store: &dyn Store, units: &[Unit]) -> Result<Vec<Unit>, StoreError> {
    let keys: Vec<Key> = units.iter().flat_map(|unit| &unit.writes).map(|(key, _)| key.clone()).collect();
    let mut found = store.get_many(&keys).await?.into_iter();
    let mut missing = Vec::new();
    for unit in units {
        let same = unit
            .writes
            .iter()
            .zip(found.by_ref())
            .filter(|((_, body), found)| found.as_ref().is_some_and(|found| found.body == *body));
        if same.count() < unit.writes.len() {
            missing.push(unit.clone());
        }
    }
    Ok(missing)
}

async fn is_any_there(store: &dyn Store, units: &[Unit]) -> Result<bool> {
    let keys: Vec<Key> = units.iter().flat_map(|unit| &unit.writes).map(|(key, _)| key.clone()).collect();
    Ok(store.get_many(&keys).await?.iter().any(Option::is_some))
}

/// Brings counters to the given values, whatever they were. `last` is the counter stored before these.
pub(super) async fn write_counters(
    store: &Arc<dyn Store>,
    counters: Vec<(Key, i64)>,
    mut last: Option<Key>,
) -> Result<()> {
    let mut writing = JoinSet::new();
    for run in counters.chunk_by(|(one, _), (next, _)| one.part == next.part) {
        for some in run.chunks(COUNTERS_AT_ONCE) {
            let after = last.filter(|last| last.part == some[0].0.part).map(|last| last.sort);
            last = some.last().map(|(key, _)| key.clone());
            if writing.len() == COMMITS_AT_A_TIME {
                ended(writing.join_next().await)?;
            }
            writing.spawn(write_some_counters(store.clone(), some.to_vec(), after));
        }
    }
    while !writing.is_empty() {
        ended(writing.join_next().await)?;
    }
    Ok(())
}

async fn write_some_counters(
    store: Arc<dyn Store>,
    counters: Vec<(Key, i64)>,
    after: Option<String>,
) -> Result<()> {
    let mut patience = Patience::default();
    loop {
        let written = bring_counters_to(&*store, &counters, after.as_deref()).await;
        match written {
            Ok(()) => return Ok(()),
            Err(error) => patience.wait(error).await?,
        }
    }
}

async fn bring_counters_to(
    store: &dyn Store,
    counters: &[(Key, i64)],
    after: Option<&str>,
) -> Result<(), StoreError> {
    let Some((last, _)) = counters.last() else { return Ok(()) };
    let found: HashMap<Key, i64> = read_counters_after(store, &last.part, after, &last.sort).await?;
    let deltas: Vec<(Key, i64)> = counters
        .iter()
        .map(|(key, count)| (key.clone(), count.saturating_sub(found.get(key).copied().unwrap_or(0))))
        .filter(|(_, delta)| *delta != 0)
        .collect();
    if deltas.is_empty() { Ok(()) } else { store.count(&deltas).await }
}

/// Waits for a store that is in trouble, longer each time.
#[derive(Default)]
struct Patience {
    spent: u32,
}

impl Patience {
    /// Gives the error back when waiting does not help, or has not.
    async fn wait(&mut self, error: StoreError) -> Result<()> {
        let passes = match error {
            StoreError::Conflict | StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. } => true,
            StoreError::Batch(_) | StoreError::Corrupt { .. } => false,
        };
        if !passes || self.spent == ATTEMPTS {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(self.spent)).await;
        self.spent += 1;
        Ok(())
    }
}

fn ended<T>(task: Option<Result<Result<T>, tokio::task::JoinError>>) -> Result<T> {
    match task {
        Some(Ok(result)) => result,
        Some(Err(lost)) => Err(Error::with_source(Kind::Internal, "a task ended", lost)),
        None => Err(Error::new(Kind::Internal, "a task ended")),
    }
}
