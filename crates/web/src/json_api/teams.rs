//! Teams and who is in them.

use super::{Created, Done};
use crate::error::Result;
use crate::extract::{Caller, Json, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::Team;
use holdfast_types::{Login, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A team.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamView {
    #[schema(value_type = String)]
    name: TeamName,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Team> for TeamView {
    fn from(team: Team) -> TeamView {
        TeamView { name: team.name, created_at: team.created_at }
    }
}

/// A team to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamRequest {
    #[schema(value_type = String)]
    name: TeamName,
}

/// Somebody in a team.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberView {
    #[schema(value_type = String)]
    login: Login,
}

/// All teams. For everybody with a token.
#[utoipa::path(get, path = "/api/v1/teams", tag = "teams", operation_id = "list_teams", responses((status = 200, body = [TeamView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
) -> Result<Json<Vec<TeamView>>> {
    let teams = shared.holdfast.list_teams(&actor).await?;
    Ok(Json(teams.into_iter().map(TeamView::from).collect()))
}

/// Adds a team. For admins.
#[utoipa::path(post, path = "/api/v1/teams", tag = "teams", operation_id = "add_team", request_body = TeamRequest, responses((status = 201, body = TeamView)))]
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    Json(request): Json<TeamRequest>,
) -> Result<Created<TeamView>> {
    Ok(Created(shared.holdfast.add_team(&actor, &request.name).await?.into()))
}

/// Removes a team with its memberships and ownerships. For admins.
#[utoipa::path(delete, path = "/api/v1/teams/{team}", tag = "teams", operation_id = "remove_team", params(("team" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.remove_team(&actor, &path.get("team")?).await?;
    Ok(Done)
}

/// Who is in a team. For everybody with a token.
#[utoipa::path(get, path = "/api/v1/teams/{team}/members", tag = "teams", operation_id = "list_members", params(("team" = String, Path)), responses((status = 200, body = [MemberView])))]
pub(crate) async fn members(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<Vec<MemberView>>> {
    let members = shared.holdfast.list_members(&actor, &path.get("team")?).await?;
    Ok(Json(members.into_iter().map(|login| MemberView { login }).collect()))
}

/// Puts a user into a team. For admins.
#[utoipa::path(put, path = "/api/v1/teams/{team}/members/{login}", tag = "teams", operation_id = "add_member", params(("team" = String, Path), ("login" = String, Path)), responses((status = 204)))]
pub(crate) async fn add_member(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.add_member(&actor, &path.get("team")?, &path.get("login")?).await?;
    Ok(Done)
}

/// Takes a user out of a team. For admins.
#[utoipa::path(delete, path = "/api/v1/teams/{team}/members/{login}", tag = "teams", operation_id = "remove_member", params(("team" = String, Path), ("login" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove_member(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.remove_member(&actor, &path.get("team")?, &path.get("login")?).await?;
    Ok(Done)
}
