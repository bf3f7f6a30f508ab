//! Whether a server may be relied on, and how its database becomes one of ours and stays up to date.
//!
//! This server commits each change of the schema by itself, so every statement of a step can be repeated.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use crate::error::OpenError;
use crate::pool::Fault;
use crate::views::{Dialect, Plan};

/// Step `n` brings schema `n` to `n + 1`; the first makes the tables. Steps are only ever added.
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE IF NOT EXISTS holdfast_doc (
        part VARBINARY(768) NOT NULL,
        sort VARBINARY(1536) NOT NULL,
        rev BIGINT NOT NULL,
        body LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        PRIMARY KEY (part, sort)
    ) ENGINE = InnoDB, ROW_FORMAT = DYNAMIC",
    "CREATE TABLE IF NOT EXISTS holdfast_counter (
        part VARBINARY(768) NOT NULL,
        sort VARBINARY(1536) NOT NULL,
        n BIGINT NOT NULL,
        PRIMARY KEY (part, sort)
    ) ENGINE = InnoDB, ROW_FORMAT = DYNAMIC",
]];

const CREATE_META: &str = "CREATE TABLE IF NOT EXISTS holdfast_meta (
    name VARCHAR(64) CHARACTER SET ascii PRIMARY KEY,
    value TEXT CHARACTER SET utf8mb4 NOT NULL
) ENGINE = InnoDB";
const HAS_META: &str = "SELECT COUNT(*) FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'holdfast_meta'";
const READ_META: &str = "SELECT value FROM holdfast_meta WHERE name =";

/// Whoever changes the schema of this database holds this lock; the name is the server's.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('holdfast ', MD5(DATABASE())), 30)";
const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('holdfast ', MD5(DATABASE())))";

/// The largest batch, written in hexadecimal, and the words around it.
const MIN_PACKET_BYTES: u64 = 16 * 1024 * 1024;

const UNKNOWN_COLUMN: u16 = 1054;

/// A database that is being opened.
pub(super) struct Opening<'a> {
    pub(super) connection: &'a mut Conn,
    /// For messages.
    pub(super) url: &'a str,
}

impl Opening<'_> {
    /// Refuses a server that may lose what it acknowledges, or that does not take the largest batch.
    pub(super) async fn check_settings(&mut self) -> Result<(), OpenError> {
        const SETTINGS: &str =
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit',
            'innodb_doublewrite', 'log_bin', 'sync_binlog', 'binlog_format', 'max_allowed_packet')";
        let settings: Vec<(String, String)> =
            self.connection.query(SETTINGS).await.map_err(|error| self.failed(error))?;
        let value = |name: &str| {
            settings
                .iter()
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| &**value)
        };
        let Some((name, hint)) = unsafe_setting(value) else { return Ok(()) };
        let reason = format!("`{name}` is `{}`", value(name));
        Err(OpenError::NotDurable { url: self.url.to_owned(), reason, hint })
    }

    /// Brings the schema up to date. Any number of processes may do so at once.
    pub(super) async fn migrate(&mut self) -> Result<(), OpenError> {
        if self.done().await? == MIGRATIONS.len() {
            return Ok(());
        }
        self.lock().await?;
        let migrated = self.migrate_alone().await;
        self.connection.query_drop(UNLOCK).await.map_err(|error| self.failed(error))?;
        migrated
    }

    /// Makes the reporting views those of this release. They are for people, so that trouble with them is
    /// said and does not stop the server.
    pub(super) async fn make_views(&mut self, views: &[holdfast_store::View]) {
        if let Err(error) = make_views(self.connection, views).await {
            tracing::warn!(error = &*error as &dyn std::error::Error, "cannot make the reporting views");
        }
    }

    async fn migrate_alone(&mut self) -> Result<(), OpenError> {
        let done = self.done().await?;
        let mut statements = MIGRATIONS[done..].concat();
        statements.push(CREATE_META);
        for statement in statements {
            self.connection.query_drop(statement).await.map_err(|error| self.failed(error))?;
        }
        let newest = MIGRATIONS.len();
        if done < newest {
            let saved = save(self.connection, "schema", &newest.to_string()).await;
            saved.map_err(|error| self.failed(error))?;
            tracing::info!(from = done, to = newest, "brought the database schema up to date");
        }
        Ok(())
    }

    async fn lock(&mut self) -> Result<(), OpenError> {
        let locked: Option<Option<i64>> =
            self.connection.query_first(LOCK).await.map_err(|error| self.failed(error))?;
        match locked.flatten() {
            Some(1) => Ok(()),
            _ => Err(OpenError::Failed { url: self.url.to_owned(), source: Locked.into() }),
        }
    }

    /// How many steps are done; all of them in every start but the first of a release.
    async fn done(&mut self) -> Result<usize, OpenError> {
        let exists: Option<u64> =
            self.connection.query_first(HAS_META).await.map_err(|error| self.failed(error))?;
        if exists.unwrap_or_default() == 0 {
            return Ok(0);
        }
        let found = match meta(self.connection, "schema").await {
            // A table of our name that has not our columns or values is another program's.
            Err(Error::Server(error)) if error.code == UNKNOWN_COLUMN => {
                return Err(OpenError::Foreign { url: self.url.to_owned() });
            }
            found => found.map_err(|error| self.failed(error))?,
        };
        // The table without its first row is what a start leaves that was killed there.
        let found: i64 = match found.map(|found| found.parse()) {
            None => 0,
            Some(Ok(found)) => found,
            Some(Err(_)) => return Err(OpenError::Foreign { url: self.url.to_owned() }),
        };
        match usize::try_from(found) {
            Ok(done) if done <= MIGRATIONS.len() => Ok(done),
            _ => {
                let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
                Err(OpenError::Newer { url: self.url.to_owned(), found, known })
            }
        }
    }

    fn failed(&self, error: Error) -> OpenError {
        OpenError::Failed { url: self.url.to_owned(), source: error.into() }
    }
}

/// The first setting that must be changed, and how.
fn unsafe_setting<'a>(value: impl Fn(&str) -> &'a str) -> Option<(&'static str, &'static str)> {
    if value("innodb_flush_log_at_trx_commit") != "1" {
        let hint = "set `innodb_flush_log_at_trx_commit = 1` in my.cnf and on the running server";
        return Some(("innodb_flush_log_at_trx_commit", hint));
    }
    if value("innodb_doublewrite").eq_ignore_ascii_case("off") {
        return Some((
            "innodb_doublewrite",
            "set `innodb_doublewrite = ON` in my.cnf and restart the server",
        ));
    }
    if value("log_bin") == "ON" && value("sync_binlog") != "1" {
        let hint = "set `sync_binlog = 1` in my.cnf and on the running server, or turn the binary log off";
        return Some(("sync_binlog", hint));
    }
    if value("log_bin") == "ON" && value("binlog_format") == "STATEMENT" {
        let hint = "set `binlog_format = ROW` in my.cnf and on the running server";
        return Some(("binlog_format", hint));
    }
    let packet_bytes: u64 = value("max_allowed_packet").parse().unwrap_or_default();
    (packet_bytes < MIN_PACKET_BYTES)
        .then_some(("max_allowed_packet", "set `max_allowed_packet = 16M` or more in my.cnf"))
}

async fn meta(connection: &mut Conn, name: &'static str) -> Result<Option<String>, Error> {
    connection.query_first(format!("{READ_META} '{name}'")).await
}

/// Both are words of the program.
async fn save(connection: &mut Conn, name: &'static str, value: &str) -> Result<(), Error> {
    connection
        .query_drop(format!("REPLACE INTO holdfast_meta (name, value) VALUES ('{name}', '{value}')"))
        .await
}

async fn make_views(connection: &mut Conn, views: &[holdfast_store::View]) -> Result<(), Fault> {
    let stored = meta(connection, "views").await?;
    let Some(plan) = Plan::new(Dialect::Mysql, views, stored.as_deref()) else { return Ok(()) };
    for name in plan.gone {
        connection.query_drop(format!("DROP VIEW IF EXISTS {name}")).await?;
    }
    for (name, select) in plan.views {
        // Two processes that do this at once do the same.
        connection.query_drop(format!("CREATE OR REPLACE VIEW {name} AS {select}")).await?;
    }
    Ok(save(connection, "views", &plan.stamp).await?)
}

#[derive(Debug, thiserror::Error)]
#[error("another process has held the lock on the schema for 30 s; try again when it is done")]
struct Locked;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changed: &[(&str, &str)], expected: Option<&str>) {
        let good = [
            ("innodb_flush_log_at_trx_commit", "1"),
            ("innodb_doublewrite", "ON"),
            ("log_bin", "ON"),
            ("sync_binlog", "1"),
            ("binlog_format", "MIXED"),
            ("max_allowed_packet", "16777216"),
        ];
        let value = |name: &str| {
            let found = changed.iter().chain(&good).find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| *value)
        };
        assert_eq!(unsafe_setting(value).map(|(name, _)| name), expected);
    }

    #[test]
    fn settings_that_could_lose_data_are_named() {
        check(&[], None);
        check(&[("innodb_flush_log_at_trx_commit", "2")], Some("innodb_flush_log_at_trx_commit"));
        check(&[("innodb_doublewrite", "OFF")], Some("innodb_doublewrite"));
        check(&[("sync_binlog", "0")], Some("sync_binlog"));
        check(&[("sync_binlog", "0"), ("log_bin", "OFF")], None);
        check(&[("binlog_format", "STATEMENT")], Some("binlog_format"));
        check(&[("max_allowed_packet", "1048576")], Some("max_allowed_packet"));
    }
}
