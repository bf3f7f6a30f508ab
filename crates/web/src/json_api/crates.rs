//! Crates of a registry: listing all, and removing, which cargo has no command for.

use super::Done;
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Path, Query};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::CrateHead;
use holdfast_types::{CanonicalName, CrateName, Principal, TeamName, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

/// A crate.
#[derive(Serialize, ToSchema)]
pub(crate) struct CrateView {
    #[schema(value_type = String)]
    name: CrateName,
    #[schema(value_type = Option<String>)]
    max_version: Option<Version>,
    versions: u32,
    description: Option<String>,
    /// Logins, and teams as `team:NAME`.
    #[schema(value_type = Vec<String>)]
    owners: Vec<Principal>,
    /// The teams that may see it beside its owners; null when everybody may who reads the registry.
    #[schema(value_type = Option<Vec<String>>)]
    restricted_to: Option<BTreeSet<TeamName>>,
}

impl From<CrateHead> for CrateView {
    fn from(head: CrateHead) -> CrateView {
        let CrateHead { name, max_version, version_count, about, owners, restricted_to, .. } = head;
        CrateView {
            name,
            max_version,
            versions: version_count,
            description: about.description,
            owners,
            restricted_to,
        }
    }
}

/// The crates of a registry by name, up to `limit` (1 to 1000, by default 100) of them after the crate `after`.
#[utoipa::path(get, path = "/api/v1/registries/{registry}/crates", tag = "crates", operation_id = "list_crates", params(("registry" = String, Path), ("after" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = [CrateView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    query: Query,
) -> Result<Json<Vec<CrateView>>> {
    let after: Option<CanonicalName> = query.get("after")?;
    let limit = query.get("limit")?.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Failure::invalid("`limit` must be 1 to 1000"));
    }
    let crates = shared.holdfast.list_crates(&actor, &path.registry()?, after.as_ref(), limit).await?;
    Ok(Json(crates.into_iter().map(CrateView::from).collect()))
}

/// Removes a crate with all its versions, none of which can be published again with other bytes. For admins.
#[utoipa::path(delete, path = "/api/v1/registries/{registry}/crates/{crate}", tag = "crates", operation_id = "remove_crate", params(("registry" = String, Path), ("crate" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    let (registry, krate) = path.krate()?;
    shared.holdfast.remove_crate(&actor, &registry, &krate).await?;
    Ok(Done)
}

/// Removes a version, which can never be published again with other bytes. For admins.
#[utoipa::path(delete, path = "/api/v1/registries/{registry}/crates/{crate}/{version}", tag = "crates", operation_id = "remove_version", params(("registry" = String, Path), ("crate" = String, Path), ("version" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove_version(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    let (registry, krate, version) = path.version()?;
    shared.holdfast.remove_version(&actor, &registry, &krate, &version).await?;
    Ok(Done)
}

/// Who may see a restricted crate, beside its owners.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restriction {
    /// Teams by name.
    #[schema(value_type = Vec<String>)]
    teams: BTreeSet<TeamName>,
}

/// Hides a crate from all but its owners and some teams. For owners and maintainers.
#[utoipa::path(put, path = "/api/v1/registries/{registry}/crates/{crate}/restriction", tag = "crates", operation_id = "restrict_crate", params(("registry" = String, Path), ("crate" = String, Path)), request_body = Restriction, responses((status = 204)))]
pub(crate) async fn restrict(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(request): Json<Restriction>,
) -> Result<Done> {
    let (registry, krate) = path.krate()?;
    shared.holdfast.restrict_crate(&actor, &registry, &krate, Some(&request.teams)).await?;
    Ok(Done)
}

/// Shows a crate again to everybody who reads the registry. For owners and maintainers.
#[utoipa::path(delete, path = "/api/v1/registries/{registry}/crates/{crate}/restriction", tag = "crates", operation_id = "unrestrict_crate", params(("registry" = String, Path), ("crate" = String, Path)), responses((status = 204)))]
pub(crate) async fn unrestrict(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    let (registry, krate) = path.krate()?;
    shared.holdfast.restrict_crate(&actor, &registry, &krate, None).await?;
    Ok(Done)
}
