//! People and service accounts.

use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Timestamp};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A person or a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name, for ever.
    pub login: Login,
    /// What they may do at most.
    pub role: Role,
    /// Whether it is a machine's account.
    #[serde(default)]
    pub service: bool,
    /// Whether all its tokens are refused.
    #[serde(default)]
    pub disabled: bool,
    /// Set while it is being removed: it may not become an owner or a member any more.
    #[serde(default)]
    pub leaving: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a user may do at most, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read.
    Reader,
    /// Publish new crates and manage those they own.
    Publisher,
    /// Everything.
    Admin,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; use reader, publisher or admin")]
pub struct RoleError(String);

impl Role {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Publisher => "publisher",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Role, RoleError> {
        [Role::Reader, Role::Publisher, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| RoleError(text.chars().take(40).collect()))
    }
}

impl User {
    /// The partition of all users.
    pub const PART: &'static str = "user";

    /// Whether they may run the server now.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.disabled && !self.leaving
    }

    /// The key of a user.
    pub fn key_of(login: &Login) -> Key {
        Key::new(User::PART, login.as_str())
    }
}

impl Entity for User {
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        User::key_of(&self.login)
    }
}
