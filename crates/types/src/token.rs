//! Access tokens: their secret text, and what a token may do (RFC 2947).

use crate::name::text_value;
use crate::{CanonicalName, CrateName, RegistryName, Sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// An operation that a token's scope names (RFC 2947, and `read` and `admin` for a private registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// Index, downloads, search and pages.
    Read,
    /// The first version of a crate.
    PublishNew,
    /// Further versions of a crate.
    PublishUpdate,
    /// Yank and unyank.
    Yank,
    /// Adding and removing owners.
    ChangeOwners,
    /// Users, teams, tokens of others, registries, deletion.
    Admin,
}

impl Endpoint {
    /// Every operation.
    pub const ALL: [Endpoint; 6] = [
        Endpoint::Read,
        Endpoint::PublishNew,
        Endpoint::PublishUpdate,
        Endpoint::Yank,
        Endpoint::ChangeOwners,
        Endpoint::Admin,
    ];

    /// Its word in scopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Endpoint::Read => "read",
            Endpoint::PublishNew => "publish-new",
            Endpoint::PublishUpdate => "publish-update",
            Endpoint::Yank => "yank",
            Endpoint::ChangeOwners => "change-owners",
            Endpoint::Admin => "admin",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a scope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Not the word of an operation.
    #[error("`{0}` is not a scope; use read, publish-new, publish-update, yank, change-owners or admin")]
    Endpoint(String),
    /// Not a crate name or the beginning of one and `*`.
    #[error("`{0}` is not a crate pattern; use a crate name, a beginning like `acme-*`, or `*`")]
    Pattern(String),
}

impl FromStr for Endpoint {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Endpoint, ScopeError> {
        let found = Endpoint::ALL.into_iter().find(|endpoint| endpoint.as_str() == text);
        found.ok_or_else(|| ScopeError::Endpoint(text.chars().take(40).collect()))
    }
}

/// A crate name, or the beginning of one and `*` (`acme-*`), or `*`. Case, `-` and `_` make no difference,
/// as they make none between crates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CratePattern(String);

text_value!(CratePattern, ScopeError);

impl CratePattern {
    /// Whether the crate is meant.
    pub fn matches(&self, krate: &CanonicalName) -> bool {
        let fold = |c: u8| if c == b'-' { b'_' } else { c.to_ascii_lowercase() };
        let pattern = self.0.strip_suffix('*').unwrap_or(&self.0);
        let is_exact = pattern.len() == self.0.len();
        let name = krate.as_str();
        let starts =
            name.len() >= pattern.len() && name.bytes().zip(pattern.bytes()).all(|(n, p)| n == fold(p));
        starts && (!is_exact || name.len() == pattern.len())
    }
}

impl FromStr for CratePattern {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<CratePattern, ScopeError> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let fits = name.len() <= CrateName::MAX_CHARS
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !text.is_empty();
        if !fits {
            return Err(ScopeError::Pattern(text.chars().take(80).flat_map(char::escape_debug).collect()));
        }
        Ok(CratePattern(text.to_owned()))
    }
}

/// What a token may do. An empty list does not restrict: a token without scopes may do what its user may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// Which operations.
    #[serde(default)]
    pub endpoints: BTreeSet<Endpoint>,
    /// On which crates.
    #[serde(default)]
    pub crates: BTreeSet<CratePattern>,
    /// In which registries.
    #[serde(default)]
    pub registries: BTreeSet<RegistryName>,
}

impl Scopes {
    /// Whether an operation is in scope. Cargo reads the index with the token it publishes with, so either
    /// publish scope covers reading too.
    pub fn allow(&self, endpoint: Endpoint) -> bool {
        let has = |endpoint| self.endpoints.contains(&endpoint);
        let reads_to_publish =
            endpoint == Endpoint::Read && (has(Endpoint::PublishNew) || has(Endpoint::PublishUpdate));
        self.endpoints.is_empty() || has(endpoint) || reads_to_publish
    }

    /// Whether a registry is in scope.
    pub fn cover_registry(&self, registry: &RegistryName) -> bool {
        self.registries.is_empty() || self.registries.contains(registry)
    }

    /// Whether a crate is in scope.
    pub fn cover_crate(&self, krate: &CanonicalName) -> bool {
        self.crates.is_empty() || self.crates.iter().any(|pattern| pattern.matches(krate))
    }
}

/// The public name of a token, to list and revoke it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(String);

/// Text that no token is called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a token id; `holdfast token list` shows them")]
pub struct TokenIdError(String);

text_value!(TokenId, TokenIdError);

impl TokenId {
    /// An id from random bytes.
    pub fn from_entropy(entropy: [u8; 8]) -> TokenId {
        TokenId(base62(&entropy, 11))
    }
}

impl FromStr for TokenId {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<TokenId, TokenIdError> {
        if text.len() == 11 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(TokenId(text.to_owned()));
        }
        Err(TokenIdError(text.chars().take(40).flat_map(char::escape_debug).collect()))
    }
}

/// The secret text of a token: `hf_`, 256 random bits and a checksum, so that secret scanners find it and
/// typing errors need no database. Other text is accepted too, since an operator chooses the bootstrap token.
/// Never printed by `Debug`; stored as its digest only.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

/// Text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Empty, too long, or with characters that no header carries.
    #[error("a token is 1 to 512 printable ASCII characters without spaces")]
    Characters,
    /// It begins like one of ours, but its checksum is wrong.
    #[error("the token is mistyped or cut off: its checksum does not match")]
    Checksum,
}

impl TokenSecret {
    /// How every token made here begins.
    pub const PREFIX: &'static str = "hf_";

    /// A secret from random bytes.
    pub fn from_entropy(entropy: [u8; 32]) -> TokenSecret {
        let body = base62(&entropy, 43);
        let checksum = checksum(&body);
        TokenSecret(format!("{}{body}{checksum}", TokenSecret::PREFIX))
    }

    /// What is stored instead of the secret.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenSecret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<TokenSecret, SecretError> {
        if text.is_empty() || text.len() > 512 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SecretError::Characters);
        }
        if let Some(rest) = text.strip_prefix(TokenSecret::PREFIX) {
            let (body, given) =
                rest.split_at_checked(rest.len().saturating_sub(6)).ok_or(SecretError::Checksum)?;
            if checksum(body) != given {
                return Err(SecretError::Checksum);
            }
        }
        Ok(TokenSecret(text.to_owned()))
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

fn checksum(body: &str) -> String {
    let digest = Sha256::of(body.as_bytes());
    base62(&digest.as_bytes()[..4], 6)
}

/// The number that `bytes` spell, in base 62, padded with zeros to `width` digits.
fn base62(bytes: &[u8], width: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("the remainder is below 62");
            remainder = value % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    String::from_utf8(digits).expect("the digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_have_prefix_and_checksum() {
        let secret = TokenSecret::from_entropy([7; 32]);
        assert_eq!(secret.reveal().len(), 3 + 43 + 6);
        assert_eq!(secret.reveal().parse(), Ok(secret.clone()));
        let typo = secret.reveal().replacen(|c: char| c.is_ascii_digit(), "x", 1);
        assert_eq!(typo.parse::<TokenSecret>(), Err(SecretError::Checksum));
        assert_eq!("hf_".parse::<TokenSecret>(), Err(SecretError::Checksum));
        assert!("chosen-by-an-operator".parse::<TokenSecret>().is_ok());
        assert_eq!(format!("{secret:?}"), "TokenSecret(…)");
        for text in ["", "a b", "é", &"a".repeat(513), "a\n"] {
            assert_eq!(text.parse::<TokenSecret>(), Err(SecretError::Characters), "{text}");
        }
    }

    #[test]
    fn patterns_follow_the_canonical_name() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let name: CanonicalName = name.parse().unwrap();
            assert_eq!(pattern.parse::<CratePattern>().unwrap().matches(&name), expected, "{pattern} {name}");
        };
        check("*", "anything", true);
        check("acme-*", "acme_core", true);
        check("Acme_*", "acme-core", true);
        check("acme-*", "acme", false);
        check("acme", "acme", true);
        check("acme", "acme2", false);
        for pattern in ["", "a*b", "**", "a b", "a/b"] {
            assert!(pattern.parse::<CratePattern>().is_err(), "{pattern}");
        }
    }

    #[test]
    fn empty_scopes_do_not_restrict() {
        let all = Scopes::default();
        assert!(Endpoint::ALL.into_iter().all(|endpoint| all.allow(endpoint)));
        let publisher = Scopes { endpoints: [Endpoint::PublishUpdate].into(), ..Scopes::default() };
        assert!(publisher.allow(Endpoint::Read) && !publisher.allow(Endpoint::PublishNew));
        let yanker = Scopes { endpoints: [Endpoint::Yank].into(), ..Scopes::default() };
        assert!(!yanker.allow(Endpoint::Read) && yanker.allow(Endpoint::Yank));
    }

    proptest! {
        #[test]
        fn secrets_differ_and_parse(entropy: [u8; 32]) {
            let secret = TokenSecret::from_entropy(entropy);
            prop_assert_eq!(secret.reveal().parse::<TokenSecret>().unwrap().digest(), secret.digest());
        }
    }
}
