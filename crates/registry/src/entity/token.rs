//! Access tokens, stored without their secret.

use super::entry;
use holdfast_store::{Entity, Key};
use holdfast_types::{Login, Scopes, Sha256, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A token: whose it is and what it may do. Revoking deletes the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public name.
    pub id: TokenId,
    /// Whose it is.
    pub login: Login,
    /// What it is for, in its owner's words.
    pub label: String,
    /// The digest of the secret.
    pub digest: Sha256,
    /// What it may do, within what its user may.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// The partition of all tokens.
    pub const PART: &'static str = "token";
    /// The partition of the index by digest; the bodies are the ids as JSON strings.
    pub const DIGEST_PART: &'static str = "token-digest";

    /// The key of a token.
    pub fn key_of(id: &TokenId) -> Key {
        Key::new(Token::PART, id.as_str())
    }

    /// The key of the index entry that leads from a secret to its token.
    pub fn digest_key(digest: &Sha256) -> Key {
        Key::new(Token::DIGEST_PART, digest.to_string())
    }

    /// The partition of the index of a user's tokens; its sort keys are ids.
    pub fn user_part(login: &Login) -> String {
        format!("tokens-of/{login}")
    }
}

impl Entity for Token {
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Token::key_of(&self.id)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        let by_digest = (Token::digest_key(&self.digest), format!("\"{}\"", self.id));
        vec![by_digest, entry(Token::user_part(&self.login), self.id.as_str())]
    }
}

/// When a token was last used; apart from [`Token`] so that using it never contends with changing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// Which token.
    pub id: TokenId,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}

impl TokenUse {
    /// The partition of all last uses.
    pub const PART: &'static str = "token-use";

    /// The key of a token's last use.
    pub fn key_of(id: &TokenId) -> Key {
        Key::new(TokenUse::PART, id.as_str())
    }
}

impl Entity for TokenUse {
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        TokenUse::key_of(&self.id)
    }
}
