//! Users and service accounts.

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::NewUser;
use holdfast_registry::entity::{Role, User};
use holdfast_types::{Login, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    #[schema(value_type = String)]
    login: Login,
    /// `guest`, `reader`, `publisher`, `maintainer` or `admin`.
    role: &'static str,
    /// Whether it is a machine's account.
    service: bool,
    /// The team that looks after a machine's account.
    #[schema(value_type = Option<String>)]
    keeper: Option<TeamName>,
    email: Option<String>,
    full_name: Option<String>,
    /// Whether all its tokens are refused.
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> UserView {
        let User { login, role, service, keeper, email, full_name, disabled, created_at, .. } = user;
        UserView { login, role: role.as_str(), service, keeper, email, full_name, disabled, created_at }
    }
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    #[schema(value_type = String)]
    login: Login,
    /// `guest`, `reader`, `publisher` (the default), `maintainer` or `admin`.
    #[serde(default = "publisher")]
    role: String,
    #[serde(default)]
    service: bool,
    /// The team that looks after a service account.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    keeper: Option<TeamName>,
}

fn publisher() -> String {
    "publisher".to_owned()
}

/// What to change of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    /// Whether to refuse all their tokens.
    #[serde(default)]
    disabled: Option<bool>,
    /// `guest`, `reader`, `publisher`, `maintainer` or `admin`.
    #[serde(default)]
    role: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordRequest {
    /// The password so far; for one's own.
    #[serde(default)]
    old: Option<String>,
    /// The new one.
    new: String,
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
    let new = NewUser { login: request.login, role, service: request.service, keeper: request.keeper };
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

/// Disables or enables a user, or gives them another role. For admins.
#[utoipa::path(patch, path = "/api/v1/users/{login}", tag = "users", operation_id = "change_user", params(("login" = String, Path)), request_body = UserPatch, responses((status = 200, body = UserView)))]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(patch): Json<UserPatch>,
) -> Result<Json<UserView>> {
    let login: Login = path.get("login")?;
    let role = patch.role.map(|role| role.parse::<Role>()).transpose().map_err(Failure::invalid)?;
    match patch.disabled {
        Some(true) => shared.holdfast.disable_user(&actor, &login).await?,
        Some(false) => shared.holdfast.enable_user(&actor, &login).await?,
        None => {}
    }
    if let Some(role) = role {
        shared.holdfast.set_user_role(&actor, &login, role).await?;
    }
    Ok(Json(shared.holdfast.show_user(&actor, &login).await?.into()))
}

/// Sets a password: one's own, with the old one, or as an admin anybody's.
#[utoipa::path(put, path = "/api/v1/users/{login}/password", tag = "users", operation_id = "set_password", params(("login" = String, Path)), request_body = PasswordRequest, responses((status = 204)))]
pub(crate) async fn set_password(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(request): Json<PasswordRequest>,
) -> Result<Done> {
    let login: Login = path.get("login")?;
    let new = request.new.parse().map_err(Failure::invalid)?;
    match request.old {
        Some(old) => {
            let old = old.parse().map_err(Failure::invalid)?;
            shared.holdfast.change_password(&actor, &login, old, new).await?;
        }
        None => shared.holdfast.set_password(&actor, &login, new).await?,
    }
    Ok(Done)
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
