//! Signing in by a provider: the browser goes there and comes back.
//!
//! What must be known when it comes back is in a cookie of its own, for some minutes. That cookie is Lax,
//! because the way back begins at the provider; the session's is not, so the last step is a page of ours.

use super::layout::{Page, Refusal, destination, go_on};
use super::sign_in::browser;
use crate::error::{Failure, Result};
use crate::extract::{Origin, Path, Query, cookie};
use crate::web::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_identity::{Callback, ENTROPY, Flow, SignIn, SignInError};
use holdfast_registry::{Actor, Error, Kind, Session};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::html;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

const FLOW: &str = "__Host-holdfast-flow";

/// What the cookie of a sign-in holds.
#[derive(Serialize, Deserialize)]
struct Begun {
    provider: String,
    to: String,
    flow: Flow,
}

/// `GET /login/{provider}`
pub(crate) async fn begin(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    path: Path,
    query: Query,
) -> Result<Response> {
    let provider = shared.holdfast.provider(path.text("provider"))?;
    let SignIn::Browser(asked) = &provider.sign_in else {
        return Err(Failure::not_found("this provider is asked by the form for name and password"));
    };
    let outside = shared.holdfast.outside();
    let entropy = outside.entropy::<ENTROPY>();
    let begun = asked.begin(outside.now(), &redirect_uri(&origin, &provider.name)?, &entropy).await;
    let begun = begun.map_err(trouble)?;
    let to = destination(query.text("to")).to_owned();
    let kept = Begun { provider: provider.name.clone(), to, flow: begun.flow };
    let kept = serde_json::to_vec(&kept).map_err(|_| Failure::internal("a sign-in could not begin"))?;
    let cookie = format!(
        "{FLOW}={}; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax",
        URL_SAFE_NO_PAD.encode(kept)
    );
    Ok((
        StatusCode::SEE_OTHER,
        [
            (CACHE_CONTROL, header("no-store")?),
            (LOCATION, header(begun.url.as_str())?),
            (SET_COOKIE, header(&cookie)?),
        ],
    )
        .into_response())
}

/// `GET /login/{provider}/callback`
pub(crate) async fn finish(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    headers: HeaderMap,
    path: Path,
    query: Query,
) -> Result<Response> {
    let provider = shared.holdfast.provider(path.text("provider"))?;
    let SignIn::Browser(asked) = &provider.sign_in else {
        return Err(Failure::not_found("nobody comes back from this provider"));
    };
    let Some(begun) = begun(&headers).filter(|begun| begun.provider == provider.name) else {
        return refused(&origin, Error::invalid("this sign-in was not begun in this browser; begin again"));
    };
    let text = |name| query.text(name).map(str::to_owned);
    let callback = Callback {
        code: text("code"),
        state: text("state"),
        iss: text("iss"),
        error: text("error"),
        error_description: text("error_description"),
    };
    let now = shared.holdfast.outside().now();
    let redirect_uri = redirect_uri(&origin, &provider.name)?;
    let person = match asked.finish(now, &redirect_uri, &begun.flow, &callback).await {
        Ok(person) => person,
        Err(error) => {
            let nobody = Actor::anonymous(origin.client());
            let error = trouble(error);
            return refused(
                &origin,
                shared.holdfast.refuse_write(&nobody, "sign-in", None, &provider.name, error).await,
            );
        }
    };
    match shared.holdfast.sign_in_person(provider, &person, browser(&headers, &origin)).await {
        Ok(session) => arrived(&origin, &begun.to, &session),
        Err(error) => refused(&origin, error),
    }
}

/// A page that goes on by itself: only from a page of ours does the browser send the session's cookie.
fn arrived(origin: &Origin, to: &str, session: &Session) -> Result<Response> {
    let nobody = Actor::anonymous(None);
    let url = format!("{}{}", origin.root(), destination(Some(to)));
    let content = html! {
        p { "You are signed in as " strong { (session.login) } ". " (go_on(&url)) }
    };
    let mut response = Page { origin, actor: &nobody, title: "Welcome" }.show(&content);
    let headers = response.headers_mut();
    if let Some(cookie) = cookie::set_session(&session.secret, session.lifetime) {
        headers.append(SET_COOKIE, cookie);
    }
    headers
        .append(SET_COOKIE, header(&format!("{FLOW}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"))?);
    Ok(response)
}

fn refused(origin: &Origin, error: Error) -> Result<Response> {
    let refusal = Refusal::of(error)?;
    let nobody = Actor::anonymous(None);
    let content = html! {
        p { a href={ (origin.root()) "/login" } { "Sign in in another way, or try again" } }
    };
    Ok(Page { origin, actor: &nobody, title: "Not signed in" }.after(Some(&refusal), &content))
}

fn begun(headers: &HeaderMap) -> Option<Begun> {
    let kept = URL_SAFE_NO_PAD.decode(cookie::cookie(headers, FLOW)?).ok()?;
    serde_json::from_slice(&kept).ok()
}

fn redirect_uri(origin: &Origin, provider: &str) -> Result<Url> {
    let url = Url::parse(&format!("{}/login/{provider}/callback", origin.base()?));
    url.map_err(|_| Failure::internal("the server's own address is none"))
}

fn trouble(error: SignInError) -> Error {
    let sentence = error.to_string();
    match error {
        SignInError::Unavailable(_) => Error::with_source(
            Kind::Unavailable,
            "the provider does not answer as it should; try again, or sign in in another way",
            error,
        ),
        SignInError::Denied { .. } => Error::new(Kind::Forbidden, sentence),
        SignInError::BadAnswer(_) => Error::with_source(Kind::Forbidden, sentence, error),
    }
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Failure::internal("an address is no header"))
}
