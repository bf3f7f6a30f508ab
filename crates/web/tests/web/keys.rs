//! Keys as cargo makes them, and what it signs with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::version3::{PublicToken, V3};
use serde_json::{Value, json};

fn secret(number: u8) -> AsymmetricSecretKey<V3> {
    AsymmetricSecretKey::from(&[number; 48]).unwrap()
}

/// The public half of a key, of which there are as many as numbers above 0.
pub(crate) fn public_key(number: u8) -> String {
    let public = AsymmetricPublicKey::try_from(&secret(number)).unwrap();
    format!("k3.public.{}", URL_SAFE_NO_PAD.encode(public.as_bytes()))
}

/// What cargo says with a key to an index.
pub(crate) fn signed(number: u8, index: &str, claims: &Value) -> String {
    let key: holdfast_identity::signed::PublicKey = public_key(number).parse().unwrap();
    let footer = json!({"url": index, "kip": key.id().as_str()}).to_string();
    let claims = claims.to_string();
    PublicToken::sign(&secret(number), claims.as_bytes(), Some(footer.as_bytes()), None).unwrap()
}
