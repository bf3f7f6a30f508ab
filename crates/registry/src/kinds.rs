//! What a stored document means, from its key and body alone: what moving documents from one database to
//! another needs to know. Every entity has its line here.

use crate::entity::{
    AuditEntry, CrateHead, Identity, Invitation, Membership, PasswordRecord, Readme, RegistryRecord,
    ServerRecord, SigningKey, Team, Token, TokenUse, User, Version,
};
use crate::error::{Error, Kind, Result};
use holdfast_store::{Entity, Key, decode};
use holdfast_types::Sha256;

/// What follows from a document.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// The index entries that it owns, with their bodies.
    pub(crate) entries: Vec<(Key, String)>,
    /// The file that must be there before it.
    pub(crate) file: Option<NeededFile>,
}

/// A file that a version needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NeededFile {
    pub(crate) sha256: Sha256,
    pub(crate) size_bytes: u64,
    /// Who needs it, for people.
    pub(crate) version: String,
}

impl Meaning {
    /// Reads a document as the entity that its partition holds.
    pub(crate) fn of(key: &Key, body: &str) -> Result<Meaning> {
        match kind(&key.part) {
            "server" => plain::<ServerRecord>(key, body),
            "registry" => plain::<RegistryRecord>(key, body),
            "crate" => plain::<CrateHead>(key, body),
            "version" => version(key, body),
            "readme" => plain::<Readme>(key, body),
            "user" => plain::<User>(key, body),
            "team" => plain::<Team>(key, body),
            "member" => plain::<Membership>(key, body),
            "password" => plain::<PasswordRecord>(key, body),
            "identity" => plain::<Identity>(key, body),
            "signing-key" => plain::<SigningKey>(key, body),
            "invitation" => plain::<Invitation>(key, body),
            "token" => plain::<Token>(key, body),
            "token-use" => plain::<TokenUse>(key, body),
            "audit" => plain::<AuditEntry>(key, body),
            _ => Err(Error::invalid(format!(
                "the document `{key}` is of a kind that this release does not know; use a newer release"
            ))),
        }
    }
}

/// The first word of a partition.
fn kind(part: &str) -> &str {
    part.split_once('/').map_or(part, |(kind, _)| kind)
}

fn plain<E: Entity>(key: &Key, body: &str) -> Result<Meaning> {
    Ok(Meaning { entries: entity::<E>(key, body)?.indexes(), file: None })
}

fn version(key: &Key, body: &str) -> Result<Meaning> {
    let version = entity::<Version>(key, body)?;
    let file = version.removed.is_none().then(|| NeededFile {
        sha256: version.line.cksum,
        size_bytes: version.size_bytes,
        version: format!("{}@{}", version.line.name, version.line.vers),
    });
    Ok(Meaning { entries: version.indexes(), file })
}

/// The entity at a key, which must be the one that belongs there.
pub(crate) fn entity<E: Entity>(key: &Key, body: &str) -> Result<E> {
    let entity: E = decode(key, body).map_err(|error| {
        Error::with_source(
            Kind::Invalid,
            "a document cannot be read; `holdfast fsck` finds all such documents",
            error,
        )
    })?;
    if entity.key() == *key {
        return Ok(entity);
    }
    let belongs = entity.key();
    Err(Error::invalid(format!("the document `{key}` belongs to `{belongs}`; `holdfast fsck` says more")))
}
