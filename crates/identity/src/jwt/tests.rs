//! Tokens that should be believed, and many that should not. Signatures of RSA are tried against a real
//! provider, in the tests of this crate.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    format!("{signed}.{}", encode(sign(signed.as_bytes())))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    token(header, claims, |_| Vec::new())
}

fn keys(value: Value) -> Keys {
    serde_json::from_value::<KeySet>(value).unwrap().into()
}

/// A key of each of two kinds, published by the names `ed` and `ec`.
struct Signer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Signer {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Signer {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
        }
    }

    fn published(&self) -> Value {
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "x": encode(self.ed.public_key())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": encode(x), "y": encode(y)},
        ]})
    }

    fn ed(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |text| self.ed.sign(text).as_ref().to_vec())
    }

    fn ec(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |text| self.ec.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec())
    }
}

fn good() -> Value {
    json!({"iss": "https://i.example", "aud": "us", "exp": NOW + 300, "iat": NOW, "nbf": NOW, "sub": "ann"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn check(claims: &Value) -> Result<(), TokenError> {
    let text = unsigned(&json!({"alg": "EdDSA"}), claims);
    Jwt::parse(&text).unwrap().check(now(), "https://i.example", "us")
}

#[test]
fn signatures_are_those_of_published_keys() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let keys = keys(signer.published());
    let verify = |text: &str| keys.verify(&Jwt::parse(text).unwrap());
    let (ed, ec) = (json!({"alg": "EdDSA", "kid": "ed"}), json!({"alg": "ES256", "kid": "ec", "typ": "JWT"}));
    assert_eq!(verify(&signer.ed(&ed, &good())), Ok(()));
    assert_eq!(verify(&signer.ed(&json!({"alg": "Ed25519", "kid": "ed"}), &good())), Ok(()));
    assert_eq!(verify(&signer.ec(&ec, &good())), Ok(()));
    assert_eq!(verify(&signer.ec(&json!({"alg": "ES256"}), &good())), Ok(()), "without a key's name");

    assert_eq!(verify(&stranger.ed(&ed, &good())), Err(TokenError::Signature));
    assert_eq!(verify(&stranger.ec(&ec, &good())), Err(TokenError::Signature));
    assert_eq!(verify(&stranger.ec(&json!({"alg": "ES256"}), &good())), Err(TokenError::UnknownKey));
    assert_eq!(verify(&unsigned(&ed, &good())), Err(TokenError::Signature));
    assert_eq!(
        verify(&signer.ed(&json!({"alg": "EdDSA", "kid": "x"}), &good())),
        Err(TokenError::UnknownKey)
    );
    let other = Err(TokenError::OtherAlgorithm("ec".to_owned()));
    assert_eq!(verify(&signer.ed(&json!({"alg": "EdDSA", "kid": "ec"}), &good())), other);
    assert_eq!(verify(&signer.ec(&json!({"alg": "RS256", "kid": "ec"}), &good())), other);
}

#[test]
fn keys_for_other_uses_are_left_out() {
    let signer = Signer::new();
    let text = signer.ed(&json!({"alg": "EdDSA", "kid": "ed"}), &good());
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("RS256")),
        ("alg", json!("HS256")),
        ("crv", json!("X25519")),
        ("kty", json!("oct")),
        ("kid", json!(7)),
        ("x", json!("AA")),
        ("x", Value::Null),
    ] {
        let mut published = signer.published();
        published["keys"][0][name] = value.clone();
        let verified = keys(published).verify(&Jwt::parse(&text).unwrap());
        assert!(verified.is_err(), "{name} {value}");
    }
    assert_eq!(keys(json!({"keys": []})).verify(&Jwt::parse(&text).unwrap()), Err(TokenError::UnknownKey));
}

#[test]
fn shared_secrets_and_no_signature_are_refused_at_once() {
    for name in ["none", "None", "HS256", "HS384", "HS512", "ES256K", "ES512", "", "rs256"] {
        let refused = Jwt::parse(&unsigned(&json!({"alg": name}), &good())).err();
        assert_eq!(refused, Some(TokenError::Algorithm(name.to_owned())));
    }
}

#[test]
fn what_is_no_token_is_told_from_bad_ones() {
    let refusal = |text: &str| Jwt::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
    let head = encode(r#"{"alg":"EdDSA"}"#);
    for (text, expected) in [
        (String::new(), "this is no signed token: its parts are missing"),
        ("a.b".to_owned(), "this is no signed token: its parts are missing"),
        ("?.b.c".to_owned(), "this is no signed token: its head is not base64url"),
        (format!("{}.b.c", encode("{}")), "this is no signed token: its head is not what it must be"),
        (format!("{head}.?.c"), "this is no signed token: its claims are not base64url"),
        (format!("{head}.{}.c", encode("[]")), "this is no signed token: its claims are no JSON object"),
        (format!("{head}.{}.=", encode("{}")), "this is no signed token: its signature is not base64url"),
        (format!("{head}.a.b.c"), "this is no signed token: its claims are not base64url"),
        ("a".repeat(16_385), "the token has 16385 bytes, 16384 is the most"),
        (
            unsigned(&json!({"alg": "EdDSA", "crit": ["x"]}), &good()),
            "the token demands extensions that are not known here",
        ),
        (
            unsigned(&json!({"alg": "EdDSA", "typ": "at+JWT"}), &good()),
            "the token is of the kind `at+JWT`, which does not tell who somebody is",
        ),
    ] {
        assert_eq!(refusal(&text), expected, "{text}");
    }
}

#[test]
fn audiences_are_one_or_several() {
    assert_eq!(check(&good()), Ok(()));
    assert_eq!(check(&with("aud", json!(["us"]))), Ok(()));
    for (aud, found) in [
        (json!("them"), "`them`"),
        (json!(["them", "US"]), "`them`, `US`"),
        (json!([]), "nobody"),
        (Value::Null, "nobody"),
        (json!(7), "nobody"),
        (json!("us "), "`us `"),
    ] {
        let expected = TokenError::OtherAudience { expected: "us".to_owned(), found: found.to_owned() };
        assert_eq!(check(&with("aud", aud)), Err(expected));
    }
    let mut several = with("aud", json!(["them", "us"]));
    assert_eq!(check(&several), Err(TokenError::OtherParty(String::new())));
    several["azp"] = json!("them");
    assert_eq!(check(&several), Err(TokenError::OtherParty("them".to_owned())));
    several["azp"] = json!("us");
    assert_eq!(check(&several), Ok(()));
}

#[test]
fn issuers_are_compared_letter_by_letter() {
    for found in [json!("https://i.example/"), json!("https://I.example"), json!(""), Value::Null] {
        let refused = check(&with("iss", found.clone()));
        assert!(matches!(refused, Err(TokenError::OtherIssuer { .. })), "{found}");
    }
}

#[test]
fn clocks_may_differ_by_a_minute() {
    for (name, value, is_good) in [
        ("exp", json!(NOW - 59), true),
        ("exp", json!(NOW - 60), false),
        ("exp", json!(1_800_000_000.5), true),
        ("exp", json!(1e300), true),
        ("exp", json!(-1e300), false),
        ("exp", json!(u64::MAX), true),
        ("exp", json!(i64::MIN), false),
        ("nbf", json!(NOW + 60), true),
        ("nbf", json!(NOW + 61), false),
        ("iat", json!(NOW + 60), true),
        ("iat", json!(NOW + 61), false),
        ("iat", json!(NOW - 1_000_000), true),
        ("iat", Value::Null, true),
    ] {
        assert_eq!(check(&with(name, value.clone())).is_ok(), is_good, "{name} {value}");
    }
    assert_eq!(check(&with("exp", Value::Null)), Err(TokenError::Malformed("expiry is missing")));
    assert_eq!(check(&with("exp", json!("2030"))), Err(TokenError::Malformed("times are no numbers")));
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_none(text in ".{0,200}", head in "\\PC{0,60}", claims in "\\PC{0,60}") {
        Jwt::parse(&text).ok();
        let text = format!("{}.{}.{}", encode(&head), encode(&claims), encode(&text));
        Jwt::parse(&text).ok();
    }

    #[test]
    fn any_json_is_a_set_of_keys_or_none(name in "kty|kid|alg|use|crv|n|e|x|y", value in "[A-Za-z0-9_-]{0,90}") {
        let signer = Signer::new();
        let text = signer.ec(&json!({"alg": "ES256", "kid": "ec"}), &good());
        let mut published = signer.published();
        published["keys"][1][&name] = json!(value);
        let verified = keys(published).verify(&Jwt::parse(&text).unwrap());
        let is_same = value == signer.published()["keys"][1][&name] || (name == "alg" && value == "ES256");
        // A modulus is nothing to a key of another kind.
        prop_assert_eq!(verified.is_ok(), is_same || name == "n" || name == "e");
    }

    #[test]
    fn a_changed_token_is_not_believed(place in 0_usize..400, letter in "[A-Za-z0-9._-]") {
        let signer = Signer::new();
        let text = signer.ed(&json!({"alg": "EdDSA", "kid": "ed"}), &good());
        let place = place % text.len();
        let changed = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
        prop_assume!(changed != text);
        let keys = keys(signer.published());
        let believed = Jwt::parse(&changed).and_then(|jwt| keys.verify(&jwt));
        prop_assert!(believed.is_err());
    }
}
