//! Letting a device in, as RFC 8628 has it.

use crate::site::{Answer, Site, delete, get, post};
use holdfast_registry::entity::Role;
use serde_json::{Value, json};
use std::time::Duration;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server with alice, who is signed in, and a device that waits.
struct Waiting {
    site: Site,
    session: String,
    device: Value,
}

impl Waiting {
    async fn new() -> Waiting {
        let site = Site::new().await;
        site.user("alice", Role::Publisher).await;
        site.password("alice").await;
        let session = site.session("alice").await;
        let begun = post("/api/v1/device/authorize").form(&[("client_id", "cargo"), ("label", "a <laptop>")]);
        let device = begun.send(&site).await.ok_json();
        Waiting { site, session, device }
    }

    fn code(&self) -> &str {
        self.device["user_code"].as_str().unwrap()
    }

    /// Asks after the time that the server told it to wait.
    async fn ask(&self) -> Answer {
        self.site.outside.advance(Duration::from_secs(5));
        self.ask_now().await
    }

    async fn ask_now(&self) -> Answer {
        let code = self.device["device_code"].as_str().unwrap();
        let fields = [("grant_type", DEVICE_CODE), ("device_code", code), ("client_id", "cargo")];
        post("/api/v1/device/token").form(&fields).send(&self.site).await
    }

    async fn decide(&self, code: &str, decision: &str) -> Answer {
        let fields = [("code", code), ("decision", decision)];
        post("/device").session(&self.session).form(&fields).send(&self.site).await
    }

    async fn let_in(&self) -> Value {
        self.decide(self.code(), "approve").await.expect(200);
        self.ask().await.ok_json()
    }

    async fn refresh(&self, tokens: &Value) -> Answer {
        let secret = tokens["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", secret)];
        post("/api/v1/device/token").form(&fields).send(&self.site).await
    }

    async fn works(&self, tokens: &Value) -> bool {
        let token = tokens["access_token"].as_str().unwrap();
        get("/r/main/index/config.json").token(token).send(&self.site).await.status == 200
    }
}

#[track_caller]
fn refused(answer: Answer, error: &str) {
    let answer = answer.expect(400);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["error"], error);
    assert!(body["error_description"].is_string());
}

#[tokio::test]
async fn somebody_lets_a_device_in() {
    let waiting = Waiting::new().await;
    assert_eq!(waiting.device["verification_uri"], "http://crates.example/device");
    let complete = format!("http://crates.example/device?code={}", waiting.code());
    assert_eq!(waiting.device["verification_uri_complete"], complete);
    assert_eq!((&waiting.device["expires_in"], &waiting.device["interval"]), (&json!(600), &json!(5)));
    refused(waiting.ask().await, "authorization_pending");
    let stranger = get(&format!("/device?code={}", waiting.code())).send(&waiting.site).await.expect(303);
    let back = format!("/login?to=%2Fdevice%3Fcode%3D{}", waiting.code());
    assert_eq!(stranger.header("location"), Some(&*back));
    let typed = waiting.code().to_lowercase().replace('-', "");
    let page = get(&format!("/device?code={typed}")).session(&waiting.session).send(&waiting.site).await;
    assert!(page.expect(200).text().contains("a &lt;laptop&gt;"));
    refused(waiting.ask().await, "authorization_pending");
    waiting.decide(&typed, "approve").await.expect(200);
    let answer = waiting.ask().await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert!(waiting.works(&tokens).await);
    refused(waiting.ask().await, "expired_token");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    get("/api/v1/me").token(refresh).send(&waiting.site).await.expect(401);
    get("/account").session(refresh).send(&waiting.site).await.expect(303);
    waiting.site.outside.advance(Duration::from_hours(1));
    assert!(!waiting.works(&tokens).await);
}

#[tokio::test]
async fn somebody_refuses_a_device() {
    let waiting = Waiting::new().await;
    waiting.decide(waiting.code(), "deny").await.expect(200);
    refused(waiting.ask().await, "access_denied");
    let page = waiting.decide(waiting.code(), "approve").await.expect(404);
    assert!(page.text().contains("there is no device with this code"));
    refused(waiting.ask().await, "access_denied");
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_slow_down() {
    let waiting = Waiting::new().await;
    let after = async |seconds: u64| {
        waiting.site.outside.advance(Duration::from_secs(seconds));
        waiting.ask_now().await
    };
    refused(after(0).await, "authorization_pending");
    refused(after(5).await, "authorization_pending");
    refused(after(4).await, "slow_down");
    // Ten seconds now, for all polls that follow.
    refused(after(9).await, "slow_down");
    refused(after(15).await, "authorization_pending");
    refused(after(14).await, "slow_down");
    waiting.decide(waiting.code(), "approve").await.expect(200);
    refused(after(19).await, "slow_down");
    assert!(waiting.works(&after(25).await.ok_json()).await);
    refused(after(0).await, "expired_token");
}

#[tokio::test]
async fn each_device_has_its_own_pace() {
    let waiting = Waiting::new().await;
    refused(waiting.ask_now().await, "authorization_pending");
    let other = post("/api/v1/device/authorize").send(&waiting.site).await.ok_json();
    let other = [("grant_type", DEVICE_CODE), ("device_code", other["device_code"].as_str().unwrap())];
    let ask_other = async || post("/api/v1/device/token").form(&other).send(&waiting.site).await;
    refused(ask_other().await, "authorization_pending");
    refused(ask_other().await, "slow_down");
    refused(waiting.ask().await, "authorization_pending");
    // A code that nobody has is not remembered.
    let unknown = [("grant_type", DEVICE_CODE), ("device_code", "hf_unknown")];
    for _ in 0..3 {
        refused(post("/api/v1/device/token").form(&unknown).send(&waiting.site).await, "expired_token");
    }
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes() {
    let waiting = Waiting::new().await;
    waiting.site.outside.advance(Duration::from_mins(10));
    waiting.decide(waiting.code(), "approve").await.expect(404);
    refused(waiting.ask().await, "expired_token");
}

#[tokio::test]
async fn what_is_no_grant_is_refused() {
    let site = Site::new().await;
    for (fields, error) in [
        (&[("grant_type", "password")][..], "unsupported_grant_type"),
        (&[], "unsupported_grant_type"),
        (&[("grant_type", DEVICE_CODE)], "expired_token"),
        (&[("grant_type", DEVICE_CODE), ("device_code", "hf_unknown")], "expired_token"),
        (&[("grant_type", "refresh_token")], "invalid_grant"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "hf_unknown")], "invalid_grant"),
        (&[("grant_type", "refresh_token"), ("refresh_token", crate::site::ADMIN)], "invalid_grant"),
    ] {
        refused(post("/api/v1/device/token").form(fields).send(&site).await, error);
    }
}

#[tokio::test]
async fn requests_are_bounded() {
    let site = Site::new().await;
    for _ in 0..200 {
        post("/api/v1/device/authorize").send(&site).await.expect(200);
    }
    let refused = post("/api/v1/device/authorize").send(&site).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("900"));
}

#[tokio::test]
async fn refreshing_replaces_the_secret() {
    let waiting = Waiting::new().await;
    let first = waiting.let_in().await;
    let second = waiting.refresh(&first).await.ok_json();
    assert!(first["refresh_token"] != second["refresh_token"] && waiting.works(&second).await);
    // The answer may have been lost.
    waiting.site.outside.advance(Duration::from_mins(1));
    let third = waiting.refresh(&first).await.ok_json();
    assert!(waiting.works(&third).await);
    waiting.refresh(&third).await.expect(200);
}

#[tokio::test]
async fn a_secret_that_is_used_twice_is_nobodys() {
    let waiting = Waiting::new().await;
    let first = waiting.let_in().await;
    let second = waiting.refresh(&first).await.ok_json();
    waiting.site.outside.advance(Duration::from_secs(61));
    refused(waiting.refresh(&first).await, "invalid_grant");
    refused(waiting.refresh(&second).await, "invalid_grant");
    assert!(!waiting.works(&second).await, "what it was let in with ends too");
    let log = get("/api/v1/audit?action=device-revoke").token(crate::site::ADMIN).send(&waiting.site).await;
    assert_eq!(log.ok_json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_device_is_listed_and_ended() {
    let waiting = Waiting::new().await;
    let tokens = waiting.let_in().await;
    let page = get("/account").session(&waiting.session).send(&waiting.site).await.expect(200);
    assert!(page.text().contains("cargo on a &lt;laptop&gt;"));
    let list = get("/api/v1/tokens").session(&waiting.session).send(&waiting.site).await.ok_json();
    let device = list.as_array().unwrap().iter().find(|token| token["purpose"] == "device").unwrap();
    let path = format!("/api/v1/tokens/{}", device["id"].as_str().unwrap());
    delete(&path).session(&waiting.session).send(&waiting.site).await.expect(204);
    refused(waiting.refresh(&tokens).await, "invalid_grant");
    // Within the time for which this process believes what it saw.
    waiting.site.outside.advance(Duration::from_secs(2));
    assert!(!waiting.works(&tokens).await);
}

#[tokio::test]
async fn a_token_that_may_less_lets_nobody_in() {
    let waiting = Waiting::new().await;
    let hour = Some(Duration::from_hours(1));
    let manage = [holdfast_types::Endpoint::Admin];
    for token in [
        waiting.site.token("alice", &[], &[], hour).await,
        waiting.site.token("alice", &manage, &[], None).await,
        waiting.site.token("alice", &[], &["acme-*"], None).await,
    ] {
        let fields = [("code", waiting.code()), ("decision", "approve")];
        let page = post("/device").token(&token).form(&fields).send(&waiting.site).await.expect(403);
        assert!(page.text().contains("cannot make one that may do more"));
        refused(waiting.ask().await, "authorization_pending");
    }
}

#[tokio::test]
async fn what_a_device_bound_ends_with_the_device() {
    let waiting = Waiting::new().await;
    let tokens = waiting.let_in().await;
    let act = json!({"registry": "main", "operation": "owners", "name": "abc"});
    let access = tokens["access_token"].as_str().unwrap();
    let bound = post("/api/v1/tokens/bound").token(access).json(&act).send(&waiting.site).await.expect(201);
    let bound = bound.json()["token"].as_str().unwrap().to_owned();
    get("/api/v1/me").token(&bound).send(&waiting.site).await.expect(200);
    let list = get("/api/v1/tokens").session(&waiting.session).send(&waiting.site).await.ok_json();
    let device = list.as_array().unwrap().iter().find(|token| token["purpose"] == "device").unwrap();
    let path = format!("/api/v1/tokens/{}", device["id"].as_str().unwrap());
    delete(&path).session(&waiting.session).send(&waiting.site).await.expect(204);
    waiting.site.outside.advance(Duration::from_secs(2));
    get("/api/v1/me").token(access).send(&waiting.site).await.expect(401);
    get("/api/v1/me").token(&bound).send(&waiting.site).await.expect(401);
}

#[tokio::test]
async fn an_approval_lasts_as_long_as_that_with_which_it_was_given() {
    let waiting = Waiting::new().await;
    waiting.decide(waiting.code(), "approve").await.expect(200);
    post("/logout").session(&waiting.session).form(&[]).send(&waiting.site).await.expect(303);
    refused(waiting.ask().await, "expired_token");
}

#[tokio::test]
async fn a_device_that_a_token_let_in_ends_with_the_token() {
    let waiting = Waiting::new().await;
    let token = waiting.site.token("alice", &[], &[], None).await;
    let fields = [("code", waiting.code()), ("decision", "approve")];
    post("/device").token(&token).form(&fields).send(&waiting.site).await.expect(200);
    let tokens = waiting.ask().await.ok_json();
    assert!(waiting.works(&tokens).await);
    delete("/api/v1/tokens/current").token(&token).send(&waiting.site).await.expect(204);
    assert!(!waiting.works(&tokens).await);
    refused(waiting.refresh(&tokens).await, "invalid_grant");
}
