//! The front: takes every request, hands it to the hot path or to the router, and finishes every response.

use crate::base_url::BaseUrl;
use crate::body::{BodyError, WebBody};
use crate::error::{Failure, Shape};
use crate::extract::Origin;
use crate::hot::Hot;
use crate::layers::{Class, HttpMetrics, Line, RequestIds, guarded};
use crate::pages::arrival;
use crate::routes;
use crate::settings::WebSettings;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use holdfast_registry::Holdfast;
use holdfast_types::RegistryName;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_LENGTH, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::ServiceExt;

/// The web of a registry: answers requests. Clones share everything.
#[derive(Clone)]
pub struct Web {
    shared: Arc<Shared>,
    routes: Router,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) holdfast: Holdfast,
    pub(crate) settings: WebSettings,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) uploads: tokio::sync::Semaphore,
    pub(crate) started: Instant,
    request_ids: RequestIds,
    /// The path of the public URL, which a proxy may or may not take off.
    mount: String,
}

/// What is left of a request when its response leaves.
struct Asked<'a> {
    class: Class,
    method: &'a Method,
    path: &'a str,
    client: Option<IpAddr>,
    has_credentials: bool,
    began: Instant,
}

impl Web {
    /// Puts a web before a registry.
    pub fn new(holdfast: Holdfast, settings: WebSettings) -> Web {
        let path = settings.public_url.as_deref().and_then(|url| url.split_once("://")?.1.split_once('/'));
        let shared = Arc::new(Shared {
            mount: path.map(|(_, path)| format!("/{path}")).unwrap_or_default(),
            metrics: Arc::default(),
            uploads: tokio::sync::Semaphore::new(settings.max_uploads),
            started: holdfast.outside().instant(),
            request_ids: RequestIds::new(&**holdfast.outside()),
            settings,
            holdfast,
        });
        Web { routes: routes::router(shared.clone()), shared }
    }

    /// The same as a router, to be served by another front or mounted under a path. Such a front says who the
    /// peer is by an extension of the type [`ConnectInfo<SocketAddr>`].
    pub fn router(&self) -> Router {
        Router::new().fallback_service(self.clone())
    }

    /// Answers a request of a peer.
    pub async fn answer<B>(&self, peer: Option<IpAddr>, request: Request<B>) -> Response<WebBody>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
    {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let path = self.shared.inner(uri.path());
        let Some(hot) = Hot::of(method, path) else { return Box::pin(self.route(peer, request)).await };
        self.answer_hot(peer, hot, method, path, uri, headers).await
    }

    /// Answers a request for a file of a registry.
    pub(crate) async fn answer_hot(
        &self,
        peer: Option<IpAddr>,
        hot: Hot<'_>,
        method: &Method,
        path: &str,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Response<WebBody> {
        let class = match hot {
            Hot::Config(_) => Class::Config,
            Hot::Index(..) => Class::Index,
            Hot::Download(..) => Class::Download,
        };
        let _in_flight = self.shared.metrics.begin();
        let began = self.shared.holdfast.outside().instant();
        let limit = Some(self.shared.settings.request_timeout);
        let answer = guarded(limit, pin!(hot.answer(&self.shared, method, uri, headers, peer))).await;
        let answer = answer.and_then(|answer| answer);
        let has_credentials = headers.contains_key(AUTHORIZATION);
        let asked = Asked { class, method, path, client: peer, has_credentials, began };
        self.shared.finish(&asked, answer, || BaseUrl::of(uri, headers, peer, &self.shared.settings))
    }

    /// The path of a request without the mount point.
    pub(crate) fn inner<'a>(&self, path: &'a str) -> &'a str {
        self.shared.inner(path)
    }

    /// What all requests share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether a peer is a proxy whose word on its clients counts.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        (self.shared.settings.is_trusted_proxy)(peer)
    }

    /// Milliseconds since 1970 began.
    pub(crate) fn unix_millis(&self) -> u64 {
        self.shared.holdfast.outside().unix_millis()
    }

    /// Answers a request that needs the router.
    async fn route<B>(&self, peer: Option<IpAddr>, request: Request<B>) -> Response<WebBody>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
    {
        let shared = &*self.shared;
        let _in_flight = shared.metrics.begin();
        let began = shared.holdfast.outside().instant();
        let (mut parts, body) = request.into_parts();
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.or_else(|| connection.map(|peer| peer.0.ip()));
        let path = without_doubled_slashes(shared.inner(parts.uri.path())).into_owned();
        if path != parts.uri.path() {
            parts.uri = with_path(&parts.uri, &path);
        }
        let origin = Origin::of(&parts.uri, &parts.headers, peer, shared);
        parts.extensions.insert(origin.clone());
        let (method, class) = (parts.method.clone(), Class::of(&parts.method, &path));
        let has_credentials = parts.headers.contains_key(AUTHORIZATION);
        let detour = arrival::detour(&parts, &origin);
        // An upload has limits of its own.
        let limit = (class != Class::Publish).then_some(shared.settings.request_timeout);
        let request = Request::from_parts(parts, Body::new(body));
        let answer = match detour {
            Some(page) => Ok(page.map(WebBody::Routed)),
            None => guarded(limit, pin!(self.routes.clone().oneshot(request))).await.and_then(unrouted),
        };
        let asked =
            Asked { class, method: &method, path: &path, client: origin.client(), has_credentials, began };
        shared.finish(&asked, answer, || origin.known_base().cloned())
    }
}

impl Shared {
    /// A path without the mount point.
    fn inner<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(self.mount.as_str()) {
            Some("") => "/",
            Some(inner) if inner.starts_with('/') => inner,
            _ => path,
        }
    }

    /// Writes the response of a failure, counts and logs.
    fn finish(
        &self,
        asked: &Asked<'_>,
        answer: Result<Response<WebBody>, Failure>,
        base: impl FnOnce() -> Option<BaseUrl>,
    ) -> Response<WebBody> {
        let status = answer.as_ref().map_or_else(Failure::status, Response::status);
        let has_failed = status.is_client_error() || status.is_server_error();
        let request_id = (has_failed || Line::is_debug_enabled()).then(|| self.request_ids.next());
        let mut response = match answer {
            Ok(response) => response,
            Err(failure) => {
                let request_id = request_id.as_deref().unwrap_or_default();
                failure.log(request_id, loggable(asked.path));
                let login = base().map(|base| base.login(registry_of(asked.path).as_ref()));
                failure.render(Shape::of(asked.path), login.as_deref(), request_id)
            }
        };
        let bytes = response.body().length().unwrap_or(0);
        // Without a body there is nothing to sniff, and what a client has keeps its headers.
        if status != StatusCode::NOT_MODIFIED {
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        let elapsed = self.holdfast.outside().instant().saturating_duration_since(asked.began);
        self.metrics.answered(asked.class, status, elapsed, bytes);
        if let Some(request_id) = request_id {
            if let Ok(value) = HeaderValue::from_str(&request_id) {
                response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
            }
            let Asked { class, method, path, client, has_credentials, .. } = *asked;
            Line {
                request_id: &request_id,
                class,
                method,
                path: loggable(path),
                status,
                bytes,
                elapsed,
                client,
                has_credentials,
            }
            .write();
        }
        response
    }
}

/// The registry that a path is about.
fn registry_of(path: &str) -> Option<RegistryName> {
    path.strip_prefix("/r/")?.split('/').next()?.parse().ok()
}

/// A path for the log: an invitation's has its secret in it.
fn loggable(path: &str) -> &str {
    if path.starts_with("/invitation/") { "/invitation/…" } else { path }
}

/// What the router gave: a response, or the failure that a response carries.
fn unrouted(result: Result<axum::response::Response, Infallible>) -> Result<Response<WebBody>, Failure> {
    let Ok(mut response) = result;
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => Err(failure.with_allowed(response.headers().get(ALLOW))),
        None => Ok(response.map(WebBody::Routed)),
    }
}

/// A path in which every slash stands alone: cargo appends its paths to whatever address of an API it was
/// given.
fn without_doubled_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut single = String::with_capacity(path.len());
    for character in path.chars() {
        if !(character == '/' && single.ends_with('/')) {
            single.push(character);
        }
    }
    Cow::Owned(single)
}

/// An address with another path and the same query.
fn with_path(uri: &Uri, path: &str) -> Uri {
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

impl tower::Service<Request<Body>> for Web {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let web = self.clone();
        Box::pin(async move {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
            let is_head = *request.method() == Method::HEAD;
            let response = web.answer(peer, request).await;
            // Our own front leaves this to hyper.
            Ok(with_length(response).map(|body| if is_head { Body::empty() } else { Body::new(body) }))
        })
    }
}

/// A response that says how long it is, unless its status forbids that.
fn with_length(mut response: Response<WebBody>) -> Response<WebBody> {
    let is_bodyless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().length().filter(|_| !is_bodyless) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes() {
        for (path, single) in [("/a/b", "/a/b"), ("//a///b//", "/a/b/"), ("/", "/"), ("//", "/")] {
            assert_eq!(without_doubled_slashes(path), single);
        }
        let uri = with_path(&Uri::from_static("http://h//a//b?q=//"), "/a/b");
        assert_eq!(uri.to_string(), "http://h/a/b?q=//");
    }
}
