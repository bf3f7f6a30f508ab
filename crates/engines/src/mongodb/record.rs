//! What a key, a document and a counter look like in the database.
//!
//! ```json
//! { "_id": "part\u0000sort", "part": "part", "sort": "sort", "rev": 7, "body": { … } }
//! { "_id": "part\u0000sort", "part": "part", "sort": "sort", "value": 12 }
//! ```
//!
//! `_id` makes a key unique and finds it; no key holds a NUL, so the two halves cannot be confused. The index
//! on `part` and `sort` gives scans in the order of bytes, and people something to search by. Strings are
//! compared by their UTF-8 bytes, as long as a collection has no collation.

use holdfast_store::{Doc, Key, Rev, Scan, StoreError};
use mongodb::bson::{Document, RawBsonRef, RawDocument, doc};
use serde::de::Error as _;

use super::body;

/// The `_id` of a key.
pub(super) fn id(key: &Key) -> String {
    format!("{}\0{}", key.part, key.sort)
}

/// What a scan asks for.
pub(super) fn range(scan: &Scan) -> Document {
    let mut filter = doc! { "part": &scan.part };
    let mut bounds = Document::new();
    if let Some(after) = &scan.after {
        bounds.insert("$gt", after);
    }
    if let Some(before) = &scan.before {
        bounds.insert("$lt", before);
    }
    if !bounds.is_empty() {
        filter.insert("sort", bounds);
    }
    filter
}

/// Reads a document.
pub(super) fn document(record: &RawDocument) -> Result<Doc, StoreError> {
    let key = key(record)?;
    let rev = Rev(number(record, "rev", &key)?);
    match record.get("body") {
        Ok(Some(stored)) => match body::read(stored) {
            Some(body) => Ok(Doc { key, rev, body }),
            None => Err(corrupt(key, "its `body` holds values that JSON has not")),
        },
        _ => Err(corrupt(key, "it has no `body`")),
    }
}

/// Reads a counter.
pub(super) fn counter(record: &RawDocument) -> Result<(Key, i64), StoreError> {
    let key = key(record)?;
    let value = number(record, "value", &key)?;
    Ok((key, value))
}

fn key(record: &RawDocument) -> Result<Key, StoreError> {
    if let (Ok(part), Ok(sort)) = (record.get_str("part"), record.get_str("sort")) {
        return Ok(Key::new(part, sort));
    }
    let id = record.get_str("_id").unwrap_or("?");
    let (part, sort) = id.split_once('\0').unwrap_or((id, ""));
    Err(corrupt(Key::new(part, sort), "it has no `part` or no `sort`"))
}

fn number(record: &RawDocument, name: &str, key: &Key) -> Result<i64, StoreError> {
    match record.get(name) {
        Ok(Some(RawBsonRef::Int64(number))) => Ok(number),
        Ok(Some(RawBsonRef::Int32(number))) => Ok(number.into()),
        _ => Err(corrupt(key.clone(), &format!("its `{name}` is no whole number"))),
    }
}

fn corrupt(key: Key, what: &str) -> StoreError {
    StoreError::Corrupt { key, source: serde_json::Error::custom(what) }
}
