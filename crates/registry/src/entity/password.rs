//! How a user proves themselves with a password.

use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The hash of a user's password; apart from [`User`](super::User) so that nothing which reads users can
/// show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRecord {
    /// Whose.
    pub login: Login,
    /// Argon2id, as a PHC string with its salt and cost.
    pub hash: String,
    /// Since when.
    pub changed_at: Timestamp,
}

impl PasswordRecord {
    /// The partition of all passwords.
    pub const PART: &'static str = "password";

    /// The key of a user's password.
    pub fn key_of(login: &Login) -> Key {
        Key::new(PasswordRecord::PART, login.as_str())
    }
}

impl fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordRecord").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Entity for PasswordRecord {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        PasswordRecord::key_of(&self.login)
    }
}
