//! One connection, used by one caller at a time.
//!
//! Our own rather than a driver's, because a commit must know whether all of it was handed to the system when
//! a connection broke: before that nothing can have happened, after it anything can.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::net::RecvFlags;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::SCHEMA;
use super::address::{Address, Durability, Tls};
use super::fitness::{Settings, Unfit, vet};
use super::script::{Call, OPEN, Script, script_arguments};
use super::wire::{self, Command, Reply};
use crate::pool::{Connect, Fault};

/// How long replicas may take; a commit that they do not have by then is of unknown outcome.
const REPLICAS: Duration = Duration::from_secs(5);

/// A connection that lay idle for longer is asked something first: a firewall may have forgotten it.
const LONG_IDLE: Duration = Duration::from_secs(30);

/// A server, and what is known about the place on it.
pub(super) struct Server {
    pub(super) address: Address,
    tls: Option<TlsConnector>,
    /// The name of the place, once it was opened.
    place: OnceLock<String>,
    /// How many calls were dropped half-way: the server may hang, so idle connections are asked first.
    doubts: AtomicU64,
}

/// An open connection.
pub(super) struct Connection {
    stream: BufReader<Box<dyn Wire>>,
    /// The hashes of the scripts, in the order of [`Script::ALL`].
    scripts: Vec<String>,
    doubts: u64,
}

/// A stream of bytes over a socket.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// Part of the command stayed here, so the server has not run it.
    #[error("the connection broke before the command was sent")]
    Unsent(#[source] io::Error),
    /// The server had all of the command.
    #[error("the connection broke before the answer came")]
    Unanswered(#[source] io::Error),
}

impl Server {
    pub(super) fn new(address: Address) -> Result<Server, Fault> {
        let tls = address.tls.as_ref().map(connector).transpose()?;
        Ok(Server { address, tls, place: OnceLock::new(), doubts: AtomicU64::new(0) })
    }

    /// A call that is dropped before [`Doubt::settle`] casts doubt on every connection.
    pub(super) fn doubt(&self) -> Doubt<'_> {
        Doubt { doubts: &self.doubts, is_settled: false }
    }

    async fn stream(&self) -> Result<Box<dyn Wire>, Fault> {
        let socket = TcpStream::connect((&*self.address.host, self.address.port)).await?;
        socket.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let name = ServerName::try_from(self.address.host.clone())?;
        Ok(Box::new(tls.connect(name, socket).await?))
    }

    /// Logs in, chooses the database and asks what the server is, in one round trip.
    async fn greet(&self, connection: &mut Connection) -> Result<(), Fault> {
        let mut commands = Vec::new();
        if let Some((name, password)) = &self.address.login {
            let words = [Some("AUTH"), name.as_deref(), Some(password)];
            commands.push(Command::of(&words.into_iter().flatten().collect::<Vec<_>>()));
        }
        if self.address.database != 0 {
            commands.push(Command::of(&["SELECT", &self.address.database.to_string()]));
        }
        let preparations = commands.len();
        commands.push(Command::of(&["INFO"]));
        if self.address.durability != Durability::Managed {
            let settings = ["appendfsync", "no-appendfsync-on-rewrite"];
            commands.extend(settings.map(|setting| Command::of(&["CONFIG", "GET", setting])));
        }
        let mut replies = connection.ask_all(&commands).await?;
        let mut answers = replies.split_off(preparations).into_iter();
        replies.into_iter().try_for_each(|reply| accept(reply).map(drop))?;
        let info = text(accept(answers.next().unwrap_or(Reply::Nothing))?)?;
        let mut setting = || match answers.next() {
            Some(Reply::List(pair)) => pair.into_iter().nth(1).and_then(|value| text(value).ok()),
            _ => None,
        };
        let settings = setting().zip(setting());
        let settings = settings.map(|(appendfsync, no_appendfsync_on_rewrite)| Settings {
            appendfsync,
            no_appendfsync_on_rewrite,
        });
        Ok(vet(&info, settings.as_ref(), self.address.durability)?)
    }

    /// Loads the scripts and looks whose place this is, in one round trip. The first connection makes it ours.
    async fn enter(&self, connection: &mut Connection) -> Result<(), Fault> {
        let prefix = &self.address.prefix;
        let record = format!("{prefix}:meta");
        let mut commands: Vec<_> =
            Script::ALL.iter().map(|script| Command::of(&["SCRIPT", "LOAD", script.text()])).collect();
        let ask = if self.place.get().is_some() {
            Command::of(&["HMGET", &record, "schema", "place"])
        } else {
            let probes = ["probe-value", "probe-order", "probe-hash"].map(|name| format!("{prefix}:{name}"));
            let keys: Vec<_> = std::iter::once(record.clone()).chain(probes).collect();
            let name = format!("{:016x}", holdfast_store::Rev::fresh().0);
            Command::of(&["EVAL", OPEN]).then(&script_arguments(&keys, &[SCHEMA.to_string(), name]))
        };
        commands.push(ask);
        let mut replies = connection.ask_all(&commands).await?;
        let record_found = accept(replies.pop().unwrap_or(Reply::Nothing))?;
        for reply in replies {
            connection.scripts.push(text(accept(reply)?)?);
        }
        self.recognise(record_found, record)
    }

    fn recognise(&self, found: Reply, record: String) -> Result<(), Fault> {
        let Reply::List(fields) = found else { return Err(Unfit::Foreign { key: record }.into()) };
        let mut fields = fields.into_iter().map(text);
        let (Some(Ok(schema)), Some(Ok(place))) = (fields.next(), fields.next()) else {
            let missing =
                if self.place.get().is_some() { Unfit::Replaced } else { Unfit::Foreign { key: record } };
            return Err(missing.into());
        };
        match schema.parse() {
            Ok(SCHEMA) => (),
            Ok(found) if found > SCHEMA => return Err(Unfit::Newer { found }.into()),
            _ => return Err(Unfit::Foreign { key: record }.into()),
        }
        if *self.place.get_or_init(|| place.clone()) == place { Ok(()) } else { Err(Unfit::Replaced.into()) }
    }
}

impl Connect for Server {
    type Connection = Connection;
    async fn connect(&self) -> Result<Connection, Fault> {
        let doubts = self.doubts.load(Ordering::Relaxed);
        let stream = BufReader::new(self.stream().await?);
        let mut connection = Connection { stream, scripts: Vec::new(), doubts };
        self.greet(&mut connection).await?;
        self.enter(&mut connection).await?;
        Ok(connection)
    }

    /// The socket is looked at each time, which costs a microsecond.
    async fn is_alive(&self, connection: &mut Connection, idle: Duration) -> bool {
        let doubts = self.doubts.load(Ordering::Relaxed);
        if !connection.is_quiet() {
            return false;
        }
        if connection.doubts == doubts && idle < LONG_IDLE {
            return true;
        }
        connection.doubts = doubts;
        matches!(connection.ask_all(&[Command::of(&["PING"])]).await.as_deref(), Ok([Reply::Bytes(_)]))
    }
}

impl Connection {
    /// Runs a script or a command. The second reply says how many replicas have it, when that was asked.
    pub(super) async fn call(&mut self, call: &Call) -> Result<(Reply, Option<Reply>), Lost> {
        let replies =
            self.call_as(call, |scripts, script| Command::of(&["EVALSHA", &scripts[script as usize]]));
        let replies = replies.await?;
        // Somebody has flushed the scripts.
        let is_unknown = matches!(&replies.0, Reply::Error(error) if error.starts_with("NOSCRIPT"));
        if is_unknown {
            self.call_as(call, |_, script| Command::of(&["EVAL", script.text()])).await
        } else {
            Ok(replies)
        }
    }

    async fn call_as(
        &mut self,
        call: &Call,
        start: impl Fn(&[String], Script) -> Command,
    ) -> Result<(Reply, Option<Reply>), Lost> {
        let start = call.script.map(|script| start(&self.scripts, script)).unwrap_or_default();
        let mut bytes = Vec::new();
        start.write_with(&call.arguments, &mut bytes);
        let waits = call.replicas > 0;
        if waits {
            let milliseconds = REPLICAS.as_millis().to_string();
            Command::of(&["WAIT", &call.replicas.to_string(), &milliseconds]).write(&mut bytes);
        }
        let mut replies = self.exchange(&bytes, 1 + usize::from(waits)).await?.into_iter();
        Ok((replies.next().unwrap_or(Reply::Nothing), replies.next()))
    }

    async fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>, Lost> {
        let mut bytes = Vec::new();
        for command in commands {
            command.write(&mut bytes);
        }
        self.exchange(&bytes, commands.len()).await
    }

    async fn exchange(&mut self, bytes: &[u8], replies: usize) -> Result<Vec<Reply>, Lost> {
        self.stream.write_all(bytes).await.map_err(Lost::Unsent)?;
        self.stream.flush().await.map_err(Lost::Unsent)?;
        let mut found = Vec::with_capacity(replies);
        for _ in 0..replies {
            found.push(wire::read(&mut self.stream).await.map_err(Lost::Unanswered)?);
        }
        Ok(found)
    }

    /// Whether the server neither closed the connection nor said something that nobody asked.
    fn is_quiet(&self) -> bool {
        let socket = self.stream.get_ref().socket();
        let seen = rustix::net::recv(socket, &mut [0; 1], RecvFlags::PEEK);
        self.stream.buffer().is_empty() && matches!(seen, Err(rustix::io::Errno::WOULDBLOCK))
    }
}

/// See [`Server::doubt`].
pub(super) struct Doubt<'a> {
    doubts: &'a AtomicU64,
    is_settled: bool,
}

impl Doubt<'_> {
    /// The call came to its end.
    pub(super) fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.doubts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What the server refused.
#[derive(Debug, thiserror::Error)]
#[error("the server says `{0}`")]
pub(super) struct Refused(pub(super) String);

fn accept(reply: Reply) -> Result<Reply, Refused> {
    match reply {
        Reply::Error(error) => Err(Refused(error)),
        other => Ok(other),
    }
}

fn text(reply: Reply) -> Result<String, Fault> {
    match reply {
        Reply::Bytes(bytes) => Ok(String::from_utf8(bytes)?),
        other => Err(format!("an answer that was not expected: {other:?}").into()),
    }
}

fn connector(files: &Tls) -> Result<TlsConnector, Fault> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(crate::tls::roots(files.authorities.as_deref())?);
    let builder = rustls::ClientConfig::builder_with_provider(crate::tls::provider());
    let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    let config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
