//! People and service accounts.

use holdfast_store::{Entity, Key};
use holdfast_types::{Login, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A person or a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name, for ever.
    pub login: Login,
    /// What they may do in every registry; a registry can give more.
    pub role: Role,
    /// Whether it is a machine's account.
    #[serde(default)]
    pub service: bool,
    /// The team that looks after a service account: its members may make tokens for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<TeamName>,
    /// Their address, as they or their provider gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Whether all its tokens are refused.
    #[serde(default)]
    pub disabled: bool,
    /// Set while it is being removed: it may not become an owner or a member any more.
    #[serde(default)]
    pub leaving: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a user may do, in rising order: in every registry, or in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing but what single registries give.
    Guest,
    /// Read.
    Reader,
    /// Publish new crates and manage those they own.
    Publisher,
    /// Manage every crate that they may see.
    Maintainer,
    /// Everything, on the whole server; no role of a single registry.
    Admin,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; use guest, reader, publisher, maintainer or admin")]
pub struct RoleError(String);

impl Role {
    /// Every role, in rising order.
    pub const ALL: [Role; 5] = [Role::Guest, Role::Reader, Role::Publisher, Role::Maintainer, Role::Admin];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Guest => "guest",
            Role::Reader => "reader",
            Role::Publisher => "publisher",
            Role::Maintainer => "maintainer",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Role, RoleError> {
        let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| RoleError(text.chars().take(40).collect()))
    }
}

impl User {
    /// The partition of all users.
    pub const PART: &'static str = "user";

    /// Somebody new.
    pub fn new(login: Login, role: Role, created_at: Timestamp) -> User {
        User {
            login,
            role,
            service: false,
            keeper: None,
            email: None,
            full_name: None,
            disabled: false,
            leaving: false,
            created_at,
        }
    }

    /// Whether they may do anything at all now.
    pub fn is_active(&self) -> bool {
        !self.disabled && !self.leaving
    }

    /// Whether they may run the server now.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.is_active()
    }

    /// The key of a user.
    pub fn key_of(login: &Login) -> Key {
        Key::new(User::PART, login.as_str())
    }
}

impl Entity for User {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        User::key_of(&self.login)
    }
}
