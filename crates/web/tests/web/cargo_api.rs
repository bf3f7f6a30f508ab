//! Yank, owners and the rules that hold for every answer of cargo's API.

use crate::site::{Site, ask, delete, get, put};
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use insta::assert_snapshot;
use serde_json::json;

async fn filled() -> (Site, String) {
    let site = Site::new().await;
    let owner = site.user("olga", Role::Publisher).await;
    site.publish(&owner, "main", &CrateBuilder::new("Ab-c", "1.0.0+b")).await.expect(200);
    (site, owner)
}

#[tokio::test]
async fn yank_and_unyank_are_idempotent() {
    let (site, owner) = filled().await;
    for krate in ["Ab-c", "ab_c"] {
        for _ in 0..2 {
            let path = format!("/r/main/api/v1/crates/{krate}/1.0.0+b/yank");
            let yanked = delete(&path).token(&owner).send(&site).await.ok_json();
            assert_eq!(yanked["ok"], json!(true));
        }
        assert!(
            get("/r/main/index/ab/-c/ab-c")
                .token(&owner)
                .send(&site)
                .await
                .text()
                .contains("\"yanked\":true")
        );
        for _ in 0..2 {
            let path = format!("/r/main/api/v1/crates/{krate}/1.0.0+b/unyank");
            put(&path).header("content-type", "application/json").token(&owner).send(&site).await.expect(200);
        }
        assert!(
            get("/r/main/index/ab/-c/ab-c")
                .token(&owner)
                .send(&site)
                .await
                .text()
                .contains("\"yanked\":false")
        );
    }
    let missing = delete("/r/main/api/v1/crates/Ab-c/9.0.0/yank").token(&owner).send(&site).await.expect(404);
    assert!(missing.sentence().contains("9.0.0"));
    delete("/r/main/api/v1/crates/Ab-c/nonsense/yank").token(&owner).send(&site).await.expect(404);
}

#[tokio::test]
async fn owners_come_and_go() {
    let (site, owner) = filled().await;
    site.user("bob", Role::Publisher).await;
    let path = "/r/main/api/v1/crates/ab_c/owners";
    let list = get(path).token(&owner).send(&site).await.expect(200);
    assert_snapshot!(list.text());
    let added = put(path).token(&owner).json(&json!({"users": ["bob"]})).send(&site).await.ok_json();
    assert_eq!(added["ok"], json!(true));
    assert!(added["msg"].as_str().unwrap().contains("`bob`"), "{added}");
    put(path).token(&owner).json(&json!({"owners": ["bob"]})).send(&site).await.expect(200);
    let removed = delete(path).token(&owner).json(&json!({"users": ["bob"]})).send(&site).await.ok_json();
    assert!(removed["msg"].is_string() && removed["ok"] == json!(true), "{removed}");
    let last = delete(path).token(&owner).json(&json!({"users": ["olga"]})).send(&site).await.expect(409);
    assert!(last.sentence().contains("no owner left"));
}

#[tokio::test]
async fn a_delete_without_a_body_lists() {
    let (site, owner) = filled().await;
    let path = "/r/main/api/v1/crates/Ab-c/owners";
    let answer = delete(path).token(&owner).send(&site).await.ok_json();
    assert_eq!(answer["users"][0]["login"], json!("olga"));
    assert_eq!((&answer["ok"], &answer["msg"]), (&json!(true), &json!("")));
    assert!(answer["users"][0]["id"].as_u64().is_some_and(|id| id < 1 << 32));
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong() {
    let (site, owner) = filled().await;
    let path = "/r/main/api/v1/crates/Ab-c/owners";
    for (body, word) in [
        ("", "JSON"),
        ("nonsense", "JSON"),
        ("{}", "users"),
        ("{\"users\":[]}", "at least one"),
        ("{\"users\":[\"no such user\"]}", "no such user"),
        ("{\"users\":[\"github:org:team\"]}", "github:org:team"),
        ("{\"users\":[\"nobody\"]}", "nobody"),
        ("\u{0}", "JSON"),
    ] {
        let answer = put(path).token(&owner).body(body).send(&site).await.expect(400);
        assert!(answer.sentence().contains(word), "{body}: {}", answer.sentence());
    }
    let deep = "[".repeat(60_000);
    put(path).token(&owner).body(deep).send(&site).await.expect(400);
    put(path).token(&owner).body(vec![b'['; 70_000]).send(&site).await.expect(413);
    put(path).token(&owner).body(&b"{\"users\":[\"\xff\"]}"[..]).send(&site).await.expect(400);
}

#[tokio::test]
async fn every_error_is_json() {
    let (site, owner) = filled().await;
    for (method, path, status) in [
        ("GET", "/r/main/api/v1/nothing", 404),
        ("GET", "/r/main/api", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2", 404),
        ("POST", "/r/main/api/v1/crates", 405),
        ("PUT", "/r/main/api/v1/crates/abc", 405),
        ("GET", "/r/main/api/v1/crates/new/new/new/new", 404),
        ("GET", "/r/main/api/v1/crates/missing", 404),
        ("GET", "/r/other/api/v1/crates", 404),
        ("GET", "/r/main/api/v1/crates/Ab-c/%ff", 404),
        ("GET", "/r/main/api/v1/crates?page=0", 400),
        ("GET", "/r/main/api/v1/crates?per_page=x", 400),
    ] {
        let answer = ask(method, path).token(&owner).send(&site).await.expect(status);
        assert!(!answer.sentence().is_empty());
        assert!(answer.header("x-request-id").is_some());
    }
    let refused = ask("GET", "/r/main/api/v1/crates").send(&site).await.expect(401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Cargo login_url=\"http://crates.example/r/main/me\"")
    );
    refused.sentence();
    let refused = ask("GET", "/api/v1/me").send(&site).await.expect(401);
    assert_eq!(refused.header("www-authenticate"), Some("Cargo login_url=\"http://crates.example/me\""));
    let allowed =
        ask("POST", "/r/main/api/v1/crates/Ab-c/owners").token(&owner).send(&site).await.expect(405);
    assert_eq!(allowed.header("allow"), Some("GET,HEAD,PUT,DELETE"));
}

#[tokio::test]
async fn doubled_slashes_are_one() {
    let (site, owner) = filled().await;
    get("/r/main//api/v1/crates/Ab-c/owners").token(&owner).send(&site).await.expect(200);
    delete("//r/main///api//v1/crates/Ab-c/1.0.0+b/yank").token(&owner).send(&site).await.expect(200);
}

#[tokio::test]
async fn every_way_to_send_a_token() {
    let (site, owner) = filled().await;
    for value in [owner.clone(), format!("Bearer {owner}"), format!("bearer {owner}")] {
        get("/r/main/index/config.json").token(&value).send(&site).await.expect(200);
    }
    for value in ["Digest x", "Bearer", "Basic x", "hf_broken", ""] {
        let answer = get("/r/main/api/v1/crates").token(value).send(&site).await.expect(401);
        assert!(answer.header("www-authenticate").is_some());
    }
}
