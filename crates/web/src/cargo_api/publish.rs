//! Publish: the body streams through [`FrameHead`] into a staged file, then one operation does the rest.

use crate::error::{Failure, Result};
use crate::extract::{Json, Origin, Path, authenticate};
use crate::layers::guarded;
use crate::web::Shared;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use holdfast_registry::entity::Token;
use holdfast_registry::{Actor, Error, Kind, Upload};
use holdfast_types::{
    FrameError, FrameHead, FrameLimits, PublishWarnings, Published, RegistryName, Timestamp,
};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

/// How long the rest of a refused body is read, so that its sender gets to read the refusal.
const DISCARD_LIMIT: Duration = Duration::from_secs(10);

/// The two length prefixes.
const PREFIX_BYTES: u64 = 8;

/// `PUT …/crates/new`
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    path: Path,
    request: Request,
) -> Result<Json<Published>> {
    let registry = path.registry()?;
    let (parts, mut body) = request.into_parts();
    // Whoever waits for `100 Continue` has sent nothing yet, and needs only the answer.
    let is_waiting = parts.headers.contains_key(EXPECT);
    let (actor, _permit) = match admit(&shared, &origin, &parts.headers, &registry).await {
        Ok(admitted) => admitted,
        Err(failure) if is_waiting => return Err(failure),
        Err(failure) => return Err(discard(&shared, body, failure).await),
    };
    let limit = shared.settings.upload_timeout;
    let received = timeout(limit, receive(&shared, &mut body)).await.unwrap_or_else(|_| Err(too_slow(limit)));
    let (metadata, package) = match received {
        Ok(received) => received,
        Err((status, error)) => {
            let error = refuse(&shared, &actor, &registry, error).await;
            let failure = Failure::with_status(status, error);
            let has_stalled = status == StatusCode::REQUEST_TIMEOUT;
            return Err(if has_stalled { failure } else { discard(&shared, body, failure).await });
        }
    };
    let own_index = origin.base()?.index(&registry);
    let upload = Upload { metadata: &metadata, package, own_index: &own_index };
    let publish = Box::pin(shared.holdfast.publish(&actor, &registry, upload));
    let receipt = guarded(Some(shared.settings.request_timeout), publish).await??;
    let warnings = PublishWarnings { other: receipt.warnings, ..PublishWarnings::default() };
    Ok(Json(Published { warnings: with_notice(warnings, &actor, shared.holdfast.outside().now()) }))
}

/// Tells whoever publishes that their token is about to end. One that was made to be short is not told of.
fn with_notice(mut warnings: PublishWarnings, actor: &Actor, now: Timestamp) -> PublishWarnings {
    let account = actor.as_account().filter(|account| account.bound.is_none() && account.job().is_none());
    if let Some((label, end)) = account.and_then(|account| Some((&account.label, account.expires_at?)))
        && now.plus(Token::ENDS_SOON) >= end
        && now.plus(Duration::from_hours(12)) < end
    {
        warnings.other.push(format!("the token `{label}` ends on {}; make a new one before", end.day()));
    }
    warnings
}

/// Everything that can be decided before the body is read, so that a refusal costs no upload.
async fn admit<'a>(
    shared: &'a Shared,
    origin: &Origin,
    headers: &HeaderMap,
    registry: &RegistryName,
) -> Result<(Actor, SemaphorePermit<'a>)> {
    let holdfast = &shared.holdfast;
    let actor = match authenticate(shared, &http::Method::PUT, headers, origin.client()).await {
        Ok(actor) => actor,
        Err(error) => {
            let nobody = Actor::anonymous(origin.client());
            return Err(refuse(shared, &nobody, registry, error).await.into());
        }
    };
    let mut allowed = holdfast.may_upload(&actor, registry).await;
    if allowed.is_ok() {
        allowed = check_length(shared, headers);
    }
    if let Err(error) = allowed {
        return Err(refuse(shared, &actor, registry, error).await.into());
    }
    origin.base()?;
    let permit = shared.uploads.try_acquire().map_err(|_| {
        Error::new(Kind::Unavailable, "the server is busy with other uploads; try again in a few seconds")
    })?;
    Ok((actor, permit))
}

/// Refuses a publish of which nothing is known but where it goes.
async fn refuse(shared: &Shared, actor: &Actor, registry: &RegistryName, error: Error) -> Error {
    shared.holdfast.refuse_write(actor, "publish", Some(registry), registry.as_str(), error).await
}

fn limits(shared: &Shared) -> FrameLimits {
    let package_bytes = shared.holdfast.settings().package.packed_bytes;
    FrameLimits { metadata_bytes: FrameLimits::METADATA_BYTES, package_bytes }
}

/// The most bytes of a body.
fn body_limit(shared: &Shared) -> u64 {
    limits(shared).package_bytes.saturating_add(FrameLimits::METADATA_BYTES as u64 + PREFIX_BYTES)
}

fn check_length(shared: &Shared, headers: &HeaderMap) -> Result<(), Error> {
    let Some(length) =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
    else {
        return Ok(());
    };
    if length <= body_limit(shared) {
        return Ok(());
    }
    let limit = limits(shared).package_bytes;
    Err(Error::new(
        Kind::TooLarge,
        format!(
            "the upload has {length} bytes, and a .crate file at most {limit}; use `exclude` in Cargo.toml to leave files out, or ask the operator to raise the limit"
        ),
    ))
}

/// A refusal with its status.
type Refusal = (StatusCode, Error);

/// Takes the body apart while it arrives.
async fn receive(shared: &Shared, body: &mut Body) -> Result<(Vec<u8>, holdfast_blobs::Staged), Refusal> {
    let mut head = FrameHead::new(limits(shared));
    let mut staging = shared.holdfast.stage();
    let idle = shared.settings.request_timeout;
    loop {
        let next = timeout(idle, next_bytes(body)).await.map_err(|_| too_slow(idle))?;
        let Some(bytes) = next.map_err(refusal)? else { break };
        let file = head.push(&bytes).map_err(|error| frame_refusal(&error))?;
        if !file.is_empty() {
            staging.write(bytes.slice(file)).await.map_err(|error| refusal(error.into()))?;
        }
    }
    let metadata = head.finish().map_err(|error| frame_refusal(&error))?;
    Ok((metadata, staging.finish().await.map_err(|error| refusal(error.into()))?))
}

/// The next bytes of a body, or none at its end.
async fn next_bytes(body: &mut Body) -> Result<Option<Bytes>, Error> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(Error::with_source(Kind::Invalid, "the upload broke off", error)),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

fn refusal(error: Error) -> Refusal {
    (crate::error::status_of(error.kind()), error)
}

fn frame_refusal(error: &FrameError) -> Refusal {
    let kind = match error {
        FrameError::MetadataTooLarge { .. } | FrameError::PackageTooLarge { .. } => Kind::TooLarge,
        FrameError::Truncated { .. } | FrameError::Trailing => Kind::Invalid,
    };
    refusal(Error::new(kind, error.to_string()))
}

fn too_slow(limit: Duration) -> Refusal {
    let detail = format!("the upload did not get on for {} seconds; try again", limit.as_secs());
    (StatusCode::REQUEST_TIMEOUT, Error::new(Kind::Invalid, detail))
}

/// Reads what is left of a refused body, within limits. A client that is still sending when the connection
/// closes sees a broken connection instead of the reason.
async fn discard(shared: &Shared, mut body: Body, failure: Failure) -> Failure {
    let mut left = body_limit(shared);
    let read = async {
        while let Ok(Some(bytes)) = next_bytes(&mut body).await {
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // Whether it came to its end makes no difference to the answer.
    let _ = timeout(DISCARD_LIMIT.min(shared.settings.request_timeout), read).await;
    failure
}
