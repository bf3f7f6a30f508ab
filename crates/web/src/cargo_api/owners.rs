//! Owners of a crate.

use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path, read_bounded};
use crate::web::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_registry::Actor;
use holdfast_types::{ApiOk, OwnerView, OwnersList, OwnersRequest, Principal, Sha256};
use std::sync::Arc;

/// `GET …/{crate}/owners`
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<OwnersList>> {
    all(&shared, &actor, &path).await
}

/// `PUT …/{crate}/owners`
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    body: Json<OwnersRequest>,
) -> Result<Json<ApiOk>> {
    let (registry, krate) = path.krate()?;
    let added = principals(&body.0)?;
    Ok(Json(ApiOk::new(shared.holdfast.add_owners(&actor, &registry, &krate, &added).await?)))
}

/// `DELETE …/{crate}/owners`. Without a body it is a list: cargo up to 1.96 asks so after a removal.
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    body: Body,
) -> Result<Response> {
    let (registry, krate) = path.krate()?;
    let body = read_bounded(&shared, body).await?;
    if body.is_empty() {
        return Ok(all(&shared, &actor, &path).await?.into_response());
    }
    let removed = principals(&Json::parse(&body)?)?;
    let words = shared.holdfast.remove_owners(&actor, &registry, &krate, &removed).await?;
    Ok(Json(ApiOk::new(words)).into_response())
}

async fn all(shared: &Shared, actor: &Actor, path: &Path) -> Result<Json<OwnersList>> {
    let (registry, krate) = path.krate()?;
    let owners = shared.holdfast.owners(actor, &registry, &krate).await?;
    let users = owners.iter().map(view).collect();
    Ok(Json(OwnersList { users, ok: true, msg: String::new() }))
}

fn principals(request: &OwnersRequest) -> Result<Vec<Principal>> {
    if request.users.is_empty() {
        return Err(Failure::invalid("name at least one owner: a user's login, or a team as `team:NAME`"));
    }
    request.users.iter().map(|name| name.parse().map_err(Failure::invalid)).collect()
}

/// An owner as cargo reads it. The number means nothing to anybody; it stays the same for the same name.
pub(crate) fn view(owner: &Principal) -> OwnerView {
    let login = owner.to_string();
    let name = match owner {
        Principal::User(_) => None,
        Principal::Team(team) => Some(team.to_string()),
    };
    OwnerView { id: number(&login), login, name }
}

/// A number below 2^32 for a name.
pub(crate) fn number(name: &str) -> u32 {
    let digest = Sha256::of(name.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}
