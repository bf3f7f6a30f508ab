//! How documents and counters lie in the table, and how a batch becomes a transaction.
//!
//! Both halves of the key are strings: DynamoDB compares strings by their UTF-8 bytes, which is the order
//! that the contract asks for, and strings can be read in every tool where binary keys cannot. Neither half
//! may be empty there, so each carries a prefix; that of `part` keeps counters and the engine's own notes
//! out of the partitions of documents.

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan};

use super::wire::{Action, Item, Query, TransactWriteItems, Value, Write};
use crate::merge_deltas;

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Documents,
    Counters,
    /// Notes of the engine itself.
    Own,
}

impl Space {
    fn prefix(self) -> &'static str {
        match self {
            Space::Documents => "doc:",
            Space::Counters => "count:",
            Space::Own => "own:",
        }
    }
}

const SORT_PREFIX: &str = "=";

/// The largest page to ask for. The service ends a page at 1 MB anyway.
const PAGE: u32 = 100_000;

/// An item that is not shaped as this engine writes them: a hand in the table.
#[derive(Debug, thiserror::Error)]
#[error("an item of the table is not shaped as this engine writes them: `{0}`")]
pub(super) struct Misshapen(String);

pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Value<'a> {
    Value::S(text.into())
}

pub(super) fn number(number: i64) -> Value<'static> {
    Value::N(number.to_string().into())
}

/// Only the key of an item.
pub(super) fn key(space: Space, part: &str, sort: &str) -> Item<'static> {
    Item {
        part: text(format!("{}{part}", space.prefix())),
        sort: text(format!("{SORT_PREFIX}{sort}")),
        rev: None,
        body: None,
        n: None,
    }
}

fn document(at: &Key, rev: Rev, body: &str) -> Item<'static> {
    Item {
        rev: Some(number(rev.0)),
        body: Some(text(body.to_owned())),
        ..key(Space::Documents, &at.part, &at.sort)
    }
}

/// The key of a stored item.
pub(super) fn key_of(space: Space, item: &Item<'_>) -> Result<Key, Misshapen> {
    match (&item.part, &item.sort) {
        (Value::S(part), Value::S(sort)) => {
            let part = part.strip_prefix(space.prefix());
            let key = part.zip(sort.strip_prefix(SORT_PREFIX)).map(|(part, sort)| Key::new(part, sort));
            key.ok_or_else(|| misshapen(item))
        }
        _ => Err(misshapen(item)),
    }
}

/// A stored document.
pub(super) fn doc_of(item: Item<'static>) -> Result<Doc, Misshapen> {
    let key = key_of(Space::Documents, &item)?;
    match (&item.rev, item.body) {
        (Some(Value::N(rev)), Some(Value::S(body))) if rev.parse::<i64>().is_ok() => {
            let rev = Rev(rev.parse().expect("the guard has parsed it"));
            Ok(Doc { key, rev, body: body.into_owned() })
        }
        _ => Err(Misshapen(key.to_string())),
    }
}

/// A stored counter.
pub(super) fn counter_of(item: &Item<'static>) -> Result<(Key, i64), Misshapen> {
    let key = key_of(Space::Counters, item)?;
    match &item.n {
        Some(Value::N(digits)) => digits.parse().map(|n| (key, n)).map_err(|_| misshapen(item)),
        _ => Err(misshapen(item)),
    }
}

fn misshapen(item: &Item<'_>) -> Misshapen {
    Misshapen(format!("{:?} {:?}", item.part, item.sort))
}

/// The range of a partition that a scan means, or `None` when it is empty. What comes back may hold one item
/// too many: that at the upper bound, which [`is_inside`] tells.
pub(super) fn query<'a>(table: &'a str, space: Space, scan: &Scan) -> Option<Query<'a>> {
    // The key condition takes one comparison of `sort`. NUL is the smallest character and in no stored key,
    // so nothing lies between a string and that string with a NUL.
    let above = scan.after.as_ref().map(|after| format!("{SORT_PREFIX}{after}\0"));
    let below = scan.before.as_ref().map(|before| format!("{SORT_PREFIX}{before}"));
    if scan.limit == 0 || above.as_ref().zip(below.as_ref()).is_some_and(|(above, below)| above >= below) {
        return None;
    }
    let condition = match (&above, &below) {
        (None, None) => "#part = :part",
        (Some(_), None) => "#part = :part AND #sort >= :above",
        (None, Some(_)) => "#part = :part AND #sort < :below",
        (Some(_), Some(_)) => "#part = :part AND #sort BETWEEN :above AND :below",
    };
    let mut names = BTreeMap::from([("#part", "part")]);
    let mut values = BTreeMap::from([(":part", text(format!("{}{}", space.prefix(), scan.part)))]);
    let bounds = [(":above", above), (":below", below)];
    values.extend(bounds.into_iter().filter_map(|(name, bound)| Some((name, text(bound?)))));
    if values.len() > 1 {
        names.insert("#sort", "sort");
    }
    Some(Query {
        table_name: table,
        consistent_read: true,
        scan_index_forward: !scan.reverse,
        // One more where the item at the upper bound may come along.
        limit: scan.limit.saturating_add(u32::from(condition.contains("BETWEEN"))).min(PAGE),
        key_condition_expression: condition,
        expression_attribute_names: names,
        expression_attribute_values: values,
        exclusive_start_key: None,
    })
}

/// Whether a key of the answer is one that the scan asked for.
pub(super) fn is_inside(scan: &Scan, key: &Key) -> bool {
    scan.before.as_ref() != Some(&key.sort)
}

/// A batch as one transaction. What it writes carries the batch's revision, and so does the mark by which the
/// service knows a repeated transaction.
pub(super) fn transaction<'a>(table: &'a str, batch: &Batch) -> TransactWriteItems<'a> {
    let rev = batch.rev();
    let actions = batch.ops().iter().map(|(at, op)| action(table, rev, at, op));
    TransactWriteItems { mark: mark(rev), transact_items: actions.collect() }
}

/// At most 36 characters, says the service.
pub(super) fn mark(rev: Rev) -> String {
    format!("{:016x}", rev.0)
}

fn action<'a>(table: &'a str, rev: Rev, at: &Key, op: &Op) -> Action<'a> {
    let bare = || Write {
        table_name: table,
        item: None,
        key: None,
        condition_expression: None,
        update_expression: None,
        expression_attribute_names: BTreeMap::new(),
        expression_attribute_values: BTreeMap::new(),
    };
    let put = |body: &str| Write { item: Some(document(at, rev, body)), ..bare() };
    let at_key = || Write { key: Some(key(Space::Documents, &at.part, &at.sort)), ..bare() };
    let at_rev = |write: Write<'a>, rev: &Rev| Write {
        condition_expression: Some("#rev = :rev"),
        expression_attribute_names: BTreeMap::from([("#rev", "rev")]),
        expression_attribute_values: BTreeMap::from([(":rev", number(rev.0))]),
        ..write
    };
    match op {
        Op::Create(body) => Action::Put(Write {
            condition_expression: Some("attribute_not_exists(#part)"),
            expression_attribute_names: BTreeMap::from([("#part", "part")]),
            ..put(body)
        }),
        Op::Update(rev, body) => Action::Put(at_rev(put(body), rev)),
        Op::Delete(rev) => Action::Delete(at_rev(at_key(), rev)),
        Op::Require(rev) => Action::ConditionCheck(at_rev(at_key(), rev)),
        Op::Put(body) => Action::Put(put(body)),
        Op::Remove => Action::Delete(at_key()),
    }
}

/// Deltas as transactions of at most [`Batch::MAX_OPS`] counters, each counter once.
pub(super) fn additions<'a>(table: &'a str, deltas: &[(Key, i64)]) -> Vec<TransactWriteItems<'a>> {
    let actions: Vec<_> = merge_deltas(deltas).into_iter().collect();
    let chunks = actions.chunks(Batch::MAX_OPS);
    chunks
        .map(|chunk| TransactWriteItems {
            mark: mark(Rev::fresh()),
            transact_items: chunk
                .iter()
                .map(|(key, sum)| Action::Update(addition(table, key, *sum)))
                .collect(),
        })
        .collect()
}

fn addition<'a>(table: &'a str, at: &Key, sum: i64) -> Write<'a> {
    Write {
        table_name: table,
        item: None,
        key: Some(key(Space::Counters, &at.part, &at.sort)),
        condition_expression: None,
        update_expression: Some("ADD #n :n"),
        expression_attribute_names: BTreeMap::from([("#n", "n")]),
        expression_attribute_values: BTreeMap::from([(":n", number(sum))]),
    }
}

/// Where a probe writes.
pub(super) fn probe_key() -> Item<'static> {
    key(Space::Own, "probe", "")
}

/// The smallest write.
pub(super) fn probe(table: &str) -> TransactWriteItems<'_> {
    let write = Write { key: Some(probe_key()), ..addition(table, &Key::new("", ""), 1) };
    TransactWriteItems { mark: mark(Rev::fresh()), transact_items: vec![Action::Update(write)] }
}

/// How large the service takes the items of a batch to be: names and values of their attributes.
pub(super) fn size_bytes(batch: &Batch) -> usize {
    /// Names of four attributes, both prefixes, and up to 19 digits as the service stores them.
    const OVERHEAD: usize = "partsortrevbody".len() + "doc:".len() + SORT_PREFIX.len() + 12;
    let sizes = batch
        .ops()
        .iter()
        .map(|(key, op)| OVERHEAD + key.part.len() + key.sort.len() + op.body().map_or(0, str::len));
    sizes.sum()
}
