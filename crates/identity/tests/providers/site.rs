//! A provider, and a server that lets people sign in by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use holdfast_identity::{Begun, Callback, Client, ENTROPY, Flow, Person, Provider, SignIn, SignInError};
use holdfast_servers::{Act, Front, Oidc, Request};
use holdfast_types::Timestamp;
use serde_json::{Value, json};
use url::Url;

pub(crate) struct Site {
    pub(crate) oidc: Oidc,
    pub(crate) provider: Provider,
}

impl Site {
    /// `None` when the provider is not installed.
    pub(crate) fn start() -> Option<Site> {
        let oidc = Oidc::start()?;
        let provider = provider(&secret_client(&oidc));
        Some(Site { oidc, provider })
    }

    /// Signs somebody in up to the moment when the browser comes back.
    pub(crate) async fn come_back(&self, name: &str) -> (Flow, Callback) {
        let Begun { url, flow } = begin(&self.provider, 1).await.unwrap();
        let back = self.oidc.sign_in(url.as_str(), name);
        (flow, callback(&back))
    }

    pub(crate) async fn finish(&self, flow: &Flow, callback: &Callback) -> Result<Person, SignInError> {
        self.provider.finish(now(), &redirect_uri(), flow, callback).await
    }

    /// A token of the provider, with a change to its claims.
    pub(crate) fn mint(&self, header: &Value, key: &str, changes: &Value) -> String {
        mint(&self.oidc, header, key, changes)
    }
}

pub(crate) fn secret_client(oidc: &Oidc) -> Value {
    json!({
        "kind": "oidc",
        "issuer": oidc.issuer(),
        "client-id": Oidc::CLIENT,
        "client-secret": Oidc::SECRET,
    })
}

pub(crate) fn provider(config: &Value) -> Provider {
    let config = serde_json::from_value(config.clone()).unwrap();
    match SignIn::new(config, &Client::new().unwrap()).unwrap() {
        SignIn::Browser(provider) => provider,
        SignIn::Password(_) => panic!("browsers are not sent to directories"),
    }
}

pub(crate) async fn begin(provider: &Provider, random: u8) -> Result<Begun, SignInError> {
    provider.begin(now(), &redirect_uri(), &[random; ENTROPY]).await
}

pub(crate) fn mint(oidc: &Oidc, header: &Value, key: &str, changes: &Value) -> String {
    let seconds = now().unix_seconds();
    let mut claims = json!({
        "iss": oidc.issuer(),
        "aud": Oidc::CLIENT,
        "sub": "ann",
        "iat": seconds,
        "exp": seconds + 300,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let is_foreign = header.get("foreign").is_some();
    oidc.mint(&json!({"header": header, "claims": claims, "key": key, "foreign": is_foreign}).to_string())
}

/// Where the browser comes back to; nobody listens there.
pub(crate) fn redirect_uri() -> Url {
    "http://127.0.0.1:1/sign-in/back".parse().unwrap()
}

pub(crate) fn callback(url: &str) -> Callback {
    assert!(url.starts_with(redirect_uri().as_str()), "{url}");
    let url = Url::parse(url).unwrap();
    let pairs: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    serde_json::from_value(json!(pairs)).unwrap()
}

/// The provider gives its tokens by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "another program's clock must be met")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_unix_seconds(now.as_secs().try_into().unwrap())
}

/// Counts requests of a path from now on.
pub(crate) fn count(front: &Front, path: &'static str) -> Arc<AtomicU32> {
    let times = Arc::new(AtomicU32::new(0));
    let counted = times.clone();
    front.script(move |request| {
        if path_of(request) == path {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Act::Forward
    });
    times
}

/// Answers requests of a path itself from now on.
pub(crate) fn answer(front: &Front, path: &'static str, status: u16, body: &impl ToString) {
    let body = body.to_string();
    front.script(
        move |request| {
            if path_of(request) == path { Act::Answer(status, body.clone()) } else { Act::Forward }
        },
    );
}

pub(crate) fn path_of(request: &Request) -> &str {
    let target = request.line.split(' ').nth(1).unwrap();
    target.split('?').next().unwrap()
}
