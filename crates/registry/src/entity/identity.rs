//! Which account somebody is whom a provider of sign-in knows.

use super::entry;
use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

/// A person at a provider, and their account here. What tells them apart is the issuer with the subject, and
/// never an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Who knows them.
    pub issuer: String,
    /// The name that the issuer never gives to anybody else.
    pub subject: String,
    /// Their account.
    pub login: Login,
    /// Since when.
    pub since: Timestamp,
}

impl Identity {
    /// The partition of all identities.
    pub const PART: &'static str = "identity";

    /// The key of somebody.
    pub fn key_of(issuer: &str, subject: &str) -> Key {
        let digest = Sha256::of(format!("{}\n{issuer}\n{subject}", issuer.len()).as_bytes());
        Key::new(Identity::PART, digest.to_string())
    }

    /// The partition of the index of an account's identities.
    pub fn user_part(login: &Login) -> String {
        format!("identities-of/{login}")
    }
}

impl Entity for Identity {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Identity::key_of(&self.issuer, &self.subject)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        vec![entry(Identity::user_part(&self.login), self.key().sort)]
    }
}
