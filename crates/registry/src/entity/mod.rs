//! What is stored, one file per entity. These are not API types: the web converts them by hand.

mod audit;
mod krate;
mod registry;
mod server;
mod team;
mod token;
mod user;
mod version;

pub use audit::{AuditEntry, Outcome};
pub use krate::{About, CrateHead, Readme};
pub use registry::{RegistryKind, RegistryRecord};
pub use server::ServerRecord;
pub use team::{Membership, Team};
pub use token::{Token, TokenUse};
pub use user::{Role, User};
pub use version::{Removal, Version};

/// An index entry that says everything with its key.
pub(crate) fn entry(part: impl Into<String>, sort: impl Into<String>) -> (holdfast_store::Key, String) {
    (holdfast_store::Key::new(part, sort), "{}".to_owned())
}
