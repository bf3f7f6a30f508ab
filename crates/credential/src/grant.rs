//! The token endpoint, RFC 6749: an access token and the refresh token that brings the next one.

use serde::Deserialize;

use crate::http::{Answer, CallError, Http};
use crate::place::Place;
use crate::secret::Secret;
use crate::store::Session;

/// Who we are at the authorization endpoints.
pub(crate) const CLIENT: (&str, &str) = ("client_id", "cargo-credential-holdfast");

/// What the endpoint gave.
#[derive(Debug, Deserialize)]
pub(crate) struct Grant {
    access_token: Secret,
    /// In seconds.
    expires_in: u64,
    /// The old one stays good where no new one comes.
    refresh_token: Option<Secret>,
}

/// Why it gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Declined {
    /// A code of the standards.
    #[error("{error}")]
    Standard {
        /// The code.
        code: String,
        /// The same for people. It is the message itself, and no source.
        error: CallError,
    },
    #[error(transparent)]
    Call(CallError),
}

#[derive(Deserialize)]
struct Code {
    error: String,
}

impl Grant {
    /// Asks for a grant. The fields tell what there is to show for it.
    pub(crate) fn ask(http: &Http, place: &Place, fields: &[(&str, &str)]) -> Result<Grant, Declined> {
        let fields: Vec<_> = [CLIENT].iter().chain(fields).copied().collect();
        let answer = http.post_form(&place.api("/device/token"), &fields).map_err(Declined::Call)?;
        let code = code(&answer);
        answer.json().map_err(|error| match code {
            Some(code) => Declined::Standard { code, error },
            None => Declined::Call(error),
        })
    }

    /// What is kept of it. `before` is the refresh token that was used.
    pub(crate) fn into_session(self, now: u64, before: Option<Secret>) -> Option<Session> {
        let refresh_token = self.refresh_token.or(before)?;
        let expires_at = now.saturating_add(self.expires_in);
        Some(Session { access_token: self.access_token, expires_at, refresh_token })
    }
}

fn code(answer: &Answer) -> Option<String> {
    let is_standard = answer.status() == 400 || answer.status() == 401;
    answer.parsed::<Code>().filter(|_| is_standard).map(|code| code.error)
}
