//! Whether a server may be relied on, and how its database becomes one of ours and stays up to date.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Transaction};

use crate::error::OpenError;
use crate::pool::Fault;
use crate::views::{Dialect, Plan};

/// Step `n` brings schema `n` to `n + 1`; the first makes the tables. Steps are only ever added, and a
/// function that changes gets a new name, because the release before may still be running.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

const CREATE_META: &str = "CREATE TABLE holdfast_meta (name text PRIMARY KEY, value text NOT NULL)";
const READ_META: &str = "SELECT value FROM holdfast_meta WHERE name = $1";
const SAVE_META: &str = "INSERT INTO holdfast_meta (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// `HOLDFAST`: whoever changes the schema holds this lock.
const LOCK: i64 = 0x484F_4C44_4641_5354;

/// A database that is being opened.
pub(super) struct Opening<'a> {
    pub(super) client: &'a mut Client,
    /// For messages.
    pub(super) url: &'a str,
}

impl Opening<'_> {
    /// Refuses a server that may lose what it acknowledges, or that cannot hold every text.
    pub(super) async fn check_settings(&self) -> Result<(), OpenError> {
        const SETTINGS: &str = "SELECT name, setting FROM pg_settings
            WHERE name IN ('fsync', 'full_page_writes', 'server_encoding')";
        let rows = self.client.query_typed(SETTINGS, &[]).await.map_err(|error| self.failed(error))?;
        for row in rows {
            let (name, value): (&str, &str) = (row.get(0), row.get(1));
            let hint = match (name, value) {
                ("fsync", "off") => "set `fsync = on` in postgresql.conf and reload",
                ("full_page_writes", "off") => "set `full_page_writes = on` in postgresql.conf and reload",
                ("server_encoding", encoding) if encoding != "UTF8" => {
                    "make the database with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
                }
                _ => continue,
            };
            let reason = format!("`{name}` is `{value}`");
            return Err(OpenError::NotDurable { url: self.url.to_owned(), reason, hint });
        }
        Ok(())
    }

    /// Brings the schema up to date. Any number of processes may do so at once.
    pub(super) async fn migrate(&mut self) -> Result<(), OpenError> {
        // So it is in every start but the first of a release, and then the account needs no more rights.
        if done(self.url, self.client).await? == MIGRATIONS.len() {
            return Ok(());
        }
        let url = self.url;
        let failed = |error| failed(url, error);
        let transaction = begin(self.client).await.map_err(failed)?;
        let done = done(url, &transaction).await?;
        if done == 0 {
            transaction.batch_execute(CREATE_META).await.map_err(failed)?;
        }
        for step in &MIGRATIONS[done..] {
            transaction.batch_execute(step).await.map_err(failed)?;
        }
        let newest = MIGRATIONS.len().to_string();
        transaction.execute(SAVE_META, &[&"schema", &newest]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        if done < MIGRATIONS.len() {
            tracing::info!(from = done, to = newest, "brought the database schema up to date");
        }
        Ok(())
    }

    /// Makes the reporting views those of this release. They are for people, so that trouble with them is
    /// said and does not stop the server.
    pub(super) async fn make_views(&mut self, views: &[holdfast_store::View]) {
        if let Err(error) = make_views(self.client, views).await {
            tracing::warn!(error = &*error as &dyn std::error::Error, "cannot make the reporting views");
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> OpenError {
        failed(self.url, error)
    }
}

fn failed(url: &str, error: tokio_postgres::Error) -> OpenError {
    OpenError::Failed { url: url.to_owned(), source: error.into() }
}

/// How many steps are done.
async fn done(url: &str, client: &impl GenericClient) -> Result<usize, OpenError> {
    let url = || url.to_owned();
    let found = schema(client).await.map_err(|error| match error {
        SchemaError::Foreign => OpenError::Foreign { url: url() },
        SchemaError::Failed(error) => OpenError::Failed { url: url(), source: error.into() },
    })?;
    match usize::try_from(found) {
        Ok(done) if done <= MIGRATIONS.len() => Ok(done),
        _ => {
            let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
            Err(OpenError::Newer { url: url(), found, known })
        }
    }
}

enum SchemaError {
    /// A table of our name that has not our columns or values.
    Foreign,
    Failed(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for SchemaError {
    fn from(error: tokio_postgres::Error) -> SchemaError {
        match error.code() {
            Some(&(SqlState::UNDEFINED_COLUMN | SqlState::WRONG_OBJECT_TYPE)) => SchemaError::Foreign,
            _ => SchemaError::Failed(error),
        }
    }
}

/// The schema of the database; 0 when nothing of ours is there.
async fn schema(client: &impl GenericClient) -> Result<i64, SchemaError> {
    // Not `to_regclass`, which may answer from before another process made the table and this one waited.
    const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_class
        WHERE relname = 'holdfast_meta' AND pg_table_is_visible(oid))";
    let exists = client.query_typed(EXISTS, &[]).await?;
    if !exists[0].get::<_, bool>(0) {
        return Ok(0);
    }
    let found = meta(client, "schema").await?;
    found.and_then(|found| found.parse().ok()).filter(|found| *found > 0).ok_or(SchemaError::Foreign)
}

async fn meta(
    client: &impl GenericClient,
    name: &'static str,
) -> Result<Option<String>, tokio_postgres::Error> {
    let rows = client.query_typed(READ_META, &[(&name, tokio_postgres::types::Type::TEXT)]).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}

/// A transaction that no other process that opens the database has at the same time.
async fn begin(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let transaction = builder.start().await?;
    let types = [(&LOCK as &(dyn tokio_postgres::types::ToSql + Sync), tokio_postgres::types::Type::INT8)];
    transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &types).await?;
    Ok(transaction)
}

async fn make_views(client: &mut Client, views: &[holdfast_store::View]) -> Result<(), Fault> {
    let plan = |stored: Option<String>| Plan::new(Dialect::Postgres, views, stored.as_deref());
    if plan(meta(client, "views").await?).is_none() {
        return Ok(());
    }
    let mut transaction = begin(client).await?;
    let Some(plan) = plan(meta(&transaction, "views").await?) else { return Ok(()) };
    for name in plan.gone {
        transaction.batch_execute(&format!("DROP VIEW IF EXISTS {name}")).await?;
    }
    for (name, select) in plan.views {
        // Replacing keeps what was granted, but works only when the columns stay or some are appended.
        let replace = format!("CREATE OR REPLACE VIEW {name} AS {select}");
        let attempt = transaction.savepoint("view").await?;
        match attempt.batch_execute(&replace).await {
            Ok(()) => attempt.commit().await?,
            Err(error) if error.code() == Some(&SqlState::INVALID_TABLE_DEFINITION) => {
                attempt.rollback().await?;
                transaction.batch_execute(&format!("DROP VIEW {name}; {replace}")).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    transaction.execute(SAVE_META, &[&"views", &plan.stamp]).await?;
    Ok(transaction.commit().await?)
}
