//! PostgreSQL: a batch is one call of a function, so that a commit is one round trip.
//!
//! The function takes its row locks in key order (`postgres/schema_1.sql`). [`session`] is one connection,
//! [`schema`] opens a database, [`encryption`] is TLS.

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};
use tokio_postgres::Row;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::Type;

use crate::error::{OpenError, redact};
use crate::pool::{Fault, Lease, Pool, reason};
use crate::{Options, merge_deltas};
use session::{Connector, Query};

mod encryption;
mod schema;
mod session;

const ENGINE: &str = "postgres";

const GET: &str = "SELECT rev, body FROM holdfast_doc WHERE part = $1 AND sort = $2";
/// The fence makes it one index lookup a key, whatever the planner believes.
const GET_MANY: &str = "SELECT place, rev, body
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (part, sort, place)
    CROSS JOIN LATERAL (
        SELECT rev, body FROM holdfast_doc WHERE part = asked.part AND sort = asked.sort OFFSET 0
    ) AS found";
const COMMIT: &str = "SELECT holdfast_commit_1($1, $2, $3, $4, $5, $6)";
const COUNT: &str = "SELECT holdfast_count_1($1, $2, $3)";
const CHECK: &str =
    "SELECT current_setting('transaction_read_only') FROM holdfast_meta WHERE name = 'schema'";

/// How often counters are added again after others' locks were in the way.
const COUNT_ATTEMPTS: u32 = 5;

/// A database of a PostgreSQL server, shared by any number of processes.
pub struct Postgres {
    pool: Pool<Connector>,
}

impl Postgres {
    /// Connects, refuses settings that could lose data, and brings schema and views up to date.
    pub async fn open(url: &str, options: &Options) -> Result<Postgres, OpenError> {
        let shown = redact(url);
        let failed = |source| OpenError::Failed { url: shown.clone(), source };
        let invalid = |fault| OpenError::Invalid { url: shown.clone(), reason: reason(&fault) };
        let (connector, size) = Connector::new(url).map_err(invalid)?;
        let pool = Pool::new(connector, size.unwrap_or(Pool::<Connector>::DEFAULT_SIZE));
        let mut lease = pool.get().await.map_err(failed)?;
        let mut opening = schema::Opening { client: &mut lease.client, url: &shown };
        opening.check_settings().await?;
        opening.migrate().await?;
        opening.make_views(options.views).await;
        lease.give_back();
        Ok(Postgres { pool })
    }

    /// Runs a statement that changes nothing. It is asked once more when the connection was an old one, which
    /// may have died unnoticed.
    async fn read(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let lease = self.pool.get().await.map_err(unavailable)?;
        let was_idle = lease.was_idle();
        match read_over(lease, &query).await {
            Err(_) if was_idle => {
                let lease = self.pool.get_new().await.map_err(unavailable)?;
                read_over(lease, &query).await.map_err(unavailable)
            }
            answer => answer.map_err(unavailable),
        }
    }

    /// Runs a statement that is a transaction.
    async fn write(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let lease = self.ready_to_write(&query).await.map_err(unavailable)?;
        match lease.rows(&query).await {
            Ok(rows) => {
                lease.give_back();
                Ok(rows)
            }
            Err(error) => {
                let error = failed_write(error);
                if matches!(error, StoreError::Conflict) {
                    lease.give_back();
                }
                Err(error)
            }
        }
    }

    /// A connection with the statement prepared; nothing has been executed yet, so that an old connection that
    /// turns out to be dead is replaced.
    async fn ready_to_write(&self, query: &Query<'_>) -> Result<Lease<'_, Connector>, Fault> {
        let mut lease = self.pool.get().await?;
        match lease.prepare(query).await {
            Ok(()) => return Ok(lease),
            Err(error) if !lease.was_idle() => return Err(error.into()),
            Err(_) => drop(lease),
        }
        let mut lease = self.pool.get_new().await?;
        lease.prepare(query).await?;
        Ok(lease)
    }

    /// One page. A missing lower bound is the empty string, included; each shape is a range of the primary key.
    async fn page(&self, table: &str, columns: &str, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        if scan.part.contains('\0') {
            return Ok(Vec::new());
        }
        let after = scan.after.as_deref().map(before_nul);
        let before = scan.before.as_deref().map(before_nul);
        let above = if after.is_some() { ">" } else { ">=" };
        let below = match before {
            None => "$3::text IS NULL",
            Some((_, Nul::Absent)) => "sort < $3",
            // What comes before a text with a NUL in it: whatever is not after the beginning.
            Some((_, Nul::Cut)) => "sort <= $3",
        };
        let order = if scan.reverse { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE part = $1 AND sort {above} $2 AND {below}
             ORDER BY sort {order} LIMIT $4"
        );
        let (after, before) = (after.map_or("", |(text, _)| text), before.map(|(text, _)| text));
        let limit = i64::from(scan.limit);
        let values: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
            &[(&scan.part, Type::TEXT), (&after, Type::TEXT), (&before, Type::TEXT), (&limit, Type::INT8)];
        self.read(Query { sql: &sql, values }).await
    }
}

#[async_trait::async_trait]
impl Store for Postgres {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        let mut docs = vec![None; keys.len()];
        // No stored text holds a NUL, and the server would not take one.
        let asked = |key: &Key| !key.part.contains('\0') && !key.sort.contains('\0');
        let places: Vec<usize> = (0..keys.len()).filter(|&place| asked(&keys[place])).collect();
        let doc = |place: usize, rev, body| Doc { key: keys[place].clone(), rev: Rev(rev), body };
        if let [place] = *places {
            let (part, sort) = (&keys[place].part, &keys[place].sort);
            let rows =
                self.read(Query { sql: GET, values: &[(part, Type::TEXT), (sort, Type::TEXT)] }).await?;
            for row in rows {
                docs[place] = Some(doc(place, cell(&row, 0)?, cell(&row, 1)?));
            }
        } else if !places.is_empty() {
            let parts: Vec<&str> = places.iter().map(|&place| &*keys[place].part).collect();
            let sorts: Vec<&str> = places.iter().map(|&place| &*keys[place].sort).collect();
            let values: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
                &[(&parts, Type::TEXT_ARRAY), (&sorts, Type::TEXT_ARRAY)];
            for row in self.read(Query { sql: GET_MANY, values }).await? {
                let number: i64 = cell(&row, 0)?;
                let place = usize::try_from(number - 1).ok().and_then(|number| places.get(number).copied());
                let place = place.ok_or_else(|| unavailable(Answer))?;
                docs[place] = Some(doc(place, cell(&row, 1)?, cell(&row, 2)?));
            }
        }
        Ok(docs)
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let rows = self.page("holdfast_doc", "sort, rev, body", scan).await?;
        let doc = |row: &Row| {
            let key = Key::new(&*scan.part, cell::<String>(row, 0)?);
            Ok(Doc { key, rev: Rev(cell(row, 1)?), body: cell(row, 2)? })
        };
        rows.iter().map(doc).collect()
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.ops().is_empty() {
            return Ok(());
        }
        let parts: Vec<&str> = batch.ops().keys().map(|key| &*key.part).collect();
        let sorts: Vec<&str> = batch.ops().keys().map(|key| &*key.sort).collect();
        let kinds: String = batch.ops().values().map(kind).collect();
        let revs: Vec<Option<i64>> = batch.ops().values().map(|op| guard(op).map(|rev| rev.0)).collect();
        let bodies: Vec<Option<&str>> = batch.ops().values().map(Op::body).collect();
        let values: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] = &[
            (&parts, Type::TEXT_ARRAY),
            (&sorts, Type::TEXT_ARRAY),
            (&kinds, Type::TEXT),
            (&revs, Type::INT8_ARRAY),
            (&bodies, Type::TEXT_ARRAY),
            (&batch.rev().0, Type::INT8),
        ];
        let rows = self.write(Query { sql: COMMIT, values }).await?;
        let held = rows.first().and_then(|row| row.try_get(0).ok());
        match held {
            Some(true) => Ok(()),
            Some(false) => Err(StoreError::Conflict),
            None => Err(unknown_outcome(Answer)),
        }
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        if deltas.is_empty() {
            return Ok(());
        }
        let deltas = merge_deltas(deltas);
        let parts: Vec<&str> = deltas.keys().map(|key| &*key.part).collect();
        let sorts: Vec<&str> = deltas.keys().map(|key| &*key.sort).collect();
        let numbers: Vec<i64> = deltas.values().copied().collect();
        let values: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
            &[(&parts, Type::TEXT_ARRAY), (&sorts, Type::TEXT_ARRAY), (&numbers, Type::INT8_ARRAY)];
        for _ in 1..COUNT_ATTEMPTS {
            match self.write(Query { sql: COUNT, values }).await {
                Err(StoreError::Conflict) => (),
                answer => return answer.map(drop),
            }
        }
        self.write(Query { sql: COUNT, values }).await.map(drop)
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        let rows = self.page("holdfast_counter", "sort, n", scan).await?;
        let counter = |row: &Row| Ok((Key::new(&*scan.part, cell::<String>(row, 0)?), cell(row, 1)?));
        rows.iter().map(counter).collect()
    }

    async fn check(&self) -> Result<(), StoreError> {
        let rows = self.read(Query { sql: CHECK, values: &[] }).await?;
        let read_only = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
        if read_only.as_deref() == Some("off") { Ok(()) } else { Err(unavailable(ReadOnly)) }
    }
}

async fn read_over(mut lease: Lease<'_, Connector>, query: &Query<'_>) -> Result<Vec<Row>, Fault> {
    lease.prepare(query).await?;
    let rows = lease.rows(query).await?;
    lease.give_back();
    Ok(rows)
}

/// The letter of an operation in the function's `kinds`.
fn kind(op: &Op) -> char {
    match op {
        Op::Create(_) => 'c',
        Op::Update(..) => 'u',
        Op::Delete(_) => 'd',
        Op::Require(_) => 'r',
        Op::Put(_) => 'p',
        Op::Remove => 'x',
    }
}

fn guard(op: &Op) -> Option<Rev> {
    match op {
        Op::Update(rev, _) | Op::Delete(rev) | Op::Require(rev) => Some(*rev),
        Op::Create(_) | Op::Put(_) | Op::Remove => None,
    }
}

enum Nul {
    Absent,
    Cut,
}

/// A bound without what begins with a NUL, which the server does not take. No stored text holds one, so that
/// nothing lies between a text and the same with a NUL behind it.
fn before_nul(bound: &str) -> (&str, Nul) {
    bound.split_once('\0').map_or((bound, Nul::Absent), |(text, _)| (text, Nul::Cut))
}

fn cell<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, place: usize) -> Result<T, StoreError> {
    row.try_get(place).map_err(unavailable)
}

/// What an error of a statement means that is a transaction by itself.
fn failed_write(error: tokio_postgres::Error) -> StoreError {
    let Some(said) = error.as_db_error() else { return unknown_outcome(error) };
    let lost = [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::LOCK_NOT_AVAILABLE,
    ];
    match said.parsed_severity() {
        Some(Severity::Error) if lost.contains(&said.code()) => StoreError::Conflict,
        // The transaction was rolled back before this was said.
        Some(Severity::Error) => unavailable(error),
        // The server ended the session, maybe between the commit and the answer.
        _ => unknown_outcome(error),
    }
}

fn unavailable(source: impl Into<Fault>) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: source.into() }
}

fn unknown_outcome(source: impl Into<Fault>) -> StoreError {
    StoreError::UnknownOutcome { engine: ENGINE, source: source.into() }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer has not the shape that was asked for")]
struct Answer;

#[derive(Debug, thiserror::Error)]
#[error("the database takes no writes; connect to the primary server")]
struct ReadOnly;
