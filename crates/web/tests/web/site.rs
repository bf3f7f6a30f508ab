//! A server in memory with people, registries and crates to ask about.

use axum::body::Body;
use bytes::Bytes;
use holdfast_blobs::Blobs;
use holdfast_registry::entity::{RegistryKind, Role};
use holdfast_registry::{
    Actor, Browser, Holdfast, NewRegistry, NewToken, NewUser, Parts, PasswordCost, Provider, Settings,
};
use holdfast_search::SearchIndex;
use holdfast_store::Memory;
use holdfast_testkit::FakeOutside;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::{Endpoint, RegistryName, Scopes};
use holdfast_web::{Web, WebSettings};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// How the tests call the server.
pub(crate) const HOST: &str = "crates.example";
/// The token of the user `admin`.
pub(crate) const ADMIN: &str = "the-admin-token";

/// The password of whoever has one.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The least that Argon2 can do.
const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };

/// A server with the registry `main`, which needs a login, and `open`, which anybody may read.
pub(crate) struct Site {
    pub(crate) web: Web,
    pub(crate) holdfast: Holdfast,
    pub(crate) outside: Arc<FakeOutside>,
}

impl Site {
    pub(crate) async fn new() -> Site {
        Site::with(WebSettings::default(), Settings::default()).await
    }

    pub(crate) async fn with(settings: WebSettings, registry: Settings) -> Site {
        Site::with_providers(settings, registry, Vec::new()).await
    }

    pub(crate) async fn with_providers(
        settings: WebSettings,
        registry: Settings,
        providers: Vec<Provider>,
    ) -> Site {
        let outside = FakeOutside::new(1);
        let holdfast = Holdfast::new(Parts {
            store: Arc::new(Memory::new()),
            blobs: Blobs::open("memory:").await.unwrap(),
            search: Some(Arc::new(SearchIndex::memory().unwrap())),
            outside: outside.clone(),
            settings: Settings { password_cost: CHEAP, ..registry },
            providers,
        });
        holdfast.start(Some(&ADMIN.parse().unwrap())).await.unwrap();
        let open =
            NewRegistry { name: "open".parse().unwrap(), kind: RegistryKind::Hosted, anonymous_read: true };
        holdfast.create_registry(&Actor::operator(), open).await.unwrap();
        Site { web: Web::new(holdfast.clone(), settings), holdfast, outside }
    }

    /// Makes a user with a token for everything that the role allows.
    pub(crate) async fn user(&self, login: &str, role: Role) -> String {
        let new = NewUser { login: login.parse().unwrap(), role, service: false, keeper: None };
        self.holdfast.add_user(&Actor::operator(), new).await.unwrap();
        self.token(login, &[], &[], None).await
    }

    /// Makes one more token for a user.
    pub(crate) async fn token(
        &self,
        login: &str,
        endpoints: &[Endpoint],
        crates: &[&str],
        expires_in: Option<Duration>,
    ) -> String {
        let scopes = Scopes {
            endpoints: endpoints.iter().copied().collect(),
            crates: crates.iter().map(|pattern| pattern.parse().unwrap()).collect(),
            ..Scopes::default()
        };
        let new = NewToken { login: login.parse().unwrap(), label: "test".to_owned(), scopes, expires_in };
        let (_, secret) = self.holdfast.create_token(&Actor::operator(), new).await.unwrap();
        secret.reveal().to_owned()
    }

    /// Gives a user the usual password.
    pub(crate) async fn password(&self, login: &str) {
        let (login, password) = (login.parse().unwrap(), PASSWORD.parse().unwrap());
        self.holdfast.set_password(&Actor::operator(), &login, password).await.unwrap();
    }

    /// Signs a user in who has the usual password: the secret of the session.
    pub(crate) async fn session(&self, login: &str) -> String {
        let browser = Browser { agent: "Test/1.0".to_owned(), address: None };
        let session = self.holdfast.sign_in(login, PASSWORD.parse().unwrap(), browser).await.unwrap();
        session.secret.reveal().to_owned()
    }

    /// Publishes a package to a registry.
    pub(crate) async fn publish(&self, token: &str, registry: &str, package: &CrateBuilder) -> Answer {
        let frame = package.clone().own_index(&own_index(registry)).frame();
        put(&format!("/r/{registry}/api/v1/crates/new")).token(token).body(frame).send(self).await
    }

    /// Lets the search index catch up with what was published.
    pub(crate) async fn index_everything(&self, registry: &str, crates: usize) {
        let (end, shutdown) = tokio::sync::watch::channel(false);
        let holdfast = self.holdfast.clone();
        let background = tokio::spawn(async move { holdfast.run_background(shutdown).await });
        let all = get(&format!("/r/{registry}/api/v1/crates?per_page=1")).token(ADMIN);
        let patience = std::time::Instant::now() + Duration::from_secs(30);
        while all.clone().send(self).await.ok_json()["meta"]["total"] != crates {
            assert!(std::time::Instant::now() < patience, "the search index does not get there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        end.send(true).unwrap();
        background.await.unwrap();
    }
}

/// The address of a registry's index.
pub(crate) fn own_index(registry: &str) -> String {
    let registry: RegistryName = registry.parse().unwrap();
    format!("sparse+http://{HOST}/r/{registry}/index/")
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

pub(crate) fn ask(method: &str, path: &str) -> Ask {
    let headers = [(http::header::HOST, HOST.parse().unwrap())].into_iter().collect();
    Ask { method: method.to_owned(), path: path.to_owned(), headers, body: Bytes::new() }
}

pub(crate) fn get(path: &str) -> Ask {
    ask("GET", path)
}

pub(crate) fn put(path: &str) -> Ask {
    ask("PUT", path)
}

pub(crate) fn post(path: &str) -> Ask {
    ask("POST", path)
}

pub(crate) fn delete(path: &str) -> Ask {
    ask("DELETE", path)
}

impl Ask {
    pub(crate) fn token(self, token: &str) -> Ask {
        self.header("authorization", token)
    }

    /// Comes from a browser that signed in, from a page of ours.
    pub(crate) fn session(self, secret: &str) -> Ask {
        self.header("cookie", &format!("__Host-holdfast={secret}")).header("sec-fetch-site", "same-origin")
    }

    /// The fields of a form, sent by a page of ours.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Ask {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("sec-fetch-site", "same-origin").body(body)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Ask {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Ask {
        self.headers.remove(name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Ask {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Ask {
        self.body(body.to_string())
    }

    /// Sends it through the router, as any front would.
    pub(crate) async fn send(self, site: &Site) -> Answer {
        self.send_to(site.web.router()).await
    }

    pub(crate) async fn send_to(self, router: axum::Router) -> Answer {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method.parse().unwrap();
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            line: format!("{} {}", self.method, self.path),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    line: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} gave no JSON: {:?}", self.line, self.body))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}: {:?}", self.line, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn ok_json(self) -> Value {
        self.expect(200).json()
    }

    /// The one sentence of an API error.
    #[track_caller]
    pub(crate) fn sentence(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}: {:?}", self.line, self.body);
        self.json()["errors"][0]["detail"].as_str().unwrap().to_owned()
    }
}
