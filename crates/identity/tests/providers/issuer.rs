//! Tokens of an issuer whose keys change, and which is not always there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use holdfast_identity::{Cause, Client, Issuer, SignInError, TokenError, Unavailable, VerifyError};
use holdfast_servers::{Act, Oidc};
use serde_json::json;

use crate::site::{begin, count, mint, now, provider, secret_client};

fn issuer_of(oidc: &Oidc) -> Issuer {
    Issuer::new(&oidc.issuer(), &Client::new().unwrap()).unwrap()
}

fn token(oidc: &Oidc) -> String {
    mint(oidc, &json!({"alg": "RS256"}), "RS256", &json!({"exp": now().unix_seconds() + 100_000}))
}

fn later(seconds: u64) -> holdfast_types::Timestamp {
    now().plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn every_algorithm_is_verified() {
    let Some(oidc) = Oidc::start() else { return };
    let issuer = issuer_of(&oidc);
    for (algorithm, key) in [
        ("RS256", "RS256"),
        ("RS384", "RS256"),
        ("RS512", "RS256"),
        ("PS256", "RS256"),
        ("PS384", "RS256"),
        ("PS512", "RS256"),
        ("ES256", "ES256"),
        ("ES384", "ES384"),
        ("EdDSA", "EdDSA"),
    ] {
        let claims = json!({"repository": {"id": 7}});
        let jwt = mint(&oidc, &json!({"alg": algorithm, "typ": "JWT"}), key, &claims);
        let claims_found = issuer.verify(now(), Oidc::CLIENT, &jwt).await.unwrap();
        assert_eq!(claims_found.text("/repository/id").as_deref(), Some("7"));
        let unnamed = mint(&oidc, &json!({"alg": algorithm, "kid": null}), key, &claims);
        issuer.verify(now(), Oidc::CLIENT, &unnamed).await.unwrap();
        let wrong = issuer.verify(now(), "somebody else", &jwt).await;
        assert!(matches!(wrong, Err(VerifyError::Refused(TokenError::OtherAudience { .. }))));
    }
}

#[tokio::test]
async fn keys_change_and_nobody_notices() {
    let Some(oidc) = Oidc::start() else { return };
    let issuer = Arc::new(issuer_of(&oidc));
    let old = token(&oidc);
    issuer.verify(now(), Oidc::CLIENT, &old).await.unwrap();
    oidc.rotate();
    let new = token(&oidc);
    let asked = count(oidc.front(), "/jwks");
    issuer.verify(later(60), Oidc::CLIENT, &new).await.unwrap();
    let refused = issuer.verify(later(61), Oidc::CLIENT, &old).await;
    assert!(matches!(refused, Err(VerifyError::Refused(TokenError::UnknownKey))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    // Keys that nobody knows lead to one question, however many come.
    let at = later(120);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let header = json!({"alg": "ES256", "kid": format!("unknown-{number}")});
            let (issuer, jwt) = (issuer.clone(), mint(&oidc, &header, "ES256", &json!({})));
            tokio::spawn(async move { issuer.verify(at, Oidc::CLIENT, &jwt).await })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Err(VerifyError::Refused(TokenError::UnknownKey))));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    // What is wrong anyway leads to none.
    let expired = json!({"exp": now().unix_seconds() - 100});
    let jwt = mint(&oidc, &json!({"alg": "ES256", "kid": "unknown"}), "ES256", &expired);
    issuer.verify(later(180), Oidc::CLIENT, &jwt).await.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn known_keys_serve_while_the_issuer_is_down() {
    let Some(oidc) = Oidc::start() else { return };
    let issuer = issuer_of(&oidc);
    let jwt = token(&oidc);
    oidc.process().kill();
    let is_down = |answer: Result<_, VerifyError>| {
        let error = answer.err().unwrap();
        let cause =
            matches!(&error, VerifyError::Unavailable(Unavailable { cause: Cause::Unreachable(_), .. }));
        assert!(cause, "{error:?}");
    };
    is_down(issuer.verify(now(), Oidc::CLIENT, &jwt).await);
    let provider = provider(&secret_client(&oidc));
    assert!(matches!(begin(&provider, 1).await.err(), Some(SignInError::Unavailable(_))));

    oidc.process().start_again();
    let jwt = token(&oidc);
    issuer.verify(later(10), Oidc::CLIENT, &jwt).await.unwrap();
    oidc.process().kill();
    for seconds in [20, 1000, 3500] {
        issuer.verify(later(seconds), Oidc::CLIENT, &jwt).await.unwrap();
    }
    is_down(issuer.verify(later(3700), Oidc::CLIENT, &jwt).await);
    oidc.process().start_again();
    let jwt = token(&oidc);
    issuer.verify(later(3710), Oidc::CLIENT, &jwt).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_long_for_an_issuer_that_hangs() {
    let Some(oidc) = Oidc::start() else { return };
    let issuer = Arc::new(issuer_of(&oidc));
    let jwt = token(&oidc);
    oidc.process().freeze();
    let began = Instant::now();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (issuer, jwt) = (issuer.clone(), jwt.clone());
            tokio::spawn(async move { issuer.verify(now(), Oidc::CLIENT, &jwt).await })
        })
        .collect();
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(
            matches!(error, VerifyError::Unavailable(Unavailable { cause: Cause::Slow, .. })),
            "{error:?}"
        );
    }
    // All wait for the same answer.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    oidc.process().thaw();
    issuer.verify(later(10), Oidc::CLIENT, &jwt).await.unwrap();

    // One that hangs when it is asked for keys that nobody knows makes only those wait who ask.
    oidc.front().script(|_| Act::Hang);
    let unknown = mint(&oidc, &json!({"alg": "ES256", "kid": "unknown"}), "ES256", &json!({}));
    let at = later(60);
    let waiting = {
        let issuer = issuer.clone();
        tokio::spawn(async move { issuer.verify(at, Oidc::CLIENT, &unknown).await })
    };
    let began = Instant::now();
    while !waiting.is_finished() {
        issuer.verify(at, Oidc::CLIENT, &jwt).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::task::yield_now().await;
    }
    assert!(matches!(waiting.await.unwrap(), Err(VerifyError::Unavailable(_))));
}
