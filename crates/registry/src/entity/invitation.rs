//! Invitations: links with which somebody makes an account of their own.

use super::Role;
use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Sha256, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An invitation that nobody has accepted yet. Accepting deletes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The digest of the secret in its link; also its public name.
    pub digest: Sha256,
    /// What the new user may do.
    pub role: Role,
    /// The teams that they will be in.
    pub teams: BTreeSet<TeamName>,
    /// For whom, in the words of whoever invites.
    pub note: String,
    /// By whom, in words.
    pub created_by: String,
    /// By which account; none for the operator. It is open while they are an admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<Login>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// The partition of all invitations.
    pub const PART: &'static str = "invitation";

    /// The key of an invitation.
    pub fn key_of(digest: &Sha256) -> Key {
        Key::new(Invitation::PART, digest.to_string())
    }
}

impl Entity for Invitation {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Invitation::key_of(&self.digest)
    }
}
