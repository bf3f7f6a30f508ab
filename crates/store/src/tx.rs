//! Optimistic transactions: read with revisions, decide in plain Rust, commit once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::contract::{Batch, Doc, Key, Op, Rev, Store, StoreError};
use crate::typed::{Entity, decode, encode};

/// What became of a transaction.
#[must_use = "a conflict means that nothing was written"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Yes,
    /// Something that it read or created was changed by another commit meanwhile; nothing was written.
    Conflict,
}

/// Reads are remembered with their revision, writes are buffered, and [`Tx::commit`] turns both into one
/// batch: what was looked at becomes a guard, what was written an operation, and the difference between the old
/// and the new index entries goes with it. Absence and ranges are not guarded.
pub struct Tx {
    store: Arc<dyn Store>,
    batch: Batch,
    seen: BTreeMap<Key, Option<Doc>>,
    /// Those of `seen` that a decision may rest on.
    looked_at: BTreeSet<Key>,
    writes: BTreeMap<Key, Write>,
}

struct Write {
    change: Change,
    old_entries: Entries,
    new_entries: Entries,
}

enum Change {
    /// Must not exist, whether or not that was looked at.
    Create(String),
    /// Takes the place of what was read, be it nothing.
    Replace(String),
    Delete,
}

impl Change {
    fn body(&self) -> Option<&str> {
        match self {
            Change::Create(body) | Change::Replace(body) => Some(body),
            Change::Delete => None,
        }
    }
}

type Entries = BTreeMap<Key, String>;

impl Tx {
    /// An empty transaction; use [`Retry`](crate::Retry) to begin again after a conflict.
    pub fn new(store: &Arc<dyn Store>) -> Tx {
        Tx {
            store: store.clone(),
            batch: Batch::new(),
            seen: BTreeMap::new(),
            looked_at: BTreeSet::new(),
            writes: BTreeMap::new(),
        }
    }

    /// The revision that everything written here will carry.
    pub fn rev(&self) -> Rev {
        self.batch.rev()
    }

    /// The entity as this transaction sees it: its own writes included.
    pub async fn get<E: Entity>(&mut self, key: &Key) -> Result<Option<E>, StoreError> {
        self.prefetch(std::slice::from_ref(key)).await?;
        self.current(key)
    }

    /// Several entities of one type in one round trip, in the order asked.
    pub async fn get_many<E: Entity>(&mut self, keys: &[Key]) -> Result<Vec<Option<E>>, StoreError> {
        self.prefetch(keys).await?;
        keys.iter().map(|key| self.current(key)).collect()
    }

    /// Reads what is not known yet in one round trip, so that later calls of [`Tx::get`] for entities of
    /// any type need none. Only what they then look at becomes a guard of the commit: a guard on what many
    /// commits share makes them wait for each other.
    pub async fn prefetch(&mut self, keys: &[Key]) -> Result<(), StoreError> {
        let known = |key: &&Key| !self.seen.contains_key(key) && !self.writes.contains_key(key);
        let unknown: Vec<Key> = keys.iter().filter(known).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let docs = self.store.get_many(&unknown).await?;
        self.seen.extend(unknown.into_iter().zip(docs));
        Ok(())
    }

    /// Creates the entity, or replaces the one that this transaction read (and reads it if it has not).
    pub async fn put<E: Entity>(&mut self, entity: &E) -> Result<(), StoreError> {
        let key = entity.key();
        let body = encode(&key, entity)?;
        let new_entries = entries(entity);
        if let Some(write) = self.writes.get_mut(&key) {
            let blind = matches!(write.change, Change::Create(_));
            write.change = if blind { Change::Create(body) } else { Change::Replace(body) };
            write.new_entries = new_entries;
            return Ok(());
        }
        let old_entries = self.get::<E>(&key).await?.as_ref().map(entries).unwrap_or_default();
        self.writes.insert(key, Write { change: Change::Replace(body), old_entries, new_entries });
        Ok(())
    }

    /// Creates the entity without reading first, which suits keys made at random. If it exists, the commit
    /// is a conflict.
    #[expect(clippy::unused_async, reason = "one shape for every verb; an engine may come to need it")]
    pub async fn create<E: Entity>(&mut self, entity: &E) -> Result<(), StoreError> {
        let key = entity.key();
        let body = encode(&key, entity)?;
        let new_entries = entries(entity);
        let deleted = self.writes.remove(&key).filter(|write| matches!(write.change, Change::Delete));
        let write = match deleted {
            Some(write) => Write { change: Change::Replace(body), new_entries, ..write },
            None => Write { change: Change::Create(body), old_entries: Entries::new(), new_entries },
        };
        self.writes.insert(key, write);
        Ok(())
    }

    /// Deletes the entity, if it is there.
    pub async fn delete<E: Entity>(&mut self, key: &Key) -> Result<(), StoreError> {
        if let Some(write) = self.writes.remove(key) {
            if !matches!(write.change, Change::Create(_)) {
                let write = Write { change: Change::Delete, new_entries: Entries::new(), ..write };
                self.writes.insert(key.clone(), write);
            }
            return Ok(());
        }
        if let Some(old) = self.get::<E>(key).await? {
            let old_entries = entries(&old);
            let write = Write { change: Change::Delete, old_entries, new_entries: Entries::new() };
            self.writes.insert(key.clone(), write);
        }
        Ok(())
    }

    /// Commits everything at once. A transaction that read nothing present and wrote nothing asks nobody.
    pub async fn commit(self) -> Result<Committed, StoreError> {
        let Tx { store, batch, mut seen, looked_at, writes } = self;
        seen.retain(|key, _| looked_at.contains(key));
        let batch = assemble(batch, seen, writes)?;
        if batch.ops().is_empty() {
            return Ok(Committed::Yes);
        }
        match store.commit(batch).await {
            Ok(()) => Ok(Committed::Yes),
            Err(StoreError::Conflict) => Ok(Committed::Conflict),
            Err(error) => Err(error),
        }
    }

    fn current<E: Entity>(&mut self, key: &Key) -> Result<Option<E>, StoreError> {
        let body = if let Some(write) = self.writes.get(key) {
            write.change.body()
        } else {
            self.looked_at.insert(key.clone());
            self.seen.get(key).and_then(Option::as_ref).map(|doc| &*doc.body)
        };
        body.map(|body| decode(key, body)).transpose()
    }
}

fn entries<E: Entity>(entity: &E) -> Entries {
    entity.indexes().into_iter().collect()
}

fn assemble(
    mut batch: Batch,
    mut seen: BTreeMap<Key, Option<Doc>>,
    writes: BTreeMap<Key, Write>,
) -> Result<Batch, StoreError> {
    let (mut stale, mut fresh, mut kept) = (Entries::new(), Entries::new(), Entries::new());
    for (key, write) in writes {
        for (entry, body) in write.new_entries {
            let same = write.old_entries.get(&entry) == Some(&body);
            if same { &mut kept } else { &mut fresh }.insert(entry, body);
        }
        stale.extend(write.old_entries);
        let old = seen.remove(&key).flatten().map(|doc| doc.rev);
        let op = match (old, write.change) {
            (_, Change::Create(body)) | (None, Change::Replace(body)) => Op::Create(body),
            (Some(rev), Change::Replace(body)) => Op::Update(rev, body),
            (Some(rev), Change::Delete) => Op::Delete(rev),
            (None, Change::Delete) => continue,
        };
        batch.add(key, op)?;
    }
    for doc in seen.into_values().flatten() {
        batch.add(doc.key, Op::Require(doc.rev))?;
    }
    for entry in stale.into_keys().filter(|entry| !fresh.contains_key(entry) && !kept.contains_key(entry)) {
        batch.add(entry, Op::Remove)?;
    }
    for (entry, body) in fresh {
        batch.add(entry, Op::Put(body))?;
    }
    Ok(batch)
}

#[cfg(test)]
mod tests;
