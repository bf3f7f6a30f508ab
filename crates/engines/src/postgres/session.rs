//! One connection: how the URL says it is made and encrypted, and how a statement goes over it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, Row, Socket, Statement};

use super::encryption::{Encryption, Trust};
use crate::parameters::{Invalid, Parameters};
use crate::pool::{Connect, Fault};

/// A statement and its values. The types are said, so that it can also be sent without being prepared.
pub(super) struct Query<'a> {
    pub(super) sql: &'a str,
    pub(super) values: &'a [(&'a (dyn ToSql + Sync), Type)],
}

/// Makes sessions.
pub(super) struct Connector {
    config: Config,
    encryption: Option<Encryption>,
    prepares: bool,
}

/// An open connection.
pub(super) struct Session {
    pub(super) client: Client,
    /// Moves the bytes. It ends with the session, also in the middle of an answer.
    driver: JoinHandle<()>,
    prepared: HashMap<String, Statement>,
    prepares: bool,
}

impl Connector {
    /// Longer idle connections are asked before they are used: a firewall may have forgotten them.
    const PROBE_AFTER: Duration = Duration::from_secs(10);

    /// Reads a URL; also gives the size of the pool, if the URL says it.
    pub(super) fn new(url: &str) -> Result<(Connector, Option<usize>), Fault> {
        let mut parameters = Parameters::of(url);
        let size = parameters.take_number("max_connections")?;
        let prepares = match parameters.take("prepared").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(value) => return Err(invalid("prepared", value, "true or false")),
        };
        let trust = trust(&mut parameters)?;
        let file = parameters.take("sslrootcert").filter(|file| file != "system").map(PathBuf::from);
        let mut config: Config = parameters.rest().parse()?;
        config.ssl_mode(trust.map_or(SslMode::Disable, Trust::mode));
        set_defaults(&mut config, &parameters);
        let encryption = trust.map(|trust| Encryption::new(trust, file.as_deref())).transpose()?;
        Ok((Connector { config, encryption, prepares }, size))
    }

    async fn start<T>(&self, tls: T) -> Result<Session, Fault>
    where
        T: MakeTlsConnect<Socket> + Send,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
    {
        let (client, connection) = self.config.connect(tls).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a postgres connection ended");
            }
        });
        Ok(Session { client, driver, prepared: HashMap::new(), prepares: self.prepares })
    }
}

/// What is done when the URL does not say otherwise.
fn set_defaults(config: &mut Config, given: &Parameters) {
    if given.lacks("connect_timeout") {
        // Of each address, so that one that is silent leaves time for the next.
        config.connect_timeout(Duration::from_secs(2));
    }
    if given.lacks("keepalives_idle") {
        config.keepalives_idle(Duration::from_secs(30));
        config.keepalives_interval(Duration::from_secs(10));
        config.keepalives_retries(3);
    }
    if given.lacks("target_session_attrs") {
        // Of several servers, the one that takes writes: a standby may lag behind.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if given.lacks("application_name") {
        config.application_name("holdfast");
    }
}

/// Whether and how to encrypt, with libpq's words and its default.
fn trust(parameters: &mut Parameters) -> Result<Option<Trust>, Fault> {
    let is_direct = !parameters.lacks("sslnegotiation");
    match parameters.take("sslmode").as_deref() {
        Some("disable") => Ok(None),
        // As libpq: with certificates at hand, `require` checks them too.
        Some("require") if !parameters.lacks("sslrootcert") => Ok(Some(Trust::Authority)),
        Some("require") => Ok(Some(Trust::Anybody)),
        None if is_direct => Ok(Some(Trust::Anybody)),
        None | Some("prefer") => Ok(Some(Trust::Nobody)),
        Some("verify-ca") => Ok(Some(Trust::Authority)),
        Some("verify-full") => Ok(Some(Trust::Host)),
        Some(value) => Err(invalid("sslmode", value, "disable, prefer, require, verify-ca or verify-full")),
    }
}

fn invalid(name: &'static str, value: &str, wanted: &'static str) -> Fault {
    Invalid { name, value: value.to_owned(), wanted }.into()
}

impl Connect for Connector {
    type Connection = Session;

    async fn connect(&self) -> Result<Session, Fault> {
        match &self.encryption {
            Some(encryption) => self.start(encryption.clone()).await,
            None => self.start(NoTls).await,
        }
    }

    /// The driver notices by itself when the other side closes the connection.
    async fn is_alive(&self, session: &mut Session, idle: Duration) -> bool {
        !session.client.is_closed()
            && (idle < Connector::PROBE_AFTER || session.client.check_connection().await.is_ok())
    }
}

impl Session {
    /// Prepares a statement unless that was done before. What fails here has not been executed.
    pub(super) async fn prepare(&mut self, query: &Query<'_>) -> Result<(), Error> {
        if self.prepares && !self.prepared.contains_key(query.sql) {
            let types: Vec<Type> = query.values.iter().map(|(_, of)| of.clone()).collect();
            let statement = self.client.prepare_typed(query.sql, &types).await?;
            self.prepared.insert(query.sql.to_owned(), statement);
        }
        Ok(())
    }

    /// Executes a statement, in one round trip. The answer is complete, and what the statement did is
    /// committed, when this returns.
    pub(super) async fn rows(&self, query: &Query<'_>) -> Result<Vec<Row>, Error> {
        match self.prepared.get(query.sql) {
            Some(statement) => {
                let values: Vec<&(dyn ToSql + Sync)> = query.values.iter().map(|(value, _)| *value).collect();
                self.client.query(statement, &values).await
            }
            None => self.client.query_typed(query.sql, query.values).await,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
