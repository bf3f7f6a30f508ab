//! Calls over HTTP: bounded in time and size, without redirects, with the certificates of the system.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Response, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, RequestBuilder};

use crate::secret::Secret;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How large an answer may be.
const LARGEST_BYTES: u64 = 256 * 1024;
/// How much of a server's own words is shown.
const LONGEST_DETAIL: usize = 500;

/// Makes calls. What encryption needs is read at the first one.
pub(crate) struct Http {
    /// A file of further authorities, beside those of the system.
    authorities: Option<PathBuf>,
    agent: OnceLock<Agent>,
}

/// An answer: its status and its body.
pub(crate) struct Answer {
    host: String,
    status: u16,
    body: Vec<u8>,
}

/// Why a call did not bring what it was made for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody answered.
    #[error("cannot reach `{host}`; check the network, the address of the registry and its certificate")]
    Unreachable { host: String, source: Box<ureq::Error> },
    /// The server said no, and why.
    #[error("`{host}` answered: {detail} (status {status})")]
    Refused { host: String, status: u16, detail: String },
    /// Somebody else answered, or a server in trouble.
    #[error("`{host}` gave an answer of status {status} that makes no sense; is a Holdfast server there?")]
    Strange { host: String, status: u16 },
}

impl CallError {
    /// Whether the same call may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            CallError::Unreachable { .. } => true,
            CallError::Refused { status, .. } | CallError::Strange { status, .. } => {
                *status == 429 || *status >= 500
            }
        }
    }
}

impl Http {
    pub(crate) fn new(authorities: Option<PathBuf>) -> Http {
        Http { authorities, agent: OnceLock::new() }
    }

    pub(crate) fn get(&self, url: &str, bearer: &Secret) -> Result<Answer, CallError> {
        let request = plainly(url, self.agent().get(url)).header("authorization", authorization(bearer));
        finish(url, request.call())
    }

    pub(crate) fn delete(&self, url: &str, bearer: &Secret) -> Result<Answer, CallError> {
        let request = plainly(url, self.agent().delete(url)).header("authorization", authorization(bearer));
        finish(url, request.call())
    }

    pub(crate) fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer, CallError> {
        finish(url, plainly(url, self.agent().post(url)).send_form(fields.iter().copied()))
    }

    pub(crate) fn post_json(
        &self,
        url: &str,
        bearer: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(body).expect("requests have names as keys");
        let mut request = plainly(url, self.agent().post(url)).content_type("application/json");
        if let Some(bearer) = bearer {
            request = request.header("authorization", authorization(bearer));
        }
        finish(url, request.send(&body))
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let mut found = rustls_native_certs::load_native_certs().certs;
            if let Some(file) = &self.authorities {
                let more = rustls_native_certs::load_certs_from_paths(Some(file), None);
                if more.certs.is_empty() {
                    let file = file.display();
                    eprintln!("warning: `{file}`, which `CARGO_HTTP_CAINFO` names, has no certificates");
                }
                found.extend(more.certs);
            }
            let roots = found.iter().map(|found| Certificate::from_der(found).to_owned()).collect();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(provider)
                .root_certs(RootCerts::Specific(Arc::new(roots)))
                .build();
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_global(Some(PATIENCE))
                .tls_config(tls)
                .user_agent(concat!("cargo-credential-holdfast/", env!("CARGO_PKG_VERSION")));
            config.build().new_agent()
        })
    }
}

impl Answer {
    /// The document of a good answer.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let answer = self.good()?;
        answer.parsed().ok_or_else(|| answer.strange())
    }

    /// A good answer, whatever is in it.
    pub(crate) fn good(self) -> Result<Answer, CallError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let detail = self.parsed().and_then(|document| detail_of(&document));
        Err(match detail {
            Some(detail) => CallError::Refused { host: self.host, status: self.status, detail },
            None => self.strange(),
        })
    }

    /// The document, if it is one of that type.
    pub(crate) fn parsed<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    fn strange(&self) -> CallError {
        CallError::Strange { host: self.host.clone(), status: self.status }
    }
}

/// A server's words on one line, without what could steer a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(LONGEST_DETAIL).collect()
}

fn authorization(bearer: &Secret) -> String {
    format!("Bearer {}", bearer.reveal())
}

/// Without encryption a call stays on this machine or in the network of a CI system: no proxy may see it.
fn plainly<B>(url: &str, request: RequestBuilder<B>) -> RequestBuilder<B> {
    if url.starts_with("https://") { request } else { request.config().proxy(None).build() }
}

fn finish(url: &str, outcome: Result<Response<Body>, ureq::Error>) -> Result<Answer, CallError> {
    let host = host_of(url);
    let unreachable = |source| CallError::Unreachable { host: host.clone(), source: Box::new(source) };
    let mut response = outcome.map_err(unreachable)?;
    let status = response.status().as_u16();
    match response.body_mut().with_config().limit(LARGEST_BYTES).read_to_vec() {
        Ok(body) => Ok(Answer { host, status, body }),
        Err(ureq::Error::BodyExceedsLimit(_)) => Err(CallError::Strange { host, status }),
        Err(error) => Err(unreachable(error)),
    }
}

/// The part of an address that is safe to show.
fn host_of(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    let authority = uri.as_ref().and_then(|uri| uri.authority()).map(|authority| {
        let host = authority.host();
        authority.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    });
    authority.unwrap_or_else(|| "the server".to_owned())
}

/// The sentence of a refusal: cargo's `{"errors":[{"detail"}]}`, or `OAuth`'s.
fn detail_of(document: &Value) -> Option<String> {
    let of_cargo = document["errors"].as_array().map(|errors| {
        let details = errors.iter().filter_map(|error| error["detail"].as_str());
        details.collect::<Vec<_>>().join(", ")
    });
    let of_oauth =
        || document["error_description"].as_str().or(document["error"].as_str()).map(str::to_owned);
    let detail = of_cargo.or_else(of_oauth)?;
    Some(shown(&detail)).filter(|detail| !detail.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_are_told_in_the_words_of_the_server() {
        for (document, detail) in [
            (json!({"errors": [{"detail": "one"}, {"detail": "two"}]}), Some("one, two")),
            (json!({"error": "access_denied", "error_description": "no"}), Some("no")),
            (json!({"error": "access_denied"}), Some("access_denied")),
            (json!({"errors": [{"detail": "\u{1b}[31mred\n"}]}), Some(" [31mred ")),
            (json!({"errors": []}), None),
            (json!(["x"]), None),
        ] {
            assert_eq!(detail_of(&document).as_deref(), detail, "{document}");
        }
    }

    #[test]
    fn only_hosts_of_addresses_are_shown() {
        assert_eq!(host_of("https://me:secret@h:7/path?token=x"), "h:7");
        assert_eq!(host_of("http://[::1]:7/"), "[::1]:7");
        assert_eq!(host_of("no address"), "the server");
    }
}
