//! The whole contract between the registry and a metadata engine.
//!
//! A store is an ordered map from [`Key`] to JSON documents, with six verbs: point reads, one-partition
//! scans, one atomic conditional commit, commutative counters and their scan, and a health check. Nothing
//! here knows what a document means.

use std::collections::BTreeMap;
use std::fmt;

/// Where a document lives. `part` is the unit of scanning (a scan never crosses it); `sort` orders the
/// documents inside it by bytes. Neither may hold a NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition.
    pub part: String,
    /// The position inside the partition.
    pub sort: String,
}

impl Key {
    /// A key from its two halves.
    pub fn new(part: impl Into<String>, sort: impl Into<String>) -> Key {
        Key { part: part.into(), sort: sort.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.part, self.sort)
    }
}

/// Opaque stamp of the commit that wrote a document. Made at random by the client and never reused, so a
/// deleted and recreated document is never mistaken for the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rev(pub i64);

impl Rev {
    /// A new random stamp; never negative.
    #[expect(clippy::disallowed_methods, reason = "an opaque stamp, which no decision depends on")]
    pub fn fresh() -> Rev {
        Rev(rand::random::<i64>() & i64::MAX)
    }
}

/// A document as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// Where it is.
    pub key: Key,
    /// The commit that wrote it.
    pub rev: Rev,
    /// Its JSON text, at most [`Batch::MAX_BODY_BYTES`].
    pub body: String,
}

/// What a commit does to one key. The shapes that some engine cannot make atomic do not exist: there is no
/// "require absent" without creating, because a lock cannot be taken on nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a document that must not exist.
    Create(String),
    /// Replaces a document that must still be at this revision.
    Update(Rev, String),
    /// Deletes a document that must still be at this revision.
    Delete(Rev),
    /// Changes nothing, and fails unless the document is still at this revision.
    Require(Rev),
    /// Writes a document, whatever was there.
    Put(String),
    /// Deletes a document, if it is there.
    Remove,
}

impl Op {
    /// The body this operation writes.
    pub fn body(&self) -> Option<&str> {
        match self {
            Op::Create(body) | Op::Update(_, body) | Op::Put(body) => Some(body),
            Op::Delete(_) | Op::Require(_) | Op::Remove => None,
        }
    }
}

/// One page of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The partition to read.
    pub part: String,
    /// Exclusive lower bound; `None` starts at the beginning.
    pub after: Option<String>,
    /// Exclusive upper bound; `None` goes on to the end.
    pub before: Option<String>,
    /// At most this many documents.
    pub limit: u32,
    /// From the end towards the beginning.
    pub reverse: bool,
}

impl Scan {
    /// The first `limit` documents of a partition.
    pub fn first(part: impl Into<String>, limit: u32) -> Scan {
        Scan { part: part.into(), after: None, before: None, limit, reverse: false }
    }
}

/// Operations that take effect together or not at all: at most one per key, applied in key order so that
/// every engine takes its locks in one order.
#[derive(Clone, Debug)]
pub struct Batch {
    rev: Rev,
    ops: BTreeMap<Key, Op>,
    size_bytes: usize,
}

impl Batch {
    /// The most operations of a batch: `DynamoDB`'s limit, the smallest among the engines.
    pub const MAX_OPS: usize = 100;
    /// The most bytes of keys and bodies of a batch.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;
    /// The most bytes of one body; larger things are blobs.
    pub const MAX_BODY_BYTES: usize = 256 * 1024;

    /// An empty batch with a fresh revision, which every document it writes will carry.
    pub fn new() -> Batch {
        Batch { rev: Rev::fresh(), ops: BTreeMap::new(), size_bytes: 0 }
    }

    /// The revision of everything this batch writes.
    pub fn rev(&self) -> Rev {
        self.rev
    }

    /// The operations in key order.
    pub fn ops(&self) -> &BTreeMap<Key, Op> {
        &self.ops
    }

    /// Adds one operation, or says which limit it breaks; a refused operation leaves the batch as it was.
    pub fn add(&mut self, key: Key, op: Op) -> Result<(), BatchError> {
        let body_bytes = op.body().map_or(0, str::len);
        let size_bytes = self.size_bytes + key.part.len() + key.sort.len() + body_bytes;
        if key.part.contains('\0')
            || key.sort.contains('\0')
            || op.body().is_some_and(|body| body.contains('\0'))
        {
            return Err(BatchError::Nul(key));
        }
        if body_bytes > Batch::MAX_BODY_BYTES {
            return Err(BatchError::BodyTooLarge { key, size_bytes: body_bytes });
        }
        if self.ops.contains_key(&key) {
            return Err(BatchError::Twice(key));
        }
        if self.ops.len() == Batch::MAX_OPS || size_bytes > Batch::MAX_BYTES {
            return Err(BatchError::TooLarge);
        }
        self.size_bytes = size_bytes;
        self.ops.insert(key, op);
        Ok(())
    }
}

impl Default for Batch {
    fn default() -> Batch {
        Batch::new()
    }
}

/// A batch that no engine would take.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Two operations on one key.
    #[error("two operations on `{0}` in one commit")]
    Twice(Key),
    /// More than [`Batch::MAX_OPS`] operations or [`Batch::MAX_BYTES`].
    #[error("a commit holds at most {} operations and {} bytes", Batch::MAX_OPS, Batch::MAX_BYTES)]
    TooLarge,
    /// One body beyond [`Batch::MAX_BODY_BYTES`].
    #[error("the document `{key}` has {size_bytes} bytes, the most is {}", Batch::MAX_BODY_BYTES)]
    BodyTooLarge {
        /// The document.
        key: Key,
        /// What it would have.
        size_bytes: usize,
    },
    /// A NUL in a key or body, which some engines cannot store.
    #[error("a NUL character in `{0:?}`")]
    Nul(Key),
}

/// What an engine asks before it applies counter deltas, so that all refuse alike.
pub fn check_deltas(deltas: &[(Key, i64)]) -> Result<(), BatchError> {
    let nul = deltas.iter().find(|(key, _)| key.part.contains('\0') || key.sort.contains('\0'));
    nul.map_or(Ok(()), |(key, _)| Err(BatchError::Nul(key.clone())))
}

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A guard did not hold. Nothing was written; re-read and retry.
    #[error("another commit came first")]
    Conflict,
    /// The engine failed before the commit could take effect: nothing was written.
    #[error("the {engine} engine is unavailable")]
    Unavailable {
        /// Which engine.
        engine: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine failed in a commit, which may or may not have taken effect. The caller re-reads or
    /// repeats an idempotent operation.
    #[error("the {engine} engine failed during a commit, whose outcome is unknown")]
    UnknownOutcome {
        /// Which engine.
        engine: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The operation asked for a batch that no engine would take.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A stored document does not parse: a fault of ours or a hand in the database.
    #[error("the stored document `{key}` cannot be read")]
    Corrupt {
        /// Which document.
        key: Key,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A metadata engine. All reads see every commit that was acknowledged before they began.
#[async_trait::async_trait]
pub trait Store: Send + Sync {
    /// The engine's name, for logs and metrics.
    fn engine(&self) -> &'static str;

    /// Point reads: one answer per key, in the order asked.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError>;

    /// One page of a partition in byte order of `sort`.
    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError>;

    /// All of the batch or none of it, durable when this returns.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Adds to counters, which live apart from documents, start at zero and never conflict. The deltas of
    /// one call are applied together.
    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError>;

    /// One page of the counters of a partition, in byte order of `sort`.
    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError>;

    /// Asks the engine whether it can read and write now; cheap enough for a readiness probe.
    async fn check(&self) -> Result<(), StoreError>;
}
