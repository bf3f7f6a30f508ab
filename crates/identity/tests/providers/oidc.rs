//! People sign in by OpenID Connect.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_identity::{BadAnswer, Callback, Flow, Person, SignInError};
use holdfast_servers::Oidc;
use serde_json::json;

use crate::site::{self, Site, begin, now, provider, redirect_uri};

fn is_ann(person: &Person, oidc: &Oidc) {
    assert_eq!((person.issuer.as_str(), person.subject.as_str()), (oidc.issuer().as_str(), "ann"));
    assert_eq!(person.login.as_deref(), Some("ann"));
    assert_eq!((person.email.as_deref(), person.email_verified), (Some("ann@example.com"), true));
    assert_eq!(person.full_name.as_deref(), Some("ann of Example"));
    assert_eq!(person.groups, BTreeSet::from(["everybody".to_owned(), "friends-of-ann".to_owned()]));
    assert_eq!(person.claims.text("sub").as_deref(), Some("ann"));
}

#[tokio::test]
async fn people_sign_in() {
    let Some(site) = Site::start() else { return };
    let (flow, callback) = site.come_back("ann").await;
    // The server keeps nothing: what it must know again goes through a cookie.
    let flow: Flow = serde_json::from_str(&serde_json::to_string(&flow).unwrap()).unwrap();
    is_ann(&site.finish(&flow, &callback).await.unwrap(), &site.oidc);

    let (flow, callback) = site.come_back("unverified-bob").await;
    let bob = site.finish(&flow, &callback).await.unwrap();
    assert_eq!((bob.email.as_deref(), bob.email_verified), (Some("unverified-bob@example.com"), false));
}

#[tokio::test]
async fn a_public_client_has_no_secret() {
    let Some(oidc) = Oidc::start() else { return };
    let config = json!({"kind": "oidc", "issuer": oidc.issuer(), "client-id": Oidc::PUBLIC_CLIENT});
    let site = Site { provider: provider(&config), oidc };
    let (flow, callback) = site.come_back("ann").await;
    is_ann(&site.finish(&flow, &callback).await.unwrap(), &site.oidc);
}

#[tokio::test]
async fn claims_are_named_by_the_configuration() {
    let Some(oidc) = Oidc::start() else { return };
    let mut config = site::secret_client(&oidc);
    config["claims"] = json!({"login": "email", "full-name": "/groups/0", "groups": "preferred_username"});
    config["trust-email"] = json!(true);
    let site = Site { provider: provider(&config), oidc };
    let (flow, callback) = site.come_back("unverified-cid").await;
    let cid = site.finish(&flow, &callback).await.unwrap();
    assert_eq!(cid.login.as_deref(), Some("unverified-cid@example.com"));
    assert!(cid.email_verified);
    assert_eq!(cid.full_name.as_deref(), Some("everybody"));
    assert_eq!(cid.groups, BTreeSet::from(["unverified-cid".to_owned()]));
}

#[tokio::test]
async fn only_the_browser_that_began_comes_back() {
    let Some(site) = Site::start() else { return };
    let (flow, good) = site.come_back("ann").await;
    let check = async |callback: Callback, expected: BadAnswer| {
        let refused = site.finish(&flow, &callback).await;
        assert!(matches!(&refused, Err(SignInError::BadAnswer(found)) if *found == expected), "{refused:?}");
    };
    let begun = begin(&site.provider, 2).await.unwrap();
    let refused = site.finish(&begun.flow, &good).await;
    assert!(matches!(refused, Err(SignInError::BadAnswer(BadAnswer::State))));
    check(Callback { state: None, ..good.clone() }, BadAnswer::State).await;
    check(Callback { code: None, ..good.clone() }, BadAnswer::NoCode).await;
    check(Callback { iss: None, ..good.clone() }, BadAnswer::NoIssuer).await;
    let other = "https://other.example";
    let misled = Callback { iss: Some(other.to_owned()), ..good.clone() };
    check(misled, BadAnswer::OtherIssuer(other.to_owned())).await;
    let late = now().plus(Duration::from_mins(16));
    let refused = site.provider.finish(late, &redirect_uri(), &flow, &good).await;
    assert!(matches!(refused, Err(SignInError::BadAnswer(BadAnswer::TooLate))));

    // None of these has used the code up.
    site.finish(&flow, &good).await.unwrap();
}

#[tokio::test]
async fn the_provider_may_say_no() {
    let Some(site) = Site::start() else { return };
    let check = async |flow: &Flow, callback: &Callback, expected: &str| {
        let refused = site.finish(flow, callback).await;
        let Err(SignInError::Denied { error, description }) = refused else { panic!("{refused:?}") };
        assert_eq!(error, expected);
        assert!(description.is_some());
    };
    let (flow, good) = site.come_back("ann").await;
    let denied = Callback {
        code: None,
        error: Some("access_denied".to_owned()),
        error_description: Some("not today".to_owned()),
        ..good.clone()
    };
    check(&flow, &denied, "access_denied").await;
    // Whoever has stolen a code does not know the verifier.
    let mut other = serde_json::to_value(&flow).unwrap();
    other["verifier"] = json!("x".repeat(43));
    check(&serde_json::from_value(other).unwrap(), &good, "invalid_grant").await;

    let (flow, good) = site.come_back("ann").await;
    site.finish(&flow, &good).await.unwrap();
    check(&flow, &good, "invalid_grant").await;

    let mut config = site::secret_client(&site.oidc);
    config["client-secret"] = json!("wrong");
    let Site { oidc, .. } = site;
    let site = Site { provider: provider(&config), oidc };
    let (flow, good) = site.come_back("ann").await;
    let refused = site.finish(&flow, &good).await;
    assert!(matches!(refused, Err(SignInError::Denied { error, .. }) if error == "invalid_client"));
}
