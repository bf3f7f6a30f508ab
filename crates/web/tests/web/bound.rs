//! Tokens for one act on one crate.

use crate::site::{ADMIN, Answer, Ask, Site, ask, delete, get, own_index, post, put};
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::{Endpoint, Sha256};
use serde_json::{Value, json};
use std::time::Duration;

fn package(version: &str) -> CrateBuilder {
    CrateBuilder::new("abc", version).own_index(&own_index("main"))
}

fn publishing(version: &str) -> Value {
    let cksum = Sha256::of(&package(version).package());
    json!({"registry": "main", "operation": "publish", "name": "abc", "vers": version, "cksum": cksum})
}

async fn bind(site: &Site, token: &str, act: &Value) -> Answer {
    post("/api/v1/tokens/bound").token(token).json(act).send(site).await
}

/// A server with alice's crate `abc` and her token.
async fn with_alice() -> (Site, String) {
    let site = Site::new().await;
    let alice = site.user("alice", Role::Publisher).await;
    site.publish(&alice, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    (site, alice)
}

async fn bound(site: &Site, alice: &str, act: Value) -> String {
    let made = bind(site, alice, &act).await.expect(201).json();
    assert_eq!(made["expires_at"], "2026-01-01T00:15:00Z");
    made["token"].as_str().unwrap().to_owned()
}

fn upload(package: &CrateBuilder, registry: &str) -> Ask {
    put(&format!("/r/{registry}/api/v1/crates/new"))
        .body(package.clone().own_index(&own_index(registry)).frame())
}

#[tokio::test]
async fn a_publish() {
    let (site, alice) = with_alice().await;
    let token = bound(&site, &alice, publishing("1.1.0")).await;
    let other_version = upload(&package("1.2.0"), "main").token(&token).send(&site).await.expect(403);
    assert_eq!(other_version.sentence(), "the token was made for version `1.1.0`, not for `1.2.0`");
    let other_file =
        upload(&package("1.1.0").file("src/evil.rs", b"x"), "main").token(&token).send(&site).await;
    assert!(other_file.expect(403).sentence().contains("the token was made for a file with the SHA-256"));
    let other_crate = CrateBuilder::new("abd", "1.1.0");
    upload(&other_crate, "main").token(&token).send(&site).await.expect(403);
    let refused = upload(&package("1.1.0"), "open").token(&token).send(&site).await.expect(403);
    assert!(refused.sentence().contains("is not for the registry `open`"));
    delete("/r/main/api/v1/crates/abc/1.0.0/yank").token(&token).send(&site).await.expect(403);
    get("/r/main/index/3/a/abc").token(&token).send(&site).await.expect(200);
    upload(&package("1.1.0"), "main").token(&token).send(&site).await.expect(200);
    site.outside.advance(Duration::from_mins(15));
    upload(&package("1.1.0"), "main").token(&token).send(&site).await.expect(401);
}

#[tokio::test]
async fn a_yank_and_a_change_of_owners() {
    let (site, alice) = with_alice().await;
    site.publish(&alice, "main", &CrateBuilder::new("abc", "1.1.0")).await.expect(200);
    let yank = json!({"registry": "main", "operation": "yank", "name": "abc", "vers": "1.0.0"});
    let token = bound(&site, &alice, yank).await;
    delete("/r/main/api/v1/crates/abc/1.1.0/yank").token(&token).send(&site).await.expect(403);
    delete("/r/main/api/v1/crates/abc/1.0.0/yank").token(&token).send(&site).await.expect(200);
    let owners = json!({"registry": "main", "operation": "owners", "name": "abc"});
    let token = bound(&site, &alice, owners).await;
    get("/r/main/api/v1/crates/abc/owners").token(&token).send(&site).await.expect(200);
    let users = json!({"users": ["admin"]});
    put("/r/main/api/v1/crates/abc/owners").token(&token).json(&users).send(&site).await.expect(200);
    delete("/r/main/api/v1/crates/abc/1.1.0/yank").token(&token).send(&site).await.expect(403);
    let path = "/api/v1/registries/main/crates/abc/restriction";
    put(path).token(&token).json(&json!({"teams": []})).send(&site).await.expect(403);
}

#[tokio::test]
async fn such_a_token_makes_nothing_stronger() {
    let (site, alice) = with_alice().await;
    let token = bound(&site, &alice, publishing("1.1.0")).await;
    let refused = bind(&site, &token, &publishing("6.6.6")).await.expect(403);
    assert!(refused.sentence().contains("makes no other token"));
    for (method, path, body) in [
        ("POST", "/api/v1/tokens", json!({"label": "x"})),
        ("POST", "/api/v1/keys", json!({"key": crate::keys::public_key(1)})),
        ("GET", "/api/v1/tokens", json!({})),
        ("PUT", "/api/v1/registries/main/crates/abc/trust", json!({"rules": []})),
    ] {
        ask(method, path).token(&token).json(&body).send(&site).await.expect(403);
    }
}

#[tokio::test]
async fn it_ends_with_the_token_that_it_was_made_with() {
    let (site, alice) = with_alice().await;
    let token = bound(&site, &alice, publishing("1.1.0")).await;
    delete("/api/v1/tokens/current").token(&alice).send(&site).await.expect(204);
    upload(&package("1.1.0"), "main").token(&token).send(&site).await.expect(401);
    let minute = site.token("alice", &[], &[], Some(Duration::from_mins(1))).await;
    let made = bind(&site, &minute, &publishing("1.1.0")).await.expect(201).json();
    assert_eq!(made["expires_at"], "2026-01-01T00:01:00Z");
}

#[tokio::test]
async fn it_may_no_more_than_the_token_that_it_was_made_with() {
    let (site, _) = with_alice().await;
    let update = site.token("alice", &[Endpoint::PublishUpdate], &["abc"], None).await;
    let token = bound(&site, &update, publishing("1.1.0")).await;
    let me = get("/api/v1/me").token(&token).send(&site).await.ok_json();
    assert_eq!(me["token"]["scopes"]["endpoints"], json!(["publish-update"]));
    let yank = json!({"registry": "main", "operation": "yank", "name": "abc", "vers": "1.0.0"});
    bind(&site, &update, &yank).await.expect(403);
    let other = json!({"registry": "main", "operation": "yank", "name": "other", "vers": "1.0.0"});
    let yanker = site.token("alice", &[Endpoint::Yank], &["abc"], None).await;
    assert!(bind(&site, &yanker, &other).await.expect(403).sentence().contains("choose crates within `abc`"));
    for bad in [
        json!({"registry": "main", "operation": "publish", "name": "abc", "vers": "1.0.0"}),
        json!({"registry": "main", "operation": "yank", "name": "abc"}),
        json!({"registry": "main", "operation": "everything", "name": "abc"}),
        json!({"registry": "main", "operation": "owners", "name": "a b"}),
    ] {
        bind(&site, ADMIN, &bad).await.expect(400);
    }
}
