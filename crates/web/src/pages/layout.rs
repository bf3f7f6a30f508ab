//! What all pages have in common.

use crate::error::status_of;
use crate::extract::Origin;
use axum::response::{IntoResponse, Response};
use holdfast_registry::{Actor, Error, Kind};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

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
        self.with_status(StatusCode::OK, content)
    }

    /// The page with another status.
    pub(super) fn with_status(&self, status: StatusCode, content: &Markup) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "private, no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
            // With `no-referrer`, browsers would not say of our own forms that they are ours.
            (REFERRER_POLICY, "same-origin"),
        ];
        (status, headers, self.html(content).into_string()).into_response()
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
    pub(super) status: StatusCode,
    pub(super) sentence: String,
}

impl Refusal {
    /// Turns an error into words beside the form, unless it is a fault of ours.
    pub(super) fn of(error: Error) -> Result<Refusal, Error> {
        match error.kind() {
            Kind::Internal => Err(error),
            Kind::Unavailable => {
                tracing::warn!(error = ?error, "a form failed because something did not answer");
                Ok(Refusal { status: status_of(Kind::Unavailable), sentence: error.detail().to_owned() })
            }
            kind @ (Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::TooMany) => Ok(Refusal { status: status_of(kind), sentence: error.detail().to_owned() }),
        }
    }
}

/// A sentence that must not be overlooked.
pub(super) fn notice(sentence: &str) -> Markup {
    html! { p.notice role="alert" { (sentence) } }
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
