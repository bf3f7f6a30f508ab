//! Who the caller is.

use super::tokens::ScopesView;
use crate::error::Result;
use crate::extract::{Caller, Json};
use holdfast_registry::rights::unauthenticated;
use holdfast_types::{Login, TeamName, Timestamp, TokenId};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// The caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeView {
    /// None for a CI job.
    #[schema(value_type = Option<String>)]
    login: Option<Login>,
    /// `guest`, `reader`, `publisher`, `maintainer` or `admin`.
    role: &'static str,
    #[schema(value_type = Vec<String>)]
    teams: BTreeSet<TeamName>,
    token: MyTokenView,
}

/// The token of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyTokenView {
    #[schema(value_type = String)]
    id: TokenId,
    label: String,
    scopes: ScopesView,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Who the caller is, and what the token may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "me", responses((status = 200, body = MeView)))]
pub(crate) async fn show(Caller(actor): Caller) -> Result<Json<MeView>> {
    let account = actor.as_account().ok_or_else(unauthenticated)?.clone();
    let login = account.login().cloned();
    let token = MyTokenView {
        id: account.token,
        label: account.label,
        scopes: account.scopes.into(),
        expires_at: account.expires_at,
    };
    Ok(Json(MeView { login, role: account.role.as_str(), teams: account.teams, token }))
}
