//! Signing in and out.

use super::layout::{Page, Refusal, destination, go, notice};
use crate::error::Result;
use crate::extract::{Caller, Form, Origin, Query, cookie};
use crate::web::Shared;
use axum::extract::State;
use axum::response::Response;
use holdfast_identity::SignIn;
use holdfast_registry::{Actor, Browser, Error, Kind, Session};
use http::header::USER_AGENT;
use http::{HeaderMap, Method};
use maud::{Markup, html};
use std::sync::Arc;

/// `GET /login`
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    query: Query,
) -> Result<Response> {
    let to = destination(query.text("to"));
    if actor.login().is_some() {
        return Ok(go(&origin, to, None));
    }
    Ok(form(&shared, &origin, to, None))
}

/// `POST /login`
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    headers: HeaderMap,
    fields: Form,
) -> Result<Response> {
    require_own_form(&headers, &origin)?;
    let to = destination(Some(fields.text("to")));
    let signed_in = match fields.text("password").parse() {
        Ok(password) => {
            let browser = browser(&headers, &origin);
            shared.holdfast.sign_in(fields.text("login").trim(), password, browser).await
        }
        Err(error) => Err(Error::invalid(error)),
    };
    match signed_in {
        Ok(session) => Ok(welcome(&origin, to, &session)),
        Err(error) => Ok(form(&shared, &origin, to, Some(&Refusal::of(error)?))),
    }
}

/// `POST /logout`
pub(crate) async fn leave(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    headers: HeaderMap,
) -> Result<Response> {
    require_own_form(&headers, &origin)?;
    if actor.as_account().is_some() {
        shared.holdfast.revoke_current_token(&actor).await?;
    }
    Ok(go(&origin, "/login", Some(cookie::clear_session())))
}

/// Sends somebody on who has just signed in.
pub(super) fn welcome(origin: &Origin, to: &str, session: &Session) -> Response {
    go(origin, to, cookie::set_session(&session.secret, session.lifetime))
}

/// Where a request comes from, for the list of sessions.
pub(super) fn browser(headers: &HeaderMap, origin: &Origin) -> Browser {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    Browser { agent: agent.unwrap_or("unknown").to_owned(), address: origin.client() }
}

/// Refuses a form that another site had sent: it could sign somebody in as somebody else.
pub(super) fn require_own_form(headers: &HeaderMap, origin: &Origin) -> Result<()> {
    if cookie::is_our_own(&Method::POST, headers, origin.known_base()) {
        return Ok(());
    }
    let sentence = "the form was not sent by a page of this server; open the page and try again";
    Err(Error::new(Kind::Forbidden, sentence).into())
}

/// Sends somebody to sign in who has not, and back to where they were.
pub(super) fn sign_in_first(origin: &Origin, to: &str) -> Response {
    go(origin, &format!("/login?{}", query(to)), None)
}

fn query(to: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish()
}

fn form(shared: &Shared, origin: &Origin, to: &str, refusal: Option<&Refusal>) -> Response {
    let nobody = Actor::anonymous(None);
    let page = Page { origin, actor: &nobody, title: "Sign in" };
    page.after(refusal, &content(shared, origin, to))
}

fn content(shared: &Shared, origin: &Origin, to: &str) -> Markup {
    let root = origin.root();
    let is_secure = origin.known_base().is_some_and(crate::BaseUrl::is_secure);
    html! {
        @if !is_secure {
            (notice("Browsers keep a session for https addresses only. Put a proxy that speaks TLS before this server, or set its option public-url."))
        }
        form.fields method="post" action={ (root) "/login" } {
            input type="hidden" name="to" value=(to);
            label { "Name" input name="login" autocomplete="username" required autofocus; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button { "Sign in" }
        }
        @for provider in shared.holdfast.providers() {
            @if let SignIn::Browser(_) = provider.sign_in {
                p { a.button href={ (root) "/login/" (provider.name) "?" (query(to)) } { "Sign in with " (provider.sign_in.title()) } }
            }
        }
        @if shared.holdfast.settings().self_registration.is_some() {
            p { a href={ (root) "/register" } { "Make an account" } }
        }
        p { "No password yet? An admin can send you an invitation, or set one with " code { "holdfast user password" } "." }
    }
}
