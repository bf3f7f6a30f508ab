//! CI jobs that publish and read without a secret, with tokens of a real OpenID provider.

use crate::site::{ADMIN, Answer, Site, delete, get, own_index, post, put};
use holdfast_registry::entity::Role;
use holdfast_registry::{Actor, Outside as _, Settings};
use holdfast_servers::Oidc;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::WebSettings;
use serde_json::{Value, json};
use std::time::Duration;

const TRUST: &str = "/api/v1/registries/main/crates/abc/trust";
const EXCHANGE: &str = "/api/v1/trusted_publishing/tokens";

/// A server at a known address with alice's crate `abc`, which trusts a workflow.
struct Trusting {
    site: Site,
    oidc: Oidc,
    alice: String,
}

impl Trusting {
    async fn new() -> Option<Trusting> {
        let oidc = Oidc::start()?;
        let public_url = Some("http://crates.example".to_owned());
        let trusted_issuers = vec![oidc.issuer().parse().unwrap()];
        let site = Site::with(
            WebSettings { public_url, ..WebSettings::default() },
            Settings { trusted_issuers, ..Settings::default() },
        )
        .await;
        let alice = site.user("alice", Role::Publisher).await;
        for name in ["abc", "xyz"] {
            site.publish(&alice, "main", &CrateBuilder::new(name, "1.0.0")).await.expect(200);
        }
        let trusting = Trusting { site, oidc, alice };
        trusting.trust(false).await;
        Some(trusting)
    }

    fn rule(&self) -> Value {
        json!({"provider": "github", "issuer": self.oidc.issuer(), "owner": "acme", "repository": "abc",
            "workflow": "release.yml"})
    }

    async fn trust(&self, only: bool) {
        let trust = json!({"rules": [self.rule()], "only": only});
        put(TRUST).token(&self.alice).json(&trust).send(&self.site).await.expect(204);
        assert_eq!(get(TRUST).token(&self.alice).send(&self.site).await.ok_json(), trust);
    }

    /// What the CI system says of a job, with a change.
    fn jwt(&self, changes: &Value) -> String {
        let now = i64::try_from(self.site.outside.unix_millis() / 1000).unwrap();
        let mut claims = json!({
            "iss": self.oidc.issuer(), "aud": "crates.example", "sub": "repo:acme/abc:ref:refs/tags/v1",
            "iat": now, "nbf": now, "exp": now + 300, "jti": "1", "run_id": "7", "event_name": "push",
            "ref": "refs/tags/v1", "ref_type": "tag", "repository": "acme/abc", "repository_owner": "acme",
            "workflow_ref": "acme/abc/.github/workflows/release.yml@refs/tags/v1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let wanted = json!({"header": {"alg": "RS256"}, "key": "RS256", "claims": claims, "foreign": false});
        self.oidc.mint(&wanted.to_string())
    }

    async fn exchange(&self, request: Value) -> Answer {
        post(EXCHANGE).json(&request).send(&self.site).await
    }

    /// A token for a job whose token has an id.
    async fn token(&self, jti: &str) -> String {
        let answer = self.exchange(json!({"jwt": self.jwt(&json!({"jti": jti}))})).await;
        answer.ok_json()["token"].as_str().unwrap().to_owned()
    }

    async fn publish(&self, token: &str, name: &str, version: &str) -> Answer {
        self.site.publish(token, "main", &CrateBuilder::new(name, version)).await
    }
}

#[tokio::test]
async fn a_job_publishes() {
    let Some(trusting) = Trusting::new().await else { return };
    let answer = trusting.exchange(json!({"jwt": trusting.jwt(&json!({}))})).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["expires_at"], "2026-01-01T00:30:00Z");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    trusting.publish(&token, "abc", "1.1.0").await.expect(200);
    trusting.publish(&token, "xyz", "1.1.0").await.expect(403);
    trusting.publish(&token, "new", "1.0.0").await.expect(403);
    let site = &trusting.site;
    for request in [
        delete("/r/main/api/v1/crates/abc/1.0.0/yank"),
        put("/r/main/api/v1/crates/abc/owners").json(&json!({"users": ["alice"]})),
        put(TRUST).json(&json!({"rules": []})),
        get("/r/open/api/v1/crates"),
        get("/api/v1/users"),
    ] {
        request.token(&token).send(site).await.expect(403);
    }
    get("/r/main/index/3/x/xyz").token(&token).send(site).await.expect(200);
    let log =
        get("/api/v1/audit?action=publish&limit=1&subject=abc@1.1.0").token(ADMIN).send(site).await.ok_json();
    assert!(log[0]["actor"].as_str().unwrap().starts_with("job:127.0.0.1"), "{log}");
    delete(EXCHANGE).token(&token).send(site).await.expect(204);
    trusting.publish(&token, "abc", "1.2.0").await.expect(401);
    let late = trusting.token("late").await;
    site.outside.advance(Duration::from_mins(30));
    trusting.publish(&late, "abc", "1.2.0").await.expect(401);
}

#[tokio::test]
async fn what_differs_is_said() {
    let Some(trusting) = Trusting::new().await else { return };
    for (changes, sentence) in [
        (json!({"aud": "evil.example"}), "the token is for `evil.example`, not for `crates.example`"),
        (json!({"aud": "http://crates.example"}), "the token is for `http://crates.example`"),
        (json!({"repository": "acme/other"}), ":acme/other`; an owner compares that with what"),
        (json!({"ref": "refs/heads/x", "workflow_ref": "x"}), "`main/abc`: the claim `workflow_ref` is `x`"),
        (json!({"event_name": "pull_request_target"}), "the claim `event_name`"),
        (json!({"iss": "https://ci.example"}), "takes no jobs of `https://ci.example`; its option `trusted-"),
        (json!({"iss": "ci.example"}), "`ci.example` is not the address of an issuer"),
        (json!({"exp": 1}), "the token was good until"),
        (json!({"iat": 1, "exp": 99_999_999_999_i64}), "more than 24 hours ago"),
        (json!({"iat": null, "exp": 99_999_999_999_i64}), "more than 24 hours ago"),
    ] {
        let refused = trusting.exchange(json!({"jwt": trusting.jwt(&changes)})).await.expect(403);
        assert!(refused.sentence().contains(sentence), "{changes}: {}", refused.sentence());
        // A job of somewhere else does not learn whom a crate trusts, nor that there is one.
        let is_told = refused.sentence().contains("abc`");
        assert_eq!(is_told, changes["event_name"].is_string() || changes["workflow_ref"].is_string());
    }
    // What was refused so far has not been forgotten.
    trusting.site.outside.advance(Duration::from_mins(15));
    for jwt in ["", "nonsense", "a.b.c"] {
        trusting.exchange(json!({"jwt": jwt})).await.expect(403);
    }
    trusting.exchange(json!({"jwt": "x", "access": "everything"})).await.expect(400);
    trusting.exchange(json!({"jwt": "x", "access": "read"})).await.expect(400);
}

#[tokio::test]
async fn a_token_of_a_job_is_exchanged_once() {
    let Some(trusting) = Trusting::new().await else { return };
    let jwt = trusting.jwt(&json!({"jti": "once"}));
    trusting.exchange(json!({"jwt": jwt})).await.expect(200);
    for again in [jwt, trusting.jwt(&json!({"jti": "once", "run_id": "8"}))] {
        let refused = trusting.exchange(json!({"jwt": again})).await.expect(403);
        assert!(refused.sentence().contains("was used before"), "{}", refused.sentence());
    }
}

#[tokio::test]
async fn a_job_reads() {
    let Some(trusting) = Trusting::new().await else { return };
    let reading =
        |jti: &str| json!({"jwt": trusting.jwt(&json!({"jti": jti})), "access": "read", "registry": "main"});
    let refused = trusting.exchange(reading("1")).await.expect(403);
    assert!(refused.sentence().contains("the registry `main` lets no jobs of"), "{}", refused.sentence());
    let rules = json!({"rules": [trusting.rule()]});
    let site = &trusting.site;
    put("/api/v1/registries/main/trust").token(&trusting.alice).json(&rules).send(site).await.expect(403);
    put("/api/v1/registries/main/trust").token(ADMIN).json(&rules).send(site).await.expect(204);
    let answer = trusting.exchange(reading("2")).await.ok_json();
    assert_eq!(answer["expires_at"], "2026-01-01T02:00:00Z");
    let token = answer["token"].as_str().unwrap();
    get("/r/main/index/3/a/abc").token(token).send(site).await.expect(200);
    get("/r/main/dl/abc/1.0.0/download").token(token).send(site).await.expect(200);
    get("/r/open/api/v1/crates").token(token).send(site).await.expect(403);
    trusting.publish(token, "abc", "1.1.0").await.expect(403);
}

#[tokio::test]
async fn a_crate_may_be_left_to_jobs_alone() {
    let Some(trusting) = Trusting::new().await else { return };
    trusting.trust(true).await;
    let refused = trusting.publish(&trusting.alice, "abc", "1.1.0").await.expect(403);
    assert!(refused.sentence().contains("trusted"), "{}", refused.sentence());
    trusting.publish(ADMIN, "abc", "1.1.0").await.expect(403);
    trusting.publish(&trusting.token("1").await, "abc", "1.1.0").await.expect(200);
    let none = json!({"rules": [], "only": true});
    put(TRUST).token(&trusting.alice).json(&none).send(&trusting.site).await.expect(400);
}

#[tokio::test]
async fn a_server_without_an_address_of_its_own_takes_no_jobs() {
    let site = Site::new().await;
    assert_eq!(own_index("main"), "sparse+http://crates.example/r/main/index/");
    // Its audience would be whatever the request calls it.
    let refused = post(EXCHANGE).json(&json!({"jwt": "any"})).send(&site).await.expect(403);
    assert!(refused.sentence().contains("`public-url`"));
}

#[tokio::test]
async fn a_job_is_trusted_while_its_rule_and_an_owner_stand() {
    let Some(trusting) = Trusting::new().await else { return };
    // Another's crate trusts the same job, and is in nobody's way when he is let go.
    let bob = trusting.site.user("bob", Role::Publisher).await;
    trusting.publish(&bob, "bobs", "1.0.0").await.expect(200);
    let rules = json!({ "rules": [trusting.rule()] });
    put(&TRUST.replace("abc", "bobs")).token(&bob).json(&rules).send(&trusting.site).await.expect(204);
    let token = trusting.token("0").await;
    trusting.publish(&token, "bobs", "1.0.1").await.expect(200);
    trusting.site.holdfast.disable_user(&Actor::operator(), &"bob".parse().unwrap()).await.unwrap();
    trusting.publish(&token, "bobs", "1.0.2").await.expect(403);

    let token = trusting.token("1").await;
    trusting.publish(&token, "abc", "1.0.1").await.expect(200);
    trusting.publish(&token, "bobs", "1.0.2").await.expect(403);
    let trust = async |rules: Value| {
        put(TRUST)
            .token(&trusting.alice)
            .json(&json!({ "rules": rules }))
            .send(&trusting.site)
            .await
            .expect(204);
    };
    let mut other = trusting.rule();
    other["workflow"] = json!("other.yml");
    trust(json!([other])).await;
    let refused = trusting.publish(&token, "abc", "1.0.2").await.expect(403);
    assert!(refused.sentence().contains("`abc` does not trust the job"), "{}", refused.sentence());
    trust(json!([other, trusting.rule()])).await;
    trusting.publish(&token, "abc", "1.0.2").await.expect(200);

    // Whoever was let go does not stay by their CI.
    let alice = "alice".parse().unwrap();
    trusting.site.holdfast.disable_user(&Actor::operator(), &alice).await.unwrap();
    let words = "every owner of the crate `abc` is disabled";
    let refused = trusting.publish(&token, "abc", "1.0.3").await.expect(403);
    assert!(refused.sentence().contains(words), "{}", refused.sentence());
    let jwt = trusting.jwt(&json!({ "jti": "2" }));
    let refused = trusting.exchange(json!({ "jwt": jwt })).await.expect(403);
    assert!(refused.sentence().contains(words), "{}", refused.sentence());
    trusting.site.holdfast.enable_user(&Actor::operator(), &alice).await.unwrap();
    trusting.exchange(json!({ "jwt": jwt })).await.expect(200);
}
