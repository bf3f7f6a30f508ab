//! Which issuers of jobs' tokens the operator lets in, whatever rules say.

use crate::world::{World, settings, v};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_registry::{Holdfast, JobWish, Kind, Outside as _, Result, Settings, Trust, TrustPlace};
use holdfast_types::TrustRule;
use serde_json::json;
use std::io::ErrorKind;
use std::net::TcpListener;

fn rule(issuer: &str, subject: &str) -> TrustRule {
    let rule = json!({ "provider": "custom", "issuer": issuer, "claims": { "sub": subject } });
    serde_json::from_value(rule).unwrap()
}

/// Lets jobs read the registry `main`.
async fn trust(holdfast: &Holdfast, rules: &[&TrustRule]) -> Result<()> {
    let place = TrustPlace { registry: &v("main"), krate: None };
    let trust = Trust { rules: rules.iter().map(|rule| (*rule).clone()).collect(), only: false };
    holdfast.set_trust(&holdfast_registry::Actor::operator(), place, &trust).await
}

/// Shows what an issuer might have signed, whose keys are needed to know.
async fn exchange(world: &World, holdfast: &Holdfast, issuer: &str) -> (Kind, String) {
    let now = world.outside.unix_millis() / 1000;
    let claims = json!({ "iss": issuer, "aud": "us", "sub": "job", "iat": now, "exp": now + 60 });
    let parts = [json!({ "alg": "RS256" }).to_string(), claims.to_string(), "signature".to_owned()];
    let jwt = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let error = holdfast.exchange(&jwt, "us", &JobWish::Read(v("main")), None).await.unwrap_err();
    (error.kind(), error.detail().to_owned())
}

#[tokio::test]
async fn issuers_that_the_operator_does_not_name_are_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let naming = "option `trusted-issuers`";
    let world = World::with(Settings { trusted_issuers: vec![v(&own)], ..settings() }).await;
    let [job, other, public] =
        [(&*own, "job"), (&own, "other"), ("https://gitlab.com", "job")].map(|(at, sub)| rule(at, sub));
    trust(&world.holdfast, &[&job]).await.unwrap();
    let refused = trust(&world.holdfast, &[&job, &public]).await;
    let reason = format!("takes no jobs of `https://gitlab.com`; its {naming}");
    world.refused(refused, Kind::Forbidden, "operator trust main", &reason).await;

    // The rule stands, but by now the operator names others.
    let narrower = world.replica_with(settings()).await;
    let (kind, sentence) = exchange(&world, &narrower, &own).await;
    assert!(kind == Kind::Forbidden && sentence.contains(naming), "{sentence}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it was asked");
    let refused = trust(&narrower, &[&job, &other]).await;
    world.refused(refused, Kind::Forbidden, "operator trust main", naming).await;
    // It is in the way of no other, and can be taken away.
    trust(&narrower, &[&job, &public]).await.unwrap();

    // Where it is let in, it is asked for its keys.
    drop(listener);
    let (kind, sentence) = exchange(&world, &world.holdfast, &own).await;
    assert!(kind == Kind::Unavailable && sentence.contains("does not give its keys"), "{sentence}");
    trust(&narrower, &[&public]).await.unwrap();
}
