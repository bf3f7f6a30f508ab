//! The audit log.

use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Query};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::AuditFilter;
use holdfast_registry::entity::{AuditEntry, Outcome};
use holdfast_types::{Login, RegistryName, Timestamp, TokenId};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::ToSchema;

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its place in the log.
    id: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who did or tried it.
    actor: String,
    #[schema(value_type = Option<String>)]
    user: Option<Login>,
    /// The id of the token that was used.
    #[schema(value_type = Option<String>)]
    token: Option<TokenId>,
    /// What its owner calls it.
    token_name: Option<String>,
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// The verb, like `publish`.
    action: String,
    #[schema(value_type = Option<String>)]
    registry: Option<RegistryName>,
    /// To what.
    subject: String,
    /// Why it was refused; null when it was done.
    refused: Option<String>,
    /// What was changed.
    detail: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> AuditView {
        AuditView {
            id: entry.id,
            at: entry.at,
            actor: entry.actor,
            user: entry.login,
            token: entry.token,
            token_name: entry.token_name,
            address: entry.address,
            action: entry.action,
            registry: entry.registry,
            subject: entry.subject,
            refused: match entry.outcome {
                Outcome::Done => None,
                Outcome::Refused(reason) => Some(reason),
            },
            detail: entry.detail,
        }
    }
}

/// Every write and every refusal of one, newest first: up to `limit` (1 to 1000, by default 100) entries,
/// older than the one with the id `before`, not before the moment `since`, of one `actor`, with one `action`, in
/// one `registry`, about one `subject` (a crate means all its versions), or only what was `refused`. For admins.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit", params(("actor" = Option<String>, Query), ("action" = Option<String>, Query), ("registry" = Option<String>, Query), ("subject" = Option<String>, Query), ("refused" = Option<bool>, Query), ("since" = Option<String>, Query), ("before" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = [AuditView])))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<Vec<AuditView>>> {
    let limit = query.get("limit")?.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Failure::invalid("`limit` must be 1 to 1000"));
    }
    let text = |name| query.text(name).map(str::to_owned);
    let filter = AuditFilter {
        actor: text("actor"),
        action: text("action"),
        registry: query.get("registry")?,
        subject: text("subject"),
        refused: query.get("refused")?.unwrap_or(false),
        since: query.get("since")?,
        before: text("before"),
        limit,
    };
    let entries = shared.holdfast.audit_log(&actor, &filter).await?;
    Ok(Json(entries.into_iter().map(AuditView::from).collect()))
}
