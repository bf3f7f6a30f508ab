//! Tokens that cargo signs with a registered key (RFC 3231).

use crate::keys::{public_key, signed};
use crate::site::{Ask, Site, delete, get, own_index, post, put};
use holdfast_registry::Settings;
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::Sha256;
use holdfast_web::WebSettings;
use serde_json::{Value, json};
use std::time::Duration;

const OWNERS: &str = "/r/main/api/v1/crates/abc/owners";

fn package(version: &str) -> CrateBuilder {
    CrateBuilder::new("abc", version).own_index(&own_index("main"))
}

fn publishing(version: &str) -> Value {
    let cksum = Sha256::of(&package(version).package());
    json!({"iat": "2026-01-01T00:00:00Z", "mutation": "publish", "name": "abc", "vers": version, "cksum": cksum})
}

fn reading() -> Value {
    json!({"iat": "2026-01-01T00:00:00Z"})
}

fn upload(version: &str) -> Ask {
    put("/r/main/api/v1/crates/new").body(package(version).frame())
}

/// What key 1 says to `main`.
fn by_key(claims: &Value) -> String {
    signed(1, &own_index("main"), claims)
}

/// A server at a known address, with alice's crate `abc` and key 1.
async fn with_alice() -> (Site, String) {
    let public_url = Some("http://crates.example".to_owned());
    let site = Site::with(WebSettings { public_url, ..WebSettings::default() }, Settings::default()).await;
    let alice = site.user("alice", Role::Publisher).await;
    site.publish(&alice, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    post("/api/v1/keys").token(&alice).json(&json!({"key": public_key(1)})).send(&site).await.expect(201);
    (site, alice)
}

#[tokio::test]
async fn reading_works_as_often_as_it_is_asked() {
    let (site, _) = with_alice().await;
    let token = by_key(&reading());
    for path in ["/r/main/index/config.json", "/r/main/index/3/a/abc", OWNERS, "/r/main/index/3/a/abc"] {
        get(path).token(&token).send(&site).await.expect(200);
    }
    get("/r/main/index/3/a/abc").token(&format!("Bearer {token}")).send(&site).await.expect(200);
    get("/r/open/api/v1/crates").token(&token).send(&site).await.expect(403);
    let refused = upload("1.1.0").token(&token).send(&site).await.expect(403);
    assert!(refused.sentence().contains("has not the scope"));
    for path in ["/api/v1/tokens", "/api/v1/keys"] {
        get(path).token(&token).send(&site).await.expect(403);
    }
    site.outside.advance(Duration::from_hours(6) + Duration::from_secs(1));
    get("/r/main/index/config.json").token(&token).send(&site).await.expect(401);
}

#[tokio::test]
async fn a_publish_works_once() {
    let (site, _) = with_alice().await;
    let refused = get("/r/main/index/config.json").token(&by_key(&publishing("1.1.0"))).send(&site).await;
    assert!(refused.expect(401).text().contains("it is for a change, and this request reads"));
    let mut other_file = publishing("1.1.0");
    other_file["cksum"] = json!(Sha256::of(b"other"));
    let refused = upload("1.1.0").token(&by_key(&other_file)).send(&site).await.expect(403);
    assert!(refused.sentence().contains("the token was made for a file with the SHA-256"));
    let token = by_key(&publishing("1.1.0"));
    upload("1.1.0").token(&token).send(&site).await.expect(200);
    let again = upload("1.1.0").token(&token).send(&site).await.expect(401);
    assert_eq!(again.sentence(), "the signed token is refused: it was used before");
    let refused = upload("1.3.0").token(&by_key(&publishing("1.2.0"))).send(&site).await.expect(403);
    assert!(refused.sentence().contains("the token was made for version `1.2.0`"));
    let log =
        get("/api/v1/audit?action=publish&subject=abc@1.1.0").token(crate::site::ADMIN).send(&site).await;
    assert_eq!(log.ok_json()[0]["user"], "alice");
}

#[tokio::test]
async fn owners_and_yank() {
    let (site, _) = with_alice().await;
    let at = "2026-01-01T00:00:00Z";
    let owners = |nonce: u8| by_key(&json!({"iat": at, "mutation": "owners", "name": "abc", "nonce": nonce}));
    get(OWNERS).token(&owners(1)).send(&site).await.expect(200);
    let users = json!({"users": ["admin"]});
    put(OWNERS).token(&owners(1)).json(&users).send(&site).await.expect(200);
    put(OWNERS).token(&owners(1)).json(&users).send(&site).await.expect(401);
    let path = "/api/v1/registries/main/crates/abc/restriction";
    put(path).token(&owners(2)).json(&json!({"teams": []})).send(&site).await.expect(403);
    let yank = by_key(&json!({"iat": at, "mutation": "yank", "name": "abc", "vers": "1.0.0"}));
    put(OWNERS).token(&yank).json(&users).send(&site).await.expect(403);
    let yank = by_key(&json!({"iat": at, "mutation": "yank", "name": "abc", "vers": "1.0.0", "nonce": 2}));
    delete("/r/main/api/v1/crates/abc/1.0.0/yank").token(&yank).send(&site).await.expect(200);
}

#[tokio::test]
async fn what_is_not_believed() {
    let (site, alice) = with_alice().await;
    let index = own_index("main");
    let with = |name: &str, value: &str| {
        let mut claims = reading();
        claims[name] = json!(value);
        claims
    };
    let evil = index.replace("crates.example", "evil.example");
    for (token, reason) in [
        (by_key(&with("sub", "somebody")), "its `sub` is not the one that the key was registered with"),
        (by_key(&with("iat", "2025-12-31T17:59:59Z")), "21601 s old"),
        (by_key(&with("iat", "2026-01-01T00:01:01Z")), "in the future"),
        (signed(1, &evil, &reading()), "it was made for the index of another server"),
        (signed(2, &index, &reading()), "its key is not registered here"),
        ("v3.public.AAAA".to_owned(), "malformed"),
    ] {
        let refused = get("/r/main/api/v1/crates").token(&token).send(&site).await.expect(401);
        assert!(refused.sentence().contains(reason), "{}", refused.sentence());
        upload("1.1.0").token(&token).send(&site).await.expect(401);
    }
    let keys = get("/api/v1/keys").token(&alice).send(&site).await.ok_json();
    let path = format!("/api/v1/keys/{}", keys[0]["id"].as_str().unwrap());
    delete(&path).token(crate::site::ADMIN).send(&site).await.expect(204);
    let refused = get(OWNERS).token(&by_key(&reading())).send(&site).await.expect(401);
    assert!(refused.sentence().contains("its key is not registered here"));
}

#[tokio::test]
async fn a_key_is_as_good_as_its_user() {
    let (site, alice) = with_alice().await;
    let subject = json!({"key": public_key(2), "subject": "ci"});
    post("/api/v1/keys").token(&alice).json(&subject).send(&site).await.expect(201);
    let mut claims = reading();
    get(OWNERS).token(&signed(2, &own_index("main"), &claims)).send(&site).await.expect(401);
    claims["sub"] = json!("ci");
    get(OWNERS).token(&signed(2, &own_index("main"), &claims)).send(&site).await.expect(200);
    post("/api/v1/keys").token(&alice).json(&subject).send(&site).await.expect(409);
    let operator = holdfast_registry::Actor::operator();
    site.holdfast.disable_user(&operator, &"alice".parse().unwrap()).await.unwrap();
    get(OWNERS).token(&by_key(&reading())).send(&site).await.expect(401);
}

#[tokio::test]
async fn a_server_without_an_address_of_its_own_believes_none() {
    let site = Site::new().await;
    post("/api/v1/keys")
        .token(crate::site::ADMIN)
        .json(&json!({"key": public_key(1)}))
        .send(&site)
        .await
        .expect(201);
    let refused = get("/r/main/api/v1/crates").token(&by_key(&reading())).send(&site).await.expect(401);
    assert!(refused.sentence().contains("only when its option `public-url` is set"));
}
