//! Coming to a page by a link of another site.
//!
//! A browser does not send a `SameSite=Strict` cookie then, so somebody who is signed in would be asked to sign
//! in again. They get a small page instead, which goes on to the same address by itself: that step begins at a
//! page of ours, so the cookie comes along. Only pages that can be looked at take part, and no request that
//! changes something, so a link can still do nothing but show.

use super::layout::{Page, go_on};
use crate::extract::{Origin, cookie};
use axum::response::Response;
use holdfast_registry::Actor;
use http::header::{HeaderName, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderValue, Method, Uri};

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The small page, for a browser that was sent here by another site and did not say whether somebody is signed
/// in. It is never met twice on the way: what our own page asks for comes from the same origin.
pub(crate) fn detour(request: &Parts, origin: &Origin) -> Option<Response> {
    let says = |name: &HeaderName, value: &str| request.headers.get(name).is_some_and(|said| said == value);
    // In a frame or for a script, the browser would not send the cookie the second time either.
    let is_followed_link = request.method == Method::GET
        && says(&cookie::FETCH_SITE, "cross-site")
        && says(&FETCH_MODE, "navigate")
        && says(&FETCH_DEST, "document");
    let is_signed_in = || cookie::cookie(&request.headers, cookie::SESSION).is_some();
    if !is_followed_link || is_signed_in() || !is_page(request.uri.path()) {
        return None;
    }
    let nobody = Actor::anonymous(None);
    let page = Page { origin, actor: &nobody, title: "One moment" };
    let mut response = page.show(&go_on(&same_address(origin, &request.uri)));
    // The address may hold a code.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(response)
}

/// The pages for whoever may be signed in, and those that begin an account. The way back from a provider is none:
/// it is made for coming from another site. A path in this list cannot be read as another host.
fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/me" | "/account" | "/device" | "/login" | "/register")
        || path.starts_with("/invitation/")
}

/// Path and query of a request, without a host: whatever it said, it leads here.
fn same_address(origin: &Origin, uri: &Uri) -> String {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{}{query}", origin.root(), uri.path())
}
