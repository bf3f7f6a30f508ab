//! The registries of the server.

use super::{Created, Done, present};
use crate::base_url::BaseUrl;
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::{RegistryKind, RegistryRecord};
use holdfast_registry::rights::{Action, require};
use holdfast_registry::{Actor, NewRegistry, RegistryChange};
use holdfast_types::{Principal, RegistryName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A registry.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegistryView {
    #[schema(value_type = String)]
    name: RegistryName,
    /// `hosted`
    #[schema(value_type = String)]
    kind: RegistryKind,
    /// Whether reading needs no token.
    anonymous_read: bool,
    /// Manifest fields that a publish must have; null leaves it to the server's setting.
    required_fields: Option<Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who may do more here than elsewhere, by login or `team:NAME`; null for all but admins.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    roles: Option<BTreeMap<Principal, &'static str>>,
    /// What users write into `.cargo/config.toml`.
    index: Option<String>,
}

impl RegistryView {
    fn new(record: &RegistryRecord, actor: &Actor, base: Option<&BaseUrl>) -> RegistryView {
        let roles = || record.roles.iter().map(|(who, role)| (who.clone(), role.as_str())).collect();
        let words =
            |fields: String| fields.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        RegistryView {
            name: record.name.clone(),
            kind: record.kind,
            anonymous_read: record.anonymous_read,
            required_fields: record.required_fields.as_ref().map(|fields| words(fields.to_string())),
            created_at: record.created_at,
            roles: require(actor, Action::Administer).is_ok().then(roles),
            index: base.map(|base| base.index(&record.name)),
        }
    }
}

/// A registry to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryRequest {
    #[schema(value_type = String)]
    name: RegistryName,
    /// `hosted`, the only kind and the default.
    #[serde(default = "hosted")]
    #[schema(value_type = String)]
    kind: RegistryKind,
    #[serde(default)]
    anonymous_read: bool,
}

fn hosted() -> RegistryKind {
    RegistryKind::Hosted
}

/// What to change of a registry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent leaves it, null takes it back")]
pub(crate) struct RegistryPatch {
    /// Whether reading needs no token.
    #[serde(default)]
    anonymous_read: Option<bool>,
    /// Manifest fields that a publish must have; null leaves it to the server's setting.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    required_fields: Option<Option<Vec<String>>>,
}

/// The registries that the caller may read.
#[utoipa::path(get, path = "/api/v1/registries", tag = "registries", operation_id = "list_registries", responses((status = 200, body = [RegistryView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
) -> Result<Json<Vec<RegistryView>>> {
    let registries = shared.holdfast.list_registries(&actor).await?;
    Ok(Json(registries.iter().map(|record| RegistryView::new(record, &actor, origin.known_base())).collect()))
}

/// Makes a registry. For admins.
#[utoipa::path(post, path = "/api/v1/registries", tag = "registries", operation_id = "create_registry", request_body = RegistryRequest, responses((status = 201, body = RegistryView)))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    Json(request): Json<RegistryRequest>,
) -> Result<Created<RegistryView>> {
    let RegistryRequest { name, kind, anonymous_read } = request;
    let record = shared.holdfast.create_registry(&actor, NewRegistry { name, kind, anonymous_read }).await?;
    Ok(Created(RegistryView::new(&record, &actor, origin.known_base())))
}

/// A registry that the caller may read.
#[utoipa::path(get, path = "/api/v1/registries/{registry}", tag = "registries", operation_id = "show_registry", params(("registry" = String, Path)), responses((status = 200, body = RegistryView)))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Json<RegistryView>> {
    let record = shared.holdfast.enter(&actor, &path.registry()?).await?;
    Ok(Json(RegistryView::new(&record, &actor, origin.known_base())))
}

/// Changes the settings of a registry. For admins.
#[utoipa::path(patch, path = "/api/v1/registries/{registry}", tag = "registries", operation_id = "change_registry", params(("registry" = String, Path)), request_body = RegistryPatch, responses((status = 200, body = RegistryView)))]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
    Json(patch): Json<RegistryPatch>,
) -> Result<Json<RegistryView>> {
    let mut change = RegistryChange { anonymous_read: patch.anonymous_read, required_fields: None };
    if let Some(fields) = patch.required_fields {
        let fields = fields.map(|words| words.join(",").parse().map_err(Failure::invalid)).transpose()?;
        change.required_fields = Some(fields);
    }
    let record = shared.holdfast.update_registry(&actor, &path.registry()?, change).await?;
    Ok(Json(RegistryView::new(&record, &actor, origin.known_base())))
}

/// A role to give.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRequest {
    /// `reader`, `publisher` or `maintainer`.
    role: String,
}

/// Gives a user or a team (`team:NAME`) a role in a registry. For admins.
#[utoipa::path(put, path = "/api/v1/registries/{registry}/roles/{principal}", tag = "registries", operation_id = "give_role", params(("registry" = String, Path), ("principal" = String, Path)), request_body = RoleRequest, responses((status = 204)))]
pub(crate) async fn give_role(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(request): Json<RoleRequest>,
) -> Result<Done> {
    let role = request.role.parse().map_err(Failure::invalid)?;
    shared.holdfast.set_role(&actor, &path.registry()?, &path.get("principal")?, Some(role)).await?;
    Ok(Done)
}

/// Takes the role of a user or a team in a registry. For admins.
#[utoipa::path(delete, path = "/api/v1/registries/{registry}/roles/{principal}", tag = "registries", operation_id = "take_role", params(("registry" = String, Path), ("principal" = String, Path)), responses((status = 204)))]
pub(crate) async fn take_role(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.set_role(&actor, &path.registry()?, &path.get("principal")?, None).await?;
    Ok(Done)
}

/// Removes an empty registry. For admins.
#[utoipa::path(delete, path = "/api/v1/registries/{registry}", tag = "registries", operation_id = "remove_registry", params(("registry" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.remove_registry(&actor, &path.registry()?).await?;
    Ok(Done)
}
