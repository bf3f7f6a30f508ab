//! Making an account: with an invitation, or without one where the operator allows that.

use super::layout::{Page, Refusal};
use super::sign_in::{browser, require_own_form, welcome};
use crate::error::{Failure, Result};
use crate::extract::{Form, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use axum::response::Response;
use holdfast_registry::{Actor, Error, Kind, NewAccount};
use holdfast_types::TokenSecret;
use http::HeaderMap;
use maud::html;
use std::sync::Arc;

const UNKNOWN: &str = "the invitation is unknown, used or over; ask for a new one";

/// `GET /invitation/{secret}`
pub(crate) async fn show(State(shared): State<Arc<Shared>>, origin: Origin, path: Path) -> Result<Response> {
    let secret = secret(&path)?;
    if !shared.holdfast.is_invited(&secret).await? {
        return Err(Failure::not_found(UNKNOWN));
    }
    Ok(form(&origin, &format!("/invitation/{}", secret.reveal()), None))
}

/// `POST /invitation/{secret}`
pub(crate) async fn accept(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    headers: HeaderMap,
    path: Path,
    fields: Form,
) -> Result<Response> {
    require_own_form(&headers, &origin)?;
    let secret = secret(&path)?;
    let made = match account(&fields) {
        Ok(account) => shared.holdfast.accept_invitation(&secret, account, browser(&headers, &origin)).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(session) => Ok(welcome(&origin, "/account", &session)),
        Err(error) => {
            Ok(form(&origin, &format!("/invitation/{}", secret.reveal()), Some(&Refusal::of(error)?)))
        }
    }
}

/// `GET /register`
pub(crate) async fn show_registration(State(shared): State<Arc<Shared>>, origin: Origin) -> Result<Response> {
    if shared.holdfast.settings().self_registration.is_none() {
        return Err(Failure::not_found(
            "nobody can register here without an invitation; ask an admin for one",
        ));
    }
    Ok(form(&origin, "/register", None))
}

/// `POST /register`
pub(crate) async fn register(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    headers: HeaderMap,
    fields: Form,
) -> Result<Response> {
    require_own_form(&headers, &origin)?;
    let made = match account(&fields) {
        Ok(account) => shared.holdfast.register(account, browser(&headers, &origin)).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(session) => Ok(welcome(&origin, "/account", &session)),
        Err(error) => Ok(form(&origin, "/register", Some(&Refusal::of(error)?))),
    }
}

fn secret(path: &Path) -> Result<TokenSecret> {
    path.text("secret").parse().map_err(|_| Failure::not_found(UNKNOWN))
}

fn account(fields: &Form) -> Result<NewAccount, Error> {
    if fields.text("password") != fields.text("again") {
        return Err(Error::new(Kind::Invalid, "the two passwords differ"));
    }
    let bounded = |name: &str| match fields.optional(name) {
        Some(text) if text.chars().count() > 200 || text.chars().any(char::is_control) => {
            Err(Error::invalid(format!("the field `{name}` has at most 200 characters on one line")))
        }
        text => Ok(text.map(str::to_owned)),
    };
    Ok(NewAccount {
        login: fields.text("login").trim().parse().map_err(Error::invalid)?,
        password: fields.text("password").parse().map_err(Error::invalid)?,
        email: bounded("email")?,
        full_name: bounded("full_name")?,
    })
}

fn form(origin: &Origin, path: &str, refusal: Option<&Refusal>) -> Response {
    let nobody = Actor::anonymous(None);
    let page = Page { origin, actor: &nobody, title: "Make an account" };
    let content = html! {
        form.fields method="post" action={ (origin.root()) (path) } {
            label { "Name" input name="login" autocomplete="username" required autofocus; }
            p { "It stays yours for ever, and owns the crates that you publish." }
            label { "Password" input name="password" type="password" autocomplete="new-password" required; }
            label { "The same again" input name="again" type="password" autocomplete="new-password" required; }
            label { "E-mail address" input name="email" type="email" autocomplete="email"; }
            label { "Full name" input name="full_name" autocomplete="name"; }
            button { "Make an account" }
        }
    };
    page.after(refusal, &content)
}
