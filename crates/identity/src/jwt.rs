//! JSON Web Tokens (RFC 7519) in their compact form, signed by somebody whose public keys are known.
//!
//! Only signatures of public keys count: a token without a signature, or with one of a shared secret, is refused
//! before anything else of it is believed.

mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::Claims;
use crate::address::shortened;

pub(crate) use keys::{KeySet, Keys};

/// The longest token that is looked at.
const LONGEST: usize = 16 * 1024;

/// How far the clocks of an issuer and ours may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than any issuer makes them.
    #[error("the token has {0} bytes, {LONGEST} is the most")]
    TooLong(usize),
    /// It is no token, or a part of it is not what the standard says.
    #[error("this is no signed token: its {0}")]
    Malformed(&'static str),
    /// It is not signed, or not by a public key.
    #[error("the token is signed by `{0}`; only signatures of public keys are believed")]
    Algorithm(String),
    /// It must not be accepted by whoever does not know an extension.
    #[error("the token demands extensions that are not known here")]
    Critical,
    /// It says of itself that it is for something else than to tell who somebody is.
    #[error("the token is of the kind `{0}`, which does not tell who somebody is")]
    Kind(String),
    /// Somebody else gave it.
    #[error("the token is from `{found}`, not from `{expected}`")]
    OtherIssuer {
        /// Who should have.
        expected: String,
        /// Who has.
        found: String,
    },
    /// It is for somebody else.
    #[error("the token is for {found}, not for `{expected}`")]
    OtherAudience {
        /// Whom it should be for.
        expected: String,
        /// Whom it is for.
        found: String,
    },
    /// It is for several, and was not given to us.
    #[error("the token is for several, and was given to `{0}`")]
    OtherParty(String),
    /// Its time is over.
    #[error("the token was good until {until}, and now is {now}")]
    Expired {
        /// When it was over.
        until: Timestamp,
        /// When it came.
        now: Timestamp,
    },
    /// Its time has not begun, or it claims to be from the future.
    #[error("the token is good from {from}, and now is {now}: whose clock is wrong?")]
    Early {
        /// When it begins.
        from: Timestamp,
        /// When it came.
        now: Timestamp,
    },
    /// Its issuer does not publish the key.
    #[error("the token is signed by a key that its issuer does not publish")]
    UnknownKey,
    /// The key is for something else.
    #[error("the key `{0}` of the issuer is not for signatures of the token's algorithm")]
    OtherAlgorithm(String),
    /// Somebody made or changed it who has no key.
    #[error("the signature of the token is not that of its issuer")]
    Signature,
}

/// How a token is signed: the names of RFC 7518, section 3.1, RFC 8037 and RFC 9864.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Ed25519,
}

impl Algorithm {
    fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "EdDSA" | "Ed25519" => Algorithm::Ed25519,
            _ => return None,
        })
    }

    /// The hash that belongs to it.
    pub(crate) fn hash(self) -> &'static ring::digest::Algorithm {
        match self {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &ring::digest::SHA256,
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &ring::digest::SHA384,
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Ed25519 => &ring::digest::SHA512,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token, taken apart but not believed.
pub(crate) struct Jwt<'a> {
    pub(crate) algorithm: Algorithm,
    key_id: Option<String>,
    pub(crate) claims: Claims,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Jwt<'a>, TokenError> {
        if text.len() > LONGEST {
            return Err(TokenError::TooLong(text.len()));
        }
        let malformed = |part| move |_| TokenError::Malformed(part);
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed("parts are missing"))?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed("parts are missing"))?;
        let decode = |part: &str, name| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed(name));
        let header = decode(header, "head is not base64url")?;
        let header: Header =
            serde_json::from_slice(&header).map_err(malformed("head is not what it must be"))?;
        let algorithm =
            Algorithm::named(&header.alg).ok_or_else(|| TokenError::Algorithm(shortened(&header.alg)))?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        // Tokens for other uses say so, which keeps them from being mistaken: RFC 8725, section 3.11.
        if let Some(kind) = header.typ.filter(|kind| kind.to_ascii_lowercase().ends_with("+jwt")) {
            return Err(TokenError::Kind(shortened(&kind)));
        }
        let claims = decode(claims, "claims are not base64url")?;
        let claims = serde_json::from_slice(&claims).map_err(malformed("claims are no JSON object"))?;
        let signature = decode(signature, "signature is not base64url")?;
        Ok(Jwt { algorithm, key_id: header.kid, claims, signed: signed.as_bytes(), signature })
    }

    /// Checks everything but the signature.
    pub(crate) fn check(&self, now: Timestamp, issuer: &str, audience: &str) -> Result<(), TokenError> {
        let found = self.claims.text("iss").unwrap_or_default();
        if found != issuer {
            let found = shortened(&found);
            return Err(TokenError::OtherIssuer { expected: issuer.to_owned(), found });
        }
        self.check_audience(audience)?;
        self.check_time(now)
    }

    /// What it says, once [`Jwt::check`] and [`Keys::verify`] agree.
    pub(crate) fn into_claims(self) -> Claims {
        self.claims
    }

    fn check_audience(&self, audience: &str) -> Result<(), TokenError> {
        let audiences: Vec<&str> = match self.claims.at("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !audiences.contains(&audience) {
            let found = audiences.iter().map(|found| format!("`{found}`")).collect::<Vec<_>>().join(", ");
            let found = if found.is_empty() { "nobody".to_owned() } else { shortened(&found) };
            return Err(TokenError::OtherAudience { expected: audience.to_owned(), found });
        }
        // Any of several could have passed it on.
        let party = self.claims.text("azp").unwrap_or_default();
        if audiences.len() > 1 && party != audience {
            return Err(TokenError::OtherParty(shortened(&party)));
        }
        Ok(())
    }

    fn check_time(&self, now: Timestamp) -> Result<(), TokenError> {
        let expiry = self.moment("exp")?.ok_or(TokenError::Malformed("expiry is missing"))?;
        if now.unix_seconds() >= expiry.saturating_add(LEEWAY) {
            return Err(TokenError::Expired { until: Timestamp::from_unix_seconds(expiry), now });
        }
        for name in ["nbf", "iat"] {
            if let Some(from) = self.moment(name)?.filter(|from| *from > now.unix_seconds() + LEEWAY) {
                return Err(TokenError::Early { from: Timestamp::from_unix_seconds(from), now });
            }
        }
        Ok(())
    }

    /// Seconds after 1970 began. Some issuers write fractions.
    fn moment(&self, name: &str) -> Result<Option<i64>, TokenError> {
        let Some(value) = self.claims.at(name) else { return Ok(None) };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is out of range becomes the end of the range"
        )]
        let rounded = value.as_f64().map(|seconds| seconds as i64);
        let seconds = value.as_i64().or(rounded);
        seconds.map(Some).ok_or(TokenError::Malformed("times are no numbers"))
    }
}

#[cfg(test)]
mod tests;
