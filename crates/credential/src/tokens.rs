//! The server's routes that make and end tokens.

use serde::{Deserialize, Serialize};

use crate::http::{CallError, Http};
use crate::place::Place;
use crate::protocol::Operation;
use crate::secret::Secret;

/// One operation on one crate.
#[derive(Debug, Serialize)]
pub(crate) struct Change<'a> {
    /// The registry's name at the server.
    pub(crate) registry: &'a str,
    pub(crate) operation: Operation,
    /// The crate.
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vers: Option<&'a str>,
    /// The digest of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cksum: Option<&'a str>,
}

/// What the token of a CI job is exchanged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Publish,
}

#[derive(Deserialize)]
struct Issued {
    token: Secret,
}

/// A token that a CI job got.
#[derive(Deserialize)]
pub(crate) struct Exchanged {
    pub(crate) token: Secret,
    /// In seconds; absent where the server does not say.
    pub(crate) expires_in: Option<u64>,
}

/// A token for one operation, good for some minutes.
pub(crate) fn bound(
    http: &Http,
    place: &Place,
    access: &Secret,
    change: &Change<'_>,
) -> Result<Secret, CallError> {
    let answer = http.post_json(&place.api("/tokens/bound"), Some(access), change)?;
    answer.json().map(|issued: Issued| issued.token)
}

/// A token for a CI job, in exchange for the one that its CI system signed.
pub(crate) fn exchange(
    http: &Http,
    place: &Place,
    jwt: &Secret,
    access: Access,
) -> Result<Exchanged, CallError> {
    #[derive(Serialize)]
    struct Wanted<'a> {
        jwt: &'a Secret,
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        registry: Option<&'a str>,
    }
    let wanted = match access {
        Access::Read => Wanted { jwt, access: Some("read"), registry: Some(&place.registry) },
        Access::Publish => Wanted { jwt, access: None, registry: None },
    };
    http.post_json(&place.api("/trusted_publishing/tokens"), None, &wanted)?.json()
}

/// Ends a token.
pub(crate) fn revoke(http: &Http, place: &Place, token: &Secret) -> Result<(), CallError> {
    http.delete(&place.api("/tokens/current"), token)?.good().map(|_| ())
}
