//! What is true of the server as a whole.

use holdfast_store::{Entity, Key};
use holdfast_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Made once, at the first start, by whichever process comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// When the server began, and with it the audit log.
    pub created_at: Timestamp,
}

impl ServerRecord {
    /// Its key.
    pub fn key_of() -> Key {
        Key::new("server", "server")
    }
}

impl Entity for ServerRecord {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        ServerRecord::key_of()
    }
}
