//! Access tokens.

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path, Query, own_login};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::NewToken;
use holdfast_registry::entity::{Holder, Purpose, Token, TokenUse};
use holdfast_types::{CratePattern, Endpoint, Login, RegistryName, Scopes, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// What a token may do; an empty list does not restrict.
#[derive(Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopesView {
    /// `read`, `publish-new`, `publish-update`, `yank`, `change-owners`, `admin`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    endpoints: BTreeSet<Endpoint>,
    /// Crate names, or beginnings like `acme-*`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    crates: BTreeSet<CratePattern>,
    /// Registries of this server.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    registries: BTreeSet<RegistryName>,
}

impl From<Scopes> for ScopesView {
    fn from(scopes: Scopes) -> ScopesView {
        let Scopes { endpoints, crates, registries } = scopes;
        ScopesView { endpoints, crates, registries }
    }
}

impl From<ScopesView> for Scopes {
    fn from(view: ScopesView) -> Scopes {
        let ScopesView { endpoints, crates, registries } = view;
        Scopes { endpoints, crates, registries }
    }
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    #[schema(value_type = String)]
    id: TokenId,
    /// Whose it is; none for a CI job.
    #[schema(value_type = Option<String>)]
    user: Option<Login>,
    /// `access`, `session` (a browser that signed in), `device` (signed in by `cargo login`) or `job`.
    purpose: &'static str,
    /// What it is for.
    label: String,
    scopes: ScopesView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    last_used_from: Option<IpAddr>,
}

impl TokenView {
    fn new(token: Token, last: Option<TokenUse>) -> TokenView {
        TokenView {
            user: token.login().cloned(),
            purpose: purpose(&token),
            id: token.id,
            label: token.label,
            scopes: token.scopes.into(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: last.as_ref().map(|last| last.at),
            last_used_from: last.and_then(|last| last.address),
        }
    }
}

fn purpose(token: &Token) -> &'static str {
    match (&token.purpose, &token.holder) {
        (_, Holder::Job(_)) => "job",
        (Purpose::Access, Holder::Login(_)) => "access",
        (Purpose::Session { .. }, Holder::Login(_)) => "session",
        (Purpose::Device, Holder::Login(_)) => "device",
    }
}

/// A new token with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTokenView {
    /// The secret.
    token: String,
    #[serde(flatten)]
    about: TokenView,
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// Whose it is to be; the caller's by default.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user: Option<Login>,
    /// What it is for.
    label: String,
    #[serde(default)]
    scopes: ScopesView,
    /// After how many seconds it ends; by default as the server is set.
    #[serde(default)]
    expires_in_seconds: Option<u64>,
}

/// The caller's tokens, those of `user`, or with `user=*` all; others' for admins.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens", params(("user" = Option<String>, Query)), responses((status = 200, body = [TokenView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<Vec<TokenView>>> {
    let user = match query.text("user") {
        None => Some(own_login(&actor)?),
        Some("*") => None,
        Some(login) => Some(login.parse().map_err(Failure::invalid)?),
    };
    let tokens = shared.holdfast.list_tokens(&actor, user.as_ref()).await?;
    Ok(Json(tokens.into_iter().map(|(token, last)| TokenView::new(token, last)).collect()))
}

/// Makes a token. Others' for admins.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token", request_body = TokenRequest, responses((status = 201, body = NewTokenView)))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    Json(request): Json<TokenRequest>,
) -> Result<Created<NewTokenView>> {
    let login = request.user.map_or_else(|| own_login(&actor), Ok)?;
    let new = NewToken {
        login,
        label: request.label,
        scopes: request.scopes.into(),
        expires_in: request.expires_in_seconds.map(Duration::from_secs),
    };
    let (token, secret) = shared.holdfast.create_token(&actor, new).await?;
    Ok(Created(NewTokenView { token: secret.reveal().to_owned(), about: TokenView::new(token, None) }))
}

/// Revokes the token that the request comes with.
#[utoipa::path(delete, path = "/api/v1/tokens/current", tag = "tokens", operation_id = "revoke_current_token", responses((status = 204)))]
pub(crate) async fn revoke_current(State(shared): State<Arc<Shared>>, Caller(actor): Caller) -> Result<Done> {
    shared.holdfast.revoke_current_token(&actor).await?;
    Ok(Done)
}

/// Revokes a token. Others' for admins.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token", params(("id" = String, Path)), responses((status = 204)))]
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.revoke_token(&actor, &path.get("id")?).await?;
    Ok(Done)
}
