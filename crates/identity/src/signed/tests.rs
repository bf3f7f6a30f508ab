//! Tokens made with the same library as cargo's own, and what is not to be believed.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_types::{Sha256, Timestamp};
use insta::assert_snapshot;
use pasetors::keys::AsymmetricSecretKey;
use pasetors::version3::{PublicToken, V3};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Claims, KeyError, Mutation, PublicKey, SignedToken, SignedTokenError};

/// From RFC 3231, which publishes it: no secret.
const SECRET: &str = "fNYVuMvBgOlljt9TDohnaYLblghqaHoQquVZwgR6X12cBFHZLFsaU3q7X3k1Zn36";
const PUBLIC: &str = "k3.public.AmDwjlyf8jAV3gm5Z7Kz9xAOcsKslt_Vwp5v-emjFzBHLCtcANzTaVEghTNEMj9PkQ";
const ID: &str = "k3.pid.QB3WNBP-5j-0XQV2MOuvuOcLlJ8uz-pmqtIZus1x3YTu";
const INDEX: &str = "sparse+https://crates.example/r/main/index/";

fn key() -> PublicKey {
    PUBLIC.parse().unwrap()
}

fn footer() -> String {
    json!({ "url": INDEX, "kip": ID }).to_string()
}

fn signed(payload: &str, footer: &str) -> String {
    let secret = BASE64_URL_SAFE_NO_PAD.decode(SECRET).unwrap();
    let secret = AsymmetricSecretKey::<V3>::from(&secret).unwrap();
    PublicToken::sign(&secret, payload.as_bytes(), Some(footer.as_bytes()), None).unwrap()
}

fn token(payload: &Value) -> SignedToken {
    SignedToken::parse(&signed(&payload.to_string(), &footer())).unwrap().unwrap()
}

fn claims(payload: &Value) -> Result<Claims, SignedTokenError> {
    token(payload).verify(&key())
}

#[test]
fn keys_are_those_of_the_rfc() {
    assert_eq!(key().to_string(), PUBLIC);
    assert_eq!(key().id().as_str(), ID);
    assert_eq!(serde_json::to_value(key()).unwrap(), json!(PUBLIC));
    assert_eq!(serde_json::from_value::<PublicKey>(json!(PUBLIC)).unwrap(), key());
    assert_eq!(format!("k3.secret.{SECRET}").parse::<PublicKey>(), Err(KeyError::Secret));
}

#[test]
fn keys_that_are_none_are_refused() {
    let point = |first: u8, rest: u8| {
        let mut bytes = [rest; 49];
        bytes[0] = first;
        format!("k3.public.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    };
    let off_curve = (0..=u8::MAX).map(|rest| point(2, rest)).find(|text| text.parse::<PublicKey>().is_err());
    let other_bits = PUBLIC.replace("PkQ", "PkR");
    let texts =
        ["", "k3.public.", PUBLIC.trim_end_matches('Q'), &point(4, 1), &off_curve.unwrap(), &other_bits, ID];
    for text in texts {
        assert!(matches!(text.parse::<PublicKey>(), Err(KeyError::Key(_))), "{text}");
    }
}

#[test]
fn every_kind_of_token_is_read() {
    let cksum = Sha256::of(b"file");
    let issued = "2026-11-21T08:01:28.101382292Z";
    let publish = json!({ "iat": issued, "sub": "ci", "mutation": "publish", "name": "foo", "vers": "0.1.0",
        "cksum": cksum, "v": 1 });
    let token = token(&publish);
    assert_eq!((token.key_id().as_str(), token.index_url()), (ID, INDEX));
    let claims_of_publish = token.verify(&key()).unwrap();
    let (name, vers) = ("foo".parse().unwrap(), "0.1.0".parse().unwrap());
    assert_eq!(claims_of_publish.issued_at.to_string(), "2026-11-21T08:01:28Z");
    assert_eq!(claims_of_publish.subject.as_deref(), Some("ci"));
    assert_eq!(claims_of_publish.mutation, Some(Mutation::Publish { name, vers, cksum }));

    let mutation = |payload: Value| claims(&payload).unwrap().mutation;
    let (name, vers) = (|| "foo".parse().unwrap(), || "0.1.0".parse().unwrap());
    let yank = json!({ "iat": issued, "mutation": "yank", "name": "foo", "vers": "0.1.0" });
    assert_eq!(mutation(yank), Some(Mutation::Yank { name: name(), vers: vers() }));
    let unyank = json!({ "iat": issued, "mutation": "unyank", "name": "foo", "vers": "0.1.0" });
    assert_eq!(mutation(unyank), Some(Mutation::Unyank { name: name(), vers: vers() }));
    let owners = json!({ "iat": issued, "mutation": "owners", "name": "foo" });
    assert_eq!(mutation(owners), Some(Mutation::Owners { name: name() }));
    assert_eq!(mutation(json!({ "iat": "2026-11-21T08:01:28Z", "unknown": {} })), None);
}

/// What cargo 1.95 sends, for the key of the RFC and the subject `ci`.
#[test]
fn tokens_of_cargo_are_believed() {
    let check = |text: &str, mutation: Option<Mutation>| {
        let token = SignedToken::parse(text).unwrap().unwrap();
        assert_eq!(token.index_url(), "sparse+http://127.0.0.1:14555/index/");
        let claims = token.verify(&key()).unwrap();
        assert_eq!((claims.subject.as_deref(), &claims.mutation), (Some("ci"), &mutation));
        assert_eq!(claims.check_age("2026-11-21T21:12:40Z".parse().unwrap()), Ok(()));
    };
    let (name, vers) = (|| "foo".parse().unwrap(), || "0.1.0".parse().unwrap());
    let cksum = "d4e1c9f35dad52cb12ad3bb4a2374228ae62324cd1e635187db6f192ecdc5bf4".parse().unwrap();
    check(
        "v3.public.eyJpYXQiOiIyMDI2LTExLTIxVDIxOjEyOjMyLjcxNzE3OTk5MVoiLCJzdWIiOiJjaSJ9lTaGupKFcpsBVvM34s\
        gUe_T994U59zFAgu_srrlN6IscaLdaZkGXaWQK4xyye5A6ZlsG5l2GhsIPRaTjoh7nFHk3CCPlRCSyzIu9pnZIF7XHySUxaL\
        zloIQRtczcvSCY.eyJ1cmwiOiJzcGFyc2UraHR0cDovLzEyNy4wLjAuMToxNDU1NS9pbmRleC8iLCJraXAiOiJrMy5waWQuU\
        UIzV05CUC01ai0wWFFWMk1PdXZ1T2NMbEo4dXotcG1xdEladXMxeDNZVHUifQ",
        None,
    );
    check(
        "v3.public.eyJpYXQiOiIyMDI2LTExLTIxVDIxOjEyOjMyLjkwOTQzNDUzNloiLCJzdWIiOiJjaSIsIm11dGF0aW9uIjoicH\
        VibGlzaCIsIm5hbWUiOiJmb28iLCJ2ZXJzIjoiMC4xLjAiLCJja3N1bSI6ImQ0ZTFjOWYzNWRhZDUyY2IxMmFkM2JiNGEyMz\
        c0MjI4YWU2MjMyNGNkMWU2MzUxODdkYjZmMTkyZWNkYzViZjQifemougoVzQp0zZ1VQFYztHuZ-XiJ3yEgVODDrYFkDfe86f\
        iysayxTLFCuld1X6TSGwV60eUA8OoB6mUCKc5-hd7bIWUI8XPV15xPkEsBVvEvgtiD8U0jDSv7_JfSZK-YLQ.eyJ1cmwiOiJ\
        zcGFyc2UraHR0cDovLzEyNy4wLjAuMToxNDU1NS9pbmRleC8iLCJraXAiOiJrMy5waWQuUUIzV05CUC01ai0wWFFWMk1PdXZ\
        1T2NMbEo4dXotcG1xdEladXMxeDNZVHUifQ",
        Some(Mutation::Publish { name: name(), vers: vers(), cksum }),
    );
    check(
        "v3.public.eyJpYXQiOiIyMDI2LTExLTIxVDIxOjEyOjMyLjc2ODQ2MjI4NFoiLCJzdWIiOiJjaSIsIm11dGF0aW9uIjoieW\
        FuayIsIm5hbWUiOiJmb28iLCJ2ZXJzIjoiMC4xLjAiffS7imNv3brc31m9Umlot_DndmXa7tquaBSo3ZZRLzP0s-jOvuuNf2\
        H9sMCI_qR6mCxaBGNPKprVPhsMgWaKOQiRT17YI3CBdVyAhHz7KsBi1bFJ0C6oZMOqJ6MfSUxxcQ.eyJ1cmwiOiJzcGFyc2U\
        raHR0cDovLzEyNy4wLjAuMToxNDU1NS9pbmRleC8iLCJraXAiOiJrMy5waWQuUUIzV05CUC01ai0wWFFWMk1PdXZ1T2NMbEo\
        4dXotcG1xdEladXMxeDNZVHUifQ",
        Some(Mutation::Yank { name: name(), vers: vers() }),
    );
    check(
        "v3.public.eyJpYXQiOiIyMDI2LTExLTIxVDIxOjEyOjMyLjgxMDU4NDc1WiIsInN1YiI6ImNpIiwibXV0YXRpb24iOiJ1bn\
        lhbmsiLCJuYW1lIjoiZm9vIiwidmVycyI6IjAuMS4wIn3jToW3zb0IHNVGCF3pBmymkVus5TrPrp9lq_5BtNLki0XdZC0nLZ\
        IPgNzhmAA2YF2gAsE22Dy23G25GhBvxl99AQ3NA5lXsiC8ZyMH1CjDxkp-GHUSq-q5uCSRBvCz5QU.eyJ1cmwiOiJzcGFyc2\
        UraHR0cDovLzEyNy4wLjAuMToxNDU1NS9pbmRleC8iLCJraXAiOiJrMy5waWQuUUIzV05CUC01ai0wWFFWMk1PdXZ1T2NMbE\
        o4dXotcG1xdEladXMxeDNZVHUifQ",
        Some(Mutation::Unyank { name: name(), vers: vers() }),
    );
    check(
        "v3.public.eyJpYXQiOiIyMDI2LTExLTIxVDIxOjEyOjMyLjcyMjgyNTE2OVoiLCJzdWIiOiJjaSIsIm11dGF0aW9uIjoib3\
        duZXJzIiwibmFtZSI6ImZvbyJ9rsURo-SoZHey1oOFtkhdodWKuj7jS_4KQCND7FJaDRAxzoq4gbsOT29fBO-p3OlQaWLkuz\
        waLkzRwrPnMXYAnfWUncak4jhkMuSUeNvpYQvXGMj01cjE9NDOFCIXFPCt.eyJ1cmwiOiJzcGFyc2UraHR0cDovLzEyNy4wL\
        jAuMToxNDU1NS9pbmRleC8iLCJraXAiOiJrMy5waWQuUUIzV05CUC01ai0wWFFWMk1PdXZ1T2NMbEo4dXotcG1xdEladXMxe\
        DNZVHUifQ",
        Some(Mutation::Owners { name: name() }),
    );
}

#[test]
fn refusals_say_why() {
    let now = "2026-11-21T08:01:28Z";
    let publish = |change: Value| {
        let mut payload = json!({ "iat": now, "mutation": "publish", "name": "foo", "vers": "0.1.0",
            "cksum": Sha256::of(b"file") });
        for (claim, value) in change.as_object().unwrap() {
            payload[claim] = value.clone();
        }
        payload
    };
    let payloads = [
        json!([]),
        json!({}),
        json!({ "iat": 1_790_000_000 }),
        json!({ "iat": "2026-11-21" }),
        json!({ "iat": "2026-11-21T08:01:28+02:00" }),
        json!({ "iat": now, "sub": 1 }),
        json!({ "iat": now, "v": 2 }),
        json!({ "iat": now, "v": 1.5 }),
        json!({ "iat": now, "v": "1" }),
        json!({ "iat": now, "name": "foo" }),
        publish(json!({ "mutation": "delete\n" })),
        publish(json!({ "mutation": ["publish"] })),
        publish(json!({ "name": null })),
        publish(json!({ "name": "../foo" })),
        publish(json!({ "vers": null })),
        publish(json!({ "vers": "1" })),
        publish(json!({ "cksum": null })),
        publish(json!({ "cksum": "ABC" })),
        publish(json!({ "mutation": "yank" })),
        publish(json!({ "mutation": "owners" })),
    ];
    let all = payloads.map(|payload| claims(&payload).unwrap_err().to_string());
    assert_snapshot!(all.join("\n"));
}

#[test]
fn footers_must_name_key_and_index() {
    let payload = json!({ "iat": "2026-11-21T08:01:28Z" }).to_string();
    let footers = [
        String::new(),
        "no JSON".to_owned(),
        json!({ "kip": ID }).to_string(),
        json!({ "url": INDEX }).to_string(),
        json!({ "url": INDEX, "kid": ID }).to_string(),
        json!({ "url": 1, "kip": ID }).to_string(),
        json!({ "url": INDEX, "kip": PUBLIC }).to_string(),
    ];
    let all = footers.map(|footer| SignedToken::parse(&signed(&payload, &footer)).unwrap_err().to_string());
    assert_snapshot!(all.join("\n"));
}

#[test]
fn only_what_the_key_signed_is_believed() {
    let text = signed(&json!({ "iat": "2026-11-21T08:01:28Z" }).to_string(), &footer());
    let [_, _, message, footer] = text.split('.').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let message = BASE64_URL_SAFE_NO_PAD.decode(message).unwrap();
    let footer = BASE64_URL_SAFE_NO_PAD.decode(footer).unwrap();
    let verified = |message: &[u8], footer: &[u8]| {
        let [message, footer] = [message, footer].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let token = SignedToken::parse(&format!("v3.public.{message}.{footer}"))?;
        token.unwrap().verify(&key())
    };
    assert!(verified(&message, &footer).is_ok());
    for place in 0..message.len() {
        let mut changed = message.clone();
        changed[place] ^= 1;
        assert_eq!(verified(&changed, &footer), Err(SignedTokenError::Signature), "{place}");
    }
    let other_index = json!({ "url": "sparse+https://evil.example/", "kip": ID }).to_string();
    assert_eq!(verified(&message, other_index.as_bytes()), Err(SignedTokenError::Signature));
    let spaced = footer.iter().copied().chain(*b" ").collect::<Vec<_>>();
    assert_eq!(verified(&message, &spaced), Err(SignedTokenError::Signature));
}

#[test]
fn another_key_does_not_do() {
    // The point of the same place on the other side: another key with a footer that names it.
    let mut point = BASE64_URL_SAFE_NO_PAD.decode(&PUBLIC["k3.public.".len()..]).unwrap();
    point[0] ^= 1;
    let other: PublicKey = format!("k3.public.{}", BASE64_URL_SAFE_NO_PAD.encode(point)).parse().unwrap();
    assert_ne!(other.id(), key().id());
    let payload = json!({ "iat": "2026-11-21T08:01:28Z" }).to_string();
    let footer_of_other = json!({ "url": INDEX, "kip": other.id() }).to_string();
    for footer in [footer(), footer_of_other] {
        let token = SignedToken::parse(&signed(&payload, &footer)).unwrap().unwrap();
        assert_eq!(token.verify(&other), Err(SignedTokenError::Signature));
    }
}

#[test]
fn digests_know_a_token_in_another_spelling() {
    let payload = json!({ "iat": "2026-11-21T08:01:28.5Z" });
    let text = signed(&payload.to_string(), &footer());
    let digest = |text: &str| SignedToken::parse(text).unwrap().unwrap().digest();
    let [_, _, message, rest] = text.split('.').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let mut message = BASE64_URL_SAFE_NO_PAD.decode(message).unwrap();
    *message.last_mut().unwrap() ^= 1;
    let other_signature = format!("v3.public.{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(message));
    assert_eq!(digest(&text), digest(&other_signature));
    let next = signed(&json!({ "iat": "2026-11-21T08:01:28.500000001Z" }).to_string(), &footer());
    assert_ne!(digest(&text), digest(&next));
}

#[test]
fn ages_are_limited() {
    let issued_at: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    let owners = Mutation::Owners { name: "foo".parse().unwrap() };
    let aged = |mutation: &Option<Mutation>, seconds: u64| {
        let claims = Claims { issued_at, subject: None, mutation: mutation.clone() };
        claims.check_age(issued_at.plus(Duration::from_secs(seconds)))
    };
    for (mutation, limit) in [(Some(owners), Claims::MUTATION_AGE), (None, Claims::READ_AGE)] {
        let limit_seconds = limit.as_secs();
        assert_eq!(aged(&mutation, limit_seconds), Ok(()));
        let refusal = SignedTokenError::TooOld { age_seconds: limit_seconds + 1, limit_seconds };
        assert_eq!(aged(&mutation, limit_seconds + 1), Err(refusal));
        let claims = Claims { issued_at, subject: None, mutation };
        let earlier = |seconds| claims.check_age(issued_at.minus(Duration::from_secs(seconds)));
        assert_eq!(earlier(60), Ok(()));
        assert_eq!(earlier(61), Err(SignedTokenError::FromTheFuture(61)));
    }
}

#[test]
fn other_tokens_are_left_alone() {
    for text in ["", "hf_abc", "Bearer v3.public.", "v4.public.AA", "v3.local.AA"] {
        assert!(SignedToken::parse(text).unwrap().is_none(), "{text}");
    }
    let long = format!("v3.public.{}", "A".repeat(SignedToken::MAX_BYTES));
    assert_eq!(SignedToken::parse(&long).unwrap_err(), SignedTokenError::TooLong);
    for text in ["v3.public.", "v3.public.AA", "v3.public.!", "v3.public.A.A.A", "v3.public.é"] {
        assert_eq!(SignedToken::parse(text).unwrap_err(), SignedTokenError::Malformed, "{text}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(
        text in "\\PC{0,200}",
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        footer in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        drop(SignedToken::parse(&format!("v3.public.{text}")));
        let [message, footer] = [bytes, footer].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        drop(SignedToken::parse(&format!("v3.public.{message}.{footer}")));
        drop(text.parse::<PublicKey>());
        drop(Claims::parse(&text));
    }

    #[test]
    fn claims_of_any_shape_never_panic(
        claim in "iat|sub|v|mutation|name|vers|cksum",
        value in prop_oneof![Just(json!(null)), Just(json!([{}])), any::<f64>().prop_map(|n| json!(n)),
            "\\PC{0,60}".prop_map(|text| json!(text)), "[0-9TZ:.+-]{0,40}".prop_map(|text| json!(text))],
    ) {
        let mut payload = json!({ "iat": "2026-11-21T08:01:28Z", "mutation": "publish", "name": "foo",
            "vers": "0.1.0", "cksum": Sha256::of(b"") });
        payload[claim] = value;
        drop(Claims::parse(&payload.to_string()));
    }
}
