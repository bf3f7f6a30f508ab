//! The server's own API.

use crate::site::{ADMIN, PASSWORD, Site, ask, delete, get, put};
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::{ROUTES, openapi};
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

async fn post(site: &Site, path: &str, body: Value) -> Value {
    ask("POST", path).token(ADMIN).json(&body).send(site).await.expect(201).json()
}

async fn list(site: &Site, path: &str) -> Value {
    get(path).token(ADMIN).send(site).await.ok_json()
}

#[tokio::test]
async fn every_route_is_described() {
    let routes: BTreeSet<String> = ROUTES
        .iter()
        .filter(|route| route.path.starts_with("/api/v1/"))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let document = serde_json::to_value(openapi()).unwrap();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(described, routes);
    let served = get("/api/openapi.json").send(&Site::new().await).await.ok_json();
    assert_eq!(served, document);
}

#[tokio::test]
async fn the_description() {
    assert_json_snapshot!(openapi());
}

#[tokio::test]
async fn users() {
    let site = Site::new().await;
    let user = post(&site, "/api/v1/users", json!({"login": "Alice", "role": "reader"})).await;
    assert_json_snapshot!(user, @r#"
    {
      "created_at": "2026-01-01T00:00:00Z",
      "disabled": false,
      "email": null,
      "full_name": null,
      "keeper": null,
      "login": "alice",
      "role": "reader",
      "service": false
    }
    "#);
    let robot = post(&site, "/api/v1/users", json!({"login": "ci", "service": true})).await;
    assert_eq!((&robot["role"], &robot["service"]), (&json!("publisher"), &json!(true)));
    let change = |disabled: bool| {
        ask("PATCH", "/api/v1/users/alice").token(ADMIN).json(&json!({"disabled": disabled}))
    };
    assert_eq!(change(true).send(&site).await.ok_json()["disabled"], json!(true));
    assert_eq!(change(false).send(&site).await.ok_json()["disabled"], json!(false));
    assert_eq!(list(&site, "/api/v1/users").await.as_array().unwrap().len(), 3);
    delete("/api/v1/users/alice").token(ADMIN).send(&site).await.expect(204);
    get("/api/v1/users/alice").token(ADMIN).send(&site).await.expect(404);
    let bad = ask("POST", "/api/v1/users")
        .token(ADMIN)
        .json(&json!({"login": "x", "rôle": "admin"}))
        .send(&site)
        .await;
    assert!(bad.expect(400).sentence().contains("unknown field"), "a mistyped field must not be passed over");
    let bad = ask("POST", "/api/v1/users")
        .token(ADMIN)
        .json(&json!({"login": "x", "role": "god"}))
        .send(&site)
        .await;
    assert!(bad.expect(400).sentence().contains("`god`"));
    ask("POST", "/api/v1/users").token(ADMIN).json(&json!({"login": "ci"})).send(&site).await.expect(409);
}

#[tokio::test]
async fn passwords() {
    let site = Site::new().await;
    let (alice, bob) = (site.user("alice", Role::Publisher).await, site.user("bob", Role::Publisher).await);
    site.password("alice").await;
    let path = "/api/v1/users/alice/password";
    let new = "staple battery horse";
    let change = async |token: &str, body: Value| put(path).token(token).json(&body).send(&site).await;
    change(&alice, json!({"new": new})).await.expect(403);
    change(&bob, json!({"new": new})).await.expect(403);
    change(&alice, json!({"old": "a-guess", "new": new})).await.expect(401);
    change(&alice, json!({"old": PASSWORD, "new": "short"})).await.expect(400);
    change(&alice, json!({"old": PASSWORD, "new": new})).await.expect(204);
    let session = site.holdfast.sign_in("alice", new.parse().unwrap(), browser()).await.unwrap();
    change(ADMIN, json!({"new": PASSWORD})).await.expect(204);
    get("/api/v1/me").session(session.secret.reveal()).send(&site).await.expect(401);
    let robot = json!({"login": "ci", "service": true});
    post(&site, "/api/v1/users", robot).await;
    let robot = put("/api/v1/users/ci/password").token(ADMIN).json(&json!({"new": new})).send(&site).await;
    assert!(robot.expect(400).sentence().contains("is a service account"));
}

fn browser() -> holdfast_registry::Browser {
    holdfast_registry::Browser { agent: "Test/1.0".to_owned(), address: None }
}

#[tokio::test]
async fn roles_in_one_registry() {
    let site = Site::new().await;
    let guest = site.user("gina", Role::Guest).await;
    get("/r/main/index/config.json").token(&guest).send(&site).await.expect(403);
    post(&site, "/api/v1/teams", json!({"name": "core"})).await;
    put("/api/v1/teams/core/members/gina").token(ADMIN).send(&site).await.expect(204);
    let path = "/api/v1/registries/main/roles/team:core";
    put(path).token(ADMIN).json(&json!({"role": "publisher"})).send(&site).await.expect(204);
    site.publish(&guest, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    site.publish(&guest, "open", &CrateBuilder::new("abc", "1.0.0")).await.expect(403);
    assert_eq!(list(&site, "/api/v1/registries/main").await["roles"], json!({"team:core": "publisher"}));
    delete(path).token(ADMIN).send(&site).await.expect(204);
    get("/r/main/index/config.json").token(&guest).send(&site).await.expect(403);
    delete(path).token(ADMIN).send(&site).await.expect(404);
    for role in ["admin", "guest", "god"] {
        put(path).token(ADMIN).json(&json!({"role": role})).send(&site).await.expect(400);
    }
    let nobody = "/api/v1/registries/main/roles/nobody";
    put(nobody).token(ADMIN).json(&json!({"role": "reader"})).send(&site).await.expect(400);
}

#[tokio::test]
async fn teams() {
    let site = Site::new().await;
    site.user("alice", Role::Publisher).await;
    assert_eq!(post(&site, "/api/v1/teams", json!({"name": "Core"})).await["name"], json!("core"));
    put("/api/v1/teams/core/members/alice").token(ADMIN).send(&site).await.expect(204);
    assert_eq!(list(&site, "/api/v1/teams/core/members").await, json!([{"login": "alice"}]));
    delete("/api/v1/teams/core/members/alice").token(ADMIN).send(&site).await.expect(204);
    assert_eq!(list(&site, "/api/v1/teams/core/members").await, json!([]));
    delete("/api/v1/teams/core").token(ADMIN).send(&site).await.expect(204);
    assert_eq!(list(&site, "/api/v1/teams").await, json!([]));
}

#[tokio::test]
async fn tokens() {
    let site = Site::new().await;
    let alice = site.user("alice", Role::Publisher).await;
    let request = json!({
        "label": "laptop",
        "scopes": {"endpoints": ["read", "publish-update"], "crates": ["acme-*"], "registries": ["main"]},
        "expires_in_seconds": 3600,
    });
    let made = ask("POST", "/api/v1/tokens").token(&alice).json(&request).send(&site).await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let mut made = made.json();
    let secret = made["token"].take().as_str().unwrap().to_owned();
    assert!(secret.starts_with("hf_"));
    let id = made["id"].take().as_str().unwrap().to_owned();
    assert_json_snapshot!("token", made);
    let me = get("/api/v1/me").token(&secret).send(&site).await.ok_json();
    assert_eq!((&me["login"], &me["token"]["id"]), (&json!("alice"), &json!(id)));
    assert_eq!(me["token"]["scopes"]["crates"], json!(["acme-*"]));
    let mine = get("/api/v1/tokens").token(&alice).send(&site).await.expect(200);
    assert_eq!(mine.json().as_array().unwrap().len(), 2);
    assert!(!mine.text().contains(&secret), "the secret is shown once");
    assert_eq!(list(&site, "/api/v1/tokens?user=*").await.as_array().unwrap().len(), 3);
    get("/api/v1/tokens?user=admin").token(&alice).send(&site).await.expect(403);
    delete(&format!("/api/v1/tokens/{id}")).token(&alice).send(&site).await.expect(204);
    get("/api/v1/me").token(&secret).send(&site).await.expect(401);
    delete("/api/v1/tokens/current").token(&alice).send(&site).await.expect(204);
    get("/api/v1/me").token(&alice).send(&site).await.expect(401);
    get("/api/v1/me").send(&site).await.expect(401);
    let typo = json!({"label": "x", "scope": {"endpoints": ["read"]}});
    ask("POST", "/api/v1/tokens").token(ADMIN).json(&typo).send(&site).await.expect(400);
}

#[tokio::test]
async fn registries() {
    let site = Site::new().await;
    let made = post(&site, "/api/v1/registries", json!({"name": "extra"})).await;
    assert_json_snapshot!(made, @r#"
    {
      "anonymous_read": false,
      "created_at": "2026-01-01T00:00:00Z",
      "index": "sparse+http://crates.example/r/extra/index/",
      "kind": "hosted",
      "name": "extra",
      "required_fields": null,
      "roles": {}
    }
    "#);
    let change = async |body: Value| -> Value {
        ask("PATCH", "/api/v1/registries/extra").token(ADMIN).json(&body).send(&site).await.ok_json()
    };
    let strict = change(json!({"required_fields": ["license", "description"], "anonymous_read": true})).await;
    assert_eq!(strict["required_fields"], json!(["description", "license"]));
    assert_eq!(change(json!({})).await, strict, "what is absent stays");
    assert_eq!(change(json!({"required_fields": null})).await["required_fields"], json!(null));
    assert_eq!(change(json!({"required_fields": []})).await["required_fields"], json!([]));
    let visible = get("/api/v1/registries").send(&site).await.ok_json();
    let names: Vec<&str> = visible.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["extra", "open"]);
    delete("/api/v1/registries/extra").token(ADMIN).send(&site).await.expect(204);
    get("/api/v1/registries/extra").token(ADMIN).send(&site).await.expect(404);
}

#[tokio::test]
async fn crates() {
    let site = Site::new().await;
    for (name, version) in [("abc", "1.0.0"), ("abc", "1.1.0"), ("xyz", "0.1.0")] {
        site.publish(ADMIN, "main", &CrateBuilder::new(name, version)).await.expect(200);
    }
    let path = "/api/v1/registries/main/crates";
    let all = list(&site, path).await;
    assert_eq!(all[0]["name"], json!("abc"));
    assert_eq!((&all[0]["versions"], &all[0]["max_version"]), (&json!(2), &json!("1.1.0")));
    assert_eq!(list(&site, &format!("{path}?limit=1&after=abc")).await[0]["name"], json!("xyz"));
    delete(&format!("{path}/abc/1.1.0")).token(ADMIN).send(&site).await.expect(204);
    assert_eq!(list(&site, path).await[0]["max_version"], json!("1.0.0"));
    delete(&format!("{path}/abc")).token(ADMIN).send(&site).await.expect(204);
    assert_eq!(list(&site, path).await.as_array().unwrap().len(), 1);
    get("/r/main/index/3/a/abc").token(ADMIN).send(&site).await.expect(404);
    for bad in ["limit=0", "limit=1001", "limit=x", "after=.."] {
        get(&format!("{path}?{bad}")).token(ADMIN).send(&site).await.expect(400);
    }
}

#[tokio::test]
async fn the_audit_log_has_writes_and_refused_credentials() {
    let site = Site::new().await;
    post(&site, "/api/v1/teams", json!({"name": "core"})).await;
    site.outside.advance(Duration::from_millis(1));
    delete("/api/v1/teams/core").token("wrong").send(&site).await.expect(401);
    let log = list(&site, "/api/v1/audit?limit=1").await;
    assert_eq!(log[0]["action"], json!("authenticate"));
    assert_eq!(log[0]["subject"], json!("/api/v1/teams/core"));
    assert!(log[0]["refused"].is_string());
    let before = log[0]["id"].as_str().unwrap();
    let older = list(&site, &format!("/api/v1/audit?limit=1&before={before}")).await;
    assert_eq!((&older[0]["action"], &older[0]["refused"]), (&json!("team-add"), &json!(null)));
    assert_eq!(older[0]["user"], json!("admin"));
}
