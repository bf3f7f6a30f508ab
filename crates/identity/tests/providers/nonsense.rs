//! Issuers that answer with something else than they should.

use std::error::Error as _;

use holdfast_identity::{Cause, Client, Issuer, Unavailable, VerifyError};
use holdfast_servers::{Act, Front};
use serde_json::json;

use crate::site::{now, path_of};

/// What becomes of a token when discovery answers so; `ISSUER` stands for the right name.
async fn cause(status: u16, discovery: String, keys: String) -> Cause {
    let front = Front::alone();
    let discovery = discovery.replace("ISSUER", &format!("http://{}", front.address()));
    front.script(move |request| match path_of(request) {
        "/.well-known/openid-configuration" => Act::Answer(status, discovery.clone()),
        _ => Act::Answer(200, keys.clone()),
    });
    cause_at(&front).await
}

/// What becomes of a token of an issuer.
async fn cause_at(front: &Front) -> Cause {
    let name = format!("http://{}", front.address());
    let issuer = Issuer::new(&name, &Client::new().unwrap()).unwrap();
    let seconds = now().unix_seconds();
    let claims = json!({"iss": name, "aud": "us", "exp": seconds + 60});
    let jwt = [json!({"alg": "RS256", "kid": "k"}), claims].map(|part| encode(&part.to_string())).join(".");
    let refused = issuer.verify(now(), "us", &format!("{jwt}.{}", encode("s"))).await;
    let Err(VerifyError::Unavailable(Unavailable { cause, .. })) = refused else { panic!("{refused:?}") };
    cause
}

fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn nonsense_is_told_from_bad_tokens() {
    let good = r#"{"issuer": "ISSUER", "jwks_uri": "ISSUER/jwks"}"#;
    let check = async |status: u16, discovery: &str, keys: &str, expected: &str| {
        let cause = cause(status, discovery.to_owned(), keys.to_owned()).await;
        let reason = cause.source().map(|source| format!(": {source}")).unwrap_or_default();
        let found = format!("{cause}{reason}");
        assert!(found.starts_with(expected), "{found}");
    };
    check(500, good, "", "it answers with status 500").await;
    check(302, good, "", "it answers with status 302").await;
    check(404, "", "", "it answers with status 404").await;
    check(200, "<html>", "", "it answers with something else than was asked for: expected value").await;
    check(200, "{}", "", "it answers with something else than was asked for: missing field `issuer`").await;
    check(200, good, "[]", "it answers with something else than was asked for: invalid").await;
    check(200, &good.replace("ISSUER\",", "ISSUER/\","), "", "it says that it is `http://127.0.0.1:").await;
    check(
        200,
        &good.replace("ISSUER\",", "https://other.example\","),
        "",
        "it says that it is `https://other",
    )
    .await;
    let plain = good.replace("ISSUER/jwks", "http://other.example/jwks");
    check(200, &plain, "", "it sends us on to an address that is no use: `http://other.example/jwks` is not")
        .await;
    let file = good.replace("ISSUER/jwks", "file:///etc/passwd");
    check(200, &file, "", "it sends us on to an address that is no use: `file:///etc/passwd` is no URL")
        .await;
    check(200, &" ".repeat(1_048_577), "", "it answers with more than 1048576 bytes").await;
    check(200, good, &" ".repeat(10_000_000), "it answers with more than 1048576 bytes").await;
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let server = Front::alone();
    server.script(|_| Act::Answer(302, String::new()));
    let front = Front::before(server.address());
    front.script(|_| {
        Act::Change(|answer| {
            let answer = String::from_utf8(answer).unwrap();
            answer.replace("Connection: close\r\n", "Location: /elsewhere\r\nConnection: close\r\n").into()
        })
    });
    // Whoever followed would come to no end.
    let cause = cause_at(&front).await;
    assert!(matches!(cause, Cause::Status(302)), "{cause:?}");
}

#[tokio::test]
async fn an_issuer_that_does_not_listen_cannot_be_reached() {
    let port = holdfast_servers::Port::free();
    let name = format!("http://{}", port.address());
    let issuer = Issuer::new(&name, &Client::new().unwrap()).unwrap();
    let claims = json!({"iss": name, "aud": "us", "exp": now().unix_seconds() + 60});
    let jwt = [json!({"alg": "RS256"}), claims].map(|part| encode(&part.to_string())).join(".");
    let refused = issuer.verify(now(), "us", &format!("{jwt}.{}", encode("s"))).await.unwrap_err();
    assert!(matches!(refused, VerifyError::Unavailable(Unavailable { cause: Cause::Unreachable(_), .. })));
}
