//! What all pages have in common.

use crate::error::{retry_after, status_of};
use crate::extract::Origin;
use axum::response::{IntoResponse, Response};
use holdfast_registry::{Actor, Error, Kind};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use std::time::Duration;

/// Nothing but our own style sheet may be loaded, forms go to us, and nobody may frame a page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A page for somebody.
pub(super) struct Page<'a> {
    pub(super) origin: &'a Origin,
    pub(super) actor: &'a Actor,
    pub(super) title: &'a str,
}

impl Page<'_> {
    /// The page.
    pub(super) fn show(&self, content: &Markup) -> Response {
        self.after(None, content)
    }

    /// The page, and before its content why a form was refused, if one was.
    pub(super) fn after(&self, refusal: Option<&Refusal>, content: &Markup) -> Response {
        let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "private, no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
            // With `no-referrer`, browsers would not say of our own forms that they are ours.
            (REFERRER_POLICY, "same-origin"),
        ];
        let content = html! {
            @if let Some(refusal) = refusal { (notice(&refusal.sentence)) }
            (content)
        };
        let mut response = (status, headers, self.html(&content).into_string()).into_response();
        if let Some(seconds) = retry_after(status, refusal.and_then(|refusal| refusal.wait)) {
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    fn html(&self, content: &Markup) -> Markup {
        let root = self.origin.root();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · Holdfast" }
                    link rel="stylesheet" href={ (root) "/style.css" };
                }
                body {
                    header {
                        a href={ (root) "/" } { "Holdfast" }
                        nav {
                            @if let Some(login) = self.actor.login() {
                                a href={ (root) "/account" } { (login) }
                                form method="post" action={ (root) "/logout" } {
                                    button.plain { "Sign out" }
                                }
                            } @else {
                                a href={ (root) "/login" } { "Sign in" }
                            }
                        }
                    }
                    main {
                        h1 { (self.title) }
                        (content)
                    }
                }
            }
        }
    }
}

/// What a form says about itself when it was refused.
pub(super) struct Refusal {
    status: StatusCode,
    sentence: String,
    wait: Option<Duration>,
}

impl Refusal {
    /// Turns an error into words beside the form, unless it is a fault of ours.
    pub(super) fn of(error: Error) -> Result<Refusal, Error> {
        match error.kind() {
            Kind::Internal => return Err(error),
            Kind::Unavailable => {
                tracing::warn!(error = ?error, "a form failed because something did not answer");
            }
            Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::TooMany => {}
        }
        let (status, sentence) = (status_of(error.kind()), error.detail().to_owned());
        Ok(Refusal { status, sentence, wait: error.wait() })
    }
}

/// A sentence that must not be overlooked.
pub(super) fn notice(sentence: &str) -> Markup {
    html! { p.notice role="alert" { (sentence) } }
}

/// Has a page go on to another one by itself. The address is one of ours.
pub(super) fn go_on(url: &str) -> Markup {
    html! {
        meta http-equiv="refresh" content={ "0;url=" (url) };
        a href=(url) { "Go on" }
    }
}

/// Sends the browser to a page of ours after a form, perhaps with a cookie.
pub(super) fn go(origin: &Origin, path: &str, cookie: Option<HeaderValue>) -> Response {
    let location = HeaderValue::try_from(format!("{}{path}", origin.root()));
    let location = location.unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(CACHE_CONTROL, "no-store")]).into_response();
    response.headers_mut().insert(LOCATION, location);
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Where to go on after signing in: a page of ours, whatever the link said.
pub(super) fn destination(to: Option<&str>) -> &str {
    let is_ours = |to: &&str| {
        to.starts_with('/')
            && !to.starts_with("//")
            && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    to.filter(is_ours).unwrap_or("/account")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_destinations() {
        for (to, expected) in [
            (Some("/device?code=ABCD"), "/device?code=ABCD"),
            (Some("//evil.example"), "/account"),
            (Some("/\\evil.example"), "/account"),
            (Some("https://evil.example"), "/account"),
            (Some("/a\r\nSet-Cookie: x"), "/account"),
            (None, "/account"),
        ] {
            assert_eq!(destination(to), expected, "{to:?}");
        }
    }
}
