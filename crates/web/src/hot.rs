//! The two kinds of requests that cargo sends by the hundred, recognised without the router: index files and
//! downloads. What is not plain (a percent sign, a doubled slash) goes the long way round, to the same
//! functions.

use crate::error::{Failure, Result};
use crate::web::Shared;
use crate::{WebBody, base_url, download, extract, sparse};
use holdfast_types::RegistryName;
use http::{HeaderMap, Method, Response, Uri};
use std::net::IpAddr;

/// A request for a file of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hot<'a> {
    /// `config.json`
    Config(&'a str),
    /// An index file: registry and path.
    Index(&'a str, &'a str),
    /// A `.crate` file: registry, crate and version.
    Download(&'a str, &'a str, &'a str),
}

impl<'a> Hot<'a> {
    /// What a path asks for, if it is one of these.
    pub(crate) fn of(method: &Method, path: &'a str) -> Option<Hot<'a>> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        Hot::at_first_sight(path).filter(|_| is_read && is_plain(path))
    }

    /// What a path asks for if it is plain. One that is not has a part that is no name and no version, so nothing
    /// will be found by it.
    pub(crate) fn at_first_sight(path: &'a str) -> Option<Hot<'a>> {
        let (registry, rest) = path.strip_prefix("/r/")?.split_once('/')?;
        if let Some(file) = rest.strip_prefix("index/") {
            return Some(if file == "config.json" {
                Hot::Config(registry)
            } else {
                Hot::Index(registry, file)
            });
        }
        let (krate, rest) = rest.strip_prefix("dl/")?.split_once('/')?;
        Some(Hot::Download(registry, krate, rest.strip_suffix("/download")?))
    }

    /// Answers it.
    pub(crate) async fn answer(
        self,
        shared: &Shared,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Response<WebBody>> {
        let client = base_url::client_address(headers, peer, &shared.settings);
        let actor = extract::authenticate(shared, &Method::GET, headers, client).await?;
        let (Hot::Config(registry) | Hot::Index(registry, _) | Hot::Download(registry, ..)) = self;
        let registry: RegistryName = parsed(registry)?;
        match self {
            Hot::Config(_) => {
                let base = base_url::BaseUrl::of(uri, headers, peer, &shared.settings);
                sparse::config(shared, &actor, &registry, base.as_ref()).await
            }
            Hot::Index(_, path) => sparse::index(shared, &actor, &registry, path, headers).await,
            Hot::Download(_, krate, version) => {
                let (krate, version) = (parsed(krate)?, parsed(version)?);
                download::download(shared, &actor, method, &registry, &krate, &version, headers).await
            }
        }
    }
}

/// Whether a path means what it says: nothing is escaped, no slash doubled, and no query follows.
pub(crate) fn is_plain(path: &str) -> bool {
    !path.contains(['%', '?']) && !path.contains("//")
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: T::Err| Failure::not_found(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_plain_requests() {
        let check = |path, expected| assert_eq!(Hot::of(&Method::GET, path), expected, "{path}");
        check("/r/main/index/config.json", Some(Hot::Config("main")));
        check("/r/main/index/se/rd/serde", Some(Hot::Index("main", "se/rd/serde")));
        check("/r/main/dl/a/1.0.0+b/download", Some(Hot::Download("main", "a", "1.0.0+b")));
        for other in [
            "/",
            "/r/main",
            "/r/main/",
            "/r/main/index",
            "/r/main/dl/a/1.0.0",
            "/r/main/dl/a/1.0.0%2Bb/download",
            "/r/main/index//1/a",
            "/r/main/api/v1/crates",
            "/r/main/index/1/a?b",
            "/r/main/index/1/%61",
            "/x/r/main/index/config.json",
        ] {
            check(other, None);
        }
        assert_eq!(Hot::of(&Method::POST, "/r/main/index/config.json"), None);
    }
}
