//! JSON in and out.

use crate::error::{Failure, Result};
use crate::web::Shared;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use holdfast_registry::{Error, Kind};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The most bytes of a JSON request; the longest honest one is a list of owners.
const MAX_BYTES: usize = 64 * 1024;

/// A JSON body. No content type is asked for, since cargo sends none with some requests; answers are not to
/// be stored.
pub(crate) struct Json<T>(pub(crate) T);

/// Reads a small body. A client that does not send it in half of the time that a request has is told so, while
/// there is time.
pub(crate) async fn read_bounded(shared: &Shared, body: Body) -> Result<Bytes> {
    let limit = shared.settings.request_timeout / 2;
    let read = timeout(limit, Limited::new(body, MAX_BYTES).collect()).await;
    match read.map_err(|_| too_slow(limit))? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Error::new(Kind::TooLarge, format!("the request's body is larger than {MAX_BYTES} bytes"))
                .into())
        }
        Err(error) => Err(Failure::with_status(
            StatusCode::BAD_REQUEST,
            Error::with_source(Kind::Invalid, "the request's body broke off", error),
        )),
    }
}

fn too_slow(limit: Duration) -> Failure {
    let detail = format!("the request's body did not come within {} seconds; try again", limit.as_secs());
    Failure::with_status(StatusCode::REQUEST_TIMEOUT, Error::new(Kind::Invalid, detail))
}

impl<T: DeserializeOwned> Json<T> {
    /// Reads bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            Failure::invalid(format!("the request's body is not the JSON that is expected: {error}"))
        })
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Json<T>> {
        Ok(Json(Json::parse(&read_bounded(shared, request.into_body()).await?)?))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(json) = serde_json::to_vec(&self.0) else {
            return Failure::internal("the answer could not be written").into_response();
        };
        let mut response = Response::new(Body::from(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
