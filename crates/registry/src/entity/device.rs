//! Devices that ask to be let in (RFC 8628).

use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Sha256, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A device that waits for somebody to let it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// The digest of the device's own secret.
    pub digest: Sha256,
    /// What somebody types or confirms in a browser.
    pub user_code: String,
    /// What the device calls itself.
    pub label: String,
    /// Where it asks from.
    pub address: Option<IpAddr>,
    /// What was decided.
    pub decision: Decision,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What somebody decided about a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// It acts for this user, if what they decided with still lasts when the device comes.
    Approved {
        /// Who.
        login: Login,
        /// Their session or access token.
        by: TokenId,
        /// The access token that the device ends with; none when they were there in person.
        parent: Option<TokenId>,
    },
    /// It does not.
    Denied,
}

impl DeviceRequest {
    /// The partition of all requests.
    pub const PART: &'static str = "device";

    /// The key of a request.
    pub fn key_of(digest: &Sha256) -> Key {
        Key::new(DeviceRequest::PART, digest.to_string())
    }

    /// The key of the index entry that leads from a user code to a request.
    pub fn code_key(user_code: &str) -> Key {
        Key::new("device-code", user_code)
    }
}

impl Entity for DeviceRequest {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        DeviceRequest::key_of(&self.digest)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        vec![(DeviceRequest::code_key(&self.user_code), format!("\"{}\"", self.digest))]
    }
}
