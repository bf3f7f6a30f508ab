//! What is logged, and what never is. A binary of its own, because all its tests listen to one log, each to
//! what its own thread says.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[path = "../web/site.rs"]
#[expect(dead_code, reason = "the other tests use all of it")]
mod site;

use crate::site::{ADMIN, PASSWORD, Site, ask, get, post, put};
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;
use tracing_subscriber::fmt::MakeWriter;

thread_local!(static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// Writes into the log of the thread.
struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for ToThread {
    type Writer = ToThread;

    fn make_writer(&'a self) -> ToThread {
        ToThread
    }
}

/// Begins a log of everything.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        everything.with_writer(ToThread).init();
    });
    take();
}

/// What was logged since the last look.
fn take() -> String {
    String::from_utf8(LOG.take()).unwrap()
}

/// The same, at the default level.
fn take_info() -> String {
    take()
        .lines()
        .filter(|line| !line.contains("DEBUG") && !line.contains("TRACE"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn no_token_is_ever_logged() {
    listen();
    let site = Site::new().await;
    let token = site.user("alice", Role::Publisher).await;
    site.publish(&token, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    let mistyped = format!("{}x", &token[..token.len() - 1]);
    let encoded = "YWxpY2U6c2VjcmV0LXBhc3N3b3Jk";
    for value in [
        &token,
        &format!("Bearer {token}"),
        &mistyped,
        &format!("Basic {encoded}"),
        &format!("Digest {token}"),
    ] {
        for path in ["/r/main/index/3/a/abc", "/api/v1/me", "/r/main/api/v1/crates", "/nothing"] {
            let answer = get(&format!("{path}?token={token}")).token(value).send(&site).await;
            let answer = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
            assert!(!answer.contains(&token) && !answer.contains(&mistyped), "{answer}");
        }
        put("/r/main/api/v1/crates/new").token(value).body("\u{5}\0\0\0{").send(&site).await;
        ask("DELETE", "/r/main/api/v1/crates/abc/owners").token(value).body("{").send(&site).await;
    }
    let log = take();
    assert!(log.contains("/r/main/index/3/a/abc") && log.contains("status=200"), "{log}");
    for secret in [token.as_str(), &mistyped, "secret-password", encoded, ADMIN] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn levels() {
    listen();
    let site = Site::new().await;
    take_info();
    get("/r/open/index/config.json").send(&site).await.expect(200);
    get("/r/main/index/config.json").send(&site).await.expect(401);
    get("/r/open/index/3/a/abc").send(&site).await.expect(404);
    assert_eq!(take_info(), "", "what cargo does in every session is not worth a line");
    let answer = get("/r/main/index/config.json").token("wrong").send(&site).await.expect(401);
    let line = take_info();
    let id = answer.header("x-request-id").unwrap();
    assert!(line.contains(" INFO ") && line.contains(&format!("request_id=\"{id}\"")), "{line}");
    assert!(line.contains("status=401") && line.contains("path=\"/r/main/index/config.json\""), "{line}");
}

#[tokio::test]
async fn faults_are_logged_once_and_hidden() {
    listen();
    let site = Site::new().await;
    site.publish(ADMIN, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    take_info();
    site.holdfast.blobs().inject(Some(holdfast_blobs::fail_nth(holdfast_blobs::Call::Get, 1)));
    let answer = get("/r/main/dl/abc/1.0.0/download").token(ADMIN).send(&site).await.expect(503);
    assert_eq!(answer.header("retry-after"), Some("2"));
    let log = take_info();
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(log.matches("error=").count(), 1, "{log}");
    assert_eq!(log.matches(id).count(), 2, "the fault and the request: {log}");
    assert!(log.contains("njected") || log.contains("fault"), "{log}");
    assert!(!answer.text().to_lowercase().contains("inject"), "{}", answer.text());
}

#[tokio::test]
async fn no_secret_of_a_person_is_ever_logged() {
    listen();
    let site = Site::new().await;
    site.password("admin").await;
    let invitation = post("/api/v1/invitations").token(ADMIN).json(&serde_json::json!({})).send(&site).await;
    let link = invitation.expect(201).json()["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix("http://crates.example").unwrap();
    get(path).send(&site).await.expect(200);
    get(&path.replace("/invitation/", "//invitation//")).send(&site).await.expect(200);
    ask("DELETE", path).send(&site).await.expect(405);
    get(&format!("{path}/more")).send(&site).await.expect(404);
    let fields = [("login", "bob"), ("password", "planted-password"), ("again", "planted-password")];
    post(path).form(&fields[..2]).send(&site).await.expect(400);
    post(path).form(&fields).send(&site).await.expect(303);
    get(path).send(&site).await.expect(404);
    post("/login").form(&[("login", "bob"), ("password", "planted-guess")]).send(&site).await.expect(401);
    let session = site.session("admin").await;
    get("/account").session(&session).send(&site).await.expect(200);
    let foreign = post("/account/tokens").session(&session).header("sec-fetch-site", "cross-site");
    foreign.send(&site).await.expect(403);
    let device = post("/api/v1/device/authorize").send(&site).await.ok_json();
    let code = device["user_code"].as_str().unwrap();
    get(&format!("/device?code={code}")).session(&session).send(&site).await.expect(200);
    let ktra = serde_json::json!({"password": "planted-guess"});
    post("/ktra/api/v1/login/admin").json(&ktra).send(&site).await.expect(401);
    let log = take();
    let secret = path.rsplit('/').next().unwrap();
    for secret in [secret, "planted", PASSWORD, &session, code, device["device_code"].as_str().unwrap()] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.contains("path=\"/invitation/…\""), "{log}");
}
