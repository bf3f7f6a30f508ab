//! Failures as responses: the one place that knows which status a kind of error has.
//!
//! A handler returns a [`Failure`]; what is sent is written by [`Failure::render`] on the way out, where the
//! request id and the server's address are known: JSON that cargo prints for an API, a line of text
//! elsewhere.

use crate::body::WebBody;
use axum::response::{IntoResponse, Response};
use holdfast_registry::{Error, Kind};
use holdfast_types::ApiErrors;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// Seconds after which to try again where nobody knows better. Cargo waits at most 10.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// A request that was not carried out.
#[derive(Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    error: Arc<Error>,
    allowed: Option<HeaderValue>,
}

/// What a handler gives.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// How an address tells of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"errors":[{"detail":"…"}]}`, which cargo prints.
    Json,
    /// A line of text: cargo shows index and download answers as they are, and so do people's browsers.
    Text,
}

impl Shape {
    /// The shape for a path: JSON under `/api/`, `/ktra/api/` and `/r/{registry}/api/`.
    pub(crate) fn of(path: &str) -> Shape {
        let inner = path.strip_prefix("/r/").and_then(|rest| rest.split_once('/')).map(|(_, inner)| inner);
        let is_api = |path: &str| path == "api" || path.starts_with("api/");
        let own = path.strip_prefix("/ktra").unwrap_or(path);
        let is_json = is_api(own.strip_prefix('/').unwrap_or(own)) || inner.is_some_and(is_api);
        if is_json { Shape::Json } else { Shape::Text }
    }
}

/// The status of a kind of error.
pub(crate) fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When to try again what is too much or not available now: in whole seconds, and never too soon.
pub(crate) fn retry_after(status: StatusCode, wait: Option<Duration>) -> Option<HeaderValue> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Some(wait.map_or(RETRY_SECONDS, |wait| {
                HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }))
        }
        _ => None,
    }
}

impl Failure {
    /// A failure with a status that no kind of error has.
    pub(crate) fn with_status(status: StatusCode, error: Error) -> Failure {
        Failure { status, error: Arc::new(error), allowed: None }
    }

    /// Something that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Failure {
        Error::not_found(detail).into()
    }

    /// Input that breaks a rule.
    pub(crate) fn invalid(rule: impl fmt::Display) -> Failure {
        Error::invalid(rule).into()
    }

    /// A fault of ours without a cause to tell.
    pub(crate) fn internal(detail: &'static str) -> Failure {
        Error::new(Kind::Internal, detail).into()
    }

    /// The same with the methods that the address has, as the router found them.
    pub(crate) fn with_allowed(self, allowed: Option<&HeaderValue>) -> Failure {
        Failure { allowed: allowed.cloned(), ..self }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Puts a fault of ours, or of what we depend on, into the log.
    pub(crate) fn log(&self, request_id: &str, path: &str) {
        match self.error.kind() {
            Kind::Internal => {
                tracing::error!(request_id, path, error = ?self.error, "a request failed by a fault of the server");
            }
            Kind::Unavailable => {
                tracing::warn!(request_id, path, error = ?self.error, "a request failed because something did not answer");
            }
            Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::TooMany => {}
        }
    }

    /// The response as it is sent. `login` is where tokens come from, if the server knows its address.
    pub(crate) fn render(
        &self,
        shape: Shape,
        login: Option<&str>,
        request_id: &str,
    ) -> http::Response<WebBody> {
        let mut detail = self.error.detail().to_owned();
        if self.error.kind() == Kind::Internal {
            // Writing to a string does not fail.
            let _ = write!(detail, " (request `{request_id}`)");
        }
        let (content_type, body) = match shape {
            Shape::Json => {
                let json = serde_json::to_vec(&ApiErrors::new(detail)).expect("it has string keys only");
                (HeaderValue::from_static("application/json"), json)
            }
            Shape::Text => {
                detail.push('\n');
                (HeaderValue::from_static("text/plain; charset=utf-8"), detail.into_bytes())
            }
        };
        let mut response = http::Response::new(WebBody::Whole(body.into()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after(self.status, self.error.wait()) {
            headers.insert(RETRY_AFTER, seconds);
        }
        if let Some(allowed) = &self.allowed {
            headers.insert(ALLOW, allowed.clone());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, challenge(login));
        }
        response
    }
}

/// What cargo reads from a 401 to tell where tokens come from; it insists on an absolute address.
fn challenge(login: Option<&str>) -> HeaderValue {
    let value = login.and_then(|login| HeaderValue::try_from(format!("Cargo login_url=\"{login}\"")).ok());
    value.unwrap_or(HeaderValue::from_static("Cargo"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::with_status(status_of(error.kind()), error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.status, self.error)
    }
}

/// Only the status, and the failure itself for whoever writes the response.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        let (busy, down) = (StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE);
        for (status, millis, seconds) in [
            (busy, Some(899_001), Some("900")),
            (busy, Some(14_000), Some("14")),
            (busy, Some(1), Some("1")),
            (busy, None, Some("2")),
            (down, None, Some("2")),
            (StatusCode::FORBIDDEN, Some(1000), None),
        ] {
            let header = retry_after(status, millis.map(Duration::from_millis));
            assert_eq!(header.as_ref().map(|value| value.to_str().expect("digits")), seconds, "{millis:?}");
        }
    }

    #[test]
    fn shapes() {
        for path in
            ["/api", "/api/v1/x", "/r/main/api/v1/crates", "/r/main/api", "/api/", "/ktra/api/v1/login/a"]
        {
            assert_eq!(Shape::of(path), Shape::Json, "{path}");
        }
        for path in
            ["/", "/me", "/r/main/index/api/x", "/r/api", "/apix", "/r/main/dl/api/1.0.0/download", ""]
        {
            assert_eq!(Shape::of(path), Shape::Text, "{path}");
        }
    }
}
