//! Trusted publishing: which CI jobs need no secret, and the exchange of their tokens for ours.

use super::{Created, Done};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::Token;
use holdfast_registry::{Error, JobWish, Kind, Trust, TrustPlace};
use holdfast_types::{RegistryName, Timestamp, TokenSecret, TrustRule};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A job's token to be exchanged, as crates.io has it; `access` and `registry` are ours.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ExchangeRequest {
    /// The token that the CI system signed, for the address of this server without its scheme.
    jwt: String,
    /// `publish` (the default) or `read`.
    #[serde(default)]
    access: Option<String>,
    /// What is to be read.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    registry: Option<RegistryName>,
}

/// A token for the job.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExchangeView {
    token: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// The same as seconds from now.
    expires_in: Option<u64>,
}

impl ExchangeView {
    fn new(shared: &Shared, token: &Token, secret: &TokenSecret) -> ExchangeView {
        let now = shared.holdfast.outside().now().unix_seconds();
        let left = |end: Timestamp| u64::try_from(end.unix_seconds() - now).unwrap_or(0);
        ExchangeView {
            token: secret.reveal().to_owned(),
            expires_at: token.expires_at,
            expires_in: token.expires_at.map(left),
        }
    }
}

/// The jobs that a crate or a registry trusts.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustView {
    /// Each is enough; the page on trusted publishing lists the kinds.
    #[schema(value_type = Vec<Object>)]
    rules: Vec<TrustRule>,
    /// Whether nobody else may publish the crate.
    #[serde(default)]
    only: bool,
}

/// Gives a token to a CI job: for 30 minutes to publish the crates that trust it, or for two hours to read.
#[utoipa::path(post, path = "/api/v1/trusted_publishing/tokens", tag = "trusted publishing", operation_id = "exchange", request_body = ExchangeRequest, responses((status = 200, body = ExchangeView)))]
pub(crate) async fn exchange(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    Json(request): Json<ExchangeRequest>,
) -> Result<Json<ExchangeView>> {
    let wish = match (request.access.as_deref(), request.registry) {
        (None | Some("publish"), _) => JobWish::Publish,
        (Some("read"), Some(registry)) => JobWish::Read(registry),
        (Some("read"), None) => return Err(Failure::invalid("name the `registry` that is to be read")),
        (Some(other), _) => {
            let other: String = other.chars().take(40).collect();
            return Err(Failure::invalid(format!("`{other}` is no access; use publish or read")));
        }
    };
    if shared.settings.public_url.is_none() {
        // What the request calls us could be another server, to whom the same token was sent.
        return Err(Error::new(
            Kind::Forbidden,
            "this server takes the tokens of CI jobs only when its option `public-url` is set",
        )
        .into());
    }
    let audience = origin.base()?.audience();
    let exchanged = shared.holdfast.exchange(&request.jwt, audience, &wish, origin.client()).await?;
    let (token, secret) = exchanged;
    Ok(Json(ExchangeView::new(&shared, &token, &secret)))
}

/// Ends the token that the job got.
#[utoipa::path(delete, path = "/api/v1/trusted_publishing/tokens", tag = "trusted publishing", operation_id = "end_exchange", responses((status = 204)))]
pub(crate) async fn revoke(State(shared): State<Arc<Shared>>, Caller(actor): Caller) -> Result<Done> {
    shared.holdfast.revoke_current_token(&actor).await?;
    Ok(Done)
}

/// The jobs that may publish a crate. For owners and maintainers.
#[utoipa::path(get, path = "/api/v1/registries/{registry}/crates/{crate}/trust", tag = "trusted publishing", operation_id = "show_trust", params(("registry" = String, Path), ("crate" = String, Path)), responses((status = 200, body = TrustView)))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<TrustView>> {
    let (registry, krate) = path.krate()?;
    let place = TrustPlace { registry: &registry, krate: Some(&krate) };
    let Trust { rules, only } = shared.holdfast.trust_of(&actor, place).await?;
    Ok(Json(TrustView { rules, only }))
}

/// Sets the jobs that may publish a crate. For owners and maintainers.
#[utoipa::path(put, path = "/api/v1/registries/{registry}/crates/{crate}/trust", tag = "trusted publishing", operation_id = "set_trust", params(("registry" = String, Path), ("crate" = String, Path)), request_body = TrustView, responses((status = 204)))]
pub(crate) async fn set(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(trust): Json<TrustView>,
) -> Result<Done> {
    let (registry, krate) = path.krate()?;
    let place = TrustPlace { registry: &registry, krate: Some(&krate) };
    shared.holdfast.set_trust(&actor, place, &Trust { rules: trust.rules, only: trust.only }).await?;
    Ok(Done)
}

/// The jobs that may read a registry. For admins.
#[utoipa::path(get, path = "/api/v1/registries/{registry}/trust", tag = "trusted publishing", operation_id = "show_readers", params(("registry" = String, Path)), responses((status = 200, body = TrustView)))]
pub(crate) async fn show_readers(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<TrustView>> {
    let registry = path.registry()?;
    let place = TrustPlace { registry: &registry, krate: None };
    let Trust { rules, only } = shared.holdfast.trust_of(&actor, place).await?;
    Ok(Json(TrustView { rules, only }))
}

/// Sets the jobs that may read a registry. For admins.
#[utoipa::path(put, path = "/api/v1/registries/{registry}/trust", tag = "trusted publishing", operation_id = "set_readers", params(("registry" = String, Path)), request_body = TrustView, responses((status = 204)))]
pub(crate) async fn set_readers(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    Json(trust): Json<TrustView>,
) -> Result<Done> {
    let registry = path.registry()?;
    let place = TrustPlace { registry: &registry, krate: None };
    shared.holdfast.set_trust(&actor, place, &Trust { rules: trust.rules, only: trust.only }).await?;
    Ok(Done)
}

/// A token for one act of cargo.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindRequest {
    #[schema(value_type = String)]
    registry: RegistryName,
    /// `publish`, `yank`, `unyank` or `owners`.
    operation: String,
    /// The crate.
    name: String,
    /// The version, but for owners.
    #[serde(default)]
    vers: Option<String>,
    /// The SHA-256 of the file, for a publish.
    #[serde(default)]
    cksum: Option<String>,
}

/// Makes a token that is good for one act on one crate for some minutes, and ends with the caller's own.
#[utoipa::path(post, path = "/api/v1/tokens/bound", tag = "tokens", operation_id = "bind_token", request_body = BindRequest, responses((status = 201, body = ExchangeView)))]
pub(crate) async fn bind(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    Json(request): Json<BindRequest>,
) -> Result<Created<ExchangeView>> {
    let krate = request.name.parse().map_err(Failure::invalid)?;
    let act = request.act()?;
    let (token, secret) = shared.holdfast.bind_token(&actor, &request.registry, &krate, &act).await?;
    Ok(Created(ExchangeView::new(&shared, &token, &secret)))
}

impl BindRequest {
    fn act(&self) -> Result<holdfast_registry::Act> {
        use holdfast_registry::Act;
        let version = || {
            let text = self.vers.as_deref().ok_or_else(|| Failure::invalid("name the version as `vers`"))?;
            text.parse().map_err(Failure::invalid)
        };
        match self.operation.as_str() {
            "publish" => {
                let text = self.cksum.as_deref();
                let text = text.ok_or_else(|| Failure::invalid("name the digest of the file as `cksum`"))?;
                Ok(Act::Publish(version()?, text.parse().map_err(Failure::invalid)?))
            }
            "yank" | "unyank" => Ok(Act::Yank(version()?)),
            "owners" => Ok(Act::Owners),
            other => {
                let other: String = other.chars().take(40).collect();
                Err(Failure::invalid(format!(
                    "`{other}` is no operation; use publish, yank, unyank or owners"
                )))
            }
        }
    }
}
