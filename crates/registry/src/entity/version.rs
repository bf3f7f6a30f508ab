//! One version of a crate.

use super::{About, entry};
use holdfast_store::{Entity, Key};
use holdfast_types::{CanonicalName, IndexLine, Login, RegistryName, Sha256, Timestamp, VersionKey};
use serde::{Deserialize, Serialize};

/// A version: its index line and what its manifest says about it. A removed version stays as a tombstone,
/// so that its number can never mean other bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Where it lives.
    pub registry: RegistryName,
    /// What cargo's resolver reads, made once at publish; only `yanked` changes.
    pub line: IndexLine,
    /// The size of the `.crate` file.
    pub size_bytes: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// By whom; `None` when the operator added it on the storage.
    pub published_by: Option<Login>,
    /// What its manifest says.
    pub about: About,
    /// Set when an admin removed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removal>,
}

/// When and by whom a version was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Version {
    /// The partition of a crate's versions.
    pub fn part(registry: &RegistryName, krate: &CanonicalName) -> String {
        format!("version/{registry}/{krate}")
    }

    /// The key of a version.
    pub fn key_of(registry: &RegistryName, krate: &CanonicalName, version: &VersionKey) -> Key {
        Key::new(Version::part(registry, krate), version.as_str())
    }

    /// The partition of the index of the versions that need a blob; its sort keys are
    /// `registry/crate/version`.
    pub fn blob_part(sha256: &Sha256) -> String {
        format!("blob/{sha256}")
    }

    /// The crate.
    pub fn krate(&self) -> CanonicalName {
        self.line.name.canonical()
    }
}

impl Entity for Version {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Version::key_of(&self.registry, &self.krate(), &self.line.vers.key())
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        if self.removed.is_some() {
            return Vec::new();
        }
        let place = format!("{}/{}/{}", self.registry, self.krate(), self.line.vers.key());
        vec![entry(Version::blob_part(&self.line.cksum), place)]
    }
}
