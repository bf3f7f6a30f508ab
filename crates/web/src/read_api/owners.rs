//! Owners of a crate, users and teams apart.

use crate::cargo_api::owners::view;
use crate::error::Result;
use crate::extract::{Caller, Json, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::Actor;
use holdfast_types::{OwnerView, Principal};
use serde::Serialize;
use std::sync::Arc;

/// Users who own a crate.
#[derive(Serialize)]
pub(crate) struct UsersAnswer {
    users: Vec<OwnerView>,
}

/// Teams that own a crate.
#[derive(Serialize)]
pub(crate) struct TeamsAnswer {
    teams: Vec<OwnerView>,
}

/// `GET …/{crate}/owner_user`
pub(crate) async fn owner_user(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<UsersAnswer>> {
    let users = some(&shared, &actor, &path, |owner| matches!(owner, Principal::User(_))).await?;
    Ok(Json(UsersAnswer { users }))
}

/// `GET …/{crate}/owner_team`
pub(crate) async fn owner_team(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<TeamsAnswer>> {
    let teams = some(&shared, &actor, &path, |owner| matches!(owner, Principal::Team(_))).await?;
    Ok(Json(TeamsAnswer { teams }))
}

async fn some(
    shared: &Shared,
    actor: &Actor,
    path: &Path,
    is_wanted: impl Fn(&&Principal) -> bool,
) -> Result<Vec<OwnerView>> {
    let (registry, krate) = path.krate()?;
    let owners = shared.holdfast.owners(actor, &registry, &krate).await?;
    Ok(owners.iter().filter(is_wanted).map(view).collect())
}
