//! The few pages for people: how to use a registry, and where tokens come from. Static HTML, no scripts.

mod html;

use crate::base_url::BaseUrl;
use crate::error::Result;
use crate::extract::{Caller, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_types::RegistryName;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use std::sync::Arc;

/// Nothing but our own style sheet may be loaded, and nobody may frame a page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /` and `GET /me`: every registry that the caller may read. A browser sends no token, so these are the
/// open ones.
pub(crate) async fn index(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
) -> Result<Response> {
    let registries = shared.holdfast.list_registries(&actor).await?;
    let names: Vec<RegistryName> = registries.into_iter().map(|registry| registry.name).collect();
    Ok(page(origin.base()?, &names))
}

/// `GET /r/{registry}/me`, the address that `cargo login` prints. The same for every name, so that it tells
/// nobody which registries there are.
pub(crate) async fn registry(origin: Origin, path: Path) -> Result<Response> {
    Ok(page(origin.base()?, &[path.registry()?]))
}

/// `GET /style.css`
pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")], html::STYLE)
        .into_response()
}

fn page(base: &BaseUrl, names: &[RegistryName]) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "private, no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html::page(base, names)).into_response()
}
