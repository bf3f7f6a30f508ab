//! One line a request. Never a header, never a query: either may hold a secret.

use crate::layers::Class;
use http::{Method, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// What is known of a request when its response leaves.
pub(crate) struct Line<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) class: Class,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) client: Option<IpAddr>,
    /// Whether the request had credentials.
    pub(crate) has_credentials: bool,
}

impl Line<'_> {
    /// Whether anybody listens to lines of the lowest level.
    pub(crate) fn is_debug_enabled() -> bool {
        tracing::enabled!(tracing::Level::DEBUG)
    }

    /// Writes it: what went well at debug, what is wrong with the request at info, what is wrong with us at
    /// warn.
    pub(crate) fn write(&self) {
        macro_rules! line {
            ($level:ident) => {
                tracing::event!(
                    tracing::Level::$level,
                    request_id = self.request_id,
                    method = %self.method,
                    path = self.path,
                    status = self.status.as_u16(),
                    bytes = self.bytes,
                    micros = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
                    client = self.client.map(tracing::field::display),
                    "request"
                )
            };
        }
        if self.status.is_server_error() {
            line!(WARN);
        } else if self.status.is_client_error() && !self.is_expected() {
            line!(INFO);
        } else {
            line!(DEBUG);
        }
    }

    /// What cargo does in every session: it asks for `config.json` without a token, and for names that may
    /// not be there.
    fn is_expected(&self) -> bool {
        match self.class {
            Class::Config => self.status == StatusCode::UNAUTHORIZED && !self.has_credentials,
            Class::Index => self.status == StatusCode::NOT_FOUND,
            _ => false,
        }
    }
}
