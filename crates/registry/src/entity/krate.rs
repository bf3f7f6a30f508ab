//! A crate: its head document, which every write to it updates.

use super::{entry, trusted};
use holdfast_store::{Entity, Key};
use holdfast_types::{
    CanonicalName, CrateName, Principal, RegistryName, TeamName, Timestamp, TrustRule, Version,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is true of a crate as a whole. Every write to the crate or to one of its versions updates this
/// document in the same commit, so its revision names the state of the whole crate, and all that an
/// invariant needs (its owners, its spelling) stands here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateHead {
    /// Where it lives.
    pub registry: RegistryName,
    /// As first published.
    pub name: CrateName,
    /// Never empty.
    pub owners: Vec<Principal>,
    /// Set when not everybody who may read the registry may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_to: Option<BTreeSet<TeamName>>,
    /// The CI jobs that may publish it without a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusts: Vec<TrustRule>,
    /// Whether nobody else may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted_only: bool,
    /// When its first version came.
    pub created_at: Timestamp,
    /// When a version or its state last changed, in milliseconds since 1970.
    pub updated_millis: u64,
    /// The version to show: stable before pre-release, not yanked if there is a choice. `None` when every
    /// version was removed.
    pub max_version: Option<Version>,
    /// Whether `max_version` is yanked, because all are.
    #[serde(default)]
    pub max_yanked: bool,
    /// How many versions there are.
    pub version_count: u32,
    /// What `max_version` says about the crate.
    pub about: About,
    /// The crates of the same registry that `max_version` depends on.
    #[serde(default)]
    pub dependencies: BTreeSet<CanonicalName>,
}

/// What a version's manifest says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `documentation`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
    /// `homepage`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// `repository`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// `license`, or the name of the licence file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// `keywords`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// `categories`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// `authors`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// `edition`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
}

/// Who may see a restricted crate: its owners, and the teams that were named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The crate's registry.
    pub registry: RegistryName,
    /// The crate: a CI job may see the crates that trust it.
    pub krate: CrateName,
    /// Its owners and the teams.
    pub principals: Vec<Principal>,
}

impl CrateHead {
    /// The most owners of a crate: each is an index entry, and a commit has room for 100 operations.
    pub const MAX_OWNERS: usize = 32;

    /// The most teams that a restricted crate is visible to, beside its owners.
    pub const MAX_TEAMS: usize = 32;

    /// Its key name.
    pub fn canonical(&self) -> CanonicalName {
        self.name.canonical()
    }

    /// The partition of a registry's crates.
    pub fn part(registry: &RegistryName) -> String {
        format!("crate/{registry}")
    }

    /// The key of a crate.
    pub fn key_of(registry: &RegistryName, krate: &CanonicalName) -> Key {
        Key::new(CrateHead::part(registry), krate.as_str())
    }

    /// The partition of the index by last change; its sort keys end in `/` and the canonical name.
    pub fn recent_part(registry: &RegistryName) -> String {
        format!("recent/{registry}")
    }

    /// The partition of the index of what a principal owns; its sort keys are `registry/crate`.
    pub fn owned_part(owner: &Principal) -> String {
        format!("owned/{owner}")
    }

    /// The partition of the index of the restricted crates that a team may see; its sort keys are
    /// `registry/crate`.
    pub fn visible_part(team: &TeamName) -> String {
        format!("visible/{team}")
    }

    /// Who may see it, unless everybody may who reads the registry.
    pub fn audience(&self) -> Option<Audience> {
        let teams = self.restricted_to.as_ref()?.iter().cloned().map(Principal::Team);
        let principals = self.owners.iter().cloned().chain(teams).collect();
        Some(Audience { registry: self.registry.clone(), krate: self.name.clone(), principals })
    }

    /// Lets the search index see that others may find a restricted crate now.
    pub fn touch_if_restricted(&mut self, now_millis: u64) {
        if self.restricted_to.is_some() {
            self.touch(now_millis);
        }
    }

    /// Moves the moment of the last change on, always forward, so that a tail of the recent index sees it.
    pub fn touch(&mut self, now_millis: u64) {
        self.updated_millis = now_millis.max(self.updated_millis + 1);
    }
}

impl Entity for CrateHead {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        CrateHead::key_of(&self.registry, &self.canonical())
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        let krate = self.canonical();
        let recent =
            entry(CrateHead::recent_part(&self.registry), format!("{:015}/{krate}", self.updated_millis));
        let owned =
            self.owners.iter().map(|o| entry(CrateHead::owned_part(o), format!("{}/{krate}", self.registry)));
        let teams = self.restricted_to.iter().flatten();
        let visible = teams.map(|t| entry(CrateHead::visible_part(t), format!("{}/{krate}", self.registry)));
        let trusted = trusted(&self.trusts, &self.registry, Some(&self.name));
        owned.chain(visible).chain([recent]).chain(trusted).collect()
    }
}

/// The beginning of the README of a crate's newest version, for search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readme {
    /// The crate's registry.
    pub registry: RegistryName,
    /// The crate.
    pub krate: CanonicalName,
    /// At most 64 kB.
    pub text: String,
}

impl Readme {
    /// The key of a crate's README.
    pub fn key_of(registry: &RegistryName, krate: &CanonicalName) -> Key {
        Key::new(format!("readme/{registry}"), krate.as_str())
    }
}

impl Entity for Readme {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Readme::key_of(&self.registry, &self.krate)
    }
}
