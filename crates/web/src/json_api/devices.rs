//! How `cargo login` lets a device in: the device authorization grant (RFC 8628), in the shapes of OAuth.

use crate::error::Result;
use crate::extract::{Form, Json, Origin};
use crate::web::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_registry::{DeviceAnswer, DeviceTokens};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How a device goes on (RFC 8628, section 3.2).
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceView {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

/// The tokens of a device (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceTokensView {
    access_token: String,
    /// `Bearer`
    token_type: &'static str,
    expires_in: u64,
    /// Good for one exchange.
    refresh_token: String,
}

/// Why there are none (RFC 6749, section 5.2, and RFC 8628, section 3.5).
#[derive(Serialize, ToSchema)]
pub(crate) struct OauthError {
    error: &'static str,
    error_description: &'static str,
}

/// A device asks to be let in: a form with `client_id` and, as what it is called, `label`.
#[utoipa::path(post, path = "/api/v1/device/authorize", tag = "devices", operation_id = "begin_device", responses((status = 200, body = DeviceView)))]
pub(crate) async fn authorize(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    fields: Form,
) -> Result<Json<DeviceView>> {
    let base = origin.base()?;
    let start = shared.holdfast.begin_device(fields.text("label"), origin.client()).await?;
    Ok(Json(DeviceView {
        device_code: start.secret.reveal().to_owned(),
        verification_uri: format!("{base}/device"),
        verification_uri_complete: format!("{base}/device?code={}", start.user_code),
        user_code: start.user_code,
        expires_in: start.lifetime.as_secs(),
        interval: start.interval.as_secs(),
    }))
}

/// A device asks for its tokens: a form with `grant_type` and `device_code` or `refresh_token`.
#[utoipa::path(post, path = "/api/v1/device/token", tag = "devices", operation_id = "device_token", responses((status = 200, body = DeviceTokensView), (status = 400, body = OauthError)))]
pub(crate) async fn token(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    fields: Form,
) -> Result<Response> {
    let answer = match fields.text("grant_type") {
        "urn:ietf:params:oauth:grant-type:device_code" => match fields.text("device_code").parse() {
            Ok(secret) => shared.holdfast.claim_device(&secret, origin.client()).await?,
            Err(_) => DeviceAnswer::Over,
        },
        "refresh_token" => {
            let tokens = match fields.text("refresh_token").parse() {
                Ok(secret) => shared.holdfast.refresh_device(&secret, origin.client()).await?,
                Err(_) => None,
            };
            match tokens {
                Some(tokens) => DeviceAnswer::Tokens(tokens),
                None => return Ok(refusal("invalid_grant", "this device is not signed in any more")),
            }
        }
        _ => return Ok(refusal("unsupported_grant_type", "only device codes and refresh tokens are known")),
    };
    Ok(match answer {
        DeviceAnswer::Tokens(tokens) => Json(DeviceTokensView::from(tokens)).into_response(),
        DeviceAnswer::Wait => refusal("authorization_pending", "nobody has confirmed the code yet"),
        DeviceAnswer::SlowDown => {
            refusal("slow_down", "the device asks too often; it has to wait 5 seconds longer")
        }
        DeviceAnswer::Denied => refusal("access_denied", "somebody refused this device"),
        DeviceAnswer::Over => refusal("expired_token", "the code is over; begin again"),
    })
}

impl From<DeviceTokens> for DeviceTokensView {
    fn from(tokens: DeviceTokens) -> DeviceTokensView {
        DeviceTokensView {
            access_token: tokens.access.reveal().to_owned(),
            token_type: "Bearer",
            expires_in: tokens.lifetime.as_secs(),
            refresh_token: tokens.refresh.reveal().to_owned(),
        }
    }
}

fn refusal(error: &'static str, error_description: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, Json(OauthError { error, error_description })).into_response()
}
