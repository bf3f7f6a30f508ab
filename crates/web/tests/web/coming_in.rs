//! Making an account: by an invitation, or without one where the operator allows that.

use crate::site::{ADMIN, Answer, PASSWORD, Site, delete, get, post};
use holdfast_registry::entity::Role;
use holdfast_registry::{SelfRegistration, Settings};
use holdfast_web::WebSettings;
use serde_json::json;
use std::time::Duration;

const FIELDS: [(&str, &str); 5] = [
    ("login", "bob"),
    ("password", PASSWORD),
    ("again", PASSWORD),
    ("email", "bob@example.org"),
    ("full_name", "Bob <b>"),
];

/// The path of the link of a new invitation, and what the API says of it.
async fn invite(site: &Site, request: serde_json::Value) -> (String, serde_json::Value) {
    let made = post("/api/v1/invitations").token(ADMIN).json(&request).send(site).await.expect(201).json();
    let path = made["link"].as_str().unwrap().strip_prefix("http://crates.example").unwrap().to_owned();
    (path, made)
}

fn session_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    cookie.strip_prefix("__Host-holdfast=").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_makes_one_account() {
    let site = Site::new().await;
    post("/api/v1/teams").token(ADMIN).json(&json!({"name": "core"})).send(&site).await.expect(201);
    let (path, made) = invite(&site, json!({"role": "reader", "teams": ["core"], "note": "Bob"})).await;
    assert_eq!(made["expires_at"], "2026-01-08T00:00:00Z");
    let listed = get("/api/v1/invitations").token(ADMIN).send(&site).await.expect(200);
    let secret = path.rsplit('/').next().unwrap();
    assert!(listed.text().contains("\"note\":\"Bob\"") && !listed.text().contains(secret));
    assert!(get(&path).send(&site).await.expect(200).text().contains(&format!("action=\"{path}\"")));
    let wrong = [("login", "bob"), ("password", PASSWORD), ("again", "another")];
    let page = post(&path).form(&wrong).send(&site).await.expect(400);
    assert!(page.text().contains("the two passwords differ") && page.text().contains(&path));
    let answer = post(&path).form(&FIELDS).send(&site).await.expect(303);
    assert_eq!(answer.header("location"), Some("/account"));
    let session = session_of(&answer);
    let me = get("/api/v1/me").session(&session).send(&site).await.ok_json();
    assert_eq!(
        (&me["login"], &me["role"], &me["teams"]),
        (&json!("bob"), &json!("reader"), &json!(["core"]))
    );
    let bob = get("/api/v1/users/bob").token(ADMIN).send(&site).await.ok_json();
    assert_eq!((&bob["email"], &bob["full_name"]), (&json!("bob@example.org"), &json!("Bob <b>")));
    get(&path).send(&site).await.expect(404);
    let again = [("login", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    let page = post(&path).form(&again).send(&site).await.expect(404);
    assert!(page.text().contains("unknown, used or over") && page.header("set-cookie").is_none());
    get("/api/v1/users/eve").token(ADMIN).send(&site).await.expect(404);
}

#[tokio::test]
async fn an_invitation_ends() {
    let site = Site::new().await;
    let (late, _) = invite(&site, json!({"expires_in_seconds": 3600})).await;
    let (withdrawn, about) = invite(&site, json!({})).await;
    let id = format!("/api/v1/invitations/{}", about["id"].as_str().unwrap());
    delete(&id).token(ADMIN).send(&site).await.expect(204);
    delete(&id).token(ADMIN).send(&site).await.expect(404);
    site.outside.advance(Duration::from_hours(1));
    for path in [late, withdrawn] {
        get(&path).send(&site).await.expect(404);
        post(&path).form(&FIELDS).send(&site).await.expect(404);
    }
    for bad in [json!({"expires_in_seconds": 5}), json!({"role": "god"}), json!({"teams": ["none"]})] {
        post("/api/v1/invitations").token(ADMIN).json(&bad).send(&site).await.expect(400);
    }
}

#[tokio::test]
async fn a_taken_name_stays_whose_it_is() {
    let site = Site::new().await;
    let (path, _) = invite(&site, json!({"role": "admin"})).await;
    let fields = [("login", "Admin"), ("password", PASSWORD), ("again", PASSWORD)];
    let page = post(&path).form(&fields).send(&site).await.expect(409);
    assert!(page.text().contains("the name `admin` is taken"));
    post(&path).form(&FIELDS).send(&site).await.expect(303);
}

#[tokio::test]
async fn nobody_registers_unless_the_operator_says_so() {
    let site = Site::new().await;
    get("/register").send(&site).await.expect(404);
    let page = post("/register").form(&FIELDS).send(&site).await.expect(403);
    assert!(page.text().contains("nobody can register here"));
    assert!(!get("/login").send(&site).await.text().contains("/register"));
    let domains = vec!["example.org".to_owned()];
    let self_registration = Some(SelfRegistration { role: Role::Reader, domains });
    let site =
        Site::with(WebSettings::default(), Settings { self_registration, ..Settings::default() }).await;
    assert!(get("/login").send(&site).await.text().contains("href=\"/register\""));
    get("/register").send(&site).await.expect(200);
    let elsewhere = [FIELDS[0], FIELDS[1], FIELDS[2], ("email", "bob@example.org.evil.example")];
    let page = post("/register").form(&elsewhere).send(&site).await.expect(400);
    assert!(page.text().contains("give an e-mail address of `example.org`"));
    let answer = post("/register").form(&FIELDS).send(&site).await.expect(303);
    let me = get("/api/v1/me").session(&session_of(&answer)).send(&site).await.ok_json();
    assert_eq!((&me["login"], &me["role"]), (&json!("bob"), &json!("reader")));
    post("/register").form(&FIELDS).send(&site).await.expect(409);
}
