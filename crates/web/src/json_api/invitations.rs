//! Invitations.

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::NewInvitation;
use holdfast_registry::entity::{Invitation, Role};
use holdfast_types::{Sha256, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// An invitation, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationView {
    /// The digest of its secret.
    #[schema(value_type = String)]
    id: Sha256,
    /// What the new user may do.
    role: &'static str,
    #[schema(value_type = Vec<String>)]
    teams: BTreeSet<TeamName>,
    /// For whom.
    note: String,
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> InvitationView {
        let Invitation { digest, role, teams, note, created_by, inviter: _, created_at, expires_at } =
            invitation;
        InvitationView { id: digest, role: role.as_str(), teams, note, created_by, created_at, expires_at }
    }
}

/// A new invitation with its link, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewInvitationView {
    /// Where its recipient makes an account.
    link: String,
    #[serde(flatten)]
    about: InvitationView,
}

/// An invitation to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationRequest {
    /// `guest`, `reader`, `publisher` (the default), `maintainer` or `admin`.
    #[serde(default = "publisher")]
    role: String,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    teams: BTreeSet<TeamName>,
    /// For whom.
    #[serde(default)]
    note: String,
    /// For how many seconds it is open; a week by default, 30 days at most.
    #[serde(default = "week")]
    expires_in_seconds: u64,
}

fn publisher() -> String {
    Role::Publisher.as_str().to_owned()
}

fn week() -> u64 {
    7 * 24 * 3600
}

/// The invitations that are open. For admins.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "invitations", operation_id = "list_invitations", responses((status = 200, body = [InvitationView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
) -> Result<Json<Vec<InvitationView>>> {
    let invitations = shared.holdfast.list_invitations(&actor).await?;
    Ok(Json(invitations.into_iter().map(InvitationView::from).collect()))
}

/// Invites somebody. For admins.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "invitations", operation_id = "invite", request_body = InvitationRequest, responses((status = 201, body = NewInvitationView)))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    Json(request): Json<InvitationRequest>,
) -> Result<Created<NewInvitationView>> {
    let role = request.role.parse().map_err(Failure::invalid)?;
    let expires_in = Duration::from_secs(request.expires_in_seconds);
    let new = NewInvitation { role, teams: request.teams, note: request.note, expires_in };
    let base = origin.base()?;
    let (invitation, secret) = shared.holdfast.invite(&actor, new).await?;
    let link = format!("{base}/invitation/{}", secret.reveal());
    Ok(Created(NewInvitationView { link, about: invitation.into() }))
}

/// Takes an invitation back. For admins.
#[utoipa::path(delete, path = "/api/v1/invitations/{id}", tag = "invitations", operation_id = "withdraw_invitation", params(("id" = String, Path)), responses((status = 204)))]
pub(crate) async fn withdraw(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Done> {
    shared.holdfast.withdraw_invitation(&actor, &path.get("id")?).await?;
    Ok(Done)
}
