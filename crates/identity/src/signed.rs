//! Tokens that cargo signs itself (RFC 3231, PASETO v3.public): no secret leaves the user's machine, and a
//! token for a publish names the crate, the version and the checksum that it is good for.
//!
//! Whoever takes such a token must do five things: find the [`PublicKey`] that [`SignedToken::key_id`] names
//! and see that it is not revoked; [`SignedToken::verify`]; compare [`SignedToken::index_url`] with its own
//! addresses and [`Claims::subject`] with the one that the key was registered with; [`Claims::check_age`]; and
//! compare [`Claims::mutation`] with the request: none for a read, the exact one otherwise, and each of them
//! once only, by [`SignedToken::digest`].

mod claims;
mod key;
#[cfg(test)]
mod tests;

use holdfast_types::{ChecksumError, NameError, Sha256, VersionError};
use pasetors::Public;
use pasetors::token::UntrustedToken;
use pasetors::version3::{PublicToken, V3};
use serde::Deserialize;

pub use claims::{Claims, Mutation};
pub use key::{KeyError, KeyId, PublicKey};

/// Why a signed token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedTokenError {
    /// More than [`SignedToken::MAX_BYTES`].
    #[error("the signed token is longer than {} bytes", SignedToken::MAX_BYTES)]
    TooLong,
    /// Not the parts that such a token has, or not base64.
    #[error("the signed token is malformed; it must be `v3.public.`, the claims and a footer, in base64url")]
    Malformed,
    /// The footer does not say which key and which registry.
    #[error("the footer of the signed token must be JSON with the texts `url` and `kip`")]
    Footer,
    /// The footer's `kip` is not the id of a key.
    #[error("`kip` in the footer of the signed token: {0}")]
    KeyId(KeyError),
    /// Not signed with the key, or changed since.
    #[error("the signature of the token is not that of its key")]
    Signature,
    /// The claims are not a JSON object.
    #[error("the claims of the signed token must be a JSON object")]
    Payload,
    /// A claim that must be there is not.
    #[error("the signed token lacks the claim `{0}`")]
    Missing(&'static str),
    /// A claim is not of its type.
    #[error("the claim `{claim}` of the signed token must be {wanted}")]
    Type {
        /// Its name.
        claim: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A claim that belongs to another kind of token.
    #[error("the signed token must not have the claim `{0}`, which does not belong to what it allows")]
    Unexpected(&'static str),
    /// A version of the format that is not known here.
    #[error("the signed token is of version {0}; only version 1 is known")]
    Version(String),
    /// `iat` is not a moment in UTC.
    #[error("the claim `iat` of the signed token is `{0}`; it must be a time like `2026-01-31T12:00:00Z`")]
    IssuedAt(String),
    /// An operation that is not known here.
    #[error("the signed token is for the mutation `{0}`; known are publish, yank, unyank and owners")]
    Mutation(String),
    /// `name` is not a crate name.
    #[error("the claim `name` of the signed token: {0}")]
    Name(NameError),
    /// `vers` is not a version.
    #[error("the claim `vers` of the signed token: {0}")]
    Vers(VersionError),
    /// `cksum` is not a checksum.
    #[error("the claim `cksum` of the signed token: {0}")]
    Cksum(ChecksumError),
    /// Made too long ago.
    #[error(
        "the signed token is {age_seconds} s old and good for {limit_seconds} s; let cargo make a new one"
    )]
    TooOld {
        /// Its age.
        age_seconds: u64,
        /// How old it may be.
        limit_seconds: u64,
    },
    /// Made later than now.
    #[error("the signed token was made {0} s in the future; set the clock of the machine that made it")]
    FromTheFuture(u64),
}

/// A token that cargo signed, taken apart but not believed yet.
#[derive(Clone, Debug)]
pub struct SignedToken {
    token: UntrustedToken<Public, V3>,
    key_id: KeyId,
    index_url: String,
}

#[derive(Deserialize)]
struct Footer {
    url: String,
    /// The RFC calls it `kid`; cargo writes `kip`.
    kip: String,
}

impl SignedToken {
    /// The most that is looked at: several times what cargo writes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Takes the text of an `Authorization` header apart. `None` when it is a token of another kind.
    pub fn parse(text: &str) -> Result<Option<SignedToken>, SignedTokenError> {
        if !text.starts_with(PublicToken::HEADER) {
            return Ok(None);
        }
        if text.len() > SignedToken::MAX_BYTES {
            return Err(SignedTokenError::TooLong);
        }
        let token = UntrustedToken::try_from(text).map_err(|_| SignedTokenError::Malformed)?;
        let footer: Footer =
            serde_json::from_slice(token.untrusted_footer()).map_err(|_| SignedTokenError::Footer)?;
        let key_id = footer.kip.parse().map_err(SignedTokenError::KeyId)?;
        Ok(Some(SignedToken { token, key_id, index_url: footer.url }))
    }

    /// The key that it says it is signed with; true once [`SignedToken::verify`] has agreed.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The address of the index that it says it is for, with `sparse+`; true once [`SignedToken::verify`] has
    /// agreed.
    pub fn index_url(&self) -> &str {
        &self.index_url
    }

    /// What its owner says, when the key signed it.
    pub fn verify(&self, key: &PublicKey) -> Result<Claims, SignedTokenError> {
        if key.id() != self.key_id {
            return Err(SignedTokenError::Signature);
        }
        let trusted = PublicToken::verify(&key.as_paseto(), &self.token, None, None)
            .map_err(|_| SignedTokenError::Signature)?;
        Claims::parse(trusted.payload())
    }

    /// What two uses of one token share, to refuse the second: the digest of what was signed. The text and the
    /// signature do not count, since who has a token can write both in another way that is as good.
    pub fn digest(&self) -> Sha256 {
        let (payload, footer) = (self.token.untrusted_payload(), self.token.untrusted_footer());
        let mut digest = Sha256::hasher();
        digest.update(&(payload.len() as u64).to_le_bytes());
        digest.update(payload);
        digest.update(footer);
        digest.finish()
    }
}
