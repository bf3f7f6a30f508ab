//! The public halves of cargo's keys, as PASERK writes them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::version3::{UncompressedPublicKey, V3};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha384};

/// Text that is not a key or the id of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a public key.
    #[error("`{0}` is not a public key; it begins with `k3.public.`, and `cargo login` prints it")]
    Key(String),
    /// A secret key.
    #[error(
        "this is a secret key: treat it as leaked, make a new one, and give the text that begins with `k3.public.`"
    )]
    Secret,
    /// Not the id of a key.
    #[error("`{0}` is not the id of a key; it begins with `k3.pid.`")]
    Id(String),
}

/// A key on the curve P-384, written `k3.public.…` as `cargo login` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    /// The same, decoded and known to be on the curve.
    point: Vec<u8>,
}

impl PublicKey {
    /// What the footers of its tokens name: the key's digest.
    pub fn id(&self) -> KeyId {
        let digest = Sha384::new().chain_update(KeyId::PREFIX).chain_update(&self.text).finalize();
        KeyId(format!("{}{}", KeyId::PREFIX, BASE64_URL_SAFE_NO_PAD.encode(&digest[..KeyId::BYTES])))
    }

    pub(super) fn as_paseto(&self) -> AsymmetricPublicKey<V3> {
        AsymmetricPublicKey::from(&self.point).expect("the point is checked when this is made")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<PublicKey, KeyError> {
        if text.starts_with("k3.secret.") {
            return Err(KeyError::Secret);
        }
        let refused = || KeyError::Key(shown(text));
        let point = text.strip_prefix("k3.public.").and_then(decode).ok_or_else(refused)?;
        let key = AsymmetricPublicKey::from(&point).map_err(|_| refused())?;
        // Not every number is the place of a point on the curve.
        UncompressedPublicKey::try_from(&key).map_err(|_| refused())?;
        Ok(PublicKey { text: text.to_owned(), point })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<PublicKey, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.text
    }
}

/// The digest of a key, written `k3.pid.…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    const PREFIX: &str = "k3.pid.";
    const BYTES: usize = 33;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<KeyId, KeyError> {
        let digest = text.strip_prefix(KeyId::PREFIX).and_then(decode);
        match digest {
            Some(digest) if digest.len() == KeyId::BYTES => Ok(KeyId(text.to_owned())),
            _ => Err(KeyError::Id(shown(text))),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyError;

    fn try_from(text: String) -> Result<KeyId, KeyError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.0
    }
}

/// The longest of these texts has 66 characters of base64.
fn decode(text: &str) -> Option<Vec<u8>> {
    (text.len() <= 66).then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).flatten()
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
