//! The server's own JSON API, `/api/v1/…`, described by `/api/openapi.json`. Its types are made here by hand
//! from what operations return.

pub(crate) mod audit;
pub(crate) mod crates;
mod description;
pub(crate) mod devices;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod registries;
pub(crate) mod teams;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod users;

pub(crate) use description::document;
pub use description::openapi;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Deserializer};

/// The answer to what leaves nothing to say.
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Something new, with its JSON.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, crate::extract::Json(self.0)).into_response()
    }
}

/// Tells null from absence: `Some(None)` from `None`.
#[expect(clippy::option_option, reason = "absent and null differ in a patch")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
