//! ID tokens that the provider should not have given, in the place of the one that it gave.

use std::sync::atomic::Ordering;

use holdfast_identity::{BadAnswer, SignInError, TokenError};
use holdfast_servers::{Act, Oidc};
use serde_json::{Value, json};

use crate::site::{Site, answer, begin, count, now, path_of, provider, secret_client};

/// Signs in with the given ID token, whose nonce is right unless `changes` say otherwise.
async fn refusal(site: &Site, header: Value, key: &str, mut changes: Value) -> BadAnswer {
    let begun = begin(&site.provider, 7).await.unwrap();
    let (_, nonce) = begun.url.query_pairs().find(|(name, _)| name == "nonce").unwrap();
    if changes.get("nonce").is_none() {
        changes["nonce"] = json!(nonce);
    }
    let id_token = site.mint(&header, key, &changes);
    let callback = serde_json::from_value(json!({
        "code": "any",
        "state": serde_json::to_value(&begun.flow).unwrap()["state"],
        "iss": site.oidc.issuer(),
    }));
    let tokens = json!({"access_token": "any", "token_type": "Bearer", "id_token": id_token});
    answer(site.oidc.front(), "/token", 200, &tokens);
    let refused = site.finish(&begun.flow, &callback.unwrap()).await;
    let Err(SignInError::BadAnswer(refused)) = refused else { panic!("{refused:?}") };
    refused
}

#[tokio::test]
async fn forged_id_tokens_are_refused() {
    let Some(site) = Site::start() else { return };
    let seconds = now().unix_seconds();
    let rs = || json!({"alg": "RS256"});
    let check = async |header: Value, key: &str, changes: Value, expected: TokenError| {
        assert_eq!(refusal(&site, header, key, changes).await, BadAnswer::IdToken(expected));
    };

    assert_eq!(refusal(&site, rs(), "RS256", json!({"nonce": "other"})).await, BadAnswer::Nonce);
    assert_eq!(refusal(&site, rs(), "RS256", json!({"nonce": null})).await, BadAnswer::Nonce);
    assert_eq!(refusal(&site, rs(), "RS256", json!({"at_hash": "other"})).await, BadAnswer::AccessToken);
    assert_eq!(refusal(&site, rs(), "RS256", json!({"sub": " "})).await, BadAnswer::NoSubject);

    let other = TokenError::OtherAudience { expected: "holdfast".to_owned(), found: "`public`".to_owned() };
    check(rs(), "RS256", json!({"aud": "public"}), other).await;
    let several = json!({"aud": ["public", "holdfast"], "azp": "public"});
    check(rs(), "RS256", several, TokenError::OtherParty("public".to_owned())).await;
    let issuer = site.oidc.issuer();
    let other = TokenError::OtherIssuer { expected: issuer.clone(), found: format!("{issuer}/") };
    check(rs(), "RS256", json!({"iss": format!("{issuer}/")}), other).await;
    let refused = refusal(&site, rs(), "RS256", json!({"exp": seconds - 600})).await;
    assert!(matches!(refused, BadAnswer::IdToken(TokenError::Expired { .. })));
    let refused = refusal(&site, rs(), "RS256", json!({"iat": seconds + 600})).await;
    assert!(matches!(refused, BadAnswer::IdToken(TokenError::Early { .. })));

    for algorithm in ["none", "HS256", "HS512"] {
        let expected = TokenError::Algorithm(algorithm.to_owned());
        check(json!({"alg": algorithm}), "RS256", json!({}), expected).await;
    }
    for (algorithm, key) in [("RS256", "RS256"), ("PS384", "RS256"), ("ES256", "ES256"), ("EdDSA", "EdDSA")] {
        let foreign = json!({"alg": algorithm, "foreign": true});
        check(foreign, key, json!({}), TokenError::UnknownKey).await;
        // With the name of a published key, which the provider takes for another's.
        let real = site.mint(&json!({"alg": algorithm}), key, &json!({}));
        let head = head_of(&real);
        let forged = json!({"alg": algorithm, "kid": head["kid"], "foreign": true});
        check(forged, key, json!({}), TokenError::Signature).await;
    }
    let ec = head_of(&site.mint(&json!({"alg": "ES256"}), "ES256", &json!({})))["kid"].clone();
    let mixed = TokenError::OtherAlgorithm(ec.as_str().unwrap().to_owned());
    check(json!({"alg": "RS256", "kid": ec}), "RS256", json!({}), mixed).await;
}

#[tokio::test]
async fn an_id_token_that_says_all_is_enough() {
    let Some(site) = Site::start() else { return };
    let (flow, callback) = site.come_back("ann").await;
    let nonce = serde_json::to_value(&flow).unwrap()["nonce"].clone();
    let claims = json!({"nonce": nonce, "email": "a@b", "email_verified": "true", "groups": []});
    let id_token = site.mint(&json!({"alg": "ES384"}), "ES384", &claims);
    let tokens = json!({"access_token": "any", "id_token": id_token});
    answer(site.oidc.front(), "/token", 200, &tokens);
    let ann = site.finish(&flow, &callback).await.unwrap();
    assert_eq!((ann.email.as_deref(), ann.email_verified, ann.groups.len()), (Some("a@b"), true, 0));
}

#[tokio::test]
async fn more_is_asked_of_the_same_person_only() {
    let Some(oidc) = Oidc::start() else { return };
    let mut config = secret_client(&oidc);
    config["claims"] = json!({"groups": "roles"});
    let site = Site { provider: provider(&config), oidc };
    let (flow, callback) = site.come_back("ann").await;
    let asked = count(site.oidc.front(), "/me");
    site.finish(&flow, &callback).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    for (body, expected) in [
        (json!({"sub": "bob"}), BadAnswer::OtherSubject),
        (json!({"email": "bob@example.com"}), BadAnswer::OtherSubject),
        (json!({"sub": "ann", "_claim_names": {"roles": "src1"}}), BadAnswer::TooManyGroups),
    ] {
        let (flow, callback) = site.come_back("ann").await;
        answer(site.oidc.front(), "/me", 200, &body);
        let refused = site.finish(&flow, &callback).await;
        assert!(matches!(&refused, Err(SignInError::BadAnswer(found)) if *found == expected), "{refused:?}");
    }
    let (flow, callback) = site.come_back("ann").await;
    answer(site.oidc.front(), "/me", 503, &"later");
    // Without the groups, somebody could lose rights.
    assert!(matches!(site.finish(&flow, &callback).await, Err(SignInError::Unavailable(_))));
}

#[tokio::test]
async fn an_address_is_verified_by_who_tells_of_it() {
    let Some(site) = Site::start() else { return };
    for (email, is_known) in [("ann@example.com", true), ("ceo@example.com", false)] {
        let (flow, callback) = site.come_back("ann").await;
        let nonce = serde_json::to_value(&flow).unwrap()["nonce"].clone();
        let claims = json!({"nonce": nonce, "email": email});
        let id_token = site.mint(&json!({"alg": "RS256"}), "RS256", &claims);
        let tokens = json!({"access_token": "any", "id_token": id_token}).to_string();
        let more = json!({"sub": "ann", "email": "ann@example.com", "email_verified": true}).to_string();
        site.oidc.front().script(move |request| match path_of(request) {
            "/token" => Act::Answer(200, tokens.clone()),
            "/me" => Act::Answer(200, more.clone()),
            _ => Act::Forward,
        });
        let ann = site.finish(&flow, &callback).await.unwrap();
        assert_eq!((ann.email.as_deref(), ann.email_verified), (Some(email), is_known));
    }
}

/// The head of a token.
fn head_of(jwt: &str) -> Value {
    use base64::Engine as _;
    let head = jwt.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
    serde_json::from_slice(&head).unwrap()
}
