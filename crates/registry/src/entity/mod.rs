//! What is stored, one file per entity. These are not API types: the web converts them by hand.

mod audit;
mod device;
mod identity;
mod invitation;
mod krate;
mod password;
mod registry;
mod server;
mod signing_key;
mod spent;
mod team;
mod token;
mod trust;
mod user;
mod version;

pub use audit::{AuditEntry, Outcome};
pub use device::{Decision, DeviceRequest};
pub use identity::Identity;
pub use invitation::Invitation;
pub use krate::{About, Audience, CrateHead, Readme};
pub use password::PasswordRecord;
pub use registry::{RegistryKind, RegistryRecord};
pub use server::ServerRecord;
pub use signing_key::SigningKey;
pub use spent::Spent;
pub use team::{Membership, Team};
pub use token::{Bound, Former, Holder, Job, Purpose, Token, TokenUse, Trusting};
pub use trust::{MAX_RULES, PlacedRule, trust_part};
pub use user::{Role, User};
pub use version::{Removal, Version};

pub(crate) use trust::trusted;

/// An index entry that says everything with its key.
pub(crate) fn entry(part: impl Into<String>, sort: impl Into<String>) -> (holdfast_store::Key, String) {
    (holdfast_store::Key::new(part, sort), "{}".to_owned())
}
