//! How each operation of the contract reads and writes the tables.
//!
//! A key is `part`, a NUL and `sort`, so that the order of bytes is the order of the contract. A document is
//! its revision, eight bytes with the highest first, and its body.

use std::ops::Bound;

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan};
use redb::{
    Error, Key as RedbKey, ReadOnlyTable, ReadTransaction, ReadableTable, Table, Value, WriteTransaction,
};

use super::schema::{COUNTERS, DOCUMENTS};
use crate::group::Guards;

/// Bytes of a revision.
const REV: usize = 8;

/// Point reads.
pub(super) fn get_many(transaction: &ReadTransaction, keys: Vec<Key>) -> Result<Vec<Option<Doc>>, Error> {
    let table = transaction.open_table(DOCUMENTS)?;
    let read = |key: Key| {
        let found = table.get(&*encode(&key))?;
        found.map(|value| document(key, value.value())).transpose()
    };
    keys.into_iter().map(read).collect()
}

/// One page of documents.
pub(super) fn scan(transaction: &ReadTransaction, scan: &Scan) -> Result<Vec<Doc>, Error> {
    page(&transaction.open_table(DOCUMENTS)?, scan, document)
}

/// One page of counters.
pub(super) fn counters(transaction: &ReadTransaction, scan: &Scan) -> Result<Vec<(Key, i64)>, Error> {
    page(&transaction.open_table(COUNTERS)?, scan, |key, value| Ok((key, value)))
}

/// The tables of one transaction that writes.
pub(super) struct Tables<'a> {
    documents: Table<'a, &'static [u8], &'static [u8]>,
    counters: Table<'a, &'static [u8], i64>,
}

impl<'a> Tables<'a> {
    pub(super) fn of(transaction: &'a WriteTransaction) -> Result<Tables<'a>, Error> {
        Ok(Tables {
            documents: transaction.open_table(DOCUMENTS)?,
            counters: transaction.open_table(COUNTERS)?,
        })
    }

    /// Looks at every guard before it writes anything.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<Guards, Error> {
        for (key, op) in batch.ops() {
            if !self.holds(key, op)? {
                return Ok(Guards::Broken);
            }
        }
        let rev = batch.rev().0.to_be_bytes();
        for (key, op) in batch.ops() {
            match op {
                Op::Create(body) | Op::Update(_, body) | Op::Put(body) => {
                    self.documents.insert(&*encode(key), &*[&rev, body.as_bytes()].concat())?;
                }
                Op::Delete(_) | Op::Remove => drop(self.documents.remove(&*encode(key))?),
                Op::Require(_) => (),
            }
        }
        Ok(Guards::Held)
    }

    /// Adds to counters.
    pub(super) fn count(&mut self, deltas: &[(Key, i64)]) -> Result<(), Error> {
        for (key, delta) in deltas {
            let key = encode(key);
            let before = self.counters.get(&*key)?.map_or(0, |value| value.value());
            self.counters.insert(&*key, before.saturating_add(*delta))?;
        }
        Ok(())
    }

    fn holds(&self, key: &Key, op: &Op) -> Result<bool, Error> {
        Ok(match op {
            Op::Put(_) | Op::Remove => true,
            Op::Create(_) => self.documents.get(&*encode(key))?.is_none(),
            Op::Update(rev, _) | Op::Delete(rev) | Op::Require(rev) => {
                let found = self.documents.get(&*encode(key))?;
                found.is_some_and(|value| split(value.value()).is_some_and(|(found, _)| found == *rev))
            }
        })
    }
}

fn page<V: Value + 'static, T>(
    table: &ReadOnlyTable<&'static [u8], V>,
    scan: &Scan,
    row: impl Fn(Key, V::SelfType<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error>
where
    &'static [u8]: RedbKey,
{
    let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX);
    let bound = |sort: &str| [scan.part.as_bytes(), b"\0", sort.as_bytes()].concat();
    let low = bound(scan.after.as_deref().unwrap_or_default());
    // No part holds a NUL, so this comes after the partition and before the next.
    let end = || [scan.part.as_bytes(), b"\x01"].concat();
    let high = scan.before.as_deref().map_or_else(end, bound);
    if high <= low {
        return Ok(Vec::new());
    }
    let from = if scan.after.is_some() { Bound::Excluded(&*low) } else { Bound::Included(&*low) };
    let mut rows = table.range::<&[u8]>((from, Bound::Excluded(&*high)))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(next) = if scan.reverse { rows.next_back() } else { rows.next() }
    {
        let (key, value) = next?;
        let sort = text(&key.value()[scan.part.len() + 1..], &scan.part)?;
        found.push(row(Key::new(&*scan.part, sort), value.value())?);
    }
    Ok(found)
}

fn encode(key: &Key) -> Vec<u8> {
    [key.part.as_bytes(), b"\0", key.sort.as_bytes()].concat()
}

fn document(key: Key, value: &[u8]) -> Result<Doc, Error> {
    let (rev, body) = split(value).ok_or_else(|| damaged(&key))?;
    let body = text(body, &key)?;
    Ok(Doc { key, rev, body })
}

fn split(value: &[u8]) -> Option<(Rev, &[u8])> {
    let (rev, body) = value.split_first_chunk::<REV>()?;
    Some((Rev(i64::from_be_bytes(*rev)), body))
}

fn text(bytes: &[u8], place: &impl std::fmt::Display) -> Result<String, Error> {
    Ok(std::str::from_utf8(bytes).map_err(|_| damaged(place))?.to_owned())
}

fn damaged(place: &impl std::fmt::Display) -> Error {
    Error::Corrupted(format!("what is stored under `{place}` is damaged; restore a backup"))
}
