//! What ties the browser that comes back to the one that was sent away.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_types::Timestamp;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{BadAnswer, SignInError};
use crate::address::shortened;

/// How many random bytes a sign-in takes.
pub const ENTROPY: usize = 3 * SHARE;

/// Of each of three secrets.
const SHARE: usize = 32;

/// How long somebody may take to sign in.
const LIFETIME: Duration = Duration::from_mins(15);

/// A sign-in that has begun.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// What must be known when it comes back.
    pub flow: Flow,
}

/// What must be known of a sign-in when the browser comes back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    begun: Timestamp,
    /// The provider sends it back with the browser.
    pub(super) state: String,
    /// The provider writes it into the ID token.
    pub(super) nonce: String,
    /// Whoever redeems the code must know it (RFC 7636).
    pub(super) verifier: String,
}

/// What the browser brings back, from the query of its request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Callback {
    /// To be exchanged for the provider's word.
    pub code: Option<String>,
    /// That of the [`Flow`].
    pub state: Option<String>,
    /// The provider (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same as a sentence.
    pub error_description: Option<String>,
}

impl Flow {
    pub(super) fn new(now: Timestamp, entropy: &[u8; ENTROPY]) -> Flow {
        let share = |number: usize| URL_SAFE_NO_PAD.encode(&entropy[number * SHARE..][..SHARE]);
        Flow { begun: now, state: share(0), nonce: share(1), verifier: share(2) }
    }

    /// What the provider is told, that only [`Flow::verifier`] fits.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// Whether the browser is the one that began, in time.
    pub(super) fn check(&self, now: Timestamp, callback: &Callback) -> Result<(), BadAnswer> {
        if callback.state.as_ref() != Some(&self.state) {
            return Err(BadAnswer::State);
        }
        if now > self.begun.plus(LIFETIME) { Err(BadAnswer::TooLate) } else { Ok(()) }
    }
}

impl Callback {
    /// The code, or why there is none. A provider that names itself must be `issuer`.
    pub(super) fn code(&self, issuer: Option<&str>) -> Result<&str, SignInError> {
        if let (Some(found), Some(issuer)) = (&self.iss, issuer)
            && found != issuer
        {
            return Err(BadAnswer::OtherIssuer(shortened(found)).into());
        }
        if let Some(error) = &self.error {
            return Err(SignInError::denied(error, self.error_description.as_deref()));
        }
        Ok(self.code.as_deref().ok_or(BadAnswer::NoCode)?)
    }
}
