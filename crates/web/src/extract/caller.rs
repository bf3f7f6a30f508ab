//! Who is calling, by the `Authorization` header.

use crate::error::{Failure, Result};
use crate::extract::{Origin, cookie, signed};
use crate::web::Shared;
use axum::extract::FromRequestParts;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use holdfast_registry::rights::unauthenticated;
use holdfast_registry::{Actor, Error, Kind};
use holdfast_types::{Login, TokenSecret};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use std::net::IpAddr;
use std::sync::Arc;

/// The actor of a request.
pub(crate) struct Caller(pub(crate) Actor);

/// The user who asks; nobody else has what belongs to a user.
pub(crate) fn own_login(actor: &Actor) -> Result<Login> {
    Ok(actor.login().cloned().ok_or_else(unauthenticated)?)
}

/// Turns the credentials of a request into an actor; a request without any is anonymous.
pub(crate) async fn authenticate(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    client: Option<IpAddr>,
) -> Result<Actor, Error> {
    if let Some(token) = signed::token(headers)? {
        return signed::authenticate(&shared.holdfast, &shared.settings, &token, method, client).await;
    }
    match credentials(headers)? {
        None => Ok(Actor::anonymous(client)),
        Some(secret) => shared.holdfast.authenticate(&secret, client).await,
    }
}

/// The token of a request: as it is (cargo), after `Bearer` (most others), or as the password of `Basic`
/// (tools that know nothing else). Never logged.
fn credentials(headers: &HeaderMap) -> Result<Option<TokenSecret>, Error> {
    headers.get(AUTHORIZATION).map(secret).transpose()
}

/// The token in the value of an `Authorization` header.
pub(crate) fn secret(value: &HeaderValue) -> Result<TokenSecret, Error> {
    let value = value.to_str().map_err(|_| refused("it has characters that no token has"))?.trim();
    let secret = match value.split_once(' ') {
        None => value.parse(),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().parse(),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => password(rest.trim())?.parse(),
        Some(_) => return Err(refused("only a bare token, `Bearer TOKEN` and `Basic` are understood")),
    };
    secret.map_err(refused)
}

fn refused(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Unauthenticated, format!("the `Authorization` header is not usable: {reason}"))
}

/// The password of Basic credentials, or the user's name where a tool puts the token there.
fn password(encoded: &str) -> Result<String, Error> {
    let pair = decode_base64(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = pair.ok_or_else(|| refused("the credentials after `Basic` are not base64 text"))?;
    let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
    Ok(if password.is_empty() { user } else { password }.to_owned())
}

/// Tools pad or not, and use either alphabet.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text.replace('-', "+").replace('_', "/")).ok()
}

/// Whoever signed in with this browser. Cargo's addresses take tokens only.
async fn signed_in(parts: &Parts, shared: &Shared, origin: Option<&Origin>) -> Result<Option<Actor>> {
    if parts.headers.contains_key(AUTHORIZATION) || parts.uri.path().starts_with("/r/") {
        return Ok(None);
    }
    let Some(secret) = cookie::session(&parts.headers) else { return Ok(None) };
    if !cookie::is_our_own(&parts.method, &parts.headers, origin.and_then(Origin::known_base)) {
        return Err(Error::new(
            Kind::Forbidden,
            "the request comes from a page of another site; open this server's own page and try again there",
        )
        .into());
    }
    Ok(shared.holdfast.authenticate_session(&secret, origin.and_then(Origin::client)).await?)
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Caller> {
        let origin = parts.extensions.get::<Origin>();
        let client = origin.and_then(Origin::client);
        if let Some(actor) = signed_in(parts, shared, origin).await? {
            return Ok(Caller(actor));
        }
        match authenticate(shared, &parts.method, &parts.headers, client).await {
            Ok(actor) => Ok(Caller(actor)),
            Err(error) if matches!(parts.method, Method::GET | Method::HEAD) => Err(error.into()),
            Err(error) => {
                let nobody = Actor::anonymous(client);
                let subject: String = parts.uri.path().chars().take(200).collect();
                Err(shared.holdfast.refuse_write(&nobody, "authenticate", None, &subject, error).await.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<TokenSecret>, Error> {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        credentials(&[(AUTHORIZATION, value)].into_iter().collect())
    }

    #[test]
    fn every_way_to_send_a_token() {
        for value in [
            "secret",
            "Bearer secret",
            "bearer  secret ",
            "BEARER secret",
            "Basic OnNlY3JldA==",
            "basic YTpzZWNyZXQ",
            "Basic c2VjcmV0Og==",
        ] {
            let secret = read(value).expect("usable").expect("a token");
            assert_eq!(secret.reveal(), "secret", "{value}");
        }
        assert_eq!(credentials(&HeaderMap::new()).expect("usable"), None);
    }

    #[test]
    fn other_credentials_are_refused_without_being_repeated() {
        for value in [
            "",
            "Digest secret",
            "Bearer",
            "Bearer a secret",
            "Basic !!!",
            "Basic /w==",
            "Bas\u{e9}c secret",
            "Basic Og==",
        ] {
            let Err(error) = read(value) else {
                assert_eq!(value, "Bearer", "a single word is a token, if not one of ours");
                continue;
            };
            assert_eq!(error.kind(), Kind::Unauthenticated);
            assert!(!error.detail().contains("secret"), "{}", error.detail());
        }
    }

    #[test]
    fn base64() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("_-8=", b"\xff\xef")]
        {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(decode_base64("Zm 9v"), None);
    }
}
