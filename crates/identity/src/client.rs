//! Requests to other systems, each with a limit on its time and on the size of its answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Request, StatusCode};
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use crate::secret::Secret;

/// How long a whole exchange may take: somebody waits in front of a browser.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// The largest answer that is read.
const LARGEST: usize = 1024 * 1024;

/// A system that had to be asked gave no usable answer. The fault is not that of whoever signs in; another
/// attempt may succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{url}` is of no use now")]
pub struct Unavailable {
    /// What was asked.
    pub url: Url,
    /// What is wrong with its answer.
    #[source]
    pub cause: Cause,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// There is none.
    #[error("it cannot be reached")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// It takes too long.
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// It does not end.
    #[error("it answers with more than {LARGEST} bytes")]
    TooLarge,
    /// It is a refusal, a redirection, or a failure.
    #[error("it answers with status {0}")]
    Status(u16),
    /// It is not what was asked for.
    #[error("it answers with something else than was asked for")]
    Nonsense(#[source] Arc<serde_json::Error>),
    /// It tells of another issuer.
    #[error("it says that it is `{0}`; the configuration must name the issuer exactly so")]
    OtherIssuer(String),
    /// It sends us to a place that we do not go to.
    #[error("it sends us on to an address that is no use")]
    Address(#[source] crate::AddressError),
}

/// A client for everything that this crate asks of others; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

/// No client can be made: the system's certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made")]
pub struct ClientError(#[from] reqwest::Error);

/// An answer with its body.
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Prepares; nothing is sent yet.
    pub fn new() -> Result<Client, ClientError> {
        // Where two libraries of the process bring a provider each, somebody must choose. An error says that
        // somebody has.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .user_agent("holdfast")
            .connect_timeout(PATIENCE)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Client(http))
    }

    /// What is at `url`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Unavailable> {
        self.send(get(url)).await?.json()
    }

    /// What is at `url` for the holder of an access token.
    pub(crate) async fn get_as<T: DeserializeOwned>(
        &self,
        url: &Url,
        access_token: &Secret,
    ) -> Result<T, Unavailable> {
        let mut request = get(url);
        let bearer = format!("Bearer {}", access_token.expose());
        // Text that is no header is no token either: let the other side say so.
        let bearer = HeaderValue::try_from(bearer).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        request.headers_mut().insert(AUTHORIZATION, secret(bearer));
        self.send(request).await?.json()
    }

    /// Sends a form, with the name and the password of the sender when they go into the head.
    pub(crate) async fn post(
        &self,
        url: &Url,
        login: Option<(&str, &Secret)>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Unavailable> {
        let mut request = Request::new(reqwest::Method::POST, url.clone());
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        *request.body_mut() = Some(form.into());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, password)) = login {
            headers.insert(AUTHORIZATION, secret(basic(name, password)));
        }
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<Answer, Unavailable> {
        let url = request.url().clone();
        let sent = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        match sent.unwrap_or(Err(Cause::Slow)) {
            Ok((status, body)) => Ok(Answer { url, status, body }),
            Err(cause) => Err(Unavailable { url, cause }),
        }
    }

    async fn exchange(&self, request: Request) -> Result<(StatusCode, Vec<u8>), Cause> {
        let lost = |error: reqwest::Error| Cause::Unreachable(Arc::new(error.without_url()));
        let mut answer = self.0.execute(request).await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(lost)? {
            if body.len() + part.len() > LARGEST {
                return Err(Cause::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok((answer.status(), body))
    }
}

impl Answer {
    /// The value of an answer that is none of refusal.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Unavailable> {
        if !self.status.is_success() {
            return Err(self.useless(Cause::Status(self.status.as_u16())));
        }
        self.value().map_err(|error| self.useless(Cause::Nonsense(Arc::new(error))))
    }

    /// The value of any answer.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }

    pub(crate) fn useless(&self, cause: Cause) -> Unavailable {
        Unavailable { url: self.url.clone(), cause }
    }
}

fn get(url: &Url) -> Request {
    let mut request = Request::new(reqwest::Method::GET, url.clone());
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// Both parts as forms write them, then as one text: RFC 6749, section 2.3.1.
fn basic(name: &str, password: &Secret) -> HeaderValue {
    use base64::Engine as _;
    let form = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", form(name), form(password.expose()));
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    HeaderValue::try_from(text).expect("base64 is made of what headers may hold")
}

fn secret(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
