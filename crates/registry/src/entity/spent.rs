//! What may be used once only.

use holdfast_store::{Entity, Key};
use holdfast_types::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};

/// Something that was used, remembered until nobody would accept it any more anyway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// What it was.
    pub digest: Sha256,
    /// Until when it must be remembered.
    pub until: Timestamp,
}

impl Spent {
    /// The partition of all of them.
    pub const PART: &'static str = "spent";

    /// The key of one.
    pub fn key_of(digest: &Sha256) -> Key {
        Key::new(Spent::PART, digest.to_string())
    }
}

impl Entity for Spent {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Spent::key_of(&self.digest)
    }
}
