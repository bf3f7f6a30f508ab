//! The statements: how each operation of the contract reads and writes the tables.

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::group::Guards;

const GET: &str = "SELECT rev, body FROM doc WHERE part = ?1 AND sort = ?2";
const CREATE: &str = "INSERT INTO doc (part, sort, rev, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE doc SET rev = ?3, body = ?4 WHERE part = ?1 AND sort = ?2 AND rev = ?5";
const DELETE: &str = "DELETE FROM doc WHERE part = ?1 AND sort = ?2 AND rev = ?3";
const REQUIRE: &str = "SELECT count(*) FROM doc WHERE part = ?1 AND sort = ?2 AND rev = ?3";
const PUT: &str = "INSERT INTO doc (part, sort, rev, body) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET rev = excluded.rev, body = excluded.body";
const REMOVE: &str = "DELETE FROM doc WHERE part = ?1 AND sort = ?2";
const COUNT: &str = "INSERT INTO counter (part, sort, n) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET n = n + excluded.n";

/// Point reads, all from one snapshot.
pub(super) fn get_many(connection: &Connection, keys: Vec<Key>) -> Result<Vec<Option<Doc>>> {
    let snapshot = if keys.len() > 1 { Some(connection.unchecked_transaction()?) } else { None };
    let mut statement = connection.prepare_cached(GET)?;
    let mut docs = Vec::with_capacity(keys.len());
    for key in keys {
        let found =
            statement.query_row(params![key.part, key.sort], |row| Ok((Rev(row.get(0)?), row.get(1)?)));
        docs.push(found.optional()?.map(|(rev, body)| Doc { key, rev, body }));
    }
    drop(statement);
    snapshot.map_or(Ok(()), rusqlite::Transaction::commit)?;
    Ok(docs)
}

/// One page of documents.
pub(super) fn scan(connection: &Connection, scan: &Scan) -> Result<Vec<Doc>> {
    page(connection, "doc", "sort, rev, body", scan, |row| {
        Ok(Doc {
            key: Key::new(&*scan.part, row.get::<_, String>(0)?),
            rev: Rev(row.get(1)?),
            body: row.get(2)?,
        })
    })
}

/// One page of counters.
pub(super) fn counters(connection: &Connection, scan: &Scan) -> Result<Vec<(Key, i64)>> {
    page(connection, "counter", "sort, n", scan, |row| {
        Ok((Key::new(&*scan.part, row.get::<_, String>(0)?), row.get(1)?))
    })
}

/// A missing lower bound is the empty string, included; a missing upper bound is left out. Each of the four
/// shapes is a range of the primary key.
fn page<T>(
    connection: &Connection,
    table: &str,
    columns: &str,
    scan: &Scan,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let above = if scan.after.is_some() { ">" } else { ">=" };
    let below = if scan.before.is_some() { "AND sort < ?3" } else { "AND ?3 IS NULL" };
    let order = if scan.reverse { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {columns} FROM {table} WHERE part = ?1 AND sort {above} ?2 {below} ORDER BY sort {order} LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let after = scan.after.as_deref().unwrap_or_default();
    statement.query_map(params![scan.part, after, scan.before, scan.limit], read)?.collect()
}

/// Applies the operations in key order and stops at the first guard that does not hold; the caller undoes what
/// was written until then.
pub(super) fn apply(connection: &Connection, batch: &Batch) -> Result<Guards> {
    let new = batch.rev().0;
    for (Key { part, sort }, op) in batch.ops() {
        let run =
            |sql: &str, params: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(params);
        let touched = match op {
            Op::Create(body) => run(CREATE, params![part, sort, new, body])?,
            Op::Update(rev, body) => run(UPDATE, params![part, sort, new, body, rev.0])?,
            Op::Delete(rev) => run(DELETE, params![part, sort, rev.0])?,
            Op::Require(rev) => {
                let mut statement = connection.prepare_cached(REQUIRE)?;
                statement.query_row(params![part, sort, rev.0], |row| row.get::<_, u32>(0))? as usize
            }
            Op::Put(body) => run(PUT, params![part, sort, new, body])?,
            Op::Remove => run(REMOVE, params![part, sort]).map(|_| 1)?,
        };
        if touched != 1 {
            return Ok(Guards::Broken);
        }
    }
    Ok(Guards::Held)
}

/// Adds to counters.
pub(super) fn count(connection: &Connection, deltas: &[(Key, i64)]) -> Result<()> {
    let mut statement = connection.prepare_cached(COUNT)?;
    for (key, delta) in deltas {
        statement.execute(params![key.part, key.sort, delta])?;
    }
    Ok(())
}
