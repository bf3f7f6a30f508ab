//! One connection: how the URL says it is made and encrypted, and how a script goes over it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, Row, SslOpts};

use super::script::Script;
use crate::parameters::{Invalid, Parameters};
use crate::pool::{Connect, Fault};
use crate::tls;

/// What each session is told: guards are locks, so that READ COMMITTED is enough; nothing is cut silently;
/// and waiting for a lock ends before the caller gives up.
const SET_UP: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
    autocommit = 1, innodb_lock_wait_timeout = 8";

/// Makes connections.
pub(super) struct Connector {
    plain: Opts,
    encrypted: Option<Opts>,
    encryption: Encryption,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// If the server can.
    Preferred,
    Required,
    Disabled,
}

impl Connector {
    /// Longer idle connections are asked before they are used: this driver does not notice by itself when the
    /// other side closes one.
    const PING_AFTER: Duration = Duration::from_secs(1);
    /// As the server's usual limit.
    const MAX_PACKET_BYTES: usize = 64 * 1024 * 1024;

    /// Reads a URL; also gives the size of the pool, if the URL says it.
    pub(super) fn new(url: &str) -> Result<(Connector, Option<usize>), Fault> {
        let mut parameters = Parameters::of(url);
        let size = parameters.take_number("max_connections")?;
        let mode = parameters.take("ssl-mode");
        let file = parameters.take("ssl-ca").map(PathBuf::from);
        let socket = parameters.take("socket");
        let (encryption, ssl) = encryption(mode.as_deref(), file.as_deref())?;
        let address = parameters.finish()?;
        let address = address.split_once("://").map_or(&*address, |(_, rest)| rest);
        let opts = Opts::from_url(&format!("mysql://{address}"))?;
        if opts.db_name().is_none_or(str::is_empty) {
            return Err(NoDatabase.into());
        }
        let builder = OptsBuilder::from_opts(opts)
            .prefer_socket(false)
            .socket(socket)
            .client_found_rows(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .stmt_cache_size(0)
            // Given, so that they are not asked of the server for each connection.
            .max_allowed_packet(Some(Connector::MAX_PACKET_BYTES))
            .wait_timeout(Some(28_800))
            .init(vec![SET_UP]);
        let encrypted = ssl.map(|ssl| builder.clone().ssl_opts(ssl).into());
        Ok((Connector { plain: builder.into(), encrypted, encryption }, size))
    }
}

/// MySQL's words, with its default.
fn encryption(mode: Option<&str>, file: Option<&Path>) -> Result<(Encryption, Option<SslOpts>), Fault> {
    tls::provider();
    let anybody = || SslOpts::default().with_danger_accept_invalid_certs(true);
    Ok(match mode {
        None if file.is_some() => (Encryption::Required, Some(verified(file)?)),
        None | Some("preferred") => (Encryption::Preferred, Some(anybody())),
        Some("disabled") => (Encryption::Disabled, None),
        Some("required") => (Encryption::Required, Some(anybody())),
        Some("verify-identity") => (Encryption::Required, Some(verified(file)?)),
        Some(value) => {
            let wanted = "disabled, preferred, required or verify-identity";
            return Err(Invalid { name: "ssl-mode", value: value.to_owned(), wanted }.into());
        }
    })
}

/// A certificate for the host that the URL names, of an authority of the file or of the system.
fn verified(file: Option<&Path>) -> Result<SslOpts, Fault> {
    let mut parsable = rustls::RootCertStore::empty();
    let roots = tls::roots(file)?;
    // Systems carry some that cannot be read, and the driver stops at the first.
    let roots = roots.into_iter().filter(|root| parsable.add(root.clone()).is_ok());
    let roots: Vec<_> = roots.map(|root| root.to_vec().into()).collect();
    Ok(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
}

impl Connect for Connector {
    type Connection = Conn;

    async fn connect(&self) -> Result<Conn, Fault> {
        let Some(encrypted) = &self.encrypted else { return Ok(Conn::new(self.plain.clone()).await?) };
        match Conn::new(encrypted.clone()).await {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
                if self.encryption == Encryption::Preferred =>
            {
                Ok(Conn::new(self.plain.clone()).await?)
            }
            connected => Ok(connected?),
        }
    }

    async fn is_alive(&self, connection: &mut Conn, idle: Duration) -> bool {
        idle < Connector::PING_AFTER || connection.ping().await.is_ok()
    }
}

/// What one statement of a script did.
pub(super) struct Done {
    /// Rows that it changed, or found as they should become.
    pub(super) touched: u64,
    pub(super) rows: Vec<Row>,
}

/// Sends the statements in one round trip and gives what each did. The server stops at the first that fails,
/// and so does this.
pub(super) async fn run(connection: &mut Conn, script: &Script) -> Result<Vec<Done>, Error> {
    let mut answer = connection.query_iter(script.sql()).await?;
    let mut done = Vec::with_capacity(script.statements());
    for _ in 0..script.statements() {
        // Before the rows are read, which leads on to what the next statement did.
        let touched = answer.affected_rows();
        let mut rows = Vec::new();
        while let Some(row) = answer.next().await? {
            rows.push(row);
        }
        done.push(Done { touched, rows });
    }
    Ok(done)
}

#[derive(Debug, thiserror::Error)]
#[error("the URL names no database; write `mysql://HOST/DATABASE`")]
struct NoDatabase;
