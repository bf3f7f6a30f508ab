//! `.crate` files.

use crate::body::WebBody;
use crate::conditional::has_already;
use crate::error::{Failure, Result};
use crate::extract::{Caller, Path};
use crate::range::{Wanted, wanted};
use crate::web::Shared;
use axum::body::Body;
use axum::extract::State;
use holdfast_registry::Actor;
use holdfast_types::{CrateName, RegistryName, Version};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use std::sync::Arc;

/// Bytes that never change may be kept for ever by the client that got them.
pub(crate) const CACHE_POLICY: &str = "private, max-age=31536000, immutable";

/// How browsers call the file of a version.
pub(crate) fn file_name(krate: &CrateName, version: &Version) -> String {
    format!("attachment; filename=\"{krate}-{version}.crate\"")
}

/// The file of a version: bytes that never change, hence to be kept for ever by the client that got them.
/// Without a content encoding, which would make cargo unpack it before it compares checksums. Counted is who gets
/// its first bytes: not a look at its head, nor the rest of a file that is fetched in parts.
pub(crate) async fn download(
    shared: &Shared,
    actor: &Actor,
    method: &Method,
    registry: &RegistryName,
    krate: &CrateName,
    version: &Version,
    request: &HeaderMap,
) -> Result<Response<WebBody>> {
    let count = || {
        if *method == Method::GET {
            shared.holdfast.count_download(registry, krate, version);
        }
    };
    if let Some(address) = shared.holdfast.signed_download(actor, registry, krate, version).await? {
        count();
        return redirect(&address);
    }
    let file = shared.holdfast.find_download(actor, registry, krate, version).await?;
    let etag = format!("\"{}\"", file.sha256);
    let mut response = Response::new(WebBody::Empty);
    let headers = response.headers_mut();
    headers.reserve(10);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_POLICY));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_DISPOSITION, header(&file_name(krate, version))?);
    headers.insert(ETAG, header(&etag)?);
    if has_already(request, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    match wanted(request, file.size_bytes, &etag) {
        Wanted::Whole => {
            count();
            *response.body_mut() = file.blob.into();
        }
        Wanted::Part(range) => {
            if range.start == 0 {
                count();
            }
            let place = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size_bytes);
            headers.insert(CONTENT_RANGE, header(&place)?);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let part = file.blob.slice(range).map_err(holdfast_registry::Error::from)?;
            *response.body_mut() = part.into();
        }
        Wanted::Beyond => {
            headers.insert(CONTENT_RANGE, header(&format!("bytes */{}", file.size_bytes))?);
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        }
    }
    Ok(response)
}

/// Sends the client to the storage. Not to be kept: the address is good for this client and for a while.
fn redirect(address: &str) -> Result<Response<WebBody>> {
    let mut response = Response::new(WebBody::Empty);
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(LOCATION, header(address)?);
    Ok(response)
}

/// The route to [`download`], for requests that are not plain and for clients that ask the API.
pub(crate) async fn route(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    method: Method,
    headers: HeaderMap,
) -> Result<Response<Body>> {
    let (registry, krate, version) = path.version()?;
    let response = download(&shared, &actor, &method, &registry, &krate, &version, &headers).await?;
    Ok(response.map(Body::new))
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Failure::internal("a header could not be written"))
}
