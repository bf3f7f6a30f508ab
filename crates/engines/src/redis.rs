//! Redis and Valkey: one script checks every guard before it writes anything, because the server does not
//! roll back; another reads a page with its documents.
//!
//! A document is a string: its revision, sixteen digits, and its body. A sorted set per partition holds the
//! order. Every key begins with one hash tag. See `*.lua` for the scripts, [`fitness`] for what a server must
//! promise, [`connection`] for when a commit's outcome is known.

use std::collections::BTreeMap;

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};

use crate::error::{OpenError, redact};
use crate::pool::{Fault, Lease, Pool, reason};
use address::{Address, Durability};
use connection::{Lost, Refused, Server};
use fitness::Unfit;
use script::{Call, Script, script_arguments};
use wire::{Command, Reply};

mod address;
mod connection;
mod fitness;
mod script;
mod wire;

const ENGINE: &str = "redis";

/// The newest schema that this release knows.
const SCHEMA: i64 = 1;

/// Digits of a revision.
const REV: usize = 16;

/// A place on a server: all keys with one prefix.
pub struct Redis {
    pool: Pool<Server>,
    prefix: String,
    replicas: usize,
}

/// What a call does, which decides what its failure means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("only `{found}` of `{wanted}` replicas have the commit")]
    Unreplicated { found: i64, wanted: usize },
}

impl Redis {
    /// Connects, checks that the server is durable, and makes the place ours if nobody has.
    pub async fn open(url: &str) -> Result<Redis, OpenError> {
        let shown = redact(url);
        let refuse = |fault: Fault| refusal(&shown, fault);
        let address = Address::parse(url)
            .map_err(|fault| OpenError::Invalid { url: shown.clone(), reason: reason(&fault) })?;
        warn_of_risks(&shown, address.durability);
        let (prefix, replicas) = (address.prefix.clone(), address.replicas);
        let size = address.connections.unwrap_or(Pool::<Server>::DEFAULT_SIZE);
        let pool = Pool::new(Server::new(address).map_err(refuse)?, size);
        pool.get().await.map_err(refuse)?.give_back();
        Ok(Redis { pool, prefix, replicas })
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }

    /// What every key of a partition's documents begins with. Neither half of a stored key holds a NUL, so the one
    /// between them keeps partitions apart.
    fn documents(&self, part: &str) -> String {
        self.key("doc", part) + "\0"
    }

    /// Asks once, and once more on a new connection when the first one was stale and nothing can have
    /// happened.
    async fn ask(&self, call: &Call, effect: Effect) -> Result<Reply, StoreError> {
        let lease = self.pool.get().await.map_err(unavailable)?;
        let was_idle = lease.was_idle();
        let outcome = match self.attempt(lease, call).await {
            Err(failure) if was_idle && failure.is_stale(effect) => {
                let lease = self.pool.get_new().await.map_err(unavailable)?;
                self.attempt(lease, call).await
            }
            outcome => outcome,
        };
        outcome.map_err(|failure| failure.of(effect))
    }

    /// The lease is dropped, and its connection closed, when this is dropped or the connection broke.
    async fn attempt(&self, mut lease: Lease<'_, Server>, call: &Call) -> Result<Reply, Failure> {
        let doubt = self.pool.connector().doubt();
        let (reply, replicated) = lease.call(call).await?;
        doubt.settle();
        if let Reply::Error(error) = reply {
            let refused = Refused(error);
            if !refused.is_of_another_server() {
                lease.give_back();
            }
            return Err(refused.into());
        }
        lease.give_back();
        match replicated {
            Some(Reply::Number(found)) if found < i64::try_from(call.replicas).unwrap_or(i64::MAX) => {
                Err(Failure::Unreplicated { found, wanted: call.replicas })
            }
            Some(Reply::Error(error)) => Err(Lost::Unanswered(std::io::Error::other(error)).into()),
            _ => Ok(reply),
        }
    }

    /// A page: sort and value in turn.
    async fn page(
        &self,
        script: Script,
        keys: [String; 2],
        scan: &Scan,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let low = scan.after.as_ref().map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let high = scan.before.as_ref().map_or_else(|| "+".to_owned(), |before| format!("({before}"));
        let (verb, first, second) =
            if scan.reverse { ("ZREVRANGEBYLEX", high, low) } else { ("ZRANGEBYLEX", low, high) };
        let arguments = [verb.to_owned(), first, second, scan.limit.to_string()];
        let rows = list(self.ask(&Call::read(script, &keys, &arguments), Effect::Reads).await?)?;
        let mut rows = rows.into_iter();
        let mut found = Vec::with_capacity(rows.len() / 2);
        while let (Some(sort), Some(value)) = (rows.next(), rows.next()) {
            let sort = sort.ok_or_else(|| damaged(&keys[0]))?;
            let sort = String::from_utf8(sort).map_err(|_| damaged(&keys[0]))?;
            // In the order, but not there: never to be taken for absence.
            let value = value.ok_or_else(|| damaged(&format!("{}{sort}", keys[1])))?;
            found.push((sort, value));
        }
        Ok(found)
    }
}

#[async_trait::async_trait]
impl Store for Redis {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = Command::of(&["MGET"]);
        for key in keys {
            command.push(self.documents(&key.part) + &key.sort);
        }
        let call = Call { script: None, arguments: command, replicas: 0 };
        let values = list(self.ask(&call, Effect::Reads).await?)?;
        let document =
            |(key, value): (&Key, Option<_>)| value.map(|value| document(key.clone(), value)).transpose();
        keys.iter().zip(values).map(document).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let keys = [self.key("order", &scan.part), self.documents(&scan.part)];
        let rows = self.page(Script::Scan, keys, scan).await?;
        rows.into_iter().map(|(sort, value)| document(Key::new(&*scan.part, sort), value)).collect()
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.ops().is_empty() {
            return Ok(());
        }
        let (mut keys, mut arguments) = (Vec::new(), vec![digits(batch.rev())]);
        for (key, op) in batch.ops() {
            let (verb, guard) = match op {
                Op::Create(_) => ("create", None),
                Op::Update(rev, _) => ("update", Some(*rev)),
                Op::Delete(rev) => ("delete", Some(*rev)),
                Op::Require(rev) => ("require", Some(*rev)),
                Op::Put(_) => ("put", None),
                Op::Remove => ("delete", None),
            };
            keys.push(self.documents(&key.part) + &key.sort);
            keys.push(self.key("order", &key.part));
            arguments.push(verb.to_owned());
            arguments.push(guard.map(digits).unwrap_or_default());
            arguments.push(key.sort.clone());
            arguments.push(op.body().unwrap_or_default().to_owned());
        }
        let call = Call {
            script: Some(Script::Commit),
            arguments: script_arguments(&keys, &arguments),
            replicas: self.replicas,
        };
        match self.ask(&call, Effect::Writes).await? {
            Reply::Number(0) => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        if deltas.is_empty() {
            return Ok(());
        }
        let mut parts = BTreeMap::new();
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        for (Key { part, sort }, delta) in deltas {
            let place = *parts.entry(part).or_insert_with(|| {
                keys.push(self.key("count", part));
                keys.push(self.key("count-order", part));
                keys.len() - 1
            });
            arguments.extend([place.to_string(), sort.clone(), delta.to_string()]);
        }
        let call = Call {
            script: Some(Script::Count),
            arguments: script_arguments(&keys, &arguments),
            replicas: self.replicas,
        };
        self.ask(&call, Effect::Writes).await.map(drop)
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        let keys = [self.key("count-order", &scan.part), self.key("count", &scan.part)];
        let rows = self.page(Script::Counters, keys, scan).await?;
        let number = |value: Vec<u8>| String::from_utf8(value).ok()?.parse().ok();
        let row = |(sort, value)| {
            let key = Key::new(&*scan.part, sort);
            let value = number(value).ok_or_else(|| damaged(&key))?;
            Ok((key, value))
        };
        rows.into_iter().map(row).collect()
    }

    /// A commit of nothing: the server refuses it where it would refuse any.
    async fn check(&self) -> Result<(), StoreError> {
        let arguments = script_arguments::<&str>(&[], &[]);
        let call = Call { script: Some(Script::Commit), arguments, replicas: 0 };
        self.ask(&call, Effect::Reads).await.map(drop)
    }
}

impl Failure {
    /// Whether another connection may fare better, and nothing can have happened on this one.
    fn is_stale(&self, effect: Effect) -> bool {
        match self {
            Failure::Lost(Lost::Unsent(_)) => true,
            Failure::Lost(Lost::Unanswered(_)) => effect == Effect::Reads,
            Failure::Refused(refused) => refused.is_of_another_server(),
            Failure::Unreplicated { .. } => false,
        }
    }

    fn of(self, effect: Effect) -> StoreError {
        let nothing_happened = match &self {
            Failure::Lost(Lost::Unsent(_)) => true,
            Failure::Lost(Lost::Unanswered(_)) | Failure::Unreplicated { .. } => false,
            Failure::Refused(refused) => refused.came_first(),
        };
        if effect == Effect::Reads || nothing_happened {
            return unavailable(self);
        }
        StoreError::UnknownOutcome { engine: ENGINE, source: self.into() }
    }
}

impl Refused {
    /// Refusals that come before a script begins, or from the checks that it begins with.
    const FIRST: [&str; 17] = [
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "CROSSSLOT",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "NOSCRIPT",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNKILLABLE",
        "WRONGTYPE",
    ];

    fn came_first(&self) -> bool {
        Refused::FIRST.contains(&self.word())
    }

    /// The address may lead elsewhere by now.
    fn is_of_another_server(&self) -> bool {
        matches!(self.word(), "CLUSTERDOWN" | "MASTERDOWN" | "MOVED" | "NOAUTH" | "READONLY")
    }

    fn word(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }
}

fn digits(rev: Rev) -> String {
    format!("{:016x}", rev.0)
}

fn document(key: Key, mut value: Vec<u8>) -> Result<Doc, StoreError> {
    let rev = value.get(..REV).and_then(|digits| std::str::from_utf8(digits).ok());
    let rev = rev.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| damaged(&key))?;
    value.drain(..REV);
    let body = String::from_utf8(value).map_err(|_| damaged(&key))?;
    Ok(Doc { key, rev: Rev(rev.cast_signed()), body })
}

/// The items of a list: bytes, or nothing.
fn list(reply: Reply) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let unexpected = || unavailable("the server gave an answer that was not expected");
    let Reply::List(items) = reply else { return Err(unexpected()) };
    let item = |item| match item {
        Reply::Bytes(bytes) => Ok(Some(bytes)),
        Reply::Nothing => Ok(None),
        _ => Err(unexpected()),
    };
    items.into_iter().map(item).collect()
}

fn damaged(place: &impl std::fmt::Display) -> StoreError {
    unavailable(format!("what is stored under `{place}` is damaged; restore a backup"))
}

fn unavailable(source: impl Into<Fault>) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: source.into() }
}

fn refusal(url: &str, fault: Fault) -> OpenError {
    let url = url.to_owned();
    match fault.downcast::<Unfit>() {
        Ok(unfit) => match *unfit {
            Unfit::NotDurable { reason, hint } => OpenError::NotDurable { url, reason, hint },
            Unfit::Newer { found } => OpenError::Newer { url, found, known: SCHEMA },
            other => OpenError::Failed { url, source: other.into() },
        },
        Err(source) => OpenError::Failed { url, source },
    }
}

fn warn_of_risks(url: &str, durability: Durability) {
    match durability {
        Durability::Always => (),
        Durability::EverySecond => {
            tracing::warn!(url, "a loss of power may take the last second of acknowledged writes with it");
        }
        Durability::Managed => {
            tracing::warn!(url, "whether acknowledged writes are durable is left to the database service");
        }
    }
}
