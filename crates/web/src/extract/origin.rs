//! Where a request came from and how its sender calls this server.

use crate::base_url::{BaseUrl, client_address};
use crate::error::{Failure, Result};
use crate::web::Shared;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Uri};
use std::net::IpAddr;
use std::sync::Arc;

/// Put into every request on its way to the router.
#[derive(Clone, Debug)]
pub(crate) struct Origin(Arc<(Option<BaseUrl>, Option<IpAddr>)>);

impl Origin {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, peer: Option<IpAddr>, shared: &Shared) -> Origin {
        let base = BaseUrl::of(uri, headers, peer, &shared.settings);
        Origin(Arc::new((base, client_address(headers, peer, &shared.settings))))
    }

    /// The address of the server, for answers that hold addresses.
    pub(crate) fn base(&self) -> Result<&BaseUrl> {
        self.0.0.as_ref().ok_or_else(no_host)
    }

    /// The same, where it can be done without.
    pub(crate) fn known_base(&self) -> Option<&BaseUrl> {
        self.0.0.as_ref()
    }

    /// The path that the whole server is under, for links without a host.
    pub(crate) fn root(&self) -> &str {
        self.known_base().map_or("", BaseUrl::path)
    }

    /// The address of whoever asks.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.0.1
    }
}

/// The failure of a request that does not say how it calls us.
pub(crate) fn no_host() -> Failure {
    Failure::invalid(
        "the request has no usable `Host` header, so the server does not know its own address; set its option `public-url`",
    )
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Origin> {
        let origin = parts.extensions.get::<Origin>().cloned();
        origin.ok_or_else(|| {
            Failure::internal("a request came to a handler without passing the server's front")
        })
    }
}
