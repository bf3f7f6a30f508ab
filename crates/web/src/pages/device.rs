//! Letting a device in.

use super::layout::{Page, Refusal, notice};
use super::sign_in::sign_in_first;
use crate::error::Result;
use crate::extract::{Caller, Form, Origin, Query};
use crate::web::Shared;
use axum::extract::State;
use axum::response::Response;
use holdfast_registry::Actor;
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// `GET /device`: asks for the code, or shows what the code is about.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    query: Query,
) -> Result<Response> {
    let code = query.text("code").unwrap_or_default();
    if actor.login().is_none() {
        let to: String = code.chars().filter(|c| c.is_ascii_alphabetic() || *c == '-').take(9).collect();
        return Ok(sign_in_first(&origin, &format!("/device?code={to}")));
    }
    if code.is_empty() {
        return Ok(page(&origin, &actor, StatusCode::OK, &ask(&origin, None)));
    }
    match shared.holdfast.find_device(&actor, code).await {
        Ok(request) => {
            let from = request.address.map_or_else(|| "an unknown address".to_owned(), |a| a.to_string());
            let content = html! {
                p { "“" (request.label) "” at " (from) " wants to use this registry as you. Its code is" }
                pre { code { (request.user_code) } }
                p { "Is this the code that your terminal shows? If you did not run " code { "cargo login" } " just now, refuse." }
                form.fields method="post" action={ (origin.root()) "/device" } {
                    input type="hidden" name="code" value=(request.user_code);
                    button name="decision" value="approve" { "Let it in" }
                    button.plain name="decision" value="deny" { "Refuse" }
                }
            };
            Ok(page(&origin, &actor, StatusCode::OK, &content))
        }
        Err(error) => {
            let refusal = Refusal::of(error)?;
            Ok(page(&origin, &actor, refusal.status, &ask(&origin, Some(&refusal))))
        }
    }
}

/// `POST /device`
pub(crate) async fn decide(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    fields: Form,
) -> Result<Response> {
    let is_approved = fields.text("decision") == "approve";
    match shared.holdfast.decide_device(&actor, fields.text("code"), is_approved).await {
        Ok(()) => {
            let sentence = if is_approved {
                "It is let in. You can close this page and go back to your terminal."
            } else {
                "It was refused."
            };
            Ok(page(&origin, &actor, StatusCode::OK, &html! { p { (sentence) } }))
        }
        Err(error) => {
            let refusal = Refusal::of(error)?;
            Ok(page(&origin, &actor, refusal.status, &ask(&origin, Some(&refusal))))
        }
    }
}

fn ask(origin: &Origin, refusal: Option<&Refusal>) -> Markup {
    html! {
        @if let Some(refusal) = refusal { (notice(&refusal.sentence)) }
        form.fields method="get" action={ (origin.root()) "/device" } {
            label { "The code that your terminal shows" input name="code" required autofocus autocomplete="off"; }
            button { "Go on" }
        }
    }
}

fn page(origin: &Origin, actor: &Actor, status: StatusCode, content: &Markup) -> Response {
    Page { origin, actor, title: "Let a device in" }.with_status(status, content)
}
