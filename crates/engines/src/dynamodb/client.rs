//! Signed requests to DynamoDB, one at a time: what was answered, refused, or lost.

use std::time::Duration;

use bytes::Bytes;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, OsEnv, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_http_send_reqwest::ReqwestHttpSend;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::address::Address;
use super::wire::Complaint;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);

/// How long a connection waits for its next request. The service ends idle connections after about a minute.
const IDLE: Duration = Duration::from_secs(20);

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The service did nothing, and will not.
    #[error("it refused: {kind}: {message}")]
    Refused { kind: String, message: String },
    /// A condition of the transaction did not hold.
    #[error("a condition does not hold")]
    Condition,
    /// The service did nothing because of others who want the same items now.
    #[error("another transaction is busy with the same items")]
    Contended,
    /// The service did nothing because it has too much to do.
    #[error("it is throttled: {kind}: {message}")]
    Throttled { kind: String, message: String },
    /// The request did not reach the service.
    #[error("it cannot be reached")]
    Unsent(#[source] Source),
    /// The service may or may not have done it.
    #[error("the answer is lost")]
    Lost(#[source] Source),
}

impl Failure {
    /// Whether the same request may do better a moment later.
    pub(super) fn is_transient(&self) -> bool {
        !matches!(self, Failure::Refused { .. } | Failure::Condition)
    }

    /// Whether it may have been done all the same.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self, Failure::Lost(_))
    }

    /// Whether the service complained of this.
    pub(super) fn is(&self, complaint: &str) -> bool {
        matches!(self, Failure::Refused { kind, .. } if kind == complaint)
    }
}

/// A client of the service in one region.
pub(super) struct Client {
    http: reqwest::Client,
    signer: Signer<Credential>,
    endpoint: http::Uri,
    permits: Semaphore,
}

/// What keeps a client from being made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it names no region; add `region=REGION`, or set `AWS_REGION`")]
    NoRegion,
    #[error("the region or endpoint makes no URL")]
    Endpoint(#[from] http::uri::InvalidUri),
    #[error("no HTTP client can be made")]
    Http(#[from] reqwest::Error),
}

impl Client {
    /// Prepares; nothing is sent yet.
    pub(super) fn new(address: &Address) -> Result<Client, Unusable> {
        // Where two libraries of the process bring a provider each, somebody must choose. An error says that
        // somebody has.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(address.connections)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let region = address.region.clone().or_else(region_of_environment).ok_or(Unusable::NoRegion)?;
        let endpoint = address.endpoint.clone().unwrap_or_else(|| endpoint_of(&region)).parse()?;
        let permits = Semaphore::new(address.connections);
        Ok(Client { signer: signer(address, &region, &http), http, endpoint, permits })
    }

    /// Sends one request and reads its answer, within `limit`.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        body: Bytes,
        limit: Duration,
    ) -> Result<T, Failure> {
        let began = tokio::time::Instant::now();
        let waiting = tokio::time::timeout(limit, async {
            let permit = self.permits.acquire().await.expect("this semaphore is never closed");
            (permit, self.signed(operation, body).await)
        });
        let (_permit, request) = waiting.await.map_err(|late| Failure::Unsent(late.into()))?;
        let request = request.map_err(Failure::Unsent)?;
        let rest = limit.saturating_sub(began.elapsed());
        match tokio::time::timeout(rest, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(late) => Err(Failure::Lost(late.into())),
        }
    }

    async fn signed(&self, operation: &str, body: Bytes) -> Result<reqwest::Request, Source> {
        let request = http::Request::post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-content-sha256", reqsign_core::hash::hex_sha256(&body));
        let (mut head, ()) = request.body(())?.into_parts();
        self.signer.sign(&mut head, None).await?;
        Ok(http::Request::from_parts(head, body).try_into()?)
    }

    async fn exchange<T: DeserializeOwned>(&self, request: reqwest::Request) -> Result<T, Failure> {
        let sent = self.http.execute(request).await;
        let answer = sent.map_err(|error| {
            if error.is_connect() { Failure::Unsent(error.into()) } else { Failure::Lost(error.into()) }
        })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| Failure::Lost(error.into()))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Failure::Lost(error.into()));
        }
        Err(failure(status.as_u16(), &body))
    }
}

/// What a refusal means for the caller.
pub(super) fn failure(status: u16, body: &[u8]) -> Failure {
    let Ok(complaint) = serde_json::from_slice::<Complaint>(body) else {
        // A proxy in between, or half an answer.
        return Failure::Lost(format!("status {status} without a word of the service").into());
    };
    let Complaint { kind, message, reasons } = complaint;
    let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
    let has = |codes: &[&str]| {
        let mut given = reasons.iter().filter_map(|reason| reason.code.as_deref());
        given.any(|code| codes.contains(&code))
    };
    match kind.as_str() {
        "ConditionalCheckFailedException" => Failure::Condition,
        "TransactionCanceledException" if has(&["ConditionalCheckFailed"]) => Failure::Condition,
        "TransactionCanceledException" if has(&["TransactionConflict"]) => Failure::Contended,
        "TransactionCanceledException" if has(&["ThrottlingError", "ProvisionedThroughputExceeded"]) => {
            Failure::Throttled { kind, message }
        }
        "TransactionConflictException" => Failure::Contended,
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "LimitExceededException" => Failure::Throttled { kind, message },
        // Ours, from a moment ago: it will be done or not.
        "TransactionInProgressException" => Failure::Lost(format!("{kind}: {message}").into()),
        _ if status >= 500 => Failure::Lost(format!("status {status}: {kind}: {message}").into()),
        _ => Failure::Refused { kind, message },
    }
}

fn endpoint_of(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://dynamodb.{region}.{suffix}/")
}

fn region_of_environment() -> Option<String> {
    let environment = Context::new().with_env(OsEnv);
    ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| environment.env_var(name))
}

/// Signs with the keys of the URL, or with what the place has where the process runs: environment, shared
/// configuration, web identity, container, instance.
fn signer(address: &Address, region: &str, http: &reqwest::Client) -> Signer<Credential> {
    let context = Context::new()
        .with_env(OsEnv)
        .with_file_read(TokioFileRead)
        .with_http_send(ReqwestHttpSend::new(http.clone()));
    let signer = RequestSigner::new("dynamodb", region);
    match (&address.keys, &address.profile) {
        (Some(keys), _) => {
            Signer::new(context, StaticCredentialProvider::new(&keys.id, &keys.secret), signer)
        }
        (None, Some(profile)) => {
            let ambient = DefaultCredentialProvider::builder().with_profile(profile).build();
            Signer::new(context, ambient, signer)
        }
        (None, None) => Signer::new(context, DefaultCredentialProvider::new(), signer),
    }
}
