//! Users and service accounts.

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::NewUser;
use holdfast_registry::entity::{Role, User};
use holdfast_types::{Login, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    #[schema(value_type = String)]
    login: Login,
    /// `reader`, `publisher` or `admin`.
    role: &'static str,
    /// Whether it is a machine's account.
    service: bool,
    /// Whether all its tokens are refused.
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> UserView {
        let User { login, role, service, disabled, created_at, .. } = user;
        UserView { login, role: role.as_str(), service, disabled, created_at }
    }
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    #[schema(value_type = String)]
    login: Login,
    /// `reader`, `publisher` (the default) or `admin`.
    #[serde(default = "publisher")]
    role: String,
    #[serde(default)]
    service: bool,
}

fn publisher() -> String {
    "publisher".to_owned()
}

/// What to change of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    /// Whether to refuse all their tokens.
    disabled: bool,
}

/// All users. For admins.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", operation_id = "list_users", responses((status = 200, body = [UserView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
) -> Result<Json<Vec<UserView>>> {
    let users = shared.holdfast.list_users(&actor).await?;
    Ok(Json(users.into_iter().map(UserView::from).collect()))
}

/// Adds a user or a service account. For admins.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", operation_id = "add_user", request_body = UserRequest, responses((status = 201, body = UserView)))]
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    Json(request): Json<UserRequest>,
) -> Result<Created<UserView>> {
    let role = request.role.parse::<Role>().map_err(Failure::invalid)?;
    let new = NewUser { login: request.login, role, service: request.service };
    Ok(Created(shared.holdfast.add_user(&actor, new).await?.into()))
}

/// A user. For themselves and for admins.
#[utoipa::path(get, path = "/api/v1/users/{login}", tag = "users", operation_id = "show_user", params(("login" = String, Path)), responses((status = 200, body = UserView)))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<UserView>> {
    Ok(Json(shared.holdfast.show_user(&actor, &path.get("login")?).await?.into()))
}

/// Disables or enables a user. For admins.
#[utoipa::path(patch, path = "/api/v1/users/{login}", tag = "users", operation_id = "change_user", params(("login" = String, Path)), request_body = UserPatch, responses((status = 200, body = UserView)))]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(patch): Json<UserPatch>,
) -> Result<Json<UserView>> {
    let login: Login = path.get("login")?;
    if patch.disabled {
        shared.holdfast.disable_user(&actor, &login).await?;
    } else {
        shared.holdfast.enable_user(&actor, &login).await?;
    }
    Ok(Json(shared.holdfast.show_user(&actor, &login).await?.into()))
}

/// Removes a user with their tokens, memberships and ownerships. For admins.
#[utoipa::path(delete, path = "/api/v1/users/{login}", tag = "users", operation_id = "remove_user", params(("login" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.remove_user(&actor, &path.get("login")?).await?;
    Ok(Done)
}
