//! Tokens that cargo signs itself (RFC 3231), as the whole value of `Authorization`.

use crate::settings::WebSettings;
use holdfast_identity::signed::SignedToken;
use holdfast_registry::{Actor, Error, Holdfast, Kind, SignedRequest};
use holdfast_types::RegistryName;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use std::net::IpAddr;

/// The signed token of a request, if it has one.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<SignedToken>, Error> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let Ok(text) = value.to_str() else { return Ok(None) };
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    SignedToken::parse(text).map_err(|error| refused(&error.to_string()))
}

/// Who signed it.
pub(super) async fn authenticate(
    holdfast: &Holdfast,
    settings: &WebSettings,
    token: &SignedToken,
    method: &Method,
    address: Option<IpAddr>,
) -> Result<Actor, Error> {
    let registry = registry(settings, token.index_url())?;
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    holdfast.authenticate_signed(SignedRequest { token, registry, changes, address }).await
}

/// The registry that a token is for. Its address must be the configured one: an address that the request
/// itself names could be that of another server, to whom the same token was sent.
fn registry(settings: &WebSettings, index: &str) -> Result<RegistryName, Error> {
    let base = settings
        .public_url
        .as_deref()
        .ok_or_else(|| refused("this server takes signed tokens only when its option `public-url` is set"))?;
    let name = index
        .strip_prefix("sparse+")
        .and_then(|url| url.strip_prefix(base))
        .and_then(|rest| rest.strip_prefix("/r/")?.strip_suffix("/index/"));
    let name = name.and_then(|name| name.parse().ok());
    name.ok_or_else(|| refused("it was made for the index of another server"))
}

fn refused(reason: &str) -> Error {
    Error::new(Kind::Unauthenticated, format!("the signed token is refused: {reason}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn only_our_own_address_counts() {
        let settings =
            |url: Option<&str>| WebSettings { public_url: url.map(str::to_owned), ..WebSettings::default() };
        let ours = settings(Some("https://crates.example/sub"));
        let check = |index: &str| registry(&ours, index).map(|name| name.to_string()).ok();
        assert_eq!(check("sparse+https://crates.example/sub/r/main/index/").unwrap(), "main");
        for other in [
            "https://crates.example/sub/r/main/index/",
            "sparse+https://crates.example/r/main/index/",
            "sparse+https://evil.example/sub/r/main/index/",
            "sparse+https://crates.example/sub/r/main/index",
            "sparse+https://crates.example/sub/r/../index/",
        ] {
            assert_eq!(check(other), None, "{other}");
        }
        let error = registry(&settings(None), "sparse+https://crates.example/r/main/index/").unwrap_err();
        assert!(error.detail().contains("public-url"));
    }
}
