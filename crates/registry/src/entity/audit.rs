//! One line of the audit log.

use holdfast_store::{Entity, Key};
use holdfast_types::{Login, RegistryName, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who did or tried what, when and from where. Written in the commit of the change, or on its own when the
/// change was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Milliseconds since 1970, then random digits: the order of the log.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who, as [`crate::Actor`] names itself.
    pub actor: String,
    /// The user behind the token, if there is one.
    pub login: Option<Login>,
    /// Which of their tokens.
    pub token: Option<TokenId>,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_name: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The operation's verb, like `publish`.
    pub action: String,
    /// In which registry.
    pub registry: Option<RegistryName>,
    /// To what: `foo@1.0.0`, `alice`, …
    pub subject: String,
    /// Whether it was done.
    pub outcome: Outcome,
    /// More of it: what was changed.
    pub detail: Option<String>,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, for this reason.
    Refused(String),
}

impl AuditEntry {
    /// The partition of the month that a moment lies in.
    pub fn part(at: Timestamp) -> String {
        format!("audit/{}", &at.to_string()[..7])
    }
}

impl Entity for AuditEntry {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Key::new(AuditEntry::part(self.at), &*self.id)
    }
}
