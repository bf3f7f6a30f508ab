//! What the signer of a token says, once the signature is known to be good.

use std::time::Duration;

use holdfast_types::{CrateName, Sha256, Timestamp, Version};
use serde_json::{Map, Value};

use super::SignedTokenError;

/// What a signed token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// When it was made, to the second.
    pub issued_at: Timestamp,
    /// Whom the signer claims to be; to be equal to what the key was registered with, and absent when that is.
    pub subject: Option<String>,
    /// The one change that it allows. `None` for reading.
    pub mutation: Option<Mutation>,
}

/// A change that a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Uploading one file.
    Publish {
        /// The crate.
        name: CrateName,
        /// Its version.
        vers: Version,
        /// The digest of the file.
        cksum: Sha256,
    },
    /// Yanking a version.
    Yank {
        /// The crate.
        name: CrateName,
        /// Its version.
        vers: Version,
    },
    /// Taking a yank back.
    Unyank {
        /// The crate.
        name: CrateName,
        /// Its version.
        vers: Version,
    },
    /// Changing the owners of a crate, and listing them, which cargo signs in the same way.
    Owners {
        /// The crate.
        name: CrateName,
    },
}

impl Claims {
    /// How old a token for a change may be: the limit of RFC 3231. Cargo makes a new one for each change.
    pub const MUTATION_AGE: Duration = Duration::from_mins(15);

    /// How old a token for reading may be. Cargo makes one and keeps it while it runs, and publishing a
    /// workspace compiles every crate in between.
    pub const READ_AGE: Duration = Duration::from_hours(6);

    /// How far the clock of the signer may be ahead of ours.
    pub const SKEW: Duration = Duration::from_mins(1);

    /// Refuses a token that was made too long ago, or later than now.
    pub fn check_age(&self, now: Timestamp) -> Result<(), SignedTokenError> {
        let limit = if self.mutation.is_some() { Claims::MUTATION_AGE } else { Claims::READ_AGE };
        let limit_seconds = limit.as_secs();
        let (now, issued) = (now.unix_seconds(), self.issued_at.unix_seconds());
        let age_seconds = now.saturating_sub(issued).max(0).unsigned_abs();
        let ahead_seconds = issued.saturating_sub(now).max(0).unsigned_abs();
        if ahead_seconds > Claims::SKEW.as_secs() {
            return Err(SignedTokenError::FromTheFuture(ahead_seconds));
        }
        if age_seconds > limit_seconds {
            return Err(SignedTokenError::TooOld { age_seconds, limit_seconds });
        }
        Ok(())
    }

    /// Claims that are not known here are passed over.
    pub(super) fn parse(payload: &str) -> Result<Claims, SignedTokenError> {
        let claims: Map<String, Value> =
            serde_json::from_str(payload).map_err(|_| SignedTokenError::Payload)?;
        let claims = Fields(claims);
        claims.check_version()?;
        let issued_at = issued_at(claims.required("iat")?)?;
        let subject = claims.text("sub")?.map(str::to_owned);
        let mutation = mutation(&claims)?;
        Ok(Claims { issued_at, subject, mutation })
    }
}

/// The moment, which cargo writes with up to nine digits after the second.
fn issued_at(text: &str) -> Result<Timestamp, SignedTokenError> {
    let refused = || SignedTokenError::IssuedAt(shown(text));
    // The parser takes other zones too, and their names.
    let is_utc = text.ends_with('Z') && text.len() <= 30 && text.is_ascii();
    if is_utc { text.parse().map_err(|_| refused()) } else { Err(refused()) }
}

fn mutation(claims: &Fields) -> Result<Option<Mutation>, SignedTokenError> {
    let Some(mutation) = claims.text("mutation")? else {
        claims.refuse(&["name", "vers", "cksum"])?;
        return Ok(None);
    };
    let mutation = match mutation {
        "publish" => {
            let cksum = claims.required("cksum")?.parse().map_err(SignedTokenError::Cksum)?;
            Mutation::Publish { name: claims.name()?, vers: claims.vers()?, cksum }
        }
        "yank" => Mutation::Yank { name: claims.name()?, vers: claims.vers()? },
        "unyank" => Mutation::Unyank { name: claims.name()?, vers: claims.vers()? },
        "owners" => Mutation::Owners { name: claims.name()? },
        other => return Err(SignedTokenError::Mutation(shown(other))),
    };
    match mutation {
        Mutation::Publish { .. } => {}
        Mutation::Yank { .. } | Mutation::Unyank { .. } => claims.refuse(&["cksum"])?,
        Mutation::Owners { .. } => claims.refuse(&["vers", "cksum"])?,
    }
    Ok(Some(mutation))
}

struct Fields(Map<String, Value>);

impl Fields {
    /// A text that may be absent; `null` is taken for that.
    fn text(&self, claim: &'static str) -> Result<Option<&str>, SignedTokenError> {
        match self.0.get(claim) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(SignedTokenError::Type { claim, wanted: "a text" }),
        }
    }

    fn required(&self, claim: &'static str) -> Result<&str, SignedTokenError> {
        self.text(claim)?.ok_or(SignedTokenError::Missing(claim))
    }

    fn name(&self) -> Result<CrateName, SignedTokenError> {
        self.required("name")?.parse().map_err(SignedTokenError::Name)
    }

    fn vers(&self) -> Result<Version, SignedTokenError> {
        self.required("vers")?.parse().map_err(SignedTokenError::Vers)
    }

    /// A token that says more than its kind does could be meant for something else.
    fn refuse(&self, claims: &[&'static str]) -> Result<(), SignedTokenError> {
        let has = |claim: &&&str| self.0.get(**claim).is_some_and(|value| !value.is_null());
        claims.iter().find(has).map_or(Ok(()), |claim| Err(SignedTokenError::Unexpected(claim)))
    }

    fn check_version(&self) -> Result<(), SignedTokenError> {
        match self.0.get("v") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Number(version)) if version.as_u64() == Some(1) => Ok(()),
            Some(Value::Number(version)) => Err(SignedTokenError::Version(shown(&version.to_string()))),
            Some(_) => Err(SignedTokenError::Type { claim: "v", wanted: "a number" }),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
