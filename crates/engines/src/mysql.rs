//! MySQL and MariaDB: the operations of a batch are one script, so that a commit is two round trips.
//!
//! The first takes the locks and writes, in key order; then the engine has seen whether every guard held, and
//! commits or rolls back. [`script`] writes the statements, [`session`] is one connection, [`schema`] opens a
//! database.

use std::collections::HashMap;

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Error, Row};

use crate::error::{OpenError, redact};
use crate::pool::{Fault, Lease, Pool, reason};
use crate::{Options, merge_deltas};
use script::Script;
use session::{Connector, Done};

mod schema;
mod script;
mod session;

const ENGINE: &str = "mysql";

const CHECK: &str = "SELECT @@global.read_only FROM holdfast_meta WHERE name = 'schema'";

/// Keys of one statement; more are more statements.
const KEYS: usize = 500;

/// How often counters are added again after others' locks were in the way.
const COUNT_ATTEMPTS: u32 = 5;

const DUPLICATE_KEY: u16 = 1062;
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DEADLOCK: u16 = 1213;
const ROLLED_BACK_BY_GROUP: u16 = 3101;

/// A database of a MySQL or MariaDB server, shared by any number of processes.
pub struct Mysql {
    pool: Pool<Connector>,
}

/// What came of the statements of a batch, before its commit.
enum Written {
    Held,
    /// A guard did not hold, or other locks were in the way.
    Lost,
}

impl Mysql {
    /// Connects, refuses settings that could lose data, and brings schema and views up to date.
    pub async fn open(url: &str, options: &Options) -> Result<Mysql, OpenError> {
        let shown = redact(url);
        let failed = |source| OpenError::Failed { url: shown.clone(), source };
        let invalid = |fault| OpenError::Invalid { url: shown.clone(), reason: reason(&fault) };
        let (connector, size) = Connector::new(url).map_err(invalid)?;
        let pool = Pool::new(connector, size.unwrap_or(Pool::<Connector>::DEFAULT_SIZE));
        let mut lease = pool.get().await.map_err(failed)?;
        let mut opening = schema::Opening { connection: &mut lease, url: &shown };
        opening.check_settings().await?;
        opening.migrate().await?;
        opening.make_views(options.views).await;
        lease.give_back();
        Ok(Mysql { pool })
    }

    /// Runs a script that changes nothing and gives all its rows. It is asked once more when the connection
    /// was an old one, which may have died unnoticed.
    async fn read<T: FromRow>(&self, script: &Script) -> Result<Vec<T>, StoreError> {
        let lease = self.pool.get().await.map_err(unavailable)?;
        let was_idle = lease.was_idle();
        let done = match read_over(lease, script).await {
            Err(_) if was_idle => {
                let lease = self.pool.get_new().await.map_err(unavailable)?;
                read_over(lease, script).await.map_err(unavailable)?
            }
            answer => answer.map_err(unavailable)?,
        };
        let typed = |row: Row| T::from_row_opt(row).map_err(|_| unavailable(Answer));
        done.into_iter().flat_map(|done| done.rows).map(typed).collect()
    }

    /// Executes the statements of a batch. Nothing is committed yet, so that an old connection that turns out
    /// to be dead is replaced by a new one.
    async fn prepare(&self, batch: &Batch) -> Result<(Lease<'_, Connector>, Written), Fault> {
        let script = script::commit(batch);
        let mut lease = self.pool.get().await?;
        match prepare_over(&mut lease, &script, batch).await {
            Ok(written) => return Ok((lease, written)),
            Err(error) if !lease.was_idle() || matches!(error, Error::Server(_)) => return Err(error.into()),
            Err(_) => drop(lease),
        }
        let mut lease = self.pool.get_new().await?;
        let written = prepare_over(&mut lease, &script, batch).await?;
        Ok((lease, written))
    }

    async fn count_once(&self, script: &Script) -> Result<(), StoreError> {
        let mut lease = self.pool.get().await.map_err(unavailable)?;
        let counted = session::run(&mut lease, script).await;
        match counted {
            Ok(_) => {
                lease.give_back();
                Ok(())
            }
            Err(Error::Server(error)) if is_lost(error.code) => {
                lease.give_back();
                Err(StoreError::Conflict)
            }
            // The statement is its own transaction, and the server says that it failed.
            Err(error @ Error::Server(_)) => Err(unavailable(error)),
            Err(error) => Err(unknown_outcome(error)),
        }
    }
}

#[async_trait::async_trait]
impl Store for Mysql {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        let Some(script) = script::get_many(keys, KEYS) else { return Ok(Vec::new()) };
        let rows: Vec<(String, String, i64, String)> = self.read(&script).await?;
        let found: HashMap<Key, (i64, String)> =
            rows.into_iter().map(|(part, sort, rev, body)| (Key { part, sort }, (rev, body))).collect();
        let doc = |key: &Key| {
            let (rev, body) = found.get(key)?;
            Some(Doc { key: key.clone(), rev: Rev(*rev), body: body.clone() })
        };
        Ok(keys.iter().map(doc).collect())
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let rows = self.read(&script::page("holdfast_doc", "sort, rev, body", scan)).await?;
        let doc = |(sort, rev, body): (String, i64, String)| Doc {
            key: Key::new(&*scan.part, sort),
            rev: Rev(rev),
            body,
        };
        Ok(rows.into_iter().map(doc).collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.ops().is_empty() {
            return Ok(());
        }
        let (mut lease, written) = self.prepare(&batch).await.map_err(unavailable)?;
        match written {
            Written::Held => commit_over(lease).await,
            Written::Lost => {
                // A connection that cannot roll back is closed, which does.
                if lease.query_drop(script::ROLLBACK).await.is_ok() {
                    lease.give_back();
                }
                Err(StoreError::Conflict)
            }
        }
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        if deltas.is_empty() {
            return Ok(());
        }
        let script = script::count(&merge_deltas(deltas));
        for _ in 1..COUNT_ATTEMPTS {
            match self.count_once(&script).await {
                Err(StoreError::Conflict) => (),
                answer => return answer,
            }
        }
        self.count_once(&script).await
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        let rows = self.read(&script::page("holdfast_counter", "sort, n", scan)).await?;
        Ok(rows.into_iter().map(|(sort, n): (String, i64)| (Key::new(&*scan.part, sort), n)).collect())
    }

    async fn check(&self) -> Result<(), StoreError> {
        let read_only: Vec<(i64,)> = self.read(&Script::new(CHECK)).await?;
        if read_only == [(0,)] { Ok(()) } else { Err(unavailable(ReadOnly)) }
    }
}

async fn read_over(mut lease: Lease<'_, Connector>, script: &Script) -> Result<Vec<Done>, Error> {
    let done = session::run(&mut lease, script).await?;
    lease.give_back();
    Ok(done)
}

async fn prepare_over(
    lease: &mut Lease<'_, Connector>,
    script: &Script,
    batch: &Batch,
) -> Result<Written, Error> {
    let done = match session::run(lease, script).await {
        Ok(done) => done,
        Err(Error::Server(error)) if error.code == DUPLICATE_KEY || is_lost(error.code) => {
            return Ok(Written::Lost);
        }
        Err(error) => return Err(error),
    };
    let holds = |(op, done): (&Op, &Done)| match op {
        Op::Update(..) | Op::Delete(_) => done.touched == 1,
        Op::Require(_) => done.rows.len() == 1,
        // A create that fails is an error above.
        Op::Create(_) | Op::Put(_) | Op::Remove => true,
    };
    let held = batch.ops().values().zip(script::of_batch(&done)).all(holds);
    Ok(if held { Written::Held } else { Written::Lost })
}

async fn commit_over(mut lease: Lease<'_, Connector>) -> Result<(), StoreError> {
    match lease.query_drop(script::COMMIT).await {
        Ok(()) => {
            lease.give_back();
            Ok(())
        }
        // Servers that replicate before they commit say so when another one was first.
        Err(Error::Server(error)) if [DEADLOCK, ROLLED_BACK_BY_GROUP].contains(&error.code) => {
            Err(StoreError::Conflict)
        }
        Err(error) => Err(unknown_outcome(error)),
    }
}

fn is_lost(code: u16) -> bool {
    [DEADLOCK, LOCK_WAIT_TIMEOUT].contains(&code)
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
