//! Keys with which cargo signs its own tokens (RFC 3231).

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path, Query, own_login};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::SigningKey;
use holdfast_types::{Login, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A registered key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// `k3.pid.…`
    id: String,
    /// `k3.public.…`
    key: String,
    #[schema(value_type = String)]
    user: Login,
    /// What its tokens say in `sub`.
    subject: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<SigningKey> for KeyView {
    fn from(key: SigningKey) -> KeyView {
        KeyView {
            id: key.key.id().as_str().to_owned(),
            key: key.key.to_string(),
            user: key.login,
            subject: key.subject,
            created_at: key.created_at,
        }
    }
}

/// A key to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// `k3.public.…`, as `cargo login` prints it.
    key: String,
    /// Whose it is to be; the caller's by default.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user: Option<Login>,
    /// What its tokens say in `sub`, if the key was made with a subject.
    #[serde(default)]
    subject: Option<String>,
}

/// The caller's keys, those of `user`, or with `user=*` all; others' for admins.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", operation_id = "list_keys", params(("user" = Option<String>, Query)), responses((status = 200, body = [KeyView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<Vec<KeyView>>> {
    let user = match query.text("user") {
        None => Some(own_login(&actor)?),
        Some("*") => None,
        Some(login) => Some(login.parse().map_err(Failure::invalid)?),
    };
    let keys = shared.holdfast.list_keys(&actor, user.as_ref()).await?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// Registers a key. Others' for admins.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", operation_id = "add_key", request_body = KeyRequest, responses((status = 201, body = KeyView)))]
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    Json(request): Json<KeyRequest>,
) -> Result<Created<KeyView>> {
    let login = request.user.map_or_else(|| own_login(&actor), Ok)?;
    let key = request.key.parse().map_err(Failure::invalid)?;
    Ok(Created(shared.holdfast.add_key(&actor, &login, key, request.subject).await?.into()))
}

/// Forgets a key. Others' for admins.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", operation_id = "revoke_key", params(("id" = String, Path)), responses((status = 204)))]
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.revoke_key(&actor, &path.get("id")?).await?;
    Ok(Done)
}
