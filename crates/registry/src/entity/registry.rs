//! A registry of this server.

use super::{Role, trusted};
use holdfast_package::RequiredFields;
use holdfast_store::{Entity, Key};
use holdfast_types::{Principal, RegistryName, Timestamp, TrustRule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One registry and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// A part of its permanent URL.
    pub name: RegistryName,
    /// Where its crates come from.
    pub kind: RegistryKind,
    /// Whether reading needs no login.
    pub anonymous_read: bool,
    /// Manifest fields that a publish must have; `None` leaves it to the server's setting.
    #[serde(default, with = "words")]
    pub required_fields: Option<RequiredFields>,
    /// Who may do more here than elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Principal, Role>,
    /// The CI jobs that may read it without a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusts: Vec<TrustRule>,
    /// Set once some crate was hidden from somebody: then an absent crate and a hidden one must take the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hides: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Set when it was removed. The record stays with what its crates left behind, so that their versions can
    /// never mean other bytes, should the registry be made again.
    #[serde(default)]
    pub removed: bool,
}

/// Where a registry's crates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryKind {
    /// People publish here.
    Hosted,
}

impl RegistryRecord {
    /// The partition of all registries.
    pub const PART: &'static str = "registry";

    /// The most roles of a registry; teams hold more people.
    pub const MAX_ROLES: usize = 200;

    /// The key of a registry.
    pub fn key_of(name: &RegistryName) -> Key {
        Key::new(RegistryRecord::PART, name.as_str())
    }
}

impl Entity for RegistryRecord {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        RegistryRecord::key_of(&self.name)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        trusted(&self.trusts, &self.name, None)
    }
}

/// Required fields as the words that an operator writes.
mod words {
    use super::RequiredFields;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        fields: &Option<RequiredFields>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        fields.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RequiredFields>, D::Error> {
        let words = Option::<String>::deserialize(deserializer)?;
        words.map(|words| words.parse().map_err(serde::de::Error::custom)).transpose()
    }
}
