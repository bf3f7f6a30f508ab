//! The sparse index: `config.json` and one file a crate.

use crate::base_url::BaseUrl;
use crate::body::WebBody;
use crate::conditional::{accepts_gzip, has_already};
use crate::error::{Failure, Result};
use crate::extract::{Caller, Origin, Path};
use crate::web::Shared;
use axum::body::Body;
use axum::extract::State;
use holdfast_registry::{Actor, Holdfast, IndexFile, Moment, Visit};
use holdfast_types::{CrateName, IndexConfig, RegistryName, Sha256};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use std::sync::Arc;

/// Served without a login: every cache may keep it, and asks each time whether it still holds. A cache must
/// not answer the poll after a publish by itself.
const OPEN: HeaderValue = HeaderValue::from_static("public, no-cache");
/// Served to somebody: no shared cache may keep it.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// `config.json`. Never "not modified": cargo sends no condition and fails on 304. Whoever may not read the
/// registry gets a 401 here first, which makes cargo send its token.
pub(crate) async fn config(
    shared: &Shared,
    actor: &Actor,
    registry: &RegistryName,
    base: Option<&BaseUrl>,
) -> Result<Response<WebBody>> {
    let record = shared.holdfast.enter(actor, registry).await?;
    let base = base.ok_or_else(crate::extract::no_host)?;
    let config = IndexConfig {
        dl: base.files(registry),
        api: base.api(registry),
        auth_required: !record.anonymous_read,
    };
    let json =
        serde_json::to_vec(&config).map_err(|_| Failure::internal("config.json could not be written"))?;
    let mut response = Response::new(WebBody::Whole(json.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, cache_policy(actor));
    Ok(response)
}

/// An index file that is there for a visitor whose token has this digest, and whether it is for them alone;
/// `None` for everything that needs an explanation.
pub(crate) async fn find(
    holdfast: &Holdfast,
    visit: &mut Visit,
    digest: Option<Sha256>,
    registry: &str,
    path: &str,
    moment: Moment,
) -> Option<(Arc<IndexFile>, bool)> {
    let name = crate_of(path)?;
    let (actor, registry) = holdfast.welcome(visit, digest, registry, moment).await.ok()?;
    let file = holdfast.index_file_in(actor, registry, &name, moment.instant).await.ok()?;
    Some((file, is_private(actor)))
}

/// The index file of a crate.
pub(crate) async fn index(
    shared: &Shared,
    actor: &Actor,
    registry: &RegistryName,
    path: &str,
    request: &HeaderMap,
) -> Result<Response<WebBody>> {
    let Some(name) = crate_of(path) else { return Err(no_such_file(path)) };
    let file = shared.holdfast.index_file(actor, registry, &name).await?;
    let etag =
        HeaderValue::from_str(&file.etag).map_err(|_| Failure::internal("an entity tag is no header"))?;
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, cache_policy(actor));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Authorization"));
    let mut response = Response::new(WebBody::Empty);
    if has_already(request, &file.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let gzip = file.gzip.as_ref().filter(|_| accepts_gzip(request));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *response.body_mut() = WebBody::Whole(gzip.unwrap_or(&file.body).clone());
    }
    *response.headers_mut() = headers;
    Ok(response)
}

/// The route to [`config`] for requests that are not plain.
pub(crate) async fn route_config(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Response<Body>> {
    let response = config(&shared, &actor, &path.registry()?, origin.known_base()).await?;
    Ok(response.map(Body::new))
}

/// The route to [`index`] for requests that are not plain.
pub(crate) async fn route_index(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
    headers: HeaderMap,
) -> Result<Response<Body>> {
    let response = index(&shared, &actor, &path.registry()?, path.text("path"), &headers).await?;
    Ok(response.map(Body::new))
}

fn cache_policy(actor: &Actor) -> HeaderValue {
    if is_private(actor) { PRIVATE } else { OPEN }
}

fn is_private(actor: &Actor) -> bool {
    actor.as_account().is_some()
}

/// The crate whose index file is at a path: its name in lower case, after folders that follow from the name.
fn crate_of(path: &str) -> Option<CrateName> {
    let start = match path.as_bytes() {
        [b'1' | b'2', b'/', ..] => 2,
        [b'3', b'/', _, b'/', ..] => 4,
        [_, _, b'/', _, _, b'/', ..] => 6,
        _ => return None,
    };
    let (folders, name) = path.split_at_checked(start)?;
    let folders = folders.as_bytes();
    let fits = match name.as_bytes() {
        [] => false,
        [_] => folders == b"1/",
        [_, _] => folders == b"2/",
        [first, _, _] => folders == [b'3', b'/', *first, b'/'],
        [a, b, c, d, ..] => folders == [*a, *b, b'/', *c, *d, b'/'],
    };
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    if fits && is_lower { name.parse().ok() } else { None }
}

/// Absence is always 404 and always text. Git clients get a word on what to do.
fn no_such_file(path: &str) -> Failure {
    if path == "info/refs" || path == "git-upload-pack" {
        return Failure::not_found(
            "this is a sparse index, not a git repository: write `sparse+` before its address in .cargo/config.toml",
        );
    }
    Failure::not_found("there is no such file in the index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_from_names() {
        for (path, name) in [
            ("1/a", "a"),
            ("2/ab", "ab"),
            ("3/a/abc", "abc"),
            ("ab/cd/abcd", "abcd"),
            ("se/rd/serde-json", "serde-json"),
        ] {
            assert_eq!(crate_of(path).map(String::from).as_deref(), Some(name), "{path}");
        }
        let long = format!("aa/aa/{}", "a".repeat(65));
        for path in [
            "",
            "a",
            "/",
            "1/",
            "1/ab",
            "2/a",
            "3/abc",
            "3/b/abc",
            "3/ab/abc",
            "3//abc",
            "ab/cd/abce",
            "ab/ce/abcd",
            "abcd/abcd",
            "x/ab/cd/abcd",
            "Se/rd/Serde",
            "SE/RD/SERDE",
            "../../..",
            "ab/cd/ab\u{e9}d",
            "st/d/std",
            "3/s/std",
            &long,
            "info/refs",
        ] {
            assert_eq!(crate_of(path), None, "{path}");
        }
    }
}
