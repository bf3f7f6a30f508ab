//! The public keys of an issuer (RFC 7517), and the signatures that they verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, Jwt, TokenError};
use crate::address::shortened;

/// How many keys a token that names none is tried with.
const MOST_TRIED: usize = 20;

/// The keys that an issuer signs with. Those for other uses, or of other kinds than ours, are left out.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What alone it is for, when its issuer says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// `keys` of an answer; what one of them lacks is seen later.
#[derive(Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl From<KeySet> for Keys {
    fn from(set: KeySet) -> Keys {
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Keys(keys.filter_map(|jwk| key(&jwk)).collect())
    }
}

impl Keys {
    /// Whether one of these keys has signed the token.
    pub(crate) fn verify(&self, jwt: &Jwt<'_>) -> Result<(), TokenError> {
        let Some(id) = &jwt.key_id else {
            let mut fitting = self.0.iter().filter(|key| key.is_for(jwt.algorithm)).take(MOST_TRIED);
            return if fitting.any(|key| key.has_signed(jwt)) { Ok(()) } else { Err(TokenError::UnknownKey) };
        };
        let named: Vec<&Key> =
            self.0.iter().filter(|key| key.id.as_ref() == Some(id)).take(MOST_TRIED).collect();
        if named.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let mut fitting = named.iter().filter(|key| key.is_for(jwt.algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(TokenError::OtherAlgorithm(shortened(id)));
        }
        if fitting.any(|key| key.has_signed(jwt)) { Ok(()) } else { Err(TokenError::Signature) }
    }
}

impl Key {
    /// Whether it is for such signatures, by its kind and by its issuer's word.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match algorithm {
            Algorithm::Es256 => matches!(self.material, Material::P256(_)),
            Algorithm::Es384 => matches!(self.material, Material::P384(_)),
            Algorithm::Ed25519 => matches!(self.material, Material::Ed25519(_)),
            _ => matches!(self.material, Material::Rsa { .. }),
        };
        fits && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn has_signed(&self, jwt: &Jwt<'_>) -> bool {
        let (message, given) = (jwt.signed, jwt.signature.as_slice());
        let verified = match &self.material {
            Material::Rsa { modulus, exponent } => rsa(jwt.algorithm).map(|parameters| {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, given)
            }),
            Material::P256(point) => Some(
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, given),
            ),
            Material::P384(point) => Some(
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, given),
            ),
            Material::Ed25519(point) => {
                Some(UnparsedPublicKey::new(&signature::ED25519, point).verify(message, given))
            }
        };
        verified.is_some_and(|verified| verified.is_ok())
    }
}

/// All of them want keys of at least 2048 bits.
fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ed25519 => return None,
    })
}

fn key(jwk: &Jwk) -> Option<Key> {
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let algorithm = match &jwk.alg {
        Some(name) => Some(Algorithm::named(name)?),
        None => None,
    };
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
    // As ring takes them: without leading zeros.
    let number = |text| bytes(text).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect());
    // Uncompressed, with coordinates of full length.
    let point = || Some([vec![4], bytes(&jwk.x)?, bytes(&jwk.y)?].concat());
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) => Material::Rsa { modulus: number(&jwk.n)?, exponent: number(&jwk.e)? },
        ("EC", Some("P-256")) => Material::P256(point().filter(|point| point.len() == 1 + 2 * 32)?),
        ("EC", Some("P-384")) => Material::P384(point().filter(|point| point.len() == 1 + 2 * 48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
        _ => return None,
    };
    Some(Key { id: jwk.kid.clone(), algorithm, material })
}
