//! The cookie of a session, and who may use it.
//!
//! A browser sends cookies by itself, also on the word of other sites. So the cookie is `SameSite=Strict`, it
//! counts for pages and the server's own API only, and a request that changes something counts only when the
//! browser says that it comes from a page of ours.

use crate::base_url::BaseUrl;
use holdfast_types::TokenSecret;
use http::header::{COOKIE, HeaderName, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};
use std::time::Duration;

/// Browsers take a cookie of this prefix from a secure origin only, and from no other host.
pub(crate) const SESSION: &str = "__Host-holdfast";

/// How a browser says whose page made a request.
pub(crate) const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a cookie in a request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
}

/// The secret of the session in a request.
pub(crate) fn session(headers: &HeaderMap) -> Option<TokenSecret> {
    cookie(headers, SESSION)?.parse().ok()
}

/// The header that gives a browser its session.
pub(crate) fn set_session(secret: &TokenSecret, lifetime: Duration) -> Option<HeaderValue> {
    let seconds = lifetime.as_secs();
    let text = format!(
        "{SESSION}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict",
        secret.reveal()
    );
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header that takes a browser's session.
pub(crate) fn clear_session() -> HeaderValue {
    HeaderValue::from_static("__Host-holdfast=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

/// Whether a request was made by a page of ours, or changes nothing.
pub(crate) fn is_our_own(method: &Method, headers: &HeaderMap, base: Option<&BaseUrl>) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    match (headers.get(FETCH_SITE), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        // Older browsers say only where the page is from.
        (None, Some(origin)) => base.is_some_and(|base| origin.as_bytes() == base.origin().as_bytes()),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use crate::settings::WebSettings;
    use http::Uri;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn finds_its_cookie() {
        let request = headers(&[("cookie", "a=b; __Host-holdfast=secret; holdfast=other")]);
        assert_eq!(session(&request).unwrap().reveal(), "secret");
        assert_eq!(cookie(&request, "holdfast"), Some("other"));
        assert!(session(&headers(&[("cookie", "x__Host-holdfast=1")])).is_none());
    }

    #[test]
    fn other_sites_change_nothing() {
        let settings = WebSettings {
            public_url: Some("https://crates.example/sub".to_owned()),
            ..WebSettings::default()
        };
        let base = BaseUrl::of(&Uri::from_static("/"), &HeaderMap::new(), None, &settings);
        let check = |method: Method, pairs: &[(&'static str, &'static str)], expected: bool| {
            assert_eq!(is_our_own(&method, &headers(pairs), base.as_ref()), expected, "{method} {pairs:?}");
        };
        check(Method::GET, &[("sec-fetch-site", "cross-site")], true);
        check(Method::POST, &[("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[("sec-fetch-site", "same-site")], false);
        check(Method::POST, &[("sec-fetch-site", "cross-site"), ("origin", "https://crates.example")], false);
        check(Method::POST, &[("origin", "https://crates.example")], true);
        check(Method::POST, &[("origin", "https://crates.example.evil")], false);
        check(Method::POST, &[("origin", "null")], false);
        check(Method::DELETE, &[], false);
    }
}
