//! Ktra's API, as its users' scripts ask it.

use crate::site::{Answer, PASSWORD, Site, get, post};
use holdfast_registry::entity::Role;
use holdfast_registry::{SelfRegistration, Settings};
use holdfast_web::WebSettings;
use serde_json::{Value, json};

async fn ask(site: &Site, path: &str, body: Value) -> Answer {
    post(&format!("/ktra/api/v1/{path}")).json(&body).send(site).await
}

/// Whose token an answer holds.
async fn login_of(site: &Site, answer: Answer) -> Value {
    let answer = answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    get("/api/v1/me").token(&token).send(site).await.ok_json()["login"].clone()
}

#[tokio::test]
async fn the_three_calls() {
    let self_registration = Some(SelfRegistration { role: Role::Publisher, domains: Vec::new() });
    let site =
        Site::with(WebSettings::default(), Settings { self_registration, ..Settings::default() }).await;
    let new = "staple battery horse";
    let made = ask(&site, "new_user/alice", json!({"password": PASSWORD})).await;
    assert_eq!(login_of(&site, made).await, "alice");
    let taken = ask(&site, "new_user/alice", json!({"password": PASSWORD})).await.expect(409);
    assert!(taken.sentence().contains("is taken"));
    let entered = ask(&site, "login/alice", json!({"password": PASSWORD})).await;
    assert_eq!(login_of(&site, entered).await, "alice");
    let change = json!({"old_password": PASSWORD, "new_password": new});
    let changed = ask(&site, "change_password/alice", change.clone()).await;
    assert_eq!(login_of(&site, changed).await, "alice");
    for (path, body) in [
        ("login/alice", json!({"password": PASSWORD})),
        ("login/nobody", json!({"password": PASSWORD})),
        ("login/a%20b", json!({"password": PASSWORD})),
        ("change_password/alice", change),
    ] {
        let refused = ask(&site, path, body).await.expect(401);
        assert_eq!(refused.sentence(), "the name or the password is wrong", "{path}");
    }
    ask(&site, "new_user/bob", json!({"password": "short"})).await.expect(400);
    ask(&site, "new_user/team:x", json!({"password": PASSWORD})).await.expect(400);
    ask(&site, "login/alice", json!({"pass": new})).await.expect(400);
}

#[tokio::test]
async fn nobody_registers_unless_the_operator_says_so() {
    let site = Site::new().await;
    let refused = ask(&site, "new_user/alice", json!({"password": PASSWORD})).await.expect(403);
    assert!(refused.sentence().contains("nobody can register here"));
}

#[tokio::test]
async fn guessing_is_bounded() {
    let site = Site::new().await;
    site.password("admin").await;
    for _ in 0..10 {
        ask(&site, "login/admin", json!({"password": "wrong"})).await.expect(401);
    }
    ask(&site, "login/admin", json!({"password": PASSWORD})).await.expect(429);
    let change = json!({"old_password": PASSWORD, "new_password": "staple battery horse"});
    ask(&site, "change_password/admin", change).await.expect(429);
}
