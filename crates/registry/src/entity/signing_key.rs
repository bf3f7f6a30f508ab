//! Keys with which cargo signs its own tokens (RFC 3231).

use super::entry;
use holdfast_identity::signed::{KeyId, PublicKey};
use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

/// A registered key. Revoking deletes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The key.
    pub key: PublicKey,
    /// Whose it is.
    pub login: Login,
    /// What its tokens must say in `sub`; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The access token that it was registered with, with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TokenId>,
    /// Since when.
    pub created_at: Timestamp,
}

impl SigningKey {
    /// The partition of all keys.
    pub const PART: &'static str = "signing-key";

    /// The key of a key.
    pub fn key_of(id: &KeyId) -> Key {
        Key::new(SigningKey::PART, id.as_str())
    }

    /// The partition of the index of a user's keys; its sort keys are their ids.
    pub fn user_part(login: &Login) -> String {
        format!("keys-of/{login}")
    }
}

impl Entity for SigningKey {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        SigningKey::key_of(&self.key.id())
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        vec![entry(SigningKey::user_part(&self.login), self.key.id().as_str())]
    }
}
