//! Letting a device in.

use super::layout::{Page, Refusal};
use super::sign_in::sign_in_first;
use crate::error::Result;
use crate::extract::{Caller, Form, Origin, Query};
use crate::web::Shared;
use axum::extract::State;
use axum::response::Response;
use holdfast_registry::Actor;
use maud::html;
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
        return Ok(ask(&origin, &actor, None));
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
            Ok(page(&origin, &actor).show(&content))
        }
        Err(error) => Ok(ask(&origin, &actor, Some(&Refusal::of(error)?))),
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
                "It is let in. Go back to your terminal; it goes on within seconds. Stay signed in here until it does."
            } else {
                "It was refused."
            };
            Ok(page(&origin, &actor).show(&html! { p { (sentence) } }))
        }
        Err(error) => Ok(ask(&origin, &actor, Some(&Refusal::of(error)?))),
    }
}

fn ask(origin: &Origin, actor: &Actor, refusal: Option<&Refusal>) -> Response {
    let form = html! {
        form.fields method="get" action={ (origin.root()) "/device" } {
            label { "The code that your terminal shows" input name="code" required autofocus autocomplete="off"; }
            button { "Go on" }
        }
    };
    page(origin, actor).after(refusal, &form)
}

fn page<'a>(origin: &'a Origin, actor: &'a Actor) -> Page<'a> {
    Page { origin, actor, title: "Let a device in" }
}
